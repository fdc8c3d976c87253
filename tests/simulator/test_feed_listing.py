"""The listing is a change feed, with everything in it that an archiver must live with."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator

from .helpers import EVERYTHING, HARDWARE_ID, MEDIA, Clock, listing, walk

ITEM_KEYS = {
    "id", "created_at", "updated_at", "deleted", "device", "device_id", "device_name", "network_id",
    "network_name", "type", "source", "watched", "partial", "thumbnail", "media", "metadata",
    "additional_devices", "time_zone",
}  # fmt: skip


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_walk_finds_every_clip_once_newest_change_first(sim: Simulator, http: httpx.Client) -> None:
    """Pages from 1 to an empty one; `clips` live ones, two tombstones and one partial on top."""
    items = walk(http)
    assert len({item["id"] for item in items}) == len(items) == 63
    assert [item["updated_at"] for item in items] == sorted((i["updated_at"] for i in items), reverse=True)
    whole = [item["id"] for item in items if not item["deleted"] and not item["partial"]]
    assert sorted(whole) == sim.cloud.live_clips()
    assert len(whole) == 60
    assert Counter(item["deleted"] for item in items)[True] == 2
    assert Counter(item["partial"] for item in items)[True] == 1


def test_an_answer_has_the_documented_shape(http: httpx.Client) -> None:
    """The envelope, and the fields of a live item."""
    answer = http.get(f"{MEDIA}/changed", params={"since": EVERYTHING, "page": 1}).json()
    assert set(answer) == {"limit", "purge_id", "refresh_count", "media"}
    assert answer["limit"] == 25
    assert len(answer["media"]) == 25
    assert all(set(item) == ITEM_KEYS for item in answer["media"] if not item["deleted"])
    assert http.get(f"{MEDIA}/changed", params={"since": EVERYTHING}).json() == answer


def test_since_is_compared_with_updated_at_to_the_second(
    sim: Simulator, http: httpx.Client, clock: Clock
) -> None:
    """An old clip that changed comes again; one that changed in that very second does, a second later not."""
    old = sim.cloud.live_clips()[0]
    clock.forward(hours=1, microseconds=500_000)
    sim.cloud.set_watched(old)
    now = clock().isoformat(timespec="microseconds")
    assert [item["id"] for item in walk(http, since=now)] == [old]
    assert [item["watched"] for item in walk(http, since=now)] == [True]
    assert walk(http, since=(clock() + timedelta(seconds=1)).isoformat()) == []


@pytest.mark.parametrize(
    "since", ["2026-11-24T12:00:00+0000", "2026-11-24T13:00:00+01:00", "2026-11-24T12:00:00Z"]
)
def test_since_may_be_in_any_zone(sim: Simulator, http: httpx.Client, since: str) -> None:
    """The forms of an offset are equal."""
    clip = sim.cloud.add_clip()
    assert [item["id"] for item in listing(http, since=since)] == [clip]


@pytest.mark.parametrize(
    "since",
    [
        "", "yesterday", "2026-11-24", "2026-13-45T00:00:00Z", "2026-02-30T00:00:00+0000", "0000-01-01T00:00:00Z",
        "2026-11-24T12:61:00Z", "2026-11-24T12:00:00+99:99", "2026-11-24T12:00:00", "٢٠٢٦-11-24T12:00:00Z",
    ],
)  # fmt: skip
def test_a_since_that_is_no_time_is_refused(http: httpx.Client, since: str) -> None:
    """400: another form, a day or an offset that does not exist, no offset."""
    answer = http.get(f"{MEDIA}/changed", params={"since": since})
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


@pytest.mark.parametrize("page", ["", "0", "-1", "+1", "1.5", "one", "²", "٣", "1 ", "9" * 5000])
def test_a_page_that_is_no_positive_integer_is_refused(http: httpx.Client, page: str) -> None:
    """400, however many digits it has."""
    answer = http.get(f"{MEDIA}/changed", params={"since": EVERYTHING, "page": page})
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_ends_of_the_calendar_are_times(http: httpx.Client, since: str) -> None:
    """Everything, or nothing."""
    assert len(listing(http, since=since)) == (25 if since < "1" else 0)


def test_a_listing_without_since_is_refused(http: httpx.Client) -> None:
    """400."""
    assert http.get(f"{MEDIA}/changed").status_code == 400


def test_a_plus_that_was_not_encoded_is_understood_for_utc(http: httpx.Client) -> None:
    """As clients in use send it."""
    assert http.get(f"{MEDIA}/changed?since=1970-01-01T00:00:00+0000&page=1").status_code == 200


def test_a_deleted_clip_comes_as_a_tombstone_and_its_media_is_gone(
    sim: Simulator, http: httpx.Client, clock: Clock
) -> None:
    """With paths, without them or with null there; media 404 with code 700."""
    wanted = sim.cloud.live_clips()[:3]
    paths = {clip: sim.cloud.item(clip)["media"] for clip in wanted}
    clock.forward(minutes=1)
    for clip in wanted:
        sim.cloud.delete_clip(clip)
    stones = walk(http, since=clock().isoformat())
    assert {item["id"] for item in stones} == set(wanted)
    assert all(item["deleted"] for item in stones)
    assert {item.get("media", "absent") is None for item in stones} == {True, False}
    assert sum("media" not in item for item in stones) == 1
    for path in paths.values():
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, 700)


def test_a_purged_clip_vanishes_without_a_tombstone(sim: Simulator, http: httpx.Client) -> None:
    """Not listed, not there."""
    clip = sim.cloud.live_clips()[5]
    path = sim.cloud.item(clip)["media"]
    sim.cloud.purge_clip(clip)
    assert clip not in {item["id"] for item in walk(http)}
    assert http.get(path).json()["code"] == 700
    with pytest.raises(KeyError):
        sim.cloud.clip(clip)


def test_clips_expire_by_the_setting(clock: Clock) -> None:
    """`expire_old` purges what is older than `auto_delete_days`, and only that."""
    with Simulator(Settings(now=clock, auto_delete_days=7, days=14)) as sim:
        oldest = int(clock().timestamp()) - 7 * 86400
        gone = sim.cloud.expire_old()
        assert gone
        assert all(clip.created >= oldest for clip in sim.cloud.clips())
        assert sim.cloud.expire_old() == []


def test_a_partial_clip_becomes_whole_in_two_minutes(
    sim: Simulator, http: httpx.Client, clock: Clock
) -> None:
    """Until then its media is not there; then it comes again in the feed, and is one clip more."""
    partial = next(item for item in walk(http) if item["partial"])
    assert http.get(partial["media"]).json()["code"] == 700
    before = clock()
    clock.forward(minutes=2)
    listed = walk(http, since=before.isoformat())
    assert [(item["id"], item["partial"]) for item in listed] == [(partial["id"], False)]
    assert http.get(partial["media"]).status_code == 200
    assert len(sim.cloud.live_clips()) == 61


def test_a_partial_clip_can_be_finished_by_hand(sim: Simulator, http: httpx.Client) -> None:
    """`finish_partial`, once."""
    clip = sim.cloud.add_clip(partial=True)
    assert clip not in sim.cloud.live_clips()
    sim.cloud.finish_partial(clip)
    assert clip in sim.cloud.live_clips()
    assert http.get(sim.cloud.item(clip)["media"]).status_code == 200
    with pytest.raises(ValueError, match="not partial"):
        sim.cloud.finish_partial(clip)


def test_a_clip_recorded_between_pages_shifts_them(sim: Simulator, http: httpx.Client) -> None:
    """The hook runs before the page is built: the last item of page 1 comes again on page 2."""
    first = listing(http, page=1)
    sim.cloud.on_page = lambda page: sim.cloud.touch(sim.cloud.add_clip()) if page == 2 else None
    assert listing(http, page=2)[0]["id"] == first[-1]["id"]


def test_a_clip_purged_between_pages_hides_one(sim: Simulator, http: httpx.Client) -> None:
    """What was first on page 2 is now last on page 1, which was read already."""
    hidden = listing(http, page=2)[0]["id"]
    first = listing(http, page=1)
    sim.cloud.on_page = lambda page: sim.cloud.purge_clip(first[3]["id"]) if page == 2 else None
    assert hidden not in {item["id"] for item in listing(http, page=2)}


@pytest.mark.parametrize(
    "junk", [None, 7, "text", "\ud83e", [], {}, {"id": "seven"}, {"id": 1, "created_at": "soon"}]
)
def test_the_feed_can_hold_anything(sim: Simulator, http: httpx.Client, junk: Any) -> None:
    """A raw item, and one in place of a clip's own, which can be put right again."""
    sim.cloud.add_raw_item(junk)
    clip = sim.cloud.live_clips()[0]
    sim.cloud.replace_item(clip, junk)
    items = walk(http)
    assert items.count(junk) == 2
    assert len(items) == 64
    sim.cloud.restore_item(clip)
    assert clip in [item["id"] for item in walk(http) if isinstance(item, dict) and "source" in item]


