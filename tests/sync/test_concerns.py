"""Warnings that matter: silent cameras, clips about to expire, lists that came back empty, little space."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from blink_archive.archive.store import Store
from blink_archive.simulator import Fault
from tests.conftest import MakeWorld
from tests.world import World

NOTHING = {"limit": 25, "media": []}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Six clips, archived, of an account that keeps them for 60 days."""
    world = make_world(clips=6, hostile=False)
    assert world.sync().exit_code == 0
    return world


def silent(world: World, **options: object) -> list[str]:
    """The names of the cameras that a sync calls silent."""
    warnings = world.sync(**options).warnings
    return [
        warning.split(" (")[0].removeprefix("Camera ")
        for warning in warnings
        if " is armed and has no" in warning
    ]


def test_an_armed_camera_that_fell_silent_is_named(world: World) -> None:
    """Seven days without a clip; not one that is disarmed, switched off or gone, and not one that recorded."""
    cloud = world.blink.cloud
    world.clock.pass_by(days=30)
    cloud.add_clip()
    last = world.sync() and world.rows("SELECT camera_name FROM clips ORDER BY created_at DESC LIMIT 1")[0]
    week = timedelta(days=7)
    everybody = set(silent(world, quiet=week))
    assert everybody
    assert last["camera_name"] not in everybody
    rows = {row["name"]: row for row in world.rows("SELECT * FROM cameras")}
    named = {name for name, row in rows.items() if row["enabled"] and name != last["camera_name"]}
    armed = {row["id"] for row in world.rows("SELECT id FROM networks WHERE armed")}
    assert everybody == {name for name in named if rows[name]["network_id"] in armed}
    one = next(iter(everybody))
    cloud.set_enabled(rows[one]["id"], False)
    assert set(silent(world, quiet=week)) == everybody - {one}
    cloud.set_enabled(rows[one]["id"], True)
    for network in armed:
        cloud.set_armed(network, False)
    assert silent(world, quiet=week) == []
    assert world.sync(quiet=None).warnings == []


def test_a_silent_camera_is_no_matter_before_its_time(world: World) -> None:
    """The day that --quiet-days names is not over."""
    newest = max(row["created_at"] for row in world.rows("SELECT created_at FROM clips"))
    age = world.clock.now() - datetime.fromisoformat(newest)
    last = world.rows("SELECT camera_name FROM clips WHERE created_at = ?", newest)[0]["camera_name"]
    assert last not in silent(world, quiet=age + timedelta(minutes=5))
    assert last in silent(world, quiet=age - timedelta(minutes=5))


def test_clips_about_to_expire_are_counted(make_world: MakeWorld) -> None:
    """What still waits and leaves Blink within three days; neither what is archived nor what has time."""
    world = make_world(clips=6, hostile=False)
    days = world.sync(limit=0) and world.rows("SELECT auto_delete_days FROM accounts")[0]["auto_delete_days"]
    waiting = world.rows("SELECT * FROM clips_view JOIN clips USING (id) WHERE clips_view.status = 'waiting'")
    oldest = min(datetime.fromisoformat(row["created_at"]) for row in waiting)
    assert not [warning for warning in world.sync(limit=0).warnings if "Blink within" in warning]
    late = oldest + timedelta(days=days) - timedelta(days=3) - world.clock.now()
    world.clock.pass_by(seconds=late.total_seconds() - 60)
    assert not [warning for warning in world.sync(limit=0).warnings if "Blink within" in warning]
    world.clock.pass_by(minutes=2)
    (warning,) = [warning for warning in world.sync(limit=0).warnings if "Blink within" in warning]
    assert warning.startswith("1 waiting clip leaves Blink within 3 days")
    assert f"{oldest + timedelta(days=days):%Y-%m-%d %H:%M} UTC" in warning
    world.sync()
    assert not [warning for warning in world.sync().warnings if "Blink within" in warning]


def test_a_list_that_cannot_be_empty_is_warned_of(world: World) -> None:
    """A clip changed within the overlap was listed in the last walk: an empty list now is a false one. On a
    quiet day an empty list is just that."""
    for _ in range(2):  # one clip was still being written
        world.clock.pass_by(hours=3)
        quiet = world.sync()
    assert (quiet.account["listed"], quiet.warnings) == (0, [])
    world.blink.cloud.add_clip()
    world.sync()
    world.blink.faults.add(Fault(endpoint="media_changed", kind="json", status=200, body=NOTHING))
    (warning,) = world.sync().warnings
    assert warning.startswith("Blink listed nothing, though it has listed 1 of its clips")
    world.blink.faults.clear()
    assert world.sync().warnings == []


def test_the_run_stops_before_the_disk_is_full(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the reserve, exit 8: what was fetched is archived with its day, the rest waits, nothing is half."""
    world = make_world(clips=12, hostile=False)
    free = [10_000_000 - 100_000 * number for number in range(200)]
    monkeypatch.setattr(Store, "free_bytes", lambda self: free.pop(0))
    done = world.sync(reserve=9_500_000, workers=1)
    assert done.exit_code == 8
    assert "--reserve" in (done.stopped or "")
    assert 0 < done.account["archived_now"] < 12
    assert done.account["waiting"] > 0
    assert not world.rows("SELECT 1 FROM clips WHERE attempts > 0")
    assert not world.rows("SELECT * FROM dirty_days")
    world.expect_sums()
    monkeypatch.undo()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_clip_that_would_reach_into_the_reserve_is_not_begun(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its length counts, too, and without a reserve nothing is asked."""
    world = make_world(clips=1, hostile=False)
    size = len(world.blink.cloud.clip_bytes(world.blink.cloud.live_clips()[0]))
    monkeypatch.setattr(Store, "free_bytes", lambda self: 1_000_000)
    assert world.sync(reserve=1_000_000 - size + 1).exit_code == 8
    assert world.files() == {}
    assert world.sync(reserve=1_000_000 - size).exit_code == 0
