"""The disk that forgets, itself: what survives on it is what was fsynced, and no more."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from .forgetful import Mount, NoFuse
from .volatile import Disk, Image, replayed


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """A mount that is still to be entered; skips where FUSE does not mount."""
    try:
        with Mount(tmp_path / "try"):
            pass
    except NoFuse as reason:
        pytest.skip(f"needs a FUSE file system: {reason}")
    return Mount(tmp_path / "disk")


def _disk(mount: Mount) -> Disk:
    *_, disk = replayed(mount.operations, Disk())
    return disk


def test_bytes_survive_by_the_fsync_of_their_file_and_names_by_that_of_their_folder(mount: Mount) -> None:
    """Each alone is not enough, and what comes after it is forgotten."""
    root = mount.path
    with mount:
        for name in ("both", "bytes", "neither"):
            (root / name).write_bytes(b"first")
        _fsync(root / "both")
        with (root / "both").open("ab") as file:
            file.write(b", second")
        assert (root / "both").read_bytes() == b"first, second"
        (root / "folder").mkdir()
        _fsync(root)
        (root / "name").write_bytes(b"first")
        _fsync(root / "name")
        (root / "folder" / "file").write_bytes(b"")
    assert _disk(mount).survivors() == {"both": b"first", "bytes": b"", "neither": b"", "folder": {}}


def test_each_side_of_a_rename_survives_by_the_fsync_of_its_folder(mount: Mount) -> None:
    """So a file may have both names after a power cut, or none."""
    root = mount.path
    with mount:
        for folder in (root / "from", root / "to"):
            folder.mkdir()
        for name in ("a", "b"):
            (root / "from" / name).write_bytes(b"old")
            _fsync(root / "from" / name)
        for folder in (root, root / "from", root / "to"):
            _fsync(folder)
        (root / "from" / "a").rename(root / "to" / "a")
        _fsync(root / "to")
        middle = mount.count()
        (root / "from" / "b").rename(root / "to" / "b")
        _fsync(root / "from")
        assert {path.name for path in (root / "to").iterdir()} == {"a", "b"}
    for count, disk in enumerate(replayed(mount.operations, Disk()), 1):
        if count == middle:
            assert disk.survivors() == {"from": {"a": b"old", "b": b"old"}, "to": {"a": b"old"}}
    assert disk.survivors() == {"from": {}, "to": {"a": b"old"}}


def test_links_locks_and_files_without_a_name_are_as_on_any_disk(mount: Mount) -> None:
    """What the archive's store and its run lock rely on."""
    root = mount.path
    with mount:
        (root / "part").write_bytes(b"bytes")
        (root / "name").hardlink_to(root / "part")
        assert (root / "name").stat().st_nlink == 2
        with pytest.raises(FileExistsError):
            (root / "name").hardlink_to(root / "part")
        with (root / "part").open("rb") as opened:
            (root / "part").unlink()
            assert opened.read() == b"bytes"
            assert [path.name for path in root.iterdir()] == ["name"]
        with FileLock(root / "lock"), pytest.raises(Timeout):
            FileLock(root / "lock").acquire(timeout=0)


def test_sqlite_loses_no_commit_and_nothing_survives_a_cut(mount: Mount) -> None:
    """Its journal with synchronous=EXTRA holds at every operation; after a cut every call fails."""
    with mount:
        with closing(sqlite3.connect(mount.path / "db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("CREATE TABLE numbers (number)")
            committed = []
            for number in range(5):
                connection.execute("INSERT INTO numbers VALUES (?)", (number,))
                committed.append(mount.count())
            mount.cut_after(mount.count() + 7)
            with pytest.raises(sqlite3.OperationalError):
                connection.execute("INSERT INTO numbers VALUES (5)")
        with pytest.raises(OSError, match="Input/output"):
            list(mount.path.iterdir())
    assert len(mount.operations) == committed[-1] + 7
    for count, disk in enumerate(replayed(mount.operations, Disk()), 1):
        if count >= committed[0]:
            for seed in (None, count):
                image = disk.survivors(seed)
                known = sum(1 for cut in committed if cut <= count)
                assert _numbers(image, mount.path.with_name("look")) in (known, known + 1)


def _numbers(image: Image, folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    for name in ("db", "db-journal"):
        (folder / name).unlink(missing_ok=True)
        content = image.get(name, b"")
        assert isinstance(content, bytes)
        (folder / name).write_bytes(content)
    with closing(sqlite3.connect(folder / "db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])


def test_the_dice_leave_some_of_what_was_not_synced() -> None:
    """Over many throws each part survives and does not; torn writes are among what does."""
    disk = Disk()
    kept, lost = disk.create(1, "kept"), disk.create(1, "lost")
    disk.write(kept, 0, b"x" * 512)
    disk.fsync(kept)
    disk.fsync(1)
    disk.write(kept, 512, b"y" * 1024)
    disk.unlink(1, "lost")
    disk.write(lost, 0, b"z")
    images = [disk.survivors(seed) for seed in range(200)]
    assert disk.survivors(7) == images[7]
    assert {"lost" in image for image in images} == {True, False}
    contents = {image["kept"] for image in images}
    x, y, nothing = b"x" * 512, b"y" * 512, bytes(512)
    assert contents == {x, x + y, x + y + y, x + nothing + y}
