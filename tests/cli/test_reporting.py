"""Who is told how a sync ended, and when: real runs, a check, a service of Apprise's, and a file."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest

from blink_archive.archive.runs import last_runs
from blink_archive.cli.options import Globals
from blink_archive.cli.reporter import Reporter
from blink_archive.errors import ArchiveBusy, NotSignedIn
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..nightly.listener import Listener, listening
from ..nightly.scraped import scraped
from ..world import World

pytest.importorskip("apprise")
SECRETS = (b"secret-check", b"secret-token")


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A check, and a service."""
    with listening() as listener:
        yield listener


@pytest.fixture
def house(make_world: MakeWorld) -> World:
    """A small one."""
    return make_world(clips=3, hostile=False)


def told_by(world: World, listener: Listener, *arguments: str, **more: str) -> dict[str, str]:
    """The environment of a nightly run that tells everybody."""
    return {
        "BLINK_ARCHIVE_NOTIFY": f"\n{listener.service}\n",
        "BLINK_ARCHIVE_PING": listener.check,
        "BLINK_ARCHIVE_PROMETHEUS_FILE": str(world.root.parent / "cams.prom"),
        **more,
    }


def night(
    world: World, listener: Listener, *arguments: str, **more: str
) -> tuple[int, list[str], list[str], str]:
    """One nightly run: its exit code, the titles of messages, the pings, and what it said."""
    listener.requests.clear()
    done = world.run("sync", *arguments, **told_by(world, listener, **more))
    titles = [message["title"].removeprefix("blink-archive: ") for message in listener.messages]
    for secret in SECRETS:
        assert secret.decode() not in done.stdout + done.stderr
    return done.returncode, titles, listener.pings, done.stderr


def figures(world: World) -> dict[str, float]:
    return scraped((world.root.parent / "cams.prom").read_text(), archive=str(world.root))


def remembered(world: World) -> dict[str, object]:
    (file,) = world.state.glob("told-*.json")
    return dict(json.loads(file.read_text()))


def a_while_ago(world: World, **span: float) -> None:
    """What was told was told so much earlier."""
    (file,) = world.state.glob("told-*.json")
    value = json.loads(file.read_text())
    earlier = lambda text: (datetime.fromisoformat(text) - timedelta(**span)).isoformat()  # noqa: E731
    value["failures"] = {code: earlier(at) for code, at in value["failures"].items()}
    value["digest_at"] = value["digest_at"] and earlier(value["digest_at"])
    file.write_text(json.dumps(value))


FAILED = "the sync failed: some clips failed or were lost"


def test_each_kind_at_its_moment(house: World, listener: Listener) -> None:
    """Well, failed, still failing, well again, a loss, well, a failure a day old: who hears of each."""
    assert night(house, listener) == (0, [], ["start", "success"], "")
    house.blink.cloud.add_clip()
    fault = Fault(endpoint="clip", kind="status", status=404)
    house.blink.faults.add(fault)
    assert night(house, listener)[:3] == (3, [FAILED], ["start", "fail"])
    assert night(house, listener)[:3] == (3, [], ["start", "fail"])
    a_while_ago(house, hours=21)
    assert night(house, listener)[:3] == (3, [FAILED], ["start", "fail"])
    house.blink.faults.clear()
    assert night(house, listener) == (0, ["the sync works again"], ["start", "success"], "")
    assert night(house, listener) == (0, [], ["start", "success"], "")
    lost = house.blink.cloud.add_clip()
    assert night(house, listener, "--limit", "0")[:2] == (0, [])
    house.blink.cloud.purge_clip(lost)
    assert night(house, listener)[:2] == (3, [FAILED])
    code, titles, pings, _ = night(house, listener, "--full")
    assert (code, titles, pings) == (3, ["1 clip was lost"], ["start", "fail"])
    assert "query 'SELECT * FROM missing'" in listener.messages[0]["message"]
    assert listener.messages[0]["type"] == "warning"
    assert night(house, listener)[:2] == (0, ["the sync works again"])


