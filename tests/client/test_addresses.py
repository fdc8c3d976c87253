"""Overrides, and where a token may go."""

from __future__ import annotations

import httpx
import pytest

from blink_archive.client.addresses import Addresses
from blink_archive.errors import UnsafeAddress, UsageError


@pytest.mark.parametrize(
    "url",
    ["http://blink.example", "http://192.168.1.5:80", "ftp://127.0.0.1", "127.0.0.1:80", "", "https://",
     "https://u:p@blink.example", "https://blink.example/?a=b", "http://localhost.example", "https://[", "http://0.0.0.0:80",
     "https://blink.example/\udce9", "\udce9", "http://xn--a", "https://xn--a"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["api_url", "oauth_url"])
def test_an_override_that_is_not_safe_is_wrong_usage(option: str, url: str) -> None:
    """https anywhere, http on this machine alone; the message names the option."""
    with pytest.raises(UsageError, match="--" + option.replace("_", "-")):
        Addresses.chosen(**{"api_url": None, "oauth_url": None, option: url})


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080", "https://blink.example/base/"],
)
def test_an_override_replaces_its_hosts(url: str) -> None:
    """Both REST hosts, or the OAuth host; a trailing slash does not matter."""
    addresses = Addresses.chosen(api_url=url, oauth_url=url)
    assert addresses.rest("u014") == addresses.bootstrap == addresses.oauth == url.rstrip("/")


def test_without_overrides_the_hosts_are_blinks() -> None:
    """As in protocol.md 1."""
    addresses = Addresses.chosen(api_url=None, oauth_url=None)
    assert addresses.bootstrap == "https://rest-prod.immedia-semi.com"
    assert addresses.rest("e006") == "https://rest-e006.immedia-semi.com"
    assert addresses.oauth == "https://api.oauth.blink.com"


@pytest.mark.parametrize(
    ("url", "takes"),
    [
        ("https://rest-u014.immedia-semi.com/x", True),
        ("https://rest-u014.immedia-semi.com:443/x", True),
        ("https://REST-U014.immedia-semi.com/x", True),
        ("https://rest-prod.immedia-semi.com/x", True),
        ("https://rest-e006.immedia-semi.com/x", False),
        ("http://rest-u014.immedia-semi.com/x", False),
        ("https://rest-u014.immedia-semi.com:444/x", False),
        ("https://rest-u014.immedia-semi.com.evil.example/x", False),
        ("https://evil.example/rest-u014.immedia-semi.com", False),
        ("https://api.oauth.blink.com/x", False),
    ],
)
def test_the_token_goes_to_the_rest_hosts_alone(url: str, *, takes: bool) -> None:
    """The whole origin counts."""
    assert Addresses().takes_token(httpx.URL(url), tier="u014") is takes


@pytest.mark.parametrize(
    "url",
    [
        "https://somebody:pass-word@cdn.example/clip.mp4?signature=s1gn4ture",
        "http://cdn.example/clip.mp4?signature=s1gn4ture",
        "ftp://somebody:pass-word@cdn.example/clip.mp4?signature=s1gn4ture#s1gn4ture",
    ],
)
def test_an_address_that_is_refused_is_named_without_its_secrets(url: str) -> None:
    """The host is said, so that it can be reported; user, password and signature are in no message."""
    with pytest.raises(UnsafeAddress, match=r"cdn\.example") as caught:
        Addresses().media_url(url, tier="u014")
    for secret in ("somebody", "pass-word", "s1gn4ture"):
        assert secret not in str(caught.value)


def test_an_override_takes_the_token_away_from_blink() -> None:
    """A simulator's token means nothing there."""
    addresses = Addresses.chosen(api_url="http://127.0.0.1:5", oauth_url=None)
    assert addresses.takes_token(httpx.URL("http://127.0.0.1:5/x"), tier="u014")
    assert not addresses.takes_token(httpx.URL("http://127.0.0.1:6/x"), tier="u014")
    assert not addresses.takes_token(httpx.URL("https://rest-u014.immedia-semi.com/x"), tier="u014")
