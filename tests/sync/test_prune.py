"""Deletion at Blink: only what is proven safe here, just before, and written down (promise 3)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive import deletion, proof
from blink_archive.archive.filters import Filter
from blink_archive.client import Blink
from blink_archive.errors import StorageError
from blink_archive.simulator import Fault
from tests.conftest import MakeWorld
from tests.world import World


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids of each request to delete that was sent."""
    sent: list[list[int]] = []
    send = Blink.delete_media

    async def note(self: Blink, ids: Sequence[int]) -> None:
        sent.append(list(ids))
        await send(self, ids)

    monkeypatch.setattr(Blink, "delete_media", note)
    return sent


def reasons(world: World, origin: str = "cloud", **wish: Any) -> dict[str, str]:
    """Why each clip stays."""
    return {clip.key: clip.reason for clip in world.plan(origin, **wish).kept}


def set_columns(world: World, clip: int, **columns: Any) -> None:
    """Make a row say what is hard to bring about."""
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        for column, value in columns.items():
            catalog.db.execute(f"UPDATE clips SET {column} = ? WHERE origin_key = ?", (value, str(clip)))
    catalog.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Six clips, archived."""
    world = make_world(clips=6, hostile=False)
    assert world.sync().exit_code == 0
    return world


def test_what_is_proven_goes_and_a_walk_tells_that_it_is_gone(world: World) -> None:
    """Each clip is asked for once; 711 is a confirmation, and only the tombstone says that it is gone. Files
    and rows stay."""
    clips, files = world.blink.cloud.live_clips(), world.files()
    done = world.prune()
    assert (done.exit_code, done.stopped, done.unclear) == (0, None, [])
    assert sorted(int(clip) for clip, _ in done.deleted) == sorted(clips)
    assert done.bytes == sum(len(data) for path, data in files.items() if path.endswith(".mp4"))
    assert world.blink.cloud.live_clips() == []
    for clip in clips:
        row = world.clip(clip)
        assert row["delete_intended_at"] <= row["delete_confirmed_at"]
        assert row["remote_deleted_at"] is None
    assert world.plan().delete == ()  # Blink said that they are gone
    assert world.sync().exit_code == 0
    for clip in clips:
        row = world.clip(clip)
        assert row["remote_deleted_at"] is not None
        assert row["status"] == "archived"
        kinds = [row["kind"] for row in world.rows("SELECT kind FROM events WHERE clip_id = ?", row["id"])]
        assert kinds == ["archived", "delete_intended", "delete_confirmed", "remote_deleted"]
    assert world.files() == files
    world.expect_sums()


def test_before_an_id_is_sent_everything_is_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment of the request, seen from outside: row, intent and event are committed, the files are
    whole, and the day's own files tell of clip and intent."""
    send = Blink.delete_media
    seen: list[int] = []

    async def look(self: Blink, ids: Sequence[int]) -> None:
        for clip in ids:
            row = world.clip(clip)
            assert hashlib.sha256((world.root / row["path"]).read_bytes()).hexdigest() == row["sha256"]
            assert row["delete_intended_at"] is not None
            assert row["delete_confirmed_at"] is None
            assert world.rows(
                "SELECT 1 FROM events WHERE clip_id = ? AND kind = 'delete_intended'", row["id"]
            )
            day = world.root / row["local_day"].replace("-", "/")
            assert f"{row['sha256']}  {Path(row['path']).name}" in (day / "SHA256SUMS").read_text()
            entries = json.loads((day / "clips.json").read_text())["clips"]
            (entry,) = [entry for entry in entries if entry["origin_key"] == str(clip)]
            assert entry["sha256"] == row["sha256"]
            assert entry["delete_intended_at"] == row["delete_intended_at"]
            assert entry["events"][-1]["kind"] == "delete_intended"
            assert not world.rows("SELECT 1 FROM dirty_days WHERE local_day = ?", row["local_day"])
            seen.append(clip)
        await send(self, ids)

    monkeypatch.setattr(Blink, "delete_media", look)
    clips = world.blink.cloud.live_clips()
    assert world.prune().exit_code == 0
    assert sorted(seen) == sorted(clips)


