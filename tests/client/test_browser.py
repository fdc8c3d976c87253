"""Signing in through a browser: the address to open, the one that comes back, and what is in between."""

from __future__ import annotations

import asyncio
import stat
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Session, StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.device import hardware_id
from blink_archive.client.pending import load_pending
from blink_archive.client.session import load_session
from blink_archive.protocol.oauth import challenge

from ..protocol.samples import SAMPLES
from .fake import BOOTSTRAP, CALLBACK, NOW, OAUTH, REST, FakeBlink, Reply, browser, sign_in

TIER = "/api/v1/users/tier_info"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def begun(state: StateDir, blink: FakeBlink) -> str:
    """A sign-in that waits; the address that the browser ends with."""
    query = urlsplit(browser(state, blink).begin()).query
    return f"{CALLBACK}?code=the-code&state={parse_qs(query)['state'][0]}"


def entered(state: StateDir, blink: FakeBlink, text: str) -> Session:
    return asyncio.run(browser(state, blink).enter_code(text))


def test_the_address_to_open_is_the_one_of_the_app(state: StateDir) -> None:
    """Step 1 of protocol.md 2.1, to the letter; nothing is asked by the program, and what it has to remember
    is private."""
    blink = FakeBlink()
    address = urlsplit(browser(state, blink, random=lambda count: b"\x01" * count).begin())
    verifier = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"https://{OAUTH}/oauth/v2/authorize"
    assert parse_qs(address.query) == {
        "app_brand": ["blink"],
        "app_version": ["50.1"],
        "client_id": ["ios"],
        "code_challenge": [challenge(verifier)],
        "code_challenge_method": ["S256"],
        "device_brand": ["Apple"],
        "device_model": ["iPhone16,1"],
        "device_os_version": ["26.1"],
        "hardware_id": [hardware_id(state)],
        "redirect_uri": ["immedia-blink://applinks.blink.com/signin/callback"],
        "response_type": ["code"],
        "scope": ["client"],
        "state": [verifier],
    }
    assert blink.requests == []
    pending = state.path / "pending.json"
    assert stat.S_IMODE(pending.stat().st_mode) == 0o600
    waiting = load_pending(state, addresses=Addresses(), now=NOW)
    assert verifier in pending.read_text()
    assert verifier not in repr(waiting)


def test_each_sign_in_has_secrets_of_its_own(state: StateDir) -> None:
    """Verifier and state differ, from each other and from the last ones."""
    first, second = (parse_qs(urlsplit(browser(state, FakeBlink()).begin()).query) for _ in range(2))
    secrets = [query[name][0] for query in (first, second) for name in ("state", "code_challenge")]
    assert len(set(secrets)) == 4


def test_the_pasted_address_ends_the_sign_in(state: StateDir) -> None:
    """Steps 6 to 8, in another process: the code with the verifier, the region, the ids, and the email, which
    only Blink knows here."""
    blink = FakeBlink()
    address = begun(state, blink)
    verifier = (state.read("pending.json") or {})["verifier"]
    session = entered(state, blink, f" '{address[:40]}\n{address[40:]}' ")
    assert [(request.method, request.url.host, request.url.path) for request in blink.requests] == [
        ("POST", OAUTH, "/oauth/token"),
        ("GET", BOOTSTRAP, TIER),
        ("GET", REST, "/api/v3/accounts/1100001/homescreen"),
        ("GET", REST, "/user"),
    ]
    assert blink.form(blink.requests[0]) == {
        "app_brand": "blink",
        "client_id": "ios",
        "code": "the-code",
        "code_verifier": verifier,
        "grant_type": "authorization_code",
        "hardware_id": hardware_id(state),
        "redirect_uri": CALLBACK,
        "scope": "client",
    }
    assert (session.kind, session.email) == ("oauth", "someone@example.com")
    assert (session.account_id, session.client_id, session.user_id) == (1100001, 1100002, 1100003)
    assert session == load_session(state, 1100001, addresses=Addresses())
    assert state.read("pending.json") is None


def test_the_code_alone_will_do(state: StateDir) -> None:
    """Without the state that an address has to repeat."""
    blink = FakeBlink()
    begun(state, blink)
    assert entered(state, blink, "the-code").account_id == 1100001


def test_an_account_whose_email_blink_keeps_to_itself_is_signed_in(state: StateDir) -> None:
    """The session is good without it."""
    blink = FakeBlink()
    begun(state, blink)
    blink.say("/user", httpx.Response(404))
    session = entered(state, blink, "the-code")
    assert (session.email, session.whose) == (None, "account 1100001")
    assert load_session(state, 1100001, addresses=Addresses()) == session


@pytest.mark.parametrize(
    "text", [f"{CALLBACK}?code=the-code&state=foreign", f"{CALLBACK}?code=the-code", "x"]
)
def test_a_wrong_address_is_not_sent_and_can_be_corrected(state: StateDir, text: str) -> None:
    """One of another sign-in, a cut one, none: said without asking Blink, and the right one then works."""
    blink = FakeBlink()
    address = begun(state, blink)
    with pytest.raises(errors.WrongCode) as caught:
        entered(state, blink, text)
    assert caught.value.exit_code == 4
    assert blink.requests == []
    assert entered(state, blink, address).account_id == 1100001


