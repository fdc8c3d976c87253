"""How often and after which wait something is tried again; the waiting itself is stamina's."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import stamina

from ..errors import Busy, NetworkError, NotFound, ServerError, Throttled
from .redact import logger_of

_LOG = logger_of(__name__)
# stamina warns through its own logger; without a handler Python would print that on a person's terminal
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pacing:
    """Waits in seconds: growing twofold from ``wait_initial`` to ``wait_max``, with up to
    ``wait_jitter`` added.

    ``attempts`` are for passing trouble, ``busy_attempts`` for a system that is busy (about half a minute).
    ``patience`` is the longest Retry-After that is waited for within a call; ``poll`` is the pause between
    two looks at a running command.
    """

    attempts: int = 4
    busy_attempts: int = 6
    wait_initial: float = 1.0
    wait_max: float = 20.0
    wait_jitter: float = 1.0
    patience: float = 60.0
    poll: float = 1.0

    @classmethod
    def none(cls, *, attempts: int = 4) -> Pacing:
        """As many attempts, without a wait between them: for tests and the simulator."""
        return cls(
            attempts=attempts,
            busy_attempts=attempts,
            wait_initial=0.0,
            wait_max=0.0,
            wait_jitter=0.0,
            poll=0.0,
        )

    def wait_after(self, error: Exception, *, now: datetime) -> bool | float:
        """What to do after ``error``, in the words of a stamina backoff hook: False gives up,
        True waits as the policy says, a number waits that many seconds.
        """
        match error:
            case Throttled(until=until) | ServerError(until=until) if until is not None:
                seconds = max(0.0, (until - now).total_seconds())
                if seconds > self.patience:
                    return False
                return seconds if self.wait_max else 0.0
            case Throttled() | ServerError() | NetworkError() | Busy():
                return True
            case _:
                return False


async def retried(call: Callable[[], Awaitable[T]], *, pacing: Pacing, now: Callable[[], datetime]) -> T:
    """The answer of an idempotent ``call``, which is tried again after passing trouble."""
    return await _repeated(
        call, on=lambda error: pacing.wait_after(error, now=now()), pacing=pacing, attempts=pacing.attempts
    )


async def when_free(call: Callable[[], Awaitable[T]], *, pacing: Pacing) -> T:
    """The answer of ``call``, which is tried again as long as Blink says that it is busy."""
    return await _repeated(
        call, on=lambda error: isinstance(error, Busy), pacing=pacing, attempts=pacing.busy_attempts
    )


async def when_there(call: Callable[[], Awaitable[T]], *, pacing: Pacing) -> T:
    """The answer of ``call``, which is tried again as long as what it asks for is still being made: Blink
    is busy, or does not find it."""
    return await _repeated(
        call,
        on=lambda error: isinstance(error, Busy | NotFound),
        pacing=pacing,
        attempts=pacing.busy_attempts,
    )


async def _repeated(
    call: Callable[[], Awaitable[T]],
    *,
    on: Callable[[Exception], bool | float],
    pacing: Pacing,
    attempts: int,
) -> T:
    def decide(error: Exception) -> bool | float:
        decision = on(error)
        if decision is not False:
            _LOG.info("passing trouble: %s", error)
        return decision

    caller = stamina.AsyncRetryingCaller(
        attempts=attempts,
        timeout=None,
        wait_initial=pacing.wait_initial,
        wait_max=pacing.wait_max,
        wait_jitter=pacing.wait_jitter,
    )
    return await caller(decide, call)
