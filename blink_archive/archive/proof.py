"""Proof that files are here: read back from the disk itself, just before something relies on it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import Any

from ..errors import BadMedia, IntegrityError
from .container import walk_jpeg, walk_mp4
from .hashing import hash_open
from .store import Store


def prove(store: Store, clip: Mapping[str, Any]) -> None:
    """Read the files of a clip (a row of ``clips``) back: the catalog's hash, and whole by their walks.

    Raises `IntegrityError`, which names the file, for whatever is otherwise.
    """
    _prove_file(store, clip["path"], clip["sha256"], _walk_clip)
    if clip["thumbnail_sha256"]:
        _prove_file(store, clip["thumbnail_path"], clip["thumbnail_sha256"], _walk_thumbnail)


def read_back(store: Store, path: str) -> bytes:
    """A small file's bytes, as they are on the disk. Raises `IntegrityError` where it cannot be read."""
    with _from_disk(store, path) as file:
        return file.read()


def _prove_file(store: Store, path: str, sha256: str, walk: Callable[[FileIO], str | None]) -> None:
    with _from_disk(store, path) as file:
        if hash_open(file) != sha256:
            raise _unproven(path, "its bytes are not those that the catalog knows")
        if flaw := walk(file):
            raise _unproven(path, f"it is not whole: {flaw}")


def _walk_clip(file: FileIO) -> str | None:
    try:
        return walk_mp4(file).flaw
    except BadMedia as error:
        return str(error)


def _walk_thumbnail(file: FileIO) -> str | None:
    file.seek(0)
    try:
        walk_jpeg(file.read())
    except BadMedia as error:
        return str(error)
    return None


@contextmanager
def _from_disk(store: Store, path: str) -> Iterator[FileIO]:
    """A plain file opened for reading, with nothing of it left in the page cache where the system can drop
    it: what a program wrote and what the disk took are not the same."""
    file = store.file(path)
    # neither a link to somewhere else, nor a FIFO that would wait for its writer
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        with open(os.open(file, flags), "rb", buffering=0) as opened:  # noqa: PTH123 - of a descriptor
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise _unproven(path, "it is no plain file")
            if hasattr(os, "posix_fadvise"):
                os.fsync(opened.fileno())  # only what is written can be dropped
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            yield opened
    except FileNotFoundError:
        raise _unproven(path, "it is not there") from None
    except OSError as error:
        raise _unproven(path, f"it cannot be read ({error.strerror})") from error


def _unproven(path: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} could not be proven: {why}. Nothing more is deleted in this run; `blink-archive verify "
        "--repair` fetches it again while Blink still has it."
    )
