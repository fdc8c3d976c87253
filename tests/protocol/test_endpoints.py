"""The endpoint table and the hosts."""

from __future__ import annotations

import re

import pytest

from blink_archive.errors import UnexpectedAnswer
from blink_archive.protocol.endpoints import _TABLE, ENDPOINTS, rest_url


def test_every_name_stands_for_one_call() -> None:
    """No name is used twice, so that none hides another."""
    assert len(ENDPOINTS) == len(_TABLE)


def test_ids_cannot_change_the_path() -> None:
    """What is filled in is percent-encoded."""
    path = ENDPOINTS["homescreen"].fill(account="1/../2?x")
    assert path == "/api/v3/accounts/1%2F..%2F2%3Fx/homescreen"


def test_every_path_is_absolute_and_without_a_query() -> None:
    """A path joins a base URL without touching its host."""
    assert all(re.fullmatch(r"/[^?#/][^?#]*", endpoint.path) for endpoint in _TABLE)


@pytest.mark.parametrize("tier", ["u014", "e006", "prod", "prsg"])
def test_a_tier_becomes_a_host(tier: str) -> None:
    """The REST host after the sign-in is named after the tier (protocol.md 1)."""
    assert rest_url(tier) == f"https://rest-{tier}.immedia-semi.com"


@pytest.mark.parametrize(
    "tier", ["", "U014", "u014.evil.com/", "a" * 13, "u-1", "u014\n", "x@evil", "ü", "u014#", "\uff11"]
)
def test_a_tier_that_is_none_becomes_no_host(tier: str) -> None:
    """Nothing but 1 to 12 of a-z0-9 gets into a host name."""
    with pytest.raises(UnexpectedAnswer, match="no region"):
        rest_url(tier)
