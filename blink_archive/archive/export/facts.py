"""What is said of an export as a whole, on each of its papers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
