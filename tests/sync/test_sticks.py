"""Local storage: what is on the sticks ends up in the same tree, once, whole, and politely."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from blink_archive.archive.filters import Filter
from blink_archive.simulator import Fault
from blink_archive.sync.forecast import forecast
from blink_archive.sync.ports import Time
from blink_archive.sync.run import Options
from tests.conftest import MakeWorld
from tests.world import Silent, World, clips_fetched

MODULES = (3100001, 3100002)  # the Sync Modules 2 of the simulated account
ONLY_USB = frozenset({"usb"})


def stored(world: World) -> list[dict[str, Any]]:
    """The rows of all sticks, with their status."""
    return world.rows(
        "SELECT clips.*, clips_view.status FROM clips JOIN clips_view USING (id) WHERE clips.origin = 'usb'"
    )


def expect_all_of_the_sticks(world: World) -> None:
    """Each clip on a stick is archived with its own bytes, or its recording is, from the cloud."""
    archived = {row["sha256"] for row in world.rows("SELECT sha256 FROM clips WHERE sha256 IS NOT NULL")}
    on_sticks = [clip for module in MODULES for clip in world.blink.cloud.usb.clips(module)]
    assert len(on_sticks) == len(stored(world))
    for clip in on_sticks:
        data = world.blink.cloud.usb.clip_bytes(clip.id)
        assert hashlib.sha256(data).hexdigest() in archived, clip
    files = world.files()
    for row in stored(world):
        if row["status"] == "archived":
            assert hashlib.sha256(files[row["path"]]).hexdigest() == row["sha256"]


def uploads(world: World) -> int:
    """How many clips the modules were asked to upload."""
    requests = [each for module in MODULES for each in world.blink.cloud.usb.requests(module)]
    return sum(each.endpoint == "local_storage_clip_request" for each in requests)


@pytest.mark.parametrize("hostile", [True, False])
def test_cloud_and_sticks_are_archived_in_one_run(make_world: MakeWorld, hostile: bool) -> None:
    """Everything from both, into one tree; what both have is there once, and counted as covered."""
    world = make_world(usb_clips=9, hostile=hostile)
    summary = world.sync()
    assert summary.exit_code == 0
    expect_all_of_the_sticks(world)
    backups = [
        clip
        for module in MODULES
        for clip in world.blink.cloud.usb.clips(module)
        if clip.cloud_id is not None
    ]
    assert summary.account["covered"] == len(backups) > 0
    assert summary.fetched == 12 + 18 - len(backups)
    assert uploads(world) == 18 - len(backups)
    world.expect_sums()


def test_a_second_sync_fetches_nothing_from_a_stick_again(make_world: MakeWorld) -> None:
    """Though every id on the stick is another one by then."""
    world = make_world(usb_clips=6)
    world.sync()
    before = uploads(world)
    summary = world.sync()
    assert (summary.exit_code, summary.fetched, summary.new) == (0, 0, 0)
    assert uploads(world) == before
    expect_all_of_the_sticks(world)


def test_a_module_is_asked_for_one_thing_at_a_time(make_world: MakeWorld) -> None:
    """Whatever --workers says; and for its manifest once a run."""
    world = make_world(usb_clips=6)
    world.sync(workers=8)
    for module in MODULES:
        assert world.blink.cloud.usb.peak(module) == 1
        asked = [each.endpoint for each in world.blink.cloud.usb.requests(module)]
        assert asked.count("local_storage_manifest_request") == 1


def test_from_says_where_from(make_world: MakeWorld) -> None:
    """`usb` leaves the cloud alone, `cloud` the sticks."""
    world = make_world(usb_clips=6)
    world.sync(origins=ONLY_USB)
    assert clips_fetched(world) == []
    assert {row["origin"] for row in world.rows("SELECT origin FROM clips")} == {"usb"}
    before = uploads(world)
    world.sync(origins=frozenset({"cloud"}))
    assert uploads(world) == before
    world.expect_sums()


def test_a_limit_is_for_both(make_world: MakeWorld) -> None:
    """--limit counts what a run fetches from wherever."""
    world = make_world(usb_clips=6)
    assert world.sync(limit=14).fetched == 14
    assert world.sync(limit=1).fetched == 1


def test_filters_narrow_what_is_fetched_from_a_stick(make_world: MakeWorld) -> None:
    """What a camera's filter leaves out is excluded in this run, and fetched in a later one."""
    world = make_world(usb_clips=6, hostile=False)
    summary = world.sync(wanted=Filter(cameras=("Garden",)))
    fetched = {row["camera_name"] for row in stored(world) if row["status"] == "archived"}
    assert fetched == {"Garden"}
    assert summary.account["excluded"] > 0
    world.sync()
    expect_all_of_the_sticks(world)


def test_an_upload_that_fails_waits_for_the_next_run(make_world: MakeWorld) -> None:
    """The clip keeps its reason, the others are fetched, the run says so."""
    world = make_world(usb_clips=6)
    world.blink.cloud.usb.fail_uploads(MODULES[0], times=3)  # as often as one clip is tried in a run
    summary = world.sync()
    assert summary.exit_code == 3
    (failure,) = summary.failures
    assert "did not upload" in failure[1]
    assert [row["status"] for row in stored(world)].count("waiting") == 1
    assert world.sync().exit_code == 0
    expect_all_of_the_sticks(world)


