"""Local retention: the plan is a function of facts, and only what the catalog knows is removed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.folder import Archive
from blink_archive.archive.retention import LocalClip, Retention, local_clips, plan_retention, record_removal
from blink_archive.archive.store import Store

from .helpers import NOW, archive_files, clip_row, list_items, make_item

NEWEST = datetime(2026, 11, 24, tzinfo=UTC)


def local_clip(
    number: int, *, days_ago: int, size: int = 10, starred: bool = False, at_blink: bool = False
) -> LocalClip:
    created = NEWEST - timedelta(days=days_ago)
    return LocalClip(number, str(number), created, created.isoformat(), "Porch", size, starred, at_blink)


FIVE = [local_clip(number, days_ago=number) for number in range(5)]


def keys(pairs: tuple[tuple[LocalClip, str], ...]) -> list[str]:
    return [clip.key for clip, _ in pairs]


@pytest.mark.parametrize(
    ("wanted", "removed"),
    [
        (Retention(), []),
        (Retention(keep=timedelta(days=3)), ["4"]),
        (Retention(keep=timedelta(days=3, seconds=-1)), ["4", "3"]),
        (Retention(max_size=50), []),
        (Retention(max_size=49), ["4"]),
        (Retention(max_size=20), ["4", "3", "2"]),
        (Retention(max_size=0), ["4", "3", "2", "1", "0"]),
        (Retention(keep=timedelta(days=3), max_size=40), ["4"]),
        (Retention(keep=timedelta(days=3), max_size=30), ["4", "3"]),
    ],
    ids=str,
)  # fmt: skip
def test_the_oldest_leave(wanted: Retention, removed: list[str]) -> None:
    """By age, then by the size of all that is here; no more than that."""
    plan = plan_retention(reversed(FIVE), wanted, now=NEWEST)
    assert (keys(plan.remove), plan.kept) == (removed, ())
    assert plan.left == 50 - 10 * len(removed)


def test_what_is_protected_stays_and_is_told() -> None:
    """What Blink has stays but for force; a star protects only where it is asked for. The next ones leave."""
    clips = [
        local_clip(1, days_ago=9, at_blink=True),
        local_clip(2, days_ago=8, starred=True),
        local_clip(3, days_ago=7),
        local_clip(4, days_ago=6),
    ]
    plan = plan_retention(clips, Retention(max_size=30), now=NEWEST)
    assert (keys(plan.remove), plan.kept) == (["2"], ((clips[0], "Blink still has it"),))
    plan = plan_retention(clips, Retention(max_size=30, keep_starred=True), now=NEWEST)
    assert (keys(plan.remove), keys(plan.kept)) == (["3"], ["1", "2"])
    plan = plan_retention(clips, Retention(max_size=30, keep_starred=True, force=True), now=NEWEST)
    assert (keys(plan.remove), keys(plan.kept)) == (["1"], [])
    plan = plan_retention(clips, Retention(keep=timedelta(days=1)), now=NEWEST)
    assert (keys(plan.remove), keys(plan.kept)) == (["2", "3", "4"], ["1"])


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 1000), st.booleans(), st.booleans()), max_size=30),
    st.none() | st.integers(1, 400),
    st.none() | st.integers(0, 5000),
    st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_a_plan_removes_no_more_than_the_rules_say(
    facts: list[tuple[int, int, bool, bool]], days: int | None, most: int | None, stars: bool, force: bool
) -> None:
    """Whatever is there: nothing protected leaves; nothing young leaves while what stays would fit without it;
    what could leave and did not, had not to."""
    clips = [
        local_clip(n, days_ago=ago, size=size, starred=star, at_blink=at)
        for n, (ago, size, star, at) in enumerate(facts)
    ]
    keep = None if days is None else timedelta(days=days)
    wanted = Retention(keep, most, keep_starred=stars, force=force)
    plan = plan_retention(clips, wanted, now=NEWEST)
    removed = {clip.id for clip, _ in plan.remove}
    assert plan.left == sum(clip.bytes for clip in clips if clip.id not in removed)
    for clip in clips:
        protected = (clip.at_blink and not force) or (clip.starred and stars)
        too_old = keep is not None and NEWEST - clip.created_at > keep
        assert not (protected and clip.id in removed)
        if too_old and not protected:
            assert clip.id in removed
    young = [clip for clip, why in plan.remove if why == "too much"]
    if young:
        assert most is not None
        assert plan.left + young[-1].bytes > most


# removal


def planned(catalog: Catalog, wanted: Retention) -> list[LocalClip]:
    return [clip for clip, _ in plan_retention(local_clips(catalog), wanted, now=NOW).remove]


EVERYTHING = Retention(max_size=0, force=True)


@pytest.fixture
def two(archive: Archive, catalog: Catalog, store: Store) -> list[Path]:
    """Two archived clips with thumbnails; their files."""
    for number in (1, 2):
        list_items(catalog, make_item(number))
        archive_files(
            catalog, store, str(number), clip_data=b"clip %d" % number, picture=b"picture %d" % number
        )
    write_dirty_days(catalog, store)
    rows = [clip_row(catalog, str(number)) for number in (1, 2)]
    return [archive.root / path for row in rows for path in (row["path"], row["thumbnail_path"])]


def test_the_catalogs_clips_are_what_is_planned_with(catalog: Catalog, store: Store, two: list[Path]) -> None:
    """Size with thumbnail, star, and whether Blink still has it; none that is not here."""
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET remote_deleted_at = '2026', starred_at = '2026' WHERE origin_key = '2'"
        )
    list_items(catalog, make_item(3))
    one, other = sorted(local_clips(catalog), key=lambda clip: clip.key)
    assert (one.bytes, one.starred, one.at_blink) == (len(b"clip 1picture 1"), False, True)
    assert (other.starred, other.at_blink) == (True, False)
    for origin in ("import", "liveview"):  # of which Blink never had anything
        with catalog.transaction():
            catalog.db.execute("UPDATE clips SET origin = ? WHERE origin_key = '1'", (origin,))
        assert not any(clip.at_blink for clip in local_clips(catalog))
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET origin = 'usb' WHERE origin_key = '1'")
    assert [clip.at_blink for clip in local_clips(catalog) if clip.key == "1"] == [True]


def test_a_size_that_a_rebuild_could_not_know_is_nothing(catalog: Catalog, two: list[Path]) -> None:
    """SHA256SUMS alone told of the clip, and its file was missing."""
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET bytes = NULL")
    assert {clip.bytes for clip in planned(catalog, EVERYTHING)} == {len(b"picture 1")}


def test_files_leave_and_the_rows_tell_of_it(
    archive: Archive, catalog: Catalog, store: Store, two: list[Path]
) -> None:
    """Clip and thumbnail are removed, the hash stays, an event tells; the day's files list them no more."""
    run = catalog.begin_run("prune-local", now=NOW)
    strange = record_removal(catalog, store, planned(catalog, EVERYTHING)[:1], run=run, now=NOW)
    assert strange == {}
    assert all(path.exists() for path in two)  # first the catalog, then the files
    write_dirty_days(catalog, store)
    assert [path.exists() for path in two] == [False, False, True, True]
    row = clip_row(catalog, "1")
    assert row["sha256"]
    assert row["local_removed_reason"] == "pruned"
    assert catalog.value("SELECT status FROM clips_view WHERE clip = '1'") == "pruned"
    events = catalog.rows("SELECT run_id, detail FROM events WHERE kind = 'pruned'")
    assert [(event["run_id"], json.loads(event["detail"])) for event in events] == [
        (run, {"path": row["path"]})
    ]
    sums = (two[0].parent / "SHA256SUMS").read_text()
    assert two[0].name not in sums
    assert two[2].name in sums
    assert [clip.key for clip in local_clips(catalog)] == ["2"]


