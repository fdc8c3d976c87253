"""The stick of a sync module into the catalog: its manifest, what the cloud covers, what left it.

A clip on a stick has no id that lasts: it is known by module, camera, time and size (protocol.md 7).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model import Manifest, StoredClip, from_utc_text, stripped_name, utc_text
from . import layout
from .catalog import Catalog, storable
from .feed import (
    IN_QUEUE,
    count_listed,
    insert_row,
    json_text,
    mark_dirty,
    mark_gone,
    record_departure,
    update_row,
)

SOURCE = "local_storage"


@dataclass(frozen=True, slots=True)
class RecordedManifest:
    """What a manifest brought: new rows, clips that have left the stick by themselves since the manifest
    before, and how many of them waited here and so are lost. ``problems`` are (clip, what is wrong with its
    entry) of new rows."""

    new: int
    left: int
    gone: int
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NamedCamera:
    """A camera by a name that it has or had; ``type`` is Blink's word for the device."""

    id: int
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around a stick: the network, and its cameras by their stripped names; None for a name
    that several cameras share."""

    network_name: str
    time_zone: str | None
    cameras: Mapping[str, NamedCamera | None]


def record_manifest(
    catalog: Catalog,
    manifest: Manifest,
    around: Surroundings,
    *,
    run: int,
    now: datetime,
    filed: layout.Layout = layout.DEFAULT,
) -> RecordedManifest:
    """Record every clip of a manifest in one transaction, and which of them the cloud covers.

    ``filed`` is how the files of new clips are named.

    A clip that waits here and is in a manifest no more is gone; but an empty or partly unreadable
    manifest proves nothing, and one that is listed again returns to the queue.
    """
    listed = _keyed(manifest)
    _complete(catalog, manifest, listed, around)
    known = {row["origin_key"]: row for row in _rows(catalog, manifest.module_id)}
    before = max((row["listed_at"] for row in known.values()), default="")
    with catalog.transaction():
        for key, clip in listed.items():
            if key not in known:
                clip_id = _insert(catalog, manifest, clip, around, key=key, now=now, filed=filed)
            else:
                clip_id = known[key]["id"]
                _renew(catalog, known[key], clip, now=now)
            count_listed(catalog, clip_id)
        _cover(catalog, manifest.module_id)
        gone = []
        if listed and not manifest.unreadable:
            gone = [
                row for row in _rows(catalog, manifest.module_id, IN_QUEUE) if row["origin_key"] not in listed
            ]
            for row in _rows(catalog, manifest.module_id, "sha256 IS NOT NULL AND remote_deleted_at IS NULL"):
                if row["origin_key"] not in listed:
                    record_departure(catalog, row, now=now)
        for row in gone:
            mark_gone(catalog, row, reason="no longer on the stick", run=run, now=now)
    return RecordedManifest(
        new=len(listed.keys() - known.keys()),
        left=sum(
            key not in listed and row["listed_at"] == before and row["delete_intended_at"] is None
            for key, row in known.items()
        ),
        gone=len(gone),
        problems=tuple(
            (key, clip.problem) for key, clip in listed.items() if clip.problem and key not in known
        ),
    )


def former_names(catalog: Catalog, network_id: int) -> tuple[NamedCamera, ...]:
    """The cameras of a network by the names that they had when the cloud's clips were recorded."""
    rows = catalog.rows(
        "SELECT DISTINCT camera_id, camera_name, device_type FROM clips "
        "WHERE origin = 'cloud' AND network_id = ? AND camera_id IS NOT NULL AND camera_name IS NOT NULL",
        (network_id,),
    )
    return tuple(NamedCamera(row["camera_id"], row["camera_name"], row["device_type"]) for row in rows)


def waiting_on_sticks(catalog: Catalog) -> dict[int, int]:
    """How many clips wait on the stick of each sync module, by its id."""
    rows = catalog.rows(
        f"SELECT sync_module_id AS module, count(*) AS clips FROM clips WHERE {IN_QUEUE} AND origin = 'usb' "
        "GROUP BY 1"
    )
    return {row["module"]: row["clips"] for row in rows}


def _rows(catalog: Catalog, module_id: int, condition: str = "1") -> list[dict[str, Any]]:
    """The clips of a module's stick that an SQL condition names."""
    return catalog.rows(
        "SELECT id, origin_key, sha256, gone_at, network_id, camera_id, camera_name, created_at, covered_by, "
        "local_day, listed_at, remote_deleted_at, delete_intended_at, delete_confirmed_at "
        f"FROM clips WHERE origin = 'usb' AND sync_module_id = ? AND {condition} ORDER BY id",
        (module_id,),
    )


def _renew(catalog: Catalog, row: Mapping[str, Any], clip: StoredClip, *, now: datetime) -> None:
    """A known clip is listed again. Its place at Blink changes with each manifest, and is not worth the
    writing of its day."""
    catalog.db.execute(
        "UPDATE clips SET media = ?, listed_at = ? WHERE id = ?", (clip.path, utc_text(now), row["id"])
    )
    if row["gone_at"]:
        update_row(catalog, row, {"gone_at": None, "gone_reason": None})
    if row["remote_deleted_at"] or row["delete_confirmed_at"]:
        update_row(catalog, row, {"remote_deleted_at": None, "delete_confirmed_at": None})
        catalog.add_event("listed_again", at=now, clip_id=row["id"])


