"""What a timer is written as: each format, read back by a reader of its own."""

from __future__ import annotations

import os
import plistlib
import subprocess
from datetime import datetime, time
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as with_settings

from blink_archive.errors import UsageError
from blink_archive.nightly.timers import Owner, Text, scheduler, scheduler_here, timer_name
from blink_archive.nightly.timers.job import SPREAD, next_at
from blink_archive.nightly.timers.texts import (
    cron_line,
    cron_time,
    launchd_plist,
    plist_time,
    task_time,
    task_xml,
)
from blink_archive.nightly.timers.units import time_of, units

from .jobs import ODD, SYSTEM, USER, job, names, settings, split_as_systemd, split_as_windows, words

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@given(folder=names, word=words)
@example(folder=ODD, word=ODD)
@example(folder="a", word=";")
@example(folder="a", word="")
def test_a_unit_says_each_word(folder: str, word: str) -> None:
    """systemd's own splitting gives back the command, and each path."""
    path = Path("/srv") / folder
    made = job(
        SYSTEM, command=(f"/usr/{folder}/run", str(path), word), archive=path, writable=(path, Path("/x"))
    )
    unit = settings(units(made)["blink-archive.service"])
    (line,) = unit["ExecStart"]
    assert line.startswith(":"), "a $ would be taken for a variable"
    said = split_as_systemd(line[1:])
    if said[0] == "/bin/sh":
        assert said[:4] == ["/bin/sh", "-c", 'exec "$@"', "sh"]
        said = said[4:]
    else:
        assert not set(said[0]) & set("\"'\\"), "systemd runs no program of such a name"
    assert tuple(said) == made.command
    assert [split_as_systemd(value) for value in unit["RequiresMountsFor"]] == [[str(path)]]
    assert [split_as_systemd(value) for value in unit["ReadWritePaths"]] == [[f"-{path}"], ["-/x"]]


@given(folder=names, word=words)
@example(folder=ODD, word=ODD)
def test_a_property_list_says_each_word(folder: str, word: str) -> None:
    """plistlib reads back the command as it was."""
    made = job(command=("/usr/bin/blink-archive", f"/srv/{folder}", word))
    read = plistlib.loads(launchd_plist(made, log=f"/home/{folder}.log").encode())
    assert tuple(read["ProgramArguments"]) == made.command
    assert read["StandardErrorPath"] == f"/home/{folder}.log"


@given(folder=names, word=words)
@example(folder=ODD.replace("%", "").replace("$(", ""), word="a\\")
@example(folder="100%", word="")
@example(folder="$(Arg0)", word="")
def test_a_task_says_each_word(folder: str, word: str) -> None:
    """An XML reader and Windows' splitting give back the command; what Windows would replace is refused."""
    made = job(command=("C:\\Program Files\\run.exe", f"D:\\{folder}", word))
    if any("%" in each or "$(" in each for each in made.command):
        with pytest.raises(UsageError, match="would replace"):
            task_xml(made)
        return
    task = ET.fromstring(task_xml(made).encode("utf-16"))
    assert task.findtext(f".//{TASK}Command") == made.command[0]
    assert split_as_windows(task.findtext(f".//{TASK}Arguments") or "") == list(made.command[1:])


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs: one that tells what it was called with, and a `sleep` that does not."""
    folder = tmp_path_factory.mktemp("box")
    tell = "#!/bin/sh\nprintf 'umask %s\\000' \"$(umask)\"\nprintf '%s\\000' \"$@\"\n"
    for name, text in (
        ("tell", tell + 'case "$1" in fail*) exit 5;; esac\n'),
        ("sleep", '#!/bin/sh\nprintf "sleep %s\\000" "$1"\n'),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def run_as_cron(line: str, box: Path) -> tuple[int, list[str]]:
    """What a line does: cron gives what follows the five fields to a shell, up to a %; BusyBox's, also up to a #."""
    assert line.endswith("\n")
    command = line.rstrip("\n").split(" ", 5)[5].split("#")[0]
    assert "%" not in command, "crons do not agree on how to escape it"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": f"{box}:{os.environ['PATH']}", "HOME": "/nowhere"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.decode().split("\0")[:-1]


