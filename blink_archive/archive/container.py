"""Walks through MP4, MPEG-TS and JPEG files: is every byte there that the file itself promises?

These walkers read structure, not pictures. They say whether a file was cut, padded or replaced by
something else (an error page), which is what goes wrong in transfers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from ..errors import BadMedia

_HEADER = 16  # the longest box header: 32-bit size, type, 64-bit size
_MOST_BOXES = 10_000
_MVHD = 36  # of its body, enough for either version's times, time scale and duration
_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)  # ISO 14496-12: what its times count from, in seconds
_TS_PACKET = 188
_TS_SYNC = 0x47
_TS_READ = 1000  # packets at a time
_PAT, _PMT = 0, 2  # table ids; the PAT has the packet id 0 as well
_PCR_CLOCK = 90_000  # ticks a second, of 33 bits
_LONGEST_STEP = 60 * _PCR_CLOCK  # from one time told to the next; more is a clock that was set anew


@dataclass(frozen=True, slots=True)
class Mp4:
    """What a walk through an MP4 found.

    ``flaw`` is None where the boxes sum up to the file, else what is wrong in words.
    ``duration`` is in seconds, ``created_at`` what the header gives as the time of creation (UTC, as the
    camera wrote it, unchecked); both None where the header does not tell.
    """

    duration: float | None
    flaw: str | None
    created_at: datetime | None = None


def walk_mp4(file: BinaryIO) -> Mp4:
    """Walk the top-level boxes of a file open for reading.

    Raises `BadMedia` where there is no ``ftyp`` or no ``moov``: that is no MP4, whatever else.
    """
    size = file.seek(0, os.SEEK_END)
    seen: set[bytes] = set()
    duration: float | None = None
    created_at: datetime | None = None
    flaw: str | None = None
    offset = 0
    boxes = 0
    while offset < size:
        boxes += 1
        if boxes > _MOST_BOXES:  # fragmented files have two a second; this keeps a walk short
            flaw = f"more than {_MOST_BOXES} boxes"
            break
        kind, header, length = _box(file, offset, size)
        if length < header or not kind.isascii() or not kind.isalnum():
            flaw = f"no box at byte {offset}"
            break
        if offset + length > size:
            flaw = f"the box {kind.decode()!r} at byte {offset} ends after the file"
            break
        if kind == b"moov":
            duration, created_at = _movie_header(file, offset + header, offset + length)
        seen.add(kind)
        offset += length
    if missing := {b"ftyp", b"moov"} - seen:
        names = " and no ".join(sorted(name.decode() for name in missing))
        start = _read(file, 24, 0)
        raise BadMedia(f"not an MP4: {size} bytes with no {names} box, starting {start!r}")
    return Mp4(duration=duration, flaw=flaw, created_at=created_at)


def _read(file: BinaryIO, length: int, offset: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _box(file: BinaryIO, offset: int, end: int) -> tuple[bytes, int, int]:
    """Type, header length and whole length of the box at ``offset``; length 0 if there is none."""
    head = _read(file, _HEADER, offset)
    if len(head) < 8:
        return b"", 8, 0
    length, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if length == 1 and len(head) == _HEADER:
        return kind, 16, int.from_bytes(head[8:], "big")
    if length == 0:  # "up to the end of the file"
        return kind, 8, end - offset
    return kind, 8, length


def _movie_header(file: BinaryIO, offset: int, end: int) -> tuple[float | None, datetime | None]:
    """Duration and time of creation."""
    for kind, start in _children(file, offset, end):
        if kind == b"mvhd":
            body = _read(file, _MVHD, start)
            if len(body) < _MVHD:
                return None, None
            long = body[0] == 1
            scale, ticks = (body[20:24], body[24:32]) if long else (body[12:16], body[16:20])
            return _duration(scale, ticks), _created_at(body[4:12] if long else body[4:8])
    return None, None


def _duration(scale: bytes, ticks: bytes) -> float | None:
    units = int.from_bytes(scale, "big")
    if units == 0 or ticks == b"\xff" * len(ticks):  # ISO 14496-12: all ones is "unknown"
        return None
    return round(int.from_bytes(ticks, "big") / units, 3)


def _created_at(seconds: bytes) -> datetime | None:
    if not any(seconds):
        return None
    try:
        return _EPOCH + timedelta(seconds=int.from_bytes(seconds, "big"))
    except OverflowError:
        return None


def _children(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[bytes, int]]:
    while offset + 8 <= end:
        kind, header, length = _box(file, offset, end)
        if length < header:
            return
        yield kind, offset + header
        offset += length


@dataclass(frozen=True, slots=True)
class TransportStream:
    """What a walk through an MPEG-TS file found: ``duration`` and ``flaw`` as for `Mp4`."""

    duration: float | None
    flaw: str | None


@dataclass(slots=True)
class _Programs:
    """What the tables of an MPEG-TS say, as far as they came by, and what came of it."""

    pmt: int | None = None  # the packet id of the table of the first program
    pcr: int | None = None  # of the packets that tell its time
    streams: frozenset[int] = frozenset()  # of its video and sound
    has_payload: bool = False
    last: int | None = None  # time told, in ticks
    ticks: int | None = None  # that have passed; None before a second time was told

    def look(self, packet: bytes) -> None:
        """Take what one packet tells."""
        pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
        adaptation = packet[4] + 1 if packet[3] & 0x20 else 0
        payload = packet[4 + adaptation :] if packet[3] & 0x10 else b""
        if pid in self.streams:
            self.has_payload |= bool(payload)
        elif packet[1] & 0x40 and payload and (pid == _PAT or pid == self.pmt):
            self._read_table(pid, payload[1 + payload[0] :])
        if pid == self.pcr and adaptation > 7 and packet[5] & 0x10:
            self._tell(int.from_bytes(packet[6:11], "big") >> 7)

    def _tell(self, time: int) -> None:
        if self.last is not None:
            step = (time - self.last) % (1 << 33)
            self.ticks = (self.ticks or 0) + (step if step < _LONGEST_STEP else 0)
        self.last = time

    def _read_table(self, pid: int, table: bytes) -> None:
        """A table that begins in a packet: the PAT names the PMT, which names the streams."""
        if len(table) < 12 or table[0] != (_PAT if pid == _PAT else _PMT):
            return
        end = 3 + (int.from_bytes(table[1:3], "big") & 0xFFF) - 4  # without its checksum
        if pid == _PAT:
            for at in range(8, min(end, len(table) - 3), 4):
                if table[at : at + 2] != b"\0\0" and self.pmt is None:  # 0 is the network's own table
                    self.pmt = int.from_bytes(table[at + 2 : at + 4], "big") & 0x1FFF
            return
        self.pcr = int.from_bytes(table[8:10], "big") & 0x1FFF
        at, found = 12 + (int.from_bytes(table[10:12], "big") & 0xFFF), set()
        while at + 5 <= min(end, len(table)):
            found.add(int.from_bytes(table[at + 1 : at + 3], "big") & 0x1FFF)
            at += 5 + (int.from_bytes(table[at + 3 : at + 5], "big") & 0xFFF)
        self.streams = frozenset(found)

    @property
    def duration(self) -> float | None:
        """Seconds from the first time told to the last one."""
        return None if self.ticks is None else round(self.ticks / _PCR_CLOCK, 3)


def walk_ts(file: BinaryIO) -> TransportStream:
    """Walk the packets of an MPEG-TS file open for reading (ISO 13818-1): each begins as one, the tables are
    there, and something of what they name.

    Raises `BadMedia` where the file does not begin with a packet, or is empty.
    """
    size = file.seek(0, os.SEEK_END)
    programs = _Programs()
    flaw: str | None = None
    good = 0
    for offset, packet in _ts_packets(file, size):
        if packet[0] != _TS_SYNC:
            flaw = f"no packet at byte {offset}"
        elif len(packet) < _TS_PACKET:
            flaw = f"the packet at byte {offset} ends after the file"
        if flaw:
            break
        programs.look(packet)
        good += 1
    if not good:
        raise BadMedia(f"not MPEG-TS: {size} bytes, starting {_read(file, 24, 0)!r}")
    if not programs.streams:
        flaw = flaw or "no table of its streams"
    elif not programs.has_payload:
        flaw = flaw or "neither picture nor sound"
    return TransportStream(programs.duration, flaw)


def _ts_packets(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Each packet with its offset; the last one may be cut."""
    for start in range(0, size, _TS_PACKET * _TS_READ):
        block = _read(file, _TS_PACKET * _TS_READ, start)
        for at in range(0, len(block), _TS_PACKET):
            yield start + at, block[at : at + _TS_PACKET]


def walk_jpeg(data: bytes | bytearray) -> None:
    """Walk the segments of a JPEG up to its picture data, and look for the end mark after it.

    Raises `BadMedia` with the flaw. Bytes after the end mark are forgiven: cameras pad.
    """
    if data[:2] != b"\xff\xd8":
        raise BadMedia(f"not a JPEG: {len(data)} bytes, starting {bytes(data[:24])!r}")
    offset = 2
    while offset + 4 <= len(data):
        if data[offset] != 0xFF:
            raise BadMedia(f"a broken JPEG: no segment at byte {offset}")
        marker = data[offset + 1]
        if marker == 0xFF:  # fill byte
            offset += 1
            continue
        length = int.from_bytes(data[offset + 2 : offset + 4], "big")
        if length < 2:
            raise BadMedia(f"a broken JPEG: an impossible segment at byte {offset}")
        offset += 2 + length
        if marker == 0xDA:  # start of scan: picture data up to the end mark
            if data.find(b"\xff\xd9", offset) < 0:
                raise BadMedia(f"a cut JPEG: {len(data)} bytes and no end mark")
            return
    raise BadMedia(f"a cut JPEG: {len(data)} bytes and no picture data")
