"""A live view from the player's side, against a media server and a Blink of this room's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive.client import Blink
from blink_archive.client.liveview import begin_live_view, live_stream
from blink_archive.errors import (
    CommandFailed,
    NetworkError,
    NotSignedIn,
    UnexpectedAnswer,
    UnsafeAddress,
)
from blink_archive.model import Camera, LiveView
from tests.protocol.samples import SAMPLES

from .fake import FakeBlink, cloud, signed_in
from .media_server import Hands, MediaServer, Mute, settled, ts_packets

COMMAND = "/network/2100001/command/750082093"
DONE, UPDATE = f"{COMMAND}/done/", f"{COMMAND}/update/"
KEEP_ALIVE, LATENCY = 0x0A, 0x12
RUNNING = SAMPLES["command_status_running"]
FAILED = RUNNING | {"complete": True, "status_code": 523, "status_msg": "Live view failed"}


class Scene:
    """A signed-in account, a media server and a clock, for one live view."""

    def __init__(self, blink: FakeBlink, client: Blink, media: MediaServer) -> None:
        self.blink = blink
        self.client = client
        self.media = media
        self.hands = Hands()

    def view(self, **changes: Any) -> LiveView:
        fields = {
            "command_id": 750082093,
            "network_id": 2100001,
            "server": self.media.url,
            "duration": 300,
            "continue_interval": 30,
            "polling_interval": 15,
            "raw": {},
        }
        return LiveView(**fields | changes)

    @asynccontextmanager
    async def watching(
        self, *, patience: float = 30.0, seconds: float | None = None, **changes: Any
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with live_stream(
            self.client.commands,
            self.view(**changes),
            seconds=seconds,
            patience=patience,
            clock=self.hands,
            sleep=self.hands.sleep,
        ) as chunks:
            await self.media.greeted()
            yield chunks

    def answers(
        self, answer: dict[str, Any] | httpx.Response, path: str = COMMAND, *, times: int = 1
    ) -> None:
        for _ in range(times):
            self.blink.say(path, httpx.Response(200, json=answer) if isinstance(answer, dict) else answer)

    def asked(self, path: str) -> int:
        return len(self.blink.to(path))


Watch = Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], Scene]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """Plays a scene, and makes sure that it ended as each must: at Blink, and at the media server."""

    def play(script: Callable[[Scene], Coroutine[Any, Any, None]]) -> Scene:
        async def main() -> Scene:
            blink = FakeBlink()
            async with cloud(signed_in(tmp_path), blink) as client, MediaServer() as media:
                scene = Scene(blink, client, media)
                await script(scene)
                assert scene.asked(DONE) == 1, "the live view was not ended at Blink, once"
                assert blink.requests[-1].url.path == DONE
                if media.received:
                    await media.until(lambda: media.left)
                return scene

        return asyncio.run(main(), debug=False)

    return play


def test_what_is_watched_is_the_video_and_nothing_else(watch: Watch) -> None:
    """Type 0 that begins with 0x47 comes out, in order and whole, however large and however cut up on its
    way; other types, and what does not begin so, do not. The server's end is the stream's."""
    video = [ts_packets(7), ts_packets(1), ts_packets(5000), b"\x47", ts_packets(7)]

    async def script(scene: Scene) -> None:
        async with scene.watching() as chunks:
            media = scene.media
            media.say(video[0])
            media.say(b"\x47 of another type", kind=0x18)
            media.say(b"no sync byte")
            media.say(b"")
            media.say_bytes(bytes.fromhex("00 0000"))
            await settled()
            media.say_bytes(bytes.fromhex("0001 000000bc") + video[1][:50])
            await settled()
            media.say_bytes(video[1][50:])
            for payload in video[2:]:
                media.say(payload)
            media.hang_up()
            assert [chunk async for chunk in chunks] == video

    watch(script)


def test_the_greeting_comes_first(watch: Watch) -> None:
    """The first bytes are the 122 of protocol.md 5, made of the address; then packets."""

    async def script(scene: Scene) -> None:
        async with scene.watching():
            said = await scene.media.greeted()
            assert said[:4] == bytes.fromhex("00000028")
            assert said[8:24] == b"G8T1000000000001"
            assert said[24:30] == bytes.fromhex("000000d00108")
            assert said[102:118] == b"NIE5YSJGOOOn\0\0\0\0"
            await settled()
            assert [kind for kind, _, _ in scene.media.packets()] == [KEEP_ALIVE, LATENCY]

    watch(script)


def test_no_token_goes_to_the_media_server(watch: Watch) -> None:
    """Nothing of the session is among the bytes that the media server gets, and the field that the greeting
    has for a token is empty: its certificate is not verified."""

    async def script(scene: Scene) -> None:
        async with scene.watching():
            await scene.hands.pass_by(60)
            got = bytes(scene.media.received)
            assert len(got) > 122
            for secret in (scene.client.session.access_token, scene.client.session.refresh_token):
                assert secret.encode() not in got
            assert got[34:98] == bytes(64)

    watch(script)


def test_blink_is_told_every_second_that_somebody_watches(watch: Watch) -> None:
    """Statistics every second, a keep-alive every ten, with a sequence that rises from 1."""

    async def script(scene: Scene) -> None:
        async with scene.watching():
            scene.media.say(ts_packets(7))
            await scene.hands.pass_by(29.5)
            await scene.media.until(lambda: len(scene.media.received) >= 122 + 30 * 33 + 3 * 9)
            sent = scene.media.packets()
            assert [sequence for kind, sequence, _ in sent if kind == KEEP_ALIVE] == [1, 2, 3]
            assert sum(kind == LATENCY for kind, _, _ in sent) == 30
            assert {(sequence, payload) for kind, sequence, payload in sent if kind == LATENCY} == {
                (1000, bytes(24))
            }
            at = [number for number, (kind, _, _) in enumerate(sent) if kind == KEEP_ALIVE]
            assert at == [0, 11, 22]

    watch(script)


@pytest.mark.parametrize(("interval", "times"), [(15, 4), (20, 3), (None, 4), (0, 4), (1, 12), (-3, 12)])
def test_the_command_is_looked_at(watch: Watch, interval: int | None, times: int) -> None:
    """The command is looked at every `polling_interval`, every 15 s where there is none, and never more often
    than every 5 s, whatever Blink says."""

    async def script(scene: Scene) -> None:
        scene.answers(RUNNING, times=times)
        async with scene.watching(polling_interval=interval, continue_interval=None, patience=99):
            await scene.hands.pass_by(60)
            assert scene.asked(COMMAND) == times
            assert scene.asked(UPDATE) == 0

    watch(script)


def test_blink_is_asked_to_go_on(watch: Watch) -> None:
    """Whoever watches without an end asks for it within each `continue_interval`."""

    async def script(scene: Scene) -> None:
        scene.answers({"message": "ok"}, UPDATE, times=4)
        async with scene.watching(patience=999):
            for asked in (1, 2, 3, 4):
                await scene.hands.pass_by(20)
                assert scene.asked(UPDATE) == asked

    watch(script)


@pytest.mark.parametrize(("seconds", "times"), [(10, 0), (25, 0), (31, 1), (50, 1), (51, 2)])
def test_blink_is_asked_only_for_as_long_as_is_wanted(watch: Watch, seconds: int, times: int) -> None:
    """Whoever wants no more than what is left of a `continue_interval` does not ask for more."""

    async def script(scene: Scene) -> None:
        scene.answers({"message": "ok"}, UPDATE, times=times)
        async with scene.watching(seconds=seconds) as chunks:
            scene.media.say(ts_packets(7))
            await anext(chunks)
            ending = asyncio.ensure_future(anext(chunks, None))
            for _ in range(2 * seconds + 4):
                await scene.hands.pass_by(0.5)
                if scene.hands.time < seconds:
                    scene.media.say(b"", kind=0x18)
            assert await ending is None
            assert scene.asked(UPDATE) == times

    watch(script)


def test_it_goes_on_where_blink_does_not_answer(watch: Watch) -> None:
    """A look at the command, or a question to go on, that fails ends nothing while video comes."""

    async def script(scene: Scene) -> None:
        scene.answers(httpx.Response(404, json={}), times=2)
        scene.answers(httpx.Response(500), UPDATE, times=2)
        async with scene.watching(patience=99) as chunks:
            scene.media.say(ts_packets(1))
            await anext(chunks)
            await scene.hands.pass_by(44)
            assert (scene.asked(COMMAND), scene.asked(UPDATE)) == (2, 2)
            scene.media.say(ts_packets(2))
            assert await anext(chunks) == ts_packets(2)

    watch(script)


def test_the_end_of_the_command_is_the_end(watch: Watch) -> None:
    """When Blink says that the command is complete, what has arrived is still given, and the stream ends."""

    async def script(scene: Scene) -> None:
        scene.answers(RUNNING)
        scene.answers(RUNNING | {"complete": True})
        async with scene.watching() as chunks:
            scene.media.say(ts_packets(1))
            scene.media.say(ts_packets(2))
            await scene.hands.pass_by(29)
            assert await anext(chunks) == ts_packets(1)
            await scene.hands.pass_by(2)
            assert [chunk async for chunk in chunks] == [ts_packets(2)]

    watch(script)


def test_the_end_of_the_command_in_a_packet(watch: Watch) -> None:
    """When Blink ends it, the half of a packet that had arrived is no trouble."""

    async def script(scene: Scene) -> None:
        scene.answers(RUNNING | {"complete": True})
        async with scene.watching() as chunks:
            scene.media.say(ts_packets(1))
            assert await anext(chunks) == ts_packets(1)
            ending = asyncio.ensure_future(anext(chunks, None))
            scene.media.say_bytes(bytes.fromhex("00 00000001 00000100") + b"\x47half")
            await settled()
            await scene.hands.pass_by(16)
            assert await ending is None

    watch(script)


def test_a_command_that_failed(watch: Watch) -> None:
    """When Blink says that the live view failed, that is the error, in Blink's words."""

    async def script(scene: Scene) -> None:
        scene.answers(FAILED)
        with pytest.raises(CommandFailed, match=r"Live view failed.*523"):
            async with scene.watching() as chunks:
                ending = asyncio.ensure_future(anext(chunks))
                await scene.hands.pass_by(16)
                await ending

    watch(script)


