"""`archive move`: whatever happens, there is one archive, whole; and in the end nothing of the old one is left."""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest

from blink_archive.archive import move as module
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.decisions import set_note
from blink_archive.archive.folder import Archive, Marker, find_archive, open_archive
from blink_archive.archive.move import Moved, move
from blink_archive.archive.store import Store
from blink_archive.archive.verify import verify
from blink_archive.errors import (
    ArchiveBusy,
    ArchiveError,
    IntegrityError,
    NotAnArchive,
    StorageError,
    UsageError,
)

from .helpers import archive_files, list_items, make_item

CLIPS = 6


@pytest.fixture
def filled(archive: Archive, catalog: Catalog, store: Store) -> Archive:
    """An archive of six clips, with a person's files among them, and what a killed run left."""
    list_items(catalog, *(make_item(number) for number in range(1, CLIPS + 1)))
    for number in range(1, CLIPS + 1):
        archive_files(catalog, store, str(number), clip_data=b"clip" * number)
    while write_dirty_days(catalog, store):
        pass
    root = archive.root
    (root / "notes.txt").write_text("mine")
    (root / "2026" / "link").symlink_to("../notes.txt")
    (root / "2026" / "folder link").symlink_to("11")
    (root / ".incoming").mkdir(exist_ok=True)
    (root / ".incoming" / "0.part").write_bytes(b"half")
    return archive


def moved(archive: Archive, target: Path) -> Moved:
    return move(archive.root, archive.catalog_path, target, progress=lambda count: None)


def contents(root: Path) -> dict[str, tuple[str, int]]:
    """Every file but the marker, the lock and the catalog: its hash, or where it points to, and its time."""
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if name.startswith((".incoming", "catalog.db")) or name in {".blink-archive.json", module.BEGUN}:
            continue
        if path.is_symlink():
            found[name] = (str(path.readlink()), 0)
        elif path.is_file():
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
    return found


def expect_moved(old: Path, new: Path, before: dict[str, tuple[str, int]]) -> None:
    """All is there, with its times; the old folder has the note alone; the archive verifies."""
    assert contents(new) == before
    assert [path.name for path in old.rglob("*")] == [".blink-archive.json"]
    assert not (new / module.BEGUN).exists()
    archive = open_archive(new, new / "catalog.db")
    catalog = archive.open_catalog()
    try:
        assert catalog.value("SELECT count(*) FROM clips WHERE sha256 IS NOT NULL") == CLIPS
        report = verify(catalog, new, running=lambda: False, progress=lambda count: None)
    finally:
        catalog.close()
    assert report.findings == ()
    with pytest.raises(NotAnArchive, match=f"was moved to {new}"):
        find_archive(old, old / "catalog.db")


def test_an_archive_is_moved_with_all_that_lies_in_it(filled: Archive, tmp_path: Path) -> None:
    """Files of other people, links and times too; the old folder says where it went."""
    before, target = contents(filled.root), tmp_path / "disk" / "archive"
    told: list[int] = []
    result = move(filled.root, filled.catalog_path, target, progress=told.append)
    expect_moved(filled.root, target, before)
    assert (result.files, result.left) == (len(before), ())
    assert sum(told) == 2 * result.bytes == 2 * sum(file.stat().st_size for file in map(target.joinpath, before)
                                                   if not file.is_symlink())  # fmt: skip
    assert result.archive == open_archive(target, target / "catalog.db")


def test_a_catalog_elsewhere_stays_there(filled: Archive, tmp_path: Path) -> None:
    """Only what lies in the folder moves."""
    elsewhere = tmp_path / "elsewhere.db"
    filled.catalog_path.rename(elsewhere)
    result = move(filled.root, elsewhere, tmp_path / "new", progress=lambda count: None)
    assert result.archive.catalog_path == elsewhere
    open_archive(tmp_path / "new", elsewhere).open_catalog().close()


def die_at(call: int, kind: str, archive: Archive, target: Path) -> None:
    """In a process of its own: end at that call, as SIGKILL does."""
    real: Callable[..., object] = getattr(os, kind)
    left = call

    def counted(*arguments: object, **named: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)
        return real(*arguments, **named)

    with mock.patch.object(os, kind, counted):
        moved(archive, target)
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["open", "mkdir", "replace", "unlink", "rmdir"])
def test_killed_anywhere_the_same_command_ends_it(filled: Archive, tmp_path: Path, kind: str) -> None:
    """At every call of its kind: never two archives, never less than one that is whole, and nothing is
    left of the old one in the end."""
    before, pristine = contents(filled.root), tmp_path / "pristine"
    shutil.copytree(filled.root, pristine, symlinks=True)
    for call in range(10_000):
        shutil.rmtree(filled.root)
        shutil.copytree(pristine, filled.root, symlinks=True)
        target = tmp_path / f"{kind}-{call}"
        process = multiprocessing.get_context("fork").Process(
            target=die_at, args=(call, kind, filled, target)
        )
        process.start()
        process.join()
        archives = [root for root in (filled.root, target) if is_one(root)]
        assert len(archives) <= 1
        if archives == [filled.root]:
            assert contents(filled.root) == before
        else:
            assert contents(target) == before
        if process.exitcode == 0:
            expect_moved(filled.root, target, before)
            break
        moved(filled, target)
        expect_moved(filled.root, target, before)
    assert call > 2, "nothing was killed"


