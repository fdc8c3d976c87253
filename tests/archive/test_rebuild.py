"""A catalog made from the folder alone is the one that was lost, but for what no folder tells."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.catalog import FORMAT, Catalog
from blink_archive.archive.check import check
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.archive.layout import Layout
from blink_archive.archive.rebuild import Report, rebuild
from blink_archive.archive.store import Store
from blink_archive.errors import ArchiveBusy, ArchiveError, NewerFormat, StorageError, UsageError

from ..conftest import MakeWorld
from ..world import World, clips_fetched, is_sound
from .helpers import CLIPS, NOW, archive_files, clip_row, list_items, make_item

DAY = "2026/11/23"
NAME = f"{DAY}/2026-11-23T14-52-07-0500_front-door_7000001"
NOTE = "The postman\nwaited — \N{SNOWMAN} \U0001f4e6\t“twice”\n\n" + "He rang again. " * 650 + "."
NOT_REBUILT = {"id", "archived_run", "covered_by"}
VIDEO = next(CLIPS.glob("*.mp4")).read_bytes()
PICTURE = next(CLIPS.glob("*.jpg")).read_bytes()


def made_anew(archive: Archive) -> Report:
    """A rebuild without anybody to ask."""
    return rebuild(archive, agree=lambda clips: None, now=lambda: NOW, tick=lambda count: None)


def write_days(catalog: Catalog, store: Store, *, every: bool = False) -> None:
    if every:
        with catalog.transaction():
            catalog.db.execute("INSERT OR IGNORE INTO dirty_days SELECT DISTINCT local_day FROM clips")
    while write_dirty_days(catalog, store):
        pass


def day_files(root: Path) -> dict[str, bytes]:
    """The files that each day has of its own."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.name in ("clips.json", "SHA256SUMS")
    }


