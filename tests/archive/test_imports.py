"""An import takes what the archive has not, whole and once, and leaves everything else as it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from blink_archive.archive import homescreen
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.folder import Archive
from blink_archive.archive.imports import Report, check_links, forecast, import_files
from blink_archive.archive.judge import Options, Result
from blink_archive.archive.names import Pattern
from blink_archive.archive.search import describe_clip, find_clip
from blink_archive.archive.sources import find_sources
from blink_archive.archive.store import Store
from blink_archive.archive.verify import verify
from blink_archive.errors import Interrupted, UsageError
from blink_archive.model import utc_text

from .helpers import (
    CLIPS,
    NEW_YORK,
    NOW,
    archive_files,
    clip_row,
    list_clips,
    list_items,
    make_home,
    make_item,
)
from .test_container import FTYP, MDAT, box

MP4 = min(CLIPS.glob("*.mp4"), key=lambda path: path.stat().st_size).read_bytes()
AT = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)  # as `make_item` has it
posix_only = pytest.mark.skipif(os.name == "nt", reason="links, devices and folder fsync are POSIX")


def clip(number: int = 0) -> bytes:
    """A whole MP4 that no other number gives."""
    return MP4 + box(b"free", number.to_bytes(4, "big"))


def dated(created_at: datetime) -> bytes:
    """A whole MP4 whose header says that it was made then."""
    seconds = int((created_at - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())
    times = seconds.to_bytes(4, "big") * 2
    head = b"\0\0\0\0" + times + (1000).to_bytes(4, "big") + (4500).to_bytes(4, "big") + b"\0" * 80
    return FTYP + box(b"moov", box(b"mvhd", head)) + MDAT


def stick_name(at: datetime, camera: str = "Frontdoor", number: int = 1) -> str:
    return f"blink/{at:%y-%m}/{at:%y-%m-%d}/{at:%H-%M-%S}_{camera}_{number:03}.mp4"


class Desk:
    """An archive, and a folder beside it that is imported."""

    def __init__(self, archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
        self.archive = archive
        self.catalog = catalog
        self.folder = tmp_path / "stick"
        self.folder.mkdir()

    def lay(self, name: str, data: bytes, *, modified: datetime = NOW) -> Path:
        """A file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (modified.timestamp(), modified.timestamp()))
        return path

    def bring(
        self,
        *paths: Path,
        tick: Callable[[int], object] = lambda count: None,
        archive: Archive | None = None,
        **options: Any,
    ) -> Report:
        """An import of these paths, or of the folder; what a dry run said before has to come true."""
        found = find_sources(paths or [self.folder], root=self.archive.root)
        wanted = Options(**options)
        foretold = forecast(self.catalog, found, wanted, now=NOW, tick=lambda count: None)
        report = import_files(archive or self.archive, found, wanted, now=lambda: NOW, tick=tick)
        if not report.stopped:
            assert report == foretold
        return report

    def outcomes(self, **options: Any) -> dict[str, str]:
        """What becomes of each file, by its name."""
        return {Path(result.file).name: result.outcome for result in self.bring(**options).results}

    def row(self, result: Result) -> dict[str, Any]:
        assert result.clip
        return find_clip(self.catalog, result.clip)

    def rows(self) -> list[dict[str, Any]]:
        return self.catalog.rows("SELECT * FROM clips WHERE origin = 'import' ORDER BY id")

    def expect_whole(self) -> None:
        """Folder and catalog agree to the byte, nothing is left over, and no day is dirty."""
        report = verify(
            self.catalog, self.archive.root, running=lambda: False, progress=lambda count: None, workers=1
        )
        assert report.findings == ()
        assert not list((self.archive.root / ".incoming").iterdir())
        assert not self.catalog.rows("SELECT * FROM dirty_days")
        for row in self.rows():
            data = (self.archive.root / row["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == row["sha256"] == row["origin_key"]


@pytest.fixture
def desk(archive: Archive, catalog: Catalog, tmp_path: Path) -> Desk:
    return Desk(archive, catalog, tmp_path)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# what an imported clip is


def test_a_stick_s_clip_becomes_a_clip_of_its_own(desk: Desk) -> None:
    """Camera, network and zone come from the catalog, the time from the name; the file lies under the usual
    layout with a short key, has the clip's time as its date, and is listed in its day's files."""
    source = desk.lay(stick_name(AT), clip())
    sha256 = hashlib.sha256(clip()).hexdigest()
    report = desk.bring()
    assert report.counts() == {
        "imported": 1, "known": 0, "covered": 0, "undated": 0, "failed": 0, "other": 0, "bytes": len(clip()),
        "time_from_mp4": 0, "time_from_file": 0, "beside": 0,
    }  # fmt: skip
    (row,) = desk.rows()
    path = f"2026/11/23/2026-11-23T14-52-07-0500_front-door_import-{sha256[:8]}.mp4"
    expected = {
        "origin_key": sha256, "created_at": utc_text(AT), "time_zone": NEW_YORK, "local_day": "2026-11-23",
        "created_local": "2026-11-23T14:52:07-05:00", "network_id": 5, "network_name": "Home",
        "camera_id": 41, "camera_name": "Front door", "device_type": "owl", "type": "video",
        "source": "import", "partial": 0, "problem": None, "path": path, "bytes": len(clip()),
        "sha256": sha256, "archived_at": utc_text(NOW), "thumbnail": None, "media": None, "unproven": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert json.loads(row["raw"]) == {"file": str(source)}
    assert row["duration"] == pytest.approx(4, abs=1)
    file = desk.archive.root / path
    assert (file.read_bytes(), file.stat().st_mtime) == (clip(), AT.timestamp())
    assert source.read_bytes() == clip()
    assert f"{sha256}  {file.name}\n" == (file.parent / "SHA256SUMS").read_text()
    (entry,) = json.loads((file.parent / "clips.json").read_text())["clips"]
    assert (entry["origin"], entry["sha256"], entry["item"]) == ("import", sha256, {"file": str(source)})
    assert [(each["kind"], each["detail"]) for each in entry["events"]] == [
        ("archived", {"from": str(source)})
    ]
    desk.expect_whole()


def test_the_archive_s_questions_know_imported_clips(desk: Desk) -> None:
    """`ls`, `show`, and the views call it by the key in its file's name; `show` also takes its hash or file."""
    desk.lay(stick_name(AT), clip())
    (result,) = desk.bring().results
    sha256 = hashlib.sha256(clip()).hexdigest()
    assert result.clip == f"import-{sha256[:8]}"
    (listed,) = list_clips(desk.catalog, _everything())
    assert listed[0] == result.clip
    assert result.path
    for name in (result.clip, sha256, result.path, Path(result.path).name):
        assert describe_clip(desk.catalog, name)["status"] == "archived"
    assert desk.catalog.rows("SELECT clips FROM daily") == [{"clips": 1}]
    assert not desk.catalog.rows("SELECT * FROM missing")


def _everything() -> Any:
    from blink_archive.archive.filters import Filter

    return Filter()


def test_a_short_key_of_two_clips_is_a_usage_error(desk: Desk) -> None:
    """Two hashes can begin alike: `show` asks for the file then, and does not take the first."""
    desk.lay(stick_name(AT), clip())
    (result,) = desk.bring().results
    row = desk.row(result) | {
        "id": None,
        "origin_key": result.clip and result.clip[7:] + "0" * 56,
        "path": "x.mp4",
    }
    marks = ", ".join("?" * len(row))
    desk.catalog.db.execute(f"INSERT INTO clips ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    with pytest.raises(UsageError, match="Several clips"):
        find_clip(desk.catalog, str(result.clip))


@pytest.mark.parametrize(
    ("text", "camera_id"),
    [("FRONTDOOR", 41), ("front-door", 41), ("Strae", 42), ("strasse", 42), ("Back_yard", 43), ("backyard", 43), ("old-name", 41), ("Twin", None), ("sameplace", None), ("Nobody", None)],
)  # fmt: skip
def test_cameras_are_known_by_what_is_left_of_their_names(
    desk: Desk, text: str, camera_id: int | None
) -> None:
    """A name now or then, as a stick or as a slug leaves it, whatever its case; one that means two cameras,
    or none, is only a name."""
    home = make_home(
        (41, "Front door"),
        (42, "Straße"),
        (43, "Back_yard"),
        (44, "Twin"),
        (45, "twin"),
        (46, "Same place"),
        (47, "Same place"),
    )
    homescreen.record_homescreen(desk.catalog, home, now=NOW)
    list_items(desk.catalog, make_item(1, device_name="Old name", created_at=AT - timedelta(days=9)))
    desk.lay("clip.mp4", clip())
    (result,) = desk.bring(camera=text).results
    assert result.camera_id == camera_id
    assert desk.rows()[0]["camera_id"] == camera_id
    assert (desk.rows()[0]["network_id"] == 5) is (camera_id is not None)
    names = {41: "Old name" if text == "old-name" else "Front door", 42: "Straße", 43: "Back_yard"}
    assert result.camera == names.get(camera_id or 0, "Same place" if text == "sameplace" else text)


def test_the_option_s_camera_is_for_files_whose_names_tell_none(desk: Desk) -> None:
    """--camera is the camera of those alone, and may be an id."""
    desk.lay(stick_name(AT, "Shed"), clip(1))
    desk.lay("clip.mp4", clip(2))
    cameras = {Path(result.file).name: result.camera for result in desk.bring(camera="41").results}
    assert cameras == {Path(stick_name(AT, "Shed")).name: "Shed", "clip.mp4": "Front door"}


def test_clips_of_unknown_cameras_are_filed_by_the_only_zone_there_is(desk: Desk) -> None:
    """That of the account's networks, if it is one; else the one given, and else UTC."""
    desk.lay(stick_name(AT.replace(hour=2), "Shed"), clip())
    report = desk.bring()
    assert report.results[0].recorded == "2026-11-22T21:52:07-05:00"
    desk.catalog.db.execute(
        "INSERT INTO networks (id, account_id, name, seen_at, raw) SELECT 6, account_id, 'Hut', '', '{}' FROM networks"
    )
    desk.catalog.db.execute("UPDATE cameras SET network_id = 6")
    path = desk.lay(stick_name(AT.replace(hour=3)), clip(9))
    assert desk.bring(path).results[0].recorded == "2026-11-22T22:52:07-05:00"
    desk.catalog.db.execute("UPDATE networks SET time_zone = NULL")
    desk.lay("Shed_20261123-020000.mp4", clip(2))
    desk.lay("Shed_20261123-030000.mp4", clip(3))
    pattern = Pattern.parse("{camera}_{time:%Y%m%d-%H%M%S}.mp4")
    one, two = (desk.folder / f"Shed_20261123-0{hour}0000.mp4" for hour in (2, 3))
    assert desk.bring(one, patterns=(pattern,)).results[0].recorded == "2026-11-23T02:00:00+00:00"
    berlin = ZoneInfo("Europe/Berlin")
    assert (
        desk.bring(two, patterns=(pattern,), zone=berlin).results[0].recorded == "2026-11-23T03:00:00+01:00"
    )


# times that a name does not tell


@pytest.mark.parametrize(
    ("made", "time_from"),
    [
        (AT, "mp4"),
        (NOW + timedelta(hours=23), "mp4"),
        (NOW + timedelta(hours=25), "file"),
        (datetime(2014, 1, 1, tzinfo=UTC), "mp4"),
        (datetime(2013, 12, 31, tzinfo=UTC), "file"),
        (datetime(1904, 1, 1, tzinfo=UTC), "file"),  # a header that says nothing
    ],
)
def test_a_file_without_a_time_in_its_name(desk: Desk, made: datetime, time_from: str) -> None:
    """It is taken with the MP4's creation time, if that is one a camera can have had, else with the file's
    date; result and row say so. `strict` leaves it out."""
    modified = AT - timedelta(days=3)
    desk.lay("clip.mp4", dated(made), modified=modified)
    assert desk.outcomes(strict=True) == {"clip.mp4": "undated"}
    assert desk.rows() == []
    report = desk.bring()
    (result,), (row,) = report.results, desk.rows()
    assert (result.outcome, result.time_from) == ("imported", time_from)
    assert row["created_at"] == utc_text(made if time_from == "mp4" else modified)
    assert "told no time" in row["problem"]
    assert report.counts()[f"time_from_{time_from}"] == 1
    assert report.exit_code == 0


# what is known, and what is covered


def archived_cloud_clip(desk: Desk, data: bytes, **changes: Any) -> None:
    list_items(desk.catalog, make_item(**changes))
    archive_files(desk.catalog, desk.archive.store, "7000001", clip_data=data)


def test_bytes_that_are_archived_are_known(desk: Desk) -> None:
    """Whatever the file's name says, and whether the cloud or an import brought them: in another run, or in
    this one."""
    archived_cloud_clip(desk, clip())
    desk.lay("a.mp4", clip())
    desk.lay("b.mp4", clip(2))
    desk.lay("c.mp4", clip(2))
    results = desk.bring().results
    key = f"import-{hashlib.sha256(clip(2)).hexdigest()[:8]}"
    assert [(each.outcome, each.clip) for each in results] == [
        ("known", "7000001"),
        ("imported", key),
        ("known", key),
    ]
    assert len(desk.rows()) == 1
    desk.expect_whole()


def test_a_second_import_takes_nothing(desk: Desk) -> None:
    """It changes no file and no row, but that it ran."""
    for number in range(5):
        desk.lay(stick_name(AT + timedelta(hours=number)), clip(number))
    assert desk.bring().counts()["imported"] == 5
    before, rows = snapshot(desk.archive.root / "2026"), desk.rows()
    assert desk.bring().counts()["known"] == 5
    assert (snapshot(desk.archive.root / "2026"), desk.rows()) == (before, rows)
    runs = desk.catalog.rows("SELECT command, exit_code, summary FROM runs WHERE command = 'import'")
    assert [json.loads(run["summary"])["imported"] for run in runs] == [5, 0]


@pytest.mark.parametrize("name", ["Frontdoor", "FRONTDOOR", "front-door"])
@pytest.mark.parametrize("seconds", [-2, -1, 0, 1, 2])
def test_a_clip_of_the_same_camera_and_second_covers(desk: Desk, seconds: int, name: str) -> None:
    """Other bytes of a camera and a second, give or take one, that are archived are not taken, unless that
    is asked for. Fractions of seconds do not matter."""
    archived_cloud_clip(desk, clip(), created_at=AT.replace(microsecond=999_999))
    desk.lay(stick_name(AT + timedelta(seconds=seconds), name), clip(2))
    file = Path(stick_name(AT + timedelta(seconds=seconds), name)).name
    expected = "covered" if abs(seconds) <= 1 else "imported"
    assert desk.outcomes() == {file: expected}
    if expected == "covered":
        (result,) = desk.bring().results
        assert result.clip == "7000001"
        assert desk.rows() == []
        assert desk.outcomes(covered=True) == {file: "imported"}
    desk.expect_whole()


def test_a_renamed_camera_is_covered_by_both_names(desk: Desk) -> None:
    """Its name then and its name now are the same camera; another camera covers nothing."""
    archived_cloud_clip(desk, clip(), device_name="Porch")
    names = {"Porch": "covered", "Frontdoor": "covered", "Shed": "imported"}
    for number, name in enumerate(names, 2):
        desk.lay(stick_name(AT, name), clip(number))
    assert {name.split("_")[1]: outcome for name, outcome in desk.outcomes().items()} == names


def test_one_import_is_covered_by_another_but_not_by_its_own_folder(desk: Desk) -> None:
    """Two recordings of one second in one folder are two clips, also when a run was killed between them; the
    same second from elsewhere is covered, in one run and in two."""
    one, two = desk.lay(stick_name(AT, number=1), clip(1)), desk.lay(stick_name(AT, number=2), clip(2))
    copy = desk.lay("Frontdoor_2026-11-23T14_52_07-0500.mp4", clip(3))
    assert desk.bring(one, copy).counts()["covered"] == 1
    assert desk.bring(two).counts()["imported"] == 1
    assert desk.outcomes()[copy.name] == "covered"
    desk.expect_whole()


def test_a_guessed_time_covers_nothing_and_is_covered_by_nothing(desk: Desk) -> None:
    """All files of a copied tree can have one date: that says nothing of when they were recorded."""
    for number in (1, 2):
        desk.lay(f"{number}/clip.mp4", clip(number), modified=AT)
    assert desk.bring(camera="Front door").counts()["imported"] == 2
    desk.lay(stick_name(AT), clip(3))
    desk.lay("3/clip.mp4", clip(4), modified=AT)
    assert desk.bring(camera="Front door").counts()["imported"] == 2
    desk.lay("4/clip.mp4", clip(5), modified=AT)
    assert desk.bring(camera="Front door").counts()["imported"] == 1


def test_a_clip_that_waits_or_is_lost_stays_as_it_is(desk: Desk) -> None:
    """The import is a row of its own beside it, and the result names it."""
    list_items(desk.catalog, make_item(1), make_item(2, created_at=AT + timedelta(hours=1)))
    desk.catalog.db.execute(
        "UPDATE clips SET gone_at = ?, gone_reason = 'x' WHERE origin_key = '2'", (utc_text(NOW),)
    )
    before = [clip_row(desk.catalog, key) for key in ("1", "2")]
    desk.lay(stick_name(AT), clip(1))
    desk.lay(stick_name(AT + timedelta(hours=1)), clip(2))
    report = desk.bring()
    assert {result.beside for result in report.results} == {(("1", "waiting"),), (("2", "gone"),)}
    assert report.counts()["beside"] == 2
    assert [clip_row(desk.catalog, key) for key in ("1", "2")] == before
    assert report.results[0].as_json()["beside"] == [{"clip": "1", "status": "waiting"}]


def test_of_two_copies_the_one_whose_name_tells_more_is_taken(desk: Desk) -> None:
    """Whichever comes first by name."""
    for name in ("a.mp4", "z.mp4", stick_name(AT)):
        desk.lay(name, clip())
    report = desk.bring()
    assert [(Path(result.file).name, result.outcome) for result in report.results] == [
        (Path(stick_name(AT)).name, "imported"), ("a.mp4", "known"), ("z.mp4", "known"),
    ]  # fmt: skip


# what is not taken


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an MP4"),
        (b"<html>502 Bad Gateway</html>" * 40, "not an MP4"),
        (MP4[:-1], ""),
        (MP4 + b"\0" * 20, "no box"),
        (box(b"moov") + MDAT, "no ftyp"),
    ],
)  # fmt: skip
def test_what_is_no_whole_mp4_is_not_taken(desk: Desk, data: bytes, reason: str) -> None:
    """It fails with the flaw in words and exit code 3; the others are taken."""
    desk.lay(stick_name(AT), data)
    desk.lay(stick_name(AT + timedelta(hours=1)), clip())
    report = desk.bring()
    assert [result.outcome for result in report.results] == ["failed", "imported"]
    assert reason in str(report.results[0].reason)
    assert report.exit_code == 3
    assert len(desk.rows()) == 1
    desk.expect_whole()


@posix_only
def test_links_devices_and_hidden_files_are_not_read(desk: Desk, tmp_path: Path) -> None:
    """A link to a file or folder, a FIFO (which nobody writes to), what a NAS or macOS hides, and what is no
    video count as other; a link that is named itself is refused."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "clip.mp4").write_bytes(clip())
    (desk.folder / "link.mp4").symlink_to(outside / "clip.mp4")
    (desk.folder / "folder").symlink_to(outside)
    os.mkfifo(desk.folder / "fifo.mp4")
    desk.lay("._clip.mp4", clip())
    desk.lay("@eaDir/clip.mp4", clip())
    desk.lay("clip.jpg", b"x")
    report = desk.bring()
    assert (report.results, report.other) == ((), 4)
    for name in ("link.mp4", "folder", "fifo.mp4", "nothing.mp4"):
        with pytest.raises(UsageError, match=name):
            find_sources([desk.folder / name], root=desk.archive.root)


@posix_only
def test_a_file_that_becomes_a_link_is_not_read(desk: Desk, tmp_path: Path) -> None:
    """Between being found and being read it was replaced: it fails, and what it leads to is not taken."""
    path = desk.lay("clip.mp4", clip())
    found = find_sources([desk.folder], root=desk.archive.root)
    (tmp_path / "secret.mp4").write_bytes(clip(2))
    path.unlink()
    path.symlink_to(tmp_path / "secret.mp4")
    report = import_files(desk.archive, found, Options(), now=lambda: NOW, tick=lambda count: None)
    assert [result.outcome for result in report.results] == ["failed"]
    assert report.exit_code == 3
    assert desk.rows() == []


def test_the_archive_itself_is_never_imported(desk: Desk) -> None:
    """A path in it is refused, however it is written; a folder around it is imported without it."""
    desk.lay(stick_name(AT), clip())
    desk.bring()
    root = desk.archive.root
    for path in (root, root / "2026", root / ".." / root.name / "2026", next(root.rglob("*.mp4"))):
        with pytest.raises(UsageError, match="archive"):
            find_sources([path], root=root)
    if os.name != "nt":
        (desk.folder / "link").symlink_to(root / "2026")
        with pytest.raises(UsageError, match="archive"):
            find_sources([desk.folder / "link" / "11"], root=root)
    found = find_sources([root.parent], root=root)
    assert [source.path for source in found.sources] == [desk.folder / stick_name(AT)]


def test_a_file_is_found_once(desk: Desk) -> None:
    """Also if two of the paths lead to it; a file that is named itself needs no .mp4."""
    path = desk.lay("a/CLIP.MP4", clip())
    odd = desk.lay("clip.bin", clip(2))
    found = find_sources([desk.folder, desk.folder / "a", path, odd], root=desk.archive.root)
    assert [source.path for source in found.sources] == [path, odd]


def test_a_folder_that_cannot_be_read_is_a_failure(archive: Archive, locked_down: Path) -> None:
    """Its name and the reason are among the results, with exit 3; the rest is found."""
    for name in ("a", "b"):
        (locked_down / name).mkdir()
        (locked_down / name / "clip.mp4").write_bytes(clip())
    (locked_down / "a").chmod(0)
    found = find_sources([locked_down], root=archive.root)
    assert [source.path.parent.name for source in found.sources] == ["b"]
    ((folder, reason),) = found.unreadable
    assert (Path(folder).name, "cannot be read" in reason) == ("a", True)


# links


@posix_only
def test_a_linked_file_is_not_copied(desk: Desk) -> None:
    """It is one file under two names, with the clip's time; its content is the same, and what is known is
    not linked."""
    source = desk.lay(stick_name(AT), clip(), modified=NOW - timedelta(days=9))
    desk.lay("again.mp4", clip())
    report = desk.bring(link=True)
    assert report.counts()["known"] == 1
    (row,) = desk.rows()
    file = desk.archive.root / row["path"]
    assert file.samefile(source)
    assert file.stat().st_nlink == 2
    assert (source.read_bytes(), source.stat().st_mtime) == (clip(), AT.timestamp())
    desk.expect_whole()


def test_links_to_another_file_system_are_refused(desk: Desk) -> None:
    """A sentence that says to copy, before anything is taken."""
    desk.lay(stick_name(AT), clip())
    found = find_sources([desk.folder], root=desk.archive.root)
    check_links(found, desk.archive.root)
    elsewhere = replace(found, sources=(replace(found.sources[0], device=found.sources[0].device + 1),))
    with pytest.raises(UsageError, match="Leave --link away"):
        check_links(elsewhere, desk.archive.root)


@posix_only
def test_a_file_that_changes_while_it_is_linked_fails(desk: Desk) -> None:
    """The hash is of what was linked, or nothing is taken."""
    source = desk.lay(stick_name(AT), clip(1))
    found = find_sources([desk.folder], root=desk.archive.root)
    calls: list[int] = []

    def tick(count: int) -> None:
        calls.append(count)
        if len(calls) == 2:  # the first is before the file, this one after its only read
            source.write_bytes(clip(2))

    report = import_files(desk.archive, found, Options(link=True), now=lambda: NOW, tick=tick)
    assert [result.outcome for result in report.results] == ["failed"]
    assert "changed" in str(report.results[0].reason)
    assert desk.rows() == []
    desk.expect_whole()


def test_a_file_too_long_for_memory_is_copied_whole(desk: Desk) -> None:
    """It is read again from the disk; what it became meanwhile is not taken for what was hashed."""
    length = 65 << 20
    path = desk.lay(stick_name(AT), FTYP + box(b"moov") + (length + 8).to_bytes(4, "big") + b"mdat")
    os.truncate(path, path.stat().st_size + length)
    found = find_sources([desk.folder], root=desk.archive.root)
    ticks: list[int] = []

    def tick(count: int) -> None:
        ticks.append(count)
        if count and sum(ticks) == path.stat().st_size:  # the first reading ends
            with path.open("r+b") as file:
                file.seek(1 << 20)
                file.write(b"changed")

    report = import_files(desk.archive, found, Options(), now=lambda: NOW, tick=tick)
    assert [result.outcome for result in report.results] == ["failed"]
    assert desk.bring().counts()["imported"] == 1
    desk.expect_whole()


# durability


@posix_only
def test_the_order_of_the_durable_write(desk: Desk) -> None:
    """Bytes are on stable storage before they have their name, and their folder before they have their row."""
    desk.lay(stick_name(AT), clip())
    day = desk.archive.root / "2026/11/23"
    seen: list[tuple[str, int, int]] = []

    def fsync(fd: int) -> None:
        about = os.fstat(fd)
        named = len(list(day.glob("*.mp4"))) if day.exists() else 0
        rows = desk.catalog.value("SELECT count(*) FROM clips")
        if about.st_size == len(clip()):
            seen.append(("file", named, rows))
        elif day.exists() and about.st_ino == day.stat().st_ino:
            seen.append(("folder", named, rows))

    class Watched(Archive):
        @property
        def store(self) -> Store:
            return Store(self.root, fsync=fsync)

    watched = Watched(desk.archive.root, desk.archive.catalog_path, desk.archive.marker)
    desk.bring(archive=watched)
    assert seen[:2] == [("file", 0, 0), ("folder", 1, 0)]
    assert len(desk.rows()) == 1


def test_an_interrupted_import_keeps_what_is_complete(desk: Desk) -> None:
    """Ctrl-C at any read: the files before it are rows, the one under way is not, exit 130; the next import
    takes the rest."""
    for number in range(4):
        desk.lay(stick_name(AT + timedelta(hours=number)), clip(number))
    reads: list[int] = []
    desk.bring(tick=lambda count: reads.append(count) or _stop(len(reads) > 5))  # type: ignore[func-returns-value]
    done = len(desk.rows())
    assert 0 < done < 4
    runs = desk.catalog.rows("SELECT exit_code, ended_at FROM runs WHERE command = 'import'")
    assert (runs[0]["exit_code"], runs[0]["ended_at"] is None) == (130, False)
    report = desk.bring()
    assert (report.counts()["known"], report.counts()["imported"]) == (done, 4 - done)
    desk.expect_whole()


def _stop(now: bool) -> None:
    if now:
        raise Interrupted("Interrupted")


def test_every_moment_of_an_interruption(desk: Desk) -> None:
    """Wherever it comes, nothing is lost, half or twice."""
    for number in range(3):
        desk.lay(stick_name(AT + timedelta(hours=number)), clip(number))
    for moment in range(1, 12):
        reads: list[int] = []

        def tick(count: int, reads: list[int] = reads, moment: int = moment) -> None:
            reads.append(count)
            _stop(len(reads) == moment)

        report = desk.bring(tick=tick)
        assert report.exit_code in (0, 130)
        assert len(desk.rows()) == len({row["sha256"] for row in desk.rows()})
        if report.exit_code == 0:
            break
    assert len(desk.rows()) == 3
    desk.expect_whole()


def test_a_disk_that_refuses_ends_the_import(desk: Desk) -> None:
    """Exit 8 with a sentence; what was not committed is in no result, and is taken once the disk lets it."""
    desk.lay(stick_name(AT), clip())
    (desk.archive.root / "2026").write_text("a file where the year's folder should be")
    report = desk.bring()
    assert (report.exit_code, report.results) == (8, ())
    assert "could not" in str(report.stopped).lower()
    assert desk.rows() == []
    (desk.archive.root / "2026").unlink()
    assert desk.bring().counts()["imported"] == 1
    desk.expect_whole()


@posix_only
def test_a_file_that_a_killed_import_had_named_is_adopted(desk: Desk) -> None:
    """Killed between the name and the row: the next import finds the same bytes there, and takes them."""
    desk.lay(stick_name(AT), clip())
    found = find_sources([desk.folder], root=desk.archive.root)
    (told,) = forecast(desk.catalog, found, Options(), now=NOW, tick=lambda count: None).results
    file = desk.archive.root / str(told.path)
    file.parent.mkdir(parents=True)
    file.write_bytes(clip())
    (desk.archive.root / ".incoming" / "left.part").write_bytes(clip()[:100])
    inode = file.stat().st_ino
    desk.bring()
    assert file.stat().st_ino == inode
    assert desk.catalog.rows("SELECT kind FROM events WHERE clip_id IS NOT NULL") == [{"kind": "adopted"}]
    desk.expect_whole()


def test_other_bytes_under_the_name_are_left_alone(desk: Desk) -> None:
    """The clip gets the next free name, which the result tells, and the clash is recorded."""
    desk.lay(stick_name(AT), clip())
    found = find_sources([desk.folder], root=desk.archive.root)
    (told,) = forecast(desk.catalog, found, Options(), now=NOW, tick=lambda count: None).results
    file = desk.archive.root / str(told.path)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"somebody's own")
    report = import_files(desk.archive, found, Options(), now=lambda: NOW, tick=lambda count: None)
    assert file.read_bytes() == b"somebody's own"
    assert report.results[0].path == str(told.path).replace(".mp4", "~2.mp4")
    assert desk.rows()[0]["path"] == report.results[0].path
    desk.expect_whole()


def test_many_files_are_committed_by_batches(desk: Desk) -> None:
    """A row is there long before the last file: a kill costs no more than a batch."""
    for number in range(70):
        desk.lay(stick_name(AT + timedelta(minutes=number)), clip(number))
    counts: list[int] = []
    report = desk.bring(tick=lambda count: counts.append(desk.catalog.value("SELECT count(*) FROM clips")))
    assert {0, 32, 64} <= set(counts)
    assert report.counts()["imported"] == len(desk.rows()) == 70
    desk.expect_whole()


def test_days_that_an_earlier_run_left_dirty_are_written(desk: Desk) -> None:
    """A run that was killed before it wrote them: the import does."""
    archived_cloud_clip(desk, clip(), created_at=AT - timedelta(days=5))
    assert desk.catalog.rows("SELECT * FROM dirty_days")
    desk.bring()
    assert not write_dirty_days(desk.catalog, desk.archive.store)
    desk.expect_whole()


def test_verify_leaves_alone_what_an_import_is_about_to_record(desk: Desk) -> None:
    """While a run holds the archive, a file with an import's key and no row yet is not foreign; without one it
    is, and so is any other file."""
    desk.lay(stick_name(AT), clip())
    desk.bring()
    day = desk.archive.root / "2026/11/23"
    (day / "2026-11-23T15-00-00-0500_front-door_import-0a1b2c3d.mp4").write_bytes(clip(2))

    def foreign(*, running: bool) -> int:
        report = verify(
            desk.catalog, desk.archive.root, running=lambda: running, progress=lambda count: None, workers=1
        )
        return len(report.findings)

    assert (foreign(running=True), foreign(running=False)) == (0, 1)
    (day / "stranger_import-0a1b2c3.mp4").write_bytes(clip(3))
    assert foreign(running=True) == 1


def test_a_name_that_is_no_text_is_taken(desk: Desk) -> None:
    """A path of any bytes is kept in the row as it is, as far as text can."""
    if os.name == "nt":
        pytest.skip("names are text there")
    path = desk.folder / os.fsdecode(b"\xff_2026-11-23T14_52_07-0500.mp4")
    path.write_bytes(clip())
    report = desk.bring()
    assert report.counts()["imported"] == 1
    assert json.loads(desk.rows()[0]["raw"]) == {"file": str(path)}
    json.dumps(report.results[0].as_json())
    desk.expect_whole()


def test_a_tree_of_nothing_is_no_error(desk: Desk) -> None:
    """No file, exit 0."""
    report = desk.bring()
    assert (report.results, report.exit_code) == ((), 0)
