"""Politeness and sign-in during a sync (promises 7 and 8)."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from blink_archive.errors import BlinkError, Busy, NetworkError, ServerError, Throttled
from blink_archive.simulator import Fault
from blink_archive.sync.ports import Time
from blink_archive.sync.receive import Receiver
from blink_archive.sync.run import Options, Summary

from ..conftest import MakeWorld
from ..world import Silent, World, clips_fetched


def test_a_throttled_run_waits_as_long_as_it_is_told(world: World) -> None:
    """429 with Retry-After: no request for clips before that time, and then all are fetched."""
    world.blink.faults.add(
        Fault(endpoint="clip", kind="status", status=429, retry_after=40, times=1, after=3)
    )
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (0, 12)
    asked = [r for r in world.blink.requests if r.endpoint == "clip"]
    told = next(r for r in asked if r.status == 429)
    later = [r.time for r in asked if r.time > told.time + 1]
    assert min(later) >= told.time + 38
    world.expect_complete()


@pytest.mark.parametrize("status", [403, 406, 429])
def test_throttling_without_a_time_backs_off_and_gives_up_politely(world: World, status: int) -> None:
    """Throttling that does not end stops the run (exit 5) after a handful of requests, not thousands."""
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=status))
    summary = world.sync()
    assert summary.exit_code == 5
    asked = sorted(r.time for r in world.blink.requests if r.endpoint == "clip")
    assert len(asked) <= 40
    assert asked[-1] - asked[0] >= 15
    world.blink.faults.clear()
    world.clock.pass_by(minutes=5)  # the young clip is whole by now, and not in the middle of what follows
    world.sync()
    world.expect_complete()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_there_is_one_pause_a_page_of_no_fixed_length(make_world: MakeWorld, chance: float) -> None:
    """After each page that has entries the walk pauses once, for a tenth of a second, half of it more or
    less by chance."""
    world = make_world(page_limit=4)  # of 15 entries: pages of 4, 4, 4 and 3
    world.chance = chance
    summary = world.sync(limit=0)
    assert summary.pages == 5
    assert world.clock.slept == pytest.approx([0.1 * (0.5 + chance)] * 4)


@dataclass
class StoppedClock:
    """A clock that only sleeping moves on, so that waits come out exactly."""

    time: datetime
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def receive(
    make_world: MakeWorld, fault: Fault, *, chance: float = 0.5
) -> tuple[list[float], int, type[Exception] | None]:
    """Fetch one clip by itself, with one worker: how long it waited each time, how many requests that made,
    and how it failed."""
    clock = StoppedClock(datetime.now(UTC))
    world = make_world(clips=1, hostile=False, now=clock.now)
    world.clock.now = clock.now  # type: ignore[method-assign] - the client's
    world.blink.faults.add(fault)
    time = Time(now=clock.now, sleep=clock.sleep, random=lambda: chance)
    media = world.blink.cloud.item(world.blink.cloud.live_clips()[0])["media"]

    async def fetched() -> type[Exception] | None:
        async with world.cloud() as cloud:
            receiver = Receiver(cloud, world.archive.store, max_rate=None, time=time, progress=Silent())
            with ExitStack() as parts:
                try:
                    await receiver.clip(media, parts)
                except BlinkError as error:
                    return type(error)
        return None

    failed = asyncio.run(fetched())
    return clock.slept, len(clips_fetched(world)), failed


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("fault", "waits", "error"),
    [
        (Fault(endpoint="clip", kind="status", status=500), [2.0, 4.0], ServerError),
        (Fault(endpoint="clip", kind="reset"), [2.0, 4.0], NetworkError),
        (Fault(endpoint="clip", kind="json"), [2.0, 4.0], Busy),
        (Fault(endpoint="clip", kind="status", status=403), [15.0, 30.0], Throttled),
        (Fault(endpoint="clip", kind="status", status=429), [15.0, 30.0], Throttled),
        (Fault(endpoint="clip", kind="status", status=429, times=1), [15.0], None),
        (Fault(endpoint="clip", kind="status", status=500, times=2), [2.0, 4.0], None),
    ],
    ids=lambda value: f"{value.status or value.kind} {value.times or ''}" if isinstance(value, Fault) else "",
)
def test_what_failed_is_tried_again_after_waits_that_grow(
    make_world: MakeWorld, fault: Fault, waits: list[float], error: type[Exception] | None, chance: float
) -> None:
    """Three requests for one clip and no more, with twice the wait before the third; a refusal to serve is
    given more time than a broken connection; chance makes it half more or less."""
    slept, requests, failed = receive(make_world, fault, chance=chance)
    assert slept == pytest.approx([wait * (0.5 + chance) for wait in waits])
    assert (requests, failed) == (len(waits) + 1, error)


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_time_that_blink_names_is_kept_while_fetching(
    make_world: MakeWorld, status: int, form: Any
) -> None:
    """With `Retry-After` it is that long, neither more nor less, and one more request."""
    fault = Fault(
        endpoint="clip", kind="status", status=status, retry_after=40, retry_after_form=form, times=1
    )
    slept, requests, failed = receive(make_world, fault)
    assert slept == pytest.approx([40], abs=1 if form == "date" else 1e-6)  # a date is in whole seconds
    assert (requests, failed) == (2, None)


def test_one_that_is_told_to_wait_holds_up_all(make_world: MakeWorld) -> None:
    """503 with `Retry-After` for one clip of many: but for what was under way, no worker asks for a clip
    before that time."""
    world = make_world(clips=60, page_limit=100, hostile=False)
    world.blink.faults.add(
        Fault(endpoint="clip", kind="status", status=503, retry_after=40, times=1, after=3)
    )
    jump = world.clock.sleep

    async def sleep(seconds: float) -> None:
        if seconds > 20:
            await asyncio.sleep(0.2)  # time for the others to go on, if nothing holds them
        await jump(seconds)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (0, 60)
    asked = [r for r in world.blink.requests if r.endpoint == "clip"]
    told = next(r.time for r in asked if r.status == 503)
    waits = [r.time - told for r in asked if r.time > told]
    assert not [wait for wait in waits if 20 < wait < 39]
    assert len([wait for wait in waits if wait < 39]) <= 12


def test_a_long_retry_after_ends_the_run(world: World) -> None:
    """Told to come back in two hours, the run ends at once with exit 5 and says when; what it archived
    before stands alone in its folders."""
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=429, retry_after=7200, after=8))
    began = world.clock.now()
    summary = world.sync(workers=2)
    assert (summary.exit_code, summary.fetched) == (5, 8)
    assert world.clock.now() - began < timedelta(minutes=5)
    assert summary.stopped
    world.expect_sums()
    assert not world.rows("SELECT * FROM dirty_days")


def test_five_transport_failures_in_a_row_stop_the_run(make_world: MakeWorld) -> None:
    """Where nothing comes through, the run does not try a hundred clips: exit 5, and most are untouched."""
    world = make_world(clips=100, page_limit=200)
    world.blink.faults.add(Fault(endpoint="clip", kind="reset"))
    summary = world.sync()
    assert summary.exit_code == 5
    assert len(summary.failures) < 15
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_an_expired_token_is_refreshed_once_for_all_workers(world: World) -> None:
    """The token dies in the middle of a run: one refresh, no password, and everything arrives."""
    passwords = world.blink.cloud.passwords_posted
    world.blink.faults.add(Fault(endpoint="clip", kind="expired_token", times=1, after=3))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (0, 12)
    refreshes = [r for r in world.blink.requests if r.grant_type == "refresh_token"]
    assert len(refreshes) == 1
    assert world.blink.cloud.passwords_posted == passwords
    world.expect_complete()


def test_a_refresh_that_fails_is_no_reason_to_sign_in(world: World) -> None:
    """5xx at the token endpoint is exit 5, the refresh token is kept, and the next run uses it."""
    world.blink.cloud.expire_tokens()
    world.blink.faults.add(Fault(endpoint="token", kind="status", status=503))
    summary = world.sync()
    assert summary.exit_code == 5
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_dead_refresh_token_asks_for_a_sign_in(world: World) -> None:
    """Only Blink's own refusal of the refresh token is exit 4; the password is not posted."""
    passwords = world.blink.cloud.passwords_posted
    world.blink.cloud.expire_tokens()
    world.blink.cloud.revoke_refresh_tokens()
    summary = world.sync()
    assert summary.exit_code == 4
    assert "blink-archive login" in (summary.stopped or "")
    assert world.blink.cloud.passwords_posted == passwords


