"""The cloud on a port of this machine: in a thread for tests, or in the foreground for a process."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from random import Random
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import Answer, Call
from blink_archive.simulator.faults import WIRE_KINDS, Fault, Faults, fault_answer
from blink_archive.simulator.immis import Immis
from blink_archive.simulator.routes import answer, find
from blink_archive.simulator.settings import Settings
from blink_archive.simulator.wire import LinkedProtocol, break_answer, damaged, send_answer

LOOPBACK = "127.0.0.1"
KEPT_REQUESTS = 200_000
AUTH_HEADERS = ("authorization", "token_auth", "token-auth")


@dataclass(slots=True, kw_only=True)
class Request:
    """What a test may want to know of a request that came."""

    method: str
    path: str
    query: str
    endpoint: str
    """Name in the table of routes; `unknown` where no route fits."""
    had_auth: bool
    """Whether a header carried a token, valid or not."""
    host: str
    time: float
    """Unix seconds by the cloud's clock."""
    grant_type: str | None = None
    """Of posts to the token endpoint."""
    status: int | None = None
    """Of the answer; None while there is none, and for a connection that was reset before."""


class Application:
    """The ASGI application: takes a request, asks faults and routes, sends the answer."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self.settings = settings
        self.cloud = Cloud(settings)
        self.immis = Immis(self.cloud) if settings.liveview == "immis" else None
        self.faults = faults
        self.requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.in_flight = 0
        self.max_in_flight = 0
        self.stopping = False
        self._rng = Random(settings.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await self._serve(scope, receive, send)
        except asyncio.CancelledError:
            if not self.stopping:
                raise
        finally:
            self.in_flight -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint, params = find(scope["method"], scope["path"])
        name = endpoint.name if endpoint else "unknown"
        query = scope["query_string"].decode("latin-1")
        headers = Headers(scope=scope)
        record = Request(
            method=scope["method"], path=scope["path"], query=query, endpoint=name,
            had_auth=any(header in headers for header in AUTH_HEADERS), host=headers.get("host", ""),
            time=self.settings.now().timestamp(),
        )  # fmt: skip
        self.requests.append(record)
        if self.settings.latency:
            await asyncio.sleep(self.settings.latency)
        body = await _body(receive) if scope["method"] != "GET" else b""
        call = Call(scope["method"], scope["path"], query, headers, params, body)
        if name == "token":
            record.grant_type = (call.form or {}).get("grant_type")

        fault = self.faults.pick(name, f"{call.path}?{query}" if query else call.path)
        if fault is None:
            reply = answer(self.cloud, call, endpoint=endpoint)
        elif fault.kind not in WIRE_KINDS:
            reply = fault_answer(fault, call, cloud=self.cloud)
        elif fault.kind == "reset" and fault.part == 0:
            reply = Answer(0, ())  # nothing happens in the cloud, and nothing is said
        else:
            reply = answer(self.cloud, call, endpoint=endpoint)
        record.status = reply.status or None
        date = format_datetime(self.settings.now().astimezone(UTC), usegmt=True)
        await self._send(fault, reply, date=date, link=scope["state"]["link"], send=send)

    async def _send(
        self,
        fault: Fault | None,
        reply: Answer,
        *,
        date: str,
        link: LinkedProtocol,
        send: Send,
    ) -> None:
        match fault:
            case Fault(kind="corrupt"):
                await send_answer(send, damaged(fault, reply, rng=self._rng), date=date)
            case Fault(kind="wrong_length", length="chunked"):
                await send_answer(send, reply, date=date, with_length=False)
            case Fault(kind=kind) if kind in WIRE_KINDS:
                await break_answer(fault, reply, link=link, date=date)
            case _:
                await send_answer(send, reply, date=date)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


class _Server(uvicorn.Server):
    """uvicorn without its ticks: it stops when told, at once, and says nothing."""

    def __init__(self, application: Application, on_started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            application, http=LinkedProtocol, ws="none", lifespan="off", log_config=None, log_level="error",
            access_log=False, proxy_headers=False, server_header=False, date_header=False,
            timeout_keep_alive=30,
        )  # fmt: skip
        super().__init__(config)
        self._application = application
        self._on_started = on_started
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End the server; from any thread, or from a signal."""
        self.should_exit = True
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def main_loop(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        if self._application.immis is not None:
            await self._application.immis.start()
        self._on_started()
        if not self.should_exit:
            await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.stopping = True
        if self._application.immis is not None:
            await self._application.immis.stop()
        for server in self.servers:
            server.close()
        links = [link for link in self.server_state.connections if isinstance(link, LinkedProtocol)]
        for link in links:
            link.transport.abort()
        for link in links:
            await link.lost.wait()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the server and are not raised again: to stop is what was asked for."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(_: int, __: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback, and nowhere else. OSError where the port is taken."""
    # The protocol is named because asyncio sets TCP_NODELAY only where it is.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


class Simulator:
    """A Blink cloud in a thread of this process, on a free port of loopback.

        with Simulator(Settings(clips=10)) as sim:
            httpx.get(f"{sim.url}/api/v1/users/tier_info")

    `sim.url` is the base URL of both hosts, OAuth and REST.
    """

    def __init__(self, settings: Settings | None = None, *, faults: Faults | None = None) -> None:
        self.settings = settings or Settings()
        self.faults = faults or Faults(seed=self.settings.seed)
        self._application = Application(self.settings, self.faults)
        self.cloud = self._application.cloud
        self.url = ""
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def requests(self) -> list[Request]:
        """The requests so far in the order they came, 200,000 at most; a snapshot."""
        return list(self._application.requests)

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at one time."""
        return self._application.max_in_flight

    @property
    def immis(self) -> Immis | None:
        """The server of live views, where `Settings.liveview` is immis."""
        return self._application.immis

    def forget_requests(self) -> None:
        """Begin the list and the peak again."""
        self._application.requests.clear()
        self._application.max_in_flight = self._application.in_flight

    def start(self) -> None:
        """Listen, and return when connections are accepted."""
        listening = _listen(0)
        started = threading.Event()
        self._server = _Server(self._application, started.set)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="blink-simulator", daemon=True
        )
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the simulator did not start")
        self.url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(10)
            self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def run(
    settings: Settings,
    *,
    port: int = 0,
    faults: Faults | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; a `port` of 0 is any free one.

    `on_listening` is called with the URL once connections are accepted. OSError where the port is taken.
    """
    listening = _listen(port)
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    application = Application(settings, faults or Faults(seed=settings.seed))
    _Server(application, lambda: on_listening(url) if on_listening else None).run([listening])
