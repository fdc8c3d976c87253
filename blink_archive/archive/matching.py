"""Whose clip a file is, and whether the archive has it: by its bytes, or by its camera and second."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..model import utc_text
from . import layout
from .catalog import Catalog, storable
from .names import fold

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Camera:
    """What the catalog knows of the camera of a file; nothing but ``name`` where that means none, or
    several. ``time_zone`` (IANA) is its network's, or that of all networks there are."""

    name: str | None
    id: int | None = None
    network_id: int | None = None
    network_name: str | None = None
    time_zone: str | None = None
    device_type: str = ""


@dataclass(frozen=True, slots=True)
class Twin:
    """A clip of the same camera and second: its key, its status, and the folder that it was imported from,
    if it was."""

    clip: str
    status: str
    folder: Path | None


class Cameras:
    """The cameras of a catalog by the names that they have and had."""

    def __init__(self, catalog: Catalog) -> None:
        self._now = {row["id"]: row for row in catalog.rows("SELECT id, name, network_id, type FROM cameras")}
        self._networks = {row["id"]: row for row in catalog.rows("SELECT id, name, time_zone FROM networks")}
        zones = {row["time_zone"] for row in self._networks.values()} - {None}
        self._only_zone = zones.pop() if len(zones) == 1 else None
        self._then = catalog.rows(
            "SELECT DISTINCT camera_id AS id, camera_name AS name, network_id FROM clips "
            "WHERE camera_id IS NOT NULL AND camera_name IS NOT NULL"
        )
        self._by_name: dict[str, set[int]] = defaultdict(set)
        self._by_slug: dict[str, set[int]] = defaultdict(set)
        for row in (*self._now.values(), *self._then):
            for key, index in zip(_keys(row["name"]), (self._by_name, self._by_slug), strict=True):
                index[key].add(row["id"])

    def ids(self, text: str) -> set[int]:
        """The cameras that a file's name, or a person, means by ``text``: a name, what a stick or a slug
        leaves of one, or an id."""
        if by_id := {each for each in self._now if str(each) == text}:
            return by_id
        key = fold(text)
        return (self._by_name.get(key) or self._by_slug.get(key) or set()) if key else set()

    def find(self, text: str | None) -> Camera:
        """The one camera of that name, or what there is to know where it means none or several."""
        ids = self.ids(text) if text else set()
        if len(ids) != 1:
            spelled = {self._now[each]["name"] for each in ids if each in self._now}
            return Camera(spelled.pop() if len(spelled) == 1 else text, time_zone=self._only_zone)
        (camera_id,) = ids
        now = self._now.get(camera_id)
        then = [row for row in self._then if row["id"] == camera_id]
        networks = {row["network_id"] for row in ([now] if now else then)}
        network_id = networks.pop() if len(networks) == 1 else None
        network = self._networks.get(network_id, {})
        names = [row["name"] for row in ([now] if now else []) + then]
        return Camera(
            name=next((name for name in names if fold(text or "") in _keys(name)), names[0]),
            id=camera_id,
            network_id=network_id,
            network_name=network.get("name"),
            time_zone=network.get("time_zone") or self._only_zone,
            device_type=now["type"] if now else "",
        )


class Matches:
    """The clips of a catalog, and those that an import has taken since (`add`)."""

    def __init__(self, catalog: Catalog, cameras: Cameras) -> None:
        self._catalog = catalog
        self._cameras = cameras
        self._by_hash: dict[str, str] = {
            row["sha256"]: row["clip"]
            for row in catalog.rows(
                # one that was pruned or lost here can be taken in again; but an imported one has its key
                "SELECT sha256, clip FROM clips_view WHERE sha256 IS NOT NULL "
                "AND (status = 'archived' OR origin = 'import')"
            )
        }
        self._taken: dict[datetime, list[tuple[str, Twin]]] = defaultdict(list)

    def add(self, sha256: str, *, camera: str | None, at: datetime, folder: Path) -> None:
        """An import takes these bytes. ``camera`` as in `twins`."""
        clip = layout.import_key(sha256)
        self._by_hash[sha256] = clip
        if camera is not None:
            self._taken[_floor(at)].append((camera, Twin(clip, "archived", folder)))

    def archived(self, sha256: str) -> str | None:
        """The key of the clip that has these bytes."""
        return self._by_hash.get(sha256)

    def twins(self, camera: str, at: datetime) -> list[Twin]:
        """Every clip of that camera (by a name, as in `Cameras.ids`) within a second of ``at``, but for those
        imported ones whose time is a guess."""
        ids, keys = self._cameras.ids(camera), {fold(camera)} - {""}
        rows = self._catalog.rows(
            "SELECT clip, status, clips.camera_id, clips.camera_name, clips.origin, clips.raw "
            "FROM clips JOIN clips_view USING (id) WHERE clips.created_at >= ? AND clips.created_at < ? "
            "AND NOT (clips.origin = 'import' AND problem IS NOT NULL)",
            (utc_text(_floor(at) - _SECOND), utc_text(_floor(at) + 2 * _SECOND)),
        )
        found = [
            Twin(row["clip"], row["status"], _folder(row))
            for row in rows
            if row["camera_id"] in ids or not keys.isdisjoint(_keys(row["camera_name"] or ""))
        ]
        for second in (_floor(at) + number * _SECOND for number in (-1, 0, 1)):
            found += [
                twin
                for other, twin in self._taken.get(second, ())
                if not keys.isdisjoint(_keys(other)) or not ids.isdisjoint(self._cameras.ids(other))
            ]
        return found


def _keys(name: str) -> tuple[str, str]:
    """What a stick, and what a slug, leaves of a camera's name."""
    slug = layout.camera_slug(name)
    return fold(name), "" if slug == layout.camera_slug(None) else fold(slug)


def _folder(row: dict[str, Any]) -> Path | None:
    return Path(json.loads(row["raw"])["file"]).parent if row["origin"] == "import" else None


def imported_from(path: Path) -> str:
    """The ``raw`` of an imported clip: all that there is to keep of its listing."""
    return storable(json.dumps({"file": str(path)}, ensure_ascii=False))


def _floor(at: datetime) -> datetime:
    return at.replace(microsecond=0)
