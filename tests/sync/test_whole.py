"""A whole sync: from an account to a folder that stands alone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from blink_archive.archive.filters import Filter
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World, clips_fetched


def test_everything_listed_is_archived_byte_for_byte(world: World) -> None:
    """Every clip and thumbnail of the cloud is in the folder, with its bytes, hash and row."""
    summary = world.sync()
    assert summary.exit_code == 0
    assert summary.fetched == summary.thumbnails == 12
    world.expect_complete()


def test_a_second_sync_fetches_nothing(world: World) -> None:
    """What is archived is not asked for again, though the overlap lists some of it again."""
    world.sync()
    world.blink.forget_requests()
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (0, 0)
    assert not clips_fetched(world)
    world.expect_complete()


def test_what_an_earlier_run_archived_counts_as_before(world: World) -> None:
    """The account of a second, full walk tells its own clips from those that were here already."""
    first = world.sync().account
    assert (first["archived_now"], first["archived_before"]) == (12, 0)
    second = world.sync(full=True).account
    assert (second["archived_now"], second["archived_before"]) == (0, 12)


def test_clips_come_before_thumbnails_that_were_left_over(world: World) -> None:
    """Clips expire: with `--limit 1` and thumbnails of an earlier run waiting, what is fetched is a clip."""
    broken = world.blink.faults.add(Fault(endpoint="thumbnail", kind="html"))
    assert world.sync(limit=3).thumbnails == 0
    assert world.blink.faults.fired(broken) == 3
    world.blink.faults.clear()
    world.clock.pass_by(minutes=1)
    summary = world.sync(limit=1)
    assert (summary.fetched, summary.thumbnails) == (1, 1)
    left = world.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL AND thumbnail_sha256 IS NULL")
    assert len(left) == 3
    world.sync()
    world.expect_complete()


def test_a_download_that_marks_clips_watched_is_not_repeated(make_world: MakeWorld) -> None:
    """Where downloading flips `watched` and `updated_at`, the clips are listed again, their first
    `watched` is kept, and not one of them is downloaded twice."""
    world = make_world(mark_watched=True)
    world.sync()
    before = {row["origin_key"]: row["watched"] for row in world.rows("SELECT * FROM clips")}
    world.blink.forget_requests()
    world.clock.pass_by(seconds=30)
    world.sync()
    assert not clips_fetched(world)
    after = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    assert all(row["watched"] == before[row["origin_key"]] for row in after)
    assert all(row["watched_now"] == 1 for row in after)
    world.expect_complete()


def test_files_carry_the_time_of_the_clip(world: World) -> None:
    """The mtime is when the clip was recorded, and the name says it in local time with its offset."""
    world.sync()
    for row in world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL"):
        created = datetime.fromisoformat(row["created_at"])
        for path in (row["path"], row["thumbnail_path"]):
            assert (world.root / path).stat().st_mtime == created.timestamp()
        local = datetime.fromisoformat(row["created_local"])
        assert local == created.replace(microsecond=0)
        assert row["path"].startswith(f"{local:%Y/%m/%d/%Y-%m-%dT%H-%M-%S%z}_")


def test_the_hour_that_repeats_stays_in_order(world: World) -> None:
    """Two clips with one local time, an hour apart, sort by name as they were recorded."""
    world.sync()
    rows = world.rows("SELECT * FROM clips ORDER BY created_at")
    twice = [row for row in rows if row["created_local"][:16].endswith("T01:30")]
    assert len({row["created_local"][:19] for row in twice[:2]}) == 1
    assert [row["path"] for row in twice[:2]] == sorted(row["path"] for row in twice[:2])


def test_the_folder_stands_alone(world: World) -> None:
    """clips.json of each day has every clip of it, with or without a file, with Blink's own entry,
    the facts and the events."""
    world.sync()
    found = {}
    for path in world.root.rglob("clips.json"):
        day = json.loads(path.read_text())
        assert path.parent == world.root / day["day"].replace("-", "/")
        for clip in day["clips"]:
            found[clip["origin_key"]] = clip
    rows = world.rows("SELECT * FROM clips")
    assert found.keys() == {row["origin_key"] for row in rows}
    for row in rows:
        clip = found[row["origin_key"]]
        assert clip["item"] == json.loads(row["raw"])
        for fact in ("sha256", "path", "bytes", "archived_at", "thumbnail_sha256", "remote_deleted_at"):
            assert clip.get(fact) == row[fact]
        assert [event["kind"] for event in clip["events"]] == (["archived"] if row["sha256"] else [])


def test_filters_narrow_the_fetch_and_not_the_record(world: World) -> None:
    """With a filter all is recorded, the rest counts as excluded, and the next run fetches it."""
    summary = world.sync(wanted=Filter(cameras=("front door",)))
    matching = summary.fetched
    cameras = world.rows(
        "SELECT DISTINCT name FROM cameras JOIN clips ON camera_id = cameras.id WHERE sha256 IS NOT NULL"
    )
    assert 0 < matching < 12
    assert [camera["name"] for camera in cameras] == ["Front Door"]
    assert summary.account["excluded"] == 12 - matching
    assert summary.exit_code == 0
    assert world.sync().fetched == 12 - matching
    world.expect_complete()


def test_a_limit_takes_the_oldest_and_is_no_error(world: World) -> None:
    """`--limit 5` fetches the five oldest clips; the others wait, and the exit code is 0."""
    summary = world.sync(limit=5)
    assert (summary.fetched, summary.exit_code) == (5, 0)
    got = {row["created_at"] for row in world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")}
    rest = {
        row["created_at"]
        for row in world.rows("SELECT * FROM clips_view JOIN clips USING (id) WHERE status = 'waiting'")
    }
    assert max(got) <= min(rest)
    world.sync()
    world.expect_complete()


def test_a_partial_clip_waits_ten_minutes_and_is_then_fetched(make_world: MakeWorld) -> None:
    """A clip still being written is recorded, is no error, is left alone for ten minutes, and then
    fetched, listed again or not."""
    world = make_world(clips=3)
    assert world.sync().exit_code == 0
    (row,) = world.rows("SELECT * FROM clips WHERE partial")
    world.clock.pass_by(minutes=1)
    assert world.sync().exit_code == 0
    assert world.clip(row["origin_key"])["sha256"] is None
    world.blink.cloud.finish_partial(int(row["origin_key"]))
    world.blink.faults.add(Fault(endpoint="media_changed", kind="status", status=500))
    world.clock.pass_by(minutes=10)
    summary = world.sync()
    assert summary.fetched == 1
    assert summary.unproven == [(row["origin_key"], "Blink never listed it as whole")]
    world.blink.faults.clear()
    world.sync()
    world.expect_complete()


@pytest.fixture
def half(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> tuple[World, str]:
    """A world with one clip that was fetched while Blink was writing it, and its key: cut at a box, so that
    nothing of its bytes tells."""
    world = make_world(clips=3, hostile=False)
    world.sync()
    key = world.rows("SELECT origin_key FROM clips WHERE partial")[0]["origin_key"]
    whole = type(world.blink.cloud).clip_chunks

    def cut(cloud: Any, clip_id: int) -> tuple[bytes, ...]:
        data = b"".join(whole(cloud, clip_id))
        size, at = 0, 0
        while at < len(data):
            at, size = at + int.from_bytes(data[at : at + 4]), at
        return (data[:size],) if str(clip_id) == key else (data,)

    with monkeypatch.context() as patch:
        patch.setattr(type(world.blink.cloud), "clip_chunks", cut)
        world.clock.pass_by(minutes=11)
        world.blink.faults.add(Fault(endpoint="media_changed", kind="status", status=500))
        summary = world.sync()
    world.blink.faults.clear()
    assert [clip for clip, _ in summary.unproven] == [key]
    return world, key


def test_a_clip_that_was_fetched_half_is_replaced_once_it_is_whole(half: tuple[World, str]) -> None:
    """Blink calls it whole: it is fetched again, takes the place of its half, and is proven. The event tells
    of both; nothing else is left of the half."""
    world, key = half
    before = world.clip(key)
    assert len((world.root / before["path"]).read_bytes()) < len(world.blink.cloud.clip_bytes(int(key)))
    summary = world.sync()
    assert (summary.fetched, summary.exit_code, summary.unproven) == (1, 0, [])
    row = world.clip(key)
    assert (row["path"], row["unproven"], row["half_sha256"]) == (before["path"], None, None)
    assert row["sha256"] != before["sha256"]
    assert world.rows("SELECT detail FROM events WHERE kind = 'superseded'")[0]["detail"].count(
        before["sha256"]
    )
    world.expect_complete()
    assert world.sync(full=True).fetched == 0
    assert len(world.plan().delete) == len(world.blink.cloud.live_clips())


def test_the_half_stays_until_the_whole_is_here(half: tuple[World, str]) -> None:
    """Where the whole clip cannot be fetched, the half stays in its place, is no stranger to `verify`, and
    comes back as what it is when Blink loses the clip. It is never deleted at Blink."""
    world, key = half
    path, data = world.clip(key)["path"], (world.root / world.clip(key)["path"]).read_bytes()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=500))
    assert world.sync().exit_code == 3
    assert world.clip(key)["status"] == "waiting"
    assert (world.root / path).read_bytes() == data
    assert world.run("verify").returncode == 0
    assert key not in {clip.key for clip in world.plan().delete}
    world.blink.faults.clear()
    world.blink.cloud.delete_clip(int(key))
    world.sync()
    row = world.clip(key)
    assert row["status"] == "archived"
    assert "found in the folder" in row["unproven"]
    assert (world.root / path).read_bytes() == data
