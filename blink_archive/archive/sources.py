"""The video files below some paths, and what is in one: found without following links, read to the end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ..errors import BadMedia, UsageError
from .container import walk_mp4

_READ = 1 << 20
_IN_MEMORY = 64 << 20  # no clip of Blink's is as long


@dataclass(frozen=True, slots=True)
class Source:
    """One file to look at: its absolute path, its size in bytes, and the number of its file system."""

    path: Path
    bytes: int
    device: int


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below the paths: ``sources`` in the order of their names, folders that could not be read
    with the reason, and how many ``other`` files there are: no ``.mp4``, hidden, links, special."""

    sources: tuple[Source, ...]
    unreadable: tuple[tuple[str, str], ...]
    other: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. ``flaw`` is why it is no whole MP4, None if it is one; ``modified_at`` (UTC) is
    None where the file system's date is none."""

    sha256: str
    bytes: int
    flaw: str | None
    duration: float | None
    created_at: datetime | None
    modified_at: datetime | None


def find_sources(paths: Sequence[Path], *, root: Path) -> Found:
    """Every ``.mp4`` below ``paths``, and each file that is named itself.

    Raises `UsageError` for a path that is not there, is a link or a special file, or lies in the archive
    ``root``; the archive in one of the folders is left out.
    """
    sources: dict[Path, Source] = {}
    unreadable: list[tuple[str, str]] = []
    other = 0
    for path in map(_checked, paths):
        real = path.resolve()
        if any(_is_same(folder, root) for folder in (real, *real.parents)):
            raise UsageError(
                f"{path} lies in the archive {root} itself. Name the folder that the files came in."
            )
        about = path.lstat()
        if stat.S_ISREG(about.st_mode):
            sources[path] = Source(path, about.st_size, about.st_dev)
            continue
        for file in _walk(path, root=root, unreadable=unreadable):
            if file is None:
                other += 1
            else:
                sources[file.path] = file
    return Found(tuple(sources.values()), tuple(unreadable), other)


@contextlib.contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The file, for reading; a link or a device that took its place meanwhile is an `OSError`."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    fd = os.open(source.path, flags | getattr(os, "O_NONBLOCK", 0))  # a FIFO would wait for its writer
    with os.fdopen(fd, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{source.path} is no plain file any more")
        yield file


def read_content(file: BinaryIO, tick: Callable[[int], object]) -> tuple[Content, BinaryIO]:
    """Read, hash and walk a file that is `opened`; also gives what its bytes can be read from again.

    That is a copy in memory for files of a clip's size, which so are read from the disk once. ``tick`` is
    told the bytes read. Raises `OSError`.
    """
    about = os.fstat(file.fileno())
    digest = hashlib.sha256()
    kept: BinaryIO = io.BytesIO() if about.st_size <= _IN_MEMORY else file
    length = 0
    for chunk in chunks(file):
        digest.update(chunk)
        length += len(chunk)
        if kept is not file:
            kept.write(chunk)
        tick(len(chunk))
    flaw = duration = created_at = None
    try:
        mp4 = walk_mp4(kept)
        flaw, duration, created_at = mp4.flaw, mp4.duration, mp4.created_at
    except BadMedia as error:
        flaw = str(error)
    content = Content(digest.hexdigest(), length, flaw, duration, created_at, _modified_at(about))
    return content, kept


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """All of a file, from its beginning."""
    file.seek(0)
    while chunk := file.read(_READ):
        yield chunk


def _checked(path: Path) -> Path:
    try:
        path = path.absolute()
        mode = path.lstat().st_mode
    except OSError as error:
        raise UsageError(f"{path} cannot be imported: {error.strerror}. Check the path.") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(
            f"{path} is no folder and no plain file. Links are not followed: name what it leads to."
        )
    return path


def _walk(top: Path, *, root: Path, unreadable: list[tuple[str, str]]) -> Iterator[Source | None]:
    """The sources below a folder; None for each other file."""

    def note(error: OSError) -> None:
        unreadable.append((str(error.filename), f"it cannot be read: {error.strerror}"))

    for parent, folders, names in os.walk(top, onerror=note):
        here = Path(parent)
        folders[:] = sorted(
            each for each in folders if not each.startswith((".", "@")) and not _is_same(here / each, root)
        )
        for name in sorted(names):
            path = here / name
            try:
                about = path.lstat()
            except OSError as error:
                note(error)
                continue
            wanted = name.lower().endswith(".mp4") and not name.startswith(".")
            regular = stat.S_ISREG(about.st_mode)
            yield Source(path, about.st_size, about.st_dev) if wanted and regular else None


def _is_same(path: Path, root: Path) -> bool:
    try:
        return path.samefile(root)
    except OSError:
        return False


def _modified_at(about: os.stat_result) -> datetime | None:
    try:
        moment = datetime.fromtimestamp(about.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if 1970 <= moment.year < 9999 else None
