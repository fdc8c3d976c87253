"""Signing in as the app does: steps 1 to 5 of protocol.md 2.1, with a pause for the one-time code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from http.cookiejar import Cookie as JarCookie
from typing import ClassVar

import httpx

from ..errors import (
    CodeExpired,
    CodeNeeded,
    SignInError,
    StateError,
    UnsafeAddress,
    WrongCode,
    WrongPassword,
)
from ..protocol import oauth
from ..protocol.endpoints import BROWSER_AGENT, ENDPOINTS
from .addresses import origin
from .device import hardware_id
from .exchange import REDIRECTS, Exchange, reply_to
from .pending import PENDING, AppPending, Cookie, Issued, save_pending
from .session import Session

_PAGE = {"User-Agent": BROWSER_AGENT, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_MOST_STEPS = 5


class SignIn(Exchange):
    """The sign-in with email, password and one-time code; as `SignInMethod`."""

    _at_edge: ClassVar[str] = (
        "Blink's sign-in server refused this program before any check (status 406): it is not the password. "
        "Sign in through your own browser with `blink-archive login --method browser`, wait an hour, or try "
        "from another network."
    )

    async def sign_in(self, *, email: str, password: str) -> Session:
        """The stored session of an account without a second factor.

        Posts the password once; not at all where a sign-in of this email was accepted in the last ten
        minutes and then met trouble: that one goes on. Raises CodeNeeded after storing the exchange,
        for `enter_code`, where a one-time code is on its way; WrongPassword; RefusedAtEdge, Throttled,
        ServerError, UpdateRequired or NetworkError where the password was not even looked at.
        """
        if accepted := self._accepted(email):
            async with self._with(accepted.cookies) as client:
                return await self._end(client, accepted)
        device = hardware_id(self._state)
        verifier, state = oauth.new_verifier(self._random), oauth.new_verifier(self._random)
        async with self._with() as client:
            await self._begin(
                client, oauth.authorize_query(hardware_id=device, verifier=verifier, state=state)
            )
            page = await self._ask(client, "oauth_signin_page", headers=_PAGE)
            if page.status != 200:
                raise self._refusal(page)
            csrf = oauth.csrf_token(page.body.decode("utf-8", "replace"))
            form = oauth.signin_form(email=email, password=password, csrf=csrf)
            reply = await self._ask(client, "oauth_signin", headers=self._form_headers(), form=form)
            pending = AppPending(
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
                case status if status in REDIRECTS:
                    pending = replace(pending, verified=True)
                    save_pending(self._state, pending)
                    return await self._end(client, pending)
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
        pending = self._waiting(AppPending)
        async with self._with(pending.cookies) as client:
            if not pending.verified:
                await self._verify(client, pending, code="".join(code.split()))
                pending = replace(pending, cookies=_cookies(client), verified=True)
                save_pending(self._state, pending)
            return await self._end(client, pending)

    async def _verify(self, client: httpx.AsyncClient, pending: AppPending, *, code: str) -> None:
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

    def _accepted(self, email: str) -> AppPending | None:
        """The sign-in of ``email`` that Blink accepted and that lacks only its end, if there is one."""
        try:
            pending = self._waiting(AppPending)
        except (CodeExpired, StateError):
            return None
        return pending if pending.verified and pending.email == email else None

    def _with(self, cookies: Iterable[Cookie] = ()) -> httpx.AsyncClient:
        """A client with the one jar of the exchange, as far as that has come."""
        client = self._client(cookies=True)
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
            reply = await reply_to(client, client.build_request("GET", url, headers=_PAGE))
            if reply.status == 200:
                return
            if reply.status not in REDIRECTS:
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

    async def _end(self, client: httpx.AsyncClient, pending: AppPending) -> Session:
        """Steps 5 to 8. What is reached is stored at once; where Blink broke off, nothing is left to go
        on from."""
        try:
            issued = pending.issued or await self._tokens(client, pending)
        except SignInError:
            self._state.remove(PENDING)
            raise
        return await self._finish(client, pending, issued)

    async def _tokens(self, client: httpx.AsyncClient, pending: AppPending) -> Issued:
        """Steps 5 and 6."""
        reply = await self._ask(client, "oauth_authorize", headers=self._form_headers())
        if reply.status not in REDIRECTS:
            raise self._refusal(reply)
        code = oauth.code_in(reply.headers.get("Location", ""), state=pending.state)
        return await self._issue(client, code=code, verifier=pending.verifier)


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