def test_at_most_fifty_are_asked_for_at_once(make_world: MakeWorld, asked: list[list[int]]) -> None:
    """120 clips are three requests; no id twice."""
    world = make_world(clips=120, hostile=False, page_limit=200)
    world.sync()
    clips = world.blink.cloud.live_clips()
    assert len(world.prune().deleted) == 120
    assert [len(ids) for ids in asked] == [50, 50, 20]
    assert sorted(clip for ids in asked for clip in ids) == sorted(clips)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "long": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "link": lambda path: (path.rename(path.with_suffix(".real")), path.symlink_to(path.with_suffix(".real"))),
    "fifo": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("column", ["path", "thumbnail_path"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_one_file_that_is_not_proven_stops_all_deletion(
    world: World, column: str, damage: str, asked: list[list[int]]
) -> None:
    """Exit 7 with the file's name, and not one id was sent: neither before nor after it."""
    victim = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY created_at")[3]
    DAMAGES[damage](world.root / victim[column])
    done = world.prune()
    assert done.exit_code == 7
    assert victim[column] in (done.stopped or "")
    assert asked == []
    assert done.deleted == []
    assert not world.rows("SELECT 1 FROM clips WHERE delete_intended_at IS NOT NULL")


def test_a_batch_that_fails_keeps_the_next_from_being_sent(
    make_world: MakeWorld, asked: list[list[int]]
) -> None:
    """The first fifty were proven, and went; a bad file among the next fifty ends the run there."""
    world = make_world(clips=120, hostile=False, page_limit=200)
    world.sync()
    paths = world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL ORDER BY created_at")
    victim = paths[70]["path"]
    (world.root / victim).unlink()
    done = world.prune()
    assert (done.exit_code, len(done.deleted)) == (7, 50)
    assert victim in (done.stopped or "")
    assert [len(ids) for ids in asked] == [50]
    assert len(world.blink.cloud.live_clips()) == 70


def test_a_file_that_fails_its_walk_stops_all_deletion(world: World, asked: list[list[int]]) -> None:
    """Bytes with the catalog's hash that are no whole MP4: the row should have said so; nothing goes."""
    victim = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY created_at")[0]
    data = (world.root / victim["path"]).read_bytes()[:-10]
    (world.root / victim["path"]).write_bytes(data)
    set_columns(world, victim["origin_key"], sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    done = world.prune()
    assert (done.exit_code, asked) == (7, [])
    assert "not whole" in (done.stopped or "")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"unproven": "its last box is short"}, "unproven: its last box is short"),
        ({"thumbnail_sha256": None, "thumbnail_path": None}, "its thumbnail is not here"),
        ({"thumbnail_sha256": None, "thumbnail_path": None, "thumbnail_error": "thumbnail: 500"}, "500"),
        ({"sha256": None, "archived_at": None}, "not archived: it waits"),
        ({"sha256": None, "archived_at": None, "last_error": "404"}, "not archived: 404"),
        ({"sha256": None, "archived_at": None, "excluded_at": "2026"}, "excluded"),
        ({"local_removed_at": "2026", "local_removed_reason": "pruned"}, "not here any more: pruned"),
        ({"local_removed_at": "2026", "local_removed_reason": "lost"}, "not here any more: lost"),
        ({"origin_key": "item-1a2b"}, "Blink gave it no id"),
        ({"origin_key": "07100001"}, "Blink gave it no id"),  # which is another clip's, as a number
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_proven_stays(world: World, columns: dict[str, Any], reason: str) -> None:
    """It stays at Blink with its reason, and the others go."""
    clips = world.blink.cloud.live_clips()
    victim = clips[2]
    statement = ", ".join(f"{column} = ?" for column in columns)
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute(
            f"UPDATE clips SET {statement} WHERE origin_key = ?", [*columns.values(), str(victim)]
        )
    catalog.close()
    assert reason in reasons(world)[columns.get("origin_key", str(victim))]
    assert world.prune().exit_code == 0
    assert world.blink.cloud.live_clips() == [victim]


def test_a_thumbnail_that_blink_never_had_holds_nothing_back(make_world: MakeWorld) -> None:
    """A recorded 404 is enough; a thumbnail that could not be fetched is not."""
    world = make_world(clips=2, hostile=False)
    first, second = sorted(world.blink.cloud.live_clips())
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=404, match=str(first)))
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=500, match=str(second)))
    world.sync()
    assert [clip.key for clip in world.plan().delete] == [str(first)]
    assert reasons(world)[str(second)].startswith("thumbnail: ")


