"""Each exit code of design.md is reached by a command, with one sentence on stderr that says why."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .test_endings import wait_until


def fail_a_clip(world: World) -> None:
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404))


def damage_a_file(world: World) -> None:
    path = world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]
    (world.root / path).write_bytes(b"rotten")


def sign_out(world: World) -> None:
    assert world.run("logout").returncode == 0


def nothing(_: World) -> None: ...


CASES: list[tuple[int, Callable[[World], None], tuple[str, ...], str]] = [
    (0, nothing, ("ls",), ""),
    (1, nothing, ("--archive", "/nowhere", "ls"), "is not an archive"),
    (2, nothing, ("ls", "--since", "the day before"), "no date"),
    (3, fail_a_clip, ("sync",), "waits"),
    (4, sign_out, ("whoami",), "login"),
    (5, nothing, ("--api-url", "http://127.0.0.1:9", "--oauth-url", "http://127.0.0.1:9", "login"), "127.0.0.1"),
    (7, damage_a_file, ("verify",), "not as it was archived"),
    (8, nothing, ("sync", "--reserve", "9000T"), "--reserve"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "arrange", "arguments", "words"), CASES, ids=[str(case[0]) for case in CASES]
)
def test_each_exit_code(
    make_world: MakeWorld, code: int, arrange: Callable[[World], None], arguments: tuple[str, ...], words: str
) -> None:
    """What the command ends with, and that it says why."""
    world = make_world(clips=2, hostile=False)
    if code == 7:
        world.sync()
    arrange(world)
    secrets = {"BLINK_ARCHIVE_EMAIL": world.settings.email, "BLINK_ARCHIVE_PASSWORD": world.settings.password}
    done = world.run(*arguments, **(secrets if arguments[-1] == "login" else {}))
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_exit_code_6(make_world: MakeWorld) -> None:
    """Another run holds the archive."""
    world = make_world(clips=1)
    with world.archive.lock():
        done = world.run("sync")
    assert done.returncode == 6
    assert "Another run" in done.stderr


def test_exit_code_130(make_world: MakeWorld) -> None:
    """Interrupted."""
    world = make_world(clips=1)
    world.blink.faults.add(Fault(endpoint="homescreen", kind="stall"))
    asked = len(world.blink.requests)
    process = world.start("sync")
    wait_until(lambda: len(world.blink.requests) > asked)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted" in err
