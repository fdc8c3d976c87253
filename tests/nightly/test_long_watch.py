"""Three days of a watch, end to end: the real client and the simulator over HTTP, on one clock."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .story import Story

DAY = 2 * 24  # passes, every half hour


def next_midnight(world: World) -> datetime:
    """At least an hour away, where the first camera is."""
    clip = world.blink.cloud.add_clip()
    zone = ZoneInfo(world.blink.cloud.item(clip)["time_zone"])
    tomorrow = (world.clock.now() + timedelta(hours=1)).astimezone(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)


def clips_come(story: Story) -> None:
    """One every 94 minutes, from every camera."""
    cloud = story.world.blink.cloud
    cameras = [camera.id for camera in cloud.catalogue.cameras]
    for number in range(43):
        camera = cameras[number % len(cameras)]
        story.at(partial(cloud.add_clip, camera_id=camera, template=number % 6), minutes=30 + 94 * number)


def a_midnight_comes(story: Story, midnight: datetime) -> list[int]:
    """A pass begins two minutes before it, and is told to wait for four minutes; a clip is of either day."""
    faults, cloud = story.world.blink.faults, story.world.blink.cloud
    seconds = (midnight - story.began).total_seconds()
    clips: list[int] = []
    slow = Fault(endpoint="clip", kind="status", status=429, retry_after=240, times=1)
    story.at(partial(faults.add, slow), seconds=seconds - 122)
    for at, listed in (
        (-180, -121),
        (30, 30),
    ):  # the first not before the fault: a pass may just be under way
        recorded = midnight + timedelta(seconds=at)
        story.at(lambda at=recorded: clips.append(cloud.add_clip(created_at=at)), seconds=seconds + listed)
    story.at(lambda: story.watch.reread(), seconds=seconds - 120)  # noqa: PLW0108 - it is made later
    return clips


def blink_gives_trouble(story: Story) -> None:
    """Its tokens die, it throttles, is away for hours, ends the sign-in, and is out of order."""
    faults, cloud = story.world.blink.faults, story.world.blink.cloud

    def end_sign_in() -> None:
        cloud.revoke_refresh_tokens()
        cloud.expire_tokens()

    story.at(cloud.expire_tokens, hours=26)
    named = Fault(endpoint="media_changed", kind="status", status=429, retry_after=7200, times=1)
    story.at(partial(faults.add, named), hours=28)
    story.at(partial(faults.add, Fault(kind="reset", part=0)), hours=32)
    story.at(faults.clear, hours=38)
    story.at(end_sign_in, hours=50)
    story.at(story.world._sign_in, hours=60)
    story.at(partial(faults.add, Fault(kind="status", status=503)), hours=64)
    story.at(faults.clear, hours=67)


def the_disk_leaves(story: Story, elsewhere: Path) -> None:
    """It is not mounted for three hours: where it should be is an empty folder, and stays one. Later, another
    run is at the archive for two hours."""
    world, lock = story.world, ExitStack()

    def unmount() -> None:
        world.root.rename(elsewhere)
        world.root.mkdir()

    def mount() -> None:
        world.root.rmdir()
        elsewhere.rename(world.root)

    story.at(unmount, hours=41)
    story.at(mount, hours=44)
    story.at(lambda: lock.enter_context(world.archive.lock()), hours=46)
    story.at(lock.close, hours=48)


def test_three_days(make_world: MakeWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However it goes, in the end every clip is archived, once; Blink was asked for little, and for nothing
    when it did not want to be or it was of no use; a person was told of each trouble once."""
    world = make_world(clips=8, usb_clips=2)
    midnight = next_midnight(world)
    story = Story(world, "--every", "30m")
    clips_come(story)
    around = a_midnight_comes(story, midnight)
    blink_gives_trouble(story)
    the_disk_leaves(story, tmp_path / "disk")
    story.tell(hours=72)
    out, err = capsys.readouterr()
    world.said.append(("watch", out + err))

    world.expect_complete()
    assert world.rows("SELECT count(*) AS clips FROM clips WHERE origin = 'usb'") == [{"clips": 4}]
    assert not world.rows("SELECT * FROM clips_view WHERE origin = 'usb' AND status = 'waiting'")
    expect_a_right_midnight(world, around, midnight)
    expect_few_requests(story)
    trouble = [line for line in err.splitlines() if line.startswith("blink-archive: ")]
    assert [line.split()[1] for line in trouble] == [
        "Blink", "The", str(world.root), "Another", "Blink", "Not",
    ], err  # fmt: skip
    assert "Nothing is asked of Blink until somebody has signed in." in trouble[4]
    assert err.count("All is well again.") == len(trouble)
    assert all("Fetched" in line for line in out.splitlines())
    rows = world.rows("SELECT * FROM runs")
    assert {row["command"] for row in rows} == {"sync"}
    assert len(rows) < 0.8 * len(story.ended)
    assert json.loads(rows[-1]["summary"])["exit_code"] == 0


def expect_a_right_midnight(world: World, around: list[int], midnight: datetime) -> None:
    """One run began before and ended after it; each clip is in the folder, and in the files, of its day."""
    first, second = (world.clip(clip) for clip in around)
    days = f"{midnight - timedelta(days=1):%Y-%m-%d}", f"{midnight:%Y-%m-%d}"
    assert (first["local_day"], second["local_day"]) == days
    for row in (first, second):
        day = world.root / row["local_day"].replace("-", "/")
        assert (world.root / row["path"]).parent == day
        assert row["origin_key"] in (day / "clips.json").read_text(encoding="utf-8")
    (run,) = world.rows("SELECT * FROM runs WHERE id = ?", first["archived_run"])
    assert datetime.fromisoformat(run["started_at"]) < midnight < datetime.fromisoformat(run["ended_at"])


def expect_few_requests(story: Story) -> None:
    """In all, and in each time of trouble."""
    days = [len(story.asked(after=24 * day, until=24 * (day + 1))) for day in range(3)]
    # a pass: the homescreen, one or two pages, descriptions; a day: clips, tokens, and four looks at two sticks
    assert max(days) < 4 * DAY + 200, days
    assert 10 <= story.world.blink.cloud.refreshes <= 24
    assert len(story.asked(after=32, until=38)) <= 4 * 11  # four attempts in each of a few passes
    assert not story.asked(after=41.01, until=44)  # the disk is away
    assert not story.asked(after=46.01, until=48)  # another run is at it
    assert len(story.asked(after=50, until=60)) <= 4  # nobody is signed in
    assert story.asked(after=60, until=60.02)
    assert len(story.asked(after=64, until=67)) <= 8 * 12
    manifests = story.asked(after=0, until=72).count("local_storage_manifest_request")
    assert manifests <= 2 * 13  # of two sticks, every six hours
    refused = next(at for at, ended in story.ended if ended.until is not None and ended.exit_code)
    hours = (refused - story.began) / timedelta(hours=1)
    assert 28 <= hours < 28.6
    assert not story.asked(after=hours + 0.001, until=hours + 1.999)
    assert story.asked(after=hours + 1.999, until=hours + 2.01)
