"""The OAuth exchange, as far as app and browser share it: from the authorization code to the session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import httpx

from ..errors import (
    BlinkArchiveError,
    BlinkError,
    NotSignedIn,
    RefusedAtEdge,
    SignInError,
    UnexpectedAnswer,
)
from ..protocol import oauth
from ..protocol.account import parse_email
from ..protocol.answers import decode, error_of, is_update_required, retry_after
from ..protocol.endpoints import APP_AGENT, ENDPOINTS
from .auth import Tokens
from .blink import Blink
from .device import hardware_id
from .method import SignInMethod, fewer_sign_ins
from .pacing import retried
from .pending import PENDING, AppPending, BrowserPending, Issued, save_pending
from .session import Session
from .transport import Answer, body_of, json_answer, sent
from .wire import Wire

REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Reply:
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


class Exchange(SignInMethod):
    """Steps 6 to 8 of protocol.md 2.1, and what the OAuth host's refusals mean."""

    _at_edge: ClassVar[str]
    """What to tell a person whom the edge in front of the OAuth host refused."""

    async def _issue(self, client: httpx.AsyncClient, *, code: str, verifier: str) -> Issued:
        """Step 6: the tokens for an authorization code."""
        form = oauth.exchange_form(code=code, verifier=verifier, hardware_id=hardware_id(self._state))
        issued_at = self._now()
        headers = {"User-Agent": APP_AGENT, "Accept": "*/*"}
        reply = await self._ask(client, "oauth_token", headers=headers, form=form)
        if reply.status != 200:
            raise self._refusal(reply)
        pair = oauth.parse_tokens(decode(reply.body, what="a sign-in token"))
        return Issued(pair.access_token, pair.refresh_token, issued_at + timedelta(seconds=pair.expires_in))

    async def _finish(
        self, client: httpx.AsyncClient, pending: AppPending | BrowserPending, issued: Issued
    ) -> Session:
        """Steps 7 and 8. The tokens are stored at once; where Blink broke off, nothing is left to go on
        from."""
        save_pending(self._state, replace(pending, issued=issued))
        try:
            tier = await retried(
                lambda: self._tier_info(client, issued.access_token), pacing=self._pacing, now=self._now
            )
        except SignInError:
            self._state.remove(PENDING)
            raise
        session = Session(
            kind="oauth",
            email=pending.email if isinstance(pending, AppPending) else None,
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
        await self._store(session)
        return await self._with_facts(client, session)

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

    async def _with_facts(self, client: httpx.AsyncClient, session: Session) -> Session:
        """Step 8: the homescreen's headers tell the client id and the user id; ``/user`` tells the email,
        which a browser did not."""
        tokens = Tokens(self._state, session, client=client, addresses=self._addresses, now=self._now)
        wire = Wire(client, tokens, addresses=self._addresses, pacing=self._pacing, now=self._now)
        blink = Blink(wire, client=client)
        with suppress(BlinkError):  # the sign-in holds all the same, and any later homescreen tells them
            await blink.homescreen()
        if session.email is None:
            with suppress(BlinkError):  # likewise; the account's id does in its place
                await tokens.learn(email=parse_email(await blink.account.user()))
        return tokens.session

    async def _ask(
        self,
        client: httpx.AsyncClient,
        name: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        endpoint = ENDPOINTS[name]
        url = self._addresses.oauth + endpoint.path
        return await reply_to(client, client.build_request(endpoint.method, url, headers=headers, data=form))

    def _refusal(self, reply: Reply) -> BlinkArchiveError:
        """What a refusal stands for that says nothing about password or code."""
        until = retry_after(reply.headers.get("Retry-After"), now=self._now())
        match reply.status:
            case 406:
                return RefusedAtEdge(self._at_edge)
            case 429:
                return fewer_sign_ins(until)
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


async def reply_to(client: httpx.AsyncClient, request: httpx.Request) -> Reply:
    """The answer to ``request``, read to its end; raises UpdateRequired, the same at every step."""
    async with sent(client, request) as response:
        body = await body_of(response, what="the sign-in page")
    reply = Reply(status=response.status_code, headers=response.headers, body=body)
    if is_update_required(reply.value, status=reply.status):
        raise error_of(reply.status, reply.value, what="the sign-in")
    return reply
