"""Drawings of block characters for a terminal: bars, a map of shades, lines of small columns; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .output import display_width, printable


@dataclass(frozen=True, slots=True)
class Ink:
    """What is drawn with, from the least to the most; ``parts`` are those of one cell of a bar, the last the
    whole of it, ``steps`` the columns of a line of them, ``shades`` those of a map, ``more`` what stands for
    the rest of a name that is cut."""

    parts: str
    steps: str
    shades: str
    more: str

    @classmethod
    def of(cls, encoding: str | None) -> Ink:
        """Block characters, or ASCII where ``encoding`` lacks them."""
        try:
            "".join((BLOCKS.parts, BLOCKS.steps, BLOCKS.shades, BLOCKS.more)).encode(encoding or "utf-8")
        except UnicodeEncodeError:
            return ASCII
        return BLOCKS


BLOCKS = Ink(parts="▏▎▍▌▋▊▉█", steps="▁▂▃▄▅▆▇█", shades="░▒▓█", more="…")
ASCII = Ink(parts="#", steps="_.:-=+*#", shades=".:*#", more="~")


def bar(value: float, *, biggest: float, width: int, ink: Ink) -> str:
    """A bar in proportion, of which ``biggest`` has the whole ``width``; empty for 0, never for more."""
    if value <= 0:
        return ""
    finest = len(ink.parts)
    count = max(1, round(value / biggest * width * finest))
    whole, rest = divmod(count, finest)
    return ink.parts[-1] * whole + (ink.parts[rest - 1] if rest else "")


def shade(value: float, *, biggest: float, ink: Ink) -> str:
    """One cell of a map, blank for 0 alone."""
    return _level(value, biggest, ink.shades) if value > 0 else " "


def columns(values: Sequence[float | None], *, least: float, most: float, ink: Ink) -> str:
    """A line of small columns, from ``least`` to ``most``; blank where there is no value."""
    return "".join(
        " " if value is None else _level(value - least, most - least, ink.steps) for value in values
    )


def _level(value: float, biggest: float, levels: str) -> str:
    if biggest <= 0:  # all are the same
        return levels[len(levels) // 2]
    return levels[min(int(value / biggest * len(levels)), len(levels) - 1)]


def name(text: str, width: int, *, ink: Ink) -> str:
    """A name in just ``width`` columns of the screen, cut if it has more; harmless to a terminal."""
    text = printable(text)
    if display_width(text) > width:
        while display_width(text) > width - 1:
            text = text[:-1]
        text += ink.more
    return text + " " * (width - display_width(text))


def squeezed(values: Sequence[float | None], width: int) -> list[float | None]:
    """The same in at most ``width`` steps, each the mean of what it covers."""
    if len(values) <= width:
        return list(values)
    parts = [values[n * len(values) // width : (n + 1) * len(values) // width] for n in range(width)]
    told = [[value for value in part if value is not None] for part in parts]
    return [sum(part) / len(part) if part else None for part in told]
