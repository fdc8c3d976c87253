"""What Blink lists becomes facts: every rule about tombstones, listing again, partial clips and losses."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from blink_archive.archive import deletion, feed, homescreen
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.filters import Filter
from blink_archive.archive.queue import (
    Outcome,
    SavedClip,
    account,
    record_outcomes,
    waiting,
    waiting_count,
)

from .helpers import (
    NOW,
    archive_clip,
    begin,
    clip_row,
    event_kinds,
    list_items,
    make_home,
    make_item,
    queued,
    saved,
    status,
)

LATER = NOW + timedelta(hours=8)
DELETED = datetime(2026, 11, 24, 3, tzinfo=UTC)


def fail(catalog: Catalog, key: str = "7000001", *, not_found: bool = False, now: datetime = NOW) -> None:
    """A fetch of this clip that failed."""
    clip = queued(catalog, now=now)[key]
    record_outcomes(
        catalog, [Outcome(clip, failure="it broke", not_found=not_found)], run=begin(catalog), now=now
    )


def next_run(catalog: Catalog) -> None:
    """As if another run began: its account is empty."""
    catalog.db.execute("DROP TABLE counted")
    feed.start_account(catalog)


def test_entry_becomes_a_waiting_row(catalog: Catalog) -> None:
    """A new entry is a row in the queue, with its local time and day, its path, and its day dirty."""
    recorded = list_items(catalog, make_item())
    assert (recorded.new, recorded.problems) == (1, ())
    row = clip_row(catalog)
    assert row["created_at"] == "2026-11-23T19:52:07.000000Z"
    assert row["created_local"] == "2026-11-23T14:52:07-05:00"
    assert row["local_day"] == "2026-11-23"
    assert row["path"] == "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4"
    assert status(catalog) == "waiting"
    assert list(queued(catalog)) == ["7000001"]
    assert catalog.rows("SELECT * FROM dirty_days") == [{"local_day": "2026-11-23"}]


def test_entry_without_anything_is_a_row_too(catalog: Catalog) -> None:
    """An entry that lacks all but a key is recorded with its problems, and told once."""
    item = make_item(
        key="malformed-00",
        id=None,
        created_at=None,
        updated_at=None,
        device_id=None,
        device_name=None,
        network_id=None,
        network_name=None,
        time_zone=None,
        media=None,
        thumbnail=None,
        watched=None,
        problems=("no id", "no created_at"),
    )
    assert list_items(catalog, item).problems == (("malformed-00", "no id; no created_at"),)
    assert list_items(catalog, item).problems == ()
    assert status(catalog, "malformed-00") == "waiting"


def test_text_that_sqlite_cannot_hold(catalog: Catalog) -> None:
    """Half a surrogate pair in any text is kept as an escape, and the page is recorded."""
    bad = "\ud800"
    list_items(
        catalog,
        make_item(
            device_name=bad,
            network_name=bad,
            source=bad,
            type=bad,
            device_type=bad,
            media=bad,
            thumbnail=bad,
            time_zone=bad,
            metadata={bad: bad},
            raw={bad: bad},
            problems=(bad,),
        ),
    )
    assert clip_row(catalog)["camera_name"] == "\\ud800"


def test_zone_falls_back_to_the_network(catalog: Catalog) -> None:
    """A clip without a zone is filed by its network's, and one whose zone is unknown says so."""
    list_items(
        catalog,
        make_item(1, time_zone=None),
        make_item(2, time_zone="Mars/Olympus"),
        make_item(3, time_zone=None, network_id=99),
    )
    rows = catalog.rows("SELECT time_zone, problem FROM clips ORDER BY id")
    assert [row["time_zone"] for row in rows] == ["America/New_York", "America/New_York", "UTC"]
    assert [bool(row["problem"]) for row in rows] == [False, True, False]


def test_listed_twice_is_one_row(catalog: Catalog) -> None:
    """The overlap lists clips again, also twice on one page: they stay one row."""
    assert list_items(catalog, make_item(), make_item()).new == 1
    assert list_items(catalog, make_item()).new == 0
    assert catalog.value("SELECT count(*) FROM clips") == 1


