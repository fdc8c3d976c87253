"""Local retention: which files are to leave the archive by the user's wish, and their removal.

The plan is a function of facts. A clip is as old as its recording; a file's own time counts nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..model import from_utc_text, utc_text
from .catalog import Catalog
from .days import files
from .feed import update_row
from .store import Store


@dataclass(frozen=True, slots=True)
class LocalClip:
    """A clip with files here; ``bytes`` with its thumbnail. ``at_blink``: as far as is known here, Blink (or
    a stick) still has it."""

    id: int
    key: str
    created_at: datetime
    recorded: str
    camera: str | None
    bytes: int
    starred: bool
    at_blink: bool


@dataclass(frozen=True, slots=True)
class Retention:
    """What the user wants: clips recorded longer ago than ``keep`` leave, then the oldest until all that is
    here is at most ``max_size`` bytes. ``force``: also what Blink still has."""

    keep: timedelta | None = None
    max_size: int | None = None
    keep_starred: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """(clip, why) of what leaves and of what would, but is kept; oldest first. ``left`` is the bytes of all
    that stays."""

    remove: tuple[tuple[LocalClip, str], ...]
    kept: tuple[tuple[LocalClip, str], ...]
    left: int


def plan_retention(clips: Iterable[LocalClip], wanted: Retention, *, now: datetime) -> LocalPlan:
    """The plan for all clips that have files here. Nothing but its arguments is looked at."""
    remove: list[tuple[LocalClip, str]] = []
    kept: list[tuple[LocalClip, str]] = []
    ordered = sorted(clips, key=lambda clip: (clip.created_at, clip.id))
    left = sum(clip.bytes for clip in ordered)
    for clip in ordered:
        too_old = wanted.keep is not None and now - clip.created_at > wanted.keep
        too_much = wanted.max_size is not None and left > wanted.max_size
        if not (too_old or too_much):
            continue
        if clip.at_blink and not wanted.force:
            kept.append((clip, "Blink still has it"))
        elif clip.starred and wanted.keep_starred:
            kept.append((clip, "starred"))
        else:
            remove.append((clip, "too old" if too_old else "too much"))
            left -= clip.bytes
    return LocalPlan(tuple(remove), tuple(kept), left)


def narrowed(plan: LocalPlan, keys: set[str]) -> LocalPlan:
    """The plan with no other clips to remove than those of these keys; the others stay."""
    stay = sum(clip.bytes for clip, _ in plan.remove if clip.key not in keys)
    return LocalPlan(tuple(each for each in plan.remove if each[0].key in keys), plan.kept, plan.left + stay)


def without_stars(catalog: Catalog, clips: Sequence[LocalClip]) -> list[LocalClip]:
    """Those of the clips that have no star by now."""
    starred = {row["id"] for row in catalog.rows("SELECT id FROM clips WHERE starred_at IS NOT NULL")}
    return [clip for clip in clips if clip.id not in starred]


def local_clips(catalog: Catalog) -> Iterator[LocalClip]:
    """Every clip that the catalog says has files here."""
    for row in catalog.rows(
        """
        SELECT id, origin_key, created_at, created_local, camera_name, starred_at,
          coalesce(bytes, 0) + coalesce(thumbnail_bytes, 0) AS total,
          origin IN ('cloud', 'usb') AND remote_deleted_at IS NULL AND gone_at IS NULL AS at_blink
        FROM clips WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
        """
    ):
        yield LocalClip(
            id=row["id"],
            key=row["origin_key"],
            created_at=from_utc_text(row["created_at"]),
            recorded=row["created_local"],
            camera=row["camera_name"],
            bytes=row["total"],
            starred=row["starred_at"] is not None,
            at_blink=bool(row["at_blink"]),
        )


def record_removal(
    catalog: Catalog, store: Store, clips: Sequence[LocalClip], *, run: int, now: datetime
) -> dict[int, str]:
    """Give these clips up, under the run lock: `write_dirty_days` then removes their files. Where something
    else than the catalog knows lies there, the clip stays: such paths by the clips' ids."""
    strange: dict[int, str] = {}
    with catalog.transaction():
        for clip in clips:
            row = catalog.rows("SELECT * FROM clips WHERE id = ?", (clip.id,))[0]
            if other := next(
                (path for path, sha256 in files([row]) if not _is_ours(store, path, sha256)), None
            ):
                strange[clip.id] = other
                continue
            changes = {"local_removed_at": utc_text(now), "local_removed_reason": "pruned"}
            update_row(catalog, row, changes)
            catalog.add_event("pruned", at=now, clip_id=row["id"], run=run, detail={"path": row["path"]})
    return strange


def _is_ours(store: Store, path: str, sha256: str) -> bool:
    """Whether nothing but the bytes that the catalog knows lies there, if anything does."""
    return not os.path.lexists(store.file(path)) or store.holds(path, sha256)
