"""The wire itself: one HTTP client, one place that sends, bounds answers and translates errors."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx

from ..errors import NetworkError, UnexpectedAnswer, UnsafeAddress, UsageError
from ..protocol.answers import decode, error_of, is_error, retry_after
from .addresses import Addresses
from .redact import logger_of

LARGEST_JSON = 32 * 1024 * 1024
"""Bytes of a decoded JSON or HTML body; a page of 1000 items is about 1 MB."""

_ENCODINGS = ("gzip", "deflate")  # a thousandfold at most

_LOG = logger_of(__name__)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock that everything uses unless it is given another one."""
    return datetime.now(UTC)


def http_client(
    addresses: Addresses,
    *,
    ca_file: Path | None = None,
    connections: int = 8,
    cookies: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client with a small pool, that verifies certificates and follows no redirect by itself.

    ``ca_file`` is as in `trust`, which this raises as. ``cookies`` keeps a jar for a sign-in; without it
    no cookie is taken. ``transport`` stands in for the network.
    """
    return httpx.AsyncClient(
        transport=transport,
        verify=trust(ca_file) if transport is None else True,  # it takes a while
        # http is for this machine alone, and so never goes through a proxy that the environment names
        mounts={"http://": None},
        headers={"Accept-Encoding": ", ".join(_ENCODINGS)},
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        # waiting for a place in our own pool is no fault of Blink's, and so without a timeout
        timeout=httpx.Timeout(30.0, connect=10.0, pool=None),
        cookies=None if cookies else CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=not addresses.only_loopback,
    )


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """What a server's certificate is verified by, and always is: the usual roots (certifi's, or what
    ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names in their place), and the certificates in ``ca_file``.

    Raises UsageError for a file that cannot be read or holds no certificate.
    """
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        named = os.environ.get("SSL_CERT_FILE")
        raise _no_roots(f"The file {named}, which SSL_CERT_FILE names,", error) from error
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise _no_roots(f"The file {ca_file} of --ca-file", error) from error
    return context


def _no_roots(source: str, error: OSError) -> UsageError:
    unread = f"cannot be read: {error.strerror}"
    why = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else unread
    return UsageError(f"{source} {why}. Name a file with the certificate of the authority to trust.")


@contextmanager
def network_errors(host: str) -> Iterator[None]:
    """The one place where httpx's exceptions become ours: a NetworkError that names ``host``."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        why = str(error) or "no answer in 10 seconds"
        raise NetworkError(
            f"{host} could not be reached ({why}). Check the network connection and try again."
        ) from error
    except httpx.TimeoutException as error:
        raise NetworkError(f"{host} stopped answering. Try again later.") from error
    except httpx.RequestError as error:
        raise NetworkError(f"The connection to {host} broke ({type(error).__name__}). Try again.") from error


@asynccontextmanager
async def sent(client: httpx.AsyncClient, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """The answer to ``request`` with its body still unread; closed at the end of the block.

    Raises NetworkError where none came, UnsafeAddress where it redirects to an address that is none. The log
    gets neither query nor headers nor body.
    """
    started = time.perf_counter()
    try:
        with network_errors(request.url.host):
            response = await client.send(request, stream=True)
    except (
        httpx.InvalidURL,
        UnicodeError,
    ) as error:  # httpx looks where a redirect leads that it does not follow
        raise UnsafeAddress(
            "Blink redirected to an address that is none. Nothing was asked of it; please report this if it "
            "stays so."
        ) from error
    _LOG.debug(
        "%s %s %d %d ms",
        request.method,
        request.url.path,
        response.status_code,
        (time.perf_counter() - started) * 1000,
    )
    try:
        yield response
    finally:
        await response.aclose()


async def body_of(response: httpx.Response, *, what: str) -> bytes:
    """The decoded body; raises UnexpectedAnswer over `LARGEST_JSON`, and for an encoding that was not asked
    for or is one of several: a small body could be any size in it. NetworkError if it breaks off."""
    if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", *_ENCODINGS):
        raise UnexpectedAnswer(f"Blink sent {what} in an encoding that was not asked for. Try again later.")
    parts: list[bytes] = []
    size = 0
    with network_errors(response.request.url.host):
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LARGEST_JSON:
                raise UnexpectedAnswer(
                    f"Blink sent more than {LARGEST_JSON // 2**20} MB instead of {what}. Try again later."
                )
            parts.append(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: ``value`` is its JSON, None where an error or redirect came without any."""

    status: int
    headers: Mapping[str, str]
    value: Any
    until: datetime | None

    def raise_for_error(self, *, what: str) -> None:
        """Raises what the status, or the code in the body, stands for."""
        if is_error(self.value, status=self.status):
            raise error_of(self.status, self.value, what=what, until=self.until)


async def json_answer(response: httpx.Response, *, what: str, now: Clock) -> Answer:
    """``response`` read to its end.

    Raises UnexpectedAnswer for a 2xx that is no JSON; an error needs none.
    """
    body = await body_of(response, what=what)
    try:
        value = decode(body, what=what)
    except UnexpectedAnswer:
        if response.is_success:
            raise
        value = None
    return Answer(
        status=response.status_code,
        headers=response.headers,
        value=value,
        until=retry_after(response.headers.get("Retry-After"), now=now()),
    )
