"""The durable write, in order: bytes, then the name, then the row; a few rows at a time (promise 2)."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from dataclasses import dataclass

from blink_archive.simulator import Fault
from blink_archive.sync.run import Options, Summary

from ..conftest import MakeWorld
from ..world import World, clips_fetched
from .watched import watch


@dataclass(frozen=True)
class FileSynced:
    """An fsync of a file, and whether it had a name in the tree by then."""

    inode: int
    named: bool


@dataclass(frozen=True)
class FolderSynced:
    """An fsync of a folder, and what was in it."""

    names: frozenset[str]


def in_tree(world: World) -> set[int]:
    """The inodes that have a name in the dated tree."""
    return {path.stat().st_ino for path in world.root.glob("2*/**/*.*")}


def record_order(world: World) -> list[FileSynced | FolderSynced | str]:
    """What the next sync makes durable and commits, in the order in which it does."""
    log: list[FileSynced | FolderSynced | str] = []

    def fsync(fd: int) -> None:
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            log.append(FolderSynced(frozenset(os.listdir(fd))))
        else:
            log.append(FileSynced(found.st_ino, found.st_ino in in_tree(world)))
        os.fsync(fd)

    watch(world, fsync=fsync, statement=log.append)
    return log


def test_bytes_are_durable_before_the_name_and_the_name_before_the_row(make_world: MakeWorld) -> None:
    """Each clip and each thumbnail: fsynced while it is still nameless, then its folder with its name in it,
    and only then is its row committed."""
    world = make_world(clips=12, hostile=False)
    log = record_order(world)
    assert world.sync().exit_code == 0
    rows = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    assert len(rows) == 12
    for row in rows:
        update = next(
            at
            for at, entry in enumerate(log)
            if isinstance(entry, str)
            and entry.startswith("UPDATE clips SET path = ")
            and f"'{row['path']}'" in entry
            and f"'{row['thumbnail_path']}'" in entry
        )
        committed = log.index("COMMIT", update)
        for path in (world.root / row["path"], world.root / row["thumbnail_path"]):
            durable = log.index(FileSynced(path.stat().st_ino, named=False))
            listed = next(
                at
                for at, entry in enumerate(log)
                if isinstance(entry, FolderSynced) and path.name in entry.names
            )
            assert durable < listed < committed, path
    world.expect_complete()


def test_at_most_32_clips_share_a_transaction(make_world: MakeWorld) -> None:
    """However fast clips come, and however long the catalog takes, one commit records 32 of them at most:
    so much a crash can undo."""
    world = make_world(clips=100, page_limit=200, hostile=False)
    batches = [0]

    def count(statement: str) -> None:
        if statement.startswith("UPDATE clips SET path = "):
            batches[-1] += 1
        elif statement == "COMMIT" and batches[-1]:
            if len(batches) == 1:
                pile_up(beyond=batches[0])
            batches.append(0)

    def pile_up(*, beyond: int) -> None:  # hold up the catalog until all six workers wait for it
        deadline = time.monotonic() + 20
        while len(list(world.root.glob("2*/**/*.mp4"))) < beyond + 36:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    watch(world, fsync=lambda _: None, statement=count)  # a disk that is never waited for
    assert world.sync(workers=6).fetched == 100
    assert sum(batches) == 100
    assert max(batches) <= 32


def test_rows_do_not_wait_for_the_end_of_the_run(make_world: MakeWorld) -> None:
    """Far fewer clips than a transaction takes, and one that stalls: the others have their rows while the
    run is still under way."""
    world = make_world(clips=6, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="stall", times=1))

    async def cancelled() -> Summary:
        task = asyncio.ensure_future(world._sync(Options()))
        deadline = time.monotonic() + 20
        while len(world.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL")) < 5:
            assert time.monotonic() < deadline, "no rows"
            assert not task.done()
            await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        return await task

    assert asyncio.run(cancelled()).exit_code == 130
    world.blink.faults.clear()
    world.sync()
    world.expect_complete()


def test_an_interrupt_waits_for_the_file_that_is_being_made_durable(make_world: MakeWorld) -> None:
    """Cancelled while a slow disk takes a whole clip: the run ends when that is done, and with its row."""
    world = make_world(clips=1, hostile=False)
    busy, free = threading.Event(), threading.Event()

    def fsync(fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            busy.set()
            assert free.wait(20)

    watch(world, fsync=fsync)

    async def cancelled() -> Summary:
        task = asyncio.ensure_future(world._sync(Options()))
        while not busy.is_set():
            assert not task.done()
            await asyncio.sleep(0.01)
        task.cancel()
        threading.Timer(0.1, free.set).start()  # not by this loop, which might be what waits
        return await task

    summary = asyncio.run(cancelled())
    assert (summary.exit_code, summary.fetched) == (130, 1)
    row = world.clip(world.blink.cloud.live_clips()[0])
    assert row["status"] == "archived"
    assert (world.root / row["path"]).is_file()
    assert not list((world.root / ".incoming").iterdir())
    watch(world)
    world.sync()
    world.expect_complete()


def test_a_full_disk_ends_the_run_and_not_one_clip(make_world: MakeWorld) -> None:
    """Once the disk says that it is full, no more clips are asked for than are under way; nothing waits for
    a reason that is not its own, and with space the next run goes on."""
    world = make_world(clips=80, page_limit=200, hostile=False)
    synced = 0
    asked: list[int] = []

    def fsync(fd: int) -> None:
        nonlocal synced
        if stat.S_ISREG(os.fstat(fd).st_mode):
            synced += 1
            if synced > 20:
                asked.append(len(clips_fetched(world)))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    watch(world, fsync=fsync)
    summary = world.sync(workers=4)
    assert summary.exit_code == 8
    assert "full" in (summary.stopped or "")
    assert len(clips_fetched(world)) <= asked[0] + 4
    assert summary.failures == []
    assert not world.rows("SELECT 1 FROM clips WHERE attempts > 0")
    assert len(world.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL")) == summary.fetched >= 8
    watch(world)
    assert world.sync().exit_code == 0
    world.expect_complete()
