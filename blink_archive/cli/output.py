"""What is printed: tables, JSON, CSV; sizes and durations in words; progress bars."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tqdm import tqdm


MISSING = "`blink-archive query 'SELECT * FROM missing'`"


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, form: str) -> None:
    """Rows as ``table``, ``json`` (a list of objects) or ``csv``."""
    match form:
        case "json":
            print_json([dict(zip(columns, row, strict=True)) for row in rows])
        case "csv":
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
            click.echo(text.getvalue(), nl=False)
        case _:
            print_table(columns, rows)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns; numbers to the right."""
    body = [[_cell(value) for value in row] for row in rows]
    numeric = (
        [all(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]
        if isinstance(rows, list) and rows
        else [False] * len(columns)
    )
    widths = [max(map(_width, column)) for column in zip(columns, *body, strict=True)]
    for line in [list(columns), ["-" * width for width in widths], *body]:
        cells = [
            (" " * (width - _width(cell)) + cell) if right else (cell + " " * (width - _width(cell)))
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    """A value on one line: control characters and direction marks must not reach the terminal."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return printable(text)


def printable(text: str) -> str:
    """``text`` without what could move a terminal's cursor or turn the reading direction around."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf") else c for c in text
    )


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def size(count: float) -> str:
    """``1.5 MB``; decimal units, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


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
            return f"{count} {name}{'s' if count != 1 else ''}"
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


class SyncProgress:
    """The progress of a sync: clips on the bar, bytes and their rate beside it; silent if not ``shown``."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: tqdm[Any] | None = None
        self._bytes = 0
        self._began = datetime.now(UTC)

    def __enter__(self) -> SyncProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def listed(self, items: int) -> None:
        """So many more entries of the feed are recorded."""
        if self._shown:
            self._open(None, "listing", "clip")
            self._update(items)

    def start(self, clips: int) -> None:
        """The fetch begins, of so many clips."""
        self._close()
        if self._shown and clips:
            self._began = datetime.now(UTC)
            self._open(clips, "fetching", "clip")

    def received(self, count: int) -> None:
        """So many more bytes have arrived."""
        self._bytes += count

    def finished(self) -> None:
        """One more clip is done, well or not."""
        if self._bar is not None:
            seconds = max((datetime.now(UTC) - self._began).total_seconds(), 0.001)
            self._bar.set_postfix_str(f"{size(self._bytes)}, {size(self._bytes / seconds)}/s", refresh=False)
            self._update(1)

    def _open(self, total: int | None, what: str, unit: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, unit=unit, dynamic_ncols=True, leave=False)

    def _update(self, count: int) -> None:
        if self._bar is not None:
            self._bar.update(count)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
