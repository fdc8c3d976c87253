"""A live view as a stream of MPEG-TS: the player's half of ``immis://``, and of its command at Blink.

The connection is TLS whose certificate is not verified: Blink's media servers are named by number and show
one that fits no name (protocol.md 5). So whoever sits on the way could show other pictures, or watch these;
nothing else is at stake, since no token is ever sent there, and what the greeting holds is of use for this
one live view alone.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from ..errors import BlinkArchiveError, BlinkError, CommandFailed, NetworkError
from ..model import Camera, LiveView
from ..protocol import immis
from ..protocol.endpoints import CODE_COMMAND_SUCCEEDED
from .cameras import Cameras
from .commands import Commands
from .redact import logger_of

_LOG = logger_of(__name__)

TICK = 1.0
"""Seconds from one latency statistics to the next; with every tenth a keep-alive goes along."""
KEEP_ALIVE_TICKS = 10

_POLLING = 15.0  # seconds between two looks at the command, where Blink does not say
_SHORTEST = 5.0  # seconds between two requests, whatever Blink says
_ASK_AT = 2 / 3  # of `continue_interval`: ten seconds ahead of its end, as the app warns a person
_GOODBYE = 3.0  # seconds that ending a live view at Blink may take


async def begin_live_view(cameras: Cameras, commands: Commands, camera: Camera) -> LiveView:
    """The live view that Blink offers; `live_stream` or `end_live_view` ends it.

    Cancelled while Blink is answering, it waits a moment for the answer and ends the live view, so that no
    camera is left running. Raises as `Cameras.liveview`.
    """
    asked = asyncio.ensure_future(cameras.liveview(camera))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        await asyncio.wait({asked}, timeout=_GOODBYE)
        if asked.done() and not asked.cancelled() and asked.exception() is None:
            await end_live_view(commands, asked.result())
        asked.cancel()
        raise


async def end_live_view(commands: Commands, view: LiveView) -> None:
    """Tell Blink that nobody watches any more. Trouble with that is logged: Blink ends it by itself, too."""
    try:
        async with asyncio.timeout(_GOODBYE):
            await commands.done(view.network_id, view.command_id)
    except (BlinkArchiveError, TimeoutError) as error:
        _LOG.warning("the live view was not ended at Blink, which ends it by itself later: %s", error)


@asynccontextmanager
async def live_stream(
    commands: Commands,
    view: LiveView,
    *,
    seconds: float | None = None,
    patience: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The MPEG-TS of an immis live view, in chunks that begin with a packet; to be walked once.

    It ends ``seconds`` after the first chunk, or when Blink ends it; until then Blink is asked for it to go
    on within each ``continue_interval``. ``patience`` is how long (seconds) Blink may take to connect, and
    then be silent. However the block is left, the live view is ended at Blink.

    Raises UnexpectedAnswer and UnsafeAddress for an address that is none; NetworkError where the connection
    fails, breaks or stays silent; CommandFailed where Blink says that the live view failed; NotSignedIn.
    """
    try:
        reader, writer = await _connected(immis.parse_address(view.server), patience=patience)
        watching = _Watching(
            reader,
            writer,
            commands,
            view,
            seconds=seconds,
            patience=patience,
            clock=clock,
            sleep=sleep,
        )
        try:
            async with aclosing(watching.chunks()) as chunks:
                yield chunks
        finally:
            await watching.close()
    finally:
        await end_live_view(commands, view)