def test_why_nothing_came(watch: Watch) -> None:
    """Where the connection ends before any video, Blink is asked why."""

    async def script(scene: Scene) -> None:
        scene.answers(FAILED)
        with pytest.raises(CommandFailed, match="Live view failed"):
            async with scene.watching() as chunks:
                scene.media.say(b"hello", kind=0x18)
                scene.media.hang_up()
                await anext(chunks)

    watch(script)


def test_it_ends_after_so_many_seconds(watch: Watch) -> None:
    """`seconds` count from the first video; the camera's waking up is not part of them. Nothing that comes
    later is given, and silence does not prolong it."""

    async def script(scene: Scene) -> None:
        async with scene.watching(seconds=5) as chunks:
            await scene.hands.pass_by(20)
            scene.media.say(ts_packets(1))
            assert await anext(chunks) == ts_packets(1)
            await scene.hands.pass_by(4)
            scene.media.say(ts_packets(2))
            assert await anext(chunks) == ts_packets(2)
            scene.media.say(ts_packets(3))
            await settled()
            scene.hands.time += 1
            assert await anext(chunks, None) is None

    watch(script)


def test_silence_does_not_prolong_it(watch: Watch) -> None:
    """The end comes also where nothing is received by then."""

    async def script(scene: Scene) -> None:
        async with scene.watching(seconds=5) as chunks:
            scene.media.say(ts_packets(1))
            await anext(chunks)
            ending = asyncio.ensure_future(anext(chunks, None))
            await scene.hands.pass_by(6)
            assert await ending is None

    watch(script)


