"""`verify --repair`: what is missing or changed is fetched again, or marked lost; nothing is destroyed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.store import Store
from blink_archive.archive.verify import Dates, Report, verify
from blink_archive.simulator import Fault
from blink_archive.sync.ports import Time
from blink_archive.sync.repair import Repaired, repair

from ..conftest import MakeWorld
from ..world import Silent, World, clips_fetched

MODULE = 3100001  # a Sync Module 2 of the simulated account


def mend(world: World) -> Repaired:
    """One `verify --repair`, on the world's clock."""
    return both(world)[1]


def both(world: World) -> tuple[Report, Repaired]:
    return asyncio.run(_mend(world))


async def _mend(world: World) -> tuple[Report, Repaired]:
    time = Time(now=world.clock.now, sleep=world.clock.sleep, random=lambda: 0.5)
    with world.archive.lock():
        catalog = world.archive.open_catalog(write=True)
        try:
            report = verify(
                catalog,
                world.root,
                dates=Dates(catalog, now=world.clock.now),
                running=lambda: False,
                progress=lambda count: None,
            )
            async with world.cloud() as cloud:
                done = await repair(
                    world.archive, catalog, cloud, report.findings, time=time, progress=Silent()
                )
            return report, done
        finally:
            catalog.close()


async def later(world: World, report: Report) -> Repaired:
    """A repair of what was found before."""
    time = Time(now=world.clock.now, sleep=world.clock.sleep, random=lambda: 0.5)
    catalog = world.archive.open_catalog(write=True)
    try:
        async with world.cloud() as cloud:
            return await repair(world.archive, catalog, cloud, report.findings, time=time, progress=Silent())
    finally:
        catalog.close()


def look(world: World) -> Report:
    """A plain verify, without dates."""
    catalog = world.archive.open_catalog()
    try:
        return verify(catalog, world.root, running=lambda: False, progress=lambda count: None)
    finally:
        catalog.close()


def events(world: World, kind: str) -> list[dict[str, Any]]:
    """What was told of each event of that kind, in order."""
    rows = world.rows("SELECT detail FROM events WHERE kind = ? ORDER BY id", kind)
    return [json.loads(row["detail"]) for row in rows]


def archived(world: World) -> list[dict[str, Any]]:
    """The rows that have files, in order."""
    return world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL AND local_removed_at IS NULL ORDER BY id")


def names(fates: list[Any]) -> list[str]:
    return [fate.path for fate in fates]


def clip_matching(row: dict[str, Any]) -> str:
    """The requests for this clip."""
    return str(row["origin_key"])


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Six clips, all archived."""
    world = make_world(clips=6, hostile=False)
    world.sync()
    return world


# fetched again


def test_missing_files_are_fetched_again(world: World) -> None:
    """A clip and a thumbnail that are missing come back byte for byte under their own names, with the clip's
    time; the day's files, a date and an event tell of it, and nothing is left to find."""
    one, two, *rest = archived(world)
    (world.root / one["path"]).unlink()
    (world.root / two["thumbnail_path"]).unlink()
    done = mend(world)
    assert sorted(names(done.repaired)) == sorted([one["path"], two["thumbnail_path"]])
    assert (done.lost, done.unrepaired, done.exit_codes) == ([], [], set())
    world.expect_complete()
    created = datetime.fromisoformat(one["created_at"]).timestamp()
    assert (world.root / one["path"]).stat().st_mtime == pytest.approx(created)
    assert events(world, "repaired") == [
        {"path": one["path"], "was": "missing"},
        {"path": two["thumbnail_path"], "was": "missing"},
    ]
    assert not [row for row in archived(world) if row["verified_at"] is None]
    (run,) = world.rows("SELECT * FROM runs ORDER BY id DESC LIMIT 1")
    assert (run["command"], run["exit_code"]) == ("verify --repair", 0)
    assert look(world).findings == ()
    told = (world.root / one["path"]).with_name("clips.json").read_text()
    assert '"kind": "repaired"' in told
    assert rest


