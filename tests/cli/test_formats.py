"""`ls` and `query` as a table, JSON, JSON lines and CSV: the same facts in each."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from blink_archive.archive import listing
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive
from blink_archive.archive.search import COLUMNS
from blink_archive.cli import cli, formats
from blink_archive.cli.options import Globals
from blink_archive.cli.output import display_width, print_table, size
from blink_archive.errors import UsageError

from ..made_up import made_up

Run = Callable[..., str]

HOSTILE = [
    "日本の庭",
    "a\nb",
    "\x1b[31mred",
    "o\u0308",
    "\u202eback",
    "Garage \U0001f697",
    'the "big" one, left',
    "",
    None,
]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An archive with clips of each status, and none of their files."""
    return made_up(tmp_path / "archive", clips=700)


@pytest.fixture
def run(archive: Archive) -> Run:
    """One command; what it prints."""

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(
            cli, arguments, obj=Globals(archive_dir=archive.root), catch_exceptions=False
        )
        assert result.exit_code == 0, result.stderr
        return result.stdout_bytes.decode()

    return run


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several of each."""
    monkeypatch.setattr(listing, "PAGE", 97)
    monkeypatch.setattr(formats, "_CHUNK", 13)


def change(archive: Archive, sql: str, *values: Any) -> None:
    catalog = archive.open_catalog(write=True)
    with closing(catalog), catalog.transaction():
        catalog.connection.execute(sql, values)


def expected(archive: Archive) -> list[dict[str, Any]]:
    """What `ls --json` has to say, put together in Python."""
    with closing(archive.open_catalog()) as catalog:
        rows = catalog.rows(f"SELECT {', '.join(COLUMNS)} FROM clips_view ORDER BY created_utc, id")
    lists = ("labels", "own_labels")
    return [
        row
        | {name: None if row[name] is None else json.loads(row[name]) for name in lists}
        | {"starred": bool(row["starred"])}
        for row in rows
    ]


def in_csv(clip: dict[str, Any]) -> list[str]:
    def text(value: Any) -> str:
        match value:
            case None:
                return ""
            case bool():
                return str(value).lower()
            case list():
                return ", ".join(value)
            case _:
                return str(value)

    return [text(value) for value in clip.values()]


def make_hostile(archive: Archive) -> None:
    """Names from hell, of different widths, far apart."""
    for number, name in enumerate(HOSTILE):
        change(
            archive,
            "UPDATE clips SET camera_name = ?, description = ? WHERE id = ?",
            name,
            name,
            75 * number + 2,
        )
    change(
        archive, "UPDATE clips SET labels = ? WHERE id = 7", json.dumps(["café", 'a "b", c', "\\", "[", "]"])
    )
    change(archive, "UPDATE clips SET own_labels = ? WHERE id = 7", json.dumps(["[", "fence"]))
    change(archive, "UPDATE clips SET labels = '[]' WHERE id = 8")


def test_every_form_has_the_same_facts(archive: Archive, run: Run) -> None:
    """JSON, JSON lines and CSV of `ls` are what the catalog holds: each field, in the order of recording,
    with lists, truth and null in JSON, and "a, b" in CSV, whatever the names are."""
    make_hostile(archive)
    clips = expected(archive)
    assert len(clips) == 700
    assert {clip["status"] for clip in clips} > {"archived", "waiting"}
    assert json.loads(run("ls", "--json")) == clips
    assert run("ls", "--format", "json") == run("--json", "ls") == run("ls", "--json", "--format", "json")
    assert [json.loads(line) for line in run("ls", "--format", "jsonl").split("\n")[:-1]] == clips
    text = run("ls", "--format", "csv")
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    assert rows == [in_csv(clip) for clip in clips]
    assert text.count("\r\n") == 701


def test_limit_takes_the_newest(archive: Archive, run: Run) -> None:
    """In each form, and over the ends of pages; with other filters too."""
    clips = expected(archive)
    for count in (1, 97, 98, 300, 700, 9000):
        assert json.loads(run("ls", "--json", "--limit", str(count))) == clips[-count:]
    road = [clip for clip in clips if clip["camera"] == "Road"]
    assert json.loads(run("ls", "--json", "--camera", "road", "--limit", "20")) == road[-20:]
    assert json.loads(run("ls", "--json", "--camera", "road")) == road
    assert len(run("ls", "--limit", "20").splitlines()) == 22


def test_clips_of_one_second_are_not_lost_between_pages(archive: Archive, run: Run) -> None:
    """A page may end between two clips of one instant."""
    change(archive, "UPDATE clips SET created_at = (SELECT min(created_at) FROM clips) WHERE id < 400")
    assert json.loads(run("ls", "--json")) == expected(archive)
    assert json.loads(run("ls", "--json", "--limit", "500")) == expected(archive)[-500:]


def words(clip: dict[str, Any]) -> list[str]:
    own = clip["own_labels"] or []
    return [
        clip["clip"],
        clip["recorded"],
        clip["camera"] or "",
        clip["source"],
        ", ".join(own + [label for label in clip["labels"] or [] if label not in own]),
        "" if clip["duration"] is None else str(int(clip["duration"] + 0.5)),
        "" if clip["bytes"] is None else size(clip["bytes"]),
        f"{clip['status']} ({clip['reason']})" if clip["reason"] else clip["status"],
        clip["path"] or "",
    ]


def test_table_is_what_a_table_is(
    archive: Archive, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines that SQLite writes are those of any table: the same cells, widths and order; and where names
    from hell are among them, harmless and aligned all the same."""
    monkeypatch.setattr(listing, "PAGE", 1000)  # widths are those of all
    change(archive, "UPDATE clips SET bytes = bytes / 1000 * 1000 + 7")  # halves are rounded in two ways
    for prepare in (lambda: None, lambda: make_hostile(archive)):
        prepare()
        columns = ("clip", "recorded", "camera", "source", "labels", "seconds", "size", "status", "path")
        print_table(columns, [words(clip) for clip in expected(archive)])
        table, usual = run("ls").splitlines(), capsys.readouterr().out.splitlines()
        assert len(table) == 702
        assert [re.split("  +", line) for line in table if "---" not in line] == [
            re.split("  +", line) for line in usual if "---" not in line
        ]
        assert usual[1].startswith(table[1])


