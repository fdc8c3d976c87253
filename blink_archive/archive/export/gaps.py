"""``gaps.csv``: days of a camera without a clip; ``missing.csv``: clips that are not there, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ...model import utc_text
from .. import layout
from ..catalog import Catalog
from ..filters import Filter, Moment, where
from .facts import ExportFacts
from .tables import write_csv

GAPS = (
    "camera", "camera_id", "network", "first_day", "last_day", "days", "clips_not_here",
    "readings", "disarmed", "offline",
)  # fmt: skip
MISSING = ("day", "camera", "camera_id", "network", "status", "reason", "clips")

_HERE = (
    "clips.id IN (SELECT clip_id FROM temp.exported UNION ALL SELECT clip_id FROM temp.exported_elsewhere)"
)
_CAMERA = "coalesce(clips.camera_id, clips_view.camera, '')"  # of what was imported, a name may be all
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Gaps:
    """What the two papers say, in sum: the span in local days (None where the export holds nothing), how many
    gaps there are, and by status how many clips of the selection are missing."""

    first: date | None
    last: date | None
    gaps: int = 0
    missing: Counter[str] = field(default_factory=Counter)


def write_gaps(catalog: Catalog, folder: Path, facts: ExportFacts) -> Gaps:
    """Write both papers of what the archive's catalog knows at this moment.

    A gap is a span of days on which a camera, from its first clip on, has none in this export or its other
    parts: it may have been quiet. ``disarmed`` and ``offline`` count the ``readings`` of that span which say
    so; ``clips_not_here`` are clips that the catalog knows of, wanted or not.
    """
    held = catalog.rows(f"SELECT min(local_day) AS first, max(local_day) AS last FROM clips WHERE {_HERE}")[0]
    first, last = (held[end] and date.fromisoformat(held[end]) for end in ("first", "last"))
    found = Gaps(first, last)
    write_csv(folder / "missing.csv", MISSING, _missing(catalog, facts.wanted, found))
    write_csv(folder / "gaps.csv", GAPS, _gaps(catalog, facts.wanted, found))
    return found


def _missing(catalog: Catalog, wanted: Filter, found: Gaps) -> Iterator[tuple[Any, ...]]:
    condition, parameters = where(catalog, wanted)
    for row in catalog.db.execute(
        f"""
        SELECT clips.local_day, clips_view.camera, clips.camera_id, clips_view.network, clips_view.status,
          coalesce(clips_view.reason, CASE clips_view.status
            WHEN 'waiting' THEN 'not fetched yet'
            WHEN 'deleted' THEN 'when Blink first listed it, it was deleted already'
            WHEN 'excluded' THEN 'by the wish of the user'
            ELSE 'in the archive, and not taken into this export'
          END), count(*)
        FROM clips JOIN clips_view USING (id)
        WHERE {condition} AND clips_view.status <> 'covered' AND NOT {_HERE}
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
        """,
        parameters,
    ):
        found.missing[row[4]] += row[-1]
        yield row


def _gaps(catalog: Catalog, wanted: Filter, found: Gaps) -> Iterator[tuple[Any, ...]]:
    if found.first is None or found.last is None:
        return
    condition, parameters = where(catalog, Filter(cameras=wanted.cameras, networks=wanted.networks))
    told = catalog.watermark().since
    default = found.first, found.last
    for _, clips in groupby(
        catalog.db.query(
            f"""
            SELECT {_CAMERA} AS key, clips.local_day AS day, max(clips.created_at), clips.time_zone,
              clips_view.camera, clips.camera_id, clips_view.network,
              sum({_HERE}) AS here, sum(clips.covered_by IS NULL AND NOT {_HERE}) AS away
            FROM clips JOIN clips_view USING (id) WHERE {condition} GROUP BY 1, 2 ORDER BY 1, 2
            """,
            parameters,
        ),
        key=lambda row: row["key"],
    ):
        days = list(clips)
        zone = layout.zone(days[-1]["time_zone"])
        first, last = _span(wanted, zone, default=default, told=told)
        found.first, found.last = min(found.first, first), max(found.last, last)
        for start, end, away in _without(days, first, last):
            found.gaps += 1
            names = (days[-1][name] for name in ("camera", "camera_id", "network"))
            counts = _readings(catalog, days[-1]["camera_id"], start, end, zone)
            yield (*names, start, end, (end - start).days + 1, away, *counts)


def _span(
    wanted: Filter, zone: ZoneInfo | None, *, default: tuple[date, date], told: datetime | None
) -> tuple[date, date]:
    """The days that were asked for, in that zone, as far as anything is known: up to the last clip, or to
    when Blink was last asked (``told``)."""
    first, last = default
    if told is not None:
        last = max(last, _local(told, zone))
    if wanted.since is not None:
        first = _local(wanted.since, zone)
    if wanted.until is not None:
        last = min(last, _local(wanted.until, zone))
    if wanted.before is not None:
        last = min(last, _local(wanted.before, zone) - _DAY)
    return first, last


def _local(moment: Moment, zone: ZoneInfo | None) -> date:
    return moment.astimezone(zone or UTC).date() if isinstance(moment, datetime) else moment


def _without(days: list[dict[str, Any]], first: date, last: date) -> Iterator[tuple[date, date, int]]:
    """The spans from ``first`` to ``last`` without a clip that is here: their ends, and the clips that the
    catalog knows of in them."""
    start = max(first, date.fromisoformat(days[0]["day"]))
    away = 0
    for row in days:
        day = date.fromisoformat(row["day"])
        if not start <= day <= last:
            continue
        if not row["here"]:
            away += row["away"]
            continue
        if start < day:
            yield start, day - _DAY, away
        start, away = day + _DAY, 0
    if start <= last:
        yield start, last, away


def _readings(
    catalog: Catalog, camera: int | None, start: date, end: date, zone: ZoneInfo | None
) -> tuple[int, int, int]:
    """How many readings of the camera there are of these local days, in how many it did not look out for
    motion, and in how many it was offline."""
    begin, finish = (datetime.combine(day, time.min, zone or UTC) for day in (start, end + _DAY))
    counts = catalog.rows(
        "SELECT count(*) AS readings, coalesce(sum(armed = 0 OR enabled = 0), 0) AS disarmed, "
        "coalesce(sum(status = 'offline'), 0) AS offline FROM readings "
        "WHERE device <> 'sync_module' AND device_id = ? AND at >= ? AND at < ?",
        (camera, utc_text(begin), utc_text(finish)),
    )[0]
    return counts["readings"], counts["disarmed"], counts["offline"]
