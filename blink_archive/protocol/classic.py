"""The classic login as values: its bodies, and what its answers say (protocol.md 2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from ..errors import UnexpectedAnswer
from .answers import as_object, member
from .endpoints import checked_tier
from .oauth import masked_phone
from .values import flag, integer, is_header_safe

CLIENT_NAME = "blink-archive"
TOKEN_LIFE = timedelta(hours=24)
_RESEND_AFTER = timedelta(seconds=60)
_LONGEST = 7 * 86400


def login_body(*, email: str, password: str, unique_id: str, verified: bool) -> dict[str, str]:
    """The JSON of the login; ``unique_id`` is this installation's, ``verified`` whether Blink took a PIN
    from it before."""
    body = {"email": email, "password": password, "unique_id": unique_id, "client_name": CLIENT_NAME}
    return body | {"reauth": "true"} if verified else body


@dataclass(frozen=True, slots=True)
class Login:
    """A login that Blink took. ``phone`` is masked, as Blink shows it; ``resend_after`` is how long it takes
    until another PIN can be sent."""

    account_id: int
    client_id: int
    user_id: int | None
    tier: str
    token: str = field(repr=False)
    needs_pin: bool
    phone: str | None = field(repr=False)
    resend_after: timedelta


def parse_login(value: object) -> Login:
    """The JSON of a login; raises UnexpectedAnswer where it lacks account, client, region or token."""
    answer = as_object(value, what="the sign-in")
    account, token = member(answer, "account"), member(answer, "auth").get("token")
    account_id, client_id = integer(account.get("account_id")), integer(account.get("client_id"))
    tier = account.get("tier")
    if account_id is None or client_id is None or not isinstance(tier, str) or not is_header_safe(token):
        raise UnexpectedAnswer(
            "Blink took the classic login and did not say which account it is, or gave no token. Sign in "
            "with `blink-archive login` instead."
        )
    return Login(
        account_id=account_id,
        client_id=client_id,
        user_id=integer(account.get("user_id")),
        tier=checked_tier(tier),
        token=token,
        needs_pin=flag(account.get("client_verification_required")) or False,
        phone=masked_phone({"phone": member(answer, "phone").get("number")}),
        resend_after=resend_after(value),
    )


def is_wrong_password(value: object, *, status: int) -> bool:
    """Whether the answer to a login says that email or password is wrong: code 200 or 101, or a 401."""
    return _code(value) in (101, 200) or (status == 401 and not is_unknown_client(value))


def is_unknown_client(value: object) -> bool:
    """Whether an answer says that this client was deleted at Blink (code 242)."""
    return _code(value) == 242


def is_pin_sent(value: object) -> bool:
    """Whether the answer to a resend says that another PIN is on its way (code 211)."""
    return _code(value) == 211


def lockout(value: object) -> timedelta | None:
    """How long an answer says that the account stays locked; None where it does not.

    ``lockout_time_remaining`` is taken for seconds; Blink names no unit.
    """
    seconds = _seconds(value, "lockout_time_remaining")
    return timedelta(seconds=seconds) if seconds else None


def wants_new_password(value: object) -> bool:
    """Whether an answer has ``force_password_reset``."""
    match value:
        case {"force_password_reset": forced}:
            return flag(forced) or False
        case _:
            return False


def resend_after(value: object) -> timedelta:
    """``allow_pin_resend_seconds``: how long until another PIN can be sent; a minute where it is missing."""
    seconds = _seconds(value, "allow_pin_resend_seconds")
    return _RESEND_AFTER if seconds is None else timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class PinAnswer:
    """What Blink says of a PIN; ``wants_new``: another one has to be sent first."""

    valid: bool
    wants_new: bool


def parse_pin(value: object) -> PinAnswer | None:
    """The JSON of a verification; None where it says neither yes nor no."""
    match value:
        case {"valid": bool(valid), **rest}:
            return PinAnswer(valid=valid, wants_new=flag(rest.get("require_new_pin")) or False)
        case _:
            return None


def _code(value: object) -> int | None:
    return integer(value.get("code")) if isinstance(value, dict) else None


def _seconds(value: object, name: str) -> int | None:
    """A number of seconds, from none to a week."""
    match value:
        case dict() if (seconds := integer(value.get(name))) is not None:
            return min(max(seconds, 0), _LONGEST)
        case _:
            return None
