"""docs/catalog.md tells of every table, view and column that there is, and of no other; its examples work."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blink_archive.archive.catalog import APPLICATION_ID, FORMAT, Catalog
from blink_archive.archive.dictionary import tables
from blink_archive.archive.search import ask

from .cli.quick import quick
from .world import World

TEXT = (Path(__file__).parent.parent / "docs" / "catalog.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^```sql\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

_HEADING = re.compile(r"### `(\w+)` \((table|view|index)\)")
_ROW = re.compile(r"\| `(\w+)` \| (INTEGER|REAL|TEXT)( or NULL)? \| (.+) \|")


@pytest.fixture
def fresh() -> Iterator[sqlite3.Connection]:
    """The database that schema.sql makes."""
    catalog = Catalog.scratch(account_id=1, now=datetime(2026, 11, 24, tzinfo=UTC))
    yield catalog.db.conn
    catalog.close()


@pytest.fixture
def filled(world: World) -> World:
    """A catalog that has something of everything: clips that are here and that wait, words, readings."""
    world.sync(limit=8)
    clip = world.rows("SELECT origin_key FROM clips WHERE sha256 IS NOT NULL")[0]["origin_key"]
    for arguments in (("note", clip, "the parcel"), ("label", clip, "fox"), ("star", clip)):
        assert quick(world, *arguments).code == 0
    return world


def documented(text: str) -> dict[str, dict[str, str]]:
    """The type of each column of each table and view, by the document."""
    found: dict[str, dict[str, str]] = {}
    columns: dict[str, str] = {}
    for line in text.splitlines():
        if heading := _HEADING.fullmatch(line):
            columns = found[heading[1]] = {}
        elif line.startswith("#"):
            columns = {}
        elif row := _ROW.fullmatch(line):
            columns[row[1]] = row[2] + (row[3] or "")
    return found


def real(connection: sqlite3.Connection) -> dict[str, dict[str, str | None]]:
    """The same, by SQLite, but for what FTS5 keeps for itself; None: SQLite knows no type."""
    sql = (
        "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'clips_fts_%'"
    )
    found: dict[str, dict[str, str | None]] = {}
    for name, kind in connection.execute(sql).fetchall():
        columns = connection.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,))
        plain = kind == "table" and name != "clips_fts"
        found[name] = {
            column: type_ + ("" if needed or key else " or NULL") if plain else None
            for column, type_, needed, key in columns
        }
    return found


def differences(text: str, connection: sqlite3.Connection) -> list[str]:
    """What the document and the database disagree on."""
    told, there = documented(text), real(connection)
    wrong = [f"{name}" for name in told.keys() ^ there.keys()]
    for name in told.keys() & there.keys():
        wrong += [f"{name}.{column}" for column in told[name].keys() ^ there[name].keys()]
        wrong += [
            f"{name}.{column} is {type_}"
            for column, type_ in there[name].items()
            if type_ and told[name].get(column, type_) != type_
        ]
    return sorted(wrong)


def test_it_has_every_table_view_and_column(fresh: sqlite3.Connection) -> None:
    """And no other, in the database's order, with their types."""
    assert differences(TEXT, fresh) == []
    told = documented(TEXT)
    assert {name: list(columns) for name, columns in told.items()} == {
        name: list(columns) for name, columns in real(fresh).items()
    }
    assert len(told) >= 14
    assert sum(map(len, told.values())) > 160


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("CREATE TABLE moods (id INTEGER)", ["moods"]),
        ("CREATE VIEW moods AS SELECT 1 AS a", ["moods"]),
        ("DROP VIEW missing", ["missing"]),
        ("DROP TABLE dirty_days", ["dirty_days"]),
        ("ALTER TABLE readings ADD COLUMN humidity REAL", ["readings.humidity"]),
        ("ALTER TABLE runs DROP COLUMN summary", ["runs.summary"]),
        ("ALTER TABLE networks RENAME COLUMN armed TO is_armed", ["networks.armed", "networks.is_armed"]),
    ],
)
def test_a_schema_that_it_does_not_tell_of_is_found(
    fresh: sqlite3.Connection, statement: str, wrong: list[str]
) -> None:
    """Whatever is added to the database, or leaves it."""
    fresh.execute(statement)
    assert differences(TEXT, fresh) == wrong


@pytest.mark.parametrize(
    ("line", "instead", "wrong"),
    [
        (r"^\| `own_labels` \| TEXT or NULL .*\n", "", ["clips.own_labels"]),
        (r"^\| `reason` .*\n", "", ["clips_view.reason", "missing.reason"]),
        (r"^(\| `lfr` .*\n)", r"\1| `mood` | TEXT | how it feels |\n", ["readings.mood"]),
        (r"^\| `temperature_f` \| REAL", "| `temperature_f` | TEXT", ["readings.temperature_f is REAL or NULL"]),
        (r"^\| `attempts` \| INTEGER", "| `attempts` | INTEGER or NULL", ["clips.attempts is INTEGER"]),
        (r"^### `daily` .*\n", "", ["clips_view.clips", "clips_view.seconds", "daily"]),
        (r"^### `daily` ", "### `weekly` ", ["daily", "weekly"]),
    ],
)  # fmt: skip
def test_a_slip_in_it_is_found(fresh: sqlite3.Connection, line: str, instead: str, wrong: list[str]) -> None:
    """A row or heading that is missing, made up, or of another type."""
    assert differences(re.sub(line, instead, TEXT, flags=re.MULTILINE), fresh) == wrong


