"""Bytes to disk: in one order, never over others, and never half."""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blink_archive.archive.hashing import hash_file
from blink_archive.archive.store import Kept, Part, Store
from blink_archive.errors import ArchiveError, StorageError

from .helpers import write

PATH = "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4"
posix_only = pytest.mark.skipif(os.name == "nt", reason="modes, links and folder fsync are POSIX")


def ready(root: Path, *, fsync: Callable[[int], None] = os.fsync) -> Store:
    """A store whose ``.incoming`` is there and empty."""
    store = Store(root, fsync=fsync)
    store.empty_incoming()
    return store


def leftovers(root: Path) -> list[str]:
    return [path.name for path in (root / ".incoming").iterdir()]


def failing(number: int) -> Callable[[int], None]:
    """An fsync that reports this error."""

    def fsync(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    return fsync


@posix_only
def test_order_of_the_durable_write(tmp_path: Path) -> None:
    """The bytes are synced before they get their name, each new folder's parent when it is made, and
    the folder after it holds the name."""
    target = tmp_path / PATH
    events: list[tuple[str, bool]] = []

    def fsync(fd: int) -> None:
        info = os.fstat(fd)
        if stat.S_ISDIR(info.st_mode):
            folders = [tmp_path, *(tmp_path / parent for parent in ("2026", "2026/11", "2026/11/23"))]
            what = next(
                str(folder.relative_to(tmp_path))
                for folder in folders
                if folder.is_dir() and folder.stat().st_ino == info.st_ino
            )
        else:
            what = f"{info.st_size} bytes"
        events.append((what, target.exists()))

    store = ready(tmp_path, fsync=fsync)
    events.clear()
    part = store.open_part()
    part.write(b"clip")
    store.make_durable(part)
    kept = store.keep(part, PATH)
    store.sync_folders([kept.path, kept.path])
    assert events == [
        ("4 bytes", False),
        (".", False),
        ("2026", False),
        ("2026/11", False),
        ("2026/11/23", True),
    ]
    assert target.read_bytes() == b"clip"
    assert leftovers(tmp_path) == []


@posix_only
def test_folder_left_by_a_killed_run_is_made_durable_too(tmp_path: Path) -> None:
    """A folder that was made but perhaps never synced (kill -9 between the two) has its parent synced
    before a clip in it counts as archived: a power cut could take the whole folder."""
    (tmp_path / "2026/11/23").mkdir(parents=True)
    synced: set[int] = set()
    store = ready(tmp_path, fsync=lambda fd: synced.add(os.fstat(fd).st_ino))
    write(store, PATH, b"clip")
    assert (tmp_path / "2026/11").stat().st_ino in synced


@posix_only
def test_two_workers_may_make_one_folder(tmp_path: Path) -> None:
    """A folder that another worker makes at the same moment is no error: both clips get their names."""
    kept: list[Kept] = []
    workers: list[threading.Thread] = []

    def fsync(fd: int) -> None:
        if not workers and (tmp_path / "2026").is_dir():  # the first worker has just made it
            other = threading.Thread(target=lambda: kept.append(store.keep(two, "2026/11/23/two.mp4")))
            workers.append(other)
            other.start()
            other.join(0.2)  # it may get to its end, or wait for the first worker

    store = ready(tmp_path, fsync=fsync)
    one, two = store.open_part(), store.open_part()
    for part in (one, two):
        store.make_durable(part)
    kept.append(store.keep(one, "2026/11/23/one.mp4"))
    workers[0].join()
    assert {each.path for each in kept} == {"2026/11/23/one.mp4", "2026/11/23/two.mp4"}


def test_part_is_hashed_and_counted_while_written(tmp_path: Path) -> None:
    """A part knows the length and the SHA-256 of what it was given, and so does the file."""
    store = ready(tmp_path)
    part = store.open_part()
    for chunk in (b"one", bytearray(b"two"), b""):
        part.write(chunk)
    assert (part.length, part.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    store.make_durable(part)
    assert hash_file(part.path) == part.sha256


def test_clip_has_its_time(tmp_path: Path) -> None:
    """A file's mtime is the time it was asked to have."""
    store = ready(tmp_path)
    part = store.open_part()
    recorded = datetime(2026, 11, 23, 19, 52, 7, 250_000, tzinfo=UTC)
    store.make_durable(part, mtime=recorded)
    kept = store.keep(part, PATH)
    assert (tmp_path / kept.path).stat().st_mtime == pytest.approx(recorded.timestamp(), abs=0.01)


def test_equal_bytes_are_adopted(tmp_path: Path) -> None:
    """A file that is there already with the same bytes is taken as it is; no second copy is left."""
    store = ready(tmp_path)
    write(store, PATH, b"clip")
    before = (tmp_path / PATH).stat().st_ino
    assert write(store, PATH, b"clip") == Kept(PATH, adopted=True)
    assert (tmp_path / PATH).stat().st_ino == before
    assert leftovers(tmp_path) == []


@posix_only
def test_adopted_bytes_are_synced(tmp_path: Path) -> None:
    """A run that died may not have synced the file that is adopted: it is synced now."""
    synced: list[int] = []
    store = ready(tmp_path, fsync=lambda fd: synced.append(os.fstat(fd).st_ino))
    write(store, PATH, b"clip")
    synced.clear()
    write(store, PATH, b"clip")
    assert (tmp_path / PATH).stat().st_ino in synced


@posix_only
def test_read_only_file_is_adopted(locked_down: Path) -> None:
    """A file that a person protected (mode 0444) is adopted like any other: syncing needs no writing."""
    store = ready(locked_down)
    write(store, PATH, b"clip")
    (locked_down / PATH).chmod(0o444)
    assert write(store, PATH, b"clip").adopted


def test_clash_gets_a_suffix_and_old_bytes_stay(tmp_path: Path) -> None:
    """Other bytes under the wanted name are never overwritten: the new file is ~2, then ~3."""
    store = ready(tmp_path)
    write(store, PATH, b"one")
    second, third = PATH.replace(".mp4", "~2.mp4"), PATH.replace(".mp4", "~3.mp4")
    assert write(store, PATH, b"two") == Kept(second, clash=PATH)
    assert write(store, PATH, b"three") == Kept(third, clash=PATH)
    assert write(store, PATH, b"two") == Kept(second, adopted=True, clash=PATH)
    assert [(tmp_path / path).read_bytes() for path in (PATH, second, third)] == [b"one", b"two", b"three"]


def test_file_that_comes_at_the_last_moment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody puts under the wanted name after it was found free is not overwritten: the clip
    gets a suffix, as for any clash."""
    store = ready(tmp_path)
    wanted = tmp_path / PATH
    looked = os.path.lexists

    def found_free_and_then_taken(path: Path) -> bool:
        found = looked(path)
        if path == wanted and not found:
            wanted.write_bytes(b"somebody else's")
        return found

    monkeypatch.setattr("os.path.lexists", found_free_and_then_taken)
    second = PATH.replace(".mp4", "~2.mp4")
    assert write(store, PATH, b"clip") == Kept(second, clash=PATH)
    assert wanted.read_bytes() == b"somebody else's"
    assert (tmp_path / second).read_bytes() == b"clip"


@posix_only
@pytest.mark.parametrize("obstacle", ["folder", "dangling link", "link to equal bytes"])
def test_what_is_no_file_is_a_clash(tmp_path: Path, obstacle: str) -> None:
    """A folder or a symbolic link under the wanted name is neither followed, adopted nor replaced."""
    store = ready(tmp_path)
    wanted = tmp_path / PATH
    wanted.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    match obstacle:
        case "folder":
            wanted.mkdir()
        case "dangling link":
            wanted.symlink_to(elsewhere)
        case _:
            elsewhere.write_bytes(b"clip")
            wanted.symlink_to(elsewhere)
    assert write(store, PATH, b"clip").clash == PATH
    assert wanted.is_dir() or wanted.is_symlink()
    assert (tmp_path / PATH.replace(".mp4", "~2.mp4")).read_bytes() == b"clip"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
def test_failing_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    """A refused fsync is exit 8 with a sentence; a small file is not replaced, and no part is left."""
    ready(tmp_path)
    (tmp_path / "note.txt").write_text("old")
    store = Store(tmp_path, fsync=failing(number))
    with pytest.raises(StorageError, match=r"Could not .*\. .*is safe\.") as caught:
        store.write_text("note.txt", "new")
    assert caught.value.exit_code == 8
    assert (tmp_path / "note.txt").read_text() == "old"
    assert leftovers(tmp_path) == []


def test_failed_sync_of_a_clip_gives_it_no_name(tmp_path: Path) -> None:
    """A clip whose bytes could not be synced has no name, and its part can be thrown away."""
    ready(tmp_path)
    store = Store(tmp_path, fsync=failing(errno.EIO))
    part = store.open_part()
    part.write(b"clip")
    with pytest.raises(StorageError):
        store.make_durable(part)
    part.discard()
    assert leftovers(tmp_path) == []
    assert list(tmp_path.rglob("*.mp4")) == []


def test_failed_sync_is_never_tried_again(tmp_path: Path) -> None:
    """A second fsync may say yes to bytes that the first one lost: the first no is final, though the disk
    would take the next, and the part is thrown away."""
    answers: list[str] = []

    def fsync(fd: int) -> None:
        answers.append("no" if not answers else "yes")
        if answers == ["no"]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    ready(tmp_path)
    (tmp_path / "note.txt").write_text("old")
    store = Store(tmp_path, fsync=fsync)
    part = store.open_part()
    part.write(b"clip")
    with pytest.raises(StorageError):
        store.make_durable(part)
    part.discard()
    assert answers == ["no"]
    answers.clear()
    with pytest.raises(StorageError):
        store.write_text("note.txt", "new")
    assert answers == ["no"]
    assert (tmp_path / "note.txt").read_text() == "old"
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_while_writing(tmp_path: Path) -> None:
    """A write that the disk has no room for is exit 8, and says that the disk is full."""
    with Path("/dev/full").open("r+b", buffering=0) as full:
        part = Part(tmp_path / "1.part", full)
        with pytest.raises(StorageError, match="the disk is full") as caught:
            part.write(b"clip")
    assert caught.value.exit_code == 8
    assert part.length == 0


@posix_only
def test_unwritable_folder(locked_down: Path) -> None:
    """A folder that may not be written to is exit 8, for a part and for a final name alike."""
    store = ready(locked_down)
    (locked_down / "2026").mkdir()
    (locked_down / "2026").chmod(0o555)
    with pytest.raises(StorageError, match="not writable"):
        write(store, PATH, b"clip")
    (locked_down / ".incoming").chmod(0o555)
    with pytest.raises(StorageError, match="not writable"):
        store.open_part()


@posix_only
def test_a_run_that_begins_leaves_a_text_alone_that_is_being_written(tmp_path: Path) -> None:
    """A recording's day is written without the run lock: a run that empties .incoming just then does not
    take the text away."""

    def fsync(fd: int) -> None:
        Store(tmp_path).empty_incoming()

    ready(tmp_path)
    Store(tmp_path, fsync=fsync).write_text("note.txt", "new")
    assert (tmp_path / "note.txt").read_text() == "new"
    assert leftovers(tmp_path) == []


def test_write_text_replaces_at_once(tmp_path: Path) -> None:
    """A small file holds the old text until its bytes are synced, then the new one."""
    seen: list[str] = []

    def fsync(fd: int) -> None:
        os.fsync(fd)
        if note.exists():
            seen.append(note.read_text())

    note = tmp_path / "2026" / "note.txt"
    store = ready(tmp_path, fsync=fsync)
    store.write_text("2026/note.txt", "one")
    seen.clear()
    store.write_text("2026/note.txt", "two")
    assert seen == (["one", "two"] if os.name != "nt" else ["one"])
    assert note.read_text() == "two"
    assert leftovers(tmp_path) == []


@posix_only
def test_reader_of_a_small_file_keeps_the_old_text(tmp_path: Path) -> None:
    """Who has the file open reads the whole old text: it was replaced, not written over."""
    store = ready(tmp_path)
    store.write_text("note.txt", "old text")
    with (tmp_path / "note.txt").open() as reader:
        store.write_text("note.txt", "new")
        assert reader.read() == "old text"
    assert (tmp_path / "note.txt").read_text() == "new"


@posix_only
def test_removal_is_durable(tmp_path: Path) -> None:
    """The folder is synced after a file of ours was removed from it: a power cut does not bring it back."""
    synced: list[tuple[int, bool]] = []
    note = tmp_path / "2026" / "note.txt"
    store = ready(tmp_path, fsync=lambda fd: synced.append((os.fstat(fd).st_ino, note.exists())))
    store.write_text("2026/note.txt", "one")
    synced.clear()
    store.remove(["2026/note.txt"])
    assert synced == [(note.parent.stat().st_ino, False)]


def test_remove(tmp_path: Path) -> None:
    """Removing a small file is harmless where it is gone already."""
    store = ready(tmp_path)
    store.write_text("note.txt", "one")
    store.remove(["note.txt"])
    store.remove(["note.txt"])
    assert not (tmp_path / "note.txt").exists()


@pytest.mark.parametrize("path", ["../x.mp4", "/x.mp4", "2026/../../x.mp4"])
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, path: str) -> None:
    """No writer follows a path out of the root; nothing is written there, and no part is left."""
    root = tmp_path / "archive"
    root.mkdir()
    store = ready(root)
    part = store.open_part()
    store.make_durable(part)
    for refused in (
        lambda: store.keep(part, path),
        lambda: store.write_text(path, "x"),
        lambda: store.remove([path]),
        lambda: store.sync_folders([path]),
    ):
        with pytest.raises(ArchiveError):
            refused()
    part.discard()
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]
    assert leftovers(root) == []


@posix_only
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_mode_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    """Clips and small files get the mode that the user's umask gives to new files."""
    before = os.umask(umask)
    try:
        store = ready(tmp_path)
        write(store, PATH, b"clip")
        store.write_text("note.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / PATH).stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "note.txt").stat().st_mode) == mode


def test_incoming_is_emptied(tmp_path: Path) -> None:
    """What a killed run left half written is thrown away at the start of the next one."""
    store = ready(tmp_path)
    store.open_part().file.close()
    (tmp_path / ".incoming" / "77.part").write_bytes(b"half")
    Store(tmp_path).empty_incoming()
    assert leftovers(tmp_path) == []


def test_folder_of_a_nas_in_incoming_stops_nothing(tmp_path: Path) -> None:
    """A NAS puts folders of its own (``@eaDir``) into any folder: a run starts all the same."""
    store = ready(tmp_path)
    (tmp_path / ".incoming" / "@eaDir" / "1.part").mkdir(parents=True)
    store.open_part().file.close()
    Store(tmp_path).empty_incoming()
    assert [path.name for path in (tmp_path / ".incoming").glob("*.part")] == []


@posix_only
def test_part_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link planted under a part's name is an error, and what it points at is untouched."""
    store = ready(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda length: "1")
    (tmp_path / ".incoming" / "1.part").symlink_to(victim)
    with pytest.raises(StorageError):
        store.open_part()
    assert victim.read_bytes() == b"precious"


def test_part_is_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there already under a part's name is an error: another part is never written into."""
    store = ready(tmp_path)
    monkeypatch.setattr("secrets.token_hex", lambda length: "1")
    other = tmp_path / ".incoming" / "1.part"
    other.write_bytes(b"another clip's")
    with pytest.raises(StorageError):
        store.open_part()
    assert other.read_bytes() == b"another clip's"


def test_free_bytes(tmp_path: Path) -> None:
    """The free space of the archive's own disk is told in bytes."""
    assert 0 < Store(tmp_path).free_bytes() < 1 << 60
