"""``stats``: the archive in pictures, or as numbers."""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from . import draw
from .degrees import is_fahrenheit
from .options import Globals, command, filter_options, make_filter
from .output import counted, display_width, now, print_json, printable, size

if TYPE_CHECKING:
    from ..archive.statistics import CameraReadings, Statistics

_NAME = 20  # columns for the name of a camera, at most
_LEAST = 40  # columns of a terminal: on a smaller one, lines break
_LINES = 62  # days that are drawn one by one; more of them by week, or by month
_Series = list[tuple[str, dict[date, float]]]  # by camera and day
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@command("stats")
@filter_options
@click.option(
    "--celsius/--fahrenheit",
    default=None,
    help="The unit of temperatures (default: that of the locale).",
)
def stats_command(given: Globals, /, *, celsius: bool | None, **filters: Any) -> None:
    """Draw the archive: clips a day, by hour and weekday, bytes by camera, batteries and temperatures.

    Each recording counts once, whatever became of it; bytes are of the files that are here. Without --since
    and --until, the days are the last 30, and all else is of all time. Hours and days are the clips' local
    ones; batteries and temperatures are as each sync read them.
    """
    from ..archive.statistics import statistics

    wanted = make_filter(**filters, now=now())
    catalog = given.read_catalog()
    try:
        found = statistics(catalog, wanted, today=now().astimezone().date())
    finally:
        catalog.close()
    if given.json:
        print_json(_plain(found))
        return
    fahrenheit = is_fahrenheit(os.environ) if celsius is None else not celsius
    drawing = Drawing(
        width=max(_LEAST, shutil.get_terminal_size().columns - 1),  # some terminals break a line that is full
        ink=draw.Ink.of(sys.stdout.encoding),
        colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
        fahrenheit=fahrenheit,
    )
    if not found.clips:
        narrowed = any(value for value in filters.values())
        click.echo("No clip matches." if narrowed else "No clip is known yet: run `blink-archive sync`.")
    click.echo("\n".join(drawing.lines(found)), nl=bool(found.clips or found.readings))


def _plain(found: Statistics) -> dict[str, Any]:
    numbers = asdict(found)
    numbers["days"] = [{"day": day.isoformat(), "clips": clips} for day, clips in found.days]
    numbers["hours"] = dict(zip(_WEEKDAYS, found.hours, strict=True))
    for camera in numbers["readings"]:
        for reading in camera["readings"]:
            degrees = reading["temperature_f"]
            reading |= {
                "day": reading["day"].isoformat(),
                "temperature_f": None if degrees is None else round(degrees, 1),
                "temperature_c": None if degrees is None else round((degrees - 32) / 1.8, 1),
            }
    return numbers


