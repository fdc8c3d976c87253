"""Ends of runs, and how archives stand, that no run was needed for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from blink_archive.archive.runs import Past, Totals
from blink_archive.nightly.ending import Ending, Standing
from blink_archive.sync.run import Summary

NIGHT = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


def an_ending(code: int = 0, *, at: datetime = NIGHT, **summary: Any) -> Ending:
    """A run that ended so; with a summary where anything of it is given, or all went well."""
    usual: dict[str, Any] = {"run": 1, "archive": "/cams", "started_at": "", "exit_code": code}
    made = Summary(**(usual | summary)) if summary or not code else None
    return Ending("/cams", at - timedelta(minutes=2), at, code, None if made else "It did not go.", made)


def a_standing(*, lost: int = 0, totals: Totals | None = None, **more: Any) -> Standing:
    """Ten clips, and no syncs before."""
    usual: dict[str, Any] = {
        "clips": {"archived": 10},
        "bytes": {"archived": 5_000_000},
        "free": 10**12,
        "expires_at": None,
        "failures": (),
        "success_at": None,
        "past": Past(None, 0, lost),
        "totals": totals,
    }
    return Standing(**(usual | more))


TOTALS = Totals(syncs=7, well=6, clips=40, bytes=60_000_000, gone=1, lost=0)
