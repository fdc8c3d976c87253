"""A watch's decisions, on a clock that only its own waits move: when the next pass begins, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from blink_archive.errors import (
    ArchiveBusy,
    BlinkArchiveError,
    CodeNeeded,
    CommandFailed,
    IntegrityError,
    NetworkError,
    NotAnArchive,
    NotSignedIn,
    ServerError,
    StorageError,
    Throttled,
    UpdateRequired,
    UsageError,
)
from blink_archive.nightly.systemd import Systemd
from blink_archive.nightly.watch import Ended, Watch, since_boot
from blink_archive.sync.ports import Time

from ..world import Clock

WELL = Ended(0, "Nothing new.")
MINUTE, HOUR = 60.0, 3600.0


@dataclass
class Script:
    """Passes that end as they are told to, at once, and the watch that makes them; the last one stops it."""

    endings: list[Ended | Callable[[], Ended]]
    every: timedelta = timedelta(minutes=5)
    reread_to: timedelta | None = None
    chance: float = 0.0
    clock: Clock = field(default_factory=Clock)
    began: list[float] = field(default_factory=list)  # seconds after the first pass
    told: list[tuple[Ended, datetime | None]] = field(default_factory=list)
    sign_in: str = "old"
    at: dict[float, Callable[[], None]] = field(default_factory=dict)  # what happens so many seconds in
    rereads: int = 0
    set_by: timedelta = timedelta(0)  # how far the clock on the wall was set

    def __post_init__(self) -> None:
        self._start = self.clock.now()

    def now(self) -> datetime:
        return self.clock.now() + self.set_by

    def hangup(self) -> None:
        self.watch.reread()

    def stop(self) -> None:
        self.watch.stop()

    def passed(self) -> float:
        return (self.clock.now() - self._start).total_seconds()

    def go(self) -> list[float]:
        """Run to the end; the waits between passes, in whole seconds."""

        async def watching() -> None:
            self.watch = Watch(
                self,
                every=self.every,
                systemd=Systemd({}),
                time=Time(now=self.now, sleep=self._sleep, random=lambda: self.chance),
                elapsed=self.passed,
            )
            await self.watch.run()

        asyncio.run(watching())
        return [round(b - a) for a, b in zip(self.began, self.began[1:], strict=False)]

    async def _sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        for when in sorted(self.at):
            if when <= self.passed():
                self.at.pop(when)()

    # what a watch wants of its passes

    async def run(self) -> Ended:
        self.began.append(self.passed())
        ending = self.endings[len(self.began) - 1]
        if len(self.began) == len(self.endings):
            self.stop()
            await asyncio.sleep(0)
        return ending() if callable(ending) else ending

    def waits(self, ended: Ended, until: datetime | None) -> None:
        self.told.append((ended, until))

    def reread(self) -> timedelta:
        self.rereads += 1
        return self.reread_to or self.every

    def sign_ins(self) -> Hashable:
        return self.sign_in


def trouble(error: BlinkArchiveError) -> Ended:
    return Ended.by(error)


def test_a_pass_is_followed_by_the_next() -> None:
    """After every, or up to a tenth later, so that many clients do not march in step; never earlier."""
    assert Script([WELL] * 4).go() == [300] * 3
    assert Script([WELL] * 3, chance=1.0).go() == [330] * 2


@pytest.mark.parametrize("code", [0, 3, 7])
def test_what_is_no_trouble_with_blink_makes_no_wait_grow(code: int) -> None:
    """Clips that failed, and a deletion that found a file changed, keep no new clip waiting."""
    assert Script([Ended(code, "")] * 5).go() == [300] * 4


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("x"),
        Throttled("x"),
        ServerError("x"),
        StorageError("x"),
        UpdateRequired("x"),
        CommandFailed("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_waits_grow_in_trouble(error: BlinkArchiveError) -> None:
    """From every to an hour, where they stay however long it lasts; a pass that goes well ends that."""
    waits = Script([WELL, *[trouble(error)] * 9, WELL, WELL]).go()
    assert waits == [300, 300, 600, 1200, 2400, *[3600] * 5, 300]


def test_long_waits_do_not_shrink_in_trouble() -> None:
    """Who looks every six hours does so in trouble, too."""
    assert Script([trouble(NetworkError("x"))] * 4, every=timedelta(hours=6)).go() == [6 * 3600] * 3


@pytest.mark.parametrize(
    "error", [ArchiveBusy("x"), NotAnArchive("x")], ids=lambda error: type(error).__name__
)
def test_what_costs_blink_nothing_is_tried_again_soon(error: BlinkArchiveError) -> None:
    """A disk that is not mounted, and a run that holds the archive, are looked for every time; the trouble
    with Blink before that is over."""
    assert Script([trouble(NetworkError("x"))] * 3 + [trouble(error)] * 4).go() == [
        300,
        600,
        1200,
        300,
        300,
        300,
    ]


@pytest.mark.parametrize("kind", [Throttled, ServerError])
@pytest.mark.parametrize(
    ("named", "wait"),
    [
        (2 * HOUR, 2 * HOUR),
        (10 * MINUTE, 10 * MINUTE),
        (20.0, 300),
        (-HOUR, 300),
        (40 * 24 * HOUR, 24 * HOUR),
    ],
)
def test_the_time_that_blink_names_is_kept_to(
    kind: type[Throttled | ServerError], named: float, wait: float
) -> None:
    """To the second, without jitter and whatever the waits had grown to; but no more often than every, and
    no longer than a day, since clips expire at Blink."""
    script = Script([], chance=1.0)

    def asked() -> Ended:
        return trouble(kind("x", until=script.clock.now() + timedelta(seconds=named)))

    script.endings = [asked, WELL]
    expected = wait if named > 0 else wait * 1.1  # a time that is past is none
    assert script.go() == [expected]
    assert script.told[0][1] == pytest.approx(
        script._start + timedelta(seconds=expected), abs=timedelta(seconds=1)
    )


def test_a_named_time_ends_the_growing() -> None:
    """Blink's word is better than our guess, for that one wait."""
    script = Script([])

    def asked() -> Ended:
        return trouble(Throttled("x", until=script.clock.now() + timedelta(minutes=7)))

    script.endings = [trouble(NetworkError("x"))] * 5 + [asked, trouble(NetworkError("x")), WELL]
    assert script.go() == [300, 600, 1200, 2400, 3600, 420, 3600]