class Drawing:
    """Sections of at most ``width`` columns, in ``ink``; with ``colour`` also in one."""

    def __init__(self, *, width: int, ink: draw.Ink, colour: bool, fahrenheit: bool) -> None:
        self._width = width
        self._ink = ink
        self._colour = colour
        self._fahrenheit = fahrenheit

    def lines(self, found: Statistics) -> Iterator[str]:
        """All sections; what there is nothing of is left away."""
        if found.clips:
            yield from self._days(found.days)
            yield from self._hours(found.hours)
            yield from self._cameras(found)
        yield from self._batteries(found.readings)
        yield from self._temperatures(found.readings)

    def _days(self, days: Sequence[tuple[date, int]]) -> Iterator[str]:
        if not days:
            yield "Clips a day: no day of that time has come yet, or all are before the first clip."
            return
        label, spans = _by_span(days)
        total = sum(clips for _, clips in days)
        yield f"{label}, {days[0][0]} to {days[-1][0]}: {counted(total, 'clips')}"
        counts = [clips for _, clips in spans]
        yield from self._bars([when for when, _ in spans], counts, list(map(str, counts)))

    def _hours(self, hours: Sequence[Sequence[int]]) -> Iterator[str]:
        biggest = max(map(max, hours))
        cell = 3 if self._width >= 4 + 3 * 24 else 2 if self._width >= 4 + 2 * 24 else 1
        yield ""
        yield f"Clips by hour and weekday: blank is none, {self._ink.shades[-1]} up to {biggest} in an hour"
        every = 3 if cell > 1 else 6
        yield "    " + "".join(f"{hour:<{cell * every}}" for hour in range(0, 24, every)).rstrip()
        for weekday, row in zip(_WEEKDAYS, hours, strict=True):
            cells = "".join(draw.shade(clips, biggest=biggest, ink=self._ink) * cell for clips in row)
            yield f"{weekday} {self._painted(cells.rstrip())}".rstrip()

    def _cameras(self, found: Statistics) -> Iterator[str]:
        total = sum(each.bytes for each in found.cameras)
        yield ""
        yield f"Bytes by camera: {size(total)} of {counted(found.clips, 'clips')}"
        words = [f"{size(each.bytes)}, {counted(each.clips, 'clips')}" for each in found.cameras]
        names = self._names([each.camera for each in found.cameras])
        yield from self._bars(names, [each.bytes for each in found.cameras], words)

    def _bars(self, names: Sequence[str], values: Sequence[int], words: Sequence[str]) -> Iterator[str]:
        """A bar a line, with what it is of before it (all of one width), and its value in words behind it."""
        width = self._width - display_width(names[0]) - max(map(len, words)) - 2
        for name, value, told in zip(names, values, words, strict=True):
            drawn = draw.bar(value, biggest=max(values), width=width, ink=self._ink)
            yield f"{name} {self._painted(drawn)}{' ' if drawn else ''}{told}"

    def _batteries(self, cameras: Sequence[CameraReadings]) -> Iterator[str]:
        if series := _series(cameras, "battery"):
            yield from self._columns("Batteries, {} to {} of 3 bars", series, scale=(0, 3))

    def _temperatures(self, cameras: Sequence[CameraReadings]) -> Iterator[str]:
        series = _series(cameras, "temperature_f")
        if not self._fahrenheit:
            series = [(name, {day: (f - 32) / 1.8 for day, f in values.items()}) for name, values in series]
        if series:
            unit = "Fahrenheit" if self._fahrenheit else "Celsius"
            yield from self._columns(f"Temperatures, {{}} to {{}} degrees {unit}", series)

    def _columns(
        self, title: str, series: _Series, *, scale: tuple[float, float] | None = None
    ) -> Iterator[str]:
        """A line a camera: a column a day, or the mean of a few days, and the last value behind them. The
        ``title`` gets the ends of the scale, by default the least and the most that is drawn."""
        first = min(min(values) for _, values in series)
        last = max(max(values) for _, values in series)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        names = self._names([name for name, _ in series])
        words = [f"{values[max(values)]:.0f} now" for _, values in series]
        width = self._width - display_width(names[0]) - max(map(len, words)) - 2
        lines = [draw.squeezed([values.get(day) for day in days], width) for _, values in series]
        told = [value for line in lines for value in line if value is not None]
        least, most = scale or (min(told), max(told))
        ends = (
            f"{draw.columns([end], least=least, most=most, ink=self._ink)} {end:.0f}" for end in (least, most)
        )
        yield ""
        yield f"{title.format(*ends)}, {first} to {last}"
        for name, line, now_ in zip(names, lines, words, strict=True):
            yield f"{name} {self._painted(draw.columns(line, least=least, most=most, ink=self._ink))} {now_}"

    def _names(self, names: Sequence[str]) -> list[str]:
        width = min(_NAME, self._width // 4, max(map(display_width, map(printable, names))))
        return [draw.name(name, width, ink=self._ink) for name in names]

    def _painted(self, text: str) -> str:
        return click.style(text, fg="cyan") if self._colour and text else text


def _series(cameras: Sequence[CameraReadings], fact: str) -> _Series:
    """By camera and day, of the cameras that tell that fact at all."""
    told = [
        (
            camera.camera,
            {each.day: getattr(each, fact) for each in camera.readings if getattr(each, fact) is not None},
        )
        for camera in cameras
    ]
    return [(name, values) for name, values in told if values]


def _by_span(days: Sequence[tuple[date, int]]) -> tuple[str, list[tuple[str, int]]]:
    """The days, or their weeks (by their Mondays) or months where there are too many; and what they are."""
    if len(days) <= _LINES:
        return "Clips a day", [(f"{day} {_WEEKDAYS[day.weekday()]}", clips) for day, clips in days]
    sums: defaultdict[str, int] = defaultdict(int)
    weeks = len(days) <= 7 * _LINES
    for day, clips in days:
        sums[str(day - timedelta(days=day.weekday())) if weeks else f"{day:%Y-%m}"] += clips
    return "Clips a week" if weeks else "Clips a month", list(sums.items())
