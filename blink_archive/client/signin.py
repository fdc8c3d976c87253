"""Signing in: the exchange of protocol.md 2.1, in one go or with a pause for the one-time code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.cookiejar import Cookie as JarCookie
from typing import Any

import httpx

from ..errors import (
    BlinkArchiveError,
    CodeNeeded,
    NotSignedIn,
    RefusedAtEdge,
    SignInError,
    Throttled,
    UnexpectedAnswer,
    UnsafeAddress,
    WrongCode,
    WrongPassword,
)
from ..protocol import oauth
from ..protocol.answers import error_of, retry_after
from ..protocol.endpoints import APP_AGENT, BROWSER_AGENT, ENDPOINTS
from .addresses import Addresses, origin
from .auth import Tokens
from .cloud import Cloud
from .pacing import Pacing, retried
from .session import (
    PENDING,
    SESSION,
    Cookie,
    Pending,
    Session,
    hardware_id,
    load_pending,
    save_pending,
    save_session,
)
from .state import StateDir
from .transport import Answer, Clock, body_of, http_client, json_answer, sent, utc_now
from .wire import Wire

_REDIRECTS = (301, 302, 303, 307, 308)
_PAGE = {"User-Agent": BROWSER_AGENT, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True)
class _Reply:
    """A whole answer of the OAuth host, JSON or not."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def value(self) -> Any:
        """The body's JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class SignIn:
    """Signs an account in into ``state``; holds no secret between its calls.

    ``random`` gives so many random bytes (`os.urandom`); ``transport`` stands in for the network.
    Raises UsageError for overrides that cannot be used.
    """

    def __init__(
        self,
        state: StateDir,
        *,
        api_url: str | None = None,
        oauth_url: str | None = None,
        pacing: Pacing | None = None,
        now: Clock = utc_now,
        random: oauth.RandomBytes = os.urandom,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._state = state
        self._addresses = Addresses.chosen(api_url=api_url, oauth_url=oauth_url)
        self._pacing = pacing or Pacing()
        self._now = now
        self._random = random
        self._transport = transport

    async def sign_in(self, *, email: str, password: str) -> Session:
        """The stored session of an account without a second factor.

        Posts the password once. Raises CodeNeeded after storing the exchange, for `enter_code`,
        where a one-time code is on its way; WrongPassword; RefusedAtEdge, Throttled, ServerError,
        UpdateRequired or NetworkError where the password was not even looked at.
        """
        device = hardware_id(self._state)
        verifier, state = oauth.new_verifier(self._random), oauth.new_verifier(self._random)
        async with self._client() as client:
            await self._begin(
                client, oauth.authorize_query(hardware_id=device, verifier=verifier, state=state)
            )
            page = await self._ask(client, "oauth_signin_page", headers=_PAGE)
            if page.status != 200:
                raise self._refusal(page)
            csrf = oauth.csrf_token(page.body.decode("utf-8", "replace"))
            form = oauth.signin_form(email=email, password=password, csrf=csrf)
            reply = await self._ask(client, "oauth_signin", headers=self._form_headers(), form=form)
            pending = Pending(
                email=email,
                cookies=_cookies(client),
                csrf=csrf,
                verifier=verifier,
                state=state,
                started_at=self._now(),
                phone=oauth.masked_phone(reply.value),
                api_url=self._addresses.api_url,
                oauth_url=self._addresses.oauth_url,
            )
            match reply.status:
                case status if status in _REDIRECTS:
                    return await self._finish(client, pending)
                case 202 | 412:
                    save_pending(self._state, pending)
                    raise CodeNeeded(
                        "Blink took the password and sent a one-time code to "
                        f"{pending.phone or 'your phone'}. "
                        "Enter it within ten minutes with `blink-archive login --code CODE`."
                    )
                case 401:
                    raise WrongPassword(
                        "Blink did not take this email and password. Check both in the Blink app before "
                        "`blink-archive login` again: repeated tries lock the account for an hour."
                    )
                case _:
                    raise self._refusal(reply)

    async def enter_code(self, code: str) -> Session:
        """The stored session of the sign-in that waits for ``code``; the password is not needed.

        Raises WrongCode (the exchange stays, for another try), CodeExpired without a sign-in
        that waits, and as `sign_in`.
        """
        pending = load_pending(self._state, addresses=self._addresses, now=self._now())
        form = oauth.verify_form(code="".join(code.split()), csrf=pending.csrf)
        async with self._client(pending.cookies) as client:
            reply = await self._ask(client, "oauth_verify", headers=self._form_headers(), form=form)
            if reply.status in (403, 406, 426, 429) or reply.status >= 500:
                raise self._refusal(reply)
            if reply.status != 201:
                save_pending(self._state, replace(pending, cookies=_cookies(client)))
                raise WrongCode(
                    "Blink did not take this code: it is wrong or too old. Enter the newest one with "
                    "`blink-archive login --code CODE`, or start again with `blink-archive login`."
                )
            return await self._finish(client, pending)

    def _client(self, cookies: tuple[Cookie, ...] = ()) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        client = http_client(self._addresses, connections=2, cookies=True, transport=self._transport)
        for cookie in cookies:
            client.cookies.jar.set_cookie(_jar_cookie(cookie))
        return client

    def _form_headers(self) -> dict[str, str]:
        """What a browser sends with the form of the sign-in page."""
        return {
            "User-Agent": BROWSER_AGENT,
            "Accept": "*/*",
            "Origin": self._addresses.oauth,
            "Referer": self._addresses.oauth + ENDPOINTS["oauth_signin_page"].path,
        }

    async def _begin(self, client: httpx.AsyncClient, query: Mapping[str, str]) -> None:
        """Step 1: the authorize request up to the sign-in page, for its cookies."""
        url = httpx.URL(self._addresses.oauth + ENDPOINTS["oauth_authorize"].path, params=query)
        for _ in range(_MOST_STEPS):
            reply = await _reply(client, client.build_request("GET", url, headers=_PAGE))
            if reply.status == 200:
                return
            if reply.status not in _REDIRECTS:
                raise self._refusal(reply)
            try:
                target = url.join(reply.headers.get("Location", ""))
            except httpx.InvalidURL:
                target = url
            if origin(target) != origin(url) or target.userinfo:
                break
            url = target
        raise UnsafeAddress(
            "Blink's sign-in led to an address that this program does not go to. "
            "Nothing was sent there; try `blink-archive login` again later."
        )

    async def _finish(self, client: httpx.AsyncClient, pending: Pending) -> Session:
        """Steps 5 to 8; the session is stored as soon as its account is known."""
        reply = await self._ask(client, "oauth_authorize", headers=self._form_headers())
        if reply.status not in _REDIRECTS:
            raise self._refusal(reply)
        code = oauth.code_in(reply.headers.get("Location", ""), state=pending.state)
        form = oauth.exchange_form(code=code, verifier=pending.verifier, hardware_id=hardware_id(self._state))
        issued_at = self._now()
        headers = {"User-Agent": APP_AGENT, "Accept": "*/*"}
        reply = await self._ask(client, "oauth_token", headers=headers, form=form)
        if reply.status != 200:
            raise self._refusal(reply)
        pair = oauth.parse_tokens(reply.value)
        tier = await retried(
            lambda: self._tier_info(client, pair.access_token), pacing=self._pacing, now=self._now
        )
        session = Session(
            email=pending.email,
            account_id=tier.account_id,
            tier=tier.tier,
            user_id=None,
            client_id=None,
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_at=issued_at + timedelta(seconds=pair.expires_in),
            api_url=self._addresses.api_url,
            oauth_url=self._addresses.oauth_url,
        )
        async with self._state.locked():
            save_session(self._state, session)
            self._state.remove(PENDING)
        return await self._with_ids(client, session)

    async def _tier_info(self, client: httpx.AsyncClient, token: str) -> oauth.TierInfo:
        """Step 7, at the bootstrap host."""
        what = "the account's region"
        request = client.build_request(
            "GET",
            self._addresses.bootstrap + ENDPOINTS["tier_info"].path,
            headers={"User-Agent": APP_AGENT, "Authorization": f"Bearer {token}"},
        )
        async with sent(client, request) as response:
            answer: Answer = await json_answer(response, what=what, now=self._now)
        answer.raise_for_error(what=what)
        return oauth.parse_tier_info(answer.value)

    async def _with_ids(self, client: httpx.AsyncClient, session: Session) -> Session:
        """Step 8: the homescreen's headers tell the client id and the user id."""
        tokens = Tokens(self._state, session, client=client, addresses=self._addresses, now=self._now)
        wire = Wire(client, tokens, addresses=self._addresses, pacing=self._pacing, now=self._now)
        await Cloud(wire, client=client).homescreen()
        return tokens.session

    async def _ask(
        self,
        client: httpx.AsyncClient,
        name: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> _Reply:
        endpoint = ENDPOINTS[name]
        return await _reply(
            client,
            client.build_request(
                endpoint.method, self._addresses.oauth + endpoint.path, headers=headers, data=form
            ),
        )

    def _refusal(self, reply: _Reply) -> BlinkArchiveError:
        """What a refusal stands for that says nothing about password or code."""
        if reply.status == 406:
            return RefusedAtEdge(
                "Blink's sign-in server refused this program before any check (status 406): it is not the "
                "password. Wait an hour or try from another network; what works there is signing in "
                "through a browser."
            )
        until = retry_after(reply.headers.get("Retry-After"), now=self._now())
        if reply.status == 429:
            when = "in an hour" if until is None else f"after {until.astimezone():%Y-%m-%d %H:%M:%S}"
            return Throttled(
                f"Blink wants fewer sign-ins for now (status 429). Try `blink-archive login` again {when}.",
                until=until,
            )
        error = error_of(reply.status, reply.value, what="the sign-in", until=until)
        if isinstance(error, SignInError):
            return NotSignedIn(
                f"Blink broke off the sign-in (status {reply.status}). "
                "Start again with `blink-archive login`."
            )
        if isinstance(error, UnexpectedAnswer):
            return UnexpectedAnswer(
                f"Blink answered the sign-in with something else than expected (status {reply.status}). "
                "Try `blink-archive login` again later; if it stays so, this program needs an update."
            )
        return error


async def logout(state: StateDir) -> None:
    """Forgets the tokens and any sign-in that waits; the device's id stays, for the next sign-in."""
    async with state.locked():
        state.remove(SESSION)
        state.remove(PENDING)


async def _reply(client: httpx.AsyncClient, request: httpx.Request) -> _Reply:
    async with sent(client, request) as response:
        body = await body_of(response, what="the sign-in page")
        return _Reply(status=response.status_code, headers=response.headers, body=body)


def _cookies(client: httpx.AsyncClient) -> tuple[Cookie, ...]:
    """The jar as values."""
    return tuple(
        Cookie(
            name=cookie.name,
            value=cookie.value or "",
            domain=cookie.domain,
            path=cookie.path,
            secure=cookie.secure,
        )
        for cookie in client.cookies.jar
    )


def _jar_cookie(cookie: Cookie) -> JarCookie:
    """``cookie`` as it was in the jar, for this exchange only."""
    return JarCookie(
        version=0,
        name=cookie.name,
        value=cookie.value,
        port=None,
        port_specified=False,
        domain=cookie.domain,
        domain_specified=cookie.domain.startswith("."),
        domain_initial_dot=cookie.domain.startswith("."),
        path=cookie.path,
        path_specified=True,
        secure=cookie.secure,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )
