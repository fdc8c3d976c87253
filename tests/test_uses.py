"""The four uses of the program, each from its beginning to what other people's tools make of the end."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.queries import built_in
from blink_archive.simulator import Fault

from .cli.quick import quick
from .conftest import MakeWorld
from .nightly.jobs import split_as_systemd
from .nightly.listener import Listener, listening
from .nightly.scraped import scraped
from .readme import Home, bare, chapters
from .world import World

_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d[+-]\d{4})_[a-z-]+_\w+\.mp4")


def tool(*command: str, folder: Path, given: str | None = None) -> str:
    """What another program says; the test is skipped where that is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shown(chapter: str, word: str) -> list[str]:
    """The README's commands with that word, in that chapter."""
    (found,) = (each for each in chapters() if each.title == chapter)
    return [line for line in map(bare, found.commands()) if word in line.split()]


def settled(world: World, folder: Path) -> Home:
    """A home where somebody has used the program for a while: signed in, all archived, some clips remarked on."""
    world.sync()
    home = Home(world, folder)
    home.archive.symlink_to(world.root)
    home.environment["BLINK_ARCHIVE_STATE_DIR"] = str(world.state)
    first, second, third, *_ = (str(clip) for clip in world.blink.cloud.live_clips())
    for words in (
        ("note", first, 'the fox again; "twice",\nand a hedgehog \N{FOX FACE}'),
        ("label", first, "garden", "Fuchs"),
        ("star", second),
        ("star", first),
        ("note", third, "=1+1"),
    ):
        done = quick(world, *words)
        assert done.code == 0, done.err
    return home