def test_columns_stay_aligned(archive: Archive, run: Run) -> None:
    """From page to page a column can only grow; within a page all paths begin at one column of the screen,
    and no line has more columns than its page."""
    make_hostile(archive)
    text = run("ls")
    assert not {c for c in text if (c != "\n" and ord(c) < 32) or c in "\x7f\u202e"}
    starts = [
        display_width(line[: line.rindex("  ") + 2])
        for line in text.splitlines()[2:]
        if line.endswith(".mp4")
    ]
    assert starts == sorted(starts)
    assert len(set(starts)) <= 8
    assert "日本の庭" in text


def test_empty_listing(archive: Archive, run: Run) -> None:
    """Nothing found is said in each form's own way."""
    until = ("--until", "2001-01-01")
    assert run("ls", *until).splitlines()[0].split() == [
        "clip", "recorded", "camera", "source", "labels", "seconds", "size", "status", "path",
    ]  # fmt: skip
    assert run("ls", *until, "--json") == "[]\n"
    assert run("ls", *until, "--format", "jsonl") == ""
    assert run("ls", *until, "--format", "csv") == ",".join(COLUMNS) + "\r\n"


def test_query_in_every_form(archive: Archive, run: Run) -> None:
    """The same of SQL of one's own: bytes as hex, nothing as nothing."""
    sql = (
        "SELECT id, camera_name AS camera, x'ff00' AS b, NULL AS n, duration FROM clips ORDER BY id LIMIT 40"
    )
    rows = json.loads(run("query", sql, "--json"))
    assert rows[0].keys() == {"id", "camera", "b", "n", "duration"}
    assert rows[3]["b"] == "ff00"
    assert [json.loads(line) for line in run("query", sql, "--format", "jsonl").splitlines()] == rows
    found = list(csv.DictReader(io.StringIO(run("query", sql, "--format", "csv"), newline="")))
    assert found == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]
    assert len(run("query", sql).splitlines()) == 42


@pytest.mark.parametrize("command", [("ls",), ("query", "SELECT 1")])
@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_two_forms_are_one_too_many(archive: Archive, command: tuple[str, ...], form: str) -> None:
    """--json and another --format are a mistake, which costs a word."""
    with pytest.raises(UsageError, match=f"--json and --format {form}"):
        CliRunner().invoke(
            cli,
            [*command, "--json", "--format", form],
            obj=Globals(archive_dir=archive.root),
            catch_exceptions=False,
        )


def test_form_from_the_environment(archive: Archive, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """BLINK_ARCHIVE_FORMAT is the form of both commands."""
    monkeypatch.setenv("BLINK_ARCHIVE_FORMAT", "jsonl")
    assert run("query", "SELECT 1 AS a") == '{"a":1}\n'
    assert run("ls", "--limit", "1").startswith('{"clip":')


def start(archive: Archive, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLINK_ARCHIVE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "blink_archive", "--archive", str(archive.root), *arguments],
        env=clean | environment,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_valid_in_a_narrow_encoding(archive: Archive, encoding: str) -> None:
    """Letters that the stream's encoding lacks are escapes of JSON."""
    make_hostile(archive)
    with start(archive, "ls", "--format", "jsonl", PYTHONIOENCODING=encoding) as process:
        assert process.stdout
        lines = process.stdout.read().decode(encoding).split("\n")[:-1]
    assert [json.loads(line) for line in lines] == expected(archive)


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_listing_in_a_pager_keeps_nobody_waiting(archive: Archive, form: str) -> None:
    """While `ls` waits for its reader in the middle of the list, a writer gets the catalog."""
    with start(archive, "ls", "--format", form) as process:
        assert process.stdout
        assert process.stdout.read(100)  # more than a pipe holds is still to come
        connection = Catalog.open(archive.catalog_path).connection
        with closing(connection):
            connection.execute("PRAGMA busy_timeout = 3000")
            connection.execute("UPDATE clips SET note = 'written meanwhile'")
        assert process.poll() is None
        assert process.stdout.read()
    assert process.returncode == 0
