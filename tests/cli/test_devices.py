"""``devices``: what Blink says of the house, as tables and as JSON, once and again and again."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from blink_archive import errors
from blink_archive.cli.degrees import is_fahrenheit
from blink_archive.cli.devices import _Span
from blink_archive.cli.devices_table import show
from blink_archive.cli.devices_watch import Watch
from blink_archive.cli.inventory import changes, facts, in_words
from blink_archive.protocol.system import parse_homescreen
from blink_archive.simulator import Fault
from blink_archive.sync.ports import Time
from tests.protocol.samples import SAMPLES

from ..conftest import MakeWorld
from ..world import World
from .conftest import Terminal
from .quick import Quick, asked, quick

Captured = pytest.CaptureFixture[str]
AT = datetime(2026, 10, 2, 3, 28, 38, tzinfo=UTC)  # three hours after the sample's times


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Harmless names, hardly any clips."""
    world = make_world(clips=1, hostile=False)
    world.blink.forget_requests()
    return world


def sample(**more: Any) -> Any:
    """The sample's homescreen as facts."""
    return facts(parse_homescreen(SAMPLES["homescreen"] | more))


def shown(capsys: Captured, found: Any, *, fahrenheit: bool = False) -> list[str]:
    show(found, fahrenheit=fahrenheit, at=AT)
    return capsys.readouterr().out.splitlines()


def test_the_house_is_a_table_per_network(capsys: Captured) -> None:
    """All that Blink says of each device, in words and within 100 columns; empty where it says nothing."""
    assert shown(capsys, sample()) == [
        "House: armed",
        "Sync module Hall module (sm2): online, wifi 5, fw 4.5.14, usb active, seen 3 hours ago",
        "camera      kind      status   motion  battery  temp   wifi  lfr  fw     usb  seen         snooze",
        "----------  --------  -------  ------  -------  -----  ----  ---  -----  ---  -----------  ------",
        "Garden      camera    done     on      ok       20 °C  5     5    10.73  on   3 hours ago",
        "Garage      camera    offline  off     low      5 °C   1     1    2.151  off  3 hours ago  42 min",
        "Front door  doorbell  online   on      ok              4     4    10.8   on   3 hours ago",
        "",
        "Cottage: disarmed",
        "camera   kind  status  motion  fw     usb  seen",
        "-------  ----  ------  ------  -----  ---  -----------",
        "Kitchen  mini  online  on      10.21  off  3 hours ago",
    ]


def test_temperatures_are_in_the_unit_asked_for(capsys: Captured) -> None:
    """As Blink measured them, in Fahrenheit."""
    lines = shown(capsys, sample(), fahrenheit=True)
    assert "68 °F" in lines[4]
    assert "41 °F" in lines[5]


def test_json_has_every_fact(capsys: Captured) -> None:
    """With ids, types and serials, times in UTC and both units; nothing of Blink's own entry besides."""
    found = sample()
    assert found["networks"][0] == {
        "id": 2100001,
        "name": "House",
        "time_zone": "America/Toronto",
        "armed": True,
    }
    assert found["sync_modules"] == [
        {
            "id": 3100001,
            "network_id": 2100001,
            "name": "Hall module",
            "type": "sm2",
            "serial": "G8V1000000000001",
            "status": "online",
            "wifi": 5,
            "firmware": "4.5.14",
            "local_storage": "active",
            "seen_at": "2026-10-02T00:28:38.000000Z",
        }
    ]
    assert found["cameras"][1] == {
        "id": 4100002,
        "network_id": 2100001,
        "name": "Garage",
        "family": "camera",
        "type": "white",
        "serial": "130000001",
        "status": "offline",
        "motion": False,
        "battery": "low",
        "temperature_f": 41,
        "temperature_c": 5.0,
        "wifi": 1,
        "lfr": 1,
        "firmware": "2.151",
        "local_storage": False,
        "seen_at": "2026-10-02T00:28:38.000000Z",
        "snoozed": True,
        "snooze_minutes": 42,
    }
    assert [camera["family"] for camera in found["cameras"]] == ["camera", "camera", "owl", "doorbell"]


def test_the_command_asks_once(world: World) -> None:
    """JSON and tables, in the unit of the locale or of the flag."""
    found = json.loads(quick(world, "devices", "--json").out)
    assert asked(world, "homescreen") == 1
    assert [network["name"] for network in found["networks"]] == ["House", "Cottage", "Workshop"]
    assert {camera["name"] for camera in found["cameras"]} == {
        "Garden", "Kitchen", "Front door", "Garage", "Attic",
    }  # fmt: skip
    assert "68 °F" in quick(world, "devices", "--fahrenheit").out
    assert "20 °C" in quick(world, "devices", "--celsius").out
    done = world.run("devices", LC_ALL="", LC_MEASUREMENT="en_US.UTF-8", LANG="de_DE.UTF-8")
    assert (done.returncode, "68 °F" in done.stdout) == (0, True)
    done = world.run("devices", BLINK_ARCHIVE_DEVICES_CELSIUS="0", LC_ALL="C.UTF-8")
    assert "68 °F" in done.stdout
    assert "20 °C" in world.run("devices", LC_ALL="C.UTF-8").stdout


