"""What an answer says when it is not what was asked for: status, code and Retry-After to errors.

Sources: protocol.md 2.3 (codes), 6 (403 and 406 as throttling).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import (
    BlinkArchiveError,
    Busy,
    NotFound,
    NotSignedIn,
    ServerError,
    Throttled,
    UnexpectedAnswer,
    UpdateRequired,
)
from ..model import Json
from .values import MAX_TEXT, integer, read_json, text_size

_LONGEST_WAIT = timedelta(days=7)


def decode(body: bytes, *, what: str) -> Any:
    """The JSON value in ``body``; ``what`` (``the media list``) is for the message.

    NaN and Infinity, which are no JSON, become None, and lone surrogates ``?``: neither could be
    stored. Raises UnexpectedAnswer for anything that is no JSON, HTML above all.
    """
    try:
        text = body.decode("utf-8")
        value = read_json(text, constant=lambda _: None)
        if "\\u" in text and "\\ud" in text.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except ValueError as error:
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something unreadable"
        raise UnexpectedAnswer(
            f"Blink answered with {kind} instead of {what}. That is mostly trouble on its side: "
            "try again later."
        ) from error
    return value


def as_object(value: object, *, what: str) -> Json:
    """``value`` if it is a JSON object; raises UnexpectedAnswer if it is none."""
    if not isinstance(value, Mapping):
        raise UnexpectedAnswer(
            f"Blink answered with JSON of another shape instead of {what}. Try again later."
        )
    return value


def member(answer: Json, name: str) -> Json:
    """The object ``name`` of ``answer``; an empty one where there is none."""
    value = answer.get(name)
    return value if isinstance(value, Mapping) else {}


def entries(answer: Json, name: str) -> Iterator[tuple[int, Json]]:
    """The objects with an id in the list ``name``; nothing where there is no such list."""
    found = answer.get(name)
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, Mapping) and (number := integer(entry.get("id"))) is not None:
            yield number, entry


def text_of(raw: Json, name: str) -> str | None:
    """Text or a number as text; None for anything else and what is far too long."""
    match raw.get(name):
        case bool():
            return None
        case int() as number:
            return str(number)
        case str() as text if text_size(text) <= MAX_TEXT:
            return text
        case _:
            return None


def is_too_long(raw: Json, name: str) -> bool:
    """Whether `text_of` leaves that text out for its length."""
    value = raw.get(name)
    return isinstance(value, str) and text_size(value) > MAX_TEXT


def retry_after(header: str | None, *, now: datetime) -> datetime | None:
    """When a ``Retry-After`` (seconds or an HTTP date) ends, in UTC; None where it says nothing.

    More than a week counts as a week: no server means a later time.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return now + min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
    moment = http_date(text)
    return None if moment is None else min(max(moment, now), now + _LONGEST_WAIT)


def http_date(header: str | None) -> datetime | None:
    """A ``Date`` (or other HTTP date) in UTC; None where it is missing or unreadable."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: 9999 with an offset ends in no year
        return None


def _when(until: datetime | None) -> str:
    """When to try again, in words, in the machine's zone."""
    return "later" if until is None else f"after {until.astimezone():%Y-%m-%d %H:%M:%S}"


def _words(value: object) -> tuple[int | None, str]:
    """Code and message of an error object; (None, "") of anything else."""
    if not isinstance(value, Mapping):
        return None, ""
    message = value.get("message")
    text = message[:200] if isinstance(message, str) else ""
    return integer(value.get("code")), "".join(c if c.isprintable() else " " for c in text)


def is_update_required(value: object, *, status: int) -> bool:
    """Whether an answer says "An app update is required": HTTP 426, or code 105 with any status."""
    return status == 426 or _words(value)[0] == 105


def is_error(value: object, *, status: int) -> bool:
    """Whether an answer of ``status`` is an error, going by its HTTP status or its code.

    Code 200 means invalid credentials, but one source has it with a message of success (protocol.md 2.3).
    """
    code, message = _words(value)
    if not 200 <= status < 300:
        return True
    return code in _CODES and not (code == 200 and "success" in message.lower())


_CODES = frozenset({101, 105, 200, 242, 307, 404, 700, 706})
"""Codes that stand for an error whatever the HTTP status; 103, 711, 802, 908 and the like do not."""


def error_of(status: int, value: object, *, what: str, until: datetime | None = None) -> BlinkArchiveError:
    """The error that an answer stands for, to be raised by the caller.

    ``value`` is its decoded body (None where that was no JSON), ``what`` names what was asked
    for, ``until`` is the end of its Retry-After.
    """
    code, message = _words(value)
    said = f" ({message})" if message else ""
    match status, code:
        case _ if is_update_required(value, status=status):
            return UpdateRequired(
                f"Blink wants a newer app{said}: this program needs an update. "
                "Install the newest version of blink-archive."
            )
        case (_, 307) | (409, _):
            return Busy(
                f"Blink is busy with another command and did not take the one for {what}{said}. "
                "Try again in a minute."
            )
        case (_, 404 | 700 | 711) | (404 | 410, _):
            return NotFound(f"Blink does not have {what} (any more){said}.")
        case (_, 101 | 200 | 242) | (401, _):
            return NotSignedIn(f"Blink no longer takes this sign-in{said}. Run `blink-archive login`.")
        case (429 | 403 | 406, _):
            return Throttled(
                f"Blink refused to give {what} for now (status {status}): it asks to slow down. "
                f"Try again {_when(until)}.",
                until=until,
            )
        case (int(), _) if status >= 500:
            return ServerError(
                f"Blink's server failed when asked for {what} (status {status}{said}). "
                f"Try again {_when(until)}.",
                until=until,
            )
        case _:
            return UnexpectedAnswer(
                f"Blink answered with something else than {what} "
                f"(status {status}, code {code if code is not None else 'none'}{said}). "
                "Try again later; if it stays so, this program needs an update."
            )