def _keyed(manifest: Manifest) -> dict[str, StoredClip]:
    """The clips by the key that lasts. What several have in common gets a number: each is a clip."""
    keyed: dict[str, StoredClip] = {}
    times: Counter[str] = Counter()
    for clip in manifest.clips:
        facts = f"{manifest.module_id}/{clip.camera_name}/{utc_text(clip.created_at)}/{clip.kilobytes}"
        times[facts] += 1
        text = facts if times[facts] == 1 else f"{facts}/{times[facts]}"
        keyed["usb-" + hashlib.sha256(storable(text).encode()).hexdigest()[:12]] = clip
    return keyed


def _complete(
    catalog: Catalog,
    manifest: Manifest,
    listed: Mapping[str, StoredClip],
    around: Surroundings,
) -> None:
    """A clip of which a rebuild had nothing but the file belongs to the module that lists its key: take all
    that the manifest says of it. The file stays where it is."""
    bare = catalog.rows(
        "SELECT id, origin_key, local_day FROM clips WHERE origin = 'usb' AND sync_module_id IS NULL "
        "AND origin_key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(listed)),),
    )
    with catalog.transaction():
        for row in bare:
            told = _told(manifest, listed[row["origin_key"]], around)
            mark_dirty(catalog, row["local_day"])  # it may have been another one by the name
            update_row(catalog, row | told, told)


def _insert(
    catalog: Catalog,
    manifest: Manifest,
    clip: StoredClip,
    around: Surroundings,
    *,
    key: str,
    now: datetime,
    filed: layout.Layout,
) -> int:
    told = _told(manifest, clip, around)
    local, _ = layout.local_time(clip.created_at, told["time_zone"])
    camera = around.cameras.get(clip.camera_name)
    row = {
        "origin": "usb",
        "origin_key": key,
        **told,
        "first_seen_at": utc_text(now),
        "listed_at": utc_text(now),
        "path": layout.clip_path(
            local,
            camera=camera.name if camera else clip.camera_name,
            network=around.network_name,
            source=SOURCE,
            key=key,
            filed=filed,
        ),
    }
    return insert_row(catalog, row)


def _told(manifest: Manifest, clip: StoredClip, around: Surroundings) -> dict[str, Any]:
    """The columns that the first manifest with a clip decides."""
    camera = around.cameras.get(clip.camera_name)
    name = camera.name if camera else clip.camera_name
    local, zone = layout.local_time(clip.created_at, around.time_zone)
    return {
        "sync_module_id": manifest.module_id,
        "created_at": utc_text(clip.created_at),
        "time_zone": zone,
        "created_local": local.isoformat(timespec="seconds"),
        "local_day": f"{local:%Y-%m-%d}",
        "network_id": manifest.network_id,
        "network_name": storable(around.network_name),
        "camera_id": camera.id if camera else None,
        "camera_name": storable(name),
        "device_type": camera.type if camera else "",
        "type": "video",
        "source": SOURCE,
        "partial": False,
        "media": clip.path,
        "problem": clip.problem,
        "raw": json_text(clip.raw),
    }


def _cover(catalog: Catalog, module_id: int) -> None:
    """Marks which clips without a file are recordings that the cloud has, or had and are archived: the same
    camera, by id or by its name as sticks have it, and the same second.

    Looked at anew each time: a clip that was lost at Blink covers nothing any more. One clip covers one:
    two of one second may be on the stick, and one of them in the cloud. Which one that is stays as it was
    found; else it may be one that has its file, so that what has none is rather fetched than taken for it.
    """
    rows = _rows(catalog, module_id)
    seconds = {_second(row) for row in rows if row["sha256"] is None}
    taken: set[int] = set()
    for row in sorted(rows, key=lambda row: (row["covered_by"] is None, row["sha256"] is None, row["id"])):
        if _second(row) not in seconds:
            continue
        free = [each for each in _covers(catalog, row) if each not in taken]
        cover = row["covered_by"] if row["covered_by"] in free else next(iter(free), None)
        if cover is not None:
            taken.add(cover)
        if row["sha256"] is None and cover != row["covered_by"]:
            update_row(catalog, row, {"covered_by": cover})


def _covers(catalog: Catalog, row: Mapping[str, Any]) -> list[int]:
    """The clips that can be the same recording; neither one that has no path at Blink, was not to be fetched
    so far or is lost here, nor an imported one whose time is a guess."""
    begin = _second(row)
    found = catalog.rows(
        # the plus keeps SQLite from reading all clips of the cloud instead of those of the second
        """
        SELECT id, camera_id, camera_name FROM clips
        WHERE created_at >= ? AND created_at < ? AND network_id = ? AND +origin IN ('cloud', 'import')
          AND (sha256 IS NOT NULL OR (gone_at IS NULL AND remote_deleted_at IS NULL AND media IS NOT NULL
                                       AND attempts = 0))
          AND NOT (origin = 'import' AND problem IS NOT NULL) AND local_removed_reason IS NOT 'lost'
        ORDER BY sha256 IS NULL, id
        """,
        (utc_text(begin), utc_text(begin + timedelta(seconds=1)), row["network_id"]),
    )
    return [each["id"] for each in found if _is_same_camera(each, row)]


def _second(row: Mapping[str, Any]) -> datetime:
    return from_utc_text(row["created_at"]).replace(microsecond=0)


def _is_same_camera(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["camera_id"] is not None and other["camera_id"] is not None:
        return bool(one["camera_id"] == other["camera_id"])
    name = stripped_name(one["camera_name"] or "")  # of which, in some alphabets, nothing is left
    return name != "" and name == stripped_name(other["camera_name"] or "")
