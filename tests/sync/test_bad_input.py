"""Entries of the feed that are not as they should be: recorded with the reason, and the run goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World

ODD: dict[str, tuple[dict[str, Any], str]] = {
    "no media": ({"media": None}, "media"),
    "media of a wrong type": ({"media": 17}, "media"),
    "an unknown zone": ({"time_zone": "Mars/Olympus_Mons"}, "time zone"),
    "an unreadable date": ({"created_at": "the day before"}, "created_at"),
    "a date of a wrong type": ({"created_at": {"year": 2026}}, "created_at"),
    "a year out of this world": ({"created_at": "9999-12-31T23:59:59+00:00"}, "created_at"),
    "an absolute URL to a stranger": ({"media": "http://203.0.113.9/x.mp4"}, ""),
    "a huge id of a camera": ({"device_id": 2**70}, "device_id"),
    "a name of more than 1 kB": ({"device_name": "n" * 1025}, "device_name is too long"),
    "a network's name of more than 1 kB": ({"network_name": "é" * 513}, "network_name is too long"),
    "half a surrogate": ({"device_name": "caf\ud83d", "source": "\udc00"}, ""),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_entry_is_recorded_with_its_reason(world: World, name: str) -> None:
    """The entry is a row, the run ends with exit 3 or 0, every other clip is archived, and the account
    adds up."""
    changes, reason = ODD[name]
    victim = world.blink.cloud.live_clips()[3]
    world.blink.cloud.replace_item(victim, world.blink.cloud.item(victim) | changes)
    summary = world.sync()
    row = world.clip(victim)
    if reason:
        assert summary.exit_code == 3
        assert reason in row["problem"]
        assert str(victim) in [clip for clip, _ in summary.problems]
    for clip_id in world.blink.cloud.live_clips():
        assert clip_id == victim or world.clip(clip_id)["status"] == "archived"
    world.expect_sums()


@pytest.mark.parametrize(
    "name", ["an unknown zone", "an unreadable date", "half a surrogate", "a name of more than 1 kB"]
)
def test_what_can_be_had_is_archived_all_the_same(world: World, name: str) -> None:
    """A clip with an odd zone or date is fetched and filed by what else is known; it is said once."""
    victim = world.blink.cloud.live_clips()[3]
    world.blink.cloud.replace_item(victim, world.blink.cloud.item(victim) | ODD[name][0])
    world.sync()
    assert world.clip(victim)["status"] == "archived"
    assert world.sync().exit_code == 0


@pytest.mark.parametrize("entry", [None, 17, "clip", [], {}, {"id": None}, {"id": "abc"}, {"id": True}])
def test_an_entry_without_an_id_is_a_row_too(world: World, entry: Any) -> None:
    """Even what has no id is recorded, under a key made of what it holds, and only once."""
    world.blink.cloud.add_raw_item(entry)
    summary = world.sync()
    assert summary.exit_code == 3
    (row,) = world.rows("SELECT * FROM clips WHERE origin_key LIKE 'malformed-%'")
    assert row["problem"]
    world.sync()
    assert len(world.rows("SELECT 1 FROM clips WHERE origin_key LIKE 'malformed-%'")) == 1
    assert summary.fetched == 12


def test_unknown_fields_are_kept(world: World) -> None:
    """A field that this program has never heard of is in `raw`, and changes nothing else."""
    victim = world.blink.cloud.live_clips()[0]
    item = world.blink.cloud.item(victim) | {"brand_new": {"deep": [1, None]}}
    world.blink.cloud.replace_item(victim, item)
    assert world.sync().exit_code == 0
    assert '"brand_new": {"deep": [1, null]}' in world.clip(victim)["raw"]
    world.expect_complete()


def test_missing_fields_are_tolerated(make_world: MakeWorld) -> None:
    """An entry with nothing but id, created_at and media is archived."""
    world = make_world(clips=4, hostile=False)
    victim = world.blink.cloud.live_clips()[0]
    item = world.blink.cloud.item(victim)
    bare = {name: item[name] for name in ("id", "created_at", "media")}
    world.blink.cloud.replace_item(victim, bare)
    assert world.sync().exit_code == 0
    row = world.clip(victim)
    assert (row["status"], row["time_zone"], row["thumbnail"]) == ("archived", "UTC", None)
    assert "_unnamed_" in row["path"]


def test_a_clip_without_a_zone_is_filed_by_its_networks(world: World) -> None:
    """An entry that lacks its `time_zone` takes the network's, as the homescreen of this very run says it:
    in the row, the name and the day; and that is no problem worth telling."""
    for clip_id in world.blink.cloud.live_clips():
        item = world.blink.cloud.item(clip_id)
        del item["time_zone"]
        world.blink.cloud.replace_item(clip_id, item)
    summary = world.sync()
    assert (summary.exit_code, summary.problems) == (0, [])
    for clip_id in world.blink.cloud.live_clips():
        row, network = world.clip(clip_id), world.blink.cloud.clip(clip_id).camera.network
        local = datetime.fromisoformat(row["created_at"]).astimezone(ZoneInfo(network.time_zone))
        assert row["time_zone"] == network.time_zone != "UTC"
        assert row["path"].startswith(f"{local:%Y/%m/%d/%Y-%m-%dT%H-%M-%S%z}_")
        assert row["local_day"] == f"{local:%Y-%m-%d}"


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_page_in_place_of_the_homescreen_does_not_stop_the_run(world: World, kind: Any) -> None:
    """Without a homescreen the clips are archived all the same; the run says exit 5."""
    world.blink.faults.add(Fault(endpoint="homescreen", kind=kind))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (5, 12)


def test_a_repaired_entry_is_fetched_and_its_problem_forgotten(world: World) -> None:
    """An entry that first came without a path, and later with one, is archived like any other."""
    victim = world.blink.cloud.live_clips()[3]
    world.blink.cloud.replace_item(victim, world.blink.cloud.item(victim) | {"media": None})
    assert world.sync().exit_code == 3
    world.blink.cloud.restore_item(victim)
    world.blink.cloud.touch(victim)
    assert world.sync().exit_code == 0
    assert world.clip(victim)["problem"] is None
    world.expect_complete()


def test_a_name_of_more_than_a_kilobyte_is_left_out(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """In the feed and the home screen: it is in no path and no column of a name, but as Blink sent it in
    `raw`; of the home screen's a warning tells."""
    long = "n" * 1025
    victim = world.blink.cloud.live_clips()[3]
    world.blink.cloud.replace_item(victim, world.blink.cloud.item(victim) | {"device_name": long})
    home = asyncio.run(_homescreen(world))
    for kind in ("networks", "sync_modules", "cameras"):
        home[kind][0]["name"] = long
    world.blink.faults.add(Fault(kind="json", endpoint="homescreen", status=200, body=home))
    assert world.sync().exit_code == 3
    row = world.clip(victim)
    assert (row["status"], row["camera_name"]) == ("archived", None)
    assert long in row["raw"]
    for table in ("networks", "sync_modules", "cameras"):
        names = {row["name"] for row in world.rows(f"SELECT name FROM {table}")}
        assert "" in names
        assert max(map(len, names)) < 1025
    assert not [path for path in world.files() if "nnnn" in path]
    assert [record.getMessage().split(" for ")[1].split(":")[0] for record in caplog.records] == [
        f"{home[kind][0]['id']} of its {kind}" for kind in ("networks", "sync_modules", "cameras")
    ]


async def _homescreen(world: World) -> dict[str, Any]:
    async with world.cloud() as blink:
        return json.loads(json.dumps((await blink.homescreen()).raw))


def test_a_name_of_more_than_a_kilobyte_on_a_stick_is_left_out(make_world: MakeWorld) -> None:
    """The clip is archived, its row says what was wrong, and the run ends with exit 3; once."""
    world = make_world(usb_clips=2)
    world.blink.cloud.usb.add_clip(3100001, camera_name="n" * 1025)
    summary = world.sync()
    (row,) = world.rows(
        "SELECT clips.*, clips_view.status FROM clips JOIN clips_view USING (id) WHERE clips.problem IS NOT NULL"
    )
    assert (summary.exit_code, summary.problems) == (3, [(row["origin_key"], "camera_name is too long")])
    assert (row["status"], row["camera_name"], row["problem"]) == ("archived", "", "camera_name is too long")
    assert "n" * 1025 in row["raw"]
    assert not [path for path in world.files() if "nnnn" in path]
    assert world.sync().exit_code == 0
