"""Who may come in: sign-in sessions, one-time codes, PKCE, access tokens and rotating refresh tokens.

State and rules only; `oauth.py` has the pages and forms. Refusals are `Refused`, with the answer's status.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from threading import RLock

from blink_archive.simulator.classic_sessions import ClassicSessions
from blink_archive.simulator.settings import CODE_LIFETIME, Settings


class Refused(Exception):
    """An OAuth error: `{"error": …, "error_description": …}` with that status."""

    def __init__(self, status: int, error: str, *, description: str, cause: str | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.cause = cause


@dataclass(slots=True, kw_only=True)
class Session:
    """One exchange, held together by a cookie."""

    cookie: str
    csrf: str
    challenge: str
    hardware_id: str
    state: str | None
    code_sent_at: float | None = None
    signed_in: bool = False


@dataclass(frozen=True, slots=True)
class _Grant:
    """What an authorization code stands for."""

    challenge: str
    hardware_id: str
    issued: float


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int


class SignIn:
    """The account's doors. Thread-safe under the lock it is given."""

    def __init__(self, settings: Settings, lock: RLock) -> None:
        self._settings = settings
        self._lock = lock
        self.classic = ClassicSessions(settings, lock)
        self._sessions: dict[str, Session] = {}
        self._grants: dict[str, _Grant] = {}
        self._access: dict[str, float] = {}
        self._refresh: dict[str, str] = {}
        self._issued_with: dict[str, str] = {}
        self.passwords_posted = 0
        """Of both logins, wherever they led."""
        self.codes_sent = 0
        self.refreshes = 0
        self.logins = 0
        """Classic logins that gave a token."""
        self.pins_sent = 0
        self.logouts = 0
        self._issued: set[str] = set()

    @property
    def issued(self) -> frozenset[str]:
        """Every cookie, CSRF token, authorization code and token of both logins that was given out so far,
        dead ones too: what a client must never show."""
        with self._lock:
            return frozenset(self._issued | self.classic.issued)

    def _now(self) -> float:
        return self._settings.now().timestamp()

    def open_session(self, *, challenge: str, hardware_id: str, state: str | None) -> Session:
        session = Session(
            cookie=secrets.token_urlsafe(24), csrf=secrets.token_urlsafe(24),
            challenge=challenge, hardware_id=hardware_id, state=state,
        )  # fmt: skip
        with self._lock:
            self._sessions[session.cookie] = session
            self._issued |= {session.cookie, session.csrf}
        return session

    def session(self, cookie: str | None) -> Session:
        """The session of a cookie; without one Blink answers 400 `empty_cookies`."""
        with self._lock:
            found = self._sessions.get(cookie or "")
        if found is None:
            raise Refused(400, "bad_request", description="Empty Cookies.", cause="empty_cookies")
        return found

    def post_password(self, session: Session, *, email: str, password: str, csrf: str) -> bool:
        """Check a password; True where a one-time code was sent and is waited for."""
        with self._lock:
            self.passwords_posted += 1
            self._check_csrf(session, csrf)
            if email != self._settings.email or password != self._settings.password:
                raise Refused(401, "invalid_credentials", description="Invalid email or password.")
            if not self._settings.two_factor:
                session.signed_in = True
                return False
            session.code_sent_at = self._now()
            self.codes_sent += 1
            return True

    def verify_code(self, session: Session, *, code: str, csrf: str) -> None:
        """Accept the one-time code, which works once and for ten minutes."""
        with self._lock:
            self._check_csrf(session, csrf)
            if session.code_sent_at is None:
                raise Refused(400, "bad_request", description="No code was asked for.")
            if self._now() - session.code_sent_at > CODE_LIFETIME:
                raise Refused(401, "expired_code", description="The code is too old.")
            if code != self._settings.code:
                raise Refused(401, "invalid_code", description="Wrong code.")
            session.code_sent_at = None
            session.signed_in = True

    def _check_csrf(self, session: Session, csrf: str) -> None:
        if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
            raise Refused(403, "invalid_csrf", description="The form is not of this sign-in.")

    def authorization_code(self, session: Session) -> str:
        with self._lock:
            code = secrets.token_urlsafe(24)
            self._grants[code] = _Grant(session.challenge, session.hardware_id, self._now())
            self._issued.add(code)
            return code

    def redeem(self, code: str, *, verifier: str, hardware_id: str) -> Tokens:
        """Tokens for an authorization code, which is spent by the attempt."""
        with self._lock:
            grant = self._grants.pop(code, None)
            if grant is None or self._now() - grant.issued > CODE_LIFETIME:
                raise Refused(
                    400, "invalid_grant", description="The authorization code is unknown, used or too old."
                )
            digest = hashlib.sha256(verifier.encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
                raise Refused(400, "invalid_grant", description="The code verifier does not match.")
            if hardware_id != grant.hardware_id:
                raise Refused(400, "invalid_grant", description="Another device asked for this code.")
            return self._issue(hardware_id)

    def rotate(self, refresh_token: str, *, hardware_id: str) -> Tokens:
        """A new pair for a refresh token, which is dead from then on."""
        with self._lock:
            if self._refresh.get(refresh_token) != hardware_id:
                raise Refused(400, "invalid_grant", description="The refresh token is not valid.")
            del self._refresh[refresh_token]
            self.refreshes += 1
            return self._issue(hardware_id)

    def _issue(self, hardware_id: str) -> Tokens:
        tokens = Tokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._settings.expires_in)
        self._access[tokens.access_token] = self._now() + tokens.expires_in
        self._refresh[tokens.refresh_token] = hardware_id
        self._issued_with[tokens.access_token] = tokens.refresh_token
        self._issued |= {tokens.access_token, tokens.refresh_token}
        return tokens

    def issue(self, hardware_id: str) -> Tokens:
        """Tokens without a sign-in, for tests that are about something else."""
        with self._lock:
            return self._issue(hardware_id)

    def is_valid(self, access_token: str) -> bool:
        """Whether it is an access token of the OAuth sign-in that opens the calls now."""
        with self._lock:
            return self._access.get(access_token, 0.0) > self._now()

    def expire(self, token: str) -> None:
        """That access token, or classic token, is invalid; its refresh token lives."""
        with self._lock:
            self._access.pop(token, None)
            self.classic.expire(token)

    def expire_all(self) -> None:
        with self._lock:
            self._access.clear()
            self.classic.expire_all()

    def log_out(self, token: str) -> None:
        """That access token, or classic token, is dead, and the refresh token issued with it."""
        with self._lock:
            self.expire(token)
            self._refresh.pop(self._issued_with.pop(token, ""), None)
            self.logouts += 1

    def revoke_refresh_tokens(self) -> None:
        with self._lock:
            self._refresh.clear()
