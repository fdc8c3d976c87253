"""Killed at any instant, the next run goes on (promise 5)."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import cycle

import pytest

from ..conftest import MakeWorld
from ..world import World
from . import times
from .checks import Deletions, Held, examine, held_now
from .conftest import Figure

KILLS = times(25, 300)
DAYS = 5
LATENCY = 0.02

SYNC = ("sync",)
DELETE = ("sync", "--delete-remote", "--yes")

# What the moment of a kill is counted from: the start of the process, or the first sign of what it is doing.
AIMS = ("media_changed", "clip", "media_delete", "token", "start", "days", "media", "media_delete", "start")
LONGEST = {"start": 1.6, "token": 0.005, "days": 0.05, "media": 0.1, "media_delete": 0.08}
"""Seconds that it may come later; 0.2 for the others."""


class Killer:
    """Starts syncs, kills them, and lets the account go on meanwhile. ``held`` are the bytes of every clip
    there ever was, ``by_user`` the clips that were deleted in the app."""

    def __init__(self, world: World, *, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.held: dict[str, Held] = held_now(world)
        self.deletions = Deletions(world, self.held)
        self.by_user: set[str] = set()
        self.kills: Counter[str] = Counter()
        self.sign_ins = 0
        self.may_need_sign_in = False  # a kill since the last run that ended may have cost the refresh token

    def aim(self, at: str) -> None:
        """One sync, killed at a random moment counted from ``at``, unless it ends before that."""
        world = self.world
        world.blink.forget_requests()
        if at == "token":
            world.blink.cloud.expire_tokens()
        before = self._signs()
        process = world.start(*(DELETE if at in ("start", "media_delete") else SYNC))
        moment = self.chance.uniform(0, LONGEST.get(at, 0.2))
        if at == "start":
            moment += 0.2  # before that, Python has not got to the program
        else:
            while process.poll() is None and not self._has_come(at, before):
                time.sleep(0.001)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            self.kills[at] += 1
        out, err = process.communicate()
        self._ended(process.returncode, f"{out}{err}")

    def _signs(self) -> dict[str, object]:
        """What changes when a token was exchanged at Blink, and when a day's list of files was written."""
        sums = self.world.root.glob("*/*/*/SHA256SUMS")
        written = {path.as_posix(): path.stat().st_mtime_ns for path in sums}
        return {"token": self.world.blink.cloud.refreshes, "days": written}

    def _has_come(self, at: str, before: dict[str, object]) -> bool:
        if at in before:
            return self._signs()[at] != before[at]
        return any(request.endpoint == at for request in self.world.blink.requests)

    def _ended(self, code: int, said: str) -> None:
        """Killed, or done, or in need of a sign-in, for which only a kill in a refresh is a reason."""
        assert "Traceback" not in said, said
        if code < 0:
            self.may_need_sign_in |= any(request.endpoint == "token" for request in self.world.blink.requests)
            return
        assert code in (0, 3, 4), said  # 3: deleted in the app before it could be fetched
        if code == 4:
            assert self.may_need_sign_in, said
            self.sign_in()
        self.may_need_sign_in = False

    def sign_in(self) -> None:
        """As a person does, told by exit 4."""
        asyncio.run(self.world._sign_in())
        self.sign_ins += 1

    def live_on(self) -> None:
        """New clips come, on any day; now and then one is deleted in the app."""
        cloud = self.world.blink.cloud
        now = self.world.clock.now()
        for _ in range(self.chance.randint(1, 5)):
            clip = cloud.add_clip(
                camera_id=self.chance.choice(cloud.catalogue.cameras).id,
                created_at=now - timedelta(days=self.chance.uniform(0, DAYS)),
                updated_at=now,
                template=self.chance.randrange(8),
            )
            self.held[str(clip)] = Held(cloud.clip_bytes(clip), cloud.thumbnail_bytes(clip))
        if not self.chance.randrange(3):
            clip = self.chance.choice(cloud.live_clips())
            self.by_user.add(str(clip))
            cloud.delete_clip(clip)


def test_killed_at_random_moments_and_then_everything_is_right(make_world: MakeWorld, figure: Figure) -> None:
    """SIGKILL again and again, at moments counted from the start of the process and from each phase, while
    clips keep coming, tokens die, and what is safe here is deleted at Blink; then one clean run finds
    everything: nothing lost, nothing twice, nothing half, nothing left lying about, nothing deleted that was not
    safe at that moment. A kill in a refresh may cost a sign-in, and nothing else does."""
    world = make_world(clips=60, days=DAYS, page_limit=times(25, 200), latency=LATENCY, expires_in=5)
    killer = Killer(world, seed=7)
    for tries, at in enumerate(cycle(AIMS)):
        killer.aim(at)
        if killer.kills.total() >= KILLS and killer.kills.keys() == set(AIMS):
            break
        assert tries < 4 * KILLS, killer.kills
        killer.live_on()
    finish(killer)
    found = examine(world, killer.held, optional=killer.by_user)
    figure("kills", killer.kills.total())
    for at, count in killer.kills.items():
        figure(f"kills counted from {at}", count)
    for name in ("lost", "twice", "half", "orphaned"):
        figure(name, len(getattr(found, name)))
    figure("deleted at Blink", sum(killer.deletions.batches))
    figure("deleted at Blink and not safe here", len(killer.deletions.unsafe))
    figure("sign-ins that a kill during a refresh cost", killer.sign_ins)
    assert not found, found
    assert not killer.deletions.unsafe
    assert max(killer.deletions.batches) <= 50
    assert world.sync().fetched == 0


