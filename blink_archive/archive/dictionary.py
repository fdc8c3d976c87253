"""What schema.sql says of each table, view and column, for documents and for other programs' metadata.

It is read as text, since SQLite keeps comments, but none that belongs to a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .catalog import schema

_CREATE = re.compile(r"CREATE (TABLE|VIEW|VIRTUAL TABLE) (\w+)")
_FROM = re.compile(r"FROM (\w+)")
_COMMA = re.compile(r",(?![^()]*\))(?=[^']*(?:'[^']*'[^']*)*$)")  # not within brackets or quotes
_DEFINED = re.compile(r"(\w+) +(INTEGER|REAL|TEXT)\b(.*)")
_REFERS = re.compile(r"REFERENCES (\w+) \((\w+)\)")
_SELECTED = re.compile(r"(?:(\w+)\.)?(\w+)(?: AS (\w+))?")
_TYPED = re.compile(r"(INTEGER|REAL|TEXT): (.*)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its SQLite type, what it is in words, whether it can be NULL, and which ``table.column`` it
    refers to. ``section`` is the heading that it stands under, empty where there is none."""

    name: str
    type: str
    about: str
    nullable: bool = True
    refers_to: str | None = None
    section: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A ``table``, a ``view`` or a full-text ``index``, and what it is in words."""

    name: str
    kind: str
    about: str
    columns: tuple[Column, ...]


@dataclass(slots=True)
class _Item:
    """A part of a statement between two commas, and what stands behind it."""

    section: str
    code: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def about(self) -> str:
        return " ".join(filter(None, self.comments))


def tables() -> dict[str, Table]:
    """All tables and views by name, in the order of schema.sql, but for FTS5's own."""
    found: dict[str, Table] = {}
    lines = schema().splitlines()
    for number, line in enumerate(lines):
        if created := _CREATE.match(line):
            about = lines[number - 1] if lines[number - 1].startswith("-- ") else line.partition("--")[2]
            end = next(n for n in range(number, len(lines)) if _code(lines[n]).endswith(";"))
            table = _table(created[1], created[2], lines[number + 1 : end], found)
            found[table.name] = replace(table, about=f"{about.strip('- ')} {table.about}".strip())
    return found


def columns_table(table: Table) -> str:
    """The columns in Markdown, a table for each section."""
    lines: list[str] = []
    for number, column in enumerate(table.columns):
        if number == 0 or column.section != table.columns[number - 1].section:
            heading = f"{column.section[:1].upper()}{column.section[1:]}:\n\n" if column.section else ""
            lines.append(f"\n{heading}| column | type | what it is |\n|---|---|---|")
        kind = f"{column.type} or NULL" if column.nullable and table.kind == "table" else column.type
        about = column.about.replace("|", "\\|") + (f" → `{column.refers_to}`" if column.refers_to else "")
        lines.append(f"| `{column.name}` | {kind} | {about} |")
    return "\n".join(lines).strip()


def _code(line: str) -> str:
    return line.partition("--")[0].strip()


def _table(kind: str, name: str, body: Sequence[str], known: Mapping[str, Table]) -> Table:
    """One object of those lines; what more is said of it stands before its first column."""
    more = next(n for n, line in enumerate(body) if _code(line))
    about, body = " ".join(line.strip("- ") for line in body[:more]), body[more:]
    match kind:
        case "TABLE":
            columns = [column for item in _items(body) if (column := _defined(item))]
            return Table(name, "table", about, tuple(columns))
        case "VIEW":
            end, source = next((n, found[1]) for n, line in enumerate(body) if (found := _FROM.match(line)))
            chosen = [body[0].removeprefix("SELECT"), *body[1:end]]
            return Table(
                name, "view", about, tuple(_selected(item, source, known) for item in _items(chosen))
            )
        case _:
            names = [" ".join(item.code) for item in _items(body) if "=" not in item.code[0]]
            clips = {column.name: column for column in known["clips"].columns}
            return Table(name, "index", about, tuple(replace(clips[name], section="") for name in names))


def _items(lines: Sequence[str]) -> Iterator[_Item]:
    items: list[_Item] = []
    section, begun = "", False
    for line in lines:
        code, _, comment = line.partition("--")
        if line.startswith("  --"):
            section = comment.strip()
            continue
        for number, part in enumerate(_COMMA.split(code)):
            begun = begun and number == 0
            if part.strip():
                if not begun:
                    items.append(_Item(section))
                items[-1].code.append(part.strip())
                begun = True
        if items:
            items[-1].comments.append(comment.strip())
    yield from items


def _defined(item: _Item) -> Column | None:
    """The column of a table; None for a constraint."""
    found = _DEFINED.match(" ".join(item.code))
    if found is None:
        return None
    refers = _REFERS.search(found[3])
    return Column(
        name=found[1],
        type=found[2],
        about=item.about,
        nullable="NOT NULL" not in found[3] and "PRIMARY KEY" not in found[3],
        refers_to=f"{refers[1]}.{refers[2]}" if refers else None,
        section=item.section,
    )


def _selected(item: _Item, source: str, known: Mapping[str, Table]) -> Column:
    """The column of a view: what its comment says, else that of the column that it shows."""
    code = " ".join(item.code)
    if plain := _SELECTED.fullmatch(code):
        (shown,) = (column for column in known[plain[1] or source].columns if column.name == plain[2])
        return Column(plain[3] or shown.name, shown.type, item.about or shown.about)
    kind, about = _TYPED.findall(item.about)[0]
    return Column(code.rpartition(" AS ")[2], kind, about)
