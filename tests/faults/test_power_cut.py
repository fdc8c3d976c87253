"""Power cuts: the archive lies on a disk that forgets what was not fsynced, and the power fails everywhere."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.store import Store
from blink_archive.errors import BlinkArchiveError

from ..conftest import MakeWorld
from ..world import World
from . import times
from .conftest import Figure
from .forgetful import Mount, NoFuse
from .power import Damage, Left, Mutant, look, new_archive, restore, sync_on
from .volatile import lay_out

_CHECK = "[Cc]heck (the disk|it)"  # what a person is told to do where the disk fails


@pytest.fixture
def world(make_world: MakeWorld, tmp_path: Path) -> World:
    """A small account; the test is skipped where FUSE does not mount."""
    try:
        with Mount(tmp_path / "try"):
            pass
    except NoFuse as reason:
        pytest.skip(f"needs a FUSE file system: {reason}")
    world = make_world(clips=8, days=3)
    world.clock.pass_by(minutes=3)  # so that the young clip is whole throughout
    return world


def _seeds(cut: int) -> list[int | None]:
    """The worst disk that a cut may leave, and some by the dice."""
    throws = times(1, 4)
    return [None, *(cut * throws + throw for throw in range(throws))]


def _report(figure: Figure, damage: Damage, *, cuts: int, disks: int) -> None:
    figure("cut points", cuts)
    figure("disks looked at", disks)
    figure("acknowledged clips lost", len(damage.lost))
    figure("deletions at Blink without a durable file", len(damage.undone))
    assert not damage.problems, "\n".join(damage.problems[:20])


def test_no_power_cut_loses_what_was_acknowledged(world: World, tmp_path: Path, figure: Figure) -> None:
    """Wherever in a sync with deletion the power is cut, at the worst and by the dice: the catalog opens and
    is sound; it has all that was committed; what it calls archived, and what Blink was asked to delete, is there
    byte for byte; and the next sync completes the archive."""
    run = sync_on(world, tmp_path / "disk", Left.blank(world))
    assert run.error is None
    assert {clip for _, clip in run.deleted} == run.start.clips
    damage, cuts, disks = Damage(), 0, 0
    for cut, disk in run.cuts(first=run.began, every=times(7, 1)):
        for seed in _seeds(cut):
            recover = disks % times(41, 31) == 0
            left = run.left(cut, disk, seed=seed)
            found = look(world, left, tmp_path / "left", recover=recover)
            damage.add(found, at=f"cut after {cut}, dice {seed}")
            disks += 1
        cuts += 1
    assert cuts > 150
    _report(figure, damage, cuts=cuts, disks=disks)


def test_a_program_whose_disk_fails_says_so_and_loses_nothing(
    world: World, tmp_path: Path, figure: Figure, caplog: pytest.LogCaptureFixture
) -> None:
    """The same where the program lives on after the cut, and every call of the disk fails: it ends by itself,
    with an error that tells of the disk, and Blink is asked to delete nothing more."""
    blank = Left.blank(world)
    damage, cuts, after = Damage(), 0, 0
    while (run := sync_on(world, tmp_path / f"disk{cuts}", blank, cut_after=after)).error is not None:
        assert re.search(_CHECK, run.error)
        end = len(run.operations)
        *_, (_, disk) = run.cuts(first=1)
        for seed in _seeds(end):
            damage.add(look(world, run.left(end, disk, seed=seed), tmp_path / "left"), at=f"cut after {end}")
        cuts += 1
        after += times(71, 3)
    assert {clip for _, clip in run.deleted} == run.start.clips
    assert not [record for record in caplog.records if record.name == "asyncio"]
    _report(figure, damage, cuts=cuts, disks=cuts * len(_seeds(0)))


def test_a_catalog_that_cannot_be_read_tells_of_the_disk(world: World, tmp_path: Path) -> None:
    """Where the disk fails under an open catalog, SQLite says that the database is malformed: a person is told to
    check the disk first, and not just to make the catalog anew."""
    with Mount(tmp_path / "disk") as mount:
        new_archive(world, mount.path)
        catalog = world.archive.open_catalog(write=True)
        mount.cut_after(mount.count())
        with pytest.raises(BlinkArchiveError, match=_CHECK):
            catalog.rows("SELECT * FROM events")
        catalog.close()


def test_a_power_cut_in_the_sync_after_a_power_cut_loses_nothing(
    world: World, tmp_path: Path, figure: Figure
) -> None:
    """The same for the sync that puts right what a first cut left."""
    first = sync_on(world, tmp_path / "disk", Left.blank(world))
    damage, cuts = Damage(), 0
    for cut, disk in first.cuts(first=first.began + 50, every=times(400, 50)):
        run = sync_on(world, tmp_path / f"disk{cut}", first.left(cut, disk, seed=cut))
        assert run.error is None
        for second, disk in run.cuts(first=0, every=times(31, 4)):
            left = run.left(second, disk, seed=second if second % 2 else None)
            damage.add(look(world, left, tmp_path / "left"), at=f"cut after {cut}, then after {second}")
            cuts += 1
    _report(figure, damage, cuts=cuts, disks=cuts)


def test_a_power_cut_while_an_archive_is_made_is_made_good_by_the_next_try(
    world: World, tmp_path: Path, figure: Figure
) -> None:
    """Whatever a cut leaves of a new archive, the same call completes it, and a sync into it is whole."""
    blank = Left.blank(world)
    run = sync_on(world, tmp_path / "disk", blank)
    made, cuts = tmp_path / "made", 0
    for cut, disk in run.cuts(first=0):
        if cut > run.began:
            break
        for seed in _seeds(cut):
            lay_out(run.left(cut, disk, seed=seed).image, made)
            new_archive(world, made)
            if cuts % times(20, 4) == 0:
                restore(world, blank)
                assert world.sync().exit_code == 0
                world.expect_complete()
            shutil.rmtree(made)
        cuts += 1
    figure("cut points", cuts)


def _no_file_fsync(patch: pytest.MonkeyPatch) -> None:
    sync = Store._sync

    def changed(store: Store, fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            sync(store, fd)

    patch.setattr(Store, "_sync", changed)


def _no_folder_fsync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Store, "_sync_folder", lambda store, folder: None)


def _no_catalog_fsync(patch: pytest.MonkeyPatch) -> None:
    set_pragmas = Catalog._set_pragmas

    def changed(catalog: Catalog) -> None:
        set_pragmas(catalog)
        catalog.db.execute("PRAGMA synchronous = OFF")

    patch.setattr(Catalog, "_set_pragmas", changed)


def test_programs_that_leave_out_an_fsync_are_caught(world: World, tmp_path: Path, figure: Figure) -> None:
    """A program that fsyncs no files, or no directories, or not its catalog, loses an acknowledged clip at one
    cut at least; the last two, which its proof before a deletion does not make up for, also what Blink deleted."""
    mutants: tuple[Mutant, ...] = (_no_file_fsync, _no_folder_fsync, _no_catalog_fsync)
    blank, caught, dangerous = Left.blank(world), [], []
    for mutant in mutants:
        run = sync_on(world, tmp_path / mutant.__name__, blank, mutant=mutant)
        for cut, disk in run.cuts(first=run.began):
            if mutant not in caught and look(world, run.left(cut, disk), tmp_path / "left").lost:
                caught.append(mutant)
        if look(world, run.left(cut, disk), tmp_path / "left").undone:
            dangerous.append(mutant)
    figure("mutants caught", f"{len(caught)} of {len(mutants)}")
    assert caught == list(mutants)
    assert dangerous == list(mutants[1:])
