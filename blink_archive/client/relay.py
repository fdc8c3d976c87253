"""Offers a stream to players on this machine, over plain TCP: VLC and ffplay open ``tcp://127.0.0.1:PORT``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

MOST_WAITING = 2 << 20
"""Bytes that may wait for one player, about ten seconds of video."""

_FLUSH = 1.0  # seconds that players have at the end to take what waits for them


class Relay:
    """Listens on ``port`` of this machine alone (0: a free one) while it is entered; players come and go.

    Entering raises `OSError` where it cannot listen. At the end players get what waits for them.
    """

    def __init__(self, *, port: int) -> None:
        self._port = port
        self._players: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._behind: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        players = dict(self._players)
        for player in players:
            player.close()
        if players:
            await asyncio.wait(players.values(), timeout=_FLUSH)
        for player in players:
            if player.transport.get_write_buffer_size():  # else it is closed, and not to be touched again
                player.transport.abort()

    @property
    def address(self) -> str:
        """What a player opens."""
        return f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def send(self, chunk: bytes) -> None:
        """Pass on a chunk that begins with a packet of MPEG-TS. A player gets whole chunks, from when it
        joined on; one for which too much waits loses what comes until it has taken all that."""
        for player in self._players:
            waiting = player.transport.get_write_buffer_size()
            if waiting > MOST_WAITING:
                self._behind.add(player)
            elif waiting == 0:
                self._behind.discard(player)
            if player not in self._behind and not player.is_closing():
                player.write(chunk)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A player stays until it leaves, which is noticed when more is sent to it, or the stream ends."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task of its own
        self._players[writer] = task
        try:
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            del self._players[writer]
            self._behind.discard(writer)