def finish(killer: Killer) -> None:
    """The clean run: all is fetched but what was deleted in the app before it could be, and then deleted at
    Blink. It renews its token: then what a kill left of a session file goes, too."""
    world = killer.world
    world.blink.cloud.expire_tokens()
    for clip in world.blink.cloud.clips():
        if clip.partial:
            world.blink.cloud.finish_partial(clip.id)
    summary = world.sync()
    if summary.exit_code == 4:
        assert killer.may_need_sign_in
        killer.sign_in()
        summary = world.sync()
    assert summary.exit_code == (3 if summary.account["newly_gone"] else 0), summary
    assert not summary.failures
    assert summary.account["waiting"] == 0
    done = world.run(*DELETE)
    assert done.returncode == 0, done.stderr
    assert not world.blink.cloud.live_clips()


def _lost(world: World, row: dict[str, str]) -> None:
    (world.root / row["path"]).unlink()


def _forgotten(world: World, row: dict[str, str]) -> None:
    _write(world, "DELETE FROM events WHERE clip_id = ?", row["id"])
    _write(world, "DELETE FROM clips WHERE id = ?", row["id"])


def _doubled(world: World, row: dict[str, str]) -> None:
    path = world.root / row["path"]
    shutil.copy(path, path.with_name(path.name.replace(".mp4", "~2.mp4")))


def _listed_twice(world: World, row: dict[str, str]) -> None:
    columns = ", ".join(name for name in row if name not in ("id", "origin_key", "path"))
    _write(
        world,
        f"INSERT INTO clips (origin_key, path, {columns}) "
        f"SELECT origin_key || '-2', 'again/' || path, {columns} FROM clips WHERE id = ?",
        row["id"],
    )


def _halved(world: World, row: dict[str, str]) -> None:
    path = world.root / row["path"]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _half_a_thumbnail(world: World, row: dict[str, str]) -> None:
    path = world.root / row["thumbnail_path"]
    path.write_bytes(path.read_bytes()[:-100])


def _left_over(world: World, row: dict[str, str]) -> None:
    (world.root / ".incoming" / "0123456789abcdef.part").write_bytes(b"half a clip")


def _unnamed(world: World, row: dict[str, str]) -> None:
    (world.root / row["path"]).with_name("unnamed.mp4").write_bytes(b"a clip that no row names")


def _secret_left(world: World, row: dict[str, str]) -> None:
    (world.state / ".session-1100001.json.0123456789abcdef").write_text("{")


def _sum_missing(world: World, row: dict[str, str]) -> None:
    sums = (world.root / row["path"]).with_name("SHA256SUMS")
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[1:]))


def _write(world: World, sql: str, *parameters: str) -> None:
    """Something that the program never does, in its catalog."""
    with closing(world.archive.open_catalog(write=True)) as catalog, catalog.transaction():
        catalog.db.execute(sql, parameters)


DAMAGE: tuple[tuple[str, Callable[[World, dict[str, str]], None]], ...] = (
    ("lost", _lost),
    ("lost", _forgotten),
    ("twice", _doubled),
    ("twice", _listed_twice),
    ("half", _halved),
    ("half", _half_a_thumbnail),
    ("orphaned", _left_over),
    ("orphaned", _unnamed),
    ("orphaned", _secret_left),
    ("unsound", _sum_missing),
)


@pytest.mark.parametrize(("kind", "damage"), DAMAGE, ids=lambda each: getattr(each, "__name__", each))
def test_the_checks_find_what_they_look_for(
    make_world: MakeWorld, kind: str, damage: Callable[[World, dict[str, str]], None]
) -> None:
    """A whole archive has no findings; one with a single clip spoilt has the one that fits."""
    world = make_world(clips=3, hostile=False)
    world.sync()
    world.blink.cloud.purge_clip(next(clip.id for clip in world.blink.cloud.clips() if clip.partial))
    held = held_now(world)
    assert not examine(world, held)
    damage(world, world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY id")[0])
    assert getattr(examine(world, held), kind)


def _nothing(world: World, row: dict[str, str]) -> None:
    """All is well."""


def _no_intent(world: World, row: dict[str, str]) -> None:
    _write(world, "DELETE FROM events WHERE kind = 'delete_intended' AND clip_id = ?", row["id"])


def _not_recorded(world: World, row: dict[str, str]) -> None:
    _write(world, "UPDATE clips SET sha256 = NULL, archived_at = NULL WHERE id = ?", row["id"])


def _unproven(world: World, row: dict[str, str]) -> None:
    _write(world, "UPDATE clips SET unproven = 'odd' WHERE id = ?", row["id"])


UNSAFE = (_no_intent, _not_recorded, _unproven, _lost, _halved, _half_a_thumbnail, _sum_missing)


@pytest.mark.parametrize("damage", [_nothing, *UNSAFE], ids=lambda each: each.__name__)
def test_a_deletion_that_is_not_safe_is_noticed(
    make_world: MakeWorld, damage: Callable[[World, dict[str, str]], None]
) -> None:
    """A clip whose intent, row, file, thumbnail or day is not as it has to be when Blink deletes it."""
    world = make_world(clips=3, hostile=False)
    world.sync()
    deletions = Deletions(world, held_now(world))
    (row, *_) = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY id")
    _write(world, "UPDATE clips SET delete_intended_at = archived_at WHERE id = ?", row["id"])
    _write(world, "INSERT INTO events (at, kind, clip_id) VALUES ('', 'delete_intended', ?)", row["id"])
    damage(world, row)
    world.blink.cloud.delete_clips([int(row["origin_key"])])
    assert bool(deletions.unsafe) == (damage is not _nothing)
