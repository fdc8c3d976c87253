"""The catalog: opened the safe way, readable after a crash, and untouched where it is not ours."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blink_archive.archive.catalog import APPLICATION_ID, FORMAT, Catalog, Watermark, schema
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.errors import ArchiveError, CatalogMissing, NewerFormat, StorageError

from ..world import is_sound
from .helpers import ACCOUNT, NOW, list_items, make_item

# A writer that has written half a transaction into the file itself, and waits to be killed.
WRITER = """
import sys
from pathlib import Path
from blink_archive.archive.catalog import Catalog
catalog = Catalog.open(Path(sys.argv[1]))
catalog.db.execute("PRAGMA cache_size = 1")
with catalog.transaction():
    catalog.db.execute("DELETE FROM runs")
    for number in range(2000):
        catalog.db.execute("INSERT INTO runs (command, started_at) VALUES ('half', ?)", ("x" * 200,))
    print("half", flush=True)
    sys.stdin.read()
"""
# The same for a catalog that is being made: the schema is half in the file.
MAKER = """
import sys
from pathlib import Path
from blink_archive.archive import catalog
connection = catalog._connect(Path(sys.argv[1]), mode="rwc")
made = catalog.Catalog(connection, path=sys.argv[1])
made._set_pragmas()
made.db.execute("PRAGMA cache_size = 1")
with made.transaction():
    for statement in catalog._statements(catalog.schema()):
        made.db.execute(statement)
    print("half", flush=True)
    sys.stdin.read()
"""


def kill_in_the_middle(script: str, path: Path) -> None:
    """Run ``script`` on the catalog until it says "half", and then kill -9 it."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "half\n"
        child.kill()


def foreign_database(path: Path, *, user_version: int = 0) -> bytes:
    """Another program's SQLite file, in WAL mode; its bytes."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.execute(f"PRAGMA user_version = {user_version}")
    connection.commit()
    connection.close()
    return path.read_bytes()


def test_pragmas_of_a_writer(archive: Archive) -> None:
    """A writer has the journal truncated, synchronous EXTRA and foreign keys, made new or opened again, and
    keeps what it can undo of a statement in memory."""
    created = Catalog.create(archive.root / "new.db", uuid="u", account_id=1, now=NOW)
    opened = Catalog.open(archive.catalog_path)
    for catalog in (created, opened):
        assert catalog.value("PRAGMA journal_mode") == "truncate"
        assert catalog.value("PRAGMA synchronous") == 3
        assert catalog.value("PRAGMA foreign_keys") == 1
        assert catalog.value("PRAGMA temp_store") == 2
        catalog.close()


@pytest.mark.parametrize(
    ("pragma", "stays"), [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "0")]
)
def test_pragma_that_is_not_taken_is_an_error(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, pragma: str, stays: str
) -> None:
    """SQLite may leave a setting as it was and say nothing: a writer looks, and refuses to go on."""
    connection = sqlite3.connect(archive.catalog_path)
    connection.execute(f"PRAGMA {pragma} = {stays}").fetchall()

    def refuse(action: int, name: str | None, value: str | None, *_: str | None) -> int:
        setting = action == sqlite3.SQLITE_PRAGMA and name == pragma and value is not None
        return sqlite3.SQLITE_IGNORE if setting else sqlite3.SQLITE_OK

    connection.set_authorizer(refuse)
    monkeypatch.setattr("blink_archive.archive.catalog._connect", lambda path, *, mode: connection)
    with pytest.raises(ArchiveError, match=rf"would not set {pragma} .*it is {stays}"):
        Catalog.open(archive.catalog_path)
    connection.close()


def test_writers_wait_for_each_other(archive: Archive) -> None:
    """A writer gives another one's short transaction a minute to end; a reader waits for less."""
    waits = []
    for catalog in (
        Catalog.create(archive.root / "new.db", uuid="u", account_id=1, now=NOW),
        Catalog.open(archive.catalog_path),
        Catalog.read(archive.catalog_path),
    ):
        waits.append(catalog.value("PRAGMA busy_timeout"))
        catalog.close()
    assert waits == [60_000, 60_000, 10_000]


def test_new_catalog_says_what_it_is(archive: Archive) -> None:
    """Format, application id and the one row of ``archive`` are there; the tables are STRICT."""
    catalog = Catalog.read(archive.catalog_path)
    assert catalog.value("PRAGMA user_version") == FORMAT
    assert catalog.value("PRAGMA application_id") == APPLICATION_ID
    assert catalog.rows("SELECT id, uuid, account_id, format FROM archive") == [
        {"id": 1, "uuid": "u-1", "account_id": ACCOUNT, "format": FORMAT}
    ]
    tables = catalog.rows("PRAGMA table_list")
    ours = [row for row in tables if row["type"] == "table" and not row["name"].startswith("sqlite_")]
    assert len(ours) >= 9
    assert all(row["strict"] for row in ours)
    catalog.close()


