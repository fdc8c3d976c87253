"""A disk that is full, read-only or failing: exit 8, nothing damaged, and the next run goes on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import itertools
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest

from blink_archive.archive import store
from blink_archive.archive.folder import create_archive
from blink_archive.archive.store import Kept, Part, Store
from blink_archive.errors import StorageError
from blink_archive.sync.ports import Aside

from ..world import World
from . import LONG, times
from .conftest import Figure
from .disk import ERRNOS, KINDS, Disk, expect_safe, sync_exit_code

PAGE = 4096
STRIDES = {
    "open": 17,
    "write": 7,
    "read": 23,
    "fsync": 13,
    "begin": 5,
    "commit": 5,
}  # of the short form; others 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of two megabytes; only root can mount one."""
    point = tmp_path / "archive"
    point.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(point)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """A cloud with a few clips; each point of a sweep gets an archive of its own."""
    with small_world(tmp_path / "account") as world:
        yield world


@contextlib.contextmanager
def small_world(folder: Path) -> Iterator[World]:
    """A few clips, all of them whole by now."""
    with World(folder, clips=4, cameras=2) as world:
        world.clock.pass_by(minutes=3)
        yield world


@contextlib.contextmanager
def new_archive(world: World, parent: Path) -> Iterator[None]:
    """An empty archive for the world, with a part in it that a killed run left."""
    world.root = parent / "point"
    world.archive, _ = create_archive(
        world.root, world.root / "catalog.db", account_id=1100001, uuid=str(uuid4()), now=world.clock.now()
    )
    (world.root / ".incoming" / "0123.part").write_bytes(b"half a cl")
    yield
    shutil.rmtree(world.root)


def expect_untouched(world: World, deleted: set[int], at: str) -> None:
    """Nothing was deleted at Blink."""
    assert {clip.id for clip in world.blink.cloud.clips() if clip.deleted} == deleted, at


def sweep(world: World, parent: Path, kind: str, error: int, *, step: int) -> int:
    """Fail every ``step``-th call of that kind, one a run, until a run makes no more of them; how many there were.

    After each: exit 8 and an archive that is safe; then a clean run completes it.
    """
    deleted = {clip.id for clip in world.blink.cloud.clips() if clip.deleted}
    for points in itertools.count():
        with new_archive(world, parent):
            disk = Disk(world.root, kind, nth=1 + points * step, error=error)
            at = str(disk)
            with disk.installed():
                code = sync_exit_code(world, workers=2)
            if not disk.fired:
                assert code == 0
                return points
            expect_safe(world, at)
            expect_untouched(world, deleted, at)
            assert code == 8, f"{at}: exit code {code}"
            expect_complete_after(world, at)
    raise AssertionError


