"""Several programs at work in one archive: each gets what it is owed, and none harms another."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive
from blink_archive.archive.recordings import Recording, store_recording
from blink_archive.archive.verify import verify
from blink_archive.errors import BlinkArchiveError
from blink_archive.model import Camera
from blink_archive.sync.run import Options

from ..conftest import MakeWorld
from ..ts import recording
from ..world import World, clips_fetched, is_sound
from . import times
from .conftest import Figure

NEW = 12  # clips that each round brings


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its exit code and what it printed; no traceback, whatever else."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def add_clips(world: World, count: int = NEW) -> None:
    """So many clips of the last days, of whatever camera."""
    now = world.clock.now()
    for number in range(count):
        camera = world.blink.cloud.catalogue.cameras[number % 3].id
        recorded = now - timedelta(hours=7 * number + 1)
        world.blink.cloud.add_clip(camera_id=camera, created_at=recorded, updated_at=now)


def expect_no_duplicates(world: World) -> None:
    """Each clip was fetched once, has one row and one file, and the catalog is sound."""
    twice = [path for path, count in Counter(clips_fetched(world)).items() if count > 1]
    assert not twice, f"fetched twice: {twice}"
    keys = world.rows("SELECT count(*) AS n, count(DISTINCT origin_key) AS d FROM clips")[0]
    assert keys["n"] == keys["d"]
    archived = world.rows(
        "SELECT count(*) AS n FROM events WHERE kind = 'archived' GROUP BY clip_id HAVING n > 1"
    )
    assert not archived, "archived twice"
    assert is_sound(world.archive.catalog_path)


@contextlib.contextmanager
def meanwhile(*loops: Callable[[], object]) -> Iterator[None]:
    """Each of these again and again, in a thread of its own, while the block runs, once at least. What fails in one
    fails the test."""
    ended = threading.Event()

    def run(once: Callable[[], object]) -> None:
        while True:
            once()
            if ended.is_set():
                return

    with ThreadPoolExecutor(len(loops)) as pool:
        running = [pool.submit(run, loop) for loop in loops]
        try:
            yield
        finally:
            ended.set()
    for each in running:
        each.result()


# --- two syncs


def test_two_syncs_at_once(make_world: MakeWorld, figure: Figure) -> None:
    """One does the work. The other one is told with exit 6 that it is done already, or comes after it; nothing is
    fetched, written or counted twice."""
    world = make_world(clips=0, hostile=False, latency=0.05)
    chance = random.Random(11)
    ends: Counter[int] = Counter()
    runs = times(3, 80)
    for number in range(runs):
        add_clips(world)
        first = world.start("sync", "--workers", "1")
        time.sleep(chance.choice((0.0, chance.uniform(0, 2))) if number else 0.0)
        second = world.start("sync", "--workers", "1")
        codes = sorted(finish(process)[0] for process in (first, second))
        assert codes in ([0, 6], [0, 0]), codes
        ends.update(codes)
    expect_no_duplicates(world)
    world.expect_complete()
    assert ends[6] > 0
    figure("runs", 2 * runs)
    figure("told that another one runs", ends[6])
    figure("duplicates", 0)


async def two_here(world: World) -> list[int]:
    """Two syncs in this process, at once; their exit codes."""

    async def one() -> int:
        try:
            return (await world._sync(Options())).exit_code
        except BlinkArchiveError as error:
            return error.exit_code

    return sorted(await asyncio.gather(one(), one()))


def test_a_lock_that_does_not_lock_is_caught(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in one process: with the archive's lock one sync is turned away. With one that locks nothing both
    run, and fetch clips twice, or the catalog refuses the second row of a clip."""
    world = make_world(clips=0, hostile=False, latency=0.01)
    add_clips(world)
    assert asyncio.run(two_here(world)) == [0, 6]
    expect_no_duplicates(world)
    monkeypatch.setattr(Archive, "lock", lambda archive: contextlib.nullcontext())
    add_clips(world)
    with pytest.raises((AssertionError, sqlite3.IntegrityError)):
        assert asyncio.run(two_here(world)) == [0, 6]
        expect_no_duplicates(world)


# --- a sync and a verify