def is_one(root: Path) -> bool:
    try:
        find_archive(root, root / "catalog.db")
    except ArchiveError:
        return False
    return True


def test_a_copy_that_is_not_the_same_ends_it(filled: Archive, tmp_path: Path) -> None:
    """A disk that gives back other bytes than it took: nothing is removed, and the archive stays."""
    before, target = contents(filled.root), tmp_path / "new"
    read = module.hash_open

    def rotten(file: object) -> str:
        return "0" * 64 if str(getattr(file, "name", "")).endswith(".mp4") else read(file)  # type: ignore[arg-type]

    with (
        mock.patch.object(module, "hash_open", rotten),
        pytest.raises(IntegrityError, match=r"\.mp4 read back"),
    ):
        moved(filled, target)
    assert contents(filled.root) == before
    assert is_one(filled.root)
    assert not is_one(target)


def bytes_of(root: Path) -> int:
    return sum((root / name).lstat().st_size for name, (_, time) in contents(root).items() if time)


def test_what_changes_meanwhile_goes_along(filled: Archive, tmp_path: Path) -> None:
    """A note needs no run lock: its day's files, written anew after they were copied, are copied again."""
    target, total, seen = tmp_path / "new", bytes_of(filled.root), 0

    def meddle(count: int) -> None:
        nonlocal seen
        if seen < total <= seen + count:
            catalog = filled.open_catalog(write=True)
            set_note(catalog, filled.store, "1", "a parcel", now=datetime(2026, 11, 23, tzinfo=UTC))
            catalog.close()
            (filled.root / "new.txt").write_text("new")
            (filled.root / "2026" / "link").unlink()
            (filled.root / "2026" / "link").symlink_to("../new.txt")
        seen += count

    result = move(filled.root, filled.catalog_path, target, progress=meddle)
    assert result.left == ()
    days = "".join(file.read_text() for file in target.rglob("clips.json"))
    assert "a parcel" in days
    assert (target / "2026" / "link").read_text() == "new"
    assert (result.files, result.bytes) == (len(contents(target)), bytes_of(target))
    expect_moved(filled.root, target, contents(target))


def test_what_changes_after_the_switch_stays(filled: Archive, tmp_path: Path) -> None:
    """It is not removed, and is told: a file, of the same length and second too, and a link."""
    target = tmp_path / "new"
    switch = module._Mover.finish_switch

    def meddle(mover: module._Mover) -> Marker:
        (filled.root / "notes.txt").write_text("else")
        (filled.root / "new.txt").write_text("new")
        (filled.root / "new link").symlink_to("new.txt")
        return switch(mover)

    with mock.patch.object(module._Mover, "finish_switch", meddle):
        result = moved(filled, target)
    assert {path for path, _ in result.left} == {"notes.txt", "new.txt", "new link"}
    assert (filled.root / "new link").read_text() == "new"
    assert (filled.root / "notes.txt").read_text() == "else"
    assert (target / "notes.txt").read_text() == "mine"


def test_a_recording_puts_it_off(filled: Archive, tmp_path: Path) -> None:
    """One would find no archive at its end: the old one stays, and the next try goes on."""
    with filled.store.live_part() as part:
        part.write(b"video")
        with pytest.raises(ArchiveBusy, match="live view"):
            moved(filled, tmp_path / "new")
        assert is_one(filled.root)
        assert part.path.exists()
    before = contents(filled.root)
    moved(filled, tmp_path / "new")
    expect_moved(filled.root, tmp_path / "new", before)


