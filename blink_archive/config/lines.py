"""On which line of a TOML file each key stands: tomllib reads values, and tells no lines of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
"""``("archive", 0, "filters", "camera")``: tables by name, those of an array by number."""

_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


def lines_of(text: str) -> dict[Path, int]:
    """The line (from 1) on which each key's statement, or each table's heading, begins.

    ``text`` is valid TOML. Within a value (an inline table) each key has the line of the whole.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for line, statement in _statements(text):
        value = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _heading(value, counts)
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], line)
        else:
            for path in _paths(value):
                lines.setdefault((*table, *path), line)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of ``path``, or of what it is within."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def where_broken(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """The line of a mistake in the TOML itself, and tomllib's words for it."""
    said = str(error)
    found = _AT_LINE.search(said)
    last = text.rstrip().count("\n") + 1
    return int(found[1]) if found and found[1] else last, _AT_LINE.sub("", said)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement of a valid document, with its first line.

    A statement ends with the first line that makes it valid TOML: an open string or array is none.
    """
    begin, pending = 1, ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            begin = number + 1
            continue
        pending += line + "\n"
        try:
            tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        yield begin, pending
        begin, pending = number + 1, ""


def _heading(value: dict[str, Any], counts: dict[Path, int]) -> Path:
    """The path of the table that a heading begins; ``counts`` are the arrays' lengths so far."""
    path: Path = ()
    inner: Any = value
    while inner:
        name, inner = next(iter(inner.items()))
        path = (*path, name)
        if isinstance(inner, list):  # [[name]]
            counts[path] = counts.get(path, 0) + 1
            return (*path, counts[path] - 1)
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _paths(value: dict[str, Any]) -> Iterator[Path]:
    for name, inner in value.items():
        yield (name,)
        if isinstance(inner, dict):
            yield from ((name, *rest) for rest in _paths(inner))
