"""Ending a sign-in: at Blink, and then here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..errors import BlinkArchiveError, SignInError, UnexpectedAnswer, UsageError
from .blink import Blink
from .pacing import Pacing
from .pending import PENDING
from .session import Session, session_file
from .state import StateDir
from .transport import Clock, utc_now


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """A session that is gone here. ``trouble`` is why Blink could not be told; None where it was, or had
    ended the session already."""

    session: Session
    trouble: BlinkArchiveError | None

    @property
    def revoked(self) -> bool:
        """Whether Blink takes the session's tokens no more."""
        return self.trouble is None


async def logout(
    state: StateDir,
    sessions: Iterable[Session],
    *,
    ca_file: Path | None = None,
    pacing: Pacing | None = None,
    now: Clock = utc_now,
    transport: httpx.AsyncBaseTransport | None = None,
) -> tuple[LoggedOut, ...]:
    """Ends ``sessions`` at Blink, each where it was made, and forgets them here, whatever Blink answers.

    Any sign-in that waits is forgotten too; the device's id stays, for the next one. Raises UsageError for a
    ``ca_file`` (as in `Blink.from_state`) that cannot be used, before anything is forgotten.
    """
    ended = []
    for session in sessions:
        trouble: BlinkArchiveError | None = None
        try:
            async with Blink.from_state(
                state,
                account=session.account_id,
                api_url=session.api_url,
                oauth_url=session.oauth_url,
                ca_file=ca_file,
                pacing=pacing,
                now=now,
                transport=transport,
            ) as blink:
                await _revoke(blink)
        except SignInError:
            pass  # Blink takes it no more: that is what was wanted
        except UsageError:
            raise  # of `ca_file`: nobody was asked yet
        except BlinkArchiveError as error:
            trouble = error
        async with state.locked():
            state.remove(session_file(session.account_id))
        ended.append(LoggedOut(session, trouble))
    async with state.locked():
        state.remove(PENDING)
    return tuple(ended)


async def _revoke(blink: Blink) -> None:
    """Tells Blink; the call needs the client's id, which a homescreen tells where it is not known yet."""
    if blink.session.client_id is None:
        await blink.homescreen()
        if blink.session.client_id is None:
            raise UnexpectedAnswer("Blink did not say which client this is.")
    await blink.account.log_out()
