"""What `stats` draws, as numbers: clips by day, hour and camera, batteries and temperatures over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from ..model import utc_text
from .catalog import Catalog, catalog_errors
from .filters import Filter, Moment, where

RECENT = 30  # days
_PAGE = 500  # rows
_HERE = "clips.sha256 IS NOT NULL AND clips.local_removed_at IS NULL"


@dataclass(frozen=True, slots=True)
class CameraClips:
    """How many clips a camera has, by the name that it had then, and what their files here take."""

    camera: str
    clips: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device told on a day (UTC): ``battery`` is 0 (low) to 3 bars, the least of the day, and
    ``temperature_f`` the mean, in degrees of Fahrenheit; None where it told none."""

    day: date
    battery: float | None
    temperature_f: float | None


@dataclass(frozen=True, slots=True)
class CameraReadings:
    """The readings of one camera, oldest first, by the name that it has now."""

    camera: str
    readings: list[Reading]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of each recording once, whatever became of it; bytes are of the files that are here.

    ``days`` are all days from the first to the last, those without clips too; ``hours`` are seven rows,
    Monday's first, of 24 numbers of clips, in the clips' local time.
    """

    clips: int
    days: list[tuple[date, int]]
    hours: list[list[int]]
    cameras: list[CameraClips]
    readings: list[CameraReadings]


def statistics(catalog: Catalog, wanted: Filter, *, today: date) -> Statistics:
    """The numbers of the clips that ``wanted`` matches. Where it names no time, ``days`` are the last
    `RECENT` up to ``today``, or up to the last clip if all are older."""
    hours: Counter[str] = Counter()  # 2026-11-23T14
    clips: Counter[str] = Counter()
    sizes: defaultdict[str, int] = defaultdict(int)
    condition, parameters = where(catalog, wanted)
    with catalog_errors(catalog.path):
        found = catalog.connection.execute(
            "SELECT substr(created_local, 1, 13), "
            "coalesce(camera_name, 'camera ' || camera_id, 'no camera'), "
            f"CASE WHEN {_HERE} THEN bytes ELSE 0 END "
            f"FROM clips WHERE covered_by IS NULL AND {condition}",
            parameters,
        )
        while page := found.fetchmany(_PAGE):  # Counter.update counts faster than a loop
            recorded, names, lengths = zip(*page, strict=True)
            hours.update(recorded)
            clips.update(names)
            for name, length in zip(names, lengths, strict=True):
                sizes[name] += length
    by_day: Counter[str] = Counter()
    weekly = [[0] * 24 for _ in range(7)]
    for hour, count in hours.items():
        by_day[hour[:10]] += count
    weekdays = {day: date.fromisoformat(day).weekday() for day in by_day}
    for hour, count in hours.items():
        weekly[weekdays[hour[:10]]][int(hour[11:])] += count
    cameras = [CameraClips(camera, count, sizes[camera]) for camera, count in clips.items()]
    return Statistics(
        clips=clips.total(),
        days=_days(by_day, wanted, today),
        hours=weekly,
        cameras=sorted(cameras, key=lambda each: (-each.bytes, -each.clips, each.camera)),
        readings=_readings(catalog, wanted),
    )


def _days(by_day: Counter[str], wanted: Filter, today: date) -> list[tuple[date, int]]:
    if not by_day:
        return []
    first, last = date.fromisoformat(min(by_day)), date.fromisoformat(max(by_day))
    if wanted.since is None and wanted.until is None:
        end = today if last > today - timedelta(days=RECENT) else last
        start = end - timedelta(days=RECENT - 1)
    else:
        start = first if wanted.since is None else max(first, _day(wanted.since))
        end = max(last, today) if wanted.until is None else min(max(last, today), _day(wanted.until))
    count = (end - start).days + 1
    return [(day, by_day[day.isoformat()]) for day in (start + timedelta(days=n) for n in range(count))]


def _day(moment: Moment) -> date:
    return moment.astimezone().date() if isinstance(moment, datetime) else moment


def _readings(catalog: Catalog, wanted: Filter) -> list[CameraReadings]:
    conditions, parameters = ["device <> 'sync_module'"], dict[str, Any]()
    if wanted.since is not None:
        conditions.append("at >= :since")
        parameters["since"] = _text(wanted.since)
    if wanted.until is not None:
        conditions.append("at <= :until")
        parameters["until"] = _text(wanted.until, last=True)
    if wanted.cameras or wanted.networks:
        devices = ", ".join(map(str, _devices(catalog, wanted)))
        conditions.append(f"device_id IN ({devices})")
    with catalog_errors(catalog.path):
        rows = catalog.connection.execute(
            f"""
            SELECT device_id, coalesce(cameras.name, device || ' ' || device_id), substr(at, 1, 10) AS day,
              min(coalesce(battery_bars, CASE readings.battery WHEN 'low' THEN 0 WHEN 'ok' THEN 3 END)),
              avg(temperature_f)
            FROM readings LEFT JOIN cameras ON cameras.id = device_id
            WHERE {" AND ".join(conditions)}
            GROUP BY device_id, day
            ORDER BY device_id, day
            """,
            parameters,
        ).fetchall()
    return [
        CameraReadings(name, [Reading(date.fromisoformat(day), *values) for _, _, day, *values in days])
        for (_, name), days in groupby(rows, key=lambda row: row[:2])
    ]


def _devices(catalog: Catalog, wanted: Filter) -> list[int]:
    """The cameras that ``wanted`` names, themselves or by their networks, by what both are called now."""
    rows = catalog.rows(
        "SELECT cameras.id, cameras.name, network_id, networks.name AS network "
        "FROM cameras LEFT JOIN networks ON networks.id = network_id"
    )
    return [
        row["id"]
        for row in rows
        if _is_asked(wanted.cameras, row["id"], row["name"])
        and _is_asked(wanted.networks, row["network_id"], row["network"])
    ]


def _is_asked(asked: Sequence[str], number: int | None, name: str | None) -> bool:
    names = {str(number), (name or "").strip().casefold()}
    return not asked or any(wish.strip().casefold() in names for wish in asked)


def _text(moment: Moment, *, last: bool = False) -> str:
    """An instant as the catalog writes it; of a bare date its first, or its last one (UTC)."""
    if isinstance(moment, datetime):
        return utc_text(moment)
    return f"{moment.isoformat()}T{'23:59:59.999999' if last else '00:00:00.000000'}Z"
