"""The classic login: the form of each call, and each refusal with its own words."""

from __future__ import annotations

import asyncio
import copy
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Session, StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.device import hardware_id
from blink_archive.client.session import load_session

from ..protocol.samples import SAMPLES
from .fake import BOOTSTRAP, LOGIN, NOW, REST, FakeBlink, Reply, classic, cloud

EMAIL, PASSWORD = "someone@example.com", "the password"
CLIENT = "/api/v4/account/1100001/client/1100002"
VERIFY, RESEND = f"{CLIENT}/pin/verify", f"{CLIENT}/pin/resend"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def login(state: StateDir, blink: FakeBlink, *, email: str = EMAIL, password: str = PASSWORD) -> Session:
    return asyncio.run(classic(state, blink).sign_in(email=email, password=password))


def waiting(state: StateDir, blink: FakeBlink) -> None:
    """A login whose PIN is on its way."""
    with pytest.raises(errors.CodeNeeded):
        login(state, blink)


def enter(state: StateDir, blink: FakeBlink, pin: str = "123456") -> Session:
    return asyncio.run(classic(state, blink).enter_code(pin))


def resend(state: StateDir, blink: FakeBlink, *, now: datetime) -> None:
    asyncio.run(classic(state, blink, now=lambda: now).resend())


def without_pin(**changes: Any) -> httpx.Response:
    """A login that Blink takes without a PIN."""
    answer = copy.deepcopy(SAMPLES["login_v5"]) | changes
    answer["account"]["client_verification_required"] = False
    return httpx.Response(200, json=answer)


def test_a_login_with_a_pin_makes_the_calls_of_the_protocol(state: StateDir) -> None:
    """Each to its host, with its body and its token (protocol.md 2.2), in two processes; the session is
    Blink's answer, and lives for a day."""
    blink = FakeBlink()
    with pytest.raises(errors.CodeNeeded, match=r"\+1\*{6}1234.*login --code.*login --resend"):
        login(state, blink)
    session = enter(state, blink, " 123 456\n")
    first, second = blink.requests
    assert (first.method, str(first.url)) == ("POST", f"https://{BOOTSTRAP}{LOGIN}")
    assert json.loads(first.content) == {
        "email": EMAIL,
        "password": PASSWORD,
        "unique_id": hardware_id(state),
        "client_name": "blink-archive",
    }
    assert not {"TOKEN_AUTH", "Authorization"} & set(first.headers)
    assert (second.method, str(second.url)) == ("POST", f"https://{REST}{VERIFY}")
    assert json.loads(second.content) == {"pin": "123456"}
    assert second.headers["TOKEN_AUTH"] == "a-classic-token"
    assert "Authorization" not in second.headers
    assert all(request.headers["Content-Type"] == "application/json" for request in blink.requests)
    assert (session.kind, session.email, session.tier) == ("classic", EMAIL, "u014")
    assert (session.account_id, session.client_id, session.user_id) == (1100001, 1100002, 1100003)
    assert (session.access_token, session.refresh_token) == ("a-classic-token", "")
    assert session.expires_at == NOW + timedelta(hours=24)
    assert session == load_session(state, 1100001, addresses=Addresses())
    assert state.read("pending.json") is None


def test_a_client_that_blink_knows_needs_no_pin(state: StateDir) -> None:
    """The session is there at once, and the next call carries its token."""
    blink = FakeBlink()
    blink.say(LOGIN, without_pin())
    login(state, blink)

    async def ask() -> None:
        async with cloud(state, blink) as asked:
            await asked.homescreen()

    asyncio.run(ask())
    assert blink.requests[-1].headers["TOKEN_AUTH"] == "a-classic-token"
    assert "Authorization" not in blink.requests[-1].headers


def test_reauth_is_said_only_where_this_client_was_verified(state: StateDir) -> None:
    """For that account alone, in whatever case its email is written; a logout changes nothing, a new
    hardware id does."""
    blink = FakeBlink()
    waiting(state, blink)
    waiting(state, blink)
    enter(state, blink)
    blink.requests.clear()
    state.remove("session-1100001.json")
    waiting(state, blink)
    with pytest.raises(errors.CodeNeeded):
        login(state, blink, email="Someone@Example.com")
    with pytest.raises(errors.CodeNeeded):
        login(state, blink, email="other@example.com")
    device = hardware_id(state)
    state.remove("device.json")
    waiting(state, blink)
    said = [json.loads(request.content).get("reauth") for request in blink.requests]
    assert said == ["true", "true", None, None]
    assert json.loads(blink.requests[0].content)["unique_id"] == device


