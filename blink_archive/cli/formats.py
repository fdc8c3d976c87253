"""Rows as a table, JSON, JSON lines or CSV: --format, and how each is written."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Literal, TypeVar

import click

from ..errors import UsageError
from .options import Globals
from .output import plain, print_table

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Form = Literal["table", "json", "jsonl", "csv"]

_CHUNK = 500  # rows that are written at once
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def format_option(function: F) -> F:
    """``--format``: the command gets ``form``, for `chosen_form`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "jsonl", "csv"]),
        envvar="BLINK_ARCHIVE_FORMAT",
        allow_from_autoenv=False,
        show_envvar=True,
        help="Print a table (the default), one JSON document (as --json), a JSON object a line, or CSV.",
    )(function)


def chosen_form(given: Globals, form: Form | None) -> Form:
    """What --format and --json ask for together; `UsageError` where they differ."""
    if given.json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} ask for different things. Leave one of them away.")
    return form or ("json" if given.json else "table")


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, form: Form) -> None:
    """Rows in that form. In JSON, a second column of one name gets a number."""
    match form:
        case "table":
            print_table(columns, rows)
        case "csv":
            write_csv(chain([columns], rows))
        case "json" | "jsonl":
            names = _distinct(columns)
            objects = (_object(dict(zip(names, row, strict=True))) for row in rows)
            write_json(_chunks(objects), form=form)


def write_json(chunks: Iterable[Sequence[str]], *, form: Form) -> None:
    """Objects, each a text of JSON, a line for each: as one list, or for ``jsonl`` the lines alone."""
    before, between, after = ("", "\n", "\n") if form == "jsonl" else ("[\n", ",\n", "\n]\n")
    some = False
    for chunk in chunks:
        write(_in_narrow((between if some else before) + between.join(chunk)))
        some = True
    if some or form == "json":
        write(after if some else "[]\n")


def write_csv(rows: Iterable[Sequence[Any]]) -> None:
    """Rows, the header among them, as RFC 4180 has it: lines end in CR LF, on every system."""
    for chunk in _chunks(rows):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(map(plain, chunk))
        write_lines(text.getvalue())


def write(text: str) -> None:
    """A large piece of text on stdout, as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_lines(text: str) -> None:
    """The same, of a text whose ends of lines Windows must not change."""
    click.echo(text.encode(sys.stdout.encoding, sys.stdout.errors or "strict"), nl=False)


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def _object(value: dict[str, Any]) -> str:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def _in_narrow(text: str) -> str:
    """JSON for a stream whose encoding may lack letters: there, as escapes. (Half a surrogate pair is written
    as one by the stream itself, see `cli.main`.)"""
    if text.isascii() or "utf" in (sys.stdout.encoding or "utf-8").lower():
        return text
    return _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _distinct(columns: Sequence[str]) -> list[str]:
    """``a, a`` -> ``a, a_2``: an object has each name once."""
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names
