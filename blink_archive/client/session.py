"""The stored sign-ins, one file an account, and which of them is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from ..errors import NotSignedIn, UsageError
from ..model import from_utc_text, utc_text
from ..protocol.values import integer
from .addresses import Addresses
from .state import StateDir, damaged

Kind = Literal["oauth", "classic"]


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that holds: the tokens, whose they are, and where they were issued.

    ``kind`` decides the header that the token goes in (protocol.md 1). ``expires_at`` is when the access
    token dies, aware, in UTC; the ``refresh_token`` of a classic session is empty. ``email`` is None where
    the sign-in was in a browser and Blink did not tell it. ``user_id`` and ``client_id`` are None until
    Blink told them. ``api_url`` and ``oauth_url`` are the overrides in force at the sign-in.
    """

    kind: Kind
    email: str | None = field(repr=False)
    account_id: int
    tier: str
    user_id: int | None
    client_id: int | None
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    api_url: str | None
    oauth_url: str | None

    @property
    def whose(self) -> str:
        """The account in words: ``someone@example.com (account 1100001)``. Not for a log or the catalog."""
        return f"{self.email} (account {self.account_id})" if self.email else f"account {self.account_id}"

    def is_of(self, addresses: Addresses) -> bool:
        """Whether this session was made against ``addresses``; it is sent nowhere else."""
        return (self.api_url, self.oauth_url) == (addresses.api_url, addresses.oauth_url)


def session_file(account_id: int) -> str:
    """The name of the file with the session of that account."""
    return f"session-{account_id}.json"


def stored_sessions(state: StateDir) -> tuple[Session, ...]:
    """All sessions in ``state``, by their account's id; raises StateError where a file is damaged."""
    found = (_read(state, name) for name in state.names("session-*.json"))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.account_id))


def load_session(state: StateDir, account_id: int, *, addresses: Addresses) -> Session:
    """The stored session of one account.

    Raises NotSignedIn where there is none, or one made against other addresses; StateError
    where the file is damaged.
    """
    session = _read(state, session_file(account_id))
    if session is None:
        raise NotSignedIn(
            f"Account {account_id} is not signed in (no session in {state.path}). Run `blink-archive login`."
        )
    if not session.is_of(addresses):
        raise _made_elsewhere(state, (session,), addresses=addresses)
    return session


def choose_session(state: StateDir, account: str | int | None, *, addresses: Addresses | None) -> Session:
    """The session of ``account``, an email or an account's id; with None, the only one there is.

    Only sessions made against ``addresses`` count; with None, all do. Raises NotSignedIn where none is
    meant, UsageError where several are or ``account`` is empty, StateError where a file is damaged.
    """
    if isinstance(account, str) and not account.strip():
        raise UsageError("The account is empty. Name one by its email or id, or leave --account away.")
    named = _named(state, account)
    match [each for each in named if addresses is None or each.is_of(addresses)]:
        case [session]:
            return session
        case []:
            if addresses is not None and named:
                raise _made_elsewhere(state, named, addresses=addresses)
            raise _nobody(state, account)
        case several:
            raise UsageError(
                f"Several accounts are signed in: {_listed(several)}. Choose one by its email or id with "
                "--account, or its archive with --archive."
            )


def _named(state: StateDir, account: str | int | None) -> tuple[Session, ...]:
    """The sessions of ``account``; by its id without a look at the others, one of which may be damaged."""
    if (number := integer(account.strip() if isinstance(account, str) else account)) is not None:
        session = _read(state, session_file(number))
        return () if session is None else (session,)
    everyone = stored_sessions(state)
    return everyone if account is None else tuple(each for each in everyone if _has_email(each, str(account)))


def _nobody(state: StateDir, account: str | int | None) -> NotSignedIn:
    others = stored_sessions(state)
    if not others:
        return NotSignedIn(f"Nobody is signed in (no session in {state.path}). Run `blink-archive login`.")
    who = account if isinstance(account, str) else f"Account {account}"
    return NotSignedIn(
        f"{who} is not signed in. Run `blink-archive login` for it, or choose another one with --account: "
        f"{_listed(others)}."
    )


def _made_elsewhere(state: StateDir, sessions: Iterable[Session], *, addresses: Addresses) -> NotSignedIn:
    places = ", ".join(dict.fromkeys(map(_where, sessions)))
    return NotSignedIn(
        f"The session in {state.path} was made against {places}, not {_where(addresses)}, and "
        "is not sent elsewhere. Run `blink-archive login`, or use another --state-dir."
    )


def _where(place: Session | Addresses) -> str:
    """The addresses that a session belongs to, in words."""
    return " and ".join(url or "Blink itself" for url in dict.fromkeys((place.api_url, place.oauth_url)))


def _listed(sessions: Iterable[Session]) -> str:
    return ", ".join(session.whose for session in sessions)


def _has_email(session: Session, email: str) -> bool:
    return session.email is not None and session.email.casefold() == email.strip().casefold()


def save_session(state: StateDir, session: Session) -> None:
    """Stores ``session`` durably, in place of the one that its account had."""
    state.write(
        session_file(session.account_id), {**asdict(session), "expires_at": utc_text(session.expires_at)}
    )


def digest_of_sessions(state: StateDir) -> str:
    """What changes when somebody signs in or out, and with each renewal; it tells nothing of the tokens.
    Raises StateError, StorageError."""
    digest = sha256()
    for name in state.names("session-*.json"):
        digest.update(repr((name, state.read(name))).encode())
    return digest.hexdigest()


def auth_header(session: Session) -> dict[str, str]:
    """The header that carries the token of ``session``."""
    match session.kind:
        case "oauth":
            return {"Authorization": f"Bearer {session.access_token}"}
        case "classic":
            return {"TOKEN_AUTH": session.access_token}


def _read(state: StateDir, name: str) -> Session | None:
    """The session in a file, None where there is no such file."""
    stored = state.read(name)
    if stored is None:
        return None
    session = _session(stored)
    if session is None or session_file(session.account_id) != name:
        raise damaged(state.path / name)
    return session


def _session(stored: Mapping[str, Any]) -> Session | None:
    """The session in a file's JSON, None if that is damaged."""
    match stored:
        case {
            "kind": "oauth" | "classic",
            "email": str() | None,
            "account_id": int(),
            "tier": str(),
            "user_id": int() | None,
            "client_id": int() | None,
            "access_token": str(),
            "refresh_token": str(),
            "expires_at": str(expires_at),
            "api_url": str() | None,
            "oauth_url": str() | None,
            **rest,
        } if not rest:
            moment = stored_moment(expires_at)
            return None if moment is None else Session(**{**stored, "expires_at": moment})
        case _:
            return None


def stored_moment(text: str) -> datetime | None:
    """The time that a file of the state directory holds as text; None if it is none."""
    try:
        moment = from_utc_text(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
