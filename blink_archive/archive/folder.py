"""An archive as a whole: its marker, its catalog, its store, and the lock that a run holds."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ..errors import ArchiveBusy, ArchiveError, CatalogMissing, NewerFormat, NotAnArchive, WrongAccount
from . import layout
from .catalog import FORMAT, Catalog
from .store import Store, storage_errors

_LOCK_PATIENCE = 0.5  # seconds: `is_locked` of a reader holds it for an instant
_READERS_PATIENCE = 0.1  # likewise, and a second reader is not to take the first one for a run
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.rclone"}


@dataclass(frozen=True, slots=True)
class Marker:
    """``.blink-archive.json``: what says that a folder is an archive, and whose."""

    uuid: str
    account_id: int
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive on disk: ``root`` and where its catalog is."""

    root: Path
    catalog_path: Path
    marker: Marker

    @property
    def store(self) -> Store:
        """The folder's writer."""
        return Store(self.root)

    def open_catalog(self, *, write: bool = False) -> Catalog:
        """The catalog, proven to be this folder's. Raises `ArchiveError` and its kin."""
        catalog = Catalog.open(self.catalog_path) if write else Catalog.read(self.catalog_path)
        with catalog.closed_on_failure():
            found = catalog.rows("SELECT uuid, account_id FROM archive")
            if found != [{"uuid": self.marker.uuid, "account_id": self.marker.account_id}]:
                raise ArchiveError(
                    f"The catalog {self.catalog_path} belongs to another archive than {self.root}. "
                    "Check --archive and --catalog; nothing was changed."
                )
        return catalog

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the archive for one run; `ArchiveBusy` if another one does."""
        from filelock import FileLock, Timeout  # not loaded for a mere look into the catalog

        lock = FileLock(f"{self.catalog_path}.lock")
        with storage_errors(f"lock {self.catalog_path.name}"):
            try:
                lock.acquire(timeout=_LOCK_PATIENCE)
            except Timeout:
                raise ArchiveBusy(
                    f"Another run is working on {self.root}. Wait for it to end, or stop it."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def check_still_there(self) -> None:
        """Raise `ArchiveError` unless folder and catalog still are where they were: a disk can leave at any
        time, and another one come."""
        if open_archive(self.root, self.catalog_path) != self:
            raise ArchiveError(
                f"{self.root} is another archive than it was a moment ago. Check which disk is mounted there."
            )

    def is_locked(self) -> bool:
        """Whether a run holds the archive at this moment; never on a disk that cannot be written to."""
        file = Path(f"{self.catalog_path}.lock")
        if not file.exists():  # a reader must not make it: it may be another user's
            return False
        from filelock import FileLock, Timeout

        lock = FileLock(file)
        try:
            lock.acquire(timeout=_READERS_PATIENCE, poll_interval=0.01)
        except Timeout:
            return True
        except OSError:
            return False
        lock.release()
        return False

    def check_account(self, account_id: int) -> None:
        """Raise `WrongAccount` unless the archive is that account's."""
        if account_id != self.marker.account_id:
            raise WrongAccount(
                f"{self.root} is the archive of account {self.marker.account_id}, and account {account_id} "
                "is signed in. Sign in to the other one, or name another folder with --archive."
            )


def find_archive(root: Path, catalog_path: Path) -> Archive:
    """The archive in that folder, with its catalog or without. Raises `NotAnArchive`, `NewerFormat`,
    `ArchiveError`."""
    return Archive(root, catalog_path, _read_marker(root))


def open_archive(root: Path, catalog_path: Path) -> Archive:
    """The archive in that folder. Raises `NotAnArchive`, `CatalogMissing`, `NewerFormat`, `ArchiveError`."""
    archive = find_archive(root, catalog_path)
    with storage_errors(f"reach the catalog {catalog_path}"):
        found = catalog_path.is_file()
    if not found:
        raise CatalogMissing(
            f"{root} is an archive, but its catalog {catalog_path} is missing. The clips in the folder are "
            "safe; name the catalog with --catalog, put back a copy of it, or run `blink-archive catalog "
            "rebuild`, which makes a new one from the folder."
        )
    return archive


