"""A sign-in between its first step and its last, as the state directory keeps it for ten minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from ..errors import CodeExpired
from ..model import utc_text
from .addresses import Addresses
from .session import stored_moment
from .state import StateDir, damaged

PENDING = "pending.json"
PENDING_LIFE = timedelta(minutes=10)

MethodName = Literal["app", "browser", "classic"]
"""The ways to sign in: as the app does, in the user's own browser, or by the classic login."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What is known of each: since when (aware, in UTC), and against which overrides."""

    started_at: datetime
    api_url: str | None
    oauth_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPending(_Begun):
    """A sign-in whose password Blink took; the password is not in it.

    ``phone`` is masked, as Blink shows it. ``verified``: Blink wants no (more) code. ``issued`` are the
    tokens, once they are there. What a failure leaves, the next try goes on from.
    """

    method: ClassVar[MethodName] = "app"
    email: str = field(repr=False)
    cookies: tuple[Cookie, ...] = field(repr=False)
    csrf: str = field(repr=False)
    verifier: str = field(repr=False)
    state: str = field(repr=False)
    phone: str | None = field(repr=False)
    verified: bool = False
    issued: Issued | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPending(_Begun):
    """A sign-in that goes on in the user's browser; ``issued`` as in `AppPending`."""

    method: ClassVar[MethodName] = "browser"
    verifier: str = field(repr=False)
    state: str = field(repr=False)
    issued: Issued | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicPending(_Begun):
    """A classic login whose client waits for its PIN; the password is not in it.

    ``token`` is what the login issued, good for the verification alone until the PIN is taken, and dead at
    ``expires_at``. ``started_at`` is when the last PIN was sent; ``resend_at`` is when Blink lets another
    one be sent.
    """

    method: ClassVar[MethodName] = "classic"
    email: str = field(repr=False)
    account_id: int
    client_id: int
    user_id: int | None
    tier: str
    token: str = field(repr=False)
    expires_at: datetime
    phone: str | None = field(repr=False)
    resend_at: datetime


Pending = AppPending | BrowserPending | ClassicPending


def load_pending(state: StateDir, *, addresses: Addresses, now: datetime) -> Pending:
    """The sign-in that waits, of whatever method.

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
    """Stores ``pending`` durably, in place of any other."""
    state.write(PENDING, {"method": pending.method, **_plain(asdict(pending))})


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` with their times as text."""
    plain = dict(fields)
    for name, value in fields.items():
        match value:
            case datetime():
                plain[name] = utc_text(value)
            case dict():
                plain[name] = _plain(value)
    return plain


def _pending(stored: Mapping[str, Any]) -> Pending | None:
    """The waiting sign-in in a file's JSON, None if that is damaged."""
    match stored:
        case {
            "method": str(method),
            "started_at": str(started_at),
            "api_url": str() | None,
            "oauth_url": str() | None,
            **rest,
        } if (moment := stored_moment(started_at)) is not None:
            begun = {"started_at": moment, "api_url": stored["api_url"], "oauth_url": stored["oauth_url"]}
            match method:
                case "app":
                    return _app(rest, begun)
                case "browser":
                    return _browser(rest, begun)
                case "classic":
                    return _classic(rest, begun)
    return None


def _app(stored: Mapping[str, Any], begun: Mapping[str, Any]) -> AppPending | None:
    match stored:
        case {
            "email": str(),
            "cookies": list(cookies),
            "csrf": str(),
            "verifier": str(),
            "state": str(),
            "phone": str() | None,
            "verified": bool(),
            "issued": issued,
            **rest,
        } if not rest:
            jar = tuple(found for found in map(_cookie, cookies) if found is not None)
            tokens = _issued(issued)
            if len(jar) != len(cookies) or (issued is not None and tokens is None):
                return None
            return AppPending(**{**stored, **begun, "cookies": jar, "issued": tokens})
        case _:
            return None


def _browser(stored: Mapping[str, Any], begun: Mapping[str, Any]) -> BrowserPending | None:
    match stored:
        case {"verifier": str(), "state": str(), "issued": issued, **rest} if not rest:
            tokens = _issued(issued)
            if issued is not None and tokens is None:
                return None
            return BrowserPending(**{**stored, **begun, "issued": tokens})
        case _:
            return None


def _classic(stored: Mapping[str, Any], begun: Mapping[str, Any]) -> ClassicPending | None:
    match stored:
        case {
            "email": str(),
            "account_id": int(),
            "client_id": int(),
            "user_id": int() | None,
            "tier": str(),
            "token": str(),
            "expires_at": str(expires_at),
            "phone": str() | None,
            "resend_at": str(resend_at),
            **rest,
        } if not rest:
            times = {"expires_at": stored_moment(expires_at), "resend_at": stored_moment(resend_at)}
            return None if None in times.values() else ClassicPending(**{**stored, **begun, **times})
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
            moment = stored_moment(expires_at)
            return None if moment is None else Issued(access, refresh, moment)
        case _:
            return None