def test_a_client_that_was_deleted_is_verified_anew(state: StateDir) -> None:
    """Code 242: said, and `reauth` is not sent again."""
    blink = FakeBlink()
    blink.say(LOGIN, without_pin())
    login(state, blink)
    blink.say(LOGIN, httpx.Response(401, json={"message": "Client deleted", "code": 242}))
    with pytest.raises(errors.NotSignedIn, match="login --method classic"):
        login(state, blink)
    waiting(state, blink)
    said = ["reauth" in json.loads(request.content) for request in blink.requests]
    assert said == [False, True, False]


def test_the_password_is_posted_once_and_stored_nowhere(state: StateDir) -> None:
    """Neither the PIN nor any file needs it; no repr or file shows the token but those that must hold it."""
    blink = FakeBlink()
    waiting(state, blink)
    enter(state, blink)
    assert len([r for r in blink.requests if PASSWORD.encode() in r.content]) == 1
    assert all(PASSWORD not in file.read_text() for file in state.path.iterdir())
    holding = [file.name for file in state.path.iterdir() if "a-classic-token" in file.read_text()]
    assert holding == ["session-1100001.json"]


@pytest.mark.parametrize(
    ("reply", "expected", "code", "words"),
    [
        (httpx.Response(401, json=SAMPLES["login_invalid"]), errors.WrongPassword, 4, "email and password"),
        (httpx.Response(200, json=SAMPLES["login_invalid"]), errors.WrongPassword, 4, "email and password"),
        (
            httpx.Response(426, json=SAMPLES["login_update_required_426"]),
            errors.UpdateRequired,
            5,
            "`blink-archive login`, without --method",
        ),
        (
            httpx.Response(200, json=SAMPLES["login_update_required_426"]),
            errors.UpdateRequired,
            5,
            "An app update is required",
        ),
        (
            httpx.Response(401, json=SAMPLES["login_invalid"] | {"lockout_time_remaining": 600}),
            errors.Throttled,
            5,
            "locked.*2026-11-2",
        ),
        (without_pin(lockout_time_remaining=600), errors.Throttled, 5, "locked"),
        (without_pin(force_password_reset=True), errors.NotSignedIn, 4, "new password"),
        (httpx.Response(429), errors.Throttled, 5, "in an hour"),
        (httpx.Response(503), errors.ServerError, 5, "503"),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), errors.UnexpectedAnswer, 5, "302"),
        (httpx.Response(200, html="<p>Sorry"), errors.UnexpectedAnswer, 5, "HTML"),
        (httpx.Response(200, json={}), errors.UnexpectedAnswer, 5, "blink-archive login"),
        (httpx.ConnectError("no route"), errors.NetworkError, 5, BOOTSTRAP),
    ],
)  # fmt: skip
def test_each_refusal_has_its_own_error(
    state: StateDir, reply: Reply, expected: type[errors.BlinkArchiveError], code: int, words: str
) -> None:
    """Its exit code and its words; the password is posted once, and nobody is signed in."""
    blink = FakeBlink()
    blink.say(LOGIN, reply)
    with pytest.raises(expected, match=words) as caught:
        login(state, blink)
    assert caught.value.exit_code == code
    assert len(blink.requests) == 1
    assert state.names("session-*.json") == []
    assert state.read("pending.json") is None


def test_a_lockout_says_until_when(state: StateDir) -> None:
    """The error carries the time that Blink named."""
    blink = FakeBlink()
    blink.say(LOGIN, httpx.Response(401, json={"code": 200, "lockout_time_remaining": 90}))
    with pytest.raises(errors.Throttled) as caught:
        login(state, blink)
    assert caught.value.until == NOW + timedelta(seconds=90)


def test_a_wrong_pin_can_be_followed_by_the_right_one(state: StateDir) -> None:
    """The login stays; the password is not asked again."""
    blink = FakeBlink()
    waiting(state, blink)
    with pytest.raises(errors.WrongCode, match=r"login --code.*login --resend"):
        enter(state, blink, "999999")
    assert enter(state, blink).account_id == 1100001


