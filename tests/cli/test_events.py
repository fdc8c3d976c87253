"""What commands change at Blink is written down, and never in the way of the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.cli.events import record_event
from blink_archive.cli.options import Globals

from ..world import World

Captured = pytest.CaptureFixture[str]


def recorded(world: World) -> list[dict[str, object]]:
    """What the catalog has of the kind."""
    return world.rows("SELECT kind, clip_id, run_id, detail FROM events WHERE kind = 'armed'")


def test_an_event_is_a_row(world: World, capsys: Captured) -> None:
    """With its kind and its detail as JSON, whatever text is in it; nothing is said."""
    record_event(Globals(archive_dir=world.root), "armed", {"network": "\udc80 ünï"}, account_id=1100001)
    (row,) = recorded(world)
    assert (row["kind"], row["clip_id"], row["run_id"]) == ("armed", None, None)
    assert json.loads(str(row["detail"])) == {"network": "\udc80 ünï"}
    assert capsys.readouterr() == ("", "")


def test_an_event_waits_for_no_run(world: World) -> None:
    """It is written while a run holds the archive."""
    with world.archive.lock():
        record_event(Globals(archive_dir=world.root), "armed", {}, account_id=1100001)
    assert len(recorded(world)) == 1


def test_another_accounts_archive_gets_none(world: World, capsys: Captured) -> None:
    """What is done to another account is no event of this archive."""
    record_event(Globals(archive_dir=world.root), "armed", {}, account_id=42)
    assert recorded(world) == []
    assert capsys.readouterr() == ("", "")


def test_no_archive_is_no_trouble(tmp_path: Path, capsys: Captured) -> None:
    """Neither a folder that is none nor one that is not there is worth a word, and none is made."""
    for folder in (tmp_path, tmp_path / "none"):
        record_event(Globals(archive_dir=folder), "armed", {}, account_id=1100001)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["gone", "garbage", "newer"])
def test_a_catalog_that_cannot_be_used_is_told(world: World, capsys: Captured, damage: str) -> None:
    """In one sentence that names it; nothing is raised."""
    path = world.archive.catalog_path
    match damage:
        case "gone":
            path.unlink()
        case "garbage":
            path.write_bytes(b"garbage" * 1000)
        case _:
            catalog = Catalog.open(path)
            catalog.db.execute("PRAGMA user_version = 99")
            catalog.close()
    record_event(Globals(archive_dir=world.root), "armed", {}, account_id=1100001)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Blink did it, but")
    assert str(path) in err


def test_a_home_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """Where the archive would be cannot be said: what was done stays done."""
    record_event(Globals(archive_dir=Path("~nobody-of-that-name/archive")), "armed", {}, account_id=1)
    assert "--archive" in capsys.readouterr().err
