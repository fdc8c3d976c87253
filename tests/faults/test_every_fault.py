"""Every kind of fault on every endpoint that a sync uses: no wrong file is ever accepted, and one clean run
afterwards has everything (promises 1 and 2)."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive.archive.container import Mp4
from blink_archive.client import Blink
from blink_archive.simulator import Fault
from blink_archive.simulator.faults import CHOICES, OPTIONS
from blink_archive.simulator.routes import ENDPOINTS
from blink_archive.sync import receive
from blink_archive.sync.ports import Time
from blink_archive.sync.prune import Pruned, Wish, prune

from ..world import World
from . import times
from .checks import Deletions, examine, held_now, wrong_files
from .conftest import Figure

KINDS = CHOICES["kind"]
EXIT_CODES = {0, 1, 3, 4, 5}  # those of a run that nobody interrupts, with its disk in order
TIMEOUT = 0.3  # seconds that the client waits for an answer while there are faults
MODULES = (3100001, 3100002)  # the Sync Modules 2 of the simulated account
DELETIONS = {"media_delete", "video_delete", "local_storage_delete"}  # asked only by a run that is to delete
KNOWN = {
    "homescreen", "media_changed", "clip", "thumbnail", "cdn_clip", "cdn_thumbnail", "media", "token", "command",
    "local_storage_manifest_request", "local_storage_manifest", "local_storage_clip_request", "local_storage_clip",
    "media_delete", "local_storage_delete",
}  # fmt: skip
CDN = {"clip": "/cdn/clip/{id}.mp4", "thumbnail": "/cdn/thumb/{id}.jpg"}

# What options can be, where they are no choice of a few: values at the ends, and those that the client tells apart.
VALUES: dict[str, tuple[Any, ...]] = {
    "status": (400, 401, 403, 404, 406, 409, 410, 426, 429, 500, 503),
    "body": (
        [],
        {},
        "busy",
        None,
        {"code": 700},
        {"code": 711},
        {"media": []},
        {"message": "?", "code": 101},
    ),
    "retry_after": (0, 2, 1000),
    "part": (0, 0.5, 0.99),
    "location": ("{path}", "http://203.0.113.9{path}", "/elsewhere"),
    "seconds": (0.05, 5),  # before the client gives up, and after
}
STATUSES = {"html": (200, 503), "redirect": (302, 307), "json": (200,), "update_required": (426, 200)}


def variants(kind: str) -> list[Fault]:
    """The faults of a kind: one for each value of each of its options, the others as they are by default."""
    needed = {"location": VALUES["location"][0]} if kind == "redirect" else {}
    needed |= {"seconds": VALUES["seconds"][0]} if kind == "stall" else {}  # else it lasts for an hour
    endpoint = "media_changed" if kind == "empty_list" else "*"
    plain = Fault(kind=kind, endpoint=endpoint, **needed)
    found = [plain]
    for option in sorted(OPTIONS[kind]):
        values = (
            STATUSES.get(kind, VALUES["status"])
            if option == "status"
            else CHOICES.get(option, VALUES.get(option))
        )
        assert values, f"give {option} some values here"
        more = {"retry_after": 2} if option == "retry_after_form" else {}
        for value in values:
            more |= {"status": 429} if option == "retry_after" and kind == "status" else {}
            fault = replace(plain, **{option: value}, **more)
            if fault not in found:
                found.append(fault)
    return found


class Impatient(World):
    """A world whose client does not wait half a minute for bytes that do not come, as long as faults are on."""

    patient = False

    def cloud(self) -> Blink:
        blink = super().cloud()
        if not self.patient:
            blink._client.timeout = httpx.Timeout(TIMEOUT, pool=None)
        return blink

    def prune(self, origin: str) -> Pruned:
        """Delete at Blink, or on the sticks, all that can go."""
        catalog = self.archive.open_catalog()
        plan = Wish(origin).plan(catalog, now=self.clock.now())
        catalog.close()
        return asyncio.run(self._prune(Wish(origin), frozenset(clip.key for clip in plan.delete)))

    async def _prune(self, wish: Wish, chosen: frozenset[str]) -> Pruned:
        time = Time(now=self.clock.now, sleep=self.clock.sleep, random=lambda: self.chance)
        async with self.cloud() as cloud:
            return await prune(self.archive, cloud, wish, chosen, time=time)


@dataclass(slots=True)
class Ran:
    """What came of some ``worlds``, and of those that ``met`` their faults: runs with faults, clips deleted at
    Blink or on sticks, wrong files accepted and clips missing at the end, with the faults that did it, and
    sign-ins that it took because the answer to a renewal was spoilt."""

    worlds: int = 0
    met: int = 0
    runs: int = 0
    deleted: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    sign_ins: int = 0


class Account:
    """What a world's cloud and sticks held before anything went wrong, and hold still."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.held = held_now(world)
        self.deletions = Deletions(world, self.held)
        self._deleted = self._tombstones()
        self._sticks = self._on_sticks()

    def _tombstones(self) -> set[int]:
        return {clip.id for clip in self._world.blink.cloud.clips() if clip.deleted}

    def _on_sticks(self) -> dict[int, str]:
        usb = self._world.blink.cloud.usb
        clips = [clip.id for module in MODULES for clip in usb.clips(module)]
        return {clip: hashlib.sha256(usb.clip_bytes(clip)).hexdigest() for clip in clips}

    def add_clip(self) -> None:
        """One more is recorded."""
        clip = self._world.blink.cloud.add_clip()
        self.held |= {key: held for key, held in held_now(self._world).items() if key == str(clip)}

    def expect_nothing_deleted(self) -> None:
        """Neither at Blink nor on the sticks, nor was it asked for."""
        assert self._tombstones() == self._deleted
        assert self._on_sticks() == self._sticks
        assert not {each.endpoint for each in self._world.blink.requests} & DELETIONS

    def wrong_files(self) -> list[str]:
        """The files here that are neither what Blink has nor marked as unproven."""
        right = set(self._sticks.values())
        rows = self._world.rows("SELECT * FROM clips WHERE origin = 'usb' AND sha256 IS NOT NULL")
        wrong = [row["path"] for row in rows if row["sha256"] not in right and not row["unproven"]]
        return wrong + wrong_files(self._world, self.held)

    def missing(self) -> list[str]:
        """The clips and thumbnails that are not here, after a clean run, but for thumbnails that Blink said
        it did not have; all else about the archive has to be in order."""
        found = examine(self._world, self.held)
        refused = self._world.rows("SELECT origin_key FROM clips WHERE thumbnail_missing_at IS NOT NULL")
        lost = set(found.lost) - {f"thumbnail {row['origin_key']}" for row in refused}
        found.lost = []
        assert not found, found
        of_sticks = self._world.rows("SELECT clip, status FROM clips_view WHERE origin = 'usb'")
        assert len(of_sticks) == len(self._sticks)
        return [*lost, *(row["clip"] for row in of_sticks if row["status"] not in ("archived", "covered"))]


