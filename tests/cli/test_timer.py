"""`timer` and `status --healthy`, as a process: what is said, and what is refused."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from blink_archive.archive.catalog import utc_text
from blink_archive.cli.output import now

from ..conftest import MakeWorld
from ..nightly.programs import NEEDED, Programs
from ..world import World

stands_in = pytest.mark.skipif(not NEEDED, reason="the programs are shell scripts")


@pytest.fixture
def quiet(make_world: MakeWorld) -> World:
    """A world of few clips."""
    return make_world(clips=1, hostile=False)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def run(
    world: World, programs: Programs, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return world.run("timer", *arguments, PATH=programs.path, **environment)


@stands_in
def test_install_status_remove(quiet: World, programs: Programs) -> None:
    """In words and as data; the last sync is the catalog's own."""
    done = run(quiet, programs, "status", "--as", "cron")
    assert (done.returncode, "none for" in done.stdout, "none yet" in done.stdout) == (0, True, True)
    done = run(quiet, programs, "install", "--as", "cron", "--at", "4:05")
    assert done.returncode == 0, done.stderr
    assert "Written    the crontab of" in done.stdout
    assert " 04:05\n" in done.stdout
    assert "BLINK_ARCHIVE_PING" not in done.stderr
    secret = "https://hc-ping.example/secret"
    done = run(quiet, programs, "install", "--as", "cron", "--at", "4:05", BLINK_ARCHIVE_PING=secret)
    assert "Warning: what " in done.stderr  # nobody would be told how a night ended
    assert "BLINK_ARCHIVE_PING" in done.stderr
    assert "BLINK_ARCHIVE_DIR" not in done.stderr
    assert secret not in done.stderr
    assert quiet.run("sync").returncode == 0
    told = json.loads(run(quiet, programs, "status", "--as", "cron", "--json").stdout)
    assert (told["installed"], told["scheduler"], told["scope"]) == (True, "cron", "user")
    assert told["last_sync"]["exit_code"] == 0
    assert told["next_run"][11:16] == "04:05"
    done = run(quiet, programs, "status", "--as", "cron")
    assert "Last sync  less than a minute ago, exit code 0" in done.stdout
    done = run(quiet, programs, "remove", "--as", "cron", "--json")
    assert json.loads(done.stdout) == {"removed": told["written"]}
    done = run(quiet, programs, "remove", "--as", "cron")
    assert (done.returncode, "no timer" in done.stderr) == (0, True)


