"""Which clips: the filters that sync, ls and others share, and what dates mean in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from ..errors import UsageError
from ..model import utc_text
from .catalog import Catalog, storable
from .remarks import folded, labels_of

Moment = date | datetime  # a bare date is the clip's local day; a datetime (aware) is an instant

_BACK = re.compile(r"(\d{1,5})([hdw])", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 168}
# Where on earth a day begins first and ends last.
_FIRST_ZONE, _LAST_ZONE = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
# Two dates that share no part, the day of the week included; no month is too short for their days.
_FILLINGS = (datetime(2000, 1, 1, 0), datetime(2001, 2, 2, 1))  # noqa: DTZ001 - nor has the text a zone
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TERM = re.compile(r'"([^"]*)(?:"(\*?)|$)|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Filter:
    """What a command was asked to look at; an empty one matches every clip.

    ``since`` and ``until`` include the moment that they name, ``before`` does not.
    ``cameras`` and ``networks`` are names or Blink's ids, ``sources`` triggers (``pir``, …), ``labels`` the
    user's own or those of Blink's models; within each, any matches. ``text`` is for `search_terms`. Raises
    `UsageError` for a ``since`` later than ``until``, wherever the cameras are.
    """

    since: Moment | None = None
    until: Moment | None = None
    before: Moment | None = None
    cameras: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    text: str | None = None
    starred: bool = False
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.since is None or self.until is None:
            return
        since, until = self.since, self.until
        if isinstance(until, datetime) and not isinstance(since, datetime):
            since = datetime.combine(since, time.min, _FIRST_ZONE)
        elif isinstance(since, datetime) and not isinstance(until, datetime):
            until = datetime.combine(until, time.max, _LAST_ZONE)
        if since > until:
            raise UsageError("--since is later than --until, so that no clip can match. Swap the two.")


def parse_moment(text: str, *, now: datetime) -> Moment:
    """``2026-11-23`` is a day; ``2026-11-23 14:00`` an instant, in the machine's zone if it names no
    offset; ``14:00`` is today's; ``7d`` (or ``12h``, ``2w``) counts back from ``now``. Else `UsageError`."""
    text = text.strip()
    if back := _BACK.fullmatch(text):
        return now - timedelta(hours=int(back[1]) * _HOURS[back[2].lower()])
    try:
        if _ISO_DAY.fullmatch(text):
            return date.fromisoformat(text)
        moment, has_time = _parse(text, today=now.astimezone().date())
        return moment.astimezone(UTC) if has_time else moment.date()  # naive: the machine's time
    except (ValueError, ArithmeticError) as error:  # the latter: decimals and years that are too large
        raise UsageError(
            f"{text!r} is no date, or not all of one. Write 2026-11-23, '2026-11-23 14:00', or 7d for seven "
            "days ago."
        ) from error


def _parse(text: str, *, today: date) -> tuple[datetime, bool]:
    """The moment that ``text`` names, and whether a time is part of it; `ValueError` for a date in part.

    dateutil fills in what is not said. What two fillings do not change was said.
    """
    from dateutil import parser as dates  # few commands are given a date

    one, other = (dates.parse(text, default=filling, tzinfos=_offset) for filling in _FILLINGS)
    has_time = one.hour == other.hour
    if (one.date(), other.date()) == (_FILLINGS[0].date(), _FILLINGS[1].date()) and has_time:
        return datetime.combine(today, one.timetz()), True
    if one.date() != other.date() or (one.minute and not has_time):
        raise ValueError(text)
    return one, has_time


def search_terms(text: str) -> str:
    """``text`` in FTS5's words: each of its words and "phrases" has to occur, ``word*`` as a beginning.

    All else that FTS5 knows is quoted away, so that no text is an error in its syntax. `UsageError` for a
    text without any word in it.
    """
    terms = []
    for phrase, star, word in _TERM.findall(storable(text).replace("\0", " ")):
        said = phrase or word.rstrip("*")
        if any(c.isalnum() for c in said):
            terms.append(f'"{said}"' + ("*" if star or word.endswith("*") else ""))
    if not terms:
        raise UsageError(
            f"{text!r} holds no word to search for. Write words, or the beginning of one: park*."
        )
    return " ".join(terms)


