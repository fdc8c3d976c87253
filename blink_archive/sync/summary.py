"""How a sync ended, as a person, a program and the next run want to know it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import BlinkArchiveError, ServerError, Throttled
from ..model import utc_text


def later(named: str | None, error: BlinkArchiveError) -> str | None:
    """The later one of the time that was ``named`` to come back at (UTC) and that of ``error``, if any."""
    match error:
        case Throttled(until=until) | ServerError(until=until) if until is not None:
            return max(named or "", utc_text(until))
        case _:
            return named


@dataclass(slots=True)
class Summary:
    """How a sync ended: the account (its parts add up to ``counted``), and what a person should know.

    ``failures`` and ``problems`` are (clip, why). ``stopped`` is why the run ended early. ``watch``: it was a
    pass of a watch. ``idle``: no clip, thumbnail or event is new, and nothing went wrong. ``wait_until``: the
    time (UTC) that Blink named to come back at, the latest of several.
    """

    run: int
    archive: str
    started_at: str
    watch: bool = False
    seconds: float = 0.0
    full_walk: bool = False
    walk_finished: bool = False
    pages: int = 0
    new: int = 0
    account: dict[str, int] = field(default_factory=dict)
    fetched: int = 0
    thumbnails: int = 0
    bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    idle: bool = False
    wait_until: str | None = None
    stopped: str | None = None
    exit_code: int = 0

    def heed(self, error: BlinkArchiveError) -> None:
        """Keep the time to come back at, if ``error`` names one."""
        self.wait_until = later(self.wait_until, error)

    def as_json(self) -> dict[str, Any]:
        """The same, as plain JSON values."""
        fields = asdict(self)
        for name in ("failures", "unproven", "problems"):
            fields[name] = [{"clip": clip, "reason": reason} for clip, reason in fields[name]]
        return fields
