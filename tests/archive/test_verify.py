"""Verify finds what is missing, changed or foreign, and forgives what is merely beside it."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.feed import mark_dirty
from blink_archive.archive.folder import Archive
from blink_archive.archive.store import Store
from blink_archive.archive.verify import Dates, Oldest, Report, oldest, total_bytes, verify
from blink_archive.model import utc_text

from .helpers import NOW, archive_files, clip_row, list_items, make_item, write

DAY = "2026/11/23"


def check(catalog: Catalog, folder: Path, *, running: bool = False, **more: Any) -> Report:
    return verify(catalog, folder, running=lambda: running, progress=lambda count: None, workers=2, **more)


def check_and_date(catalog: Catalog, folder: Path, *, now: datetime = NOW, **more: Any) -> Report:
    """The same, with the dates kept."""
    return check(catalog, folder, dates=Dates(catalog, now=lambda: now), **more)


def dated(catalog: Catalog) -> list[str]:
    """The clips that have a date, by Blink's id."""
    rows = catalog.rows("SELECT origin_key FROM clips WHERE verified_at IS NOT NULL ORDER BY verified_at, id")
    return [row["origin_key"] for row in rows]


def found(report: Report) -> set[tuple[str, str]]:
    return {(finding.kind, finding.path.rpartition("/")[2]) for finding in report.findings}


@pytest.fixture
def paths(catalog: Catalog, store: Store) -> dict[str, str]:
    """Three clips with files of one length, and one that waits; their paths by Blink's id."""
    list_items(catalog, *(make_item(number) for number in (1, 2, 3, 4)))
    for key in ("1", "2", "3"):
        archive_files(catalog, store, key, clip_data=b"clip " + key.encode(), picture=b"jpeg" + key.encode())
    write_dirty_days(catalog, store)
    return {key: clip_row(catalog, key)["path"] for key in ("1", "2", "3", "4")}


def name(paths: dict[str, str], key: str) -> str:
    return paths[key].rpartition("/")[2]


def test_whole_archive(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """An archive as it was written has no findings; every file was read, and every byte told."""
    told: list[int] = []
    report = verify(catalog, archive.root, running=lambda: False, progress=told.append)
    assert report.findings == ()
    assert (report.checked, report.bytes, report.other) == (6, 33, 0)
    assert sum(told) == total_bytes(catalog) == 33
    assert len(paths) == 4


def test_missing(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """A file that is gone is missing, a clip and a thumbnail alike; a whole day too."""
    (archive.root / paths["1"]).unlink()
    (archive.root / paths["2"]).with_suffix(".jpg").unlink()
    report = check(catalog, archive.root)
    assert found(report) == {
        ("missing", name(paths, "1")),
        ("missing", name(paths, "2").replace(".mp4", ".jpg")),
    }
    shutil.rmtree(archive.root / "2026")
    assert len(check(catalog, archive.root).findings) == 6 + 2  # the day's own files


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"",
        lambda data: b"\0" * len(data),
    ],
    ids=["bit flip", "cut", "padded", "empty", "zeros"],
)
def test_changed(
    archive: Archive, catalog: Catalog, paths: dict[str, str], damage: Callable[[bytes], bytes]
) -> None:
    """A file whose bytes are not those that were archived is changed, whatever its length."""
    file = archive.root / paths["2"]
    file.write_bytes(damage(file.read_bytes()))
    assert found(check(catalog, archive.root)) == {("changed", name(paths, "2"))}


