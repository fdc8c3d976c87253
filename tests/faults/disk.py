"""A disk that fails at the n-th call of one kind, and the check of what such a run leaves behind."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from blink_archive.archive import proof
from blink_archive.archive.folder import Archive
from blink_archive.archive.store import Part, Store
from blink_archive.errors import BlinkArchiveError

from ..world import World, is_sound

KINDS = ("open", "write", "read", "fsync", "utime", "link", "rename", "unlink", "replace", "mkdir", "begin",
         "commit")  # fmt: skip
ERRNOS = (errno.ENOSPC, errno.EIO, errno.EROFS)
_SQLITE = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.EROFS: sqlite3.SQLITE_READONLY,
}


class Disk:
    """Fails the ``nth`` call of ``kind`` for a path below ``root``, and those after it if it is ``lasting``: every
    second point of a sweep is, and it is another half of them for the next error.

    It fails as a disk does: the write before one that fails is a short one; a failed fsync has lost bytes; what
    is not there cannot be removed, and what is there cannot be made, whatever the disk is like; SQLite has rolled
    back by itself after an I/O error, and has not after a full disk. ``rename`` is on a disk without links.
    """

    def __init__(self, root: Path, kind: str, *, nth: int, error: int) -> None:
        self.root = root
        self.kind = kind
        self.nth = nth
        self.error = error
        self.lasting = (nth + ERRNOS.index(error)) % 2 == 0
        self.calls = 0
        self.fired = False
        self._short_written = False
        self._lock = threading.Lock()

    def __str__(self) -> str:
        """Which point of a sweep this is."""
        return f"{self.kind} {self.nth}, {errno.errorcode[self.error]}{', lasting' if self.lasting else ''}"

    def fails(self, kind: str, path: object = None) -> bool:
        """Whether this call is to fail; it is counted."""
        if kind != self.kind or (path is not None and not self._is_ours(path)):
            return False
        with self._lock:
            self.calls += 1
            if self.calls == self.nth or (self.fired and self.lasting):
                self.fired = True
                return True
        return False

    def _is_ours(self, path: object) -> bool:
        path = Path(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else Path()
        return path.is_relative_to(self.root) and not path.name.startswith("catalog.db")

    def raise_error(self) -> None:
        """The disk's error."""
        raise OSError(self.error, os.strerror(self.error))

    def write(self, file: Any, chunk: Any) -> int:
        """A short write, and the next one fails."""
        with self._lock:
            spoiled, self._short_written = self._short_written, False
        if spoiled:
            self.raise_error()
        if self.fails("write"):
            with self._lock:
                self._short_written = not self.lasting or self.calls == self.nth
            if not self._short_written:
                self.raise_error()
            return int(file.write(chunk[: len(chunk) // 2]))
        return int(file.write(chunk))

    def fsync(self, fd: int) -> None:
        if self.fails("fsync"):
            about = os.fstat(fd)
            if stat.S_ISREG(about.st_mode):
                with contextlib.suppress(OSError):  # it was opened for reading
                    os.ftruncate(fd, about.st_size // 2)
            self.raise_error()
        os.fsync(fd)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """In place of the real disk, for the store and the catalog of this process."""
        disk, open_part, connect = self, Store.open_part, sqlite3.connect

        def spoilt_part(store: Store) -> Part:
            part = open_part(store)
            part.file = _File(part.file, disk)  # type: ignore[assignment]
            return part

        def checked(kind: str, real: Callable[..., Any], condition: Callable[..., bool]) -> Any:
            def call(*arguments: Any, **options: Any) -> Any:
                if condition(*arguments) and disk.fails(kind, arguments[-1 if kind == "link" else 0]):
                    disk.raise_error()
                return real(*arguments, **options)

            return call

        def no_links(*arguments: Any, **options: Any) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        def spoilt_connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: _Connection = connect(*arguments, factory=_Connection, **options)
            connection.disk = disk
            return connection

        def always(*_: object) -> bool:
            return True

        def read_back(file: Any) -> str:
            if disk.fails("read back"):
                disk.raise_error()
            return hash_open(file)

        hash_open = proof.hash_open
        store = property(lambda archive: Store(archive.root, fsync=disk.fsync))
        with contextlib.ExitStack() as patches:
            for owner, name, replacement in (
                (Store, "open_part", spoilt_part),
                (Archive, "store", store),
                (sqlite3, "connect", spoilt_connect),
                (proof, "hash_open", read_back),
                (os, "open", checked("open", os.open, always)),
                (os, "utime", checked("utime", os.utime, always)),
                (os, "rename", checked("rename", os.rename, always)),
                (os, "replace", checked("replace", os.replace, always)),
                (os, "unlink", checked("unlink", os.unlink, lambda path, **_: os.path.lexists(path))),
                (os, "mkdir", checked("mkdir", os.mkdir, lambda path, *_: not os.path.lexists(path))),
                (os, "link", no_links if self.kind == "rename" else checked("link", os.link, always)),
            ):
                patches.enter_context(mock.patch.object(owner, name, replacement))
            yield


class _File:
    """A part's file on such a disk."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file = file
        self._disk = disk

    def write(self, chunk: Any) -> int:
        return self._disk.write(self._file, chunk)

    def read(self, size: int = -1) -> bytes:
        if self._disk.fails("read"):
            self._disk.raise_error()
        return bytes(self._file.read(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Connection(sqlite3.Connection):
    """A catalog on such a disk."""

    disk: Disk

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.disk.fails("commit"):
            if self.disk.error == errno.EIO:
                super().execute("ROLLBACK")
            self._fail()
        if sql == "BEGIN IMMEDIATE" and self.disk.fails("begin"):
            self._fail()
        return super().execute(sql, *parameters)

    def _fail(self) -> None:
        error = sqlite3.OperationalError(os.strerror(self.disk.error))
        error.sqlite_errorcode = _SQLITE[self.disk.error]
        raise error


def exit_code_of(run: Callable[[], int]) -> int:
    """The exit code of the program, also where a run could not begin. What is no error of ours is a traceback, and
    passes through."""
    try:
        return run()
    except BlinkArchiveError as error:
        return error.exit_code


def sync_exit_code(world: World, **options: Any) -> int:
    """That of one sync."""
    return exit_code_of(lambda: world.sync(**options).exit_code)


def expect_safe(world: World, at: str) -> None:
    """What holds after any run, ``at`` whatever point it failed: a sound catalog; what it calls archived is whole,
    and so is all that has a final name."""
    assert is_sound(world.archive.catalog_path), f"{at}: the catalog is not sound"
    clips = {str(clip.id): clip for clip in world.blink.cloud.clips()}
    files = world.files()
    whole: set[bytes] = set()
    for key in clips:
        whole |= {world.blink.cloud.clip_bytes(int(key)), world.blink.cloud.thumbnail_bytes(int(key))}
    for path, data in files.items():
        assert data in whole, f"{at}: {path} is torn"
    for row in world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL AND local_removed_at IS NULL"):
        clip = int(row["origin_key"])
        video = files.get(row["path"])
        assert video == world.blink.cloud.clip_bytes(clip), f"{at}: a row without its whole file, {row}"
        assert row["sha256"] == hashlib.sha256(video).hexdigest(), f"{at}: a wrong hash, {row}"
        if row["thumbnail_sha256"]:
            picture = files.get(row["thumbnail_path"])
            assert picture == world.blink.cloud.thumbnail_bytes(clip), (
                f"{at}: a row without its picture, {row}"
            )
    expect_whole_days(world, at)


def expect_whole_days(world: World, at: str) -> None:
    """No day's file is torn, and none tells of a file that is not there."""
    for sums in world.root.rglob("SHA256SUMS"):
        text = sums.read_text()
        assert text.endswith("\n"), f"{at}: {sums} is torn"
        for line in text.splitlines():
            file = sums.parent / line[66:]
            assert hashlib.sha256(file.read_bytes()).hexdigest() == line[:64], f"{at}: {sums} is wrong"
    for clips in world.root.rglob("clips.json"):
        json.loads(clips.read_text())
