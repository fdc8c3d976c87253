"""The export's own catalog: its clips and nothing else, and a catalog like any other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog, schema
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import Archive
from blink_archive.errors import ArchiveError

from ...world import is_sound
from ..helpers import NOW, archive_clip, begin, clip_row, list_clips, list_items, make_item
from .helpers import FACTS, choose, papers

FRONT = "7000001"


@pytest.fixture
def two(catalog: Catalog) -> Catalog:
    """Two archived clips: of the front door, and of a camera that nobody is to hear of."""
    list_items(
        catalog, make_item(), make_item(7000002, device_id=42, device_name="Secretcam", raw={"s": "Hush"})
    )
    for key in (FRONT, "7000002"):
        run = catalog.begin_run(f"sync of {key}", now=NOW)
        archive_clip(catalog, key, run=run)
        catalog.end_run(run, exit_code=0, summary={"failed": "Secretcam"}, now=NOW)
    return catalog


def extract(catalog: Catalog, tmp_path: Path) -> Catalog:
    """The catalog of an export of the front door's clips."""
    choose(catalog, f"origin_key = '{FRONT}'")
    return Catalog.read(papers(catalog, tmp_path / "papers") / "catalog.db")


def test_it_holds_the_rows_of_its_clips_alone(two: Catalog, tmp_path: Path) -> None:
    """Clips, events, runs and cameras are those of the export; of others no byte is in the file, in none of its
    papers."""
    made = extract(two, tmp_path)
    assert [row["origin_key"] for row in made.rows("SELECT origin_key FROM clips")] == [FRONT]
    assert made.rows("SELECT command, summary FROM runs") == [
        {"command": f"sync of {FRONT}", "summary": None}
    ]
    assert [row["name"] for row in made.rows("SELECT name FROM cameras")] == ["Front door"]
    assert [row["name"] for row in made.rows("SELECT name FROM networks")] == ["Home"]
    events = made.rows("SELECT kind, clip_id FROM events ORDER BY id")
    assert events == [
        {"kind": "archived", "clip_id": clip_row(two, FRONT)["id"]},
        {"kind": "exported", "clip_id": None},
    ]
    made.close()
    for path in (tmp_path / "papers").iterdir():
        if path.name not in ("missing.csv", "gaps.csv"):  # which tell of what is not there
            assert b"Secretcam" not in path.read_bytes(), path.name
            assert b"Hush" not in path.read_bytes(), path.name


def test_its_clips_are_as_in_the_archive(two: Catalog, tmp_path: Path) -> None:
    """But for the places of its files, a clip's row is the archive's, whatever columns there are."""
    before = clip_row(two, FRONT)
    choose(two, "0")
    two.db.execute(
        "INSERT INTO temp.exported SELECT id, 'a/b.mp4', sha256, 'a/c.jpg', thumbnail_sha256 FROM clips WHERE origin_key = ?",
        [FRONT],
    )
    made = Catalog.read(papers(two, tmp_path / "papers") / "catalog.db")
    row = clip_row(made, FRONT)
    assert row == before | {"path": "a/b.mp4", "thumbnail_path": "a/c.jpg"}
    assert made.value("SELECT path FROM clips_view") == "a/b.mp4"
    made.close()


def test_it_is_true_of_the_folder_that_it_lies_in(two: Catalog, tmp_path: Path) -> None:
    """A thumbnail that is not exported is not in it; a clip that was pruned here meanwhile is, with its file."""
    two.db.execute(
        "UPDATE clips SET local_removed_at = archived_at, local_removed_reason = 'pruned', covered_by = 2"
    )
    choose(two, "0")
    two.db.execute(
        "INSERT INTO temp.exported SELECT id, path, sha256, NULL, NULL FROM clips WHERE origin_key = ?",
        [FRONT],
    )
    made = Catalog.read(papers(two, tmp_path / "papers") / "catalog.db")
    row = clip_row(made, FRONT)
    assert {row[name] for name in row if name.startswith("thumbnail_")} == {None}
    assert (row["local_removed_at"], row["covered_by"]) == (None, None)
    assert made.value("SELECT status FROM clips_view") == "archived"
    made.close()


