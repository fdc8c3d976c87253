"""What Blink's models say, in the catalog: whose word counts, how far it was asked, and the words to search."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from blink_archive.archive import descriptions
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.folder import Archive
from blink_archive.archive.store import Store
from blink_archive.model import Description

from .helpers import NOW, archive_clip, clip_row, list_items, make_item

MINUTE = timedelta(minutes=1)


def tell(
    catalog: Catalog, text: str | None = None, labels: tuple[str, ...] | None = None, *, clip: int = 7000001
) -> int:
    """Blink says this of a clip; how many rows that changed."""
    return descriptions.record_descriptions(catalog, [Description(clip, text, labels)])[1]


def said(catalog: Catalog, key: str = "7000001") -> tuple[str | None, str | None]:
    row = clip_row(catalog, key)
    return row["description"], row["labels"]


def found(catalog: Catalog, words: str) -> list[str]:
    """The clips that the words find, by Blink's id."""
    rows = catalog.rows(
        "SELECT origin_key FROM clips JOIN clips_fts ON clips_fts.rowid = clips.id WHERE clips_fts MATCH ? "
        "ORDER BY 1",
        (words,),
    )
    return [row["origin_key"] for row in rows]


def expect_index_is_whole(catalog: Catalog) -> None:
    """The index agrees with the text, word for word; SQLite looks, and raises where it does not."""
    with catalog.transaction():
        catalog.db.execute("INSERT INTO clips_fts (clips_fts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize(
    ("labels", "column"),
    [(None, None), ((), "[]"), (("animal", "person"), '["animal", "person"]'), (("Tür",), '["Tür"]')],
)
def test_labels_of_the_older_listing(
    catalog: Catalog, labels: tuple[str, ...] | None, column: str | None
) -> None:
    """They are there from the first listing on: NULL where nothing is said, [] where nothing was seen."""
    list_items(catalog, make_item(labels=labels))
    assert said(catalog) == (None, column)


def test_the_newer_listing_goes_before(catalog: Catalog) -> None:
    """What the newer listing says replaces what the older one said; what it does not say, replaces nothing."""
    list_items(catalog, make_item(labels=("person",)))
    assert tell(catalog, None, None) == 0
    assert said(catalog) == (None, '["person"]')
    assert tell(catalog, "A dog.", ("animal",)) == 1
    assert tell(catalog, None, None) == 0
    assert said(catalog) == ("A dog.", '["animal"]')
    assert tell(catalog, None, ()) == 1
    assert said(catalog) == ("A dog.", "[]")


def test_a_clip_that_waits_is_listed_again(catalog: Catalog) -> None:
    """Labels that the older listing has only now are taken; where it has none, what was said stays."""
    list_items(catalog, make_item(partial=True, labels=()))
    list_items(catalog, make_item(labels=("person",)))
    assert said(catalog) == (None, '["person"]')
    tell(catalog, "A person.", ("person", "vehicle"))
    list_items(catalog, make_item(labels=None))
    assert said(catalog) == ("A person.", '["person", "vehicle"]')


def test_an_archived_clip_is_told_more_of_and_touched_nowhere_else(catalog: Catalog) -> None:
    """Its description and labels are all that changes in the row."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    before = clip_row(catalog)
    tell(catalog, "A person.", ("person",))
    assert clip_row(catalog) == before | {"description": "A person.", "labels": '["person"]'}


def test_clips_json_tells_them(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A day whose files were written is written anew for what is said later, and only then."""
    list_items(catalog, make_item())
    write_dirty_days(catalog, store)
    tell(catalog, None, None)
    assert not catalog.rows("SELECT * FROM dirty_days")
    tell(catalog, "A person.", ("person",))
    write_dirty_days(catalog, store)
    told = json.loads((archive.root / "2026/11/23/clips.json").read_text(encoding="utf-8"))["clips"][0]
    assert (told["description"], told["labels"]) == ("A person.", '["person"]')
    tell(catalog, "A person.", ("person",))
    assert not catalog.rows("SELECT * FROM dirty_days")


