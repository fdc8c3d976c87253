"""A file of the archive read on its way out, once, and proven by its hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from io import FileIO

from ...errors import IntegrityError
from ..hashing import hash_file
from .plan import ExportFile

CHUNK = 1 << 16  # bytes: what fits a core's cache is hashed and written in half the time

_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # no link elsewhere, no FIFO without a writer
    _FLAGS |= getattr(os, _name, 0)


class _Buffers(threading.local):
    """A buffer for each thread: to make one costs more than to read a small clip."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(CHUNK))


_buffers = _Buffers()


@contextlib.contextmanager
def opened(root: str, file: ExportFile) -> Iterator[FileIO]:
    """The file in the archive at ``root``, for reading. Raises `IntegrityError`, which names it, for one
    that is missing, no plain file, or cannot be read."""
    try:
        descriptor = os.open(f"{root}/{file.path}", _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise mismatch(file, "it is missing") from None
    except OSError as error:
        raise mismatch(file, f"it cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise mismatch(file, "it is no plain file")
    with FileIO(descriptor, "rb") as source:
        yield source


def copy(source: FileIO, file: ExportFile, write: Callable[[memoryview], object]) -> int:
    """Give all bytes of ``source`` to ``write``, in chunks; how many they were.

    Raises `IntegrityError` in the end, if they are not those that the catalog knows.
    """
    digest = hashlib.sha256()
    length = 0
    for chunk in chunks(source, file):
        digest.update(chunk)
        write(chunk)
        length += len(chunk)
    if digest.hexdigest() != file.sha256:
        raise mismatch(file, "its bytes are not those that the catalog knows")
    return length


def check(source: FileIO, file: ExportFile) -> None:
    """The same without a copy. Raises `IntegrityError`."""
    copy(source, file, len)


def chunks(source: FileIO, file: ExportFile) -> Iterator[memoryview]:
    """All bytes of ``source``, from where it stands; each chunk only until the next is asked for, or another
    file is read by this thread. Raises `IntegrityError` where the disk does not give them."""
    view = _buffers.view
    try:
        while count := source.readinto(view):
            yield view[:count]
    except OSError as error:
        raise mismatch(file, f"it cannot be read ({error.strerror})") from error


def holds(path: str, file: ExportFile) -> bool:
    """Whether a plain file at ``path`` has the bytes of ``file``: its length, and then its hash."""
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size != file.bytes:
            return False
        return hash_file(path) == file.sha256
    except OSError:  # not there, or of no use
        return False


def mismatch(file: ExportFile, what: str) -> IntegrityError:
    """The error that names a file which is not as the catalog has it."""
    return IntegrityError(
        f"{file.path} cannot be exported: {what}. The export stopped there, and nothing of that file is in "
        "it. `blink-archive verify --repair` fetches it again where Blink still has it; then run the export "
        "again."
    )
