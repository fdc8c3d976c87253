"""Signing in: the form of each step, and each refusal with its own words."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import StateDir, logout, stored_sessions
from blink_archive.client.addresses import Addresses
from blink_archive.client.session import load_session
from blink_archive.protocol.oauth import challenge

from ..protocol.samples import SAMPLES
from .fake import BOOTSTRAP, NOW, OAUTH, PAGE, REST, FakeBlink, sign_in

EMAIL, PASSWORD = "someone@example.com", "the password"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def post_password(state: StateDir, blink: FakeBlink, *, password: str = PASSWORD) -> None:
    asyncio.run(sign_in(state, blink).sign_in(email=EMAIL, password=password))


def test_a_sign_in_with_a_code_takes_the_steps_of_the_protocol(state: StateDir) -> None:
    """Every request in its order, each to its host (protocol.md 2.1)."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded, match=r"\+1xxxxxxxx40.*login --code"):
        post_password(state, blink)
    session = asyncio.run(sign_in(state, blink).enter_code("123 456"))
    steps = [(request.method, request.url.host, request.url.path) for request in blink.requests]
    assert steps == [
        ("GET", OAUTH, "/oauth/v2/authorize"),
        ("GET", OAUTH, "/oauth/v2/signin"),
        ("GET", OAUTH, "/oauth/v2/signin"),
        ("POST", OAUTH, "/oauth/v2/signin"),
        ("POST", OAUTH, "/oauth/v2/2fa/verify"),
        ("GET", OAUTH, "/oauth/v2/authorize"),
        ("POST", OAUTH, "/oauth/token"),
        ("GET", BOOTSTRAP, "/api/v1/users/tier_info"),
        ("GET", REST, "/api/v3/accounts/1100001/homescreen"),
    ]
    assert (session.account_id, session.tier) == (1100001, "u014")
    assert (session.client_id, session.user_id) == (1100002, 1100003)
    assert session.expires_at == NOW + timedelta(seconds=14400)
    assert session == load_session(state, 1100001, addresses=Addresses())


def test_the_forms_and_headers_are_those_of_a_browser(state: StateDir) -> None:
    """Origin and Referer with the password; the verifier fits the challenge; one device throughout."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    asyncio.run(sign_in(state, blink).enter_code("123456"))
    first = blink.requests[0].url.params
    password, verify, token = (request for request in blink.requests if request.method == "POST")
    assert blink.form(password) == {"username": EMAIL, "password": PASSWORD, "csrf-token": "the-csrf"}
    assert password.headers["Origin"] == "https://api.oauth.blink.com"
    assert password.headers["Referer"] == "https://api.oauth.blink.com/oauth/v2/signin"
    assert blink.form(verify) == {"2fa_code": "123456", "csrf-token": "the-csrf", "remember_me": "false"}
    form = blink.form(token)
    assert form["code"] == "the-code"
    assert challenge(form["code_verifier"]) == first["code_challenge"]
    assert form["hardware_id"] == first["hardware_id"] == first["hardware_id"].upper()


def test_a_sign_in_without_a_second_factor_ends_at_once(state: StateDir) -> None:
    """A redirect after the password means signed in; nothing is left pending."""
    blink = FakeBlink(two_factor=None)
    post_password(state, blink)
    assert load_session(state, 1100001, addresses=Addresses()).access_token == "access-1"
    assert state.read("pending.json") is None


def test_a_412_asks_for_the_code_too(state: StateDir) -> None:
    """As it was before the 202."""
    with pytest.raises(errors.CodeNeeded):
        post_password(state, FakeBlink(two_factor=412))


def test_the_password_is_posted_once_and_stored_nowhere(state: StateDir) -> None:
    """Neither entering the code nor any file needs it."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    asyncio.run(sign_in(state, blink).enter_code("123456"))
    assert len([r for r in blink.requests if PASSWORD.replace(" ", "+").encode() in r.content]) == 1
    assert all(PASSWORD not in file.read_text() for file in state.path.iterdir())


def test_a_wrong_password_is_not_tried_again(state: StateDir) -> None:
    """Repeated sign-ins lock accounts."""
    blink = FakeBlink()
    with pytest.raises(errors.WrongPassword, match="blink-archive login"):
        post_password(state, blink, password="another")
    assert len([r for r in blink.requests if r.method == "POST"]) == 1
    assert state.read("pending.json") is None


