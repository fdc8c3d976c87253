"""The watermark: where the next walk begins, and what must not move it (promise 4)."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from blink_archive.client import Blink, Pacing, StateDir
from blink_archive.simulator import Fault
from blink_archive.sync.run import Options, Summary

from ..conftest import MakeWorld
from ..world import World


def since(world: World) -> datetime | None:
    """The watermark, in the catalog."""
    rows = world.rows("SELECT since FROM watermarks")
    return datetime.fromisoformat(rows[0]["since"]) if rows else None


def asked_since(world: World) -> list[str]:
    """What the listing was asked for, request by request."""
    return [
        parse_qs(request.query)["since"][0]
        for request in world.blink.requests
        if request.endpoint == "media_changed"
    ]


def test_it_is_the_servers_date_at_the_first_page(world: World) -> None:
    """After a finished walk the watermark is Blink's clock when the walk began."""
    before = world.clock.now()
    world.sync()
    mark = since(world)
    assert mark is not None
    assert before - timedelta(seconds=2) <= mark <= world.clock.now()


def page_times(world: World) -> list[float]:
    """When each page of the listing was asked for, by Blink's clock."""
    return [request.time for request in world.blink.requests if request.endpoint == "media_changed"]


def test_it_is_the_servers_clock_and_not_this_machines(make_world: MakeWorld) -> None:
    """Where Blink's clock is three hours behind this machine's, the watermark is Blink's `Date`."""
    world = make_world(page_limit=5)
    server = world.clock.now
    world.clock.now = lambda: server() + timedelta(hours=3)  # type: ignore[method-assign]
    world.sync(limit=0)
    first, second, *_ = page_times(world)
    mark = since(world)
    assert mark is not None
    assert int(first) <= mark.timestamp() <= second
    assert mark < world.clock.now() - timedelta(hours=2)


def test_it_is_the_first_pages_date_however_long_the_walk_takes(make_world: MakeWorld) -> None:
    """With half an hour from page to page the watermark is still the `Date` of the first one: what changed
    while the rest was read is listed by the next walk."""
    world = make_world(page_limit=5)
    world.blink.cloud.on_page = lambda page: world.clock.pass_by(minutes=0 if page == 1 else 30)
    world.sync(limit=0)
    first, second, *_ = page_times(world)
    mark = since(world)
    assert mark is not None
    assert int(first) <= mark.timestamp() <= second
    assert mark < world.clock.now() - timedelta(hours=1)


def test_the_next_walk_overlaps_by_an_hour(world: World) -> None:
    """The second walk asks for what changed since an hour before the watermark."""
    world.sync()
    mark = since(world)
    assert mark is not None
    world.blink.forget_requests()
    world.sync()
    assert asked_since(world)[0] == f"{mark - timedelta(hours=1):%Y-%m-%dT%H:%M:%S+0000}"


@pytest.mark.parametrize("kind", ["html", "json", "truncate", "reset"])
def test_a_walk_that_breaks_off_does_not_move_it(make_world: MakeWorld, kind: str) -> None:
    """A failure on the second page leaves the watermark; the run says so (exit 5), what was listed is
    recorded, and the next run lists the rest."""
    world = make_world(page_limit=5)
    world.blink.faults.add(Fault(endpoint="media_changed", kind=kind, match="page=2$"))
    summary = world.sync()
    assert summary.exit_code == 5
    assert since(world) is None
    assert summary.new == 5
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_later_walk_that_breaks_off_does_not_move_it_either(make_world: MakeWorld) -> None:
    """An incremental walk whose second page fails leaves the watermark where the last whole walk put it."""
    world = make_world(page_limit=5)
    world.sync(limit=0)
    mark = since(world)
    world.clock.pass_by(hours=30)
    for clip_id in world.blink.cloud.live_clips()[:8]:
        world.blink.cloud.touch(clip_id)
    broken = world.blink.faults.add(Fault(endpoint="media_changed", kind="html", match="page=2$"))
    summary = world.sync(limit=0)
    assert (summary.full_walk, summary.walk_finished, summary.account["listed"]) == (False, False, 5)
    assert world.blink.faults.fired(broken)
    assert since(world) == mark
    world.blink.faults.clear()
    world.sync(limit=0)
    assert since(world) != mark


