"""Move an archive to another disk: copy, read back and compare, switch, and only then remove.

Until the switch the old folder is the archive, and the new one is none (it has no marker, but `BEGUN`). The
switch is two durable steps: the old marker becomes a note of where the archive went, then the new folder gets
its marker. Killed between them, neither is an archive, so that no sync can go on in one that the other does
not know of; the same command ends it. Files are removed after that, each only if the new folder has it.

Notes, stars and recordings of live views need no run lock, and so come meanwhile: what was written since it
was copied is copied again just before the switch, and what is being written then puts it off.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from ..errors import ArchiveBusy, ArchiveError, IntegrityError, StorageError, UsageError
from ..model import size
from . import layout
from .folder import Archive, Marker, find_archive, moved_to, open_archive
from .hashing import hash_file, hash_open
from .store import Store, storage_errors

BEGUN = ".blink-archive-move.json"
_WORKERS = 8  # most of the time is spent waiting for fsync, which several share
_CHUNK = 1 << 20
_SAME_TIME = 2_000_000_000  # nanoseconds: FAT knows no finer times
_SYSTEMS = "lost+found"  # a folder of the file system itself, at the top of a disk, and closed to users


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved: the archive where it is now, its files and bytes. ``left`` are paths, relative to the
    old folder, that stay there, each with the reason."""

    archive: Archive
    files: int
    bytes: int
    left: tuple[tuple[str, str], ...]


def move(root: Path, catalog_path: Path, target: Path, *, progress: Callable[[int], object]) -> Moved:
    """Move the archive in ``root`` to the folder ``target``, which is new or empty, or holds what the same
    call left that was broken off. A catalog outside of ``root`` stays where it is. ``progress`` is told
    bytes, twice for each: when they are copied and when they are read back.

    Raises `UsageError` for a target that cannot be, `ArchiveBusy`, `StorageError` (nothing is removed then),
    `IntegrityError` where the copy is not what was copied.
    """
    _check_target(root, target)
    went = moved_to(root)
    if went is not None and went != target:
        raise UsageError(f"{root} was moved to {went}, and not to {target}. Name that one as its target.")
    inside = _inside(root, catalog_path)
    new_catalog = catalog_path if inside is None else target / inside
    mover = _Mover(root, target, None if inside is None else root / inside, progress=progress)
    if went is None:
        archive = open_archive(root, catalog_path)
        with archive.lock():
            mover.copy(archive.marker)
            mover.switch(archive, new_catalog)
    marker = mover.finish_switch()
    with find_archive(target, new_catalog).lock():
        left = mover.remove()
    return Moved(Archive(target, new_catalog, marker), mover.files, mover.bytes, tuple(left))


def needed_bytes(root: Path) -> int:
    """How many bytes the files of an archive have."""
    return sum(file.stat(follow_symlinks=False).st_size for file in _files(root))


def _inside(root: Path, catalog_path: Path) -> Path | None:
    """The catalog's path from the root on; None where it lies elsewhere. Either may be named by way of a
    link."""
    for path, folder in ((catalog_path, root), (catalog_path.resolve(), root.resolve())):
        if path.is_relative_to(folder):
            return path.relative_to(folder)
    return None


def _check_target(root: Path, target: Path) -> None:
    if target.resolve().is_relative_to(root.resolve()) or root.resolve().is_relative_to(target.resolve()):
        raise UsageError(f"{target} and {root} lie one within the other. Name a folder apart from it.")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is no folder. Name a new or an empty one.")


