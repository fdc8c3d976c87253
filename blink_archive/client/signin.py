"""Signing in: the exchange of protocol.md 2.1, in one go or with a pause for the one-time code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from http.cookiejar import Cookie as JarCookie
from typing import Any

import httpx

from ..errors import (
    BlinkArchiveError,
    BlinkError,
    CodeExpired,
    CodeNeeded,
    NotSignedIn,
    RefusedAtEdge,
    SignInError,
    StateError,
    Throttled,
    UnexpectedAnswer,
    UnsafeAddress,
    WrongCode,
    WrongPassword,
)
from ..protocol import oauth
from ..protocol.answers import decode, error_of, is_update_required, retry_after
from ..protocol.endpoints import APP_AGENT, BROWSER_AGENT, ENDPOINTS
from .addresses import Addresses, origin
from .auth import Tokens
from .blink import Blink
from .pacing import Pacing, retried
from .session import (
    PENDING,
    SESSION,
    Cookie,
    Issued,
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

        Posts the password once; not at all where a sign-in of this email was accepted in the last ten
        minutes and then met trouble: that one goes on. Raises CodeNeeded after storing the exchange,
        for `enter_code`, where a one-time code is on its way; WrongPassword; RefusedAtEdge, Throttled,
        ServerError, UpdateRequired or NetworkError where the password was not even looked at.
        """
        if accepted := self._accepted(email):
            async with self._client(accepted.cookies) as client:
                return await self._finish(client, accepted)
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
                    pending = replace(pending, verified=True)
                    save_pending(self._state, pending)
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

        Raises WrongCode or, where Blink says so, CodeExpired (the exchange stays, for another try),
        CodeExpired without a sign-in that waits, and as `sign_in`.
        """
        pending = load_pending(self._state, addresses=self._addresses, now=self._now())
        async with self._client(pending.cookies) as client:
            if not pending.verified:
                await self._verify(client, pending, code="".join(code.split()))
                pending = replace(pending, cookies=_cookies(client), verified=True)
                save_pending(self._state, pending)
            return await self._finish(client, pending)

    async def _verify(self, client: httpx.AsyncClient, pending: Pending, *, code: str) -> None:
        """Step 4: returns where Blink took the code."""
        form = oauth.verify_form(code=code, csrf=pending.csrf)
        reply = await self._ask(client, "oauth_verify", headers=self._form_headers(), form=form)
        if reply.status == 201:
            return
        passing = reply.status in (403, 406, 429) or reply.status >= 500
        if passing or oauth.is_lost_exchange(reply.value):
            raise self._refusal(reply)
        save_pending(self._state, replace(pending, cookies=_cookies(client)))
        if oauth.is_expired_code(reply.value):
            raise CodeExpired(
                "Blink says that this code is too old. Enter the newest one with "
                "`blink-archive login --code CODE`, or start again with `blink-archive login`."
            )
        raise WrongCode(
            "Blink did not take this code: it is wrong or too old. Enter the newest one with "
            "`blink-archive login --code CODE`, or start again with `blink-archive login`."
        )

    def _accepted(self, email: str) -> Pending | None:
        """The sign-in of ``email`` that Blink accepted and that lacks only its end, if there is one."""
        try:
            pending = load_pending(self._state, addresses=self._addresses, now=self._now())
        except (CodeExpired, StateError):
            return None
        return pending if pending.verified and pending.email == email else None

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
        """Steps 5 to 8. What is reached is stored at once; where Blink broke off, nothing is left to go
        on from."""
        try:
            issued = pending.issued or await self._tokens(client, pending)
            save_pending(self._state, replace(pending, issued=issued))
            tier = await retried(
                lambda: self._tier_info(client, issued.access_token), pacing=self._pacing, now=self._now
            )
        except SignInError:
            self._state.remove(PENDING)
            raise
        session = Session(
            kind="oauth",
            email=pending.email,
            account_id=tier.account_id,
            tier=tier.tier,
            user_id=None,
            client_id=None,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            expires_at=issued.expires_at,
            api_url=self._addresses.api_url,
            oauth_url=self._addresses.oauth_url,
        )
        async with self._state.locked():
            save_session(self._state, session)
            self._state.remove(PENDING)
        return await self._with_ids(client, session)

    async def _tokens(self, client: httpx.AsyncClient, pending: Pending) -> Issued:
        """Steps 5 and 6."""
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
        pair = oauth.parse_tokens(decode(reply.body, what="a sign-in token"))
        return Issued(pair.access_token, pair.refresh_token, issued_at + timedelta(seconds=pair.expires_in))

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
        with suppress(BlinkError):  # the sign-in holds all the same, and any later homescreen tells them
            await Blink(wire, client=client).homescreen()
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
        until = retry_after(reply.headers.get("Retry-After"), now=self._now())
        match reply.status:
            case 406:
                return RefusedAtEdge(
                    "Blink's sign-in server refused this program before any check (status 406): it is not "
                    "the password. Wait an hour or try from another network; what works there is signing "
                    "in through a browser."
                )
            case 429:
                when = "in an hour" if until is None else f"after {until.astimezone():%Y-%m-%d %H:%M:%S}"
                return Throttled(
                    "Blink wants fewer sign-ins for now (status 429). Try `blink-archive login` again "
                    f"{when}.",
                    until=until,
                )
            case status if status == 403 or status >= 500:
                return error_of(status, reply.value, what="the sign-in", until=until)
            case status if status == 401 or oauth.is_lost_exchange(reply.value):
                return NotSignedIn(
                    f"Blink broke off the sign-in (status {status}). Start again with `blink-archive login`."
                )
            case status:
                return UnexpectedAnswer(
                    f"Blink answered the sign-in with something else than expected (status {status}). "
                    "Try `blink-archive login` again later; if it stays so, this program needs an update."
                )


async def logout(state: StateDir) -> None:
    """Forgets the tokens and any sign-in that waits; the device's id stays, for the next sign-in."""
    async with state.locked():
        state.remove(SESSION)
        state.remove(PENDING)


async def _reply(client: httpx.AsyncClient, request: httpx.Request) -> _Reply:
    async with sent(client, request) as response:
        body = await body_of(response, what="the sign-in page")
    reply = _Reply(status=response.status_code, headers=response.headers, body=body)
    if is_update_required(reply.value, status=reply.status):
        raise error_of(reply.status, reply.value, what="the sign-in")
    return reply


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