def facts(catalog: Catalog) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All that clips and their events say, but for what means nothing outside of one catalog."""
    clips = catalog.rows("SELECT * FROM clips ORDER BY origin, origin_key")
    events = catalog.rows(
        "SELECT origin, origin_key, at, kind, events.detail FROM events JOIN clips ON clips.id = clip_id "
        "ORDER BY origin, origin_key, events.id"
    )
    return [{name: clip[name] for name in clip.keys() - NOT_REBUILT} for clip in clips], events


def rewrite(root: Path, change: Callable[[dict[str, Any]], object], *, day: str = DAY) -> None:
    """Somebody changes a ``clips.json``."""
    file = root / day / "clips.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    change(told)
    file.write_text(json.dumps(told), encoding="utf-8")


def dirty(archive: Archive) -> list[str]:
    catalog = archive.open_catalog()
    try:
        return [row["local_day"] for row in catalog.rows("SELECT local_day FROM dirty_days ORDER BY 1")]
    finally:
        catalog.close()


def rows(archive: Archive, sql: str = "SELECT * FROM clips ORDER BY id") -> list[dict[str, Any]]:
    catalog = archive.open_catalog()
    try:
        return catalog.rows(sql)
    finally:
        catalog.close()


@pytest.fixture
def one(archive: Archive, catalog: Catalog, store: Store) -> Archive:
    """An archive of one clip with its thumbnail, and its day written."""
    list_items(catalog, make_item())
    archive_files(catalog, store, "7000001", clip_data=VIDEO, picture=PICTURE)
    write_days(catalog, store)
    catalog.close()
    return archive


# what a folder tells


def decide(world: World) -> None:
    """What users, prunes and losses leave in a catalog, by SQL, on clips of a world."""
    catalog = world.archive.open_catalog(write=True)
    at = "2026-11-24T12:00:00.000000Z"
    unused = "sha256 IS NOT NULL AND id NOT IN (SELECT covered_by FROM clips WHERE covered_by IS NOT NULL)"
    ids = [row["id"] for row in catalog.rows(f"SELECT id FROM clips WHERE {unused} ORDER BY id")]
    with catalog.transaction():
        for clip_id, columns in (
            (
                ids[0],
                {"starred_at": at, "verified_at": at, "note": NOTE, "own_labels": '["Fuchs", "straße"]'},
            ),
            (ids[1], {"local_removed_at": at, "local_removed_reason": "pruned"}),
            (ids[2], {"local_removed_at": at, "local_removed_reason": "lost", "starred_at": at}),
            (ids[3], {"delete_intended_at": at, "delete_confirmed_at": at, "remote_deleted_at": at}),
            (ids[4], {"delete_intended_at": at}),
            (ids[5], {"unproven": "it came without a length, “twice” \N{SNOWMAN}", "excluded_at": at}),
            (
                ids[6],
                {
                    "sha256": None,
                    "archived_at": None,
                    "excluded_at": at,
                    "attempts": 3,
                    "last_error": "it broke",
                    "not_found_at": at,
                    "note": "it waits",
                    "own_labels": '["\U0001f98a \\"quoted\\" \\\\"]',
                },
            ),
            (ids[7], {"sha256": None, "archived_at": None, "gone_at": at, "gone_reason": "expired at Blink"}),
        ):
            assignments = ", ".join(f"{name} = ?" for name in columns)
            catalog.db.execute(f"UPDATE clips SET {assignments} WHERE id = ?", [*columns.values(), clip_id])
            catalog.add_event(
                "decided", at=NOW, clip_id=clip_id, detail={"why": "☃", "nested": {"a": [1, None]}}
            )
            catalog.add_event("again", at=NOW, clip_id=clip_id)
        for row in catalog.rows(
            "SELECT path, thumbnail_path FROM clips WHERE local_removed_at IS NOT NULL OR sha256 IS NULL"
        ):
            for path in filter(None, row.values()):
                (world.root / path).unlink(missing_ok=True)
        catalog.db.execute(
            "UPDATE clips SET thumbnail_path = NULL, thumbnail_sha256 = NULL, thumbnail_bytes = NULL, "
            "thumbnail_archived_at = NULL WHERE sha256 IS NULL"
        )
    write_days(catalog, world.archive.store, every=True)
    catalog.close()


def test_nothing_but_what_no_folder_tells_is_lost(make_world: MakeWorld) -> None:
    """Every column of every clip and event comes back, decisions, losses and prunings included; no day has
    to be written, and writing all of them anyway changes no byte; the old catalog is kept."""
    world = make_world(usb_clips=4)
    world.sync()
    decide(world)
    catalog = world.archive.open_catalog()
    before, files = facts(catalog), day_files(world.root)
    catalog.close()
    report = made_anew(world.archive)
    catalog = world.archive.open_catalog(write=True)
    assert facts(catalog) == before
    assert len(before[0]) > 12
    assert catalog.rows("SELECT * FROM dirty_days") == []
    write_days(catalog, world.archive.store, every=True)
    assert day_files(world.root) == files
    assert catalog.rows("SELECT uuid, account_id FROM archive") == [
        {"uuid": world.archive.marker.uuid, "account_id": 1100001}
    ]
    (told,) = catalog.rows("SELECT detail FROM events WHERE kind = 'rebuilt'")
    catalog.close()
    assert json.loads(told["detail"]) == report.counts
    assert report.counts["clips"] == len(before[0])
    assert report.counts["events"] == len(before[1])
    wrong = ("damaged", "skipped", "mended", "missing", "named", "doubtful", "waited", "foreign")
    assert not any(getattr(report, name) for name in wrong)
    assert check(world.archive, now=NOW).findings == ()
    assert report.replaced is not None
    assert is_sound(Path(report.replaced))


def test_words_are_found_again(one: Archive) -> None:
    """The full-text index knows the rebuilt clips, and what people said of them."""
    rewrite(one.root, lambda day: day["clips"][0].update(note="the parcel", own_labels='["Füchse"]'))
    assert made_anew(one).mended == []
    for words in ("door", "parcel", "fuchse", "note: parcel", "own_labels: fuchse"):
        assert len(rows(one, f"SELECT rowid FROM clips_fts WHERE clips_fts MATCH '{words}'")) == 1, words


def test_a_sync_goes_on_from_a_rebuilt_catalog(make_world: MakeWorld) -> None:
    """The next sync walks through everything and fetches nothing twice: what is excluded, pruned or starred
    stays so, what is covered is covered again, and only what waited is fetched."""
    world = make_world(usb_clips=4)
    world.sync()
    decide(world)
    before = {row["origin_key"]: row for row in world.rows("SELECT * FROM clips")}
    kept = ("excluded_at", "starred_at", "local_removed_at", "local_removed_reason", "sha256", "gone_at")
    world.archive.catalog_path.unlink()
    made_anew(world.archive)
    fetched = len(clips_fetched(world))
    summary = world.sync()
    assert summary.full_walk
    assert summary.new == 0
    again = set(clips_fetched(world)[fetched:])
    waiting = [row for row in before.values() if row["sha256"] is None and row["excluded_at"] is None]
    assert again <= {row["media"] for row in waiting}
    for key, row in before.items():
        if row not in waiting:
            now = world.clip(key)
            assert {name: now[name] for name in kept} == {name: row[name] for name in kept}
    covered = sum(row["covered_by"] is not None for row in before.values())
    assert summary.account["covered"] == covered > 0
    assert not world.rows("SELECT * FROM dirty_days")


def test_a_whole_world_without_any_clips_json(make_world: MakeWorld) -> None:
    """From SHA256SUMS and names alone all clips come back; the next sync fetches none of them again, and
    tells their metadata, so that the days are those that they were."""
    world = make_world(usb_clips=4)
    world.sync()
    before = {row["path"]: row for row in world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")}
    for file in world.root.rglob("clips.json"):
        file.unlink()
    world.archive.catalog_path.unlink()
    report = made_anew(world.archive)
    assert sorted(report.named) == sorted(before)
    assert report.counts["hashed"] == 0
    assert check(world.archive, now=NOW).findings == ()
    fetched = len(clips_fetched(world))
    summary = world.sync()
    assert not {before[path]["media"] for path in before} & set(clips_fetched(world)[fetched:])
    assert summary.fetched == 0
    told = (
        "origin", "origin_key", "created_at", "updated_at", "time_zone", "created_local", "local_day", "network_id",
        "network_name", "camera_id", "camera_name", "sync_module_id", "device_type", "type", "source", "watched",
        "media", "thumbnail", "metadata", "raw", "problem", "bytes", "sha256", "duration", "thumbnail_path",
        "thumbnail_sha256", "thumbnail_bytes",
    )  # fmt: skip
    for path, row in before.items():
        (now,) = world.rows("SELECT * FROM clips WHERE path = ?", path)
        of_manifest = {"media", "raw"} if row["origin"] == "usb" else set()  # ids there are new each time
        differing = {name for name in told if now[name] != row[name]} - of_manifest
        assert not differing, (row["origin_key"], differing)
        assert now["unproven"]
    world.expect_sums()
    assert check(world.archive, now=world.clock.now()).findings == ()


def test_a_file_that_is_not_here_stays_missing(one: Archive) -> None:
    """The row keeps its hash, so that verify finds it; the day is right as it is, and the file is said."""
    for suffix in (".jpg", ".mp4"):
        (one.root / f"{NAME}{suffix}").unlink()
    before = rows(one)[0]
    report = made_anew(one)
    assert report.missing == [f"{NAME}.mp4", f"{NAME}.jpg"]
    assert rows(one)[0]["sha256"] == before["sha256"]
    assert dirty(one) == []


def test_a_folder_that_only_looks_like_a_days(one: Archive) -> None:
    """A folder without clips needs no clips.json, and gets none; a date that no calendar has is no day."""
    for folder in ("2026/11/24", "2026/02/31", "1/2"):
        (one.root / folder).mkdir(parents=True)
        (one.root / folder / "notes.txt").write_bytes(b"")
    report = made_anew(one)
    assert report.damaged == []
    assert dirty(one) == []


# what no clips.json tells of


def test_a_damaged_clips_json_gives_the_lines_that_are_whole(
    archive: Archive, catalog: Catalog, store: Store
) -> None:
    """Of a clips.json that was cut, whole lines count, stars included; the clip of the cut one is taken by its
    name, with the hash of SHA256SUMS; the day is said, and written anew by the next sync."""
    list_items(catalog, *(make_item(number) for number in (1, 2, 3)))
    for key in ("1", "2", "3"):
        archive_files(catalog, store, key, clip_data=VIDEO + key.encode() * 0)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET starred_at = ?", ("2026-11-24T12:00:00.000000Z",))
    write_days(catalog, store)
    catalog.close()
    file = archive.root / DAY / "clips.json"
    data = file.read_bytes()
    file.write_bytes(data[: data.rindex(b"starred_at")])
    report = made_anew(archive)
    assert report.damaged == [next(line for line in report.damaged if line.startswith(f"{DAY}/clips.json: "))]
    assert "2 of its lines are whole, 1 are not" in report.damaged[0]
    assert [path.rpartition("_")[2] for path in report.named] == ["3.mp4"]
    starred = rows(archive, "SELECT origin_key, starred_at IS NOT NULL AS star FROM clips ORDER BY 1")
    assert [tuple(row.values()) for row in starred] == [("1", 1), ("2", 1), ("3", 0)]
    assert dirty(archive) == ["2026-11-23"]


def test_the_hash_is_that_of_sha256sums(one: Archive) -> None:
    """Without clips.json, SHA256SUMS is believed as to what the bytes were, so that verify finds what they are
    not any more; the row tells what the name and the container tell, and is unproven."""
    (one.root / DAY / "clips.json").unlink()
    before = rows(one)[0]
    (one.root / f"{NAME}.mp4").write_bytes(VIDEO + b"\0" * 8)
    report = made_anew(one)
    assert (report.named, report.counts["hashed"]) == ([f"{NAME}.mp4"], 0)
    assert report.damaged == [f"{DAY}/clips.json: it is missing"]
    (row,) = rows(one)
    same = (
        "origin", "origin_key", "created_at", "created_local", "local_day", "sha256", "thumbnail_sha256",
        "thumbnail_path", "thumbnail_bytes",
    )  # fmt: skip
    assert {name: row[name] for name in same} == {name: before[name] for name in same}
    assert (row["bytes"], row["raw"], row["archived_run"]) == (len(VIDEO) + 8, "{}", None)
    assert row["problem"]
    assert "no box at byte" in row["unproven"]
    assert row["camera_name"] == "front-door"
    assert row["duration"] > 1


def test_without_sha256sums_the_bytes_are_read(one: Archive) -> None:
    """With neither of the day's files, a clip and its thumbnail get the hashes of what is there."""
    before = rows(one)[0]
    for file in ("clips.json", "SHA256SUMS"):
        (one.root / DAY / file).unlink()
    report = made_anew(one)
    assert (report.named, report.counts["hashed"]) == ([f"{NAME}.mp4"], 1)
    (row,) = rows(one)
    for column in ("sha256", "bytes", "thumbnail_sha256", "thumbnail_path", "thumbnail_bytes"):
        assert row[column] == before[column]
    assert "nothing tells how long" in row["unproven"]
    assert rows(one, "SELECT kind FROM events WHERE clip_id IS NOT NULL") == [{"kind": "adopted"}]


