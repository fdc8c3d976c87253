"""`archive move` on the command line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ..world import World
from .quick import quick

MakeWorld = Callable[..., World]


@pytest.fixture
def moved(make_world: MakeWorld, tmp_path: Path) -> tuple[World, Path]:
    """A world whose archive was moved to another folder by the command."""
    world = make_world(clips=3, hostile=False)
    world.sync()
    target = tmp_path / "new disk"
    done = quick(world, "archive", "move", str(target))
    assert (done.code, done.out) == (0, "")
    assert f"The archive is in {target} now: " in done.err
    return world, target


def test_the_moved_archive_goes_on(moved: tuple[World, Path]) -> None:
    """It verifies, and the next sync in it takes what is new."""
    world, target = moved
    assert quick(world, "verify", root=target).code == 0
    synced = quick(world, "sync", "--reserve", "0", "--quiet-days", "0", root=target)
    assert synced.code == 0
    assert "0 archived now, " in synced.out


@pytest.mark.parametrize("command", [("status",), ("sync", "--init"), ("init",), ("verify",), ("ls",)])
def test_the_old_folder_says_where_it_went(moved: tuple[World, Path], command: tuple[str, ...]) -> None:
    """Whatever is asked of it; and no new archive is begun there."""
    world, target = moved
    done = quick(world, *command)
    assert done.code == 1
    assert f"was moved to {target}" in done.err


def test_json_tells_what_stays(make_world: MakeWorld, tmp_path: Path) -> None:
    """Files and bytes, and what could not be moved."""
    world = make_world(clips=2, hostile=False)
    world.sync()
    os.mkfifo(world.root / "fifo")
    told = json.loads(quick(world, "archive", "move", str(tmp_path / "new"), "--json").out)
    assert told["archive"] == str(tmp_path / "new")
    assert told["files"] >= 4
    assert told["left"] == [{"path": "fifo", "reason": "it is no file, link or folder"}]


def test_the_configuration_names_the_new_folder(make_world: MakeWorld, tmp_path: Path) -> None:
    """Its line is changed and all else stays; the next command needs no option."""
    world = make_world(clips=2, hostile=False)
    world.sync()
    target, file = tmp_path / 'new "disk"', tmp_path / "config.toml"
    before = '# mine\n[[archive]]\nname = "home"\narchive = {} # the old disk\nworkers = 3\n'
    file.write_text(before.format(f"'{world.root}'"))
    file.chmod(0o600)
    environment = {"BLINK_ARCHIVE_CONFIG": str(file), "BLINK_ARCHIVE_DIR": ""}
    done = world.run("archive", "move", str(target), **environment)
    assert done.returncode == 0, done.stderr
    assert "names that folder now" in done.stderr
    assert file.read_text() == before.format(json.dumps(str(target)))
    assert file.stat().st_mode & 0o777 == 0o600
    assert world.run("verify", **environment).returncode == 0


def test_the_configuration_names_the_new_catalog_too(make_world: MakeWorld, tmp_path: Path) -> None:
    """One within the folder has moved with it; ends of lines, and what only looks like one, stay."""
    world = make_world(clips=2, hostile=False)
    world.sync()
    (world.root / "catalog.db").rename(world.root / "mine.db")
    target, file = tmp_path / "new", tmp_path / "config.toml"
    before = "# one\u2028\u0085line\r\n[[archive]]\r\nname = 'home'\r\narchive = {}\r\ncatalog = {}\r\n"
    old = before.format(f"'{world.root}'", f"'{world.root / 'mine.db'}'")
    file.write_bytes(old.encode())
    file.chmod(0o600)
    environment = {"BLINK_ARCHIVE_CONFIG": str(file), "BLINK_ARCHIVE_DIR": ""}
    done = world.run("archive", "move", str(target), **environment)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().decode() == before.format(f'"{target}"', f'"{target / "mine.db"}"')
    assert world.run("verify", **environment).returncode == 0


def test_a_configuration_of_another_form_is_left_alone(make_world: MakeWorld, tmp_path: Path) -> None:
    """An inline table: a person is told to do it."""
    world = make_world(clips=1, hostile=False)
    world.sync()
    file = tmp_path / "config.toml"
    file.write_text(text := f'archive = [{{ archive = "{world.root}" }}]\n')
    environment = {"BLINK_ARCHIVE_CONFIG": str(file), "BLINK_ARCHIVE_DIR": ""}
    done = world.run("archive", "move", str(tmp_path / "new"), **environment)
    assert done.returncode == 0, done.stderr
    assert "or in the configuration" in done.stderr
    assert file.read_text() == text
