"""Clips of the folder that no ``clips.json`` tells of: what ``SHA256SUMS``, names and bytes say of them."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import BadMedia, StorageError
from ..model import utc_text
from . import layout, recordings
from .catalog import Catalog, storable
from .container import walk_jpeg, walk_mp4, walk_ts
from .entries import CLIP_SUFFIXES, BadEntry, check_file
from .feed import insert_row, update_row
from .hashing import hash_file
from .matching import Cameras, imported_from

_NAME = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d[+-]\d{4,6})_(?P<camera>[^_]+)_"
    r"(?P<key>\d+|malformed-[0-9a-f]+|usb-[0-9a-f]{12}|import-[0-9a-f]{8}|live-\d+)(?P<number>~\d+)?\.(mp4|ts)"
)
_NUMBER = re.compile(r"~\d+$")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_SOURCES = {"usb": "local_storage", "import": "import", "liveview": recordings.SOURCE, "cloud": ""}
_PROBLEM = "made from the name of its file by a rebuild, since no clips.json tells of it"
_LISTED = "SHA256SUMS has its hash, but no clips.json tells whether it was proven whole"
_FOUND = "found in the folder by a rebuild; nothing tells how long it has to be"


@dataclass(slots=True)
class Recovered:
    """What came of the strays, by path. ``named``: got a row of their own; ``doubtful``: so did these, but
    their bytes are no whole clip, and wait to be fetched; ``waited``: their row waited for a file that was
    here; ``missing``: SHA256SUMS alone tells of them; ``foreign``: left alone. ``hashed`` counts the clips
    that were read for their hash."""

    named: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)
    hashed: int = 0


@dataclass(frozen=True, slots=True)
class _Name:
    """What our own name of a clip's file tells. ``key`` of an import is only the begin of it."""

    origin: str
    key: str
    camera: str | None
    local: datetime


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of a file: ``hash`` is None where that is no clip's, ``bytes`` where there is no file.

    ``flaw``: why it is not whole; ``listed``: the hash is that of SHA256SUMS, as it stands there.
    """

    hash: str | None
    listed: bool
    bytes: int | None = None
    duration: float | None = None
    flaw: str | None = None

    @property
    def unproven(self) -> str:
        """Why it is not proven to be whole, which takes what Blink said of it."""
        why = _LISTED if self.listed else _FOUND
        return f"{self.flaw}; {why}" if self.flaw else why


class Strays:
    """Looks through the folder for a catalog that is being rebuilt, when all its ``clips.json`` are in."""

    def __init__(self, catalog: Catalog, root: Path, *, run: int, now: datetime) -> None:
        self._catalog = catalog
        self._root = root
        self._run = run
        self._now = now
        self._cameras = Cameras(catalog)
        self._zones: list[str] = [
            row["time_zone"]
            for row in catalog.rows("SELECT time_zone FROM clips GROUP BY 1 ORDER BY count(*) DESC, 1")
        ]
        self.found = Recovered()

    def take_listed(self, folder: str) -> None:
        """The clips that the ``SHA256SUMS`` of a day's folder names, and no row has as its own."""
        sums = read_sums(self._root, folder)
        for path in sorted(sums):
            if path.endswith(CLIP_SUFFIXES):
                self._take(path, sums)

    def take_others(self) -> None:
        """The clips that only the tree tells of, and what in it is nobody's."""
        for folder, names in _media(self._root):
            for name in sorted(names):
                path = f"{folder}/{name}"
                if storable(path) != path:  # a name that is no text is none of ours
                    self.found.foreign.add(storable(path))
                elif name.endswith(CLIP_SUFFIXES):
                    self._take(path, {})
                elif not self._is_thumbnail(path):
                    self.found.foreign.add(path)

    def _take(self, path: str, sums: Mapping[str, str]) -> None:
        row = self._row(path)
        if row is not None and row["sha256"]:
            return
        name = _read_name(path)
        if row is None and name is None:
            self._leave(path)
            return
        file = self._look(path, sums.get(path))
        # What Blink can give again is rather fetched again than taken from bytes that are cut.
        again = row is not None or (name is not None and name.origin == "cloud")
        usable = file.hash is not None and (file.listed or file.flaw is None or not again)
        if row is None and name is not None:
            key = (file.hash or "") if name.origin == "import" else name.key
            if not (usable or again) or self._is_known(name.origin, key):
                self._leave(path)
                return
            row = self._insert(path, name, key)
            (self.found.named if usable else self.found.doubtful).append(path)
        elif usable:
            self.found.waited.append(path)
        if row is not None and usable:
            self._archive(row, path, file, sums)

    def _leave(self, path: str) -> None:
        if os.path.lexists(self._root / path):
            self.found.foreign.add(path)
        else:
            self.found.missing.append(path)

    def _look(self, path: str, listed: str | None) -> _File:
        """What there is of a file. It is read for its hash only where SHA256SUMS does not have that."""
        file = self._root / path
        walk = walk_ts if path.endswith(".ts") else walk_mp4
        length = None
        try:
            about = file.lstat()
            if not stat.S_ISREG(about.st_mode):  # a link may lead anywhere, and a FIFO has no end
                return _File(listed, listed is not None, flaw="it is no plain file")
            length = about.st_size
            with file.open("rb") as opened:
                found = walk(opened)
            if listed is None:
                self.found.hashed += 1
            sha256 = listed or hash_file(file)
        except FileNotFoundError:
            self.found.missing.append(path)
            return _File(listed, listed is not None, flaw="it is missing")
        except OSError as error:
            return _File(listed, listed is not None, length, flaw=f"it cannot be read: {error.strerror}")
        except BadMedia as error:
            return _File(listed, listed is not None, length, flaw=str(error))
        return _File(sha256, listed is not None, length, found.duration, found.flaw)

    def _insert(self, path: str, name: _Name, key: str) -> dict[str, Any]:
        """A row of what the name tells; what is not known of its camera is looked up under its name."""
        camera = self._cameras.find(name.camera)
        local, zone = layout.local_time(name.local, self._zone(name.local))
        at = utc_text(self._now)
        row: dict[str, Any] = {
            "origin": name.origin,
            "origin_key": key,
            "created_at": utc_text(name.local),
            "time_zone": zone,
            "created_local": local.isoformat(timespec="seconds"),
            "local_day": f"{local:%Y-%m-%d}",
            "network_id": camera.network_id,
            "network_name": camera.network_name,
            "camera_id": camera.id,
            "camera_name": None if camera.name is None else storable(camera.name),
            "device_type": camera.device_type,
            "type": "video",
            "source": _SOURCES[name.origin],
            "partial": 0,
            "raw": imported_from(Path(path)) if name.origin == "import" else "{}",
            "problem": _PROBLEM,
            "first_seen_at": at,
            "listed_at": at,
            "path": path,
        }
        with self._catalog.transaction():
            return {"id": insert_row(self._catalog, row), **row}

    def _archive(self, row: Mapping[str, Any], path: str, file: _File, sums: Mapping[str, str]) -> None:
        changes = {
            "bytes": file.bytes,
            "sha256": file.hash,
            "duration": file.duration,
            "unproven": file.unproven,
            "archived_at": utc_text(self._now),
            "partial": 0,
            "last_error": None,
            "next_try_at": None,
            "not_found_at": None,
            **self._thumbnail(layout.thumbnail_path(path), sums),
        }
        detail = {"path": path, "bytes": file.bytes, "sha256": file.hash, "unproven": file.unproven}
        with self._catalog.transaction():
            update_row(self._catalog, row, changes)
            self._catalog.add_event("adopted", at=self._now, clip_id=row["id"], run=self._run, detail=detail)

    def _thumbnail(self, path: str, sums: Mapping[str, str]) -> dict[str, Any]:
        """The columns of the thumbnail beside a clip; none where there is none that is whole."""
        file = self._root / path
        try:
            if not stat.S_ISREG(file.lstat().st_mode):
                return {}
            data = file.read_bytes()
            walk_jpeg(data)
            sha256 = sums.get(path) or hash_file(file)
        except (OSError, BadMedia):  # Blink is asked for it again
            return {}
        return {
            "thumbnail_path": path,
            "thumbnail_bytes": len(data),
            "thumbnail_sha256": sha256,
            "thumbnail_archived_at": utc_text(self._now),
        }

    def _zone(self, local: datetime) -> str:
        """The zone that most clips have of those in which it was this time then; else one of that offset."""
        offset = local.utcoffset() or timedelta(0)
        fixed = f"Etc/GMT{-offset // timedelta(hours=1):+d}" if offset else "UTC"  # by POSIX, west is plus
        for name in (*self._zones, fixed):
            zone = layout.zone(name)
            if zone is not None and local.astimezone(zone).utcoffset() == offset:
                return name
        return "UTC"

    def _row(self, path: str) -> dict[str, Any] | None:
        found = self._catalog.rows(
            "SELECT id, local_day, sha256 FROM clips WHERE path = ? COLLATE NOCASE", (path,)
        )
        return found[0] if found else None

    def _is_known(self, origin: str, key: str) -> bool:
        return bool(
            self._catalog.rows("SELECT 1 FROM clips WHERE origin = ? AND origin_key = ?", (origin, key))
        )

    def _is_thumbnail(self, path: str) -> bool:
        """Whether a clip has its thumbnail there, or would have but for other bytes of that name."""
        stem, _ = posixpath.splitext(path)
        stems = {stem, _NUMBER.sub("", stem)}
        return any(self._row(each + suffix) for each in stems for suffix in CLIP_SUFFIXES)