def test_a_message_says_what_where_and_what_next(house: World, listener: Listener) -> None:
    """The archive, the end, the counts, the clip and why, the warning; and the ping's body the log, too."""
    house.blink.cloud.add_clip()
    house.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, times=1))
    night(house, listener)
    (message,) = listener.messages
    clip = house.rows("SELECT origin_key FROM clips WHERE last_error IS NOT NULL")[0]["origin_key"]
    for words in (
        f"The sync of {house.root} ended with exit code 3",
        "Fetched 3 clips, ",
        "3 clips archived, ",
        f"1 clip could not be fetched, and waits for the next sync:\n- {clip}: Blink does not have",
        "free.",
    ):
        assert words in message["message"]
    assert message["type"] == "failure"
    body = listener.requests[1].body.decode()
    assert body.startswith(f"The sync of {house.root} ended with exit code 3")
    assert "INFO page 1: 7 entries" in body
    assert re.search(r"INFO recorded \d clip", body)


def test_a_digest_comes_when_it_is_due(house: World, listener: Listener) -> None:
    """At once, and then by `--digest-every`, with what was done since; only where it is asked for, and then
    nothing else is told."""
    only = {"BLINK_ARCHIVE_NOTIFY_ON": "digest"}
    assert night(house, listener)[1] == []
    code, titles, _, _ = night(house, listener, **only)
    assert (code, titles) == (0, ["3 clips archived"])
    (message,) = listener.messages
    assert "Since the last digest: 2 syncs, 2 of them ended well; 3 clips fetched" in message["message"]
    assert message["type"] == "info"
    assert night(house, listener, **only)[1] == []
    a_while_ago(house, days=6.9)
    assert night(house, listener, **only)[1] == []
    a_while_ago(house, days=0.2)
    house.blink.cloud.add_clip()
    assert night(house, listener, **only)[1] == ["4 clips archived"]
    a_while_ago(house, hours=1.1)
    assert night(house, listener, "--notify-on", "digest", "--digest-every", "1h")[1] == ["4 clips archived"]
    house.blink.faults.add(Fault(endpoint="clip", kind="status", status=404))
    house.blink.cloud.add_clip()
    assert night(house, listener, **only)[:2] == (3, [])


def test_a_run_that_never_began_is_told(house: World, listener: Listener, tmp_path: Path) -> None:
    """Nobody signed in: told, pinged, written down as a run, and over when it is over."""
    assert night(house, listener)[0] == 0
    before = figures(house)
    saved = {file: file.read_bytes() for file in house.state.glob("session-*.json")}
    for file in saved:
        file.unlink()
    code, titles, pings, _ = night(house, listener)
    assert (code, titles, pings) == (4, ["the sync failed: sign-in needed"], ["start", "fail"])
    assert "Run `blink-archive login`" in listener.messages[0]["message"]
    after = figures(house)
    success = "blink_archive_last_success_timestamp_seconds"
    assert after[success] == before[success]
    assert (after["blink_archive_last_run_success"], after["blink_archive_last_run_exit_code"]) == (0, 4)
    assert after["blink_archive_failures_in_a_row"] == 1
    assert house.rows("SELECT exit_code FROM runs ORDER BY id DESC LIMIT 1") == [{"exit_code": 4}]
    assert night(house, listener)[:3] == (4, [], ["start", "fail"])
    for file, content in saved.items():
        file.write_bytes(content)
        file.chmod(0o600)
    assert night(house, listener)[:2] == (0, ["the sync works again"])


def test_a_disk_that_is_not_mounted_is_told_once(house: World, listener: Listener) -> None:
    """Its catalog is away with it: what was told, and when it went well last, is known all the same."""
    assert night(house, listener)[0] == 0
    success = figures(house)["blink_archive_last_success_timestamp_seconds"]
    away = house.root.rename(house.root.with_name("away"))
    house.root.mkdir()
    assert night(house, listener)[:3] == (1, ["the sync failed: an error"], ["start", "fail"])
    assert "check that the disk is mounted" in listener.messages[0]["message"]
    assert night(house, listener)[:3] == (1, [], ["start", "fail"])
    found = figures(house)
    assert found["blink_archive_last_success_timestamp_seconds"] == success
    assert found["blink_archive_last_run_exit_code"] == 1
    assert not [name for name in found if "clips{" in name]
    assert not list(house.root.iterdir())
    house.root.rmdir()
    away.rename(house.root)
    assert night(house, listener)[:2] == (0, ["the sync works again"])