def test_too_many_wrong_pins_need_a_new_one(state: StateDir) -> None:
    """`require_new_pin` is told from a wrong PIN."""
    blink = FakeBlink()
    waiting(state, blink)
    blink.say(VERIFY, httpx.Response(200, json=SAMPLES["pin_verify_wrong"] | {"require_new_pin": True}))
    with pytest.raises(errors.WrongCode, match="another one sent with `blink-archive login --resend`"):
        enter(state, blink, "999999")
    assert enter(state, blink).account_id == 1100001


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(429), errors.Throttled),
        (httpx.Response(503), errors.ServerError),
        (httpx.Response(503, json=SAMPLES["pin_verify_ok"]), errors.ServerError),
        (httpx.Response(200, json={"message": "hello"}), errors.UnexpectedAnswer),
        (httpx.Response(426, json=SAMPLES["login_update_required_426"]), errors.UpdateRequired),
        (httpx.ReadTimeout("slow"), errors.NetworkError),
    ],
)
def test_trouble_with_the_pin_is_no_wrong_pin(
    state: StateDir, reply: Reply, expected: type[Exception]
) -> None:
    """Nobody is signed in by it, and the login stays."""
    blink = FakeBlink()
    waiting(state, blink)
    blink.say(VERIFY, reply)
    with pytest.raises(expected):
        enter(state, blink)
    assert state.names("session-*.json") == []
    assert enter(state, blink).account_id == 1100001


def test_a_login_that_blink_forgot_starts_again(state: StateDir) -> None:
    """A 401 to the PIN ends it here, too."""
    blink = FakeBlink()
    waiting(state, blink)
    blink.say(VERIFY, httpx.Response(401, json=SAMPLES["unauthorized_401"]))
    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        enter(state, blink)
    assert state.read("pending.json") is None


def test_another_pin_is_sent_when_blink_allows_it(state: StateDir) -> None:
    """An empty POST with the token, 90 seconds after the login and no earlier, and again 90 seconds after
    that; the ten minutes to enter it begin anew, the day of the token does not."""
    blink = FakeBlink()
    waiting(state, blink)
    with pytest.raises(errors.Throttled, match="no other PIN before") as caught:
        resend(state, blink, now=NOW + timedelta(seconds=89))
    assert caught.value.until == NOW + timedelta(seconds=90)
    assert blink.to(RESEND) == []
    resend(state, blink, now=NOW + timedelta(seconds=90))
    (request,) = blink.to(RESEND)
    assert (request.method, request.url.host, request.content) == ("POST", REST, b"")
    assert request.headers["TOKEN_AUTH"] == "a-classic-token"
    with pytest.raises(errors.Throttled) as caught:
        resend(state, blink, now=NOW + timedelta(seconds=90))
    assert caught.value.until == NOW + timedelta(seconds=180)
    late = classic(state, blink, now=lambda: NOW + timedelta(minutes=11))
    assert asyncio.run(late.enter_code("123456")).expires_at == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(200, json={"message": "no more today", "code": 1620}), errors.UnexpectedAnswer),
        (httpx.Response(503, json=SAMPLES["pin_resend"]), errors.ServerError),
        (httpx.Response(429), errors.Throttled),
        (httpx.Response(401, json=SAMPLES["unauthorized_401"]), errors.NotSignedIn),
    ],
)
def test_a_pin_that_was_not_sent_is_said(state: StateDir, reply: Reply, expected: type[Exception]) -> None:
    """Only code 211 says that it was."""
    blink = FakeBlink()
    waiting(state, blink)
    blink.say(RESEND, reply)
    with pytest.raises(expected):
        resend(state, blink, now=NOW + timedelta(minutes=2))


def test_the_token_goes_to_no_region_that_is_none(state: StateDir) -> None:
    """Nothing is stored of such a login."""
    blink = FakeBlink()
    answer = copy.deepcopy(SAMPLES["login_v5"])
    answer["account"]["tier"] = "evil.example/"
    blink.say(LOGIN, httpx.Response(200, json=answer))
    with pytest.raises(errors.UnexpectedAnswer):
        login(state, blink)
    assert state.read("pending.json") is None


def test_a_session_that_has_ended_needs_a_person(state: StateDir) -> None:
    """After a day, or a 401: nothing renews it, and no password is posted by itself."""
    blink = FakeBlink()
    blink.say(LOGIN, without_pin(), without_pin())
    login(state, blink)

    async def ask(now: datetime) -> None:
        async with cloud(state, blink, now=lambda: now) as asked:
            await asked.homescreen()

    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        asyncio.run(ask(NOW + timedelta(hours=24)))
    blink.say("/api/v3/accounts/1100001/homescreen", httpx.Response(401))
    with pytest.raises(errors.NotSignedIn, match="lasts a day"):
        asyncio.run(ask(NOW))
    assert [request.url.path for request in blink.requests] == [LOGIN, "/api/v3/accounts/1100001/homescreen"]
