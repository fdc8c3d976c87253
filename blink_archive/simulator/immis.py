"""The server of immis live views (protocol.md 5): TLS, a greeting, pictures, a record of what came."""

import asyncio
import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass, field
from functools import partial

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.liveview import DURATION, IMMIS_CLIENT, LiveView, find_connection
from blink_archive.simulator.ts import live_loop

GREETING = struct.Struct(">4sI16sI2sI64sI16s4s")
HEADER = struct.Struct(">BII")
"""Type, sequence, length of the payload."""

VIDEO, KEEP_ALIVE, LATENCY = 0x00, 0x0A, 0x12
LATENCY_SEQUENCE = 1000
LATENCY_PAYLOAD = bytes(24)
LONGEST_PAYLOAD = 65536
KEEP_ALIVE_WITHIN = 30
"""Seconds by the cloud's clock."""

OTHER_EVERY = 25
OTHERS = ((KEEP_ALIVE, b""), (0x05, b"\x47" + bytes(23)))
"""What comes between the pictures and is none of them, though one begins as they do."""

LOOK_EVERY = 0.05
"""Seconds between looks at whether a live view is over."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    time: float
    sequence: int


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection, as it goes on. Times are Unix seconds by the cloud's clock."""

    opened: float
    greeting: bytes = b""
    """As much as came of it."""
    command_id: int | None = None
    """Of the live view; None where the greeting was refused."""
    keep_alives: list[KeepAlive] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """When latency statistics came."""
    violations: list[str] = field(default_factory=list)
    """Everything that protocol.md does not allow, in words."""
    closed: float | None = None
    reason: str = ""
    """Why it ended: tls, greeting, client, done, keep-alive, duration, violation, stopped."""


class GreetingRefused(ValueError):
    """A greeting that is not just as it should be; the message says where."""


def check_greeting(cloud: Cloud, greeting: bytes) -> int:
    """The command of the live view that a greeting is for. GreetingRefused for any other bytes."""
    magic, serial_length, serial, client, fixed, token_length, token, id_length, connection, trailer = (
        GREETING.unpack(greeting)
    )
    constants = [
        ("magic number", magic, b"\0\0\0\x28"),
        ("length of the serial", serial_length, 16),
        ("client_id", client, IMMIS_CLIENT),
        ("fixed bytes", fixed, b"\x01\x08"),
        ("length of the token", token_length, 64),
        ("token", token, bytes(64)),
        ("length of the connection id", id_length, 16),
        ("trailer", trailer, b"\0\0\0\x01"),
    ]
    for name, given, expected in constants:
        if given != expected:
            raise GreetingRefused(f"{name}: {given!r}")
    with cloud.lock:
        command_id = find_connection(cloud.live_views, connection.rstrip(b"\0").decode("latin-1"))
        if command_id is None:
            raise GreetingRefused(f"connection id: {connection!r}")
        if serial != cloud.live_views[command_id].camera.serial.encode().ljust(16, b"\0"):
            raise GreetingRefused(f"serial: {serial!r}")
    return command_id


