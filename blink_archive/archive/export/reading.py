"""A file of the archive read on its way out, once, and proven by its hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from ...errors import IntegrityError
from ..store import hash_open
from .plan import ExportFile

CHUNK = 1 << 20


@contextlib.contextmanager
def opened(root: Path, file: ExportFile) -> Iterator[FileIO]:
    """The file in the archive at ``root``, for reading. Raises `IntegrityError`, which names it, for one
    that is missing, no plain file, or cannot be read."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # no link elsewhere, no FIFO without a writer
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(root / file.path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise mismatch(file, "it is missing") from None
    except OSError as error:
        raise mismatch(file, f"it cannot be read ({error.strerror})") from error
    with open(descriptor, "rb", buffering=0) as source:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise mismatch(file, "it is no plain file")
        yield source


def copy(source: FileIO, file: ExportFile, write: Callable[[memoryview], object]) -> int:
    """Give all bytes of ``source`` to ``write``, in chunks; how many they were.

    Raises `IntegrityError` in the end, if they are not those that the catalog knows.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(CHUNK, max(file.bytes, 1))))
    length = 0
    while count := _read(source, buffer, file):
        digest.update(buffer[:count])
        write(buffer[:count])
        length += count
    if digest.hexdigest() != file.sha256:
        raise mismatch(file, "its bytes are not those that the catalog knows")
    return length


def check(source: FileIO, file: ExportFile) -> None:
    """The same without a copy. Raises `IntegrityError`."""
    copy(source, file, len)


def holds(path: Path, file: ExportFile) -> bool:
    """Whether a plain file at ``path`` has the bytes of ``file``: its length, and then its hash."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size != file.bytes:
            return False
        with path.open("rb", buffering=0) as there:
            return hash_open(there) == file.sha256
    except OSError:  # not there, or of no use
        return False


def mismatch(file: ExportFile, what: str) -> IntegrityError:
    """The error that names a file which is not as the catalog has it."""
    return IntegrityError(
        f"{file.path} cannot be exported: {what}. The export stopped there, and nothing of that file is in "
        "it. `blink-archive verify --repair` fetches it again where Blink still has it; then run the export "
        "again."
    )


def _read(source: FileIO, buffer: memoryview, file: ExportFile) -> int:
    try:
        return source.readinto(buffer) or 0
    except OSError as error:
        raise mismatch(file, f"it cannot be read ({error.strerror})") from error
