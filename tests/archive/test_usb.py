"""The stick of a sync module in the catalog: what a clip is known by, what the cloud covers, what left it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.filters import Filter
from blink_archive.archive.queue import account, waiting, waiting_count
from blink_archive.archive.usb import (
    NamedCamera,
    RecordedManifest,
    Surroundings,
    record_manifest,
    waiting_on_sticks,
)
from blink_archive.model import Manifest, StoredClip

from .helpers import NOW, archive_clip, begin, event_kinds, list_items, make_item

MODULE = 3100001
AT = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
NEXT = NOW + timedelta(days=1)


def stored(
    name: str = "Frontdoor", at: datetime = AT, kilobytes: int | None = 304, number: str = "1"
) -> StoredClip:
    path = f"/clip/{number}"
    return StoredClip(number, name, at, kilobytes, path, {"id": number, "camera_name": name})


FRONT_DOOR = NamedCamera(41, "Front door", "owl")


def record(
    catalog: Catalog,
    *clips: StoredClip,
    now: datetime = NOW,
    unreadable: int = 0,
    cameras: dict[str, NamedCamera | None] | None = None,
) -> RecordedManifest:
    """One manifest of the stick, in a run of its own."""
    around = Surroundings(
        "Home", "America/New_York", {"Frontdoor": FRONT_DOOR} if cameras is None else cameras
    )
    manifest = Manifest("4321", 5, MODULE, clips, unreadable)
    return record_manifest(catalog, manifest, around, run=begin(catalog), now=now)


def rows(catalog: Catalog) -> list[dict[str, Any]]:
    return catalog.rows(
        "SELECT clips.*, clips_view.status FROM clips JOIN clips_view USING (id) WHERE clips.origin = 'usb' "
        "ORDER BY clips.id"
    )


def queue(catalog: Catalog) -> list[str]:
    """What waits on the stick, by its place at Blink."""
    return [clip.media or "" for clip in waiting(catalog, Filter(), now=NEXT, module=MODULE)]


def test_a_stored_clip_becomes_a_row_of_its_camera(catalog: Catalog) -> None:
    """The name is mapped back to the camera's own, the day is the network's, and the name of the file has a
    key of ours, since the stick has none that lasts."""
    record(catalog, stored(at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC)))
    (row,) = rows(catalog)
    assert (row["camera_id"], row["camera_name"], row["network_name"]) == (41, "Front door", "Home")
    assert row["local_day"] == "2026-11-23"
    assert row["path"] == f"2026/11/23/2026-11-23T22-00-00-0500_front-door_{row['origin_key']}.mp4"
    assert row["status"] == "waiting"
    assert queue(catalog) == ["/clip/1"]


@pytest.mark.parametrize("cameras", [{}, {"Frontdoor": None}])
def test_a_name_that_is_no_one_camera_is_kept_as_it_is(
    catalog: Catalog, cameras: dict[str, NamedCamera | None]
) -> None:
    """An unknown name, and one that several cameras share, is archived under that name, never skipped."""
    record(catalog, stored(), cameras=cameras)
    (row,) = rows(catalog)
    assert (row["camera_id"], row["camera_name"], row["status"]) == (None, "Frontdoor", "waiting")


def test_a_clip_is_known_again_under_other_ids(catalog: Catalog) -> None:
    """Ids of manifests and clips shift: module, camera, time and size tell that it is the same one, and its
    place at Blink is the newest."""
    record(catalog, stored(number="1"))
    assert record(catalog, stored(number="99"), now=NEXT) == RecordedManifest(new=0, left=0, gone=0)
    assert len(rows(catalog)) == 1
    assert queue(catalog) == ["/clip/99"]


def test_a_clip_whose_module_a_rebuild_did_not_know_is_known_again(catalog: Catalog) -> None:
    """Made from the name of its file, a row has the key and not the module: listed, it is the same clip."""
    record(catalog, stored())
    (row,) = rows(catalog)
    take(catalog, row["origin_key"])
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET sync_module_id = NULL, network_id = NULL, raw = '{}'")
    assert record(catalog, stored(number="2"), now=NEXT).new == 0
    (found,) = rows(catalog)
    assert (found["sync_module_id"], found["network_id"], found["status"]) == (MODULE, 5, "archived")
    assert (found["raw"], found["media"]) != (row["raw"], row["media"])  # those of the new manifest


def test_an_archived_clip_is_not_fetched_again(catalog: Catalog) -> None:
    """A row that has its hash keeps it, whatever the next manifest says."""
    record(catalog, stored(number="1"))
    key = rows(catalog)[0]["origin_key"]
    take(catalog, key)
    record(catalog, stored(number="2"), now=NEXT)
    (row,) = rows(catalog)
    assert (row["status"], row["sha256"] is not None) == ("archived", True)
    assert queue(catalog) == []


def take(catalog: Catalog, key: str) -> None:
    """A clip of the stick got its file."""
    catalog.db.execute(
        "UPDATE clips SET sha256 = 'ff', archived_at = '2026-11-24T12:00:00.000000Z' WHERE origin_key = ?",
        (key,),
    )


@pytest.mark.parametrize(
    "other",
    [
        stored(kilobytes=305, number="2"),
        stored("Backdoor", number="2"),
        stored(at=AT + timedelta(seconds=1), number="2"),
        stored(kilobytes=None, number="2"),
        stored(number="2"),
    ],
    ids=["size", "camera", "time", "no size", "nothing"],
)
def test_two_clips_are_two_rows(catalog: Catalog, other: StoredClip) -> None:
    """What differs in camera, time or size is another clip; and so is a second one that differs in nothing."""
    assert record(catalog, stored(), other).new == 2
    assert len({row["path"] for row in rows(catalog)}) == 2
    assert record(catalog, stored(), other, now=NEXT).new == 0


@pytest.mark.parametrize("fetched", [False, True])
def test_the_cloud_covers_the_same_recording(catalog: Catalog, fetched: bool) -> None:
    """A clip that the cloud has, too, by camera and second, is not archived twice."""
    list_items(catalog, make_item(1, created_at=AT + timedelta(milliseconds=300)))
    if fetched:
        archive_clip(catalog, "1")
    record(catalog, stored())
    assert [row["status"] for row in rows(catalog)] == ["covered"]
    assert queue(catalog) == []
    found = account(catalog, Filter(), run=begin(catalog), began=NOW)
    assert found["covered"] == 1


def test_a_cover_is_found_by_the_name_of_a_stick(catalog: Catalog) -> None:
    """Where the name could be several cameras, the cloud's clip of one of them covers it all the same."""
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored(), cameras={"Frontdoor": None})
    assert [row["status"] for row in rows(catalog)] == ["covered"]


