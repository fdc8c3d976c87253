"""What is printed: tables, JSON; sizes and durations in words; progress bars."""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..model import size as size  # with the other words for numbers

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

_REDRAW = 0.2  # seconds, at least, between two drawings of a bar
_LINES = 500  # of a table that are written at once
_SEVERAL = re.compile(r"s\b")
MISSING = "`blink-archive query 'SELECT * FROM missing'`"


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(_json(value))


def print_json_line(value: Any) -> None:
    """One JSON document on one line of stdout."""
    click.echo(_json(value, indented=None))


def _json(value: Any, *, indented: int | None = 2) -> str:
    # Half a surrogate pair is written as an escape, by the stream (`cli.main`). All else is, where the
    # stream's encoding lacks it, only valid JSON if json writes it.
    narrow = "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    return json.dumps(plain(value), indent=indented, ensure_ascii=narrow)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: bytes as hex, and infinities and NaN as text."""
    match value:
        case bytes():
            return value.hex()
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    cells: Callable[[Sequence[Any]], Sequence[Any]] = tuple,
) -> None:
    """Aligned columns; numbers to the right. ``cells`` makes what is shown of a row; it is called twice a
    row, so that of many rows only the rows themselves are held in memory."""
    widths = [display_width(_cell(column)) for column in columns]
    numeric = [bool(rows)] * len(columns)
    for row in rows:
        for number, value in enumerate(cells(row)):
            widths[number] = max(widths[number], display_width(_cell(value)))
            numeric[number] &= value is None or isinstance(value, int | float)
    lines = chain([columns, ["-" * width for width in widths]], map(cells, rows))
    while chunk := list(islice(lines, _LINES)):
        click.echo("\n".join(table_line(map(_cell, line), widths, numeric) for line in chunk))


def table_line(cells: Iterable[str], widths: Iterable[int], numeric: Iterable[bool]) -> str:
    """Cells, each of at least so many columns on the screen, two blanks between them."""
    padded = []
    for cell, width, right in zip(cells, widths, numeric, strict=True):
        blanks = " " * (width - display_width(cell))
        padded.append(blanks + cell if right else cell + blanks)
    return "  ".join(padded).rstrip()


def _cell(value: Any) -> str:
    """A value on one line: control characters and direction marks must not reach the terminal."""
    match value:
        case None:
            return ""
        case str():
            return printable(value)
        case float():
            return f"{value:g}"
        case bytes():
            return value.hex()
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """``text`` without what could move a terminal's cursor or turn the reading direction around."""
    if text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf") else c for c in text
    )


def printable_lines(text: str) -> list[str]:
    """The lines of a text that may have several, each as `printable` makes it."""
    return [printable(line.expandtabs(4)) for line in text.split("\n")]


def display_width(text: str) -> int:
    """How many columns ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def counted(count: int, things: str) -> str:
    """``3 clips``, ``1 clip``: ``things`` is named as of several, its first word in -s the thing itself."""
    return f"{count} {things}" if count != 1 else f"1 {re.sub(_SEVERAL, '', things, count=1)}"


def ago(text: str | None, *, now: datetime) -> str:
    """``3 hours ago``, ``in 2 days``, of a catalog time."""
    if text is None:
        return "never"
    passed = now - datetime.fromisoformat(text)
    words = _span(abs(passed))
    return f"{words} ago" if passed >= timedelta(0) else f"in {words}"


def _span(span: timedelta) -> str:
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(span.total_seconds() // unit)
        if count:
            return counted(count, f"{name}s")
    return "less than a minute"


def local(text: str) -> str:
    """A catalog time in the machine's zone, for reading."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def bars_wanted(*, no_progress: bool, quiet: bool) -> bool:
    """Bars are for a terminal, and only where nothing speaks against them."""
    return sys.stderr.isatty() and not no_progress and not quiet


def with_byte_bar(work: Callable[[Callable[[int], object]], T], *, total: int, what: str, shown: bool) -> T:
    """``work``, which tells what it is given how many bytes it has read, under a bar if one is ``shown``."""
    if not shown:
        return work(lambda count: None)
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit="B", unit_scale=True, dynamic_ncols=True, leave=False) as bar:
        return work(bar.update)


class SyncProgress:
    """The progress of a sync: clips, bytes, rate and time left in 60 columns, then a bar if there is more
    room. Silent if not ``shown``; ``clock`` tells seconds."""

    def __init__(self, *, shown: bool, clock: Callable[[], float] = monotonic) -> None:
        self._shown = shown
        self._clock = clock
        self._bar: tqdm[Any] | None = None
        self._bytes = 0
        self._began = self._drawn = clock()

    def __enter__(self) -> SyncProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def listed(self, items: int) -> None:
        """So many more entries of the feed are recorded."""
        if self._shown:
            self._open(None, "listing", "{desc} {n_fmt} clips, {elapsed}")
            self._count(items)

    def start(self, clips: int) -> None:
        """The fetch begins, of so many clips."""
        self._close()
        if self._shown and clips:
            self._began = self._drawn = self._clock()
            self._open(clips, "fetching", "{desc} {n_fmt}/{total_fmt}{postfix}, {remaining} left {bar}")

    def received(self, count: int) -> None:
        """So many more bytes have arrived."""
        self._bytes += count
        self._count(0)

    def finished(self) -> None:
        """One more clip is done, well or not."""
        self._count(1)

    def _open(self, total: int | None, what: str, form: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, bar_format=form, dynamic_ncols=True, leave=False)

    def _count(self, clips: int) -> None:
        if self._bar is None:
            return
        self._bar.n += clips
        now = self._clock()
        if now - self._drawn < _REDRAW:
            return
        self._drawn = now
        if self._bytes:
            rate = self._bytes / (now - self._began)
            self._bar.set_postfix_str(f"{size(self._bytes)}, {size(rate)}/s", refresh=False)
        self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