def test_schema_file_is_the_schema(archive: Archive) -> None:
    """What schema.sql shows is what a catalog is made of: every statement is in it, word for word."""
    catalog = Catalog.read(archive.catalog_path)
    made = [
        row["sql"]
        for row in catalog.rows(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL "
            "AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"  # FTS5's own
        )
    ]
    catalog.close()
    text = schema()
    assert made
    assert all(sql in text for sql in made)


def test_foreign_keys_hold(catalog: Catalog) -> None:
    """An event of a clip that does not exist is refused."""
    with pytest.raises(sqlite3.IntegrityError), catalog.transaction():
        catalog.add_event("archived", at=NOW, clip_id=999)


def test_newer_format_is_refused(archive: Archive) -> None:
    """A catalog of a later version is neither opened nor read, nor changed; the message says update."""
    connection = sqlite3.connect(archive.catalog_path)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    before = archive.catalog_path.read_bytes()
    for opener in (Catalog.open, Catalog.read):
        with pytest.raises(NewerFormat, match="Update blink-archive"):
            opener(archive.catalog_path)
    assert archive.catalog_path.read_bytes() == before


@pytest.mark.parametrize("version", range(FORMAT))
def test_older_format_is_refused(archive: Archive, version: int) -> None:
    """A catalog from before the first release is neither opened, read nor changed; the message says what to
    do."""
    connection = sqlite3.connect(archive.catalog_path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = archive.catalog_path.read_bytes()
    for opener in (Catalog.open, Catalog.read):
        with pytest.raises(ArchiveError, match=rf"format {version}.*catalog rebuild"):
            opener(archive.catalog_path)
    assert archive.catalog_path.read_bytes() == before


def test_sqlite_without_full_text_search(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite lacks FTS5, making a catalog is an error that says so, and leaves no half of one."""
    path, whole = tmp_path / "new.db", schema()
    monkeypatch.setattr("blink_archive.archive.catalog.schema", lambda: whole.replace("fts5 (", "fts0 ("))
    with pytest.raises(ArchiveError, match="no full-text search"):
        Catalog.create(path, uuid="u", account_id=ACCOUNT, now=NOW)
    assert Catalog.is_blank(path)


@pytest.mark.parametrize("user_version", [0, FORMAT])
def test_another_programs_database_is_refused(archive: Archive, tmp_path: Path, user_version: int) -> None:
    """``--catalog`` at a database of another program is an error in words, and leaves it as it was."""
    path = tmp_path / "bookmarks.db"
    before = foreign_database(path, user_version=user_version)
    for write in (True, False):
        with pytest.raises(ArchiveError):
            Archive(archive.root, path, archive.marker).open_catalog(write=write)
    assert path.read_bytes() == before


def test_missing_catalog(tmp_path: Path) -> None:
    """A path with no file, or a folder, is CatalogMissing, and nothing is created there."""
    for path in (tmp_path / "no.db", tmp_path):
        for opener in (Catalog.open, Catalog.read):
            with pytest.raises(CatalogMissing):
                opener(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["text", "middle", "cut"])
def test_damaged_catalog(archive: Archive, damage: str) -> None:
    """A damaged file is an error that says that the clips are not, when opened or when first read."""
    whole = archive.catalog_path.read_bytes()
    match damage:
        case "text":
            broken = b"this is not a database" * 100
        case "middle":
            broken = whole[:4096] + b"\xff" * (len(whole) - 4096)
        case _:
            broken = whole[: len(whole) // 2]
    archive.catalog_path.write_bytes(broken)

    def use(*, write: bool) -> None:
        catalog = archive.open_catalog(write=write)
        try:
            catalog.rows("SELECT * FROM clips_view")
            catalog.rows("SELECT * FROM events")
            catalog.rows("SELECT * FROM dirty_days")
        finally:
            catalog.close()

    for write in (True, False):
        with pytest.raises(ArchiveError, match="is damaged"):
            use(write=write)


def test_transaction_is_all_or_nothing(catalog: Catalog) -> None:
    """An error in a transaction undoes all of it, passes through as it is, and the next one works."""

    def half() -> None:
        with catalog.transaction():
            catalog.db.execute("INSERT INTO dirty_days VALUES ('2026-11-23')")
            raise KeyError("half")

    with pytest.raises(KeyError, match="half"):
        half()
    assert catalog.rows("SELECT * FROM dirty_days") == []
    with catalog.transaction():
        catalog.db.execute("INSERT INTO dirty_days VALUES ('2026-11-24')")
    assert catalog.rows("SELECT * FROM dirty_days") == [{"local_day": "2026-11-24"}]


def test_full_disk_rolls_back(catalog: Catalog) -> None:
    """A catalog that may grow no more is exit 8, and what was begun is undone."""
    pages = catalog.value("PRAGMA page_count")
    catalog.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        list_items(catalog, *(make_item(7000000 + number) for number in range(500)))
    assert caught.value.exit_code == 8
    assert catalog.value("SELECT count(*) FROM clips") == 0
    assert not catalog.db.conn.in_transaction


def test_reader_does_not_write(archive: Archive) -> None:
    """A catalog opened for reading refuses to write."""
    catalog = Catalog.read(archive.catalog_path)
    with pytest.raises(StorageError):
        catalog.set_watermark(Watermark(NOW, NOW))
    assert catalog.watermark() == Watermark(None, None)
    catalog.close()


def test_read_only_folder_is_readable(locked_down: Path) -> None:
    """On a disk that cannot be written to the catalog can be read, and opening to write is exit 8."""
    archive, _ = create_archive(
        locked_down, locked_down / "catalog.db", account_id=ACCOUNT, uuid="u", now=NOW
    )
    archive.catalog_path.chmod(0o444)
    locked_down.chmod(0o555)
    catalog = archive.open_catalog()
    assert catalog.value("SELECT account_id FROM archive") == ACCOUNT
    catalog.close()

    def write() -> None:
        writer = archive.open_catalog(write=True)
        try:
            with writer.transaction():
                writer.db.execute("DELETE FROM dirty_days")
        finally:
            writer.close()

    with pytest.raises(StorageError) as caught:
        write()
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("opener", [Catalog.read, Catalog.open])
def test_killed_writer_leaves_nothing_half(archive: Archive, opener: type[Catalog]) -> None:
    """After kill -9 in the middle of a transaction, whose pages are in the file already, the next to
    open it, a reader too, finds all as it was before."""
    with_run = Catalog.open(archive.catalog_path)
    with_run.begin_run("whole", now=NOW)
    with_run.close()
    before = archive.catalog_path.read_bytes()
    kill_in_the_middle(WRITER, archive.catalog_path)
    assert archive.catalog_path.read_bytes() != before, "the writer wrote nothing: there is nothing to undo"
    catalog = opener(archive.catalog_path)
    assert [row["command"] for row in catalog.rows("SELECT command FROM runs")] == ["whole"]
    catalog.close()
    assert is_sound(archive.catalog_path)


def test_killed_init_is_completed(tmp_path: Path) -> None:
    """After kill -9 while a catalog was being made, the next `init` makes it whole."""
    path = tmp_path / "catalog.db"
    kill_in_the_middle(MAKER, path)
    assert path.stat().st_size, "the maker wrote nothing: there is nothing to complete"
    archive, new = create_archive(tmp_path, path, account_id=ACCOUNT, uuid="u-2", now=NOW)
    assert new
    archive.open_catalog().close()
    assert is_sound(archive.catalog_path)


def test_two_connections(archive: Archive) -> None:
    """A reader that is open does not keep a writer from writing, and sees what it wrote."""
    reader, writer = Catalog.read(archive.catalog_path), Catalog.open(archive.catalog_path)
    assert reader.value("SELECT count(*) FROM runs") == 0
    writer.begin_run("sync", now=NOW)
    assert reader.value("SELECT count(*) FROM runs") == 1
    reader.close()
    writer.close()


def test_watermark_round_trip(catalog: Catalog) -> None:
    """A watermark is read as it was set, to the microsecond; before the first it is empty."""
    assert catalog.watermark() == Watermark(None, None)
    for full in (None, NOW):
        mark = Watermark(datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC), full)
        catalog.set_watermark(mark)
        assert catalog.watermark() == mark


def test_run_is_written_down(catalog: Catalog) -> None:
    """A run has its begin, and after its end the exit code and the summary."""
    run = catalog.begin_run("sync", now=NOW)
    catalog.end_run(run, exit_code=3, summary={"fetched": 2}, now=NOW)
    assert catalog.rows("SELECT id, command, exit_code, summary FROM runs") == [
        {"id": run, "command": "sync", "exit_code": 3, "summary": '{"fetched": 2}'}
    ]


def test_copy_and_scratch_leave_the_catalog_alone(archive: Archive, catalog: Catalog) -> None:
    """A copy holds the rows, and what is written to it, or to a scratch catalog, is not in the file."""
    list_items(catalog, make_item())
    copy, scratch = catalog.copy(), Catalog.scratch(account_id=ACCOUNT, now=NOW)
    for other, clips in ((copy, 1), (scratch, 0)):
        assert other.value("SELECT count(*) FROM clips") == clips
        other.begin_run("dry", now=NOW)
        other.close()
    assert catalog.value("SELECT count(*) FROM runs") == 0
