"""The generated account has every trap, and is the same for the same seed."""

from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from blink_archive.simulator import Cloud, Settings
from blink_archive.simulator.generate import HOSTILE, SOURCES, repeated_hour

from .helpers import Clock


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    return Cloud(Settings(now=clock))


def test_the_same_seed_gives_the_same_account(clock: Clock) -> None:
    """And another seed another one."""
    first, second, other = (Cloud(Settings(now=clock, seed=seed)) for seed in (3, 3, 4))
    assert first.clips() == second.clips()
    assert first.clips() != other.clips()


@pytest.mark.parametrize("clips", [1, 2, 3, 4, 5, 60, 1000])
def test_clips_is_the_number_of_live_whole_ones(clock: Clock, clips: int) -> None:
    """Two tombstones and one partial come on top."""
    cloud = Cloud(Settings(now=clock, clips=clips))
    assert len(cloud.live_clips()) == clips
    assert len(cloud.clips()) == clips + 3


def test_no_clips_is_an_empty_feed(clock: Clock) -> None:
    """Not even a tombstone."""
    assert Cloud(Settings(now=clock, clips=0)).clips() == []


def test_networks_lie_in_several_zones_and_cameras_in_three_families(cloud: Cloud) -> None:
    """As the homescreen shows them."""
    zones = {network.time_zone for network in cloud.catalogue.networks}
    assert zones == {"America/Toronto", "Europe/Berlin", "Asia/Kolkata"}
    assert {camera.family for camera in cloud.catalogue.cameras} == {"camera", "owl", "doorbell"}
    assert {camera.thumbnail_form for camera in cloud.catalogue.cameras} == {"new", "old", "number"}


def test_five_cameras_are_enough_for_every_name_from_hell(cloud: Cloud) -> None:
    """Now or formerly: two alike, separators, reserved, emoji, right-to-left, empty."""
    names = [camera.name for camera in cloud.catalogue.cameras]
    assert names.count("Front Door") == 2
    seen = {clip.camera_name for clip in cloud.clips()} | set(names)
    assert {"Back/Yard ../..", "CON", "🦊 Garten", "حديقة المنزل", ""} <= seen


def test_plain_names_are_plain(clock: Clock) -> None:
    """`hostile=False`: letters and spaces, none twice, none former."""
    cloud = Cloud(Settings(now=clock, hostile=False, cameras=20))
    names = [camera.name for camera in cloud.catalogue.cameras]
    assert len(set(names)) == 20
    assert all(name.replace(" ", "").isalnum() and name.isascii() for name in names)
    assert {clip.camera_name for clip in cloud.clips()} <= set(names)


def test_many_cameras_have_all_hostile_names(clock: Clock) -> None:
    """And plain ones after those."""
    names = [camera.name for camera in Cloud(Settings(now=clock, cameras=20)).catalogue.cameras]
    assert names[: len(HOSTILE)] == list(HOSTILE)
    assert names[-1] == "Camera 20"


def test_two_clips_of_one_camera_begin_in_one_second(cloud: Cloud) -> None:
    """And have two ids."""
    seen = defaultdict(list)
    for clip in cloud.clips():
        if not clip.deleted and not clip.partial:
            seen[clip.camera.id, clip.created].append(clip.id)
    assert any(len(ids) == 2 for ids in seen.values())


def test_a_pair_lies_in_the_hour_that_daylight_saving_repeats(cloud: Cloud) -> None:
    """One time on the wall of one camera, two offsets."""
    seen = defaultdict(set)
    for clip in cloud.clips():
        local = datetime.fromtimestamp(clip.created, ZoneInfo(clip.camera.network.time_zone))
        seen[clip.camera.id, local.replace(tzinfo=None, fold=0)].add(local.utcoffset())
    assert any(len(offsets) == 2 for offsets in seen.values())


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
        (datetime(2026, 11, 1, 5, 59, tzinfo=UTC), datetime(2025, 11, 2, 6, tzinfo=UTC)),
        (datetime(2026, 6, 1, tzinfo=UTC), datetime(2025, 11, 2, 6, tzinfo=UTC)),
    ],
)
def test_the_end_of_daylight_saving_is_the_latest_past_one(now: datetime, end: datetime) -> None:
    """In America/Toronto, the first Sunday of November."""
    assert repeated_hour("America/Toronto", now) == int(end.timestamp())


def test_a_zone_without_daylight_saving_is_an_error() -> None:
    """ValueError, not a search without end."""
    with pytest.raises(ValueError, match="Kolkata"):
        repeated_hour("Asia/Kolkata", datetime(2026, 1, 1, tzinfo=UTC))


def test_sources_metadata_and_paths_are_mixed(cloud: Cloud) -> None:
    """Every source, the three kinds of metadata, both forms of paths, watched and not."""
    clips = cloud.clips()
    assert {clip.source for clip in clips} == set(SOURCES)
    assert {type(clip.metadata) for clip in clips} == {type(None), dict, str}
    assert {clip.old_paths for clip in clips} == {True, False}
    assert {clip.watched for clip in clips} == {True, False}


def test_nothing_lies_in_the_future(cloud: Cloud) -> None:
    """`created_at` <= `updated_at` <= now."""
    assert all(clip.created <= clip.updated <= cloud.now() for clip in cloud.clips())


@pytest.mark.parametrize(
    "wrong", [{"clips": -1}, {"cameras": 0}, {"days": 0}, {"page_limit": 0}, {"two_factor_status": 200}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    """ValueError."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)