def test_a_disk_that_left_is_given_no_marker(filled: Archive, tmp_path: Path) -> None:
    """The same command again, while the new disk is not mounted: an empty folder is not made an archive."""
    target = tmp_path / "new"
    with (
        mock.patch.object(module._Mover, "remove", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        moved(filled, target)
    before = contents(target)
    target.rename(tmp_path / "unmounted")
    for make in (lambda: None, target.mkdir):
        make()
        with pytest.raises(ArchiveError, match="is mounted"):
            moved(filled, target)
        assert not (target / ".blink-archive.json").exists()
    target.rmdir()
    (tmp_path / "unmounted").rename(target)
    moved(filled, target)
    expect_moved(filled.root, target, before)


def test_a_catalog_named_by_way_of_a_link(filled: Archive, tmp_path: Path) -> None:
    """It lies in the folder all the same, and is copied as a catalog is."""
    before = contents(filled.root)
    (tmp_path / "link").symlink_to(filled.root)
    target = tmp_path / "new"
    result = move(tmp_path / "link", filled.catalog_path, target, progress=lambda count: None)
    assert result.archive == open_archive(target, target / "catalog.db")
    expect_moved(filled.root, target, before)


def test_what_the_archive_gave_up_since_is_not_taken_along(filled: Archive, tmp_path: Path) -> None:
    """A move was broken off, a clip was pruned: its copy would be a foreign file in the new folder."""
    target = tmp_path / "new"
    with (
        mock.patch.object(module._Mover, "switch", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        moved(filled, target)
    (filled.root / "notes.txt").unlink()
    with pytest.raises(UsageError, match=r"holds notes\.txt"):
        moved(filled, target)
    (target / "notes.txt").unlink()
    before = contents(filled.root)
    moved(filled, target)
    expect_moved(filled.root, target, before)


def test_a_disk_s_own_folder_is_nobody_s(filled: Archive, tmp_path: Path) -> None:
    """`lost+found`, at the top of a disk, cannot be read, and makes no disk full."""
    for root in (filled.root, tmp_path / "new"):
        (root / "lost+found").mkdir(parents=True)
    (filled.root / "lost+found" / "1").write_text("system's")
    assert moved(filled, tmp_path / "new").left == ()
    assert (filled.root / "lost+found" / "1").exists()
    assert not list((tmp_path / "new" / "lost+found").iterdir())


def test_a_catalog_that_changes_while_it_is_copied_ends_it(filled: Archive, tmp_path: Path) -> None:
    """A star that is given in that moment is not lost: the archive stays, and the next try takes it along."""
    backup = Catalog.backup

    def meddle(catalog: Catalog, target: Path) -> int:
        length = backup(catalog, target)
        other = filled.open_catalog(write=True)
        with other.transaction():
            other.add_event("starred", at=datetime(2026, 11, 23, tzinfo=UTC))
        other.close()
        return length

    with (
        mock.patch.object(Catalog, "backup", meddle),
        pytest.raises(ArchiveError, match="while it was copied"),
    ):
        moved(filled, tmp_path / "new")
    assert is_one(filled.root)
    moved(filled, tmp_path / "new")
    catalog = Catalog.read(tmp_path / "new" / "catalog.db")
    assert catalog.value("SELECT count(*) FROM events WHERE kind = 'starred'") == 1
    catalog.close()


@pytest.mark.parametrize("name", ["archive", "archive/inside", "."])
def test_one_within_the_other_is_refused(filled: Archive, tmp_path: Path, name: str) -> None:
    """The folder itself, one in it, and one that holds it."""
    with pytest.raises(UsageError, match="one within the other"):
        moved(filled, tmp_path / name)


def test_a_folder_with_something_in_it_is_refused(filled: Archive, tmp_path: Path) -> None:
    """Another archive's folder, a person's, what another archive's move left, and a file."""
    target = tmp_path / "new"
    target.mkdir()
    (target / module.BEGUN).write_text(json.dumps({"uuid": "another"}))
    with pytest.raises(UsageError, match="another archive's move"):
        moved(filled, target)
    (target / module.BEGUN).unlink()
    (target / "photo.jpg").write_bytes(b"photo")
    with pytest.raises(UsageError, match="not empty"):
        moved(filled, target)
    with pytest.raises(UsageError, match="no folder"):
        moved(filled, target / "photo.jpg")


def test_a_moved_archive_goes_to_one_place(filled: Archive, tmp_path: Path) -> None:
    """Again to the same folder is no harm; to another one is a mistake."""
    before = contents(filled.root)
    moved(filled, tmp_path / "new")
    assert moved(filled, tmp_path / "new").files == 0
    expect_moved(filled.root, tmp_path / "new", before)
    with pytest.raises(UsageError, match="was moved to"):
        moved(filled, tmp_path / "other")


def test_a_run_keeps_it_from_moving(filled: Archive, tmp_path: Path) -> None:
    """Nothing is copied while a sync works."""
    with filled.lock(), pytest.raises(ArchiveBusy):
        moved(filled, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_too_small_is_told_before(filled: Archive, tmp_path: Path) -> None:
    """And nothing is copied to it."""
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    with (
        mock.patch.object(shutil, "disk_usage", return_value=usage),
        pytest.raises(StorageError, match="are needed"),
    ):
        moved(filled, tmp_path / "new")
    assert contents(tmp_path / "new") == {}


def test_what_is_no_file_stays(filled: Archive, tmp_path: Path) -> None:
    """A FIFO cannot be copied, and is not waited for."""
    os.mkfifo(filled.root / "fifo")
    assert moved(filled, tmp_path / "new").left == (("fifo", "it is no file, link or folder"),)