def test_a_server_that_falls_silent(watch: Watch) -> None:
    """Nothing at all for longer than the patience is a NetworkError; a reader that takes its time is not."""

    async def script(scene: Scene) -> None:
        with pytest.raises(NetworkError, match="silent"):
            async with scene.watching(patience=10, continue_interval=None) as chunks:
                scene.media.say(ts_packets(1))
                scene.media.say(ts_packets(2))
                await anext(chunks)
                await scene.hands.pass_by(60)
                assert await anext(chunks) == ts_packets(2)
                waiting = asyncio.ensure_future(anext(chunks))
                await scene.hands.pass_by(9)
                assert not waiting.done()
                await scene.hands.pass_by(3)
                await waiting

    watch(script)


def test_a_packet_too_long(watch: Watch) -> None:
    """A packet that announces more than a megabyte is refused, not waited for."""

    async def script(scene: Scene) -> None:
        with pytest.raises(UnexpectedAnswer):
            async with scene.watching() as chunks:
                scene.media.say_bytes(bytes.fromhex("00 00000001 00100001"))
                await anext(chunks)

    watch(script)


@pytest.mark.parametrize(
    "sent", [bytes.fromhex("00 0000"), bytes.fromhex("00 00000001 00000100") + b"\x47half"]
)
def test_a_connection_that_ends_in_a_packet(watch: Watch, sent: bytes) -> None:
    """An end in the middle of a header or payload is a NetworkError; the half is not given."""

    async def script(scene: Scene) -> None:
        with pytest.raises(NetworkError):
            async with scene.watching() as chunks:
                scene.media.say(ts_packets(1))
                scene.media.say_bytes(sent)
                scene.media.hang_up()
                assert await anext(chunks) == ts_packets(1)
                await anext(chunks)

    watch(script)


