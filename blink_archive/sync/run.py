"""One sync, from the lock to the exit code: discover, fetch, the day's files, and the account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from ..archive import feed, queue
from ..archive.catalog import Catalog
from ..archive.days import write_dirty_days
from ..archive.filters import Filter, where
from ..archive.folder import Archive, on_network_file_system
from ..archive.orphans import adopt_orphans
from ..errors import (
    BlinkArchiveError,
    BlinkError,
    Interrupted,
    NetworkError,
    ServerError,
    SignInError,
    Throttled,
    UpdateRequired,
    UsageError,
)
from ..model import from_utc_text, utc_text
from .discover import Walk, discover, full_walk_is_due
from .fetch import Fetch, Fetched
from .ports import Aside, Blink, Progress, Time
from .receive import Receiver

ASSUMED_BYTES = 1_500_000  # of a clip, where nothing is archived yet to go by

# Where several exit codes apply, the first of these counts (design.md).
PRECEDENCE = (130, 8, 7, 4, 5, 3, 1)


@dataclass(frozen=True, slots=True)
class Options:
    """What a sync was asked for. ``limit`` is in clips, ``max_rate`` in bytes a second."""

    full: bool = False
    wanted: Filter = field(default_factory=Filter)
    limit: int | None = None
    workers: int = 6
    max_rate: float | None = None


@dataclass(slots=True)
class Summary:
    """How a sync ended: the account (its parts add up to ``counted``), and what a person should know.

    ``failures`` and ``problems`` are (clip, why). ``stopped`` is why the run ended early.
    """

    run: int
    archive: str
    started_at: str
    seconds: float = 0.0
    full_walk: bool = False
    walk_finished: bool = False
    pages: int = 0
    new: int = 0
    account: dict[str, int] = field(default_factory=dict)
    fetched: int = 0
    thumbnails: int = 0
    bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: str | None = None
    exit_code: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same, as plain JSON values."""
        fields = asdict(self)
        for name in ("failures", "unproven", "problems"):
            fields[name] = [{"clip": clip, "reason": reason} for clip, reason in fields[name]]
        return fields


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sync would fetch now. ``bytes`` is an estimate, ``measured`` if by this account's clips."""

    clips: int
    bytes: int
    measured: bool
    first_expires_at: str | None
    full_walk: bool
    new: int
    warnings: tuple[str, ...]


