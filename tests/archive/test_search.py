"""Questions to the catalog; and SQL of anybody's, which can only ask."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from blink_archive.archive import feed, search
from blink_archive.archive.catalog import FORMAT, Catalog
from blink_archive.archive.descriptions import record_descriptions
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.errors import UsageError
from blink_archive.model import Description

from .helpers import ACCOUNT, NOW, archive_clip, clip_row, list_clips, list_items, make_item

FORBIDDEN = [
    "DELETE FROM clips",
    "UPDATE clips SET sha256 = NULL",
    "INSERT INTO runs (command, started_at) VALUES ('x', 'y')",
    "REPLACE INTO dirty_days VALUES ('x')",
    "WITH gone AS (SELECT 1) DELETE FROM clips",
    "DELETE FROM clips RETURNING id",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE x (y)",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE TABLE x AS SELECT * FROM clips",
    "CREATE VIRTUAL TABLE x USING fts5 (y)",
    "CREATE INDEX x ON clips (id)",
    "CREATE TEMP TRIGGER x AFTER INSERT ON clips BEGIN SELECT 1; END",
    "DROP TABLE clips",
    "ALTER TABLE clips RENAME TO x",
    "REINDEX",
    "ANALYZE",
    "VACUUM",
    "VACUUM INTO '{folder}/stolen.db'",
    "ATTACH '{folder}/stolen.db' AS stolen",
    "ATTACH ':memory:' AS stolen",
    "DETACH main",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "SAVEPOINT x",
    "COMMIT",
    "ROLLBACK",
    "PRAGMA user_version = 9",
    "PRAGMA user_version(9)",
    "PRAGMA journal_mode = WAL",
    "PRAGMA journal_mode(DELETE)",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA main.writable_schema = ON",
    "PRAGMA trusted_schema = ON",
    "PRAGMA application_id = 1",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA optimize",
    "PRAGMA incremental_vacuum",
    "PRAGMA temp_store_directory = '{folder}'",
    "PRAGMA data_store_directory = '{folder}'",
    "PRAGMA shrink_memory",
    "PRAGMA schema_version = 77",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA page_size = 512",
    "SELECT * FROM pragma_user_version(9)",
    "SELECT * FROM pragma_journal_mode('WAL')",
    "SELECT load_extension('{folder}/x.so')",
    "SELECT Load_Extension('{folder}/x.so', 'main')",
    "SELECT writefile('{folder}/x', 'y')",
    "SELECT readfile('/etc/passwd')",
    "EXPLAIN DELETE FROM clips",
    "SELECT 1; DELETE FROM clips",
    "INSERT INTO clips_fts (clips_fts) VALUES ('rebuild')",
    "INSERT INTO clips_fts (clips_fts) VALUES ('delete-all')",
    "INSERT INTO clips_fts (clips_fts) VALUES ('integrity-check')",
    "INSERT INTO clips_fts (clips_fts, rank) VALUES ('pgsz', 64)",
    "INSERT INTO clips_fts (rowid, labels) VALUES (7, 'x')",
    "UPDATE clips_fts SET labels = 'x'",
    "DELETE FROM clips_fts",
    "DELETE FROM clips_fts_data",
    "DROP TABLE clips_fts",
    "CREATE VIRTUAL TABLE words USING fts5vocab (clips_fts, row)",
    "PRAGMA data_version = 9",
    "SELECT * FROM clips_fts WHERE clips_fts MATCH '\"'",
    "SELECT * FROM clips_fts WHERE clips_fts MATCH 'x:y'",
    ".shell true",
    "",
    "-- nothing",
    "SELECT",
    "SELECT ?",
    "SELECT '\0'",
    "SELECT '\udcff'",
    "SELECT CAST(x'ff' AS TEXT)",
    "SELECT * FROM no_such_table",
]
ALLOWED = [
    ("SELECT count(*) FROM clips", [(2,)]),
    (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
        [(15,)],
    ),
    ("SELECT json_extract(raw, '$.id') FROM clips ORDER BY id", [(1,), (2,)]),
    ("SELECT value FROM json_each('[1, 2]')", [(1,), (2,)]),
    ("SELECT origin_key FROM clips WHERE raw ->> 'id' = 2", [("2",)]),
    ("SELECT status, count(*) FROM clips_view GROUP BY 1 ORDER BY 1", [("archived", 1), ("waiting", 1)]),
    ("SELECT clips FROM daily", [(1,)]),
    ("SELECT count(*) FROM missing", [(1,)]),
    ("SELECT upper('x'), max(1, 2), date('2026-11-23', '+1 day')", [("X", 2, "2026-11-24")]),
    ("SELECT row_number() OVER (ORDER BY id DESC), id FROM clips ORDER BY id LIMIT 1", [(2, 1)]),
    ("SELECT 1 UNION SELECT 2 EXCEPT SELECT 1", [(2,)]),
    ("VALUES (1), (2)", [(1,), (2,)]),
    ("  select 1 ; -- done", [(1,)]),
    ("PRAGMA user_version", [(FORMAT,)]),
    ("PRAGMA integrity_check(clips)", [("ok",)]),
    ("SELECT name FROM pragma_table_info('dirty_days')", [("local_day",)]),
    ("SELECT count(*) > 0 FROM sqlite_schema", [(1,)]),
    ("SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'person'", [(1,)]),
    (
        "SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'par* OR labels:vehicle' ORDER BY rowid",
        [(1,), (2,)],
    ),
    ("SELECT rowid FROM clips_fts('front door') ORDER BY rank", [(2,), (1,)]),
    (
        "SELECT bm25(clips_fts) < 0, highlight(clips_fts, 2, '[', ']') FROM clips_fts('parcel')",
        [(1, "A person leaves a [parcel].")],
    ),
    ("SELECT snippet(clips_fts, 2, '<', '>', '…', 2) FROM clips_fts('person')", [("A <person>…",)]),
    ("SELECT description FROM clips_fts WHERE rowid = 1", [("A person leaves a parcel.",)]),
    (
        "SELECT clip FROM clips_view JOIN clips_fts ON clips_fts.rowid = id WHERE clips_fts MATCH 'vehicle'",
        [("2",)],
    ),
    (
        "SELECT labels, description FROM clips_view ORDER BY id",
        [(None, "A person leaves a parcel."), ('["vehicle"]', None)],
    ),
    ("SELECT count(*) > 0 FROM clips_fts_data", [(1,)]),
]


@pytest.fixture
def reader(archive: Archive, catalog: Catalog) -> Catalog:
    """A reader of a catalog with one archived clip and one that waits."""
    list_items(catalog, make_item(1, raw={"id": 1}), make_item(2, raw={"id": 2}, labels=("vehicle",)))
    record_descriptions(catalog, [Description(1, "A person leaves a parcel.", None)])
    archive_clip(catalog, "1")
    return archive.open_catalog()


@pytest.mark.parametrize("writable", [False, True], ids=["reader", "writer"])
@pytest.mark.parametrize("sql", FORBIDDEN, ids=ascii)
def test_statement_that_does_not_only_ask_is_refused(
    archive: Archive, reader: Catalog, sql: str, writable: bool
) -> None:
    """What would write, attach, vacuum, set, load or reach a file is a usage error, even on a connection
    that could; so is what SQLite does not understand. Nothing is changed and nothing is created."""
    catalog = archive.open_catalog(write=True) if writable else reader
    folder = archive.root
    before = archive.catalog_path.read_bytes()
    files = sorted(folder.iterdir())
    with pytest.raises(UsageError):
        search.ask(catalog, sql.replace("{folder}", folder.as_posix()))
    catalog.close()
    reader.close()
    assert archive.catalog_path.read_bytes() == before
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize(("sql", "rows"), ALLOWED)
def test_question_is_answered(reader: Catalog, sql: str, rows: list[tuple[object, ...]]) -> None:
    """Selections, recursion, JSON, windows, views and telling pragmas are answered."""
    assert search.ask(reader, sql)[1] == rows
    reader.close()


def test_words_are_found_on_a_read_only_disk(locked_down: Path) -> None:
    """Where nothing can be written, also not beside the catalog, the index is read all the same."""
    archive, _ = create_archive(
        locked_down, locked_down / "catalog.db", account_id=ACCOUNT, uuid="u", now=NOW
    )
    catalog = archive.open_catalog(write=True)
    feed.start_account(catalog)
    list_items(catalog, make_item(1, labels=("person",)), make_item(2))
    catalog.close()
    archive.catalog_path.chmod(0o444)
    locked_down.chmod(0o555)
    reader = archive.open_catalog()
    assert [row[0] for row in list_clips(reader, Filter(text="pers*"))] == ["1"]
    assert search.ask(reader, "SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'person'")[1] == [(1,)]
    reader.close()


def test_columns_are_named(reader: Catalog) -> None:
    """The columns come with the rows, also where there are none."""
    assert search.ask(reader, "SELECT id, path AS file FROM clips WHERE 0") == (["id", "file"], [])
    reader.close()


def test_list_clips(catalog: Catalog) -> None:
    """Clips are listed oldest first; a limit takes the newest; filters apply."""
    list_items(catalog, *(make_item(n, created_at=NOW - timedelta(hours=n)) for n in (1, 2, 3)))
    assert [row[0] for row in list_clips(catalog, Filter())] == ["3", "2", "1"]
    assert [row[0] for row in list_clips(catalog, Filter(), limit=2)] == ["2", "1"]
    assert list_clips(catalog, Filter(), limit=0) == []
    early = Filter(until=NOW - timedelta(hours=2))
    assert [row[0] for row in list_clips(catalog, early)] == ["3", "2"]


def test_clips_of_one_second_are_listed_alike(catalog: Catalog) -> None:
    """With and without a limit, clips of one instant come in the same order."""
    list_items(catalog, *(make_item(n) for n in (3, 1, 2)))
    every = list_clips(catalog, Filter())
    assert list_clips(catalog, Filter(), limit=3) == every


def test_find_clip(catalog: Catalog) -> None:
    """A clip is found by Blink's id, by its file's name or path, or by its thumbnail's."""
    list_items(catalog, make_item(1), make_item(2))
    archive_clip(catalog, "1")
    path = clip_row(catalog, "1")["path"]
    for name in ("1", path, Path(path).name, f"/somewhere/{path}", path.replace(".mp4", ".jpg")):
        assert search.find_clip(catalog, name)["origin_key"] == "1"


