"""Tombstones, 404s and expiry: what is a loss, what is not, and that each is said (promise 1)."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

from blink_archive.model import utc_text
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World


def test_a_tombstone_marks_the_row_and_leaves_the_file(world: World) -> None:
    """An archived clip that the user deletes in the app stays here, and its row says when."""
    world.sync()
    before = world.files()
    victim = world.blink.cloud.live_clips()[0]
    world.clock.pass_by(hours=2)
    world.blink.cloud.delete_clip(victim)
    summary = world.sync()
    row = world.clip(victim)
    assert (row["status"], summary.exit_code) == ("archived", 0)
    assert row["remote_deleted_at"]
    assert {row["path"], row["thumbnail_path"]} <= before.keys()
    assert before.items() <= world.files().items()


def test_a_tombstone_first_seen_is_no_loss(world: World) -> None:
    """A clip that was deleted before this archive ever saw it counts as deleted, and is no error."""
    summary = world.sync()
    assert summary.account["deleted"] == 2
    assert (summary.account["gone"], summary.exit_code) == (0, 0)


def test_a_clip_deleted_before_it_was_fetched_is_a_loss_and_is_said_once(world: World) -> None:
    """Seen alive, not fetched, then a tombstone: gone, exit 3 in the run that finds out, 0 after it."""
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    world.clock.pass_by(hours=2)
    world.blink.cloud.delete_clip(victim)
    summary = world.sync()
    assert summary.exit_code == 3
    assert (summary.account["gone"], summary.account["newly_gone"]) == (1, 1)
    assert world.clip(victim)["reason"] == "deleted at Blink"
    assert world.sync().exit_code == 0


def test_a_404_alone_is_no_proof_of_loss(world: World) -> None:
    """A clip that Blink lists and does not deliver waits, with the reason and the next try."""
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, times=1))
    summary = world.sync()
    assert summary.exit_code == 3
    assert (summary.account["waiting"], summary.account["gone"]) == (2, 0)
    (row,) = world.rows("SELECT * FROM clips WHERE not_found_at IS NOT NULL")
    assert row["last_error"]
    assert row["next_try_at"] > row["first_seen_at"]
    assert world.sync(full=True).exit_code == 0
    world.expect_complete()


def test_a_404_that_a_full_walk_confirms_is_a_loss(world: World) -> None:
    """Purged at Blink without a tombstone: it waits until a full walk does not list it any more, then
    it is gone and reported."""
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    world.blink.cloud.purge_clip(victim)
    first = world.sync()
    assert (first.exit_code, first.account["gone"]) == (3, 0)
    assert world.clip(victim)["status"] == "waiting"
    second = world.sync(full=True)
    assert (second.exit_code, second.account["newly_gone"]) == (3, 1)
    assert world.clip(victim)["reason"] == "no longer listed at Blink"
    assert world.sync(full=True).exit_code == 0


def test_a_full_walk_that_breaks_off_confirms_no_loss(make_world: MakeWorld) -> None:
    """A 404 and a full walk that never got to the clip's page: that Blink did not list it proves nothing,
    and it waits; a full walk that lists it and a clean answer bring it."""
    world = make_world(page_limit=5)
    world.sync(limit=0)
    victim = min(world.blink.cloud.live_clips(), key=lambda clip: world.blink.cloud.item(clip)["updated_at"])
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, match=f"/{victim}[.]"))
    world.blink.faults.add(Fault(endpoint="media_changed", kind="html", match="page=2$"))
    summary = world.sync(full=True)
    assert (summary.full_walk, summary.walk_finished, summary.account["listed"]) == (True, False, 5)
    assert world.clip(victim)["not_found_at"]
    assert (world.clip(victim)["status"], summary.account["gone"]) == ("waiting", 0)
    world.blink.faults.clear()
    assert world.sync(full=True).exit_code == 0
    world.expect_complete()


def test_an_expired_clip_is_named_so(make_world: MakeWorld) -> None:
    """A clip older than Blink keeps them is gone because it expired."""
    world = make_world(clips=6, days=2, auto_delete_days=3, hostile=False)
    world.sync(limit=0)
    world.clock.pass_by(days=30)
    world.blink.cloud.expire_old()
    world.blink.cloud.add_clip()
    world.sync()
    rows = world.rows("SELECT * FROM clips WHERE gone_at IS NOT NULL")
    assert len(rows) >= 6
    assert {row["gone_reason"] for row in rows} == {"expired at Blink"}


def test_an_expired_clip_needs_no_full_walk(world: World) -> None:
    """A 404 for a clip that Blink has deleted by its age is a loss at once, with no second night of waiting;
    a younger one waits for the full walk."""
    world.sync(limit=0)
    old, young = world.blink.cloud.live_clips()[0], world.blink.cloud.live_clips()[-1]
    with closing(world.archive.open_catalog(write=True)) as catalog, catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET created_at = ? WHERE origin_key = ?",
            (utc_text(world.clock.now() - timedelta(days=61)), str(old)),
        )
    for clip in (old, young):
        world.blink.cloud.purge_clip(clip)
    summary = world.sync()
    assert not summary.full_walk
    assert (summary.exit_code, summary.account["newly_gone"], summary.account["waiting"]) == (3, 1, 2)
    assert world.clip(old)["reason"] == "expired at Blink"
    assert world.clip(young)["status"] == "waiting"


def test_a_clip_that_is_listed_again_returns_to_the_queue(world: World) -> None:
    """Should Blink list a clip again that was taken for gone, it is fetched after all."""
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    item = world.blink.cloud.item(victim)
    world.blink.cloud.replace_item(victim, item | {"deleted": True})
    world.blink.cloud.touch(victim)
    assert world.sync().account["gone"] == 1
    world.blink.cloud.restore_item(victim)
    world.blink.cloud.touch(victim)
    assert world.sync().fetched == 1
    world.expect_complete()


def test_a_missing_thumbnail_holds_nothing_back(world: World) -> None:
    """A clip is archived on its MP4 alone; a 404 for its thumbnail is recorded and not asked again."""
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=404, times=1))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched, summary.thumbnails) == (0, 12, 11)
    (row,) = world.rows("SELECT * FROM clips WHERE thumbnail_missing_at IS NOT NULL")
    assert row["sha256"]
    world.blink.forget_requests()
    world.sync()
    assert not [r for r in world.blink.requests if r.endpoint == "thumbnail"]


def test_a_thumbnail_that_failed_is_fetched_later(world: World) -> None:
    """A thumbnail that arrived as an HTML page waits by itself, is reported, and comes with the next run."""
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="html", times=1))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (3, 12)
    assert world.rows("SELECT 1 FROM clips WHERE thumbnail_error IS NOT NULL")
    summary = world.sync()
    assert (summary.exit_code, summary.thumbnails) == (0, 1)
    world.expect_complete()


def test_an_old_404_is_no_witness(world: World) -> None:
    """A 404 of an earlier run does not make a clip lost that a full walk happens not to list: it is asked
    for again first."""
    world.sync(limit=0)
    victim = world.blink.cloud.live_clips()[0]
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, match=f"/{victim}[.]"))
    assert world.sync().exit_code == 3
    world.blink.faults.clear()
    item = world.blink.cloud.item(victim)
    world.blink.cloud.replace_item(victim, world.blink.cloud.item(world.blink.cloud.live_clips()[1]))
    assert world.sync(full=True, limit=0).account["gone"] == 0
    world.blink.cloud.replace_item(victim, item)
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_what_expired_and_is_not_listed_is_gone_whatever_kept_it_from_coming(world: World) -> None:
    """A clip whose address nothing is fetched from does not wait for ever: past its time, and not in a full
    walk, it is gone."""
    victim = world.blink.cloud.live_clips()[0]
    item = world.blink.cloud.item(victim) | {"media": "http://203.0.113.9/x.mp4"}
    world.blink.cloud.replace_item(victim, item)
    assert world.sync().account["waiting"] == 2
    world.clock.pass_by(days=100)
    world.blink.cloud.expire_old()
    world.blink.cloud.add_clip()
    summary = world.sync()
    assert summary.full_walk
    assert world.clip(victim)["status"] == "gone"
    assert world.sync().exit_code == 0


def test_a_file_of_a_killed_run_is_kept_though_blink_has_the_clip_no_more(world: World) -> None:
    """Killed between rename and commit, and gone at Blink before the next run: the clip is not lost, since
    its file is here; it is kept as unproven, listed in SHA256SUMS, and reported."""
    world.sync(limit=0)
    victim, other = world.blink.cloud.live_clips()[:2]
    for clip, whole in ((victim, True), (other, False)):
        path = world.root / world.clip(clip)["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(world.blink.cloud.clip_bytes(clip) if whole else b"half of something")
        path.with_suffix(".jpg").write_bytes(world.blink.cloud.thumbnail_bytes(clip))
        world.blink.cloud.delete_clip(clip)
    summary = world.sync()
    assert (summary.exit_code, summary.account["gone"]) == (3, 1)
    row = world.clip(victim)
    assert row["status"] == "archived"
    assert "killed" in row["unproven"]
    assert row["thumbnail_sha256"]
    assert [clip for clip, _ in summary.unproven] == [str(victim)]
    assert world.clip(other)["status"] == "gone"
    assert world.run("verify").returncode == 0
