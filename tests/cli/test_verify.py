"""`verify`: what it finds, says, writes down and leaves to the next sync."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .quick import quick


def test_verify_finds_what_is_missing_changed_and_foreign(archived: World) -> None:
    """Exit 7 and the names of all three; files that are not ours are forgiven; afterwards a clean folder
    is exit 0 and dated in the catalog."""
    assert archived.run("verify").returncode == 0
    assert not archived.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL AND verified_at IS NULL")
    one, two, three, *_ = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    (archived.root / one["path"]).unlink()
    changed = archived.root / two["thumbnail_path"]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\0")
    stranger = (archived.root / three["path"]).with_name("stranger.mp4")
    stranger.write_bytes(b"x")
    stranger.with_name(".DS_Store").write_bytes(b"x")
    done = archived.run("verify", "--json")
    assert done.returncode == 7
    report = json.loads(done.stdout)
    assert [f["path"] for f in report["missing"]] == [one["path"]]
    assert [f["path"] for f in report["changed"]] == [two["thumbnail_path"]]
    assert [f["path"] for f in report["foreign"]] == [stranger.relative_to(archived.root).as_posix()]
    assert report["other_files"] == 1
    assert "missing" in archived.run("verify").stdout


def test_verify_against_a_copy(archived: World, tmp_path: Path) -> None:
    """A second copy of the folder is verified by the same catalog, without a catalog of its own."""
    copy = tmp_path / "copy"
    shutil.copytree(archived.root / "2026", copy / "2026")
    assert archived.run("verify", "--against", str(copy)).returncode == 0
    victim = next(copy.rglob("*.mp4"))
    victim.write_bytes(victim.read_bytes() + b"!")
    assert archived.run("verify", "--against", str(copy)).returncode == 7
    assert archived.run("verify").returncode == 0


def test_a_sample_reads_its_part(archived: World) -> None:
    """`--sample` reads its share of the 24 files, to within one, and never none."""
    for share, least, most in (("40%", 9, 10), ("100%", 24, 24), ("0.001%", 1, 1)):
        checked = json.loads(archived.run("verify", "--sample", share, "--json").stdout)["checked"]
        assert least <= checked <= most


def test_verify_has_the_days_written_anew(archived: World) -> None:
    """A day's file that is missing is exit 7, and the message says that the next sync writes it; it does.
    A sample does not look, and a copy's days are not ours to write."""
    sums = next(archived.root.rglob("SHA256SUMS"))
    sums.unlink()
    assert archived.run("verify", "--sample", "10%").returncode == 0
    done = archived.run("verify", "--against", str(archived.root))
    assert (done.returncode, "next sync" in done.stderr) == (7, False)
    done = archived.run("verify")
    assert done.returncode == 7
    assert f"missing: {sums.relative_to(archived.root).as_posix()}" in done.stdout
    assert "The next sync writes the SHA256SUMS and clips.json" in done.stderr
    archived.sync()
    archived.expect_sums()
    assert archived.run("verify").returncode == 0


def test_a_catalog_that_cannot_be_written_is_verified_too(archived: World) -> None:
    """Where another program holds the catalog, the findings are told with their exit code all the same, and
    a sentence says that the date is not kept."""
    next(archived.root.rglob("*.mp4")).unlink()
    held = sqlite3.connect(archived.archive.catalog_path, isolation_level=None)
    held.execute("PRAGMA journal_mode = WAL").fetchall()
    held.execute("BEGIN")
    held.execute("SELECT * FROM clips").fetchone()
    done = archived.run("verify")
    held.close()
    assert done.returncode == 7
    assert "missing: " in done.stdout
    assert "is not kept" in done.stderr
    assert not archived.rows("SELECT 1 FROM clips WHERE verified_at IS NOT NULL")


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_names_that_are_no_text_or_move_the_cursor(archived: World) -> None:
    """A foreign file is exit 7 whatever its name; no name reaches the terminal as it is."""
    folder = next(archived.root.rglob("*.mp4")).parent
    for name in (b"\xff.mp4", b"\x1b[2J.mp4"):
        (folder / os.fsdecode(name)).write_bytes(b"?")
    done = archived.run("verify")
    assert (done.returncode, done.stdout.count("foreign: ")) == (7, 2)
    assert "\x1b" not in done.stdout
    assert len(json.loads(archived.run("verify", "--json").stdout)["foreign"]) == 2


