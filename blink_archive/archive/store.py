"""Bytes to disk, durably and in one order: the only place that writes files of the archive.

A part is written and hashed in ``.incoming/``, fsynced, and gets its final name by a link that
never overwrites; the directory is fsynced before the catalog says that the file is there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ..errors import LowSpace, StorageError
from ..model import size
from . import layout
from .hashing import hash_file

_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY}
_NO_LINKS = _UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EACCES}
_READ = 1 << 20


@contextlib.contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Translate an `OSError` of the disk into `StorageError`, saying what could not be done."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                why, advice = "the disk is full", "Free some space and run it again"
            case errno.EROFS | errno.EACCES | errno.EPERM:
                why, advice = "the disk or folder is not writable", "Check its mount and permissions"
            case errno.EXDEV:
                why = "its folder lies on another file system than .incoming"
                advice = "Keep the whole archive on one"
            case errno.EEXIST | errno.ENOTDIR:
                why, advice = (
                    "there is a file where a folder should be",
                    "Name another place, or move the file",
                )
            case _:
                why, advice = error.strerror or str(error), "Check the disk"
        raise StorageError(f"Could not {what}: {why}. {advice}; what is archived is safe.") from error


@dataclass(frozen=True, slots=True)
class Kept:
    """A file under its final name: relative ``path``; ``adopted``: it was there already, byte for
    byte; ``clash``: the path that it should have had and that other bytes hold."""

    path: str
    adopted: bool = False
    clash: str | None = None


@dataclass(slots=True)
class Part:
    """A file in ``.incoming/``: hashed and counted while it is written."""

    path: Path
    file: BinaryIO
    length: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, chunk: bytes | bytearray) -> None:
        """Append; raises `StorageError` when the disk is full or fails."""
        rest = memoryview(chunk)
        with storage_errors(f"write {self.path}"):
            while rest:  # a write that fills the disk is short first, and fails next
                rest = rest[self.file.write(rest) :]
        self._hash.update(chunk)
        self.length += len(chunk)

    def count(self, chunk: bytes) -> None:
        """Hash and count what the part holds already (`Store.link_part`)."""
        self._hash.update(chunk)
        self.length += len(chunk)

    @property
    def sha256(self) -> str:
        """Hex digest of what was written so far."""
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Remove the part; harmless when it has its final name already. Where the disk refuses, the next
        run removes it: what went wrong before is what has to be told."""
        with contextlib.suppress(OSError):
            self.file.close()
            self.path.unlink(missing_ok=True)