def test_a_throttled_addition_is_heeded_too() -> None:
    """A pass that went well, but was told to come back later (for the descriptions), comes back later."""
    script = Script([])
    script.endings = [lambda: Ended(0, "", until=script.clock.now() + timedelta(hours=3)), WELL]
    assert script.go() == [3 * HOUR]


@pytest.mark.parametrize("error", [NotSignedIn("x"), CodeNeeded("x")], ids=lambda error: type(error).__name__)
def test_without_a_sign_in_nothing_is_tried(error: BlinkArchiveError) -> None:
    """No pass, for a day, before the stored sign-ins change; then one within seconds."""
    script = Script([trouble(error), WELL, WELL])

    def sign_in() -> None:
        script.sign_in = "new"

    script.at[24 * HOUR] = sign_in
    waits = script.go()
    assert 24 * HOUR <= waits[0] <= 24 * HOUR + 10
    assert waits[1] == 300
    assert [until is None for _, until in script.told] == [True, False]


def test_a_sign_in_that_came_during_the_pass_counts() -> None:
    """What is compared is the sign-in before the pass: one that was stored while it failed is tried."""
    script = Script([])

    def fails() -> Ended:
        script.sign_in = "new"
        return trouble(NotSignedIn("x"))

    script.endings = [fails, WELL]
    assert script.go() == [0]


def test_what_never_made_sense_ends_it() -> None:
    """A camera that nothing matches is found out in the first pass that comes so far: exit 2, also after
    an outage. Later, it is trouble like any other."""
    script = Script([trouble(NetworkError("x")), trouble(UsageError("No camera matches 'x'.")), WELL])
    with pytest.raises(UsageError, match="No camera"):
        script.go()
    assert len(script.began) == 2
    assert Script([WELL, *[trouble(UsageError("x"))] * 3, WELL]).go() == [300, 300, 600, 1200]


def test_a_hangup_brings_a_pass_at_once() -> None:
    """SIGHUP in a wait: the configuration is read, and a pass begins; the new every holds from then on."""
    script = Script([WELL] * 4, every=timedelta(hours=2), reread_to=timedelta(minutes=10))
    script.at[70 * MINUTE] = script.hangup
    assert script.go() == [70 * MINUTE, 600, 600]
    assert script.rereads == 1


