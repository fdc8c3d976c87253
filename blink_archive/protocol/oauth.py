"""The sign-in exchange as values: PKCE, forms, the sign-in page and the answers (protocol.md 2.1)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import NotSignedIn, UnexpectedAnswer, WrongCode
from .answers import as_object
from .endpoints import REDIRECT_URI, checked_tier
from .values import integer, is_header_safe

CLIENT_ID = "ios"
APP_VERSION = "50.1"
DEFAULT_LIFE = 3600
"""Seconds that an access token is taken to live where ``expires_in`` is missing: the shortest seen."""

_CODE = re.compile(r"[\w.~%+-]{8,}={0,2}", re.ASCII)
_QUOTES = frozenset("\"'`<>\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")

RandomBytes = Callable[[int], bytes]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def new_verifier(random: RandomBytes) -> str:
    """A PKCE code verifier of 43 characters (RFC 7636, 4.1) out of 32 bytes of ``random``."""
    return _base64url(random(32))


def challenge(verifier: str) -> str:
    """The S256 code challenge of ``verifier`` (RFC 7636, 4.2)."""
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def authorize_query(*, hardware_id: str, verifier: str, state: str) -> dict[str, str]:
    """The query of step 1."""
    return {
        "app_brand": "blink",
        "app_version": APP_VERSION,
        "client_id": CLIENT_ID,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        "device_brand": "Apple",
        "device_model": "iPhone16,1",
        "device_os_version": "26.1",
        "hardware_id": hardware_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "client",
        "state": state,
    }


def signin_form(*, email: str, password: str, csrf: str) -> dict[str, str]:
    """The form of step 3."""
    return {"username": email, "password": password, "csrf-token": csrf}


def verify_form(*, code: str, csrf: str) -> dict[str, str]:
    """The form of step 4."""
    return {"2fa_code": code, "csrf-token": csrf, "remember_me": "false"}


def exchange_form(*, code: str, verifier: str, hardware_id: str) -> dict[str, str]:
    """The form of step 6."""
    return {
        "app_brand": "blink",
        "client_id": CLIENT_ID,
        "code": code,
        "code_verifier": verifier,
        "grant_type": "authorization_code",
        "hardware_id": hardware_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "client",
    }


def refresh_form(*, refresh_token: str, hardware_id: str) -> dict[str, str]:
    """The form of a refresh."""
    return {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": CLIENT_ID,
        "scope": "client",
        "hardware_id": hardware_id,
    }


class _ArgsParser(HTMLParser):
    """Collects the text of ``<script id="oauth-args">``, whatever else its attributes say."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script" and ("id", "oauth-args") in attrs

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.text += data


def csrf_token(page: str) -> str:
    """The CSRF token in the HTML of the sign-in page (step 2).

    Raises UnexpectedAnswer where the page has none.
    """
    parser = _ArgsParser()
    try:
        parser.feed(page)
        parser.close()
        args = json.loads(parser.text)
    except (ValueError, RecursionError, AssertionError):  # the last: html.parser's, of a broken declaration
        args = None
    match args:
        case {"csrf-token": str(token)} if token:
            return token
        case _:
            raise UnexpectedAnswer(
                "Blink's sign-in page has another shape than this program knows (no csrf-token in it). "
                "Try again later; if it stays so, this program needs an update."
            )


def code_in(location: str, *, state: str) -> str:
    """The authorization code in the redirect of step 5.

    ``location`` is the whole address; ``state`` what step 1 sent, and the address has to repeat
    it where it has one. Raises NotSignedIn where it is not the redirect URI with a code.
    """
    here = location.partition("?")[0].partition("#")[0]
    query = parse_qs(urlsplit(location).query) if here == REDIRECT_URI else {}
    if not query.get("code") or query.get("state", [state]) != [state]:
        raise NotSignedIn(
            "Blink did not finish the sign-in: the last step led to another address than it should. "
            "Start again with `blink-archive login`."
        )
    return query["code"][0]


