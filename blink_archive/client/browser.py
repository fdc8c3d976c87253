"""Signing in through the user's own browser, as native apps do (protocol.md 2.1, its last paragraph)."""

from __future__ import annotations

from typing import ClassVar

import httpx

from ..errors import BlinkArchiveError, CodeExpired, StateError, WrongCode
from ..protocol import oauth
from ..protocol.endpoints import ENDPOINTS
from .device import hardware_id
from .exchange import Exchange, Reply
from .pending import BrowserPending, save_pending
from .session import Session


class BrowserSignIn(Exchange):
    """The sign-in whose pages a person opens in a browser: Blink gets the password from there alone."""

    _at_edge: ClassVar[str] = (
        "Blink's sign-in server refused this program before any check (status 406): it is not the address "
        "that you pasted. Wait an hour, or try from another network."
    )

    def begin(self) -> str:
        """The address to open in a browser; the exchange is stored for `enter_code`; nothing is asked."""
        verifier, state = oauth.new_verifier(self._random), oauth.new_verifier(self._random)
        query = oauth.authorize_query(hardware_id=hardware_id(self._state), verifier=verifier, state=state)
        pending = BrowserPending(
            verifier=verifier,
            state=state,
            started_at=self._now(),
            api_url=self._addresses.api_url,
            oauth_url=self._addresses.oauth_url,
        )
        save_pending(self._state, pending)
        return str(httpx.URL(self._addresses.oauth + ENDPOINTS["oauth_authorize"].path, params=query))

    async def resume(self) -> Session | None:
        """The stored session of a sign-in that Blink let in less than ten minutes ago and that then met
        trouble: it goes on. None where there is none. Raises as `enter_code`."""
        try:
            pending = self._waiting(BrowserPending)
        except (CodeExpired, StateError):
            return None
        if pending.issued is None:
            return None
        async with self._client() as client:
            return await self._finish(client, pending, pending.issued)

    def lacks_its_end(self, pasted: str) -> bool:
        """Whether more of the address is to come than ``pasted``; raises CodeExpired as `enter_code`."""
        return oauth.lacks_its_end(pasted, state=self._waiting(BrowserPending).state)

    async def enter_code(self, code: str) -> Session:
        """The stored session of the sign-in that waits for ``code``: the address that the browser could not
        open, as it was pasted, or the code in it.

        Raises WrongCode for another address, or one that Blink does not take (the exchange stays, for
        another try), CodeExpired without a sign-in that waits, and a BlinkError for trouble.
        """
        pending = self._waiting(BrowserPending)
        async with self._client() as client:
            issued = pending.issued or await self._issue(
                client, code=oauth.pasted_code(code, state=pending.state), verifier=pending.verifier
            )
            return await self._finish(client, pending, issued)

    def _refusal(self, reply: Reply) -> BlinkArchiveError:
        """A code that Blink refuses is a wrong one here: it came from a person."""
        if oauth.is_dead_grant(reply.status, reply.value):
            return WrongCode(
                "Blink did not take this address: it is too old, was used before, or is of another sign-in. "
                "Open the address of this sign-in in the browser once more, and paste what it ends with."
            )
        return super()._refusal(reply)
