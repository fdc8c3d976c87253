"""The commands around sync, each as a process: what they print, and their exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from blink_archive.cli import cli
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .conftest import Terminal
from .quick import quick


def test_sync_prints_the_account_and_the_same_as_json(world: World) -> None:
    """`sync` says in words what `sync --json` says as data, and the parts add up."""
    done = world.run("sync", "--json")
    assert done.returncode == 0
    summary = json.loads(done.stdout)
    account = summary["account"]
    assert account["archived_now"] == summary["fetched"] == 12
    assert account["counted"] == 12 + account["deleted"] + account["waiting"]
    words = world.run("--json", "sync")
    assert json.loads(words.stdout)["account"]["archived_now"] == 0
    spoken = world.run("sync")
    assert "archived now" in spoken.stdout
    world.expect_complete()


def test_an_unattended_sync_refuses_a_folder_without_marker(world: World, tmp_path: Path) -> None:
    """An empty folder may be an unmounted disk: exit 1, nothing is written, --init is named."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = world.run("--archive", str(empty), "sync")
    assert done.returncode == 1
    assert "--init" in done.stderr
    assert not list(empty.iterdir())


def test_sync_init_makes_an_archive_and_is_harmless_again(world: World, tmp_path: Path) -> None:
    """`sync --init` creates what is missing, and on an archive changes nothing."""
    fresh = tmp_path / "deep" / "fresh"
    for _ in range(2):
        assert world.run("sync", "--init", "--limit", "1", "--archive", str(fresh)).returncode == 0
    assert json.loads((fresh / ".blink-archive.json").read_text())["account_id"] == 1100001
    assert world.run("init", "--archive", str(fresh)).returncode == 0


def test_another_accounts_archive_is_refused(archived: World) -> None:
    """A marker of another account: exit 1, a sentence, nothing changed."""
    marker = archived.root / ".blink-archive.json"
    marker.write_text(marker.read_text().replace("1100001", "42"))
    before = archived.files()
    done = archived.run("sync")
    assert done.returncode == 1
    assert "account 42" in done.stderr
    assert archived.files() == before


def test_a_marker_without_a_catalog_is_no_new_archive(archived: World) -> None:
    """With the catalog gone no sync begins anew over what is there."""
    (archived.root / "catalog.db").unlink()
    done = archived.run("sync", "--init")
    assert done.returncode == 1
    assert "catalog" in done.stderr
    assert not (archived.root / "catalog.db").exists()


def test_a_catalog_of_a_newer_version_is_left_alone(archived: World) -> None:
    """Exit 1, "Update blink-archive", not a byte changed."""
    catalog = archived.root / "catalog.db"
    subprocess.run([sys.executable, "-c", _SET_VERSION, str(catalog)], check=True)
    before = catalog.read_bytes()
    for command in (("sync",), ("ls",), ("verify",)):
        done = archived.run(*command)
        assert (done.returncode, "Update blink-archive" in done.stderr) == (1, True)
    assert catalog.read_bytes() == before


_SET_VERSION = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 99')"


def test_a_second_run_at_the_same_time_is_refused(make_world: MakeWorld) -> None:
    """Exit 6 for the second one at once; the first is not disturbed."""
    world = make_world(clips=90, page_limit=100, latency=0.1)
    first = world.start("sync")
    while not world.files():
        assert first.poll() is None
    second = world.run("sync")
    assert second.returncode == 6
    assert first.wait(timeout=30) == 0
    first.communicate()
    world.expect_complete()


def test_readers_and_verify_work_during_a_sync(make_world: MakeWorld) -> None:
    """`ls`, `status`, `query` and `verify` during a sync: each a true picture, no error, and verify
    takes nothing that is being written for foreign."""
    world = make_world(clips=80, page_limit=100, latency=0.03)
    sync = world.start("sync")
    while len(world.files()) < 4:
        assert sync.poll() is None
    runs = 0
    while sync.poll() is None:
        for command in ("verify", "status", "ls"):
            done = world.run(command)
            assert done.returncode == 0, done.stderr + done.stdout
            runs += 1
    sync.communicate()
    assert runs >= 3
    world.expect_complete()


