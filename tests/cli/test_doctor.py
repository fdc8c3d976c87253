"""`doctor`: each thing that goes wrong in practice is found, with its exit code, and keeps none of the rest from
being looked at; the report tells nobody's names and secrets."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.layout import camera_slug
from blink_archive.cli.examinations import EXAMINATIONS

from ..world import PASSWORD, World

MakeWorld = Callable[..., World]
SECRET = "https://hc-ping.example/0b7e5a2c-secret"


@pytest.fixture
def synced(make_world: MakeWorld) -> World:
    """A world whose last sync ended well just now."""
    world = make_world(clips=6, hostile=False)
    assert world.run("sync", "--no-describe").returncode == 0
    return world


def findings(
    world: World, *arguments: str, **environment: str
) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and what was found, by what was looked at."""
    done = world.run("doctor", "--json", *arguments, **environment)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout):
        found.setdefault(each["what"], []).append(each)
    return done.returncode, found


def problems(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {what for what, each in found.items() if any(one["verdict"] == "problem" for one in each)}


def test_a_sound_system_has_no_problem(synced: World) -> None:
    """Exit code 0, and every examination told something."""
    code, found = findings(synced)
    assert (code, problems(found)) == (0, set())
    assert set(EXAMINATIONS) <= set(found)
    assert found["sign-in"][0]["says"] == "stored, of account 1100001"
    assert found["clock"][0]["verdict"] == "ok"
    assert found["last sync"][0]["says"].startswith("ended well ")


def test_the_words_for_a_person(synced: World) -> None:
    """A line each, with its verdict first; with -q only what is not well."""
    told = synced.run("doctor")
    assert told.returncode == 0
    assert all(line.startswith(("ok ", "warning ", " ")) for line in told.stdout.splitlines())
    warnings = told.stdout.count("\nwarning ")
    assert warnings
    assert f"There is no problem, but {warnings} warning" in told.stderr
    assert "ok " not in synced.run("-q", "doctor").stdout


def test_signed_out(synced: World) -> None:
    """4; the archive is looked at all the same."""
    for session in synced.state.glob("session-*"):
        session.unlink()
    code, found = findings(synced)
    assert code == 4
    assert problems(found) == {"Blink"}
    assert found["catalog"][0]["verdict"] == "ok"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_state_files_that_others_can_read(synced: World) -> None:
    """They are told before the program closes them."""
    session = next(path for path in synced.state.iterdir() if path.is_file())
    session.chmod(0o644)
    code, found = findings(synced)
    assert code == 1
    assert problems(found) == {"sign-in's files"}
    assert session.name in found["sign-in's files"][0]["says"]


def test_a_disk_that_is_not_mounted(synced: World) -> None:
    """The sentence of the sync, once; what else needs the archive refers to it. Blink is asked all the same."""
    synced.root.rename(synced.root.with_name("elsewhere"))
    synced.root.mkdir()
    code, found = findings(synced)
    assert code == 1
    assert "is not an archive" in found["archive"][0]["says"]
    assert (
        found["catalog"][0]["says"] == found["clips"][0]["says"] == "cannot be looked at: see archive, above"
    )
    assert found["Blink"][0]["verdict"] == "ok"


def test_a_message_that_could_not_be_sent(synced: World, tmp_path: Path) -> None:
    """It is found before the first failure, and without sending one; so is a folder that takes no figures."""
    pytest.importorskip("apprise")
    figures = str(tmp_path / "nowhere" / "blink.prom")
    code, found = findings(
        synced,
        BLINK_ARCHIVE_NOTIFY="nosuch://word\njson://127.0.0.1:9/x",
        BLINK_ARCHIVE_PROMETHEUS_FILE=figures,
    )
    assert (code, problems(found)) == (2, {"notifications"})
    apprise, prometheus = (each["says"] for each in found["notifications"])
    assert "does not know nosuch://" in apprise
    assert figures in prometheus
    code, found = findings(
        synced, BLINK_ARCHIVE_NOTIFY="json://127.0.0.1:9/x", BLINK_ARCHIVE_PING="http://127.0.0.1:9/x"
    )
    assert (code, found["notifications"][0]["says"]) == (0, "1 service of Apprise, a ping")


def test_a_variable_that_means_nothing(synced: World) -> None:
    """A sync would end at it; the rest is looked at all the same."""
    code, found = findings(synced, BLINK_ARCHIVE_WORKERS="many")
    assert (code, problems(found)) == (2, {"notifications"})
    assert "--workers" in found["notifications"][0]["says"]
    assert found["clips"]


def test_a_clock_that_is_wrong(synced: World) -> None:
    """Blink's own time tells."""
    synced.clock.pass_by(hours=3)
    code, found = findings(synced)
    assert code == 1
    assert "behind Blink's" in found["clock"][0]["says"]


def test_blink_cannot_be_reached(synced: World) -> None:
    """5."""
    synced.blink.stop()
    try:
        code, found = findings(synced)
    finally:
        synced.blink.start()
    assert code == 5
    assert problems(found) == {"Blink"}


def test_a_catalog_that_is_not_sound(synced: World) -> None:
    """7, with the first finding."""
    with closing(sqlite3.connect(synced.archive.catalog_path)) as catalog, catalog:
        catalog.execute("UPDATE clips SET bytes = -1 WHERE id = 1")
    code, found = findings(synced)
    assert code == 7
    assert "less than nothing" in found["catalog"][0]["says"]


def test_a_run_that_was_killed(synced: World) -> None:
    """No problem: a lock ends with its process, and nothing is to be removed."""
    with closing(sqlite3.connect(synced.archive.catalog_path)) as catalog, catalog:
        catalog.execute(
            "INSERT INTO runs (command, started_at) VALUES ('sync', '2026-11-01T00:00:00.000000Z')"
        )
    code, found = findings(synced)
    assert code == 0
    assert found["run lock"][0]["verdict"] == "warning"
    with synced.archive.lock():
        assert "holds the archive now" in findings(synced)[1]["run lock"][0]["says"]


def test_no_sync_for_days(synced: World) -> None:
    """The timer that nobody noticed to be gone."""
    with closing(sqlite3.connect(synced.archive.catalog_path)) as catalog, catalog:
        catalog.execute("UPDATE runs SET ended_at = '2026-01-01T00:00:00.000000Z'")
    code, found = findings(synced)
    assert code == 1
    assert problems(found) == {"last sync"}


def test_a_mistaken_configuration(synced: World, tmp_path: Path) -> None:
    """Every mistake, with its line; all else is looked at without it."""
    file = tmp_path / "config.toml"
    file.write_text('[[archive]]\nworker = 4\nreserve = "much"\n')
    code, found = findings(synced, BLINK_ARCHIVE_CONFIG=str(file))
    assert code == 2
    assert problems(found) == {"configuration"}
    assert all(
        f"line {line}" in each["says"] for line, each in zip((2, 3), found["configuration"], strict=True)
    )
    assert found["archive"][0]["verdict"] == "ok"


def test_a_report_tells_no_names_and_no_secrets(synced: World, tmp_path: Path) -> None:
    """Cameras, networks, the account, its email, addresses that are secret, and the home directory are not in it;
    versions, settings, findings and runs are. Only its owner can read it, and no file is overwritten."""
    config, report = tmp_path / "config.toml", tmp_path / "report.json"
    config.write_text(f'[[archive]]\n[archive.notifications]\nping = "{SECRET}"\n')
    config.chmod(0o600)
    environment = {"BLINK_ARCHIVE_CONFIG": str(config), "HOME": str(tmp_path)}
    clip = synced.rows("SELECT path, camera_name FROM clips WHERE sha256 IS NOT NULL")[0]
    path, slug = clip["path"], camera_slug(clip["camera_name"])
    assert f"_{slug}_" in path
    with closing(sqlite3.connect(synced.archive.catalog_path)) as db, db:
        summary = json.dumps({"stopped": f"Could not write {path}: the disk is full.", "fetched": 4})
        db.execute("UPDATE runs SET summary = json_patch(summary, ?)", (summary,))
    done = synced.run("doctor", "--report", str(report), **environment)
    assert done.returncode == 0, done.stderr
    text = report.read_text()
    names = synced.rows(
        "SELECT name FROM cameras UNION SELECT name FROM networks UNION SELECT name FROM sync_modules"
    )
    assert len(names) > 3
    for name in (f"_{slug}_", *(row["name"] for row in names if len(row["name"]) > 2), "1100001", SECRET, PASSWORD,
                 synced.settings.email, str(tmp_path)):  # fmt: skip
        assert name not in text
    told = json.loads(text)
    assert told["findings"]
    assert told["runs"][0]["summary"]["fetched"] >= 4
    assert told["rows"]["clips"] >= 6
    assert {"key": "ping", "value": "hidden"}.items() <= next(
        each for each in told["settings"] if each["key"] == "ping"
    ).items()
    if os.name == "posix":
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
    again = synced.run("doctor", "--report", str(report), **environment)
    assert again.returncode == 2
    assert report.read_text() == text


def test_a_report_where_nothing_works(make_world: MakeWorld, tmp_path: Path) -> None:
    """No archive and no sign-in: what there is, is told."""
    world = make_world(clips=0)
    report = tmp_path / "report.json"
    done = world.run(
        "--archive",
        str(tmp_path / "none"),
        "--state-dir",
        str(tmp_path / "nobody"),
        "doctor",
        "--report",
        str(report),
    )
    assert done.returncode == 4
    assert json.loads(report.read_text())["findings"]