def verified(world: World) -> int:
    """One verify in this process, as the command does it; how many files it read."""
    catalog = Catalog.read(world.archive.catalog_path)
    try:
        report = verify(
            catalog, world.root, running=world.archive.is_locked, progress=lambda count: None, workers=1
        )
    finally:
        catalog.close()
    assert report.findings == (), report.findings
    return report.checked


def test_a_verify_during_a_sync_finds_nothing(make_world: MakeWorld, figure: Figure) -> None:
    """While syncs come and go, verify after verify calls every file good: none is missing, changed or foreign for
    being written just now. The command keeps its date, which waits for the sync's transactions, or the other way
    round."""
    world = make_world(clips=20, latency=0.02)
    runs = Counter[str]()

    def command() -> None:
        code, out, err = finish(world.start("verify", "--json"))
        assert code == 0, out
        assert err == ""
        runs["verify"] += 1

    def here() -> None:
        verified(world)
        time.sleep(0.02)
        runs["verify"] += 1

    with meanwhile(command, here):
        for _ in range(times(2, 40)):
            add_clips(world)
            code, _, err = finish(world.start("sync"))
            assert code == 0, err
            runs["sync"] += 1
    assert runs["verify"] > runs["sync"]
    world.clock.pass_by(minutes=5)
    assert world.sync().exit_code == 0
    world.expect_complete()
    figure("syncs", runs["sync"])
    figure("verifies meanwhile", runs["verify"])
    figure("false findings", 0)


def test_a_verify_that_knows_of_no_sync_is_caught(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verify that takes each sync's unfinished days for damage."""
    world = make_world(clips=0, hostile=False)
    add_clips(world)
    world.sync()
    with world.archive.lock():
        (world.root / world.rows("SELECT path FROM clips")[0]["path"]).with_name("clips.json").unlink()
        verified(world)
        monkeypatch.setattr(Archive, "is_locked", lambda archive: False)
        with pytest.raises(AssertionError):
            verified(world)


# --- a sync and readers


def json_of(world: World, *command: str) -> list[dict[str, object]]:
    """What a reader of the program prints; it has nothing to complain of."""
    code, out, err = finish(world.start(*command, "--json"))
    assert (code, err) == (0, ""), (command, code, err)
    rows = json.loads(out)
    return rows if isinstance(rows, list) else [rows]


def expect_whole_rows(rows: list[dict[str, object]], root: Path) -> None:
    """A clip that is called archived has its path, length and file."""
    for row in rows:
        if row["status"] == "archived":
            file = root / str(row["path"])
            assert file.is_file(), row
            assert file.stat().st_size == row["bytes"], row
        else:
            assert row["status"] in ("waiting", "deleted"), row
            assert row["path"] is None, row


HALF = "SELECT count(*) AS half FROM clips WHERE (sha256 IS NULL) <> (archived_at IS NULL) OR (sha256 IS NULL) <> (bytes IS NULL)"
CHECK = "PRAGMA quick_check"


def test_readers_during_a_sync(make_world: MakeWorld, figure: Figure) -> None:
    """`ls`, `status` and `query` again and again while syncs come and go: each answers, with whole rows only; and no
    sync is turned away because a reader looked whether one runs."""
    world = make_world(clips=20, hostile=False, latency=0.02)
    world.clock.pass_by(minutes=5)
    runs: Counter[str] = Counter()

    def ls() -> None:
        expect_whole_rows(json_of(world, "ls"), world.root)
        runs["reader"] += 1

    def status() -> None:
        (found,) = json_of(world, "status")
        assert found["account"] == 1100001
        runs["reader"] += 1

    def query() -> None:
        assert json_of(world, "query", HALF) == [{"half": 0}]
        assert json_of(world, "query", CHECK) == [{"quick_check": "ok"}]
        runs["reader"] += 2

    with meanwhile(ls, status, query):
        for _ in range(times(2, 40)):
            add_clips(world)
            code, _, err = finish(world.start("sync"))
            assert code == 0, err
            runs["sync"] += 1
    assert runs["reader"] > runs["sync"]
    expect_no_duplicates(world)
    world.expect_complete()
    figure("syncs", runs["sync"])
    figure("readers meanwhile", runs["reader"])
    figure("corrupt rows", 0)


def test_a_row_that_is_half_written_is_caught(make_world: MakeWorld) -> None:
    """A row that has its hash before its file would be seen."""
    world = make_world(clips=2, hostile=False)
    world.sync()
    rows = json_of(world, "ls")
    expect_whole_rows(rows, world.root)
    (world.root / world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]).unlink()
    with pytest.raises(AssertionError):
        expect_whole_rows(rows, world.root)