# --max-duration


def verified(world: World) -> int:
    """How many clips have a date."""
    return len(world.rows("SELECT 1 FROM clips WHERE verified_at IS NOT NULL"))


def test_time_that_is_enough(archived: World) -> None:
    """`--max-duration` that is not used up: exit 0, all is read and dated, and both forms say how far back
    the dates reach."""
    done = quick(archived, "verify", "--max-duration", "10m")
    assert done.code == 0
    assert "24 files read" in done.out
    assert "All clips were read in the time given. Every clip was verified since 20" in done.out
    told = json.loads(quick(archived, "verify", "--max-duration", "10m", "--json").out)
    assert (told["finished"], told["left"], told["never_verified"], told["searched"]) == (True, 0, 0, True)
    (oldest,) = archived.rows("SELECT min(verified_at) AS at FROM clips")
    assert told["oldest_verified_at"] == oldest["at"]


SLOW_FILES = """
import sys, threading, time
import blink_archive.archive.findings as findings

seconds = float(sys.argv.pop())
hash_file, disk = findings.hash_file, threading.Lock()

def slow(path):
    if path.endswith(".mp4"):
        with disk:
            time.sleep(seconds)
    return hash_file(path)

findings.hash_file = slow
from blink_archive.cli import main
main()
"""


def start_slow(world: World, seconds: float, *arguments: str) -> subprocess.Popen[str]:
    """The program, on a disk that takes so long for each clip."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW_FILES, "verify", *arguments, str(seconds)],
        env=world.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_time_that_is_up(make_world: MakeWorld) -> None:
    """Exit 0, and so many are left; the next ones go on from there, until every clip had its turn."""
    world = make_world(clips=40, hostile=False, page_limit=100)
    world.sync()
    for night in range(30):
        process = start_slow(world, 0.1, "--max-duration", "1s", "--json")
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        told = json.loads(out)
        assert told["left"] > 0
        assert told["finished"] is False
        if night == 0:
            assert (told["never_verified"], told["oldest_verified_at"]) == (told["left"], None)
        if told["never_verified"] == 0:
            break
    assert 1 < night < 20
    assert told["oldest_verified_at"] is not None
    done = start_slow(world, 0.1, "--max-duration", "1s")
    out, _ = done.communicate(timeout=30)
    assert "The time is up; " in out
    assert "Every clip was verified since 20" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_goes_on_from_there(make_world: MakeWorld, number: int) -> None:
    """Ctrl-C and kill: what was read has its date (with a kill, all but the last seconds), and is read last
    by the next verify."""
    world = make_world(clips=60, hostile=False, page_limit=100)
    world.sync()
    process = start_slow(world, 0.3)
    deadline = time.monotonic() + 40
    while number == signal.SIGKILL and not verified(world):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if number == signal.SIGINT:
        time.sleep(3)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    read = verified(world)
    assert 0 < read < 60
    before = {row["id"] for row in world.rows("SELECT id FROM clips WHERE verified_at IS NOT NULL")}
    process = start_slow(world, 0.1, "--max-duration", "2s", "--json")
    told = json.loads(process.communicate(timeout=30)[0])
    assert told["never_verified"] == 60 - read - told["checked"] // 2
    assert before <= {row["id"] for row in world.rows("SELECT id FROM clips WHERE verified_at IS NOT NULL")}


@pytest.mark.parametrize("arguments", [("--sample", "50%"), ("--against", "COPY")])
def test_a_sample_and_a_copy_keep_no_dates(archived: World, arguments: tuple[str, str]) -> None:
    """Nor do they make a day dirty, or go with --max-duration."""
    given = [str(archived.root) if each == "COPY" else each for each in arguments]
    next(archived.root.rglob("SHA256SUMS")).unlink()
    told = json.loads(quick(archived, "verify", *given, "--json").out)
    assert "left" not in told
    assert verified(archived) == 0
    assert not archived.rows("SELECT * FROM dirty_days")
    done = quick(archived, "verify", *given, "--max-duration", "10m")
    assert done.code == 2
    assert "--max-duration" in done.err


@pytest.mark.parametrize("duration", ["10", "0m", "1y", "soon", ""])
def test_a_duration_that_is_none(archived: World, duration: str) -> None:
    """Wrong usage."""
    assert quick(archived, "verify", "--max-duration", duration).code == 2


# --repair


def test_a_repair_tells_of_each_file(archived: World) -> None:
    """A line for each, and the sums; exit 3 where something was lost, and 0 the next time."""
    one, two, three, *_ = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    (archived.root / one["path"]).unlink()
    (archived.root / two["path"]).write_bytes(b"torn")
    (archived.root / three["path"]).unlink()
    archived.blink.cloud.purge_clip(int(three["origin_key"]))
    done = quick(archived, "verify")
    assert done.code == 7
    assert "verify --repair" in done.err
    done = quick(archived, "verify", "--repair")
    assert done.code == 3
    assert f"repaired: {one['path']} (was missing; fetched again)" in done.out
    assert f"repaired: {two['path']} (was changed; fetched again; what was there is now" in done.out
    assert f"lost: {three['path']} (was missing; Blink has it no more)" in done.out
    assert "2 files repaired, 1 lost, 0 not repaired." in done.out
    assert done.err == ""
    done = quick(archived, "verify", "--repair")
    assert (done.code, done.err) == (0, "")


def test_a_repair_tells_in_json(archived: World) -> None:
    """All three lists; what stays a finding is exit 7, whatever else is wrong."""
    one, two, *_ = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    (archived.root / one["path"]).unlink()
    (archived.root / two["path"]).unlink()
    archived.blink.cloud.purge_clip(int(one["origin_key"]))
    archived.blink.faults.add(Fault(endpoint="clip", kind="corrupt", damage="moov", match=two["origin_key"]))
    done = quick(archived, "verify", "--repair", "--json")
    assert done.code == 7
    told = json.loads(done.out)
    assert [fate["path"] for fate in told["lost"]] == [one["path"]]
    assert [fate["path"] for fate in told["unrepaired"]] == [two["path"]]
    assert told["unrepaired"][0]["was"] == "missing"
    assert (told["repaired"], told["stopped"], told["warnings"]) == ([], None, [])
    assert len(told["missing"]) == 2
    assert "1 not repaired" in done.err


def test_a_foreign_file_is_an_error_after_a_repair_too(archived: World) -> None:
    """It is left alone, named, and exit 7."""
    stranger = next(archived.root.rglob("*.mp4")).with_name("stranger.mp4")
    stranger.write_bytes(b"?")
    done = quick(archived, "verify", "--repair")
    assert done.code == 7
    assert f"foreign: {stranger.relative_to(archived.root).as_posix()}" in done.out
    for err in (done.err, quick(archived, "verify").err):
        assert "1 foreign" in err
        assert "is yours to move elsewhere" in err
        assert "from a copy" not in err
    assert stranger.exists()


def test_a_repair_holds_the_archive(archived: World) -> None:
    """While a sync runs it is exit 6, and changes nothing; a plain verify runs beside it."""
    (victim := next(archived.root.rglob("*.mp4"))).unlink()
    with archived.archive.lock():
        assert archived.run("verify", "--repair").returncode == 6
        assert archived.run("verify").returncode == 7
    assert not victim.exists()
    assert archived.run("verify", "--repair").returncode == 0
    assert victim.exists()


def test_a_repair_needs_a_sign_in(archived: World) -> None:
    """Without one it is exit 4, before anything is read."""
    done = archived.run("verify", "--repair", BLINK_ARCHIVE_STATE_DIR=str(archived.root / "nobody"))
    assert (done.returncode, done.stdout) == (4, "")
    assert verified(archived) == 0


def test_a_repair_is_for_the_archive_itself(archived: World) -> None:
    """A copy is repaired by copying."""
    done = quick(archived, "verify", "--repair", "--against", str(archived.root))
    assert done.code == 2


def test_a_repair_of_what_a_sample_found(archived: World) -> None:
    """And of what a limited time found."""
    for options in (("--sample", "100%"), ("--max-duration", "10m")):
        (victim := next(archived.root.rglob("*.mp4"))).unlink()
        done = quick(archived, "verify", "--repair", *options, "--json")
        assert done.code == 0
        assert len(json.loads(done.out)["repaired"]) == 1
        assert victim.exists()
