"""The table of Blink's calls, its hosts and its constants: the one place where a path is written.

Marks, as in protocol.md: S is in the mission's own list, C is current practice that the list
predates, O is obsolete (for the raw call alone).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from ..errors import UnexpectedAnswer

BOOTSTRAP_URL = "https://rest-prod.immedia-semi.com"
OAUTH_URL = "https://api.oauth.blink.com"
REDIRECT_URI = "immedia-blink://applinks.blink.com/signin/callback"

BROWSER_AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
)
APP_AGENT = "Blink/2511191620 CFNetwork/3860.200.71 Darwin/25.1.0"
APP_BUILD = "IOS_8528"

MAX_DELETE = 50
"""How many ids one ``media_delete`` carries at most: our own bound, Blink names none."""

CODE_MEDIA_DELETED = 711
CODE_COMMAND_SUCCEEDED = 908

Mark = Literal["S", "C", "O"]
Auth = Literal["none", "cookies", "bearer"]
Method = Literal["GET", "POST"]

_TIER = re.compile(r"[a-z0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call: ``path`` is a template over ids, ``section`` where protocol.md describes it."""

    name: str
    method: Method
    path: str
    auth: Auth
    mark: Mark
    section: str

    def fill(self, **ids: int | str) -> str:
        """The path with every ``{id}`` replaced by its percent-encoded value."""
        return self.path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


_TABLE = (
    # signing in
    Endpoint("oauth_authorize", "GET", "/oauth/v2/authorize", "cookies", "C", "2.1"),
    Endpoint("oauth_signin_page", "GET", "/oauth/v2/signin", "cookies", "C", "2.1"),
    Endpoint("oauth_signin", "POST", "/oauth/v2/signin", "cookies", "C", "2.1"),
    Endpoint("oauth_verify", "POST", "/oauth/v2/2fa/verify", "cookies", "C", "2.1"),
    Endpoint("oauth_token", "POST", "/oauth/token", "none", "C", "2.1"),
    Endpoint("tier_info", "GET", "/api/v1/users/tier_info", "bearer", "C", "2.1"),
    # system
    Endpoint("homescreen", "GET", "/api/v3/accounts/{account}/homescreen", "bearer", "S", "3"),
    Endpoint("networks", "GET", "/networks", "bearer", "C", "3"),
    # networks and commands
    Endpoint("arm", "POST", "/api/v1/accounts/{account}/networks/{network}/state/arm", "bearer", "S", "4"),
    Endpoint(
        "disarm", "POST", "/api/v1/accounts/{account}/networks/{network}/state/disarm", "bearer", "S", "4"
    ),
    Endpoint("command", "GET", "/network/{network}/command/{command}", "bearer", "S", "4"),
    # media
    Endpoint("media_changed", "GET", "/api/v1/accounts/{account}/media/changed", "bearer", "S", "6"),
    Endpoint("media_delete", "POST", "/api/v1/accounts/{account}/media/delete", "bearer", "S", "6"),
)

ENDPOINTS = {endpoint.name: endpoint for endpoint in _TABLE}
"""Every call by its name."""


def checked_tier(tier: str) -> str:
    """``tier`` as it may become part of a host name (protocol.md 1).

    Raises UnexpectedAnswer for anything but 1 to 12 of ``a-z0-9``.
    """
    if not _TIER.fullmatch(tier):
        raise UnexpectedAnswer(
            f"Blink named a server that this program does not trust ({tier[:40]!r} is no region). "
            "Nothing was sent there; try `blink-archive login` again later."
        )
    return tier


def rest_url(tier: str) -> str:
    """The base URL of the REST host of ``tier``; raises as `checked_tier`."""
    return f"https://rest-{checked_tier(tier)}.immedia-semi.com"
