"""A schedule as text to edit: TOML in local times, read strictly, with the line of each mistake."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import time
from typing import Any

from ..errors import UsageError
from ..protocol.schedules import ACTIONS, DAYS, Line, in_order

_HEADER = re.compile(r"""\s*\[\[\s*["']?line["']?\s*\]\]""")
_TABLE = re.compile(r"\s*\[")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)

_HELP = """\
# {about}
# Times are local ({zone}); days: {days}; actions: {actions}.
# Lines that begin with # say nothing. Save to send what you changed; nothing changed sends nothing.
"""
_EXAMPLE = """\
# [[line]]
# days = ["mon", "tue", "wed", "thu", "fri"]
# time = "07:30"
# action = "arm"
"""


def written(name: str, lines: Sequence[Line], *, about: str, zone: str) -> str:
    """The text of a schedule, with a comment that explains it; ``about`` is its first line."""
    help_text = _HELP.format(about=about, zone=zone, days=" ".join(DAYS), actions=" ".join(ACTIONS))
    parts = [help_text, f"name = {_string(name)}\n", *(() if lines else (_EXAMPLE,))]
    for line in lines:
        days = ", ".join(map(_string, line.days))
        parts.append(
            f"[[line]]\ndays = [{days}]\ntime = {_string(clock(line.at))}\naction = {_string(line.action)}\n"
        )
    return "\n".join(parts)


def clock(at: time) -> str:
    """``07:30``; with seconds where there are any."""
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def days_in_words(days: Sequence[str]) -> str:
    """``every day``, ``Mon-Fri``, ``Mon, Wed``."""
    numbers = [DAYS.index(day) for day in days]
    names = [day.capitalize() for day in days]
    if len(days) == len(DAYS):
        return "every day"
    if len(days) > 2 and numbers[-1] - numbers[0] == len(days) - 1:
        return f"{names[0]}-{names[-1]}"
    return ", ".join(names)


def in_words(line: Line) -> str:
    """``Mon-Fri 07:30 arm``."""
    return f"{days_in_words(line.days)} {clock(line.at)} {line.action}"


def line_facts(line: Line) -> dict[str, Any]:
    """A line as JSON."""
    return {"days": list(line.days), "time": clock(line.at), "action": line.action}


def _string(text: str) -> str:
    """``text`` as a TOML string, whose escapes are those of JSON; DEL has to be escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def read(text: str) -> tuple[str, tuple[Line, ...]]:
    """The name and the lines in ``text``.

    Raises UsageError, with the line and the key, for whatever is not just as it should be.
    """
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise UsageError(f"This is no TOML: {error}.") from error
    except RecursionError as error:
        raise UsageError("This is no TOML: it is nested too deeply.") from error

    def wrong(key: str, what: str) -> UsageError:
        return UsageError(f"{_place(text, None, key)}: {key} {what}.")

    for key in values:
        if key not in ("name", "line"):
            raise wrong(key, "means nothing here; there are name and [[line]]")
    name, lines = values.get("name"), values.get("line", [])
    if not isinstance(name, str) or not name.strip():
        raise wrong("name", 'has to be a text, such as name = "Weekdays"')
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise wrong("line", "has to be a list of tables: write [[line]] above the keys of each")
    if not lines:
        raise wrong("line", "is missing: a schedule has at least one [[line]]")
    return name, tuple(_line(text, number, line) for number, line in enumerate(lines, 1))


def _line(text: str, number: int, values: Mapping[str, Any]) -> Line:
    def wrong(key: str, what: str) -> UsageError:
        return UsageError(f"{_place(text, number, key)}: {key} {what}.")

    for key in values:
        if key not in ("days", "time", "action"):
            raise wrong(key, "means nothing here; a line has days, time and action")
    for key, example in (("days", 'days = ["mon", "tue"]'), ("time", 'time = "07:30"'), ("action", '"arm"')):
        if key not in values:
            raise wrong(key, f"is missing; write {example}")
    if values["action"] not in ACTIONS:
        raise wrong("action", f"is {_shown(values['action'])}, but has to be {_list(ACTIONS)}")
    return Line(days=_days(values["days"], wrong), at=_time(values["time"], wrong), action=values["action"])


Wrong = Callable[[str, str], UsageError]


def _days(value: object, wrong: Wrong) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise wrong("days", 'has to be a list of days, such as ["mon", "tue"]')
    for day in value:
        if day not in DAYS:
            raise wrong("days", f"has {_shown(day)}, but the days are {_list(DAYS)}")
        if value.count(day) > 1:
            raise wrong("days", f"has {_shown(day)} twice")
    return in_order(set(value))


def _time(value: object, wrong: Wrong) -> time:
    match value:
        case time() if not value.microsecond:  # TOML has times of its own: 07:30:00
            return value
        case str() if found := _TIME.fullmatch(value):
            hour, minute, second = (int(part or 0) for part in found.groups())
            return time(hour, minute, second)
        case _:
            raise wrong("time", f'is {_shown(value)}, but has to be one of 24 hours, such as "07:30"')


def _shown(value: object) -> str:
    try:
        text = _string(value) if isinstance(value, str) else str(value)
    except ValueError:  # of a number that is written as 0x…
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:40]}…"


def _list(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _place(text: str, number: int | None, key: str) -> str:
    """``line 7``: where ``key`` stands at the top or, with a ``number``, under the [[line]] of that number;
    the table where the key is missing; its number where the lines have another form."""
    rows = text.split("\n")
    first = 0
    if number is not None:
        headers = [row for row, content in enumerate(rows) if _HEADER.match(content)]
        if len(headers) < number:
            return f"entry {number} of line"
        first = headers[number - 1] + 1
    own = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""")
    for row in range(first, len(rows)):
        if own.match(rows[row]) or (number is None and re.match(rf"\s*\[+\s*{re.escape(key)}\b", rows[row])):
            return f"line {row + 1}"
        if number is not None and _TABLE.match(rows[row]):
            break
    return f"line {max(first, 1)}"
