"""`catalog check` finds what is wrong with a catalog, and nothing where nothing is."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.check import Report, check
from blink_archive.archive.feed import start_account
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.errors import CatalogMissing

from .helpers import ACCOUNT, NOW, archive_clip, list_items, make_item

AT = "2026-11-24T12:00:00.000000Z"


@pytest.fixture
def two(archive: Archive, catalog: Catalog) -> Archive:
    """A catalog with one clip that is archived and one that waits."""
    list_items(catalog, make_item(1, labels=("person",), metadata={"a": 1}), make_item(2))
    archive_clip(catalog, "1")
    catalog.close()
    return archive


def change(archive: Archive, *statements: str) -> None:
    """SQL of somebody who knows what he does, without foreign keys and checks."""
    connection = sqlite3.connect(archive.catalog_path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def found(report: Report) -> list[tuple[str, str]]:
    return [(finding.where, finding.what) for finding in report.findings]


def test_a_sound_catalog_has_no_findings(two: Archive) -> None:
    """Its rows are counted, by status, too; not a byte of it changes. What a person added is nobody's
    business."""
    change(two, "CREATE VIEW mine AS SELECT 1 AS a", "CREATE TABLE notes (text)")
    before = two.catalog_path.read_bytes()
    report = check(two, now=NOW)
    assert (report.findings, report.unchecked) == ((), ())
    assert report.counts["clips"] == 2
    assert (report.counts["clips_archived"], report.counts["clips_waiting"]) == (1, 1)
    assert report.counts["events"] == 2
    assert two.catalog_path.read_bytes() == before


FACTS = [
    ("bytes = NULL", "no length"),
    ("bytes = -1", "less than nothing"),
    ("duration = -0.5", "less than nothing"),
    ("sha256 = 'x'", "no SHA-256"),
    ("sha256 = upper(sha256)", "no SHA-256"),
    ("thumbnail_sha256 = 'y' || substr(thumbnail_sha256, 2)", "thumbnail is no SHA-256"),
    ("thumbnail_bytes = NULL", "only some of the facts of a thumbnail"),
    ("thumbnail_archived_at = NULL", "only some of the facts of a thumbnail"),
    ("thumbnail_sha256 = NULL, thumbnail_path = NULL", "only some of the facts of a thumbnail"),
    ("gone_at = '2026-11-24T12:00:00.000000Z'", "gone without a reason"),
    ("gone_reason = 'x'", "gone without a reason"),
    ("covered_by = id", "covers itself"),
    ("raw = '{'", "no JSON object"),
    ("raw = '[]'", "no JSON object"),
    ("metadata = '{'", "no JSON"),
    ("labels = '['", "no JSON"),
    ("labels = '{}'", "labels are no JSON list of texts"),
    ("labels = '[1]'", "labels are no JSON list of texts"),
    ("own_labels = '['", "own_labels are no JSON list of texts"),
    ("own_labels = '\"a\"'", "own_labels are no JSON list of texts"),
    ('own_labels = \'["a", ["b"]]\'', "own_labels are no JSON list of texts"),
    ("own_labels = ''", "own_labels are no JSON list of texts"),
    ("path = '../1.mp4'", "leaves the archive"),
    ("path = 'catalog.db'", "not the name of a clip"),
    ("thumbnail_path = '/etc/1.jpg'", "leaves the archive"),
    ("thumbnail_path = path", "not the name of a clip"),
    ("local_day = '2026-11-24'", "its day is 2026-11-24"),
    ("time_zone = 'Asia/Tokyo'", "recorded on 2026-11-24 in Asia/Tokyo"),
    ("created_local = '2026-11-25T14:52:07-05:00'", "its day is 2026-11-23"),
]


@pytest.mark.parametrize(("assignment", "words"), FACTS)
def test_facts_that_disagree(two: Archive, assignment: str, words: str) -> None:
    """Each is told of its clip, and of no other."""
    change(two, f"UPDATE clips SET {assignment} WHERE origin_key = '1'")
    told = found(check(two, now=NOW))
    assert told
    assert {where for where, _ in told} == {"clip 1"}
    assert any(words in what for _, what in told), told


def test_a_removed_file_that_never_was(two: Archive) -> None:
    """A clip whose file was removed here has had one."""
    change(
        two,
        f"UPDATE clips SET local_removed_at = '{AT}', local_removed_reason = 'pruned' WHERE origin_key = '2'",
    )
    assert found(check(two, now=NOW)) == [("clip 2", "its file is not here any more, and never was")]


@pytest.mark.parametrize(
    "time", ["now", "", "2026-11-24T12:00:00Z", "2026-02-31T12:00:00.000000Z", "2026-11-24T24:00:00.000000Z"]
)
@pytest.mark.parametrize(
    ("table", "column"),
    [("clips", "archived_at"), ("clips", "created_at"), ("events", "at"), ("archive", "created_at")],
)
def test_times_that_are_none(two: Archive, table: str, column: str, time: str) -> None:
    """Each time of each table is one."""
    change(two, f"UPDATE {table} SET {column} = '{time}' WHERE rowid = 1")
    assert (f"{table} 1", f"{column} is {time!r}, which is no time") in found(check(two, now=NOW))


def test_a_watermark_and_a_dirty_day(two: Archive) -> None:
    """These are times and days, too."""
    change(
        two,
        "INSERT INTO watermarks VALUES ('cloud', 'x', NULL)",
        "INSERT INTO dirty_days VALUES ('2026-2-1')",
    )
    assert found(check(two, now=NOW)) == [
        ("watermarks 1", "since is 'x', which is no time"),
        ("dirty_days", "'2026-2-1' is no day"),
    ]


def test_two_clips_one_path(two: Archive) -> None:
    """Where the index that forbids it is gone, the paths are compared without regard to case all the same."""
    change(
        two,
        "DROP INDEX clips_path",
        "UPDATE clips SET path = (SELECT replace(upper(path), 'MP4', 'mp4') FROM clips WHERE origin_key = '1') "
        "WHERE origin_key = '2'",
    )
    assert found(check(two, now=NOW)) == [("schema", "the index clips_path is missing")]
    change(two, "CREATE INDEX clips_path ON clips (path)")
    ((where, what),) = found(check(two, now=NOW))
    assert where == "clip 1, 2"
    assert what.startswith("they all have the path ")


def test_two_clips_one_thumbnail(two: Archive) -> None:
    """No two rows have one thumbnail."""
    change(
        two,
        "UPDATE clips SET (thumbnail_path, thumbnail_sha256, thumbnail_bytes, thumbnail_archived_at) = "
        "(SELECT thumbnail_path, thumbnail_sha256, 1, archived_at FROM clips WHERE origin_key = '1') "
        "WHERE origin_key = '2'",
    )
    assert [where for where, _ in found(check(two, now=NOW))] == ["clip 1, 2"]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TRIGGER clips_fts_update", "the trigger clips_fts_update is missing"),
        ("DROP VIEW missing", "the view missing is missing"),
        ("ALTER TABLE runs DROP COLUMN summary", "the column runs.summary is missing"),
    ],
)
def test_a_schema_that_lacks_something(two: Archive, statement: str, what: str) -> None:
    """What schema.sql makes has to be there."""
    change(two, statement)
    assert found(check(two, now=NOW)) == [("schema", what)]


def test_a_foreign_key(two: Archive) -> None:
    """An event of a clip that is not there."""
    change(two, "UPDATE events SET clip_id = 99 WHERE clip_id IS NOT NULL")
    assert found(check(two, now=NOW)) == [("events 2", "it names a row of clips that is not there")]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO clips_fts (clips_fts) VALUES ('delete-all')",
        "INSERT INTO clips_fts (rowid, camera_name) VALUES (1, 'Back')",
    ],
)
def test_an_index_of_words_that_is_not_that_of_the_clips(two: Archive, statement: str) -> None:
    """FTS5's own check compares it with the rows."""
    change(two, statement)
    told = found(check(two, now=NOW))
    assert told
    assert all("clips_fts" in " ".join(each) for each in told), told