def test_a_hangup_during_a_pass_brings_another() -> None:
    """The configuration is read at once; the pass under way is not disturbed, and the next follows it."""
    script = Script([])

    def hangup() -> Ended:
        script.watch.reread()
        assert script.rereads == 1
        return WELL

    script.endings = [hangup, WELL, WELL]
    assert script.go() == [0, 300]


def test_a_hangup_does_not_shorten_what_blink_named() -> None:
    """Whoever sends it may not know that Blink asked to be left alone."""
    script = Script([])
    script.endings = [lambda: trouble(Throttled("x", until=script.clock.now() + timedelta(hours=2))), WELL]
    script.at[30 * MINUTE] = script.hangup
    assert script.go() == [2 * HOUR]


def test_a_hangup_tries_without_a_new_sign_in() -> None:
    """A person who knows better may have it tried."""
    script = Script([trouble(NotSignedIn("x")), trouble(NotSignedIn("x")), WELL])
    for hours in (5, 9):
        script.at[hours * HOUR] = script.hangup
    assert script.go() == [5 * HOUR, 4 * HOUR]


@pytest.mark.parametrize("ending", [WELL, trouble(NetworkError("x")), trouble(NotSignedIn("x"))])
def test_a_wait_ends_when_it_is_stopped(ending: Ended) -> None:
    """At once, and with no further pass."""
    script = Script([ending, WELL])
    script.at[MINUTE] = script.stop
    assert script.go() == []
    assert script.passed() < 2 * MINUTE


def test_a_pass_is_cancelled_when_it_is_stopped() -> None:
    """It may still finish what it does when it is cancelled, and is told of no more; a second stop is none."""
    ended = []

    class Slow(Script):
        async def run(self) -> Ended:
            asyncio.get_running_loop().call_soon(self.watch.stop)
            asyncio.get_running_loop().call_soon(self.watch.stop)
            try:
                await asyncio.sleep(HOUR)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                ended.append("well")
            return WELL

    script = Slow([])
    script.go()
    assert (ended, script.told) == (["well"], [])


def test_a_pass_that_does_not_survive_its_end_is_fine_too() -> None:
    """One that was stopped before it did anything is just cancelled."""

    class Early(Script):
        async def run(self) -> Ended:
            self.watch.stop()
            await asyncio.sleep(HOUR)
            return WELL

    script = Early([])
    script.go()
    assert script.told == []


def test_an_error_of_ours_is_no_trouble() -> None:
    """What is a mistake in the program ends it, with its traceback, and is not tried for ever."""

    def broken() -> Ended:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Script([WELL, broken, WELL]).go()


def test_a_suspended_machine_is_soon_up_to_date() -> None:
    """Time that passes while the machine sleeps counts: the pass is made within a minute of waking up."""
    script = Script([WELL, WELL], every=timedelta(hours=6))
    script.at[30 * MINUTE] = lambda: script.clock.pass_by(hours=9)
    (wait,) = script.go()
    assert 9.5 * HOUR <= wait <= 9.5 * HOUR + MINUTE


@pytest.mark.parametrize("hours", [1, -24])
def test_a_clock_that_is_set_changes_no_wait(hours: int) -> None:
    """An hour forward or a day back by NTP: the waits are counted on a clock that nobody sets."""
    script = Script([WELL] * 3)

    def set_clock() -> None:
        script.set_by = timedelta(hours=hours)

    script.at[MINUTE] = set_clock
    assert script.go() == [300, 300]


def test_the_clock_that_nobody_sets_runs() -> None:
    """It is there, and counts seconds."""
    before = since_boot()
    assert 0 <= since_boot() - before < 5


def test_an_ending_is_classified() -> None:
    """By its error: whether Blink was asked, and until when it wants to be left alone."""
    until = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    assert Ended.by(ArchiveBusy("held")) == Ended(6, "held", unasked=True)
    assert Ended.by(Throttled("slow", until=until)) == Ended(5, "slow", until=until)
    assert Ended.by(IntegrityError("x")).went_well
    assert Ended.by(NotSignedIn("x")).needs_sign_in
