"""A sync on a disk that forgets: what it was told is durable, and what is to be true after a power cut."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blink_archive.archive import days
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import create_archive, open_archive
from blink_archive.archive.layout import CATALOG, CLIPS_JSON, SHA256SUMS
from blink_archive.errors import BlinkArchiveError
from blink_archive.sync import fetch, prune
from blink_archive.sync.ports import Time
from blink_archive.sync.run import Options, sync

from ..world import Silent, World, is_sound
from .forgetful import Mount
from .volatile import Disk, Image, Operation, lay_out, replayed

Fact = tuple[Any, ...]
Mutant = Callable[[pytest.MonkeyPatch], None]

_SUMS = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")
_FACTS = """
  SELECT 'event', id, kind, clip_id FROM events
  UNION ALL SELECT 'listed', origin_key, created_at, path FROM clips
  UNION ALL SELECT 'archived', origin_key, path, sha256 FROM clips WHERE sha256 IS NOT NULL
  UNION ALL SELECT 'thumbnail', origin_key, thumbnail_path, thumbnail_sha256 FROM clips
    WHERE thumbnail_sha256 IS NOT NULL
  UNION ALL SELECT 'ended', id, command, exit_code FROM runs WHERE ended_at IS NOT NULL
"""


def facts(catalog: Catalog) -> frozenset[Fact]:
    """What a catalog knows, of that which it never unlearns."""
    return frozenset(tuple(row.values()) for row in catalog.rows(_FACTS))


@dataclass(frozen=True, slots=True)
class Left:
    """What a power cut left on the disk, what had been ``committed`` by then, and which of the ``clips`` of the
    account Blink had been asked to delete."""

    image: Image
    committed: frozenset[Fact]
    deleted: frozenset[int]
    clips: frozenset[int]

    @classmethod
    def blank(cls, world: World) -> Left:
        """A new disk, and the account as it is."""
        return cls({}, frozenset(), frozenset(), frozenset(world.blink.cloud.live_clips()))


@dataclass(slots=True)
class Run:
    """One sync, and a deletion at Blink of all that may go, on a forgetful disk.

    ``began`` counts the operations before the sync. ``committed`` and ``deleted`` count those before a commit
    returned, and before Blink was asked to delete a clip. ``error`` is how it ended, None where it ended well.
    """

    start: Left
    operations: list[Operation] = field(default_factory=list)
    began: int = 0
    committed: list[tuple[int, frozenset[Fact]]] = field(default_factory=list)
    deleted: list[tuple[int, int]] = field(default_factory=list)
    error: str | None = None

    def cuts(self, *, first: int, every: int = 1) -> Iterator[tuple[int, Disk]]:
        """Points at which the power may be cut (so many operations were done), and the disk at each."""
        for cut, disk in enumerate(replayed(self.operations, Disk(self.start.image)), 1):
            if cut >= first and (cut - first) % every == 0:
                yield cut, disk

    def left(self, cut: int, disk: Disk, *, seed: int | None = None) -> Left:
        """What is left by the cut, at the worst, or by the dice."""
        committed = (found for count, found in self.committed if count <= cut)
        deleted = {clip for count, clip in self.deleted if count <= cut}
        return Left(
            disk.survivors(seed),
            self.start.committed.union(*committed),
            self.start.deleted | deleted,
            self.start.clips,
        )


def sync_on(
    world: World, path: Path, start: Left, *, cut_after: int | None = None, mutant: Mutant | None = None
) -> Run:
    """A new archive on a blank forgetful disk, or the one that a power cut left, and one sync into it by a
    ``mutant`` of the program. ``cut_after`` so many operations of the sync, all that comes after fails."""
    run = Run(start)
    restore(world, start)
    mount = Mount(path, start=start.image)
    with mount, _witnessed(world, mount, run) as patch:
        if not start.image:
            new_archive(world, path)
        run.began = mount.count()
        if mutant is not None:
            mutant(patch)
        if cut_after is not None:
            mount.cut_after(run.began + cut_after)
        try:
            world.root, world.archive = path, open_archive(path, path / CATALOG)
            asyncio.run(_sync(world, run))
        except BlinkArchiveError as error:
            run.error = str(error)
    run.operations = mount.operations
    return run


def new_archive(world: World, root: Path) -> None:
    """Make the world's archive in that folder, or complete what a power cut left of one."""
    world.root = root
    world.archive, _ = create_archive(
        root, root / CATALOG, account_id=1100001, uuid=str(uuid4()), now=world.clock.now()
    )


def restore(world: World, left: Left) -> None:
    """Let Blink have what it had when the power was cut: it keeps the bytes of what it deleted."""
    cloud = world.blink.cloud
    with cloud.lock:
        for clip in left.clips:
            cloud._clips[clip].deleted = clip in left.deleted


