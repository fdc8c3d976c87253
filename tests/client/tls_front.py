"""A simulator behind TLS on this machine, as Blink is behind it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import trustme


class TlsFront:
    """While it is entered, ``https://localhost:PORT`` is what is at the http address ``url``; ``ca_file`` is
    the authority that vouches for it, under ``name``."""

    def __init__(self, url: str, folder: Path, *, name: str = "localhost") -> None:
        self._to = urlsplit(url)
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> TlsFront:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        inner, outer = await asyncio.open_connection(self._to.hostname, self._to.port)
        try:
            # the simulator expects to be asked by http, and says so where `Origin` does not
            here = self.url.encode()
            there = _copy(reader, outer, replace=(here, here.replace(b"https", b"http")))
            with suppress(OSError):
                await asyncio.gather(there, _copy(inner, writer))
        finally:
            outer.transport.abort()
            writer.transport.abort()
            self._tasks.discard(task)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replace: tuple[bytes, bytes] = (b"", b"")
) -> None:
    while data := await reader.read(65536):
        writer.write(data.replace(*replace) if replace[0] else data)
        await writer.drain()
    raise ConnectionResetError
