"""What a command must not do: forecast for another account, or date what it did not wholly read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

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