def go_through(
    tmp_path: Path, faults: Sequence[Fault], *, ran: Ran, runs: int = 1, deletes: bool = False
) -> None:
    """Runs with these faults, in an account whose token has just died, and then a clean one; with ``deletes``,
    each deletes at Blink and on the sticks what it can, however its sync ended."""
    path = tmp_path / "world"
    ran.worlds += 1
    try:
        with Impatient(path, clips=5, days=3, page_limit=4, usb_clips=2) as world:
            account = Account(world)
            for fault in faults:
                world.blink.faults.add(fault)
            move_to_cdn(world)
            for _ in range(runs):
                world.blink.cloud.expire_tokens()
                _run(world, deletes=deletes)
                ran.wrong += [f"{file} with {faults}" for file in account.wrong_files()]
                ran.runs += 1
                account.add_clip()
            ran.met += any(world.blink.faults.fired(fault) for fault in faults)
            ran.sign_ins += _clean_run(world, deletes=deletes)
            ran.wrong += [f"{file} with {faults}" for file in account.wrong_files()]
            ran.missing += [f"{clip} with {faults}" for clip in account.missing()]
            ran.deleted += sum(account.deletions.batches)
            assert not account.deletions.unsafe
            if not deletes:
                account.expect_nothing_deleted()
    except Exception as error:
        error.add_note(f"with {faults}")
        raise
    shutil.rmtree(path)


def _run(world: Impatient, *, deletes: bool) -> None:
    """One run with faults."""
    summary = world.sync()
    assert summary.exit_code in EXIT_CODES, summary
    for origin in ("cloud", "usb") if deletes else ():
        pruned = world.prune(origin)
        assert pruned.exit_code in EXIT_CODES, pruned
    assert not list((world.root / ".incoming").iterdir())


