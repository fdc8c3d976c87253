"""The catalog as the only queue: what waits to be fetched, what was, and the account of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model import from_utc_text, utc_text
from .catalog import Catalog
from .feed import IN_QUEUE, LISTED, mark_dirty
from .filters import Filter, where
from .store import Kept

_PAGE = 500  # rows of the queue held in memory at a time
_FIRST_WAIT = timedelta(minutes=10)
_LONGEST_WAIT = timedelta(hours=6)
_THUMBNAIL_WAIT = timedelta(hours=1)

_THUMBNAIL_WAITS = (
    "sha256 IS NOT NULL AND thumbnail IS NOT NULL AND thumbnail_sha256 IS NULL "
    "AND thumbnail_missing_at IS NULL AND remote_deleted_at IS NULL AND local_removed_at IS NULL "
    "AND archived_at < :now"  # those of this run have just been tried
)
_READY = f"{IN_QUEUE} AND (partial = 0 OR attempts > 0 OR next_try_at <= :now)"
_DUE = "(next_try_at IS NULL OR next_try_at <= :now)"


@dataclass(frozen=True, slots=True)
class QueuedClip:
    """A clip that waits for its file (``archived`` False), or only for its thumbnail.

    ``media`` and ``thumbnail`` are paths at Blink, ``path`` where the file is or is to be. ``partial``:
    Blink never listed it as whole. ``half`` is the SHA-256 of a file in its place that was fetched then.
    """

    id: int
    key: str
    partial: bool
    created_at: datetime
    local_day: str
    media: str | None
    thumbnail: str | None
    path: str
    archived: bool
    attempts: int
    half: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A file of the archive: where, how long in bytes, and its SHA-256."""

    kept: Kept
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SavedClip:
    """A clip's MP4; ``duration`` in seconds; ``unproven`` says why it could not be proven whole."""

    file: Saved
    duration: float | None
    unproven: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one queued clip: each part has its own fact, and None where it was not tried.

    ``failure`` is the reason why the clip waits on; ``not_found``: Blink answered that there is none.
    ``thumbnail`` is its file; else ``thumbnail_missing`` says that Blink has none, or
    ``thumbnail_failure`` why it waits.
    """

    clip: QueuedClip
    saved: SavedClip | None = None
    failure: str | None = None
    not_found: bool = False
    thumbnail: Saved | None = None
    thumbnail_missing: bool = False
    thumbnail_failure: str | None = None


def waiting(
    catalog: Catalog,
    wanted: Filter,
    *,
    now: datetime,
    archived: bool = False,
    module: int | None = None,
    patient: bool = False,
) -> Iterator[QueuedClip]:
    """The queue, oldest first, since those expire first; young partial clips are left out. What an
    earlier run failed to fetch comes last, so that it never keeps the others waiting.

    It is that of the cloud or, with ``module``, of what this run's manifest of that sync module's stick
    lists, since the places of clips hold for one manifest only (protocol.md 7). ``archived``: instead the
    clips archived before ``now`` that wait for their thumbnails. ``patient``: without those whose next try
    is not due yet. Reads a page at a time: between pages the catalog may be written to.
    """
    condition, parameters = _from(catalog, wanted, module=module, patient=patient)
    parameters |= {"now": utc_text(now)}
    if archived:
        yield from queued(catalog, f"{_THUMBNAIL_WAITS} AND {condition}", parameters)
        return
    for failed in (0, 1):
        queue = f"{_READY} AND {condition} AND coalesce(failed, 0) = {failed}"
        yield from queued(catalog, queue, parameters)


def queued(catalog: Catalog, condition: str, parameters: dict[str, Any]) -> Iterator[QueuedClip]:
    """The clips that an SQL condition on ``clips`` (and the run's ``counted``) names, oldest first."""
    parameters = parameters | {"at": "", "id": 0, "page": _PAGE}
    while True:
        rows = catalog.rows(
            f"""
            SELECT id, origin_key, partial, created_at, local_day, media, thumbnail, path, attempts, sha256,
              thumbnail_sha256, half_sha256
            FROM clips LEFT JOIN counted ON clip_id = id
            WHERE {condition} AND (created_at, id) > (:at, :id)
            ORDER BY created_at, id LIMIT :page
            """,
            parameters,
        )
        for row in rows:
            yield QueuedClip(
                id=row["id"],
                key=row["origin_key"],
                partial=bool(row["partial"]),
                created_at=from_utc_text(row["created_at"]),
                local_day=row["local_day"],
                media=row["media"],
                thumbnail=None if row["thumbnail_sha256"] else row["thumbnail"],
                path=row["path"],
                archived=row["sha256"] is not None,
                attempts=row["attempts"],
                half=row["half_sha256"],
            )
        if len(rows) < _PAGE:
            return
        parameters |= {"at": rows[-1]["created_at"], "id": rows[-1]["id"]}


def _from(
    catalog: Catalog, wanted: Filter, *, module: int | None, patient: bool
) -> tuple[str, dict[str, Any]]:
    """``wanted`` of the cloud, or of what this run listed on the stick of ``module``, as `where` gives it;
    ``patient``: of that, what is due."""
    condition, parameters = where(catalog, wanted)
    if patient:
        condition += f" AND {_DUE}"
    # The plus keeps SQLite to the index of the queue: by origin it would read, and sort, all clips a page.
    if module is None:
        return f"{condition} AND +origin = 'cloud'", parameters
    condition += (
        f" AND +origin = 'usb' AND sync_module_id = :module AND {LISTED}"  # else its path is an old one
    )
    return condition, parameters | {"module": module}


def waiting_count(
    catalog: Catalog,
    wanted: Filter,
    *,
    now: datetime,
    archived: bool = False,
    module: int | None = None,
    patient: bool = False,
) -> int:
    """How many `waiting` will yield."""
    condition, parameters = _from(catalog, wanted, module=module, patient=patient)
    queue = _THUMBNAIL_WAITS if archived else _READY
    return int(
        catalog.value(
            f"SELECT count(*) FROM clips WHERE {queue} AND {condition}",
            parameters | {"now": utc_text(now)},
        )
    )


def record_outcomes(catalog: Catalog, outcomes: Sequence[Outcome], *, run: int | None, now: datetime) -> None:
    """Commit a batch in one transaction, of a ``run`` or of no run. The files and their directories are
    durable by now."""
    with catalog.transaction():
        for outcome in outcomes:
            changes: dict[str, Any] = {}
            if outcome.saved:
                changes |= _archived(catalog, outcome, outcome.saved, run=run, now=now)
            elif outcome.failure is not None:
                changes |= _waits_on(outcome, now=now)
            changes |= _thumbnail(catalog, outcome, run=run, now=now)
            assignments = ", ".join(f"{column} = ?" for column in changes)
            catalog.db.execute(
                f"UPDATE clips SET {assignments} WHERE id = ?",
                [*changes.values(), outcome.clip.id],
            )
            mark_dirty(catalog, outcome.clip.local_day)


def _archived(
    catalog: Catalog, outcome: Outcome, saved: SavedClip, *, run: int | None, now: datetime
) -> dict[str, Any]:
    at = utc_text(now)
    kept = saved.file.kept
    detail: dict[str, Any] = {"path": kept.path, "bytes": saved.file.bytes, "sha256": saved.file.sha256}
    if saved.unproven:
        detail["unproven"] = saved.unproven
    catalog.add_event(
        "adopted" if kept.adopted else "archived", at=now, clip_id=outcome.clip.id, run=run, detail=detail
    )
    _clash(catalog, kept, outcome.clip, run=run, now=now)
    return {
        "path": kept.path,
        "bytes": saved.file.bytes,
        "sha256": saved.file.sha256,
        "duration": saved.duration,
        "unproven": saved.unproven,
        "half_sha256": None,
        "archived_at": at,
        "archived_run": run,
        "partial": 0,
        "last_error": None,
        "next_try_at": None,
        "not_found_at": None,
    }


def _waits_on(outcome: Outcome, *, now: datetime) -> dict[str, Any]:
    attempts = outcome.clip.attempts + 1
    wait = min(_FIRST_WAIT * 2 ** min(attempts - 1, 10), _LONGEST_WAIT)
    changes = {
        "attempts": attempts,
        "last_error": outcome.failure,
        "next_try_at": utc_text(now + wait),
    }
    if outcome.not_found:
        changes["not_found_at"] = utc_text(now)
    return changes


def _thumbnail(catalog: Catalog, outcome: Outcome, *, run: int | None, now: datetime) -> dict[str, Any]:
    at = utc_text(now)
    if outcome.thumbnail:
        kept = outcome.thumbnail.kept
        _clash(catalog, kept, outcome.clip, run=run, now=now)
        return {
            "thumbnail_path": kept.path,
            "thumbnail_bytes": outcome.thumbnail.bytes,
            "thumbnail_sha256": outcome.thumbnail.sha256,
            "thumbnail_archived_at": at,
            "thumbnail_error": None,
            "next_try_at": None,
        }
    if outcome.thumbnail_missing:
        return {"thumbnail_missing_at": at, "thumbnail_error": None, "next_try_at": None}
    if outcome.thumbnail_failure is not None:
        return {"thumbnail_error": outcome.thumbnail_failure, "next_try_at": utc_text(now + _THUMBNAIL_WAIT)}
    return {"thumbnail_error": None}


def _clash(catalog: Catalog, kept: Kept, clip: QueuedClip, *, run: int | None, now: datetime) -> None:
    if kept.clash:
        catalog.add_event(
            "clash", at=now, clip_id=clip.id, run=run, detail={"path": kept.clash, "instead": kept.path}
        )


def account(catalog: Catalog, wanted: Filter, *, run: int, began: datetime) -> dict[str, int]:
    """The sum (design.md): each row that this run listed or found in the queue, counted once.

    The keys but ``listed`` and ``newly_gone`` are the parts, and add up to ``counted``.
    """
    condition, parameters = where(catalog, wanted)
    rows = catalog.rows(
        f"""
        SELECT
          count(*) AS counted,
          total(listed) AS listed,
          total(archived AND now) AS archived_now,
          total(archived AND NOT now) AS archived_before,
          total(status = 'deleted') AS deleted,
          total(status = 'gone') AS gone,
          total(status = 'covered') AS covered,
          total(status = 'gone' AND newly) AS newly_gone,
          total(status = 'excluded' OR (status = 'waiting' AND NOT matches)) AS excluded,
          total(status = 'waiting' AND matches) AS waiting
        FROM (
          SELECT listed, clips_view.status, clips.sha256 IS NOT NULL AS archived,
                 clips.archived_run IS :run AS now,
                 clips.gone_at >= :began AS newly, coalesce({condition}, 0) AS matches
          FROM counted JOIN clips ON clips.id = clip_id JOIN clips_view ON clips_view.id = clip_id
        )
        """,
        parameters | {"run": run, "began": utc_text(began)},
    )
    return {name: int(value) for name, value in rows[0].items()}
