"""MPEG-TS as a live view sends it: in pieces with their times, in a loop whose timestamps go on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from blink_archive.simulator.media import CLIPS

PACKET = 188
PACKETS_A_PIECE = 7
HZ = 90_000
"""Ticks a second of the timestamps, which have 33 bits."""


@dataclass(frozen=True, slots=True)
class _Piece:
    ticks: int
    """When its picture is due, counted from the first one."""
    packets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A film of MPEG-TS that can be played again and again."""

    length: int
    """Ticks from its first picture to the first one of the next round."""
    pieces: tuple[_Piece, ...]
    counted: Counter[int]
    """Packets with a payload, by their PID: so far do the counters of continuity get in a round."""

    def play(self, seconds: float) -> Iterator[tuple[float, bytes]]:
        """So many seconds of it: whole packets, and the second at which they are due."""
        turn = 0
        while True:
            for piece in self.pieces:
                at = (turn * self.length + piece.ticks) / HZ
                if at >= seconds:
                    return
                yield at, b"".join(self._moved(packet, turn) for packet in piece.packets)
            turn += 1

    def _moved(self, packet: bytes, turn: int) -> bytes:
        """A packet of a later round, with its counter, its clock (PCR), PTS and DTS moved on."""
        if turn == 0:
            return packet
        moved, ticks = bytearray(packet), turn * self.length
        counter = (packet[3] + turn * self.counted[_pid(packet)]) & 0x0F
        moved[3] = packet[3] & 0xF0 | counter
        if packet[3] & 0x20 and packet[4] and packet[5] & 0x10:
            clock = int.from_bytes(packet[6:12], "big")
            base = ((clock >> 15) + ticks) % (1 << 33)
            moved[6:12] = (base << 15 | clock & 0x7FFF).to_bytes(6, "big")
        for at in _timestamps(packet):
            value = _read(packet, at) + ticks  # a 34th bit has no place below
            moved[at] = packet[at] & 0xF1 | value >> 29 & 0x0E
            moved[at + 1 : at + 3] = (value >> 14 & 0xFFFE | 1).to_bytes(2, "big")
            moved[at + 3 : at + 5] = (value << 1 & 0xFFFE | 1).to_bytes(2, "big")
        return bytes(moved)


def _pid(packet: bytes) -> int:
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


def _timestamps(packet: bytes) -> tuple[int, ...]:
    """Where a packet in which a picture begins has its PTS and its DTS, or the PTS alone; else nothing."""
    start = 5 + packet[4] if packet[3] & 0x20 else 4
    if not packet[1] & 0x40 or packet[start : start + 3] != b"\0\0\1":
        return ()
    match packet[start + 7] >> 6:
        case 2:
            return (start + 9,)
        case 3:
            return (start + 9, start + 14)
        case _:
            return ()


def _read(packet: bytes, at: int) -> int:
    high, middle, low = packet[at], packet[at + 1 : at + 3], packet[at + 3 : at + 5]
    value = (high >> 1 & 7) << 15 | int.from_bytes(middle, "big") >> 1
    return value << 15 | int.from_bytes(low, "big") >> 1


def read_loop(data: bytes) -> Loop:
    """The film in a file of MPEG-TS, all of one picture a frame, the frames evenly apart."""
    pieces: list[_Piece] = []
    waiting: list[bytes] = []
    times: list[int] = []
    counted: Counter[int] = Counter()

    def finish_piece() -> None:
        if waiting:
            pieces.append(_Piece(times[-1] - times[0] if times else 0, tuple(waiting)))
            waiting.clear()

    for at in range(0, len(data), PACKET):
        packet = data[at : at + PACKET]
        counted[_pid(packet)] += packet[3] >> 4 & 1
        if found := _timestamps(packet):
            finish_piece()
            times.append(_read(packet, found[-1]))  # that of decoding, which rises evenly
        waiting.append(packet)
        if len(waiting) == PACKETS_A_PIECE:
            finish_piece()
    finish_piece()
    length = (times[-1] - times[0]) * len(times) // (len(times) - 1)
    return Loop(length, tuple(pieces), counted)


@cache
def live_loop() -> Loop:
    """What every camera shows live."""
    return read_loop((CLIPS / "live.ts").read_bytes())