def test_the_figures_are_the_catalogs(world: World, listener: Listener) -> None:
    """Each figure of the file, compared with the catalog and the disk."""
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=404, times=2))
    began = datetime.now().timestamp()  # noqa: DTZ005 - only its seconds count
    assert night(world, listener)[0] == 3
    found = figures(world)
    states = {row["status"]: row for row in world.rows(
        "SELECT status, count(*) AS clips, total(bytes) AS bytes FROM clips_view GROUP BY status")}  # fmt: skip
    assert states["waiting"]["clips"] >= 2
    for state in ("archived", "waiting", "gone", "deleted", "excluded", "covered", "pruned", "lost"):
        row = states.get(state, {"clips": 0, "bytes": 0})
        assert found[f"blink_archive_clips{{state={state}}}"] == row["clips"]
        assert found[f"blink_archive_clip_bytes{{state={state}}}"] == row["bytes"]
    (run,) = world.rows("SELECT ended_at, exit_code, summary FROM runs")
    summary = json.loads(run["summary"])
    assert found["blink_archive_last_run_clips"] == summary["fetched"]
    assert found["blink_archive_last_run_bytes"] == summary["bytes"]
    assert found["blink_archive_last_run_exit_code"] == run["exit_code"] == 3
    assert summary["seconds"] <= found["blink_archive_last_run_duration_seconds"] < summary["seconds"] + 10
    assert began < found["blink_archive_last_run_timestamp_seconds"] <= time.time()
    days, first = world.rows(
        "SELECT auto_delete_days AS days, (SELECT min(created_at) FROM clips JOIN clips_view USING (id) "
        "WHERE status = 'waiting' AND clips.origin = 'cloud') AS first FROM accounts"
    )[0].values()
    expiry = datetime.fromisoformat(first) + timedelta(days=days)
    assert found["blink_archive_waiting_expiry_timestamp_seconds"] == pytest.approx(
        expiry.timestamp(), abs=0.01
    )
    left = expiry.timestamp() - found["blink_archive_last_run_timestamp_seconds"]
    assert found["blink_archive_waiting_expiry_seconds"] == pytest.approx(left, abs=0.01)
    disk = os.statvfs(world.root)
    assert found["blink_archive_free_bytes"] == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.2)
    assert "blink_archive_last_success_timestamp_seconds" not in found
    assert night(world, listener)[0] == 0
    ended = datetime.fromisoformat(world.rows("SELECT max(ended_at) AS at FROM runs")[0]["at"]).timestamp()
    assert ended - 0.01 < figures(world)["blink_archive_last_success_timestamp_seconds"] < ended + 10


def test_what_follows_a_sync_counts(house: World, listener: Listener) -> None:
    """A deletion that fails makes the night a failure, told with its reason, and no success: exit code 7."""
    assert night(house, listener)[0] == 0
    success = figures(house)["blink_archive_last_success_timestamp_seconds"]
    path = house.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]
    (house.root / path).write_bytes(b"rotten")
    code, titles, pings, _ = night(house, listener, "--delete-remote", "--keep-days", "0", "--yes")
    assert (code, pings) == (7, ["start", "fail"])
    assert titles == ["the sync failed: a file is missing, changed or foreign"]
    assert path in listener.messages[0]["message"]
    found = figures(house)
    assert found["blink_archive_last_run_exit_code"] == 7
    assert found["blink_archive_last_success_timestamp_seconds"] == success
    runs = json.loads(house.run("runs", "--json").stdout)
    assert [(run["command"], run["exit_code"]) for run in runs] == [
        ("sync", 0), ("sync", 7), ("prune-remote", 7)]  # fmt: skip


def test_a_file_that_was_lost_since_is_told(house: World, listener: Listener) -> None:
    """What a `verify --repair` gave up is told by the next sync, and by that one alone."""
    assert night(house, listener)[0] == 0
    clip = house.rows("SELECT origin_key, path FROM clips WHERE sha256 IS NOT NULL")[0]
    (house.root / clip["path"]).unlink()
    house.blink.cloud.purge_clip(int(clip["origin_key"]))
    assert house.run("verify", "--repair").returncode == 3
    assert house.clip(clip["origin_key"])["status"] == "lost"
    assert night(house, listener)[:2] == (0, ["1 clip was lost"])
    assert "verify --repair" in listener.messages[0]["message"]
    assert night(house, listener)[:2] == (0, [])


