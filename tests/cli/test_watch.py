"""`watch` in a process of its own: how it ends, what signals do, what systemd hears, and what it tells."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..nightly.listener import listening
from ..world import World, clips_fetched
from .quick import asked
from .test_endings import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@contextmanager
def watching(world: World, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A watch that runs, and is killed if it still does in the end."""
    process = world.start("watch", *arguments, **environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def passes(world: World) -> int:
    """How many have ended, all told."""
    return len(world.rows("SELECT * FROM runs WHERE json_extract(summary, '$.watch')"))


def ended(
    world: World, process: subprocess.Popen[str], number: int = signal.SIGTERM
) -> tuple[int, str, str, float]:
    """Send that signal: the exit code, what was printed, and the seconds that it took."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    world.said.append(("watch", out + err))
    return process.returncode, out, err, time.monotonic() - began


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Read what is told until it is that."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_wait_ends_at_once(world: World, number: int, code: int) -> None:
    """SIGTERM is how a service ends, and no error; Ctrl-C is 130, as everywhere."""
    with watching(world) as process:
        wait_until(lambda: passes(world) == 1)
        exit_code, out, err, seconds = ended(world, process, number)
    assert exit_code == code
    assert seconds < 3
    assert len(out.splitlines()) == 1
    assert "Fetched 12 clips and" in out
    assert err.splitlines()[0].startswith("Watching.")
    assert err.splitlines()[1:] == (
        ["blink-archive: Interrupted. What was complete is kept."] if code else []
    )
    world.expect_complete()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pass_ends_within_seconds(make_world: MakeWorld, number: int) -> None:
    """What had arrived is committed, nothing half is kept, and the next run goes on."""
    world = make_world(clips=12)
    world.blink.faults.add(Fault(endpoint="clip", kind="stall", after=6))
    with watching(world) as process:
        wait_until(lambda: len(clips_fetched(world)) >= 10)
        exit_code, _, err, seconds = ended(world, process, number)
    assert exit_code == (0 if number == signal.SIGTERM else 130)
    assert seconds < 5
    assert "Traceback" not in err
    archived = world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")
    assert archived
    assert {row["path"] for row in archived} == {path for path in world.files() if path.endswith(".mp4")}
    assert [row["exit_code"] for row in world.rows("SELECT * FROM runs")] == [130]
    world.blink.faults.clear()
    world.sync()
    world.expect_complete()


def test_a_service_that_hangs_does_not_hold_up_its_end(world: World) -> None:
    """Messages and pings have half a minute, which is more than a container gets that is stopped."""
    pytest.importorskip("apprise")
    with listening() as listener:
        listener.hangs.set()
        told = ("--notify", listener.service, "--notify-on", "digest", "--ping", listener.check)
        with watching(world, *told) as process:
            wait_until(lambda: bool(listener.messages))
            exit_code, _, err, seconds = ended(world, process)
        listener.goes_on.set()
    assert exit_code == 0
    assert seconds < 6
    assert "json:// did not take it in time" in err
    world.expect_complete()


def test_the_second_signal_kills(world: World) -> None:
    """A stop waits for a renewal that was sent, since its answer holds the only valid token; who cannot wait
    asks twice."""
    world.blink.cloud.expire_tokens()
    world.blink.faults.add(Fault(endpoint="token", kind="stall"))
    with watching(world) as process:
        wait_until(lambda: asked(world, "token") == 2)  # the sign-in's, and this one
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        assert process.returncode is None
        assert ended(world, process)[0] == -signal.SIGTERM


def test_a_hangup_has_a_pass_begin(world: World, tmp_path: Path) -> None:
    """At once; what is new arrives, the log is opened anew (who rotates logs moves them away), and it is told
    what was done."""
    log = tmp_path / "watch.log"
    with watching(world, "--every", "1h", "--log-file", str(log)) as process:
        wait_until(lambda: passes(world) == 1)
        clip = world.blink.cloud.add_clip()
        log.rename(tmp_path / "watch.log.1")
        process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: bool(
                world.rows("SELECT * FROM clips WHERE origin_key = ? AND sha256 IS NOT NULL", str(clip))
            )
        )
        wait_until(lambda: log.exists() and "pass ended" in log.read_text())
        exit_code, out, err, _ = ended(world, process)
    assert exit_code == 0
    assert [line[17:].split()[:3] for line in out.splitlines()] == [
        ["Fetched", "12", "clips"],
        ["Fetched", "1", "clip"],
    ]
    assert "The configuration was read anew." in err


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_of_it(world: World, tmp_path: Path, abstract: bool) -> None:
    """Ready before the first pass, signs of life during a long one and in the waits, how it does in words,
    a reload from its beginning to its end, and that it stops."""
    if abstract and sys.platform != "linux":
        pytest.skip("only Linux has abstract names")
    name = f"@blink-archive-{tmp_path}" if abstract else str(tmp_path / "notify")
    world.blink.faults.add(Fault(endpoint="homescreen", kind="stall", seconds=1, times=1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(f"\0{name[1:]}" if abstract else name)
        receiving.settimeout(10)
        with watching(world, "--every", "1h", NOTIFY_SOCKET=name, WATCHDOG_USEC="200000") as process:
            words = [receiving.recv(4096).decode()]
            while not words[-1].startswith("STATUS=Fetched"):
                words.append(receiving.recv(4096).decode())
            during = words.count("WATCHDOG=1")
            waiting = [receiving.recv(4096).decode() for _ in range(5)]
            process.send_signal(signal.SIGHUP)
            while not words[-1].startswith("STATUS=Nothing new. The next pass is at"):
                words.append(receiving.recv(4096).decode())
            process.send_signal(signal.SIGTERM)
            while words[-1] != "STOPPING=1":
                words.append(receiving.recv(4096).decode())
            assert process.wait(10) == 0
    assert during >= 4
    assert waiting == ["WATCHDOG=1"] * 5
    said = [word for word in words if word != "WATCHDOG=1"]
    assert said[0] == "READY=1"
    assert said[1].startswith("STATUS=A pass is under way since ")
    assert said[2].startswith("STATUS=Fetched 12 clips")
    reloading, usec = said[3].split("\n")
    assert (reloading, usec.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    assert said[4] == "READY=1"


def test_the_archive_is_free_between_passes(world: World) -> None:
    """Another run works while a watch waits; one that is at it when a pass begins is told, and outlived."""
    with watching(world, "--every", "1h") as process:
        wait_until(lambda: passes(world) == 1)
        assert world.run("sync").returncode == 0
        with world.archive.lock():
            process.send_signal(signal.SIGHUP)
            wait_for_line(process, "Another run is working on")
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "All is well again.")
        assert passes(world) == 2
        assert ended(world, process)[0] == 0


def test_it_begins_when_there_is_an_archive(world: World, tmp_path: Path) -> None:
    """A folder that is none (yet) is told, nothing is written into it, and Blink is not asked."""
    away = tmp_path / "away"
    world.root.rename(away)
    world.root.mkdir()
    before = len(world.blink.requests)
    with watching(world, "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert (first["exit_code"], "is not an archive" in first["stopped"]) == (1, True)
        assert len(world.blink.requests) == before
        world.root.rmdir()
        away.rename(world.root)
        process.send_signal(signal.SIGHUP)
        second = json.loads(process.stdout.readline())
        assert ended(world, process)[0] == 0
    assert (second["exit_code"], second["fetched"]) == (0, 12)
    world.expect_complete()


def test_it_begins_when_somebody_signs_in(world: World) -> None:
    """Without a sign-in nothing is asked, and it is told once; after one, it begins by itself."""
    state, world.state = world.state, world.state.with_name("fresh")
    before = len(world.blink.requests)
    with watching(world) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Watching.")
        assert "`blink-archive login`. Nothing is asked of Blink until" in process.stderr.readline()
        assert len(world.blink.requests) == before
        asyncio.run(world._sign_in())
        wait_until(lambda: passes(world) == 1)
        assert ended(world, process)[0] == 0
    world.expect_complete()
    world.state = state


def test_it_deletes_at_blink_what_is_safe(make_world: MakeWorld) -> None:
    """With --delete-remote and --yes, as `sync` does; it is one line with what was fetched."""
    world = make_world(clips=3)
    with watching(world, "--delete-remote", "--yes", "--every", "1h") as process:
        wait_until(lambda: not world.blink.cloud.live_clips())
        wait_until(
            lambda: bool(
                world.rows("SELECT * FROM runs WHERE command = 'prune-remote' AND ended_at IS NOT NULL")
            )
        )
        exit_code, out, err, _ = ended(world, process)
    assert exit_code == 0
    assert len(out.splitlines()) == 1, out
    assert "; deleted 3 clips at Blink" in out
    assert "stays" not in err
    assert len([path for path in world.files() if path.endswith(".mp4")]) == 3


def test_a_file_that_changed_ends_the_deletion_and_nothing_else(make_world: MakeWorld) -> None:
    """It is told once, no clip goes, and new ones are archived as before."""
    world = make_world(clips=3)
    world.sync()
    path = world.root / world.rows("SELECT path FROM clips ORDER BY created_at")[0]["path"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with watching(world, "--delete-remote", "--yes", "--every", "1h") as process:
        wait_until(lambda: passes(world) == 1)
        clip = world.blink.cloud.add_clip()
        process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: bool(
                world.rows("SELECT * FROM clips WHERE origin_key = ? AND sha256 IS NOT NULL", str(clip))
            )
        )
        wait_until(lambda: len(world.rows("SELECT * FROM runs WHERE exit_code = 7")) == 2)
        exit_code, _, err, _ = ended(world, process)
    assert exit_code == 0
    assert err.count("The deletion at Blink ended early:") == 1
    assert len(world.blink.cloud.live_clips()) == 4


def test_quiet_says_what_is_wrong_and_no_more(world: World) -> None:
    """With -q, neither what was done nor that it watches."""
    with watching(world, "-q") as process:
        wait_until(lambda: passes(world) == 1)
        exit_code, out, err, _ = ended(world, process)
    assert (exit_code, out, err) == (0, "", "")


def test_a_mistake_in_the_configuration_is_outlived(world: World, tmp_path: Path) -> None:
    """A watch whose file was edited badly names the line, goes on with what it had, and takes the right one."""
    file = tmp_path / "config.toml"
    file.write_text('[[archive]]\n[archive.schedule]\nevery = "1h"\n')
    with watching(world, "--config", str(file)) as process:
        wait_until(lambda: passes(world) == 1)
        file.write_text('[[archive]]\n[archive.schedule]\nevry = "1h"\n')
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Watching.")
        told = process.stderr.readline()
        assert "config.toml, line 3" in told
        assert told.endswith("Watching goes on as before.\n")
        file.write_text('[[archive]]\n[archive.schedule]\nevery = "2h"\n')
        process.send_signal(signal.SIGHUP)
        assert process.stderr.readline() == "The configuration was read anew.\n"
        assert ended(world, process)[0] == 0
