"""The endpoint table and the hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blink_archive.errors import UnexpectedAnswer
from blink_archive.protocol.endpoints import (
    _SOURCES,
    _TABLE,
    ENDPOINTS,
    Endpoint,
    calls_table,
    endpoint_of,
    rest_url,
)


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


def test_every_call_says_where_it_is_known_from() -> None:
    """The notes, or a repository that is named for that call; no name is left over."""
    assert _SOURCES.keys() <= ENDPOINTS.keys()
    assert ENDPOINTS["homescreen"].source == "MattTW/BlinkMonitorProtocol"
    assert ENDPOINTS["oauth_token"].source == "fronzbot/blinkpy"
    assert all(re.fullmatch(r"[\w-]+/[\w-]+", endpoint.source) for endpoint in _TABLE)
    assert not [call.name for call in _TABLE if call.mark == "C" and call.name not in _SOURCES]


@pytest.mark.parametrize("endpoint", _TABLE, ids=lambda endpoint: endpoint.name)
def test_every_call_is_known_by_its_path(endpoint: Endpoint) -> None:
    """A filled path is recognised, with its ids, as a call of the same form."""
    ids = {name: f"{number}/é" for number, name in enumerate(re.findall(r"{(\w+)}", endpoint.path))}
    path = endpoint.fill(**ids)
    assert endpoint.ids_in(path) == ids
    found = endpoint_of(endpoint.method, path)
    assert found is not None
    assert (found.method, re.sub(r"{\w+}", "", found.path)) == (
        endpoint.method,
        re.sub(r"{\w+}", "", endpoint.path),
    )


def test_what_is_no_call_is_not_known() -> None:
    """Another method, a longer path, an empty id."""
    assert endpoint_of("DELETE", "/networks") is None
    assert endpoint_of("GET", "/networks/1") is None
    assert endpoint_of("GET", "/api/v2/video/") is None


def test_the_tables_of_the_docs_have_every_call_once() -> None:
    """A row for each call, in the section that it names, and docs/protocol.md prints every section."""
    rows = [
        row
        for section in sorted({endpoint.section for endpoint in _TABLE})
        for row in calls_table(section).splitlines()[2:]
    ]
    assert sorted(row.split("`")[1] for row in rows) == sorted(ENDPOINTS)
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
    assert [row for row in rows if row not in text] == []
    for section in {endpoint.section for endpoint in _TABLE}:
        assert re.search(rf"^#+ {re.escape(section)} ", text, re.MULTILINE), section


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