@pytest.mark.parametrize(
    "item",
    [
        make_item(1, device_id=42),
        make_item(1, network_id=6),
        make_item(1, created_at=AT + timedelta(seconds=1)),
        make_item(1, created_at=AT - timedelta(milliseconds=1)),
        make_item(1, deleted=True),
        make_item(1, media=None),
    ],
    ids=["another camera", "another network", "a second later", "a moment earlier", "deleted", "no path"],
)
def test_another_recording_covers_nothing(catalog: Catalog, item: Any) -> None:
    """A clip of another camera or time is no cover; nor is one that left Blink before it was fetched, or
    that Blink listed without a path to it."""
    list_items(catalog, item)
    record(catalog, stored())
    assert [row["status"] for row in rows(catalog)] == ["waiting"]


def test_a_clip_that_could_not_be_fetched_covers_nothing(catalog: Catalog) -> None:
    """The cloud's clip failed in an earlier run: the stick may be overwritten before it is to be had."""
    list_items(catalog, make_item(1, created_at=AT))
    catalog.db.execute("UPDATE clips SET attempts = 1")
    record(catalog, stored())
    assert [row["status"] for row in rows(catalog)] == ["waiting"]


def test_names_of_which_nothing_is_left_are_not_the_same(catalog: Catalog) -> None:
    """Two cameras with names in another alphabet have no name on a stick: neither's clip covers the other's."""
    list_items(catalog, make_item(1, created_at=AT, device_name="日本"))
    record(catalog, stored(""), cameras={"": None})
    assert [row["status"] for row in rows(catalog)] == ["waiting"]


def test_one_clip_covers_one(catalog: Catalog) -> None:
    """Of two recordings of one second on the stick, the cloud's one clip covers one: the other is fetched."""
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored(kilobytes=1), stored(kilobytes=2, number="2"))
    assert [row["status"] for row in rows(catalog)] == ["covered", "waiting"]


def test_a_clip_that_has_its_file_takes_its_cover(catalog: Catalog) -> None:
    """Of two recordings of one second the stick's first was fetched before the cloud listed it: the cloud's
    one clip is that, and the second is fetched too."""
    record(catalog, stored(kilobytes=1), stored(kilobytes=2, number="2"))
    take(catalog, rows(catalog)[0]["origin_key"])
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored(kilobytes=1), stored(kilobytes=2, number="2"), now=LATER)
    assert [row["status"] for row in rows(catalog)] == ["archived", "waiting"]


def test_a_cover_stays_where_it_was_found(catalog: Catalog) -> None:
    """When the other recording of that second has its file: what is covered is not fetched after it."""
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored(kilobytes=1), stored(kilobytes=2, number="2"))
    take(catalog, rows(catalog)[1]["origin_key"])
    record(catalog, stored(kilobytes=1), stored(kilobytes=2, number="2"), now=LATER)
    assert [row["status"] for row in rows(catalog)] == ["covered", "archived"]


@pytest.mark.parametrize(
    ("problem", "status"), [(None, "covered"), ("filed by the date of the file", "waiting")]
)
def test_an_imported_clip_covers_unless_its_time_is_a_guess(
    catalog: Catalog, problem: str | None, status: str
) -> None:
    """A date that says nothing of when a file was recorded keeps no clip on the stick."""
    list_items(catalog, make_item(1, created_at=AT))
    archive_clip(catalog, "1")
    catalog.db.execute("UPDATE clips SET origin = 'import', problem = ?", (problem,))
    record(catalog, stored())
    assert [row["status"] for row in rows(catalog)] == [status]


