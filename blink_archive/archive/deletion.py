"""Deletion at Blink: which clips may go and why the others stay, and what is written down before and after.

Nothing is sent from here. A clip may go if it is archived, proven whole, and has been for as long as the
user wants; `proof.prove` reads its files back, just before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model import utc_text
from .catalog import Catalog
from .feed import LISTED, mark_dirty
from .filters import Filter, where

# Two clips of a stick can be alike in all that they are known by: the next manifest may list them in another
# order, or one of them alone, and nothing tells which of the two is here. What one of them does not say (a
# rebuild may not know it) is taken for the same.
_HAS_TWIN = """
  origin = 'usb' AND EXISTS (
    SELECT 1 FROM clips AS twin
    WHERE twin.origin = 'usb' AND twin.id <> clips.id AND twin.created_at = clips.created_at
      AND coalesce(twin.sync_module_id = clips.sync_module_id, 1)
      AND coalesce(json_extract(twin.raw, '$.camera_name') = json_extract(clips.raw, '$.camera_name'), 1)
      AND coalesce(CAST(json_extract(twin.raw, '$.size') AS INTEGER)
                   = CAST(json_extract(clips.raw, '$.size') AS INTEGER), 1)
  )
"""


@dataclass(frozen=True, slots=True)
class AtBlink:
    """A clip that is at Blink (or on a stick), as far as is known here, and why it may go or stays.

    ``media`` is its path at Blink, ``bytes`` its size here, None where it is not archived.
    """

    id: int
    key: str
    recorded: str
    camera: str | None
    local_day: str
    media: str | None
    bytes: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prune would delete at Blink, and what it keeps there; both oldest first."""

    delete: tuple[AtBlink, ...]
    kept: tuple[AtBlink, ...]


def plan(
    catalog: Catalog,
    wanted: Filter,
    *,
    origin: str,
    keep: timedelta,
    now: datetime,
    module: int | None = None,
) -> Plan:
    """The plan for the clips of an ``origin`` (``cloud`` or ``usb``) that ``wanted`` matches; ``keep``: for
    so long after it was archived, a clip stays. With ``module``, only what this run's manifest of that
    sync module's stick lists. Raises `UsageError` as `where` does."""
    condition, parameters = where(catalog, wanted)
    if module is not None:
        condition += f" AND sync_module_id = :module AND {LISTED}"
        parameters["module"] = module
    rows = catalog.rows(
        f"""
        SELECT id, origin_key, created_local, camera_name, local_day, media, bytes,
          archived_at,
          CASE
            WHEN local_removed_at IS NOT NULL THEN 'not here any more: ' || local_removed_reason
            WHEN sha256 IS NULL AND excluded_at IS NOT NULL THEN 'excluded, and so not archived'
            WHEN sha256 IS NULL AND covered_by IS NOT NULL
              THEN 'archived from the cloud, not by its own bytes'
            WHEN sha256 IS NULL THEN 'not archived: ' || coalesce(last_error, problem, 'it waits')
            WHEN unproven IS NOT NULL THEN 'unproven: ' || unproven
            WHEN origin = 'cloud' AND thumbnail_sha256 IS NULL AND thumbnail_missing_at IS NULL
              THEN coalesce(thumbnail_error, 'its thumbnail is not here')
            WHEN {_HAS_TWIN} THEN 'its stick has, or had, another clip of this camera, time and size'
            WHEN origin = 'cloud' AND (origin_key GLOB '*[^0-9]*' OR origin_key GLOB '0*')
              THEN 'Blink gave it no id'
            WHEN :keeps AND archived_at > :until THEN 'archived only ' || substr(archived_at, 1, 16) || 'Z'
          END AS kept
        FROM clips
        WHERE origin = :origin AND remote_deleted_at IS NULL AND gone_at IS NULL
          AND delete_confirmed_at IS NULL AND {condition}
        ORDER BY created_at, id
        """,
        parameters | {"origin": origin, "keeps": keep > timedelta(0), "until": utc_text(now - keep)},
    )
    clips = [
        AtBlink(
            id=row["id"],
            key=row["origin_key"],
            recorded=row["created_local"],
            camera=row["camera_name"],
            local_day=row["local_day"],
            media=row["media"],
            bytes=row["bytes"],
            reason=row["kept"] or f"archived {row['archived_at'][:16]}Z",
        )
        for row in rows
    ]
    may_go = [row["kept"] is None for row in rows]
    return Plan(
        delete=tuple(clip for clip, goes in zip(clips, may_go, strict=True) if goes),
        kept=tuple(clip for clip, goes in zip(clips, may_go, strict=True) if not goes),
    )


def files(catalog: Catalog, clips: Sequence[AtBlink]) -> list[dict[str, Any]]:
    """What `proof.prove` has to find of these clips."""
    return catalog.rows(
        "SELECT path, sha256, thumbnail_path, thumbnail_sha256 FROM clips "
        "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY created_at, id",
        (json.dumps([clip.id for clip in clips]),),
    )


def record_intent(catalog: Catalog, clips: Sequence[AtBlink], *, run: int, now: datetime) -> None:
    """Write down, before Blink is asked, that these clips are about to be deleted; their files are proven."""
    with catalog.transaction():
        for clip in clips:
            _record(catalog, clip, "delete_intended", run=run, now=now)
            catalog.db.execute("UPDATE clips SET verified_at = ? WHERE id = ?", (utc_text(now), clip.id))


def record_confirmation(catalog: Catalog, clips: Sequence[AtBlink], *, run: int, now: datetime) -> None:
    """Write down that Blink said it has deleted these clips. That they are gone, the next walk tells."""
    with catalog.transaction():
        for clip in clips:
            _record(catalog, clip, "delete_confirmed", run=run, now=now)


def _record(catalog: Catalog, clip: AtBlink, kind: str, *, run: int, now: datetime) -> None:
    catalog.db.execute(f"UPDATE clips SET {kind}_at = ? WHERE id = ?", (utc_text(now), clip.id))
    catalog.add_event(kind, at=now, clip_id=clip.id, run=run)
    mark_dirty(catalog, clip.local_day)