def test_an_index_that_is_not_that_of_its_table(two: Archive) -> None:
    """SQLite's integrity check is told in its words."""
    connection = sqlite3.connect(two.catalog_path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'local_day', 'time_zone') WHERE name = 'clips_day'"
    )
    connection.commit()
    connection.close()
    assert {where for where, _ in found(check(two, now=NOW))} == {"SQLite"}


@pytest.mark.parametrize("begin", [0, 4096], ids=["header", "pages"])
def test_a_file_that_is_no_database_any_more(two: Archive, begin: int) -> None:
    """Damage that SQLite cannot even open is a finding, not an error."""
    with two.catalog_path.open("rb+") as file:
        length = file.seek(begin) and file.seek(0, os.SEEK_END)
        file.seek(begin)
        file.write(b"\xff" * max(100, (length or 0) - begin))
    report = check(two, now=NOW)
    assert {finding.where for finding in report.findings} == {"SQLite"}
    assert report.counts == {}


def test_a_marker_of_another_archive(two: Archive) -> None:
    """The catalog says what the folder's marker says."""
    change(two, "UPDATE archive SET uuid = 'other'")
    ((where, what),) = found(check(two, now=NOW))
    assert where == "archive"
    assert "uuid other" in what
    change(two, "UPDATE archive SET uuid = 'u-1', format = 2")
    assert [where for where, _ in found(check(two, now=NOW))] == ["archive"]
    change(two, "DELETE FROM archive")
    assert [where for where, _ in found(check(two, now=NOW))] == ["archive"]


def test_a_zone_that_this_machine_does_not_know(two: Archive) -> None:
    """Is no damage of the catalog: it is said that those days were not checked."""
    change(two, "UPDATE clips SET time_zone = 'Mars/Base' WHERE origin_key = '2'")
    report = check(two, now=NOW)
    assert report.findings == ()
    (said,) = report.unchecked
    assert "1 clips" in said
    assert "'Mars/Base'" in said


def test_no_catalog(two: Archive) -> None:
    """Is none that could be checked."""
    two.catalog_path.unlink()
    with pytest.raises(CatalogMissing, match="catalog rebuild"):
        check(two, now=NOW)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX's")
def test_a_catalog_that_cannot_be_written(locked_down: Path) -> None:
    """It is checked all the same, but for the index of words, which is said."""
    root = locked_down / "archive"
    archive, _ = create_archive(root, root / "catalog.db", account_id=ACCOUNT, uuid="u-1", now=NOW)
    catalog = archive.open_catalog(write=True)
    start_account(catalog)
    list_items(catalog, make_item())
    catalog.close()
    archive.catalog_path.chmod(0o400)
    report = check(archive, now=NOW)
    assert report.findings == ()
    assert report.counts["clips"] == 1
    assert "index of words" in report.unchecked[0]