def test_without_a_network_nothing_else_is_asked(world: World) -> None:
    """Where the homescreen's connection breaks, neither the listing nor any clip is asked for: exit 5."""
    world.sync(limit=0)
    world.blink.faults.add(Fault(endpoint="homescreen", kind="reset"))
    world.blink.forget_requests()
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (5, 0)
    assert {request.endpoint for request in world.blink.requests} == {"homescreen"}
    assert summary.stopped
    world.blink.faults.clear()
    assert world.sync().fetched == 12


def test_an_update_that_blink_demands_is_exit_5(world: World) -> None:
    """ "An app update is required" ends the run with exit 5 and says that this program needs an update."""
    world.blink.faults.add(Fault(endpoint="media_changed", kind="update_required"))
    summary = world.sync()
    assert summary.exit_code == 5
    assert "update" in (summary.stopped or "")


def test_a_handful_of_requests_at_a_time(make_world: MakeWorld) -> None:
    """There are never more requests under way than workers."""
    world = make_world(clips=60, latency=0.01)
    world.sync(workers=4)
    assert world.blink.max_in_flight <= 4


def test_a_rate_is_kept(make_world: MakeWorld) -> None:
    """`--max-rate` holds the average down: the bytes take at least their time."""
    world = make_world(clips=10)
    summary = world.sync(max_rate=100_000)
    assert sum(world.clock.slept) >= summary.bytes / 100_000 * 0.5


