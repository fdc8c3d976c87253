"""Any call at all: what goes out, what comes back, and where the token goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client.raw import RawAnswer

from .fake import BOOTSTRAP, REST, FakeBlink
from .test_blink import asked


def call(path: Path, blink: FakeBlink, method: str, address: str, **options: Any) -> RawAnswer:
    answer: RawAnswer = asked(path, blink, lambda opened: opened.call(method, address, **options))
    return answer


def test_a_path_is_asked_for_at_the_region(tmp_path: Path) -> None:
    """With the token, its query as it is, and an empty body."""
    blink = FakeBlink()
    blink.say("/any/thing", httpx.Response(200, json={"a": 1}))
    answer = call(tmp_path, blink, "GET", "/any/thing?b=%2B1&c")
    (request,) = blink.requests
    assert (request.method, request.url.host, request.url.raw_path) == ("GET", REST, b"/any/thing?b=%2B1&c")
    assert request.headers["Authorization"] == "Bearer access-0"
    assert request.content == b""
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert (answer.is_json, answer.value, answer.body) == (True, {"a": 1}, b'{"a":1}')


def test_what_is_nested_too_deeply_is_given_as_it_came(tmp_path: Path) -> None:
    """It could not be written as JSON again."""
    blink = FakeBlink()
    body = b"[" * 900 + b"]" * 900
    blink.say("/any/thing", httpx.Response(200, content=body))
    answer = call(tmp_path, blink, "GET", "/any/thing")
    assert (answer.is_json, answer.value, answer.body) == (False, None, body)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_is_json(tmp_path: Path, method: str) -> None:
    """With every method, in ASCII."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(200, content=b"null"))
    answer = call(tmp_path, blink, method, "/x", json={"name": "é", "list": [1]})
    (request,) = blink.requests
    assert request.method == method
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {"name": "é", "list": [1]}
    assert (answer.is_json, answer.value) == (True, None)


def test_what_is_no_json_comes_as_it_is(tmp_path: Path) -> None:
    """Bytes, and what they are said to be."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(200, content=b"\xff\x00", headers={"Content-Type": "image/jpeg"}))
    answer = call(tmp_path, blink, "GET", "/x")
    assert (answer.is_json, answer.value, answer.body) == (False, None, b"\xff\x00")
    assert answer.content_type == "image/jpeg"


@pytest.mark.parametrize("status", [302, 400, 404, 409, 429, 500])
def test_an_error_is_an_answer_and_comes_once(tmp_path: Path, status: int) -> None:
    """Neither repeated nor followed: the caller looks at it."""
    blink = FakeBlink()
    headers = {"Location": f"https://{REST}/y"}
    blink.say("/x", httpx.Response(status, json={"code": 307}, headers=headers))
    assert call(tmp_path, blink, "GET", "/x").status == status
    assert len(blink.requests) == 1


def test_an_old_token_is_renewed_once(tmp_path: Path) -> None:
    """A 401 renews, and the call is made again; a second 401 is the answer."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(401), httpx.Response(200, json={}))
    assert call(tmp_path, blink, "GET", "/x").status == 200
    assert [request.headers["Authorization"] for request in blink.to("/x")] == [
        "Bearer access-0",
        "Bearer access-1",
    ]
    blink.say("/y", httpx.Response(401), httpx.Response(401))
    blink.access, blink.refresh = "access-0", "refresh-0"
    assert call(tmp_path / "again", blink, "GET", "/y").status == 401


@pytest.mark.parametrize(("status", "body"), [(426, {}), (200, {"code": 105}), (426, None)])
def test_an_app_that_is_too_old_is_one_clear_error(tmp_path: Path, status: int, body: Any) -> None:
    """With any status."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(status, json=body))
    with pytest.raises(errors.UpdateRequired):
        call(tmp_path, blink, "GET", "/x")


@pytest.mark.parametrize("host", [REST, BOOTSTRAP])
def test_the_token_goes_to_blinks_own_hosts(tmp_path: Path, host: str) -> None:
    """Both of them, by their whole address too."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(200, json={}))
    call(tmp_path, blink, "GET", f"https://{host}/x")
    assert blink.requests[0].headers["Authorization"] == "Bearer access-0"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/x",
        "https://rest-u014.immedia-semi.com.example.com/x",
        "https://immedia-semi.com/x",
        "https://rest-e006.immedia-semi.com/x",
        "https://api.oauth.blink.com/x",
        f"https://{REST}:8443/x",
    ],
)
def test_the_token_goes_nowhere_else(tmp_path: Path, address: str) -> None:
    """Not a header of ours does; the call is made without."""
    blink = FakeBlink()
    blink.say("/x", httpx.Response(200, json={}))
    call(tmp_path, blink, "POST", address, json={"a": 1})
    (request,) = blink.requests
    assert "Authorization" not in request.headers
    assert "TOKEN_AUTH" not in request.headers
    assert "access-0" not in str(request.headers)
    assert "APP-BUILD" not in request.headers


@pytest.mark.parametrize(
    "address",
    [
        f"http://{REST}/x", "//example.com/x", "x", "ftp://example.com/x", f"https://user:pw@{REST}/x",
        f"https://{REST}:99999999/x", "https://[/x", "",
    ],
)  # fmt: skip
def test_nothing_is_asked_from_an_unsafe_address(tmp_path: Path, address: str) -> None:
    """Not encrypted, with a user, or no address at all: nothing is sent."""
    blink = FakeBlink()
    with pytest.raises(errors.UnsafeAddress):
        call(tmp_path, blink, "GET", address)
    assert blink.requests == []
