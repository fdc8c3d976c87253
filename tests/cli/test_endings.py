"""How a command ends when something is in its way: one sentence and its exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from blink_archive.cli.options import Globals
from blink_archive.errors import UsageError
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .conftest import Terminal

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or at /dev/full")


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)  # another process is waited for


def opened(process: subprocess.Popen[str], name: str) -> bool:
    """Whether the process has the file open."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if link.readlink().name == name:
                return True
        except FileNotFoundError:  # closed meanwhile
            pass
    return False


def expect_interrupted(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err.strip().startswith("blink-archive: Interrupted")
    assert len(err.strip().splitlines()) == 1


@on_linux
@pytest.mark.parametrize("select", ["count(*) FROM n", "* FROM n"])
def test_a_query_is_interrupted_by_ctrl_c(archived: World, select: str) -> None:
    """An endless query ends within a second of Ctrl-C, with exit 130."""
    process = archived.start("query", f"{ENDLESS} {select}")
    wait_until(lambda: opened(process, "catalog.db"))
    began = time.monotonic()
    expect_interrupted(process)
    assert time.monotonic() - began < 1


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verify_is_interrupted(archived: World, number: int) -> None:
    """Ctrl-C and SIGTERM end a verify with exit 130 and one sentence."""
    clip = archived.root / archived.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]
    os.truncate(clip, 1_000_000_000)
    process = archived.start("verify")
    wait_until(lambda: opened(process, clip.name))
    expect_interrupted(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoami_is_interrupted(world: World, number: int) -> None:
    """Ctrl-C and SIGTERM while Blink does not answer: exit 130 and one sentence."""
    world.blink.faults.add(Fault(endpoint="homescreen", kind="stall"))
    asked = len(world.blink.requests)
    process = world.start("whoami")
    wait_until(lambda: len(world.blink.requests) > asked)
    expect_interrupted(process, number)


def test_a_prompt_is_interrupted(world: World, at_terminal: Callable[..., Terminal]) -> None:
    """Ctrl-C where an answer is awaited: exit 130 and our sentence, not click's."""
    terminal = at_terminal(world, "login")
    terminal.expect("Email: ")
    for _ in range(20):  # one that comes between the prompt and the read is lost on CPython
        terminal.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            terminal.process.wait(0.5)
            break
    terminal.expect("blink-archive: Interrupted")
    assert terminal.end() == 130
    assert "Aborted" not in terminal.seen


def test_no_is_an_answer(world: World, at_terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    """Whoever wants no new archive is told what to do instead, and none is made."""
    terminal = at_terminal(world, "--archive", str(tmp_path / "typo"), "sync")
    terminal.expect("Start a new archive")
    terminal.type("n")
    terminal.expect("--archive")
    assert terminal.end() == 1
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("arguments", [("ls",), ("--help",), ("query", "SELECT 1"), ("ls", "--json")])
def test_nobody_reads_the_output(archived: World, arguments: tuple[str, ...]) -> None:
    """`blink-archive ls | head` is no error, however early `head` ends: exit 0, no word."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "blink_archive", *arguments]
    done = subprocess.run(
        command, env=archived.environment(), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@on_linux
def test_a_full_disk_under_the_output(archived: World) -> None:
    """`blink-archive ls > file` on a full disk is exit 8 and a sentence."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "blink_archive", "ls"]
        done = subprocess.run(
            command, env=archived.environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (8, 1)


@on_linux
def test_a_full_disk_under_the_log(world: World) -> None:
    """A log that cannot be written to spoils neither the sync nor what it prints."""
    done = world.run("sync", "--log-file", "/dev/full")
    assert (done.returncode, done.stderr) == (0, "")
    world.expect_complete()


def test_a_log_in_no_folder(archived: World) -> None:
    """The sentence names the log and what to do; nothing else is done."""
    done = archived.run("ls", "--log-file", "nodir/x.log")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nodir/x.log" in done.stderr
    assert "--log-file" in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "cp1252:strict"])
def test_any_encoding_of_the_output_will_do(archived: World, encoding: str) -> None:
    """What an encoding lacks is written as an escape; JSON stays JSON, and the same."""

    def printed(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "blink_archive", *arguments],
            env=archived.environment(PYTHONIOENCODING=encoding), capture_output=True, check=True,
        )  # fmt: skip
        assert done.stderr == b""
        return done.stdout.decode(encoding.partition(":")[0])

    wanted = json.loads(archived.run("ls", "--json").stdout)
    assert not json.dumps(wanted, ensure_ascii=False).isascii()
    assert json.loads(printed("ls", "--json")) == wanted
    for arguments in (("ls",), ("status",), ("query", "SELECT '→ ünï', * FROM clips")):
        assert printed(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--archive", "", "ls"),
        ("--catalog", "", "ls"),
        ("ls", "--archive", ""),
        ("whoami", "--state-dir", ""),
        ("ls", "--log-file", ""),
        ("verify", "--against", ""),
        ("simulator", "--faults", ""),
        ("ls", "--since", ""),
        ("ls", "--since", "2026-11"),
        ("ls", "--since", "2026-11-24", "--until", "2026-11-23"),
        ("login", "--code", ""),
        ("whoami", "--account", ""),
        ("--account", " ", "logout"),
        ("login", "--code", " "),
        ("query", "\udcff"),
        ("show", "\udcff"),
        ("--archive", "~nobody-of-that-name/x", "ls"),
        ("archive", "move", "~nobody-of-that-name/x"),
        ("catalog", "backup", "~nobody-of-that-name/x"),
        ("doctor", "--report", "~nobody-of-that-name/x"),
    ],
    ids=ascii,
)
def test_what_means_nothing_is_wrong_usage(world: World, arguments: tuple[str, ...]) -> None:
    """Exit 2 and words for it, before anything is sent or written."""
    asked = len(world.blink.requests)
    done = world.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert len(world.blink.requests) == asked


def test_more_than_there_can_be_is_all(make_world: MakeWorld) -> None:
    """A number that SQLite cannot count to."""
    world = make_world(clips=2)
    world.sync()
    for arguments in (("ls", "--limit"), ("runs", "--last"), ("sync", "--dry-run", "--limit")):
        most = world.run(*arguments, "9" * 30)
        assert (most.returncode, most.stdout) == (0, world.run(*arguments, "1000").stdout), most.stderr


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no home directory is known, the sentence names the path and the option to say it with."""

    pwd = pytest.importorskip("pwd")

    def unknown(_: int) -> None:
        raise KeyError

    for variable in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match=r"~/blink-archive .*--archive"):
        Globals().root()
    with pytest.raises(UsageError, match=r"~.*--state-dir"):
        Globals().state()


def test_a_file_is_no_archive(make_world: MakeWorld, tmp_path: Path) -> None:
    """A sync, and its forecast, refuse a path that is a file."""
    world = make_world(clips=1)
    (tmp_path / "file").write_text("mine")
    for arguments in (("sync", "--dry-run"), ("sync", "--init")):
        done = world.run("--archive", str(tmp_path / "file"), *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no folder" in done.stderr


def test_a_forecast_says_that_there_is_no_archive_yet(make_world: MakeWorld, tmp_path: Path) -> None:
    """A dry run on a folder that is no archive says so in a line on stderr, and tells its forecast."""
    done = make_world(clips=3).run("--archive", str(tmp_path / "new"), "sync", "--dry-run", "--json")
    assert json.loads(done.stdout)["clips"] == 3
    assert done.stderr.splitlines() == [
        f"{tmp_path / 'new'} is no archive yet; `blink-archive sync --init` makes it one."
    ]