class _Mover:
    """The steps, and what each has to know of the one before."""

    def __init__(
        self, root: Path, target: Path, catalog: Path | None, *, progress: Callable[[int], object]
    ) -> None:
        self._root = root
        self._target = target
        self._new = Store(target)
        self._catalog = catalog
        self._progress = progress
        self._seen: dict[str, tuple[int, int, int]] = {}  # what was copied, as it was then
        self._sizes: dict[str, int] = {}

    @property
    def files(self) -> int:
        """How many were copied and compared."""
        return len(self._sizes)

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return sum(self._sizes.values())

    def copy(self, marker: Marker) -> None:
        """Copy all files, and read the copies back from the disk."""
        self._begin(marker)
        needed = needed_bytes(self._root) - needed_bytes(self._target)
        with storage_errors(f"look at the disk of {self._target}"):
            free = shutil.disk_usage(self._target).free
        if needed > free:
            raise StorageError(
                f"{self._target} has {size(free)} free, and {size(needed)} are needed. Nothing "
                "was moved: free some space there, or name another disk."
            )
        paths = self._plain_paths()
        self._check_nothing_else(paths)
        self._copy_files(paths)

    def _copy_files(self, paths: list[str]) -> None:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="move") as pool:
            try:
                copied = list(pool.map(self._copy_file, paths))
                folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
                self._new.sync_folders([*paths, *(folders - {"."})])
                list(pool.map(self._compare, paths, copied))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _copy_changed(self) -> None:
        """Copy what came or changed since it was copied."""
        self._copy_files(
            [path for path in self._plain_paths() if self._seen.get(path) != _state(self._root / path)]
        )

    def _check_nothing_else(self, paths: list[str]) -> None:
        """Of a move that was broken off long ago there may be what the archive has given up since."""
        ours = [BEGUN, f"{layout.INCOMING}/"]
        if self._catalog:
            ours.append(self._catalog.relative_to(self._root).as_posix())
        there = (file.relative_to(self._target).as_posix() for file in _files(self._target))
        if other := {path for path in there if not path.startswith(tuple(ours))} - set(paths):
            raise UsageError(
                f"{self._target} holds {min(other)}, which the archive has not, from a move that was broken "
                "off before. Empty that folder, or name another."
            )

    def _check_quiet(self) -> None:
        """Raise `ArchiveBusy` while something is written that needs no run lock: a recording of a live view,
        which takes minutes, would find no archive at its end."""
        store = Store(self._root)
        store.empty_incoming()  # leaves alone what is written at this moment
        if any(not path.is_dir() for path in (self._root / layout.INCOMING).iterdir()):
            raise ArchiveBusy(
                f"A recording of a live view, or a note, is being written to {self._root}, which stays the "
                "archive. Run it again when that has ended; what is copied is there already."
            )

    def _begin(self, marker: Marker) -> None:
        with storage_errors(f"make the folder {self._target}"):
            self._target.mkdir(parents=True, exist_ok=True)
        begun = self._target / BEGUN
        if begun.exists():
            if json.loads(begun.read_text(encoding="utf-8")) != {"uuid": marker.uuid}:
                raise UsageError(
                    f"{self._target} holds what another archive's move left. Name a new or an empty folder."
                )
        elif {path.name for path in self._target.iterdir()} - {layout.INCOMING, _SYSTEMS}:
            raise UsageError(f"{self._target} is not empty. Name a new or an empty folder.")
        self._new.empty_incoming()
        self._new.write_text(BEGUN, json.dumps({"uuid": marker.uuid}))

    def _paths(self) -> Iterator[str]:
        """What is copied as it lies there, relative to the root: all but the catalog's own files."""
        ours = {layout.MARKER, layout.INCOMING, BEGUN}
        catalog = self._catalog.relative_to(self._root).as_posix() if self._catalog else None
        for file in _files(self._root):
            path = file.relative_to(self._root).as_posix()
            if path.partition("/")[0] in ours:
                continue
            if catalog and path in {catalog, f"{catalog}.lock", f"{catalog}-journal"}:
                continue
            yield path

    def _plain_paths(self) -> list[str]:
        return [path for path in self._paths() if not _is_special(self._root / path)]

    def _copy_file(self, path: str) -> str:
        """In a thread: one file, durably; its SHA-256, or where it points to."""
        source, target = self._root / path, self._target / path
        with storage_errors(f"copy {path} to {self._target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            again = path in self._seen
            self._seen[path] = _state(source)
            if source.is_symlink():
                if not _is_same_link(target, source):
                    target.unlink(missing_ok=True)
                    target.symlink_to(source.readlink())
                return str(source.readlink())
            about = source.stat()
            if not again and _is_same(target, about):  # of a move that was broken off; compared all the same
                self._progress(about.st_size)
                return hash_file(source)
            part = self._new.open_part()
            with source.open("rb", buffering=0) as file:
                while chunk := file.read(_CHUNK):
                    part.write(chunk)
                    self._progress(len(chunk))
            self._new.make_durable(part)
            shutil.copystat(source, part.path)
            part.path.replace(target)
            return part.sha256

    def _compare(self, path: str, copied: str) -> None:
        """In a thread: is what the disk has what was read?"""
        target = self._target / path
        with storage_errors(f"read {path} back from {self._target}"):
            if target.is_symlink():
                found, size = str(target.readlink()), 0
            else:
                with target.open("rb", buffering=0) as file:
                    if hasattr(os, "posix_fadvise"):  # from the disk, not from memory
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    found, size = hash_open(file), os.fstat(file.fileno()).st_size
        if found != copied:
            raise IntegrityError(
                f"{path} read back from {self._target} is not what was written. The archive stays where it "
                "is, whole; check that disk."
            )
        self._sizes[path] = size
        self._progress(size)

    def switch(self, archive: Archive, new_catalog: Path) -> None:
        """The catalog, and then the note in place of the old marker. No program writes to the catalog
        meanwhile."""
        catalog = archive.open_catalog(write=True)
        try:
            before = catalog.value("PRAGMA data_version")
            self._check_quiet()
            self._copy_changed()
            if self._catalog is not None:
                with suppress(FileNotFoundError):  # of a move that was broken off just before its note
                    new_catalog.unlink()
                new_catalog.parent.mkdir(parents=True, exist_ok=True)
                catalog.backup(new_catalog)
            with catalog.transaction():
                if catalog.value("PRAGMA data_version") != before:
                    raise ArchiveError(
                        f"Another program wrote to the catalog {archive.catalog_path} while it was copied. "
                        "The archive stays where it is; run it again."
                    )
                self._check_quiet()
                self._point(archive.marker)
        finally:
            catalog.close()

    def _point(self, marker: Marker) -> None:
        note = asdict(marker) | {"moved_to": str(self._target)}
        Store(self._root).write_text(layout.MARKER, json.dumps(note, indent=1) + "\n")

    def finish_switch(self) -> Marker:
        """The marker in the new folder; from here on it is the archive."""
        fields = json.loads((self._root / layout.MARKER).read_text(encoding="utf-8"))
        marker = Marker(uuid=str(fields["uuid"]), account_id=int(fields["account_id"]))
        if not self._is_of(marker):
            raise ArchiveError(
                f"{self._root} was moved to {self._target}, and nothing of it is there. Check that its disk "
                "is mounted; nothing was changed."
            )
        self._new.write_text(layout.MARKER, json.dumps(asdict(marker), indent=1) + "\n")
        self._new.remove([BEGUN])
        return marker

    def _is_of(self, marker: Marker) -> bool:
        """Whether the new folder holds this archive, or its copy: where its disk is not mounted, it holds
        neither."""
        for name in (BEGUN, layout.MARKER):
            with storage_errors(f"read {self._target / name}"), suppress(FileNotFoundError):
                return bool(json.loads((self._target / name).read_text("utf-8"))["uuid"] == marker.uuid)
        return False

    def remove(self) -> list[tuple[str, str]]:
        """Remove what the new folder has, and then empty folders; what stays, and why."""
        left: list[tuple[str, str]] = []
        Store(self._root).empty_incoming()
        for path in list(self._paths()):
            old = self._root / path
            with storage_errors(f"remove {old}"):
                if _is_special(old):
                    left.append((path, "it is no file, link or folder"))
                elif self._has(path):
                    old.unlink()
                else:
                    left.append((path, "it was changed, or came, while the archive was moved"))
        if self._catalog:
            for name in (self._catalog.name, f"{self._catalog.name}.lock", f"{self._catalog.name}-journal"):
                with suppress(OSError):
                    self._catalog.with_name(name).unlink()
        for parent, _, _ in os.walk(self._root, topdown=False):
            if Path(parent) not in (self._root, self._root / _SYSTEMS):
                with suppress(OSError):  # not empty
                    Path(parent).rmdir()
        return left

    def _has(self, path: str) -> bool:
        """Whether the new folder has what lies in the old one now."""
        old, new = self._root / path, self._target / path
        if path in self._seen and self._seen[path] != _state(old):
            return False
        return _is_same_link(new, old) if old.is_symlink() else _is_same(new, old.stat())


def _files(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise StorageError(f"{error.filename} cannot be read: {error.strerror}. Check the disk.") from error

    for parent, folders, names in os.walk(root, onerror=fail):
        if Path(parent) == root and _SYSTEMS in folders:
            folders.remove(_SYSTEMS)
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            yield Path(parent, name)


def _is_special(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _is_same(path: Path, about: os.stat_result) -> bool:
    """Whether a file of that length and time lies there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_size == about.st_size
        and abs(found.st_mtime_ns - about.st_mtime_ns) <= _SAME_TIME
    )


def _is_same_link(path: Path, other: Path) -> bool:
    return path.is_symlink() and path.readlink() == other.readlink()


def _state(path: Path) -> tuple[int, int, int]:
    """What differs once a file was written anew: its length, time and number."""
    found = path.lstat()
    return found.st_size, found.st_mtime_ns, found.st_ino
