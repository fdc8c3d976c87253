"""The bytes of a clip or thumbnail, as a stream; redirects are followed here, by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from ..errors import NetworkError, Refused, UnexpectedAnswer, UnsafeAddress
from ..protocol.answers import error_of
from .transport import json_answer, network_errors
from .wire import Wire

LARGEST_MEDIA = 2 * 1024**3
"""Bytes; the longest clip that Blink records is far below."""

MOST_REDIRECTS = 3

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class MediaStream:
    """``length`` in bytes as the server said it, None where it did not.

    ``chunks`` can be walked once; it raises NetworkError where the bytes end before ``length``.
    """

    length: int | None
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def media_stream(wire: Wire, path: str, *, what: str) -> AsyncIterator[MediaStream]:
    """The bytes at ``path``, a ``media`` or ``thumbnail`` value of the feed.

    Raises UnsafeAddress for an address that nothing is fetched from, NotFound for a 404, and what
    else an error answer stands for; UnexpectedAnswer for JSON or HTML in place of the bytes, for
    encoded bytes and for more than 2 GB. Nothing is tried again but a 401, once.
    """
    url = wire.addresses.media_url(path, tier=wire.tokens.session.tier)
    for _ in range(1 + MOST_REDIRECTS):
        async with wire.opened("GET", url, headers=_HEADERS) as response:
            if response.status_code in (301, 302, 303, 307, 308):
                url = wire.addresses.redirect(response)
                continue
            length = await _checked_length(wire, response, what=what)
            chunks = _chunks(response, length=length, what=what)
            try:
                yield MediaStream(length=length, chunks=chunks)
            finally:
                await chunks.aclose()
            return
    raise UnsafeAddress(f"Blink redirected {what} more than {MOST_REDIRECTS} times. It was left alone.")


async def _checked_length(wire: Wire, response: httpx.Response, *, what: str) -> int | None:
    """The length that the answer promises, if it is an answer with media bytes."""
    kind = response.headers.get("Content-Type", "").lower()
    if response.status_code != 200 or "json" in kind or kind.startswith("text/"):
        await _raise_for_words(wire, response, what=what)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnexpectedAnswer(f"Blink sent {what} encoded, though asked not to. Try again later.")
    text = response.headers.get("Content-Length", "")
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) > 19 or int(text) > LARGEST_MEDIA:
        raise _too_large(what)
    return int(text)


async def _raise_for_words(wire: Wire, response: httpx.Response, *, what: str) -> None:
    """Raises what an answer stands for that came in place of the bytes."""
    if response.status_code == 401 and not wire.takes_token(response.request.url):
        raise UnexpectedAnswer(
            f"{response.request.url.host}, where Blink keeps {what}, wants a sign-in of its own "
            "(status 401). The token was not sent there; try again later."
        )
    answer = await json_answer(response, what=what, now=wire.now)
    if response.status_code == 401:  # `opened` renewed the sign-in, and Blink took that
        raise Refused(
            f"Blink refused {what} (status 401) to a sign-in that it had just renewed. Try again later; "
            "if it stays so, run `blink-archive login`."
        )
    raise error_of(answer.status, answer.value, what=what, until=answer.until)


async def _chunks(response: httpx.Response, *, length: int | None, what: str) -> AsyncGenerator[bytes, None]:
    """The bytes in the pieces that they arrive in: no copy is made of them here."""
    received = 0
    with network_errors(response.request.url.host):
        async for chunk in response.aiter_raw():
            received += len(chunk)
            if received > LARGEST_MEDIA:
                raise _too_large(what)
            yield chunk
    if length is not None and received != length:
        raise NetworkError(f"Only {received} of {length} bytes of {what} arrived. Try again.")


def _too_large(what: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"Blink sent more than 2 GB as {what}, which no clip has. It was left alone.")