def _clean_run(world: Impatient, *, deletes: bool) -> int:
    """All is well again, eight days later: a full walk is due, and a module is free, whatever it was told.
    Returns how many sign-ins it took."""
    world.blink.faults.clear()
    world.patient = True
    world.clock.pass_by(days=8)
    summary, sign_ins = world.sync(), 0
    if summary.exit_code == 4:  # the answer to a renewal was spoilt: Blink has the new token, and nobody else
        asyncio.run(world._sign_in())
        summary, sign_ins = world.sync(), 1
    assert summary.exit_code == 0, summary
    for origin in ("cloud", "usb") if deletes else ():
        pruned = world.prune(origin)
        assert pruned.exit_code == 0, pruned
    return sign_ins


def move_to_cdn(world: World) -> None:
    """Half of all clips and thumbnails are at a content network."""
    for endpoint, location in CDN.items():
        world.blink.faults.add(Fault(kind="redirect", endpoint=endpoint, location=location, probability=0.5))


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The endpoints that a sync asks, with the renewal of its token and with deletions: those of the
    simulator's table that a run without faults was seen to use."""
    with Impatient(tmp_path_factory.mktemp("clean"), clips=5, days=3, page_limit=4, usb_clips=2) as world:
        world.patient = True
        move_to_cdn(world)
        world.blink.cloud.expire_tokens()
        world.blink.forget_requests()
        _run(world, deletes=True)
        asked = {request.endpoint for request in world.blink.requests}
    assert asked >= KNOWN
    return sorted(asked & ENDPOINTS)


def cases(used: Sequence[str]) -> list[Fault]:
    """Each variant of each kind on each endpoint, for ever and once."""
    return [
        replace(fault, endpoint=endpoint, times=often)
        for kind in KINDS
        for fault in variants(kind)
        for endpoint in ([fault.endpoint] if kind == "empty_list" else [*used, "*"])
        for often in (None, 1)
    ]


def selected(faults: Sequence[Fault], *, count: int, seed: int) -> list[Fault]:
    """Some of ``faults``: those that show a kind or an endpoint not seen so far, and then any."""
    chance = random.Random(seed)
    shuffled = chance.sample(faults, len(faults))
    seen: set[str] = set()
    first, others = [], []
    for fault in shuffled:
        new = {fault.kind, fault.endpoint} - seen
        (first if new else others).append(fault)
        seen |= new
    return first + others[: max(0, count - len(first))]


def test_each_fault_alone(tmp_path: Path, used: list[str], figure: Figure) -> None:
    """Each kind, with each of its options, on each endpoint: a run never raises, its sum adds up, it accepts no
    wrong file and deletes nothing at Blink; afterwards a clean run has everything."""
    everything = cases(used)
    chosen = selected(everything, count=times(48, len(everything)), seed=5)
    assert {fault.kind for fault in chosen} == {*KINDS}
    assert {fault.endpoint for fault in chosen} == {*used, "*"}
    ran = Ran()
    for fault in chosen:
        go_through(tmp_path, [fault], ran=ran, deletes=fault.endpoint in DELETIONS)
    report(figure, ran, used)


def test_faults_mixed(tmp_path: Path, used: list[str], figure: Figure) -> None:
    """Several at once, each with some probability, in one run after the other: the same claims."""
    everything = cases(used)
    chance = random.Random(11)
    ran = Ran()
    for number in range(times(8, 300)):
        faults = [
            replace(fault, after=chance.randrange(3), probability=chance.choice((0.05, 0.2, 0.5)))
            for fault in chance.sample(everything, chance.randint(3, 8))
        ]
        go_through(tmp_path, faults, ran=ran, runs=3, deletes=number % 2 == 1)
    report(figure, ran, used)


def report(figure: Figure, ran: Ran, used: Sequence[str]) -> None:
    figure("fault kinds", len(KINDS))
    figure("endpoints", len(used))
    figure("archives", ran.worlds)
    figure("archives that met a fault", ran.met)
    figure("runs with faults", ran.runs)
    figure("clips deleted at Blink or on a stick, all of them safe here", ran.deleted)
    figure("wrong files accepted", len(ran.wrong))
    figure("clips missing at the end", len(ran.missing))
    figure("sign-ins after a renewal whose answer was spoilt", ran.sign_ins)
    assert not ran.wrong, ran.wrong
    assert not ran.missing, ran.missing


def test_a_product_that_does_not_look_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no MP4 is walked, noise in place of a clip gets its final name, and these tests say so."""
    monkeypatch.setattr(receive, "walk_mp4", lambda _: Mp4(duration=None, flaw=None))
    with Impatient(tmp_path, clips=2) as world:
        account = Account(world)
        world.blink.faults.add(Fault(kind="corrupt", endpoint="clip", damage="noise"))
        world.sync()
        assert len(account.wrong_files()) == 2