@stands_in
def test_what_is_installed_runs(quiet: World, programs: Programs) -> None:
    """The line of the crontab, given to a shell in an empty environment, is a sync of this archive."""
    assert run(quiet, programs, "install", "--as", "cron").returncode == 0
    line = (programs.state / "crontab").read_text()
    (programs.bin / "sleep").write_text("#!/bin/sh\n")
    (programs.bin / "sleep").chmod(0o755)
    command = line.split(" ", 5)[5]
    assert f"--archive {quiet.root} --config {os.devnull} --state-dir {quiet.state} " in command
    done = subprocess.run(
        ["/bin/sh", "-c", command.rstrip("\n")],
        env={"PATH": programs.path, "HOME": "/nowhere", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(quiet.files()) == 2


def test_show_prints_what_is_in_force(quiet: World, tmp_path: Path) -> None:
    """Options and variables that say where and what, by absolute paths; not the account, and nothing is done."""
    before = set(tmp_path.rglob("*"))
    done = quiet.run(
        "--catalog", "here.db", "--log-file", str(tmp_path / "archive/logs.txt"), "--account", "1100001",
        "timer", "show", "--as", "systemd", "--json", "--verify", "10m", "--writable", "/var/prometheus", "--at", "23:59",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    service, verify, timer = (each["text"] for each in json.loads(done.stdout))
    for option, value in (
        ("--archive", str(quiet.root)),
        ("--catalog", str(Path.cwd() / "here.db")),
        ("--state-dir", str(quiet.state)),
        ("--api-url", quiet.blink.url),
        ("--oauth-url", quiet.blink.url),
        ("--log-file", str(tmp_path / "archive/logs.txt")),
    ):
        assert f'"{option}" "{value}"' in service
    assert '"--no-input" "--no-progress"' in service
    assert "--account" not in service
    for path in (quiet.root, quiet.state, Path.cwd(), "/var/prometheus"):
        assert f'ReadWritePaths="-{path}"' in service
    assert '"verify" "--max-duration" "600s"' in verify
    assert "OnCalendar=*-*-* 23:59:00" in timer
    assert set(tmp_path.rglob("*")) - {tmp_path / "archive/logs.txt"} == before


@pytest.mark.parametrize("kind", ["systemd", "launchd", "cron", "windows"])
def test_show_works_everywhere(quiet: World, kind: str) -> None:
    """Also where the archive is not there yet."""
    done = quiet.run("timer", "show", "--as", kind, "--archive", "/not/there/yet")
    assert (done.returncode, "/not/there/yet" in done.stdout) == (0, True)


@stands_in
def test_no_timer_for_what_is_no_archive(quiet: World, programs: Programs, tmp_path: Path) -> None:
    """It would fail every night: no sync makes an archive by itself. Nor for one of another account."""
    done = run(quiet, programs, "install", "--as", "cron", "--archive", str(tmp_path))
    assert (done.returncode, "is not an archive" in done.stderr) == (1, True)
    done = run(quiet, programs, "install", "--as", "cron", "--account", "somebody@example.com")
    assert done.returncode == 4
    assert not (programs.state / "crontab").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("install", "--at", "half past three"), "no time of day"),
        (("install", "--at", "24:00"), "no time of day"),
        (("install", "--run-as", "root"), "--system"),
        (("install", "--system", "--run-as", "nobody-of-that-name"), "no user"),
        (("install", "--verify", "soon"), "soon"),
        (("show", "--as", "launchctl"), "launchctl"),
    ],
)
def test_wrong_usage(quiet: World, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, before anything is done."""
    done = quiet.run("timer", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="users there are not numbers")
def test_the_machines_timer_takes_root(quiet: World) -> None:
    """And says so, for a user without rights: in a namespace where nobody is root, none has any."""
    program = [sys.executable, "-m", "blink_archive", "timer", "install", "--system", "--as", "cron"]
    if os.geteuid() == 0:
        program = ["unshare", "--user", *program]
        if subprocess.run([*program[:2], "true"], capture_output=True, check=False).returncode:
            pytest.skip("this is root, and cannot be less here")
    done = subprocess.run(program, env=quiet.environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, "sudo" in done.stderr) == (2, True), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="users there are not numbers")
def test_under_sudo_the_defaults_are_the_users(quiet: World, tmp_path: Path) -> None:
    """Of a machine's timer, the user is who called sudo, or --run-as, and so are archive and state."""
    clean = {"BLINK_ARCHIVE_DIR": "", "BLINK_ARCHIVE_STATE_DIR": ""}
    environment = quiet.environment(SUDO_USER="daemon", XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path))
    for name in clean:
        del environment[name]
    for more in ((), ("--run-as", "daemon")):
        done = subprocess.run(
            [sys.executable, "-m", "blink_archive", "timer", "show", "--system", "--as", "systemd", *more],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "\nUser=daemon\n" in done.stdout
        assert str(tmp_path) not in done.stdout
        assert "/.local/state/blink-archive" in done.stdout
        assert "blink-archive-daemon.timer" in done.stdout


def test_healthy(quiet: World) -> None:
    """Silent and 0 while a sync ended well within the span; else 1, with the reason."""
    done = quiet.run("status", "--healthy", "6h")
    assert (done.returncode, "No sync has ended well" in done.stderr) == (1, True)
    assert quiet.run("sync").returncode == 0
    done = quiet.run("status", "--healthy", "6h")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def last_ended(hours: int, code: int) -> None:
        with closing(sqlite3.connect(quiet.archive.catalog_path)) as db, db:
            db.execute(
                "INSERT INTO runs (command, started_at, ended_at, exit_code) VALUES ('sync', :at, :at, :code)",
                {"at": utc_text(now() - timedelta(hours=hours)), "code": code},
            )

    last_ended(1, 5)
    assert quiet.run("status", "--healthy", "6h").returncode == 0, "one failure within the span is no illness"
    with closing(sqlite3.connect(quiet.archive.catalog_path)) as db, db:
        db.execute("DELETE FROM runs")
    last_ended(7, 0)
    last_ended(0, 3)
    with closing(sqlite3.connect(quiet.archive.catalog_path)) as db, db:  # well, but what followed it was not
        db.execute(
            "INSERT INTO runs (command, started_at, ended_at, exit_code, summary) "
            "SELECT command, started_at, ended_at, 0, '{\"ended_with\": 7}' FROM runs WHERE exit_code = 3"
        )
    done = quiet.run("status", "--healthy", "6h")
    assert (done.returncode, "7 hours ago" in done.stderr) == (1, True)
    assert quiet.run("status", "--healthy", "8h").returncode == 0
    assert "exit code 7" in quiet.run("status").stdout
    assert "exit code 7" in quiet.run("timer", "status").stdout
