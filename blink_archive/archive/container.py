"""Walks through MP4 and JPEG files: is every byte there that the file itself promises?

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
