"""The classic login: refused as a rule; where it is open, a token of its own kind and a PIN."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from blink_archive.simulator import Fault, Settings, Simulator

from .helpers import HARDWARE_ID, OTHER_HARDWARE_ID, Classic, Clock, SignIn

LOGOUT = "/api/v4/account/1100001/client/1100002/logout"


@pytest.fixture
def open_sim(clock: Clock) -> Iterator[Simulator]:
    with Simulator(Settings(now=clock, classic="open")) as simulator:
        yield simulator


@pytest.fixture
def door(open_sim: Simulator) -> Iterator[Classic]:
    with Classic(open_sim) as classic:
        yield classic


def test_as_a_rule_an_app_update_is_required(sim: Simulator) -> None:
    """426 code 105, the password being right; it was posted all the same, and nobody is let in."""
    with Classic(sim) as door:
        answer = door.login()
    assert (answer.status_code, answer.json()["code"]) == (426, 105)
    assert answer.json()["message"] == "An app update is required"
    assert (sim.cloud.passwords_posted, sim.cloud.sign_in.logins, sim.cloud.sign_in.pins_sent) == (1, 0, 0)


def test_a_new_client_is_let_in_by_its_pin(door: Classic) -> None:
    """The login gives a token and sends a PIN; until it is entered the token opens nothing else."""
    answer = door.login()
    assert answer.status_code == 200
    account = answer.json()["account"]
    assert (account["account_id"], account["client_id"], account["tier"]) == (1100001, 1100002, "u014")
    assert account["client_verification_required"] is True
    for method, path in (("GET", "/networks"), ("GET", "/nowhere"), ("GET", "/api/v1/users/tier_info")):
        refused = door.http.request(method, path)
        assert (refused.status_code, refused.json()["code"]) == (401, 101)
    verified = door.verify()
    assert (verified.status_code, verified.json()["valid"], verified.json()["code"]) == (200, True, 1626)
    assert door.http.get("/networks").status_code == 200
    assert door.http.get("/nowhere").status_code == 404
    sign_in = door.sim.cloud.sign_in
    assert (sign_in.passwords_posted, sign_in.logins, sign_in.pins_sent, sign_in.codes_sent) == (1, 1, 1, 0)


def test_a_verified_client_stays_verified(door: Classic) -> None:
    """The same unique_id needs no PIN at its next login, another one does."""
    door.login()
    door.verify()
    assert door.login().json()["account"]["client_verification_required"] is False
    assert door.http.get("/networks").status_code == 200
    assert door.sim.cloud.sign_in.pins_sent == 1
    assert door.login(OTHER_HARDWARE_ID).json()["account"]["client_verification_required"] is True
    assert door.http.get("/networks").status_code == 401
    assert door.sim.cloud.sign_in.pins_sent == 2


def test_without_a_second_factor_no_pin_is_sent(clock: Clock) -> None:
    """The client is verified from the start."""
    with Simulator(Settings(now=clock, classic="open", two_factor=False)) as sim, Classic(sim) as door:
        assert door.login().json()["account"]["client_verification_required"] is False
        assert door.http.get("/networks").status_code == 200
        assert sim.cloud.sign_in.pins_sent == 0


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"password": "wrong"}, 401, 200),
        ({"email": "other@example.com"}, 401, 200),
        ({"email": None}, 400, 400),
        ({"password": None}, 400, 400),
        ({"unique_id": None}, 400, 400),
    ],
)
def test_a_login_that_is_wrong_gives_no_token(
    door: Classic, changes: dict[str, Any], status: int, code: int
) -> None:
    """401 code 200 for wrong credentials, 400 where something is missing; the password counts as posted."""
    answer = door.login(**changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    sign_in = door.sim.cloud.sign_in
    assert (sign_in.passwords_posted, sign_in.logins, sign_in.pins_sent) == (1, 0, 0)


@pytest.mark.parametrize("pin", ["000000", "", 123456, None])
def test_a_wrong_pin_is_told_in_the_body(door: Classic, pin: Any) -> None:
    """`valid` false, code 1621; the right one still works; one that was used does not."""
    door.login()
    answer = door.verify(pin)
    assert (answer.status_code, answer.json()["code"]) == (200, 1621)
    assert (answer.json()["valid"], answer.json()["require_new_pin"]) == (False, False)
    assert door.http.get("/networks").status_code == 401
    assert door.verify().json()["valid"] is True
    assert door.verify().json() == {
        "valid": False,
        "require_new_pin": True,
        "message": "Invalid PIN",
        "code": 1621,
    }


def test_an_old_pin_needs_another(door: Classic, clock: Clock) -> None:
    """After ten minutes a new one is asked for; resending is counted, and brings one that works."""
    door.login()
    clock.forward(seconds=601)
    old = door.verify().json()
    assert (old["valid"], old["require_new_pin"]) == (False, True)
    assert door.resend().json()["code"] == 211
    assert door.sim.cloud.sign_in.pins_sent == 2
    assert door.verify().json()["valid"] is True


@pytest.mark.parametrize("header", ["TOKEN_AUTH", "TOKEN-AUTH"])
def test_each_kind_of_token_has_its_own_header(open_sim: Simulator, header: str) -> None:
    """A classic token is none as Bearer, an access token is none as TOKEN_AUTH."""
    access = open_sim.cloud.issue_tokens(HARDWARE_ID).access_token
    with Classic(open_sim, header=header) as door:
        door.login()
        door.verify()
        classic = door.http.headers[header]
        assert door.http.get("/networks").status_code == 200
    for headers, status in [
        ({"Authorization": f"Bearer {classic}"}, 401),
        ({header: access}, 401),
        ({"Authorization": f"Bearer {access}"}, 200),
        ({"Authorization": f"Bearer {access}", header: "x"}, 200),
        ({"Authorization": "Bearer x", header: classic}, 200),
    ]:
        assert httpx.get(f"{open_sim.url}/networks", headers=headers).status_code == status


def test_a_classic_token_lives_for_a_day(door: Classic, clock: Clock) -> None:
    """24 hours by the cloud's clock; or until all tokens are expired, or a fault expires it."""
    door.login()
    door.verify()
    clock.forward(hours=24, seconds=-1)
    assert door.http.get("/networks").status_code == 200
    clock.forward(seconds=1)
    assert door.http.get("/networks").status_code == 401
    door.login()
    door.sim.cloud.expire_tokens()
    assert door.http.get("/networks").status_code == 401
    door.login()
    door.sim.faults.add(Fault(kind="expired_token", times=1))
    assert [door.http.get("/networks").status_code for _ in range(2)] == [401, 401]
    door.login()
    assert door.http.get("/networks").status_code == 200