def test_what_is_not_the_clouds_is_not_known(catalog: Catalog) -> None:
    """A clip that the catalog does not have, or has from elsewhere, is passed over."""
    list_items(catalog, make_item(1), make_item(2))
    catalog.db.execute("UPDATE clips SET origin = 'usb' WHERE origin_key = '2'")
    page = [Description(number, "A person.", None) for number in (1, 2, 3, 1)]
    assert descriptions.record_descriptions(catalog, page) == ({1}, 1)
    assert said(catalog, "2") == (None, None)


def span(catalog: Catalog, *, now: datetime = NOW) -> tuple[datetime, datetime] | None:
    return descriptions.undescribed_span(catalog, now=now)


def test_the_span_of_what_is_not_described(catalog: Catalog) -> None:
    """It reaches from the earliest to the latest recording that has no description and is still at Blink, and
    a minute further."""
    assert span(catalog) is None
    days = [NOW - timedelta(days=n) for n in range(9)]
    list_items(catalog, *(make_item(n, created_at=days[n]) for n in range(1, 9)))
    assert span(catalog) == (days[8] - MINUTE, days[1] + MINUTE)
    tell(catalog, "A person.", clip=8)
    tell(catalog, None, ("person",), clip=1)  # labels alone are no description
    list_items(catalog, make_item(7, deleted=True))
    catalog.db.execute("UPDATE clips SET gone_at = ? WHERE origin_key = '6'", (str(NOW),))
    catalog.db.execute("UPDATE clips SET origin = 'import' WHERE origin_key = '5'")
    assert span(catalog) == (days[4] - MINUTE, days[1] + MINUTE)


def test_what_was_asked_for_long_enough_is_left(catalog: Catalog) -> None:
    """After the list was read to its end, what has been known for an hour is not asked for again, and what
    has not is; what becomes known later is, whenever it was recorded."""
    early, late = NOW - timedelta(hours=9), NOW - timedelta(hours=10)
    list_items(catalog, make_item(1, created_at=early), now=NOW - timedelta(minutes=61))
    list_items(catalog, make_item(2, created_at=late), now=NOW - timedelta(minutes=59))
    assert span(catalog) == (late - MINUTE, early + MINUTE)
    descriptions.record_all_asked(catalog, now=NOW)
    assert span(catalog) == (late - MINUTE, late + MINUTE)
    descriptions.record_all_asked(catalog, now=NOW + 2 * MINUTE)
    assert span(catalog) is None
    descriptions.record_all_asked(catalog, now=NOW + timedelta(days=1))  # with nothing to move to
    ago = NOW - timedelta(days=50)
    list_items(catalog, make_item(3, created_at=ago, updated_at=ago), now=NOW + timedelta(days=1))
    assert span(catalog) == (ago - MINUTE, ago + MINUTE)


@pytest.mark.parametrize("updated", [None, timedelta(hours=23), timedelta(hours=25)], ids=str)
@pytest.mark.parametrize("created", [timedelta(hours=23), timedelta(days=9)], ids=str)
def test_only_young_clips_are_asked_for_again(
    catalog: Catalog, created: timedelta, updated: timedelta | None
) -> None:
    """A clip that Blink changed last more than a day ago has got its words long since, if ever: it is asked
    for once, though it became known only just now; a first sync of many clips costs the next one nothing."""
    changed = None if updated is None else NOW - updated
    list_items(catalog, make_item(1, created_at=NOW - created, updated_at=changed))
    assert span(catalog) is not None
    descriptions.record_all_asked(catalog, now=NOW + MINUTE)
    is_young = (created if updated is None else updated) < timedelta(days=1)
    assert (span(catalog) is not None) is is_young


@pytest.mark.parametrize(
    ("hours", "is_asked"), [(0.0, False), (23.9, False), (24.0, True), (999.0, True), (-1.0, True)]
)
def test_an_account_without_descriptions_has_a_day_of_rest(
    catalog: Catalog, hours: float, is_asked: bool
) -> None:
    """After Blink answered that there are none, nothing is to be asked for a day; a clock that was set back
    does not make more of it."""
    list_items(catalog, make_item())
    descriptions.record_absence(catalog, now=NOW)
    assert (span(catalog, now=NOW + timedelta(hours=hours)) is not None) is is_asked


