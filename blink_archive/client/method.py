"""What all ways to sign in share: what they are made of, and how they begin and end."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx

from ..errors import CodeExpired, Throttled
from ..protocol.oauth import RandomBytes
from .addresses import Addresses
from .pacing import Pacing
from .pending import PENDING, AppPending, BrowserPending, ClassicPending, load_pending
from .session import Session, save_session
from .state import StateDir
from .transport import Clock, http_client, utc_now

P = TypeVar("P", AppPending, BrowserPending, ClassicPending)


class SignInMethod:
    """One way to sign an account in into ``state``; holds no secret between its calls.

    ``ca_file`` holds certificates (PEM) to trust beside the usual roots. ``random`` gives so many random
    bytes (`os.urandom`); ``transport`` stands in for the network. Raises UsageError for overrides that
    cannot be used.
    """

    def __init__(
        self,
        state: StateDir,
        *,
        api_url: str | None = None,
        oauth_url: str | None = None,
        ca_file: Path | None = None,
        pacing: Pacing | None = None,
        now: Clock = utc_now,
        random: RandomBytes = os.urandom,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._state = state
        self._addresses = Addresses.chosen(api_url=api_url, oauth_url=oauth_url)
        self._ca_file = ca_file
        self._pacing = pacing or Pacing()
        self._now = now
        self._random = random
        self._transport = transport

    def _client(self, *, cookies: bool = False) -> httpx.AsyncClient:
        """A client, with a jar of its own where an exchange needs its ``cookies``; raises as `trust`."""
        return http_client(
            self._addresses,
            ca_file=self._ca_file,
            connections=2,
            cookies=cookies,
            transport=self._transport,
        )

    def _waiting(self, kind: type[P]) -> P:
        """The sign-in that waits; raises as `load_pending`, and CodeExpired for one of another method."""
        pending = load_pending(self._state, addresses=self._addresses, now=self._now())
        if not isinstance(pending, kind):
            raise CodeExpired(
                f"The sign-in that waits was begun with --method {pending.method}: go on with that, or start "
                f"again with `blink-archive login --method {kind.method}`."
            )
        return pending

    async def _store(self, session: Session) -> None:
        """The end of a sign-in: ``session`` takes the place of the one that its account had."""
        async with self._state.locked():
            save_session(self._state, session)
            self._state.remove(PENDING)


def fewer_sign_ins(until: datetime | None) -> Throttled:
    """A 429 to a sign-in, whose Retry-After ends at ``until``."""
    when = "in an hour" if until is None else f"after {until.astimezone():%Y-%m-%d %H:%M:%S}"
    return Throttled(
        f"Blink wants fewer sign-ins for now (status 429). Try `blink-archive login` again {when}.",
        until=until,
    )