def test_fields_can_be_overlaid(sim: Simulator, http: httpx.Client) -> None:
    """`extra`: a missing zone, a field of next year."""
    clip = sim.cloud.add_clip(extra={"time_zone": None, "mood": "good"})
    item = next(item for item in walk(http) if item["id"] == clip)
    assert (item["time_zone"], item["mood"]) == (None, "good")


def test_a_renamed_camera_keeps_its_name_on_older_clips(sim: Simulator, http: httpx.Client) -> None:
    """The name is that of the time of recording."""
    camera = sim.cloud.catalogue.cameras[0]
    before = sim.cloud.add_clip(camera_id=camera.id)
    sim.cloud.rename_camera(camera.id, "New name")
    after = sim.cloud.add_clip(camera_id=camera.id)
    names = {item["id"]: item["device_name"] for item in walk(http)}
    assert (names[before], names[after]) == ("Front Door", "New name")


def test_another_account_is_not_found(http: httpx.Client) -> None:
    """404 JSON for a foreign account id, and for routes that do not exist."""
    for path in ("/api/v1/accounts/1/media/changed", "/api/v3/accounts/1/homescreen", "/nowhere", "/"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, 404)


def test_a_hundred_thousand_clips_are_listed_quickly(clock: Clock) -> None:
    """A start of seconds, a page of milliseconds wherever it lies, and a change as fast."""
    began = time.perf_counter()
    with Simulator(Settings(now=clock, clips=100_000, page_limit=500, days=60)) as sim:
        assert time.perf_counter() - began < 10
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as http:
            began = time.perf_counter()
            pages = [len(listing(http, page=page)) for page in (1, 100, 200, 201, 202)]
            assert pages == [500, 500, 500, 3, 0]
            sim.cloud.set_watched(sim.cloud.live_clips()[50_000])
            assert len(listing(http, since=clock().astimezone(UTC).isoformat())) == 1
            assert time.perf_counter() - began < 3
