"""How an answer goes out: whole through ASGI, or broken on the connection itself, as a fault wants it."""

import asyncio
import contextlib
import socket
import struct
from random import Random
from typing import TYPE_CHECKING, Any

from starlette.types import Send

from blink_archive.simulator.exchange import Answer, status_phrase
from blink_archive.simulator.faults import Fault

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol as HTTPProtocol
    from uvicorn.server import ServerState
else:
    # httptools where it is installed, h11 otherwise.
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as HTTPProtocol

SMALL = 65536
LENGTH_ERROR = 100


class LinkedProtocol(HTTPProtocol):
    """uvicorn's protocol, which also tells the application its connection: `scope["state"]["link"]`.

    ASGI has no word for "cut the connection here", and an exception that is thrown to that end is logged.
    `lost` is set once the connection is gone.
    """

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "link": self}, _loop)
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


async def send_answer(send: Send, answer: Answer, *, date: str, with_length: bool = True) -> None:
    """The answer in as few pieces as it has; without a length it goes out chunked."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"date", date.encode()))
    if with_length:
        headers.append((b"content-length", b"%d" % answer.length))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    chunks = answer.chunks or (b"",)
    if len(chunks) > 1 and answer.length <= SMALL:
        chunks = (b"".join(chunks),)
    for chunk in chunks[:-1]:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": chunks[-1]})


async def break_answer(fault: Fault, answer: Answer, *, link: LinkedProtocol, date: str) -> None:
    """Write the answer past ASGI, spoilt as `fault` says, and end the connection.

    Returns when the connection is gone: then uvicorn does not miss the answer it never saw.
    """
    body = b"".join(answer.chunks)
    length = len(body)
    transport = link.transport
    match fault.kind:
        case "reset" if fault.part == 0:
            _reset(transport)
        case "wrong_length":
            length += LENGTH_ERROR if fault.length == "long" else -min(LENGTH_ERROR, length)
            transport.write(_head(answer, length=length, date=date) + body)
            transport.close()
        case kind:
            transport.set_write_buffer_limits(high=0)
            transport.write(_head(answer, length=length, date=date) + body[: int(length * fault.part)])
            if kind == "truncate":
                transport.close()
            elif kind == "stall":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(link.lost.wait(), fault.seconds)
                transport.abort()
            else:
                # RST discards what the other side has not read: give it the bytes, and a moment.
                await link.flow.drain()
                await asyncio.sleep(0.02)
                _reset(transport)
    await link.lost.wait()


def _head(answer: Answer, *, length: int, date: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {status_phrase(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"date: {date}", f"content-length: {length}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _reset(transport: asyncio.Transport) -> None:
    """End with RST in place of FIN, which is what a zero linger time means."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # struct linger is two ints, on Windows two shorts; 8 zero-padded bytes serve both there.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def damaged(fault: Fault, answer: Answer, *, rng: Random) -> Answer:
    """The answer with a body of the same length that is broken inside."""
    body = bytearray(b"".join(answer.chunks))
    if fault.damage == "noise":
        body[:] = rng.randbytes(len(body))
    elif body[4:8] != b"ftyp":
        body[:16] = bytes(min(16, len(body)))
    elif fault.damage == "moov":
        at = _box(body, b"moov")
        body[at + 4 : at + 8] = b"xoov"
    else:
        at = _box(body, None)
        body[at : at + 4] = struct.pack(">I", len(body) - at + 4096)
    return Answer(answer.status, answer.headers, (bytes(body),))


def _box(body: bytearray, kind: bytes | None) -> int:
    """Where the top-level box of that kind begins; the last one for None."""
    at = last = 0
    while at + 8 <= len(body):
        if kind is not None and body[at + 4 : at + 8] == kind:
            return at
        last, at = at, at + max(8, int.from_bytes(body[at : at + 4], "big"))
    return last