def test_a_killed_run_is_completed_by_whoever_writes_the_day(
    catalog: Catalog, store: Store, two: list[Path]
) -> None:
    """Killed when one file of two was removed: the next writing of the day removes the other."""
    run = catalog.begin_run("prune-local", now=NOW)
    record_removal(catalog, store, planned(catalog, EVERYTHING), run=run, now=NOW)
    two[0].unlink()
    write_dirty_days(catalog, store, only=clip_row(catalog, "1")["local_day"])
    assert not any(path.exists() for path in two)
    assert not (two[0].parent / "SHA256SUMS").exists()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("other", ["bytes", "link", "folder"])
def test_what_the_catalog_does_not_know_is_never_removed(
    catalog: Catalog, store: Store, two: list[Path], which: int, other: str
) -> None:
    """Other bytes, a link or a folder in the place of a clip or thumbnail: all of that clip stays, also if the
    file is changed only after the catalog gave it up."""
    path = two[which]
    keep = path.with_name("kept")

    def change() -> None:
        match other:
            case "bytes":
                path.write_bytes(b"a user's own")
            case "link":
                path.rename(keep)
                path.symlink_to(keep)
            case _:
                path.unlink()
                path.mkdir()

    clips = planned(catalog, EVERYTHING)
    change()
    run = catalog.begin_run("prune-local", now=NOW)
    strange = record_removal(catalog, store, clips, run=run, now=NOW)
    assert list(strange.values()) == [store.root.joinpath(path).relative_to(store.root).as_posix()]
    assert clip_row(catalog, "1")["local_removed_at"] is None
    write_dirty_days(catalog, store)
    assert os.path.lexists(path)
    assert two[1 - which].exists()
    assert not two[2].exists()
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET local_removed_at = 'x', local_removed_reason = 'pruned'")
        catalog.db.execute("INSERT INTO dirty_days SELECT DISTINCT local_day FROM clips")
    write_dirty_days(catalog, store)
    assert os.path.lexists(path)


def test_a_missing_file_can_be_given_up(catalog: Catalog, store: Store, two: list[Path]) -> None:
    """Nothing lies there that could be somebody else's."""
    two[0].unlink()
    run = catalog.begin_run("prune-local", now=NOW)
    assert record_removal(catalog, store, planned(catalog, EVERYTHING), run=run, now=NOW) == {}
    write_dirty_days(catalog, store)
    assert not any(path.exists() for path in two)


def test_a_lost_clips_file_stays(catalog: Catalog, store: Store, two: list[Path]) -> None:
    """Only what was pruned is removed: what is left of a clip that was marked lost is the user's."""
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET local_removed_at = 'x', local_removed_reason = 'lost'")
        catalog.db.execute("INSERT INTO dirty_days SELECT DISTINCT local_day FROM clips")
    write_dirty_days(catalog, store)
    assert all(path.exists() for path in two)


def test_a_file_that_another_clip_has_too_stays(catalog: Catalog, store: Store, two: list[Path]) -> None:
    """A thumbnail of the same bytes was taken for the other's own; on some disks in other letters."""
    one = clip_row(catalog, "1")
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET thumbnail_path = ?, thumbnail_sha256 = ? WHERE origin_key = '2'",
            (one["thumbnail_path"].upper(), one["thumbnail_sha256"]),
        )
    run = catalog.begin_run("prune-local", now=NOW)
    clips = [clip for clip in planned(catalog, EVERYTHING) if clip.key == "1"]
    assert record_removal(catalog, store, clips, run=run, now=NOW) == {}
    write_dirty_days(catalog, store)
    assert [path.exists() for path in two[:3]] == [False, True, True]