def where(catalog: Catalog, wanted: Filter) -> tuple[str, dict[str, Any]]:
    """The filter as an SQL condition on ``clips``, with its parameters.

    Raises `UsageError` for a camera or network that matches nothing the catalog knows.
    """
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for name, moment, sign in (
        ("since", wanted.since, ">="),
        ("until", wanted.until, "<="),
        ("before", wanted.before, "<"),
    ):
        if isinstance(moment, datetime):
            conditions.append(f"clips.created_at {sign} :{name}")
            parameters[name] = utc_text(moment)
        elif moment is not None:
            # No place is a day and a half from UTC: that much is known of created_at, which has an index.
            conditions.append(f"clips.local_day {sign} :{name} AND clips.created_at {sign} :{name}_utc")
            parameters[name] = moment.isoformat()
            parameters[f"{name}_utc"] = _beyond(moment, before=sign == ">=")
    for kind, asked in (("camera", wanted.cameras), ("network", wanted.networks)):
        if asked:
            ids, names = _match(catalog, kind, asked)
            conditions.append(
                f"(clips.{kind}_id IN ({_marks(f'{kind}_id', ids, parameters)})"
                f" OR clips.{kind}_name IN ({_marks(f'{kind}_name', names, parameters)}))"
            )
    if wanted.sources:
        sources = [storable(source.lower()) for source in wanted.sources]
        conditions.append(f"lower(clips.source) IN ({_marks('source', sources, parameters)})")
    if wanted.text is not None:
        conditions.append("clips.id IN (SELECT rowid FROM clips_fts WHERE clips_fts MATCH :text)")
        parameters["text"] = search_terms(wanted.text)
    if wanted.starred:
        conditions.append("clips.starred_at IS NOT NULL")
    if wanted.labels:
        texts = "(SELECT value FROM json_each(:labelled))"
        conditions.append(f"(clips.own_labels IN {texts} OR clips.labels IN {texts})")
        parameters["labelled"] = json.dumps(_labelled(catalog, wanted.labels))
    return " AND ".join(conditions) or "1", parameters


def _beyond(day: date, *, before: bool) -> str:
    """An instant before each that is of that day somewhere, or after each."""
    try:
        moment = datetime.combine(day, time.min, UTC) + timedelta(days=-2 if before else 3)
    except OverflowError:  # the calendar of Python ends with the years 1 and 9999
        return "" if before else "9999-12-31T23:59:59.999999Z"
    return utc_text(moment)


def _marks(name: str, values: Iterable[Any], parameters: dict[str, Any]) -> str:
    """The placeholders of a list, whose values are put into ``parameters``."""
    marks = {f"{name}_{number}": value for number, value in enumerate(values)}
    parameters |= marks
    return ", ".join(f":{mark}" for mark in marks)


def _offset(name: str | None, seconds: int | None) -> tzinfo | None:
    """The offset that dateutil read; a zone by its letters alone (EST) means several, and so none."""
    if seconds is None and name is not None:
        raise ValueError(name)
    return None if seconds is None else timezone(timedelta(seconds=seconds))


def _labelled(catalog: Catalog, asked: Iterable[str]) -> list[str]:
    """What the columns of labels hold where any of ``asked`` is among them; `UsageError` for a label that no
    clip has."""
    holding: dict[str, set[str]] = {}
    spelled: set[str] = set()
    pairs = catalog.rows("SELECT DISTINCT own_labels, labels FROM clips")  # of which there are few
    for text in {text for row in pairs for text in row.values() if text is not None}:
        for label in labels_of(text):
            holding.setdefault(folded(label), set()).add(text)
            spelled.add(label)
    found: set[str] = set()
    for wish in asked:
        texts = holding.get(folded(" ".join(wish.split())))
        if texts is None:
            listing = ", ".join(map(repr, sorted(spelled)[:20])) or "none yet"
            raise UsageError(f"No clip has the label {wish!r}. Known: {listing}.")
        found |= texts
    return sorted(found)


def _match(catalog: Catalog, kind: str, asked: Iterable[str]) -> tuple[list[int], list[str]]:
    """Ids by the name that a camera or network has now, or by id; and names it had then."""
    now = catalog.rows(f"SELECT id, name FROM {kind}s")
    then = catalog.rows(f"SELECT DISTINCT {kind}_id AS id, {kind}_name AS name FROM clips")
    ids: set[int] = set()
    names: set[str] = set()
    for wish in asked:
        folded = wish.strip().casefold()
        by_id = {row["id"] for row in [*now, *then] if str(row["id"]) == folded}
        by_name = {row["id"] for row in now if row["name"].strip().casefold() == folded}
        old = {row["name"] for row in then if row["name"] and row["name"].strip().casefold() == folded}
        if not (by_id or by_name or old):
            known = sorted({row["name"] for row in [*now, *then] if row["name"]})
            listing = ", ".join(repr(name) for name in known[:20]) or "none yet"
            raise UsageError(f"No {kind} is or was called {wish!r}. Known: {listing}.")
        ids |= by_id | by_name
        names |= old
    return sorted(ids), sorted(names)
