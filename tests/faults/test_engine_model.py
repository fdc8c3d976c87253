"""The sync engine against a model: a cloud that changes, lies and fails between, and during, runs of all kinds."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from blink_archive.archive import deletion, feed, queue
from blink_archive.archive.catalog import Watermark
from blink_archive.archive.filters import Filter, where
from blink_archive.archive.folder import create_archive
from blink_archive.archive.verify import record_verified, verify
from blink_archive.errors import BlinkError
from blink_archive.model import MediaPage
from blink_archive.sync import discover, run
from blink_archive.sync.forecast import forecast
from blink_archive.sync.ports import Time
from blink_archive.sync.prune import Pruned, Wish, prune
from blink_archive.sync.run import Options, Summary, sync

from ..archive.helpers import ACCOUNT
from ..world import Silent
from . import LONG, promises, times
from .conftest import Figure
from .memory_cloud import MEDIA_FAULTS, PAGE_FAULTS, Clip, Clock, MemoryCloud

COUNTED: Counter[str] = Counter()
PLACES = count()

KINDS = ("whole",) * 6 + ("half", "unserved", "no thumbnail", "no id", "no date", "no zone")
AGES = [
    timedelta(0),
    timedelta(minutes=1),
    timedelta(hours=5),
    timedelta(days=3),
    timedelta(days=20),
    timedelta(days=29),
]
SPANS = [timedelta(seconds=20), timedelta(minutes=5), timedelta(minutes=40), timedelta(hours=3), timedelta(days=1), timedelta(days=9)]  # fmt: skip
NAMES = ["Front door", "Garage", "../../etc", "CON", "", "Tür \u202e\ud800 \N{SLEEPING SYMBOL}", "x" * 300]
CHANGES = ("watch",) * 4 + ("delete", "purge", "complete", "rename", "ghost", "expire")
NUMBERS = st.integers(0, 1000)
Lie = tuple[str, int, int]
WHAT = ("empty", "empty", "fail", "add", "watch", "delete", "purge", "no date", "no home")
LIES: st.SearchStrategy[list[Lie]] = st.lists(
    st.tuples(st.sampled_from(WHAT), st.integers(1, 3), NUMBERS), max_size=2
)
FAILURES = sorted(PAGE_FAULTS)


class Engine(RuleBasedStateMachine):
    """One account and its archive. Rules are what happens at Blink, what goes wrong, and the runs."""

    base: Path

    @initialize(
        limit=st.integers(3, 5),
        newest_first=st.booleans(),
        skew=st.sampled_from([timedelta(0), timedelta(hours=-2), timedelta(hours=2)]),
        marks=st.booleans(),
    )
    def begin(self, limit: int, newest_first: bool, skew: timedelta, marks: bool) -> None:
        COUNTED["examples"] += 1
        self.clock = Clock()
        self.cloud = MemoryCloud(self.clock, limit=limit, newest_first=newest_first, skew=skew, marks=marks)
        self.root = self.base / str(next(PLACES))
        self.archive, _ = create_archive(
            self.root, self.root / "catalog.db", account_id=ACCOUNT, uuid=str(uuid4()), now=self.clock.now()
        )
        self.time = Time(now=self.clock.now, sleep=self.clock.sleep, random=lambda: 0.5)
        self.names = False
        self.sound = True

    # at Blink

    @rule(camera=st.sampled_from([41, 42]), age=st.sampled_from(AGES), kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=6))  # fmt: skip
    def record(self, camera: int, age: timedelta, kinds: list[str]) -> None:
        self._step()
        for kind in kinds:
            self.cloud.add(camera=camera, age=age, kind=kind)

    @rule(what=st.sampled_from(CHANGES), number=NUMBERS, name=st.sampled_from(NAMES))
    def change(self, what: str, number: int, name: str) -> None:
        """Something changes there, to one of the clips that it can happen to."""
        self._step()
        cloud = self.cloud
        match what:
            case "expire":
                cloud.expire()
            case "rename":
                cloud.cameras[41 + number % 2] = name
            case "ghost" if len(cloud.ghosts) < 2:
                cloud.ghosts.append(cloud.now())
            case "complete":
                for clip in cloud.alive():
                    if clip.partial:
                        cloud.change(clip, partial=False)
            case _:
                self._change_clip(what, number)

    @rule(span=st.sampled_from(SPANS))
    def wait(self, span: timedelta) -> None:
        self._step()
        self.clock.at += span

    @rule(
        number=NUMBERS, thumbnail=st.booleans(), kind=st.sampled_from(MEDIA_FAULTS), often=st.integers(1, 5)
    )
    def break_media(self, number: int, thumbnail: bool, kind: str, often: int) -> None:
        """A clip, or its picture, goes wrong so often from now on."""
        self._step()
        if clip := self._pick(number, lambda _: True):
            self.cloud.media_faults[clip.key, thumbnail] = [kind] * often

    # runs

    @rule(full=st.booleans(), workers=st.sampled_from([1, 3]), lies=LIES)
    def sync(self, full: bool, workers: int, lies: list[Lie]) -> None:
        self._step()
        self._tell(lies)
        self._sync(Options(full=full, workers=workers))

    @rule(
        limit=st.none() | st.integers(0, 3),
        camera=st.sampled_from([None, "41", "42"]),
        back=st.sampled_from([None, *SPANS]),
    )
    def sync_some(self, limit: int | None, camera: str | None, back: timedelta | None) -> None:
        self._step()
        cameras = (camera,) if camera and self.names else ()
        wanted = Filter(cameras=cameras, since=self.clock.now() - back if back else None)
        self._sync(Options(limit=limit, wanted=wanted))

    @rule(
        camera=st.sampled_from([None, "41", "42"]),
        keep=st.sampled_from([timedelta(0), timedelta(0), timedelta(hours=2)]),
        answer=st.sampled_from(["clear", "clear", "unclear", "not done"]),
        damage=st.booleans(),
        number=NUMBERS,
    )
    def delete_remote(
        self, camera: str | None, keep: timedelta, answer: str, damage: bool, number: int
    ) -> None:
        """Delete at Blink, but for one clip that the user does not choose; now and then with a damaged file."""
        self._step()
        before = promises.look(self.archive)
        wish = Wish("cloud", Filter(cameras=(camera,) if camera and self.names else ()), keep)
        with closing(self.archive.open_catalog()) as catalog:
            planned = list(wish.plan(catalog, now=self.clock.now()).delete)
        if len(planned) > 2:
            del planned[number % len(planned)]
        chosen = {clip.key for clip in planned}
        damaged = self.root / before.rows[planned[0].key]["path"] if damage and planned else None
        self.sound = False
        with promises.damaged(damaged):
            watch = partial(promises.check_deletion, self.archive, self.cloud, wish, chosen)
            pruned = self._prune(wish, frozenset(clip.id for clip in planned), watch, answer)
        assert not (damaged and pruned.exit_code != 7), "a damaged file was not told"
        if damaged is None:
            asked = chosen if answer == "clear" else set()
            assert {key for key, _ in pruned.deleted} == asked
            assert set(pruned.unclear) == chosen - asked
        after = promises.look(self.archive)
        promises.check_archive(self.archive, self.cloud, after)
        for key, row in before.rows.items():
            promises.check_kept(self.cloud.clips[key], row, after.rows[key])
        self.sound = True

    @rule(full=st.booleans(), lies=LIES)
    def dry_run(self, full: bool, lies: list[Lie]) -> None:
        """It writes nothing, and knows what is new."""
        self._step()
        self._tell(lies)
        before, bytes_before = promises.look(self.archive), self.archive.catalog_path.read_bytes()
        self.cloud.begin(recording=False)
        with closing(self.archive.open_catalog()) as real, closing(real.copy()) as copy:
            work = forecast(copy, self.cloud, Options(full=full), time=self.time, progress=Silent())  # type: ignore[arg-type]
            try:
                told = asyncio.run(work)
            except BlinkError:
                assert self.cloud.walk.trouble
            else:
                assert told.new == len(self.cloud.walk.keys - before.rows.keys())
        self.cloud.end()
        assert self.archive.catalog_path.read_bytes() == bytes_before, "a dry run wrote to the catalog"

    @rule()
    def verify(self) -> None:
        self._step()
        with closing(self.archive.open_catalog(write=True)) as catalog:
            report = verify(catalog, self.root, running=lambda: False, progress=lambda _: None, workers=1)
            assert not report.findings, report.findings
            record_verified(catalog, report, began=self.clock.now())

    def teardown(self) -> None:
        """Outages end, time passes, two full walks: then all that Blink has is here."""
        if not hasattr(self, "root"):
            return
        if self.sound:
            self.cloud.trouble, self.cloud.media_faults = type(self.cloud.trouble)(), {}
            for clip in self.cloud.alive():
                if clip.partial:
                    self.cloud.change(clip, partial=False)
            for _ in range(2):
                self.clock.pass_by(hours=1)
                self._sync(Options(full=True))
            COUNTED["clips at the end"] += promises.check_end(self.cloud, promises.look(self.archive))
            self.verify()
        shutil.rmtree(self.root)

    # how

    def _step(self) -> None:
        COUNTED["steps"] += 1
        self.clock.pass_by(seconds=1)

    def _pick(self, number: int, fits: Callable[[Clip], bool]) -> Clip | None:
        clips = [clip for clip in self.cloud.alive() if fits(clip)]
        return clips[number % len(clips)] if clips else None

    def _tell(self, lies: list[Lie]) -> None:
        """What goes wrong with the listing of the next run: it shifts between two pages, one is empty, one
        fails, or what comes with them is missing."""
        trouble = self.cloud.trouble
        for what, page, number in lies:
            match what:
                case "empty":
                    trouble.empty[page] = 1 + number % 2
                case "no date":
                    trouble.no_date = True
                case "no home":
                    trouble.no_home = FAILURES[number % len(FAILURES)]
                case "fail":
                    trouble.fails[page] = FAILURES[number % len(FAILURES)]
                case _:
                    trouble.after[page] = partial(self._shift, what, number)

    def _change_clip(self, what: str, number: int) -> None:
        if clip := self._pick(number, lambda clip: what == "purge" or not clip.fixed):
            match what:
                case "watch":
                    self.cloud.change(clip, watched=not clip.entry["watched"])
                case "delete":
                    self.cloud.delete(clip, paths=bool(number % 3))
                case "purge":
                    clip.place = "purged"

    def _shift(self, what: str, number: int) -> None:
        if what == "add":
            self.cloud.add(camera=41, age=timedelta(0), kind="whole")
            return
        # What moves to the front hides none that follow: they only come twice.
        self.cloud.walk.hid |= what == "purge" or not self.cloud.newest_first
        self._change_clip(what, number)

    def _prune(
        self,
        wish: Wish,
        chosen: frozenset[int],
        watch: Callable[[Sequence[int], datetime], None],
        answer: str,
    ) -> Pruned:
        def on_delete(ids: Sequence[int]) -> str:
            watch(ids, self.clock.now())
            COUNTED["deleted at Blink"] += len(ids)
            return answer

        self.cloud.on_delete = on_delete
        pruned = asyncio.run(prune(self.archive, self.cloud, wish, chosen, time=self.time))  # type: ignore[arg-type]
        self.cloud.on_delete = None
        return pruned

    def _sync(self, options: Options) -> Summary:
        COUNTED["syncs"] += 1
        cloud, self.sound = self.cloud, False
        before = promises.look(self.archive)
        cloud.begin()
        summary = asyncio.run(
            sync(self.archive, cloud, options, time=self.time, progress=Silent())  # type: ignore[arg-type]
        )
        self.names |= cloud.trouble.no_home is None
        cloud.end()
        after = promises.look(self.archive)
        promises.check_run(cloud, before, after, summary)
        promises.check_archive(self.archive, cloud, after)
        promises.check_watermark(cloud, before, after)
        promises.check_wanted(cloud, options, before, after)
        if not (cloud.walk.trouble or cloud.walk.hid):
            promises.check_clean_walk(cloud, before)
            if options.limit is None and options.wanted == Filter():
                promises.check_clean_fetch(cloud, after)
        self.sound = True
        return summary


QUIET: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the machines' archives are: in memory where the system has that, since each run commits often."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        monkeypatch.setattr(Engine, "base", Path(folder), raising=False)
        COUNTED.clear()
        yield


@pytest.mark.usefixtures("place")
def test_the_engine_keeps_its_promises_whatever_happens(figure: Figure) -> None:
    """Whatever order clips, lies, outages and runs come in: no promise is broken after any run, and at the end
    no clip is missing."""
    number = random.randrange(1 << 32)
    print(f"seed of the long form: {number}")
    run_state_machine_as_test(
        seed(number)(Engine) if LONG else Engine,
        settings=settings(
            max_examples=times(24, 1000), stateful_step_count=times(40, 60), derandomize=not LONG, **QUIET
        ),
    )
    for name, value in COUNTED.items():
        figure(name, value)
    figure("broken promises", 0)
    figure("clips missing at the end", 0)


def to_a_short_page(patch: pytest.MonkeyPatch) -> None:
    """The walk ends at a page that is not full."""

    async def pages(blink: Any, *, since: datetime, time: Time) -> AsyncIterator[MediaPage]:
        for number in count(1):
            page = await blink.media_changed(since=since, page=number)
            yield page
            if len(page.items) < page.limit:
                return

    patch.setattr(discover, "_pages", pages)


def a_failed_walk_counts(patch: pytest.MonkeyPatch) -> None:
    """The watermark moves after a walk that broke off."""
    walk_all = discover.discover

    async def walk(catalog: Any, blink: Any, walk: Any, **others: Any) -> None:
        await walk_all(catalog, blink, walk, **others)
        if walk.error and blink.walk.date and walk.listed:
            catalog.set_watermark(Watermark(blink.walk.date, None))

    patch.setattr(run, "discover", walk)


def by_the_local_clock(patch: pytest.MonkeyPatch) -> None:
    """The watermark is this machine's time at the end of the walk."""
    believed = discover._believed
    patch.setattr(discover, "_believed", lambda walk, _, **others: believed(walk, others["now"], **others))


