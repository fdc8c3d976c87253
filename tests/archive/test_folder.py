"""An archive as a whole: made, opened, refused, locked."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.catalog import FORMAT, Catalog
from blink_archive.archive.folder import Archive, create_archive, is_archive, open_archive
from blink_archive.errors import (
    ArchiveBusy,
    ArchiveError,
    BlinkArchiveError,
    CatalogMissing,
    NewerFormat,
    NotAnArchive,
    WrongAccount,
)

from .helpers import ACCOUNT, NOW, list_items, make_item

HOLDER = """
import sys
from pathlib import Path
from blink_archive.archive.folder import open_archive
root = Path(sys.argv[1])
with open_archive(root, root / "catalog.db").lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def create(root: Path, *, account: int = ACCOUNT, uuid: str = "u-2") -> tuple[Archive, bool]:
    return create_archive(root, root / "catalog.db", account_id=account, uuid=uuid, now=NOW)


def reopen(archive: Archive) -> Archive:
    return open_archive(archive.root, archive.catalog_path)


def write_marker(archive: Archive, **changes: Any) -> None:
    fields = {"uuid": "u-1", "account_id": ACCOUNT, "format": FORMAT}
    (archive.root / ".blink-archive.json").write_text(json.dumps(fields | changes))


def test_new_archive(tmp_path: Path) -> None:
    """A new archive is a marker and a catalog that repeat each other; opening it finds both."""
    root = tmp_path / "deep" / "archive"
    archive, new = create(root)
    assert new
    assert reopen(archive) == archive
    marker = json.loads((root / ".blink-archive.json").read_text())
    assert marker == {"uuid": "u-2", "account_id": ACCOUNT, "format": FORMAT}
    catalog = archive.open_catalog()
    assert catalog.rows("SELECT uuid, account_id, format FROM archive") == [marker]
    catalog.close()


def test_create_again_opens(archive: Archive) -> None:
    """Creating where an archive of this account is opens it, and changes nothing."""
    before = (archive.root / ".blink-archive.json").read_bytes()
    again, new = create(archive.root)
    assert (again, new) == (archive, False)
    assert (archive.root / ".blink-archive.json").read_bytes() == before


def test_wrong_account(archive: Archive) -> None:
    """Another account gets neither this folder nor its catalog."""
    with pytest.raises(WrongAccount, match=str(ACCOUNT)):
        create(archive.root, account=2)
    with pytest.raises(WrongAccount):
        archive.check_account(2)
    archive.check_account(ACCOUNT)


def test_empty_folder_is_no_archive(tmp_path: Path) -> None:
    """A folder without a marker, as a mount point without its disk is one, is refused and stays empty."""
    for root in (tmp_path, tmp_path / "missing"):
        assert not is_archive(root)
        with pytest.raises(NotAnArchive, match="mounted"):
            open_archive(root, root / "catalog.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"uuid": "u", "account_id": null, "format": 1}',
        '{"uuid": "u", "account_id": "none", "format": 1}',
        '{"uuid": "u", "account_id": 1, "format": "1"}',
        '{"uuid": "u", "account_id": Infinity, "format": 1}',
        '{"uuid": "u", "format": 1}',
        "\ufeff{}",
    ],
)
def test_damaged_marker(archive: Archive, text: str) -> None:
    """A marker that says nothing is an error that tells how to mend it; it is not written over."""
    marker = archive.root / ".blink-archive.json"
    marker.write_text(text)
    with pytest.raises(ArchiveError, match="is damaged"):
        reopen(archive)
    with pytest.raises(ArchiveError):
        create(archive.root)
    assert marker.read_text() == text


def test_damaged_marker_bytes(archive: Archive) -> None:
    """A marker of zeros or of no UTF-8, as a power cut may leave it, is an error in words too."""
    for data in (b"\0" * 80, b"\xff\xfe\x00"):
        (archive.root / ".blink-archive.json").write_bytes(data)
        with pytest.raises(ArchiveError, match="is damaged"):
            reopen(archive)


def test_newer_format(archive: Archive) -> None:
    """A folder of a later version is refused, and the message says update."""
    write_marker(archive, format=FORMAT + 1)
    with pytest.raises(NewerFormat, match="Update blink-archive"):
        reopen(archive)


def test_marker_without_catalog(archive: Archive) -> None:
    """A marker whose catalog is gone is CatalogMissing, for opening and creating alike; none is made."""
    archive.catalog_path.unlink()
    for attempt in (lambda: reopen(archive), lambda: create(archive.root)):
        with pytest.raises(CatalogMissing, match="clips in the folder are safe"):
            attempt()
    assert not archive.catalog_path.exists()