async def _connected(
    address: immis.ImmisAddress, *, patience: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has been greeted on; raises NetworkError where there is none in ``patience``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except TimeoutError as error:
        raise NetworkError(
            f"{address.host}, where the live view is, did not answer in {patience:g} seconds. Try again."
        ) from error
    except (OSError, UnicodeError) as error:
        raise NetworkError(
            f"{address.host}, where the live view is, could not be reached ({error}). Check the network "
            "connection, and that it lets port 443 through to that host."
        ) from error
    writer.write(immis.greeting(address))
    return reader, writer


class _Watching:
    """One connection, and what has to happen beside it while it is watched."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        commands: Commands,
        view: LiveView,
        *,
        seconds: float | None,
        patience: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._commands = commands
        self._view = view
        self._seconds = seconds
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._waits_since: float | None = None  # for a packet; None while the last one is being used
        self._has_begun = False  # with the first video
        self._ends_at: float | None = None
        self._over = False
        self._error: BlinkArchiveError | None = None
        work = [self._send(), self._poll()]
        if view.continue_interval is not None and view.continue_interval > 0:
            work.append(self._go_on(view.continue_interval))
        self._helpers = [asyncio.ensure_future(self._beside(each)) for each in work]

    async def close(self) -> None:
        """End all of it, at once."""
        self._stop()
        for helper in self._helpers:
            helper.cancel()
        for result in await asyncio.gather(*self._helpers, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The payloads that are video, until the end."""
        try:
            while (payload := await self._packet()) is not None:
                if not payload:
                    continue
                if not self._has_begun and self._seconds is not None:
                    self._ends_at = self._clock() + self._seconds
                self._has_begun = True
                yield payload
        except (OSError, EOFError) as error:
            if not self._over:
                raise self._broken(error) from error
        if self._error is not None:
            raise self._error

    async def _packet(self) -> bytes | None:
        """The video in the next packet, nothing where it carries something else; None at the end."""
        if self._is_late():
            return None
        self._waits_since = self._clock()
        try:
            head = await self._reader.readexactly(immis.HEADER_LENGTH)
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            if not self._has_begun and not self._over:
                await self._look()  # nothing came: perhaps Blink says why
            return None
        header = immis.parse_header(head)
        payload = await self._reader.readexactly(header.length)
        self._waits_since = None
        return payload if immis.is_video(header, payload) else b""

    def _is_late(self) -> bool:
        return self._ends_at is not None and self._clock() >= self._ends_at

    def _stop(self, error: BlinkArchiveError | None = None) -> None:
        """End the stream once what was received is read, with ``error`` if that is why."""
        if not self._over:
            self._over, self._error = True, error
        self._writer.transport.abort()

    def _broken(self, error: Exception) -> NetworkError:
        why = "in the middle of a packet" if isinstance(error, EOFError) else str(error)
        return NetworkError(f"The connection of the live view broke ({why}). Try again.")

    # what happens beside the reading

    async def _beside(self, work: Awaitable[None]) -> None:
        try:
            await work
        except OSError as error:
            self._stop(self._broken(error))
        except BlinkArchiveError as error:
            self._stop(error)

    async def _send(self) -> None:
        """Tell Blink every second that somebody watches; end the stream when its time is over, or when
        nothing is heard any more."""
        tick = 0
        while not self._is_late():
            if self._waits_since is not None and self._clock() - self._waits_since > self._patience:
                raise NetworkError(f"The live view fell silent for {self._patience:g} seconds. Try again.")
            if tick % KEEP_ALIVE_TICKS == 0:
                self._writer.write(immis.keep_alive(tick // KEEP_ALIVE_TICKS + 1))
            self._writer.write(immis.latency_statistics())
            await self._writer.drain()
            await self._sleep(TICK)
            tick += 1
        self._stop()

    async def _poll(self) -> None:
        """Look at the command every ``polling_interval``, as Blink wants; end with it."""
        wait = max(self._view.polling_interval or _POLLING, _SHORTEST)
        over = False
        while not over:
            await self._sleep(wait)
            try:
                over = await self._look()
            except BlinkError as error:
                _LOG.info("the live view goes on, though its command could not be looked at: %s", error)
        self._stop()

    async def _look(self) -> bool:
        """Whether the command of the live view has ended; raises CommandFailed where it ended badly."""
        command = await self._commands.status(self._view.network_id, self._view.command_id)
        if command.status_code not in (None, CODE_COMMAND_SUCCEEDED):
            raise CommandFailed(
                f"Blink reports that the live view failed: {command.status_msg or 'without saying why'} "
                f"(code {command.status_code}). See in the Blink app whether the camera is online."
            )
        return command.complete

    async def _go_on(self, interval: float) -> None:
        """Ask for the live view to go on before each ``continue_interval`` is over, unless it ends sooner."""
        wait = max(interval * _ASK_AT, _SHORTEST)
        while True:
            await self._sleep(wait)
            if self._ends_at is not None and self._ends_at - self._clock() <= interval - wait:
                return
            try:
                await self._commands.extend(self._view.network_id, self._view.command_id)
            except BlinkError as error:
                _LOG.info("Blink was asked for the live view to go on, and did not agree: %s", error)
