"""What the state directory remembers: the device, the session and a sign-in that waits for its code."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ..errors import CodeExpired, NotSignedIn
from ..model import from_utc_text, utc_text
from .addresses import Addresses
from .state import StateDir, damaged

DEVICE, SESSION, PENDING = "device.json", "session.json", "pending.json"
PENDING_LIFE = timedelta(minutes=10)

Kind = Literal["oauth", "classic"]


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that holds: the tokens, whose they are, and where they were issued.

    ``kind`` decides the header that the token goes in (protocol.md 1). ``expires_at`` is when the access
    token dies, aware, in UTC; the ``refresh_token`` of a classic session is empty. ``user_id`` and
    ``client_id`` are None until a homescreen told them. ``api_url`` and ``oauth_url`` are the overrides
    in force at the sign-in.
    """

    kind: Kind
    email: str = field(repr=False)
    account_id: int
    tier: str
    user_id: int | None
    client_id: int | None
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    api_url: str | None
    oauth_url: str | None


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of the exchange."""

    name: str
    value: str = field(repr=False)
    domain: str
    path: str
    secure: bool


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of a sign-in whose account is not known yet; ``expires_at`` as in `Session`."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in between its password and its end; the password is not in it.

    ``phone`` is masked, as Blink shows it. ``verified``: Blink wants no (more) code. ``issued`` are the
    tokens, once they are there. What a failure leaves, the next try goes on from.
    """

    email: str = field(repr=False)
    cookies: tuple[Cookie, ...] = field(repr=False)
    csrf: str = field(repr=False)
    verifier: str = field(repr=False)
    state: str = field(repr=False)
    started_at: datetime
    phone: str | None = field(repr=False)
    api_url: str | None
    oauth_url: str | None
    verified: bool = False
    issued: Issued | None = None


def hardware_id(state: StateDir, *, new_uuid: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """The UUID (upper case) that this installation is known by at Blink: made once, kept for ever."""
    stored = state.read(DEVICE)
    if stored is None:
        made = str(new_uuid()).upper()
        state.write(DEVICE, {"hardware_id": made})
        return made
    try:
        return str(uuid.UUID(stored["hardware_id"])).upper()
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise damaged(state.path / DEVICE) from error


def load_session(state: StateDir, *, addresses: Addresses) -> Session:
    """The stored session.

    Raises NotSignedIn where there is none, or one made against other addresses; StateError
    where the file is damaged.
    """
    stored = state.read(SESSION)
    if stored is None:
        raise NotSignedIn(f"Nobody is signed in (no session in {state.path}). Run `blink-archive login`.")
    session = _session(stored)
    if session is None:
        raise damaged(state.path / SESSION)
    if (session.api_url, session.oauth_url) != (addresses.api_url, addresses.oauth_url):
        raise NotSignedIn(
            f"The session in {state.path} was made against {_where(session)}, not {_where(addresses)}, and "
            "is not sent elsewhere. Run `blink-archive login`, or use another --state-dir."
        )
    return session


def _where(place: Session | Addresses) -> str:
    """The addresses that a session belongs to, in words."""
    return " and ".join(url or "Blink itself" for url in dict.fromkeys((place.api_url, place.oauth_url)))


def save_session(state: StateDir, session: Session) -> None:
    """Stores ``session`` durably, in place of the one before."""
    state.write(SESSION, {**asdict(session), "expires_at": utc_text(session.expires_at)})


def auth_header(session: Session) -> dict[str, str]:
    """The header that carries the token of ``session``."""
    match session.kind:
        case "oauth":
            return {"Authorization": f"Bearer {session.access_token}"}
        case "classic":
            return {"TOKEN_AUTH": session.access_token}


def load_pending(state: StateDir, *, addresses: Addresses, now: datetime) -> Pending:
    """The sign-in that waits for its code.

    Raises CodeExpired where there is none, one older than ten minutes (which is removed), or one
    made against other addresses; StateError where the file is damaged.
    """
    stored = state.read(PENDING)
    if stored is None:
        raise CodeExpired("No sign-in is waiting for a code. Start one with `blink-archive login`.")
    pending = _pending(stored)
    if pending is None:
        raise damaged(state.path / PENDING)
    if not timedelta() <= now - pending.started_at <= PENDING_LIFE:
        state.remove(PENDING)
        raise CodeExpired(
            "The ten minutes to enter the code have passed. Start again with `blink-archive login`."
        )
    if (pending.api_url, pending.oauth_url) != (addresses.api_url, addresses.oauth_url):
        raise CodeExpired(
            "The sign-in that waits for a code was begun with other --api-url or --oauth-url. "
            "Start again with `blink-archive login`."
        )
    return pending


def save_pending(state: StateDir, pending: Pending) -> None:
    """Stores ``pending`` durably."""
    fields = {**asdict(pending), "started_at": utc_text(pending.started_at)}
    if pending.issued is not None:
        fields["issued"]["expires_at"] = utc_text(pending.issued.expires_at)
    state.write(PENDING, fields)


def _session(stored: Mapping[str, Any]) -> Session | None:
    """The session in a file's JSON, None if that is damaged."""
    match stored:
        case {
            "kind": "oauth" | "classic",
            "email": str(),
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
            moment = _moment(expires_at)
            return None if moment is None else Session(**{**stored, "expires_at": moment})
        case _:
            return None


def _pending(stored: Mapping[str, Any]) -> Pending | None:
    """The waiting sign-in in a file's JSON, None if that is damaged."""
    match stored:
        case {
            "email": str(),
            "cookies": list(cookies),
            "csrf": str(),
            "verifier": str(),
            "state": str(),
            "started_at": str(started_at),
            "phone": str() | None,
            "api_url": str() | None,
            "oauth_url": str() | None,
            "verified": bool(),
            "issued": issued,
            **rest,
        } if not rest:
            moment = _moment(started_at)
            jar = tuple(found for found in map(_cookie, cookies) if found is not None)
            tokens = _issued(issued)
            if moment is None or len(jar) != len(cookies) or (issued is not None and tokens is None):
                return None
            return Pending(**{**stored, "cookies": jar, "started_at": moment, "issued": tokens})
        case _:
            return None


def _cookie(stored: object) -> Cookie | None:
    match stored:
        case {
            "name": str(name),
            "value": str(value),
            "domain": str(domain),
            "path": str(path),
            "secure": bool(secure),
        }:
            return Cookie(name=name, value=value, domain=domain, path=path, secure=secure)
        case _:
            return None


def _issued(stored: object) -> Issued | None:
    match stored:
        case {"access_token": str(access), "refresh_token": str(refresh), "expires_at": str(expires_at)}:
            moment = _moment(expires_at)
            return None if moment is None else Issued(access, refresh, moment)
        case _:
            return None


def _moment(text: str) -> datetime | None:
    try:
        moment = from_utc_text(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