def test_another_run_and_ctrl_c_are_told_to_nobody(house: World, listener: Listener) -> None:
    """Exit 6 and 130: no message, no success, no failure, and the file as it was."""
    assert night(house, listener)[0] == 0
    file = house.root.parent / "cams.prom"
    before = file.read_bytes()
    with house.archive.lock():
        code, titles, pings, _ = night(house, listener)
    assert (code, titles) == (6, [])
    assert set(pings) <= {"start"}
    house.blink.faults.add(Fault(endpoint="homescreen", kind="stall"))
    asked = len(house.blink.requests)
    process = house.start("sync", **told_by(house, listener))
    while len(house.blink.requests) == asked:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert listener.messages == []
    assert set(listener.pings) <= {"start"}
    assert file.read_bytes() == before


def test_a_dry_run_tells_nobody(house: World, listener: Listener) -> None:
    """Nor writes a file."""
    assert night(house, listener, "--dry-run")[:3] == (0, [], [])
    assert not (house.root.parent / "cams.prom").exists()


def test_services_that_fail_fail_no_run(house: World, listener: Listener, tmp_path: Path) -> None:
    """A check and a service that refuse, an address that Apprise does not know, a folder that is not there:
    a warning for each, the exit code of the sync, and no secret anywhere, in the fullest of logs."""
    listener.status = 500
    log = tmp_path / "a.log"
    code, titles, pings, said = night(
        house, listener, "-vv", "--log-file", str(log), "--notify-on", "digest",
        BLINK_ARCHIVE_NOTIFY=f"{listener.service}\nnosuch://secret-token@host",
        BLINK_ARCHIVE_PROMETHEUS_FILE=str(tmp_path / "none" / "a.prom"),
    )  # fmt: skip
    assert (code, len(titles), pings) == (0, 1, ["start", "success"])
    assert said.count("http://127.0.0.1 answered a ping with HTTP 500.") == 2
    for words in (
        "json:// did not take it",
        "does not know nosuch://",
        "figures for Prometheus could not",
    ):
        assert said.count(words) == 1
        assert words in log.read_text()
    assert not list(house.state.glob("told-*.json"))  # nobody heard of it, so that it stays due
    listener.status = 200
    assert night(house, listener, "--notify-on", "digest")[1] == ["3 clips archived"]
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.suffix not in (".mp4", ".jpg"):
            assert not [secret for secret in SECRETS if secret in file.read_bytes()], file


def test_a_quiet_run_still_says_that_nobody_was_told(house: World, listener: Listener) -> None:
    """`-q` is for cron, which mails what is said."""
    listener.status = 404
    _, _, _, said = night(house, listener, "-q")
    assert set(said.splitlines()) == {"blink-archive: http://127.0.0.1 answered a ping with HTTP 404."}


REPORT = """
import sys, logging
if "without" in sys.argv: sys.modules["apprise"] = None
from blink_archive.cli.options import Globals, log_to
from blink_archive.cli.reporter import Reporter
given = Globals()
log_to(given)
patience = float(sys.argv[3])
with Reporter(given, services=(sys.argv[1],), kinds=("failure",), ping=sys.argv[2], patience=patience) as reporter:
    reporter.ended(5, reason="It is over.")
"""


