"""`import` as a process: what it prints, its exit codes, and what every other command makes of its clips."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ..conftest import MakeWorld
from ..world import World, is_sound
from .conftest import Terminal

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or mounts a disk")
FREE = b"\0\0\0\x10free"


def variant(world: World, number: int) -> bytes:
    """A whole MP4 that the cloud does not have."""
    return world.blink.cloud.clip_bytes(world.blink.cloud.live_clips()[0]) + FREE + number.to_bytes(8, "big")


def stick_path(at: datetime, camera: str, number: int = 1) -> str:
    return f"blink/{at:%y-%m}/{at:%y-%m-%d}/{at:%H-%M-%S}_{camera}_{number:03}.mp4"


def lay(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Where a stick is mounted."""
    return tmp_path / "usb"


def fill(stick: Path, world: World, count: int) -> None:
    """So many recordings of one camera, of which the cloud knows nothing."""
    began = world.clock.now() - timedelta(days=200)
    for number in range(count):
        lay(stick, stick_path(began + timedelta(hours=7 * number), "FrontDoor"), variant(world, number))


def imported(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM clips WHERE origin = 'import' ORDER BY id")


def expect_whole(world: World, stick: Path, count: int) -> None:
    """Each file of the stick is one clip, whole; nothing is left over; verify and sha256sum agree."""
    rows = imported(world)
    assert len(rows) == count
    sources = sorted(path.read_bytes() for path in stick.rglob("*.mp4"))
    assert sorted((world.root / row["path"]).read_bytes() for row in rows) == sources
    assert not list((world.root / ".incoming").iterdir())
    assert not world.rows("SELECT * FROM dirty_days")
    world.expect_sums()
    assert world.run("verify").returncode == 0


def test_a_stick_is_imported_and_every_command_knows_its_clips(archived: World, stick: Path) -> None:
    """What the cloud brought is known or covered, the rest becomes clips that ls, show, status, query and
    verify treat as any other; the second import takes nothing."""
    fill(stick, archived, 3)
    cloud = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL AND camera_name = 'Front Door'")
    lay(stick, "blink_backup/copy.mp4", (archived.root / cloud[0]["path"]).read_bytes())
    at = datetime.fromisoformat(cloud[1]["created_at"])
    lay(
        stick, f"blink_backup/{at:%y-%m}/{at:%y-%m-%d}/{at:%H-%M-%S}_FrontDoor_009.mp4", variant(archived, 99)
    )
    lay(stick, "blink/note.txt", b"")
    before = {row["id"]: row for row in archived.rows("SELECT * FROM clips")}
    done = archived.run("import", str(stick))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Imported 3 of 5 files" in done.stdout
    assert "1 are known, 1 covered" in done.stdout
    assert "1 other files" in done.stdout
    after = {row["id"]: row for row in archived.rows("SELECT * FROM clips")}
    assert {key: after[key] for key in before} == before
    again = json.loads(archived.run("import", str(stick), "--json").stdout)
    assert (again["imported"], again["known"], again["covered"]) == (0, 4, 1)
    clip = imported(archived)[0]
    key = f"import-{clip['sha256'][:8]}"
    listed = [
        entry for entry in json.loads(archived.run("ls", "--json").stdout) if entry["source"] == "import"
    ]
    assert {entry["status"] for entry in listed} == {"archived"}
    assert (len(listed), listed[0]["clip"], listed[0]["path"]) == (3, key, clip["path"])
    assert key in archived.run("ls", "--source", "import").stdout
    shown = json.loads(archived.run("show", key, "--json").stdout)
    assert shown["item"] == {"file": str(next(iter(sorted(stick.rglob("*FrontDoor_001.mp4")))))}
    assert f"imported from          {shown['item']['file']}" in archived.run("show", clip["path"]).stdout
    status = json.loads(archived.run("status", "--json").stdout)
    assert status["clips"]["archived"]["clips"] == 15
    assert (status["last_run"]["command"], status["last_run"]["exit_code"]) == ("import", 0)
    (archived.root / clip["path"]).write_bytes(b"?")
    verified = archived.run("verify", "--json")
    assert (verified.returncode, json.loads(verified.stdout)["changed"][0]["path"]) == (7, clip["path"])


def test_imports_are_no_part_of_a_sync_s_account(make_world: MakeWorld, stick: Path) -> None:
    """Before and after an import, a sync counts the same clips, fetches the same, and asks for the same
    thumbnails; of imported clips nothing is lost or asked."""
    world = make_world(clips=6)
    world.sync(limit=2)
    fill(stick, world, 4)
    waiting = json.loads(world.run("sync", "--dry-run", "--json").stdout)["clips"]
    assert world.run("import", str(stick)).returncode == 0
    assert json.loads(world.run("sync", "--dry-run", "--json").stdout)["clips"] == waiting
    summary = world.sync(full=True)
    parts = ("archived_now", "archived_before", "deleted", "gone", "excluded", "waiting")
    of_the_cloud = world.rows("SELECT count(*) AS n FROM clips WHERE origin = 'cloud'")[0]["n"]
    assert sum(summary.account[part] for part in parts) == summary.account["counted"] == of_the_cloud
    assert summary.fetched == waiting
    world.expect_complete()
    assert world.sync(full=True).account["counted"] == of_the_cloud
    assert len(imported(world)) == 4


def test_an_import_into_an_archive_that_waits(make_world: MakeWorld, stick: Path) -> None:
    """A clip that waits for its file stays in the queue beside the import, which says so; the next sync
    fetches it."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    row = world.rows("SELECT * FROM clips_view WHERE status = 'waiting' ORDER BY created_utc")[0]
    at = datetime.fromisoformat(row["created_utc"])
    lay(stick, stick_path(at, re.sub(r"\W", "", row["camera"])), variant(world, 1))
    done = world.run("import", str(stick))
    assert "never fetched stay as they are: 1 waiting." in done.stdout
    assert world.clip(row["clip"])["status"] == "waiting"
    assert world.sync().fetched == 3
    world.expect_complete()


def test_a_dry_run_tells_what_an_import_does(archived: World, stick: Path) -> None:
    """The same counts and files as the import after it, and not a byte of the archive is changed; twenty
    files are told, and all as JSON."""
    fill(stick, archived, 25)
    lay(stick, "broken.mp4", b"?")
    before = {path: path.read_bytes() for path in archived.root.rglob("*") if path.is_file()}
    spoken = archived.run("import", str(stick), "--dry-run")
    told = json.loads(archived.run("import", str(stick), "--dry-run", "--json").stdout)
    assert {path: path.read_bytes() for path in archived.root.rglob("*") if path.is_file()} == before
    assert (spoken.stdout.count("import: "), "… and 6 more" in spoken.stdout) == (20, True)
    assert "would take 25 of 26 files" in spoken.stdout
    done = archived.run("import", str(stick), "--json")
    assert (done.returncode, spoken.returncode) == (3, 3)
    assert json.loads(done.stdout) | {"dry_run": True} == told
    assert len(told["files"]) == 26


def test_the_options(archived: World, stick: Path) -> None:
    """Patterns, a zone, a camera, --strict and --all do what they say; no option of a nightly sync's
    environment is taken for one of them."""
    lay(stick, "Front Door 2026-01-02 03.04.05.mp4", variant(archived, 1))
    lay(stick, "clip.mp4", variant(archived, 2))
    pattern = "{camera} {time:%Y-%m-%d %H.%M.%S}.mp4"

    def outcomes(*options: str, **environment: str) -> list[tuple[str, str, str]]:
        done = archived.run("import", str(stick), "--dry-run", "--json", *options, **environment)
        found = json.loads(done.stdout)["files"]
        return [(each["outcome"], each["camera"], each["time_from"]) for each in found]

    assert outcomes(BLINK_ARCHIVE_CAMERA="Shed") == [("imported", None, "file"), ("imported", None, "file")]
    assert outcomes("--pattern", pattern, "--camera", "Shed", "--strict") == [
        ("imported", "Front Door", "name"), ("undated", "Shed", None),
    ]  # fmt: skip
    assert outcomes(BLINK_ARCHIVE_IMPORT_PATTERNS=f"{{camera}}.avi\n{pattern}")[0][2] == "name"
    done = archived.run("import", str(stick), "--pattern", pattern, "--time-zone", "Asia/Kolkata")
    assert done.returncode == 0
    assert imported(archived)[0]["created_at"] == "2026-01-01T21:34:05.000000Z"
    cloud = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL AND camera_name = 'Front Door'")[0]
    at = datetime.fromisoformat(cloud["created_at"])
    lay(stick, stick_path(at, "FrontDoor"), variant(archived, 3))
    assert "1 covered" in archived.run("import", str(stick)).stdout
    assert "Imported 1 of 3" in archived.run("import", str(stick), "--all").stdout
    expect_whole(archived, stick, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "PATH"),
        (("{stick}/none",), "none"),
        (("{stick}", "--pattern", "{name}.mp4"), "{name}"),
        (("{stick}", "--time-zone", "Mars/Olympus"), "Mars/Olympus"),
        (("{root}",), "itself"),
        (("{root}/2026",), "itself"),
        (("",), "empty"),
    ],
)
def test_what_means_nothing_is_exit_2(
    archived: World, stick: Path, arguments: tuple[str, ...], message: str
) -> None:
    """A sentence with what was wrong, and nothing is taken."""
    fill(stick, archived, 1)
    filled = [each.replace("{stick}", str(stick)).replace("{root}", str(archived.root)) for each in arguments]
    done = archived.run("import", *filled)
    assert (done.returncode, done.stdout, message in done.stderr) == (2, "", True)
    assert imported(archived) == []


def test_an_archive_has_to_be_there(world: World, stick: Path, tmp_path: Path) -> None:
    """Exit 1, and none is made."""
    fill(stick, world, 1)
    done = world.run("import", str(stick), "--archive", str(tmp_path / "none"))
    assert done.returncode == 1
    assert not (tmp_path / "none").exists()


@on_linux
def test_no_network_is_asked(archived: World, stick: Path) -> None:
    """An import works while nobody is signed in and Blink cannot be reached."""
    fill(stick, archived, 1)
    asked = len(archived.blink.requests)
    shutil.rmtree(archived.state)
    assert archived.run("import", str(stick), BLINK_ARCHIVE_API_URL="http://127.0.0.1:9").returncode == 0
    assert len(archived.blink.requests) == asked


@on_linux
def test_links(archived: World, stick: Path) -> None:
    """With --link the archive's file is the stick's; from another file system it is refused, before anything
    is taken, with what to do instead."""
    fill(stick, archived, 2)
    elsewhere = Path("/dev/shm") / f"blink-archive-test-{os.getpid()}"
    if elsewhere.parent.stat().st_dev != archived.root.stat().st_dev:
        try:
            shutil.copytree(stick, elsewhere)
            done = archived.run("import", str(stick), str(elsewhere), "--link")
            assert (done.returncode, "Leave --link away" in done.stderr) == (2, True)
            assert imported(archived) == []
        finally:
            shutil.rmtree(elsewhere)
    assert archived.run("import", str(stick), "--link").returncode == 0
    inodes = {path.stat().st_ino for path in stick.rglob("*.mp4")}
    assert {(archived.root / row["path"]).stat().st_ino for row in imported(archived)} == inodes
    expect_whole(archived, stick, 2)


# under way


def test_a_bar_shows_how_far_it_is(
    archived: World, stick: Path, at_terminal: Callable[..., Terminal]
) -> None:
    """At a terminal the bytes are counted under a bar, and then the figures are told."""
    fill(stick, archived, 3)
    terminal = at_terminal(archived, "import", str(stick))
    assert terminal.end() == 0
    assert terminal.seen.index("importing") < terminal.seen.index("Imported 3 of 3 files")


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)  # another process is waited for


def large(path: Path) -> Path:
    """An MP4 of 4 GB, of which the disk holds nothing: reading it takes seconds."""
    head = b"\0\0\0\x0cftypisom" + b"\0\0\0\x08moov" + b"\0\0\0\1mdat" + (4_000_000_000).to_bytes(8, "big")
    lay(path.parent, path.name, head)
    os.truncate(path, 20 + 4_000_000_000)
    return path


def reads(process: subprocess.Popen[str], file: Path) -> bool:
    """Whether the process has the file open."""
    assert process.poll() is None
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if link.readlink() == file:
                return True
        except FileNotFoundError:  # closed meanwhile
            pass
    return False


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_is_complete(archived: World, stick: Path, number: int) -> None:
    """Within a second, also in the middle of a file that takes longer: exit 130 and one sentence; what came
    before is there, and the next import goes on."""
    fill(stick, archived, 2)
    file = large(stick / "zzz.mp4")
    process = archived.start("import", str(stick), "--json")
    wait_until(lambda: reads(process, file))
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert time.monotonic() - began < 2
    assert (process.returncode, len(err.strip().splitlines())) == (130, 1)
    assert err.startswith("blink-archive: Interrupted")
    assert (json.loads(out)["imported"], json.loads(out)["exit_code"]) == (2, 130)
    file.unlink()
    assert archived.rows("SELECT exit_code FROM runs WHERE command = 'import'") == [{"exit_code": 130}]
    done = archived.run("import", str(stick), "--json")
    assert (done.returncode, json.loads(done.stdout)["known"]) == (0, 2)
    expect_whole(archived, stick, 2)


@on_linux
def test_another_run_is_kept_out(archived: World, stick: Path) -> None:
    """While an import runs, a sync and a second import are exit 6; readers, verify and a dry run work."""
    fill(stick, archived, 1)
    file = large(stick / "zzz.mp4")
    process = archived.start("import", str(stick))
    wait_until(lambda: reads(process, file))
    assert archived.run("sync").returncode == 6
    assert archived.run("import", str(stick / "blink")).returncode == 6
    for command in (("ls",), ("status",), ("verify",), ("import", str(stick / "blink"), "--dry-run")):
        assert archived.run(*command).returncode == 0
    process.kill()
    process.communicate()
    file.unlink()
    assert archived.run("import", str(stick)).returncode == 0
    expect_whole(archived, stick, 1)


def test_killed_at_random_moments_the_next_import_goes_on(archived: World, stick: Path) -> None:
    """SIGKILL while parts are written, files named, rows committed; then one import finds everything: nothing
    lost, twice, half or left over."""
    fill(stick, archived, 300)
    chance = random.Random(11)
    killed = 0
    for _ in range(20):
        before = under_way(archived)
        process = archived.start("import", str(stick))
        while process.poll() is None:
            if under_way(archived) != before:
                time.sleep(chance.uniform(0, 0.03))  # another process works meanwhile
                process.kill()
                break
        process.communicate()
        killed += process.returncode != 0
    assert killed >= 3
    assert archived.run("import", str(stick)).returncode == 0
    expect_whole(archived, stick, 300)
    assert is_sound(archived.archive.catalog_path)
    assert json.loads(archived.run("import", str(stick), "--json").stdout)["known"] == 300


def under_way(world: World) -> tuple[int, int]:
    """How many parts and how many files there are."""
    return len(list((world.root / ".incoming").iterdir())), len(list(world.root.rglob("*_import-*")))


@on_linux
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root"
)
def test_a_full_disk_keeps_what_fits(make_world: MakeWorld, tmp_path: Path, stick: Path) -> None:
    """Exit 8 with a sentence; what was committed is whole, and with space the rest follows."""
    (tmp_path / "archive").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6300k", "tmpfs", str(tmp_path / "archive")], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        world = make_world(clips=2)
        for number in range(30):
            at = world.clock.now() - timedelta(days=30, hours=number)
            lay(
                stick,
                stick_path(at, "FrontDoor"),
                variant(world, number) + b"\0\3\r\x40free" + bytes(199_992),
            )
        done = world.run("import", str(stick))
        assert (done.returncode, "disk is full" in done.stderr) == (8, True)
        assert 0 < len(imported(world)) < 30
        for row in imported(world):
            assert (world.root / row["path"]).stat().st_size == row["bytes"]
        subprocess.run(["mount", "-o", "remount,size=30m", str(tmp_path / "archive")], check=True)
        assert world.run("import", str(stick)).returncode == 0
        expect_whole(world, stick, 30)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "archive")], check=True)
