"""Recorded live views in the archive: whole, findable, and right whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.feed import mark_dirty
from blink_archive.archive.folder import Archive
from blink_archive.archive.recordings import Recorded, Recording, finish_recordings, store_recording
from blink_archive.archive.search import describe_clip, find_clip
from blink_archive.archive.store import Store
from blink_archive.archive.verify import verify
from blink_archive.errors import BadMedia
from blink_archive.model import Camera

from ..ts import frames, recording
from .helpers import NEW_YORK, NOW, archive_files, begin, event_kinds, list_items, make_item

STARTED = datetime(2026, 11, 23, 19, 52, 7, 250_000, tzinfo=UTC)
KEY = "live-41-20261123T195207250000Z"
PATH = "2026/11/23/2026-11-23T14-52-07-0500_front-door_live-41.ts"
on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows protects open files by itself")


def made(name: str = "Front door", **changes: object) -> Recording:
    camera = Camera(41, 5, "owl", name, "owl", None, None, None, None, None, None, {})
    fields = Recording(camera, "Home", NEW_YORK, STARTED, command_id=750082093)
    return replace(fields, **changes)  # type: ignore[arg-type]


def store_it(
    catalog: Catalog, store: Store, data: bytes, about: Recording | None = None, *, now: datetime = NOW
) -> Recorded:
    with store.live_part() as part:
        part.write(data)
        return store_recording(catalog, store, part, about or made(), now=now)


def findings(catalog: Catalog, root: Path) -> list[tuple[str, str]]:
    report = verify(catalog, root, running=lambda: False, progress=lambda count: None)
    return [(finding.kind, finding.path) for finding in report.findings]


def test_a_recording_is_a_clip(archive: Archive, catalog: Catalog, store: Store) -> None:
    """The file lies under the camera's name and time, with that time as mtime; row, events, clips.json and
    SHA256SUMS tell of it; verify has nothing to say; nothing is left in .incoming."""
    data = recording()
    stored = store_it(catalog, store, data)
    assert stored == Recorded(KEY, PATH, len(data), pytest.approx(4.0, abs=0.1), None)
    file = archive.root / PATH
    assert file.read_bytes() == data
    assert file.stat().st_mtime == STARTED.timestamp()
    assert frames(file.read_bytes()) > 0
    row = find_clip(catalog, KEY)
    digest = hashlib.sha256(data).hexdigest()
    assert (row["sha256"], row["bytes"], row["archived_run"]) == (digest, len(data), None)
    assert (row["origin"], row["source"], row["camera_id"]) == ("liveview", "liveview-recording", 41)
    assert (row["created_local"], row["time_zone"]) == ("2026-11-23T14:52:07-05:00", NEW_YORK)
    assert event_kinds(catalog, KEY) == ["archived"]
    assert describe_clip(catalog, KEY)["status"] == "archived"
    assert find_clip(catalog, str(file))["origin_key"] == KEY
    day = json.loads((file.parent / "clips.json").read_text())["clips"]
    assert [(clip["origin_key"], clip["item"]["command_id"]) for clip in day] == [(KEY, 750082093)]
    assert (file.parent / "SHA256SUMS").read_text() == f"{digest}  {file.name}\n"
    assert catalog.rows("SELECT * FROM dirty_days") == []
    assert findings(catalog, archive.root) == []
    assert list((archive.root / ".incoming").iterdir()) == []


def test_a_recording_that_is_not_whole_is_kept_and_says_so(catalog: Catalog, store: Store) -> None:
    """What fails the walk is kept all the same, as unproven, with what is wrong."""
    stored = store_it(catalog, store, recording()[:-1])
    assert stored.unproven is not None
    assert "ends after the file" in stored.unproven
    assert find_clip(catalog, KEY)["unproven"] == stored.unproven


@pytest.mark.parametrize("data", [b"", b"<html>an error page</html>" * 100])
def test_of_what_is_no_video_nothing_is_kept(
    archive: Archive, catalog: Catalog, store: Store, data: bytes
) -> None:
    """Bytes that are no MPEG-TS leave neither file nor row behind."""
    with pytest.raises(BadMedia):
        store_it(catalog, store, data)
    assert catalog.rows("SELECT * FROM clips") == []
    assert list(archive.root.rglob("*.ts")) + list((archive.root / ".incoming").iterdir()) == []


def test_two_recordings_of_one_second(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A second one that begins in the same second gets a name of its own, in whatever case its camera is
    written; one whose name other bytes hold, too."""
    first = store_it(catalog, store, recording())
    second = store_it(
        catalog, store, recording()[:1880], made("FRONT DOOR", started_at=STARTED + timedelta(milliseconds=1))
    )
    assert (first.path, second.path) == (PATH, PATH.replace(".ts", "~2.ts"))
    user = archive.root / PATH.replace("07-0500", "08-0500")
    user.write_bytes(b"a user's own")
    third = store_it(catalog, store, recording(), made(started_at=STARTED + timedelta(seconds=1)))
    assert third.path == PATH.replace("07-0500", "08-0500").replace(".ts", "~2.ts")
    assert user.read_bytes() == b"a user's own"
    assert event_kinds(catalog, third.clip) == ["archived", "clash"]
    assert findings(catalog, archive.root) == []


