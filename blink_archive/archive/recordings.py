"""Live views that this program recorded, into the archive: a clip of an origin of its own.

No run lock is held: a recording takes minutes, and a sync may run meanwhile. Its part is locked instead
(`Store.live_part`), and each step is a short transaction. The row comes before the file's name, as with every
clip: so a program that is killed between the two leaves a name that the catalog knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..model import Camera, from_utc_text, utc_text
from . import layout
from .catalog import Catalog, free_path, storable
from .container import walk_ts
from .days import write_dirty_days
from .feed import IN_QUEUE, insert_row, mark_gone
from .orphans import named_file
from .queue import Outcome, QueuedClip, Saved, SavedClip, record_outcomes
from .store import Part, Store, storage_errors

ORIGIN = "liveview"
SOURCE = "liveview-recording"

_UNDER_WAY = timedelta(minutes=1)  # so long may another program be between the row and the name


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded: the camera and its network as they are called now, the network's zone (IANA), when
    the first picture came (aware), and the id of the live view's command at Blink."""

    camera: Camera
    network_name: str | None
    time_zone: str | None
    started_at: datetime
    command_id: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording in the archive: ``clip`` is what `show` calls it; ``unproven`` as in the catalog."""

    clip: str
    path: str
    bytes: int
    duration: float | None
    unproven: str | None


def store_recording(
    catalog: Catalog, store: Store, part: Part, recording: Recording, *, now: datetime
) -> Recorded:
    """Give a part that holds a recording its name and its row, durably, and write its day anew.

    Raises BadMedia for what is no MPEG-TS, of which nothing is kept, and StorageError.
    """
    with storage_errors(f"read {part.path.name} back"):
        stream = walk_ts(part.file)
    store.make_durable(part, mtime=recording.started_at)
    clip = _insert(catalog, recording, now=now)
    kept = store.keep(part, clip.path)
    saved = Saved(kept, part.length, part.sha256)
    _record(catalog, store, clip, SavedClip(saved, stream.duration, stream.flaw), run=None, now=now)
    write_dirty_days(catalog, store, only=clip.local_day)
    return Recorded(clip.key, kept.path, part.length, stream.duration, stream.flaw)


def finish_recordings(catalog: Catalog, store: Store, *, run: int, now: datetime) -> None:
    """Complete what a killed program left: a recording with its name is archived, one without is gone."""
    for row in catalog.rows(
        f"SELECT id, origin_key, created_at, local_day, path, first_seen_at FROM clips "
        f"WHERE origin = ? AND {IN_QUEUE} ORDER BY id",
        (ORIGIN,),
    ):
        if saved := named_file(store, row["path"], walk_ts):
            _record(catalog, store, _queued(row), saved, run=run, now=now)
        elif from_utc_text(row["first_seen_at"]) < now - _UNDER_WAY:
            with catalog.transaction():
                mark_gone(catalog, row, reason="its recording was broken off", run=run, now=now)


def _record(
    catalog: Catalog, store: Store, clip: QueuedClip, saved: SavedClip, *, run: int | None, now: datetime
) -> None:
    store.sync_folders([saved.file.kept.path])
    record_outcomes(catalog, [Outcome(clip, saved=saved)], run=run, now=now)


def _insert(catalog: Catalog, recording: Recording, *, now: datetime) -> QueuedClip:
    """The row of a recording that has no name yet."""
    camera, started = recording.camera, recording.started_at
    local, zone = layout.local_time(started, recording.time_zone)
    row = {
        "origin": ORIGIN,
        "origin_key": f"live-{camera.id}-{started.astimezone(UTC):%Y%m%dT%H%M%S%fZ}",
        "created_at": utc_text(started),
        "time_zone": zone,
        "created_local": local.isoformat(timespec="seconds"),
        "local_day": f"{local:%Y-%m-%d}",
        "network_id": camera.network_id,
        "network_name": None if recording.network_name is None else storable(recording.network_name),
        "camera_id": camera.id,
        "camera_name": storable(camera.name),
        "device_type": storable(camera.type),
        "type": "video",
        "source": SOURCE,
        "partial": 0,
        "raw": json.dumps({"command_id": recording.command_id, "started_at": utc_text(started)}),
        "first_seen_at": utc_text(now),
        "listed_at": utc_text(now),
    }
    path = layout.clip_path(local, camera=camera.name, key=f"live-{camera.id}", extension=".ts")
    with catalog.transaction():
        row["path"] = free_path(catalog, path)  # two recordings can begin in one second
        row["id"] = insert_row(catalog, row)
    return _queued(row)


def _queued(row: Mapping[str, Any]) -> QueuedClip:
    return QueuedClip(
        id=row["id"],
        key=row["origin_key"],
        partial=False,
        created_at=from_utc_text(row["created_at"]),
        local_day=row["local_day"],
        media=None,
        thumbnail=None,
        path=row["path"],
        archived=False,
        attempts=0,
    )
