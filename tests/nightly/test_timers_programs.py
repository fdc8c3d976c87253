"""cron, launchd and the Task Scheduler, by programs that stand in for theirs: install, state, remove."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blink_archive.errors import SchedulerError
from blink_archive.nightly.timers import Job, Owner, Scheduler, gives_namespaces, scheduler, status
from blink_archive.nightly.timers.cron import Cron
from blink_archive.nightly.timers.job import MARK
from blink_archive.nightly.timers.launchd import Launchd
from blink_archive.nightly.timers.systemd import Systemd

from .jobs import SYSTEM, job
from .programs import NEEDED, Programs

pytestmark = pytest.mark.skipif(not NEEDED, reason="the programs are shell scripts")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """The system's programs."""
    made = Programs(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return made


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    """A user with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return Owner("user", "alice", home)


def each_day(scheduler: Scheduler, made: Job, *, later: Job) -> None:
    """Nothing, then a timer, then one at another time in its place, then nothing."""
    assert scheduler.state(made.name).places == ()
    assert scheduler.remove(made.name) == ()
    places = scheduler.install(made)
    assert scheduler.install(made) == places
    before = scheduler.state(made.name)
    assert before.places == places
    assert scheduler.install(later) == places
    after = scheduler.state(made.name)
    assert before.next_run
    assert after.next_run
    assert after.next_run > datetime.now(UTC)
    assert (after.next_run - before.next_run).total_seconds() % 86400 == 3600
    assert scheduler.remove(made.name) == places
    assert scheduler.state(made.name).places == ()


@pytest.mark.parametrize("kind", ["cron", "launchd", "windows"])
def test_a_timer_comes_changes_and_goes(kind: str, programs: Programs, owner: Owner) -> None:
    """By each program, that then knows nothing of it any more."""
    made, later = job(owner, at=time(3, 15)), job(owner, at=time(4, 15))
    each_day(scheduler(kind, owner), made, later=later)  # type: ignore[arg-type]
    assert {path.name for path in programs.state.rglob("*") if path.is_file()} == {"calls"}
    assert not [path for path in owner.home.rglob("*") if path.is_file()]


def test_a_system_has_files(programs: Programs, tmp_path: Path) -> None:
    """Of the machine's timers, cron's is a file in /etc/cron.d with the user in it, launchd's a daemon."""
    cron = Cron(SYSTEM, system_folder=tmp_path / "cron.d")
    each_day(cron, job(SYSTEM, at=time(3, 15)), later=job(SYSTEM, at=time(4, 15)))
    cron.install(job(SYSTEM))
    comment, line = (tmp_path / "cron.d/blink-archive").read_text().splitlines()
    assert (comment, line.split(" ")[:6]) == (f"# {MARK}", ["15", "3", "*", "*", "*", "daemon"])
    each_day(Launchd(SYSTEM, root=tmp_path), job(SYSTEM, at=time(3, 15)), later=job(SYSTEM, at=time(4, 15)))
    assert (
        f"launchctl bootstrap system {tmp_path}/Library/LaunchDaemons/blink-archive.plist" in programs.calls()
    )


FOREIGN = [
    b"", b"MAILTO=alice\n", b"# a comment\n\n0 * * * * /bin/true # blink-archive timer: other\n",
    b"5 4 * * * echo \xff\xfe 100\\% # no blink-archive timer: blink-archive-x\r\n", b"\n\n  \n@daily x",
    b"# 5 5 * * * switched off # blink-archive timer: blink-archive\n", b"\x0b\x0c 1\n",
]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.sampled_from(FOREIGN) | st.lists(st.binary(max_size=30)).map(b"\n".join))
def test_other_lines_of_a_crontab_stay_byte_for_byte(programs: Programs, owner: Owner, before: bytes) -> None:
    """Whatever they hold; a last line that had no line break has one afterwards, as crontab demands."""
    file = programs.state / "crontab"
    file.write_bytes(before)
    cron = Cron(owner)
    cron.install(job(owner))
    ended = before if not before or before.endswith(b"\n") else before + b"\n"
    assert file.read_bytes().startswith(ended)
    assert file.read_bytes().removeprefix(ended).count(b"\n") == 1
    file.write_bytes(file.read_bytes() + b"# after\n")
    cron.install(job(owner, at=time(5, 0)))
    assert file.read_bytes().startswith(ended + b"0 5 * * * ")
    cron.remove("blink-archive")
    assert file.read_bytes() == ended + b"# after\n"


def test_two_archives_side_by_side(programs: Programs, owner: Owner) -> None:
    """Each timer is asked for and taken away by its own name."""
    cron = Cron(owner)
    cron.install(job(owner))
    cron.install(job(owner, name="blink-archive-x", at=time(4, 0)))
    cron.install(job(owner, at=time(5, 0)))
    lines = (programs.state / "crontab").read_text().splitlines()
    assert [line.split(" ")[1] for line in lines] == ["5", "4"]
    cron.remove("blink-archive")
    assert cron.state("blink-archive-x").places
    assert not cron.state("blink-archive").places


def test_what_launchd_and_windows_say_of_the_last_run(programs: Programs, owner: Owner) -> None:
    """Its exit code, where there was a run; a property list that is not loaded is told."""
    for kind, never in (("launchd", "exit code (never exited)"), ("windows", None)):
        made = scheduler(kind, owner)  # type: ignore[arg-type]
        made.install(job(owner))
        assert made.state("blink-archive").result == never
        (programs.state / "last").write_text("5")
        assert made.state("blink-archive").result == "exit code 5"
        (programs.state / "last").unlink()
    for loaded in programs.state.glob("gui/*/blink-archive"):
        loaded.unlink()
    assert "not loaded" in (Launchd(owner).state("blink-archive").result or "")


def test_somebody_elses_file_is_left_alone(programs: Programs, owner: Owner) -> None:
    """A file of the same name that no timer wrote is neither overwritten nor removed, nor taken for one."""
    path = owner.home / "Library/LaunchAgents/blink-archive.plist"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(SchedulerError, match="was not written by"):
        Launchd(owner).install(job(owner))
    assert Launchd(owner).remove("blink-archive") == ()
    assert not Launchd(owner).state("blink-archive").places
    assert path.read_text() == "mine"


def test_no_manager_no_units(programs: Programs, owner: Owner) -> None:
    """Where the user's manager cannot be reached nothing is written, and it is said why."""
    with pytest.raises(SchedulerError, match=r"connect to bus.*--system"):
        Systemd(owner).install(job(owner))
    assert not list(owner.home.iterdir())
    assert status("systemd", Path("/srv/x"), owner).installed is False


def test_unknown_is_neither_yes_nor_no(programs: Programs, owner: Owner) -> None:
    """A scheduler that cannot be asked is told as such, unless another one has the timer."""
    (programs.bin / "crontab").write_text("#!/bin/sh\necho 'you (alice) are not allowed' >&2\nexit 1\n")
    found = status("cron", Path("/srv/x"), owner)
    assert found.installed is None
    assert "not allowed" in (found.problem or "")


def test_a_missing_program_is_named(tmp_path: Path, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do instead."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match=r"no `crontab`.*timer show"):
        Cron(owner).install(job(owner))


def test_whether_users_get_namespaces(tmp_path: Path) -> None:
    """As the kernel's two switches say; where there is none, they do."""
    assert gives_namespaces(proc=tmp_path)
    for name, value in (("user/max_user_namespaces", "96364"), ("kernel/unprivileged_userns_clone", "0")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{value}\n")
        assert gives_namespaces(proc=tmp_path) == (value != "0")