def test_an_interrupted_walk_does_not_move_it(make_world: MakeWorld) -> None:
    """Ctrl-C while the second page is on its way: exit 130, and the watermark is the last whole walk's."""
    world = make_world(page_limit=5)
    world.sync(limit=0)
    mark = since(world)
    world.clock.pass_by(hours=2)

    async def cancelled() -> Summary:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(world._sync(Options(full=True)))
        heard = threading.Event()

        def cut() -> None:
            task.cancel()
            heard.set()

        def cut_at_the_second(page: int) -> None:  # in the simulator's thread: the page waits for it
            if page == 2:
                loop.call_soon_threadsafe(cut)
                assert heard.wait(10)

        world.blink.cloud.on_page = cut_at_the_second
        return await task

    summary = asyncio.run(cancelled())
    assert (summary.exit_code, summary.walk_finished, summary.account["listed"]) == (130, False, 5)
    assert since(world) == mark
    world.blink.cloud.on_page = None
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_short_page_is_not_the_end(world: World) -> None:
    """Pages of five, three, five and no entries: all thirteen are listed, and the walk is whole."""
    clips = [clip.id for clip in world.blink.cloud.clips()[:13]]
    for number, page in enumerate((clips[:5], clips[5:8], clips[8:], []), 1):
        body = {"limit": 5, "purge_id": 0, "media": [world.blink.cloud.item(clip) for clip in page]}
        world.blink.faults.add(
            Fault(endpoint="media_changed", kind="json", body=body, match=f"page={number}$")
        )
    summary = world.sync(limit=0)
    assert {row["origin_key"] for row in world.rows("SELECT * FROM clips")} == {str(clip) for clip in clips}
    assert (summary.exit_code, summary.walk_finished, summary.pages) == (0, True, 4)
    assert since(world) is not None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(endpoint="media_changed", kind="html"),
        Fault(endpoint="media_changed", kind="status", status=403),
        Fault(endpoint="homescreen", kind="status", status=403),
        Fault(endpoint="media_changed", kind="status", status=500),
    ],
    ids=lambda fault: f"{fault.endpoint} {fault.status or fault.kind}",
)
def test_a_broken_walk_still_lets_the_queue_be_fetched(make_world: MakeWorld, fault: Fault) -> None:
    """Where the listing is out of order but the network is there, what waits is fetched (exit 5)."""
    world = make_world(page_limit=5)
    world.sync(limit=2)
    world.blink.faults.add(fault)
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (5, 10)


def test_a_walk_that_is_told_when_to_come_back_ends_the_run(make_world: MakeWorld) -> None:
    """429 with Retry-After for the listing: nothing is fetched meanwhile either."""
    world = make_world(page_limit=5)
    world.sync(limit=2)
    world.blink.faults.add(Fault(endpoint="media_changed", kind="status", status=429, retry_after=120))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (5, 0)


def test_a_false_empty_list_does_not_move_it(world: World) -> None:
    """A well-formed empty first page, where there used to be clips, is not believed: a clip that it hid
    is found by the next run."""
    world.sync()
    mark = since(world)
    hidden = world.blink.cloud.add_clip()
    world.blink.faults.add(Fault(endpoint="media_changed", kind="empty_list", times=1))
    world.clock.pass_by(hours=30)
    world.sync()
    assert since(world) == mark
    world.sync()
    assert world.clip(hidden)["status"] == "archived"


def test_a_false_empty_full_walk_is_warned_of_and_not_believed(world: World) -> None:
    """A full walk that finds nothing where there was much moves nothing, loses nothing, and says so."""
    world.sync()
    mark = since(world)
    world.blink.faults.add(Fault(endpoint="media_changed", kind="empty_list", times=1))
    summary = world.sync(full=True)
    assert since(world) == mark
    assert "no clips at all" in summary.warnings[0]
    assert summary.account["gone"] == 0
    assert world.sync(full=True).full_walk
    world.expect_complete()


