"""What the catalog's table ``runs`` tells: the last runs, how the syncs before this one went, what a week of
them brought."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..model import from_utc_text, utc_text
from .catalog import Catalog

CODE = "coalesce(json_extract(summary, '$.ended_with'), exit_code)"
"""The exit code of a run's command, in SQL: what followed a sync within the same command may have ended worse
than the sync's own row says."""
_WELL = f"{CODE} = 0 ORDER BY id DESC LIMIT 1"
_INTERRUPTED = 130
_MOST = 2**62  # that SQLite counts to


@dataclass(frozen=True, slots=True)
class Past:
    """The syncs before one: when the last of them ended with exit code 0 (UTC; None: never), how many since
    then did not (killed ones among them, interrupted ones not), and how many files have been found lost since
    the last one began."""

    success_at: datetime | None
    failures: int
    lost: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the syncs of a stretch of time did: ``well`` of ``syncs`` ended with exit code 0; ``clips`` and
    ``bytes`` were fetched; ``gone`` clips left Blink unfetched, ``lost`` files were found lost here."""

    syncs: int
    well: int
    clips: int
    bytes: int
    gone: int
    lost: int


def last_runs(catalog: Catalog, limit: int) -> list[dict[str, Any]]:
    """The last ``limit`` runs of whatever command, the newest last: ``id``, ``command``, ``started_at``,
    ``ended_at`` (UTC text; None of a run that goes on or was killed), ``exit_code``, ``summary``."""
    rows = catalog.rows(
        f"SELECT id, command, started_at, ended_at, {CODE} AS exit_code, summary FROM runs "
        "ORDER BY id DESC LIMIT ?",
        (min(limit, _MOST),),
    )
    return [row | {"summary": json.loads(row["summary"] or "{}")} for row in reversed(rows)]


def last_success(catalog: Catalog) -> datetime | None:
    """When the last sync ended that did so with exit code 0 (UTC); None where none did."""
    ended = catalog.value(f"SELECT ended_at FROM runs WHERE command = 'sync' AND {_WELL}")
    return from_utc_text(ended) if ended else None


def past(catalog: Catalog, *, run: int | None) -> Past:
    """How it went before the sync ``run``; with None, up to now."""
    parameters: dict[str, Any] = {"run": run, "interrupted": _INTERRUPTED}
    earlier = "command = 'sync' AND id IS NOT :run"
    rows = catalog.rows(f"SELECT id, ended_at FROM runs WHERE {earlier} AND {_WELL}", parameters)
    parameters["success"] = rows[0]["id"] if rows else 0
    failures = catalog.value(
        f"SELECT count(*) FROM runs WHERE {earlier} AND id > :success AND {CODE} IS NOT :interrupted",
        parameters,
    )
    lost = catalog.value(
        f"""
        SELECT count(*) FROM clips WHERE local_removed_reason = 'lost'
          AND local_removed_at > coalesce((SELECT max(started_at) FROM runs WHERE {earlier}), '')
        """,
        parameters,
    )
    return Past(from_utc_text(rows[0]["ended_at"]) if rows else None, failures, lost)


def totals(catalog: Catalog, *, since: datetime) -> Totals:
    """What was done from ``since`` on."""
    row = catalog.rows(
        f"""
        SELECT
          count(*) AS syncs,
          total({CODE} IS 0) AS well,
          total(json_extract(summary, '$.fetched')) AS clips,
          total(json_extract(summary, '$.bytes')) AS bytes,
          (SELECT count(*) FROM clips WHERE gone_at >= :since) AS gone,
          (SELECT count(*) FROM clips WHERE local_removed_reason = 'lost' AND local_removed_at >= :since)
            AS lost
        FROM runs WHERE command = 'sync' AND started_at >= :since
        """,
        {"since": utc_text(since)},
    )[0]
    return Totals(**{name: int(value) for name, value in row.items()})


def gone_of(catalog: Catalog, clips: Sequence[str]) -> frozenset[str]:
    """Which of these ``clips``, by their keys, are gone: a run that cannot fetch one may then find it so."""
    rows = catalog.rows(
        "SELECT origin_key FROM clips WHERE gone_at IS NOT NULL "
        "AND origin_key IN (SELECT value FROM json_each(?))",
        (json.dumps(clips),),
    )
    return frozenset(row["origin_key"] for row in rows)


def record_failed_start(
    catalog: Catalog, *, reason: str, exit_code: int, began: datetime, now: datetime
) -> int:
    """A row for a sync that never began; its id. A night without one would look like a night without a
    timer."""
    run = catalog.begin_run("sync", now=began)
    catalog.end_run(run, exit_code=exit_code, summary={"stopped": reason}, now=now)
    return run


def record_end(catalog: Catalog, run: int, *, exit_code: int) -> None:
    """Write down that the command of that run ended otherwise than the run did: what followed it failed."""
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE runs SET summary = json_set(summary, '$.ended_with', ?) WHERE id = ?", (exit_code, run)
        )


def stopped_after(catalog: Catalog, run: int) -> str | None:
    """Why a run that followed that one ended early; None where none did."""
    reason = catalog.value(
        "SELECT json_extract(summary, '$.stopped') AS reason FROM runs "
        "WHERE id > ? AND reason IS NOT NULL ORDER BY id LIMIT 1",
        (run,),
    )
    return None if reason is None else str(reason)
