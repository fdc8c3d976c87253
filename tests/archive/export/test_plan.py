"""The plan of an export: which clips, under which names, in which parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export.plan import PAPERS_BYTES, PAPERS_LEAST, Plan, cut, make_plan
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import Archive
from blink_archive.archive.layout import Layout
from blink_archive.errors import UsageError

from ..helpers import NOW, list_items, make_item
from .exporting import fill


@contextmanager
def plan(catalog: Catalog, wanted: Filter | None = None, **options: Any) -> Iterator[Plan]:
    made = make_plan(catalog, wanted or Filter(), **options)
    try:
        yield made
    finally:
        made.close()


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_parts_are_cut_in_order_and_no_smaller_than_need_be(sizes: list[int], limit: int) -> None:
    """Part numbers count up from 1; no part is over the limit but one of a single clip; and no part could
    have taken the next clip, too."""
    parts = list(cut(sizes, limit))
    assert len(parts) == len(sizes)
    assert [number for number, _ in groupby(parts)] == list(range(1, len(set(parts)) + 1))
    held = {
        number: [size for size, part in zip(sizes, parts, strict=True) if part == number] for number in parts
    }
    for number, inside in held.items():
        assert sum(inside) <= limit or len([size for size in inside if size]) == 1
        if number + 1 in held:
            assert sum(inside) + held[number + 1][0] > limit


def test_without_a_limit_all_is_one_part() -> None:
    """However large it is."""
    assert set(cut([10**12] * 5, None)) == {1}


def test_clips_and_thumbnails_are_called_as_in_the_archive(archive: Archive, catalog: Catalog) -> None:
    """In the order of recording, each thumbnail behind its clip, with the clip's time in its own zone."""
    fill(archive, catalog, 3)
    with plan(catalog) as made:
        files = list(made.files(1))
        assert [file.name for file in files] == [file.path for file in files]
        assert [file.name.rpartition(".")[2] for file in files] == ["mp4", "jpg"] * 3
        assert files[0].recorded.isoformat() == "2026-11-23T14:52:07-05:00"
        (part,) = made.parts
        assert (part.clips, part.thumbnails) == (3, 3)
        assert part.bytes == sum(file.bytes for file in files)


def test_a_layout_names_them_anew(archive: Archive, catalog: Catalog) -> None:
    """The thumbnail goes with its clip."""
    fill(archive, catalog, 2)
    with plan(catalog, filed=Layout.parse("{camera}/{created:%Y-%m}_{id}")) as made:
        assert [file.name for file in made.files(1)] == [
            "front-door/2026-11_7000001.mp4",
            "front-door/2026-11_7000001.jpg",
            "front-door/2026-11_7000002.mp4",
            "front-door/2026-11_7000002.jpg",
        ]


def test_names_that_clash_get_a_number(archive: Archive, catalog: Catalog) -> None:
    """Two clips of one name, where case is no difference: the later one gets a number, its thumbnail too."""
    fill(archive, catalog, 2)
    catalog.db.execute("UPDATE clips SET origin = 'import', origin_key = 'aaaaaaaa' || id")
    with plan(catalog, filed=Layout.parse("{camera}/{id}")) as made:
        assert [file.name for file in made.files(1)] == [
            "front-door/import-aaaaaaaa.mp4",
            "front-door/import-aaaaaaaa.jpg",
            "front-door/import-aaaaaaaa~2.mp4",
            "front-door/import-aaaaaaaa~2.jpg",
        ]


def test_a_thumbnail_that_two_clips_share_is_one_file(archive: Archive, catalog: Catalog) -> None:
    """It is named once, and both clips point at it."""
    fill(archive, catalog, 2)
    catalog.db.execute(
        "UPDATE clips SET (thumbnail_path, thumbnail_sha256) = "
        "(SELECT thumbnail_path, thumbnail_sha256 FROM clips ORDER BY id LIMIT 1)"
    )
    with plan(catalog) as made:
        files = list(made.files(1))
        assert len(files) == 3
        made.mark(file.number for file in files)
        assert len({thumbnail for *_, thumbnail, _ in made.exported(1)}) == 1


