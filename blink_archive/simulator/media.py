"""The bytes of clips and thumbnails: a few real files, made unique without touching what they show."""

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLIPS = Path(__file__).parent / "clips"


@dataclass(frozen=True, slots=True)
class Template:
    """One film: the whole MP4, its JPEG, and how many seconds it lasts."""

    name: str
    seconds: int
    mp4: bytes
    jpeg: bytes


@cache
def templates() -> tuple[Template, ...]:
    """Every film beside this module, shortest first."""
    found = [
        Template(path.stem, int(path.stem[-3:-1]), path.read_bytes(), path.with_suffix(".jpg").read_bytes())
        for path in CLIPS.glob("*-??s.mp4")
    ]
    if not found:
        raise FileNotFoundError(f"no clips in {CLIPS}: the installation is not complete")
    return tuple(sorted(found, key=lambda film: (film.seconds, film.name)))


def template(number: int) -> Template:
    """The film of that number; any integer is one."""
    films = templates()
    return films[number % len(films)]


def clip_chunks(number: int, clip_id: int, *, size: int | None) -> tuple[bytes, ...]:
    """The MP4 as a few pieces, so that the large ones are shared by all clips.

    A top-level `free` box with the clip's id comes last, before it one that fills up to `size` bytes
    where that is more than the film has.
    """
    film = template(number).mp4
    mark = b"clip %d" % clip_id
    tail = struct.pack(">I4s", 8 + len(mark), b"free") + mark
    missing = (size or 0) - len(film) - len(tail)
    return (film, _filler(missing), tail) if missing >= 8 else (film, tail)


@cache
def _filler(size: int) -> bytes:
    return struct.pack(">I4s", size, b"free") + bytes(size - 8)


def thumbnail_chunks(number: int, mark: str) -> tuple[bytes, ...]:
    """The JPEG with `mark` in a comment segment after its first marker."""
    jpeg = template(number).jpeg
    text = mark.encode()
    return (jpeg[:2] + struct.pack(">2sH", b"\xff\xfe", 2 + len(text)) + text, jpeg[2:])