def test_no_secret_reaches_archive_log_or_output(world: World) -> None:
    """Tokens are in no file of the archive, in no log at any level, and in no output."""
    world.blink.faults.add(Fault(endpoint="clip", kind="html", times=1))
    log = world.root.parent / "log"
    secrets = _tokens(world)
    world.blink.cloud.expire_tokens()
    done = world.run("-vv", "--log-file", str(log), "sync")
    assert done.returncode == 3
    secrets |= _tokens(world)
    assert len(secrets) == 4
    haystacks = [done.stdout, done.stderr, log.read_text()]
    haystacks += [p.read_bytes().decode("latin-1") for p in world.root.rglob("*") if p.is_file()]
    assert "GET" in log.read_text()
    for secret in secrets | {world.settings.email, world.settings.password + "@"}:
        assert not [text for text in haystacks if secret in text]


def _tokens(world: World) -> set[str]:
    session = json.loads((world.state / "session-1100001.json").read_text())
    return {session["access_token"], session["refresh_token"]}


def test_a_cancelled_sync_keeps_what_is_complete(make_world: MakeWorld) -> None:
    """Cancelled in the middle, a run commits what has arrived whole, leaves no part behind, and says 130."""
    world = make_world(clips=30, latency=0.02)

    async def cancelled() -> Summary:
        task = asyncio.ensure_future(world._sync(Options()))
        while not world.files():  # noqa: ASYNC110 - nothing tells of a file by an event
            await asyncio.sleep(0.01)
        task.cancel()
        return await task

    summary = asyncio.run(cancelled())
    assert summary.exit_code == 130
    assert not list((world.root / ".incoming").iterdir())
    assert 0 < len(world.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL")) < 30
    world.sync()
    world.expect_complete()
