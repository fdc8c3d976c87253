"""Which clips: the filters that sync, ls and others share, and what dates mean in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dateutil import parser as dates

from ..errors import UsageError
from ..model import utc_text
from .catalog import Catalog

Moment = date | datetime  # a bare date is the clip's local day; a datetime (aware) is an instant

_BACK = re.compile(r"(\d{1,5})([hdw])", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 168}
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a command was asked to look at; an empty one matches every clip.

    ``since`` and ``until`` include the moment that they name. ``cameras`` and ``networks`` are names
    or Blink's ids, ``sources`` triggers (``pir``, …); within each, any matches.
    """

    since: Moment | None = None
    until: Moment | None = None
    cameras: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def parse_moment(text: str, *, now: datetime) -> Moment:
    """``2026-11-23`` is a day; ``2026-11-23 14:00`` an instant, in the machine's zone if it names no
    offset; ``7d`` (or ``12h``, ``2w``) counts back from ``now``. Else `UsageError`."""
    text = text.strip()
    if back := _BACK.fullmatch(text):
        return now - timedelta(hours=int(back[1]) * _HOURS[back[2].lower()])
    try:
        if _ISO_DAY.fullmatch(text):
            return date.fromisoformat(text)
        today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        moment = dates.parse(text, default=today)  # what the text omits is today's
        if not re.search(r"\d:\d|\dT\d", text):
            return moment.date()
        return moment.astimezone(UTC)  # a naive one is taken as the machine's time
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is no date. Write 2026-11-23, '2026-11-23 14:00', or 7d for seven days ago."
        ) from error


def where(catalog: Catalog, wanted: Filter) -> tuple[str, dict[str, Any]]:
    """The filter as an SQL condition on ``clips``, with its parameters.

    Raises `UsageError` for a camera or network that matches nothing the catalog knows.
    """
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for name, moment, sign in (("since", wanted.since, ">="), ("until", wanted.until, "<=")):
        if isinstance(moment, datetime):
            conditions.append(f"clips.created_at {sign} :{name}")
            parameters[name] = utc_text(moment)
        elif moment is not None:
            conditions.append(f"clips.local_day {sign} :{name}")
            parameters[name] = moment.isoformat()
    for kind, asked in (("camera", wanted.cameras), ("network", wanted.networks)):
        if asked:
            ids, names = _match(catalog, kind, asked)
            conditions.append(
                f"(clips.{kind}_id IN (SELECT value FROM json_each(:{kind}_ids))"
                f" OR clips.{kind}_name IN (SELECT value FROM json_each(:{kind}_names)))"
            )
            parameters |= {f"{kind}_ids": json.dumps(ids), f"{kind}_names": json.dumps(names)}
    if wanted.sources:
        conditions.append("lower(clips.source) IN (SELECT value FROM json_each(:sources))")
        parameters["sources"] = json.dumps([source.lower() for source in wanted.sources])
    return " AND ".join(conditions) or "1", parameters


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
        old = {row["name"] for row in then if (row["name"] or "").strip().casefold() == folded}
        if not (by_id or by_name or old):
            known = sorted({row["name"] for row in [*now, *then] if row["name"]})
            listing = ", ".join(repr(name) for name in known[:20]) or "none yet"
            raise UsageError(f"No {kind} is or was called {wish!r}. Known: {listing}.")
        ids |= by_id | by_name
        names |= old
    return sorted(ids), sorted(name for name in names if name is not None)
