"""The newer listing (protocol.md 6.1): what Blink's models say of a clip, from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..errors import UnexpectedAnswer
from ..model import Description, DescriptionPage, Json
from .answers import as_object, text_of
from .media import utc_second
from .values import integer, labels


def media_query(*, start: datetime | None, end: datetime | None, key: str | None) -> dict[str, str]:
    """The query: recorded from ``start`` to ``end`` (aware), and the ``key`` of a further page."""
    query = {}
    if start is not None:
        query["start_time"] = utc_second(start)
    if end is not None:
        query["end_time"] = utc_second(end)
    if key is not None:
        query["pagination_key"] = key
    return query


def parse_descriptions(value: object) -> DescriptionPage:
    """A page; an entry without an id is left out. Raises UnexpectedAnswer for what has no ``media`` list."""
    answer = as_object(value, what="the descriptions of clips")
    found = answer.get("media")
    if not isinstance(found, list):
        raise UnexpectedAnswer("Blink answered without a list of described clips. Try again later.")
    return DescriptionPage(
        descriptions=tuple(
            Description(clip_id=number, text=_words(raw), labels=labels(raw.get("cv_detection")))
            for raw in found
            if isinstance(raw, Mapping) and (number := integer(raw.get("id"))) is not None
        ),
        next_key=text_of(answer, "pagination_key") or None,
    )


def _words(raw: Json) -> str | None:
    """The full description, else the short one."""
    said = raw.get("ai_vd")
    if not isinstance(said, Mapping):
        return None
    return text_of(said, "full_description") or text_of(said, "short_description") or None