def test_a_cut_clip_that_nothing_vouches_for_waits(one: Archive) -> None:
    """A file of a cloud's clip that is cut, or no video at all, does not keep Blink's from being fetched; the
    file itself stays."""
    for file in ("clips.json", "SHA256SUMS"):
        (one.root / DAY / file).unlink()
    for data in (VIDEO[:-1], VIDEO + b"\0" * 8, b"<html>"):
        (one.root / f"{NAME}.mp4").write_bytes(data)
        report = made_anew(one)
        assert (report.named, report.doubtful) == ([], [f"{NAME}.mp4"])
        assert rows(one, "SELECT status FROM clips_view") == [{"status": "waiting"}]
        assert (one.root / f"{NAME}.mp4").read_bytes() == data


def test_what_sha256sums_alone_tells_of_is_missing(one: Archive) -> None:
    """A clip that is listed in SHA256SUMS, and whose file and clips.json are gone, is not forgotten: verify
    will miss it."""
    (one.root / DAY / "clips.json").unlink()
    (one.root / f"{NAME}.mp4").unlink()
    report = made_anew(one)
    assert (report.named, report.missing) == ([f"{NAME}.mp4"], [f"{NAME}.mp4"])
    (row,) = rows(one)
    assert (row["sha256"] is None, row["bytes"]) == (False, None)
    assert check(one, now=NOW).findings == ()


