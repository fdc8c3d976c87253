"""``ls``: clips by filter, as a table, JSON, JSON lines or CSV."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from .formats import Form, chosen_form, format_option, write, write_json, write_lines
from .options import Globals, command, filter_options, make_filter, word_options
from .output import display_width, now, printable, table_line

if TYPE_CHECKING:
    from ..archive.listing import Listing

_PLAIN = bytes(range(0x20, 0x7F))


@command("ls")
@filter_options
@word_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    envvar="BLINK_ARCHIVE_LS_LIMIT",  # not the limit of a nightly sync
    allow_from_autoenv=False,
    show_envvar=True,
    help="Only the newest N.",
)
@format_option
def ls_command(given: Globals, /, *, limit: int | None, form: Form | None, **filters: Any) -> None:
    """List clips, oldest first: the archived, and those that wait, were lost or deleted.

    On a terminal that is too narrow for them, the table has no paths; `show` tells that of a clip.
    """
    from ..archive.listing import Listing

    form = chosen_form(given, form)
    wanted = make_filter(**filters, now=now())
    catalog = given.read_catalog()
    try:
        print_clips(Listing(catalog, wanted, limit=limit), form=form)
    finally:
        catalog.close()


def print_clips(listing: Listing, *, form: Form) -> None:
    """The clips of the listing, in that form."""
    from ..archive.listing import CSV, JSON
    from ..archive.search import COLUMNS

    match form:
        case "table":
            for text in _table(listing, room=_columns()):
                write(text)
        case "csv":
            write_lines(",".join(COLUMNS) + "\r\n")
            for lines in _pages(listing, CSV):
                write_lines("\r\n".join(lines) + "\r\n")
        case "json" | "jsonl":
            write_json(_pages(listing, JSON), form=form)


def _pages(listing: Listing, line: str) -> Iterator[list[str]]:
    while page := listing.page(line):
        yield [text for text, _ in page]
        listing.move_on(page)


def _columns() -> float:
    """How many columns there are to write in: the terminal's, else any number."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf


def _table(listing: Listing, *, room: float) -> Iterator[str]:
    """The lines of the table, a page at a time; without the paths where the first page has no room for them.

    A column is as wide as the widest cell so far: where a later page has a wider one, the columns move to
    the right from there on.
    """
    from ..archive.listing import CELLS, PATH, table_start

    titles = [title for title, _, _ in CELLS]
    right = [to_the_right for _, _, to_the_right in CELLS]
    widths = _wider(map(len, titles), listing.widest())
    header, last, path = True, "path", PATH
    while (page := listing.page(f"{table_start(widths)}, {path}")) or header:
        if path == PATH and header and any(len(start) + len(end or "") > room for start, end, _ in page):
            last, path = "", "NULL"
            continue  # with the same page
        lines = [start + end if end else start.rstrip() for start, end, _ in page]
        if not _is_plain("".join(lines)):
            widths, lines = _by_hand(listing, widths, right, path)
        elif any(len(start) > sum(widths) + 2 * len(widths) for start, _, _ in page):
            widths = _wider(widths, listing.widest())
            continue  # with the same page
        if header:
            dashes = ["-" * width for width in [*widths, len(last)]]
            lines[:0] = [
                table_line(line, [*widths, 0], [*right, False]) for line in ([*titles, last], dashes)
            ]
            header = False
        yield "\n".join(lines) + "\n"
        listing.move_on(page)


def _by_hand(
    listing: Listing, widths: Sequence[int], right: Sequence[bool], path: str
) -> tuple[list[int], list[str]]:
    """The page's lines, and the columns' widths by then, where a letter is not just a letter: of no width,
    of two columns, or harmful to a terminal."""
    from ..archive.listing import CELLS

    rows = [
        [printable(cell or "") for cell in row[:-1]]
        for row in listing.page(f"{', '.join(cell for _, cell, _ in CELLS)}, {path}")
    ]
    widths = _wider(widths, (max(map(display_width, column)) for column in zip(*rows, strict=True)))
    return widths, [table_line(row, [*widths, 0], [*right, False]) for row in rows]


def _wider(widths: Iterable[int], others: Iterable[int]) -> list[int]:
    return list(map(max, widths, others))


def _is_plain(text: str) -> bool:
    """Whether each letter takes one column, and none can harm a terminal; ends of lines are not."""
    odd = text.encode().translate(None, _PLAIN).decode()
    return all(letter.isprintable() and display_width(letter) == 1 for letter in set(odd))
