"""MPEG-TS for tests: put together by hand (ISO 13818-1), and muxed by FFmpeg from a clip of the simulator."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import cache
from pathlib import Path

import av

import blink_archive.simulator

PMT_PID, VIDEO_PID = 0x1000, 0x100
_CLIPS = Path(blink_archive.simulator.__file__).parent / "clips"


def packet(pid: int, payload: bytes, *, start: bool = False, ticks: int | None = None) -> bytes:
    """One packet, stuffed to its 188 bytes; ``ticks``: the time that it tells (PCR, 90 kHz)."""
    field = b""
    if ticks is not None:
        field = b"\x10" + (ticks << 15 | 0x7E00).to_bytes(6, "big")
    room = 184 - len(payload)
    if field or room:
        field = (field or b"\0") if room > 1 else b""
        field = bytes([room - 1]) + field + b"\xff" * (room - 1 - len(field))
    kind = (0x20 if field else 0) | (0x10 if payload else 0)
    head = (start << 14 | pid).to_bytes(2, "big")
    made = b"\x47" + head + bytes([kind]) + field + payload
    assert len(made) == 188
    return made


def table(kind: int, body: bytes) -> bytes:
    """A table as a packet carries it; its checksum is not looked at."""
    section = bytes([kind]) + (0xB000 | (5 + len(body) + 4)).to_bytes(2, "big") + b"\0\1\xc1\0\0" + body
    return b"\0" + section + b"\0\0\0\0"


def pat(*programs: tuple[int, int]) -> bytes:
    """The table of programs: (number, packet id of its own table)."""
    entries = (number.to_bytes(2, "big") + (0xE000 | pid).to_bytes(2, "big") for number, pid in programs)
    return packet(0, table(0, b"".join(entries)), start=True)


def pmt(*streams: int, pcr: int = VIDEO_PID, described: bytes = b"") -> bytes:
    """The table of one program: packet ids of its streams, and of what tells the time."""
    body = (0xE000 | pcr).to_bytes(2, "big") + (0xF000 | len(described)).to_bytes(2, "big") + described
    for stream in streams:
        body += b"\x1b" + (0xE000 | stream).to_bytes(2, "big") + (0xF000 | len(described)).to_bytes(2, "big")
        body += described
    return packet(PMT_PID, table(2, body), start=True)


TABLES = pat((1, PMT_PID)) + pmt(VIDEO_PID)


def picture(ticks: int | None = None, *, pid: int = VIDEO_PID) -> bytes:
    """A packet of video."""
    return packet(pid, b"\0\0\1\xe0 picture", start=True, ticks=ticks)


@cache
def recording() -> bytes:
    """Some seconds of real video, as a camera sends it."""
    clip = min(_CLIPS.glob("*.mp4"), key=lambda path: path.stat().st_size)
    made = io.BytesIO()
    with av.open(clip.as_posix()) as source, av.open(made, "w", format="mpegts") as target:
        video = source.streams.video[0]
        stream = target.add_stream_from_template(video)
        for each in source.demux(video):
            if each.dts is not None:
                each.stream = stream
                target.mux(each)
    return made.getvalue()


def frames(data: bytes) -> int:
    """How many pictures FFmpeg decodes out of MPEG-TS, which may begin half way through one."""
    count = 0
    with av.open(io.BytesIO(data), format="mpegts") as opened:
        for each in opened.demux(video=0):
            with suppress(av.InvalidDataError):
                count += len(each.decode())
    return count