def test_sha256sums_cannot_lead_out_of_the_archive(one: Archive) -> None:
    """Lines with paths that leave the root, name the archive's own files, or are none, make no rows."""
    (one.root / DAY / "clips.json").unlink()
    digest = "0" * 64
    with (one.root / DAY / "SHA256SUMS").open("a", encoding="utf-8") as file:
        for path in ("../../../../x.mp4", "/etc/x.mp4", "../../../catalog.db", "..\\..\\x.mp4", ".x.mp4"):
            file.write(f"{digest}  {path}\n")
        file.write(f"{digest} half a line\nnothing at all\n\0\n")
    report = made_anew(one)
    assert (report.named, report.missing) == ([f"{NAME}.mp4"], [])


def test_a_row_that_waits_takes_the_file_that_is_there(
    archive: Archive, catalog: Catalog, store: Store
) -> None:
    """Files that came after their day was last written (the run died) are taken, if they are whole; a cut one
    waits on. What the row said stays."""
    list_items(catalog, make_item(), make_item(2))
    write_days(catalog, store)
    archive_files(catalog, store, "7000001", clip_data=VIDEO, picture=PICTURE)
    archive_files(catalog, store, "2", clip_data=VIDEO[:-1])
    before = clip_row(catalog)
    catalog.close()
    report = made_anew(archive)
    assert report.waited == [before["path"]]
    one, two = rows(archive)
    for column in ("raw", "media", "sha256", "bytes", "duration", "thumbnail_sha256", "camera_name"):
        assert one[column] == before[column] or column == "duration"
    assert one["unproven"]
    assert two["sha256"] is None
    assert dirty(archive) == ["2026-11-23"]


