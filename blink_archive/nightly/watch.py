"""Watch: one pass after the other, for months. When the next one begins, and what ends it all.

A pass that went well is followed by the next after ``every``. Trouble is outlived: the waits grow to an hour,
a time that Blink named is kept to, and where a person has to sign in, Blink is not asked before somebody did.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..client.redact import logger_of
from ..errors import (
    ArchiveBusy,
    BlinkArchiveError,
    NotAnArchive,
    ServerError,
    SignInError,
    Throttled,
    UsageError,
)
from ..sync.ports import Time
from .systemd import Systemd

LONGEST = timedelta(hours=1)
"""What the waits grow to."""

LONGEST_NAMED = timedelta(days=1)
"""The longest that a time named by Blink is kept to: clips expire there."""

JITTER = 0.1
"""Of a wait, added at random: many clients do not march in step."""

LOOK = 60.0  # seconds between two looks at the clock in a wait, which a suspended machine sleeps through
SIGN_IN_LOOK = 10.0  # seconds between two looks at the stored sign-ins

_WENT_WELL = frozenset({0, 3, 7})  # exit codes of passes for which Blink did what it was asked

_LOG = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended. ``words`` say it in a sentence or less, for the status; ``until`` is the time (aware)
    that Blink named to come back at. ``unasked``: Blink was asked for nothing, since the archive is not there
    or somebody else is at it."""

    exit_code: int
    words: str
    until: datetime | None = None
    unasked: bool = False

    @classmethod
    def by(cls, error: BlinkArchiveError) -> Ended:
        """A pass that an error ended."""
        until = error.until if isinstance(error, Throttled | ServerError) else None
        return cls(
            error.exit_code, str(error), until=until, unasked=isinstance(error, ArchiveBusy | NotAnArchive)
        )

    @property
    def went_well(self) -> bool:
        """Whether there is nothing to wait longer for."""
        return self.exit_code in _WENT_WELL

    @property
    def needs_sign_in(self) -> bool:
        """Whether only a person helps."""
        return self.exit_code == SignInError.exit_code


class Passes(Protocol):
    """What is done again and again, and what is told of it."""

    async def run(self) -> Ended:
        """One pass. Raises nothing that a watch is to outlive."""

    def waits(self, ended: Ended, until: datetime | None) -> None:
        """Tell what comes next: a pass at ``until``, or with None one after a sign-in."""

    def reread(self) -> timedelta:
        """Read the configuration anew, or tell why it is not taken; the wait between passes from now on."""

    def sign_ins(self) -> Hashable:
        """What changes when somebody signs in."""


def since_boot() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps where there is one."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # Linux, macOS
        if hasattr(time, name):
            return float(time.clock_gettime(getattr(time, name)))
    return time.monotonic()


class Watch:
    """Call `run` once; `stop` and `reread` are for the event loop that runs it, and return at once."""

    def __init__(
        self,
        passes: Passes,
        *,
        every: timedelta,
        systemd: Systemd,
        time: Time,
        elapsed: Callable[[], float] = since_boot,
    ) -> None:
        self._passes = passes
        self._every = every
        self._systemd = systemd
        self._time = time
        self._elapsed = elapsed
        self._called = asyncio.Event()
        self._stopping = self._at_once = False
        self._pass: asyncio.Task[Ended] | None = None
        self._went_well = False
        self._troubles = 0  # in a row

    def stop(self) -> None:
        """End the wait, or cancel the pass, which commits what is complete; `run` returns then."""
        if not self._stopping:
            self._stopping = True
            self._systemd.stopping()
            self._called.set()
            if self._pass is not None:
                self._pass.cancel()

    def reread(self) -> None:
        """Read the configuration anew, for the pass that then comes at once or after the one under way."""
        self._systemd.reloading()
        self._every = self._passes.reread()
        self._systemd.ready()
        self._at_once = True
        self._called.set()

    async def run(self) -> None:
        """Pass after pass until `stop`. Raises UsageError where what is asked for never made sense: with
        nothing that went well before, it is no passing trouble."""
        alive = asyncio.create_task(self._systemd.stay_alive())
        try:
            self._systemd.ready()
            while not self._stopping:
                await self._one()
        finally:
            alive.cancel()
            with suppress(asyncio.CancelledError):
                await alive

    async def _one(self) -> None:
        """A pass, and the wait after it."""
        self._at_once = False
        self._systemd.status(f"A pass is under way since {self._clock(self._time.now())}.")
        before = self._passes.sign_ins()
        self._pass = asyncio.create_task(self._passes.run())
        try:
            ended = await self._pass
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        self._pass = None
        if self._stopping:
            return
        if ended.exit_code == UsageError.exit_code and not self._went_well:
            raise UsageError(ended.words)
        self._went_well |= ended.went_well
        self._troubles = 0 if ended.went_well or ended.unasked else self._troubles + 1
        if ended.needs_sign_in:
            await self._wait_for_sign_in(ended, before)
        else:
            await self._wait(ended)

    async def _wait_for_sign_in(self, ended: Ended, before: Hashable) -> None:
        """Until the stored sign-ins are others than ``before`` the pass: to ask Blink with the same ones
        could only be refused again."""
        self._tell(ended, None)
        while not self._stopping and not self._at_once and self._passes.sign_ins() == before:
            await self._nap(SIGN_IN_LOOK)

    async def _wait(self, ended: Ended) -> None:
        """Until the next pass is due or asked for, but not shorter than Blink named."""
        now, began = self._time.now(), self._elapsed()
        named = min(max((ended.until or now) - now, timedelta(0)), LONGEST_NAMED).total_seconds()
        seconds = max(named, self._seconds(by_itself=not named))
        self._tell(ended, now + timedelta(seconds=seconds))
        while not self._stopping:
            left = began + (named if self._at_once else seconds) - self._elapsed()
            if left <= 0:
                return
            await self._nap(min(left, LOOK))

    def _seconds(self, *, by_itself: bool) -> float:
        """How long to wait by ourselves; where Blink named a time, the wait neither grows nor shakes."""
        every = self._every.total_seconds()
        if not by_itself:
            return every
        doublings = min(max(self._troubles - 1, 0), 30)
        grown = min(every * float(2**doublings), max(every, LONGEST.total_seconds()))
        return grown * (1 + JITTER * self._time.random())

    async def _nap(self, seconds: float) -> None:
        """So long, or until somebody calls."""
        self._called.clear()
        if self._stopping:
            return
        sleeping = asyncio.ensure_future(self._time.sleep(seconds))
        called = asyncio.create_task(self._called.wait())
        try:
            await asyncio.wait({sleeping, called}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            called.cancel()

    def _tell(self, ended: Ended, until: datetime | None) -> None:
        self._passes.waits(ended, until)
        then = "Waiting for a sign-in." if until is None else f"The next pass is at {self._clock(until)}."
        self._systemd.status(f"{ended.words} {then}")
        _LOG.info("pass ended with %d; next: %s", ended.exit_code, until)

    @staticmethod
    def _clock(moment: datetime) -> str:
        return f"{moment.astimezone():%H:%M}"
