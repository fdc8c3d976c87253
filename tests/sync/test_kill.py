"""Killed or interrupted, the next run goes on (promise 5); kills at random moments are in tests/faults."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..conftest import MakeWorld


def test_a_file_that_has_its_name_and_no_row_yet_is_adopted(make_world: MakeWorld) -> None:
    """Killed between rename and commit: the next run finds the same bytes under the name, and takes them."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    path = world.root / world.clip(victim)["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(world.blink.cloud.clip_bytes(victim))
    inode = path.stat().st_ino
    assert world.sync().exit_code == 0
    assert path.stat().st_ino == inode
    assert world.rows("SELECT kind FROM events WHERE kind = 'adopted'")
    world.expect_complete()


def test_other_bytes_under_the_name_are_never_overwritten(make_world: MakeWorld) -> None:
    """A file of the user's own under a clip's name stays; the clip gets the next name, the clash is
    recorded, and the thumbnail goes with its clip."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    path = world.root / world.clip(victim)["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a user's own")
    assert world.sync().exit_code == 0
    assert path.read_bytes() == b"a user's own"
    row = world.clip(victim)
    assert row["path"] == path.relative_to(world.root).as_posix().replace(".mp4", "~2.mp4")
    assert (world.root / row["path"]).read_bytes() == world.blink.cloud.clip_bytes(victim)
    assert row["thumbnail_path"] == row["path"].replace(".mp4", ".jpg")
    assert world.run("verify").returncode == 0


def test_other_bytes_under_a_thumbnails_name_are_a_clash_too(make_world: MakeWorld) -> None:
    """A picture of the user's own where a thumbnail would go stays; the thumbnail alone gets the next name,
    the clash is an event, and `verify` knows of it."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    path = (world.root / world.clip(victim)["path"]).with_suffix(".jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a user's own")
    assert world.sync().exit_code == 0
    assert path.read_bytes() == b"a user's own"
    row = world.clip(victim)
    wanted = path.relative_to(world.root).as_posix()
    assert row["path"] == wanted.replace(".jpg", ".mp4")
    assert row["thumbnail_path"] == wanted.replace(".jpg", "~2.jpg")
    assert (world.root / row["thumbnail_path"]).read_bytes() == world.blink.cloud.thumbnail_bytes(victim)
    (clash,) = world.rows("SELECT * FROM events WHERE kind = 'clash'")
    assert clash["clip_id"] == row["id"]
    assert json.loads(clash["detail"]) == {"path": wanted, "instead": row["thumbnail_path"]}
    assert world.run("verify").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_cleanly_within_a_second(make_world: MakeWorld, number: int) -> None:
    """The first Ctrl-C: exit 130 within a second, complete clips committed, no part left, no traceback."""
    world = make_world(clips=200, page_limit=200, latency=0.05)
    process = world.start("sync")
    while len(world.files()) < 5:
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 1.5
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the next sync goes on" in err
    assert not list((world.root / ".incoming").iterdir())
    files = world.files()
    for row in world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL"):
        assert row["path"] in files
    assert world.rows("SELECT exit_code FROM runs") == [{"exit_code": 130}]


SLOW_DISK = """
import asyncio, os, pathlib, signal, stat, sys, time

heard, stuck = pathlib.Path(sys.argv.pop()), pathlib.Path(sys.argv.pop())
fsync, set_handler = os.fsync, signal.signal

def slow(fd):
    if stat.S_ISREG(os.fstat(fd).st_mode):
        stuck.touch()
        time.sleep(60)
    fsync(fd)

def told(number, handler):
    if handler in (signal.SIG_DFL, signal.default_int_handler) and stuck.exists():
        asyncio.get_running_loop().call_soon(heard.touch)
    return set_handler(number, handler)

os.fsync, signal.signal = slow, told
from blink_archive.cli import main
main()
"""


def test_a_second_interrupt_does_not_wait_for_the_disk(make_world: MakeWorld) -> None:
    """While the disk takes a minute over one file, the first Ctrl-C waits for it and the second one does
    not; nothing is lost by it."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    stuck, heard = world.root.parent / "stuck", world.root.parent / "heard"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_DISK, "sync", "--workers", "1", str(stuck), str(heard)],
        env=world.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def wait_for(path: Path) -> None:
        deadline = time.monotonic() + 20
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline, f"never {path.name}"
            time.sleep(0.01)

    try:
        wait_for(stuck)
        process.send_signal(signal.SIGINT)
        wait_for(heard)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT
    finally:
        process.kill()
        process.wait()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_second_interrupt_ends_it_at_once(make_world: MakeWorld) -> None:
    """The second Ctrl-C does not wait for anything."""
    world = make_world(clips=50, page_limit=200, latency=0.3)
    process = world.start("sync")
    while not world.files():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=2)
    assert process.returncode in (-signal.SIGINT, 130)
    world.sync()
    world.expect_complete()
