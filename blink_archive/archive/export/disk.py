"""A destination's disk: whole writes, what is durable and when, and how much is free."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from io import FileIO
from pathlib import Path

from ...errors import StorageError
from ...model import size
from ..store import storage_errors

_WORTH_IT = 1 << 18  # bytes
# Other file systems, those that do not know the call, and a disk that fails: the careful way tells which one.
_CANNOT_COPY = {
    errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.EIO,
}  # fmt: skip


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of it: a write that fills the disk is short first, and fails next. Raises `OSError`."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def copied_by_system(source: FileIO, there: FileIO, length: int) -> bool:
    """Have the system copy so many bytes by itself, which is less work, and none where the file system can
    share them; False where it cannot, or gave less. Raises `OSError`."""
    if not hasattr(os, "copy_file_range"):
        return False
    rest = length
    try:
        while rest and (count := os.copy_file_range(source.fileno(), there.fileno(), rest)):
            rest -= count
    except OSError as error:
        if error.errno in _CANNOT_COPY:
            return False
        raise
    return rest == 0


def begin_to_write_out(file: FileIO, length: int) -> None:
    """Have the system write a file to its disk from now on, where it can be told to: the disk works while the
    next files are hashed, and little is left to do in the end. For small files it is not worth the call."""
    if length >= _WORTH_IT and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_another(folder: Path, other: Path) -> bool:
    """Whether two folders lie on different file systems. Raises `OSError`."""
    return folder.stat().st_dev != other.stat().st_dev


def settle(folder: Path) -> None:
    """Put all that was written below a folder on stable storage. Raises `OSError`.

    On Linux the whole file system at once: an fsync a file would cost more than to copy it.
    """
    if sys.platform == "linux":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(folder))
        finally:
            os.close(descriptor)
    else:
        sync_each(folder)


def sync_each(folder: Path) -> None:
    """Fsync every file below a folder, and every folder. Raises `OSError`."""
    for parent, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(parent) / name)
        sync_names(Path(parent))


def sync_file(path: Path) -> None:
    """Fsync one file. Raises `OSError`."""
    with path.open("rb+" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Fsync which names are in a folder. Raises `OSError`."""
    if os.name == "nt":  # directories cannot be opened there, and NTFS journals names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_space(folder: Path, needed: int) -> None:
    """Raise `StorageError` unless so many bytes are free on the disk of a folder."""
    with storage_errors(f"ask for the free space of {folder}"):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{size(needed)} are needed on the disk of {folder}, and {size(free)} are free. "
            "Free some space, or name another disk; nothing was written."
        )