def read_sums(root: Path, folder: str) -> dict[str, str]:
    """The ``SHA256SUMS`` of a folder: hashes by path, relative to ``root``. What is no such line, or of a
    file that can be none of ours, is left out."""
    found: dict[str, str] = {}
    try:
        text = (root / folder / layout.SHA256SUMS).read_text(encoding="utf-8", errors="replace")
    except OSError:  # none there, or none that can be read: names and bytes have to do
        return found
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            path = posixpath.normpath(posixpath.join(folder, match[2]))
            try:
                found[check_file(path, (*CLIP_SUFFIXES, ".jpg"))] = match[1]
            except BadEntry:
                continue
    return found


def _read_name(path: str) -> _Name | None:
    """What our own name of a file tells; None for a name that this program did not give."""
    match = _NAME.fullmatch(posixpath.basename(path))
    if match is None:
        return None
    try:
        local = datetime.strptime(match["time"], "%Y-%m-%dT%H-%M-%S%z")
    except ValueError:
        return None
    if not 1970 < local.year < 9999:
        return None
    key, camera = match["key"], match["camera"]
    origin, _, number = key.rpartition("-")
    if origin == "live":
        key = f"live-{number}-{local.astimezone(UTC):%Y%m%dT%H%M%S%fZ}{match['number'] or ''}"
    origins = {"usb": "usb", "import": "import", "live": "liveview"}
    return _Name(
        origins.get(origin, "cloud"), key, None if camera == layout.camera_slug(None) else camera, local
    )


def _media(root: Path) -> Iterator[tuple[str, set[str]]]:
    """The folders of the dated tree, and the clips and thumbnails by name in each; but for what a NAS or
    macOS keeps there. Raises `StorageError` for a folder that cannot be read."""

    def fail(error: OSError) -> None:
        raise StorageError(f"{error.filename} cannot be read: {error.strerror}. Check the disk.") from error

    for year in sorted(root.glob("[0-9][0-9][0-9][0-9]")):
        for parent, folders, names in os.walk(year, onerror=fail):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "@")))
            media = {
                name
                for name in names
                if name.lower().endswith((*CLIP_SUFFIXES, ".jpg")) and not name.startswith((".", "@"))
            }
            if media:
                yield Path(parent).relative_to(root).as_posix(), media
