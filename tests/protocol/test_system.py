"""The homescreen and commands."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.errors import UnexpectedAnswer
from blink_archive.model import Signals
from blink_archive.protocol.system import parse_command, parse_homescreen, parse_networks

from .samples import SAMPLES
from .test_media import JSON


def test_the_homescreen_is_read() -> None:
    """Networks, modules and the three families of cameras, with what Blink keeps for how long."""
    screen = parse_homescreen(SAMPLES["homescreen"])
    assert screen.account_id == 1100001
    assert screen.auto_delete_days == 60
    assert [(n.id, n.name, n.time_zone, n.armed) for n in screen.networks] == [
        (2100001, "House", "America/Toronto", True),
        (2100002, "Cottage", "Europe/Berlin", False),
    ]
    assert [(c.id, c.family, c.type) for c in screen.cameras] == [
        (4100001, "camera", "catalina"),
        (4100002, "camera", "white"),
        (5100001, "owl", "owl"),
        (6100001, "doorbell", "lotus"),
    ]
    (module,) = screen.sync_modules
    assert (module.serial, module.local_storage_status) == ("G8V1000000000001", "active")
    assert screen.raw is SAMPLES["homescreen"]


@given(st.data())
def test_a_damaged_homescreen_is_still_a_homescreen(data: st.DataObject) -> None:
    """Fields of other types, in it and in its entries, never raise while it is recognizable."""
    screen: dict[str, Any] = copy.deepcopy(SAMPLES["homescreen"])
    for entry in (*screen["cameras"], *screen["networks"], *screen["sync_modules"], screen):
        for name in data.draw(st.lists(st.sampled_from(sorted(entry)), max_size=3)):
            entry[name] = data.draw(JSON)
    assert parse_homescreen(screen).raw is screen


def test_an_entry_without_an_id_is_left_out_and_kept_in_raw() -> None:
    """It cannot be a row, but nothing is thrown away."""
    screen = parse_homescreen({"cameras": [{"name": "x"}, None, {"id": "5"}]})
    assert [camera.id for camera in screen.cameras] == [5]
    assert len(screen.raw["cameras"]) == 3


@pytest.mark.parametrize("value", [None, [], {}, {"message": "x", "code": 1}, "homescreen"])
def test_what_is_no_homescreen_raises(value: object) -> None:
    """An empty system would look like one whose cameras are gone."""
    with pytest.raises(UnexpectedAnswer):
        parse_homescreen(value)


def test_networks_are_read() -> None:
    """From the older call, with its richer raw."""
    (network,) = parse_networks(SAMPLES["networks"])
    assert (network.id, network.armed, network.raw["lv_mode"]) == (2100001, True, "relay")


@pytest.mark.parametrize("value", [None, [], {}, {"message": "x", "code": 999}, {"networks": None}])
def test_what_is_no_list_of_networks_raises(value: object) -> None:
    """An error object is not an account without networks."""
    with pytest.raises(UnexpectedAnswer):
        parse_networks(value)


def test_a_command_is_read_from_its_verb_and_its_poll() -> None:
    """The poll repeats neither its id nor its network."""
    new = parse_command(SAMPLES["arm"], network_id=2100001)
    assert (new.id, new.network_id, new.complete, new.status_code) == (750082090, 2100001, False, None)
    done = parse_command(SAMPLES["command_status_done"], network_id=2100001, command_id=750082090)
    assert (done.id, done.complete, done.status_code) == (750082090, True, 908)
    assert done.status_msg == "Command succeeded"


def test_a_command_without_a_number_cannot_be_followed() -> None:
    """It is said, rather than polled for."""
    with pytest.raises(UnexpectedAnswer, match="number"):
        parse_command({"network_id": 1}, network_id=1)


def test_what_was_measured_is_read() -> None:
    """Bars and degrees of each camera, and the bars of the sync module; a doorbell measures no degrees."""
    screen = parse_homescreen(SAMPLES["homescreen"])
    assert {camera.id: camera.signals for camera in screen.cameras} == {
        4100001: Signals(wifi=5, lfr=5, battery_bars=3, temperature_f=68),
        4100002: Signals(wifi=1, lfr=1, battery_bars=1, temperature_f=41),
        5100001: Signals(),
        6100001: Signals(wifi=4, lfr=4, battery_bars=3),
    }
    assert [module.wifi for module in screen.sync_modules] == [5]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, None), ("", None), ("68", 68), (68.5, 68.5), (-4, -4), (True, None), ("warm", None), ([68], None),
        ({}, None), (float("nan"), None), (float("inf"), None), (10**400, None), (2**63, None),
    ],
)  # fmt: skip
def test_a_measurement_is_a_number_or_nothing(value: object, number: float | None) -> None:
    """Of whatever type it comes: one that SQLite can hold, or None; and without an object, none at all."""
    screen = parse_homescreen(
        {"cameras": [{"id": 1, "signals": {"temp": value}}, {"id": 2, "signals": value}]}
    )
    assert [camera.signals for camera in screen.cameras] == [Signals(temperature_f=number), Signals()]