def test_names_are_harmless_and_tell_apart(capsys: Captured) -> None:
    """An empty name, and one that is there twice in the account, have the id behind them; what could move a
    cursor is replaced."""
    names = {1: "", 2: "Door", 3: "Door", 4: "\x1b[2J\u202e", 5: "  "}
    answer = {
        "networks": [{"id": 7, "name": ""}, {"id": 8, "name": "\x07B"}],
        "cameras": [{"id": at, "name": name, "network_id": 7 + at % 2} for at, name in names.items()],
    }
    lines = shown(capsys, facts(parse_homescreen(answer)))
    assert lines[0] == "unnamed (7)"
    assert "\ufffdB" in lines
    told = {line.split("  ")[0] for line in lines}
    assert {"unnamed (1)", "Door (2)", "Door (3)", "\ufffd[2J\ufffd", "unnamed (5)"} <= told
    assert all(line.isprintable() for line in lines)


def test_what_blink_leaves_out_or_garbles_is_empty(capsys: Captured) -> None:
    """Also what belongs to no network that is listed, and an account with nothing."""
    answer = {
        "networks": [{"id": 1}, {"id": 2, "name": "Empty", "armed": "maybe"}],
        "sync_modules": [{"id": 3, "network_id": 1}, {"id": 4, "name": "Lost", "last_hb": "yesterday"}],
        "cameras": [
            {"id": 5, "network_id": 1, "name": "A", "signals": {"temp": "hot", "wifi": [], "lfr": True}},
            {"id": 6, "network_id": 99, "name": "B", "signals": 7, "updated_at": 3},
            {"id": 7, "network_id": 1, "name": "C", "signals": {"temp": "-4"}, "snooze": True},
        ],
    }
    found = facts(parse_homescreen(answer))
    lines = shown(capsys, found)
    assert lines[:2] == ["unnamed (1)", "Sync module unnamed (3): "]
    assert lines[2].split() == ["camera", "kind", "temp", "snooze"]
    assert lines[5].split() == ["C", "camera", "-20", "°C", "on"]
    assert "Empty" in lines
    assert "No devices." in lines
    at = lines.index("In no network that Blink lists")
    assert lines[at + 1].startswith("Sync module Lost")
    assert lines[-1].split() == ["B", "camera"]
    empty = facts(parse_homescreen({"networks": []}))
    assert shown(capsys, empty) == ["This account has no network and no device."]


def test_a_table_fits_where_names_allow(capsys: Captured) -> None:
    """100 columns, with every column there is and the longest words in them."""
    lately = (AT - timedelta(minutes=59)).isoformat()
    cameras = [
        {
            "id": 1, "name": "Doorstep", "network_id": 1, "type": "white", "enabled": True, "status": "offline",
            "battery": "low", "fw_version": "10.73", "signals": {"temp": -40, "wifi": 5, "lfr": 5},
            "local_storage_enabled": False, "updated_at": lately, "snooze": True, "snooze_time_remaining": 1440,
        }
    ]  # fmt: skip
    answer = {
        "networks": [{"id": 1, "name": "House"}],
        "cameras": cameras,
        "doorbells": [{"id": 2, "network_id": 1}],
    }
    lines = shown(capsys, facts(parse_homescreen(answer)))
    assert "59 min ago" in lines[3]
    assert "24 h" in lines[3]
    assert 95 < max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "en_US"}, True),
        ({"LANG": "es_PR.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "de_DE@euro"}, False),
        ({"LANG": "C"}, False),
        ({}, False),
        ({"LANG": "en_US.UTF-8", "LC_MEASUREMENT": "de_DE.UTF-8"}, False),
        ({"LANG": "de_DE.UTF-8", "LC_MEASUREMENT": "en_US.UTF-8"}, True),
        ({"LC_ALL": "de_DE.UTF-8", "LC_MEASUREMENT": "en_US.UTF-8"}, False),
        ({"LC_ALL": "", "LC_MEASUREMENT": "", "LANG": "en_US.UTF-8"}, True),
    ],
    ids=str,
)
def test_the_locale_says_the_unit(environment: dict[str, str], *, expected: bool) -> None:
    """LC_ALL before LC_MEASUREMENT before LANG, as everywhere."""
    assert is_fahrenheit(environment) is expected


