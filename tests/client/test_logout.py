"""Logging out: said to Blink in its form, and done here whatever Blink answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import LoggedOut, Pacing, StateDir, logout, stored_sessions
from blink_archive.client.session import save_session

from .fake import NOW, REST, FakeBlink, Reply, session, signed_in

LOGOUT = "/api/v4/account/1100001/client/1100002/logout"
HOME = "/api/v3/accounts/1100001/homescreen"


def logged_out(state: StateDir, blink: FakeBlink) -> tuple[LoggedOut, ...]:
    return asyncio.run(
        logout(
            state,
            stored_sessions(state),
            pacing=Pacing.none(),
            now=lambda: NOW,
            transport=httpx.MockTransport(blink),
        )
    )


@pytest.mark.parametrize(
    ("changes", "header", "token"),
    [
        ({}, "Authorization", "Bearer access-0"),
        (
            {"kind": "classic", "access_token": "a-classic-token", "refresh_token": ""},
            "TOKEN_AUTH",
            "a-classic-token",
        ),
    ],
    ids=["oauth", "classic"],
)
def test_blink_is_told_in_its_form(tmp_path: Path, changes: dict[str, str], header: str, token: str) -> None:
    """One empty POST at the account's REST host, with the session's token in the header of its kind
    (protocol.md 2.2); then the session and a sign-in that waits are gone, and a second time is fine."""
    state = signed_in(tmp_path, **changes)
    state.write("pending.json", {})
    blink = FakeBlink()
    (ended,) = logged_out(state, blink)
    assert ended.revoked
    (request,) = blink.requests
    assert (request.method, request.url.host, request.url.path) == ("POST", REST, LOGOUT)
    assert (request.content, request.headers[header], request.url.query) == (b"", token, b"")
    assert "Content-Type" not in request.headers
    assert [name for name in ("Authorization", "TOKEN_AUTH") if name in request.headers] == [header]
    assert state.names("*.json") == []
    assert logged_out(state, blink) == ()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (httpx.Response(500), errors.ServerError),
        (httpx.Response(404, json={"message": "not found", "code": 404}), errors.NotFound),
        (httpx.Response(429), errors.Throttled),
        (httpx.Response(200, html="<p>"), errors.UnexpectedAnswer),
        (httpx.ConnectError("no route"), errors.NetworkError),
    ],
)
def test_it_is_forgotten_here_whatever_blink_answers(
    tmp_path: Path, reply: Reply, why: type[Exception]
) -> None:
    """And the reason that Blink could not be told is handed on; nothing is sent twice."""
    state = signed_in(tmp_path)
    blink = FakeBlink()
    blink.say(LOGOUT, reply)
    (ended,) = logged_out(state, blink)
    assert not ended.revoked
    assert isinstance(ended.trouble, why)
    assert stored_sessions(state) == ()
    assert len(blink.requests) == 1


def test_a_dead_session_is_no_error(tmp_path: Path) -> None:
    """Blink takes neither the token nor the refresh token: that is what was wanted."""
    state = signed_in(tmp_path, access_token="dead", refresh_token="dead too")
    blink = FakeBlink()
    (ended,) = logged_out(state, blink)
    assert ended.revoked
    assert stored_sessions(state) == ()
    assert [request.url.path for request in blink.requests] == [LOGOUT, "/oauth/token"]


def test_a_token_that_ran_out_is_renewed_to_be_revoked(tmp_path: Path) -> None:
    """Else its refresh token would live on at Blink."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()
    (ended,) = logged_out(state, blink)
    assert ended.revoked
    assert blink.to(LOGOUT)[0].headers["Authorization"] == "Bearer access-1"
    assert stored_sessions(state) == ()


def test_a_client_that_is_not_known_yet_is_asked_for(tmp_path: Path) -> None:
    """The homescreen tells its id; where it does not, the session was not revoked."""
    blink = FakeBlink()
    (ended,) = logged_out(signed_in(tmp_path, client_id=None), blink)
    assert ended.revoked
    assert [request.url.path for request in blink.requests] == [HOME, LOGOUT]
    blink = FakeBlink()
    blink.say(HOME, httpx.Response(200, json={"networks": []}))
    state = signed_in(tmp_path, client_id=None)
    (ended,) = logged_out(state, blink)
    assert not ended.revoked
    assert blink.to(LOGOUT) == []
    assert stored_sessions(state) == ()


def test_each_session_is_ended_where_it_was_made(tmp_path: Path) -> None:
    """A simulator's token goes to the simulator, Blink's to Blink; one that fails keeps none of the others."""
    state = signed_in(tmp_path)
    elsewhere = "http://127.0.0.1:1"
    save_session(state, session(account_id=5, client_id=6, api_url=elsewhere, oauth_url=elsewhere))
    blink = FakeBlink()
    blink.say("/api/v4/account/5/client/6/logout", httpx.Response(500))
    ended = logged_out(state, blink)
    assert [(each.session.account_id, each.revoked) for each in ended] == [(5, False), (1100001, True)]
    assert [str(request.url) for request in blink.requests] == [
        f"{elsewhere}/api/v4/account/5/client/6/logout",
        f"https://{REST}{LOGOUT}",
    ]
    assert stored_sessions(state) == ()


def test_the_session_of_another_account_stays(tmp_path: Path) -> None:
    """Only the one that was named is ended."""
    state = signed_in(tmp_path)
    other = session(account_id=5, email="other@example.com")
    save_session(state, other)
    blink = FakeBlink()
    first = next(each for each in stored_sessions(state) if each.account_id == 1100001)
    asyncio.run(logout(state, [first], now=lambda: NOW, transport=httpx.MockTransport(blink)))
    assert stored_sessions(state) == (other,)