@pytest.mark.parametrize("top", ["index.html", "Clips.CSV", "readme.TXT"])
def test_no_folder_takes_a_papers_name(archive: Archive, catalog: Catalog, top: str) -> None:
    """A layout that would make one is refused, whatever its case."""
    fill(archive, catalog, 1)
    with pytest.raises(UsageError, match="layout"):
        make_plan(catalog, Filter(), filed=Layout.parse(f"{top}/{{id}}"))


def test_only_clips_with_files_here_are_planned_and_the_others_told(
    archive: Archive, catalog: Catalog
) -> None:
    """By what they are: waiting, pruned, and so on; the filter counts for them, too."""
    fill(archive, catalog, 3)
    list_items(catalog, make_item(8000001))
    list_items(catalog, make_item(8000002, source="liveview"))
    catalog.db.execute(
        "UPDATE clips SET local_removed_at = '2026-11-24T00:00:00.000000Z', local_removed_reason = 'pruned' "
        "WHERE origin_key = '7000002'"
    )
    with plan(catalog, Filter(sources=("pir",))) as made:
        assert made.parts[0].clips == 2
        assert made.left_out == {"waiting": 1, "pruned": 1}


def test_what_left_since_a_moment_stays_in_the_plan(archive: Archive, catalog: Catalog) -> None:
    """So that parts that are finished stay as they are; what left before that is not in it."""
    fill(archive, catalog, 3)
    for key, day in (("7000001", 20), ("7000002", 25)):
        catalog.db.execute(
            "UPDATE clips SET local_removed_at = ?, local_removed_reason = 'pruned' WHERE origin_key = ?",
            (f"2026-11-{day}T00:00:00.000000Z", key),
        )
    with plan(catalog, removed_after="2026-11-22T00:00:00.000000Z") as made:
        assert [(file.path.split("_")[-1], file.removed) for file in made.files(1)] == [
            ("7000002.mp4", "pruned"),
            ("7000002.jpg", "pruned"),
            ("7000003.mp4", None),
            ("7000003.jpg", None),
        ]


def test_a_clip_and_its_thumbnail_stay_together(archive: Archive, catalog: Catalog) -> None:
    """Whatever the size of a part; one clip that is larger than it is a part of its own, and is said to be."""
    fill(archive, catalog, 6)
    with plan(catalog, limit=1) as made:
        assert [part.clips for part in made.parts] == [1] * 6
        assert all(part.oversize for part in made.parts)
        assert all(len(list(made.files(part.number))) == 2 for part in made.parts)
    with plan(catalog, limit=PAPERS_LEAST + 3 * (PAPERS_BYTES + 4000)) as made:
        assert [part.clips for part in made.parts] == [3, 3]
        assert not any(part.oversize for part in made.parts)
        assert {number for (number,) in made.elsewhere(1)} == {file.clip_id for file in made.files(2)}


def test_a_fingerprint_tells_two_plans_apart(archive: Archive, catalog: Catalog) -> None:
    """The same clips give the same; one more, or other bytes, do not."""
    fill(archive, catalog, 2)
    with plan(catalog) as one, plan(catalog) as same:
        assert one.parts == same.parts
        fill(archive, catalog, 1, first=7000003)
        with plan(catalog) as more:
            assert more.parts[0].fingerprint != one.parts[0].fingerprint


def test_the_catalog_is_free_while_an_export_goes_on(archive: Archive, catalog: Catalog) -> None:
    """The plan is a copy: once it is made, it holds no lock that a sync would wait for."""
    fill(archive, catalog, 2)
    reader = archive.open_catalog()
    with plan(reader) as made:
        files = made.files(1)
        next(files)
        catalog.begin_run("sync", now=NOW)
        assert len(list(files)) == 3
    reader.close()
