"""The OAuth host: the pages and forms of the sign-in, and the token endpoint, as strict as Blink's."""

import html
import json
import re
from urllib.parse import urlencode

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import Answer, Call, html_answer, json_answer, redirect_answer
from blink_archive.simulator.settings import PHONE, REDIRECT_URI, USER_ID
from blink_archive.simulator.signin import Refused, Session, Tokens

AUTHORIZE = "/oauth/v2/authorize"
SIGNIN = "/oauth/v2/signin"
VERIFY = "/oauth/v2/2fa/verify"
COOKIE = "oauth_session"
BLINK = "https://api.oauth.blink.com"
UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
FIXED = {
    "app_brand": "blink",
    "client_id": "ios",
    "code_challenge_method": "S256",
    "redirect_uri": REDIRECT_URI,
    "response_type": "code",
    "scope": "client",
}
PRESENT = ("app_version", "device_brand", "device_model", "device_os_version")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blink sign-in (simulated)</title>
<script id="oauth-args" type="application/json">{args}</script></head>
<body><h1>Sign in</h1><p>{note}</p><form method="post" action="{action}">
<input type="hidden" name="csrf-token" value="{csrf}"><input type="hidden" name="form" value="html">
{fields}<button>Go on</button></form></body></html>
"""
SIGNIN_FIELDS = """<label>Email <input name="username" type="email" required></label>
<label>Password <input name="password" type="password" required></label>
"""
CODE_FIELDS = """<input type="hidden" name="remember_me" value="false">
<label>Code <input name="2fa_code" inputmode="numeric" required></label>
"""


def authorize(cloud: Cloud, call: Call) -> Answer:
    """With a query: begin, and go on to the sign-in page. Without: the code, for who is signed in."""
    _need_browser(call)
    if not call.query_string:
        session = cloud.sign_in.session(call.cookie(COOKIE))
        if not session.signed_in:
            return redirect_answer(SIGNIN)
        query = {"code": cloud.sign_in.authorization_code(session)}
        if session.state is not None:
            query["state"] = session.state
        return redirect_answer(f"{REDIRECT_URI}?{urlencode(query)}")
    _need_html(call)
    query = dict(call.query)
    if not UUID.fullmatch(query.get("hardware_id", "")):
        raise _NotAcceptable
    wrong = [name for name, value in FIXED.items() if query.get(name) != value]
    wrong += [name for name in PRESENT if not query.get(name)]
    if not CHALLENGE.fullmatch(query.get("code_challenge", "")):
        wrong.append("code_challenge")
    if wrong:
        raise Refused(400, "invalid_request", description=f"Missing or wrong: {', '.join(sorted(wrong))}")
    session = cloud.sign_in.open_session(
        challenge=query["code_challenge"], hardware_id=query["hardware_id"], state=query.get("state")
    )
    cookie = f"{COOKIE}={session.cookie}; Path=/; HttpOnly; SameSite=Lax"
    return redirect_answer(SIGNIN, headers=(("set-cookie", cookie),))


def signin_page(cloud: Cloud, call: Call) -> Answer:
    """The form, with the CSRF token for scripts in `oauth-args`."""
    _need_browser(call)
    _need_html(call)
    return _password_page(cloud.sign_in.session(call.cookie(COOKIE)))


def signin(cloud: Cloud, call: Call) -> Answer:
    """A posted password: a redirect, or a one-time code is on its way."""
    _need_browser(call)
    _need_origin(call, SIGNIN)
    session = cloud.sign_in.session(call.cookie(COOKIE))
    form = _form(call, "username", "password", "csrf-token")
    in_browser = form.get("form") == "html"
    try:
        waiting = cloud.sign_in.post_password(
            session, email=form["username"], password=form["password"], csrf=form["csrf-token"]
        )
    except Refused as refused:
        if in_browser and refused.status == 401:
            return _password_page(session, note=refused.description, status=401)
        raise
    if not waiting:
        return redirect_answer(AUTHORIZE)
    if in_browser:
        return _page(session, action=VERIFY, fields=CODE_FIELDS, note=f"A code was sent to {PHONE}.")
    sent = {
        "next_time_in_secs": 60, "phone": PHONE, "tsv_methods": ["sms", "whatsapp", "voice"],
        "tsv_state": "sms", "user_id": USER_ID,
    }  # fmt: skip
    return json_answer(sent, status=cloud.settings.two_factor_status)


def verify(cloud: Cloud, call: Call) -> Answer:
    """A posted one-time code."""
    _need_browser(call)
    _need_origin(call, SIGNIN, VERIFY)  # after a wrong code the page is that of the code
    session = cloud.sign_in.session(call.cookie(COOKIE))
    form = _form(call, "2fa_code", "csrf-token", "remember_me")
    in_browser = form.get("form") == "html"
    try:
        cloud.sign_in.verify_code(session, code=form["2fa_code"], csrf=form["csrf-token"])
    except Refused as refused:
        if in_browser and refused.status == 401:
            return _page(session, action=VERIFY, fields=CODE_FIELDS, note=refused.description, status=401)
        raise
    return redirect_answer(AUTHORIZE) if in_browser else json_answer({"status": "auth-completed"}, status=201)


def token(cloud: Cloud, call: Call) -> Answer:
    """Tokens for an authorization code or a refresh token."""
    form = _form(call, "grant_type")
    if form["grant_type"] == "password":
        cloud.sign_in.passwords_posted += 1
        raise Refused(401, "unsupported_grant_type", description="The grant type is not supported.")
    # blinkpy refreshes as the Android app did: its device in a header, and that app's client id.
    hardware_id = form.get("hardware_id", call.headers.get("hardware_id", ""))
    if not UUID.fullmatch(hardware_id):
        raise _NotAcceptable
    match form["grant_type"]:
        case "authorization_code":
            form = _form(call, "code", "code_verifier", "redirect_uri", "client_id", "scope", "app_brand")
            _need_values(form, "app_brand", "client_id", "redirect_uri", "scope")
            verifier = form["code_verifier"]
            return _tokens(cloud.sign_in.redeem(form["code"], verifier=verifier, hardware_id=hardware_id))
        case "refresh_token":
            form = _form(call, "refresh_token", "client_id", "scope")
            _need_values(form, "scope")
            if form["client_id"] not in ("ios", "android"):
                raise Refused(401, "invalid_client", description="Unknown client.")
            return _tokens(cloud.sign_in.rotate(form["refresh_token"], hardware_id=hardware_id))
        case _:
            raise Refused(401, "unsupported_grant_type", description="The grant type is not supported.")


def refusal(refused: Refused) -> Answer:
    """The JSON of an OAuth error."""
    cause = {} if refused.cause is None else {"error_cause": refused.cause}
    content = {"error": refused.error, **cause, "error_description": refused.description}
    return json_answer(content, status=refused.status)


class _NotAcceptable(Refused):
    """What the edge in front of the host turns away."""

    def __init__(self) -> None:
        super().__init__(406, "not_acceptable", description="Not Acceptable")


def _need_browser(call: Call) -> None:
    if "Mozilla/" not in call.headers.get("user-agent", ""):
        raise _NotAcceptable


def _need_html(call: Call) -> None:
    if "text/html" not in call.headers.get("accept", ""):
        raise _NotAcceptable


def _need_origin(call: Call, *pages: str) -> None:
    """A form is posted from one of these pages of this very host, as `Origin` and `Referer` say."""
    here = f"http://{call.headers.get('host', '')}"
    # blinkpy sends the name of Blink's own host as the origin, wherever its addresses point.
    referers = [here + page for page in pages]
    if call.headers.get("origin") not in (here, BLINK) or call.headers.get("referer") not in referers:
        raise _NotAcceptable


def _need_values(form: dict[str, str], *names: str) -> None:
    for name in names:
        if form[name] != FIXED[name]:
            raise Refused(
                401 if name == "client_id" else 400, f"invalid_{name}", description=f"Wrong {name}."
            )


def _form(call: Call, *names: str) -> dict[str, str]:
    form = call.form
    if form is None:
        raise Refused(400, "invalid_request", description="A form is expected.")
    missing = [name for name in names if name not in form]
    if missing:
        raise Refused(400, "invalid_request", description=f"Missing: {', '.join(missing)}")
    return form


def _tokens(tokens: Tokens) -> Answer:
    content = {
        "access_token": tokens.access_token, "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in, "token_type": "Bearer", "scope": "client",
    }  # fmt: skip
    return json_answer(content)


def _password_page(session: Session, *, note: str = "", status: int = 200) -> Answer:
    return _page(session, action=SIGNIN, fields=SIGNIN_FIELDS, note=note, status=status)


def _page(session: Session, *, action: str, fields: str, note: str, status: int = 200) -> Answer:
    args = json.dumps({"csrf-token": session.csrf})
    page = PAGE.format(
        args=args, csrf=html.escape(session.csrf), action=action, fields=fields, note=html.escape(note)
    )
    return html_answer(page, status=status)