def reporting(
    world: World, listener: Listener, *more: str, patience: float = 30.0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", REPORT, listener.service, listener.check, str(patience), *more],
        env=world.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_services_that_hang_hold_no_run_up(house: World, listener: Listener) -> None:
    """Neither while they are waited for nor when the program ends: nobody waits for their threads."""
    assert reporting(house, listener).stderr == ""
    began = time.monotonic()
    reporting(house, listener)
    usual = time.monotonic() - began
    listener.hangs.set()
    began = time.monotonic()
    (file,) = house.state.glob("told-*.json")
    file.unlink()
    done = reporting(house, listener, patience=0.5)
    assert time.monotonic() - began < usual + 3
    assert done.returncode == 0
    assert "json:// did not take it in time" in done.stderr
    assert "http://127.0.0.1 took no ping in time" in done.stderr
    assert "secret" not in done.stderr


def test_without_apprise_one_sentence_is_said(house: World, listener: Listener) -> None:
    """With what to install; all else goes on."""
    done = reporting(house, listener, "without")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "pip install 'blink-archive[notify]'" in line
    assert listener.pings == ["start", "fail"]
    assert listener.messages == []


def test_ctrl_c_ends_a_message_that_hangs(house: World, listener: Listener) -> None:
    """At once, and the program with it."""
    listener.hangs.set()
    process = house.start("sync", **told_by(house, listener, BLINK_ARCHIVE_NOTIFY_ON="digest"))
    while not any(request.path.startswith("/note") for request in list(listener.requests)):
        assert listener.arrived.acquire(timeout=20)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 3
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ping", "hc-ping.com/secret-check"), "address of a check"),
        (("--ping", "ftp://host/secret-check"), "address of a check"),
        (("--ping", "http://host:port/secret-check"), "address of a check"),
        (("--notify-on", "digest"), "belong to --notify"),
        (("--digest-every", "1d"), "belong to --notify"),
        (("--notify", "json://host/secret-token", "--digest-every", "1d"), "--notify-on digest"),
        (("--notify", "json://host/secret-token", "--notify-on", "sunday"), "'failure'"),
    ],
)
def test_options_that_mean_nothing(house: World, arguments: tuple[str, ...], words: str) -> None:
    """Wrong usage, told without the address, before anything is done."""
    asked = len(house.blink.requests)
    done = house.run("sync", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert "secret" not in done.stderr
    assert len(house.blink.requests) == asked


class Ends:
    """A `Reporter` in this process, with the catalog of a world; what it wrote."""

    def __init__(self, world: World, tmp_path: Path) -> None:
        self.file = tmp_path / "a.prom"
        self.world = world
        self.reporter = Reporter(Globals(archive_dir=world.root), prometheus_file=self.file)

    def code(self) -> float | None:
        """The exit code that was told; None where nothing was. It is forgotten."""
        if not self.file.exists():
            return None
        found = scraped(self.file.read_text(), archive=str(self.world.root))
        self.file.unlink()
        return found["blink_archive_last_run_exit_code"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotSignedIn("Nobody."), 4),
        (ArchiveBusy("Another."), None),
        (KeyboardInterrupt(), None),
        (click.Abort(), None),
        (click.UsageError("No."), 2),
        (click.exceptions.Exit(5), 5),
        (OSError(28, "No space left on device"), 8),
        (ZeroDivisionError("division by zero"), 1),
    ],
)
def test_whatever_ends_a_run_is_told_and_goes_on(
    world: World, tmp_path: Path, error: BaseException, code: int | None
) -> None:
    """By the exit code that the program ends with; the exception is not swallowed."""
    ends = Ends(world, tmp_path)
    with pytest.raises(type(error)), ends.reporter:
        raise error
    assert ends.code() == code


def test_one_reporter_tells_of_one_run_after_the_other(world: World, tmp_path: Path) -> None:
    """As `watch` needs it: each end once, whatever follows within the same `with`."""
    ends = Ends(world, tmp_path)
    for code in (5, 4):
        with pytest.raises(ZeroDivisionError), ends.reporter:
            ends.reporter.ended(code, reason="It is over.")
            assert ends.code() == code
            raise ZeroDivisionError
        assert ends.code() is None
    with ends.reporter:
        pass
    assert ends.code() is None
    codes = [row["exit_code"] for row in world.rows("SELECT exit_code FROM runs ORDER BY id")]
    assert codes == [5, 4]


def test_the_log_is_as_loud_as_before(world: World, listener: Listener) -> None:
    """Keeping its end for a ping makes nothing else of it."""
    logger = logging.getLogger("blink_archive")
    before = (logger.level, list(logger.handlers))
    reporter = Reporter(Globals(archive_dir=world.root), ping=listener.check)
    with reporter:
        logging.getLogger("blink_archive.x").info("Authorization: Bearer abcdef")
        reporter.ended(5, reason="It is over.")
    assert (logger.level, list(logger.handlers)) == before
    body = listener.requests[-1].body.decode()
    assert "INFO Authorization: ***" in body
    assert "abcdef" not in body


def test_a_failing_start_keeps_the_catalog_sound(world: World) -> None:
    """The row of a sync that never began is written without the run lock, beside a run."""
    with world.archive.lock(), Reporter(Globals(archive_dir=world.root)) as reporter:
        reporter.ended(4, reason="someone@example.com is signed in.")
    with closing(sqlite3.connect(world.archive.catalog_path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    catalog = world.archive.open_catalog()
    try:
        (run,) = last_runs(catalog, 5)
    finally:
        catalog.close()
    assert run["summary"] == {"stopped": "***@*** is signed in."}