def test_a_changed_file_is_kept_beside_the_good_one(world: World) -> None:
    """It is moved to NAME.damaged, numbered where that is taken, and verify forgives it there."""
    one, *_ = archived(world)
    path = world.root / one["path"]
    good = path.read_bytes()
    for times, damaged in enumerate((b"torn", b"torn again", b"and again")):
        path.write_bytes(damaged)
        (fate,) = mend(world).repaired
        aside = f"{one['path']}{f'~{times + 1}' if times else ''}.damaged"
        assert fate.detail.endswith(aside)
        assert (world.root / aside).read_bytes() == damaged
        assert path.read_bytes() == good
    assert [told.get("moved_to", "")[-8:] for told in events(world, "repaired")] == [".damaged"] * 3
    report = look(world)
    assert (report.findings, report.other) == ((), 3)


@pytest.mark.parametrize("place", ["folder", "link to nowhere", "link to another file", "pipe"])
def test_what_stands_in_the_place_of_a_file_is_moved_aside(world: World, place: str) -> None:
    """Whatever it is: it is not followed, not emptied, and not in the way."""
    one, two, *_ = archived(world)
    path, other = world.root / one["path"], world.root / two["path"]
    before = other.read_bytes()
    path.unlink()
    match place:
        case "folder":
            path.mkdir()
            (path / "note.txt").write_text("mine")
        case "link to nowhere":
            path.symlink_to("nowhere")
        case "link to another file":
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path)
    assert names(mend(world).repaired) == [one["path"]]
    assert not path.is_symlink()
    assert path.read_bytes() == world.blink.cloud.clip_bytes(int(one["origin_key"]))
    assert os.path.lexists(f"{path}.damaged")
    assert other.read_bytes() == before
    assert look(world).findings == ()


def remember_otherwise(world: World, row: dict[str, Any], prefix: str = "") -> None:
    """Have the catalog know other bytes than those that Blink has."""
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute(
            f"UPDATE clips SET {prefix}sha256 = ?, {prefix}bytes = 3 WHERE id = ?",
            (hashlib.sha256(b"old").hexdigest(), row["id"]),
        )
        catalog.db.execute("INSERT OR IGNORE INTO dirty_days VALUES (?)", (row["local_day"],))
    catalog.close()


def test_other_bytes_than_before_are_kept_with_both_hashes(world: World) -> None:
    """Blink gives a clip anew with other bytes, whole: the row takes them, and the event tells both."""
    one, two, *_ = archived(world)
    remember_otherwise(world, one)
    remember_otherwise(world, two, prefix="thumbnail_")
    (world.root / one["path"]).unlink()
    (world.root / two["thumbnail_path"]).unlink()
    done = mend(world)
    assert [fate.detail for fate in done.repaired] == ["fetched again, with other bytes than before"] * 2
    old = hashlib.sha256(b"old").hexdigest()
    assert [told["sha256_before"] for told in events(world, "repaired")] == [old, old]
    assert [told["sha256"] for told in events(world, "repaired")] == [one["sha256"], two["thumbnail_sha256"]]
    world.expect_complete()
    assert world.clip(one["origin_key"])["duration"] == one["duration"]
    assert world.clip(two["origin_key"])["thumbnail_bytes"] == two["thumbnail_bytes"]


