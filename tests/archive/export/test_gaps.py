"""gaps.csv and missing.csv: days without clips, and clips that should be there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog, Watermark
from blink_archive.archive.filters import Filter

from ..helpers import NOW, archive_clip, begin, clip_row, list_items, make_item
from .helpers import choose, papers, table

FIRST = datetime(2026, 11, 10, 15, tzinfo=UTC)  # 10 in the morning at the camera


def seen(catalog: Catalog, number: int, day: int, *, archived: bool = True, **changes: object) -> None:
    """A clip of that day of November."""
    list_items(catalog, make_item(7000000 + number, created_at=FIRST.replace(day=day), **changes))
    if archived:
        archive_clip(catalog, str(7000000 + number))


def gaps(folder: Path, camera: str = "Front door") -> list[tuple[str, str, int, int]]:
    """Of a camera: first and last day, how many days, how many clips that are not here."""
    return [
        (row["first_day"][-2:], row["last_day"][-2:], int(row["days"]), int(row["clips_not_here"]))
        for row in table(folder / "gaps.csv")
        if row["camera"] == camera
    ]


def test_spans_of_days_without_a_clip(catalog: Catalog, tmp_path: Path) -> None:
    """Between a camera's first clip and the last day of the export, each span without one is a line; a camera
    that came later has no gap before it came."""
    for number, day in enumerate((10, 11, 14, 20)):
        seen(catalog, number, day)
    seen(catalog, 8, 18, device_id=42, device_name="Late")
    choose(catalog)
    folder = papers(catalog, tmp_path / "papers")
    assert gaps(folder) == [("12", "13", 2, 0), ("15", "19", 5, 0)]
    assert gaps(folder, "Late") == [("19", "20", 2, 0)]
    assert "spans of days without a clip of a camera: 3 (gaps.csv)" in " ".join(
        (folder / "README.txt").read_text(encoding="utf-8").split()
    )


def test_a_day_whose_clips_are_missing_is_none_that_was_quiet(catalog: Catalog, tmp_path: Path) -> None:
    """Clips that the archive knows of in a gap are counted in it, and each has its reason in missing.csv."""
    seen(catalog, 1, 10)
    seen(catalog, 2, 12, archived=False)
    seen(catalog, 3, 12, archived=False)
    seen(catalog, 4, 13)
    choose(catalog)
    folder = papers(catalog, tmp_path / "papers")
    assert gaps(folder) == [("11", "12", 2, 2)]
    (line,) = table(folder / "missing.csv")
    assert line == {
        "day": "2026-11-12",
        "camera": "Front door",
        "camera_id": "41",
        "network": "Home",
        "status": "waiting",
        "reason": "not fetched yet",
        "clips": "2",
    }


def test_every_reason_for_a_clip_to_be_missing(catalog: Catalog, tmp_path: Path) -> None:
    """Waiting, gone, lost, pruned, excluded, deleted before it was fetched, and just not taken: each is told."""
    seen(catalog, 0, 10)
    for number, archived in enumerate((False, False, True, True, False, True), 1):
        seen(catalog, number, 10, archived=archived)
    list_items(catalog, make_item(7000007, created_at=FIRST, deleted=True))
    at = "2026-11-24T12:00:00.000000Z"
    for key, changes in (
        ("7000002", {"gone_at": at, "gone_reason": "deleted at Blink"}),
        ("7000003", {"local_removed_at": at, "local_removed_reason": "lost"}),
        ("7000004", {"local_removed_at": at, "local_removed_reason": "pruned"}),
        ("7000005", {"excluded_at": at}),
    ):
        feed.update_row(catalog, clip_row(catalog, key), changes)
    choose(catalog, "origin_key = '7000000'")
    folder = papers(catalog, tmp_path / "papers")
    assert {(row["status"], row["reason"]) for row in table(folder / "missing.csv")} == {
        ("waiting", "not fetched yet"),
        ("gone", "deleted at Blink"),
        ("lost", "since 2026-11-24"),
        ("pruned", "since 2026-11-24"),
        ("excluded", "by the wish of the user"),
        ("archived", "in the archive, and not taken into this export"),
        ("deleted", "when Blink first listed it, it was deleted already"),
    }
    assert "1 archived, 1 deleted, 1 excluded, 1 gone, 1 lost, 1 pruned, 1 waiting" in " ".join(
        (folder / "README.txt").read_text(encoding="utf-8").split()
    )


def test_what_was_not_asked_for_is_not_missing(catalog: Catalog, tmp_path: Path) -> None:
    """Clips of another camera or day than was asked for are in neither paper; the span is that of the dates."""
    seen(catalog, 1, 12)
    seen(catalog, 2, 9)
    seen(catalog, 3, 25, archived=False)
    seen(catalog, 4, 12, device_id=42, device_name="Secretcam", archived=False)
    choose(catalog, "origin_key = '7000001'")
    catalog.set_watermark(Watermark(NOW, None))
    wanted = Filter(since=date(2026, 11, 10), before=date(2026, 11, 15), cameras=("Front door",))
    folder = papers(catalog, tmp_path / "papers", wanted=wanted)
    assert table(folder / "missing.csv") == []
    assert gaps(folder) == [("10", "11", 2, 0), ("13", "14", 2, 0)]
    assert b"Secretcam" not in (folder / "gaps.csv").read_bytes()


def test_another_parts_clips_are_not_missing(catalog: Catalog, tmp_path: Path) -> None:
    """What lies in another part of the same export makes no gap and is not missing."""
    for number, day in enumerate((10, 11, 12)):
        seen(catalog, number, day)
    choose(catalog, "origin_key = '7000002'")
    catalog.db.execute(
        "INSERT INTO temp.exported_elsewhere SELECT id FROM clips WHERE origin_key <> '7000002'"
    )
    folder = papers(catalog, tmp_path / "papers", part=2, parts=2)
    assert table(folder / "missing.csv") == table(folder / "gaps.csv") == []
    assert [row["clip"] for row in table(folder / "clips.csv")] == ["7000002"]


def test_the_silence_since_the_last_clip_is_a_gap(catalog: Catalog, tmp_path: Path) -> None:
    """Where no end was asked for, the span goes on to the day on which Blink was last asked, at the camera."""
    seen(catalog, 1, 10)
    catalog.set_watermark(Watermark(datetime(2026, 11, 14, 3, tzinfo=UTC), None))  # still the 13th there
    choose(catalog)
    assert gaps(papers(catalog, tmp_path / "papers")) == [("11", "13", 3, 0)]


@pytest.mark.parametrize("moment", [datetime(2026, 11, 12, 4, tzinfo=UTC), date(2026, 11, 11)])
def test_an_instant_is_a_day_at_the_camera(catalog: Catalog, tmp_path: Path, moment: date) -> None:
    """`--until` an instant ends the span on the local day that it was in, as a bare date does on its own."""
    seen(catalog, 1, 10)
    choose(catalog)
    catalog.set_watermark(Watermark(NOW, None))
    assert gaps(papers(catalog, tmp_path / "papers", wanted=Filter(until=moment))) == [("11", "11", 1, 0)]


def test_the_future_is_no_gap(catalog: Catalog, tmp_path: Path) -> None:
    """An end that was asked for and has not come yet makes no gap: the span ends where knowledge does."""
    seen(catalog, 1, 10)
    choose(catalog)
    assert gaps(papers(catalog, tmp_path / "papers", wanted=Filter(until=date(2027, 1, 1)))) == []


def test_readings_say_whether_it_looked(catalog: Catalog, tmp_path: Path) -> None:
    """Of each gap, the readings within its local days count, and how many found the camera disarmed or offline."""
    seen(catalog, 1, 10)
    seen(catalog, 2, 12)
    midnight = datetime(2026, 11, 11, 5, tzinfo=UTC)  # at the camera
    for hours, device, number, status, enabled, armed in (
        (-1, "owl", 41, "offline", 0, 0),
        (0, "owl", 41, "online", 1, 1),
        (6, "owl", 41, "online", 1, 0),
        (12, "owl", 41, "offline", 0, 1),
        (23, "owl", 41, "online", None, None),
        (12, "owl", 42, "offline", 0, 0),
        (12, "sync_module", 41, "offline", 0, 0),
        (24, "owl", 41, "offline", 0, 0),
    ):
        at = f"{midnight + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.000000Z"
        catalog.db.execute(
            "INSERT INTO readings (run_id, at, device, device_id, status, enabled, armed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (begin(catalog), at, device, number, status, enabled, armed),
        )
    choose(catalog)
    (line,) = table(papers(catalog, tmp_path / "papers") / "gaps.csv")
    assert (line["readings"], line["disarmed"], line["offline"]) == ("4", "2", "1")


def test_an_empty_export(catalog: Catalog, tmp_path: Path) -> None:
    """Papers of nothing can be made, and say so."""
    list_items(catalog, make_item(created_at=NOW))
    choose(catalog)
    folder = papers(catalog, tmp_path / "papers")
    assert table(folder / "clips.csv") == table(folder / "gaps.csv") == []
    assert len(table(folder / "missing.csv")) == 1
    assert "There is no clip in it." in (folder / "README.txt").read_text(encoding="utf-8")
