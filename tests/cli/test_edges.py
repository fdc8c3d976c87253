"""What a command must not do: forecast for another account, or date what it did not wholly read."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from blink_archive.archive.catalog import FORMAT
from blink_archive.archive.folder import create_archive

from ..conftest import MakeWorld
from ..world import World


def never_verified(world: World) -> bool:
    """Whether no clip has a date of verification."""
    return not world.rows("SELECT 1 FROM clips WHERE verified_at IS NOT NULL")


def test_a_dry_run_refuses_another_accounts_archive(make_world: MakeWorld, tmp_path: Path) -> None:
    """A forecast for a whole archive of another account would be of a sync that is refused: exit 1, both
    accounts are named, nothing is asked of Blink, and the archive is as it was."""
    world = make_world(clips=1)
    root = tmp_path / "theirs"
    create_archive(root, root / "catalog.db", account_id=42, uuid=str(uuid4()), now=world.clock.now())
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    asked = len(world.blink.requests)
    done = world.run("--archive", str(root), "sync", "--dry-run", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "account 42" in done.stderr
    assert "account 1100001" in done.stderr
    assert len(world.blink.requests) == asked
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("share", ["50%", "100%"])
def test_a_sample_dates_no_clip(make_world: MakeWorld, share: str) -> None:
    """`verify --sample` leaves no clip with the date of a verification, however many it read."""
    world = make_world(clips=4)
    world.sync()
    done = world.run("verify", "--sample", share, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checked"] == {"50%": 4, "100%": 8}[share]
    assert never_verified(world)
    assert world.run("verify").returncode == 0
    assert not never_verified(world), "a whole verify leaves the date"


def test_a_copy_that_is_whole_dates_no_clip(make_world: MakeWorld, tmp_path: Path) -> None:
    """`verify --against` says that the copy is whole; of the archive's own files it read none."""
    world = make_world(clips=2)
    world.sync()
    copy = tmp_path / "copy"
    shutil.copytree(world.root, copy)
    done = world.run("verify", "--against", str(copy), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checked"] == 4
    assert never_verified(world)


def test_what_the_refusal_of_an_old_catalog_advises_works(archived: World) -> None:
    """A catalog of an old format is exit 1 for each command, and untouched. A rebuild makes a new one: no file
    is changed, nothing is fetched again."""
    with closing(sqlite3.connect(archived.archive.catalog_path)) as catalog:
        catalog.execute("PRAGMA user_version = 1")
    marker = archived.root / ".blink-archive.json"
    marker.write_text(marker.read_text().replace(f'"format": {FORMAT}', '"format": 1'))
    before = archived.archive.catalog_path.read_bytes()
    for command in (["ls"], ["sync"], ["sync", "--init"], ["verify"], ["query", "SELECT 1"]):
        done = archived.run(*command)
        assert (done.returncode, "has format 1" in done.stderr) == (1, True)
        assert "`blink-archive catalog rebuild`" in done.stderr
    assert archived.archive.catalog_path.read_bytes() == before
    files = archived.files()
    assert archived.run("catalog", "rebuild").returncode == 0
    done = archived.run("sync", "--json")
    assert (done.returncode, json.loads(done.stdout)["fetched"]) == (0, 0)
    assert archived.files() == files
    archived.expect_complete()
    assert archived.run("verify").returncode == 0
