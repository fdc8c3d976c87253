"""`archive-all`: everything out of Blink by one command, for somebody who has never used the program."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import PASSWORD, World


def new(world: World, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who is not signed in, and has no archive."""
    return {"BLINK_ARCHIVE_STATE_DIR": str(tmp_path / "nobody"), "BLINK_ARCHIVE_DIR": str(tmp_path / "other")}


def expect_all(world: World, folder: Path) -> None:
    """Every clip that Blink has is in the folder, its hash is listed, and the page names it."""
    listed = {
        line[66:]: line[:64] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    }
    hashes = {
        hashlib.sha256(world.blink.cloud.clip_bytes(clip)).hexdigest()
        for clip in world.blink.cloud.live_clips()
    }
    assert hashes
    assert hashes <= set(listed.values())
    done = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in listed if name.endswith(".mp4"))
    assert not list(folder.glob(".blink-archive-export*"))


def test_one_command_takes_everything(world: World, tmp_path: Path) -> None:
    """Who is signed in gets all of it with one command: an archive that can be played, checked and
    synced on, whatever archive the environment names. Each step is told."""
    folder = tmp_path / "all"
    done = world.run("archive-all", str(folder), BLINK_ARCHIVE_DIR=str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\d/\d", done.stderr, re.MULTILINE) == ["1/4", "2/4", "3/4", "4/4"]
    assert "index.html" in done.stdout
    expect_all(world, folder)
    assert not (tmp_path / "other").exists()
    assert world.run("verify", "--archive", str(folder)).returncode == 0
    assert world.run("sync", "--archive", str(folder)).returncode == 0


def test_it_signs_in_where_nobody_is(make_world: MakeWorld, tmp_path: Path) -> None:
    """With email and password in the environment, a sign-in is part of it, with no word of the secrets."""
    world = make_world(two_factor=False)
    done = world.run(
        "archive-all",
        str(tmp_path / "all"),
        BLINK_ARCHIVE_EMAIL=world.settings.email,
        BLINK_ARCHIVE_PASSWORD=PASSWORD,
        **new(world, tmp_path),
    )
    assert done.returncode == 0, done.stderr
    expect_all(world, tmp_path / "all")


def test_without_a_terminal_a_code_is_told_how_to_enter(world: World, tmp_path: Path) -> None:
    """Blink wants a code and nobody can type it: exit 4, and the two commands that go on work."""
    folder = tmp_path / "all"
    environment = {
        "BLINK_ARCHIVE_EMAIL": world.settings.email,
        "BLINK_ARCHIVE_PASSWORD": PASSWORD,
        **new(world, tmp_path),
    }
    done = world.run("archive-all", str(folder), **environment)
    assert done.returncode == 4
    assert "login --code CODE" in done.stderr
    assert "same command again" in done.stderr
    assert not folder.exists()
    assert world.run("login", "--code", world.settings.code, **environment).returncode == 0
    assert world.run("archive-all", str(folder), **environment).returncode == 0
    expect_all(world, folder)


def test_what_is_missing_is_told_with_its_reason(make_world: MakeWorld, tmp_path: Path) -> None:
    """A clip that Blink does not give: all else is taken, the clip and the reason are told, exit 3; the same
    command takes it once Blink gives it."""
    world = make_world(clips=4, hostile=False)
    world.clock.pass_by(minutes=11)
    victim = world.blink.cloud.live_clips()[0]
    fault = Fault(kind="status", status=500, endpoint="clip", match=f"{victim}")
    world.blink.faults.add(fault)
    done = world.run("archive-all", str(tmp_path / "all"))
    assert done.returncode == 3, done.stderr
    assert re.search(r"Missing: 1 clip, waiting: .*500", done.stderr), done.stderr
    told = json.loads(world.run("archive-all", str(tmp_path / "all"), "--json").stdout)
    assert told["exit_code"] == 3
    assert [(each["status"], each["clips"]) for each in told["missing"]] == [("waiting", 1)]
    world.blink.faults.clear()
    done = world.run("archive-all", str(tmp_path / "all"))
    assert done.returncode == 0, done.stderr
    assert "Missing" not in done.stderr
    expect_all(world, tmp_path / "all")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_or_killed_it_goes_on(make_world: MakeWorld, tmp_path: Path, number: int) -> None:
    """In the middle of the fetch: the same command again ends right, and fetches nothing twice."""
    world = make_world(clips=60, latency=0.05)
    folder = tmp_path / "all"
    process = world.start("archive-all", str(folder))
    while len(list(folder.rglob("*.mp4"))) < 5:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "Run the same command again" in err
    assert not (folder / "index.html").exists()
    done = world.run("archive-all", str(folder))
    assert done.returncode == 0, done.stderr
    expect_all(world, folder)


def test_a_damaged_file_ends_it(world: World, tmp_path: Path) -> None:
    """A file that is not what was fetched is found before the papers are made: exit 7, and it is named."""
    folder = tmp_path / "all"
    assert world.run("archive-all", str(folder)).returncode == 0
    (folder / "index.html").unlink()
    victim = min(folder.rglob("*.mp4"))
    victim.write_bytes(b"rot" + victim.read_bytes()[3:])
    done = world.run("archive-all", str(folder))
    assert done.returncode == 7
    assert victim.name in done.stderr
    assert "--repair" in done.stderr
    assert not (folder / "index.html").exists()


def test_it_exports_as_well(world: World, tmp_path: Path) -> None:
    """--to makes a ZIP of all of it besides, by its ending."""
    done = world.run("archive-all", str(tmp_path / "all"), "--to", str(tmp_path / "clips.zip"))
    assert done.returncode == 0, done.stderr
    assert "5/5" in done.stderr
    with zipfile.ZipFile(tmp_path / "clips.zip") as clips:
        assert clips.testzip() is None
        count = sum(name.endswith(".mp4") for name in clips.namelist())
    assert count == len(world.blink.cloud.live_clips())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--archive", "elsewhere"), "--archive"),
        (("--format", "zip"), "--to"),
    ],
)
def test_what_means_nothing_is_refused(
    world: World, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Another archive than DEST, or a format of nothing: exit 2, and nothing is made."""
    done = world.run("archive-all", str(tmp_path / "all"), *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("to", ["no/such/clips.zip", "taken.zip", "all/clips.zip"])
def test_where_an_export_cannot_go_is_said_first(world: World, tmp_path: Path, to: str) -> None:
    """And not after hours of fetching."""
    (tmp_path / "taken.zip").write_bytes(b"mine")
    done = world.run("archive-all", str(tmp_path / "all"), "--to", str(tmp_path / to))
    assert done.returncode == 2
    assert "1/5" not in done.stderr
    assert not (tmp_path / "all").exists()


def test_somebody_elses_readme_stays(world: World) -> None:
    """In an archive that was there before, a paper's name may be taken; a paper of an earlier run is written
    anew."""
    world.sync()
    readme = world.root / "README.txt"
    readme.write_text("where the cameras are", encoding="utf-8")
    done = world.run("archive-all", str(world.root))
    assert done.returncode == 2
    assert "README.txt" in done.stderr
    assert readme.read_text(encoding="utf-8") == "where the cameras are"
    readme.unlink()
    for _ in range(2):
        assert world.run("archive-all", str(world.root)).returncode == 0
    expect_all(world, world.root)


def test_a_folder_with_other_things_is_refused(world: World, tmp_path: Path) -> None:
    """DEST is to be new, empty, or an archive: no dated tree among somebody's pictures."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.png").write_bytes(b"cat")
    done = world.run("archive-all", str(tmp_path / "pictures"))
    assert done.returncode == 2
    assert "cat.png" in done.stderr
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["cat.png"]
