"""Fetch: rows in the queue become files with hashes, oldest first, a few at a time.

The event loop only moves bytes: it receives, writes and hashes. Fsync and rename run in a few
threads, and everything that touches the catalog in one thread of its own.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..archive.catalog import Catalog
from ..archive.feed import NEVER_WHOLE
from ..archive.layout import thumbnail_path
from ..archive.queue import Outcome, QueuedClip, Saved, SavedClip, record_outcomes
from ..archive.store import Part, Store
from ..client.redact import logger_of
from ..errors import (
    BadMedia,
    BlinkArchiveError,
    BlinkError,
    NetworkError,
    NotFound,
    Refused,
    ServerError,
    Throttled,
    UpdateRequired,
)
from .ports import Aside, Progress, Time
from .receive import Received, Receiver, asks_for_too_long

_LOG = logger_of(__name__)

BATCH = 32  # clips a transaction, at most
BATCH_SECONDS = 1.0
FAILURES_IN_A_ROW = 5
CONCERNS_ALL = (NetworkError, ServerError, Throttled, UpdateRequired, Refused)
"""What the next clip may meet, too."""


@dataclass(slots=True)
class Fetched:
    """What a fetch pass did; ``stopped`` is the error that ended it early.

    ``failures`` are (clip, why) of what waits on, ``unproven`` (clip, why) of what is kept all the same.
    """

    clips: int = 0
    thumbnails: int = 0
    bytes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)
    stopped: BlinkArchiveError | None = None


class Fetch:
    """One fetch pass: call `run` once, and find what it did in `result`, also when it was cancelled."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        receiver: Receiver,
        *,
        run: int,
        workers: int,
        aside: Aside,
        time: Time,
        progress: Progress,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._receiver = receiver
        self._run = run
        self._workers = workers
        self._time = time
        self._progress = progress
        self.result = Fetched()
        self._group: asyncio.TaskGroup
        self._slots = asyncio.Semaphore(workers)
        self._ready: list[Outcome] = []
        self._recording = asyncio.Lock()
        self._failures_in_a_row = self._thumbnail_failures = 0
        # Finishing waits for the disk, so several overlap; the catalog has one user at a time.
        self._finishers = Aside("finish", threads=workers)
        self._aside = aside

    async def run(self, queue: Iterator[QueuedClip]) -> None:
        """Work through the queue. Errors of one clip stay with it; what concerns all stops the pass.

        When cancelled, what is complete is committed, and `asyncio.CancelledError` raised.
        """
        clips: asyncio.Queue[QueuedClip | None] = asyncio.Queue(self._workers)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                helpers = [group.create_task(self._feed(queue, clips)), group.create_task(self._tick())]
                await asyncio.wait([group.create_task(self._work(clips)) for _ in range(self._workers)])
                for helper in helpers:
                    helper.cancel()
        except* BlinkArchiveError as errors:
            self.result.stopped = _worst(errors)
        finally:
            try:
                await self._record_all()
            except BlinkArchiveError as error:
                self.result.stopped = error
            self._finishers.close()
            self.result.bytes = self._receiver.bytes

    async def _feed(self, queue: Iterator[QueuedClip], clips: asyncio.Queue[QueuedClip | None]) -> None:
        """Read the queue ahead, in the catalog's thread."""
        while page := await self._aside(lambda: list(itertools.islice(queue, 100))):
            for clip in page:
                await clips.put(clip)
        for _ in range(self._workers):
            await clips.put(None)

    async def _work(self, clips: asyncio.Queue[QueuedClip | None]) -> None:
        while (clip := await clips.get()) and self.result.stopped is None:
            await self._fetch(clip)
            if len(self._ready) >= BATCH:
                await self._record()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            await self._record()

    async def _fetch(self, clip: QueuedClip) -> None:
        """One clip and its thumbnail; each has a fact of its own."""
        outcome = Outcome(clip)
        received: Received | None = None
        picture: Part | None = None
        with ExitStack() as parts:
            if not clip.archived:
                try:
                    if clip.media is None:
                        raise BadMedia("Blink listed no path to its video")
                    received = await self._receiver.clip(clip.media, parts)
                except (BlinkError, BadMedia) as error:
                    self._deliver(replace(outcome, failure=str(error), not_found=isinstance(error, NotFound)))
                    self._note(error)
                    return
                self._failures_in_a_row = 0
            if clip.thumbnail is not None and self._thumbnail_failures < FAILURES_IN_A_ROW:
                try:
                    picture = await self._receiver.thumbnail(clip.thumbnail, parts)
                    self._thumbnail_failures = 0
                except NotFound:
                    outcome = replace(outcome, thumbnail_missing=True)
                except (BlinkError, BadMedia) as error:
                    self._thumbnail_failures += (
                        1  # from the fifth on they wait: clips are not held up by them
                    )
                    outcome = replace(outcome, thumbnail_failure=f"thumbnail: {error}")
                    if asks_for_too_long(error, now=self._time.now()):
                        self.result.stopped = error
            elif clip.archived:
                return
            await self._finish_soon(outcome, received, picture, parts)

    def _note(self, error: BlinkError | BadMedia) -> None:
        """Stop for what the next clip would meet too: at once if Blink named a time, else at the fifth clip
        in a row. One clip alone that Blink refuses is that clip's trouble. What is under way may end: if it
        were cut off, five bad clips could keep a good one from ever arriving."""
        if not isinstance(error, CONCERNS_ALL):
            self._failures_in_a_row = 0  # an answer, if not the one asked for
            return
        self._failures_in_a_row += 1
        too_long = asks_for_too_long(error, now=self._time.now())
        if too_long or self._failures_in_a_row >= FAILURES_IN_A_ROW:
            self.result.stopped = error

    async def _finish_soon(
        self, outcome: Outcome, received: Received | None, picture: Part | None, parts: ExitStack
    ) -> None:
        """`_finish` in a task of its own, which takes over ``parts``: the disk works while the next clip
        arrives. No more of them at a time than workers."""
        await self._slots.acquire()
        kept = parts.pop_all()

        def finished(_: asyncio.Task[None]) -> None:
            kept.close()
            self._slots.release()

        self._group.create_task(self._finish(outcome, received, picture)).add_done_callback(finished)

    async def _finish(self, outcome: Outcome, received: Received | None, picture: Part | None) -> None:
        """Make the parts durable and give them their names, in a thread that a Ctrl-C waits for."""
        clip = outcome.clip
        finished: list[Outcome] = []

        def finish() -> None:
            result, path = outcome, clip.path
            if received:
                flaws = [received.flaw, NEVER_WHOLE if clip.partial else None]
                unproven = "; ".join(filter(None, flaws)) or None
                file = self._keep(received.part, path, clip.created_at, instead_of=clip.half)
                result = replace(result, saved=SavedClip(file, received.duration, unproven))
                path = file.kept.path
            if picture:
                file = self._keep(picture, thumbnail_path(path), clip.created_at)
                result = replace(result, thumbnail=file)
            finished.append(result)

        try:
            await self._finishers(finish)
        finally:
            for result in finished:
                self._deliver(result)

    def _keep(self, part: Part, path: str, created_at: datetime, *, instead_of: str | None = None) -> Saved:
        self._store.make_durable(part, mtime=created_at)
        return Saved(self._store.keep(part, path, instead_of=instead_of), part.length, part.sha256)

    def _deliver(self, outcome: Outcome) -> None:
        """Lay an outcome ready to be recorded."""
        self._ready.append(outcome)
        self._progress.finished()

    def _count(self, outcome: Outcome) -> None:
        key = outcome.clip.key
        if outcome.saved:
            self.result.clips += 1
            if outcome.saved.unproven:
                self.result.unproven.append((key, outcome.saved.unproven))
        if outcome.thumbnail:
            self.result.thumbnails += 1
        for failure in (outcome.failure, outcome.thumbnail_failure):
            if failure is not None:
                self.result.failures.append((key, failure))

    async def _record_all(self) -> None:
        while self._ready:
            await self._record()

    async def _record(self) -> None:
        """Make the names durable, then commit: the last step of the durable write."""
        async with self._recording:
            batch, self._ready = self._ready[:BATCH], self._ready[BATCH:]
            if batch:
                await self._aside(lambda: self._commit(batch))

    def _commit(self, batch: list[Outcome]) -> None:
        files = [outcome.saved.file for outcome in batch if outcome.saved]
        files += [outcome.thumbnail for outcome in batch if outcome.thumbnail]
        self._store.sync_folders(file.kept.path for file in files)
        record_outcomes(self._catalog, batch, run=self._run, now=self._time.now())
        for outcome in batch:
            self._count(outcome)
        _LOG.info("recorded %d clips", len(batch))


def _worst(errors: BaseExceptionGroup[BlinkArchiveError]) -> BlinkArchiveError:
    """The error that speaks for the run: a full disk before a sign-in, that before the rest."""
    leaves: list[BlinkArchiveError] = []
    groups: list[BaseException] = [errors]
    while groups:
        error = groups.pop()
        if isinstance(error, BaseExceptionGroup):
            groups.extend(error.exceptions)
        elif isinstance(error, BlinkArchiveError):
            leaves.append(error)
    return max(leaves, key=lambda error: (error.exit_code in (8, 4), error.exit_code))
