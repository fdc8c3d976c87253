"""Blink's own hosts, which lead to a simulator and redirect where a test wants; and everybody else, who listens."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote_plus
from zlib import crc32

import httpx

from blink_archive.client.redact import Redactor
from blink_archive.protocol.endpoints import Endpoint
from blink_archive.simulator import Simulator

REST, BOOTSTRAP, OAUTH = (
    "https://rest-u014.immedia-semi.com",
    "https://rest-prod.immedia-semi.com",
    "https://api.oauth.blink.com",
)
SECRET_HEADERS = ("authorization", "token_auth", "token-auth", "cookie")


def place(url: httpx.URL) -> str:
    """Where a request goes: scheme, host and port as they are dialled."""
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{url.raw_host.decode()}{port}"


@dataclass(slots=True)
class Finding:
    """Something that went where it must not."""

    what: str
    url: str


class Net(httpx.AsyncBaseTransport):
    """The network: Blink's hosts, or the simulator's own address with ``own``, are a simulator; all else is
    somebody who answers anything, to be asked for more."""

    def __init__(self, sim: Simulator, own: tuple[str, ...] = (REST, BOOTSTRAP, OAUTH)) -> None:
        self._sim = sim
        self.own = own
        self.seen: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        """What Blink answers in place of the truth, where it is not None."""
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        if place(request.url) not in self.own:
            return _anything(request)
        if (answer := self.answer(request)) is not None:
            return answer
        headers = request.headers.copy()
        if "referer" in headers:  # the simulator knows itself by http
            headers["referer"] = headers["referer"].replace("https://", "http://")
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                httpx.URL(self._sim.url).copy_with(raw_path=request.url.raw_path),
                headers=headers,
                content=request.content,
                extensions=request.extensions,
            )
        )

    async def aclose(self) -> None:
        """Sign-ins close their client with each step; this network stays, until `end`."""

    async def end(self) -> None:
        await self._inner.aclose()

    def redirect(self, endpoint: Endpoint, status: int, location: str, *, query: bool | None = None) -> None:
        """From now on Blink redirects that call to ``location``, in which ``{path}`` is the path asked for;
        with ``query``, only where there is one, or none."""

        def answer(request: httpx.Request) -> httpx.Response | None:
            if request.method != endpoint.method or endpoint.ids_in(request.url.path) is None:
                return None
            if query is not None and query != bool(request.url.query):
                return None
            where = location.replace("{path}", request.url.path)
            return httpx.Response(status, headers=[(b"Location", where.encode())])

        self.answer = answer

    def elsewhere(self) -> list[httpx.Request]:
        """The requests that went to nobody of Blink's."""
        return [request for request in self.seen if place(request.url) not in self.own]

    def findings(self, secrets: Mapping[str, str]) -> Iterator[Finding]:
        """Every secret (by what it is) that is in a request to anybody but Blink, and every token, cookie or
        password that is at the wrong one of Blink's hosts."""
        for request in self.seen:
            url, at = str(request.url), place(request.url)
            if at not in self.own:
                names = [name for name in SECRET_HEADERS if name in request.headers]
                yield from (Finding(f"the header {name}", url) for name in names)
                text = unquote_plus(f"{url}\n{request.headers.raw!r}\n{request.content!r}")
                yield from (Finding(what, url) for secret, what in secrets.items() if secret in text)
                if not url.startswith("https://") and self.own[0].startswith("https://"):
                    yield Finding("a request that is not encrypted", url)
            elif len(self.own) == 3:
                yield from self._misplaced(request, at=at, url=url)

    @staticmethod
    def _misplaced(request: httpx.Request, *, at: str, url: str) -> Iterator[Finding]:
        wrong = SECRET_HEADERS[:3] if at == OAUTH else SECRET_HEADERS[3:]
        yield from (Finding(f"the header {name}", url) for name in wrong if name in request.headers)
        if at == REST and (b"password" in request.content or b"refresh_token" in request.content):
            yield Finding("a password or refresh token", url)


def _anything(request: httpx.Request) -> httpx.Response:
    """What somebody else answers: a clip, JSON that looks like a sign-in, a refusal that asks for credentials,
    or the way to a friend; by the address, so that a run can be repeated."""
    match crc32(str(request.url).encode()) % 5:
        case 0 | 1:
            return httpx.Response(
                200, headers={"Content-Type": "video/mp4"}, stream=httpx.ByteStream(b"a clip")
            )
        case 2:
            return httpx.Response(200, json={"access_token": "x", "refresh_token": "y", "expires_in": 1})
        case 3:
            return httpx.Response(401, headers={"WWW-Authenticate": "Basic"}, json={"code": 101})
        case _:
            return httpx.Response(307, headers={"Location": f"https://friend.example{request.url.path}"})


@dataclass(slots=True)
class Heard:
    """What was logged at the finest level, ours and the libraries', and how errors read."""

    log: io.StringIO = field(default_factory=io.StringIO)
    errors: list[str] = field(default_factory=list)

    def add(self, error: BaseException) -> None:
        self.errors.append("".join(traceback.format_exception(error)))

    def findings(self, secrets: Mapping[str, str]) -> Iterator[Finding]:
        for place, text in (("the log", self.log.getvalue()), ("an error", "".join(self.errors))):
            yield from (Finding(what, place) for secret, what in secrets.items() if secret in text)


@contextmanager
def listening() -> Iterator[Heard]:
    """Everything that is logged while this is entered, as our handlers write it."""
    heard = Heard()
    handler = logging.StreamHandler(heard.log)
    handler.addFilter(Redactor())
    loggers = [
        logging.getLogger(name) for name in ("blink_archive", "httpx", "httpcore", "stamina", "asyncio")
    ]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
