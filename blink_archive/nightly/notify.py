"""When a person is told how a run ended: a decision, from this end and from what was told before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .ending import SILENT, Ending, Standing

AGAIN_AFTER = timedelta(hours=20)
"""A day, but for what a nightly timer comes earlier than the night before."""


class Kind(StrEnum):
    """What a message is about."""

    FAILURE = "failure"
    LOSS = "loss"
    RECOVERY = "recovery"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Told:
    """What a person knows: of each exit code of the failure that goes on, when it was told last; and when
    the last digest was sent."""

    failures: Mapping[int, datetime] = field(default_factory=dict)
    digest_at: datetime | None = None


def digest_since(told: Told, *, every: timedelta, now: datetime) -> datetime | None:
    """Where the stretch of a digest begins, if one is due: the first is at once, which shows, too, that
    messages arrive."""
    if told.digest_at is None:
        return now - every
    return told.digest_at if now - told.digest_at >= every else None


def due(
    ending: Ending, standing: Standing | None, told: Told, *, wanted: frozenset[Kind]
) -> tuple[Kind, ...]:
    """What is to be told now, of what is ``wanted``. A digest is, where the standing has its totals.

    A failure that goes on is told once, and again when a day has passed: a message an hour is one that
    people mute. Another exit code is another failure: behind a network that fails, a sign-in can be needed.
    It is a failure until a run ends with exit code 0, and that is told if the failure was.
    """
    if ending.exit_code in SILENT:
        return ()
    last = told.failures.get(ending.exit_code)
    facts = {
        Kind.FAILURE: _failed(ending, standing) and (last is None or ending.ended - last >= AGAIN_AFTER),
        Kind.LOSS: ending.gone > 0 or (standing is not None and standing.past.lost > 0),
        Kind.RECOVERY: ending.exit_code == 0 and bool(told.failures),
        Kind.DIGEST: standing is not None and standing.totals is not None,
    }
    return tuple(kind for kind, so in facts.items() if so and kind in wanted)


def _failed(ending: Ending, standing: Standing | None) -> bool:
    """Whether there is more to it than clips that were gone, which is a loss."""
    match ending.exit_code, ending.summary:
        case 0, _:
            return False
        case 3, summary if summary is not None and standing is not None and ending.gone:
            return bool(standing.failures or summary.problems)
        case _:
            return True


def remember(told: Told, ending: Ending, sent: tuple[Kind, ...]) -> Told:
    """What a person knows when these were ``sent``. A message that did not leave was not told."""
    failures = {} if ending.exit_code == 0 else dict(told.failures)
    if Kind.FAILURE in sent:
        failures[ending.exit_code] = ending.ended
    return Told(failures, ending.ended if Kind.DIGEST in sent else told.digest_at)
