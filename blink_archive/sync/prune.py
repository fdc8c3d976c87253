"""Prune: delete at Blink, or on a stick, what is proven safe here, a few clips at a time.

For each batch, in this order: the files are read back from the disk; the intent is committed; the days' files
are written and read back; the folder is looked at once more; then Blink is asked, and its answer committed.
What an unclear answer left open, the next walk settles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..archive import deletion, feed
from ..archive.catalog import Catalog
from ..archive.days import write_dirty_days, write_proven_day
from ..archive.deletion import AtBlink, Plan
from ..archive.filters import Filter
from ..archive.folder import Archive
from ..archive.proof import prove
from ..client.redact import logger_of
from ..errors import BlinkArchiveError, Interrupted
from ..model import utc_text
from .discover import PAGE_PAUSE
from .ports import Aside, Blink, Time
from .run import exit_code
from .sticks import list_sticks
from .summary import later

BATCH = 50  # clips that Blink deletes at once (protocol.md 6)
STICK_TIMEOUT = 60.0  # seconds that a sync module may take to delete one clip

_LOG = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be deleted: clips of an ``origin`` (``cloud`` or ``usb``) that ``wanted`` matches and that
    were archived at least ``keep`` ago."""

    origin: str
    wanted: Filter = field(default_factory=Filter)
    keep: timedelta = timedelta(0)

    def plan(self, catalog: Catalog, *, now: datetime, module: int | None = None) -> Plan:
        """What that means for the catalog as it is; with ``module``, for what is listed on its stick."""
        return deletion.plan(catalog, self.wanted, origin=self.origin, keep=self.keep, now=now, module=module)


