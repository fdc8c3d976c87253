"""The passes of a watch in ``runs``: hundreds a day, of which those that did nothing share a row an hour."""

from __future__ import annotations

from datetime import datetime

from ..model import utc_text
from .catalog import Catalog

_HOUR = len("2026-11-23T19")


def begin_pass(catalog: Catalog, *, now: datetime) -> int:
    """The row of a pass that begins, which is a sync's: a new one, or that of the run before it, where that
    was a pass, too, was idle, and began in the same hour.

    Nothing refers to such a row but what its pass read of the devices, which goes. So a year of passes makes
    less than nine thousand rows, and one more for each that did something.
    """
    run = _idle_before(catalog, now)
    if run is None:
        return catalog.begin_run("sync", now=now)
    with catalog.transaction():
        catalog.db.execute("DELETE FROM readings WHERE run_id = ?", (run,))
        catalog.db.execute(
            "UPDATE runs SET started_at = ?, ended_at = NULL, exit_code = NULL, summary = NULL WHERE id = ?",
            (utc_text(now), run),
        )
    return run


def _idle_before(catalog: Catalog, now: datetime) -> int | None:
    """The last run of all, where a pass that begins now may take its row over; not one that something
    followed which ended otherwise (``ended_with``)."""
    return catalog.value(  # type: ignore[no-any-return]
        """
        SELECT id FROM (SELECT * FROM runs ORDER BY id DESC LIMIT 1)
        WHERE json_extract(summary, '$.watch') AND json_extract(summary, '$.idle')
          AND json_extract(summary, '$.ended_with') IS NULL AND substr(started_at, 1, ?) = ?
        """,
        (_HOUR, utc_text(now)[:_HOUR]),
    )


def last_event(catalog: Catalog) -> int:
    """The number of the newest row in ``events``; 0 where there is none."""
    return int(catalog.value("SELECT coalesce(max(id), 0) FROM events"))
