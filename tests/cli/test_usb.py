"""``usb status``: the sticks of the sync modules, for people and for programs."""

from __future__ import annotations

import json

from blink_archive.simulator import Fault
from tests.conftest import MakeWorld


def test_each_module_is_shown_with_its_stick(make_world: MakeWorld) -> None:
    """A stick that is in, one that was pulled out, and a module that can have none."""
    world = make_world(usb_clips=4)
    world.blink.cloud.usb.pull_out(3100002)
    done = world.run("usb", "status", "--json")
    assert done.returncode == 0, done.stderr
    house, cottage, workshop = json.loads(done.stdout)
    assert (house["module"], house["network"], house["id"]) == ("House module", "House", 3100001)
    assert (house["local_storage_status"], house["usb_state"], house["used_percent"]) == (
        "active",
        "mounted",
        4,
    )
    assert (house["backup_enabled"], house["last_backup_result"]) == (True, "success")
    assert cottage["usb_state"] == "unavailable"
    assert "usb_state" not in workshop
    table = world.run("usb", "status").stdout
    assert "House module" in table
    assert "4 %" in table
    assert "success" in table


def test_a_module_that_cannot_be_asked_hides_no_other(make_world: MakeWorld) -> None:
    """Its line says why, the others are shown."""
    world = make_world(usb_clips=4)
    world.blink.faults.add(
        Fault(kind="json", endpoint="local_storage_status", match="3100001", status=404, body={"code": 404})
    )
    house, cottage, _ = json.loads(world.run("usb", "status", "--json").stdout)
    assert "does not have" in house["error"]
    assert cottage["usb_state"] == "mounted"
    assert "does not have" in world.run("usb", "status").stdout


def test_sync_says_from_where(make_world: MakeWorld) -> None:
    """`sync --from usb` takes the stick's clips alone, `--from cloud` the cloud's."""
    world = make_world(usb_clips=2, clips=3)
    world.run("sync", "--from", "cloud")
    assert {row["origin"] for row in world.rows("SELECT origin FROM clips")} == {"cloud"}
    world.run("sync", "--from", "usb")
    assert (
        world.rows("SELECT count(*) AS n FROM clips WHERE origin = 'usb' AND sha256 IS NOT NULL")[0]["n"] > 0
    )
    assert world.run("sync", "--from", "nowhere").returncode == 2