def test_each_name_of_ours_is_read(archive: Archive) -> None:
    """A stick's clip, an import and a recording come back under their keys; names of others, links and what is
    no video stay alone, and so does a second file of one clip."""
    folder = archive.root / DAY
    folder.mkdir(parents=True)
    stamp = "2026-11-23T14-52-07-0500"
    digest = hashlib.sha256(VIDEO).hexdigest()
    for name in (
        f"{stamp}_door_7000001.mp4", f"{stamp}_door_7000001~2.mp4", f"{stamp}_unnamed_malformed-0123456789abcdef.mp4",
        f"{stamp}_door_usb-0123456789ab.mp4", f"{stamp}_door_import-{digest[:8]}.mp4", "holiday.mp4",
        "2026-02-31T14-52-07-0500_door_1.mp4", "0001-01-01T00-00-00+0000_door_1.mp4", ".hidden.mp4",
    ):  # fmt: skip
        (folder / name).write_bytes(VIDEO)
    (folder / f"{stamp}_door_live-41.ts").write_bytes((CLIPS / "live.ts").read_bytes())
    (folder / f"{stamp}_door_live-41~2.ts").write_bytes((CLIPS / "live.ts").read_bytes())
    (folder / f"{stamp}_door_usb-00000000dead.mp4").write_bytes(b"<html>")
    (folder / "nobodys.jpg").write_bytes(PICTURE)
    (folder / "notes.txt").write_bytes(b"")
    (folder / f"{stamp}_door_7000009.mp4").symlink_to(folder / "holiday.mp4")
    report = made_anew(archive)
    found = {(row["origin"], row["origin_key"]) for row in rows(archive)}
    assert found == {
        ("cloud", "7000001"),
        ("cloud", "malformed-0123456789abcdef"),
        ("cloud", "7000009"),
        ("usb", "usb-0123456789ab"),
        ("import", digest),
        ("liveview", "live-41-20261123T195207000000Z"),
        ("liveview", "live-41-20261123T195207000000Z~2"),
    }
    assert report.doubtful == [f"{DAY}/{stamp}_door_7000009.mp4"]
    assert [path.removeprefix(f"{DAY}/") for path in report.foreign] == [
        "0001-01-01T00-00-00+0000_door_1.mp4",
        "2026-02-31T14-52-07-0500_door_1.mp4",
        f"{stamp}_door_7000001~2.mp4",
        f"{stamp}_door_usb-00000000dead.mp4",
        "holiday.mp4",
        "nobodys.jpg",
    ]
    assert check(archive, now=NOW).findings == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_are_no_text(archive: Archive) -> None:
    """A file whose name is no text is nobody's."""
    folder = archive.root / DAY
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.mp4")).write_bytes(VIDEO)
    assert made_anew(archive).foreign == [f"{DAY}/\\udcff.mp4"]