# Every night


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A check, and a service for messages."""
    with listening() as listener:
        yield listener


def installed(home: Home, listener: Listener) -> list[list[str]]:
    """The command line of a night as systemd would start it, and as cron would, of a home whose owner has
    written a configuration, where no default leads to it, and a timer."""
    home.config = home.path / "settings/blink.toml"
    home.environment["BLINK_ARCHIVE_CONFIG"] = str(home.config)
    home.told("blink-archive config init")
    text = home.config.read_text(encoding="utf-8")
    for key, value in {
        "reserve": "0",
        "quiet-days": "0",
        "notify": f'["{listener.service}"]',
        "notify-on": '["failure", "loss", "recovery", "digest"]',
        "ping": f'"{listener.check}"',
        "prometheus-file": f'"{home.path}/figures/blink.prom"',
    }.items():
        text, count = re.subn(rf"^#{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    home.config.write_text(text, encoding="utf-8")
    (home.path / "figures").mkdir()
    home.told("blink-archive sync --init --limit 0 --notify ''")
    home.told("blink-archive timer install --at 03:15")
    (line,) = (home.programs.state / "crontab").read_text(encoding="utf-8").splitlines()[-1:]
    assert line.startswith("15 3 * * * ")
    by_cron = re.sub(r"(?<!\\)%.*", "", line.split(" ", 5)[5]).replace("\\%", "%")
    units = home.told("blink-archive timer show --at 03:15 --as systemd")
    (exec_start,) = re.findall(r"^ExecStart=:?(.*)$", units, re.MULTILINE)
    return [split_as_systemd(exec_start), ["/bin/sh", "-c", by_cron]]


def test_every_night(make_world: MakeWorld, tmp_path: Path, listener: Listener) -> None:
    """Three nights by the very command lines of the timers, with no more of an environment than those have: one
    that fetches all, one in which Blink is out of order, and one that makes up for it. A check, a person and
    Prometheus are told of each."""
    for needed in ("apprise", "prometheus_client"):
        pytest.importorskip(needed)
    world = make_world(hostile=False)
    home = Home(world, tmp_path)
    home.sign_in()
    by_systemd, by_cron = installed(home, listener)
    home.add("sleep", f'echo "$1" >> "{home.path}/slept"')
    bare_environment = {
        "HOME": str(home.path),
        "PATH": home.programs.path,
        **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
    }

    def night(command: list[str]) -> tuple[int, dict[str, float]]:
        listener.requests.clear()
        done = subprocess.run(
            command, cwd="/", env=bare_environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        world.said.append((" ".join(command), done.stdout + done.stderr))
        figures = (home.path / "figures/blink.prom").read_text(encoding="utf-8")
        return done.returncode, scraped(figures, archive=str(home.archive))

    began = datetime.now(UTC).timestamp()
    code, first = night(by_systemd)
    clips = len(world.blink.cloud.live_clips())
    assert (code, listener.pings) == (0, ["start", "success"])
    assert [message["type"] for message in listener.messages] == ["info"]  # a digest
    assert first["blink_archive_clips{state=archived}"] == first["blink_archive_last_run_clips"] == clips
    assert began < first["blink_archive_last_success_timestamp_seconds"] < datetime.now(UTC).timestamp()

    world.blink.cloud.add_clip()
    world.blink.faults.add(Fault(endpoint="media_changed", kind="status", status=404))
    code, second = night(by_cron)
    assert 0 <= int((home.path / "slept").read_text()) < 15 * 60
    assert (code != 0, listener.pings) == (True, ["start", "fail"])
    assert [message["type"] for message in listener.messages] == ["failure"]
    assert second["blink_archive_failures_in_a_row"] == 1
    for name in ("blink_archive_last_success_timestamp_seconds", "blink_archive_clips{state=archived}"):
        assert second[name] == first[name]

    world.blink.faults.clear()
    code, third = night(by_cron)
    assert (code, listener.pings) == (0, ["start", "success"])
    assert [message["type"] for message in listener.messages] == ["success"]
    assert third["blink_archive_last_run_clips"] >= 1
    assert third["blink_archive_failures_in_a_row"] == 0
    ends = [run["exit_code"] for run in json.loads(home.told("blink-archive runs --last 3 --json"))]
    assert [end == 0 for end in ends] == [True, False, True]
    assert "exit code 0" in home.told("blink-archive timer status")


# Take everything out, once


def test_bulk_export(make_world: MakeWorld, tmp_path: Path) -> None:
    """The README's exports, and one as tar: each is opened, checked and read by tools that know nothing of this
    program, and every clip is the one that Blink had."""
    bagit = pytest.importorskip("bagit")
    world = make_world()  # with names from hell
    camera = world.blink.cloud.catalogue.cameras[0]
    home = settled(world, tmp_path)
    whole, zipped, bag = shown("Take everything out, once", "export")
    home.told(re.sub(r"--since \S+", "--since 36500d", whole))
    home.told(zipped.replace("Front door", str(camera.id)))
    home.told(bag)
    home.told("blink-archive export all.tar")
    (home.path / "untarred").mkdir()
    tool("tar", "-xf", "../all.tar", folder=home.path / "untarred")
    tool("unzip", "-q", "clips-001.zip", "-d", "unzipped", folder=home.path)
    assert "No errors" in tool("unzip", "-tq", "clips-001.zip", folder=home.path)
    assert zipfile.ZipFile(home.path / "clips-001.zip").testzip() is None

    blinks = {
        hashlib.sha256(world.blink.cloud.clip_bytes(clip)).hexdigest()
        for clip in world.blink.cloud.live_clips()
    }
    for folder, sums, papers in (
        ("clips", "SHA256SUMS", "."),
        ("untarred", "SHA256SUMS", "."),
        ("unzipped", "SHA256SUMS", "."),
        ("evidence", "manifest-sha256.txt", "data"),
    ):
        out = home.path / folder
        tool("sha256sum", "--strict", "--quiet", "-c", sums, folder=out)
        listed = {line[66:] for line in (out / sums).read_text(encoding="utf-8").splitlines()}
        there = {path.relative_to(out).as_posix() for path in (out / papers).rglob("*") if path.is_file()}
        assert there - listed <= {"SHA256SUMS", ".blink-archive-export.json"}
        expect_papers_agree(out / papers, blinks=blinks, all_of_them=folder in ("clips", "untarred"))
    assert bagit.Bag(str(home.path / "evidence")).is_valid()
    tool("sha256sum", "--strict", "--quiet", "-c", "tagmanifest-sha256.txt", folder=home.path / "evidence")
    page = (home.path / "clips/index.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href|url)\W{1,3}(?:https?:)?//", page), "it reaches for a network"


def expect_papers_agree(folder: Path, *, blinks: set[str], all_of_them: bool) -> None:
    """The tables, the catalog and the files tell of the same clips, which are Blink's."""
    with (folder / "clips.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    hashes = {row["path"]: row["sha256"] for row in rows}
    assert rows
    assert set(hashes.values()) == blinks if all_of_them else set(hashes.values()) < blinks
    assert {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in hashes} == hashes
    told = json.loads((folder / "clips.json").read_text(encoding="utf-8"))["clips"]
    assert {each["path"]: each["sha256"] for each in told} == hashes
    sql = "SELECT path, sha256 FROM clips WHERE sha256 IS NOT NULL"
    assert dict(line.split("|") for line in sqlite3(folder / "catalog.db", sql).splitlines()) == hashes
    assert sqlite3(folder / "catalog.db", "SELECT count(*) FROM clips_view") == f"{len(rows)}\n"


def sqlite3(catalog: Path, *given: str) -> str:
    """What SQLite's own shell prints."""
    return tool("sqlite3", "-readonly", str(catalog), *given, folder=catalog.parent)


# The folder


def test_the_folder(make_world: MakeWorld, tmp_path: Path) -> None:
    """It says by itself what, when and whose: sums that `sha256sum` takes, names in the order of recording, times
    of files; and a catalog from nothing else has all that the lost one had, what people said included."""
    world = make_world(clips=30)
    home = settled(world, tmp_path)
    days = sorted({path.parent for path in world.root.rglob("*.mp4")})
    assert len(days) > 5
    for day in days:
        tool("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS", folder=day)
    videos = {path.name: path for path in world.root.rglob("*.mp4")}
    recorded = {
        name: datetime.strptime(found[1], "%Y-%m-%dT%H-%M-%S%z")
        for name in videos
        if (found := _NAME.fullmatch(name))
    }
    assert recorded.keys() == videos.keys()
    told = json.loads(home.told("blink-archive ls --json"))
    here = [(datetime.fromisoformat(clip["recorded"]), clip["path"]) for clip in told if clip["sha256"]]
    by_name = sorted(recorded, key=lambda name: (recorded[name], name))
    assert [recorded[name] for name in by_name] == [at for at, _ in here]
    for at, path in here:
        assert recorded[Path(path).name] == at
        assert (world.root / path).stat().st_mtime == pytest.approx(at.timestamp(), abs=1)

    before = without_catalog(world)
    shutil.copytree(world.root, home.path / "found", ignore=shutil.ignore_patterns("catalog.db*"))
    home.told("blink-archive catalog rebuild --archive found")
    again = json.loads(home.told("blink-archive ls --json --archive found"))
    assert again == told
    assert [clip for clip in again if clip["note"]]
    assert [clip for clip in again if clip["starred"]]
    assert [clip for clip in again if "Fuchs" in (clip["own_labels"] or "")]
    assert home.run("blink-archive verify --archive found").returncode == 0
    assert without_catalog(world) == before


def without_catalog(world: World) -> dict[str, bytes]:
    return {
        path.relative_to(world.root).as_posix(): path.read_bytes()
        for path in world.root.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.db")
    }


# The catalog


def test_the_catalog(make_world: MakeWorld, tmp_path: Path) -> None:
    """The README's commands, and every query with a name: what they print is read by others, and SQLite's shell says
    the same of the same file."""
    world = make_world(clips=30)
    home = settled(world, tmp_path)
    rows = json.loads(home.told("blink-archive ls --json"))
    assert sqlite3(home.archive / "catalog.db", "SELECT count(*) FROM clips_view") == f"{len(rows)}\n"

    (home.path / "ls.csv").write_bytes(quick(world, "ls", "--format", "csv").bytes)
    imported = tool(
        "sqlite3",
        ":memory:",
        ".import --csv ls.csv clips",
        ".mode json",
        "SELECT * FROM clips",
        folder=home.path,
    )
    assert [same(row) for row in json.loads(imported)] == [same(row) for row in rows]
    lines = quick(world, "ls", "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == rows
    (found,) = csv.DictReader(io.StringIO(home.told(shown("The catalog", "ls")[0])))
    assert found["note"] == 'the fox again; "twice",\nand a hedgehog \N{FOX FACE}'

    answered = [name for name, query in built_in().items() if expect_same(world, name, query.sql)]
    assert len(answered) > 12, answered
    for command in shown("The catalog", "query"):
        if sql := re.search(r'"(.*)"', command):
            expect_same(world, sql[1], sql[1])
    numbers = json.loads(home.told("blink-archive stats --json"))
    assert numbers["clips"] == len(rows)


def same(row: dict[str, Any]) -> dict[str, str]:
    """A row as text has it: all that CSV can tell."""

    def told(value: Any) -> str:
        match value:
            case None:
                return ""
            case bool():
                return str(value).lower()
            case list():
                return ", ".join(value)
            case _:
                return str(value).removesuffix(".0")

    return {name: told(value) for name, value in row.items()}


def expect_same(world: World, query: str, sql: str) -> int:
    """`query` as JSON lines and as CSV has the rows that SQLite's shell has: how many."""
    by_shell = tool("sqlite3", "-readonly", "-json", "catalog.db", sql, folder=world.root)
    expected = [same(row) for row in json.loads(by_shell or "[]")]
    lines = quick(world, "query", query, "--format", "jsonl")
    assert lines.code == 0, lines.err
    assert [same(json.loads(line)) for line in lines.out.splitlines()] == expected
    table = quick(world, "query", query, "--format", "csv").bytes.decode()
    assert [same(row) for row in csv.DictReader(io.StringIO(table, newline=""))] == expected
    return len(expected)
