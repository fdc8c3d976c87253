"""A disk that fails while clips are deleted at Blink: none goes whose file, row and day were not safe before."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from blink_archive.sync import prune as module

from ..world import World
from . import LONG
from .conftest import Figure
from .disk import ERRNOS, Disk, exit_code_of, expect_safe, sync_exit_code
from .test_disk import new_archive, small_world

KINDS = ("open", "write", "fsync", "replace", "read back", "begin", "commit")


class Witness:
    """Looks at the archive from outside, at each instant at which Blink is told to delete clips."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deleted: list[int] = []
        self.unproven: list[str] = []
        self._delete = world.blink.cloud.delete_clips
        world.blink.cloud.delete_clips = self  # type: ignore[method-assign,assignment]

    def __call__(self, clips: Iterable[int]) -> None:
        for clip in clips:
            self.deleted.append(clip)
            self.unproven += [f"clip {clip}: {what}" for what in self._unsafe(clip)]
            self._delete([clip])

    def _unsafe(self, clip: int) -> list[str]:
        """What is not as it has to be before that clip may go."""
        row, cloud = self.world.clip(clip), self.world.blink.cloud
        day = self.world.root / row["local_day"].replace("-", "/")
        entries = json.loads((day / "clips.json").read_text())["clips"]
        told: dict[str, Any] = next(entry for entry in entries if entry["origin_key"] == str(clip))
        video, picture = self.world.root / row["path"], self.world.root / row["thumbnail_path"]
        listed = (day / "SHA256SUMS").read_text().splitlines()
        proofs = {
            "its file": video.read_bytes() == cloud.clip_bytes(clip),
            "its thumbnail": picture.read_bytes() == cloud.thumbnail_bytes(clip),
            "its row": row["sha256"] == hashlib.sha256(cloud.clip_bytes(clip)).hexdigest(),
            "the intent": row["delete_intended_at"] is not None,
            "the day's list": f"{row['sha256']}  {video.name}" in listed,
            "the day's clips.json": (told["sha256"], told.get("delete_intended_at"))
            == (row["sha256"], row["delete_intended_at"]),
        }
        return [what for what, proven in proofs.items() if not proven]


def delete(world: World) -> int:
    """One prune of all that may go; its exit code."""
    return exit_code_of(lambda: world.prune().exit_code)


def sweep(world: World, parent: Path, kind: str, error: int, *, step: int) -> tuple[int, int]:
    """Fail every ``step``-th call of that kind in a prune, each in an archive of its own; (points, clips deleted in
    those prunes)."""
    clips, witness, deleted = world.blink.cloud.live_clips(), Witness(world), 0
    for points in itertools.count():
        with new_archive(world, parent):
            revive(world, clips)
            witness.deleted.clear()
            assert sync_exit_code(world) == 0
            files = world.files()
            disk = Disk(world.root, kind, nth=1 + points * step, error=error)
            at = str(disk)
            with disk.installed():
                code = delete(world)
            deleted += len(witness.deleted)
            assert witness.unproven == [], at
            assert world.files() == files, at
            expect_safe(world, at)
            if not disk.fired:
                assert code == 0
                assert sorted(witness.deleted) == clips
                return points, deleted
            assert code in ((7, 8) if kind in ("open", "read back") else (8,)), f"{at}: exit code {code}"
            expect_the_rest_goes(world, clips, at)
            assert witness.unproven == [], at
    raise AssertionError


def revive(world: World, clips: list[int]) -> None:
    """Blink has them all again."""
    for clip in clips:
        world.blink.cloud._clips[clip].deleted = False


def expect_the_rest_goes(world: World, clips: list[int], at: str) -> None:
    """On a disk that works again: a sync, a prune and a sync, and all is deleted at Blink, and known to be."""
    assert sync_exit_code(world) == 0, at
    assert delete(world) == 0, at
    assert sync_exit_code(world) == 0, at
    assert world.blink.cloud.live_clips() == [], at
    for clip in clips:
        row = world.clip(clip)
        assert row["status"] == "archived", at
        assert row["remote_deleted_at"] is not None, at
    world.expect_complete()


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_while_clips_are_deleted(kind: str, tmp_path: Path, figure: Figure) -> None:
    """Whichever call to the disk fails, once or from then on: at the instant of each deletion at Blink, the clip's
    file and thumbnail are whole, its row and intent are committed and its day's files tell of them; exit 8, or 7
    where a file could not be read back; files and catalog are safe; and the next runs delete the rest."""
    errors = ERRNOS if LONG else [ERRNOS[KINDS.index(kind) % len(ERRNOS)]]
    step = 1 if LONG else {"open": 11, "fsync": 9, "read back": 5}.get(kind, 3)
    points = deleted = 0
    for error in errors:
        with small_world(tmp_path / f"account {error}") as world:
            swept, gone = sweep(world, tmp_path, kind, error, step=step)
            points, deleted = points + swept, deleted + gone
    assert points >= 2 * len(errors)
    figure("points swept", points)
    figure("integrity ok", points)
    figure("deleted with proof", deleted)
    figure("deleted without proof", 0)


# --- broken products, which the checks catch


def test_a_deletion_before_the_day_is_written_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that writes the day's files when all is deleted."""
    monkeypatch.setattr(module, "write_proven_day", lambda *_: None)
    with (
        small_world(tmp_path / "account") as world,
        pytest.raises(AssertionError, match=r"the day's clips\.json"),
    ):
        sweep(world, tmp_path, "commit", ERRNOS[0], step=100)


def test_a_deletion_without_reading_back_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that believes the catalog: the file that is damaged is seen by the product as it is, and only by the
    witness without its proof."""
    with small_world(tmp_path) as world:
        world.sync()
        video = world.root / world.clip(world.blink.cloud.live_clips()[0])["path"]
        video.write_bytes(video.read_bytes()[:-1])
        witness = Witness(world)
        assert delete(world) == 7
        assert witness.deleted == []
        monkeypatch.setattr(module, "prove", lambda *_: None)
        assert delete(world) == 0
        assert [what.partition(": ")[2] for what in witness.unproven] == ["its file"]
