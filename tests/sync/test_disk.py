"""A disk that is full, read-only or failing: exit 8, nothing damaged, and the next run goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..world import World, is_sound


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


def test_a_full_disk_is_exit_8_and_costs_nothing(small_disk: Path, tmp_path: Path) -> None:
    """The run stops with exit 8 and a sentence; the catalog is sound, what it calls archived is whole,
    no part is left; after space is freed the next run completes the archive."""
    with World(tmp_path, clips=60, page_limit=100, hostile=False, clip_bytes=150_000) as world:
        world.sync(limit=4)
        done = world.run("sync")
        assert done.returncode == 8
        assert "full" in done.stderr
        assert "Traceback" not in done.stderr
        files = world.files()
        rows = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
        assert 4 <= len(rows) < 60
        for row in rows:
            assert files[row["path"]] == world.blink.cloud.clip_bytes(int(row["origin_key"]))
        assert is_sound(world.archive.catalog_path)
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