def test_other_bytes_that_cannot_be_proven_whole_are_kept_as_that(world: World) -> None:
    """They came twice without a length: unproven, and said so. Of the bytes that the catalog knows, the hash
    is proof enough."""
    one, two, *_ = archived(world)
    remember_otherwise(world, one)
    for row in (one, two):
        (world.root / row["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="wrong_length", length="chunked"))
    mend(world)
    assert "length" in world.clip(one["origin_key"])["unproven"]
    assert world.clip(two["origin_key"])["unproven"] is None
    assert "unproven" in events(world, "repaired")[0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(endpoint="clip", kind="truncate"),
        Fault(endpoint="clip", kind="wrong_length", length="short"),
        Fault(endpoint="clip", kind="corrupt", damage="moov"),
        Fault(endpoint="clip", kind="html"),
    ],
    ids=lambda fault: fault.kind,
)
def test_bytes_that_are_not_whole_repair_nothing(world: World, fault: Fault) -> None:
    """A download that is cut short, or no clip, never takes the place of what is there, damaged or not."""
    one, *_ = archived(world)
    path = world.root / one["path"]
    path.write_bytes(b"torn")
    world.blink.faults.add(fault)
    done = mend(world)
    assert names(done.unrepaired) == [one["path"]]
    assert 7 in done.exit_codes
    assert path.read_bytes() == b"torn"
    assert not list(path.parent.glob("*.damaged"))
    assert not list((world.root / ".incoming").iterdir())


def test_a_file_that_is_well_by_now_is_left_alone(world: World) -> None:
    """Put back by hand between the reading and the repair: nothing is fetched, and it is no finding."""
    one, *_ = archived(world)
    path = world.root / one["path"]
    good = path.read_bytes()
    path.unlink()
    before = len(clips_fetched(world))
    report = look(world)
    path.write_bytes(good)

    done = asyncio.run(later(world, report))
    assert (done.repaired, done.lost, done.unrepaired, done.exit_codes) == ([], [], [], set())
    assert len(clips_fetched(world)) == before


def test_a_pruned_clip_is_not_fetched_again(world: World) -> None:
    """It is not here by the user's wish, and so no finding."""
    one, *_ = archived(world)
    (world.root / one["path"]).unlink()
    (world.root / one["thumbnail_path"]).unlink()
    found_before = look(world)
    remove(world, one, "pruned")
    report, done = both(world)
    assert (report.findings, done.repaired, done.lost) == ((), [], [])
    assert len(found_before.findings) == 2
    done = asyncio.run(later(world, found_before))
    assert (done.repaired, done.lost, done.unrepaired, done.exit_codes) == ([], [], [], set())
    assert not (world.root / one["path"]).exists()


def remove(world: World, row: dict[str, Any], reason: str) -> None:
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET local_removed_at = '2026-01-01T00:00:00.000000Z', local_removed_reason = ? "
            "WHERE id = ?",
            (reason, row["id"]),
        )
        catalog.db.execute("INSERT OR IGNORE INTO dirty_days VALUES (?)", (row["local_day"],))
    catalog.close()


def test_days_are_written_anew_at_once(world: World) -> None:
    """A day's own files need no Blink."""
    one, *_ = archived(world)
    folder = (world.root / one["path"]).parent
    (folder / "SHA256SUMS").unlink()
    (folder / "clips.json").write_text('{"clips": [')
    requests = len(world.blink.requests)
    done = mend(world)
    assert {Path(path).name for path in names(done.repaired)} == {"SHA256SUMS", "clips.json"}
    assert done.exit_codes == set()
    assert len(world.blink.requests) == requests
    assert look(world).findings == ()
    world.expect_sums()


def test_foreign_files_are_left_alone(world: World) -> None:
    """They stay where they are, and an error."""
    one, *_ = archived(world)
    stranger = (world.root / one["path"]).with_name("stranger.mp4")
    stranger.write_bytes(b"?")
    done = mend(world)
    assert done.exit_codes == {7}
    assert (done.repaired, done.lost, done.unrepaired) == ([], [], [])
    assert stranger.read_bytes() == b"?"


# lost


def test_what_blink_has_no_more_is_marked_lost(world: World) -> None:
    """A 404: the row says so, with an event; the view `missing` has it, the day's sums and later verifies do
    not; exit code 3, once."""
    one, *_ = archived(world)
    (world.root / one["path"]).unlink()
    world.blink.cloud.purge_clip(int(one["origin_key"]))
    report, done = both(world)
    assert [finding.kind for finding in report.findings] == ["missing"]
    assert (names(done.lost), done.unrepaired, done.exit_codes) == ([one["path"]], [], {3})
    row = world.clip(one["origin_key"])
    assert (row["status"], row["local_removed_reason"], row["sha256"]) == ("lost", "lost", one["sha256"])
    assert row["local_removed_at"]
    assert events(world, "lost") == [{"path": one["path"], "kind": "missing", "why": "Blink has it no more"}]
    assert one["origin_key"] in [row["clip"] for row in world.rows("SELECT * FROM missing")]
    sums = (world.root / one["path"]).with_name("SHA256SUMS")
    assert not sums.exists() or Path(one["path"]).name not in sums.read_text()
    assert look(world).findings == ()
    report, done = both(world)
    assert (report.findings, done.lost, done.exit_codes) == ((), [], set())


