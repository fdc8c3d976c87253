"""The sessions of the classic login: its tokens, the PINs that were sent, and the clients they verified.

State and rules only; `classic.py` has the calls (protocol.md 2.2).
"""

import secrets
from dataclasses import dataclass
from threading import RLock

from blink_archive.simulator.settings import CODE_LIFETIME, Settings

TOKEN_LIFETIME = 86400
"""Seconds for which a classic token is valid."""


@dataclass(slots=True, kw_only=True)
class ClassicSession:
    """One login. Times are Unix seconds by the cloud's clock."""

    unique_id: str
    token: str
    expires: float
    pin_sent_at: float | None = None
    """None where no PIN is waited for."""


class ClassicSessions:
    """The logins of the account. Thread-safe under the lock it is given."""

    def __init__(self, settings: Settings, lock: RLock) -> None:
        self._settings = settings
        self._lock = lock
        self._sessions: dict[str, ClassicSession] = {}
        self._verified: set[str] = set()
        self.issued: set[str] = set()
        """Every token so far."""

    def _now(self) -> float:
        return self._settings.now().timestamp()

    def open(self, unique_id: str) -> ClassicSession:
        """A session of the client of that id; without a second factor every client counts as verified."""
        session = ClassicSession(
            unique_id=unique_id, token=secrets.token_urlsafe(24), expires=self._now() + TOKEN_LIFETIME
        )
        with self._lock:
            self._sessions[session.token] = session
            self.issued.add(session.token)
            if not self._settings.two_factor:
                self._verified.add(unique_id)
        return session

    def session(self, token: str) -> ClassicSession | None:
        """The session of a token that is valid, its client verified or not."""
        with self._lock:
            found = self._sessions.get(token)
            return found if found is not None and found.expires > self._now() else None

    def is_verified(self, session: ClassicSession) -> bool:
        with self._lock:
            return session.unique_id in self._verified

    def is_valid(self, token: str, *, unverified: bool) -> bool:
        """Whether the token opens a call; `unverified` says that its client need not be verified."""
        found = self.session(token)
        return found is not None and (unverified or self.is_verified(found))

    def expect_pin(self, session: ClassicSession) -> None:
        """A PIN was sent, which works once and for ten minutes."""
        with self._lock:
            session.pin_sent_at = self._now()

    def expects_pin(self, session: ClassicSession) -> bool:
        """Whether a PIN that was sent can still be used."""
        with self._lock:
            sent = session.pin_sent_at
            return sent is not None and self._now() - sent <= CODE_LIFETIME

    def verify(self, session: ClassicSession, pin: object) -> bool:
        """Verify the session's client, for good, by the PIN that is expected; whether it was that one."""
        with self._lock:
            right = self.expects_pin(session) and pin == self._settings.code
            if right:
                session.pin_sent_at = None
                self._verified.add(session.unique_id)
            return right

    def expire(self, token: str) -> None:
        with self._lock:
            self._sessions.pop(token, None)

    def expire_all(self) -> None:
        with self._lock:
            self._sessions.clear()
