"""``SHA256SUMS`` and ``clips.json``: the folder stands without the program."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_day, write_dirty_days
from blink_archive.archive.feed import record_losses, start_account
from blink_archive.archive.folder import Archive
from blink_archive.archive.queue import Outcome, record_outcomes
from blink_archive.archive.store import Store
from blink_archive.errors import StorageError

from .helpers import NOW, archive_files, begin, clip_row, list_items, make_item, queued, write

DAY = "2026/11/23"


def dirty(catalog: Catalog) -> list[str]:
    return [row["local_day"] for row in catalog.rows("SELECT local_day FROM dirty_days ORDER BY 1")]


def clips_json(root: Path, *, day: str = DAY) -> list[dict[str, object]]:
    return json.loads((root / day / "clips.json").read_text(encoding="utf-8"))["clips"]


def sums(root: Path) -> dict[str, str]:
    """``SHA256SUMS`` as name to hash; read as strictly as sha256sum does."""
    lines = (root / DAY / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {line[66:]: line[:64] for line in lines if line[64:66] == "  "}


def test_day_lists_what_is_there(archive: Archive, catalog: Catalog, store: Store) -> None:
    """SHA256SUMS names each file of the day with its hash, and nothing of clips that still wait."""
    list_items(catalog, make_item(1), make_item(2))
    clip = archive_files(catalog, store, "1", clip_data=b"clip", picture=b"picture")
    assert write_dirty_days(catalog, store)
    name = clip.path.rpartition("/")[2]
    assert sums(archive.root) == {
        name: hashlib.sha256(b"clip").hexdigest(),
        name.replace(".mp4", ".jpg"): hashlib.sha256(b"picture").hexdigest(),
    }
    assert [entry["origin_key"] for entry in clips_json(archive.root)] == ["1", "2"]
    assert dirty(catalog) == []


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the tool is not here")
def test_sha256sum_accepts_it(archive: Archive, catalog: Catalog, store: Store) -> None:
    """`sha256sum --strict -c SHA256SUMS` in the day's folder passes, and fails once a byte changed."""
    list_items(catalog, make_item(1, device_name="../\\ -x\n☃"), make_item(2, device_name=""))
    clip = archive_files(catalog, store, "1", clip_data=b"clip", picture=b"picture")
    write(store, archive_path := clip_row(catalog, "2")["path"], b"somebody else's")
    archive_files(catalog, store, "2", clip_data=b"clip two")
    write_dirty_days(catalog, store)
    assert (archive.root / archive_path.replace(".mp4", "~2.mp4")).read_bytes() == b"clip two"

    def check() -> int:
        command = ["sha256sum", "--strict", "--status", "-c", "SHA256SUMS"]
        return subprocess.run(command, cwd=archive.root / DAY, check=False).returncode

    assert check() == 0
    (archive.root / clip.path).write_bytes(b"clap")
    assert check() != 0


def test_clips_json_tells_all(archive: Archive, catalog: Catalog, store: Store) -> None:
    """clips.json holds Blink's own entry, unknown fields and odd text included, the facts, the events."""
    raw = {"id": 1, "unknown": [1, {"a": None}], "odd": "\ud800 ☃ \u2028"}
    list_items(catalog, make_item(1, raw=raw, device_name="Tür \udfff"))
    archive_files(catalog, store, "1", clip_data=b"clip")
    write_dirty_days(catalog, store)
    (entry,) = clips_json(archive.root)
    assert entry["item"] == raw
    assert entry["sha256"] == hashlib.sha256(b"clip").hexdigest()
    assert [event["kind"] for event in entry["events"]] == ["archived"]
    assert not {"id", "raw", "archived_run"} & set(entry)