class Immis:
    """The server. It runs in the loop that starts it, and `connections` are all that came, in order."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.connections: list[Connection] = []
        self._listening: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._talks: set[asyncio.Task[None]] = set()

    def _now(self) -> float:
        return self._cloud.settings.now().timestamp()

    async def start(self) -> None:
        """Listen on a free port of loopback, with a certificate that nobody trusts."""
        import trustme  # slow to load, and for this alone

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._cloud.immis_address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._accepting = asyncio.create_task(self._accept(self._listening, context))

    async def stop(self) -> None:
        """Cut every connection."""
        self._cloud.immis_address = None
        talks = [*self._talks]
        for task in (self._accepting, *talks):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (self._accepting, *talks) if task), return_exceptions=True)
        if self._listening is not None:
            self._listening.close()

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        # Not asyncio.start_server: that has no hold of a connection before its TLS handshake is done.
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listening)
            talk = asyncio.create_task(self._talk(client, context))
            self._talks.add(talk)
            talk.add_done_callback(partial(self._hang_up, client))

    def _hang_up(self, client: socket.socket, talk: asyncio.Task[None]) -> None:
        self._talks.discard(talk)
        client.close()

    async def _talk(self, client: socket.socket, context: ssl.SSLContext) -> None:
        """One connection, from the handshake to its end."""
        connection = Connection(opened=self._now())
        self.connections.append(connection)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        except OSError as error:
            connection.violations.append(f"TLS: {error}")
            self._close(connection, "tls")
            return
        except asyncio.CancelledError:
            self._close(connection, "stopped")
            raise
        try:
            self._close(connection, await self._serve(connection, reader, writer))
            with contextlib.suppress(OSError):
                writer.close()
                await writer.wait_closed()
        except asyncio.CancelledError:
            self._close(connection, "stopped")
            raise
        finally:
            transport.abort()

    def _close(self, connection: Connection, reason: str) -> None:
        """Write down why a connection ended, and when; the first reason counts."""
        if connection.closed is None:
            connection.reason = reason
            connection.closed = self._now()

    async def _serve(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """The greeting, then everything at once until the first part of it ends; returns the reason."""
        try:
            connection.greeting = await reader.readexactly(GREETING.size)
            connection.command_id = check_greeting(self._cloud, connection.greeting)
        except asyncio.IncompleteReadError as error:
            connection.greeting = error.partial
            connection.violations.append(f"greeting: {len(error.partial)} bytes")
            return "greeting"
        except GreetingRefused as error:
            connection.violations.append(f"greeting: {error}")
            return "greeting"
        except OSError:
            return "client"
        view = self._cloud.live_views[connection.command_id]
        parts = [
            asyncio.create_task(self._receive(connection, reader)),
            asyncio.create_task(self._watch(connection, view, since=self._now())),
            asyncio.create_task(self._send(writer)),
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            return next(part for part in parts if part.done()).result()
        except OSError:
            return "client"
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _receive(self, connection: Connection, reader: asyncio.StreamReader) -> str:
        """What the client sends, until it sends no more."""
        packet = b""
        try:
            while True:
                packet = await reader.readexactly(HEADER.size)
                kind, sequence, length = HEADER.unpack(packet)
                if length > LONGEST_PAYLOAD:
                    connection.violations.append(f"payload of {length} bytes")
                    return "violation"
                payload = await reader.readexactly(length)
                packet = b""
                self._note(connection, kind, sequence=sequence, payload=payload)
        except asyncio.IncompleteReadError as error:
            if packet or error.partial:
                connection.violations.append("half a packet at the end")
            return "client"

    def _note(self, connection: Connection, kind: int, *, sequence: int, payload: bytes) -> None:
        """Write down a packet, and what is wrong with it."""
        if kind == KEEP_ALIVE:
            if payload:
                connection.violations.append(f"keep-alive with a payload of {len(payload)} bytes")
            if connection.keep_alives and sequence <= connection.keep_alives[-1].sequence:
                connection.violations.append(f"keep-alive whose sequence does not rise: {sequence}")
            connection.keep_alives.append(KeepAlive(self._now(), sequence))
        elif kind == LATENCY:
            if sequence != LATENCY_SEQUENCE:
                connection.violations.append(f"latency statistics of sequence {sequence}")
            if payload != LATENCY_PAYLOAD:
                connection.violations.append(f"latency statistics: {payload.hex()}")
            connection.latencies.append(self._now())
        else:
            connection.violations.append(f"packet of type 0x{kind:02x}")

    async def _watch(self, connection: Connection, view: LiveView, *, since: float) -> str:
        """Until the live view is done, or the client is silent."""
        while view.ended is None:
            heard = connection.keep_alives[-1].time if connection.keep_alives else since
            if self._now() - heard >= KEEP_ALIVE_WITHIN:
                return "keep-alive"
            await asyncio.sleep(LOOK_EVERY)
        return "done"

    async def _send(self, writer: asyncio.StreamWriter) -> str:
        """The pictures at their time, each packet in one piece, as some clients need it."""
        loop = asyncio.get_running_loop()
        began, speed = loop.time(), self._cloud.settings.liveview_speed
        for number, (at, piece) in enumerate(live_loop().play(DURATION)):
            await asyncio.sleep(began + at / speed - loop.time() if speed else 0)
            if number % OTHER_EVERY == OTHER_EVERY - 1:
                kind, payload = OTHERS[number // OTHER_EVERY % len(OTHERS)]
                writer.write(HEADER.pack(kind, number, len(payload)) + payload)
            writer.write(HEADER.pack(VIDEO, number, len(piece)) + piece)
            await writer.drain()
        return "duration"
