"""The sign-in is as strict as Blink's: every step has its refusals."""

import re
from collections.abc import Iterator

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator

from .helpers import BROWSER, HARDWARE_ID, OTHER_HARDWARE_ID, REDIRECT_URI, Clock, SignIn, code_of


@pytest.fixture
def door(sim: Simulator) -> Iterator[SignIn]:
    with SignIn(sim) as signin:
        yield signin


def test_the_whole_exchange_with_a_second_factor_ends_in_tokens(door: SignIn) -> None:
    """Steps 1 to 8 of the protocol, each with its documented answer."""
    began = door.authorize()
    assert (began.status_code, began.headers["location"]) == (302, "/oauth/v2/signin")
    assert door.http.cookies
    assert door.page().headers["content-type"].startswith("text/html")
    sent = door.password()
    assert sent.status_code == 202
    assert set(sent.json()) == {"next_time_in_secs", "phone", "tsv_methods", "tsv_state", "user_id"}
    verified = door.verify()
    assert (verified.status_code, verified.json()) == (201, {"status": "auth-completed"})
    redirect = door.code()
    assert httpx.URL(redirect.headers["location"]).params["state"] == "my state"
    tokens = door.redeem(code_of(redirect)).json()
    assert set(tokens) == {"access_token", "refresh_token", "expires_in", "token_type", "scope"}
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    tier = door.http.get("/api/v1/users/tier_info", headers=bearer)
    assert tier.json() == {"tier": "u014", "account_id": 1100001}
    home = door.http.get("/api/v3/accounts/1100001/homescreen", headers=bearer)
    assert (home.headers["Client-Id"], home.headers["User-Id"]) == ("1100002", "1100003")
    assert (door.sim.cloud.passwords_posted, door.sim.cloud.codes_sent) == (1, 1)


def test_without_a_second_factor_the_password_redirects() -> None:
    """302 after the password, and the code is there."""
    with Simulator(Settings(two_factor=False)) as sim, SignIn(sim) as door:
        door.authorize()
        door.page()
        assert door.password().status_code == 302
        assert door.redeem(code_of(door.code())).status_code == 200
        assert sim.cloud.codes_sent == 0


def test_the_older_status_of_the_second_factor_can_be_had() -> None:
    """412 in place of 202."""
    with Simulator(Settings(two_factor_status=412)) as sim, SignIn(sim) as door:
        door.authorize()
        door.page()
        assert door.password().status_code == 412


@pytest.mark.parametrize(
    "hardware_id",
    ["Blinkpy", "", None, HARDWARE_ID.replace("-", ""), f"{HARDWARE_ID}0", HARDWARE_ID.lower()],
)
def test_a_hardware_id_that_is_no_upper_case_uuid_is_not_acceptable(
    door: SignIn, hardware_id: str | None
) -> None:
    """406 on authorize and on token."""
    assert door.authorize(hardware_id=hardware_id).status_code == 406
    code = door.up_to_code()
    assert door.redeem(code, hardware_id=hardware_id).status_code == 406
    assert door.refresh("any", hardware_id=hardware_id).status_code == 406


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "android"),
        ("response_type", "token"),
        ("code_challenge", None),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("redirect_uri", "https://example.com/"),
        ("scope", None),
        ("app_brand", None),
        ("app_version", None),
        ("device_model", ""),
    ],
)
def test_authorize_wants_every_parameter(door: SignIn, name: str, value: str | None) -> None:
    """400 that names what is missing or wrong."""
    answer = door.authorize(**{name: value})
    assert answer.status_code == 400
    assert name in answer.json()["error_description"]


def test_no_browser_is_turned_away_at_the_edge(door: SignIn) -> None:
    """406 without a browser's User-Agent, its Accept, or the Origin of the form."""
    door.up_to_code()
    assert door.http.get("/oauth/v2/signin", headers={"User-Agent": "python"}).status_code == 406
    assert door.http.get("/oauth/v2/signin", headers={"Accept": "*/*"}).status_code == 406
    form = {"username": "demo@example.com", "password": "demo", "csrf-token": door.csrf}
    assert door.http.post("/oauth/v2/signin", data=form).status_code == 406
    assert door.sim.cloud.passwords_posted == 1


