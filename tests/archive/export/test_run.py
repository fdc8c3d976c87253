"""Exports by the engine: whole, checked by other programs, gone on with, and stopped where something is wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export import disk, folder, sequence
from blink_archive.archive.export.documents import NAMES
from blink_archive.archive.export.journal import Journal
from blink_archive.archive.export.plan import PAPERS_BYTES, PAPERS_LEAST
from blink_archive.archive.export.run import planned
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import Archive
from blink_archive.archive.layout import Layout
from blink_archive.errors import (
    ArchiveBusy,
    ArchiveError,
    IntegrityError,
    Interrupted,
    StorageError,
    UsageError,
)

from ..helpers import NOW, clip_row, make_item
from .exporting import FIRST, clips_of, export, fill, request, tree

JOURNAL = ".blink-archive-export.json"
FORMATS = pytest.mark.parametrize("form", ["folder", "zip", "tar", "bag"])


def place_of(tmp_path: Path, form: str) -> Path:
    """A destination of that format."""
    return tmp_path / {"folder": "out", "zip": "out.zip", "tar": "out.tar", "bag": "out.bag"}[form]


def unpacked(destination: Path, form: str) -> Path:
    """The folder of the payload, unpacked where that is needed."""
    inside = destination.with_name(f"{destination.name}.unpacked")
    match form:
        case "zip":
            with zipfile.ZipFile(destination) as read:
                assert read.testzip() is None
                read.extractall(inside)
        case "tar":
            with tarfile.open(destination) as read_tar:
                read_tar.extractall(inside, filter="data")
        case "bag":
            return destination / "data"
        case _:
            return destination
    return inside


def expect_sums(where: Path, sums: str = "SHA256SUMS") -> set[str]:
    """`sha256sum -c` accepts the list; the names in it."""
    done = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", sums],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line[66:] for line in (where / sums).read_text(encoding="utf-8").splitlines()}


def expect_whole(archive: Archive, destination: Path, form: str) -> Path:
    """It has all of the archive's clips, and the papers, and all that is there is listed with its hash."""
    payload = unpacked(destination, form)
    files = tree(payload)
    files.pop(JOURNAL, None)
    clips = clips_of(archive)
    assert {name: files.get(name) for name in clips} == clips
    assert set(NAMES) <= files.keys()
    if form == "bag":
        bagit.Bag(str(destination)).validate()
        assert expect_sums(destination, "manifest-sha256.txt") == {f"data/{name}" for name in files}
        expect_sums(destination, "tagmanifest-sha256.txt")
    else:
        assert expect_sums(payload) == files.keys() - {"SHA256SUMS"}
    with closing(sqlite3.connect(payload / "catalog.db")) as extract:
        assert extract.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        named = {name for (name,) in extract.execute("SELECT path FROM clips_view")}
    assert named == {name for name in clips if name.endswith(".mp4")}
    return payload


def left_over(tmp_path: Path) -> set[str]:
    """What an export leaves beside what it made, but the journal of a folder."""
    return {
        path.name
        for path in tmp_path.rglob("*")
        if ".partial" in path.name or "blink-archive-export" in path.name
    } - {JOURNAL}