async def sync(
    archive: Archive, blink: Blink, options: Options, *, time: Time, progress: Progress
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
            work = _Run(archive, catalog, blink, options, aside=aside, time=time, progress=progress)
            return await work.go()
        finally:
            aside.close()
            catalog.close()


async def forecast(
    catalog: Catalog, blink: Blink, options: Options, *, time: Time, progress: Progress
) -> Forecast:
    """Walk the feed into a copy of the catalog (``Catalog.copy`` or ``scratch``), and look at its queue."""
    home = await blink.homescreen()
    feed.start_account(catalog)
    feed.record_homescreen(catalog, home, now=time.now())
    walk = Walk(full=_is_full(catalog, options, now=time.now()))
    aside = Aside("catalog")
    try:
        await discover(catalog, blink, walk, aside=aside, time=time, progress=progress)
    finally:
        aside.close()
    if walk.error is not None:
        raise walk.error
    clips = queue.waiting_count(catalog, options.wanted, now=time.now())
    clips = clips if options.limit is None else min(clips, options.limit)
    average = catalog.value("SELECT avg(bytes + coalesce(thumbnail_bytes, 0)) FROM clips")
    return Forecast(
        clips=clips,
        bytes=round(clips * (average or ASSUMED_BYTES)),
        measured=average is not None,
        first_expires_at=first_expiry(catalog, options.wanted),
        full_walk=walk.full,
        new=walk.new,
        warnings=tuple(walk.warnings),
    )


def first_expiry(catalog: Catalog, wanted: Filter) -> str | None:
    """When Blink deletes the oldest clip that waits here (UTC text), None where nothing does or the
    account does not say after how many days."""
    condition, parameters = where(catalog, wanted)
    oldest = catalog.value(
        f"SELECT min(created_at) FROM clips WHERE {feed.IN_QUEUE} AND {condition}",
        parameters,
    )
    days = catalog.value("SELECT auto_delete_days FROM accounts, archive WHERE accounts.id = account_id")
    return utc_text(from_utc_text(oldest) + timedelta(days=days)) if oldest and days else None


def _is_full(catalog: Catalog, options: Options, *, now: datetime) -> bool:
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
        self.walk = Walk(full=_is_full(catalog, options, now=self.began))
        self.exit_codes: set[int] = set()
        run = catalog.begin_run("sync", now=self.began)
        self.summary = Summary(run=run, archive=str(archive.root), started_at=utc_text(self.began))

    async def go(self) -> Summary:
        """All steps; an error ends them early, and the account is drawn up all the same."""
        if kind := on_network_file_system(self.archive.catalog_path):
            self.summary.warnings.append(
                f"The catalog lies on a network file system ({kind}), whose locks cannot be relied on. "
                "Keep it on a local disk with --catalog."
            )
        try:
            try:
                await self._discover()
                # a camera that nothing matches ends it here
                await self.aside(lambda: where(self.catalog, self.options.wanted))
                await self._fetch()
            except (SignInError, BlinkError, UsageError) as error:
                self._stop(error)
            await self._settle()
        except asyncio.CancelledError:
            self._stop(
                Interrupted("Interrupted; what was complete is kept, the next sync goes on from here.")
            )
        except BlinkArchiveError as error:  # the disk: nothing more is written to it
            self._stop(error)
        return self._finish()

    async def _discover(self) -> None:
        """The homescreen and the walk. Raises what leaves nothing for the fetch to try."""
        try:
            home = await self.blink.homescreen()
        except BlinkError as error:
            if _concerns_the_fetch(error):
                raise
            self._warn(f"{error} Names and time zones of cameras are those of the last run.", error)
        else:
            record = partial(feed.record_homescreen, self.catalog, home, now=self.time.now())
            await self.aside(record)
        walk = self.walk
        await discover(
            self.catalog, self.blink, walk, aside=self.aside, time=self.time, progress=self.progress
        )
        if walk.error is not None:
            if _concerns_the_fetch(walk.error):
                raise walk.error
            self._warn(f"The walk through Blink's list of clips broke off: {walk.error}", walk.error)

    async def _settle(self) -> None:
        """After the fetch, however it ended: who is lost, whose file is here all the same, and the days."""
        losses = partial(
            feed.record_losses,
            self.catalog,
            full_walk=self.walk.finished and self.walk.full and self.walk.listed > 0,
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
        while await self.aside(lambda: write_dirty_days(self.catalog, self.store)):
            pass

    async def _fetch(self) -> None:
        options, now = self.options, self.time.now()
        count = partial(queue.waiting_count, self.catalog, options.wanted, now=now)
        total = await self.aside(lambda: count() + count(archived=True))
        self.progress.start(total if options.limit is None else min(total, options.limit))
        clips: Iterator[queue.QueuedClip] = chain(
            queue.waiting(self.catalog, options.wanted, now=now),  # these expire
            queue.waiting(self.catalog, options.wanted, now=now, archived=True),
        )
        fetch = Fetch(
            self.catalog,
            self.store,
            Receiver(
                self.blink, self.store, max_rate=options.max_rate, time=self.time, progress=self.progress
            ),
            run=self.summary.run,
            workers=options.workers,
            aside=self.aside,
            time=self.time,
            progress=self.progress,
        )
        try:
            await fetch.run(islice(clips, options.limit))
        finally:
            self._take(fetch.result)
        if fetch.result.stopped:
            raise fetch.result.stopped

    def _take(self, fetched: Fetched) -> None:
        self.summary.fetched, self.summary.bytes = fetched.clips, fetched.bytes
        self.summary.thumbnails = fetched.thumbnails
        self.summary.failures, self.summary.unproven = fetched.failures, fetched.unproven

    def _warn(self, sentence: str, error: BlinkArchiveError) -> None:
        self.summary.warnings.append(sentence)
        self.exit_codes.add(error.exit_code)

    def _stop(self, error: BlinkArchiveError) -> None:
        self.summary.stopped = str(error)
        self.exit_codes.add(error.exit_code)

    def _finish(self) -> Summary:
        """Draw up the account and write the run down, as far as the disk still takes it."""
        summary, walk = self.summary, self.walk
        summary.full_walk, summary.pages, summary.new = walk.full, walk.pages, walk.new
        summary.walk_finished, summary.problems = walk.finished, walk.problems
        summary.warnings += walk.warnings
        try:
            summary.account = queue.account(self.catalog, self._wanted(), run=summary.run, began=self.began)
            if summary.failures or summary.problems or summary.account["newly_gone"]:
                self.exit_codes.add(3)
            summary.exit_code = exit_code(self.exit_codes)
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