def no_overlap(patch: pytest.MonkeyPatch) -> None:
    """The next walk begins at the watermark itself."""
    patch.setattr(discover, "OVERLAP", timedelta(0))


def empty_is_believed(patch: pytest.MonkeyPatch) -> None:
    """An empty first page moves the watermark."""
    believed = discover._believed

    def believe(walk: Any, server_time: Any, *, watermark: Watermark, **others: Any) -> Watermark | None:
        if walk.listed == 0 and server_time and watermark.since:
            return Watermark(server_time, watermark.full_walk_at)
        return believed(walk, server_time, watermark=watermark, **others)

    patch.setattr(discover, "_believed", believe)


def listed_again_is_new(patch: pytest.MonkeyPatch) -> None:
    """An archived clip that is listed again loses its hash."""

    def touch(catalog: Any, row: Any, item: Any, *, now: datetime) -> None:
        feed._renew(catalog, row, item, now=now)
        feed.update_row(catalog, row, {"sha256": None, "archived_at": None})

    patch.setattr(feed, "_touch", touch)


def filters_stay(patch: pytest.MonkeyPatch) -> None:
    """What a run's filters leave out is excluded for good."""
    waiting = queue.waiting

    def exclude(catalog: Any, wanted: Filter, *, now: datetime, **others: Any) -> Any:
        condition, parameters = where(catalog, wanted)
        with catalog.transaction():
            catalog.db.execute(f"UPDATE clips SET excluded_at = '{now}' WHERE NOT ({condition})", parameters)
        return waiting(catalog, wanted, now=now, **others)

    patch.setattr(queue, "waiting", exclude)


