"""When a person is told: never twice of one failure in a day, and always of what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest

from blink_archive.nightly.ending import Ending, Standing
from blink_archive.nightly.notify import Kind, Told, digest_since, due, remember

from .made_up import NIGHT, TOTALS, a_standing, an_ending

ALL = frozenset(Kind)


def told_of(
    nights: Iterable[tuple[float, int]], *, wanted: frozenset[Kind] = ALL, arrives: bool = True
) -> Iterator[list[str]]:
    """What is told of runs that end at (hour, exit code), one after the other."""
    told = Told()
    for hour, code in nights:
        ending = an_ending(code, at=NIGHT + timedelta(hours=hour))
        kinds = due(ending, a_standing(), told, wanted=wanted)
        told = remember(told, ending, kinds if arrives else ())
        yield [kind.value for kind in kinds]


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        ([(0, 0), (24, 0)], [[], []]),
        ([(0, 5), (24, 0), (48, 0)], [["failure"], ["recovery"], []]),
        # every hour: once, then after a day
        ([(0, 5), (1, 5), (19, 5), (21, 5), (22, 5)], [["failure"], [], [], ["failure"], []]),
        # a nightly timer that comes a little early is not a day too soon
        ([(0, 5), (23.5, 5), (47.2, 5)], [["failure"]] * 3),
        # a failure of another kind is news, the first one again is not
        ([(0, 5), (1, 4), (2, 5), (3, 4)], [["failure"], ["failure"], [], []]),
        # after a success it is
        ([(0, 5), (1, 0), (2, 5)], [["failure"], ["recovery"], ["failure"]]),
        # a timer that met a long run, and Ctrl-C, are told to nobody, and forget nothing
        ([(0, 6), (1, 130), (2, 5), (3, 6), (4, 130), (5, 5), (6, 0)], [[], [], ["failure"], [], [], [], ["recovery"]]),
    ],
)  # fmt: skip
def test_a_failure_is_told_once_a_day_and_its_end_once(
    nights: list[tuple[float, int]], said: list[list[str]]
) -> None:
    """Over runs of various ends and hours."""
    assert list(told_of(nights)) == said


def test_what_did_not_leave_was_not_told() -> None:
    """While nothing can be sent, each run tries; and what nobody heard of does not end with a message."""
    assert list(told_of([(0, 5), (1, 5), (2, 0)], arrives=False)) == [["failure"], ["failure"], []]


def test_only_what_is_wanted_is_told() -> None:
    """Without failures, their ends are of no interest either; with them alone, no end is told."""
    nights = [(0.0, 5), (1.0, 0), (2.0, 5)]
    assert list(told_of(nights, wanted=frozenset({Kind.RECOVERY}))) == [[], [], []]
    assert list(told_of(nights, wanted=frozenset({Kind.FAILURE}))) == [["failure"], [], ["failure"]]


GONE = {"account": {"newly_gone": 2}}


@pytest.mark.parametrize(
    ("ending", "standing", "said"),
    [
        (an_ending(3, **GONE), a_standing(), {Kind.LOSS}),
        (an_ending(3, **GONE), a_standing(failures=(("7", "it broke"),)), {Kind.LOSS, Kind.FAILURE}),
        (an_ending(3, problems=[("7", "odd")], **GONE), a_standing(), {Kind.LOSS, Kind.FAILURE}),
        (an_ending(3, failures=[("7", "it broke")]), a_standing(failures=(("7", "it broke"),)), {Kind.FAILURE}),
        (an_ending(5, **GONE), a_standing(), {Kind.LOSS, Kind.FAILURE}),
        (an_ending(3, **GONE), None, {Kind.LOSS, Kind.FAILURE}),  # who knows what else
        (an_ending(0), a_standing(lost=1), {Kind.LOSS}),
        (an_ending(4), a_standing(lost=1), {Kind.LOSS, Kind.FAILURE}),
        (an_ending(1), None, {Kind.FAILURE}),
    ],
)  # fmt: skip
def test_a_loss_is_no_failure(ending: Ending, standing: Standing | None, said: set[Kind]) -> None:
    """Exit 3 for clips that were gone and nothing else is a loss; a loss beside a failure is told with it."""
    assert set(due(ending, standing, Told(), wanted=ALL)) == said


def test_a_loss_is_told_whatever_was_told_before() -> None:
    """Unlike a failure, each is one of its own."""
    told = Told({3: NIGHT})
    assert due(an_ending(3, **GONE), a_standing(), told, wanted=ALL) == (Kind.LOSS,)
    assert due(an_ending(3, failures=[("7", "x")]), a_standing(), told, wanted=ALL) == ()


def test_a_loss_does_not_end_a_failure() -> None:
    """The first run that ends with 0 does."""
    told = Told({5: NIGHT})
    told = remember(told, an_ending(3, **GONE), (Kind.LOSS,))
    assert due(an_ending(0), a_standing(), told, wanted=ALL) == (Kind.RECOVERY,)


def test_a_digest_counts_from_the_last_that_was_sent() -> None:
    """The first is due at once and looks back as far as the next ones; one that did not leave stays due."""
    week = timedelta(days=7)
    assert digest_since(Told(), every=week, now=NIGHT) == NIGHT - week
    told = remember(Told(), an_ending(0), (Kind.DIGEST,))
    assert told.digest_at == NIGHT
    assert digest_since(told, every=week, now=NIGHT + timedelta(days=6)) is None
    assert digest_since(told, every=week, now=NIGHT + timedelta(days=8)) == NIGHT
    late = remember(told, an_ending(0, at=NIGHT + timedelta(days=8)), ())
    assert late.digest_at == NIGHT
    assert due(an_ending(0), a_standing(totals=TOTALS), Told(), wanted=ALL) == (Kind.DIGEST,)
    assert due(an_ending(0), a_standing(totals=TOTALS), Told(), wanted=ALL - {Kind.DIGEST}) == ()
