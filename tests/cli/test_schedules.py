"""``schedules``, each command as a process: what is shown in local time, what is sent in UTC, what is kept."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from blink_archive.simulator import Fault

from ..world import World
from .conftest import Terminal

WORKSHOP = 2100003  # in Asia/Kolkata, where clocks never change: UTC+05:30
NIGHTS: dict[str, Any] = {
    "format": "v1",
    "name": "Nights",
    "status": "enabled",
    "colour": "red",
    "schedule": [
        # Monday and Tuesday 02:00 in Kolkata
        {"id": 0, "devices": [4100001], "dow": ["sun", "mon"], "time": "2024-01-07 20:30:00 +0000", "action": "arm"},
        {"id": 1, "devices": [], "dow": ["mon"], "time": "2024-01-07 01:00:00 +0000", "action": "disarm"},
    ],
}  # fmt: skip


@pytest.fixture
def nights(world: World) -> World:
    """A world whose workshop has a schedule, beside the one of the house."""
    world.blink.cloud.house.create_program(WORKSHOP, copy.deepcopy(NIGHTS))
    return world


def stored(world: World) -> dict[str, Any]:
    """The workshop's only schedule, as Blink has it."""
    (program,) = world.blink.cloud.house.programs(WORKSHOP)
    return program


def changes(world: World) -> list[str]:
    """The changes that Blink was asked for."""
    return [request.endpoint for request in world.blink.requests if request.endpoint.startswith("program_")]


def events(world: World, kind: str) -> list[dict[str, Any]]:
    """The details of the events of that kind."""
    return [json.loads(row["detail"]) for row in world.rows("SELECT detail FROM events WHERE kind = ?", kind)]


