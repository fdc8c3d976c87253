"""The verbs of the account and of this client: one exact request each."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Blink
from tests.protocol.samples import SAMPLES

from .fake import REST, FakeBlink, cloud, run, signed_in
from .test_blink import asked

Ask = Callable[[Blink], Awaitable[Any]]
CONFIGURATION = "/api/v1/accounts/1100001/notifications/configuration"
OPTIONS = "/api/v1/accounts/1100001/clients/1100002/options"
VIDEO = "/api/v1/account/video_options"

READS: dict[str, tuple[Ask, str, bytes, Any]] = {
    "notifications": (lambda b: b.account.notifications(), CONFIGURATION, b"", SAMPLES["notifications"]["notifications"]),
    "options": (lambda b: b.account.options(), "/api/v1/account/options", b"", SAMPLES["account_options"]),
    "user": (lambda b: b.account.user(), "/user", b"", SAMPLES["user"]),
    "client_options": (lambda b: b.account.client_options(), OPTIONS, b"", {"network_order": [2100001], "schema": 1}),
    "version": (lambda b: b.account.version(), "/api/v1/version", b"", SAMPLES["version"]),
    "regions": (lambda b: b.account.regions(locale="D E"), "/regions", b"locale=D%20E", SAMPLES["regions"]),
}  # fmt: skip

ANONYMOUS = ("version", "regions")


@pytest.mark.parametrize("verb", READS)
def test_what_is_asked_for_is_a_get(tmp_path: Path, verb: str) -> None:
    """The path, the query, no body; the token but for what needs no account; the answer without its
    wrapping."""
    ask, path, query, expected = READS[verb]
    blink = FakeBlink()
    blink.say(path, httpx.Response(200, json=SAMPLES["account_options" if verb == "options" else verb]))
    assert asked(tmp_path, blink, ask) == expected
    (request,) = blink.requests
    assert (request.method, request.url.host, request.url.path) == ("GET", REST, path)
    assert request.url.query.replace(b"+", b"%20") == query
    assert request.content == b""
    token = None if verb in ANONYMOUS else "Bearer access-0"
    assert request.headers.get("Authorization") == token
    assert request.headers["APP-BUILD"] == "IOS_8528"


@pytest.mark.parametrize("verb", READS)
@pytest.mark.parametrize("answer", ["[]", '"x"', "null", "<html>"])
def test_an_answer_of_another_shape_is_refused(tmp_path: Path, verb: str, answer: str) -> None:
    """Each is an object."""
    ask, path, _, _ = READS[verb]
    blink = FakeBlink()
    blink.say(path, httpx.Response(200, text=answer))
    with pytest.raises(errors.UnexpectedAnswer):
        asked(tmp_path, blink, ask)


WRITES: dict[str, tuple[Ask, str, Any, Any, Any]] = {
    "notifications_set": (
        lambda b: b.account.set_notifications({"low_battery": False, "motion": True}),
        CONFIGURATION, {"notifications": {"low_battery": False, "motion": True}}, SAMPLES["notifications_set"], None,
    ),
    "client_update": (
        lambda b: b.account.update_client({"notification_key": "k"}),
        "/client/1100002/update", {"notification_key": "k"}, SAMPLES["client_update"], SAMPLES["client_update"],
    ),
    "video_options": (
        lambda b: b.account.set_auto_delete_days(30), VIDEO, {"auto_delete_days": 30}, {"message": "x"}, {"message": "x"},
    ),
    "upload_logs": (
        lambda b: b.account.upload_logs("a\nb"), "/app/logs/upload", {"logs": "a\nb"}, {"id": 1}, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("verb", WRITES)
def test_what_is_set_is_a_post_of_json(tmp_path: Path, verb: str) -> None:
    """The path, the JSON, the token; nothing but what changes."""
    ask, path, body, reply, expected = WRITES[verb]
    blink = FakeBlink()
    blink.say(path, httpx.Response(200, json=reply))
    answer = asked(tmp_path, blink, ask)
    (request,) = blink.requests
    assert (request.method, request.url.host, request.url.path) == ("POST", REST, path)
    assert json.loads(request.content) == body
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer access-0"
    assert answer == expected


@pytest.mark.parametrize("verb", WRITES)
def test_what_is_set_is_not_sent_twice(tmp_path: Path, verb: str) -> None:
    """Trouble leaves open whether it was taken."""
    ask, path, *_ = WRITES[verb]
    blink = FakeBlink()
    blink.say(path, httpx.Response(502))
    with pytest.raises(errors.ServerError):
        asked(tmp_path, blink, ask)
    assert len(blink.requests) == 1


def test_days_that_blink_does_not_take_are_an_error(tmp_path: Path) -> None:
    """Its code 213 comes with a 200."""
    blink = FakeBlink()
    blink.say(VIDEO, httpx.Response(200, json={"message": "Invalid auto purge days value", "code": 213}))
    with pytest.raises(errors.UsageError, match="31 days"):
        asked(tmp_path, blink, lambda opened: opened.account.set_auto_delete_days(31))


def test_the_health_is_text(tmp_path: Path) -> None:
    """Plain text, asked for without the token; whatever its bytes."""
    blink = FakeBlink()
    blink.say("/health", httpx.Response(200, content=b"all ports \xff open\n"))
    assert (
        asked(tmp_path, blink, lambda opened: opened.account.health())
        == "all ports \N{REPLACEMENT CHARACTER} open"
    )
    (request,) = blink.requests
    assert (request.method, request.url.host) == ("GET", REST)
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, "", errors.NotFound),
        (503, "<html>", errors.ServerError),
        (200, '{"code": 105}', errors.UpdateRequired),
        (426, "", errors.UpdateRequired),
    ],
)
def test_no_health_is_an_error(tmp_path: Path, status: int, body: str, error: type[Exception]) -> None:
    """By its status or the code in its body, as everywhere."""
    blink = FakeBlink()
    blink.say("/health", httpx.Response(status, text=body))
    with pytest.raises(error):
        asked(tmp_path, blink, lambda opened: opened.account.health())


def test_a_client_that_blink_has_not_named_is_not_asked_about(tmp_path: Path) -> None:
    """Its id comes with the first homescreen: nothing is sent, and the sentence says what to do."""
    blink = FakeBlink()

    async def ask() -> None:
        async with cloud(signed_in(tmp_path, client_id=None), blink) as opened:
            await opened.account.client_options()

    with pytest.raises(errors.UsageError, match="whoami"):
        run(ask())
    assert blink.requests == []