@pytest.mark.parametrize(
    "name", ["", "9", "x.mp4", "%.mp4", "_.jpg", "2026", "'", "\udcff", "\udcff.mp4"], ids=ascii
)
def test_unknown_clip(catalog: Catalog, name: str) -> None:
    """What names no clip is a usage error; a wildcard of SQL names none either."""
    list_items(catalog, make_item(1))
    archive_clip(catalog, "1")
    with pytest.raises(UsageError, match="knows no clip"):
        search.find_clip(catalog, name)


def test_describe_clip(catalog: Catalog) -> None:
    """A clip whole: its status in words, its facts, Blink's entry, and its events."""
    list_items(catalog, make_item(1, raw={"id": 1, "odd": "\ud800"}))
    archive_clip(catalog, "1")
    record_descriptions(catalog, [Description(1, "A person.", ("animal", "person"))])
    told = search.describe_clip(catalog, "1")
    assert (told["description"], told["labels"]) == ("A person.", ["animal", "person"])
    assert told["status"] == "archived"
    assert told["item"] == {"id": 1, "odd": "\ud800"}
    assert [event["kind"] for event in told["events"]] == ["archived"]
    assert told["events"][0]["detail"]["path"] == told["path"]
    assert json.dumps(told)


def test_status(catalog: Catalog) -> None:
    """How the archive stands: clips and bytes by status, the last run, and nothing where nothing is."""
    empty = search.status(catalog)
    assert (empty["account"], empty["clips"], empty["last_run"], empty["watermark"]) == (
        ACCOUNT,
        {},
        None,
        None,
    )
    list_items(catalog, make_item(1), make_item(2), make_item(3, deleted=True))
    archive_clip(catalog, "1")
    told = search.status(catalog)
    assert told["clips"] == {
        "archived": {"clips": 1, "bytes": 4},
        "waiting": {"clips": 1, "bytes": 0},
        "deleted": {"clips": 1, "bytes": 0},
    }
    assert told["first_clip"] == told["last_clip"] == "2026-11-23T14:52:07-05:00"
    assert told["last_run"]["command"] == "sync"