def test_the_camera_and_the_zone_are_those_of_other_clips(
    archive: Archive, catalog: Catalog, store: Store
) -> None:
    """A clip that only its name tells of has the camera of that name in other clips, and their zone where its
    offset was that; else one of that offset, so that it stays in its day."""
    list_items(catalog, make_item())
    write_days(catalog, store)
    catalog.close()
    for name in (
        "2026-07-01T23-30-00-0400_front-door_1.mp4", "2026-07-01T23-30-00-0500_back_2.mp4",
        "2026-07-01T23-30-00+0530_back_3.mp4",
    ):  # fmt: skip
        (archive.root / "2026/07/01").mkdir(parents=True, exist_ok=True)
        (archive.root / "2026/07/01" / name).write_bytes(VIDEO)
    made_anew(archive)
    found = {row["origin_key"]: row for row in rows(archive)}
    told = ("camera_name", "camera_id", "network_id", "time_zone", "local_day")
    assert [found["1"][name] for name in told] == ["Front door", 41, 5, "America/New_York", "2026-07-01"]
    assert [found["2"][name] for name in told] == ["back", None, None, "Etc/GMT+5", "2026-07-01"]
    assert [found["3"][name] for name in told] == ["back", None, None, "UTC", "2026-07-01"]
    assert check(archive, now=NOW).findings == ()


def test_blink_completes_a_clip_that_only_its_name_told_of(one: Archive) -> None:
    """Listed again, the clip gets all that Blink says of it, the right day included; its file and hash stay,
    and so does that it is unproven. After that it is a clip as any other."""
    for file in ("clips.json", "SHA256SUMS"):
        (one.root / DAY / file).unlink()
    made_anew(one)
    catalog = one.open_catalog(write=True)
    catalog.db.execute(
        "CREATE TEMP TABLE counted (clip_id INTEGER PRIMARY KEY, listed INTEGER, failed INTEGER)"
    )
    catalog.db.execute("DELETE FROM dirty_days")
    before = clip_row(catalog)
    created = datetime(2026, 11, 23, 19, 52, 7, 654321, tzinfo=UTC)
    item = make_item(
        created_at=created, time_zone="Asia/Tokyo", metadata={"a": 1}, labels=("person",), watched=True
    )
    recorded = list_items(catalog, item, item)
    row = clip_row(catalog)
    assert (recorded.new, row["raw"], row["problem"]) == (0, '{"id": 7000001}', None)
    assert (row["created_at"], row["time_zone"]) == ("2026-11-23T19:52:07.654321Z", "Asia/Tokyo")
    assert (row["local_day"], row["created_local"]) == ("2026-11-24", "2026-11-24T04:52:07+09:00")
    assert (row["camera_id"], row["media"], row["labels"]) == (41, item.media, '["person"]')
    for column in ("path", "sha256", "bytes", "unproven", "archived_at", "first_seen_at", "partial"):
        assert row[column] == before[column]
    days = catalog.rows("SELECT local_day FROM dirty_days ORDER BY 1")
    assert [day["local_day"] for day in days] == ["2026-11-23", "2026-11-24"]
    list_items(catalog, make_item(created_at=created, device_name="Renamed"))
    assert clip_row(catalog)["camera_name"] == "Front door"
    catalog.close()


# in the old one's place


def test_the_old_catalog_is_kept(one: Archive) -> None:
    """Each rebuild keeps the catalog that it replaces under a name of its own; no other file is left."""
    kept = {str(made_anew(one).replaced) for _ in range(3)}
    assert sorted(Path(path).name for path in kept) == [
        f"catalog.db.replaced-20261124T12000{second}Z" for second in (0, 1, 2)
    ]
    assert all(is_sound(Path(path)) for path in kept)
    catalogs = {path.name for path in one.root.glob("catalog.db*")} - {Path(path).name for path in kept}
    assert catalogs <= {"catalog.db", "catalog.db.lock", "catalog.db-journal"}
    assert made_anew(one).counts["clips"] == 1


def test_a_sound_catalog_is_kept_unless_somebody_agrees(one: Archive) -> None:
    """`agree` is told how many clips the sound catalog has, and keeps it by raising; it is not asked about one
    that is damaged, missing or of an older format."""
    asked: list[int] = []

    def refuse(clips: int) -> None:
        asked.append(clips)
        raise UsageError("no")

    def go() -> Report:
        return rebuild(one, agree=refuse, now=lambda: NOW, tick=lambda count: None)

    before = one.catalog_path.read_bytes()
    with pytest.raises(UsageError):
        go()
    assert asked == [1]
    assert one.catalog_path.read_bytes() == before
    assert not list(one.root.glob("*.rebuilding*"))
    set_version(one.catalog_path, FORMAT - 1)
    assert go().replaced
    damage(one.catalog_path)
    assert go().replaced
    one.catalog_path.write_bytes(b"")
    assert go().counts["clips"] == 1
    one.catalog_path.unlink()
    assert go().replaced is None
    assert asked == [1]
    assert check(one, now=NOW).findings == ()


