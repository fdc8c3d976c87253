"""The machine of test_engine_model.py: an account, its archive, and all that happens to them."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.decisions import Decision, decide
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import create_archive
from blink_archive.archive.rebuild import rebuild
from blink_archive.archive.retention import Retention, local_clips, plan_retention, record_removal
from blink_archive.archive.verify import Dates, verify
from blink_archive.errors import BlinkError
from blink_archive.sync.forecast import forecast
from blink_archive.sync.ports import Time
from blink_archive.sync.prune import Pruned, Wish, prune
from blink_archive.sync.run import Options, Summary, sync

from ..archive.helpers import ACCOUNT
from ..world import Silent
from . import promises
from .memory_cloud import MEDIA_FAULTS, PAGE_FAULTS, Clip, Clock, MemoryCloud

COUNTED: Counter[str] = Counter()
PLACES = count()

KINDS = ("whole",) * 5 + ("half", "half", "unserved", "no thumbnail", "no id", "no date", "no zone")
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
CHANGES = ["watch", "watch", "watch", "break", "break", "break", "break picture", "delete", "purge", "complete", "rename", "ghost", "expire"]  # fmt: skip
NUMBERS = st.integers(0, 1000)
Lie = tuple[str, int, int]
WHAT = ("empty", "empty", "empty", "fail", "fail", "add", "watch", "delete", "purge", "no date", "no home")
LIES: st.SearchStrategy[list[Lie]] = st.lists(
    st.tuples(st.sampled_from(WHAT), st.sampled_from([1, 2, 2, 3]), NUMBERS), max_size=3
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
        kinds=st.lists(st.sampled_from(KINDS), min_size=3, max_size=9),
    )
    def begin(self, limit: int, newest_first: bool, skew: timedelta, marks: bool, kinds: list[str]) -> None:
        COUNTED["examples"] += 1
        self.clock = Clock()
        self.cloud = MemoryCloud(self.clock, limit=limit, newest_first=newest_first, skew=skew, marks=marks)
        for number, kind in enumerate(kinds):
            self.cloud.add(camera=41 + number % 2, age=AGES[number % 4], kind=kind)
            self.clock.pass_by(minutes=1)
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
            case "break" | "break picture":
                if picked := self._pick(number, lambda clip: what == "break picture" or not clip.given):
                    faults = [MEDIA_FAULTS[number // 4 % len(MEDIA_FAULTS)]] * (1 + number % 4)
                    cloud.media_faults[picked.key, what == "break picture"] = faults
            case _:
                self._change_clip(what, number)

    @rule(span=st.sampled_from(SPANS))
    def wait(self, span: timedelta) -> None:
        self._step()
        self.clock.at += span

    # runs

    @rule(
        lies=LIES,
        full=st.sampled_from([False, False, True]),
        workers=st.sampled_from([1, 3]),
        again=st.booleans(),
    )
    def sync(self, lies: list[Lie], full: bool, workers: int, again: bool) -> None:
        """A sync that Blink may lie to, and another one, to which it does not."""
        self._step()
        self._tell(lies)
        self._sync(Options(full=full, workers=workers, reserve=0))
        if again:
            self._step()
            self._sync(Options(workers=workers, reserve=0))

    @rule(
        limit=st.none() | st.integers(0, 3),
        camera=st.sampled_from([None, "41", "42"]),
        back=st.sampled_from([None, *SPANS]),
    )
    def sync_some(self, limit: int | None, camera: str | None, back: timedelta | None) -> None:
        self._step()
        cameras = (camera,) if camera and self.names else ()
        wanted = Filter(cameras=cameras, since=self.clock.now() - back if back else None)
        self._sync(Options(limit=limit, wanted=wanted, reserve=0))

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
            pruned = self._prune(wish, frozenset(clip.key for clip in planned), watch, answer)
        assert not (damaged and pruned.exit_code != 7), "a damaged file was not told"
        if damaged is None:
            asked = chosen if answer == "clear" else set()
            assert {key for key, _ in pruned.deleted} == asked
            assert set(pruned.unclear) == chosen - asked
        self._check_unchanged(before)

    @rule(what=st.sampled_from(["excluded", "included", "starred", "unstarred"]), number=NUMBERS)
    def decide(self, what: Decision, number: int) -> None:
        """The user decides of a clip that was listed, archived or not."""
        self._step()
        before = promises.look(self.archive)
        keys = sorted(before.rows)
        if what == "excluded":
            keys = [key for key in keys if not before.rows[key]["sha256"]]
        if not keys:
            return
        clip = self.cloud.clips[keys[number % len(keys)]]
        with closing(self.archive.open_catalog(write=True)) as catalog:
            decide(catalog, self.archive.store, [clip.key], what, now=self.clock.now())
        match what:
            case "excluded" | "included":
                clip.excluded = what == "excluded"
                clip.was_excluded |= clip.excluded
            case _:
                clip.starred = what == "starred"
        self._check_unchanged(before)

    @rule(
        keep=st.sampled_from([None, *AGES]),
        most=st.sampled_from([None, 0, 100_000]),
        spare=st.booleans(),
        force=st.booleans(),
    )
    def prune_local(self, keep: timedelta | None, most: int | None, spare: bool, force: bool) -> None:
        """Files leave this disk by the user's wish."""
        self._step()
        before, wanted = promises.look(self.archive), Retention(keep, most, spare, force)
        with self.archive.lock(), closing(self.archive.open_catalog(write=True)) as catalog:
            plan = plan_retention(local_clips(catalog), wanted, now=self.clock.now())
            clips = [clip for clip, _ in plan.remove]
            number = catalog.begin_run("prune-local", now=self.clock.now())
            assert not record_removal(catalog, self.archive.store, clips, run=number, now=self.clock.now())
            while write_dirty_days(catalog, self.archive.store):
                pass
        COUNTED["pruned here"] += len(clips)
        for clip in clips:
            promises.check_removal(self.cloud.clips[clip.key], before.rows[clip.key], wanted)
            self.cloud.clips[clip.key].pruned = True
        self._check_unchanged(before)

    @rule(what=st.sampled_from(["dry run", "verify", "rebuild"]), full=st.booleans(), lies=LIES)
    def look(self, what: str, full: bool, lies: list[Lie]) -> None:
        """What changes nothing that a promise is about."""
        self._step()
        match what:
            case "dry run":
                self._tell(lies)
                self._dry_run(Options(full=full))
            case "verify":
                self._verify()
            case "rebuild":
                self._rebuild()

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
                self._sync(Options(full=True, reserve=0))
            seen = promises.look(self.archive)
            COUNTED["clips at the end"] += promises.check_end(self.cloud, seen)
            COUNTED["rows unproven at the end"] += sum(bool(row["unproven"]) for row in seen.rows.values())
            self._verify()
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

    def _check_unchanged(self, before: promises.Seen) -> None:
        """What is no sync changes no fact of a file."""
        self.sound = False
        after = promises.look(self.archive)
        promises.check_archive(self.archive, self.cloud, after)
        assert after.watermark == before.watermark
        for key, row in before.rows.items():
            promises.check_kept(self.cloud.clips[key], row, after.rows[key])
        self.sound = True

    def _dry_run(self, options: Options) -> None:
        before, bytes_before = promises.look(self.archive), self.archive.catalog_path.read_bytes()
        self.cloud.begin(recording=False)
        with closing(self.archive.open_catalog()) as real, closing(real.copy()) as copy:
            work = forecast(copy, self.cloud, options, time=self.time, progress=Silent())  # type: ignore[arg-type]
            try:
                told = asyncio.run(work)
            except BlinkError:
                assert self.cloud.walk.trouble
            else:
                assert told.new == len(self.cloud.walk.keys - before.rows.keys())
        self.cloud.end()
        assert self.archive.catalog_path.read_bytes() == bytes_before, "a dry run wrote to the catalog"

    def _rebuild(self) -> None:
        """The catalog is made anew from the folder alone; only where the walk stood is forgotten."""
        before, self.sound = promises.look(self.archive), False
        report = rebuild(self.archive, agree=lambda _: None, now=self.clock.now, tick=lambda _: None)
        promises.check_rebuild(report, before, after := promises.look(self.archive))
        promises.check_archive(self.archive, self.cloud, after)
        self.sound, self.names = True, False  # of cameras, it knows what clips tell
        COUNTED["rebuilds"] += 1

    def _verify(self) -> None:
        dates = Dates.open(self.archive, now=self.clock.now)
        with closing(self.archive.open_catalog()) as catalog, closing(dates):
            report = verify(
                catalog, self.root, dates=dates, running=lambda: False, progress=lambda _: None, workers=1
            )
        assert not report.findings, report.findings

    def _prune(
        self,
        wish: Wish,
        chosen: frozenset[str],
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