def test_words_are_found_where_they_stand(catalog: Catalog) -> None:
    """Camera, network, description and labels are searched, without regard to case and accents."""
    list_items(
        catalog,
        make_item(1, device_name="Haustür", network_name="Cottage", labels=("vehicle",)),
        make_item(2, device_name=None, network_name=None),
    )
    tell(catalog, "A person leaves a parcel.", clip=2)
    for word, clips in {
        "haustur": ["1"], "COTTAGE": ["1"], "vehicle": ["1"], "parcel": ["2"], "person OR vehicle": ["1", "2"],
        "camera_name:cottage": [], "network_name:cottage": ["1"], "nothing": [],
    }.items():  # fmt: skip
        assert found(catalog, word) == clips
    expect_index_is_whole(catalog)


def test_the_index_follows_its_text(catalog: Catalog) -> None:
    """A word that is said no more is not found any more, and a row that is deleted by hand neither."""
    list_items(catalog, make_item(1, device_name="Porch"), make_item(2, device_name="Porch"))
    tell(catalog, "A dog.", clip=1)
    tell(catalog, "A fox.", clip=1)
    list_items(catalog, make_item(1, device_name="Gate"))
    assert (found(catalog, "dog"), found(catalog, "fox")) == ([], ["1"])
    assert (found(catalog, "porch"), found(catalog, "gate")) == (["2"], ["1"])
    expect_index_is_whole(catalog)
    catalog.db.execute("DELETE FROM clips WHERE origin_key = '1'")
    assert found(catalog, "fox") == []
    expect_index_is_whole(catalog)


def test_the_index_is_written_only_for_its_text(catalog: Catalog) -> None:
    """A clip that is listed again with the same names, or gets its file, leaves the index alone."""
    list_items(catalog, make_item())
    statements: list[str] = []
    catalog.db.conn.set_trace_callback(statements.append)

    def written() -> list[str]:
        return [sql for sql in statements if "INTO 'main'.'clips_fts_" in sql]

    list_items(catalog, make_item(watched=True, updated_at=NOW))
    assert any("camera_name" in sql for sql in statements)
    assert not written()
    statements.clear()
    archive_clip(catalog, "7000001")
    assert not [sql for sql in statements if "data_version" in sql], "the index was opened"
    assert not written()
    tell(catalog, "A person.")
    catalog.db.conn.set_trace_callback(None)
    assert written(), "the trace does not show how the index is written"


def test_labels_can_be_taken_apart_in_sql(catalog: Catalog) -> None:
    """Whatever Blink calls what it saw: half a surrogate pair would be text that nobody can read."""
    list_items(catalog, make_item(1, labels=("\ud800x", "straße")))
    rows = catalog.rows("SELECT value FROM clips, json_each(clips.labels) ORDER BY value")
    assert [row["value"] for row in rows] == ["\\ud800x", "straße"]


def test_other_tools_find_the_index(catalog: Catalog) -> None:
    """sqlite-utils, and with it Datasette, detects the index by how it is declared, and searches with it."""
    list_items(catalog, make_item(1), make_item(2))
    tell(catalog, "A person walks by.", clip=2)
    table = catalog.db["clips"]
    assert table.detect_fts() == "clips_fts"
    assert [row["origin_key"] for row in table.search("walks")] == ["2"]


def test_names_from_hell_leave_the_index_whole(catalog: Catalog) -> None:
    """NUL, half a surrogate pair, quotes and a name without a letter: the index agrees with the text."""
    names: list[Any] = ["a\0b", "\ud800", "'\"", "", None, "🦊", "x" * 1000, "NEAR(", "حديقة"]
    list_items(catalog, *(make_item(n, device_name=name) for n, name in enumerate(names, 1)))
    list_items(catalog, *(make_item(n, device_name=name) for n, name in enumerate(reversed(names), 1)))
    expect_index_is_whole(catalog)


def test_any_text_is_stored(catalog: Catalog) -> None:
    """Half a surrogate pair is stored as an escape, and the labels are JSON whatever one holds."""
    list_items(catalog, make_item())
    labels = ("\n", '"', "\\", "\ud800")
    assert tell(catalog, "A \ud800 dog.", labels) == 1
    text, column = said(catalog)
    assert text == "A \\ud800 dog."
    assert tuple(json.loads(column or "")) == (*labels[:3], "\\ud800")
    assert tell(catalog, "A \ud800 dog.", labels) == 0
