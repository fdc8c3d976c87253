"""The classic login (protocol.md 2.2): password, PIN, and the logout, which ends sessions of both kinds."""

from typing import Any

from blink_archive.simulator.classic_sessions import ClassicSession
from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import UPDATE_REQUIRED, Answer, Call, Endpoint, failure, json_answer
from blink_archive.simulator.records import UnknownId
from blink_archive.simulator.settings import ACCOUNT_ID, CLIENT_ID, PHONE, TIER, USER_ID

RESEND_SECONDS = 90
"""What is said of the pause before another PIN; nobody is kept to it."""


def login(cloud: Cloud, call: Call) -> Answer:
    """A posted password: an app update is required; or, where the login is open, a token of a day."""
    cloud.sign_in.passwords_posted += 1
    if cloud.settings.classic == "update":
        return json_answer(UPDATE_REQUIRED, status=426)
    content = call.json
    names = ("email", "password", "unique_id")
    if not isinstance(content, dict) or not all(isinstance(content.get(name), str) for name in names):
        return failure(400, 400, message="Email, password and unique_id are expected")
    if (content["email"], content["password"]) != (cloud.settings.email, cloud.settings.password):
        return failure(401, 200, message="Invalid credentials")
    sessions = cloud.sign_in.classic
    session = sessions.open(content["unique_id"])
    cloud.sign_in.logins += 1
    if not sessions.is_verified(session):
        _send_pin(cloud, session)
    return json_answer(_logged_in(session, verified=sessions.is_verified(session)))


def pin_verify(cloud: Cloud, call: Call) -> Answer:
    """A posted PIN. A wrong one is told in the body, with 200; it is a text of digits, never a number."""
    session = _session(cloud, call)
    content = call.json
    if cloud.sign_in.classic.verify(session, content.get("pin") if isinstance(content, dict) else None):
        verified = "Client has been successfully verified"
        return json_answer({"valid": True, "require_new_pin": False, "message": verified, "code": 1626})
    again = not cloud.sign_in.classic.expects_pin(session)
    return json_answer({"valid": False, "require_new_pin": again, "message": "Invalid PIN", "code": 1621})


def pin_resend(cloud: Cloud, call: Call) -> Answer:
    """Another PIN is on its way, and works from now on."""
    _send_pin(cloud, _session(cloud, call))
    sent = {"message": "Verification Email Sent", "code": 211}
    return json_answer({"allow_pin_resend_seconds": RESEND_SECONDS, **sent})


def logout(cloud: Cloud, call: Call) -> Answer:
    """The token that asks is dead, and the refresh token that was issued with it."""
    _check_client(call)
    oauth = cloud.sign_in.is_valid(call.bearer or "")
    cloud.sign_in.log_out((call.bearer if oauth else call.classic_token) or "")
    return json_answer({"message": "logout"})


def _send_pin(cloud: Cloud, session: ClassicSession) -> None:
    cloud.sign_in.classic.expect_pin(session)
    cloud.sign_in.pins_sent += 1


def _session(cloud: Cloud, call: Call) -> ClassicSession:
    """The classic session that asks. UnknownId for another client, and for who signed in by OAuth."""
    _check_client(call)
    session = cloud.sign_in.classic.session(call.classic_token or "")
    if session is None:
        raise UnknownId(CLIENT_ID)
    return session


def _check_client(call: Call) -> None:
    if call.params["client"] != CLIENT_ID:
        raise UnknownId(call.params["client"])


def _logged_in(session: ClassicSession, *, verified: bool) -> dict[str, Any]:
    return {
        "account": {
            "account_id": ACCOUNT_ID, "user_id": USER_ID, "client_id": CLIENT_ID, "tier": TIER,
            "region": "us", "client_trusted": False, "new_account": False, "country_required": False,
            "account_verification_required": False, "phone_verification_required": False,
            "client_verification_required": not verified, "require_trust_client_device": True,
            "amazon_account_linked": False, "verification_channel": "phone",
            "user": {"user_id": USER_ID, "country": "US"},
        },
        "auth": {"token": session.token},
        "phone": {
            "number": PHONE, "last_4_digits": PHONE[-4:], "country_calling_code": "1", "valid": True,
        },
        "verification": {
            "email": {"required": False}, "phone": {"required": not verified, "channel": "sms"},
        },
        "lockout_time_remaining": 0,
        "force_password_reset": False,
        "allow_pin_resend_seconds": RESEND_SECONDS,
    }  # fmt: skip


CLIENT = "/api/v4/account/{account:int}/client/{client:int}"

TABLE: tuple[Endpoint, ...] = (
    Endpoint("login", "POST", "/api/v5/account/login", login, bearer=False),
    Endpoint("pin_verify", "POST", f"{CLIENT}/pin/verify", pin_verify, unverified=True),
    Endpoint("pin_resend", "POST", f"{CLIENT}/pin/resend", pin_resend, unverified=True),
    Endpoint("logout", "POST", f"{CLIENT}/logout", logout, unverified=True),
)