def test_waiting_clip_takes_what_is_listed_now(catalog: Catalog) -> None:
    """A clip without a file takes Blink's newest paths and names; its own path and zone stay."""
    list_items(catalog, make_item())
    before = clip_row(catalog)
    list_items(catalog, make_item(media="/new/path.mp4", device_name="Yard", time_zone="UTC", watched=True))
    after = clip_row(catalog)
    assert (after["media"], after["camera_name"], after["watched_now"]) == ("/new/path.mp4", "Yard", 1)
    for column in ("path", "time_zone", "created_at", "local_day", "watched", "first_seen_at"):
        assert after[column] == before[column]


def test_archived_clip_is_not_touched(catalog: Catalog) -> None:
    """Of an archived clip that is listed again, only updated_at and "watched now" change."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    before = clip_row(catalog)
    list_items(
        catalog,
        make_item(
            updated_at=DELETED,
            watched=True,
            media="/elsewhere.mp4",
            device_name="Renamed",
            partial=True,
            thumbnail=None,
            raw={"id": 7000001, "new": True},
        ),
        now=LATER,
    )
    after = clip_row(catalog)
    changed = {column for column in after if after[column] != before[column]}
    assert changed == {"updated_at", "watched_now", "listed_at"}
    assert queued(catalog, now=LATER) == {}


def test_an_id_that_blink_gave_to_another_clip_proves_nothing(catalog: Catalog) -> None:
    """Else that one would be deleted at Blink by the file of the first. It is told once; a second's fraction
    and a time that was only guessed are no other clip."""
    list_items(catalog, make_item(), make_item(2, created_at=None))
    archive_clip(catalog, "7000001")
    archive_clip(catalog, "2")
    same = make_item().created_at.replace(microsecond=5)  # type: ignore[union-attr]
    assert list_items(catalog, make_item(created_at=same), make_item(2)).problems == ()
    (told,) = list_items(catalog, make_item(created_at=DELETED), now=LATER).problems
    assert told == ("7000001", clip_row(catalog)["unproven"])
    assert "another clip" in told[1]
    assert list_items(catalog, make_item(created_at=DELETED), now=LATER).problems == ()
    plan = deletion.plan(catalog, Filter(), origin="cloud", keep=timedelta(0), now=LATER)
    assert [clip.key for clip in plan.kept] == ["7000001"]


def test_a_gone_clip_whose_file_was_found_is_at_blink_when_it_is_listed(catalog: Catalog) -> None:
    """So it is told why it stays there, and `prune-local` lets it stay here."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    catalog.db.execute("UPDATE clips SET gone_at = ?, gone_reason = 'x', unproven = 'x'", ("2026",))
    list_items(catalog, make_item(), now=LATER)
    assert clip_row(catalog)["gone_at"] is None
    plan = deletion.plan(catalog, Filter(), origin="cloud", keep=timedelta(0), now=LATER)
    assert [clip.key for clip in plan.kept] == ["7000001"]


def test_an_archived_clip_that_a_rebuild_made_from_its_name_gets_its_place_at_blink(catalog: Catalog) -> None:
    """So that a repair, and its thumbnail, can be asked for."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    before = clip_row(catalog)
    catalog.db.execute("UPDATE clips SET media = NULL, thumbnail = NULL, raw = '{}'")
    list_items(catalog, make_item(), now=LATER)
    after = clip_row(catalog)
    assert (after["media"], after["thumbnail"]) == (before["media"], before["thumbnail"])


def test_unchanged_archived_clip_dirties_nothing(catalog: Catalog) -> None:
    """A clip that the overlap lists again, unchanged, does not make its day be written anew."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    catalog.db.execute("DELETE FROM dirty_days")
    list_items(catalog, make_item(), now=LATER)
    assert catalog.rows("SELECT * FROM dirty_days") == []


def test_tombstone_of_an_unknown_clip(catalog: Catalog) -> None:
    """A clip first seen as a tombstone is deleted: no loss, and never in the queue."""
    list_items(catalog, make_item(deleted=True, updated_at=DELETED))
    assert status(catalog) == "deleted"
    assert clip_row(catalog)["remote_deleted_at"] == "2026-11-24T03:00:00.000000Z"
    assert queued(catalog) == {}
    assert event_kinds(catalog) == []


def test_tombstone_of_a_waiting_clip_is_a_loss(catalog: Catalog) -> None:
    """A clip seen alive and not fetched before its tombstone is gone, told once, and not in the queue."""
    list_items(catalog, make_item())
    for _ in range(2):
        list_items(catalog, make_item(deleted=True, updated_at=DELETED))
    row = clip_row(catalog)
    assert (status(catalog), row["gone_reason"]) == ("gone", "deleted at Blink")
    assert row["remote_deleted_at"] == "2026-11-24T03:00:00.000000Z"
    assert queued(catalog) == {}
    assert event_kinds(catalog) == ["gone"]


