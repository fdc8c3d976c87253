"""Single values out of JSON, read leniently: numbers as text, dates of several forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from math import isfinite
from typing import Any, TypeGuard

MAX_TEXT = 1024
"""Bytes (UTF-8) that a name, a path or any other text of an item may have."""

MAX_DEPTH = 100
"""Levels of nesting that JSON may have. What had just enough of the stack to be read could not be written,
a few calls deeper or with another object around it."""

_INT64 = 2**63
_DEFAULTS = datetime(1970, 1, 1), datetime(1971, 2, 2)  # noqa: DTZ001 - `moment` takes them as UTC


class Unreadable(ValueError):
    """A value of a wrong type or out of bounds; its text says which, for a `problem`."""


def read_json(text: str | bytes, *, constant: Callable[[str], object] | None = None) -> Any:
    """The JSON value in ``text``; ``constant`` is what NaN and Infinity become, 1e400 included (floats,
    without it).

    Raises ValueError for what is none, and for what is nested deeper than `MAX_DEPTH`.
    """

    def finite(digits: str) -> object:
        number = float(digits)
        return number if constant is None or isfinite(number) else constant(digits)

    try:
        value = json.loads(text, parse_constant=constant, parse_float=finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def integer(value: object) -> int | None:
    """``value`` as an integer of 64 bits, also from text or a whole float; None for anything else."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if value.isascii() and len(value) <= 20 and value.removeprefix("-").isdigit():
            number = int(value)
        case _:
            return None
    return number if -_INT64 <= number < _INT64 else None


def real(value: object) -> float | None:
    """``value`` as a finite number, whole ones as `integer` takes them; None for anything else."""
    match value:
        case float() if isfinite(value):
            return value
        case _:
            return integer(value)


def flag(value: object) -> bool | None:
    """``value`` as a truth value, also from 0, 1, "true" and "false"; None for anything else."""
    match value:
        case bool():
            return value
        case 0 | "0" | "false" | "False":
            return False
        case 1 | "1" | "true" | "True":
            return True
        case _:
            return None


def is_header_safe(value: object) -> TypeGuard[str]:
    """Whether ``value`` is a text that can stand in a header, as a token does."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def labels(value: object) -> tuple[str, ...] | None:
    """The labels of a ``cv_detection`` (protocol.md 6), sorted; None for what is no list."""
    if not isinstance(value, list):
        return None
    return tuple(sorted({label for label in value if isinstance(label, str) and 0 < len(label) <= 100}))


def text_size(text: str) -> int:
    """Bytes of ``text`` in UTF-8, with or without lone surrogates."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def moment(value: object) -> datetime:
    """An aware datetime in UTC; a time without offset is taken as UTC.

    Raises Unreadable for what is no date, and for years outside 1970 to 2100.
    """
    if not isinstance(value, str):
        raise Unreadable("is no text")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = _other_form(value)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    try:
        found = found.astimezone(UTC)
    except OverflowError as error:
        raise Unreadable("is out of range") from error
    if not 1970 <= found.year <= 2100:
        raise Unreadable("is out of range")
    return found


def _other_form(value: str) -> datetime:
    """A date that is not ISO 8601, such as ``Mon, 23 Nov 2026 19:52:07 GMT``."""
    from dateutil import parser  # rarely needed, and slow to import

    if len(value) > 64:
        raise Unreadable("is no date")
    try:
        found, again = (parser.parse(value, default=day, tzinfos=_zone) for day in _DEFAULTS)
    except (ValueError, ArithmeticError, TypeError, AttributeError) as error:  # dateutil raises all of them
        raise Unreadable("is no date") from error
    if found != again:  # part of it came out of the defaults, and so is not in the text
        raise Unreadable("is no date")
    return found


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    """The offset (seconds) that dateutil read; a zone by its letters alone (EST) means several."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is not None:
        raise ValueError(name)
    return None