def test_what_was_seen_deleted_at_blink_is_not_asked_for(world: World) -> None:
    """A clip and a thumbnail: lost at once. What is left of the clip stays where it is."""
    one, two, *_ = archived(world)
    for row in (one, two):
        world.blink.cloud.delete_clip(int(row["origin_key"]))
    world.clock.pass_by(hours=2)
    world.sync()
    (world.root / one["path"]).write_bytes(b"torn")
    (world.root / two["thumbnail_path"]).unlink()
    requests = len(world.blink.requests)
    done = mend(world)
    assert sorted(names(done.lost)) == sorted([one["path"], two["thumbnail_path"]])
    assert {fate.detail for fate in done.lost} == {"it was deleted at Blink"}
    assert len(world.blink.requests) == requests
    assert (world.root / one["path"]).read_bytes() == b"torn"
    assert [world.clip(row["origin_key"])["status"] for row in (one, two)] == ["lost", "archived"]
    assert look(world).findings == ()


def test_a_clip_that_is_lost_takes_its_thumbnail_with_it(world: World) -> None:
    """Both are told as lost, in one event of the clip, and the thumbnail is not asked for."""
    one, *_ = archived(world)
    for column in ("path", "thumbnail_path"):
        (world.root / one[column]).unlink()
    world.blink.cloud.purge_clip(int(one["origin_key"]))
    thumbnails = sum(request.endpoint == "thumbnail" for request in world.blink.requests)
    done = mend(world)
    assert names(done.lost) == [one["path"], one["thumbnail_path"]]
    assert (done.unrepaired, len(events(world, "lost"))) == ([], 1)
    assert sum(request.endpoint == "thumbnail" for request in world.blink.requests) == thumbnails
    assert look(world).findings == ()


@pytest.mark.parametrize("numbered", [False, True])
def test_a_thumbnail_alone_can_be_lost(world: World, numbered: bool) -> None:
    """Blink answers 404 for it: the row forgets it, what was left of it is kept as NAME.damaged, and is not
    foreign, whatever its name was; the clip stays archived, and gets its date."""
    one, *_ = archived(world)
    path = world.root / one["thumbnail_path"]
    if numbered:
        path = path.rename(path.with_stem(f"{path.stem}~2"))
        catalog = world.archive.open_catalog(write=True)
        with catalog.transaction():
            told = path.relative_to(world.root).as_posix()
            catalog.db.execute("UPDATE clips SET thumbnail_path = ? WHERE id = ?", (told, one["id"]))
            catalog.db.execute("INSERT OR IGNORE INTO dirty_days VALUES (?)", (one["local_day"],))
        catalog.close()
    path.write_bytes(b"torn")
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=404))
    done = mend(world)
    relative = path.relative_to(world.root).as_posix()
    assert (names(done.lost), done.exit_codes) == ([relative], {3})
    row = world.clip(one["origin_key"])
    assert row["status"] == "archived"
    assert row["thumbnail_missing_at"]
    assert [row[f"thumbnail_{name}"] for name in ("path", "sha256", "bytes", "archived_at")] == [None] * 4
    assert row["verified_at"]
    (told,) = events(world, "lost")
    assert told["path"] == relative
    assert told["moved_to"] == f"{relative}.damaged"
    assert Path(f"{path}.damaged").read_bytes() == b"torn"
    assert look(world).findings == ()
    world.blink.faults.clear()
    assert world.sync().thumbnails == 0


def test_a_lost_thumbnail_of_a_clip_that_returns_is_asked_for(world: World) -> None:
    """Nobody was asked for it while the clip was deleted at Blink: that is no 404. Listed alive again, the clip
    stays there until its thumbnail is here."""
    one, *_ = archived(world)
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():  # as a walk that a shifting page hid it from
        catalog.db.execute(
            "UPDATE clips SET remote_deleted_at = ? WHERE id = ?", (one["archived_at"], one["id"])
        )
    catalog.close()
    (world.root / one["thumbnail_path"]).unlink()
    assert names(mend(world).lost) == [one["thumbnail_path"]]
    assert look(world).findings == ()
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=500))
    world.sync(full=True)
    assert one["origin_key"] in {clip.key for clip in world.plan().kept}
    world.blink.faults.clear()
    world.sync(full=True)
    assert world.clip(one["origin_key"])["thumbnail_sha256"] == one["thumbnail_sha256"]
    assert one["origin_key"] in {clip.key for clip in world.plan().delete}