def expect_complete_after(world: World, at: str) -> None:
    """On a disk that works again, one run completes the archive, with nothing twice and nothing left over."""
    assert sync_exit_code(world) == 0, at
    world.expect_complete()
    keys = world.rows("SELECT count(*) AS n, count(DISTINCT origin_key) AS d FROM clips")[0]
    assert keys["n"] == keys["d"], at


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_at_any_call(
    kind: str, account: World, tmp_path: Path, figure: Figure, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever call to the disk fails, once or from then on: exit 8, integrity_check ok, nothing deleted at Blink,
    no torn file under a final name, no row without its whole file, no traceback; and the next run completes
    everything.

    A part that is thrown away and cannot be removed is forgiven: it is no file of the archive, what went wrong
    before is what has to be told, and the next run removes it. No sweep meets it, since the runs that throw
    one away have failed already.
    """
    step = 1 if LONG else STRIDES.get(kind, 3)
    errors = ERRNOS if LONG else [ERRNOS[KINDS.index(kind) % len(ERRNOS)]]
    points = sum(sweep(account, tmp_path, kind, error, step=step) for error in errors)
    assert points >= 2 * len(errors)
    assert not [record for record in caplog.records if record.name == "asyncio"]
    for name in ("points swept", "integrity ok", "exit 8"):
        figure(name, points)


def test_a_catalog_that_is_full_at_any_page(tmp_path: Path, figure: Figure) -> None:
    """SQLite's own "database or disk is full", at each page that the catalog would have grown by."""
    with World(tmp_path / "account", clips=40) as account:
        account.clock.pass_by(minutes=3)
        with new_archive(account, tmp_path):
            before = pages(account)
            assert sync_exit_code(account) == 0
            after = pages(account)
        points = range(before, after, times(8, 1))
        for allowed in points:
            with new_archive(account, tmp_path):
                with full_at(allowed):
                    code = sync_exit_code(account)
                expect_safe(account, f"{allowed} pages")
                assert code == 8, f"{allowed} pages: exit code {code}"
                expect_complete_after(account, f"{allowed} pages")
    assert len(points) >= 3
    for name in ("points swept", "integrity ok", "exit 8"):
        figure(name, len(points))


def pages(world: World) -> int:
    """How many pages the catalog has."""
    return world.archive.catalog_path.stat().st_size // PAGE


@contextlib.contextmanager
def full_at(allowed: int) -> Iterator[None]:
    """The catalog may have so many pages."""
    connect = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {allowed}")
        return connection

    with mock.patch.object(sqlite3, "connect", limited):
        yield


def test_a_part_that_cannot_be_removed_is_forgiven(account: World, tmp_path: Path) -> None:
    """Where a killed run had named all files, they are adopted, and parts that the disk does not let go are left to
    the next run: no clip is worse for it, so the exit code is 0."""
    with new_archive(account, tmp_path):
        account.sync(limit=0)
        for clip in account.blink.cloud.live_clips():
            video = account.root / account.clip(clip)["path"]
            video.parent.mkdir(parents=True, exist_ok=True)
            video.write_bytes(account.blink.cloud.clip_bytes(clip))
            video.with_suffix(".jpg").write_bytes(account.blink.cloud.thumbnail_bytes(clip))
        disk = Disk(account.root, "unlink", nth=1, error=errno.EIO)
        assert disk.lasting
        with disk.installed():
            assert sync_exit_code(account) == 0
        assert disk.fired
        assert len(list((account.root / ".incoming").iterdir())) == 2 * len(account.blink.cloud.live_clips())
        expect_safe(account, "unlink")
        expect_complete_after(account, "unlink")


def test_a_second_error_of_the_disk_is_not_printed(caplog: pytest.LogCaptureFixture) -> None:
    """Where one worker's error ends the run, what the disk then says to another one is no traceback on stderr."""

    async def work() -> None:
        loop, aside, begun, cancelled = (
            asyncio.get_running_loop(),
            Aside("disk"),
            asyncio.Event(),
            threading.Event(),
        )

        def fail() -> None:
            loop.call_soon_threadsafe(begun.set)
            cancelled.wait()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        task = asyncio.create_task(aside(fail))
        await begun.wait()
        task.cancel()
        loop.call_soon(cancelled.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        aside.close()

    asyncio.run(work())
    gc.collect()
    assert caplog.records == []


# --- a real one


def test_a_real_disk_that_is_full_at_any_page(small_disk: Path, tmp_path: Path, figure: Figure) -> None:
    """A sync onto a tmpfs with a few free pages, then a few more, until one completes: whatever the page is that
    finds no room, a clip's, the journal's, the catalog's or a day's, the run ends as it should."""
    with small_world(tmp_path / "account") as world:
        step = times(31, 1)
        for points in itertools.count():
            with new_archive(world, small_disk):
                ballast = small_disk / "ballast"
                fill(ballast, leave=points * step * PAGE)
                code = sync_exit_code(world)
                expect_safe(world, f"{points * step} free pages")
                ballast.unlink()
                if code == 0:
                    break
                assert code == 8, f"{points * step} free pages: exit code {code}"
                expect_complete_after(world, f"{points * step} free pages")
    assert points >= 3
    for name in ("points swept", "integrity ok", "exit 8"):
        figure(name, points)


def fill(ballast: Path, *, leave: int) -> None:
    """Take all free space of a disk but so many bytes."""
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(ballast.parent).free - leave)


def test_a_full_disk_is_exit_8_and_costs_nothing(small_disk: Path, tmp_path: Path) -> None:
    """The run stops with exit 8 and a sentence; the catalog is sound, what it calls archived is whole,
    no part is left; after space is freed the next run completes the archive."""
    with World(tmp_path, clips=60, page_limit=100, hostile=False, clip_bytes=150_000) as world:
        world.sync(limit=4)
        done = world.run("sync")
        assert done.returncode == 8
        assert "full" in done.stderr
        assert "Traceback" not in done.stderr
        rows = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
        assert 4 <= len(rows) < 60
        expect_safe(world, "a full disk")
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        assert world.sync().exit_code == 0
        world.expect_complete()


def test_a_read_only_disk_is_exit_8_and_can_still_be_read(small_disk: Path, tmp_path: Path) -> None:
    """`sync` says that the disk is not writable; `ls`, `status`, `query` and `verify` work."""
    with World(tmp_path, clips=3, hostile=False) as world:
        world.sync()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        done = world.run("sync")
        assert done.returncode == 8
        assert "not writable" in done.stderr
        words = "SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'garden'"
        for command in (("ls", "--text", "garden"), ("status",), ("query", words), ("verify",)):
            done = world.run(*command)
            assert done.returncode == 0, done.stderr


# --- broken products, which the checks catch


def test_a_short_write_that_is_ignored_is_caught(
    account: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that takes every write for a whole one."""

    def write(part: Part, chunk: bytes) -> None:
        with store.storage_errors(f"write {part.path}"):
            part.file.write(memoryview(chunk))
        part.count(bytes(chunk))

    monkeypatch.setattr(Part, "write", write)
    with pytest.raises(AssertionError, match="torn"):
        sweep(account, tmp_path, "write", errno.ENOSPC, step=1)


def test_a_failed_fsync_that_is_ignored_is_caught(
    account: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that tries the fsync of a file again, and believes the second one."""

    def sync(this: Store, fd: int) -> None:
        try:
            this._fsync(fd)
        except OSError:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise
            this._fsync(fd)

    monkeypatch.setattr(Store, "_sync", sync)
    with pytest.raises(AssertionError, match="torn"):
        sweep(account, tmp_path, "fsync", errno.EIO, step=1)


def test_an_error_that_is_swallowed_is_caught(
    account: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that keeps an error of the disk to itself."""
    monkeypatch.setattr(store, "storage_errors", lambda _: contextlib.suppress(OSError))
    with pytest.raises(AssertionError, match="exit code 0"):
        sweep(account, tmp_path, "utime", errno.EROFS, step=1)


def test_a_row_without_its_file_is_caught(
    account: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that says that a file has its name when it has not."""

    def keep(this: Store, part: Part, path: str, *, really: Any = Store.keep, **more: Any) -> Kept:
        with contextlib.suppress(StorageError):
            really(this, part, path, **more)
        return Kept(path)

    monkeypatch.setattr(Store, "keep", keep)
    with pytest.raises(AssertionError, match="a row without its"):
        sweep(account, tmp_path, "link", errno.EIO, step=1)