def pasted_code(text: str, *, state: str) -> str:
    """The authorization code in what a person pasted: the address of step 5, or the code alone.

    Line breaks, blanks and quotes within ``text`` mean nothing. An address has to repeat ``state``. Raises
    WrongCode, in words that do not repeat it, for anything else.
    """
    pasted = _joined(text)
    if _CODE.fullmatch(pasted) and not REDIRECT_URI.startswith(pasted):
        return unquote(pasted)
    here, _, rest = pasted.partition("?")
    if here.lower().rstrip("/") != REDIRECT_URI:
        raise WrongCode(
            "This is not the address that a sign-in in the browser ends with. Sign in there to the end, and "
            f"copy the whole address that begins with {REDIRECT_URI}?code="
        )
    query = parse_qs(rest.partition("#")[0])
    if "error" in query:
        raise WrongCode("Blink ended this sign-in in the browser without letting it in. Sign in there again.")
    if not query.get("code") or not query.get("state"):
        raise WrongCode("This address is not whole: copy all of it, with its code= and its state=.")
    if query["state"] != [state]:
        raise WrongCode(
            "This address is of another sign-in, or not whole. Open the address of this sign-in in the "
            "browser, and copy the whole of the one that it ends with."
        )
    return query["code"][0]


def lacks_its_end(text: str, *, state: str) -> bool:
    """Whether what was pasted so far can be the beginning of the right address, and lacks the rest."""
    pasted = _joined(text)
    whole = f"{REDIRECT_URI}?"
    if not pasted.lower().startswith(whole):
        return pasted != "" and whole.startswith(pasted.lower())
    query = parse_qs(pasted.partition("?")[2])
    came = query.get("state", [""])[0]
    has_all = "error" in query or (came == state and "code" in query)
    return not has_all and state.startswith(came)


def _joined(text: str) -> str:
    """``text`` without what a terminal, a mail or a shell put into it."""
    return "".join(c for c in text if c.isprintable() and not c.isspace() and c not in _QUOTES)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What the token endpoint issued; ``expires_in`` in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


def parse_tokens(value: object, *, old_refresh_token: str = "") -> TokenAnswer:
    """The JSON of step 6, or of a refresh that gives ``old_refresh_token`` for one left out.

    Raises UnexpectedAnswer where a token is missing.
    """
    answer = as_object(value, what="a sign-in token")
    access = answer.get("access_token")
    refresh = answer.get("refresh_token") or old_refresh_token
    if not (is_header_safe(access) and isinstance(refresh, str) and refresh):
        raise UnexpectedAnswer(
            "Blink answered the sign-in without the tokens it should have. "
            "Try again later; if it stays so, run `blink-archive login`."
        )
    life = integer(answer.get("expires_in"))
    return TokenAnswer(
        access_token=access,
        refresh_token=refresh,
        # renewing starts a minute ahead: a shorter life than two would mean a renewal for every call
        expires_in=DEFAULT_LIFE if life is None else min(max(life, 120), 30 * 86400),
    )


def is_dead_grant(status: int, value: object) -> bool:
    """Whether the answer to a refresh says that its token is dead: 400 or 401 ``invalid_grant``."""
    return status in (400, 401) and isinstance(value, Mapping) and value.get("error") == "invalid_grant"


def is_expired_code(value: object) -> bool:
    """Whether the answer to a one-time code says, in its ``error``, that the code is too old.

    Blink's word for it is not known; without one, a refused code is taken for a wrong one.
    """
    return isinstance(value, Mapping) and "expired" in str(value.get("error"))


def is_lost_exchange(value: object) -> bool:
    """Whether Blink no longer knows the exchange by its cookies (``error_cause: empty_cookies``)."""
    return isinstance(value, Mapping) and value.get("error_cause") == "empty_cookies"


def masked_phone(value: object) -> str | None:
    """The phone in the body of a 202 or 412 (``+1xxxxxx12``), None where it says none."""
    match value:
        case {"phone": str(phone)} if 0 < len(phone) <= 40 and phone.isprintable():
            return phone
        case _:
            return None


@dataclass(frozen=True, slots=True)
class TierInfo:
    """Step 7: which REST host, which account."""

    tier: str
    account_id: int


def parse_tier_info(value: object) -> TierInfo:
    """The JSON of step 7; raises UnexpectedAnswer for a tier that is none and a missing account."""
    answer = as_object(value, what="the account's region")
    tier, account = answer.get("tier"), integer(answer.get("account_id"))
    if not isinstance(tier, str) or account is None:
        raise UnexpectedAnswer(
            "Blink did not say which account was signed in (no tier or account_id). "
            "Try `blink-archive login` again later."
        )
    return TierInfo(tier=checked_tier(tier), account_id=account)
