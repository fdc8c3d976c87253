"""Which addresses there are, and which of them the token or a request may go to (protocol.md 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import httpx

from ..errors import UnsafeAddress, UsageError
from ..protocol.endpoints import BOOTSTRAP_URL, OAUTH_URL, rest_url

_HOST = re.compile(rb"[a-z0-9_.-]+|[0-9a-f:.]+")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, by its name or number alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Addresses:
    """The base URLs in force: Blink's own, or what ``--api-url`` and ``--oauth-url`` put there.

    Made by `chosen`. None means Blink's own.
    """

    api_url: str | None = None
    oauth_url: str | None = None

    @classmethod
    def chosen(cls, *, api_url: str | None, oauth_url: str | None) -> Addresses:
        """Raises UsageError for an override that is no https URL (http for this machine only)."""
        return cls(
            api_url=_checked(api_url, option="--api-url"),
            oauth_url=_checked(oauth_url, option="--oauth-url"),
        )

    @property
    def oauth(self) -> str:
        return self.oauth_url or OAUTH_URL

    @property
    def bootstrap(self) -> str:
        return self.api_url or BOOTSTRAP_URL

    def rest(self, tier: str) -> str:
        """Raises UnexpectedAnswer for a tier that is none."""
        checked = rest_url(tier)
        return self.api_url or checked

    @property
    def only_loopback(self) -> bool:
        """Whether both overrides are this machine: then no proxy has a say."""
        return all(
            url is not None and is_loopback(httpx.URL(url).host) for url in (self.api_url, self.oauth_url)
        )

    def takes_token(self, url: httpx.URL, *, tier: str) -> bool:
        """Whether the token may go to ``url``: the origin of the two REST hosts, nowhere else."""
        return origin(url) in _token_origins(self, tier)

    def media_url(self, path: str, *, tier: str) -> httpx.URL:
        """The URL of a ``media`` or ``thumbnail`` value of the feed.

        A path belongs to the REST host; an absolute URL is taken as a redirect to it would be.
        Raises UnsafeAddress for anything else.
        """
        if path.startswith("/") and not path.startswith("//"):
            return _parsed(self.rest(tier) + path)
        return self.target(_parsed(path))

    def redirect(self, response: httpx.Response) -> httpx.URL:
        """Where the bytes of a redirected ``response`` are; raises UnsafeAddress as `target`."""
        try:
            joined = response.request.url.join(response.headers.get("Location", ""))
        except httpx.InvalidURL as error:
            raise UnsafeAddress(
                "Blink redirected to an address that is none. Nothing was fetched."
            ) from error
        if joined == response.request.url:
            raise UnsafeAddress("Blink redirected an address to itself. Nothing was fetched.")
        return self.target(joined)

    def target(self, url: httpx.URL) -> httpx.URL:
        """``url`` if bytes may be fetched from it: https, or http on this machine while the API
        override is on this machine.

        Raises UnsafeAddress for anything else, and for a URL that carries a user name.
        """
        host = _host(url)
        safe = url.scheme == "https" or (
            url.scheme == "http"
            and is_loopback(host)
            and self.api_url is not None
            and is_loopback(_host(httpx.URL(self.api_url)))
        )
        if not (safe and _is_plain(url)):
            raise UnsafeAddress(
                f"Blink named an address that nothing is fetched from: {url.scheme or 'no scheme'}://"
                f"{host[:60]}. The clip was left alone; please report this if it stays so."
            )
        return url


@lru_cache(maxsize=16)  # asked before every request, and answered by parsing URLs
def _token_origins(addresses: Addresses, tier: str) -> frozenset[tuple[str, bytes, int]]:
    return frozenset(origin(httpx.URL(url)) for url in (addresses.bootstrap, addresses.rest(tier)))


def origin(url: httpx.URL) -> tuple[str, bytes, int]:
    """Scheme, host as it is sent and port, the port spelled out."""
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _host(url: httpx.URL) -> str:
    """The host of ``url``; raises UnsafeAddress for one that is no name in any alphabet."""
    try:
        return url.host
    except UnicodeError as error:  # httpx decodes ``xn--…`` here, and not when it parses
        raise UnsafeAddress(
            "Blink named a host that there cannot be. Nothing was fetched from it; please report this if "
            "it stays so."
        ) from error


def _is_plain(url: httpx.URL) -> bool:
    """Whether ``url`` has a host and port that there can be, and no user.

    httpx lets ``https://[`` and port 99999999 pass, and fails on them with errors that are not its own.
    """
    port_exists = url.port is None or 0 < url.port < 65536
    return _HOST.fullmatch(url.raw_host) is not None and port_exists and not url.userinfo


def _parsed(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UnsafeAddress(
            "Blink named an address that is none in place of a clip's. The clip was left alone."
        ) from error


def _checked(url: str | None, *, option: str) -> str | None:
    """An override without its trailing slash."""
    if url is None:
        return None
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError) as error:  # the latter: no UTF-8, or ``xn--`` and no name
        raise UsageError(f"{option} {url[:80]!r} is no URL. Give one such as https://host:port.") from error
    if not _is_plain(parsed) or parsed.query or parsed.fragment:
        raise UsageError(
            f"{option} must be a plain base URL such as https://host:port, without user or query."
        )
    if parsed.scheme != "https" and not (parsed.scheme == "http" and is_loopback(host)):
        raise UsageError(
            f"{option} {url[:80]!r} is not encrypted: give an https address "
            "(http is for this machine alone, such as http://127.0.0.1:8080)."
        )
    return url.rstrip("/")