def test_the_classic_logout_ends_that_session_alone(door: Classic) -> None:
    """Before the PIN and after it; another login of the same client goes on."""
    door.login()
    assert door.logout().json() == {"message": "logout"}
    assert door.verify().status_code == 401
    door.login()
    door.verify()
    with Classic(door.sim) as other:
        other.login()
        assert door.logout().status_code == 200
        assert door.http.get("/networks").status_code == 401
        assert other.http.get("/networks").status_code == 200
    assert door.sim.cloud.sign_in.logouts == 2


def test_the_logout_ends_a_session_of_the_oauth_sign_in(sim: Simulator) -> None:
    """The access token that asked is dead, and the refresh token that came with it; others live."""
    with SignIn(sim) as door:
        gone, stays = (door.redeem(door.up_to_code()).json() for _ in range(2))
        headers = {"Authorization": f"Bearer {gone['access_token']}"}
        assert door.http.post(LOGOUT.replace("1100002", "1"), headers=headers).status_code == 404
        assert door.http.post(LOGOUT, headers=headers).json() == {"message": "logout"}
        assert door.http.post(LOGOUT, headers=headers).status_code == 401
        assert door.http.get("/networks", headers=headers).status_code == 401
        assert door.refresh(gone["refresh_token"]).json()["error"] == "invalid_grant"
        headers = {"Authorization": f"Bearer {stays['access_token']}"}
        assert door.http.get("/networks", headers=headers).status_code == 200
        assert door.refresh(stays["refresh_token"]).status_code == 200
    assert sim.cloud.sign_in.logouts == 1


def test_the_logout_ends_the_session_whose_token_is_valid(door: Classic) -> None:
    """A stale access token beside a classic token keeps nothing alive."""
    door.login()
    door.verify()
    door.http.headers["Authorization"] = "Bearer stale"
    assert door.logout().status_code == 200
    assert door.http.get("/networks").status_code == 401


def test_a_pin_is_entered_for_the_session_and_client_that_ask(door: Classic) -> None:
    """404 for another client, and for a session of the OAuth sign-in, which waits for none."""
    door.login()
    assert door.verify(client=1).status_code == 404
    assert door.logout(client=1).status_code == 404
    access = door.sim.cloud.issue_tokens(HARDWARE_ID).access_token
    base = f"{door.sim.url}{LOGOUT.removesuffix('/logout')}"
    for call in ("pin/verify", "pin/resend"):
        answer = httpx.post(f"{base}/{call}", headers={"Authorization": f"Bearer {access}"})
        assert answer.status_code == 404
    assert door.sim.cloud.sign_in.pins_sent == 1


def test_the_login_is_updated_or_open() -> None:
    """Any other setting is an error."""
    with pytest.raises(ValueError, match="classic is update or open"):
        Settings(classic="closed")  # type: ignore[arg-type]
