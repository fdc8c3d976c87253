"""A client written by hand from the protocol, step by step, so that each step can be got wrong."""

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from blink_archive.simulator import Simulator

HARDWARE_ID = "1EAF7C88-0000-4000-8000-000000000001"
OTHER_HARDWARE_ID = "1EAF7C88-0000-4000-8000-000000000002"
REDIRECT_URI = "immedia-blink://applinks.blink.com/signin/callback"
VERIFIER = "a-verifier-of-at-least-43-characters-as-the-rfc-asks"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BROWSER = {"User-Agent": "Mozilla/5.0 (a test)", "Accept": "text/html,*/*"}
EVERYTHING = "1970-01-01T00:00:00+0000"
MEDIA = "/api/v1/accounts/1100001/media"


class Clock:
    """A clock that a test moves; the simulator's `now`."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **delta: float) -> None:
        self.time += timedelta(**delta)


class SignIn:
    """The steps of a sign-in; keyword arguments overlay what each step sends, None leaves it out."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.http = httpx.Client(base_url=sim.url, headers=BROWSER)
        self.csrf = ""
        self.form_headers = {"Origin": sim.url, "Referer": f"{sim.url}/oauth/v2/signin", "Accept": "*/*"}
        """What the two forms are posted with."""

    def __enter__(self) -> "SignIn":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def authorize(self, **changes: str | None) -> httpx.Response:
        query = {
            "app_brand": "blink", "app_version": "50.1", "client_id": "ios", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256", "device_brand": "Apple", "device_model": "iPhone16,1",
            "device_os_version": "26.1", "hardware_id": HARDWARE_ID, "redirect_uri": REDIRECT_URI,
            "response_type": "code", "scope": "client", "state": "my state",
        } | changes  # fmt: skip
        return self.http.get("/oauth/v2/authorize", params=_without_none(query))

    def page(self) -> httpx.Response:
        answer = self.http.get("/oauth/v2/signin")
        if answer.status_code == 200:
            script = answer.text.split('<script id="oauth-args" type="application/json">')[1]
            self.csrf = json.loads(script.split("</script>")[0])["csrf-token"]
        return answer

    def password(self, password: str = "demo", **changes: str | None) -> httpx.Response:
        form = {"username": "demo@example.com", "password": password, "csrf-token": self.csrf}
        return self._post("/oauth/v2/signin", form | changes)

    def verify(self, code: str = "123456", **changes: str | None) -> httpx.Response:
        form = {"2fa_code": code, "csrf-token": self.csrf, "remember_me": "false"}
        return self._post("/oauth/v2/2fa/verify", form | changes)

    def _post(self, path: str, form: dict[str, str | None]) -> httpx.Response:
        return self.http.post(path, data=_without_none(form), headers=self.form_headers)

    def code(self) -> httpx.Response:
        return self.http.get("/oauth/v2/authorize")

    def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        form = {
            "app_brand": "blink", "client_id": "ios", "code": code, "code_verifier": VERIFIER,
            "grant_type": "authorization_code", "hardware_id": HARDWARE_ID, "redirect_uri": REDIRECT_URI,
            "scope": "client",
        } | changes  # fmt: skip
        return self.http.post("/oauth/token", data=_without_none(form))

    def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        form = {
            "grant_type": "refresh_token", "refresh_token": token, "client_id": "ios", "scope": "client",
            "hardware_id": HARDWARE_ID,
        } | changes  # fmt: skip
        return self.http.post("/oauth/token", data=_without_none(form))

    def up_to_code(self) -> str:
        """All steps to an authorization code."""
        assert self.authorize().status_code == 302
        assert self.page().status_code == 200
        if self.password().status_code != 302:
            assert self.verify().status_code == 201
        return code_of(self.code())