def edited(
    world: World, tmp_path: Path, change: Callable[[str], str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """``schedules`` with an editor that makes ``change``: the text that it got is left in ``got``."""
    script = tmp_path / "editor.py"
    marker, result = tmp_path / "got", tmp_path / "result"
    probe = world.run("schedules", *arguments, **_with_editor(script, marker, None))
    assert probe.returncode == 0, probe.stderr
    result.write_text(change(marker.read_text("utf-8")), "utf-8")
    return world.run("schedules", *arguments, **_with_editor(script, marker, result))


def _with_editor(script: Path, got: Path, result: Path | None) -> dict[str, str]:
    script.write_text(
        "import shutil, sys\n"
        f"shutil.copyfile(sys.argv[1], {str(got)!r})\n"
        + (f"shutil.copyfile({str(result)!r}, sys.argv[1])\n" if result else ""),
        "utf-8",
    )
    return with_editor(f'"{sys.executable}" "{script}"', script.parent)


def with_editor(editor: str, temporary: Path) -> dict[str, str]:
    """The environment of a person with that editor, whose texts are kept in a folder of the test."""
    return {"VISUAL": editor, "BLINK_ARCHIVE_NO_INPUT": "", "TMPDIR": str(temporary)}


def kept(done: subprocess.CompletedProcess[str]) -> Path:
    """The file in which the message says that the text is kept."""
    found = re.search(r"Your text is kept in (\S+\.toml)", done.stderr)
    assert found, done.stderr
    return Path(found[1])


def test_local_times_and_days_are_listed(nights: World) -> None:
    """In each network's zone, over midnight too; the JSON has Blink's own beside them."""
    found = json.loads(nights.run("schedules", "--json").stdout)
    assert [(each["name"], each["network"], each["enabled"]) for each in found] == [
        ("Weekdays", "House", False),
        ("Nights", "Workshop", True),
    ]
    assert found[1]["lines"] == [
        {"days": ["mon", "tue"], "time": "02:00", "action": "arm"},
        {"days": ["mon"], "time": "06:30", "action": "disarm"},
    ]
    assert found[1]["time_zone"] == "Asia/Kolkata"
    assert found[1]["raw"]["colour"] == "red"
    here = datetime.now(UTC).astimezone(ZoneInfo("America/Toronto"))
    at = datetime.combine(here, datetime.min.time()).replace(hour=14, minute=45)
    offset = here.utcoffset()
    assert offset is not None
    assert found[0]["lines"][0]["time"] == f"{at + offset:%H:%M}"
    table = nights.run("schedules", "list").stdout
    assert re.search(r"Nights +Workshop +on +Mon, Tue +02:00 +arm +Asia/Kolkata", table)
    assert re.search(r"Weekdays +House +off +Mon-Fri", table)


def test_one_network_is_listed(nights: World) -> None:
    """By its name or id; one that there is not is wrong usage."""
    for wish in ("workshop", str(WORKSHOP)):
        found = json.loads(nights.run("schedules", "list", "--network", wish, "--json").stdout)
        assert [each["name"] for each in found] == ["Nights"]
    assert nights.run("schedules", "list", "--network", "nowhere").returncode == 2


def test_lines_that_are_not_understood_are_mentioned(nights: World) -> None:
    """And so are a schedule without lines, and no schedules at all."""
    house = nights.blink.cloud.house
    house.update_program(WORKSHOP, 123002, {"schedule": [{"dow": ["mon"], "action": "lights"}]})
    house.update_program(2100001, 123001, {"schedule": []})
    table = nights.run("schedules").stdout
    assert "1 more (--json)" in table
    assert re.search(r"Weekdays +House +off +never", table)
    house.delete_program(WORKSHOP, 123002)
    house.delete_program(2100001, 123001)
    done = nights.run("schedules")
    assert (done.returncode, done.stdout) == (0, "")
    assert "schedules create" in done.stderr
    assert json.loads(nights.run("schedules", "--json").stdout) == []


def test_a_network_that_knows_of_no_schedules_hides_no_other(nights: World) -> None:
    """Blink answers 404 for it."""
    nights.blink.faults.add(
        Fault(kind="json", endpoint="programs", match="2100001", status=404, body={"code": 404})
    )
    assert [each["name"] for each in json.loads(nights.run("schedules", "--json").stdout)] == ["Nights"]


def test_schedules_are_switched(nights: World) -> None:
    """By name or id, several at once; one that is so already is left alone; each change is an event."""
    done = nights.run("schedules", "disable", "NIGHTS", "123001", "123002")
    assert (done.returncode, stored(nights)["status"]) == (0, "disabled")
    assert done.stdout.splitlines() == [
        "Nights (123002, in Workshop) is off.",
        "Weekdays (123001, in House) was off already.",
    ]
    assert changes(nights) == ["program_disable"]
    done = nights.run("schedules", "enable", "123002", "--json")
    assert json.loads(done.stdout) == [{"id": 123002, "name": "Nights", "changed": True}]
    assert stored(nights)["status"] == "enabled"
    done = nights.run("schedules", "enable", "123002", "--json")
    assert json.loads(done.stdout)[0]["changed"] is False
    assert changes(nights) == ["program_disable", "program_enable"]
    for kind in ("schedule_disabled", "schedule_enabled"):
        (event,) = events(nights, kind)
        assert (event["schedule_id"], event["name"]) == (123002, "Nights")


def test_a_name_that_is_wrong_changes_nothing(nights: World) -> None:
    """Not even what was named rightly beside it; the nearest is named."""
    done = nights.run("schedules", "disable", "nights", "nigths")
    assert (done.returncode, changes(nights)) == (2, [])
    assert "Nights (123002, in Workshop)" in done.stderr
    assert "Weekdays" not in done.stderr
    done = nights.run("schedules", "disable", "nights", "--network", "Cottage")
    assert done.returncode == 2
    assert done.stderr.endswith("There is no schedule at all.\n")


def test_a_name_that_two_have_needs_an_id(nights: World) -> None:
    """Or the network; with several, exit 2 and both ids."""
    nights.blink.cloud.house.create_program(2100001, {"name": "nights"})
    done = nights.run("schedules", "disable", "Nights")
    assert (done.returncode, changes(nights)) == (2, [])
    assert "123002" in done.stderr
    assert "123003" in done.stderr
    assert nights.run("schedules", "disable", "Nights", "--network", "Workshop").returncode == 0
    assert stored(nights)["status"] == "disabled"


def test_deleting_asks(nights: World, at_terminal: Callable[..., Terminal]) -> None:
    """No keeps it, yes deletes it, and the event has all of it."""
    terminal = at_terminal(nights, "schedules", "delete", "nights")
    terminal.expect("Delete Nights (123002, in Workshop)?")
    terminal.type("n")
    assert terminal.end() == 0
    assert "is kept" in terminal.seen
    assert changes(nights) == []
    terminal = at_terminal(nights, "schedules", "delete", "nights")
    terminal.expect("Delete Nights")
    terminal.type("y")
    assert terminal.end() == 0
    assert nights.blink.cloud.house.programs(WORKSHOP) == []
    (event,) = events(nights, "schedule_deleted")
    assert event["raw"]["schedule"] == NIGHTS["schedule"]


def test_deleting_without_a_terminal_needs_yes(nights: World) -> None:
    """Exit 2, and nothing is deleted; --yes deletes."""
    done = nights.run("schedules", "delete", "nights")
    assert (done.returncode, changes(nights)) == (2, [])
    assert "--yes" in done.stderr
    assert nights.run("schedules", "delete", "nights", "--yes").returncode == 0
    assert nights.blink.cloud.house.programs(WORKSHOP) == []


def test_the_text_is_readable_and_unchanged_text_sends_nothing(nights: World, tmp_path: Path) -> None:
    """TOML in local times, with its explanation; saved as it was, or with the lines in another order, it
    changes nothing."""
    done = edited(nights, tmp_path, lambda text: text + "# a note\n", "edit", "nights")
    text = (tmp_path / "got").read_text("utf-8")
    assert text.startswith("# The schedule Nights (123002, in Workshop)\n")
    assert "Asia/Kolkata, now UTC+05:30" in text
    assert 'name = "Nights"\n\n[[line]]\ndays = ["mon", "tue"]\ntime = "02:00"\naction = "arm"\n' in text
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was sent" in done.stderr
    head, first, second = text.partition("\n[[line]]")[0], *text.split("[[line]]")[1:]
    swapped = f"{head}\n[[line]]{second}\n[[line]]{first}"
    assert edited(nights, tmp_path, lambda _: swapped, "edit", "nights").returncode == 0
    assert changes(nights) == []
    assert events(nights, "schedule_changed") == []
    assert not list(tmp_path.glob("blink-archive-schedule-*"))


def test_an_edit_is_shown_and_sent_in_utc(nights: World, tmp_path: Path) -> None:
    """The days move over midnight with the time; what is not known stays; what is left alone stays as it
    was, date and all; it is an event."""
    done = edited(
        nights,
        tmp_path,
        lambda text: text.replace('"02:00"', '"05:45"').replace('"Nights"', '"Early"'),
        "edit",
        "nights",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "- Nights",
        "+ Early",
        "- Mon, Tue 02:00 arm",
        "+ Mon, Tue 05:45 arm",
        "Nights (123002, in Workshop) is changed.",
    ]
    today = datetime.now(UTC).date()
    assert stored(nights) == NIGHTS | {
        "id": 123002,
        "network_id": WORKSHOP,
        "name": "Early",
        "schedule": [
            {"id": 0, "devices": [4100001], "dow": ["mon", "tue"], "time": f"{today} 00:15:00 +0000", "action": "arm"},
            NIGHTS["schedule"][1],
        ],
    }  # fmt: skip
    (event,) = events(nights, "schedule_changed")
    assert event["removed"] == [{"days": ["mon", "tue"], "time": "02:00", "action": "arm"}]
    assert event["added"] == [{"days": ["mon", "tue"], "time": "05:45", "action": "arm"}]
    assert not list(tmp_path.glob("blink-archive-schedule-*"))  # Blink has it


def test_an_edit_as_json(nights: World, tmp_path: Path) -> None:
    """One document, whether something changes or not."""
    text = tmp_path / "text.toml"
    text.write_text('name="Nights"\n[[line]]\ndays=["wed"]\ntime=23:59:30\naction="arm"\n')
    done = nights.run("schedules", "edit", "nights", "--file", str(text), "--json")
    told = json.loads(done.stdout)
    assert (told["id"], told["changed"], len(told["removed"])) == (123002, True, 2)
    assert told["added"] == [{"days": ["wed"], "time": "23:59:30", "action": "arm"}]
    assert stored(nights)["schedule"][0]["time"].endswith(" 18:29:30 +0000")
    done = nights.run("schedules", "edit", "nights", "--file", str(text), "--json")
    assert json.loads(done.stdout) == {
        "id": 123002,
        "changed": False,
        "name": "Nights",
        "removed": [],
        "added": [],
    }
    assert changes(nights) == ["program_update"]


def test_lines_that_are_not_understood_stay(nights: World, tmp_path: Path) -> None:
    """They are mentioned in the text, and sent again as they came."""
    odd = {"dow": ["mon", "holiday"], "time": "2026-01-01 10:00:00 +0000", "action": "arm"}
    lines = [odd, *NIGHTS["schedule"]]
    nights.blink.cloud.house.update_program(WORKSHOP, 123002, {"schedule": copy.deepcopy(lines)})
    nights.blink.faults.add(Fault(kind="status", endpoint="program_update", status=503))
    done = edited(nights, tmp_path, lambda text: text.replace('"02:00"', '"02:15"'), "edit", "nights")
    assert "1 more lines of it are not understood here" in (tmp_path / "got").read_text("utf-8")
    assert done.returncode == 5
    nights.blink.faults.clear()
    # what could not be sent is kept, and is sent from the file
    assert nights.run("schedules", "edit", "nights", "--file", str(kept(done))).returncode == 0
    assert odd in stored(nights)["schedule"]
    assert len(stored(nights)["schedule"]) == 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"02:00"', '"25:00"', 'line 9: time is "25:00"'),
        ('"tue"]', '"tuesday"]', 'line 8: days has "tuesday"'),
        ('"arm"', '"guard"', 'line 10: action is "guard"'),
        ("action =", "verb =", "line 10: verb means nothing here"),
        ('name = "Nights"', "", "name has to be a text"),
        ('name = "Nights"', "name = Nights", "line 5"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_text_is_kept(
    nights: World, tmp_path: Path, old: str, new: str, told: str
) -> None:
    """Exit 2, nothing is sent, and the file that is named has what was written."""
    done = edited(nights, tmp_path, lambda text: text.replace(old, new, 1), "edit", "nights")
    assert done.returncode == 2
    assert told in done.stderr
    assert kept(done).read_text("utf-8") == (tmp_path / "result").read_text("utf-8")
    assert changes(nights) == []


def test_a_person_edits_again(nights: World, tmp_path: Path, at_terminal: Callable[..., Terminal]) -> None:
    """At a terminal the editor opens once more, with the text as it was left; then it is sent."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "text = path.read_text()\n"
        "path.write_text(text.replace('\"99:00\"', '\"03:00\"') if '99:00' in text "
        "else text.replace('\"02:00\"', '\"99:00\"'))\n"
    )
    environment = with_editor(f'"{sys.executable}" "{script}"', tmp_path)
    terminal = at_terminal(nights, "schedules", "edit", "nights", **environment)
    terminal.expect("Edit it again?")
    assert 'line 9: time is "99:00"' in terminal.seen
    terminal.type("")
    terminal.expect("+ Mon, Tue 03:00 arm")
    assert terminal.end() == 0
    assert stored(nights)["schedule"][0]["time"].endswith(" 21:30:00 +0000")
    assert "kept" not in terminal.seen


def test_an_editor_that_fails_sends_nothing(nights: World, tmp_path: Path) -> None:
    """One that is not there, too."""
    for editor in (f'"{sys.executable}" -c "import sys; sys.exit(3)"', "no-such-editor"):
        done = nights.run("schedules", "edit", "nights", **with_editor(editor, tmp_path))
        assert done.returncode == 2
        assert "Editing failed" in done.stderr
        assert "$EDITOR" in done.stderr.splitlines()[-1]
        assert 'name = "Nights"' in kept(done).read_text("utf-8")
    assert changes(nights) == []


def test_without_a_terminal_a_file_is_needed(nights: World) -> None:
    """With --no-input no editor opens, and without one that is named neither."""
    for environment in ({"EDITOR": "false"}, {"BLINK_ARCHIVE_NO_INPUT": "", "EDITOR": "", "VISUAL": ""}):
        done = nights.run("schedules", "edit", "nights", **environment)
        assert done.returncode == 2
        assert "--file" in done.stderr


def test_a_schedule_that_was_changed_elsewhere_is_not_overwritten(nights: World, tmp_path: Path) -> None:
    """While the editor was open; the text is kept."""
    script = tmp_path / "editor.py"
    started, go = tmp_path / "started", tmp_path / "go"
    script.write_text(
        "import pathlib, sys, time\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.write_text(path.read_text().replace('02:00', '02:05'))\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    )
    environment = with_editor(f'"{sys.executable}" "{script}"', tmp_path)
    process = nights.start("schedules", "edit", "nights", **environment)
    while not started.exists():
        assert process.poll() is None
    nights.blink.cloud.house.update_program(WORKSHOP, 123002, {"name": "Mine"})
    go.touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "changed elsewhere" in err
    assert "Your text is kept" in err
    assert changes(nights) == []


def test_a_file_that_cannot_be_read_is_wrong_usage(nights: World, tmp_path: Path) -> None:
    """None, a folder, no UTF-8."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"name = '\xff'")
    for file in (tmp_path / "none", tmp_path, binary):
        done = nights.run("schedules", "edit", "nights", "--file", str(file))
        assert done.returncode == 2, done.stderr
        assert str(file) in done.stderr


def test_a_schedule_is_made(nights: World, tmp_path: Path) -> None:
    """From a file or stdin, in the zone of its network; it is told with its id, and is an event."""
    text = tmp_path / "text.toml"
    text.write_bytes(
        b'\xef\xbb\xbfname="B\xc3\xbcro"\r\n[[line]]\r\ndays=["mon"]\r\ntime="00:15"\r\naction="arm"\r\n'
    )
    done = nights.run("schedules", "create", "workshop", "--file", str(text))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Büro (123003, in Workshop) is made, and off")
    made = nights.blink.cloud.house.program(WORKSHOP, 123003)
    assert made["schedule"] == [
        {
            "devices": [],
            "dow": ["sun"],
            "time": f"{datetime.now(UTC).date()} 18:45:00 +0000",
            "action": "arm",
        }
    ]
    (event,) = events(nights, "schedule_created")
    assert (event["network_id"], event["name"]) == (WORKSHOP, "Büro")
    done = subprocess.run(
        [sys.executable, "-m", "blink_archive", "schedules", "create", "Cottage", "--file", "-", "--json"],
        env=nights.environment(), input=text.read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    (told,) = json.loads(done.stdout)
    assert (told["id"], told["network"], told["time_zone"]) == (123004, "Cottage", "Europe/Berlin")


def test_a_new_schedule_begins_with_an_empty_text(nights: World, tmp_path: Path) -> None:
    """Left as it is, it makes none; with a name but no line, it says what is missing."""
    done = edited(
        nights, tmp_path, lambda text: text.replace('name = ""', 'name = "x"'), "create", "Workshop"
    )
    text = (tmp_path / "got").read_text("utf-8")
    assert "# A new schedule of Workshop" in text
    assert '# time = "07:30"' in text
    assert done.returncode == 2
    assert "[[line]]" in done.stderr
    assert changes(nights) == []


def test_the_example_of_the_empty_text_works(nights: World, tmp_path: Path) -> None:
    """With a name, and without the # in front of its lines."""

    def filled(text: str) -> str:
        head, name, example = text.partition('name = ""\n')
        assert name
        return head + 'name = "New"\n' + re.sub(r"(?m)^# ", "", example)

    done = edited(nights, tmp_path, filled, "create", "Workshop")
    assert done.returncode == 0, done.stderr
    made = nights.blink.cloud.house.program(WORKSHOP, 123003)
    assert made["schedule"][0]["time"].endswith(" 02:00:00 +0000")


def test_a_text_is_kept_when_blink_refuses_it(nights: World, tmp_path: Path) -> None:
    """Its error is told, with its exit code, and the file can be given again."""
    nights.blink.faults.add(Fault(kind="json", endpoint="program_create", status=400, body={"code": 400}))
    text = 'name = "New"\n[[line]]\ndays = ["sun"]\ntime = "07:30"\naction = "arm"\n'
    done = edited(nights, tmp_path, lambda _: text, "create", "Workshop")
    assert done.returncode == 5
    nights.blink.faults.clear()
    assert nights.run("schedules", "create", "Workshop", "--file", str(kept(done))).returncode == 0


def test_names_are_harmless_to_a_terminal(nights: World) -> None:
    """Whatever they hold."""
    nights.blink.cloud.house.update_program(WORKSHOP, 123002, {"name": "\x1b[31mred\n\u202e"})
    for arguments in ((), ("disable", "123002"), ("disable", "123002")):
        done = nights.run("schedules", *arguments)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
        assert "\u202e" not in done.stdout + done.stderr
