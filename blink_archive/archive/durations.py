"""Spans of time as they are written on a command line: ``90s``, ``10m``, ``2h``, ``365d``, ``4w``."""

from __future__ import annotations

import re
from datetime import timedelta

from ..errors import UsageError

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_YEARS_OR_MONTHS = re.compile(r"[0-9]+\s*(y|yr|yrs|years?|mo|mon|months?)", re.IGNORECASE)
_LONGEST = timedelta(days=36500)


def parse_duration(text: str) -> timedelta:
    """A whole number and one of the units s, m, h, d and w: ``90s`` is a minute and a half.

    Longer than nothing and no longer than a hundred years. `UsageError` for all else, ``10`` without a
    unit included. Years and months, which have no one length, are not known.
    """
    text = text.strip()
    if _YEARS_OR_MONTHS.fullmatch(text):
        raise UsageError(f"{text!r} has no one length. Write it in days: 365d for a year, 30d for a month.")
    if not (span := _SPAN.fullmatch(text)):
        raise UsageError(
            f"{text!r} is no span of time. Write a whole number and its unit: 90s, 10m, 2h, 365d or 4w."
        )
    seconds = int(span[1]) * _SECONDS[span[2]]
    if not seconds:
        raise UsageError(f"{text!r} is no time at all. Write more than 0, such as 90s, 10m, 2h, 365d or 4w.")
    if seconds > _LONGEST.total_seconds():
        raise UsageError(f"{text!r} is more than a hundred years. Write less, such as 365d.")
    return timedelta(seconds=seconds)
