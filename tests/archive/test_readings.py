"""What the devices were like over time: enough rows to draw it, and not one for every look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.homescreen import record_homescreen
from blink_archive.model import Camera, Family, Homescreen, Network, Signals, SyncModule

from .helpers import ACCOUNT, NEW_YORK, NOW

COLD = Signals(wifi=4, lfr=3, battery_bars=2, temperature_f=28.5)


def camera(number: int = 41, *, family: Family = "camera", **facts: Any) -> Camera:
    known = {"status": "done", "enabled": True, "battery": "ok", "signals": COLD} | facts
    nothing = dict.fromkeys(("serial", "status", "enabled", "battery", "fw_version", "thumbnail"))
    return Camera(number, 5, family, "Gate", "white", raw={}, **(nothing | known))


def home(*cameras: Camera, armed: bool | None = True, module: str = "online") -> Homescreen:
    return Homescreen(
        account_id=ACCOUNT,
        networks=(Network(5, "Home", NEW_YORK, armed, {}),),
        sync_modules=(SyncModule(31, 5, "Hall", "sm2", None, module, None, None, {}, wifi=5),),
        cameras=cameras or (camera(),),
        auto_delete_days=60,
        raw={},
    )


def look(catalog: Catalog, found: Homescreen, *, after: timedelta = timedelta(0)) -> int:
    """One sync's homescreen; how many rows there are then."""
    at = NOW + after
    record_homescreen(catalog, found, now=at, run=catalog.begin_run("sync", now=at))
    return int(catalog.value("SELECT count(*) FROM readings"))


def last(catalog: Catalog, device: int = 41) -> dict[str, Any]:
    sql = "SELECT * FROM readings WHERE device_id = ? ORDER BY run_id DESC LIMIT 1"
    return catalog.rows(sql, (device,))[0]


def test_a_reading_has_all_that_blink_said(catalog: Catalog) -> None:
    """Of each device with its kind, run and time; what a device does not measure is NULL, not 0."""
    begun = int(catalog.value("SELECT count(*) FROM runs"))
    look(catalog, home(camera(), camera(7, family="owl", battery=None, enabled=False, signals=Signals())))
    at = "2026-11-24T12:00:00.000000Z"
    nothing = dict.fromkeys(("enabled", "battery", "battery_bars", "temperature_f", "wifi", "lfr"))
    told = nothing | {"run_id": begun + 1, "at": at, "armed": 1}
    assert catalog.rows("SELECT * FROM readings ORDER BY device_id") == [
        told | {"device": "owl", "device_id": 7, "status": "done", "enabled": 0},
        told | {"device": "sync_module", "device_id": 31, "status": "online", "wifi": 5},
        told
        | {
            "device": "camera",
            "device_id": 41,
            "status": "done",
            "enabled": 1,
            "battery": "ok",
            "battery_bars": 2,
            "temperature_f": 28.5,
            "wifi": 4,
            "lfr": 3,
        },
    ]


def test_a_day_of_looks_is_not_a_row_each(catalog: Catalog) -> None:
    """Every five minutes for a day, with degrees and bars that waver: no more than 30 rows a device, and none
    further from the next than an hour."""
    for number in range(288):
        signals = replace(COLD, temperature_f=28 + number % 2, wifi=4 - number % 2)
        look(catalog, home(camera(signals=signals)), after=timedelta(minutes=5 * number))
    for device in (31, 41):
        found = catalog.rows("SELECT at FROM readings WHERE device_id = ? ORDER BY at", (device,))
        times = [datetime.fromisoformat(row["at"]) for row in found]
        assert 24 <= len(times) <= 30
        assert max(b - a for a, b in pairwise(times)) <= timedelta(hours=1)


def test_a_sync_an_hour_misses_none(catalog: Catalog) -> None:
    """Timers begin some minutes early or late."""
    for number, minute in enumerate([0, 58, 121, 175, 240]):
        assert look(catalog, home(), after=timedelta(minutes=minute)) == 2 * (number + 1)


@pytest.mark.parametrize(
    ("column", "changed"),
    [
        ("status", {"status": "offline"}),
        ("enabled", {"enabled": False}),
        ("battery", {"battery": "low"}),
        ("battery", {"battery": None}),
        ("battery_bars", {"signals": replace(COLD, battery_bars=1)}),
    ],
)
def test_what_changes_is_read_at_once(catalog: Catalog, column: str, changed: dict[str, Any]) -> None:
    """A minute later there is a new row of that device, and of no other; then none until it changes back."""
    before = look(catalog, home())
    assert look(catalog, home(camera(**changed)), after=timedelta(minutes=1)) == before + 1
    wanted = changed.get(column, 1)
    assert last(catalog)[column] == wanted
    assert look(catalog, home(camera(**changed)), after=timedelta(minutes=2)) == before + 1
    assert look(catalog, home(), after=timedelta(minutes=3)) == before + 2


def test_arming_is_read_at_once_of_every_device(catalog: Catalog) -> None:
    """It is the network's, and each of its devices says so."""
    look(catalog, home(armed=True))
    assert look(catalog, home(armed=False), after=timedelta(minutes=1)) == 4
    assert (last(catalog)["armed"], last(catalog, 31)["armed"]) == (0, 0)
    assert look(catalog, home(armed=None), after=timedelta(minutes=2)) == 6
    assert last(catalog)["armed"] is None


def test_a_clock_that_was_wrong_stops_nothing(catalog: Catalog) -> None:
    """Readings from a year ahead keep none of today's from being taken, nor do they make one of every look."""
    look(catalog, home(), after=timedelta(days=365))
    assert look(catalog, home(), after=timedelta(hours=1)) == 4
    assert look(catalog, home(), after=timedelta(hours=1, minutes=5)) == 4


def test_a_device_that_is_listed_twice(catalog: Catalog) -> None:
    """Is one row, with the last that was said, as in the table of cameras; one id in two families is two."""
    look(catalog, home(camera(), camera(status="offline"), camera(family="doorbell")))
    rows = catalog.rows("SELECT device, status FROM readings WHERE device_id = 41 ORDER BY device")
    assert [tuple(row.values()) for row in rows] == [("camera", "offline"), ("doorbell", "done")]


def test_readings_outlive_their_device(catalog: Catalog) -> None:
    """A camera that is sold keeps its past, and one in no network that is known has no armed."""
    look(catalog, home())
    odd = replace(camera(99, status="\ud800", battery="\ud800"), network_id=None)
    assert look(catalog, home(odd), after=timedelta(hours=2)) == 4
    assert (last(catalog, 99)["armed"], last(catalog, 99)["status"]) == (None, "\\ud800")
    assert last(catalog)["at"] == "2026-11-24T12:00:00.000000Z"


def test_without_a_run_there_is_no_reading(catalog: Catalog) -> None:
    """A dry run looks, and records nothing that stays."""
    record_homescreen(catalog, home(), now=datetime(2026, 11, 25, tzinfo=UTC))
    assert catalog.value("SELECT count(*) FROM readings") == 0
