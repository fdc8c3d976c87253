"""Pages of the media feed and their items, from JSON (protocol.md 6).

An item never raises: what is missing or unreadable becomes a word in its ``problems``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ..errors import UnexpectedAnswer
from ..model import Json, MediaItem, MediaPage
from .answers import as_object
from .values import MAX_TEXT, Unreadable, flag, integer, labels, moment, read_json, text_size


def changed_query(*, since: datetime, page: int) -> dict[str, str]:
    """The query of ``media/changed``; ``since`` is an aware datetime, cut to the second."""
    return {"since": utc_second(since), "page": str(page)}


def utc_second(when: datetime) -> str:
    """``2026-11-23T19:52:07+0000``: the form that ``since`` has."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def delete_body(ids: Sequence[int]) -> dict[str, list[int]]:
    """The JSON of ``media/delete``: integers, any other shape gets code 706."""
    return {"media_list": list(ids)}


def with_extension(path: str) -> str:
    """A thumbnail's path as it is asked for: ``.jpg`` appended where its last part has no extension."""
    place, mark, query = path.partition("?")
    last = place.rpartition("/")[2]
    return path if "." in last else f"{place}.jpg{mark}{query}"


def parse_page(value: object, *, number: int, server_time: datetime | None) -> MediaPage:
    """A page of the feed; raises UnexpectedAnswer for what has no ``media`` list."""
    answer = as_object(value, what="the media list")
    entries = answer.get("media")
    if not isinstance(entries, list):
        raise UnexpectedAnswer(
            "Blink answered without a media list where one was asked for. Try again later."
        )
    return MediaPage(
        number=number,
        items=tuple(map(parse_item, entries)),
        limit=integer(answer.get("limit")),
        purge_id=integer(answer.get("purge_id")),
        server_time=server_time,
    )


def parse_item(entry: object) -> MediaItem:
    """One entry of a media list, whatever it is."""
    fields = _Fields(entry if isinstance(entry, Mapping) else {})
    number = fields.integer("id")
    key, raw = str(number), fields.raw
    if number is None or number <= 0:
        number, key = None, malformed_key(entry)
        fields.problems.append("no id")
        raw = entry if isinstance(entry, Mapping) else {"value": entry}
    deleted, partial = fields.flag("deleted") or False, fields.flag("partial") or False
    created_at = fields.moment("created_at", required=True)
    media = fields.text("media")
    if not (media or deleted or partial):
        fields.problems.append("no media path")
    metadata = fields.object("metadata")
    return MediaItem(
        key=key,
        id=number,
        created_at=created_at,
        updated_at=fields.moment("updated_at"),
        deleted=deleted,
        partial=partial,
        watched=fields.flag("watched"),
        type=fields.text("type") or "",
        source=fields.text("source") or "",
        device_type=fields.text("device") or "",
        device_id=fields.integer("device_id"),
        device_name=fields.text("device_name"),
        network_id=fields.integer("network_id"),
        network_name=fields.text("network_name"),
        time_zone=fields.text("time_zone"),
        media=media or None,
        thumbnail=fields.text("thumbnail") or None,
        metadata=metadata,
        raw=raw,
        labels=None if metadata is None else labels(metadata.get("cv_detection")),
        problems=tuple(fields.problems),
    )


def malformed_key(entry: object) -> str:
    """The key of an entry without an id: the same for the same JSON, whatever its order."""
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    return f"malformed-{hashlib.sha256(canonical.encode('ascii')).hexdigest()[:16]}"


class _Fields:
    """Reads the fields of one item and keeps what was wrong with them."""

    __slots__ = ("problems", "raw")

    def __init__(self, raw: Json) -> None:
        self.raw = raw
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """Text as it is; anything else, and what is far too long, is a problem."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problems.append(f"{name} is no text")
            return None
        if text_size(value) > MAX_TEXT:
            self.problems.append(f"{name} is too long")
            return None
        return value

    def integer(self, name: str) -> int | None:
        value = self.raw.get(name)
        if value is None:
            return None
        number = integer(value)
        if number is None:
            self.problems.append(f"{name} is no number")
        return number

    def flag(self, name: str) -> bool | None:
        value = self.raw.get(name)
        if value is None:
            return None
        found = flag(value)
        if found is None:
            self.problems.append(f"{name} is neither true nor false")
        return found

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        value = self.raw.get(name)
        if value is None:
            if required:
                self.problems.append(f"no {name}")
            return None
        try:
            return moment(value)
        except Unreadable as error:
            self.problems.append(f"{name} {error}")
            return None

    def object(self, name: str) -> Json | None:
        """An object, or the JSON text of one."""
        value: Any = self.raw.get(name)
        if isinstance(value, str) and value:
            with suppress(ValueError):  # then it is still text, and so a problem
                value = read_json(value)
        match value:
            case None | "":
                return None
            case Mapping():
                return value
            case _:
                self.problems.append(f"{name} is no object")
                return None
