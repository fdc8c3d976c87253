"""What Blink said of clips, into the catalog: the pages of the feed, tombstones, losses.

Only metadata is written here. A clip that has its hash is touched by nothing that Blink lists
later, but for `updated_at`, `watched_now` and the tombstone; and all of a clip of which a rebuild had
nothing but the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model import Json, MediaItem, from_utc_text, utc_text
from . import layout
from .catalog import Catalog, catalog_errors, free_path, storable, storable_or_null
from .remarks import labels_text

PARTIAL_WAIT = timedelta(minutes=10)
NEVER_WHOLE = "Blink never listed it as whole"
"""Why a clip is unproven that was fetched while Blink was writing it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one page brought: how many of its entries this run sees for the first time, how many rows are
    new, and what is wrong with which new entries."""

    unseen: int
    new: int
    problems: tuple[tuple[str, str], ...]


def start_account(catalog: Catalog) -> None:
    """Begin the account of a run: it counts the rows that are in the queue now, and those that
    `record_page` will see. ``failed``: an earlier run failed to fetch it."""
    with catalog_errors(catalog.path):
        catalog.db.execute(
            "CREATE TEMP TABLE counted "
            "(clip_id INTEGER PRIMARY KEY, listed INTEGER NOT NULL, failed INTEGER NOT NULL)"
        )
        catalog.db.execute(
            "INSERT INTO counted SELECT id, 0, attempts > 0 FROM clips INDEXED BY clips_queue WHERE "
            + IN_QUEUE
        )


IN_QUEUE = (
    "sha256 IS NULL AND remote_deleted_at IS NULL AND gone_at IS NULL AND excluded_at IS NULL "
    "AND covered_by IS NULL"
)
LISTED = "EXISTS (SELECT 1 FROM counted WHERE clip_id = clips.id AND listed)"  # by this run


def changed_since(catalog: Catalog, since: datetime) -> int:
    """How many clips that Blink should still have, as far as is known here, changed then or later."""
    return int(
        catalog.value(
            "SELECT count(*) FROM clips WHERE origin = 'cloud' AND coalesce(updated_at, created_at) >= ? "
            "AND remote_deleted_at IS NULL AND gone_at IS NULL",
            (utc_text(since),),
        )
    )


def record_page(
    catalog: Catalog,
    items: Sequence[MediaItem],
    *,
    zones: Mapping[int, str],
    now: datetime,
    filed: layout.Layout = layout.DEFAULT,
) -> Recorded:
    """Record every entry of one page in one transaction, whatever it holds.

    ``zones`` are the networks' zones, for clips whose own is missing or unknown; ``filed`` is how the files
    of new clips are named.
    """
    known = _known(catalog, [item.key for item in items])
    problems: list[tuple[str, str]] = []
    new = unseen = 0
    with catalog.transaction():
        for item in items:
            row = known.get(item.key)
            if row is None:
                row = _insert(catalog, item, zones=zones, now=now, filed=filed)
                known[item.key] = row
                new += 1
                if row["problem"]:
                    problems.append((item.key, row["problem"]))
            elif item.deleted:
                _bury(catalog, row, item, now=now)
            elif row["bare"]:
                _complete(catalog, row, item, zones=zones, now=now)
            elif row["half"] and not item.partial:
                _supersede(catalog, row, item, now=now)
            elif row["sha256"]:
                if doubt := _touch(catalog, row, item, now=now):
                    problems.append((item.key, doubt))
            else:
                _renew(catalog, row, item, now=now)
            unseen += not row["listed"]
            row["listed"] = 1
            count_listed(catalog, row["id"])
    return Recorded(unseen=unseen, new=new, problems=tuple(problems))


def record_losses(catalog: Catalog, *, full_walk: bool, run: int, began: datetime, now: datetime) -> int:
    """What waits here and was not listed in this run, which ``began`` then, is gone where two of three
    witnesses say so; returns how many are now.

    They are: it cannot be had (Blink's 404 in this run, or an entry that never had a path); it is older
    than Blink keeps clips; a ``full_walk`` listed clips, and not this one. If one is ever listed alive
    again, it returns to the queue.
    """
    days = catalog.value("SELECT auto_delete_days FROM accounts, archive WHERE accounts.id = account_id")
    expired = utc_text(now - timedelta(days=days)) if days else ""  # older ones have
    gone = catalog.rows(
        f"""
        SELECT id, created_at, local_day FROM clips LEFT JOIN counted ON clip_id = id
        WHERE {IN_QUEUE} AND origin = 'cloud' AND coalesce(listed, 0) = 0
          AND (coalesce(not_found_at >= :began, 0) OR media IS NULL)
            + (created_at < :expired) + :full_walk >= 2
        """,
        {"began": utc_text(began), "expired": expired, "full_walk": full_walk},
    )
    with catalog.transaction():
        for row in gone:
            reason = "expired at Blink" if row["created_at"] < expired else "no longer listed at Blink"
            mark_gone(catalog, row, reason=reason, run=run, now=now)
    return len(gone)


def record_departures(catalog: Catalog, *, now: datetime) -> None:
    """After a full walk that ended well: an archived clip that it did not list is at Blink no more. Listed
    again, it is there again."""
    left = catalog.rows(
        """
        SELECT id, local_day FROM clips LEFT JOIN counted ON clip_id = id
        WHERE origin = 'cloud' AND sha256 IS NOT NULL AND remote_deleted_at IS NULL
          AND coalesce(listed, 0) = 0
        """
    )
    with catalog.transaction():
        for row in left:
            record_departure(catalog, row, now=now)


def record_departure(catalog: Catalog, row: Mapping[str, Any], *, now: datetime) -> None:
    """A whole list of what Blink has lacks this archived clip; in the caller's transaction."""
    update_row(catalog, row, {"remote_deleted_at": utc_text(now)})
    catalog.add_event("remote_deleted", at=now, clip_id=row["id"], detail={"witness": "absence"})


def count_listed(catalog: Catalog, clip_id: int) -> None:
    """This run has seen the clip listed; in the caller's transaction."""
    catalog.db.execute(
        "INSERT INTO counted VALUES (?, 1, 0) ON CONFLICT (clip_id) DO UPDATE SET listed = 1", (clip_id,)
    )


def mark_dirty(catalog: Catalog, local_day: str) -> None:
    """The day's ``clips.json`` and ``SHA256SUMS`` have to be written anew; in the caller's transaction."""
    catalog.db.execute("INSERT OR IGNORE INTO dirty_days VALUES (?)", (local_day,))


def _known(catalog: Catalog, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = catalog.rows(
        """
        SELECT id, origin_key, created_at, sha256, unproven, updated_at, watched_now, local_day, partial,
               media, problem, gone_at, remote_deleted_at, delete_confirmed_at, excluded_at,
               raw = '{}' AS bare, instr(unproven, :never_whole) AND local_removed_at IS NULL AS half,
               coalesce(listed, 0) AS listed
        FROM clips LEFT JOIN counted ON clip_id = id
        WHERE origin = 'cloud' AND origin_key IN (SELECT value FROM json_each(:keys))
        """,
        {"keys": json.dumps(keys), "never_whole": NEVER_WHOLE},
    )
    return {row["origin_key"]: row for row in rows}


def _insert(
    catalog: Catalog, item: MediaItem, *, zones: Mapping[int, str], now: datetime, filed: layout.Layout
) -> dict[str, Any]:
    told = _told(item, zones=zones, now=now)
    local, _ = layout.local_time(from_utc_text(told["created_at"]), told["time_zone"])
    row = {
        "origin": "cloud",
        "origin_key": item.key,
        "first_seen_at": utc_text(now),
        "path": layout.clip_path(
            local,
            camera=item.device_name,
            network=item.network_name,
            source=item.source,
            key=item.key,
            filed=filed,
        ),
        "remote_deleted_at": (told["updated_at"] or utc_text(now)) if item.deleted else None,
        "delete_confirmed_at": None,
        "sha256": None,
        "gone_at": None,
        "excluded_at": None,
        **told,
    }
    return {"id": insert_row(catalog, row), "bare": 0, "half": 0, "listed": 0, **row}


def _told(item: MediaItem, *, zones: Mapping[int, str], now: datetime) -> dict[str, Any]:
    """The columns that the first listing of a clip decides."""
    created_at = item.created_at or item.updated_at or now
    local, zone = layout.local_time(created_at, item.time_zone, zones.get(item.network_id or 0))
    problems = list(item.problems)
    if item.time_zone and layout.zone(item.time_zone) is None:
        problems.append(f"unknown time zone {item.time_zone!r}, filed by {zone}")
    return {
        "created_at": utc_text(created_at),
        "time_zone": zone,
        "created_local": local.isoformat(timespec="seconds"),
        "local_day": f"{local:%Y-%m-%d}",
        "watched": item.watched,
        "problem": storable_or_null("; ".join(problems)) or None,
        **_metadata(item, now=now),
    }


def insert_row(catalog: Catalog, row: Mapping[str, Any]) -> int:
    """A new clip; its id. In the caller's transaction. Where another clip has its path, by another layout,
    its own gets a number."""
    statement = f"INSERT INTO clips ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    try:
        cursor = catalog.db.execute(statement, list(row.values()))
    except sqlite3.IntegrityError:
        free = free_path(catalog, row["path"])
        if free == row["path"]:
            raise
        cursor = catalog.db.execute(statement, list((dict(row) | {"path": free}).values()))
    mark_dirty(catalog, row["local_day"])
    return int(cursor.lastrowid or 0)


def _metadata(item: MediaItem, *, now: datetime) -> dict[str, Any]:
    """The columns that every listing of a clip without a file renews."""
    return {
        "updated_at": utc_text(item.updated_at) if item.updated_at else None,
        "network_id": item.network_id,
        "network_name": storable_or_null(item.network_name),
        "camera_id": item.device_id,
        "camera_name": storable_or_null(item.device_name),
        "device_type": storable_or_null(item.device_type),
        "type": storable_or_null(item.type),
        "source": storable_or_null(item.source),
        "watched_now": item.watched,
        "partial": item.partial,
        "media": storable_or_null(item.media),
        "thumbnail": storable_or_null(item.thumbnail),
        "metadata": None if item.metadata is None else json_text(item.metadata),
        "labels": None if item.labels is None else labels_text(item.labels),
        "raw": json_text(item.raw),
        "listed_at": utc_text(now),
        "next_try_at": utc_text(now + PARTIAL_WAIT) if item.partial else None,
    }


def _renew(catalog: Catalog, row: dict[str, Any], item: MediaItem, *, now: datetime) -> None:
    """A clip that has no file yet is listed alive: take all that Blink says of it now."""
    renewed = _metadata(item, now=now) | {"gone_at": None, "gone_reason": None, "remote_deleted_at": None}
    if bool(row["partial"]) == item.partial:
        del renewed["next_try_at"]  # the ten minutes count from its first sighting as partial
    if item.labels is None:
        del renewed["labels"]  # the newer listing may have said them
    if not item.problems and not row["media"]:
        renewed["problem"] = None
    update_row(catalog, row, renewed)
    row.update(renewed)  # a page that shifted can hold it twice


def _complete(
    catalog: Catalog, row: dict[str, Any], item: MediaItem, *, zones: Mapping[int, str], now: datetime
) -> None:
    """Blink lists a clip of which a rebuild had nothing but the file: take all that it says, as of a new one.
    The file stays where it is."""
    told = _told(item, zones=zones, now=now) | {
        "gone_at": None,
        "gone_reason": None,
        "remote_deleted_at": None,
        "delete_confirmed_at": None,
    }
    if row["sha256"]:
        told |= {"partial": 0, "next_try_at": None}
    mark_dirty(catalog, row["local_day"])  # it may have been another one by the name
    update_row(catalog, row | told, told)
    row.update(told, bare=0)


def _supersede(catalog: Catalog, row: dict[str, Any], item: MediaItem, *, now: datetime) -> None:
    """A clip that was fetched while Blink was writing it is whole at Blink: it waits again, and the half of
    it that is here stays until the whole one takes its place."""
    half = dict.fromkeys(("sha256", "archived_at", "bytes", "duration", "unproven", "verified_at"))
    update_row(catalog, row, half | {"half_sha256": row["sha256"], "attempts": 0})
    catalog.add_event("superseded", at=now, clip_id=row["id"], detail={"sha256": row["sha256"]})
    row.update(half | {"half": 0})
    _renew(catalog, row, item, now=now)


def _touch(catalog: Catalog, row: dict[str, Any], item: MediaItem, *, now: datetime) -> str | None:
    """An archived clip is listed again; alive, whatever Blink said of its end before. Where Blink gave its id
    to one of another second, what is here proves nothing of that one: returns this doubt, the first time."""
    updated = utc_text(item.updated_at) if item.updated_at else row["updated_at"]
    created = utc_text(item.created_at)[:19] if item.created_at else row["created_at"][:19]
    ended = row["remote_deleted_at"] or row["delete_confirmed_at"] or row["gone_at"]
    was_guessed = "created_at" in (row["problem"] or "")
    is_other = created != row["created_at"][:19] and not row["unproven"] and not was_guessed
    known = (row["updated_at"], row["watched_now"], ended)
    if (updated, item.watched, None) == known and not is_other:
        return None
    changes: dict[str, Any] = {"updated_at": updated, "watched_now": item.watched, "listed_at": utc_text(now)}
    if is_other:
        changes["unproven"] = f"Blink now lists another clip under its id, recorded at {created}Z"
    if ended:
        changes |= dict.fromkeys(("remote_deleted_at", "delete_confirmed_at", "gone_at", "gone_reason"))
        catalog.add_event("listed_again", at=now, clip_id=row["id"])
    update_row(catalog, row, changes)
    row.update(changes)  # a page that shifted can hold it twice
    return changes.get("unproven")


def _bury(catalog: Catalog, row: dict[str, Any], item: MediaItem, *, now: datetime) -> None:
    """A tombstone for a clip that was seen alive. One that was not archived in time is a loss."""
    if row["remote_deleted_at"]:
        return
    at = utc_text(item.updated_at or now)
    update_row(catalog, row, {"remote_deleted_at": at, "updated_at": at, "listed_at": utc_text(now)})
    row["remote_deleted_at"] = at  # a page that shifted can hold it twice
    if row["sha256"]:
        catalog.add_event("remote_deleted", at=now, clip_id=row["id"], detail={"witness": "tombstone"})
    elif row["gone_at"] is None and row["excluded_at"] is None:
        mark_gone(catalog, row, reason="deleted at Blink", run=None, now=now)


def mark_gone(
    catalog: Catalog, row: Mapping[str, Any], *, reason: str, run: int | None, now: datetime
) -> None:
    """The clip is lost (``row`` has its id and day); in the caller's transaction."""
    at = utc_text(now)
    catalog.db.execute("UPDATE clips SET gone_at = ?, gone_reason = ? WHERE id = ?", (at, reason, row["id"]))
    catalog.add_event("gone", at=now, clip_id=row["id"], run=run, detail={"reason": reason})
    mark_dirty(catalog, row["local_day"])


def update_row(catalog: Catalog, row: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Change columns of a clip (``row`` has its id and day); in the caller's transaction."""
    assignments = ", ".join(f"{column} = ?" for column in changes)
    catalog.db.execute(
        f"UPDATE clips SET {assignments} WHERE id = ?",
        [*changes.values(), row["id"]],
    )
    mark_dirty(catalog, row["local_day"])


def json_text(value: Json) -> str:
    """``value`` as JSON that any reader takes: NaN and Infinity, which Python knows alone, as text."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(json.loads(json.dumps(value), parse_constant=str), ensure_ascii=False)
    return storable(text)