def test_swapped(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """Two files that took each other's names are both changed."""
    one, two = archive.root / paths["1"], archive.root / paths["2"]
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert found(check(catalog, archive.root)) == {
        ("changed", name(paths, "1")),
        ("changed", name(paths, "2")),
    }


def test_folder_in_the_place_of_a_file(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """What cannot be read as a file is a finding, not an error that ends the search."""
    (archive.root / paths["1"]).unlink()
    (archive.root / paths["1"]).mkdir()
    assert found(check(catalog, archive.root)) == {("changed", name(paths, "1"))}


@pytest.mark.parametrize("stranger", [f"{DAY}/stranger.mp4", f"{DAY}/STRANGER.JPG", "2025/01/x.mp4"])
@pytest.mark.usefixtures("paths")
def test_foreign(archive: Archive, catalog: Catalog, stranger: str) -> None:
    """A clip or thumbnail in the dated tree that the catalog does not know is foreign."""
    (archive.root / stranger).parent.mkdir(parents=True, exist_ok=True)
    (archive.root / stranger).write_bytes(b"?")
    assert [(finding.kind, finding.path) for finding in check(catalog, archive.root).findings] == [
        ("foreign", stranger)
    ]


@pytest.mark.parametrize(
    "other",
    [
        f"{DAY}/.DS_Store",
        f"{DAY}/Thumbs.db",
        f"{DAY}/note.txt",
        f"{DAY}/@eaDir/clip.mp4/SYNOPHOTO_THUMB_M.jpg",
        f"{DAY}/.@__thumb/default-clip.jpg",
        f"{DAY}/._clip.mp4",
    ],
)
@pytest.mark.usefixtures("paths")
def test_others_are_counted_and_forgiven(archive: Archive, catalog: Catalog, other: str) -> None:
    """What a desktop or a NAS leaves beside the clips, its thumbnails included, is counted and forgiven."""
    (archive.root / other).parent.mkdir(parents=True, exist_ok=True)
    (archive.root / other).write_bytes(b"?")
    report = check(catalog, archive.root)
    assert report.findings == ()
    assert report.other == 1


@pytest.mark.usefixtures("paths")
def test_outside_the_dated_tree_is_not_ours(archive: Archive, catalog: Catalog) -> None:
    """What lies beside the years is neither foreign nor counted."""
    (archive.root / "favourites").mkdir()
    (archive.root / "favourites" / "best.mp4").write_bytes(b"?")
    report = check(catalog, archive.root)
    assert (report.findings, report.other) == ((), 0)


def test_file_of_a_waiting_clip_is_no_stranger(
    archive: Archive, catalog: Catalog, store: Store, paths: dict[str, str]
) -> None:
    """A file that was named before a run was killed, and not yet recorded, belongs to its row."""
    write(store, paths["4"], b"named, not recorded")
    assert check(catalog, archive.root).findings == ()


def test_recorded_clash_is_no_stranger(archive: Archive, catalog: Catalog, store: Store) -> None:
    """The bytes that held a clip's name before it are known by the clash, and ours by its row."""
    list_items(catalog, make_item(1))
    path = clip_row(catalog, "1")["path"]
    write(store, path, b"somebody else's")
    archive_files(catalog, store, "1", clip_data=b"clip", picture=b"picture")
    assert clip_row(catalog, "1")["path"].endswith("~2.mp4")
    assert check(catalog, archive.root).findings == ()


def test_running_sync_is_left_alone(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """While a sync runs, a numbered name of a known clip is not yet foreign; a stranger is."""
    numbered = archive.root / paths["1"].replace(".mp4", "~2.mp4")
    numbered.write_bytes(b"?")
    (archive.root / DAY / "stranger.mp4").write_bytes(b"?")
    assert found(check(catalog, archive.root, running=True)) == {("foreign", "stranger.mp4")}
    assert len(check(catalog, archive.root).findings) == 2


def test_removed_clip_is_not_missing(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """A clip that was pruned here is not looked for."""
    for suffix in (".mp4", ".jpg"):
        (archive.root / paths["1"]).with_suffix(suffix).unlink()
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET local_removed_at = 'now', local_removed_reason = 'pruned' WHERE origin_key = '1'"
        )
        catalog.db.execute("INSERT INTO dirty_days VALUES ('2026-11-23')")
    report = check(catalog, archive.root)
    assert (report.findings, report.checked) == ((), 4)
    assert total_bytes(catalog) == 22


def test_copy(archive: Archive, catalog: Catalog, paths: dict[str, str], tmp_path: Path) -> None:
    """A copy of the folder is verified against the same catalog; the archive itself is not looked at."""
    copy = tmp_path / "copy"
    shutil.copytree(archive.root, copy)
    (archive.root / paths["1"]).unlink()
    (copy / paths["2"]).write_bytes(b"clap 2")
    assert found(check(catalog, copy)) == {("changed", name(paths, "2"))}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("kind", ["clip", "SHA256SUMS"])
def test_pipe_in_the_place_of_a_file(
    archive: Archive, catalog: Catalog, paths: dict[str, str], kind: str
) -> None:
    """A FIFO in place of a file is a finding at once: nobody waits for what it would say."""
    path = archive.root / (paths["1"] if kind == "clip" else f"{DAY}/SHA256SUMS")
    path.unlink()
    os.mkfifo(path)
    assert found(check(catalog, archive.root)) == {("changed", path.name)}


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("start", [0.0, 0.3, 0.5, 0.999])
@pytest.mark.parametrize(
    ("share", "read"), [(1e-9, {1}), (0.01, {1}), (0.2, {1, 2}), (0.5, {3}), (0.75, {4, 5}), (1.0, {6})]
)
def test_sample(archive: Archive, catalog: Catalog, share: float, start: float, read: set[int]) -> None:
    """A sample reads its share of the six files, to within one, and one at least, wherever it starts."""
    assert check(catalog, archive.root, share=share, start=start).checked in read


@pytest.mark.usefixtures("paths")
def test_every_file_can_be_in_a_sample(archive: Archive, catalog: Catalog) -> None:
    """The start decides which files are read, each being as likely as the others."""
    for file in archive.root.glob("2026/*/*/*.*"):
        file.write_bytes(b"?")
    read = [found(check(catalog, archive.root, share=1 / 6, start=(turn + 0.5) / 6)) for turn in range(6)]
    assert [len(findings) for findings in read] == [1] * 6
    assert len(set.union(*read)) == 6


def test_sample_of_nothing(archive: Archive, catalog: Catalog) -> None:
    """Where there is no file, a sample reads none."""
    assert check(catalog, archive.root, share=0.5).checked == 0


def spoil(path: Path) -> None:
    path.write_text(path.read_text().replace("clip", "clap").replace("0", "1"))


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize(
    ("own", "damage", "kind"),
    [("SHA256SUMS", Path.unlink, "missing"), ("SHA256SUMS", spoil, "changed"), ("clips.json", Path.unlink, "missing")],
)  # fmt: skip
def test_days_own_files(
    archive: Archive, catalog: Catalog, own: str, damage: Callable[[Path], None], kind: str
) -> None:
    """A day's SHA256SUMS or clips.json that is missing, or sums that are not the catalog's, are findings;
    recording them makes the day dirty, and writing dirty days mends it."""
    damage(archive.root / DAY / own)
    report = check_and_date(catalog, archive.root)
    assert found(report) == {(kind, own)}
    assert report.days == ("2026-11-23",)
    assert check(catalog, archive.root).findings == ()  # dirty: the next sync writes it
    write_dirty_days(catalog, archive.store)
    assert check(catalog, archive.root).findings == ()
    assert not catalog.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL AND verified_at IS NULL")


@pytest.mark.usefixtures("paths")
def test_days_are_left_alone_by_a_sample_and_during_a_sync(archive: Archive, catalog: Catalog) -> None:
    """A sample does not look at the days' own files; a sync that runs is about to write them."""
    (archive.root / DAY / "SHA256SUMS").unlink()
    assert check(catalog, archive.root, share=1.0).findings == ()
    assert check(catalog, archive.root, running=True).findings == ()
    assert check(catalog, archive.root).findings != ()


def test_sums_of_a_day_without_files(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A day of clips that wait has a clips.json and no SHA256SUMS; sums that list something are changed."""
    list_items(catalog, make_item(1))
    write_dirty_days(catalog, store)
    assert check(catalog, archive.root).findings == ()
    (archive.root / DAY / "SHA256SUMS").write_text("?")
    assert found(check(catalog, archive.root)) == {("changed", "SHA256SUMS")}


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
@pytest.mark.usefixtures("paths")
def test_foreign_name_that_is_no_text(archive: Archive, catalog: Catalog) -> None:
    """A foreign file whose name is not UTF-8 is found, and does not keep the date from being recorded."""
    (archive.root / DAY / os.fsdecode(b"\xff.mp4")).write_bytes(b"?")
    report = check_and_date(catalog, archive.root)
    assert [finding.kind for finding in report.findings] == ["foreign"]
    assert dated(catalog) == ["1", "2", "3"]


def test_verified_is_recorded(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """Clips without a finding get the date; one whose thumbnail is bad, or that has no file, does not."""
    (archive.root / paths["1"]).unlink()
    (archive.root / paths["2"]).with_suffix(".jpg").write_bytes(b"?")
    check_and_date(catalog, archive.root)
    assert dated(catalog) == ["3"]


def test_sync_that_began_meanwhile_is_left_alone(
    archive: Archive, catalog: Catalog, paths: dict[str, str]
) -> None:
    """A sync that named and recorded a file while the folder was walked made no stranger."""
    numbered = paths["1"].replace(".mp4", "~2.mp4")
    (archive.root / numbered).write_bytes(b"clip 1")

    def records_and_ends() -> bool:
        with catalog.transaction():
            catalog.db.execute("UPDATE clips SET path = ? WHERE path = ?", (numbered, paths["1"]))
            mark_dirty(catalog, "2026-11-23")
        return False

    report = verify(catalog, archive.root, running=records_and_ends, progress=lambda count: None)
    assert report.findings == ()


# dates, and going on from them


class Stepping:
    """A clock that goes on by so many seconds whenever it is looked at."""

    def __init__(self, step: float = 1.0) -> None:
        self.seconds = 0.0
        self.step = step

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


class Slow(Stepping):
    """A clock that stands still, but for ten seconds that each file takes to be read."""

    def __init__(self) -> None:
        super().__init__(0)

    def progress(self, count: int) -> None:
        self.seconds += 10


@pytest.fixture
def many(catalog: Catalog, store: Store) -> list[str]:
    """Nine clips with a file each, by Blink's id."""
    keys = [str(number) for number in range(1, 10)]
    list_items(catalog, *(make_item(int(key)) for key in keys))
    for key in keys:
        archive_files(catalog, store, key, clip_data=b"clip " + key.encode())
    write_dirty_days(catalog, store)
    return keys


def set_date(catalog: Catalog, key: str, at: datetime) -> None:
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET verified_at = ? WHERE origin_key = ?", (utc_text(at), key))


def reading_order(catalog: Catalog, root: Path) -> list[str]:
    """Which clip is read when: each has a size of its own."""
    sizes: list[int] = []
    verify(
        catalog,
        root,
        dates=Dates(catalog, now=lambda: NOW),
        running=lambda: False,
        progress=sizes.append,
    )
    keys = {row["bytes"]: row["origin_key"] for row in catalog.rows("SELECT bytes, origin_key FROM clips")}
    return [keys[size] for size in sizes]


def test_never_verified_first_then_the_oldest(archive: Archive, catalog: Catalog, store: Store) -> None:
    """Clips are read in the order of their dates; one that lies in the future is none."""
    list_items(catalog, *(make_item(number) for number in range(1, 6)))
    for number in range(1, 6):
        archive_files(catalog, store, str(number), clip_data=b"x" * number)
    write_dirty_days(catalog, store)
    set_date(catalog, "1", NOW - timedelta(days=1))
    set_date(catalog, "2", NOW - timedelta(days=9))
    set_date(catalog, "4", NOW + timedelta(days=999))
    assert reading_order(catalog, archive.root) == ["3", "4", "5", "2", "1"]
    assert catalog.value("SELECT min(verified_at) = max(verified_at) FROM clips")


@pytest.mark.parametrize("seconds", [10, 20, 30])
def test_runs_that_are_limited_cover_all_in_turn(
    archive: Archive, catalog: Catalog, many: list[str], seconds: int
) -> None:
    """Each reads on from where the last one ended, tells what is left, and no clip is read twice before all
    were read once."""
    for night in range(9):
        turns = catalog.rows("SELECT origin_key FROM clips ORDER BY verified_at IS NOT NULL, verified_at, id")
        now, clock = NOW + timedelta(days=night), Slow()
        report = verify(
            catalog,
            archive.root,
            limit=timedelta(seconds=seconds),
            dates=Dates(catalog, now=lambda now=now: now),  # type: ignore[misc]
            running=lambda: False,
            progress=clock.progress,
            workers=1,
            clock=clock,
        )
        assert (report.findings, report.searched) == ((), True)
        assert report.checked + report.left == len(many)
        assert report.left > 0
        read = catalog.rows(
            "SELECT origin_key FROM clips WHERE verified_at = ? ORDER BY id", (utc_text(now),)
        )
        assert len(read) == report.checked >= seconds // 10
        assert sorted(row["origin_key"] for row in turns[: len(read)]) == [row["origin_key"] for row in read]
    assert sorted(dated(catalog)) == many


def test_time_enough(archive: Archive, catalog: Catalog, many: list[str]) -> None:
    """A limit that is not reached leaves nothing."""
    report = check_and_date(catalog, archive.root, limit=timedelta(hours=1))
    assert (report.checked, report.left, report.searched) == (len(many), 0, True)
    assert dated(catalog) == many


def test_the_folder_is_looked_at_in_half_the_time(
    archive: Archive, catalog: Catalog, many: list[str]
) -> None:
    """Foreign files and the days' own are found in a run that is limited, too; where half of its time is not
    enough, the report says so, and reading has the other half."""
    for number in range(30):
        (archive.root / DAY / f"stranger-{number}.mp4").write_bytes(b"?")
    (archive.root / DAY / "SHA256SUMS").unlink()
    report = check_and_date(catalog, archive.root, limit=timedelta(seconds=400), clock=Stepping())
    assert len(found(report)) == 31
    assert report.searched
    report = check(catalog, archive.root, limit=timedelta(seconds=40), clock=Stepping())
    assert not report.searched
    assert len(found(report)) < 31
    assert 0 < report.checked < len(many)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_was_read_before_an_interruption_is_dated(
    archive: Archive, catalog: Catalog, many: list[str], error: type[BaseException]
) -> None:
    """Ctrl-C after four files: four dates, and the next verify begins with the fifth."""
    read: list[int] = []

    def progress(count: int) -> None:
        read.append(count)
        if len(read) == 4:
            raise error

    dates = Dates(catalog, now=lambda: NOW)
    with pytest.raises(error):
        verify(catalog, archive.root, dates=dates, running=lambda: False, progress=progress)
    assert dated(catalog) == many[:4]
    check_and_date(catalog, archive.root, now=NOW + timedelta(seconds=1))
    assert dated(catalog) == many  # of which the first four have the newest date, too: read last


def test_dates_are_kept_while_the_reading_goes_on(
    archive: Archive, catalog: Catalog, many: list[str]
) -> None:
    """A kill costs what was read in the last seconds, not the whole run."""
    missing: list[int] = []
    clock = Slow()

    def progress(count: int) -> None:
        missing.append(len(many) - len(dated(catalog)))
        clock.progress(count)

    verify(
        catalog,
        archive.root,
        dates=Dates(catalog, now=lambda: NOW),
        running=lambda: False,
        progress=progress,
        clock=clock,
    )
    assert missing == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_many_dates_at_a_time(archive: Archive, catalog: Catalog, many: list[str]) -> None:
    """Where reading is quick, one transaction keeps the dates of many."""
    commits: list[str] = []
    catalog.db.conn.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    check_and_date(catalog, archive.root)
    assert dated(catalog) == many
    assert len(commits) == 1


def test_a_clip_with_a_finding_keeps_its_turn(archive: Archive, catalog: Catalog, many: list[str]) -> None:
    """It is read first again, and found again, until it is well."""
    (archive.root / clip_row(catalog, "5")["path"]).write_bytes(b"?")
    check_and_date(catalog, archive.root)
    assert dated(catalog) == [key for key in many if key != "5"]
    report = check_and_date(
        catalog,
        archive.root,
        now=NOW + timedelta(days=1),
        limit=timedelta(seconds=20),
        clock=Stepping(),
    )
    assert report.left > 0
    assert [finding.clip_id for finding in report.findings] == [clip_row(catalog, "5")["id"]]


def test_how_far_back_the_dates_reach(archive: Archive, catalog: Catalog, many: list[str]) -> None:
    """So many were never verified; then the oldest date."""
    assert oldest(catalog) == Oldest(never=9, at=None)
    check_and_date(catalog, archive.root)
    set_date(catalog, "7", NOW - timedelta(days=30))
    assert oldest(catalog) == Oldest(never=0, at=utc_text(NOW - timedelta(days=30)))
    assert len(many) == 9


def test_a_catalog_that_fails_meanwhile_is_forgiven(
    archive: Archive, catalog: Catalog, many: list[str]
) -> None:
    """The dates are no more kept, and why is told; the reading goes on."""
    broken = archive.open_catalog()  # one that cannot be written
    dates = Dates(broken, now=lambda: NOW)
    report = check(catalog, archive.root, dates=dates)
    broken.close()
    assert (report.checked, report.findings) == (len(many), ())
    assert "not writable" in str(dates.trouble)


def test_what_was_pruned_meanwhile_is_no_finding(archive: Archive, catalog: Catalog, many: list[str]) -> None:
    """A clip that leaves between its turn and its reading was not missing."""
    victim = clip_row(catalog, "9")

    def progress(count: int) -> None:
        if (archive.root / victim["path"]).exists():
            with catalog.transaction():
                catalog.db.execute(
                    "UPDATE clips SET local_removed_at = 'now', local_removed_reason = 'pruned' WHERE id = ?",
                    (victim["id"],),
                )
            (archive.root / victim["path"]).unlink()

    report = verify(catalog, archive.root, running=lambda: False, progress=progress, workers=1)
    assert report.findings == ()
    assert len(many) == 9


def test_a_file_in_the_place_of_a_day(archive: Archive, catalog: Catalog, paths: dict[str, str]) -> None:
    """Where a folder should be is a file: what was in it is missing."""
    shutil.rmtree(archive.root / DAY)
    (archive.root / DAY).write_bytes(b"?")
    report = check(catalog, archive.root)
    assert {finding.kind for finding in report.findings if finding.clip_id} == {"missing"}
    assert len(paths) == 4


# clips.json


def change_clips(archive: Archive, change: Callable[[Any], Any]) -> None:
    """Write the day's clips.json anew, with other contents."""
    path = archive.root / DAY / "clips.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"null", b"[1]", b'{"clips": 1}', b'{"clips": [1]}', b"\xff\xfe", b"[" * 100_000,
        b'{"format": 3, "day": "2026-11-23", "clips": []}',
    ],
    ids=["empty", "object", "null", "list", "number", "numbers", "bytes", "deep", "no clips"],
)  # fmt: skip
def test_clips_json_that_is_something_else(archive: Archive, catalog: Catalog, text: bytes) -> None:
    """Whatever lies there in its place is a finding, and no error."""
    (archive.root / DAY / "clips.json").write_bytes(text)
    assert found(check(catalog, archive.root)) == {("changed", "clips.json")}


@pytest.mark.usefixtures("paths")
def test_clips_json_that_is_torn(archive: Archive, catalog: Catalog) -> None:
    """A write that stopped half way is a finding, wherever it stopped; and is mended."""
    path = archive.root / DAY / "clips.json"
    whole = path.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:length])
        assert found(check_and_date(catalog, archive.root)) == {("changed", "clips.json")}
        write_dirty_days(catalog, archive.store)
        assert check(catalog, archive.root).findings == ()


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("column", ["sha256", "path", "camera_name", "created_at", "events", "item"])
def test_clips_json_that_tells_otherwise(archive: Archive, catalog: Catalog, column: str) -> None:
    """One column of one clip: a finding."""

    def change(told: Any) -> Any:
        told["clips"][1][column] = "another"
        return told

    change_clips(archive, change)
    assert found(check(catalog, archive.root)) == {("changed", "clips.json")}


@pytest.mark.usefixtures("paths")
def test_clips_json_in_another_form(archive: Archive, catalog: Catalog) -> None:
    """The same contents, laid out otherwise, are the same."""
    change_clips(archive, lambda told: told)
    assert check(catalog, archive.root).findings == ()


@pytest.mark.usefixtures("paths")
def test_dates_make_no_clips_json_a_finding(archive: Archive, catalog: Catalog) -> None:
    """Every verify gives dates, and the days are not written for that: what they say of it may lag behind."""
    for day in range(2):
        assert check_and_date(catalog, archive.root, now=NOW + timedelta(days=day)).findings == ()
    assert not catalog.rows("SELECT * FROM dirty_days")
    assert check(catalog, archive.root).findings == ()


@pytest.mark.parametrize(("origin", "kinds"), [("usb", set()), ("cloud", {"changed"})])
def test_the_place_on_a_stick_may_lag_behind(
    archive: Archive, catalog: Catalog, paths: dict[str, str], origin: str, kinds: set[str]
) -> None:
    """It changes with every manifest, without the day being written; a path in the cloud does not."""
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET origin = ?", (origin,))
        mark_dirty(catalog, "2026-11-23")
    write_dirty_days(catalog, archive.store)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET media = 'elsewhere', listed_at = '2030'")
    assert {finding.kind for finding in check(catalog, archive.root).findings} == kinds
    assert len(paths) == 4