def create_archive(
    root: Path, catalog_path: Path, *, account_id: int, uuid: str, now: datetime
) -> tuple[Archive, bool]:
    """Make the folder an archive of that account, or open the one that is there: (archive, is new).

    The catalog comes first and the marker last: a crash between them leaves what the next call
    completes. A catalog that knows clips is not given a new folder: perhaps a disk is not mounted.
    """
    if is_archive(root):
        archive = open_archive(root, catalog_path)
        archive.check_account(account_id)
        return archive, False
    _make_folder(catalog_path.parent)
    with Archive(root, catalog_path, Marker(uuid=uuid, account_id=account_id)).lock():
        if is_archive(root):  # made by another `init` at the same time
            return open_archive(root, catalog_path), False
        if Catalog.is_blank(catalog_path):
            Catalog.create(catalog_path, uuid=uuid, account_id=account_id, now=now).close()
        else:
            uuid = _unused_catalog(root, catalog_path, account_id=account_id)
        _make_folder(root)
        archive = Archive(root, catalog_path, Marker(uuid=uuid, account_id=account_id))
        store = archive.store
        store.empty_incoming()
        store.write_text(layout.MARKER, json.dumps(asdict(archive.marker), indent=1) + "\n")
    return archive, True


def _make_folder(folder: Path) -> None:
    with storage_errors(f"make the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)


def is_archive(root: Path) -> bool:
    """Whether the folder has a marker."""
    return os.path.lexists(root / layout.MARKER)


def account_of(root: Path) -> int | None:
    """Whose archive the folder is, by its marker; None where it is none. Raises as `open_archive`."""
    return _read_marker(root).account_id if is_archive(root) else None


def moved_to(root: Path) -> Path | None:
    """Where the archive went that was in that folder (`archive.move`); None where its marker tells of no
    move, or there is none."""
    try:
        fields = json.loads((root / layout.MARKER).read_text(encoding="utf-8"))
        return Path(fields["moved_to"])
    except (OSError, ValueError, KeyError, TypeError):  # what is wrong with it, `find_archive` tells
        return None


def on_network_file_system(path: Path) -> str | None:
    """The kind of network file system that ``path`` lies on, None for a local one or where only the
    system knows (locks and fsync are weaker there, so that a person should be told)."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return None
    best, kind = "", None
    resolved = str(path.resolve())
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split(" ")[4].replace("\\040", " ")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, rest.split(" ")[0]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _read_marker(root: Path) -> Marker:
    path = root / layout.MARKER
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["format"] > FORMAT:
            raise NewerFormat(
                f"{root} has format {fields['format']}; this version knows up to {FORMAT}. "
                "Update blink-archive; nothing was changed."
            )
        if "moved_to" in fields:
            raise NotAnArchive(
                f"The archive of {root} was moved to {fields['moved_to']}. Name that folder with --archive, "
                "or in the configuration; if the move was broken off, the same `archive move` ends it."
            )
        return Marker(uuid=str(fields["uuid"]), account_id=int(fields["account_id"]), format=FORMAT)
    except FileNotFoundError:
        raise NotAnArchive(
            f"{root} is not an archive: it has no {layout.MARKER}. If it lies on a disk, check that the disk "
            "is mounted; to start a new archive there, run `blink-archive init` or `sync --init`."
        ) from None
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}. Check the disk.") from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ArchiveError(
            f"{path} is damaged. It holds uuid, account_id and format, which the catalog's table "
            "`archive` repeats: write them back from there."
        ) from error


def _unused_catalog(root: Path, catalog_path: Path, *, account_id: int) -> str:
    """The uuid of a catalog that a crash left without its marker."""
    catalog = Catalog.open(catalog_path)
    try:
        row = catalog.rows("SELECT uuid, account_id FROM archive")[0]
        clips = catalog.value("SELECT count(*) FROM clips")
    finally:
        catalog.close()
    if clips or row["account_id"] != account_id:
        raise NotAnArchive(
            f"{root} has no {layout.MARKER}, but the catalog {catalog_path} knows {clips} clips of an "
            "archive of its own. Check that the disk is mounted, or name another folder or --catalog."
        )
    return str(row["uuid"])
