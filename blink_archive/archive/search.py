"""Questions to the catalog: one clip whole, how the archive stands, anybody's SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from ..errors import Interrupted, UsageError
from .catalog import Catalog, storable
from .feed import IN_QUEUE
from .remarks import labels_of
from .runs import CODE

# Of a clip as `ls` lists it, each a column of clips_view.
COLUMNS = (
    "clip", "recorded", "network", "camera", "source", "labels", "status", "reason", "duration", "bytes",
    "path", "thumbnail", "sha256", "description", "starred", "own_labels", "note",
)  # fmt: skip
_STEPS_BETWEEN_SIGNALS = 100_000  # of SQLite's virtual machine: a few milliseconds
# Pragmas that only tell; with an argument, most would change something.
_TELLING_PRAGMAS = {
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "integrity_check",
    "quick_check",
    "foreign_key_check",
}
_SILENT_PRAGMAS = {
    "user_version",
    "application_id",
    "schema_version",
    "data_version",  # which FTS5 asks for
    "page_count",
    "page_size",
    "freelist_count",
    "journal_mode",
    "encoding",
    "compile_options",
    "database_list",
    "function_list",
    "collation_list",
}
_VIRTUAL_TABLES = (
    "clips_fts", "json_each", "json_tree", *(f"pragma_{name}" for name in sorted(_TELLING_PRAGMAS))
)  # fmt: skip


def find_clip(catalog: Catalog, name: str) -> dict[str, Any]:
    """All columns of one clip, by its key (Blink's id, …) or by its file's name or path; `UsageError` if
    unknown."""
    tail = f"/{storable(PurePath(name).name)}"
    rows = catalog.rows(
        "SELECT * FROM clips WHERE origin_key = :key "
        "OR (origin = 'import' AND 'import-' || substr(origin_key, 1, 8) = :key)",
        {"key": storable(name)},
    ) or catalog.rows(
        "SELECT * FROM clips WHERE :tail IN (substr(path, -:length), substr(thumbnail_path, -:length))",
        {"tail": tail, "length": len(tail)},
    )
    if not rows:
        raise UsageError(f"The catalog knows no clip {name!r}. `blink-archive ls` shows their ids.")
    if len(rows) > 1:
        raise UsageError(f"Several clips are called {name!r}. Name one by its file, as `ls` shows it.")
    return rows[0]


def describe_clip(catalog: Catalog, name: str) -> dict[str, Any]:
    """One clip with its status in words, Blink's own entry, and its events."""
    clip = find_clip(catalog, name)
    view = catalog.rows("SELECT status, reason FROM clips_view WHERE id = ?", (clip["id"],))[0]
    events = catalog.rows("SELECT at, kind, detail FROM events WHERE clip_id = ? ORDER BY id", (clip["id"],))
    for event in events:
        event["detail"] = json.loads(event["detail"]) if event["detail"] else None
    facts = {name: value for name, value in clip.items() if value is not None and name not in ("id", "raw")}
    for name in {"labels", "own_labels"} & facts.keys():
        facts[name] = labels_of(facts[name])
    return {**view, **facts, "item": json.loads(clip["raw"]), "events": events}


def status(catalog: Catalog) -> dict[str, Any]:
    """How the archive stands: clips and bytes by status, watermark, the last run."""
    states = {
        row["status"]: {"clips": row["clips"], "bytes": row["bytes"]}
        for row in catalog.rows(
            "SELECT status, count(*) AS clips, coalesce(sum(bytes), 0) AS bytes "
            "FROM clips_view GROUP BY status"
        )
    }
    runs = catalog.rows(
        f"SELECT id, command, started_at, ended_at, {CODE} AS exit_code FROM runs ORDER BY id DESC LIMIT 1"
    )
    mark = catalog.watermark()
    return {
        "account": catalog.value("SELECT account_id FROM archive"),
        "clips": states,
        "unproven": catalog.value("SELECT count(*) FROM clips WHERE unproven IS NOT NULL"),
        "failing": catalog.value(f"SELECT count(*) FROM clips WHERE {IN_QUEUE} AND last_error IS NOT NULL"),
        "first_clip": catalog.value("SELECT min(created_local) FROM clips WHERE sha256 IS NOT NULL"),
        "last_clip": catalog.value("SELECT max(created_local) FROM clips WHERE sha256 IS NOT NULL"),
        "last_run": runs[0] if runs else None,
        "watermark": _text(mark.since),
        "full_walk_at": _text(mark.full_walk_at),
    }


def last_run(catalog: Catalog, command: str, *, well: bool = False) -> dict[str, Any] | None:
    """The newest run of that command, or with ``well`` the newest that ended with exit code 0: its times and
    exit code. None where there was none yet."""
    rows = catalog.rows(
        f"SELECT started_at, ended_at, {CODE} AS exit_code FROM runs "
        f"WHERE command = ? AND ({CODE} = 0 OR NOT ?) ORDER BY id DESC LIMIT 1",
        (command, well),
    )
    return rows[0] if rows else None


def read_only(catalog: Catalog) -> None:
    """From now on this connection answers questions and does nothing else, whatever it is asked."""
    for table in _VIRTUAL_TABLES:  # their first use declares a table, which is refused from here on
        catalog.connection.execute(f"EXPLAIN SELECT * FROM {table}")
    catalog.connection.set_authorizer(_authorize)


class _Values(dict[str, str]):
    """The values of a statement's :names, and which of them it has asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.unused = set(values)

    def __getitem__(self, name: str) -> str:
        self.unused.discard(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> str:
        raise UsageError(f"The query asks for :{name}. Give it a value: --param {name}=….")


def ask(
    catalog: Catalog, sql: str, values: Mapping[str, str] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of one statement of a user's, with ``values`` for its :names; `UsageError` with
    SQLite's words, `Interrupted` after Ctrl-C."""
    asked = _Values(values or {})
    if any(storable(text) != text for text in (sql, *asked, *asked.values())):
        raise UsageError("The query is not UTF-8. Write it again in this terminal's encoding.")
    read_only(catalog)
    # While SQLite works, Python looks at no signal; but it does whenever it is called back.
    catalog.connection.set_progress_handler(lambda: 0, _STEPS_BETWEEN_SIGNALS)
    try:
        cursor = catalog.connection.execute(sql, asked)
        if asked.unused:
            raise UsageError(f"The query has no :{min(asked.unused)}. Leave that --param away.")
        rows = cursor.fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise Interrupted(
                "Interrupted: the query has no answer. Add a LIMIT, or give it more time."
            ) from error
        if "not authorized" in str(error) or "prohibited" in str(error):
            raise UsageError("A query may only read: this one would change or reach something.") from error
        raise UsageError(
            f"SQLite says: {str(error).rstrip('.')}. The tables are in schema.sql; clips_view is a start."
        ) from error
    if cursor.description is None:
        raise UsageError("That is no question: write a SELECT.")
    return [column[0] for column in cursor.description], rows


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    match action:
        case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_READ | sqlite3.SQLITE_RECURSIVE:
            return sqlite3.SQLITE_OK
        case sqlite3.SQLITE_FUNCTION if second != "load_extension":
            return sqlite3.SQLITE_OK
        case sqlite3.SQLITE_PRAGMA if first in _TELLING_PRAGMAS or (first in _SILENT_PRAGMAS and not second):
            return sqlite3.SQLITE_OK
        case _:
            return sqlite3.SQLITE_DENY


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
