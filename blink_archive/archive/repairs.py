"""What is damaged or lost here, and what became of it, in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model import from_utc_text, utc_text
from .catalog import Catalog
from .feed import LISTED, update_row
from .findings import Finding, check_file
from .store import Store


@dataclass(frozen=True, slots=True)
class Damage:
    """A clip whose files were looked at just now: ``video`` and ``picture`` say what is wrong with each.

    ``media`` and ``thumbnail`` are paths at Blink. ``lost``: it was marked so before. ``deleted``: Blink
    (or a stick) was seen to have it no more. ``expired``: it is older than Blink's cloud keeps clips.
    """

    id: int
    origin: str
    module: int | None
    created_at: datetime
    local_day: str
    media: str | None
    thumbnail: str | None
    deleted: bool
    expired: bool
    lost: bool
    path: str
    sha256: str
    thumbnail_path: str | None
    thumbnail_sha256: str | None
    video: Finding | None
    picture: Finding | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that was fetched again and has its name; ``aside`` is where the damaged one went. ``duration``
    (seconds) and ``unproven`` are those of a clip."""

    bytes: int
    sha256: str
    aside: str | None
    duration: float | None = None
    unproven: str | None = None


class Repairs:
    """The damages of one archive in one ``run``, and what is written down of them. Each `Damage` is of this
    same archive; each record is one transaction."""

    def __init__(self, catalog: Catalog, store: Store, *, run: int, now: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self._store = store
        self._run = run
        self._now = now

    def lost(self) -> list[int]:
        """The clips that are marked lost."""
        rows = self._catalog.rows("SELECT id FROM clips WHERE local_removed_reason = 'lost' ORDER BY id")
        return [row["id"] for row in rows]

    def is_listed(self, clip_id: int) -> bool:
        """Whether this run has seen the clip listed (`feed.start_account`)."""
        return bool(self._catalog.value(f"SELECT 1 FROM clips WHERE id = ? AND {LISTED}", (clip_id,)))

    def examine(self, clip_id: int) -> Damage | None:
        """Look at a clip's files anew; None where none has to be here."""
        rows = self._catalog.rows(
            """
            SELECT clips.*, auto_delete_days FROM clips, archive JOIN accounts ON accounts.id = account_id
            WHERE clips.id = ? AND sha256 IS NOT NULL AND local_removed_reason IS NOT 'pruned'
            """,
            (clip_id,),
        )
        if not rows:
            return None
        row = rows[0]
        created, days = from_utc_text(row["created_at"]), row["auto_delete_days"]
        return Damage(
            id=clip_id,
            origin=row["origin"],
            module=row["sync_module_id"],
            created_at=created,
            local_day=row["local_day"],
            media=row["media"],
            thumbnail=row["thumbnail"],
            deleted=row["remote_deleted_at"] is not None,
            expired=row["origin"] == "cloud" and bool(days) and created < self._now() - timedelta(days=days),
            lost=row["local_removed_at"] is not None,
            path=row["path"],
            sha256=row["sha256"],
            thumbnail_path=row["thumbnail_path"],
            thumbnail_sha256=row["thumbnail_sha256"],
            video=self._check(clip_id, row["path"], row["sha256"]),
            picture=self._check(clip_id, row["thumbnail_path"], row["thumbnail_sha256"]),
        )

    def _check(self, clip_id: int, path: str | None, sha256: str | None) -> Finding | None:
        if path is None or sha256 is None:
            return None
        return check_file(self._store.root, path, sha256, clip_id=clip_id)[1]

    def record_found(self, damage: Damage) -> None:
        """The file of a clip that was marked lost is back, byte for byte."""
        changes = {"local_removed_at": None, "local_removed_reason": None}
        detail = {"path": damage.path, "was": "lost"}
        self._record(damage, "repaired", changes, detail, whole=damage.picture is None)

    def record_clip(self, damage: Damage, video: Finding, arrived: Arrived) -> None:
        """The clip was fetched again; with other bytes than before, if Blink gave such."""
        changes: dict[str, Any] = {"local_removed_at": None, "local_removed_reason": None}
        if arrived.sha256 != damage.sha256:
            changes |= {
                "bytes": arrived.bytes,
                "sha256": arrived.sha256,
                "duration": arrived.duration,
                "unproven": arrived.unproven,
            }
        was = "lost" if damage.lost else video.kind
        detail = _repaired(damage.path, arrived, was=was, before=damage.sha256)
        self._record(damage, "repaired", changes, detail, whole=damage.picture is None)

    def record_thumbnail(self, damage: Damage, picture: Finding, arrived: Arrived) -> None:
        """The thumbnail was fetched again, as in `record_clip`; the clip itself is well by now."""
        changes: dict[str, Any] = {}
        if arrived.sha256 != damage.thumbnail_sha256:
            changes = {"thumbnail_bytes": arrived.bytes, "thumbnail_sha256": arrived.sha256}
        detail = _repaired(picture.path, arrived, was=picture.kind, before=damage.thumbnail_sha256)
        self._record(damage, "repaired", changes, detail, whole=True)

    def record_lost(self, damage: Damage, video: Finding, *, why: str) -> None:
        """Nobody can bring the clip any more. What is left of it stays where it is: if the disk only failed
        to read it, the next repair finds it well."""
        changes = {"local_removed_at": utc_text(self._now()), "local_removed_reason": "lost"}
        detail = {"path": video.path, "kind": video.kind, "why": why}
        self._record(damage, "lost", changes, detail, whole=False)

    def record_lost_thumbnail(
        self, damage: Damage, picture: Finding, *, why: str, not_found: bool, aside: str | None
    ) -> None:
        """Nobody can bring the thumbnail any more; the clip itself is well. ``not_found``: Blink answered so;
        else it is asked again if it ever lists the clip. ``aside`` is where what was left of it went."""
        columns = ("thumbnail_path", "thumbnail_bytes", "thumbnail_sha256", "thumbnail_archived_at")
        changes: dict[str, Any] = dict.fromkeys(columns)
        if not_found:
            changes["thumbnail_missing_at"] = utc_text(self._now())
        else:
            changes["thumbnail_error"] = f"thumbnail: lost here; {why}"
        detail = {"path": picture.path, "kind": picture.kind, "why": why} | _moved(aside)
        self._record(damage, "lost", changes, detail, whole=True)

    def _record(
        self, damage: Damage, event: str, changes: dict[str, Any], detail: dict[str, Any], *, whole: bool
    ) -> None:
        """``whole``: all files of the clip are here now as they should be."""
        now = self._now()
        if whole:
            changes = changes | {"verified_at": utc_text(now)}
        with self._catalog.transaction():
            update_row(self._catalog, {"id": damage.id, "local_day": damage.local_day}, changes)
            self._catalog.add_event(event, at=now, clip_id=damage.id, run=self._run, detail=detail)


def _repaired(path: str, arrived: Arrived, *, was: str, before: str | None) -> dict[str, Any]:
    detail: dict[str, Any] = {"path": path, "was": was} | _moved(arrived.aside)
    if arrived.sha256 != before:
        detail |= {"sha256": arrived.sha256, "sha256_before": before}
    if arrived.unproven:
        detail["unproven"] = arrived.unproven
    return detail


def _moved(aside: str | None) -> dict[str, Any]:
    return {"moved_to": aside} if aside else {}