def test_what_is_asked_for_narrows_it(make_world: MakeWorld) -> None:
    """--camera, --source, --before and --keep-days: others stay at Blink. A bare date is the local day, and is
    not part of --before."""
    world = make_world(clips=12, hostile=False)
    world.sync()
    rows = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY created_at")
    day, camera, source = rows[6]["local_day"], rows[0]["camera_name"], rows[0]["source"]

    def planned(**wish: Any) -> set[str]:
        return {clip.key for clip in world.plan(**wish).delete}

    assert planned(wanted=Filter(before=date.fromisoformat(day))) == {
        row["origin_key"] for row in rows if row["local_day"] < day
    }
    assert planned(wanted=Filter(cameras=(camera,))) == {
        row["origin_key"] for row in rows if row["camera_name"] == camera
    }
    assert planned(wanted=Filter(sources=(source,))) == {
        row["origin_key"] for row in rows if row["source"] == source
    }
    assert planned(keep=timedelta(days=2)) == set()
    kept = reasons(world, keep=timedelta(days=2))
    assert all(kept[row["origin_key"]].startswith("archived only 2") for row in rows)
    world.clock.pass_by(days=2, seconds=1)
    assert planned(keep=timedelta(days=2)) == {row["origin_key"] for row in rows}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(endpoint="media_delete", kind="status", status=500), 5),
        (Fault(endpoint="media_delete", kind="json", status=200, body={"message": "what?"}), 5),
        (Fault(endpoint="media_delete", kind="json", status=200, body={"code": 706, "message": "no"}), 5),
        (Fault(endpoint="media_delete", kind="html"), 5),
        (Fault(endpoint="media_delete", kind="reset", part=0.0), 5),
        (Fault(endpoint="media_delete", kind="reset", part=0.5), 5),
    ],
    ids=lambda value: str(getattr(value, "kind", value)),
)
def test_an_unclear_answer_confirms_nothing_and_asking_twice_is_harmless(
    world: World, fault: Fault, code: int
) -> None:
    """The intent stays, no confirmation is written; the same command again asks again."""
    clips = sorted(world.blink.cloud.live_clips())
    world.blink.faults.add(fault)
    done = world.prune()
    assert (done.exit_code, done.deleted) == (code, [])
    assert sorted(map(int, done.unclear)) == clips
    assert done.stopped
    for clip in clips:
        row = world.clip(clip)
        assert row["delete_intended_at"]
        assert not row["delete_confirmed_at"]
    world.blink.faults.clear()
    again = world.prune()
    assert (again.exit_code, len(again.deleted), again.unclear) == (0, 6, [])
    assert world.blink.cloud.live_clips() == []


def test_what_blink_confirmed_and_lists_again_is_asked_for_again(world: World) -> None:
    """Blink's word is not the last one: a clip that is listed alive after its deletion is at Blink."""
    world.blink.faults.add(
        Fault(endpoint="media_delete", kind="json", status=200, body={"code": 711, "message": "done"})
    )
    assert len(world.prune().deleted) == 6
    assert world.plan().delete == ()
    world.blink.faults.clear()
    assert world.sync(full=True).exit_code == 0
    assert len(world.plan().delete) == 6
    assert len(world.rows("SELECT 1 FROM events WHERE kind = 'listed_again'")) == 6
    assert len(world.prune().deleted) == 6
    assert world.blink.cloud.live_clips() == []


def test_absence_from_a_full_walk_tells_that_a_clip_is_gone(world: World) -> None:
    """A clip that left without a tombstone: a plain walk tells nothing, a full one does; listed again, it is
    there again. An archived one is no loss."""
    gone, *rest = world.blink.cloud.live_clips()
    item = world.blink.cloud.item(gone)
    world.blink.cloud.purge_clip(gone)
    world.sync()
    assert world.clip(gone)["remote_deleted_at"] is None
    summary = world.sync(full=True)
    assert summary.exit_code == 0
    assert world.clip(gone)["remote_deleted_at"] is not None
    assert {world.clip(clip)["remote_deleted_at"] for clip in rest} == {None}
    assert str(gone) not in {clip.key for clip in world.plan().delete}
    world.blink.cloud.add_raw_item(item)
    world.sync(full=True)
    assert world.clip(gone)["remote_deleted_at"] is None