@contextmanager
def _witnessed(world: World, mount: Mount, run: Run) -> Iterator[pytest.MonkeyPatch]:
    """Write down in ``run`` when commits return, and when Blink is asked to delete a clip."""
    transaction, delete = Catalog.transaction, world.blink.cloud.delete_clips

    @contextmanager
    def watched(catalog: Catalog) -> Iterator[None]:
        with transaction(catalog):
            yield
        run.committed.append((mount.count(), facts(catalog)))

    def watched_delete(clips: Sequence[int]) -> None:
        run.deleted += [(mount.count(), clip) for clip in clips]
        delete(clips)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalog, "transaction", watched)
        patch.setattr(world.blink.cloud, "delete_clips", watched_delete)
        for module, batch in ((fetch, "BATCH"), (days, "_BATCH"), (prune, "BATCH")):
            patch.setattr(module, batch, 2)  # several commits of each kind, not one
        yield patch


async def _sync(world: World, run: Run) -> None:
    """As `sync --delete-remote --yes` does."""
    time = Time(now=world.clock.now, sleep=world.clock.sleep, random=lambda: world.chance)
    async with world.cloud() as cloud:
        summary = await sync(world.archive, cloud, Options(), time=time, progress=Silent())
        run.error = summary.stopped
        if summary.exit_code not in (0, 3):
            return
        wish = prune.Wish("cloud")
        catalog = world.archive.open_catalog()
        try:
            chosen = frozenset(clip.key for clip in wish.plan(catalog, now=world.clock.now()).delete)
        finally:
            catalog.close()
        pruned = await prune.prune(world.archive, cloud, wish, chosen, time=time)
        run.error = pruned.stopped


@dataclass(slots=True)
class Damage:
    """What power cuts did. ``lost``: clips that were acknowledged and are not there, whole, with their rows;
    ``undone``: clips that Blink was asked to delete, and that are not; ``problems`` tells these and all else."""

    lost: list[str] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Damage, *, at: str) -> None:
        self.lost += other.lost
        self.undone += other.undone
        self.problems += [f"{at}: {problem}" for problem in other.problems]


def look(world: World, left: Left, folder: Path, *, recover: bool = False) -> Damage:
    """Lay what a power cut left out in a folder of the real disk, and see what is wrong with it; to
    ``recover``, let the next sync work in it. The folder is gone again at the end."""
    lay_out(left.image, folder)
    damage = Damage()
    try:
        _look(world, left, folder, damage)
        if recover and not damage.problems:
            _recover(world, left, folder)
    except (BlinkArchiveError, sqlite3.Error) as error:
        damage.problems.append(f"the archive cannot be used: {error}")
        damage.lost = sorted({fact[1] for fact in left.committed if fact[0] == "archived"})
        damage.undone = sorted(left.deleted)
    except AssertionError as error:
        damage.problems.append(f"the next sync did not put it right: {error}")
    finally:
        shutil.rmtree(folder)
    return damage


def _look(world: World, left: Left, folder: Path, damage: Damage) -> None:
    catalog = open_archive(folder, folder / CATALOG).open_catalog()
    try:
        rows = catalog.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
        missing = left.committed - facts(catalog)
    finally:
        catalog.close()
    if not is_sound(folder / CATALOG):
        damage.problems.append("SQLite finds fault with the catalog")
    damage.problems += [f"committed, and not there: {fact}" for fact in sorted(missing, key=str)]
    whole = {row["origin_key"] for row in rows if _is_whole(world, folder, row, damage)}
    lost = {row["origin_key"] for row in rows} - whole
    damage.lost = sorted(lost | {fact[1] for fact in missing if fact[0] in ("archived", "thumbnail")})
    damage.undone = sorted(clip for clip in left.deleted if str(clip) not in whole)
    damage.problems += [f"deleted at Blink, and not safe here: {clip}" for clip in damage.undone]
    _check_days(folder, damage)


def _is_whole(world: World, folder: Path, row: dict[str, Any], damage: Damage) -> bool:
    """Whether both files of an archived row are there, byte for byte."""
    cloud, clip = world.blink.cloud, int(row["origin_key"])
    expected = {row["path"]: cloud.clip_bytes(clip)}
    if row["thumbnail_sha256"]:
        expected[row["thumbnail_path"]] = cloud.thumbnail_bytes(clip)
    wrong = [path for path, data in expected.items() if _content(folder / path) != data]
    damage.problems += [f"archived, and not there as it was: {path}" for path in wrong]
    return not wrong


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _check_days(folder: Path, damage: Damage) -> None:
    """The files of days that are there are whole, and name what is there."""
    for path in folder.rglob(CLIPS_JSON):
        try:
            json.loads(path.read_text())["clips"]
        except ValueError as error:
            damage.problems.append(f"{path.relative_to(folder)} is torn: {error}")
    for path in folder.rglob(SHA256SUMS):
        text = path.read_text()
        lines = _SUMS.findall(text)
        if not lines or _SUMS.sub("", text):
            damage.problems.append(f"{path.relative_to(folder)} is torn")
        for _, name in lines:
            if not (path.parent / name).is_file():
                damage.problems.append(f"{path.relative_to(folder)} names what is not there: {name}")


def _recover(world: World, left: Left, folder: Path) -> None:
    """The next sync."""
    restore(world, left)
    world.root, world.archive = folder, open_archive(folder, folder / CATALOG)
    summary = world.sync()
    assert summary.exit_code == 0, summary
    world.expect_complete()
