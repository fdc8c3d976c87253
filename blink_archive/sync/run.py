"""One sync, from the lock to the exit code: discover, fetch, the day's files, descriptions, the account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice

from ..archive import feed, homescreen, queue
from ..archive.catalog import Catalog
from ..archive.concerns import concerns
from ..archive.days import write_dirty_days
from ..archive.filters import Filter, where
from ..archive.folder import Archive, on_network_file_system
from ..archive.layout import DEFAULT, Layout
from ..archive.orphans import adopt_orphans
from ..archive.passes import begin_pass, last_event
from ..archive.recordings import finish_recordings
from ..errors import (
    BlinkArchiveError,
    BlinkError,
    Interrupted,
    LowSpace,
    NetworkError,
    ServerError,
    SignInError,
    Throttled,
    UpdateRequired,
    UsageError,
)
from ..model import Homescreen, utc_text
from .describe import describe
from .discover import Walk, discover, full_walk_is_due
from .fetch import Fetch, Fetched
from .ports import Aside, Blink, Media, Progress, Time
from .receive import Receiver
from .sticks import list_sticks
from .summary import Summary as Summary  # what `sync` answers with is imported along with it

# Where several exit codes apply, the first of these counts (design.md).
PRECEDENCE = (130, 8, 7, 4, 5, 3, 1)


@dataclass(frozen=True, slots=True)
class Options:
    """What a sync was asked for. ``origins``: from where it fetches. ``limit`` is in clips, ``max_rate`` in
    bytes a second. ``describe``: whether it asks for the cloud's descriptions, too. ``layout``: how clips are
    filed that are listed for the first time. ``reserve``: bytes of the disk that stay free. ``quiet``: for
    how long an armed camera may record nothing; None: for ever. ``watch``: it is one of hundreds a day: what
    an earlier run failed to fetch waits until its next try is due, and idle ones share a row."""

    origins: frozenset[str] = frozenset({"cloud", "usb"})
    full: bool = False
    wanted: Filter = field(default_factory=Filter)
    limit: int | None = None
    workers: int = 6
    max_rate: float | None = None
    describe: bool = True
    reserve: int = 10**9
    quiet: timedelta | None = timedelta(days=7)
    layout: Layout = DEFAULT
    watch: bool = False


async def sync(
    archive: Archive,
    blink: Blink,
    options: Options,
    *,
    time: Time,
    progress: Progress,
) -> Summary:
    """Run both passes under the archive's lock, and write the days anew.

    Raises only what keeps a run from starting (`ArchiveBusy`, `ArchiveError`, `StorageError`); all
    that happens later is in the summary, with its exit code. A cancellation commits what is complete.
    """
    with archive.lock():
        catalog = archive.open_catalog(write=True)
        aside = Aside("catalog")
        try:
            archive.store.empty_incoming()
            feed.start_account(catalog)
            begin = partial(begin_pass, catalog) if options.watch else partial(catalog.begin_run, "sync")
            run = begin(now=time.now())
            work = _Run(archive, catalog, blink, options, run=run, aside=aside, time=time, progress=progress)
            return await work.go()
        finally:
            aside.close()
            catalog.close()


def is_full_walk(catalog: Catalog, options: Options, *, now: datetime) -> bool:
    """Whether the next walk is one from 1970: asked for, or due."""
    days = catalog.value("SELECT auto_delete_days FROM accounts, archive WHERE accounts.id = account_id")
    return options.full or full_walk_is_due(catalog.watermark(), auto_delete_days=days, now=now)


class _Run:
    """The steps of one sync, and what each leaves for the summary."""

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        blink: Blink,
        options: Options,
        *,
        run: int,
        aside: Aside,
        time: Time,
        progress: Progress,
    ) -> None:
        self.archive = archive
        self.catalog = catalog
        self.store = archive.store
        self.blink = blink
        self.options = options
        self.aside = aside
        self.time = time
        self.progress = progress
        self.began = time.now()
        self.left = options.limit
        self.last_event = last_event(catalog)
        self.walk = Walk(full=is_full_walk(catalog, options, now=self.began))
        self.exit_codes: set[int] = set()
        self.summary = Summary(
            run=run, archive=str(archive.root), started_at=utc_text(self.began), watch=options.watch
        )

    async def go(self) -> Summary:
        """All steps; an error ends them early, and the account is drawn up all the same."""
        if kind := on_network_file_system(self.archive.catalog_path):
            self.summary.warnings.append(
                f"The catalog lies on a network file system ({kind}), whose locks cannot be relied on. "
                "Keep it on a local disk with --catalog."
            )
        try:
            try:
                home = await self._homescreen()
                if "cloud" in self.options.origins:
                    await self._discover()
                # a camera that nothing matches ends it here
                await self.aside(lambda: where(self.catalog, self.options.wanted))
                if "cloud" in self.options.origins:
                    await self._fetch(self.blink)
                if "usb" in self.options.origins and home is not None:
                    await self._fetch_sticks(home)
            except (SignInError, BlinkError, UsageError, LowSpace) as error:
                self._stop(error)
            await self._settle()
            await self._describe()
            told = partial(concerns, self.catalog, quiet=self.options.quiet, now=self.time.now())
            self.summary.warnings += await self.aside(lambda: list(told()))
        except asyncio.CancelledError:
            self._stop(
                Interrupted("Interrupted; what was complete is kept, the next sync goes on from here.")
            )
        except BlinkArchiveError as error:  # the disk: nothing more is written to it
            self._stop(error)
        return self._finish()

    async def _homescreen(self) -> Homescreen | None:
        """The homescreen, recorded; None where it could not be had, which is told. Raises what leaves
        nothing for the fetch to try."""
        try:
            home = await self.blink.homescreen()
        except BlinkError as error:
            if _concerns_the_fetch(error):
                raise
            self._warn(f"{error} Names and time zones of cameras are those of the last run.", error)
            return None
        now, run = self.time.now(), self.summary.run
        await self.aside(partial(homescreen.record_homescreen, self.catalog, home, now=now, run=run))
        return home

    async def _discover(self) -> None:
        """The walk. Raises what leaves nothing for the fetch to try."""
        walk = self.walk
        await discover(
            self.catalog,
            self.blink,
            walk,
            filed=self.options.layout,
            aside=self.aside,
            time=self.time,
            progress=self.progress,
        )
        if walk.error is not None:
            if _concerns_the_fetch(walk.error):
                raise walk.error
            self._warn(f"The walk through Blink's list of clips broke off: {walk.error}", walk.error)

    async def _settle(self) -> None:
        """After the fetch, however it ended: who is lost, whose file is here all the same, and the days."""
        full_walk = self.walk.finished and self.walk.full and self.walk.listed > 0
        if full_walk:
            await self.aside(partial(feed.record_departures, self.catalog, now=self.time.now()))
        losses = partial(
            feed.record_losses,
            self.catalog,
            full_walk=full_walk,
            run=self.summary.run,
            began=self.began,
            now=self.time.now(),
        )
        await self.aside(losses)
        adopt = partial(
            adopt_orphans,
            self.catalog,
            self.store,
            run=self.summary.run,
            began=self.began,
            now=self.time.now(),
        )
        self.summary.unproven += await self.aside(adopt)
        finish = partial(
            finish_recordings, self.catalog, self.store, run=self.summary.run, now=self.time.now()
        )
        await self.aside(finish)
        await self._write_days()

    async def _describe(self) -> None:
        """The descriptions, when all else is safe; where Blink gave trouble, not in this run."""
        options = self.options
        if not options.describe or "cloud" not in options.origins or self.summary.stopped or self.walk.error:
            return
        try:
            if warning := await describe(self.catalog, self.blink, aside=self.aside, time=self.time):
                self.summary.warnings.append(warning)
        except Throttled as error:
            self.summary.heed(error)
        finally:
            await self._write_days()

    async def _write_days(self) -> None:
        while await self.aside(lambda: write_dirty_days(self.catalog, self.store)):
            pass

    async def _fetch_sticks(self, home: Homescreen) -> None:
        """The sticks of the sync modules, one after the other; trouble with one keeps none from the next."""
        storage = self.blink.local_storage
        sticks = list_sticks(
            self.catalog,
            storage,
            home,
            filed=self.options.layout,
            run=self.summary.run,
            aside=self.aside,
            time=self.time,
        )
        async for stick in sticks:
            self.summary.warnings += stick.warnings
            self.summary.new += stick.new
            self.summary.problems += stick.problems
            error: BlinkArchiveError | None = stick.error
            if stick.readable:
                try:
                    await self._fetch(storage, module=stick.module.id)
                except (NetworkError, UpdateRequired):
                    raise
                except BlinkError as broken:
                    error = broken
            if error is not None:
                self._warn(f"The stick of {stick.module.name or stick.module.id}: {error}", error)

    async def _fetch(self, source: Media, *, module: int | None = None) -> None:
        """Work through the queue of the cloud or, with ``module``, of its stick: a module serves one clip
        at a time."""
        options, now = self.options, self.time.now()
        waiting = partial(
            queue.waiting, self.catalog, options.wanted, now=now, module=module, patient=options.watch
        )
        count = partial(
            queue.waiting_count, self.catalog, options.wanted, now=now, module=module, patient=options.watch
        )
        total = await self.aside(lambda: count() + count(archived=True))
        self.progress.start(total if self.left is None else min(total, self.left))
        receiver = Receiver(
            source,
            self.store,
            max_rate=options.max_rate,
            reserve=options.reserve,
            time=self.time,
            progress=self.progress,
        )
        fetch = Fetch(
            self.catalog,
            self.store,
            receiver,
            run=self.summary.run,
            workers=options.workers if module is None else 1,
            aside=self.aside,
            time=self.time,
            progress=self.progress,
        )
        try:
            await fetch.run(
                self._within_limit(chain(waiting(), waiting(archived=True)))
            )  # those expire first
        finally:
            self._take(fetch.result)
        if fetch.result.stopped:
            raise fetch.result.stopped

    def _within_limit(self, clips: Iterator[queue.QueuedClip]) -> Iterator[queue.QueuedClip]:
        """As many of ``clips`` as --limit leaves to this run."""
        for clip in clips if self.left is None else islice(clips, self.left):
            if self.left is not None:
                self.left -= 1
            yield clip

    def _take(self, fetched: Fetched) -> None:
        summary = self.summary
        summary.fetched += fetched.clips
        summary.bytes += fetched.bytes
        summary.thumbnails += fetched.thumbnails
        summary.failures += fetched.failures
        summary.unproven += fetched.unproven

    def _warn(self, sentence: str, error: BlinkArchiveError) -> None:
        self.summary.warnings.append(sentence)
        self.summary.heed(error)
        self.exit_codes.add(error.exit_code)

    def _stop(self, error: BlinkArchiveError) -> None:
        """Give the reason why the run ends; a later one, which may only follow from it, replaces it where its
        exit code counts more."""
        before = exit_code(self.exit_codes)
        self.summary.heed(error)
        self.exit_codes.add(error.exit_code)
        if self.summary.stopped is None or exit_code(self.exit_codes) != before:
            self.summary.stopped = str(error)

    def _finish(self) -> Summary:
        """Draw up the account and write the run down, as far as the disk still takes it."""
        summary, walk = self.summary, self.walk
        summary.full_walk, summary.pages = walk.full, walk.pages
        summary.new += walk.new
        summary.walk_finished = walk.finished
        summary.problems = walk.problems + summary.problems
        summary.warnings += walk.warnings
        try:
            summary.account = queue.account(self.catalog, self._wanted(), run=summary.run, began=self.began)
            if summary.failures or summary.problems or summary.account["newly_gone"]:
                self.exit_codes.add(3)
            summary.exit_code = exit_code(self.exit_codes)
            did = summary.exit_code or summary.new or summary.thumbnails
            summary.idle = not did and last_event(self.catalog) == self.last_event
            summary.seconds = round((self.time.now() - self.began).total_seconds(), 3)
            self.catalog.end_run(
                summary.run, exit_code=summary.exit_code, summary=summary.as_json(), now=self.time.now()
            )
        except BlinkArchiveError as error:
            self._stop(error)
            summary.exit_code = exit_code(self.exit_codes)
        return summary

    def _wanted(self) -> Filter:
        """The run's filters; none, where they named something that nothing matches."""
        try:
            where(self.catalog, self.options.wanted)
        except BlinkArchiveError:
            return Filter()
        return self.options.wanted


def _concerns_the_fetch(error: BlinkError) -> bool:
    """Whether trouble with the walk means that nothing is to be fetched either: no network, an update that
    Blink demands, or a time that it named to come back at."""
    match error:
        case NetworkError() | UpdateRequired():
            return True
        case Throttled(until=until) | ServerError(until=until):
            return until is not None
        case _:
            return False


def exit_code(codes: set[int]) -> int:
    """The one that counts of several; 2 where only that is left."""
    return next((code for code in PRECEDENCE if code in codes), max(codes, default=0))