def test_an_empty_full_walk_tells_of_no_departure(world: World) -> None:
    """Throttled accounts are shown nothing: that says of no clip that it is gone."""
    world.blink.faults.add(Fault(endpoint="media_changed", kind="json", status=200, body={"media": []}))
    world.sync(full=True)
    assert not world.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL AND remote_deleted_at IS NOT NULL")


@pytest.mark.parametrize("change", ["gone", "other", "catalog"])
def test_the_folder_is_looked_at_again_before_each_batch(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, change: str, asked: list[list[int]]
) -> None:
    """A disk that left, or was swapped, after the files were read: the next batch is not sent."""
    world = make_world(clips=60, hostile=False, page_limit=100)
    world.sync()
    marker, send = world.root / ".blink-archive.json", Blink.delete_media

    async def swap(self: Blink, ids: Sequence[int]) -> None:
        await send(self, ids)
        match change:
            case "gone":
                marker.unlink()
            case "other":
                marker.write_text(marker.read_text().replace('"uuid": "', '"uuid": "0'))
            case _:
                (world.root / "catalog.db").rename(world.root / "elsewhere.db")

    monkeypatch.setattr(Blink, "delete_media", swap)
    done = world.prune()
    assert done.exit_code == (8 if change == "catalog" else 1)  # SQLite itself tells that its file was moved
    assert len(asked) == 1


def test_days_that_cannot_be_written_keep_their_clips_at_blink(world: World, asked: list[list[int]]) -> None:
    """The day's own files come before the deletion."""
    day = world.rows("SELECT local_day FROM clips ORDER BY created_at")[0]["local_day"].replace("-", "/")
    (world.root / day / "clips.json").unlink()
    (world.root / day / "clips.json").mkdir()
    done = world.prune()
    assert (done.exit_code, asked) == (8, [])


def test_a_day_that_reads_otherwise_than_written_keeps_its_clips_at_blink(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: list[list[int]]
) -> None:
    """What the disk gives back is what counts."""
    monkeypatch.setattr("blink_archive.archive.days.read_back", lambda store, path: b"rotten")
    done = world.prune()
    assert (done.exit_code, asked) == (7, [])
    assert "clips.json" in (done.stopped or "")


