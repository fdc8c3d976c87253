"""Schedules ("programs" in Blink's words) from JSON and to it (protocol.md 4).

A line's time is the time of day in UTC, and its days are those of UTC, too. It is written behind the date
of the day on which the line was last edited, by which the app shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from ..errors import UnexpectedAnswer
from ..model import Json, Program, ProgramAction
from .answers import text_of
from .values import Unreadable, integer, moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ACTIONS = ("arm", "disarm")
FORMAT = "v1"
_MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a Monday; only the distance of days counts


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says, in UTC or in a zone; ``days`` are in the order of the week."""

    days: tuple[str, ...]
    at: time
    action: str

    def shifted(self, by: timedelta) -> Line:
        """The same moments in a zone that is ahead by ``by`` (less than a day). Over midnight the days move,
        too; ``shifted(-by)`` undoes it."""
        there = datetime.combine(_MONDAY, self.at) + by
        step = (there.date() - _MONDAY.date()).days
        days = {DAYS[(DAYS.index(day) + step) % 7] for day in self.days}
        return Line(days=in_order(days), at=there.time(), action=self.action)


def in_order(days: set[str]) -> tuple[str, ...]:
    """Days in the order of the week."""
    return tuple(day for day in DAYS if day in days)


def line_of(action: ProgramAction) -> Line:
    """What ``action`` says, without what Blink says of it besides."""
    return Line(days=action.days, at=action.at, action=action.action)


def parse_programs(value: object, *, network_id: int) -> tuple[Program, ...]:
    """The schedules of a network; an entry without an id is left out.

    Raises UnexpectedAnswer for what is no list.
    """
    if not isinstance(value, list):
        raise UnexpectedAnswer("Blink answered with something else than the schedules. Try again later.")
    return tuple(
        _program(number, raw, network_id=network_id)
        for raw in value
        if isinstance(raw, Mapping) and (number := integer(raw.get("id"))) is not None
    )


def _program(number: int, raw: Json, *, network_id: int) -> Program:
    schedule = raw.get("schedule")
    entries = schedule if isinstance(schedule, list) else []
    read = [(entry, _line(entry)) for entry in entries]
    status = text_of(raw, "status")
    return Program(
        id=number,
        network_id=integer(raw.get("network_id")) or network_id,
        name=text_of(raw, "name") or "",
        enabled=status is not None and status.lower() != "disabled",  # as the app takes it
        actions=tuple(
            ProgramAction(days=line.days, at=line.at, action=line.action, raw=entry)
            for entry, line in read
            if line is not None
        ),
        unread=tuple(entry for entry, line in read if line is None),
        raw=raw,
    )


def _line(raw: object) -> Line | None:
    """What an entry says; None where a part of it is not understood, so that none is lost."""
    if not isinstance(raw, Mapping) or raw.get("action") not in ACTIONS:
        return None
    days = raw.get("dow")
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        return None
    try:
        at = moment(raw.get("time")).time()
    except Unreadable:
        return None
    return Line(days=in_order(set(days)), at=at.replace(microsecond=0), action=raw["action"])


def program_body(
    *,
    network_id: int,
    name: str,
    actions: Sequence[ProgramAction],
    written: date,
    before: Program | None = None,
) -> dict[str, Any]:
    """The JSON that creates a schedule or updates the one ``before``: whole, with the fields and the lines
    that this program does not know. A line that says what its ``raw`` says is sent as that; others get
    ``written``, the day in UTC of their making.
    """
    raw: Json = {} if before is None else before.raw
    return {
        "format": FORMAT,
        **raw,
        "network_id": network_id,
        "name": name,
        "schedule": [
            *(_entry(action, written=written) for action in actions),
            *(() if before is None else before.unread),
        ],
    }


def _entry(action: ProgramAction, *, written: date) -> dict[str, Any]:
    if _line(action.raw) == line_of(action):
        return dict(action.raw)
    return {
        "devices": [],
        **action.raw,
        "dow": list(action.days),
        "time": f"{written} {action.at:%H:%M:%S} +0000",
        "action": action.action,
    }


def carried_over(
    before: Sequence[ProgramAction], wanted: Sequence[Line], *, ahead: timedelta
) -> tuple[ProgramAction, ...]:
    """``wanted``, lines of a zone that is ahead of UTC by ``ahead``, as Blink has them: with the fields that
    are not known of the line ``before`` that says the same there, else of one that is left over and has two
    of days, time and action in common."""
    left = [(line_of(action).shifted(ahead), action.raw) for action in before]
    raws: list[Json | None] = [_take(left, line, common=3) for line in wanted]
    for number, line in enumerate(wanted):
        if raws[number] is None:
            raws[number] = _take(left, line, common=2)
    lines = [line.shifted(-ahead) for line in wanted]
    return tuple(
        ProgramAction(days=line.days, at=line.at, action=line.action, raw=raw or {})
        for line, raw in zip(lines, raws, strict=True)
    )


def _take(left: list[tuple[Line, Json]], line: Line, *, common: int) -> Json | None:
    """What belongs to the first of ``left`` that has so much in common with ``line``, and then is no more
    in it."""
    for number, (other, raw) in enumerate(left):
        if sum((other.days == line.days, other.at == line.at, other.action == line.action)) >= common:
            del left[number]
            return raw
    return None
