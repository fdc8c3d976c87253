"""``runs``: what the last runs did, and how they ended."""

from __future__ import annotations

import json
import signal
from typing import Any

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .test_endings import wait_until


def listed(world: World, *arguments: str) -> list[dict[str, Any]]:
    """``runs --json``."""
    done = world.run("runs", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_what_the_runs_did(make_world: MakeWorld) -> None:
    """A sync with a failure, one that ended well, one that could not begin, and a deletion, each with its end
    in words and its figures."""
    world = make_world(clips=3, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, times=1))
    assert world.run("sync").returncode == 3
    assert world.run("sync").returncode == 0
    assert world.run("prune-remote", "--keep-days", "0", "--yes").returncode == 0
    assert world.run("logout").returncode == 0
    assert world.run("sync").returncode == 4
    runs = listed(world)
    assert [(run["command"], run["state"], run["exit_code"]) for run in runs] == [
        ("sync", "ended", 3),
        ("sync", "ended", 0),
        ("prune-remote", "ended", 0),
        ("sync", "ended", 4),
    ]
    assert runs == sorted(runs, key=lambda run: run["started_at"])
    assert all(run["seconds"] >= 0 for run in runs)
    assert runs[0]["summary"]["fetched"] == 2
    assert "login" in runs[3]["summary"]["stopped"]
    table = world.run("runs").stdout.splitlines()
    assert table[0].split() == ["run", "command", "started", "took", "ended", "did"]
    for line, words in zip(table[2:], (
        "3: some clips failed or were lost  2 clips fetched, 1 clip failed,",
        "done                               1 clip fetched,",
        "done                               3 clips deleted,",
        "4: sign-in needed                  Nobody is signed in",
    ), strict=True):  # fmt: skip
        assert words in line


def test_only_the_last_ones(archived: World) -> None:
    """`--last`, or the environment; the newest comes last. A number below one is none."""
    for _ in range(2):
        archived.sync()
    ids = [run["id"] for run in listed(archived)]
    assert len(ids) == 3
    assert [run["id"] for run in listed(archived, "--last", "2")] == ids[1:]
    done = archived.run("runs", "--json", BLINK_ARCHIVE_RUNS_LAST="1", BLINK_ARCHIVE_LAST="2")
    assert [run["id"] for run in json.loads(done.stdout)] == ids[2:]
    assert archived.run("runs", "--last", "0").returncode == 2


def test_an_archive_without_runs(world: World) -> None:
    """Has none."""
    assert listed(world) == []
    assert world.run("runs").stdout.splitlines()[0].split()[0] == "run"


def test_a_run_that_was_killed_says_so(world: World) -> None:
    """While it runs it is running, and afterwards killed; the next one does not change that."""
    world.blink.faults.add(Fault(endpoint="homescreen", kind="stall", times=1))
    asked = len(world.blink.requests)
    process = world.start("sync")
    wait_until(lambda: len(world.blink.requests) > asked)
    (run,) = listed(world)
    assert (run["state"], run["exit_code"], run["seconds"], run["ended_at"]) == ("running", None, None, None)
    assert "running now" in world.run("runs").stdout
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert listed(world)[0]["state"] == "killed"
    world.sync()
    assert [run["state"] for run in listed(world)] == ["killed", "ended"]
    assert "killed before it ended" in world.run("runs").stdout


def test_without_an_archive(world: World) -> None:
    """It says so."""
    done = world.run("--archive", "/nowhere", "runs")
    assert (done.returncode, "is not an archive" in done.stderr) == (1, True)
