"""What is typed in a form of its own: rates, sizes, spans of time, dates, layouts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError

if TYPE_CHECKING:
    from ..archive.layout import Layout

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])b?", re.IGNORECASE)
_MANY_DAYS = 36_500  # a hundred years: dates end somewhere
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class Rate(click.ParamType[float]):
    """``2MB/s``, ``500k``: bytes a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip().lower().removesuffix("/s").removesuffix("b").strip()
        number, unit = (text[:-1], text[-1]) if text[-1:] in {"k", "m", "g"} else (text, "")
        try:
            rate = float(number) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[unit]
        except ValueError:
            self.fail(f"{value!r} is no rate. Write 2MB/s or 500k.", param, ctx)
        if not 1 <= rate < float("inf"):
            self.fail(f"{value!r} would let nothing through. Write 2MB/s or 500k.", param, ctx)
        return rate


class Days(click.IntRange):
    """A whole number of days, 0 to a hundred years; ``7d``, as spans are written, is that number, too."""

    def __init__(self) -> None:
        super().__init__(min=0, max=_MANY_DAYS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if not (found := re.fullmatch(r"(-?\d+)d?", text)):
            self.fail(f"{value!r} is no number of days. Write a whole number, such as 7.", param, ctx)
        return int(super().convert(int(found[1]), param, ctx))


class Size(click.ParamType[int]):
    """``500GB``, ``1.5T``: bytes, in the decimal units that disks are sold by. A bare number, which could
    mean any unit, is none; 0 is."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if text == "0":
            return 0
        if not (found := _SIZE.fullmatch(text)):
            self.fail(f"{value!r} is no size. Write a number and its unit: 500GB, 1.5TB.", param, ctx)
        count = float(found[1]) * _UNITS[found[2].lower()]
        if count >= 2**63:
            self.fail(f"{value!r} is more than any disk holds. Write less: 500GB, 1.5TB.", param, ctx)
        return round(count)


class Span(click.ParamType[timedelta]):
    """``90s``, ``10m``, ``2h``, ``365d``, ``4w``."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from ..archive.durations import parse_duration

        try:
            return parse_duration(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Date(click.ParamType[str]):
    """``2026-11-23``, ``2026-11-23 14:00``, ``7d``. It stays the text, which is looked at again when a run
    begins: what counts back does so from then."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..archive.filters import parse_moment

        try:
            parse_moment(str(value), now=datetime.now(UTC))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Template(click.ParamType["Layout"]):
    """``{created:%Y-%m}/{camera}/{id}``."""

    name = "template"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Layout:
        from ..archive.layout import Layout

        try:
            return value if isinstance(value, Layout) else Layout.parse(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)