@dataclass(slots=True)
class Pruned:
    """How a prune ended. ``deleted`` are (clip, why it could go) that Blink confirmed, ``bytes`` their size
    here; ``unclear`` are those it was asked to delete without a clear answer. ``wait_until`` as a sync's."""

    run: int
    archive: str
    started_at: str
    seconds: float = 0.0
    deleted: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    unclear: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    wait_until: str | None = None
    stopped: str | None = None
    exit_code: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same, as plain JSON values."""
        return asdict(self) | {"deleted": [{"clip": clip, "reason": reason} for clip, reason in self.deleted]}


async def prune(archive: Archive, blink: Blink, wish: Wish, chosen: frozenset[str], *, time: Time) -> Pruned:
    """Delete those of ``wish`` whose keys are among the ``chosen``: what a person agreed to.

    Raises only what keeps a run from starting (`ArchiveBusy`, `ArchiveError`, `StorageError`); what happens
    later is in the answer, with its exit code. The first file that cannot be proven ends it (7).
    """
    with archive.lock():
        catalog = archive.open_catalog(write=True)
        aside = Aside("catalog")
        try:
            feed.start_account(catalog)
            return await _Prune(archive, catalog, blink, wish, chosen, aside=aside, time=time).go()
        finally:
            aside.close()
            catalog.close()


class _Prune:
    """The steps of one prune."""

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        blink: Blink,
        wish: Wish,
        chosen: frozenset[str],
        *,
        aside: Aside,
        time: Time,
    ) -> None:
        self.archive = archive
        self.catalog = catalog
        self.store = archive.store
        self.blink = blink
        self.wish = wish
        self.chosen = chosen
        self.aside = aside
        self.time = time
        self.began = time.now()
        self.exit_codes: set[int] = set()
        command = "prune-remote" if wish.origin == "cloud" else "usb prune"
        run = catalog.begin_run(command, now=self.began)
        self.result = Pruned(run=run, archive=str(archive.root), started_at=utc_text(self.began))

    async def go(self) -> Pruned:
        """All batches; an error ends them early, and the days are written all the same."""
        for work in (
            self._prune_cloud if self.wish.origin == "cloud" else self._prune_sticks,
            self._write_days,
        ):
            try:
                await work()
            except asyncio.CancelledError:
                self._stop(Interrupted("Interrupted; the next sync tells what Blink still has."))
            except BlinkArchiveError as error:
                self._stop(error)
        return self._finish()

    async def _write_days(self) -> None:
        while await self.aside(partial(write_dirty_days, self.catalog, self.store)):
            pass

    async def _prune_cloud(self) -> None:
        clips = await self._clips()
        for start in range(0, len(clips), BATCH):
            batch = clips[start : start + BATCH]
            await self._delete(batch, partial(self.blink.delete_media, [int(clip.key) for clip in batch]))
            await self.time.pause(PAGE_PAUSE)

    async def _prune_sticks(self) -> None:
        """The sticks of the sync modules, one after the other, clip by clip; trouble with one module keeps
        none from the next."""
        home = await self.blink.homescreen()
        storage = self.blink.local_storage
        run = self.result.run
        async for stick in list_sticks(
            self.catalog, storage, home, run=run, aside=self.aside, time=self.time
        ):
            self.result.warnings += stick.warnings
            if stick.error is not None:
                self._warn(f"The stick of {stick.module.name or stick.module.id}: {stick.error}", stick.error)
            if not stick.readable:
                continue
            for clip in await self._clips(module=stick.module.id):
                await self._delete([clip], partial(self._delete_on_stick, clip))

    async def _delete_on_stick(self, clip: AtBlink) -> None:
        command = await self.blink.local_storage.delete(clip.media or "")
        await self.blink.commands.wait_for(command, timeout=STICK_TIMEOUT)

    async def _clips(self, *, module: int | None = None) -> Sequence[AtBlink]:
        planned = await self.aside(
            lambda: self.wish.plan(self.catalog, now=self.time.now(), module=module).delete
        )
        return [clip for clip in planned if clip.key in self.chosen]

    async def _delete(self, clips: Sequence[AtBlink], ask: Callable[[], Awaitable[None]]) -> None:
        """One batch, from the proof to the answer."""
        run, now = self.result.run, self.time.now()
        for row in await self.aside(partial(deletion.files, self.catalog, clips)):
            await self.aside(partial(prove, self.store, row))
        await self.aside(partial(deletion.record_intent, self.catalog, clips, run=run, now=now))
        for day in sorted({clip.local_day for clip in clips}):
            await self.aside(partial(write_proven_day, self.catalog, self.store, day))
        await self.aside(self.archive.check_still_there)
        self.result.unclear += [clip.key for clip in clips]
        await ask()
        confirm = partial(deletion.record_confirmation, self.catalog, clips, run=run, now=self.time.now())
        await self.aside(confirm)
        _LOG.info("Blink deleted %d clips", len(clips))
        del self.result.unclear[-len(clips) :]
        self.result.deleted += [(clip.key, clip.reason) for clip in clips]
        self.result.bytes += sum(clip.bytes or 0 for clip in clips)

    def _warn(self, sentence: str, error: BlinkArchiveError) -> None:
        self.result.warnings.append(sentence)
        self.result.wait_until = later(self.result.wait_until, error)
        self.exit_codes.add(error.exit_code)

    def _stop(self, error: BlinkArchiveError) -> None:
        """As in a sync: the first reason stays, unless the exit code of the next one counts more."""
        before = exit_code(self.exit_codes)
        self.result.wait_until = later(self.result.wait_until, error)
        self.exit_codes.add(error.exit_code)
        if self.result.stopped is None or exit_code(self.exit_codes) != before:
            self.result.stopped = str(error)

    def _finish(self) -> Pruned:
        """Write the run down, as far as the disk still takes it."""
        result = self.result
        result.exit_code = exit_code(self.exit_codes)
        result.seconds = round((self.time.now() - self.began).total_seconds(), 3)
        try:
            self.catalog.end_run(
                result.run, exit_code=result.exit_code, summary=result.as_json(), now=self.time.now()
            )
        except BlinkArchiveError as error:
            self._stop(error)
            result.exit_code = exit_code(self.exit_codes)
        return result