def test_an_intent_that_cannot_be_committed_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, asked: list[list[int]]
) -> None:
    """A full disk under the catalog."""

    def full(*_: object, **__: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(deletion, "record_intent", full)
    done = world.prune()
    assert (done.exit_code, asked) == (8, [])


def test_files_are_read_from_the_disk_and_not_from_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system can drop a file from its cache, that is done before each file is read."""
    pytest.importorskip("posix", reason="no posix_fadvise here")
    dropped: list[int] = []
    advise = os.posix_fadvise

    def note(fd: int, *arguments: int) -> None:
        assert arguments == (0, 0, os.POSIX_FADV_DONTNEED)
        dropped.append(os.fstat(fd).st_ino)
        advise(fd, *arguments)

    monkeypatch.setattr(proof.os, "posix_fadvise", note)
    world.prune()
    assert {(world.root / path).stat().st_ino for path in world.files()} <= set(dropped)


def test_only_what_was_agreed_to_is_deleted(world: World, asked: list[list[int]]) -> None:
    """A clip that became deletable after a person said yes stays."""
    import asyncio

    from blink_archive.sync.prune import Wish, prune

    chosen = world.plan().delete[:2]

    async def run() -> None:
        async with world.cloud() as cloud:
            ids = frozenset(clip.key for clip in chosen)
            await prune(world.archive, cloud, Wish("cloud"), ids, time=world._time())

    asyncio.run(run())
    assert asked == [[int(clip.key) for clip in chosen]]


# sticks


@pytest.fixture
def sticks(make_world: MakeWorld) -> World:
    """Four clips in the cloud and on each of two sticks, archived; some are the same recording."""
    world = make_world(clips=4, usb_clips=4, hostile=False)
    assert world.sync().exit_code == 0
    return world


MODULES = (3100001, 3100002)


def on_sticks(world: World) -> int:
    return sum(len(world.blink.cloud.usb.clips(module)) for module in MODULES)


def test_sticks_are_pruned_by_their_own_bytes_alone(sticks: World, asked: list[list[int]]) -> None:
    """What was archived from the stick goes; what the cloud covers stays; the cloud keeps everything."""
    covered = sticks.rows("SELECT * FROM clips_view WHERE status = 'covered'")
    own = sticks.rows("SELECT * FROM clips WHERE origin = 'usb' AND sha256 IS NOT NULL")
    assert covered
    assert own
    cloud = sticks.blink.cloud.live_clips()
    assert set(reasons(sticks, "usb").values()) == {"archived from the cloud, not by its own bytes"}
    done = sticks.prune("usb")
    assert (done.exit_code, done.stopped, len(done.deleted)) == (0, None, len(own))
    assert on_sticks(sticks) == len(covered)
    assert sticks.blink.cloud.live_clips() == cloud
    assert asked == []
    summary = sticks.sync()
    assert (summary.exit_code, summary.warnings) == (0, [])  # what was deleted has not been lost
    left = sticks.rows("SELECT * FROM clips WHERE origin = 'usb' AND sha256 IS NOT NULL")
    assert all(row["delete_confirmed_at"] for row in left)
    emptied = {module for module in MODULES if not sticks.blink.cloud.usb.clips(module)}
    for row in left:  # an empty manifest proves nothing
        assert (row["remote_deleted_at"] is None) == (row["sync_module_id"] in emptied)


@pytest.mark.parametrize("damage", ["bit", "missing"])
def test_a_stick_is_left_alone_where_a_file_is_not_proven(sticks: World, damage: str) -> None:
    """The first file of a stick that is not proven ends it with exit 7."""
    before = on_sticks(sticks)
    victim = sticks.plan("usb").delete[0]
    path = sticks.rows("SELECT path FROM clips WHERE id = ?", victim.id)[0]["path"]
    DAMAGES[damage](sticks.root / path)
    done = sticks.prune("usb")
    assert done.exit_code == 7
    assert path in (done.stopped or "")
    assert on_sticks(sticks) == before


def test_a_stick_that_fails_to_delete_confirms_nothing(sticks: World) -> None:
    """The sync module's failure, or that of the request, ends the run, and is no confirmation."""
    sticks.blink.faults.add(Fault(endpoint="local_storage_delete", kind="status", status=500))
    before = on_sticks(sticks)
    done = sticks.prune("usb")
    assert done.exit_code != 0
    assert done.deleted == []
    assert on_sticks(sticks) == before
    assert not sticks.rows("SELECT 1 FROM clips WHERE delete_confirmed_at IS NOT NULL")


def test_one_of_two_clips_that_nothing_tells_apart_stays(make_world: MakeWorld) -> None:
    """Two clips of one camera, second and size; one could be fetched. The next manifest may list the other
    alone, under the first one's key: neither is deleted, however often it is asked for."""
    world = make_world(clips=0, usb_clips=1, hostile=False)
    usb, module = world.blink.cloud.usb, MODULES[0]
    (clip,) = usb.clips(module)
    at = datetime.fromtimestamp(clip.created, UTC)
    usb.add_clip(module, camera_name=clip.camera_name, created_at=at, template=clip.template)
    world.sync(limit=1)
    both = [hashlib.sha256(usb.clip_bytes(each.id)).hexdigest() for each in usb.clips(module)]
    (archived,) = world.rows("SELECT sha256 FROM clips WHERE sha256 IS NOT NULL")
    assert archived["sha256"] in both
    for _ in range(3):
        assert world.prune("usb").deleted == []
        assert len(usb.clips(module)) == 2
    assert any(
        "another clip of this camera, time and size" in reason for reason in reasons(world, "usb").values()
    )


def test_recordings_and_imports_are_none_of_its_business(world: World) -> None:
    """Clips of this program's own, and imported ones, are in no plan."""
    clip = world.blink.cloud.live_clips()[0]
    for origin in ("import", "liveview"):
        set_columns(world, clip, origin=origin)
        assert len(world.plan().delete) == 5
        assert str(clip) not in reasons(world)
        assert world.plan("usb").delete == ()
