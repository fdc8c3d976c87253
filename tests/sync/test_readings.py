"""A sync writes down what the devices are like, through the real client and HTTP."""

from __future__ import annotations

from blink_archive.simulator import Fault

from ..conftest import MakeWorld


def test_a_sync_reads_the_devices(make_world: MakeWorld) -> None:
    """Each device once, with the run; a sync five minutes later adds only what changed, one after an hour all;
    a dry run and a sync without the homescreen add nothing."""
    world = make_world(clips=2, hostile=False)
    first = world.sync()
    devices = sum(
        world.rows("SELECT (SELECT count(*) FROM cameras) + (SELECT count(*) FROM sync_modules) AS n")[
            0
        ].values()
    )
    found = world.rows("SELECT * FROM readings")
    assert len(found) == devices > 3
    assert {row["run_id"] for row in found} == {first.run}
    assert {row["device"] for row in found} == {"sync_module", "camera", "owl", "doorbell"}
    cameras = [row for row in found if row["device"] == "camera"]
    assert {(row["temperature_f"], row["wifi"], row["lfr"], row["battery_bars"]) for row in cameras} == {
        (68, 5, 5, 3)
    }
    assert {row["wifi"] for row in found if row["device"] == "sync_module"} == {5}
    world.clock.pass_by(minutes=5)
    world.blink.cloud.camera(4100001).enabled = not world.blink.cloud.camera(4100001).enabled
    second = world.sync()
    changed = world.rows("SELECT * FROM readings WHERE run_id = ?", second.run)
    assert [(row["device"], row["device_id"]) for row in changed] == [("camera", 4100001)]
    world.clock.pass_by(minutes=60)
    assert world.run("sync", "--dry-run").returncode == 0
    assert len(world.rows("SELECT 1 FROM readings")) == devices + 1
    world.blink.faults.add(Fault(endpoint="homescreen", kind="status", status=403))
    world.sync()
    assert len(world.rows("SELECT 1 FROM readings")) == devices + 1
    world.blink.faults.clear()
    world.sync()
    assert len(world.rows("SELECT 1 FROM readings")) == 2 * devices + 1