@pytest.mark.parametrize("path", ["/oauth/v2/authorize", "/oauth/v2/signin"])
@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (
            httpx.Response(406),
            errors.RefusedAtEdge,
            "not the password.*`blink-archive login --method browser`",
        ),
        (httpx.Response(429), errors.Throttled, "in an hour"),
        (httpx.Response(429, headers={"Retry-After": "60"}), errors.Throttled, "after 20"),
        (httpx.Response(503), errors.ServerError, "503"),
        (httpx.Response(426, json={"code": 105}), errors.UpdateRequired, "update"),
        (httpx.Response(400, json={"error": "bad_request"}), errors.UnexpectedAnswer, "400"),
        (httpx.ConnectError("refused"), errors.NetworkError, OAUTH),
    ],
)
def test_each_refusal_has_its_own_error(
    state: StateDir, *, path: str, reply: httpx.Response, expected: type[Exception], words: str
) -> None:
    """It says that the password was not even looked at, and does not post it."""
    blink = FakeBlink()
    blink.say(path, reply)
    with pytest.raises(expected, match=words):
        post_password(state, blink)
    assert all(request.method == "GET" for request in blink.requests)


@pytest.mark.parametrize("status", [406, 429, 500])
def test_a_refusal_of_the_password_form_is_no_wrong_password(state: StateDir, status: int) -> None:
    """406, 429 and 5xx say nothing about it."""
    blink = FakeBlink()
    page = [httpx.Response(200, html=PAGE) for _ in range(2)]
    blink.say("/oauth/v2/signin", *page, httpx.Response(status))
    with pytest.raises(errors.BlinkError):
        post_password(state, blink)


def test_a_wrong_code_can_be_followed_by_the_right_one(state: StateDir) -> None:
    """The exchange stays, also for another process; the password is not asked again."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    with pytest.raises(errors.WrongCode, match="login --code"):
        asyncio.run(sign_in(state, blink).enter_code("999999"))
    assert asyncio.run(sign_in(state, blink).enter_code("123456")).account_id == 1100001
    assert state.read("pending.json") is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [(406, errors.RefusedAtEdge), (429, errors.Throttled), (503, errors.ServerError)],
)
def test_trouble_with_the_code_is_no_wrong_code(
    state: StateDir, status: int, expected: type[Exception]
) -> None:
    """And the exchange stays."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    blink.say("/oauth/v2/2fa/verify", httpx.Response(status))
    with pytest.raises(expected):
        asyncio.run(sign_in(state, blink).enter_code("123456"))
    assert state.read("pending.json") is not None


def test_a_code_after_ten_minutes_is_not_sent(state: StateDir) -> None:
    """The exchange is forgotten, and said to be."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    count = len(blink.requests)
    late = sign_in(state, blink, now=lambda: NOW + timedelta(minutes=10, seconds=1))
    with pytest.raises(errors.CodeExpired, match="ten minutes"):
        asyncio.run(late.enter_code("123456"))
    assert len(blink.requests) == count
    assert state.read("pending.json") is None


def test_a_code_without_a_sign_in_names_the_command(state: StateDir) -> None:
    """`login` comes first."""
    with pytest.raises(errors.CodeExpired, match="blink-archive login"):
        asyncio.run(sign_in(state, FakeBlink()).enter_code("123456"))


def test_a_code_is_not_sent_to_other_addresses_than_its_sign_in(state: StateDir) -> None:
    """An exchange with Blink is not continued with a simulator."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    elsewhere = sign_in(state, blink, api_url="http://127.0.0.1:1", oauth_url="http://127.0.0.1:1")
    with pytest.raises(errors.CodeExpired, match="--oauth-url"):
        asyncio.run(elsewhere.enter_code("123456"))


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "http://api.oauth.blink.com/x",
        "//evil.example/x",
        "https://u@api.oauth.blink.com/",
        "",
    ],
)
def test_the_sign_in_page_is_not_looked_for_elsewhere(state: StateDir, location: str) -> None:
    """A redirect off the OAuth host ends the sign-in before anything secret was sent."""
    blink = FakeBlink()
    blink.say("/oauth/v2/authorize", *[httpx.Response(302, headers={"Location": location})] * 6)
    with pytest.raises(errors.UnsafeAddress):
        post_password(state, blink)
    assert {request.url.host for request in blink.requests} == {OAUTH}
    assert all(request.method == "GET" for request in blink.requests)


def test_a_region_that_is_no_region_gets_no_token(state: StateDir) -> None:
    """The token went to the bootstrap host alone."""
    blink = FakeBlink(two_factor=None)
    tier = httpx.Response(200, json={"tier": "evil.example/", "account_id": 1})
    blink.say("/api/v1/users/tier_info", tier)
    with pytest.raises(errors.UnexpectedAnswer):
        post_password(state, blink)
    assert {r.url.host for r in blink.requests if "Authorization" in r.headers} == {BOOTSTRAP}


