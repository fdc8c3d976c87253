"""The passes of a `watch`: each is a sync, and what a person, a program and the next pass hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from ..errors import BlinkArchiveError, IntegrityError, Interrupted, StorageError, UsageError
from ..model import from_utc_text, utc_text
from .options import Globals
from .output import counted, print_json_line, printable, size
from .prune import Deletion
from .prune_local import Removal
from .reporting import Reporter, reporter_of
from .sync import sync_with
from .sync_options import Asked

if TYPE_CHECKING:
    from ..nightly.watch import Ended
    from ..sync.ports import Time
    from ..sync.prune import Pruned
    from ..sync.run import Options
    from ..sync.summary import Summary

_LEAST = timedelta(minutes=1)
_LEAST_USB = timedelta(minutes=10)
_SHOWN = 10  # of each kind, told one by one


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a watch was asked for; ``values`` are the arguments of `Asked.of`."""

    given: Globals
    reporter: Reporter
    every: timedelta
    usb_every: timedelta
    values: dict[str, Any]

    @classmethod
    def of(
        cls, given: Globals, *, reporter: Reporter, every: timedelta, usb_every: timedelta, **values: Any
    ) -> Chosen:
        """Of the values of the options; UsageError for some that cannot be."""
        if every < _LEAST:
            raise UsageError("--every is too short: Blink wants to be asked once a minute at most. Write 1m.")
        if usb_every < _LEAST_USB:
            raise UsageError("--usb-every is too short: sync modules are slow. Write 10m or more.")
        asked = Asked.of(**values)
        if asked.wish is not None and not asked.yes:
            raise UsageError(
                "Nobody is there to agree to a deletion. Add --yes, or leave --delete-remote away."
            )
        if asked.options.origins == {"usb"}:
            every = max(every, usb_every)
        if asked.rules is not None and not asked.yes_here:
            raise UsageError("Nobody is there to agree to a removal. Add --yes to --after-sync.")
        return cls(given, reporter, every, usb_every, values)

    def asked(self) -> Asked:
        """The same for a pass that begins now, to which ``7d`` counts back from now."""
        return Asked.of(**self.values)


@dataclass(slots=True)
class Done:
    """What a pass did: a ``summary`` and, where they were wished, a ``deletion`` and a ``removal``, or the
    ``error`` that kept it from starting or ended it."""

    began: datetime
    summary: Summary | None = None
    deletion: Deletion | None = None
    removal: Removal | None = None
    error: BlinkArchiveError | None = None

    @property
    def exit_code(self) -> int:
        from ..sync.run import exit_code

        codes = {each.exit_code for each in self._parts()}
        if self.error is not None:
            codes.add(self.error.exit_code)
        if self.removal is not None and self.removal.left_alone:
            codes.add(IntegrityError.exit_code)
        return exit_code(codes)

    @property
    def stopped(self) -> str | None:
        """Why the sync, or all, ended early."""
        if self.error is not None:
            return str(self.error)
        return None if self.summary is None else self.summary.stopped

    def ended(self) -> Ended:
        """The same, as the next pass wants to know it."""
        from ..nightly.watch import Ended

        if self.error is not None:
            return Ended.by(self.error)
        named = max((each.wait_until or "" for each in self._parts()), default="")
        code = self.exit_code
        words = self.gist() or "Nothing new." if code in (0, 3) else "Not all of the pass went well."
        return Ended(code, self.stopped or words, until=from_utc_text(named) if named else None)

    def _parts(self) -> Iterable[Summary | Pruned]:
        if self.summary is not None:
            yield self.summary
        if self.deletion is not None and self.deletion.done is not None:
            yield self.deletion.done

    def gist(self) -> str | None:
        """What it did, in a line; None for nothing."""
        did = []
        if (sync := self.summary) is not None:
            if sync.fetched or sync.thumbnails:
                clips, pictures = counted(sync.fetched, "clips"), counted(sync.thumbnails, "thumbnails")
                did.append(f"fetched {clips} and {pictures}, {size(sync.bytes)}")
            if lost := sync.account.get("newly_gone"):
                did.append(f"{counted(lost, 'clips')} left Blink before they could be fetched")
            if did and (waiting := sync.account["waiting"]):
                did.append(f"{waiting} waiting")
        if self.deletion is not None and self.deletion.done is not None:
            gone = self.deletion.done
            did.append(f"deleted {counted(len(gone.deleted), 'clips')} at Blink, {size(gone.bytes)}")
        if self.removal is not None and self.removal.removed:
            gone_here = self.removal.removed
            did.append(
                f"removed {counted(len(gone_here), 'clips')} here, "
                f"{size(sum(clip.bytes for clip in gone_here))}"
            )
        text = "; ".join(did)
        return f"{text[0].upper()}{text[1:]}." if text else None

    def as_json(self) -> dict[str, Any]:
        """The same for a program, as `sync --json` has it."""
        if self.summary is None:
            found: dict[str, Any] = {"started_at": utc_text(self.began)}
        else:
            found = self.summary.as_json()
        if self.deletion is not None:
            found["deletion"] = self.deletion.as_json()
        if self.removal is not None:
            found["retention"] = self.removal.as_json()
        return found | {"stopped": self.stopped, "exit_code": self.exit_code}