@pytest.mark.parametrize("header", ["Origin", "Referer"])
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "https://{host}{path}",
        "http://127.0.0.1{path}",
        "http://{host}{path}/",
        "http://{host}{path}?x=1",
        "null",
    ],
)
def test_a_form_comes_from_the_sign_in_page_of_this_host(
    door: SignIn, header: str, wrong: str | None
) -> None:
    """`Origin` is exactly the OAuth host and `Referer` exactly its sign-in page: else 406, on both forms,
    and nothing is posted."""
    door.authorize()
    door.page()
    right = dict(door.form_headers)
    if wrong is None:
        del door.form_headers[header]
    else:
        path = "/oauth/v2/signin" if header == "Referer" else ""
        door.form_headers[header] = wrong.format(host=httpx.URL(door.sim.url).netloc.decode(), path=path)
    assert door.password().status_code == 406
    assert (door.sim.cloud.passwords_posted, door.sim.cloud.codes_sent) == (0, 0)
    wrong_headers, door.form_headers = door.form_headers, right
    assert door.password().status_code == 202
    door.form_headers = wrong_headers
    assert door.verify().status_code == 406
    door.form_headers = right
    assert door.verify().status_code == 201


def test_the_name_of_blinks_own_host_passes_as_the_origin(door: SignIn) -> None:
    """blinkpy sends it wherever it is pointed at; the sign-in page has to be this host's all the same."""
    door.form_headers["Origin"] = "https://api.oauth.blink.com"
    door.up_to_code()
    door.form_headers["Referer"] = "https://api.oauth.blink.com/oauth/v2/signin"
    assert door.password().status_code == 406


def test_a_lost_cookie_is_said_so(door: SignIn) -> None:
    """400 `empty_cookies` on every step after the first."""
    door.authorize()
    door.page()
    door.http.cookies.clear()
    for answer in (door.page(), door.password(), door.verify(), door.code()):
        assert answer.status_code == 400
        assert answer.json()["error_cause"] == "empty_cookies"
    assert door.sim.cloud.passwords_posted == 0


def test_the_form_of_another_page_is_refused(door: SignIn) -> None:
    """403 for a wrong CSRF token, on both forms; 400 without one."""
    door.authorize()
    door.page()
    assert door.password(**{"csrf-token": "other"}).status_code == 403
    assert door.password(**{"csrf-token": None}).status_code == 400
    assert door.password().status_code == 202
    assert door.verify(**{"csrf-token": "other"}).status_code == 403


def test_wrong_passwords_are_refused_and_counted(door: SignIn) -> None:
    """401, no code is sent, and there is no authorization code to have."""
    door.authorize()
    door.page()
    assert door.password("wrong").status_code == 401
    assert door.password(username="other@example.com").status_code == 401
    assert door.code().headers["location"] == "/oauth/v2/signin"
    assert (door.sim.cloud.passwords_posted, door.sim.cloud.codes_sent) == (2, 0)


def test_a_one_time_code_must_be_right_and_young(door: SignIn, clock: Clock) -> None:
    """A wrong one, one nobody asked for, a used one and one of ten minutes ago are refused."""
    door.authorize()
    door.page()
    assert door.verify().status_code == 400
    door.password()
    assert door.verify("000000").status_code == 401
    assert door.code().headers["location"] == "/oauth/v2/signin"
    clock.forward(minutes=11)
    assert door.verify().status_code == 401
    door.password()
    assert door.verify().status_code == 201
    assert door.verify().status_code == 400


def test_an_authorization_code_works_once(door: SignIn) -> None:
    """The second time is `invalid_grant`."""
    code = door.up_to_code()
    assert door.redeem(code).status_code == 200
    again = door.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"code_verifier": "b" * 43}, 400),
        ({"code_verifier": None}, 400),
        ({"hardware_id": OTHER_HARDWARE_ID}, 400),
        ({"redirect_uri": "https://example.com/"}, 400),
        ({"scope": "all"}, 400),
        ({"client_id": "web"}, 401),
        ({"grant_type": "implicit"}, 401),
    ],
)
def test_the_token_endpoint_checks_what_it_is_given(
    door: SignIn, change: dict[str, str | None], status: int
) -> None:
    """PKCE, the device, the client and the rest."""
    assert door.redeem(door.up_to_code(), **change).status_code == status


def test_an_old_authorization_code_is_refused(door: SignIn, clock: Clock) -> None:
    """Ten minutes is its life."""
    code = door.up_to_code()
    clock.forward(minutes=11)
    assert door.redeem(code).json()["error"] == "invalid_grant"


def test_a_refresh_token_rotates(door: SignIn) -> None:
    """The old one is dead once the new one is out; the new one works; so does the older access token."""
    first = door.redeem(door.up_to_code()).json()
    second = door.refresh(first["refresh_token"])
    assert second.status_code == 200
    dead = door.refresh(first["refresh_token"])
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
    assert door.refresh(second.json()["refresh_token"]).status_code == 200
    assert door.sim.cloud.refreshes == 2
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    assert door.http.get("/api/v1/users/tier_info", headers=bearer).status_code == 200


def test_a_refresh_token_belongs_to_its_device(door: SignIn) -> None:
    """With another hardware id it is invalid, and it lives on for its own."""
    token = door.redeem(door.up_to_code()).json()["refresh_token"]
    assert door.refresh(token, hardware_id=OTHER_HARDWARE_ID).json()["error"] == "invalid_grant"
    assert door.refresh(token).status_code == 200