def test_passing_trouble_at_the_end_costs_no_second_code(state: StateDir) -> None:
    """Asking for the region and for the homescreen is tried again."""
    blink = FakeBlink(two_factor=None)
    blink.say("/api/v1/users/tier_info", httpx.Response(503))
    blink.say("/api/v3/accounts/1100001/homescreen", httpx.ReadTimeout("slow"))
    post_password(state, blink)
    assert load_session(state, 1100001, addresses=Addresses()).client_id == 1100002


def test_a_homescreen_that_fails_leaves_the_session_stored(state: StateDir) -> None:
    """The sign-in itself is good, and no failure is told: the ids come with a later homescreen."""
    blink = FakeBlink(two_factor=None)
    blink.say("/api/v3/accounts/1100001/homescreen", *[httpx.Response(500) for _ in range(4)])
    post_password(state, blink)
    assert load_session(state, 1100001, addresses=Addresses()).client_id is None


@pytest.mark.parametrize(
    ("path", "asked_again"),
    [
        ("/oauth/v2/authorize", ["authorize", "token", "tier_info", "homescreen"]),
        ("/oauth/token", ["authorize", "token", "tier_info", "homescreen"]),
        ("/api/v1/users/tier_info", ["tier_info", "homescreen"]),
    ],
)
@pytest.mark.parametrize("two_factor", [202, None])
def test_trouble_after_the_code_costs_no_second_one(
    state: StateDir, path: str, asked_again: list[str], two_factor: int | None
) -> None:
    """The same command again goes on from where Blink failed: no password, no code; and tokens that
    were issued are stored before their first use."""
    blink = FakeBlink(two_factor=two_factor)

    def once() -> None:
        if two_factor is None:
            post_password(state, blink)
        else:
            asyncio.run(sign_in(state, blink).enter_code("123456"))

    if two_factor is not None:
        with pytest.raises(errors.CodeNeeded):
            post_password(state, blink)
    blink.say_when_accepted(path, *[httpx.Response(503) for _ in range(4)])
    with pytest.raises(errors.ServerError):
        once()
    blink.replies.clear()
    before = len(blink.requests)
    once()
    assert [request.url.path.rpartition("/")[2] for request in blink.requests[before:]] == asked_again
    assert load_session(state, 1100001, addresses=Addresses()).access_token == "access-1"
    assert state.read("pending.json") is None


@pytest.mark.parametrize("step", range(8))
def test_an_update_that_blink_demands_is_heard_at_every_step(state: StateDir, step: int) -> None:
    """Code 105 in a 200, wherever it comes, is that and no wrong password or code."""
    blink = FakeBlink()
    blink.say_at(step, httpx.Response(200, json={"message": "An app update is required", "code": 105}))
    with pytest.raises(errors.UpdateRequired, match="needs an update"):
        try:
            post_password(state, blink)
        except errors.CodeNeeded:
            asyncio.run(sign_in(state, blink).enter_code("123456"))


def test_an_old_code_is_told_from_a_wrong_one(state: StateDir) -> None:
    """Where Blink says so; and the newest code can still be entered."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    blink.say("/oauth/v2/2fa/verify", httpx.Response(401, json={"error": "expired_code"}))
    with pytest.raises(errors.CodeExpired, match=r"too old.*login --code"):
        asyncio.run(sign_in(state, blink).enter_code("123456"))
    assert asyncio.run(sign_in(state, blink).enter_code("123456")).account_id == 1100001


def test_an_exchange_that_blink_forgot_starts_again(state: StateDir) -> None:
    """Lost cookies are no wrong code: the message sends back to `login`."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded):
        post_password(state, blink)
    blink.say("/oauth/v2/2fa/verify", httpx.Response(400, json=SAMPLES["oauth_empty_cookies_400"]))
    with pytest.raises(errors.NotSignedIn, match="Start again"):
        asyncio.run(sign_in(state, blink).enter_code("123456"))


def test_the_device_keeps_its_id(state: StateDir) -> None:
    """An upper-case UUID, through sign-ins and logouts."""
    blink = FakeBlink(two_factor=None)
    post_password(state, blink)
    asyncio.run(logout(state, stored_sessions(state), transport=httpx.MockTransport(blink)))
    post_password(state, blink)
    devices = {r.url.params["hardware_id"] for r in blink.to("/oauth/v2/authorize") if r.url.query}
    assert devices == {json.loads((state.path / "device.json").read_text())["hardware_id"]}


def test_what_waits_and_who_is_signed_in_do_not_show(state: StateDir) -> None:
    """No repr has a token, an email or a phone."""
    blink = FakeBlink(two_factor=None)
    post_password(state, blink)
    shown = repr(load_session(state, 1100001, addresses=Addresses()))
    assert not any(secret in shown for secret in ("access-", "refresh-", EMAIL))
