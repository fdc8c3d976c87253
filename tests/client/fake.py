"""A small Blink behind `httpx.MockTransport`, and an event loop whose time passes by itself."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from blink_archive.client import (
    Blink,
    BrowserSignIn,
    ClassicSignIn,
    Pacing,
    Session,
    SignIn,
    StateDir,
)
from blink_archive.client.session import save_session
from tests.protocol.samples import SAMPLES

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REST, BOOTSTRAP, OAUTH = (
    "rest-u014.immedia-semi.com",
    "rest-prod.immedia-semi.com",
    "api.oauth.blink.com",
)
PAGE = '<script id="oauth-args" type="application/json">{"csrf-token": "the-csrf"}</script>'
CALLBACK = "immedia-blink://applinks.blink.com/signin/callback"
LOGIN = "/api/v5/account/login"
CLIP = "/api/v2/accounts/1100001/media/clip/7100001.mp4"

Reply = httpx.Response | Callable[[httpx.Request], httpx.Response] | Exception


class FakeBlink:
    """One account: signs in, rotates tokens, answers; ``say`` puts other answers first."""

    def __init__(self, *, two_factor: int | None = 202) -> None:
        self.two_factor = two_factor
        self.requests: list[httpx.Request] = []
        self.access, self.refresh = "access-0", "refresh-0"
        self.issued = 0
        self.state = ""
        self.replies: dict[str, list[Reply]] = {}
        self.later: tuple[str, tuple[Reply, ...]] | None = None
        self.at: dict[int, httpx.Response] = {}
        self.during_refresh: Callable[[], Coroutine[Any, Any, None]] | None = None

    def say(self, path: str, *replies: Reply) -> None:
        """The next requests for ``path`` get these answers, one each."""
        self.replies.setdefault(path, []).extend(replies)

    def say_at(self, step: int, reply: httpx.Response) -> None:
        """The request of that number (from 0) gets this answer."""
        self.at[step] = reply

    def say_when_accepted(self, path: str, *replies: Reply) -> None:
        """As `say`, from the moment on that the password, or the code, was taken."""
        self.later = (path, replies)

    def to(self, path: str) -> list[httpx.Request]:
        """The requests for ``path`` so far."""
        return [request for request in self.requests if request.url.path == path]

    def form(self, request: httpx.Request) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if len(self.requests) - 1 in self.at:
            return self.at[len(self.requests) - 1]
        if waiting := self.replies.get(request.url.path):
            match waiting.pop(0):
                case httpx.Response() as response:
                    return response
                case Exception() as error:
                    raise error
                case make:
                    return make(request)
        if request.url.host == OAUTH:
            return await self._oauth(request)
        return self._rest(request)

    async def _oauth(self, request: httpx.Request) -> httpx.Response:
        with_cookie = "exchange=1" in request.headers.get("Cookie", "")
        match request.method, request.url.path:
            case "GET", "/oauth/v2/authorize" if request.url.query:
                self.state = request.url.params["state"]
                cookie = "exchange=1; Path=/; Secure; HttpOnly"
                return httpx.Response(302, headers={"Location": "/oauth/v2/signin", "Set-Cookie": cookie})
            case "GET", "/oauth/v2/authorize" if with_cookie:
                return httpx.Response(
                    302, headers={"Location": f"{CALLBACK}?code=the-code&state={self.state}"}
                )
            case "GET", "/oauth/v2/signin" if with_cookie:
                return httpx.Response(200, html=PAGE)
            case "POST", "/oauth/v2/signin" if with_cookie:
                if self.form(request)["password"] != "the password":
                    return httpx.Response(401, json={})
                if self.two_factor is None:
                    self._accept()
                    return httpx.Response(302, headers={"Location": "/oauth/v2/authorize"})
                return httpx.Response(self.two_factor, json=SAMPLES["oauth_signin_202"])
            case "POST", "/oauth/v2/2fa/verify" if with_cookie:
                right = self.form(request)["2fa_code"] == "123456"
                if right:
                    self._accept()
                return httpx.Response(
                    201 if right else 400, json=SAMPLES["oauth_2fa_verify_201"] if right else {}
                )
            case "POST", "/oauth/token":
                return await self._token(self.form(request))
            case _:
                return httpx.Response(400, json=SAMPLES["oauth_empty_cookies_400"])

    def _accept(self) -> None:
        if self.later is not None:
            path, replies = self.later
            self.say(path, *replies)

    async def _token(self, form: dict[str, str]) -> httpx.Response:
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.issued += 1
        self.access, self.refresh = f"access-{self.issued}", f"refresh-{self.issued}"
        answer = SAMPLES["oauth_token"] | {"access_token": self.access, "refresh_token": self.refresh}
        if self.during_refresh is not None:
            await self.during_refresh()
        return httpx.Response(200, json=answer)

    def _rest(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == LOGIN:
            right = json.loads(request.content)["password"] == "the password"
            return httpx.Response(
                200 if right else 401, json=SAMPLES["login_v5" if right else "login_invalid"]
            )
        tokens = (request.headers.get("Authorization"), request.headers.get("TOKEN_AUTH"))
        if tokens not in ((f"Bearer {self.access}", None), (None, "a-classic-token")):
            return httpx.Response(401, json=SAMPLES["unauthorized_401"])
        match request.url.path.rpartition("/")[2]:
            case "verify":
                right = json.loads(request.content) == {"pin": "123456"}
                return httpx.Response(200, json=SAMPLES["pin_verify_ok" if right else "pin_verify_wrong"])
            case "resend":
                return httpx.Response(200, json=SAMPLES["pin_resend"])
            case "logout":
                return httpx.Response(200, json=SAMPLES["logout"])
            case "user":
                return httpx.Response(200, json=SAMPLES["user"])
            case "tier_info":
                return httpx.Response(200, json=SAMPLES["tier_info"])
            case "homescreen":
                headers = {
                    "Client-Id": "1100002",
                    "User-Id": "1100003",
                    "Date": "Tue, 24 Nov 2026 12:00:00 GMT",
                }
                return httpx.Response(200, json=SAMPLES["homescreen"], headers=headers)
            case "changed":
                return httpx.Response(200, json=SAMPLES["media_changed"])
            case _:
                return httpx.Response(404, json=SAMPLES["media_not_found"])


def session(**changes: Any) -> Session:
    """A session that lives for another hour."""
    made = Session(
        kind="oauth",
        email="someone@example.com",
        account_id=1100001,
        tier="u014",
        user_id=1100003,
        client_id=1100002,
        access_token="access-0",
        refresh_token="refresh-0",
        expires_at=NOW + timedelta(hours=1),
        api_url=None,
        oauth_url=None,
    )
    return replace(made, **changes)


def signed_in(path: Path, **changes: Any) -> StateDir:
    """A state directory with a session in it."""
    state = StateDir(path / "state")
    save_session(state, session(**changes))
    return state


def cloud(state: StateDir, blink: FakeBlink, **options: Any) -> Blink:
    """A cloud that talks with ``blink``."""
    options = {"now": lambda: NOW, "pacing": Pacing.none()} | options
    return Blink.from_state(state, transport=httpx.MockTransport(blink), **options)


def sign_in(state: StateDir, blink: FakeBlink, **options: Any) -> SignIn:
    """A sign-in that talks with ``blink``."""
    return _method(SignIn, state, blink, **options)


def browser(state: StateDir, blink: FakeBlink, **options: Any) -> BrowserSignIn:
    """A sign-in in a browser that talks with ``blink``."""
    return _method(BrowserSignIn, state, blink, **options)


def classic(state: StateDir, blink: FakeBlink, **options: Any) -> ClassicSignIn:
    """A classic login that talks with ``blink``."""
    return _method(ClassicSignIn, state, blink, **options)


def _method(kind: Any, state: StateDir, blink: FakeBlink, **options: Any) -> Any:
    options = {"now": lambda: NOW, "pacing": Pacing.none()} | options
    return kind(state, transport=httpx.MockTransport(blink), **options)


class _Hurried(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits for nothing but what is there already, and notes how long it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.passed += timeout
            timeout = 0
        return super().select(timeout)


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do: sleeping costs no time."""

    def __init__(self) -> None:
        self.selector = _Hurried()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.passed


def run(main: Coroutine[Any, Any, Any]) -> float:
    """Runs ``main`` without waiting; the seconds that it would have taken."""
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(main)
        return runner.get_loop().time()


def clip(data: bytes = b"clip", **headers: str) -> httpx.Response:
    """An answer with media bytes, as a stream: what is read once and not decoded."""
    return httpx.Response(200, stream=Parts(data), headers={"Content-Type": "video/mp4"} | headers)


class Parts(httpx.AsyncByteStream):
    """A body in the given parts, then, if given, an error."""

    def __init__(self, *parts: bytes, error: Exception | None = None) -> None:
        self._parts = parts
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        if self._error is not None:
            raise self._error
