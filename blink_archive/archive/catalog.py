"""The catalog: one SQLite file, opened the safe way, and what is written once a run.

The rollback journal with ``synchronous=EXTRA`` is slower than WAL and loses nothing: SQLite before
3.51.3 can lose rows in WAL mode when two connections write or checkpoint at once
(https://sqlite.org/wal.html#walresetbug), and Python ships older ones.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import (
    ArchiveError,
    CatalogDamaged,
    CatalogMissing,
    NewerFormat,
    OlderFormat,
    StorageError,
    UsageError,
)
from ..model import from_utc_text, utc_text
from .layout import CATALOG, with_suffix_number
from .store import Part, Store, storage_errors

if TYPE_CHECKING:
    import sqlite_utils

FORMAT = 4
APPLICATION_ID = 0x424C4B41  # "BLKA", shown by `file catalog.db`
WRITER_WAITS = 60.0  # seconds, for another writer's short transaction
READER_WAITS = 10.0


def schema() -> str:
    """The text of schema.sql: in the package (wheel), or beside it (checkout, sdist, editable)."""
    package = Path(__file__).parent.parent
    inside = package / "schema.sql"
    return (inside if inside.is_file() else package.parent / "schema.sql").read_text(encoding="utf-8")


def storable(text: str) -> str:
    """``text`` as SQLite takes it: half a surrogate pair, which JSON may hold, becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def storable_or_null(text: str | None) -> str | None:
    """The same, of a text that may be missing."""
    return None if text is None else storable(text)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where the next walk begins (``since``, Blink's clock, UTC), and when the last full one ended."""

    since: datetime | None
    full_walk_at: datetime | None


@contextlib.contextmanager
def catalog_errors(path: Path | str) -> Iterator[None]:
    """Translate SQLite's errors about the file itself; an error in SQL is ours, and passes through."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                what = "the disk is full. Free some space and run it again"
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                what = "it is not writable or cannot be opened. Check the disk, its mount and permissions"
            case sqlite3.SQLITE_IOERR:
                what = f"the disk failed ({error}). Check it"
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                # SQLite calls a read that fails damage, too: https://sqlite.org/rescode.html#ioerr_corruptfs
                raise CatalogDamaged(
                    f"The catalog {path} is damaged, or its disk fails ({error}). The clips in the folder "
                    "are not: check the disk, then put back a copy of the catalog, or run `blink-archive "
                    "catalog rebuild`, which makes a new one from the folder."
                ) from error
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise ArchiveError(
                    f"The catalog {path} stayed locked by another program. Close what has it open for "
                    "writing and run it again."
                ) from error
            case sqlite3.SQLITE_ERROR if "no such module" in str(error):
                raise ArchiveError(
                    f"The SQLite of this Python has no full-text search (FTS5), which the catalog {path} "
                    "needs. Use a Python from python.org or from your system."
                ) from error
            case _:
                raise
        raise StorageError(f"The catalog {path} could not be used: {what}.") from error


class Catalog:
    """One open catalog. ``connection`` and ``db`` are for the modules of this room; others call their
    functions."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path | str) -> None:
        connection.isolation_level = None  # transactions are begun and ended by `transaction` alone
        self.path = path
        self.connection = connection

    @cached_property
    def db(self) -> sqlite_utils.Database:
        """The same connection by sqlite-utils, which takes longer to load than most questions to answer."""
        import sqlite_utils

        return sqlite_utils.Database(self.connection, recursive_triggers=False, execute_plugins=False)

    @classmethod
    def create(cls, path: Path, *, uuid: str, account_id: int, now: datetime) -> Catalog:
        """A new catalog with its one ``archive`` row, where `is_blank` says that there is none yet."""
        with catalog_errors(path):
            catalog = cls(_connect(path, mode="rwc"), path=path)
            with catalog.closed_on_failure():
                catalog._set_pragmas()
                catalog._fill(uuid=uuid, account_id=account_id, now=now)
            return catalog

    @staticmethod
    def is_blank(path: Path) -> bool:
        """Whether there is no catalog yet: no file, or what a crash in the middle of `create` left of
        one. Raises `ArchiveError` and `StorageError` as `open` does."""
        with storage_errors(f"reach the catalog {path}"):
            if not path.exists() or (path.is_file() and not path.stat().st_size):
                return True
        with catalog_errors(path), contextlib.closing(_connect(path, mode="rw")) as connection:
            return not connection.execute("SELECT name FROM sqlite_schema").fetchall()

    @classmethod
    def scratch(cls, *, account_id: int, now: datetime) -> Catalog:
        """An empty catalog in a temporary file of SQLite's own, for a dry run; gone when closed."""
        catalog = cls(sqlite3.connect("", check_same_thread=False), path="(scratch)")
        catalog._fill(uuid="", account_id=account_id, now=now)
        return catalog

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """Open for writing. Raises `CatalogMissing`, `NewerFormat`, `ArchiveError`, `StorageError`."""
        _check_exists(path)
        with catalog_errors(path):
            catalog = cls(_connect(path, mode="rw"), path=path)
            with catalog.closed_on_failure():
                catalog._check_format()
                catalog._set_pragmas()
            return catalog

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Open for reading: read-write with ``query_only`` (so that a crash's hot journal can be
        rolled back); SQLite itself makes that read-only on a disk that is."""
        _check_exists(path)
        with catalog_errors(path):
            catalog = cls(_connect(path, mode="rw", wait=READER_WAITS), path=path)
            with catalog.closed_on_failure():
                catalog.connection.execute("PRAGMA query_only = ON")
                catalog._check_format()
            return catalog

    def copy(self) -> Catalog:
        """A temporary copy to try things on, as `scratch`."""
        connection = sqlite3.connect("", check_same_thread=False)
        with catalog_errors(self.path):
            self.db.execute("BEGIN")
            self.value("SELECT count(*) FROM sqlite_schema")  # waits for a writer; `backup` would for ever
            self.db.conn.backup(connection)
            self.db.execute("COMMIT")
        return Catalog(connection, path="(scratch)")

    def backup(self, target: Path) -> int:
        """A whole copy, as of one moment, in a new file that is durable; its length in bytes. Another program
        may write meanwhile.

        It gets its name when it is whole: a copy that is broken off leaves none that could be taken for one.
        Raises `UsageError` where something has the name already or there is no such folder, `StorageError`.
        """
        try:
            str(target).encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"SQLite takes no name that is not text, as {target!r} is. Name another."
            ) from None
        if not target.parent.is_dir():
            raise UsageError(f"There is no folder {target.parent}. Make it, or name another file.")
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        with storage_errors(f"write the copy {target}"), contextlib.ExitStack() as unless_whole:
            try:
                target.touch(exist_ok=False)
            except FileExistsError:
                raise UsageError(f"There is a {target} already. Name a file that is new.") from None
            unless_whole.callback(target.unlink, missing_ok=True)
            unless_whole.callback(part.unlink, missing_ok=True)
            part.touch(exist_ok=False)  # by SQLite, it would not get the mode that the umask gives
            with catalog_errors(f"{self.path} or its copy {target}"):
                self.db.execute("PRAGMA query_only = OFF")  # of a reader; it forbids this, too
                self.db.execute("VACUUM INTO ?", (str(part),))
            make_durable(part)
            part.replace(target)
            unless_whole.pop_all()
            sync_folder(target)
            return target.stat().st_size

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextlib.contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Close the connection if what is looked at next cannot be used."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends. Raises `StorageError` when the disk refuses."""
        with catalog_errors(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.conn.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """All rows of a SELECT, as dicts."""
        with catalog_errors(self.path):
            cursor = self.connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def value(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        with catalog_errors(self.path):
            row = self.connection.execute(sql, parameters).fetchone()
            return None if row is None else row[0]

    # what is written once a run

    def begin_run(self, command: str, *, now: datetime) -> int:
        """A new row in ``runs``; its id."""
        with self.transaction():
            self.db.execute("INSERT INTO runs (command, started_at) VALUES (?, ?)", (command, utc_text(now)))
            return int(self.value("SELECT last_insert_rowid()"))

    def end_run(self, run: int, *, exit_code: int, summary: dict[str, Any], now: datetime) -> None:
        """Write down how the run ended."""
        with self.transaction():
            self.db.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, summary = ? WHERE id = ?",
                (utc_text(now), exit_code, json.dumps(summary), run),
            )

    def watermark(self) -> Watermark:
        """The cloud's watermark; empty before the first finished walk."""
        for row in self.rows("SELECT since, full_walk_at FROM watermarks WHERE name = 'cloud'"):
            return Watermark(
                since=from_utc_text(row["since"]) if row["since"] else None,
                full_walk_at=from_utc_text(row["full_walk_at"]) if row["full_walk_at"] else None,
            )
        return Watermark(None, None)

    def set_watermark(self, watermark: Watermark) -> None:
        """Move the cloud's watermark."""
        times = [utc_text(t) if t else None for t in (watermark.since, watermark.full_walk_at)]
        with self.transaction():
            self.db.execute("INSERT OR REPLACE INTO watermarks VALUES ('cloud', ?, ?)", times)

    def add_event(
        self,
        kind: str,
        *,
        at: datetime,
        clip_id: int | None = None,
        run: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """A row in ``events``; within the caller's transaction."""
        self.db.execute(
            "INSERT INTO events (at, kind, clip_id, run_id, detail) VALUES (?, ?, ?, ?, ?)",
            (utc_text(at), kind, clip_id, run, json.dumps(detail) if detail else None),
        )

    # opening

    def _check_format(self) -> None:
        if self.value("PRAGMA application_id") != APPLICATION_ID:
            raise ArchiveError(
                f"{self.path} is not a catalog of blink-archive. Check --catalog, put back a copy of it, or "
                "run `blink-archive catalog rebuild`, which makes a new one from the folder."
            )
        found = self.value("PRAGMA user_version")
        if found > FORMAT:
            raise NewerFormat(
                f"The catalog {self.path} has format {found}; this version knows up to {FORMAT}. "
                "Update blink-archive; nothing was changed."
            )
        if found < FORMAT:
            raise OlderFormat(
                f"The catalog {self.path} has format {found}, from before the first release; this version "
                f"reads format {FORMAT} alone. Run `blink-archive catalog rebuild`: it makes a new one from "
                "the folder, and keeps this one beside it."
            )

    def _set_pragmas(self) -> None:
        for pragma, setting, expected in (
            ("journal_mode", "TRUNCATE", "truncate"),
            ("synchronous", "EXTRA", 3),
            ("foreign_keys", "ON", 1),
        ):
            self.db.execute(f"PRAGMA {pragma} = {setting}").fetchall()
            if (found := self.value(f"PRAGMA {pragma}")) != expected:
                raise ArchiveError(
                    f"SQLite would not set {pragma} to {setting} for {self.path} (it is {found}); without it "
                    "a power cut could lose rows. Close other programs that have the catalog open."
                )
        # The triggers of clips_fts make SQLite keep an undo log of each INSERT into clips: not in a file.
        self.db.execute("PRAGMA temp_store = MEMORY")

    def _fill(self, *, uuid: str, account_id: int, now: datetime) -> None:
        with self.transaction():
            for statement in _statements(schema()):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self.db.execute(f"PRAGMA user_version = {FORMAT}")
            self.db.execute("INSERT INTO accounts (id) VALUES (?)", (account_id,))
            self.db.execute(
                "INSERT INTO archive VALUES (1, ?, ?, ?, ?)", (uuid, account_id, FORMAT, utc_text(now))
            )
            self.add_event("created", at=now)


def make_durable(path: Path) -> None:
    """Put a closed catalog on stable storage. Raises `StorageError`."""
    with storage_errors(f"open {path}"):
        part = Part(path, path.open("rb+", buffering=0))
    Store(path.parent).make_durable(part)


def sync_folder(path: Path) -> None:
    """Put on stable storage which names are in the folder of ``path``. Raises `StorageError`."""
    Store(path.parent).sync_folders([CATALOG])  # of which nothing but its folder counts


def _connect(path: Path, *, mode: str, wait: float = WRITER_WAITS) -> sqlite3.Connection:
    # One thread at a time uses a connection; a sync does so from a thread of its own. The authority in the
    # URI is left empty: `as_uri` puts the server of a Windows share there, which SQLite refuses.
    uri = f"file:///{quote(path.absolute().as_posix().removeprefix('/'), safe='/:')}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=wait, check_same_thread=False)


def _check_exists(path: Path) -> None:
    with storage_errors(f"reach the catalog {path}"):
        found = path.is_file()
    if not found:
        raise CatalogMissing(
            f"There is no catalog at {path}. The clips in the folder are safe; name the right one with "
            "--catalog, put back a copy, or run `blink-archive catalog rebuild`, which makes a new one from "
            "the folder."
        )


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements: `executescript` would commit, and end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def free_path(catalog: Catalog, path: str) -> str:
    """``path``, or the next one that no clip has."""
    number, current = 1, path
    while catalog.value("SELECT 1 FROM clips WHERE path = ? COLLATE NOCASE", (current,)):
        number += 1
        current = with_suffix_number(path, number)
    return current