@pytest.mark.parametrize("origin", ["import", "liveview"])
def test_what_blink_never_had_is_lost_at_once(world: World, origin: str) -> None:
    """An imported clip, and a recording of this program: there is nobody to ask."""
    one, *_ = archived(world)
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET origin = ?, media = NULL WHERE id = ?", (origin, one["id"]))
        catalog.db.execute("INSERT OR IGNORE INTO dirty_days VALUES (?)", (one["local_day"],))
    catalog.close()
    (world.root / one["path"]).unlink()
    requests = len(world.blink.requests)
    done = mend(world)
    assert [fate.detail for fate in done.lost] == ["Blink never had it to give"]
    assert len(world.blink.requests) == requests


def test_a_disk_that_leaves_marks_nothing_lost(world: World) -> None:
    """If the folder is another one, or none, by then, the catalog is not told that its files are lost."""
    one, *_ = archived(world)
    (world.root / one["path"]).unlink()
    world.blink.cloud.purge_clip(int(one["origin_key"]))
    (world.root / ".blink-archive.json").unlink()
    done = mend(world)
    assert names(done.unrepaired) == [one["path"]]
    assert done.stopped
    assert (done.lost, events(world, "lost")) == ([], [])


# lost, and found again


def test_a_lost_clip_whose_file_is_put_back_is_archived_again(world: World) -> None:
    """By hand, from a copy of the folder: the next repair knows it by its hash, of whatever origin it is."""
    one, *_ = archived(world)
    path = world.root / one["path"]
    good = path.read_bytes()
    path.unlink()
    world.blink.cloud.delete_clip(int(one["origin_key"]))
    world.clock.pass_by(hours=2)
    world.sync()
    mend(world)
    path.write_bytes(b"another")
    assert mend(world).repaired == []
    assert world.clip(one["origin_key"])["status"] == "lost"
    path.write_bytes(good)
    (fate,) = mend(world).repaired
    assert (fate.path, fate.was) == (one["path"], "lost")
    row = world.clip(one["origin_key"])
    assert row["status"] == "archived"
    assert row["verified_at"] > row["archived_at"]
    assert events(world, "repaired") == [{"path": one["path"], "was": "lost"}]
    world.expect_sums()


def test_a_lost_clip_that_blink_has_again_is_fetched(world: World) -> None:
    """It answered 404 once; the next repair asks again, and takes its thumbnail along."""
    one, *_ = archived(world)
    for column in ("path", "thumbnail_path"):
        (world.root / one[column]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404))
    assert mend(world).exit_codes == {3}
    assert mend(world).exit_codes == set()  # it is no finding any more
    assert world.sync().fetched == 0
    world.blink.faults.clear()
    assert [fate.was for fate in mend(world).repaired] == ["lost", "missing"]
    world.expect_complete()


def test_a_lost_clip_is_not_asked_for_for_ever(world: World) -> None:
    """Older than Blink keeps clips, or deleted there: no request. Younger, and Blink in trouble: a warning
    with Blink's exit code, but no finding."""
    one, *_ = archived(world)
    (world.root / one["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, times=1))
    mend(world)
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=503))
    done = mend(world)
    assert (done.exit_codes, done.unrepaired) == ({5}, [])
    assert one["path"] in done.warnings[0]
    world.clock.pass_by(days=61)
    requests = len(clips_fetched(world))
    assert mend(world).exit_codes == set()
    assert len(clips_fetched(world)) == requests


