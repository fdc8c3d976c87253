"""A live view through the real client and real HTTP: the simulator finds nothing wrong with it."""

from __future__ import annotations

import asyncio

import pytest

from blink_archive.client.liveview import begin_live_view, live_stream

from ..conftest import MakeWorld
from ..ts import frames
from ..world import World
from .media_server import Hands


@pytest.fixture
def live(make_world: MakeWorld) -> World:
    return make_world(hostile=False, clips=0, liveview="immis", liveview_speed=20)


@pytest.mark.parametrize("family", ["camera", "owl", "doorbell"])
def test_each_family(live: World, family: str) -> None:
    """A camera of each family is watched for some seconds; every byte that was sent is as protocol.md 5 has
    it, what came decodes, and the live view is done at Blink."""
    video = bytearray()

    async def watch() -> None:
        async with live.cloud() as blink:
            home = await blink.homescreen()
            camera = next(each for each in home.cameras if each.family == family)
            view = await begin_live_view(blink.cameras, blink.commands, camera)
            async with live_stream(blink.commands, view, seconds=0.5) as chunks:
                async for chunk in chunks:
                    video.extend(chunk)

    asyncio.run(watch())
    assert frames(bytes(video)) > 20
    (seen,) = live.blink.cloud.live_views.values()
    assert seen.camera.family == family
    assert seen.ended is not None
    (connection,) = live.blink.immis.connections
    assert connection.violations == []
    assert [each.sequence for each in connection.keep_alives] == [1]
    assert connection.latencies


def test_minutes(live: World) -> None:
    """Over minutes of a clock that is moved by hand, Blink is told every ten seconds that somebody watches, its
    command is looked at every 15 s, and it is asked to go on every 20 s."""
    hands = Hands()

    async def watch() -> None:
        async with live.cloud() as blink:
            home = await blink.homescreen()
            view = await begin_live_view(blink.cameras, blink.commands, home.cameras[0])
            stream = live_stream(blink.commands, view, patience=999, clock=hands, sleep=hands.sleep)
            async with stream as chunks:
                await anext(chunks)
                for second in range(1, 61):
                    await hands.pass_by(1)
                    async with asyncio.timeout(10):
                        expected = second // 10 + 1, second + 1, second // 15, second // 20
                        while told(live) != expected or hands.asleep < 3:  # noqa: ASYNC110 - another thread is waited for
                            await asyncio.sleep(0.001)
                assert await anext(chunks)

    asyncio.run(watch())
    assert told(live) == (7, 61, 4, 3)
    (connection,) = live.blink.immis.connections
    assert [each.sequence for each in connection.keep_alives] == [1, 2, 3, 4, 5, 6, 7]
    assert connection.violations == []


def told(live: World) -> tuple[int, int, int, int]:
    """What Blink was told of the one live view: keep-alives, statistics, looks at its command, and how often it
    was asked to go on."""
    (seen,) = live.blink.cloud.live_views.values()
    (connection,) = live.blink.immis.connections
    looks = sum(request.endpoint == "command" for request in live.blink.requests)
    return len(connection.keep_alives), len(connection.latencies), looks, seen.extensions