def test_it_is_a_sound_catalog(two: Catalog, tmp_path: Path) -> None:
    """Its schema is that of every catalog, its references hold, and words are found in it, new ones, too."""
    made = extract(two, tmp_path)
    path = Path(made.path)
    assert made.rows("PRAGMA foreign_key_check") == []
    assert list_clips(made, Filter(text="front door"))
    made.close()
    assert is_sound(path)
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(schema())
        asked = "SELECT name, sql FROM sqlite_schema ORDER BY name"
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute(asked).fetchall() == fresh.execute(asked).fetchall()
            assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    changed = Catalog.open(path)
    with changed.transaction():
        changed.db.execute("UPDATE clips SET note = 'the postman'")
    assert list_clips(changed, Filter(text="postman"))
    changed.close()


def test_no_command_takes_it_for_the_archives_own(two: Catalog, archive: Archive, tmp_path: Path) -> None:
    """It has a uuid of its own, so that `--catalog` with it is refused, and says whose extract it is."""
    made = extract(two, tmp_path)
    path = Path(made.path)
    detail = json.loads(made.value("SELECT detail FROM events WHERE kind = 'exported'"))
    assert detail["archive"] == FACTS.archive_uuid
    made.close()
    with pytest.raises(ArchiveError, match="another archive"):
        Archive(archive.root, path, archive.marker).open_catalog()


def test_readings_are_those_of_its_cameras_and_its_time(two: Catalog, tmp_path: Path) -> None:
    """Readings of other cameras, and from before or after its clips, stay behind."""
    list_items(two, make_item(7000003, created_at=NOW))
    archive_clip(two, "7000003")
    run = begin(two)
    for at, device, number in (
        ("2026-11-23T19:52:06.000000Z", "owl", 41),
        ("2026-11-24T10:00:00.000000Z", "owl", 41),
        ("2026-11-24T10:00:00.000000Z", "owl", 42),
        ("2026-11-24T10:00:00.000000Z", "sync_module", 41),
        ("2026-11-24T12:00:01.000000Z", "owl", 41),
    ):
        two.db.execute(
            "INSERT INTO readings (run_id, at, device, device_id) VALUES (?, ?, ?, ?)",
            (run, at, device, number),
        )
        run = begin(two)
    choose(two, "camera_id = 41")
    made = Catalog.read(papers(two, tmp_path / "papers") / "catalog.db")
    assert made.rows("SELECT at, device, device_id FROM readings") == [
        {"at": "2026-11-24T10:00:00.000000Z", "device": "owl", "device_id": 41}
    ]
    made.close()


def test_a_clip_that_waits_again_is_named(two: Catalog, tmp_path: Path) -> None:
    """A clip that stopped being archived while it was exported is no row of an archived one: it is an error."""
    choose(two)
    feed.update_row(two, clip_row(two, FRONT), {"sha256": None, "archived_at": None, "half_sha256": "0" * 64})
    with pytest.raises(ArchiveError, match=r"The clip of 2026/11/23/.*_7000001\.mp4 waits"):
        papers(two, tmp_path / "papers")
    assert not two.db.conn.in_transaction
    assert {row["name"] for row in two.rows("PRAGMA database_list")} == {"main", "temp"}


def test_the_archives_catalog_is_only_read(two: Catalog, archive: Archive, tmp_path: Path) -> None:
    """An export with a reader's connection leaves no byte of the catalog changed, and another may write when
    it is made."""
    before = archive.catalog_path.read_bytes()
    reader = archive.open_catalog()
    choose(reader)
    papers(reader, tmp_path / "papers")
    assert archive.catalog_path.read_bytes() == before
    begin(two)
    reader.close()