LOOKING = """
import pathlib, select, sys
from blink_archive.archive.folder import open_archive
root = pathlib.Path(sys.argv[1])
archive = open_archive(root, root / "catalog.db")
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    archive.is_locked()
"""


def test_a_reader_takes_no_other_reader_for_a_sync(world: World) -> None:
    """Two that ask at one instant whether a sync runs are both told that none does, so that no verify forgives what it
    would forgive during a sync; a sync that begins then is not turned away."""
    looking = subprocess.Popen(
        [sys.executable, "-c", LOOKING, str(world.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert looking.stdout is not None
    assert looking.stdout.readline() == "ready\n"
    try:
        assert not any(world.archive.is_locked() for _ in range(100))
        for _ in range(10):
            with world.archive.lock():
                assert world.archive.is_locked()
    finally:
        looking.communicate("end\n", timeout=20)


# --- a sync and short writers


def test_short_writers_during_a_sync(make_world: MakeWorld, figure: Figure) -> None:
    """A camera's verbs and the user's decisions, whose events and days are written without the run lock, and
    recordings, which bring a file of their own, while syncs come and go: each event and each recording is there
    once, and no clip suffers."""
    world = make_world(clips=20, hostile=False, latency=0.02)
    world.clock.pass_by(minutes=5)
    camera = world.blink.cloud.catalogue.cameras[0]
    about = Camera(
        camera.id, camera.network.id, "owl", camera.name, "owl", None, None, None, None, None, None, {}
    )
    video = recording()
    done: Counter[str] = Counter()
    began = datetime.now(UTC)

    def snooze() -> None:
        code, _, err = finish(world.start("camera", "snooze", str(camera.id), "--minutes", "5"))
        assert (code, err) == (0, ""), err
        done["snoozed"] += 1

    def record() -> None:
        catalog = world.archive.open_catalog(write=True)
        try:
            store = world.archive.store
            with store.live_part() as part:
                for at in range(0, len(video), 65536):
                    part.write(video[at : at + 65536])
                    time.sleep(0.01)
                started = began + timedelta(seconds=done["recorded"])
                kept = Recording(about, "Home", "America/New_York", started, command_id=done["recorded"])
                store_recording(catalog, store, part, kept, now=datetime.now(UTC))
        finally:
            catalog.close()
        done["recorded"] += 1

    world.sync()
    archived, deleted = (
        world.rows(
            "SELECT origin_key FROM clips_view JOIN clips USING (id) WHERE clips_view.status = ?", status
        )[0]
        for status in ("archived", "deleted")
    )
    verbs = itertools.cycle(
        [("star", archived), ("exclude", deleted), ("unstar", archived), ("include", deleted)]
    )

    def decide() -> None:
        verb, clip = next(verbs)
        code, _, err = finish(world.start("-q", verb, clip["origin_key"]))
        assert (code, err) == (0, ""), err
        done["decided"] += 1

    with meanwhile(snooze, decide, record):
        for _ in range(times(2, 40)):
            add_clips(world)
            code, _, err = finish(world.start("sync"))
            assert code == 0, err
            done["sync"] += 1
    assert world.sync().exit_code == 0
    expect_no_duplicates(world)
    world.expect_complete()
    decisions = ("starred", "excluded", "unstarred", "included")
    for kinds, count in ((("snoozed",), done["snoozed"]), (decisions, done["decided"])):
        told = world.rows(f"SELECT kind FROM events WHERE kind IN ({','.join('?' * len(kinds))})", *kinds)
        assert len(told) == count
    recorded = world.rows("SELECT path FROM clips WHERE origin = 'liveview' AND sha256 IS NOT NULL")
    assert len(recorded) == done["recorded"]
    assert all((world.root / row["path"]).read_bytes() == video for row in recorded)
    assert verified(world) == len(world.files())
    figure("syncs", done["sync"])
    figure("events, decisions and recordings meanwhile", done["snoozed"] + done["decided"] + done["recorded"])
    figure("lost or twice", 0)