@with_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(folder=names, word=words)
@example(folder=ODD, word=ODD)
@example(folder="%", word="%%")
def test_a_crontab_says_each_word(box: Path, folder: str, word: str) -> None:
    """A real shell hands the program the words of the command, after the wait and with the umask."""
    assume(len(folder.encode()) + len(word.encode()) < 300)
    made = job(command=(str(box / "tell"), f"/srv/{folder}", word), umask=0o027)
    code, said = run_as_cron(cron_line(made, user_field=False), box)
    assert (code, said) == (0, [f"sleep {made.delay}", "umask 0027", f"/srv/{folder}", word])


@pytest.mark.parametrize(
    ("first", "then", "code"), [("ok", "ok", 0), ("fail", "ok", 5), ("ok", "fail", 5), ("fail", "fail", 5)]
)
def test_verify_runs_whatever_the_sync_did(box: Path, first: str, then: str, code: int) -> None:
    """In a shell both steps run, and one that fails is told."""
    made = job(command=(str(box / "tell"), first), then=(str(box / "tell"), f"{then} too"))
    ended, said = run_as_cron(cron_line(made, user_field=False), box)
    assert (ended, said[2], said[4]) == (code, first, f"{then} too")


def test_verify_under_systemd_and_windows() -> None:
    """A service of its own, started after the sync however that ended; two actions, one after the other."""
    made = job(then=("/usr/bin/blink-archive", "verify"))
    both = units(made)
    sync = settings(both["blink-archive.service"])
    assert sync["OnSuccess"] == sync["OnFailure"] == ["blink-archive-verify.service"]
    assert split_as_systemd(settings(both["blink-archive-verify.service"])["ExecStart"][0][1:]) == list(
        made.then or ()
    )
    assert "OnSuccess" not in settings(units(job())["blink-archive.service"])
    task = ET.fromstring(task_xml(made).encode("utf-16"))
    assert [each.findtext(f"{TASK}Arguments") for each in task.iter(f"{TASK}Exec")] == [
        "--archive /home/alice/blink-archive sync",
        "verify",
    ]


@pytest.mark.parametrize("text", ["two\nlines", "a\rb", "\x1b[2J", "half \udcff", "\u2028", "\uffff"])
def test_what_no_format_holds_is_refused(text: str) -> None:
    """A line break or a control character ends the making of a job, not a night."""
    with pytest.raises(UsageError, match="Rename the folder"):
        job(command=("/bin/run", text))
    with pytest.raises(UsageError, match="Rename the folder"):
        job(archive=Path("/srv") / text)


def test_a_command_that_cron_would_cut_off_is_refused() -> None:
    """Rather than a timer that runs half a command."""
    with pytest.raises(UsageError, match="too long for cron"):
        cron_line(job(command=("/bin/run", "x" * 990)), user_field=False)


@pytest.mark.parametrize("at", [time(0, 0), time(3, 15), time(23, 59)])
def test_each_format_tells_its_time(at: time) -> None:
    """What a timer says of itself later is the time that it was given; launchd's has the wait in it."""
    made = job(at=at)
    assert time_of(units(made)["blink-archive.timer"]) == at
    assert cron_time(cron_line(made, user_field=False).encode()) == at
    assert task_time(task_xml(made)) == at
    begin = plist_time(launchd_plist(made, log="x").encode())
    later = (begin.hour * 60 + begin.minute - at.hour * 60 - at.minute) % (24 * 60)
    assert later == made.delay // 60
    assert made.delay < SPREAD


