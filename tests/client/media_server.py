"""A media server of Blink's, as protocol.md 5 has it: TLS with a certificate that fits no name, and packets."""

from __future__ import annotations

import asyncio
import ssl
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

_PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghYckaFhtY/VZl4b1
5nvOjyU2nHrv7PELsedei/Gubm2hRANCAATpZzHTeSoZFOQnrJAsBNMIzRTsl87W
I+cEyVjNvvYbCIF9ld1NcdUSPxEQiTOUW86j7rzXakE0mLAX8pcLnrfl
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUSIGIMzEhj3zv67cxsR/vYa93ZdgwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbm9ib2R5J3MgbmFtZTAgFw0yNjExMjQyMTQ4NDFaGA8yMTI2
MTAzMTIxNDg0MVowGDEWMBQGA1UEAwwNbm9ib2R5J3MgbmFtZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABOlnMdN5KhkU5CeskCwE0wjNFOyXztYj5wTJWM2+9hsI
gX2V3U1x1RI/ERCJM5RbzqPuvNdqQTSYsBfylwuet+WjUzBRMB0GA1UdDgQWBBQM
WRm+R/e/LDagJZcNGO9O8tqbBjAfBgNVHSMEGDAWgBQMWRm+R/e/LDagJZcNGO9O
8tqbBjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCUiPXU4MGz
Wwc7JkcBwcFkesjNQ9DGSb9U5SZgMJd+BQIgcWxchtI2bnAZ2PE59NNGMhiKm8Wj
7yrcLRhF2x8B0dk=
-----END CERTIFICATE-----
"""
GREETING = 122


def ts_packets(count: int) -> bytes:
    """So many packets of MPEG-TS, as far as their first byte goes."""
    return b"".join(b"\x47" + bytes([number % 71] * 187) for number in range(count))


class MediaServer:
    """Listens while it is entered, takes one viewer after another, and says what it is told to."""

    def __init__(self) -> None:
        self.received = bytearray()  # from the last viewer
        self.left = 0  # viewers that are gone
        self.sequence = 0
        self._server: asyncio.Server
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> MediaServer:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(_PEM)
            pem.flush()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(Path(pem.name))
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._server.close()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"immis://127.0.0.1:{port}/NIE5YSJGOOOn__IMDS_G8T1000000000001?client_id=208"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.received.clear()
        try:
            while data := await reader.read(1 << 16):
                self.received += data
        except OSError:
            pass
        self.left += 1
        writer.transport.abort()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something to be so; a test that waits for nothing fails."""
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - the other end is waited for, which tells nothing
                await asyncio.sleep(0.001)

    async def greeted(self) -> bytes:
        """What the viewer said first."""
        await self.until(lambda: len(self.received) >= GREETING)
        return bytes(self.received[:GREETING])

    def packets(self) -> list[tuple[int, int, bytes]]:
        """What the viewer sent after that: type, sequence and payload."""
        found, rest = [], bytes(self.received[GREETING:])
        while len(rest) >= 9:
            kind, sequence, length = struct.unpack(">BII", rest[:9])
            found.append((kind, sequence, rest[9 : 9 + length]))
            rest = rest[9 + length :]
        assert not rest
        return found

    def say(self, payload: bytes, *, kind: int = 0) -> None:
        """Send a packet."""
        self.sequence += 1
        self.say_bytes(struct.pack(">BII", kind, self.sequence, len(payload)) + payload)

    def say_bytes(self, data: bytes) -> None:
        """Send anything."""
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        """End the connection, once everything is sent."""
        assert self._writer is not None
        self._writer.close()

    def cut_off(self) -> None:
        """End the connection as a crash does."""
        assert self._writer is not None
        self._writer.transport.abort()


class Mute:
    """Something else at the address of a media server: it says ``first`` and then nothing."""

    def __init__(self, first: bytes = b"") -> None:
        self._first = first
        self._open = 0
        self._server: asyncio.Server
        self.reached = asyncio.Event()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"immis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/abc?client_id=1"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        async with asyncio.timeout(10):
            while self._open:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self.reached.set()
        writer.write(self._first)
        try:
            await reader.read()
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass
        self._open -= 1


class Hands:
    """A clock that stands still until the test moves it, and then wakes who sleeps in turn."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.time

    @property
    def asleep(self) -> int:
        """How many sleep just now."""
        return sum(not waking.done() for _, waking in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, waking))
        await waking

    async def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass, and what is due in them happen."""
        end = self.time + seconds
        while True:
            await settled()
            self._sleepers = [each for each in self._sleepers if not each[1].done()]
            due = [each for each in self._sleepers if each[0] <= end]
            if not due:
                break
            self.time = min(at for at, _ in due)
            for at, waking in due:
                if at == self.time:
                    waking.set_result(None)
        self.time = end
        await settled()


async def settled() -> None:
    """Let everything happen that can happen by now."""
    for _ in range(60):
        await asyncio.sleep(0)
