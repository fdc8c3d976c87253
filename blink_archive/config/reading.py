"""From TOML to a `Configuration`: every key known, every value right, or a `Mistake` that says where."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from re import compile as pattern
from typing import Any

from .configuration import Configuration, Entry, Mistake, Setting, Value, same_folder
from .keys import ENTRY, NAME, QUERIES, Key, heading
from .lines import Path as Place
from .lines import line_of, lines_of, where_broken

Judge = Callable[[Key, Any], str | None]
"""What is wrong with a value of TOML for that key, as half a sentence; None where nothing is."""

_NAME = pattern(r"\w[\w-]*")


def read(text: str, *, file: Path, keys: Iterable[Key], judge: Judge) -> Configuration:
    """The configuration in ``text``, with all its mistakes. Paths in it are relative to the folder of
    ``file``, which is absolute. ``keys`` are those there are, but for ``name``."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, said = where_broken(error, text)
        return Configuration(file, mistakes=(Mistake(file, line, None, f"this is not TOML: {said}."),))
    reader = _Reader(file, lines_of(text), (*keys, NAME), judge)
    return reader.configuration(document)


def as_typed(value: Any) -> Value:
    """A value of TOML as it would be typed for an option."""
    match value:
        case bool():
            return value
        case list():
            return tuple(str(as_typed(each)) for each in value)
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


class _Reader:
    def __init__(self, file: Path, lines: Mapping[Place, int], keys: tuple[Key, ...], judge: Judge) -> None:
        self._file = file
        self._lines = dict(lines)
        self._keys = {key.name: key for key in keys}
        self._tables = {key.table for key in keys if key.table} | {QUERIES}
        self._judge = judge
        self._mistakes: list[Mistake] = []

    def configuration(self, document: dict[str, Any]) -> Configuration:
        rest = {name: value for name, value in document.items() if name not in (ENTRY, QUERIES)}
        settings = self._settings(rest, "", ())
        queries = self._queries(document.get(QUERIES, {}))
        entries = self._entries(document.get(ENTRY, []))
        mistakes = sorted(self._mistakes, key=lambda mistake: mistake.line)
        return Configuration(self._file, settings, queries, entries, tuple(mistakes))

    def _entries(self, found: Any) -> tuple[Entry, ...]:
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            what = "is no key here" if not isinstance(found, dict) else "can be there several times"
            self._wrong((ENTRY,), f"{ENTRY} {what}: begin what is said of an archive with [[{ENTRY}]].")
            return ()
        entries: list[Entry] = []
        for number, each in enumerate(found):
            entry = self._entry(each, (ENTRY, number))
            self._check_unique(entry, entries, (ENTRY, number))
            entries.append(entry)
        return tuple(entries)

    def _entry(self, found: dict[str, Any], place: Place) -> Entry:
        settings = self._settings(found, ENTRY, place)
        by_rules = settings.get("after-sync")
        if by_rules is not None and by_rules.value is True and not {"keep", "max-size"} & settings.keys():
            says = "after-sync has no rule to go by: set keep or max-size, too."
            self._wrong((*place, "retention", "after-sync"), says)
        name, folder = settings.get(NAME.name), settings.get("archive")
        if folder is None and "catalog" in settings:
            says = "catalog: say of which archive it is: set archive, too."
            self._wrong((*place, "catalog"), says)
        return Entry(
            None if name is None else str(name.value),
            None if folder is None else Path(str(folder.value)),
            settings,
            line_of(self._lines, place),
        )

    def _check_unique(self, entry: Entry, others: list[Entry], place: Place) -> None:
        for other in others:
            if entry.name is not None and entry.name == other.name:
                says = f"name: {entry.name} is the archive of line {other.line} already."
                self._wrong((*place, "name"), says)
            elif same_folder(entry.place, other.place):
                says = f"archive: {entry.place} is the folder of the archive of line {other.line} already."
                self._wrong((*place, "archive"), says)

    def _settings(self, found: dict[str, Any], table: str, place: Place) -> dict[str, Setting]:
        """Those of one table, and of the tables in it."""
        settings: dict[str, Setting] = {}
        for name, value in found.items():
            here, inner = (*place, name), f"{table}.{name}" if table else name
            key = self._keys.get(name)
            if key is not None and key.table == table:
                if (problem := self._problem(key, value)) is not None:
                    self._wrong(here, problem)
                else:
                    settings[name] = Setting(self._value(key, value), line_of(self._lines, here))
            elif inner in self._tables and isinstance(value, dict):
                settings |= self._settings(value, inner, here)
            else:
                self._wrong(here, self._unknown(name, table, is_table=isinstance(value, dict | list)))
        return settings

    def _problem(self, key: Key, value: Any) -> str | None:
        if key is NAME:
            if isinstance(value, str) and _NAME.fullmatch(value):
                return None
            return "name: write a word of letters, digits, - and _."
        if (said := self._judge(key, value)) is not None:
            return f"{key.name}: {said}"
        if key.is_path:
            try:
                Path(str(value)).expanduser()
            except RuntimeError:
                return f"{key.name}: {value} begins with a home directory that is not known here."
        return None

    def _value(self, key: Key, value: Any) -> Value:
        typed = as_typed(value)
        if key.is_path and isinstance(typed, str):
            return str(self._file.parent / Path(typed).expanduser())
        return typed

    def _queries(self, found: Any) -> dict[str, Setting]:
        if not isinstance(found, dict):
            self._wrong(
                (QUERIES,), f'{QUERIES} is a table: write [{QUERIES}], and below it name = "SELECT …".'
            )
            return {}
        queries = {}
        for name, sql in found.items():
            place = (QUERIES, name)
            if isinstance(sql, str) and sql.strip():
                queries[name] = Setting(sql, line_of(self._lines, place))
            else:
                self._wrong(place, f"{name}: a query is SQL in quotes.")
        return queries

    def _unknown(self, name: str, table: str, *, is_table: bool) -> str:
        """There is no ``name`` in that table; where there is one like it."""
        here = f"in {heading(table)}" if table else "at the top"
        if (key := self._keys.get(name)) is not None:
            where = f"below {heading(key.table)}" if key.table else "at the top, above all [tables]"
            return f"{name} does not belong {here}: it stands {where}."
        said = f"there is no {name} {here}"
        inner = {each for each in self._tables if each.rpartition(".")[0] == table}
        known = {each.name for each in self._keys.values() if each.table == table}
        known |= {each.rpartition(".")[2] for each in inner} | ({ENTRY} if not table else set())
        if is_table:
            tables = {each.rpartition(".")[2]: each for each in self._tables}
            if near := get_close_matches(name, tables, n=1):
                return f"{said}; the nearest is {heading(tables[near[0]])}."
        for names in (known, self._keys.keys()):
            if near := get_close_matches(name.replace("_", "-").lower(), names, n=1):
                nearest = self._keys.get(near[0])
                apart = nearest is not None and nearest.table != table
                return f"{said}; the nearest is {near[0]}{self._of(nearest) if apart and nearest else ''}."
        return f"{said}; what can be there is {', '.join(sorted(known))}."

    @staticmethod
    def _of(key: Key) -> str:
        return f", below {heading(key.table)}" if key.table else ", at the top"

    def _wrong(self, place: Place, says: str) -> None:
        key = next((str(each) for each in reversed(place) if isinstance(each, str)), None)
        self._mistakes.append(Mistake(self._file, line_of(self._lines, place), key, says))