class Store:
    """The folder of one archive, ``root``. Its paths are relative, with ``/``."""

    def __init__(self, root: Path, *, fsync: Callable[[int], None] = os.fsync) -> None:
        self.root = root
        self._fsync = fsync
        self._known_folders = {root}
        self._making_folders = threading.Lock()
        self._incoming = root / layout.INCOMING

    def file(self, path: str) -> Path:
        """The absolute path; `ArchiveError` for one that would leave the root."""
        return self.root / layout.check_relative(path)

    def free_bytes(self) -> int:
        """Free space for this user on the archive's disk, in bytes."""
        return shutil.disk_usage(self.root).free

    def check_space(self, count: int, *, reserve: int) -> None:
        """Raise `LowSpace` unless after ``count`` more bytes ``reserve`` are left free."""
        with storage_errors(f"ask for the free space of {self.root}"):
            free = self.free_bytes()
        if reserve and free - count < reserve:
            raise LowSpace(
                f"{size(free)} are free on the disk of {self.root}, and {size(reserve)} of it "
                "stay so (--reserve). Free some space and run it again; what is archived is safe."
            )

    def empty_incoming(self) -> None:
        """Throw away what a run that died left half written, but no `live_part`. Only under the run lock."""
        with storage_errors("empty .incoming"):
            self._make_folders(self._incoming)
            for leftover in self._incoming.iterdir():
                if leftover.is_symlink() or not leftover.is_dir():  # a NAS puts folders of its own there
                    _remove_leftover(leftover)

    def open_part(self) -> Part:
        """A new, empty part; `StorageError` when it cannot be made."""
        path = self._incoming / f"{secrets.token_hex(8)}.part"  # never another machine's, on a share
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with storage_errors(f"create a file in {self._incoming}"):
            return Part(path, os.fdopen(os.open(path, flags, 0o666), "w+b", buffering=0))

    def link_part(self, source: Path) -> Part:
        """A part that is another name of ``source``, a file of the same file system, in place of a copy; its
        bytes are still to be counted. Raises `StorageError`."""
        path = self._incoming / f"{secrets.token_hex(8)}.part"
        try:
            path.hardlink_to(source)
        except OSError as error:
            raise StorageError(
                f"{source} could not be linked into the archive: {error.strerror}. Leave --link away, and it "
                "is copied."
            ) from error
        with storage_errors(f"open {path}"):
            return Part(path, path.open("rb+" if os.name == "nt" else "rb", buffering=0))

    @contextlib.contextmanager
    def live_part(self) -> Iterator[Part]:
        """A part for what takes minutes to arrive, without the run lock: it is locked itself, until the end
        of the block, so that a run which starts meanwhile leaves it alone. Discarded then, if it has not
        got its name. On file systems without locks, and only there, such a run removes it."""
        with storage_errors("lock a file in .incoming"):
            self._make_folders(self._incoming)
            part, lock = self._locked_part()
        try:
            yield part
        finally:
            part.discard()
            if lock is not None:
                os.close(lock)

    def _locked_part(self) -> tuple[Part, int | None]:
        while True:
            part = self.open_part()
            lock = _lock(part)
            if part.path.exists():
                return part, lock
            part.discard()  # a run that began just now has removed it
            if lock is not None:
                os.close(lock)

    def make_durable(self, part: Part, *, mtime: datetime | None = None) -> None:
        """Fsync the part's bytes. A failed fsync is final: the part is to be thrown away."""
        with storage_errors(f"put {part.path} on stable storage"):
            if mtime is not None:
                seconds = mtime.timestamp()
                os.utime(part.path, (seconds, seconds))
            self._sync(part.file.fileno())
            part.file.close()

    def keep(self, part: Part, path: str, *, instead_of: str | None = None) -> Kept:
        """Give a durable part its final name, or the next free one if other bytes hold it; bytes with the
        SHA-256 ``instead_of`` are replaced.

        The name is durable only after `sync_folders`. Raises `StorageError`.
        """
        wanted = self.file(path)
        with storage_errors(f"move a file to {path}"):
            self._make_folders(wanted.parent)
            if instead_of is not None and self.holds(path, instead_of):
                part.path.replace(wanted)
                return Kept(path)
            number, current = 1, path
            while not self._link(part.path, target := self.file(current)):
                if same_bytes(target, part):
                    self._sync_file(target)
                    part.discard()
                    return Kept(current, adopted=True, clash=path if number > 1 else None)
                number += 1
                current = layout.with_suffix_number(path, number)
        return Kept(current, clash=path if number > 1 else None)

    def put_back(self, part: Part, path: str) -> str | None:
        """Give a durable part the name of a file that was missing or damaged, durably; what stands there is
        moved aside first, and told by its new name. None where nothing did, or the same bytes.

        Only under the run lock. Raises `StorageError`.
        """
        target = self.file(path)
        with storage_errors(f"move a file to {path}"):
            self._make_folders(target.parent)
            if same_bytes(target, part):
                self._sync_file(target)
                part.discard()
                return None
            aside = self.set_aside(path)
            part.path.replace(target)
            self._sync_folder(target.parent)
        return aside

    def set_aside(self, path: str) -> str | None:
        """Rename a damaged file to ``<name>.damaged``, or the next free name like it, durably; its new path,
        None where there is no file. Only under the run lock. Raises `StorageError`."""
        target = self.file(path)
        if not os.path.lexists(target):
            return None
        number, aside = 1, f"{path}.damaged"
        while os.path.lexists(self.file(aside)):
            number += 1
            aside = layout.with_suffix_number(f"{path}.damaged", number)
        with storage_errors(f"rename {path}"):
            target.rename(self.file(aside))
            self._sync_folder(target.parent)
        return aside

    def sync_folders(self, paths: Iterable[str]) -> None:
        """Fsync the directory of each of these files, each once."""
        for folder in {self.file(path).parent for path in paths}:
            with storage_errors(f"put the folder {folder.name} on stable storage"):
                self._sync_folder(folder)

    def write_text(self, path: str, text: str) -> None:
        """Replace a small file of ours (``SHA256SUMS``, ``clips.json``) atomically and durably."""
        with self.live_part() as part:  # a recording's day is written without the run lock
            part.write(text.encode())
            self.make_durable(part)
            target = self.file(path)
            with storage_errors(f"write {path}"):
                self._make_folders(target.parent)
                part.path.replace(target)
                self._sync_folder(target.parent)

    def holds(self, path: str, sha256: str) -> bool:
        """Whether a plain file with those bytes lies there."""
        file = self.file(path)
        with storage_errors(f"read {path}"):
            return file.is_file() and not file.is_symlink() and hash_file(file) == sha256

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, as far as they are there, durably."""
        folders = set()
        for path in paths:
            target = self.file(path)
            with storage_errors(f"remove {path}"):
                if os.path.lexists(target):
                    target.unlink()
                    folders.add(target.parent)
        for folder in folders:
            with storage_errors(f"put the folder {folder.name} on stable storage"):
                self._sync_folder(folder)

    def _link(self, source: Path, target: Path) -> bool:
        """Name ``source`` ``target`` without overwriting; False where ``target`` exists."""
        if os.path.lexists(target):
            return False
        try:
            target.hardlink_to(source)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without links (FAT, some shares): the run lock keeps us alone here.
            source.rename(target)
            return True
        source.unlink()
        return True

    def _make_folders(self, folder: Path) -> None:
        """Make what is missing. The parent of a folder is synced even if that is there already: the run
        that made it may have been killed before it did so."""
        with self._making_folders:
            missing = []
            while folder not in self._known_folders:
                missing.append(folder)
                folder = folder.parent
            for each in reversed(missing):
                each.mkdir(exist_ok=True)
                self._sync_folder(each.parent)
                self._known_folders.add(each)

    def _sync_file(self, path: Path) -> None:
        with path.open("rb+" if os.name == "nt" else "rb") as file:
            self._sync(file.fileno())

    def _sync_folder(self, folder: Path) -> None:
        if os.name == "nt":  # directories cannot be opened there, and NTFS journals names
            return
        fd = os.open(folder, os.O_RDONLY)
        try:
            self._sync(fd)
        finally:
            os.close(fd)

    def _sync(self, fd: int) -> None:
        try:
            import fcntl

            full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache
        except ImportError:  # Windows
            full = None
        if full is not None:
            try:
                fcntl.fcntl(fd, full)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:  # network and some external disks lack it
                    raise
            else:
                return
        self._fsync(fd)


def _lock(part: Part) -> int | None:
    """Lock a part until the descriptor is closed that this returns; the part's own file may be closed before.
    None where there is no need: Windows removes no file that is open."""
    try:
        import fcntl
    except ImportError:
        return None
    lock = os.dup(part.file.fileno())
    with contextlib.suppress(OSError):  # the file system has no locks
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _remove_leftover(path: Path) -> None:
    """Remove a file that nobody is writing: one that is written is locked or, on Windows, open."""
    try:
        import fcntl
    except ImportError:
        with contextlib.suppress(PermissionError):
            path.unlink()
        return
    with contextlib.ExitStack() as until_removed:
        if path.is_file() and not path.is_symlink():
            try:
                file = until_removed.enter_context(path.open("rb+"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            except OSError:  # no locks here, or not ours to open: removing it will tell
                pass
        path.unlink()


def same_bytes(target: Path, part: Part) -> bool:
    """Whether the file holds the part's bytes; a link or a folder in its place never does."""
    if target.is_symlink() or not target.is_file() or target.stat().st_size != part.length:
        return False
    return hash_file(target) == part.sha256