def test_no_clip_is_looked_for_among_all_of_the_cloud(catalog: Catalog) -> None:
    """What covers it is found by its time, and the queue is read by its own index: neither a manifest nor a
    fetch takes longer by the square of the clips."""
    list_items(catalog, make_item(1, created_at=AT))
    statements: list[str] = []
    catalog.db.conn.set_trace_callback(statements.append)
    record(catalog, stored(), stored(kilobytes=1, number="2"))
    queue(catalog)
    list(waiting(catalog, Filter(), now=NEXT))
    list(waiting(catalog, Filter(), now=NEXT, archived=True))
    catalog.db.conn.set_trace_callback(None)
    reads = [each for each in statements if "created_at >=" in each or "LIMIT" in each]
    assert len(reads) == 2 + 2 + 2 + 1  # the covers, both queues with what failed before, the thumbnails
    for statement in reads:
        (first, *_) = catalog.rows(f"EXPLAIN QUERY PLAN {statement}")
        assert "(created_at>" in first["detail"], statement


def test_a_cover_that_is_lost_uncovers(catalog: Catalog) -> None:
    """Where the cloud's clip is lost before it was fetched, the stick's is fetched in its place."""
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored())
    list_items(catalog, make_item(1, created_at=AT, deleted=True), now=LATER)
    record(catalog, stored(), now=NEXT)
    assert [row["status"] for row in rows(catalog)] == ["waiting"]


def test_what_leaves_the_stick_before_it_was_fetched_is_lost(catalog: Catalog) -> None:
    """A waiting clip that a whole manifest lacks is gone, and told once; an archived one has only left."""
    record(catalog, stored(), stored(kilobytes=1, number="2"), stored(kilobytes=2, number="3"))
    take(catalog, rows(catalog)[1]["origin_key"])
    assert record(catalog, stored(), now=LATER) == RecordedManifest(new=0, left=2, gone=1)
    assert [row["status"] for row in rows(catalog)] == ["waiting", "archived", "gone"]
    assert event_kinds(catalog, rows(catalog)[2]["origin_key"]) == ["gone"]
    assert record(catalog, stored(), now=NEXT) == RecordedManifest(new=0, left=0, gone=0)


def test_a_lost_clip_that_is_listed_again_waits_again(catalog: Catalog) -> None:
    """Gone heals: a clip that is back on the stick is back in the queue."""
    record(catalog, stored(), stored(kilobytes=1, number="2"))
    record(catalog, stored(), now=LATER)
    record(catalog, stored(), stored(kilobytes=1, number="7"), now=NEXT)
    assert [row["status"] for row in rows(catalog)] == ["waiting", "waiting"]
    assert queue(catalog) == ["/clip/1", "/clip/7"]


@pytest.mark.parametrize(("clips", "unreadable"), [((), 0), ((stored(kilobytes=9, number="9"),), 1)])
def test_an_empty_or_garbled_manifest_proves_no_loss(
    catalog: Catalog, clips: tuple[StoredClip, ...], unreadable: int
) -> None:
    """A manifest with nothing in it, or with entries that could not be read, loses no clip; that clips are
    missing from it is told."""
    record(catalog, stored())
    assert record(catalog, *clips, now=LATER, unreadable=unreadable).left == 1
    assert rows(catalog)[0]["status"] == "waiting"


def test_a_clip_is_asked_for_by_this_manifest_alone(catalog: Catalog) -> None:
    """What a garbled manifest does not list waits on, and is not asked for: in its old place another clip
    may lie by now."""
    record(catalog, stored())
    catalog.db.execute("DELETE FROM counted")  # the next run
    record(catalog, stored(kilobytes=9, number="9"), now=LATER, unreadable=1)
    assert [row["status"] for row in rows(catalog)] == ["waiting", "waiting"]
    assert queue(catalog) == ["/clip/9"]
    assert waiting_count(catalog, Filter(), now=NEXT, module=MODULE) == 1


def test_a_covered_clip_that_left_the_stick_is_lost_with_its_cover(catalog: Catalog) -> None:
    """Uncovered and on the stick no more: told as a loss, not left waiting for ever."""
    list_items(catalog, make_item(1, created_at=AT))
    record(catalog, stored(), stored(kilobytes=9, at=AT + timedelta(hours=1), number="2"))
    list_items(catalog, make_item(1, created_at=AT, deleted=True), now=LATER)
    record(catalog, stored(kilobytes=9, at=AT + timedelta(hours=1), number="2"), now=NEXT)
    assert [row["status"] for row in rows(catalog)] == ["gone", "waiting"]


def test_sticks_are_told_apart(catalog: Catalog) -> None:
    """The queue of one stick holds nothing of another, nor of the cloud; and the cloud's nothing of a stick."""
    list_items(catalog, make_item(1, created_at=AT + timedelta(days=1)))
    record(catalog, stored())
    assert waiting_on_sticks(catalog) == {MODULE: 1}
    assert list(waiting(catalog, Filter(), now=NEXT, module=MODULE + 1)) == []
    assert [clip.key for clip in waiting(catalog, Filter(), now=NEXT)] == ["1"]