def test_it_names_what_is_fts5s_own(fresh: sqlite3.Connection) -> None:
    """Nobody has to wonder what those tables are."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'clips_fts_%'"
    assert {name for (name,) in fresh.execute(sql)} == set(re.findall(r"`(clips_fts_\w+)`", TEXT))


def test_types_of_views_are_those_of_their_values(filled: World) -> None:
    """SQLite knows none for an expression, so what comes is looked at."""
    for name in ("clips_view", "daily", "missing"):
        told = documented(TEXT)[name]
        for row in filled.rows(
            f"SELECT {', '.join(f'typeof({each}) AS {each}' for each in told)} FROM {name}"
        ):
            assert {
                column: kind for column, kind in row.items() if kind.upper() not in (told[column], "NULL")
            } == {}


def test_everything_is_said_of_everything() -> None:
    """No column and no table without words, neither in schema.sql nor in the document."""
    assert all(table.about and all(column.about for column in table.columns) for table in tables().values())
    told = {table.name: {column.name: column.type for column in table.columns} for table in tables().values()}
    assert told == {
        name: {column: type_.removesuffix(" or NULL") for column, type_ in columns.items()}
        for name, columns in documented(TEXT).items()
    }


def test_foreign_keys_are_told(fresh: sqlite3.Connection) -> None:
    """Each with where it leads."""
    keys = fresh.execute(
        'SELECT m.name, k."from", k."table" || \'.\' || k."to" FROM sqlite_schema AS m, '
        "pragma_foreign_key_list(m.name) AS k WHERE m.type = 'table'"
    )
    refers = {(t.name, c.name): c.refers_to for t in tables().values() for c in t.columns if c.refers_to}
    assert {(table, column): target for table, column, target in keys} == refers
    assert "| INTEGER or NULL | usb: the same recording, from the cloud → `clips.id` |" in TEXT


def test_each_question_has_an_answer(filled: World) -> None:
    """As `query` asks it; a reader that SQLite itself holds to reading gets the same."""
    path = filled.archive.catalog_path
    for sql in QUESTIONS:
        with closing(Catalog.read(path)) as catalog:
            columns, rows = ask(catalog, sql)
        assert rows, sql
        assert len(set(columns)) == len(columns), sql
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as other:
            assert other.execute(sql).fetchall() == rows, sql


def test_there_are_questions() -> None:
    """None is lost to a fence that is not closed."""
    assert len(QUESTIONS) >= 10


def test_it_opens_elsewhere(filled: World) -> None:
    """The Python of the document, and SQLite's own shell, where there is one."""
    python = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
    done = run_in(filled.root, sys.executable, "-c", python)
    days = filled.rows("SELECT day, sum(clips) AS clips FROM daily GROUP BY day ORDER BY day")
    assert done.stdout.splitlines() == [f"{row['day']} {row['clips']}" for row in days]
    (shell,) = re.findall(r"^sqlite3 '(.*)'$", TEXT, re.MULTILINE)
    if shutil.which("sqlite3"):
        asked = run_in(filled.root, "sqlite3", shell, QUESTIONS[0])
        assert len(asked.stdout.splitlines()) == len(filled.rows(QUESTIONS[0]))
        assert "readonly" in run_in(filled.root, "sqlite3", shell, "DELETE FROM events").stderr


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A program of somebody else's, in that folder."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)


def test_its_commands_work(filled: World) -> None:
    """Those that the first block shows, as a shell reads them."""
    block = TEXT.partition("```sh\n")[2].partition("```")[0]
    for line in block.splitlines():
        command = line.partition("#")[0].replace("blink-archive", f"{sys.executable} -m blink_archive", 1)
        camera = filled.rows("SELECT name FROM cameras")[0]["name"]
        environment = filled.environment() | {"CAMERA": camera}
        done = subprocess.run(
            command.replace("'Front door'", '"$CAMERA"'),
            shell=True, env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_half_write_is_as_it_says(tmp_path: Path) -> None:
    """After a kill in the middle of a write, `mode=ro` cannot read, in the words of the document; a connection
    that could write, and is told not to, can."""
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 2000)
        connection.commit()
    dying = (
        "import os, sqlite3\n"
        f"c = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 5')\nc.execute('BEGIN IMMEDIATE')\n"
        "c.execute(\"UPDATE t SET x = 'z' || x\")\nos._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", dying], check=False, timeout=30)
    assert Path(f"{path}-journal").stat().st_size > 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        with pytest.raises(sqlite3.OperationalError) as refusal:
            reader.execute("SELECT count(*) FROM t").fetchall()
        assert f'SQLite says "{refusal.value}"' in " ".join(TEXT.split())
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as reader:
        reader.execute("PRAGMA query_only = ON")
        assert reader.execute("SELECT count(*) FROM t WHERE x LIKE 'z%'").fetchall() == [(0,)]


def test_its_numbers_are_right() -> None:
    """The format and the application's id, as the file has them."""
    assert f"`PRAGMA user_version` is the format, {FORMAT} now;" in TEXT
    assert f"`PRAGMA application_id` is\n  {APPLICATION_ID}" in TEXT