def test_a_busy_module_keeps_no_other_from_being_read(make_world: MakeWorld) -> None:
    """Its manifest could not be had: the run says so with Blink's exit code, and all else is archived."""
    world = make_world(usb_clips=6)
    world.blink.faults.add(
        Fault(endpoint="local_storage_manifest_request", match=str(MODULES[0]), status=409, kind="json")
    )
    summary = world.sync()
    assert summary.exit_code == 5
    assert any("House module" in warning for warning in summary.warnings)
    assert {row["sync_module_id"] for row in stored(world)} == {MODULES[1]}
    assert summary.account["archived_now"] > 12
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    expect_all_of_the_sticks(world)


def test_a_stick_that_was_pulled_out_loses_nothing(make_world: MakeWorld) -> None:
    """Clips that wait on it are told about, not given up; back in its module, they are fetched."""
    world = make_world(usb_clips=6)
    world.blink.cloud.usb.fail_uploads(MODULES[0], times=100)
    world.sync()
    waiting = [row for row in stored(world) if row["status"] == "waiting"]
    assert waiting
    world.blink.cloud.usb.pull_out(MODULES[0])
    summary = world.sync()
    assert any(f"{len(waiting)} clips wait on it" in warning for warning in summary.warnings)
    assert not [row for row in stored(world) if row["status"] == "gone"]
    world.blink.cloud.usb.put_in(MODULES[0])
    world.blink.cloud.usb.fail_uploads(MODULES[0], times=0)
    for _ in range(40):  # the failures that are still to come
        if world.sync().exit_code == 0:
            break
    expect_all_of_the_sticks(world)


def test_what_left_a_stick_unfetched_is_a_loss(make_world: MakeWorld) -> None:
    """Told with exit code 3, in the account and in a warning, once."""
    world = make_world(usb_clips=6)
    world.blink.cloud.usb.fail_uploads(MODULES[0], times=3)
    world.sync()
    (row,) = [row for row in stored(world) if row["status"] == "waiting"]
    for clip in world.blink.cloud.usb.clips(MODULES[0]):
        if datetime.fromtimestamp(clip.created, UTC) == datetime.fromisoformat(row["created_at"]):
            world.blink.cloud.usb.remove_clip(clip.id)
    summary = world.sync()
    assert summary.exit_code == 3
    assert summary.account["newly_gone"] >= 1
    assert any("have left the stick of House module" in warning for warning in summary.warnings)
    assert world.sync().exit_code == 0


def test_a_backup_is_fetched_where_the_cloud_has_lost_its_clip(make_world: MakeWorld) -> None:
    """A clip that left the cloud before it could be fetched is taken from the stick, with its own bytes."""
    world = make_world(usb_clips=9, hostile=False)
    backup = next(clip for clip in world.blink.cloud.usb.clips(MODULES[0]) if clip.cloud_id is not None)
    world.blink.cloud.delete_clip(backup.cloud_id)
    world.sync()
    expect_all_of_the_sticks(world)


def test_a_new_clip_on_the_stick_is_found(make_world: MakeWorld) -> None:
    """Recorded since: one upload, whatever else is on the stick. An unknown camera's is filed by the name
    that the stick has for it."""
    world = make_world(usb_clips=3)
    world.sync()
    world.clock.pass_by(hours=1)
    world.blink.cloud.usb.add_clip(MODULES[0], camera_name="Attic_Old")
    before = uploads(world)
    assert world.sync(origins=ONLY_USB).fetched == 1
    assert uploads(world) == before + 1
    (row,) = [row for row in stored(world) if row["camera_name"] == "Attic_Old"]
    assert "attic-old_usb-" in row["path"]
    assert row["camera_id"] is None
    expect_all_of_the_sticks(world)


def test_a_stick_that_shrank_is_worth_a_warning(make_world: MakeWorld) -> None:
    """Archived clips that are there no more are no loss, but told once."""
    world = make_world(usb_clips=3)
    world.sync()
    world.blink.cloud.usb.remove_clip(world.blink.cloud.usb.clips(MODULES[0])[0].id)
    summary = world.sync()
    assert summary.exit_code == 0
    assert any("1 clips have left the stick" in warning for warning in summary.warnings)
    assert world.sync().warnings == []


def test_a_dry_run_tells_of_the_sticks(make_world: MakeWorld) -> None:
    """It counts what would be fetched from them, has nothing uploaded, and records nothing."""
    world = make_world(usb_clips=6)

    async def look() -> Any:
        catalog = world.archive.open_catalog().copy()
        time = Time(now=world.clock.now, sleep=world.clock.sleep, random=lambda: 0.5)
        try:
            async with world.cloud() as blink:
                return await forecast(catalog, blink, Options(), time=time, progress=Silent())
        finally:
            catalog.close()

    found = asyncio.run(look())
    assert uploads(world) == 0
    assert stored(world) == []
    assert found.clips == world.sync().fetched


def test_an_interrupted_run_leaves_the_stick_to_the_next(make_world: MakeWorld) -> None:
    """Killed at any upload, the next run goes on: nothing twice, nothing lost."""
    world = make_world(usb_clips=3, clip_bytes=400_000)
    for cut in range(2):
        process = world.start("sync", "--from", "usb")
        while len(world.files()) <= cut and process.poll() is None:
            pass
        process.kill()
        process.communicate()
        world.clock.pass_by(seconds=30)
    summary = world.sync(origins=ONLY_USB)
    assert summary.exit_code == 0
    hashes = [row["sha256"] for row in stored(world)]
    assert len(set(hashes)) == len(hashes) == 6
    assert not list((world.root / ".incoming").iterdir())
    world.expect_sums()