def test_revoked_refresh_tokens_ask_for_a_sign_in(door: SignIn) -> None:
    """`invalid_grant`."""
    token = door.redeem(door.up_to_code()).json()["refresh_token"]
    door.sim.cloud.revoke_refresh_tokens()
    assert door.refresh(token).json()["error"] == "invalid_grant"


def test_the_device_may_be_named_in_a_header(door: SignIn) -> None:
    """As the Android app did, and blinkpy does where it refreshes by the older call; the same rule holds."""
    token = door.redeem(door.up_to_code()).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "android", "scope": "client"}
    for device, status in ((HARDWARE_ID.lower(), 406), (HARDWARE_ID, 200)):
        answer = door.http.post("/oauth/token", data=form, headers={"hardware_id": device})
        assert answer.status_code == status


def test_the_password_grant_of_2025_is_gone(door: SignIn) -> None:
    """401 `unsupported_grant_type`, and it counts as a posted password."""
    form = {"grant_type": "password", "username": "demo@example.com", "password": "demo"}
    answer = door.http.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "unsupported_grant_type")
    assert door.sim.cloud.passwords_posted == 1


def test_the_token_endpoint_takes_forms_alone(door: SignIn) -> None:
    """JSON is 400."""
    assert door.http.post("/oauth/token", json={"grant_type": "refresh_token"}).status_code == 400


def test_a_browser_can_sign_in_by_the_same_url(sim: Simulator) -> None:
    """Forms alone, redirects followed: a wrong password, a wrong code, then the app's address.

    A browser's Referer is the page that the form is on, which is another one after each step.
    """

    def submit(http: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
        form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)) | fields
        action = re.search(r'action="([^"]+)"', page.text)
        assert action
        assert set(fields) == set(re.findall(r'<label>\w+ <input name="([^"]+)"', page.text))
        return http.post(action[1], data=form, headers={"Origin": sim.url, "Referer": str(page.url)})

    with SignIn(sim) as door:
        url = door.authorize().request.url
    with httpx.Client(base_url=sim.url, headers=BROWSER) as browser:
        page = browser.get(url, follow_redirects=True)
        assert page.status_code == 200
        page = submit(browser, page, username="demo@example.com", password="wrong")
        assert page.status_code == 401
        page = submit(browser, page, username="demo@example.com", password="demo")
        page = submit(browser, page, **{"2fa_code": "000000"})
        assert page.status_code == 401
        page = submit(browser, page, **{"2fa_code": "123456"})
        assert page.headers["location"] == "/oauth/v2/authorize"
        redirect = browser.get("/oauth/v2/authorize")
        assert httpx.URL(redirect.headers["location"]).params["state"] == "my state"
        code = code_of(redirect)
    with SignIn(sim) as door:
        assert door.redeem(code).status_code == 200


def test_every_rest_call_asks_for_the_token(sim: Simulator, http: httpx.Client) -> None:
    """401 code 101 without one, with a wrong one, and once it has expired; media too."""
    item = sim.cloud.item(sim.cloud.live_clips()[0])
    paths = ["/networks", "/api/v3/accounts/1100001/homescreen", item["media"]]
    for path in paths:
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
            answer = http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, 101)
        assert http.get(path).status_code == 200
    sim.cloud.expire_tokens()
    assert http.get(item["media"]).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("POST", "/networks"),
        ("GET", "/cdn/other"),
        ("GET", "/network/x/syncmodules"),
    ],
)
def test_the_token_is_asked_for_before_the_path_is_looked_at(
    sim: Simulator, http: httpx.Client, method: str, path: str
) -> None:
    """401 on a path that does not exist; 404 comes for who may know."""
    answer = httpx.request(method, f"{sim.url}{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, 101)
    assert http.request(method, path).status_code == 404


def test_the_oauth_host_asks_for_no_token(sim: Simulator) -> None:
    """What it does not have is 404."""
    for path in ("/oauth/other", "/oauth/v2/other", "/oauth/token"):
        assert httpx.get(f"{sim.url}{path}").status_code == 404


def test_an_access_token_lives_as_long_as_it_says(http: httpx.Client, clock: Clock) -> None:
    """`expires_in` seconds by the cloud's clock."""
    clock.forward(seconds=14399)
    assert http.get("/networks").status_code == 200
    clock.forward(seconds=1)
    assert http.get("/networks").status_code == 401


def test_the_redirect_goes_to_the_app(door: SignIn) -> None:
    """The address that a browser cannot open."""
    door.up_to_code()
    assert door.code().headers["location"].startswith(f"{REDIRECT_URI}?code=")