def set_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def damage(path: Path) -> None:
    """Overwrite all but the header of a catalog."""
    with path.open("rb+") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (length - 4096))


def test_damage_that_an_open_does_not_see_is_no_soundness(one: Archive) -> None:
    """A catalog that opens, and whose index is not that of its table, is replaced without asking."""
    connection = sqlite3.connect(one.catalog_path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'local_day', 'time_zone') WHERE name = 'clips_day'"
    )
    connection.commit()
    connection.close()

    def refuse(clips: int) -> None:
        raise UsageError("no")

    assert rebuild(one, agree=refuse, now=lambda: NOW, tick=lambda count: None).replaced


@pytest.mark.parametrize("journal", ["-journal", "-wal", "-shm"])
def test_a_journal_without_a_catalog_goes_aside(one: Archive, journal: str) -> None:
    """What SQLite would play back into the new catalog, or delete, is moved aside; where nothing is in it, it
    is harmless."""
    hot = Path(f"{one.catalog_path}{journal}")
    one.catalog_path.unlink()
    hot.write_bytes(b"hot")
    made_anew(one)
    assert [path.read_bytes() for path in one.root.glob(f"*.replaced-*{journal}")] == [b"hot"]
    assert check(one, now=NOW).findings == ()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_hot_journal_is_not_played_back(one: Archive, is_there: bool) -> None:
    """The journal of a transaction that was killed, and that SQLite takes for one of the catalog beside it, does
    not reach the new one."""
    connection = sqlite3.connect(one.catalog_path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.execute("UPDATE clips SET description = hex(zeroblob(100000))")
    connection.execute("UPDATE archive SET format = 7")
    journal = Path(f"{one.catalog_path}-journal").read_bytes()
    connection.execute("ROLLBACK")
    connection.close()
    assert len(journal) > 1000
    if is_there:
        damage(one.catalog_path)
    else:
        one.catalog_path.unlink()
    # of a smaller catalog: played back, it would cut the new one
    journal = journal[:16] + (2).to_bytes(4, "big") + journal[20:]
    Path(f"{one.catalog_path}-journal").write_bytes(journal)
    made_anew(one)
    assert check(one, now=NOW).findings == ()
    assert len(rows(one)) == 1
    assert not is_there or len(list(one.root.glob("*.replaced-*"))) >= 1


def test_a_rebuild_that_dies_leaves_the_old_catalog(one: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it early, the old catalog is in its place and nothing half lies about; what a killed one
    left is removed by the next."""
    before = one.catalog_path.read_bytes()

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(one, agree=lambda clips: None, now=lambda: NOW, tick=interrupt)
    assert one.catalog_path.read_bytes() == before
    assert not list(one.root.glob("*.rebuilding*"))
    Path(f"{one.catalog_path}.rebuilding").write_bytes(b"half")
    Path(f"{one.catalog_path}.rebuilding-journal").write_bytes(b"half")
    made_anew(one)
    assert not list(one.root.glob("*.rebuilding*"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells the name of an open file")
def test_the_new_catalog_is_durable_before_it_counts(one: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is fsynced before it gets the name, and the folder after each change of names."""
    steps: list[str] = []
    real, rename = os.fsync, Path.rename

    def fsync(fd: int) -> None:
        where = Path(f"/proc/self/fd/{fd}").readlink().name
        steps.append(f"fsync {where}")
        real(fd)

    def renamed(self: Path, target: object) -> Path:
        steps.append(f"rename {self.name} {Path(str(target)).name}")
        return rename(self, str(target))

    monkeypatch.setattr(Store.__init__, "__kwdefaults__", {"fsync": fsync})
    monkeypatch.setattr(Path, "rename", renamed)
    Path(f"{one.catalog_path}-journal").unlink(missing_ok=True)
    made_anew(one)
    aside = "catalog.db.replaced-20261124T120000Z"
    assert [step for step in steps if "journal" not in step] == [
        "fsync catalog.db.rebuilding",
        f"rename catalog.db {aside}",
        "fsync archive",
        "rename catalog.db.rebuilding catalog.db",
        "fsync archive",
    ]


def test_the_run_lock_is_held(one: Archive) -> None:
    """Not while another run works; and no other run while it does."""
    with one.lock(), pytest.raises(ArchiveBusy):
        made_anew(one)

    def look(count: int) -> None:
        assert one.is_locked()
        with pytest.raises(ArchiveBusy), one.lock():
            pass

    rebuild(one, agree=lambda clips: None, now=lambda: NOW, tick=look)


def test_what_is_written_meanwhile_is_not_lost(one: Archive) -> None:
    """Where another program writes to the old catalog during the rebuild (a recording does so without the run
    lock), that one stays in its place, with a sentence."""

    def write(count: int) -> None:
        catalog = one.open_catalog(write=True)
        with catalog.transaction():
            catalog.add_event("armed", at=NOW)
        catalog.close()

    with pytest.raises(ArchiveError, match="during the rebuild"):
        rebuild(one, agree=lambda clips: None, now=lambda: NOW, tick=write)
    assert rows(one, "SELECT kind FROM events WHERE kind = 'armed'")
    assert not list(one.root.glob("*.re*-*"))


def test_what_is_not_this_archives_catalog_is_left_alone(one: Archive, tmp_path: Path, store: Store) -> None:
    """Another archive's catalog, another program's database and a newer version's catalog are errors, each in
    a sentence, and stay byte for byte where they are."""
    other = tmp_path / "other.db"
    Catalog.create(other, uuid="another", account_id=1100001, now=NOW).close()
    photos = tmp_path / "photos.db"
    connection = sqlite3.connect(photos)
    connection.execute("CREATE TABLE photos (id)")
    connection.close()
    newer = tmp_path / "newer.db"
    Catalog.create(newer, uuid=one.marker.uuid, account_id=1100001, now=NOW).close()
    set_version(newer, FORMAT + 1)
    for path, error, words in (
        (other, ArchiveError, "another archive"),
        (photos, ArchiveError, "not a catalog"),
        (newer, NewerFormat, "Update"),
    ):
        before = path.read_bytes()
        with pytest.raises(error, match=words):
            made_anew(Archive(one.root, path, one.marker))
        assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.re*"))


def test_a_catalog_elsewhere_and_behind_a_link(one: Archive, tmp_path: Path) -> None:
    """With --catalog the new one is made there; behind a symbolic link, where the link leads."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archive = Archive(one.root, elsewhere / "my.db", one.marker)
    assert made_anew(archive).replaced is None
    assert Path(str(made_anew(archive).replaced)).parent == elsewhere
    if os.name != "nt":
        one.catalog_path.unlink()
        one.catalog_path.symlink_to(elsewhere / "my.db")
        assert Path(str(made_anew(one).replaced)).parent == elsewhere
        assert one.catalog_path.is_symlink()
    assert check(one, now=NOW).findings == ()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX's")
def test_a_folder_that_cannot_be_written_to(locked_down: Path) -> None:
    """No right to make a file beside the catalog is exit 8, and leaves all as it was."""
    root = locked_down / "archive"
    archive, _ = create_archive(root, root / "catalog.db", account_id=1100001, uuid="u-1", now=NOW)
    with archive.lock():
        pass
    before = archive.catalog_path.read_bytes()
    root.chmod(0o500)
    with pytest.raises(StorageError):
        made_anew(archive)
    assert archive.catalog_path.read_bytes() == before


def test_another_layout(make_world: MakeWorld) -> None:
    """Clips that lie outside of the dated tree are where their clips.json says; without that, SHA256SUMS tells
    of files that no name of ours is, and they are left alone and said."""
    world = make_world(hostile=False)
    world.sync(layout=Layout.parse("{created:%Y-%m}/{camera}/{id}"))
    before = {row["path"] for row in world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")}
    report = made_anew(world.archive)
    assert {row["path"] for row in world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")} == before
    assert (report.missing, report.foreign, report.counts["days_to_write"]) == ([], [], 0)
    for file in world.root.rglob("clips.json"):
        file.unlink()
    report = made_anew(world.archive)
    assert set(report.foreign) == before
    assert len(report.damaged) > 0