@pytest.mark.parametrize(
    ("degrees", "celsius", "fahrenheit"),
    [(68, "20 °C", "68 °F"), (0, "-18 °C", "0 °F"), (-4, "-20 °C", "-4 °F"), (32.4, "0 °C", "32 °F")],
)
def test_degrees_are_rounded(degrees: float, celsius: str, fahrenheit: str) -> None:
    """To whole ones, in either unit."""
    assert in_words("temperature_f", degrees, fahrenheit=False) == celsius
    assert in_words("temperature_f", degrees, fahrenheit=True) == fahrenheit


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("60", 60), ("90S", 90), (" 5m ", 300), ("1h", 3600)]
)
def test_a_span_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    """Seconds where it has none."""
    assert _Span().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["59s", "0", "0h", "-60", "1d", "a minute", "", "60.5", "1e9"])
def test_a_span_below_a_minute_is_refused(text: str) -> None:
    """As is what is none."""
    with pytest.raises(click.BadParameter):
        _Span().convert(text, None, None)


@pytest.mark.parametrize(
    "arguments",
    [("--every", "5m"), ("--watch", "--every", "30s"), ("--watch", "--every", "often")],
    ids=" ".join,
)
def test_what_means_nothing_is_refused(world: World, arguments: Sequence[str]) -> None:
    """Before Blink is asked."""
    assert quick(world, "devices", *arguments).code == 2
    assert world.blink.requests == []


# watching

Step = Callable[[], object]


def watch(
    world: World, *steps: Step, redraw: bool = False, every: float = 60, given: Quick | None = None
) -> list[float]:
    """Watches; between two looks comes one of ``steps``, and after the last the end. The seconds slept."""
    left = list(steps)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.pass_by(seconds=seconds)
        if not left:
            raise asyncio.CancelledError
        left.pop(0)()

    async def main() -> None:
        now = Time(now=world.clock.now, sleep=sleep, random=lambda: world.chance)
        async with world.cloud() as blink:
            await Watch(given or Quick(world), every=every, fahrenheit=False, redraw=redraw, time=now).run(
                blink
            )

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    return slept


def nothing() -> None:
    """A step at which nothing happens."""


def test_each_change_is_a_line(world: World, capsys: Captured) -> None:
    """With time, thing, old and new; what stays, and times alone, are none."""
    cloud = world.blink.cloud
    bell = cloud.camera(6100003)

    def gone() -> None:
        cloud.catalogue.cameras.remove(bell)

    watch(
        world,
        lambda: cloud.set_armed(2100002, True),
        nothing,
        lambda: cloud.set_enabled(4100001, False),
        gone,
        lambda: cloud.catalogue.cameras.append(bell),
    )
    out, err = capsys.readouterr()
    assert err == "Watching 3 networks, 5 cameras, every 60 s. Ctrl-C ends it.\n"
    lines = out.splitlines()
    assert [line[17:] for line in lines] == [
        "network Cottage (2100002): disarmed -> armed",
        "camera Garden (4100001): status done -> offline",
        "camera Garden (4100001): motion on -> off",
        "camera Front door (6100003): is gone",
        "camera Front door (6100003): is new",
    ]
    assert datetime.fromisoformat(lines[0][:16])


def test_changes_as_json_are_an_object_a_line(world: World, capsys: Captured) -> None:
    """Each is a whole document, with ids and values as they are."""
    given = Quick(world)
    given.json = True
    watch(world, lambda: world.blink.cloud.set_armed(2100002, True), given=given)
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told.pop("at").endswith("Z")
    assert told == {
        "kind": "network", "id": 2100002, "name": "Cottage", "network_id": 2100002, "fact": "armed",
        "old": False, "new": True,
    }  # fmt: skip


def test_only_what_matters_is_a_change() -> None:
    """Not when a camera was last heard of, nor minutes that go by; but what it measures is."""
    before = sample()
    cameras = json.loads(json.dumps(SAMPLES["homescreen"]["cameras"]))
    cameras[0]["updated_at"] = "2026-10-02T01:28:38+00:00"
    cameras[1]["snooze_time_remaining"] = 41
    assert list(changes(before, sample(cameras=cameras))) == []
    cameras[0]["signals"] = {"lfr": 5, "wifi": 4, "temp": 70}
    found = [(change.fact, change.old, change.new) for change in changes(before, sample(cameras=cameras))]
    assert found == [("temperature_f", 68, 70), ("wifi", 5, 4)]


def test_things_of_one_number_are_two() -> None:
    """An owl may have the id of a camera."""
    twins = {"cameras": [{"id": 1, "name": "A"}], "owls": [{"id": 1, "name": "B"}]}
    both, one = (facts(parse_homescreen(answer)) for answer in (twins, twins | {"owls": []}))
    assert [(change.name, change.new) for change in changes(both, one)] == [("B", False)]