def test_a_dry_run_tells_and_writes_nothing(world: World) -> None:
    """Clips, bytes and the first expiry are told; catalog and folder stay byte for byte."""
    before = (world.root / "catalog.db").read_bytes()
    done = world.run("sync", "--dry-run", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["clips"], found["bytes_are"]) == (12, "assumed")
    assert found["first_expires_at"]
    assert (world.root / "catalog.db").read_bytes() == before
    assert not world.files()
    world.sync(limit=6)
    measured = json.loads(world.run("sync", "--dry-run", "--json").stdout)
    assert (measured["clips"], measured["bytes_are"]) == (6, "measured")
    assert "would fetch 6 clips" in world.run("sync", "--dry-run").stdout


def test_a_dry_run_needs_no_archive(world: World, tmp_path: Path) -> None:
    """It works before there is an archive, and makes none."""
    done = world.run("sync", "--dry-run", "--archive", str(tmp_path / "none"))
    assert "would fetch 12 clips" in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "--camera", "Nobody"),
        ("ls", "--since", "yesterweek"),
        ("ls", "--network", "nowhere"),
        ("sync", "--max-rate", "fast"),
        ("verify", "--sample", "0%"),
        ("show", "17"),
        ("query", "DELETE FROM clips"),
        ("query", "SELEC 1"),
        ("nonsense",),
        ("--api-url", "http://192.0.2.1", "whoami"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_and_a_sentence(archived: World, arguments: tuple[str, ...]) -> None:
    """What means nothing is refused with words that say what would."""
    done = archived.run(*arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_ls_lists_what_the_filters_say(archived: World) -> None:
    """Table and JSON, by camera then and now, by day, by source."""
    clips = json.loads(archived.run("ls", "--json").stdout)
    assert len([c for c in clips if c["status"] == "archived"]) == 12
    assert clips == sorted(clips, key=lambda c: archived.clip(c["clip"])["created_at"])
    camera = json.loads(archived.run("ls", "--json", "--camera", "FRONT DOOR").stdout)
    assert camera
    assert len(camera) < len(clips)
    day = clips[0]["recorded"][:10]
    one = json.loads(archived.run("ls", "--json", "--since", day, "--until", day).stdout)
    assert one
    assert {c["recorded"][:10] for c in one} == {day}
    table = archived.run("ls").stdout
    assert "\x1b" not in table
    assert "\u202e" not in table
    assert archived.run("ls", BLINK_ARCHIVE_CAMERA="Front Door\nCON").returncode == 0


def test_show_tells_all_of_a_clip(archived: World) -> None:
    """By Blink's id, by file name and by path, in words and as JSON with Blink's own entry."""
    clip = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")[0]
    for name in (clip["origin_key"], clip["path"], str(archived.root / clip["thumbnail_path"])):
        found = json.loads(archived.run("show", name, "--json").stdout)
        assert found["item"] == json.loads(clip["raw"])
        assert [event["kind"] for event in found["events"]] == ["archived"]
    shown = archived.run("show", clip["origin_key"]).stdout
    assert clip["sha256"] in shown
    assert "None" not in shown


def test_show_is_harmless(archived: World) -> None:
    """What Blink called a field reaches the terminal without what could move its cursor; half a surrogate
    pair is JSON."""
    item = {"\x1b[2J": 1, "half": "\ud800"}
    catalog = archived.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET raw = ?", (json.dumps(item),))
    clip = catalog.value("SELECT origin_key FROM clips")
    catalog.close()
    shown = archived.run("show", clip).stdout
    assert "[2J" in shown
    assert "\x1b" not in shown
    assert json.loads(archived.run("show", clip, "--json").stdout)["item"] == item


@pytest.mark.parametrize(
    ("words", "near"), [(("synk",), "sync"), (("camera", "Snapsho"), "snapshot"), (("q",), None)]
)
def test_a_command_mistyped_is_told_with_the_nearest(words: tuple[str, ...], near: str | None) -> None:
    """As options, keys of the configuration and names of queries are."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert f"No such command '{words[-1]}'." in done.stderr
    assert (f"Did you mean {near}?" in done.stderr) is (near is not None)


@pytest.mark.parametrize(("columns", "paths"), [(100, False), (300, True)])
def test_a_terminal_without_room_gets_no_paths(
    archived: World, at_terminal: Callable[..., Terminal], columns: int, paths: bool
) -> None:
    """The rest of the table is the same; and what is no terminal gets them always."""
    terminal = at_terminal(archived, "ls", COLUMNS=str(columns))
    assert terminal.end() == 0
    lines = terminal.seen.splitlines()
    assert ("_front-door_" in terminal.seen, lines[0].rstrip().endswith("path")) == (paths, paths)
    written = archived.run("ls").stdout.splitlines()
    assert len(written) == len(lines)
    assert all(long.startswith(short.rstrip()) for long, short in zip(written, lines, strict=True))


def test_open_starts_the_desktops_player(archived: World, tmp_path: Path) -> None:
    """`open` hands the file to the desktop; a clip without a file is a sentence."""
    told = tmp_path / "told"
    player = tmp_path / "bin" / "xdg-open"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "$1" > {told}\n')
    player.chmod(0o755)
    path = f"{player.parent}:{os.environ['PATH']}"
    clip = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")[0]
    assert archived.run("open", clip["origin_key"], PATH=path).returncode == 0
    while not told.exists():
        pass
    assert told.read_text().strip().endswith(clip["path"])
    gone = archived.rows("SELECT * FROM clips WHERE sha256 IS NULL")[0]
    done = archived.run("open", gone["origin_key"], PATH=path)
    assert (done.returncode, "has no file" in done.stderr) == (1, True)


def test_status_tells_how_the_archive_stands(archived: World) -> None:
    """Counts, last run, watermark, disk space and the oldest waiting clip's expiry."""
    found = json.loads(archived.run("status", "--json").stdout)
    assert found["clips"]["archived"]["clips"] == 12
    assert found["last_run"]["exit_code"] == 0
    assert found["watermark"]
    assert found["free_bytes"] > 0
    assert found["first_expires_at"]
    words = archived.run("status").stdout
    for word in ("Archived", "Waiting", "Last run", "Watermark", "Expiring", "free"):
        assert word in words


def test_status_tells_of_every_clip(archived: World) -> None:
    """Those that were lost or pruned here, too: the figures add up to the clips that there are."""
    kept = archived.rows("SELECT id FROM clips WHERE sha256 IS NOT NULL LIMIT 3")
    with closing(sqlite3.connect(archived.root / "catalog.db")) as db, db:
        db.executemany(
            "UPDATE clips SET local_removed_at = archived_at, local_removed_reason = ? WHERE id = ?",
            [(reason, row["id"]) for reason, row in zip(("pruned", "pruned", "lost"), kept, strict=True)],
        )
    words = quick(archived, "status").out
    assert "Pruned     2 clips," in words
    assert "Lost       1 clip," in words
    figures = re.findall(r"^\w+ +(\d+) clips?\b", words, re.MULTILINE)
    assert sum(map(int, figures)) == archived.rows("SELECT count(*) AS n FROM clips")[0]["n"]


def test_query_prints_tables_json_and_csv(archived: World) -> None:
    """The same rows in three forms."""
    sql = "SELECT source, count(*) AS clips FROM clips GROUP BY source ORDER BY source"
    rows = json.loads(archived.run("query", "--json", sql).stdout)
    assert json.loads(archived.run("query", "--format", "json", sql).stdout) == rows
    text = archived.run("query", "--format", "csv", sql).stdout
    assert [{**r, "clips": int(r["clips"])} for r in csv.DictReader(io.StringIO(text))] == rows
    assert rows[0]["source"] in archived.run("query", sql).stdout
    assert sum(row["clips"] for row in rows) == 15


def test_query_takes_any_answer(archived: World) -> None:
    """Blobs, infinities, and two columns of one name are JSON as any other answer."""
    sql = "SELECT x'00ff' AS a, 9e999 AS a, NULL AS a, char(0x1b) AS b"
    assert json.loads(archived.run("query", "--json", sql).stdout) == [
        {"a": "00ff", "a_2": "inf", "a_3": None, "b": "\x1b"}
    ]


def test_a_network_that_is_down_is_exit_5(world: World) -> None:
    """Nobody there: exit 5 and one sentence."""
    world.blink.stop()
    done = world.run("sync")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_failed_clips_are_exit_3_and_named(world: World) -> None:
    """The reason of each clip that waits is said."""
    world.blink.faults.add(Fault(endpoint="clip", kind="html", times=1))
    done = world.run("sync")
    assert done.returncode == 3
    assert "waits" in done.stderr


def test_help_names_every_command_without_loading_any() -> None:
    """The lines in `--help` are those of the commands themselves, and all commands are there."""
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "blink_archive", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    with cli.make_context("blink-archive", [], resilient_parsing=True) as context:
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert name in shown.stdout
    for heavy in ("httpx", "sqlite_utils", "asyncio", "uvicorn"):
        assert f" {heavy}\n" not in shown.stderr


@pytest.mark.parametrize("on_path", [True, False])
def test_demo_prints_json_alone_and_names_the_program(tmp_path: Path, on_path: bool) -> None:
    """`demo --json` has one JSON document on stdout; what it says to type next can be typed."""
    program = tmp_path / "bin" / "blink-archive"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom blink_archive.cli import main\nmain()\n")
    program.chmod(0o755)
    path = f"{program.parent}:{os.defpath}" if on_path else os.defpath
    done = subprocess.run(
        ["bin/blink-archive", "demo", "--clips", "3", "--json"],
        cwd=tmp_path, env=os.environ | {"PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert (Path(told["archive"]) / "catalog.db").is_file()
    assert f"\n  {'blink-archive' if on_path else 'bin/blink-archive'} login\n" in done.stderr


def test_the_simulator_serves_other_peoples_clients(tmp_path: Path) -> None:
    """`simulator` prints its address, email, password and code, serves, and ends with Ctrl-C; a file of
    faults is obeyed, and one that is none is wrong usage."""
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "status", "endpoint": "homescreen", "status": 503}]')
    command = [sys.executable, "-m", "blink_archive", "simulator", "--clips", "3", "--faults", str(faults)]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        told = json.loads(text)
        assert told["url"].startswith("http://127.0.0.1:")
        assert (told["email"], told["code"]) == ("demo@example.com", "123456")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    faults.write_text('[{"kind": "earthquake"}]')
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "earthquake" in done.stderr


def test_every_command_has_help() -> None:
    """`COMMAND --help` works for each, with its options explained."""
    with cli.make_context("blink-archive", [], resilient_parsing=True) as context:
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            assert command.help
            for parameter in command.params:
                assert parameter.param_type_name == "argument" or parameter.help  # type: ignore[attr-defined]


def test_options_come_from_the_environment(world: World, tmp_path: Path) -> None:
    """A flag's variable does what the flag does, one value a line where it repeats; --init has none."""
    done = world.run("sync", "--json", BLINK_ARCHIVE_LIMIT="2")
    assert json.loads(done.stdout)["fetched"] == 2
    done = world.run("ls", "--json", BLINK_ARCHIVE_LIMIT="1", BLINK_ARCHIVE_CAMERA="Front Door\nCON")
    assert done.stdout == world.run("ls", "--json", "--camera", "Front Door", "--camera", "CON").stdout
    assert len(json.loads(done.stdout)) > 1
    empty = tmp_path / "empty"
    assert world.run("--archive", str(empty), "sync", BLINK_ARCHIVE_INIT="1").returncode == 1
    assert not empty.exists()


def every_command(group: click.Group) -> Iterator[click.Command]:
    """The commands, and those of the groups in it."""
    with group.make_context("", [], resilient_parsing=True) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from every_command(command)
            else:
                yield command


def test_only_what_confirms_creates_or_destroys_has_no_variable() -> None:
    """Every other option of every command can be set by the environment."""
    without = set()
    for command in every_command(cli):
        assert command.context_settings["auto_envvar_prefix"].startswith("BLINK_ARCHIVE")
        for option in command.params:
            has_one = option.envvar or getattr(option, "allow_from_autoenv", True)
            if isinstance(option, click.Option) and not option.hidden and not has_one:
                without.add(option.opts[0])
    assert without == {
        "--init", "--code", "--resend", "--all", "--set", "--yes", "--force", "--obsolete", "--delete-remote",
        "--auto-delete-days", "--after-sync", "--report",
    }  # fmt: skip
