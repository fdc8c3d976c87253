"""How a command that syncs ended, and how the archive stands then: the facts that everybody is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..archive import runs
from ..archive.filters import Filter
from ..archive.search import status
from ..model import from_utc_text
from ..sync.forecast import first_expiry

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..sync.run import Summary

IN_WORDS = {
    0: "done",
    1: "an error",
    2: "wrong usage",
    3: "some clips failed or were lost",
    4: "sign-in needed",
    5: "Blink not reachable, throttled or out of order",
    6: "another run holds the archive",
    7: "a file is missing, changed or foreign",
    8: "disk full or not writable",
    130: "interrupted",
}
"""The exit codes."""

SILENT = frozenset({6, 130})
"""Exit codes that nobody is told of. 6: a timer met a run that takes long. That one will tell how it ended,
and where it never ends, who waits for a ping notices. 130: a person ended it, or the machine went down."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One end: ``reason`` is the sentence of what went wrong, where there is one; ``summary`` is None where
    the sync never began."""

    archive: str
    began: datetime
    ended: datetime
    exit_code: int
    reason: str | None = None
    summary: Summary | None = None

    @property
    def took(self) -> timedelta:
        """From the command's begin to its end."""
        return self.ended - self.began

    @property
    def gone(self) -> int:
        """Clips that left Blink before they could be fetched, as found in this run."""
        return self.summary.account.get("newly_gone", 0) if self.summary else 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the archive stands: ``clips`` and ``bytes`` by status, what is free on its disk (bytes), when Blink
    deletes the first of the waiting clips (None: never, or nothing waits), the clips that could not be
    fetched, and wait, each with the reason; when a sync, this one or one before, ended well last; the syncs
    before this one; and ``totals`` since the last digest, where one is due."""

    clips: dict[str, int]
    bytes: dict[str, int]
    free: int
    expires_at: datetime | None
    failures: tuple[tuple[str, str], ...]
    success_at: datetime | None
    past: runs.Past
    totals: runs.Totals | None


def standing(archive: Archive, ending: Ending, *, run: int | None, since: datetime | None) -> Standing:
    """Look at catalog and disk after that ``ending`` of ``run``; the totals are those ``since`` then. Raises
    as `Archive.open_catalog` does, and OSError."""
    failures = ending.summary.failures if ending.summary else []
    catalog = archive.open_catalog()
    try:
        gone = runs.gone_of(catalog, [clip for clip, _ in failures])
        states = status(catalog)["clips"]
        expires_at = first_expiry(catalog, Filter())
        return Standing(
            clips={state: found["clips"] for state, found in states.items()},
            bytes={state: found["bytes"] for state, found in states.items()},
            free=archive.store.free_bytes(),
            expires_at=from_utc_text(expires_at) if expires_at else None,
            failures=tuple(each for each in failures if each[0] not in gone),
            success_at=runs.last_success(catalog),
            past=runs.past(catalog, run=run),
            totals=runs.totals(catalog, since=since) if since else None,
        )
    finally:
        catalog.close()