def a_404_is_a_loss(patch: pytest.MonkeyPatch) -> None:
    """A clip that Blink does not give is gone at once."""
    losses = feed.record_losses
    patch.setattr(
        feed, "record_losses", lambda catalog, **others: losses(catalog, **others | {"full_walk": True})
    )


def halves_are_whole(patch: pytest.MonkeyPatch) -> None:
    """What could not be proven whole is kept without a word."""
    archived = queue._archived

    def keep(*args: Any, **others: Any) -> dict[str, Any]:
        return archived(*args, **others) | {"unproven": None}

    patch.setattr(queue, "_archived", keep)


def tombstones_take_away(patch: pytest.MonkeyPatch) -> None:
    """A tombstone of an archived clip makes its row a deleted one."""
    bury = feed._bury

    def forget(catalog: Any, row: Any, item: Any, *, now: datetime) -> None:
        feed.update_row(catalog, row, {"sha256": None, "archived_at": None})
        bury(catalog, row, item, now=now)

    patch.setattr(feed, "_bury", forget)


def files_are_trusted(patch: pytest.MonkeyPatch) -> None:
    """What is about to be deleted at Blink is not read back."""
    patch.setattr("blink_archive.sync.prune.prove", lambda store, row: None)


def the_unproven_may_go(patch: pytest.MonkeyPatch) -> None:
    """What is archived may be deleted at Blink, proven whole or not."""
    plan = deletion.plan

    def lax(*args: Any, **others: Any) -> deletion.Plan:
        found = plan(*args, **others)
        more = [clip for clip in found.kept if clip.reason.startswith("unproven")]
        return deletion.Plan((*found.delete, *more), ())

    patch.setattr(deletion, "plan", lax)
    patch.setattr("blink_archive.archive.proof._walk_clip", lambda file: None)


def the_intent_is_not_written(patch: pytest.MonkeyPatch) -> None:
    """Blink is asked to delete what no row and no day says is about to be deleted."""
    patch.setattr(deletion, "record_intent", lambda *_, **__: None)


MUTANTS = [
    to_a_short_page, a_failed_walk_counts, by_the_local_clock, no_overlap, empty_is_believed, listed_again_is_new,
    filters_stay, a_404_is_a_loss, halves_are_whole, tombstones_take_away, files_are_trusted, the_unproven_may_go, the_intent_is_not_written,
]  # fmt: skip


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_model_finds_an_engine_that_is_broken(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    """Each of these faults, put into the engine, breaks a promise that the machine sees."""
    mutant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(
            Engine,
            settings=settings(
                max_examples=200, stateful_step_count=40, derandomize=True, phases=[Phase.generate],
                report_multiple_bugs=False, **QUIET,
            ),
        )  # fmt: skip
    figure(f"steps until {mutant.__name__} is found", COUNTED["steps"])
    print(found.value)