def test_numbers_that_json_lacks_do_not_spoil_clips_json(
    archive: Archive, catalog: Catalog, store: Store
) -> None:
    """An entry with NaN in it, which Python's reader takes, leaves a clips.json that any other reads."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    list_items(catalog, make_item(1, raw={"id": 1, "temperature": float("nan")}))
    write_dirty_days(catalog, store)
    text = (archive.root / DAY / "clips.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse)["day"] == "2026-11-23"


def test_clips_json_leaves_out_nothing_but_ids(archive: Archive, catalog: Catalog, store: Store) -> None:
    """Every fact that a row can hold, the user's decisions and the losses included, is in clips.json: what
    is left out is told otherwise (the item, the day), or means nothing outside of this catalog."""
    list_items(catalog, make_item(1))
    archive_files(catalog, store, "1", clip_data=b"clip", picture=b"picture")
    row = clip_row(catalog, "1")
    with catalog.transaction():
        values = {column: "7" for column, value in row.items() if value is None}
        values |= {"covered_by": row["id"], "local_removed_reason": "pruned"}
        assignments = ", ".join(f"{column} = ?" for column in values)
        catalog.db.execute(f"UPDATE clips SET {assignments}", list(values.values()))
    row = clip_row(catalog, "1")
    assert None not in row.values()
    write_dirty_days(catalog, store)
    (entry,) = clips_json(archive.root)
    facts = {name: value for name, value in entry.items() if name not in ("item", "events")}
    left_out = ("id", "raw", "local_day", "archived_run", "covered_by")
    assert facts == {name: value for name, value in row.items() if name not in left_out}


def test_a_tombstone_reaches_clips_json(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A day whose files were written is written anew when Blink deletes an archived clip of it."""
    list_items(catalog, make_item(1))
    archive_files(catalog, store, "1", clip_data=b"clip")
    write_dirty_days(catalog, store)
    list_items(catalog, make_item(1, deleted=True, updated_at=NOW))
    write_dirty_days(catalog, store)
    (entry,) = clips_json(archive.root)
    assert entry["remote_deleted_at"] == "2026-11-24T12:00:00.000000Z"


def test_a_failure_reaches_clips_json(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A clip that could not be fetched has its reason in the folder, too."""
    list_items(catalog, make_item(1))
    write_dirty_days(catalog, store)
    failed = Outcome(queued(catalog)["1"], failure="it broke")
    record_outcomes(catalog, [failed], run=begin(catalog), now=NOW)
    write_dirty_days(catalog, store)
    (entry,) = clips_json(archive.root)
    assert (entry["last_error"], entry["attempts"]) == ("it broke", 1)


def test_a_loss_reaches_clips_json(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A clip that expired at Blink unfetched is told as gone, with the reason and the event."""
    list_items(catalog, make_item(1, media=None, created_at=NOW - timedelta(days=61)))
    write_dirty_days(catalog, store)
    catalog.db.execute("DROP TABLE counted")  # another run begins, which does not list it
    start_account(catalog)
    assert record_losses(catalog, full_walk=True, run=begin(catalog), began=NOW, now=NOW) == 1
    write_dirty_days(catalog, store)
    (entry,) = clips_json(archive.root, day="2026/09/24")
    assert entry["gone_reason"] == "expired at Blink"
    assert [event["kind"] for event in entry["events"]] == ["gone"]


def test_sums_are_removed_when_nothing_is_left(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A day whose last file was removed here has no SHA256SUMS, and still its clips.json."""
    list_items(catalog, make_item(1))
    archive_files(catalog, store, "1", clip_data=b"clip", picture=b"picture")
    write_dirty_days(catalog, store)
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET local_removed_at = 'now', local_removed_reason = 'pruned'")
    write_day(catalog, store, "2026-11-23")
    assert not (archive.root / DAY / "SHA256SUMS").exists()
    assert clips_json(archive.root)[0]["local_removed_reason"] == "pruned"


def test_day_stays_dirty_if_writing_fails(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A disk that refuses leaves the day dirty for the next run, and the old files as they were."""
    list_items(catalog, make_item(1))
    archive_files(catalog, store, "1", clip_data=b"clip")
    write_dirty_days(catalog, store)
    before = {path.name: path.read_bytes() for path in (archive.root / DAY).iterdir()}
    list_items(catalog, make_item(2))

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageError):
        write_dirty_days(catalog, Store(archive.root, fsync=full))
    assert dirty(catalog) == ["2026-11-23"]
    assert {path.name: path.read_bytes() for path in (archive.root / DAY).iterdir()} == before
    assert write_dirty_days(catalog, archive.store)
    assert len(clips_json(archive.root)) == 2


def test_many_days(archive: Archive, catalog: Catalog, store: Store) -> None:
    """Every dirty day gets its files, however many there are, and a second call has nothing to do."""
    items = [make_item(n, created_at=NOW.replace(month=1 + n % 12, day=1 + n // 12)) for n in range(1, 121)]
    list_items(catalog, *items)
    rounds = 0
    while write_dirty_days(catalog, store):
        rounds += 1
    assert rounds == 15
    assert len(list(archive.root.glob("2026/*/*/clips.json"))) == 120
    assert not write_dirty_days(catalog, store)