def test_names_from_hell(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A camera can be called anything, its network nothing, and its zone what there is not."""
    hostile = made("../..\\\ud800\0", network_name=None, time_zone="Mars/Olympus")
    stored = store_it(catalog, store, recording(), hostile)
    assert stored.path.startswith("2026/11/23/2026-11-23T19-52-07+0000_")
    assert findings(catalog, archive.root) == []


def test_an_unknown_recording_is_foreign(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A .ts under the dated tree that the catalog does not know is foreign, as an .mp4 is."""
    store_it(catalog, store, recording())
    (archive.root / PATH).with_name("mine.TS").write_bytes(b"x")
    assert findings(catalog, archive.root) == [("foreign", PATH.rpartition("/")[0] + "/mine.TS")]


@on_posix
def test_a_sync_leaves_a_live_part_alone(tmp_path: Path) -> None:
    """What is being recorded survives that a run empties .incoming, up to its name, also once it is durable;
    what is left of one that ended does not."""
    store, other = Store(tmp_path), Store(tmp_path)
    with store.live_part() as part:
        part.write(b"first")
        other.empty_incoming()
        part.write(b" and more")
        store.make_durable(part)
        other.empty_incoming()
        assert store.keep(part, "a.ts").path == "a.ts"
    assert (tmp_path / "a.ts").read_bytes() == b"first and more"
    with store.live_part() as part:
        part.write(b"unfinished")
    assert list((tmp_path / ".incoming").iterdir()) == []


@on_posix
def test_a_run_that_begins_at_that_very_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part is removed between its making and its locking, another one is made."""
    store = Store(tmp_path)
    opened, unlucky = store.open_part, [True]

    def open_part() -> object:
        part = opened()
        if unlucky:
            unlucky.clear()
            Store(tmp_path).empty_incoming()
        return part

    monkeypatch.setattr(store, "open_part", open_part)
    with store.live_part() as part:
        part.write(b"all of it")
        store.make_durable(part)
        store.keep(part, "a.ts")
    assert (tmp_path / "a.ts").read_bytes() == b"all of it"


@on_posix
def test_the_order_of_what_is_done(archive: Archive, catalog: Catalog) -> None:
    """The bytes are on stable storage, then the row is, then the file has its name, then that is on stable
    storage, and only then the catalog says that the file is here."""
    done: list[str] = []
    day = (archive.root / PATH).parent

    def note(what: str) -> None:
        files = [path.name for path in day.glob("*.ts")] if day.exists() else []
        done.append(f"{what}, {'named' if files else 'no name'}")

    def fsync(fd: int) -> None:
        folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        if folder and day.exists() and os.path.samestat(os.fstat(fd), day.stat()):
            note("folder")
        elif not folder:
            note("bytes")
        os.fsync(fd)

    catalog.db.conn.set_trace_callback(lambda statement: note("commit") if statement == "COMMIT" else None)
    store_it(catalog, Store(archive.root, fsync=fsync), recording())
    assert done[:4] == ["bytes, no name", "commit, no name", "folder, named", "commit, named"]


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from blink_archive.archive.folder import open_archive
from blink_archive.archive.recordings import Recording, store_recording
from blink_archive.archive.store import Store
from blink_archive.model import Camera

root, data, left = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3])

def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def fsync(fd):
    step()
    os.fsync(fd)

def commit(statement):
    if statement == "COMMIT":
        step()

camera = Camera(41, 5, "owl", "Front door", "owl", None, None, None, None, None, None, {})
started, now = map(datetime.fromisoformat, sys.argv[4:])
catalog = open_archive(root, root / "catalog.db").open_catalog(write=True)
catalog.db.conn.set_trace_callback(commit)
store = Store(root, fsync=fsync)
with store.live_part() as part:
    part.write(data)
    store_recording(catalog, store, part, Recording(camera, "Home", None, started, 1), now=now)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_step(archive: Archive, catalog: Catalog, store: Store, tmp_path: Path) -> None:
    """Killed at each fsync and commit on the way: the next sync finds a whole recording, or none of it; verify
    never finds anything foreign, and .incoming is empty."""
    catalog.close()
    data = tmp_path / "data"
    data.write_bytes(recording())
    outcomes = []
    for step in range(40):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, archive.root, data, str(step), str(STARTED), str(NOW)],
            capture_output=True,
            check=False,
        )
        assert killed.returncode in (0, -signal.SIGKILL), killed.stderr.decode()
        with closing(archive.open_catalog(write=True)) as reopened:
            assert findings(reopened, archive.root) == []
            store.empty_incoming()
            later = NOW + timedelta(minutes=2)
            finish_recordings(reopened, store, run=begin(reopened), now=later)
            while write_dirty_days(reopened, store):
                pass
            assert findings(reopened, archive.root) == []
            files = list(archive.root.rglob("*.ts"))
            rows = reopened.rows("SELECT clip, status, path FROM clips_view")
            match rows:
                case []:
                    outcomes.append("none")
                    assert files == []
                case [{"status": "gone"}]:
                    outcomes.append("gone")
                    assert files == []
                case [{"status": "archived", "path": path}]:
                    outcomes.append("archived")
                    assert [archive.root / path] == files
                    assert files[0].read_bytes() == recording()
                    files[0].unlink()
                case _:
                    pytest.fail(f"{rows}")
            with reopened.transaction():
                reopened.db.execute("DELETE FROM events")
                reopened.db.execute("DELETE FROM clips")
        if killed.returncode == 0:
            break
    assert killed.returncode == 0, "it never came to its end"
    assert set(outcomes) == {"none", "gone", "archived"}
    assert outcomes == sorted(outcomes, key=["none", "gone", "archived"].index)
    assert list((archive.root / ".incoming").iterdir()) == []


def test_a_recording_under_way_is_not_given_up(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A row without its file is another program's just now: it becomes gone only after a minute."""
    store_it(catalog, store, recording())
    with catalog.transaction():
        catalog.db.execute("UPDATE clips SET sha256 = NULL, archived_at = NULL")
    (archive.root / PATH).unlink()
    run = begin(catalog)
    finish_recordings(catalog, store, run=run, now=NOW + timedelta(seconds=59))
    assert describe_clip(catalog, KEY)["status"] == "waiting"
    finish_recordings(catalog, store, run=run, now=NOW + timedelta(seconds=61))
    found = describe_clip(catalog, KEY)
    assert (found["status"], found["reason"]) == ("gone", "its recording was broken off")


def test_a_day_is_written_by_one_at_a_time(archive: Archive, catalog: Catalog, store: Store) -> None:
    """What is committed while a sync writes a day's files waits for it, and is in the files afterwards: the
    day is never called clean with a clip missing."""
    list_items(catalog, make_item(1))
    archive_files(catalog, store, "1", clip_data=b"clip")

    class Sync(Store):
        """A sync that another program's commit meets half way through a day."""

        met = False

        def write_text(self, path: str, text: str) -> None:
            super().write_text(path, text)
            impatient = sqlite3.connect(archive.catalog_path, timeout=0.01, isolation_level=None)
            with closing(impatient), pytest.raises(sqlite3.OperationalError, match="locked"):
                impatient.execute("BEGIN IMMEDIATE")
            self.met = True

    sync = Sync(archive.root)
    assert write_dirty_days(catalog, sync)
    assert sync.met
    store_it(catalog, store, recording())
    day = json.loads((archive.root / PATH).with_name("clips.json").read_text())
    assert {clip["origin_key"] for clip in day["clips"]} == {"1", KEY}
    assert findings(catalog, archive.root) == []


def test_only_its_own_day_is_written(archive: Archive, catalog: Catalog, store: Store) -> None:
    """A recording leaves the days alone that a sync is about to write."""
    with catalog.transaction():
        mark_dirty(catalog, "2020-02-02")
    store_it(catalog, store, recording())
    assert catalog.rows("SELECT * FROM dirty_days") == [{"local_day": "2020-02-02"}]
    assert not (archive.root / "2020").exists()
