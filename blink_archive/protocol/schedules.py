"""Schedules ("programs" in Blink's words) from JSON and to it (protocol.md 4).

A time is the time of day in UTC, written behind a date that means nothing; the days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from ..errors import UnexpectedAnswer
from ..model import Json, Program, ProgramAction
from .answers import text_of
from .values import Unreadable, integer, moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORMAT = "v1"


def parse_programs(value: object, *, network_id: int) -> tuple[Program, ...]:
    """The schedules of a network; an entry without an id is left out.

    Raises UnexpectedAnswer for what is no list.
    """
    if not isinstance(value, list):
        raise UnexpectedAnswer("Blink answered with something else than the schedules. Try again later.")
    return tuple(
        Program(
            id=number,
            network_id=integer(raw.get("network_id")) or network_id,
            name=text_of(raw, "name") or "",
            enabled=raw.get("status") == "enabled",
            actions=_actions(raw.get("schedule")),
            raw=raw,
        )
        for raw in value
        if isinstance(raw, Mapping) and (number := integer(raw.get("id"))) is not None
    )


def _actions(value: object) -> tuple[ProgramAction, ...]:
    """The lines of a schedule that can be read."""
    found = []
    for raw in value if isinstance(value, list) else ():
        if not isinstance(raw, Mapping) or not isinstance(raw.get("dow"), list):
            continue
        try:
            at = moment(raw.get("time")).time()
        except Unreadable:
            continue
        days = tuple(day for day in raw["dow"] if day in DAYS)
        found.append(ProgramAction(days=days, at=at, action=text_of(raw, "action") or "", raw=raw))
    return tuple(found)


def program_body(
    *, network_id: int, name: str, actions: Sequence[ProgramAction], before: Json | None = None
) -> dict[str, Any]:
    """The JSON that creates a schedule or, with the ``raw`` of the one ``before``, updates it: whole, with
    the fields that this program does not know.
    """
    return {
        "format": FORMAT,
        **(before or {}),
        "network_id": network_id,
        "name": name,
        "schedule": [
            {
                "devices": [],
                **action.raw,
                "dow": list(action.days),
                "time": _text(action.at),
                "action": action.action,
            }
            for action in actions
        ],
    }


def _text(at: time) -> str:
    """``2016-06-02 14:45:00 +0000``: the form that Blink gives, with the date that it was first seen with."""
    return f"2016-06-02 {at:%H:%M:%S} +0000"