class SyncPasses:
    """The passes of `nightly.watch.Watch`. ``again`` looks the options up anew, as `again.again` does."""

    def __init__(
        self,
        chosen: Chosen,
        *,
        again: Callable[[], tuple[Globals, dict[str, Any]]],
        time: Time | None = None,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        from ..nightly.watch import since_boot
        from ..sync.ports import Time

        self._chosen = chosen
        self._again = again
        self._elapsed = since_boot if elapsed is None else elapsed
        self._sticks_asked: float | None = None
        self._walked = False  # through all, for --full
        self._told: frozenset[str] = frozenset()  # of the pass before
        self._trouble = ""
        self.time = Time() if time is None else time

    @property
    def every(self) -> timedelta:
        """The wait between passes."""
        return self._chosen.every

    async def run(self) -> Ended:
        """One pass, and what is told of it; a cancellation is raised when that is told."""
        done = Done(self.time.now())
        reporter = self._chosen.reporter
        with reporter:
            cancelled = await self._outlived(done)
            self._tell(done)
            reason = None if done.error is None else str(done.error)
            if cancelled is not None:
                reporter.hasten()
            telling = asyncio.create_task(
                asyncio.to_thread(reporter.ended, done.exit_code, done.summary, reason=reason)
            )
            try:
                await asyncio.shield(telling)
            except asyncio.CancelledError:
                reporter.hasten()
                await asyncio.wait([telling])
                raise
        if cancelled is not None:
            raise cancelled
        return done.ended()

    async def _outlived(self, done: Done) -> asyncio.CancelledError | None:
        """The work of a pass, of which every error is put into ``done``; a cancellation is given back."""
        try:
            await self._work(done)
        except BlinkArchiveError as error:
            done.error = error
        except OSError as error:
            done.error = StorageError.of(error)
        except asyncio.CancelledError as cancelled:
            if done.summary is None:
                done.error = Interrupted("Interrupted before anything was done.")
            return cancelled
        return None

    async def _work(self, done: Done) -> None:
        """The sync, and then the deletion. Raises what keeps either from starting."""
        chosen = self._chosen
        asked = chosen.asked()
        archive = chosen.given.archive()
        began = self._elapsed()
        options = self._narrowed(asked.options, chosen, now=began)
        async with chosen.given.blink(connections=options.workers + 1) as blink:
            done.summary = await sync_with(blink, chosen.given, archive, options, time=self.time)
        if done.summary.stopped is None:
            self._walked = True
            if "usb" in options.origins:
                self._sticks_asked = began
        if asked.wish is not None and done.summary.exit_code in (0, 3):
            deletion = await asyncio.to_thread(Deletion, chosen.given, asked.wish)
            if deletion.planned:
                done.deletion = deletion
                await deletion.carry_out(archive)
        if asked.rules is not None and done.exit_code in (0, 3):
            removal = await asyncio.to_thread(Removal, chosen.given, archive, asked.rules)
            if removal.planned:
                done.removal = removal
                await self._carry_out(removal)

    async def _carry_out(self, removal: Removal) -> None:
        """Remove what is planned; a cancellation waits for the batch under way."""
        stopped = Event()
        work = asyncio.create_task(asyncio.to_thread(removal.carry_out, stopped=stopped.is_set))
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait([work])
            raise
        work.result()

    def _narrowed(self, options: Options, chosen: Chosen, *, now: float) -> Options:
        """What of ``options`` this pass is to do: each asks Blink for no more than there can be."""
        rested = self._sticks_asked is None or now - self._sticks_asked >= chosen.usb_every.total_seconds()
        origins = options.origins if rested else options.origins - {"usb"}
        return replace(options, origins=origins, full=options.full and not self._walked, watch=True)

    def waits(self, ended: Ended, until: datetime | None) -> None:
        """Tell trouble, and its end, once."""
        given = self._chosen.given
        if ended.went_well:
            if self._trouble:
                given.say("All is well again.")
            self._trouble = ""
        elif ended.words != self._trouble or given.verbose:
            self._trouble = ended.words
            if until is None:
                then = "Nothing is asked of Blink until somebody has signed in."
            else:
                then = f"The next try is at {until.astimezone():%H:%M}."
            click.echo(f"blink-archive: {ended.words} {then}", err=True)

    def reread(self) -> timedelta:
        """Look the options up anew; with a mistake in them, the old ones stay."""
        try:
            given, values = self._again()
            self._chosen = Chosen.of(given, reporter=reporter_of(given, values), **values)
        except UsageError as error:
            click.echo(f"blink-archive: {error} Watching goes on as before.", err=True)
        else:
            given.say("The configuration was read anew.")
        return self.every

    def sign_ins(self) -> Hashable:
        """What changes when somebody signs in."""
        from ..client.session import digest_of_sessions

        try:
            return digest_of_sessions(self._chosen.given.state())
        except BlinkArchiveError as error:
            return str(error)

    def _tell(self, done: Done) -> None:
        """The pass for a program, or what is new of it for a person."""
        given = self._chosen.given
        told = list(_remarks(done))
        news = [each for each in told if each not in self._told]
        self._told = frozenset(told)
        for each in news:
            given.say(each)
        if given.json:
            print_json_line(done.as_json())
        elif not given.quiet and ((gist := done.gist()) or given.verbose):
            click.echo(f"{done.began.astimezone():%Y-%m-%d %H:%M} {gist or 'Nothing new.'}")


def _remarks(done: Done) -> Iterable[str]:
    """Sentences on what a person should know, but for why it stopped. What is said in every pass in a row
    is told once."""
    if (sync := done.summary) is not None:
        yield from (f"Warning: {warning}" for warning in sync.warnings)
        for kind, words in (
            (sync.problems, "came with an odd entry"),
            (sync.unproven, "is kept, but could not be proven whole"),
            (sync.failures, "waits"),
        ):
            yield from (f"Clip {clip} {words}: {printable(reason)}" for clip, reason in kind[:_SHOWN])
            if len(kind) > _SHOWN:
                yield f"… and {len(kind) - _SHOWN} more of these."
    if done.deletion is not None and (gone := done.deletion.done) is not None:
        yield from (f"Warning: {warning}" for warning in gone.warnings)
        if gone.unclear:
            clips = counted(len(gone.unclear), "clips")
            yield f"Blink gave no clear answer about {clips}: the next pass tells."
        if gone.stopped:
            yield f"The deletion at Blink ended early: {gone.stopped}"
    if done.removal is not None and (strange := done.removal.left_alone):
        yield (
            f"{counted(len(strange), 'clips')} stayed here, since the files are not what the catalog knows: "
            f"{next(iter(strange.values()))} is one. `blink-archive verify` tells of all."
        )