def test_a_lost_clip_of_the_cloud_is_taken_from_a_stick(make_world: MakeWorld) -> None:
    """The stick has the same recording, which the cloud's clip covered: lost here, it covers nothing."""
    world = make_world(usb_clips=9, hostile=False)
    world.sync()
    covered, *_ = world.rows("SELECT covered_by FROM clips WHERE covered_by IS NOT NULL")
    (one,) = world.rows("SELECT * FROM clips WHERE id = ?", covered["covered_by"])
    (world.root / one["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404))
    assert mend(world).exit_codes == {3}
    assert world.sync().fetched == 1


# left as it is


def test_trouble_with_one_clip_keeps_none_from_the_next(world: World) -> None:
    """Blink fails to give one: that one stays a finding, exit 7, told with Blink's reason."""
    one, two, *_ = archived(world)
    for row in (one, two):
        (world.root / row["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=503, match=clip_matching(one)))
    done = mend(world)
    assert names(done.repaired) == [two["path"]]
    assert [(fate.path, "503" in fate.detail) for fate in done.unrepaired] == [(one["path"], True)]
    assert done.exit_codes == {5, 7}
    assert world.clip(one["origin_key"])["status"] == "archived"
    assert world.clip(one["origin_key"])["verified_at"] is None
    world.blink.faults.clear()
    assert names(mend(world).repaired) == [one["path"]]
    world.expect_complete()


def test_a_clip_is_dated_only_when_its_thumbnail_is_well_too(world: World) -> None:
    """The clip came back, its thumbnail did not."""
    one, *_ = archived(world)
    for column in ("path", "thumbnail_path"):
        (world.root / one[column]).unlink()
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=503))
    done = mend(world)
    assert (names(done.repaired), names(done.unrepaired)) == ([one["path"]], [one["thumbnail_path"]])
    assert world.clip(one["origin_key"])["verified_at"] is None
    world.blink.faults.clear()
    mend(world)
    assert world.clip(one["origin_key"])["verified_at"]


def test_trouble_with_all_ends_the_repair(make_world: MakeWorld) -> None:
    """Five clips in a row that Blink fails to give: the rest are not tried, and stay findings."""
    world = make_world(clips=9, hostile=False)
    world.sync()
    for row in archived(world):
        (world.root / row["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=503))
    before = len(clips_fetched(world))
    done = mend(world)
    assert len(clips_fetched(world)) - before == 5 * 3  # each is tried three times
    assert done.stopped
    missing = len(archived(world))
    assert len(done.unrepaired) == missing > 5
    assert [fate.detail for fate in done.unrepaired].count("not tried") == missing - 5
    assert done.exit_codes == {5, 7}


def test_five_failures_that_are_not_in_a_row_end_nothing(make_world: MakeWorld) -> None:
    """Every second clip fails: each of the others is repaired. Nor do bytes that are no clip end it, however
    often they come: Blink is there."""
    world = make_world(clips=14, hostile=False)
    world.sync()
    rows = archived(world)
    for row in rows:
        (world.root / row["path"]).unlink()
    failing = "|".join(row["origin_key"] for row in rows[::2])
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=503, match=f"({failing})"))
    done = mend(world)
    assert len(done.unrepaired) == len(rows[::2]) > 5
    assert len(done.repaired) == len(rows[1::2])
    world.blink.faults.clear()
    for row in rows[1::2]:
        (world.root / row["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="corrupt", damage="moov"))
    done = mend(world)
    assert (len(done.unrepaired), done.stopped) == (len(rows), None)
    assert "not tried" not in {fate.detail for fate in done.unrepaired}


def test_told_to_come_back_in_an_hour_the_repair_ends(world: World) -> None:
    """Nothing more is asked."""
    one, two, *_ = archived(world)
    for row in (one, two):
        (world.root / row["path"]).unlink()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=429, retry_after=3600))
    before = len(clips_fetched(world))
    done = mend(world)
    assert len(clips_fetched(world)) - before == 1
    assert (len(done.unrepaired), done.exit_codes) == (2, {5, 7})


def test_a_sign_in_that_is_gone_ends_the_repair(world: World) -> None:
    """Exit 7 comes before 4, and what can be done without Blink is done."""
    one, two, *_ = archived(world)
    (world.root / one["path"]).unlink()
    (world.root / two["path"]).with_name("clips.json").unlink()
    world.blink.cloud.expire_tokens()
    world.blink.cloud.revoke_refresh_tokens()
    done = mend(world)
    assert names(done.unrepaired) == [one["path"]]
    assert len(done.repaired) == 1
    assert done.exit_codes == {4, 7}
    assert "login" in (done.stopped or "")


# sticks


def on_stick(world: World) -> dict[str, Any]:
    """A clip that was archived from the stick of `MODULE`."""
    (row, *_) = world.rows(
        "SELECT * FROM clips WHERE origin = 'usb' AND sync_module_id = ? AND sha256 IS NOT NULL", MODULE
    )
    return row


def take_off(world: World, row: dict[str, Any]) -> None:
    """Delete it from the stick."""
    for clip in world.blink.cloud.usb.clips(MODULE):
        if datetime.fromtimestamp(clip.created, UTC) == datetime.fromisoformat(row["created_at"]):
            world.blink.cloud.usb.remove_clip(clip.id)


@pytest.fixture
def sticks(make_world: MakeWorld) -> World:
    """Clips from the cloud and from two sticks, all archived."""
    world = make_world(clips=4, usb_clips=3, hostile=False)
    world.sync()
    return world


def test_a_clip_of_a_stick_comes_from_the_stick(sticks: World) -> None:
    """By the place that a new manifest gives it; only the one module is asked, once."""
    row = on_stick(sticks)
    path = sticks.root / row["path"]
    path.write_bytes(b"torn")
    before = len(sticks.blink.cloud.usb.requests(3100002))
    done = mend(sticks)
    assert (names(done.repaired), done.exit_codes) == ([row["path"]], set())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
    assert len(sticks.blink.cloud.usb.requests(3100002)) == before
    assert look(sticks).findings == ()


def test_a_clip_that_left_its_stick_is_lost(sticks: World) -> None:
    """A manifest that lists others, and not this one."""
    row = on_stick(sticks)
    (sticks.root / row["path"]).unlink()
    take_off(sticks, row)
    done = mend(sticks)
    assert [(fate.path, fate.detail) for fate in done.lost] == [(row["path"], "it is on the stick no more")]
    assert done.exit_codes == {3}
    assert look(sticks).findings == ()
    requests = len(sticks.blink.requests)
    assert mend(sticks).exit_codes == set()
    assert len(sticks.blink.requests) == requests


def test_a_stick_that_is_pulled_out_loses_nothing(sticks: World) -> None:
    """Its clip stays a finding until the stick is back."""
    row = on_stick(sticks)
    (sticks.root / row["path"]).unlink()
    sticks.blink.cloud.usb.pull_out(MODULE)
    done = mend(sticks)
    assert (names(done.unrepaired), done.lost) == ([row["path"]], [])
    assert 7 in done.exit_codes
    assert "stick" in done.unrepaired[0].detail
    sticks.blink.cloud.usb.put_in(MODULE)
    assert names(mend(sticks).repaired) == [row["path"]]


def test_a_stick_that_cannot_be_listed_loses_nothing(sticks: World) -> None:
    """Nor does one whose list came back empty."""
    row = on_stick(sticks)
    (sticks.root / row["path"]).unlink()
    fault = Fault(endpoint="local_storage_manifest_request", match=str(MODULE), status=409, kind="json")
    sticks.blink.faults.add(fault)
    done = mend(sticks)
    assert (names(done.unrepaired), done.exit_codes) == ([row["path"]], {5, 7})
    sticks.blink.faults.clear()
    for clip in sticks.blink.cloud.usb.clips(MODULE):
        sticks.blink.cloud.usb.remove_clip(clip.id)
    done = mend(sticks)
    assert (names(done.unrepaired), done.lost) == ([row["path"]], [])


def test_a_stick_that_fails_to_upload_loses_nothing(sticks: World) -> None:
    """The clip is listed, and does not come: a finding."""
    row = on_stick(sticks)
    (sticks.root / row["path"]).unlink()
    sticks.blink.cloud.usb.fail_uploads(MODULE, times=3)
    done = mend(sticks)
    assert (names(done.unrepaired), done.lost) == ([row["path"]], [])
    assert names(mend(sticks).repaired) == [row["path"]]


def test_a_stick_that_lists_and_does_not_give_loses_nothing(sticks: World) -> None:
    """Its 404 for a clip that it just listed is no proof: a finding."""
    row = on_stick(sticks)
    (sticks.root / row["path"]).unlink()
    sticks.blink.faults.add(Fault(endpoint="local_storage_clip", kind="status", status=404))
    done = mend(sticks)
    assert (names(done.unrepaired), done.lost) == ([row["path"]], [])
    sticks.blink.faults.clear()
    assert names(mend(sticks).repaired) == [row["path"]]


# killed


def test_each_step_is_durable_before_the_next(tmp_path: Path) -> None:
    """The old name is gone from the disk's folder before the good file gets it, and that is on the disk when
    the repair says so."""
    seen: list[tuple[bool, bytes | None]] = []
    path, aside = tmp_path / "2026" / "a.mp4", tmp_path / "2026" / "a.mp4.damaged"

    def fsync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode) and os.fstat(fd).st_ino == path.parent.stat().st_ino:
            seen.append((aside.exists(), path.read_bytes() if path.exists() else None))

    path.parent.mkdir()
    path.write_bytes(b"torn")
    store = Store(tmp_path, fsync=fsync)
    store.empty_incoming()
    part = store.open_part()
    part.write(b"good")
    store.make_durable(part)
    assert store.put_back(part, "2026/a.mp4") == "2026/a.mp4.damaged"
    assert seen == [(True, None), (True, b"good")]


KILLED = """
import os, pathlib, signal, sys

when, folder = sys.argv.pop(), pathlib.Path(sys.argv.pop())
fsync, replace = os.fsync, pathlib.Path.replace

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def killed_fsync(fd):
    fsync(fd)
    if when == "moved aside" and list(folder.glob("*.damaged")):
        die()

def killed_replace(self, target):
    if when == "before the name" and self.suffix == ".part" and str(target).endswith(".mp4"):
        die()
    done = replace(self, target)
    if when == "named" and str(target).endswith(".mp4"):
        die()
    return done

os.fsync, pathlib.Path.replace = killed_fsync, killed_replace
from blink_archive.cli import main
main()
"""


@pytest.mark.parametrize("when", ["moved aside", "before the name", "named"])
@pytest.mark.parametrize("known", [True, False])
def test_a_killed_repair_is_completed_by_the_next(world: World, when: str, known: bool) -> None:
    """SIGKILL after the damaged file was moved aside, before the good one has its name, or after it: the next
    one ends with the good file, one damaged one, and nothing left lying about."""
    one, *_ = archived(world)
    path = world.root / one["path"]
    path.write_bytes(b"torn")
    if not known:  # Blink will give other bytes than the catalog knows
        remember_otherwise(world, one)
    process = subprocess.run(
        [sys.executable, "-c", KILLED, "verify", "--repair", str(path.parent), when],
        env=world.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert path.exists() == (when == "named")
    assert path.with_name(f"{path.name}.damaged").read_bytes() == b"torn"
    done = mend(world)
    assert (done.lost, done.unrepaired, done.exit_codes) == ([], [], set())
    assert [each.name for each in path.parent.glob("*.damaged*")] == [f"{path.name}.damaged"]
    world.expect_complete()
    assert look(world).findings == ()


def test_interrupted_it_keeps_what_is_repaired(make_world: MakeWorld) -> None:
    """Ctrl-C: exit 130, what came is recorded, the days are written by the next."""
    world = make_world(clips=40, hostile=False, page_limit=100)
    world.sync()
    rows = archived(world)
    for row in rows:
        (world.root / row["path"]).unlink()
    slow = Fault(endpoint="clip", kind="stall", seconds=30, after=5)
    world.blink.faults.add(slow)
    process = world.start("verify", "--repair")
    while len(list(world.root.rglob("*.mp4"))) < 5 or not world.blink.faults.fired(slow):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out.count("\nrepaired: ") == len(events(world, "repaired")) == 5
    assert "the next repair goes on" in err
    world.blink.faults.clear()
    assert len(mend(world).repaired) == len(rows) - 5
    world.expect_complete()
