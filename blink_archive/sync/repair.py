"""Repair: what `verify` found missing or changed is fetched again while Blink has it, else marked lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from ..archive import feed
from ..archive.catalog import Catalog
from ..archive.days import write_dirty_days
from ..archive.findings import Finding
from ..archive.folder import Archive
from ..archive.repairs import Arrived, Damage, Repairs
from ..archive.store import Part
from ..client.redact import logger_of
from ..errors import BadMedia, BlinkArchiveError, BlinkError, Interrupted, NotFound, SignInError
from .fetch import CONCERNS_ALL, FAILURES_IN_A_ROW
from .ports import Aside, Blink, Media, Progress, Time
from .receive import Receiver, asks_for_too_long
from .run import exit_code
from .sticks import list_sticks

_LOG = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one file: ``was`` missing, changed or lost, and ``detail`` in words."""

    path: str
    was: str
    detail: str


@dataclass(slots=True)
class Repaired:
    """What a repair did. Each file that was found missing or changed is in one of the three lists, but for
    those that need no repair any more.

    ``warnings`` are what else a person should know, ``stopped`` why it ended early.
    """

    repaired: list[Fate] = field(default_factory=list)
    lost: list[Fate] = field(default_factory=list)
    unrepaired: list[Fate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: str | None = None
    exit_codes: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """The same, as plain JSON values, without the exit codes."""
        fields = asdict(self)
        del fields["exit_codes"]
        return fields


async def repair(
    archive: Archive,
    catalog: Catalog,
    blink: Blink,
    findings: Sequence[Finding],
    *,
    time: Time,
    progress: Progress,
) -> Repaired:
    """Repair what ``findings`` name, under the archive's lock, which the caller holds: clips, thumbnails and
    the days' own files; foreign files are left alone, and stay an error.

    Clips that were marked lost before are looked at again, too: their file may have been put back, and Blink
    may have them. Raises only what keeps a run from starting; how it ended is in what it returns.
    """
    archive.store.empty_incoming()
    feed.start_account(catalog)
    run = catalog.begin_run("verify --repair", now=time.now())
    aside = Aside("catalog")
    try:
        work = _Repair(archive, catalog, blink, run=run, aside=aside, time=time, progress=progress)
        return await work.go(findings)
    finally:
        aside.close()


class _Repair:
    """The steps of one repair, one clip at a time."""

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        blink: Blink,
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
        self.run = run
        self.aside = aside
        self.time = time
        self.progress = progress
        self.repairs = Repairs(catalog, self.store, run=run, now=time.now)
        self.result = Repaired()
        self.failures_in_a_row = 0
        self.open: dict[str, Finding] = {}  # by path: what nothing has become of yet
        self.reasons: dict[str, str] = {}  # by path: why not

    async def go(self, findings: Sequence[Finding]) -> Repaired:
        """All of them; an error ends it early, and the rest stay findings."""
        self.open = {finding.path: finding for finding in findings if finding.kind != "foreign"}
        if len(self.open) < len(findings):
            self.result.exit_codes.add(7)
        try:
            try:
                await self._mend_all({f.clip_id for f in self.open.values() if f.clip_id is not None})
            except (SignInError, BlinkError) as error:
                self._stop(error)
            await self._write_days()
        except asyncio.CancelledError:
            self._stop(Interrupted("Interrupted; what was repaired is kept, the next repair goes on."))
        except BlinkArchiveError as error:  # the disk: nothing more is written to it
            self._stop(error)
        return self._finish()

    async def _mend_all(self, found: set[int]) -> None:
        clips = sorted(found.union(await self.aside(self.repairs.lost)))
        self.progress.start(len(clips))
        cloud = self._receiver(self.blink)
        on_sticks: dict[int | None, list[int]] = {}
        for clip_id in clips:
            damage = await self.aside(partial(self.repairs.examine, clip_id))
            if damage is None:
                self.open = {path: each for path, each in self.open.items() if each.clip_id != clip_id}
                continue
            if damage.origin == "usb" and damage.video and not _is_given_up(damage):
                on_sticks.setdefault(damage.module, []).append(clip_id)
                continue
            await self._mend(damage, cloud)
            self.progress.finished()
        if on_sticks:
            await self._mend_from_sticks(on_sticks)

    async def _mend(self, damage: Damage, receiver: Receiver) -> None:
        """A clip and its thumbnail, as they are by now."""
        if damage.video is None:
            self.open.pop(damage.path, None)
            if damage.lost:
                await self.aside(partial(self.repairs.record_found, damage))
                self._tell(self.result.repaired, damage.path, "lost", "its file is back")
        elif damage.lost:
            if _is_given_up(damage) or not await self._fetch_again(damage, damage.video, receiver):
                return
        elif why := _nobody_has(damage):
            await self._lose(damage, damage.video, why)
            return
        elif not await self._fetch_again(damage, damage.video, receiver):
            return
        if damage.picture is not None:
            await self._mend_thumbnail(damage, damage.picture, receiver)
        elif damage.thumbnail_path is not None:
            self.open.pop(damage.thumbnail_path, None)

    async def _fetch_again(self, damage: Damage, video: Finding, receiver: Receiver) -> bool:
        """Whether the clip is here now; if not, it is lost, or stays as it was found."""
        with ExitStack() as parts:
            try:
                received = await receiver.clip(damage.media or "", parts)
            except (BlinkError, BadMedia) as error:
                if not isinstance(error, NotFound) or damage.origin != "cloud":
                    self._leave(damage, video, error)
                elif not damage.lost:
                    await self._lose(damage, video, "Blink has it no more")
                return False
            self.failures_in_a_row = 0
            part = received.part
            aside = await self.aside(partial(self._put_back, damage, part, damage.path))
            arrived = Arrived(part.length, part.sha256, aside, received.duration, received.flaw)
            await self.aside(partial(self.repairs.record_clip, damage, video, arrived))
        was = "lost" if damage.lost else video.kind
        self._tell(self.result.repaired, damage.path, was, _how(arrived, before=damage.sha256))
        return True

    async def _mend_thumbnail(self, damage: Damage, picture: Finding, receiver: Receiver) -> None:
        if why := _nobody_has(damage):
            await self._lose_thumbnail(damage, picture, why, not_found=False)
            return
        with ExitStack() as parts:
            try:
                part = await receiver.thumbnail(damage.thumbnail or "", parts)
            except NotFound:
                await self._lose_thumbnail(damage, picture, "Blink has it no more", not_found=True)
                return
            except (BlinkError, BadMedia) as error:
                self._leave(damage, picture, error)
                return
            self.failures_in_a_row = 0
            aside = await self.aside(partial(self._put_back, damage, part, picture.path))
            arrived = Arrived(part.length, part.sha256, aside)
            await self.aside(partial(self.repairs.record_thumbnail, damage, picture, arrived))
        how = _how(arrived, before=damage.thumbnail_sha256)
        self._tell(self.result.repaired, picture.path, picture.kind, how)

    def _put_back(self, damage: Damage, part: Part, path: str) -> str | None:
        self.store.make_durable(part, mtime=damage.created_at)
        return self.store.put_back(part, path)

    async def _lose(self, damage: Damage, video: Finding, why: str) -> None:
        await self.aside(self.archive.check_still_there)
        await self.aside(partial(self.repairs.record_lost, damage, video, why=why))
        self._tell(self.result.lost, video.path, video.kind, why)
        if damage.picture is not None:  # it is lost with its clip
            self._tell(self.result.lost, damage.picture.path, damage.picture.kind, why)

    async def _lose_thumbnail(self, damage: Damage, picture: Finding, why: str, *, not_found: bool) -> None:
        await self.aside(self.archive.check_still_there)
        aside = await self.aside(partial(self.store.set_aside, picture.path))
        record = partial(self.repairs.record_lost_thumbnail, damage, picture, why=why, aside=aside)
        await self.aside(partial(record, not_found=not_found))
        self._tell(self.result.lost, picture.path, picture.kind, why)

    async def _mend_from_sticks(self, clips: dict[int | None, list[int]]) -> None:
        """Clips by the module that has their stick. Each is listed once: a clip's place holds for one
        manifest."""
        home = await self.blink.homescreen()
        home = replace(home, sync_modules=tuple(each for each in home.sync_modules if each.id in clips))
        storage = self.blink.local_storage
        sticks = list_sticks(self.catalog, storage, home, run=self.run, aside=self.aside, time=self.time)
        async for stick in sticks:
            self.result.warnings += stick.warnings
            if stick.error is not None:
                name = stick.module.name or stick.module.id
                self._warn(f"The stick of {name}: {stick.error}", stick.error)
            await self._mend_from_stick(clips.pop(stick.module.id), storage)
        for unlisted in clips.values():
            await self._mend_from_stick(unlisted, storage)

    async def _mend_from_stick(self, clips: Iterable[int], storage: Media) -> None:
        """The clips of one stick, if it could be listed just now. One that it does not list is lost if a list
        that was whole, now or before, lacks it."""
        receiver = self._receiver(storage)
        for clip_id in clips:
            damage = await self.aside(partial(self.repairs.examine, clip_id))
            if damage is None or damage.video is None:
                continue
            if await self.aside(partial(self.repairs.is_listed, clip_id)):
                await self._fetch_again(damage, damage.video, receiver)
            elif not damage.deleted:
                self.reasons[damage.path] = "the stick of its sync module could not be read, or not all of it"
            elif not damage.lost:
                await self._lose(damage, damage.video, "it is on the stick no more")
            self.progress.finished()

    async def _write_days(self) -> None:
        while await self.aside(partial(write_dirty_days, self.catalog, self.store)):
            pass
        for finding in [each for each in self.open.values() if each.clip_id is None]:
            self._tell(self.result.repaired, finding.path, finding.kind, "written anew")

    def _receiver(self, source: Media) -> Receiver:
        return Receiver(source, self.store, max_rate=None, time=self.time, progress=self.progress)

    def _tell(self, fates: list[Fate], path: str, was: str, detail: str) -> None:
        self.open.pop(path, None)
        fates.append(Fate(path, was, detail))
        _LOG.info("%s, which was %s: %s", path, was, detail)

    def _leave(self, damage: Damage, finding: Finding, error: BlinkError | BadMedia) -> None:
        """The file stays as it was found; a clip that was marked lost before is no finding, and is told.
        Ends the repair for what the next clip would meet too, as in `Fetch`."""
        self.reasons[finding.path] = str(error)
        if damage.lost:
            self._warn(f"{damage.path}, which is lost here, could not be asked for again: {error}", error)
        self.result.exit_codes.add(error.exit_code)
        self.failures_in_a_row = self.failures_in_a_row + 1 if isinstance(error, CONCERNS_ALL) else 0
        too_long = asks_for_too_long(error, now=self.time.now())
        if too_long or self.failures_in_a_row >= FAILURES_IN_A_ROW:
            raise error

    def _warn(self, sentence: str, error: BlinkArchiveError) -> None:
        self.result.warnings.append(sentence)
        self.result.exit_codes.add(error.exit_code)

    def _stop(self, error: BlinkArchiveError) -> None:
        self.result.stopped = str(error)
        self.result.exit_codes.add(error.exit_code)

    def _finish(self) -> Repaired:
        """Draw the sum and write the run down, as far as the disk still takes it."""
        result = self.result
        for path, finding in self.open.items():
            result.unrepaired.append(Fate(path, finding.kind, self.reasons.get(path, "not tried")))
        if result.lost:
            result.exit_codes.add(3)
        if result.unrepaired:
            result.exit_codes.add(7)
        try:
            self.catalog.end_run(
                self.run,
                exit_code=exit_code(result.exit_codes),
                summary=result.as_json(),
                now=self.time.now(),
            )
        except BlinkArchiveError as error:
            self._stop(error)
        return result


def _is_given_up(damage: Damage) -> bool:
    """Whether a clip that was marked lost is not asked for again."""
    return damage.lost and (_nobody_has(damage) is not None or damage.expired)


def _nobody_has(damage: Damage) -> str | None:
    """Why there is nobody to ask for the clip; None where there is."""
    match damage.origin:
        case "import" | "liveview":
            return "Blink never had it to give"
        case _:
            return "it was deleted at Blink" if damage.deleted else None


def _how(arrived: Arrived, *, before: str | None) -> str:
    """How it was repaired, in words."""
    how = "fetched again"
    if arrived.sha256 != before:
        how += ", with other bytes than before"
    if arrived.unproven:
        how += f", and could not be proven whole: {arrived.unproven}"
    return f"{how}; what was there is now {arrived.aside}" if arrived.aside else how
