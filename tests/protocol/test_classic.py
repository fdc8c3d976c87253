"""The values of the classic login."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from blink_archive.errors import UnexpectedAnswer
from blink_archive.protocol import classic

from .samples import SAMPLES


def changed(path: str, value: object) -> Any:
    """The sample of a login with another value, or without one (None)."""
    answer = copy.deepcopy(SAMPLES["login_v5"])
    *parents, name = path.split(".")
    place = answer
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return answer


def test_the_body_has_what_blink_asks_for() -> None:
    """Of protocol.md 2.2, to the letter; `reauth` only from a client that was verified."""
    body = {"email": "e", "password": "p", "unique_id": "U", "client_name": "blink-archive"}
    assert classic.login_body(email="e", password="p", unique_id="U", verified=False) == body
    again = classic.login_body(email="e", password="p", unique_id="U", verified=True)
    assert again == body | {"reauth": "true"}


def test_a_login_is_read_and_its_token_does_not_show() -> None:
    """All of the sample that is used."""
    login = classic.parse_login(SAMPLES["login_v5"])
    assert (login.account_id, login.client_id, login.user_id) == (1100001, 1100002, 1100003)
    assert (login.tier, login.token, login.needs_pin) == ("u014", "a-classic-token", True)
    assert (login.phone, login.resend_after) == ("+1******1234", timedelta(seconds=90))
    assert "a-classic-token" not in repr(login)
    assert "1234" not in repr(login)


@pytest.mark.parametrize(
    ("path", "value", "name", "expected"),
    [
        ("account.client_verification_required", None, "needs_pin", False),
        ("account.client_verification_required", "false", "needs_pin", False),
        ("account.client_verification_required", 1, "needs_pin", True),
        ("account.user_id", None, "user_id", None),
        ("account.account_id", "1100001", "account_id", 1100001),
        ("phone", None, "phone", None),
        ("phone", "odd", "phone", None),
        ("allow_pin_resend_seconds", None, "resend_after", timedelta(seconds=60)),
        ("allow_pin_resend_seconds", -5, "resend_after", timedelta(0)),
        ("allow_pin_resend_seconds", 10**15, "resend_after", timedelta(days=7)),
    ],
)
def test_what_is_missing_or_odd_is_tolerated(path: str, value: object, name: str, expected: object) -> None:
    """The login goes on without it."""
    assert getattr(classic.parse_login(changed(path, value)), name) == expected


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("account", None),
        ("account.account_id", None),
        ("account.client_id", "x"),
        ("account.tier", None),
        ("account.tier", "evil.example/"),
        ("auth", None),
        ("auth.token", ""),
        ("auth.token", "two\nlines"),
        ("auth.token", 5),
    ],
)
def test_a_login_that_cannot_be_used_is_unexpected(path: str, value: object) -> None:
    """No account, no client, no region that is one, no token that fits a header."""
    with pytest.raises(UnexpectedAnswer):
        classic.parse_login(changed(path, value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SAMPLES["login_v5"], None),
        ({"lockout_time_remaining": 600}, timedelta(seconds=600)),
        ({"lockout_time_remaining": "60"}, timedelta(seconds=60)),
        ({"lockout_time_remaining": 10**15}, timedelta(days=7)),
        ({"lockout_time_remaining": -1}, None),
        ({"lockout_time_remaining": None}, None),
        ([], None),
    ],
)
def test_a_lockout_is_read(value: object, expected: timedelta | None) -> None:
    """Seconds; none is no lockout."""
    assert classic.lockout(value) == expected


def test_a_pin_is_taken_or_not() -> None:
    """Both samples; what says neither is no answer to a PIN."""
    assert classic.parse_pin(SAMPLES["pin_verify_ok"]) == classic.PinAnswer(valid=True, wants_new=False)
    assert classic.parse_pin(SAMPLES["pin_verify_wrong"]) == classic.PinAnswer(valid=False, wants_new=False)
    answer = classic.parse_pin({"valid": False, "require_new_pin": True})
    assert answer == classic.PinAnswer(valid=False, wants_new=True)
    assert classic.parse_pin({"valid": "yes"}) is None
    assert classic.parse_pin(SAMPLES["unauthorized_401"]) is None
    assert classic.is_pin_sent(SAMPLES["pin_resend"])
    assert not classic.is_pin_sent(SAMPLES["busy_409"])


@pytest.mark.parametrize(
    ("value", "status", "expected"),
    [
        (SAMPLES["login_invalid"], 200, True),
        (SAMPLES["login_invalid"], 400, True),
        (SAMPLES["unauthorized_401"], 401, True),
        (None, 401, True),
        ({"message": "Client deleted", "code": 242}, 401, False),
        (SAMPLES["busy_409"], 409, False),
    ],
)
def test_a_wrong_password_is_known_by_code_or_status(value: object, status: int, expected: bool) -> None:
    """Code 200 or 101 whatever the status, a 401 but for a client that was deleted."""
    assert classic.is_wrong_password(value, status=status) is expected