@pytest.mark.parametrize("status", [400, 401])
def test_a_code_that_blink_refuses_can_be_followed_by_another(state: StateDir, status: int) -> None:
    """One that is too old or used: the browser can be sent to the same address again."""
    blink = FakeBlink()
    address = begun(state, blink)
    blink.say("/oauth/token", httpx.Response(status, json={"error": "invalid_grant"}))
    with pytest.raises(errors.WrongCode, match="too old"):
        entered(state, blink, address)
    assert entered(state, blink, address).account_id == 1100001


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (httpx.Response(406), errors.RefusedAtEdge, "not the address that you pasted"),
        (httpx.Response(429), errors.Throttled, "in an hour"),
        (httpx.Response(503), errors.ServerError, "503"),
        (httpx.Response(200, json={"code": 105}), errors.UpdateRequired, "update"),
        (httpx.ConnectError("refused"), errors.NetworkError, OAUTH),
    ],
)
def test_trouble_with_the_code_is_no_wrong_code(
    state: StateDir, reply: Reply, expected: type[Exception], words: str
) -> None:
    """And the same address can be entered again."""
    blink = FakeBlink()
    address = begun(state, blink)
    blink.say("/oauth/token", reply)
    with pytest.raises(expected, match=words) as caught:
        entered(state, blink, address)
    assert "--method browser" not in str(caught.value)
    assert entered(state, blink, address).account_id == 1100001


@pytest.mark.parametrize("again", ["resume", "enter_code"])
def test_trouble_after_the_code_costs_no_second_sign_in(state: StateDir, again: str) -> None:
    """The tokens are stored before their first use, and the same command goes on with them."""
    blink = FakeBlink()
    address = begun(state, blink)
    blink.say(TIER, *[httpx.Response(503) for _ in range(4)])
    with pytest.raises(errors.ServerError):
        entered(state, blink, address)
    before = len(blink.requests)
    method = browser(state, blink)
    session = asyncio.run(method.resume() if again == "resume" else method.enter_code(address))
    assert session is not None
    assert session.access_token == "access-1"
    assert blink.requests[before].url.path == TIER


def test_there_is_nothing_to_resume_before_the_code(state: StateDir) -> None:
    """None, neither with a sign-in that waits, nor with one of another method, nor with a damaged one."""
    blink = FakeBlink()
    assert asyncio.run(browser(state, blink).resume()) is None
    begun(state, blink)
    assert asyncio.run(browser(state, blink).resume()) is None
    with pytest.raises(errors.CodeNeeded):
        asyncio.run(sign_in(state, blink).sign_in(email="someone@example.com", password="the password"))
    assert asyncio.run(browser(state, blink).resume()) is None
    state.write("pending.json", {})
    assert asyncio.run(browser(state, blink).resume()) is None


def test_tokens_that_blink_takes_back_are_forgotten(state: StateDir) -> None:
    """A 401 with the new token ends the sign-in: the next try begins anew."""
    blink = FakeBlink()
    address = begun(state, blink)
    blink.say(TIER, httpx.Response(401, json=SAMPLES["unauthorized_401"]))
    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        entered(state, blink, address)
    assert state.read("pending.json") is None


def test_an_address_after_ten_minutes_is_not_sent(state: StateDir) -> None:
    """The exchange is forgotten, and said to be."""
    blink = FakeBlink()
    address = begun(state, blink)
    late = browser(state, blink, now=lambda: NOW + timedelta(minutes=10, seconds=1))
    with pytest.raises(errors.CodeExpired, match="ten minutes"):
        asyncio.run(late.enter_code(address))
    assert blink.requests == []
    assert state.read("pending.json") is None


def test_what_waits_is_not_continued_by_another_method(state: StateDir) -> None:
    """A one-time code is no address, nor the other way round; the message names both methods."""
    blink = FakeBlink()
    begun(state, blink)
    with pytest.raises(errors.CodeExpired, match=r"--method browser.*--method app"):
        asyncio.run(sign_in(state, blink).enter_code("123456"))
    with pytest.raises(errors.CodeNeeded):
        asyncio.run(sign_in(state, blink).sign_in(email="someone@example.com", password="the password"))
    with pytest.raises(errors.CodeExpired, match=r"--method app.*--method browser"):
        entered(state, blink, "the-code")


def test_more_of_the_address_is_waited_for(state: StateDir) -> None:
    """As long as it is not whole, going by the state of this very sign-in."""
    blink = FakeBlink()
    address = begun(state, blink)
    method = browser(state, blink)
    assert method.lacks_its_end(address[:-1])
    assert not method.lacks_its_end(address)
    assert not method.lacks_its_end(address + "x")