def test_not_everybody_begins_at_the_same_time() -> None:
    """Archives have waits of their own, each always the same."""
    waits = [job(archive=Path(f"/srv/{number}")).delay for number in range(50)]
    assert len(set(waits)) > 40
    assert waits == [job(archive=Path(f"/srv/{number}")).delay for number in range(50)]


def test_the_sandbox_lets_the_program_reach_what_it_needs() -> None:
    """Homes are hidden only from a system's service that has nothing there, and /tmp is its own only if the
    archive is not in it; a user's service without namespaces asks for nothing that takes them."""
    apart = {"command": ("/opt/run",), "archive": Path("/srv/cams"), "writable": (Path("/srv/cams"),)}

    def has(name: str, *arguments: object, **other: object) -> list[str] | None:
        made = job(*arguments, **(apart | other))  # type: ignore[arg-type]
        return settings(units(made)["blink-archive.service"]).get(name)

    assert has("ProtectHome", SYSTEM) == ["true"]
    assert has("ProtectHome", SYSTEM, needed=(Path("/root/.venv"),)) == ["read-only"]
    assert has("ProtectHome", SYSTEM, writable=(Path("/home/x/state"),)) == ["read-only"]
    assert has("ProtectHome", USER) == ["read-only"]
    assert has("PrivateTmp", SYSTEM) == ["true"]
    assert has("PrivateTmp", SYSTEM, archive=Path("/tmp/cams")) == ["false"]
    assert has("User", SYSTEM) == ["daemon"]
    assert has("User", USER) is None
    assert has("PrivateUsers", USER) == ["true"]
    assert has("PrivateUsers", SYSTEM) is None
    for name in ("PrivateUsers", "ProtectSystem", "CapabilityBoundingSet", "PrivateDevices", "ProtectClock"):
        assert has(name, USER, namespaces=False) is None
    assert has("SystemCallFilter", USER, namespaces=False) == ["@system-service"]
    assert has("After", USER) is None
    assert has("After", SYSTEM) == ["network-online.target"]


def test_names(tmp_path: Path) -> None:
    """The archive at its default place has the plain name; all others have their own, that systemd takes."""
    here = Owner("user", "alice", tmp_path)
    default = (tmp_path / "blink-archive").resolve()
    assert timer_name(default, here) == "blink-archive"
    assert timer_name(default, Owner("system", "alice", tmp_path)) == "blink-archive-alice"
    others = [
        Path("/mnt/a/Cams & co"),
        Path("/mnt/b/Cams & co"),
        Path("/mnt/末"),
        Path("/"),
        Path("/mnt/" + "x" * 255),
    ]
    named = [timer_name(path, here) for path in others]
    assert named[0].startswith("blink-archive-cams-co-")
    assert len(set(named)) == len(others)
    assert all(name.replace("-", "").isalnum() and name.isascii() and len(name) < 70 for name in named)


def test_the_next_time_is_in_the_future() -> None:
    """Today's if it is to come, else tomorrow's; by the clock on the wall, with the offset of that day."""
    now = datetime(2026, 11, 26, 3, 15, tzinfo=ZoneInfo("UTC")).astimezone()
    assert next_at(now.time(), now=now).date() > now.date()
    assert next_at(time(23, 59), now=now.replace(hour=12)).date() == now.date()
    assert next_at(time(23, 59), now=now).tzinfo is not None


def test_which_scheduler(tmp_path: Path) -> None:
    """Linux without systemd, as in most containers, is cron's."""
    assert scheduler_here(run=tmp_path) in ("cron", "launchd", "windows")


@pytest.mark.parametrize("kind", ["systemd", "launchd", "cron", "windows"])
def test_every_scheduler_can_be_shown_everywhere(kind: str) -> None:
    """The texts ask nothing of the system."""
    for owner in (USER, SYSTEM):
        texts = scheduler(kind, owner).texts(job(owner))  # type: ignore[arg-type]
        assert all(isinstance(each, Text) and each.place and each.text for each in texts)
