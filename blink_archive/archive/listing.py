"""Clips as `ls` prints them, of however many: page by page, each line written by SQLite itself.

A page is one short transaction, so that a listing that waits in a pager keeps no sync waiting, and no more
than a page is in memory. To Python, the dozen values of a clip cost more than all else; so each way to
print a clip is an SQL expression here. In a table and in CSV, SQLite ends a text at a NUL in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .catalog import Catalog, catalog_errors
from .filters import Filter, where
from .search import COLUMNS

PAGE = 2000
_MOST = 2**62  # that SQLite counts to
PATH = "coalesce(v.path, '')"
_LABELS_OF_BOTH = """(
  SELECT group_concat(value, ', ') FROM (
    SELECT value FROM json_each(v.own_labels)
    UNION ALL
    SELECT value FROM json_each(v.labels) WHERE value NOT IN (SELECT value FROM json_each(v.own_labels))
  )
)"""


def _in_words(column: str) -> str:
    """``["a", "b"]`` -> ``a, b``. json_each costs a hundred times more, so it is left to what has escapes."""
    return f"""CASE
      WHEN {column} IS NULL OR {column} = '[]' THEN ''
      WHEN instr({column}, '\\') = 0 THEN replace(substr({column}, 3, length({column}) - 4), '", "', ', ')
      ELSE (SELECT group_concat(value, ', ') FROM json_each({column}))
    END"""


_SIZE = """CASE
  WHEN v.bytes IS NULL THEN ''
  WHEN v.bytes < 1000 THEN v.bytes || ' B'
  WHEN v.bytes < 1000000 THEN printf('%.1f kB', v.bytes / 1e3)
  WHEN v.bytes < 1000000000 THEN printf('%.1f MB', v.bytes / 1e6)
  WHEN v.bytes < 1000000000000 THEN printf('%.1f GB', v.bytes / 1e9)
  ELSE printf('%.1f TB', v.bytes / 1e12)
END"""  # as `cli.output.size`
# The columns of the table that a person reads, but for the last, the path: title, SQL, to the right.
CELLS = (
    ("clip", "v.clip", False),
    ("recorded", "v.recorded", False),
    ("camera", "v.camera", False),
    ("source", "v.source", False),
    (
        "labels",
        f"CASE WHEN v.own_labels IS NULL THEN {_in_words('v.labels')} ELSE {_LABELS_OF_BOTH} END",
        False,
    ),
    ("seconds", "CASE WHEN v.duration IS NOT NULL THEN printf('%.0f', v.duration) END", True),
    ("size", _SIZE, True),
    ("status", "v.status || coalesce(' (' || v.reason || ')', '')", False),
)

_TRUTH = "CASE WHEN v.starred THEN 'true' ELSE 'false' END"
_AS_JSON = {
    "labels": "json(v.labels)",
    "own_labels": "json(v.own_labels)",
    "starred": f"json({_TRUTH})",
}
JSON = "json_object({})".format(", ".join(f"'{name}', {_AS_JSON.get(name, f'v.{name}')}" for name in COLUMNS))


# Of CSV (RFC 4180): every text in quotation marks; printf's %w doubles those in it, and would say (NULL).
_AS_CSV = {
    "labels": ('"%w"', _in_words("v.labels")),
    "own_labels": ('"%w"', _in_words("v.own_labels")),
    "starred": ("%s", _TRUTH),
    **{name: ("%s", f"v.{name}") for name in ("recorded", "status", "duration", "bytes", "sha256")},
}
_CSV_FIELDS = [_AS_CSV.get(name, ('"%w"', f"coalesce(v.{name}, '')")) for name in COLUMNS]
CSV = "printf('{}', {})".format(
    ",".join(form for form, _ in _CSV_FIELDS), ", ".join(value for _, value in _CSV_FIELDS)
)


def table_start(widths: Sequence[int]) -> str:
    """The `CELLS` as one text, each of so many characters at least, and two blanks behind each."""
    form = "".join(
        f"%!{'' if right else '-'}{width}s  " for width, (_, _, right) in zip(widths, CELLS, strict=True)
    )
    return f"printf('{form}', {', '.join(cell for _, cell, _ in CELLS)})"


class Listing:
    """The clips of a filter, oldest first; with ``limit`` the newest so many of them."""

    def __init__(self, catalog: Catalog, wanted: Filter, *, limit: int | None = None) -> None:
        self._catalog = catalog
        self._left = limit
        self._condition, self._parameters = where(catalog, wanted)
        self._parameters |= {"time": "", "id": 0}  # of the clip before the page
        if limit is not None:
            self._go_to_the_newest(min(limit, _MOST))

    def page(self, columns: str) -> list[tuple[Any, ...]]:
        """``columns`` (SQL on the view as ``v``) of the next clips, at most `PAGE`, and the id of each as its
        last; again and again the same, until `move_on`."""
        return self._rows(self._select(columns))

    def widest(self) -> tuple[int, ...]:
        """How many characters each of the `CELLS` has at most on that page."""
        cells = ", ".join(f"{cell} AS c{number}" for number, (_, cell, _) in enumerate(CELLS))
        widths = ", ".join(f"coalesce(max(length(c{number})), 0)" for number in range(len(CELLS)))
        return self._rows(f"SELECT {widths} FROM ({self._select(cells)})")[0]

    def move_on(self, page: Sequence[Sequence[Any]]) -> None:
        """Go behind the last clip of that page."""
        if page:
            self._go_behind(page[-1][-1])
        if self._left is not None:
            self._left -= len(page)

    def _select(self, columns: str) -> str:
        size = PAGE if self._left is None else min(PAGE, self._left)
        return (
            f"SELECT {columns}, clips.id FROM clips JOIN clips_view AS v USING (id) "
            f"WHERE (clips.created_at, clips.id) > (:time, :id) AND {self._condition} "
            f"ORDER BY clips.created_at, clips.id LIMIT {size}"
        )

    def _go_behind(self, clip: int) -> None:
        ((time,),) = self._rows(f"SELECT created_at FROM clips WHERE id = {clip}")
        self._parameters |= {"time": time, "id": clip}

    def _go_to_the_newest(self, count: int) -> None:
        for (before,) in self._rows(
            f"SELECT clips.id FROM clips WHERE {self._condition} "
            f"ORDER BY clips.created_at DESC, clips.id DESC LIMIT 1 OFFSET {count}"
        ):
            self._go_behind(before)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with catalog_errors(self._catalog.path):
            return self._catalog.connection.execute(sql, self._parameters).fetchall()