def test_catalog_of_another_archive(archive: Archive, tmp_path: Path) -> None:
    """A catalog with another uuid is refused: two truths about one folder are none."""
    other, _ = create(tmp_path / "other")
    with pytest.raises(ArchiveError, match="belongs to another archive"):
        Archive(archive.root, other.catalog_path, archive.marker).open_catalog()


def test_catalog_with_clips_but_no_marker(archive: Archive, catalog: Catalog) -> None:
    """A catalog that knows clips is not given a new folder: its disk is perhaps not mounted."""
    list_items(catalog, make_item())
    (archive.root / ".blink-archive.json").unlink()
    with pytest.raises(NotAnArchive, match="mounted"):
        create(archive.root)
    assert not is_archive(archive.root)


def test_crash_before_the_marker_is_completed(archive: Archive) -> None:
    """A new catalog whose marker was never written gets it from the next call, with its own uuid."""
    (archive.root / ".blink-archive.json").unlink()
    completed, new = create(archive.root, uuid="another")
    assert new
    assert completed.marker.uuid == "u-1"
    completed.open_catalog().close()


def test_crash_before_the_marker_and_another_account(archive: Archive) -> None:
    """A new catalog without a marker is not given to another account."""
    (archive.root / ".blink-archive.json").unlink()
    with pytest.raises(NotAnArchive):
        create(archive.root, account=2)


def test_empty_catalog_file_is_filled(tmp_path: Path) -> None:
    """A catalog file that a crash left empty is filled."""
    (tmp_path / "catalog.db").touch()
    archive, _ = create(tmp_path)
    archive.open_catalog().close()


@pytest.mark.parametrize("attempt", ["open", "create"])
def test_unreachable_catalog_is_told_in_words(locked_down: Path, attempt: str) -> None:
    """A catalog in a folder that may not be entered is an error with an exit code, no traceback."""
    closed = locked_down / "closed"
    closed.mkdir()
    root = locked_down / "archive"
    archive, _ = create(root)
    closed.chmod(0)
    attempts: dict[str, Callable[[], object]] = {
        "open": lambda: open_archive(root, closed / "catalog.db"),
        "create": lambda: create_archive(
            locked_down / "new", closed / "catalog.db", account_id=ACCOUNT, uuid="u", now=NOW
        ),
    }
    with pytest.raises(BlinkArchiveError):
        attempts[attempt]()
    assert reopen(archive) == archive


def test_lock_of_another_process(archive: Archive) -> None:
    """While another process holds the archive, a run is refused with exit 6; afterwards it is free."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(archive.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert archive.is_locked()
        with pytest.raises(ArchiveBusy) as caught, archive.lock():
            pytest.fail("two runs hold one archive")
        assert caught.value.exit_code == 6
        holder.communicate("")
    assert not archive.is_locked()
    with archive.lock():
        assert archive.is_locked()


def test_lock_dies_with_its_holder(archive: Archive) -> None:
    """A run that was killed holds nothing: the next one starts."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(archive.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with archive.lock():
        assert archive.is_locked()


def test_read_only_archive_is_not_locked(locked_down: Path) -> None:
    """On a disk that cannot be written to, asking for the lock is no error: nobody can be writing."""
    archive, _ = create(locked_down)
    (locked_down / "catalog.db.lock").unlink(missing_ok=True)
    locked_down.chmod(0o555)
    assert not archive.is_locked()


INIT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from blink_archive.archive.folder import create_archive
root = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
archive, _ = create_archive(root, root / "catalog.db", account_id=1, uuid=str(uuid4()), now=datetime.now(UTC))
archive.open_catalog().close()
print(archive.marker.uuid)
"""


def test_two_inits_at_once_make_one_archive(tmp_path: Path) -> None:
    """Started at the same moment, both end with the same archive, or one is told that it is busy."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", INIT, str(tmp_path / "new")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdout
        child.stdout.readline()
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    made = set()
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0 or "ArchiveBusy" in err, err
        made |= {out} - {""}
    assert len(made) == 1


def test_looking_makes_no_lock_file(archive: Archive) -> None:
    """A reader, perhaps as another user, leaves no lock file that a run could not open."""
    lock = Path(f"{archive.catalog_path}.lock")
    lock.unlink(missing_ok=True)
    assert not archive.is_locked()
    assert not lock.exists()


def test_a_catalog_of_another_account_is_refused(archive: Archive) -> None:
    """A marker that was changed to another account does not open this catalog."""
    write_marker(archive, account_id=42)
    with pytest.raises(ArchiveError, match="another archive"):
        reopen(archive).open_catalog()