def test_a_server_that_is_not_there(watch: Watch) -> None:
    """A refused connection is a NetworkError that names the host; the live view is ended at Blink."""

    async def script(scene: Scene) -> None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        with pytest.raises(NetworkError, match=r"127\.0\.0\.1"):
            async with scene.watching(server=f"immis://127.0.0.1:{port}/abc?client_id=1"):
                pytest.fail("there is nothing to watch")

    watch(script)


@pytest.mark.parametrize(("first", "patience"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", 30), (b"", 0.02)])
def test_a_server_that_does_not_speak_tls(watch: Watch, first: bytes, patience: float) -> None:
    """Something else at that address, or nothing in time, is a NetworkError."""

    async def script(scene: Scene) -> None:
        async with Mute(first) as url:
            with pytest.raises(NetworkError):
                async with scene.watching(server=url, patience=patience):
                    pytest.fail("there is nothing to watch")

    watch(script)


@pytest.mark.parametrize(
    ("server", "error"),
    [
        ("immis://a..b/abc", UnsafeAddress),
        ("immis://192.0.2.10/", UnexpectedAnswer),
        ("rtsps://192.0.2.10/x", UnexpectedAnswer),
    ],
)
def test_an_address_that_is_none(watch: Watch, server: str, error: type[Exception]) -> None:
    """Nothing is sent to what is no address; the live view is ended at Blink."""

    async def script(scene: Scene) -> None:
        with pytest.raises(error):
            async with scene.watching(server=server):
                pytest.fail("there is nothing to watch")
        assert not scene.media.received

    watch(script)


def test_a_sign_in_that_ends_meanwhile(watch: Watch) -> None:
    """Where Blink wants a new sign-in, the stream ends with that."""

    async def script(scene: Scene) -> None:
        scene.blink.access = scene.blink.refresh = "another"
        with pytest.raises(NotSignedIn):
            async with scene.watching() as chunks:
                scene.media.say(ts_packets(1))
                await anext(chunks)
                waiting = asyncio.ensure_future(anext(chunks))
                await scene.hands.pass_by(16)
                await scene.media.until(waiting.done)
                scene.blink.access = scene.client.session.access_token
                await waiting

    watch(script)


def test_it_is_ended_however_it_is_left(watch: Watch) -> None:
    """Left early, or by an error of whoever watches, the live view is ended at Blink and the server left."""

    async def script(scene: Scene) -> None:
        with pytest.raises(ZeroDivisionError):
            async with scene.watching() as chunks:
                scene.media.say(ts_packets(1))
                await anext(chunks)
                raise ZeroDivisionError

    watch(script)


@pytest.mark.parametrize("while_connecting", [False, True])
def test_it_is_ended_after_ctrl_c(watch: Watch, while_connecting: bool) -> None:
    """Cancelled while it waits for video, or for the connection: ended at Blink all the same."""

    async def script(scene: Scene) -> None:
        mute = Mute()

        async def watch_for_ever(**changes: Any) -> None:
            async with scene.watching(**changes) as chunks:
                mute.reached.set()
                async for _ in chunks:
                    pass

        async with mute as url:
            changes = {"server": url} if while_connecting else {}
            watching = asyncio.ensure_future(watch_for_ever(**changes))
            await mute.reached.wait()
            await settled()
            watching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await watching

    watch(script)


def test_a_goodbye_that_fails_hides_nothing(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Where Blink does not take the end of a live view, the log says so, and what was wrong before is the
    error."""

    async def script(scene: Scene) -> None:
        scene.answers(httpx.Response(500), DONE)
        with pytest.raises(ZeroDivisionError), caplog.at_level(logging.WARNING):
            async with scene.watching():
                raise ZeroDivisionError
        assert "not ended at Blink" in caplog.text

    watch(script)


def test_ctrl_c_while_blink_is_answering(watch: Watch) -> None:
    """Cancelled between the question for a live view and its answer, the live view is ended at Blink."""

    async def script(scene: Scene) -> None:
        asked, answer = asyncio.Event(), asyncio.Event()
        camera = Camera(1, 2100001, "owl", "Front door", "owl", None, None, None, None, None, None, {})
        liveview = scene.client.cameras.liveview

        async def slowly(camera: Camera) -> LiveView:
            asked.set()
            await answer.wait()
            return await liveview(camera)

        scene.client.cameras.liveview = slowly  # type: ignore[method-assign]
        path = "/api/v2/accounts/1100001/networks/2100001/owls/1/liveview"
        scene.answers(SAMPLES["liveview"], path)
        beginning = asyncio.ensure_future(
            begin_live_view(scene.client.cameras, scene.client.commands, camera)
        )
        await asked.wait()
        beginning.cancel()
        await settled()
        assert not beginning.done()
        answer.set()
        with pytest.raises(asyncio.CancelledError):
            await beginning

    watch(script)
