"""``notifications`` and ``account``, each command as a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blink_archive.simulator import Fault

from ..world import World
from .conftest import Terminal


def asked(world: World, endpoint: str) -> int:
    """How often that call was made."""
    return sum(request.endpoint == endpoint for request in world.blink.requests)


def events(world: World, kind: str) -> list[dict[str, Any]]:
    """The details of the events of that kind."""
    return [json.loads(row["detail"]) for row in world.rows("SELECT detail FROM events WHERE kind = ?", kind)]


def flags(world: World) -> dict[str, bool]:
    """The notifications, as Blink has them."""
    return world.blink.cloud.house.notifications


def test_notifications_are_shown(world: World) -> None:
    """As words and as JSON; get is what is done without a word."""
    world.blink.cloud.house.notifications["motion"] = False
    words = world.run("notifications").stdout
    assert world.run("notifications", "get").stdout == words
    assert ["motion", "off"] in [line.split() for line in words.splitlines()]
    assert json.loads(world.run("notifications", "--json").stdout) == flags(world)


def test_notifications_are_set(world: World) -> None:
    """Just those that change are sent, in any of the words; it is one event."""
    done = world.run("notifications", "set", "low_battery=off", "motion=No", "wifi = yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["low_battery is off.", "motion is off.", "wifi is on already."]
    assert [name for name, on in flags(world).items() if not on] == ["low_battery", "motion"]
    assert events(world, "notifications_set") == [{"low_battery": False, "motion": False}]
    done = world.run("notifications", "set", "low_battery=TRUE", "--json")
    assert json.loads(done.stdout) == {"changed": {"low_battery": True}}
    assert flags(world)["low_battery"]


def test_nothing_to_change_sends_nothing(world: World) -> None:
    """And is no event."""
    assert world.run("notifications", "set", "motion=on").returncode == 0
    assert asked(world, "notifications_update") == 0
    assert events(world, "notifications_set") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "motoin=off", "wifi=off"], "motion"),
        (["set", "motion=maybe"], "maybe"),
        (["set", "motion"], "'motion' is no NAME=VALUE"),
        (["set", "=on"], "NAME=VALUE"),
        (["set"], "NAME=VALUE"),
        (["get", "motion=off"], "set motion=off"),
        (["motion=off"], "motion=off"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(world: World, arguments: list[str], told: str) -> None:
    """Exit 2, and nothing is sent, not even what was right beside it."""
    done = world.run("notifications", *arguments)
    assert (done.returncode, asked(world, "notifications_update")) == (2, 0)
    assert told in done.stderr


def test_a_name_that_is_not_known_can_be_forced(world: World) -> None:
    """Blink may know more than it lists."""
    assert world.run("notifications", "set", "new_kind=off", "--force").returncode == 0
    assert flags(world)["new_kind"] is False


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("options", "c2s_clip_list_limit"),
        ("user", "demo@example.com"),
        ("client-options", "network_order"),
        ("video-options", "auto_delete_day_options"),
        ("regions", "usu019"),
        ("version", "requires no update"),
        ("health", "OK"),
        ("usage", "Front Door"),
    ],
)
def test_what_can_be_asked_is_words_and_json(world: World, name: str, shown: str) -> None:
    """Each says the same both ways, and changes nothing."""
    words = world.run("account", name)
    assert (words.returncode, shown in words.stdout) == (0, True), words.stderr
    found = json.loads(world.run("account", name, "--json").stdout)
    assert isinstance(found, dict)
    assert found
    assert world.rows("SELECT * FROM events WHERE kind LIKE '%set'") == []


def test_regions_are_of_a_country(world: World) -> None:
    """The one that is asked for."""
    world.run("account", "regions", "--locale", "DE")
    assert [r.query for r in world.blink.requests if r.endpoint == "regions"] == ["locale=DE"]


def test_a_required_update_is_exit_5(world: World) -> None:
    """Also where Blink says so with its code for OK; the JSON is printed all the same."""
    body = {"message": "OK", "code": 103, "update_available": True, "update_required": True}
    world.blink.faults.add(Fault(kind="json", endpoint="version", body=body))
    done = world.run("account", "version", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (5, body)
    assert "newer app" in done.stderr
    world.blink.faults.clear()
    world.blink.faults.add(Fault(kind="json", endpoint="version", body=body | {"update_required": False}))
    done = world.run("account", "version")
    assert done.returncode == 0
    assert "There is a newer app" in done.stdout


def test_clips_can_be_kept_longer_without_a_question(world: World) -> None:
    """The homescreen has it afterwards, and it is an event; what is so already is not sent."""
    world.blink.cloud.auto_delete_days = 7
    done = world.run("account", "video-options", "--auto-delete-days", "30", "--json")
    assert json.loads(done.stdout)["auto_delete_days"] == world.blink.cloud.auto_delete_days == 30
    assert events(world, "account_set") == [{"auto_delete_days": 30, "before": 7}]
    assert world.run("account", "video-options", "--auto-delete-days", "30").returncode == 0
    assert asked(world, "video_options") == 1


def test_keeping_clips_for_less_asks(world: World, at_terminal: Callable[..., Terminal]) -> None:
    """And says what that does. No changes nothing."""
    for answer, days in (("n", 60), ("y", 3)):
        terminal = at_terminal(world, "account", "video-options", "--auto-delete-days", "3")
        terminal.expect("Go on?")
        assert "delete every clip that is older than 3 days, for good" in terminal.seen
        terminal.type(answer)
        assert terminal.end() == 0
        assert world.blink.cloud.auto_delete_days == days


def test_keeping_clips_for_less_needs_yes_without_a_terminal(world: World) -> None:
    """Exit 2, with the consequence; --yes does it."""
    done = world.run("account", "video-options", "--auto-delete-days", "3")
    assert (done.returncode, asked(world, "video_options")) == (2, 0)
    assert "for good" in done.stderr
    assert "--yes" in done.stderr
    assert world.run("account", "video-options", "--auto-delete-days", "3", "--yes").returncode == 0
    assert world.blink.cloud.auto_delete_days == 3


def test_days_that_are_not_offered_are_not_sent(world: World) -> None:
    """Exit 2, with those that are."""
    done = world.run("account", "video-options", "--auto-delete-days", "31", "--yes")
    assert (done.returncode, asked(world, "video_options")) == (2, 0)
    assert "3, 7, 14, 30, 60" in done.stderr


def test_days_that_blink_only_seems_to_take_are_an_error(world: World) -> None:
    """The name of the field is not certain: without the new days on the homescreen it was not done."""
    world.blink.faults.add(Fault(kind="json", endpoint="video_options", body={"message": "OK"}))
    done = world.run("account", "video-options", "--auto-delete-days", "30", "--yes")
    assert done.returncode == 1
    assert "still says that it deletes clips after 60 days" in done.stderr
    assert events(world, "account_set") == []


def test_a_message_of_success_is_none_of_a_lost_sign_in(world: World) -> None:
    """Its code is 200, which elsewhere means invalid credentials."""
    body = {"message": "Video options updated successfully", "code": 200}
    world.blink.faults.add(Fault(kind="json", endpoint="video_options", body=body))
    assert world.run("account", "video-options", "--auto-delete-days", "30", "--yes").returncode == 1


def test_the_client_can_be_changed(world: World) -> None:
    """JSON as JSON, the rest as text; the event has the names, and no values, which may be secrets."""
    done = world.run("account", "client-options", "set", "notification_key=abc=d", "home=true")
    assert (done.returncode, done.stdout) == (0, "Blink took notification_key, home.\n")
    assert world.blink.cloud.house.client == {"notification_key": "abc=d", "home": True}
    assert events(world, "account_set") == [{"client": ["home", "notification_key"]}]
    done = world.run("account", "client-options", "set", "name=x", "--json")
    assert json.loads(done.stdout)["client"]["name"] == "x"
    deep = "[" * 50_000
    assert world.run("account", "client-options", "set", f"name={deep}").returncode == 0
    assert world.blink.cloud.house.client["name"] == deep


def test_a_log_is_sent_without_secrets(world: World, tmp_path: Path) -> None:
    """The text of the file, but for what looks like one."""
    log = tmp_path / "log.txt"
    log.write_text("it broke\nAuthorization: Bearer abcdef\n")
    assert world.run("account", "upload-logs", str(log)).returncode == 0
    (body,) = world.blink.cloud.house.logs
    assert json.loads(body)["logs"].startswith("it broke\n")
    assert b"abcdef" not in body
    done = world.run("account", "upload-logs", str(tmp_path / "none"))
    assert (done.returncode, len(world.blink.cloud.house.logs)) == (2, 1)
    assert "cannot be read" in done.stderr


def test_answers_of_any_shape_are_shown(world: World) -> None:
    """Unknown fields, missing ones and other types."""
    world.blink.faults.add(Fault(kind="json", endpoint="regions", body={"regions": [1], "preferred": None}))
    world.blink.faults.add(
        Fault(kind="json", endpoint="camera_usage", body={"networks": [{"cameras": [1, {"id": 2}]}, "x"]})
    )
    world.blink.faults.add(
        Fault(kind="json", endpoint="account_options", body={"a": {"b": None}, "c\x1b": "\x1b[0m"})
    )
    for name in ("regions", "usage", "options"):
        done = world.run("account", name)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