class Classic:
    """The calls of the classic login; each sends the token that the last login gave."""

    def __init__(self, sim: Simulator, *, header: str = "TOKEN_AUTH") -> None:
        self.sim = sim
        self.http = httpx.Client(base_url=sim.url)
        self.header = header

    def __enter__(self) -> "Classic":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def login(self, unique_id: str = HARDWARE_ID, **changes: str | None) -> httpx.Response:
        body = {
            "email": "demo@example.com", "password": "demo", "unique_id": unique_id,
            "client_name": "a test", "reauth": "true",
        } | changes  # fmt: skip
        answer = self.http.post("/api/v5/account/login", json=_without_none(body))
        if answer.status_code == 200:
            self.http.headers[self.header] = answer.json()["auth"]["token"]
        return answer

    def verify(self, pin: Any = "123456", *, client: int = 1100002) -> httpx.Response:
        return self._post("pin/verify", json={"pin": pin}, client=client)

    def resend(self) -> httpx.Response:
        return self._post("pin/resend")

    def logout(self, *, client: int = 1100002) -> httpx.Response:
        return self._post("logout", client=client)

    def _post(self, call: str, *, client: int = 1100002, json: Any = None) -> httpx.Response:
        return self.http.post(f"/api/v4/account/1100001/client/{client}/{call}", json=json)


class Stick:
    """The calls of a module's local storage, one by one."""

    def __init__(self, http: httpx.Client, *, network: int = 2100001, module: int = 3100001) -> None:
        self.http = http
        self.network = network
        self.base = f"/api/v1/accounts/1100001/networks/{network}/sync_modules/{module}/local_storage"

    def request_manifest(self) -> httpx.Response:
        return self.http.post(f"{self.base}/manifest/request")

    def manifest(self, request: int) -> httpx.Response:
        return self.http.get(f"{self.base}/manifest/request/{request}")

    def request_clip(self, manifest: Any, at: int) -> httpx.Response:
        return self.http.post(self.clip_path(manifest, at))

    def clip(self, manifest: Any, at: int) -> httpx.Response:
        return self.http.get(self.clip_path(manifest, at))

    def delete(self, manifest: Any, at: int) -> httpx.Response:
        return self.http.post(self.clip_path(manifest, at).replace("/clip/request/", "/clip/delete/"))

    def clip_path(self, manifest: Any, at: int) -> str:
        return f"{self.base}/manifest/{manifest['manifest_id']}/clip/request/{manifest['clips'][at]['id']}"

    def status(self) -> httpx.Response:
        return self.http.get(f"{self.base}/status")

    def poll(self, command: httpx.Response) -> Any:
        assert command.status_code == 200, command.text
        return self.http.get(f"/network/{self.network}/command/{command.json()['id']}").json()

    def finish(self, command: httpx.Response) -> Any:
        """The last of the polls that a command takes."""
        while not (poll := self.poll(command))["complete"]:
            pass
        return poll

    def read(self) -> Any:
        """A manifest, from its request to its JSON."""
        requested = self.request_manifest()
        assert self.finish(requested)["status_code"] == 908
        answer = self.manifest(requested.json()["id"])
        assert answer.status_code == 200, answer.text
        return answer.json()


def code_of(answer: httpx.Response) -> str:
    """The code in the redirect to the app."""
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    return httpx.URL(answer.headers["location"]).params["code"]


def _without_none(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def listing(http: httpx.Client, *, since: str = EVERYTHING, page: int = 1) -> list[Any]:
    """One page of the feed."""
    answer = http.get(f"{MEDIA}/changed", params={"since": since, "page": page})
    assert answer.status_code == 200, answer.text
    return answer.json()["media"]


def walk(http: httpx.Client, *, since: str = EVERYTHING) -> list[Any]:
    """Every page up to the empty one."""
    found: list[Any] = []
    page = 1
    while items := listing(http, since=since, page=page):
        found += items
        page += 1
    return found


def thumbnail_url(item: dict[str, Any]) -> str:
    """An old path wants `.jpg`, a new one is used as it is."""
    path = item["thumbnail"]
    return path if "?" in path else f"{path}.jpg"


def boxes(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Top-level boxes of an MP4 as type, start and size; ValueError where they do not fill the file."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at) if at + 8 <= len(data) else (0, b"")
        if size < 8 or at + size > len(data):
            raise ValueError(f"box {kind!r} of {size} bytes at {at} of {len(data)}")
        yield kind.decode("ascii"), at, size
        at += size