@pytest.mark.parametrize(("chance", "every", "seconds"), [(0.0, 60, 60), (1.0, 60, 66), (0.5, 600, 630)])
def test_blink_is_asked_no_more_often_than_said(
    world: World, chance: float, every: float, seconds: float
) -> None:
    """Nor by many clients at the same second."""
    world.chance = chance
    slept = watch(world, nothing, nothing, every=every)
    assert slept == pytest.approx([seconds] * 3)
    assert asked(world, "homescreen") == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", endpoint="homescreen", status=503, times=4),
        Fault(kind="reset", endpoint="homescreen", times=4),
        Fault(kind="html", endpoint="homescreen", times=1),
        Fault(kind="status", endpoint="homescreen", status=403, times=4),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status or ''}",
)
def test_passing_trouble_is_told_and_outlived(world: World, capsys: Captured, fault: Fault) -> None:
    """Once, and the change that came with it is seen afterwards."""

    def begin() -> None:
        world.blink.faults.add(fault)
        world.blink.cloud.set_armed(2100002, True)

    watch(world, begin, nothing)
    out, err = capsys.readouterr()
    assert "Cottage (2100002): disarmed -> armed" in out
    (_, trouble) = err.splitlines()
    assert trouble.startswith("blink-archive: ")
    assert trouble.endswith("Watching goes on.")


def test_the_same_trouble_is_told_once_until_it_is_over(world: World, capsys: Captured) -> None:
    """A night without a network is one line; the next one is another."""
    refused = Fault(kind="html", endpoint="homescreen")

    def begin() -> None:
        world.blink.faults.add(refused)

    def end() -> None:
        world.blink.faults.clear()

    watch(world, begin, nothing, nothing, end, begin, nothing)
    assert capsys.readouterr().err.count("Watching goes on") == 2


def test_a_time_to_come_back_at_is_obeyed(world: World) -> None:
    """Though it is longer than the span."""

    def begin() -> None:
        world.blink.faults.add(
            Fault(kind="status", endpoint="homescreen", status=429, retry_after=1000, times=1)
        )

    slept = watch(world, begin, nothing)
    assert slept[0] == slept[2] == pytest.approx(63)
    assert 995 < slept[1] <= 1000


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (lambda world: world.blink.faults.add(Fault(kind="update_required")), errors.UpdateRequired),
        (
            lambda world: (world.blink.cloud.expire_tokens(), world.blink.cloud.revoke_refresh_tokens()),
            errors.NotSignedIn,
        ),
    ],
    ids=["update", "sign-in"],
)
def test_what_does_not_pass_ends_it(
    world: World, begin: Callable[[World], object], expected: type[errors.BlinkArchiveError]
) -> None:
    """Somebody has to do something."""
    with pytest.raises(expected):
        watch(world, lambda: begin(world), nothing)


def test_a_terminal_shows_the_last_look(
    world: World, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it anew, and when that was."""
    cleared: list[int] = []
    monkeypatch.setattr(click, "clear", lambda: cleared.append(1))
    watch(world, lambda: world.blink.cloud.set_armed(2100002, True), redraw=True)
    out, err = capsys.readouterr()
    assert len(cleared) == 2
    assert out.count("House: armed") == 2
    assert (out.count("Cottage: disarmed"), out.count("Cottage: armed")) == (1, 1)
    assert err.count("Ctrl-C ends it") == 2


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)  # another process is waited for


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_how_a_watch_ends(world: World, number: int) -> None:
    """Exit 0, no word more."""
    process = world.start("devices", "--watch")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Watching 3 networks")
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_ctrl_c_ends_it_while_blink_does_not_answer(world: World) -> None:
    """At once, and alike."""
    world.blink.faults.add(Fault(endpoint="homescreen", kind="stall"))
    process = world.start("devices", "--watch")
    wait_until(lambda: asked(world, "homescreen") > 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_trouble_makes_a_watch_ask_no_more_often(world: World) -> None:
    """One look a minute: the next look is the next attempt."""
    world.blink.faults.add(Fault(kind="status", endpoint="homescreen", status=503))
    process = world.start("devices", "--watch")
    assert process.stderr is not None
    assert process.stderr.readline().endswith("Watching goes on.\n")
    assert asked(world, "homescreen") == 1
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_watch_at_a_terminal(world: World, at_terminal: Callable[..., Terminal]) -> None:
    """Shows the tables, and ends with Ctrl-C."""
    terminal = at_terminal(world, "devices", "--watch")
    terminal.expect("Ctrl-C ends it")
    assert "Cottage: disarmed" in terminal.seen
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.seen
