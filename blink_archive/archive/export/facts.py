"""What is said of an export as a whole, on each of its papers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...model import utc_text
from ..filters import Filter


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """One export, or one part of one that was split.

    ``exported_at`` is aware, in UTC; ``version`` is the program's; ``selection`` says in words which clips
    were asked for, "" for all, and ``wanted`` is the same as a filter: what it matches and is not in the
    export is told as missing. ``part`` counts from 1; ``parts`` is None while nobody knows how many there
    will be.
    """

    archive_uuid: str
    account_id: int
    exported_at: datetime
    version: str
    selection: str = ""
    format: str = "folder"
    part: int = 1
    parts: int | None = 1
    wanted: Filter = field(default_factory=Filter)


CLAIM = (
    "Each clip is unchanged since download: its bytes are those that this program received from Blink, over "
    "TLS, at the time that archived_at tells (of an import, those of the file that was imported; of a live "
    "view, those that it recorded); where that is less than certain, unproven says so. The hashes show no "
    "more than that: not that a camera recorded it so, nor when, nor what Blink did before. Nothing here is "
    "signed."
)
"""What the hashes stand for, as it is said wherever they are."""


def header(facts: ExportFacts) -> dict[str, Any]:
    """What the machine-readable papers begin with."""
    return {
        "archive": facts.archive_uuid,
        "account": facts.account_id,
        "exported_at": utc_text(facts.exported_at),
        "program": f"blink-archive {facts.version}",
        "selection": facts.selection,
        "part": facts.part,
        "parts": facts.parts,
        "claim": CLAIM,
    }