def test_tombstone_twice_on_one_page_is_one_loss(catalog: Catalog) -> None:
    """A page that lists a tombstone twice books one loss."""
    list_items(catalog, make_item())
    tombstone = make_item(deleted=True, updated_at=DELETED)
    list_items(catalog, tombstone, tombstone)
    assert event_kinds(catalog) == ["gone"]


def test_alive_and_tombstone_on_one_page_is_a_loss(catalog: Catalog) -> None:
    """A clip that a page lists alive and, further down, deleted was seen alive: it is gone."""
    list_items(catalog, make_item(), make_item(deleted=True, updated_at=DELETED))
    assert status(catalog) == "gone"


def test_tombstone_of_an_archived_clip(catalog: Catalog) -> None:
    """A tombstone of an archived clip is noted, and touches neither its file's facts nor its status."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    before = clip_row(catalog)
    list_items(catalog, make_item(deleted=True, updated_at=DELETED))
    after = clip_row(catalog)
    assert status(catalog) == "archived"
    assert after["remote_deleted_at"] == "2026-11-24T03:00:00.000000Z"
    for column in ("path", "sha256", "bytes", "archived_at", "thumbnail_path", "thumbnail_sha256"):
        assert after[column] == before[column]


def test_tombstone_of_an_excluded_clip_is_no_loss(catalog: Catalog) -> None:
    """What the user excluded is not lost when Blink deletes it: it stays excluded, with no event."""
    list_items(catalog, make_item())
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET excluded_at = '2026-11-24T00:00:00.000000Z'")
    list_items(catalog, make_item(deleted=True, updated_at=DELETED))
    assert clip_row(catalog)["gone_at"] is None
    assert "gone" not in event_kinds(catalog)


@pytest.mark.parametrize("archived", [False, True])
def test_listed_alive_again_heals(catalog: Catalog, archived: bool) -> None:
    """A clip that is listed alive after its tombstone is alive: a gone one returns to the queue."""
    list_items(catalog, make_item())
    if archived:
        archive_clip(catalog, "7000001")
    list_items(catalog, make_item(deleted=True, updated_at=DELETED))
    list_items(catalog, make_item(updated_at=LATER))
    row = clip_row(catalog)
    assert (row["remote_deleted_at"], row["gone_at"], row["gone_reason"]) == (None, None, None)
    assert (status(catalog), list(queued(catalog))) == (
        ("archived", []) if archived else ("waiting", ["7000001"])
    )


def test_young_partial_waits_ten_minutes(catalog: Catalog) -> None:
    """A partial clip is in the queue from ten minutes after its first sighting, listed again or not."""
    list_items(catalog, make_item(partial=True))
    assert queued(catalog, now=NOW + timedelta(minutes=9)) == {}
    list_items(catalog, make_item(partial=True), now=NOW + timedelta(minutes=9))
    assert list(queued(catalog, now=NOW + timedelta(minutes=10))) == ["7000001"]


def test_partial_that_became_whole_is_queued_at_once(catalog: Catalog) -> None:
    """A partial clip that is listed whole does not wait."""
    list_items(catalog, make_item(partial=True))
    list_items(catalog, make_item(), now=NOW + timedelta(minutes=1))
    assert list(queued(catalog, now=NOW + timedelta(minutes=1))) == ["7000001"]


@pytest.mark.parametrize("first", [{}, {"deleted": True}], ids=["whole", "tombstone"])
def test_partial_only_later_waits_ten_minutes_too(catalog: Catalog, first: dict[str, bool]) -> None:
    """A clip that is partial only when it is listed again is tried after ten minutes, not never."""
    list_items(catalog, make_item(**first))
    list_items(catalog, make_item(partial=True, updated_at=LATER), now=LATER)
    assert list(queued(catalog, now=LATER + timedelta(minutes=10))) == ["7000001"]


def test_failed_partial_is_tried_by_a_new_run(catalog: Catalog) -> None:
    """A partial clip past its ten minutes whose fetch failed is tried again by the next sync."""
    list_items(catalog, make_item(partial=True))
    at = NOW + timedelta(minutes=10)
    fail(catalog, now=at)
    assert list(queued(catalog, now=at + timedelta(minutes=1))) == ["7000001"]


def test_failure_leaves_a_clip_waiting(catalog: Catalog) -> None:
    """A failed fetch keeps its reason and the next try, growing but under six hours, and the clip in
    the queue: a new sync tries all."""
    list_items(catalog, make_item())
    waits = []
    for _ in range(12):
        fail(catalog)
        row = clip_row(catalog)
        waits.append(datetime.fromisoformat(row["next_try_at"]) - NOW)
    assert (row["attempts"], row["last_error"]) == (12, "it broke")
    assert waits == sorted(waits)
    assert timedelta(0) < waits[0] < waits[-1] <= timedelta(hours=6)
    assert list(queued(catalog)) == ["7000001"]
    assert status(catalog) == "waiting"


def test_success_clears_what_failed(catalog: Catalog) -> None:
    """A clip that is archived after failures carries no error, no next try and no 404 any more."""
    list_items(catalog, make_item())
    fail(catalog, not_found=True)
    archive_clip(catalog, "7000001")
    row = clip_row(catalog)
    assert (row["last_error"], row["next_try_at"], row["not_found_at"]) == (None, None, None)
    assert (row["attempts"], status(catalog)) == (1, "archived")


def test_not_found_alone_is_no_loss(catalog: Catalog) -> None:
    """A 404 leaves a clip waiting, as long as the full walk lists it."""
    list_items(catalog, make_item())
    fail(catalog, not_found=True)
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 0
    assert status(catalog) == "waiting"


def test_not_found_and_no_longer_listed_is_a_loss(catalog: Catalog) -> None:
    """A 404 that a full walk confirms, by not listing the clip, is a loss, told with its reason."""
    list_items(catalog, make_item())
    fail(catalog, not_found=True)
    next_run(catalog)
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 1
    assert (status(catalog), clip_row(catalog)["gone_reason"]) == ("gone", "no longer listed at Blink")
    assert event_kinds(catalog) == ["gone"]
    assert queued(catalog) == {}


def test_old_loss_is_called_expired(catalog: Catalog) -> None:
    """A clip older than the account keeps is lost as expired."""
    list_items(catalog, make_item(created_at=NOW - timedelta(days=61)))
    fail(catalog, not_found=True)
    next_run(catalog)
    feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW)
    assert clip_row(catalog)["gone_reason"] == "expired at Blink"


def test_unlisted_alone_is_no_loss(catalog: Catalog) -> None:
    """A clip that a walk did not list, and that nobody asked for in vain, waits on."""
    list_items(catalog, make_item())
    fail(catalog)
    next_run(catalog)
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 0
    assert status(catalog) == "waiting"


def test_entry_without_media_is_lost_when_unlisted(catalog: Catalog) -> None:
    """An entry that never had a path is lost when a full walk lists it no more, and not before."""
    list_items(catalog, make_item(media=None))
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 0
    next_run(catalog)
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 1


def test_healed_clip_needs_a_new_404_to_be_lost(catalog: Catalog) -> None:
    """The 404 of a clip that was lost and then listed alive again is forgotten with the loss."""
    list_items(catalog, make_item())
    fail(catalog, not_found=True)
    next_run(catalog)
    feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW)
    list_items(catalog, make_item(), now=LATER)
    next_run(catalog)
    assert feed.record_losses(catalog, full_walk=True, run=begin(catalog), began=LATER, now=LATER) == 0
    assert status(catalog) == "waiting"


def test_homescreen_is_upserted(catalog: Catalog) -> None:
    """Names follow the homescreen; a camera that is no longer listed stays as it was."""
    homescreen.record_homescreen(catalog, make_home((41, "Yard"), (42, "Door")), now=NOW)
    homescreen.record_homescreen(catalog, make_home((42, "\ud800"), days=None), now=LATER)
    assert catalog.rows("SELECT id, name FROM cameras ORDER BY id") == [
        {"id": 41, "name": "Yard"},
        {"id": 42, "name": "\\ud800"},
    ]
    assert catalog.value("SELECT auto_delete_days FROM accounts") == 60
    assert homescreen.network_zones(catalog) == {5: "America/New_York"}


def test_queue_is_oldest_first_across_pages(catalog: Catalog) -> None:
    """The queue yields every clip once, oldest first, also when it is longer than a page and written to."""
    items = [make_item(number, created_at=NOW - timedelta(minutes=number // 3)) for number in range(1, 1203)]
    list_items(catalog, *items)
    assert waiting_count(catalog, Filter(), now=NOW) == 1202
    run = begin(catalog)
    seen = []
    for clip in waiting(catalog, Filter(), now=NOW):
        seen.append(clip)
        record_outcomes(catalog, [Outcome(clip, failure="x")], run=run, now=NOW)
    assert len({clip.id for clip in seen}) == len(seen) == 1202
    assert [clip.created_at for clip in seen] == sorted(clip.created_at for clip in seen)


def test_thumbnail_has_a_queue_of_its_own(catalog: Catalog) -> None:
    """A clip archived in an earlier run waits for its thumbnail until it has it, or Blink has none."""
    list_items(catalog, make_item(1), make_item(2), make_item(3, thumbnail=None), make_item(4))
    run = begin(catalog)
    for key in ("1", "2", "3", "4"):
        archive_clip(catalog, key, run=run)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET thumbnail_path = NULL, thumbnail_sha256 = NULL")
    list_items(catalog, make_item(4, deleted=True))
    assert queued(catalog, archived=True) == {}, "those of this run have just been tried"
    clips = queued(catalog, now=LATER, archived=True)
    assert list(clips) == ["1", "2"]
    record_outcomes(catalog, [Outcome(clips["1"], thumbnail_missing=True)], run=run, now=LATER)
    record_outcomes(catalog, [Outcome(clips["2"], thumbnail_failure="broke")], run=run, now=LATER)
    assert list(queued(catalog, now=LATER, archived=True)) == ["2"]
    assert clip_row(catalog, "2")["thumbnail_error"] == "broke"
    assert clip_row(catalog, "2")["sha256"]


def test_account_counts_the_queue_and_the_listed(catalog: Catalog) -> None:
    """Counted are the rows listed in this run and those in the queue at its begin, each once; an
    archived clip that this run did not list is not."""
    list_items(catalog, make_item(1), make_item(2), make_item(3))
    archive_clip(catalog, "1")
    next_run(catalog)
    run = begin(catalog)
    list_items(catalog, make_item(2), make_item(4), make_item(5, deleted=True), now=LATER)
    archive_clip(catalog, "4", now=LATER, run=run)
    found = account(catalog, Filter(), run=run, began=NOW)
    assert found == {
        "counted": 4,
        "listed": 3,
        "archived_now": 1,
        "archived_before": 0,
        "deleted": 1,
        "gone": 0,
        "newly_gone": 0,
        "covered": 0,
        "excluded": 0,
        "waiting": 2,
    }


def test_filtered_clips_are_excluded_in_the_account(catalog: Catalog) -> None:
    """What this run's filters leave out counts as excluded, also a clip that names no camera at all."""
    list_items(
        catalog,
        make_item(1),
        make_item(2, device_id=42, device_name="Yard"),
        make_item(3, device_id=None, device_name=None),
        make_item(4, device_id=None, device_name="Yard"),
        make_item(5, device_id=42, device_name=None),
    )
    found = account(catalog, Filter(cameras=("Front door",)), run=begin(catalog), began=NOW)
    assert (found["counted"], found["waiting"], found["excluded"]) == (5, 1, 4)


def test_a_batch_of_outcomes_is_recorded_whole_or_not_at_all(catalog: Catalog) -> None:
    """Where the second of two clips cannot be recorded, the first has neither facts nor an event: a row
    never says more than its transaction."""
    list_items(catalog, make_item(7000001), make_item(7000002))
    clips = queued(catalog)
    run = begin(catalog)
    good, bad = (
        Outcome(clips[key], saved=SavedClip(saved(clips[key].path), duration, None))
        for key, duration in (("7000001", 4.5), ("7000002", "no number"))
    )
    before = catalog.rows("SELECT * FROM clips ORDER BY id"), catalog.rows("SELECT * FROM events")
    with pytest.raises(sqlite3.IntegrityError):
        record_outcomes(catalog, [good, bad], run=run, now=NOW)
    assert (catalog.rows("SELECT * FROM clips ORDER BY id"), catalog.rows("SELECT * FROM events")) == before
    assert list(queued(catalog)) == ["7000001", "7000002"]
    record_outcomes(catalog, [good], run=run, now=NOW)
    assert (status(catalog, "7000001"), event_kinds(catalog, "7000001")) == ("archived", ["archived"])