class Dateless(httpx.AsyncHTTPTransport):
    """A way to Blink on which the `Date` gets lost."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        del response.headers["Date"]
        return response


def test_an_answer_without_a_date_does_not_move_it(world: World) -> None:
    """A walk whose first page says no time leaves the watermark and is warned of; its clips are fetched."""
    world.sync()
    mark = since(world)
    world.clock.pass_by(hours=2)
    added = world.blink.cloud.add_clip()

    def cloud() -> Blink:
        return Blink.from_state(
            StateDir(world.state),
            api_url=world.blink.url,
            oauth_url=world.blink.url,
            pacing=Pacing.none(),
            now=world.clock.now,
            transport=Dateless(),
        )

    world.cloud = cloud  # type: ignore[method-assign]
    summary = world.sync()
    assert since(world) == mark
    assert [warning for warning in summary.warnings if "no date" in warning]
    assert world.clip(added)["status"] == "archived"


@pytest.mark.parametrize("days", [-2, 2])
def test_a_clock_that_is_a_day_off_does_not_move_it(make_world: MakeWorld, days: int) -> None:
    """A `Date` more than a day from the local clock is no watermark; clips are fetched all the same."""
    world = make_world()
    server = world.blink.cloud.settings
    assert server.now == world.clock.now
    machine = world.clock.now
    world.clock.now = lambda: machine() + timedelta(days=days)  # type: ignore[method-assign]
    summary = world.sync()
    assert since(world) is None
    assert "clock" in summary.warnings[0]
    assert summary.fetched == 12


def test_a_shifting_page_is_healed_by_the_next_full_walk(make_world: MakeWorld) -> None:
    """Clips purged while pages are read shift the rest, and one is never listed: the next full walk, a
    week later at most, finds it."""
    world = make_world(page_limit=4, clips=12, auto_delete_days=60)
    ids = sorted(world.blink.cloud.live_clips())

    def purge_two(page: int) -> None:
        if page == 2:
            world.blink.cloud.on_page = None
            for clip_id in ids[-2:]:
                world.blink.cloud.purge_clip(clip_id)

    world.blink.cloud.on_page = purge_two
    world.sync()
    missed = [i for i in ids[:-2] if not world.rows("SELECT 1 FROM clips WHERE origin_key = ?", str(i))]
    assert missed
    world.clock.pass_by(days=6, hours=23)
    assert not world.sync().full_walk
    world.clock.pass_by(hours=2)
    assert world.sync().full_walk
    assert all(world.clip(clip_id)["status"] == "archived" for clip_id in missed)


@pytest.mark.parametrize(("auto_delete_days", "due"), [(60, 7.0), (14, 14 / 3), (3, 1.0)])
def test_full_walks_are_due_by_what_blink_keeps(
    make_world: MakeWorld, auto_delete_days: int, due: float
) -> None:
    """One every min(7 days, a third of the account's `auto_delete_days`)."""
    world = make_world(clips=2, auto_delete_days=auto_delete_days, hostile=False)
    assert world.sync().full_walk
    world.clock.pass_by(days=due - 0.1)
    assert not world.sync().full_walk
    world.clock.pass_by(days=0.2)
    assert world.sync().full_walk


def test_a_full_walk_is_due_weekly_where_blink_does_not_say_how_long_it_keeps(make_world: MakeWorld) -> None:
    """Without `auto_delete_days` it is every seven days."""
    world = make_world(clips=2, hostile=False)
    home = {"account": {"id": 1100001}, "networks": [], "video_stats": {}}
    world.blink.faults.add(Fault(endpoint="homescreen", kind="json", body=home))
    assert world.sync().full_walk
    assert world.rows("SELECT auto_delete_days FROM accounts") == [{"auto_delete_days": None}]
    world.clock.pass_by(days=6.9)
    assert not world.sync().full_walk
    world.clock.pass_by(days=0.2)
    assert world.sync().full_walk


def test_a_list_that_repeats_itself_is_an_error_and_not_a_loop(make_world: MakeWorld) -> None:
    """A server that answers every page with the same entries ends the walk with exit 5."""
    world = make_world(page_limit=100)
    first = {"limit": 100, "purge_id": 0, "media": [{"id": 1, "created_at": "2026-11-01T00:00:00Z"}]}
    world.blink.faults.add(Fault(endpoint="media_changed", kind="json", body=first))
    summary = world.sync()
    assert summary.exit_code == 5
    assert "repeats itself" in (summary.stopped or "") + " ".join(summary.warnings)
    assert since(world) is None


def test_an_empty_first_run_moves_nothing(world: World) -> None:
    """A false empty list at the very first run: the watermark stays unset, and the next run sees all."""
    world.blink.faults.add(Fault(endpoint="media_changed", kind="empty_list", times=1))
    assert world.sync().exit_code == 0
    assert since(world) is None
    summary = world.sync()
    assert summary.full_walk
    world.expect_complete()


def test_an_empty_page_after_a_full_one_is_looked_at_twice(make_world: MakeWorld) -> None:
    """One false empty page in the middle of the list hides nothing: it is asked for once more."""
    world = make_world(page_limit=4)
    world.blink.faults.add(Fault(endpoint="media_changed", kind="empty_list", match="page=3$", times=1))
    world.sync()
    assert since(world) is not None
    world.expect_complete()


def test_pages_that_go_in_circles_end_the_walk(make_world: MakeWorld) -> None:
    """A list whose pages repeat by turns is an error (exit 5) and no loop."""
    world = make_world(page_limit=100)

    def page(number: int) -> dict[str, Any]:
        item = {"id": number, "created_at": "2026-11-01T00:00:00Z", "media": f"/{number}.mp4"}
        return {"limit": 1, "purge_id": 0, "media": [item]}

    world.blink.faults.add(
        Fault(endpoint="media_changed", kind="json", body=page(1), match="page=[0-9]*[13579]$")
    )
    world.blink.faults.add(
        Fault(endpoint="media_changed", kind="json", body=page(2), match="page=[0-9]*[02468]$")
    )
    summary = world.sync(limit=0)
    assert (summary.exit_code, summary.pages) == (5, 4)
    assert since(world) is None


@pytest.mark.parametrize("days", [10**10, 2**62, -1, 0, "x", None])
def test_an_absurd_retention_is_none(world: World, days: Any) -> None:
    """`auto_delete_days` of ten million years, or less than one, is taken as unsaid."""
    home = {"account": {"id": 1100001}, "networks": [], "video_stats": {"auto_delete_days": days}}
    world.blink.faults.add(Fault(endpoint="homescreen", kind="json", body=home))
    for _ in range(2):
        assert world.sync().exit_code == 0
    assert world.rows("SELECT auto_delete_days FROM accounts") == [{"auto_delete_days": None}]