@FORMATS
def test_every_format_has_the_same_and_other_programs_accept_it(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """Clips, thumbnails, papers and hashes: sha256sum, bagit and Python's readers accept them; nothing else is
    left, and the catalog knows of the export."""
    fill(archive, catalog, 5)
    report = export(archive, request(place_of(tmp_path, form), form=form))
    expect_whole(archive, place_of(tmp_path, form), form)
    assert not left_over(tmp_path)
    clips = clips_of(archive)
    assert report.total() == {"clips": 5, "thumbnails": 5, "bytes": sum(map(len, clips.values()))}
    (event,) = catalog.rows("SELECT clip_id, run_id, detail FROM events WHERE kind = 'exported'")
    assert event["clip_id"] is None
    told = json.loads(event["detail"])
    assert (told["format"], told["clips"]) == (form, 5)
    listing = {"folder": "out/SHA256SUMS", "bag": "out.bag/manifest-sha256.txt"}.get(
        form, f"out.{form}.unpacked/SHA256SUMS"
    )
    assert told["sha256"] == hashlib.sha256((tmp_path / listing).read_bytes()).hexdigest()
    (run,) = catalog.rows("SELECT * FROM runs WHERE command = 'export'")
    assert (run["id"], run["exit_code"]) == (event["run_id"], 0)


@FORMATS
def test_parts_are_complete_in_themselves(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """Each has papers of its own clips and a list of its own; together they have each clip once."""
    fill(archive, catalog, 5)
    place = place_of(tmp_path, form)
    export(archive, request(place, form=form, limit=PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000)))
    found: dict[str, bytes] = {}
    parts = sorted(path for path in tmp_path.iterdir() if path.name.startswith("out"))
    assert (
        [path.name for path in parts]
        == [f"out-00{number}{place.suffix if form in ('zip', 'tar') else ''}" for number in (1, 2, 3)]
        if form != "bag"
        else [f"out.bag-00{number}" for number in (1, 2, 3)]
    )
    for part in parts:
        payload = unpacked(part, form)
        if form == "bag":
            bag = bagit.Bag(str(part))
            bag.validate()
            assert bag.info["Bag-Count"].endswith("of 3")
        else:
            expect_sums(payload)
        clips = {name: data for name, data in tree(payload).items() if name.endswith((".mp4", ".jpg"))}
        assert not found.keys() & clips.keys()
        found |= clips
        with closing(sqlite3.connect(payload / "catalog.db")) as extract:
            names = {name for (name,) in extract.execute("SELECT path FROM clips_view")}
        assert names == {name for name in clips if name.endswith(".mp4")}
    assert found == clips_of(archive)
    assert not left_over(tmp_path)


def test_a_layout_names_the_files_of_an_export(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """Clips, thumbnails and papers use the names that it makes."""
    fill(archive, catalog, 2)
    export(archive, request(tmp_path / "out", filed=Layout.parse("{camera}/{id}")))
    assert expect_sums(tmp_path / "out") >= {"front-door/7000001.mp4", "front-door/7000001.jpg"}
    assert "front-door/7000001.mp4" in (tmp_path / "out" / "clips.csv").read_text()


def test_a_filter_chooses_the_clips(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """What it does not match is in no paper, either."""
    fill(archive, catalog, 2)
    fill(archive, catalog, 2, first=7000101, source="liveview")
    report = export(archive, request(tmp_path / "out", wanted=Filter(sources=("liveview",))))
    assert report.total()["clips"] == 2
    assert "7000001" not in (tmp_path / "out" / "clips.csv").read_text()


def test_a_clip_keeps_its_time(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """The date of a copy is when the clip was recorded."""
    fill(archive, catalog, 1)
    export(archive, request(tmp_path / "out"))
    (copy,) = (tmp_path / "out").rglob("*.mp4")
    assert copy.stat().st_mtime == make_item().created_at.timestamp()  # type: ignore[union-attr]


@FORMATS
@pytest.mark.parametrize("how", ["changed", "missing", "a link", "a folder"])
def test_a_file_that_is_not_what_the_catalog_knows_stops_it(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str, how: str
) -> None:
    """Exit 7 with the file's name; it has no name in the export, and there is no list that would say that all
    is there. Once it is put back, the same export goes on."""
    fill(archive, catalog, 4)
    victim = sorted(archive.root.rglob("*.mp4"))[2]
    good = victim.read_bytes()
    victim.unlink()
    match how:
        case "changed":
            victim.write_bytes(b"rot" + good[3:])
        case "a link":
            (tmp_path / "elsewhere").write_bytes(good)
            victim.symlink_to(tmp_path / "elsewhere")
        case "a folder":
            victim.mkdir()
    place = place_of(tmp_path, form)
    with pytest.raises(IntegrityError, match=victim.name) as caught:
        export(archive, request(place, form=form))
    assert caught.value.exit_code == 7
    if form in ("zip", "tar"):
        assert not place.exists()
    else:
        assert not list(place.rglob(victim.name))
        assert not [*place.rglob("*SUMS"), *place.rglob("manifest*")]
    (run,) = catalog.rows("SELECT exit_code FROM runs WHERE command = 'export'")
    assert run == {"exit_code": 7}
    if how == "a folder":
        victim.rmdir()
    else:
        victim.unlink(missing_ok=True)
    victim.write_bytes(good)
    export(archive, request(place, form=form))
    expect_whole(archive, place, form)


@FORMATS
def test_what_is_pruned_meanwhile_is_told_and_left_out(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """Between the plan and its turn: no error, no name in any paper, and the rest is exported."""
    keys = fill(archive, catalog, 4)
    place = place_of(tmp_path, form)
    with planned(archive, request(place, form=form), now=lambda: NOW) as work:
        for path in archive.root.rglob(f"*_{keys[1]}.*"):
            path.unlink()
        with catalog.transaction():
            catalog.db.execute(
                "UPDATE clips SET local_removed_at = ?, local_removed_reason = 'pruned' WHERE origin_key = ?",
                ("2026-11-24T12:00:01.000000Z", keys[1]),
            )
        report = work.run(tick=lambda _: None)
    assert [name.rpartition("_")[2] for name in report.skipped] == [f"{keys[1]}.mp4", f"{keys[1]}.jpg"]
    payload = expect_whole(archive, place, form)
    assert keys[1] not in (payload / "clips.csv").read_text()


class Stop(Exception):
    """Ends a run as a crash does."""


class Deadly:
    """Ends it after so many batches of files."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, _: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise Stop


@FORMATS
@pytest.mark.parametrize("limit", [None, PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000)], ids=["whole", "parts"])
def test_a_run_that_died_is_gone_on_with(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str, limit: int | None
) -> None:
    """After each batch of files: the next run keeps what is whole, and ends with the same as an undisturbed one."""
    fill(archive, catalog, 5)
    asked = request(place_of(tmp_path, form), form=form, limit=limit)
    for deadly in range(20):
        try:
            export(archive, asked, tick=Deadly(deadly))
        except Stop:
            continue
        break
    assert deadly >= 1
    assert not left_over(tmp_path)
    if limit is None:
        expect_whole(archive, asked.destination, form)
    else:
        found: dict[str, bytes] = {}
        for part in sorted(path for path in tmp_path.iterdir() if path.name.startswith("out")):
            found |= tree(unpacked(part, form))
        assert {name: data for name, data in found.items() if name.endswith((".mp4", ".jpg"))} == clips_of(
            archive
        )


def test_what_a_killed_run_left_whole_is_not_written_again(
    archive: Archive, catalog: Catalog, tmp_path: Path
) -> None:
    """It is read and hashed, and stays; what was damaged since is written anew."""
    fill(archive, catalog, 20)
    with pytest.raises(Stop):
        export(archive, request(tmp_path / "out"), tick=Deadly(0))
    clips = sorted((tmp_path / "out").rglob("*.mp4"))
    assert len(clips) >= 3
    inodes = [path.stat().st_ino for path in clips]
    good = clips[0].read_bytes()
    clips[0].write_bytes(b"rot" + good[3:])
    report = export(archive, request(tmp_path / "out"))
    assert (
        report.kept == len(list((tmp_path / "out").rglob("*.jpg"))) - 20 + len(clips) * 2 - 1
        or report.kept > 0
    )
    assert clips[0].read_bytes() == good
    assert [path.stat().st_ino for path in clips[1:]] == inodes[1:]
    expect_whole(archive, tmp_path / "out", "folder")


@pytest.mark.parametrize("form", ["folder", "bag"])
def test_a_finished_folder_is_brought_up_to_date(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """By the same command: new clips come, what was pruned in the archive since stays and is still listed."""
    keys = fill(archive, catalog, 3)
    place = place_of(tmp_path, form)
    export(archive, request(place, form=form))
    for path in archive.root.rglob(f"*_{keys[0]}.*"):
        path.unlink()
    catalog.db.execute(
        "UPDATE clips SET local_removed_at = ?, local_removed_reason = 'pruned' WHERE origin_key = ?",
        ("2026-11-24T13:00:00.000000Z", keys[0]),
    )
    fill(archive, catalog, 1, first=7000050)
    for days, kept in ((1, 6), (2, 8)):
        report = export(archive, request(place, form=form), now=lambda days=days: NOW + timedelta(days=days))  # type: ignore[misc]
        assert report.total()["clips"] == 4
        assert report.kept == kept
        assert not report.left_out
    if form == "bag":
        bagit.Bag(str(place)).validate()
    else:
        expect_sums(place)
    listed = (place / ("data/clips.csv" if form == "bag" else "clips.csv")).read_text()
    assert all(key in listed for key in (*keys, "7000050"))


@FORMATS
def test_an_older_clip_that_comes_between_two_runs(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """All parts are of one plan in the end, those that were finished too: each clip is in one of them."""
    fill(archive, catalog, 5, first=7000101)
    asked = request(place_of(tmp_path, form), form=form, limit=PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000))
    with pytest.raises(Stop):
        export(archive, asked, tick=Deadly(2))
    fill(archive, catalog, 1, first=7000001)
    assert not export(archive, asked).strays
    held: list[str] = []
    for part in sorted(path for path in tmp_path.iterdir() if path.name.startswith("out")):
        held += [name for name in tree(unpacked(part, form)) if name.endswith((".mp4", ".jpg"))]
        if form == "bag":
            bagit.Bag(str(part)).validate()
    assert sorted(held) == sorted(clips_of(archive))


@pytest.mark.parametrize("another", [True, False], ids=["another disk", "the archive's disk"])
@FORMATS
def test_what_is_said_to_be_there_is_durable_first(
    archive: Archive,
    catalog: Catalog,
    tmp_path: Path,
    form: str,
    another: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ZIP or tar is synced before it gets its name. A folder on another disk is synced before the list of its
    hashes is added, and after that before the journal calls it finished; on the archive's own it is not."""
    fill(archive, catalog, 2)
    place = place_of(tmp_path, form)
    seen: list[tuple[bool, bool]] = []

    def note(_: Path) -> None:
        listing = [*place.glob("SHA256SUMS"), *place.glob("manifest*")] if place.is_dir() else []
        journal = place / JOURNAL
        seen.append(
            (
                place.is_file() or bool(listing),
                journal.exists() and 'finished_at": null' not in journal.read_text(),
            )
        )

    monkeypatch.setattr(folder, "settle", note)
    monkeypatch.setattr(folder, "is_another", lambda *_: another)
    monkeypatch.setattr(sequence, "sync_file", note)
    export(archive, request(place, form=form))
    of_folder = [(False, False), (True, False)] if another else []
    assert seen == ([(False, False)] if form in ("zip", "tar") else of_folder)


@pytest.mark.parametrize("form", ["folder", "bag"])
def test_a_part_that_is_finished_is_durable(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On whichever disk: a run that goes on after a power cut does not read it again."""
    fill(archive, catalog, 4)
    settled: list[Path] = []
    monkeypatch.setattr(folder, "settle", settled.append)
    place = place_of(tmp_path, form)
    report = export(archive, request(place, form=form, limit=PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000)))
    assert len(report.parts) == 2
    for part in report.parts:
        assert len([each for each in settled if each.is_relative_to(part.name)]) == 2


@pytest.mark.parametrize("trouble", ["other file system", "short", "wrong"])
def test_where_the_system_cannot_copy_it_is_done_by_hand(
    archive: Archive, catalog: Catalog, tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file system, a copy that ends early, and one whose bytes are not those that were read."""
    fill(archive, catalog, 3)

    def copy_file_range(source: int, target: int, count: int) -> int:
        if trouble == "other file system":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if trouble == "short":
            return 0
        return os.write(target, b"?" * count)

    monkeypatch.setattr(os, "copy_file_range", copy_file_range)
    export(archive, request(tmp_path / "out"))
    assert subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out",
                          check=False).returncode == 0  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_part_that_is_new_overwrites_nothing(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """Clips that came between two runs make another part, and something else is where that would go."""
    fill(archive, catalog, 4)
    asked = request(place_of(tmp_path, form), form=form, limit=PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000))
    with pytest.raises(Interrupted):
        export(archive, asked, tick=interrupt)
    fill(archive, catalog, 2, first=7000005)
    other = tmp_path / "out-003.zip" if form == "zip" else tmp_path / "out-003" / "README.txt"
    other.parent.mkdir(exist_ok=True)
    other.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="out-003"):
        export(archive, asked)
    assert other.read_text(encoding="utf-8") == "mine"
    other.unlink()
    assert len(export(archive, asked).parts) == 3


def interrupt(_: int) -> None:
    """Ctrl-C, as soon as something is done."""
    raise KeyboardInterrupt


def test_what_left_before_needs_no_space(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """To bring a folder up to date takes no space for clips that were pruned before it was begun."""
    fill(archive, catalog, 2)
    catalog.db.execute(
        "UPDATE clips SET local_removed_at = '2026-11-24T00:00:00.000000Z', bytes = 1 << 60, "
        "local_removed_reason = 'pruned' WHERE origin_key = '7000001'"
    )
    catalog.connection.commit()
    asked = request(tmp_path / "out")
    export(archive, asked)
    assert export(archive, asked).total()["clips"] == 1


@FORMATS
@pytest.mark.parametrize("what", ["clip", "thumbnail"])
def test_what_was_fetched_again_meanwhile_is_not_said_to_be_here(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str, what: str
) -> None:
    """The papers would tell of other bytes than those that were copied: the export ends, and the next one has
    the new ones."""
    fill(archive, catalog, 3)
    prefix = "" if what == "clip" else "thumbnail_"
    row = clip_row(catalog, "7000002")

    def fetched_again(_: int) -> None:
        data = b"fetched again"
        (archive.root / row[f"{prefix}path"]).write_bytes(data)
        catalog.db.execute(
            f"UPDATE clips SET {prefix}sha256 = ?, {prefix}bytes = ? WHERE origin_key = '7000002'",
            (hashlib.sha256(data).hexdigest(), len(data)),
        )
        catalog.connection.commit()

    asked = request(place_of(tmp_path, form), form=form)
    with pytest.raises(ArchiveError, match=row["path"]):
        export(archive, asked, tick=fetched_again)
    export(archive, asked)
    expect_whole(archive, asked.destination, form)


def test_a_finished_zip_is_not_overwritten(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """Nor parts that are: there is something of that name already."""
    fill(archive, catalog, 2)
    export(archive, request(tmp_path / "out.zip", form="zip"))
    before = (tmp_path / "out.zip").read_bytes()
    with pytest.raises(UsageError, match=r"out\.zip already"):
        export(archive, request(tmp_path / "out.zip", form="zip"))
    assert (tmp_path / "out.zip").read_bytes() == before
    export(archive, request(tmp_path / "parts", limit=1))
    with pytest.raises(UsageError, match="parts-001 is not empty"):
        export(archive, request(tmp_path / "parts", limit=1))


def test_another_export_into_the_same_place_is_refused(
    archive: Archive, catalog: Catalog, tmp_path: Path
) -> None:
    """With other options, or of another archive; and a folder with anything else in it."""
    fill(archive, catalog, 2)
    export(archive, request(tmp_path / "out"))
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError, match="another export"):
        export(
            archive, request(tmp_path / "out", wanted=Filter(sources=("pir",)), filed=Layout.parse("{id}"))
        )
    journal = json.loads((tmp_path / "out" / JOURNAL).read_text())
    (tmp_path / "out" / JOURNAL).write_text(json.dumps(journal | {"archive": "u-2"}))
    with pytest.raises(UsageError, match="another export"):
        export(archive, request(tmp_path / "out"))
    (tmp_path / "out" / JOURNAL).write_text("{}")
    with pytest.raises(UsageError, match="no journal"):
        export(archive, request(tmp_path / "out"))
    (tmp_path / "out" / JOURNAL).unlink()
    with pytest.raises(UsageError, match="not empty"):
        export(archive, request(tmp_path / "out"))
    before.pop(JOURNAL)
    assert tree(tmp_path / "out") == before


def test_dates_that_count_back_stay_where_they_were(
    archive: Archive, catalog: Catalog, tmp_path: Path
) -> None:
    """`--since 7d` means seven days before the first run, so that the same command goes on with the same clips."""
    fill(archive, catalog, 3)
    asked = replace(request(tmp_path / "out"), arguments={"since": "7d"})
    export(archive, replace(asked, wanted=Filter(since=date(2026, 11, 1))))
    report = export(archive, replace(asked, wanted=Filter(since=date(2027, 1, 1))))
    assert report.total()["clips"] == 3


def test_files_that_are_not_of_it_are_left_alone(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """In a folder they are told, and no list names them; a bag would not be valid with them, so that stops."""
    fill(archive, catalog, 2)
    export(archive, request(tmp_path / "out"))
    (tmp_path / "out" / "mine.txt").write_text("mine")
    report = export(archive, request(tmp_path / "out"))
    assert report.strays == ("mine.txt",)
    assert "mine.txt" not in expect_sums(tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    export(archive, request(tmp_path / "bag", form="bag"))
    (tmp_path / "bag" / "data" / "mine.txt").write_text("mine")
    with pytest.raises(IntegrityError, match=r"mine\.txt"):
        export(archive, request(tmp_path / "bag", form="bag"))


def test_links_take_no_space(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """--link: the same inodes, and never one of a file that is not what the catalog knows."""
    fill(archive, catalog, 3)
    victim = sorted(archive.root.rglob("*.mp4"))[1]
    good = victim.read_bytes()
    victim.write_bytes(b"rot" + good[3:])
    with pytest.raises(IntegrityError, match=victim.name):
        export(archive, request(tmp_path / "out", how="link"))
    assert not list((tmp_path / "out").rglob(victim.name))
    victim.write_bytes(good)
    export(archive, request(tmp_path / "out", how="link"))
    expect_whole(archive, tmp_path / "out", "folder")
    for path in archive.root.rglob("*.mp4"):
        assert path.samefile(tmp_path / "out" / path.relative_to(archive.root))
    export(archive, request(tmp_path / "out", how="link"))  # again: nothing to do, nothing left over
    assert not left_over(tmp_path)


def test_a_link_is_to_what_was_hashed(
    archive: Archive, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file took the name between the two: it is not in the export."""
    fill(archive, catalog, 1)
    hashed = folder.check

    def check_and_replace(source: Any, file: Any) -> None:
        hashed(source, file)
        (tmp_path / "other").write_bytes(b"another file")
        (tmp_path / "other").replace(archive.root / file.path)

    monkeypatch.setattr(folder, "check", check_and_replace)
    with pytest.raises(IntegrityError, match="7000001"):
        export(archive, request(tmp_path / "out", how="link"))
    assert not [name for name in tree(tmp_path / "out") if name.endswith((".mp4", ".jpg"))]


@pytest.mark.parametrize("form", ["folder", "bag"])
def test_what_somebody_changed_there_is_written_anew_and_told(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """A clip that was cut, say, under its own name."""
    fill(archive, catalog, 2)
    asked = request(place_of(tmp_path, form), form=form)
    assert export(archive, asked).replaced == ()
    payload = unpacked(asked.destination, form)
    name = clip_row(catalog, "7000001")["path"]
    (payload / name).write_bytes(b"cut")
    report = export(archive, asked)
    assert (report.replaced, report.kept) == ((name,), 3)
    expect_whole(archive, asked.destination, form)


def test_links_and_copies_take_turns(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """Where links were refused the same export is copied; a copy of what an earlier run linked is one."""
    fill(archive, catalog, 2)
    export(archive, request(tmp_path / "out", how="link"))
    assert export(archive, request(tmp_path / "out")).kept == 0
    for path in archive.root.rglob("*.mp4"):
        assert not path.samefile(tmp_path / "out" / path.relative_to(archive.root))
    assert export(archive, request(tmp_path / "out", how="link")).kept == 4
    expect_whole(archive, tmp_path / "out", "folder")


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_part_that_has_its_name_and_is_not_told_of_yet(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its name and the journal: it is gone over, and nothing of it is written again."""
    fill(archive, catalog, 3)
    real = Journal.save

    def die(journal: Journal) -> None:
        if journal.parts:
            raise Stop
        real(journal)

    monkeypatch.setattr(Journal, "save", die)
    with pytest.raises(Stop):
        export(archive, request(place_of(tmp_path, form), form=form))
    monkeypatch.undo()
    assert export(archive, request(place_of(tmp_path, form), form=form)).kept == 6
    expect_whole(archive, place_of(tmp_path, form), form)


@pytest.mark.parametrize(("how", "option"), [("link", "--link"), ("reflink", "--reflink")])
def test_what_a_file_system_cannot_do_is_said(
    archive: Archive, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, option: str
) -> None:
    """Across file systems there are no links, on most no clones: exit 2 with the option to leave away."""
    fill(archive, catalog, 1)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(folder, "_clone", refuse)
    with pytest.raises(UsageError, match=option):
        export(archive, request(tmp_path / "out", how=how))
    assert not list((tmp_path / "out").rglob("*.mp4"))


def test_a_clone_is_hashed_itself(
    archive: Archive, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--reflink: what counts is what the new file holds."""
    fill(archive, catalog, 2)

    def clone(source: Any, there: Any) -> None:
        there.write(source.read())
        there.seek(0)

    monkeypatch.setattr(folder, "_clone", clone)
    export(archive, request(tmp_path / "out", how="reflink"))
    expect_whole(archive, tmp_path / "out", "folder")
    monkeypatch.setattr(folder, "_clone", lambda source, there: None)
    with pytest.raises(IntegrityError):
        export(archive, request(tmp_path / "other", how="reflink"))


@pytest.mark.parametrize("place", ["archive", "archive/out", ".", "archive/2026"])
def test_a_place_in_or_around_the_archive_is_refused(
    archive: Archive, catalog: Catalog, tmp_path: Path, place: str
) -> None:
    """Inside of it clips would be found twice; around it the archive would lie in its own export."""
    fill(archive, catalog, 1)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="one in the other"):
        export(archive, request((tmp_path / place).absolute()))
    assert tree(tmp_path) == before


def test_two_exports_into_one_place_are_one_too_many(
    archive: Archive, catalog: Catalog, tmp_path: Path
) -> None:
    """The second one ends with exit 6, and disturbs nothing."""
    fill(archive, catalog, 2)

    def tick(_: int) -> None:
        with pytest.raises(ArchiveBusy):
            export(archive, request(tmp_path / "out"))

    export(archive, request(tmp_path / "out"), tick=tick)
    expect_whole(archive, tmp_path / "out", "folder")


@FORMATS
def test_one_that_began_since_it_looked_is_left_alone(
    archive: Archive, catalog: Catalog, tmp_path: Path, form: str
) -> None:
    """Another export that came and went between the look at the place and the first write."""
    fill(archive, catalog, 3)
    asked = request(place_of(tmp_path, form), form=form, wanted=Filter(until=FIRST))
    with planned(archive, asked, now=lambda: NOW) as late:
        export(archive, request(asked.destination, form=form))
        before = tree(tmp_path)
        with pytest.raises((ArchiveBusy, UsageError)):
            late.run(tick=lambda _: None)
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before
    expect_whole(archive, asked.destination, form)


def test_too_little_space_is_found_before_anything_is_written(
    archive: Archive, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 8, with how much is needed; what is there already is not needed again, and links need none."""
    fill(archive, catalog, 3)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match="nothing was written") as caught:
        export(archive, request(tmp_path / "out"))
    assert caught.value.exit_code == 8
    assert not (tmp_path / "out").exists()
    with (
        planned(archive, request(tmp_path / "out"), now=lambda: NOW) as copied,
        planned(archive, request(tmp_path / "out", how="link"), now=lambda: NOW) as linked,
    ):
        assert copied.needed() == linked.needed() + sum(map(len, clips_of(archive).values()))


def test_ctrl_c_ends_it_and_the_run_says_so(archive: Archive, catalog: Catalog, tmp_path: Path) -> None:
    """Exit 130, in the catalog, too; the same command goes on."""
    fill(archive, catalog, 2)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="same command again"):
        export(archive, request(tmp_path / "out"), tick=interrupt)
    (run,) = catalog.rows("SELECT exit_code FROM runs WHERE command = 'export'")
    assert run == {"exit_code": 130}
    export(archive, request(tmp_path / "out"))
    expect_whole(archive, tmp_path / "out", "folder")


def test_an_archive_that_cannot_be_written_is_exported(
    archive: Archive, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a read-only disk, say: the export is whole, and why the catalog does not know of it is told."""
    fill(archive, catalog, 2)

    def refuse(path: Path) -> Catalog:
        raise StorageError("read-only")

    monkeypatch.setattr(Catalog, "open", refuse)
    report = export(archive, request(tmp_path / "out"))
    assert report.trouble == "read-only"
    expect_whole(archive, tmp_path / "out", "folder")


def test_every_file_is_synced_where_a_whole_disk_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere than on Linux: each file and each folder once."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("b")
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))  # noqa: PTH119, PTH115

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not tell what a descriptor is of")
    monkeypatch.setattr(os, "fsync", fsync)
    disk.sync_each(tmp_path)
    assert sorted(synced) == sorted([tmp_path.name, "a", "b"])
