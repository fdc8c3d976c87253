"""The tokens of a session: given out while they live, renewed once for everybody who needs it.

Source: protocol.md 2.1, "Refresh". The refresh token rotates, so a refresh is single-flight in
this process (one task that all wait for), locked between processes, and stored before it is used.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx

from ..errors import NotSignedIn, RefusedAtEdge, UnexpectedAnswer
from ..protocol import oauth
from ..protocol.answers import error_of, is_update_required
from ..protocol.endpoints import APP_AGENT, ENDPOINTS
from .addresses import Addresses
from .device import hardware_id
from .session import Session, load_session, save_session
from .state import StateDir
from .transport import Answer, Clock, json_answer, sent

AHEAD = timedelta(minutes=1)
_WHAT = "a renewed sign-in"


class Tokens:
    """Keeps ``session`` and its file in step; one for each running `Blink`."""

    def __init__(
        self,
        state: StateDir,
        session: Session,
        *,
        client: httpx.AsyncClient,
        addresses: Addresses,
        now: Clock,
    ) -> None:
        self.session = session
        self._state = state
        self._client = client
        self._addresses = addresses
        self._now = now
        self._renewal: asyncio.Task[None] | None = None
        self._exchanging = False

    async def current(self) -> Session:
        """The session with a token that holds; renewed first if it lives for less than a minute.

        Raises NotSignedIn where only a sign-in helps, a BlinkError for passing trouble.
        """
        if self._is_ending(self.session):
            return await self.renewed(self.session.access_token)
        return self.session

    async def renewed(self, refused: str) -> Session:
        """The session with another token than ``refused``, which Blink does not take; raises as `current`."""
        if self.session.access_token == refused:
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew(refused))
                self._renewal.add_done_callback(self._renewal_ended)
            # A cancelled waiter must not cancel the exchange: its answer holds the only valid token.
            await asyncio.shield(self._renewal)
        return self.session

    async def settle(self) -> None:
        """Ends a renewal that has not been sent; waits until one that has is answered and stored."""
        if self._renewal is not None:
            if not self._exchanging:
                self._renewal.cancel()
            await asyncio.wait({self._renewal})

    async def learn(
        self, *, client_id: int | None = None, user_id: int | None = None, email: str | None = None
    ) -> None:
        """Stores what Blink told of the account, beside whatever tokens are stored by now; None tells
        nothing."""
        async with self._state.locked():
            stored = self._stored()
            self.session = replace(
                stored,
                client_id=stored.client_id if client_id is None else client_id,
                user_id=stored.user_id if user_id is None else user_id,
                email=stored.email if email is None else email,
            )
            save_session(self._state, self.session)

    def _renewal_ended(self, task: asyncio.Task[None]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # every waiter may have been cancelled: then nobody else asks for it

    def _is_ending(self, session: Session) -> bool:
        return session.expires_at - AHEAD <= self._now()

    def _stored(self) -> Session:
        """The session in the account's file; raises NotSignedIn if it is gone."""
        return load_session(self._state, self.session.account_id, addresses=self._addresses)

    async def _renew(self, refused: str) -> None:
        async with self._state.locked():
            stored = self._stored()
            if stored.access_token == refused or self._is_ending(stored):
                if stored.kind == "classic":  # its token lives for 24 hours, and nothing renews it
                    raise NotSignedIn(
                        "This classic login has ended: it lasts a day, and nothing renews it. "
                        "Run `blink-archive login` again."
                    )
                save_session(self._state, stored)  # a full disk has to show before the old token is spent
                self._exchanging = True
                try:
                    stored = await self._exchanged(stored)
                finally:
                    self._exchanging = False
                save_session(self._state, stored)
            self.session = stored

    async def _exchanged(self, session: Session) -> Session:
        """``session`` with the pair that its refresh token was exchanged for."""
        form = oauth.refresh_form(refresh_token=session.refresh_token, hardware_id=hardware_id(self._state))
        request = self._client.build_request(
            "POST",
            self._addresses.oauth + ENDPOINTS["oauth_token"].path,
            data=form,
            headers={"User-Agent": APP_AGENT, "Accept": "*/*"},
        )
        async with sent(self._client, request) as response:
            answer = await json_answer(response, what=_WHAT, now=self._now)
        _raise_for_refusal(answer)
        issued_at = self._now()
        pair = oauth.parse_tokens(answer.value, old_refresh_token=session.refresh_token)
        return replace(
            session,
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_at=issued_at + timedelta(seconds=pair.expires_in),
        )


def _raise_for_refusal(answer: Answer) -> None:
    """Raises what the answer to a refresh stands for: NotSignedIn for a dead token alone."""
    if is_update_required(answer.value, status=answer.status):
        raise error_of(answer.status, answer.value, what=_WHAT)
    if 200 <= answer.status < 300:
        return
    if oauth.is_dead_grant(answer.status, answer.value):
        raise NotSignedIn("Blink ended this sign-in (its refresh token is dead). Run `blink-archive login`.")
    match answer.status:
        case 406:
            raise RefusedAtEdge(
                "Blink's sign-in server refused this program before any check (status 406). "
                "The sign-in is kept; try again later, or from another network."
            )
        case 400 | 401 | 404 | 409:
            raise UnexpectedAnswer(
                f"Blink did not renew the sign-in (status {answer.status}) and gave no reason that "
                "ends it. The sign-in is kept; try again later."
            )
        case _:
            raise error_of(answer.status, None, what=_WHAT, until=answer.until)
