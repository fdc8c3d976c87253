"""The cloud's verbs: one exact request each, and a typed answer or an error."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Blink, Pacing, StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.session import load_session
from blink_archive.model import Command
from tests.protocol.samples import SAMPLES

from .fake import NOW, REST, FakeBlink, Parts, cloud, run, signed_in

Ask = Callable[[Blink], Awaitable[Any]]
ACCOUNT = "/api/v1/accounts/1100001"
ARM = f"{ACCOUNT}/networks/2100001/state/arm"
POLL = "/network/2100001/command/750082090"
DELETE = f"{ACCOUNT}/media/delete"
CHANGED = f"{ACCOUNT}/media/changed"
HOME = "/api/v3/accounts/1100001/homescreen"


def asked(path: Path, blink: FakeBlink, ask: Ask, **options: Any) -> Any:
    """What ``ask`` returns, on a cloud that talks with ``blink``."""

    async def main() -> Any:
        async with cloud(signed_in(path), blink, **options) as opened:
            return await ask(opened)

    return asyncio.run(main())


def test_a_page_is_asked_for_in_blinks_form(tmp_path: Path) -> None:
    """`since` to the second with its plus encoded, the page, the token, the region's host."""
    blink = FakeBlink()
    since = datetime(2026, 11, 23, 19, 52, 7, 500, tzinfo=UTC)
    page = asked(tmp_path, blink, lambda opened: opened.media_changed(since=since, page=2))
    (request,) = blink.requests
    assert request.url.host == REST
    assert request.url.path == CHANGED
    assert request.url.query == b"since=2026-11-23T19%3A52%3A07%2B0000&page=2"
    assert request.headers["Authorization"] == "Bearer access-0"
    assert request.content == b""
    assert (page.number, len(page.items), page.limit) == (2, 4, 500)


def test_the_servers_clock_comes_with_the_answers(tmp_path: Path) -> None:
    """Its `Date`, for watermarks; None where there is none."""
    blink = FakeBlink()
    dated = httpx.Response(200, json={"media": []}, headers={"Date": "Tue, 24 Nov 2026 12:00:00 GMT"})
    blink.say(CHANGED, dated)
    page = asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))
    assert page.server_time == NOW
    page = asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))
    assert page.server_time is None


def test_networks_are_asked_for(tmp_path: Path) -> None:
    """With the older call."""
    blink = FakeBlink()
    blink.say("/networks", httpx.Response(200, json=SAMPLES["networks"]))
    (network,) = asked(tmp_path, blink, lambda opened: opened.networks())
    assert network.name == "House"


def test_a_homescreen_teaches_the_ids_that_a_sign_in_missed(tmp_path: Path) -> None:
    """They are stored, beside tokens that are not touched."""
    state = signed_in(tmp_path, client_id=None, user_id=None)

    async def main() -> None:
        async with cloud(state, FakeBlink()) as opened:
            await opened.homescreen()

    asyncio.run(main())
    known = load_session(state, 1100001, addresses=Addresses())
    assert (known.client_id, known.user_id, known.access_token) == (1100002, 1100003, "access-0")


def test_a_deletion_is_integers_in_json(tmp_path: Path) -> None:
    """And 711 is its success."""
    blink = FakeBlink()
    blink.say(DELETE, httpx.Response(200, json=SAMPLES["media_delete_ok"]))
    asked(tmp_path, blink, lambda opened: opened.delete_media([7000001, 7000002]))
    (request,) = blink.requests
    assert json.loads(request.content) == {"media_list": [7000001, 7000002]}
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, json=SAMPLES["media_delete_bad_706"]),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, html="<p>Sorry"),
        httpx.Response(500),
        httpx.ReadTimeout("slow"),
    ],
)
def test_a_deletion_without_711_is_not_confirmed(tmp_path: Path, reply: httpx.Response | Exception) -> None:
    """It raises, and is not posted again: what it left open, the next walk settles."""
    blink = FakeBlink()
    blink.say(DELETE, reply)
    with pytest.raises(errors.BlinkError):
        asked(tmp_path, blink, lambda opened: opened.delete_media([1]))
    assert len(blink.requests) == 1


@pytest.mark.parametrize("count", [0, 51])
def test_a_deletion_has_one_to_fifty_clips(tmp_path: Path, count: int) -> None:
    """Nothing is sent otherwise."""
    blink = FakeBlink()
    with pytest.raises(errors.UsageError):
        asked(tmp_path, blink, lambda opened: opened.delete_media(range(1, count + 1)))
    assert blink.requests == []


def test_arming_is_a_post_with_an_empty_body(tmp_path: Path) -> None:
    """A command comes back, to be followed."""
    blink = FakeBlink()
    blink.say(ARM, httpx.Response(200, json=SAMPLES["arm"]))
    command = asked(tmp_path, blink, lambda opened: opened.arm(2100001))
    (request,) = blink.requests
    assert (request.method, request.content) == ("POST", b"")
    assert (command.id, command.network_id, command.complete) == (750082090, 2100001, False)


@pytest.mark.parametrize("status", [200, 409])
def test_a_busy_system_is_asked_again(tmp_path: Path, status: int) -> None:
    """With growing waits, and not for ever."""
    blink = FakeBlink()
    busy = [httpx.Response(status, json=SAMPLES["busy_409"]) for _ in range(2)]
    blink.say(ARM, *busy, httpx.Response(200, json=SAMPLES["arm"]))
    asked(tmp_path, blink, lambda opened: opened.arm(2100001))
    assert len(blink.requests) == 3
    blink.say(ARM, *[httpx.Response(status, json=SAMPLES["busy_409"]) for _ in range(4)])
    with pytest.raises(errors.Busy, match="minute"):
        asked(tmp_path, blink, lambda opened: opened.arm(2100001))


def test_arming_is_not_repeated_after_other_trouble(tmp_path: Path) -> None:
    """A POST that may have arrived is not sent twice."""
    blink = FakeBlink()
    blink.say(ARM, httpx.ReadTimeout("slow"))
    with pytest.raises(errors.NetworkError):
        asked(tmp_path, blink, lambda opened: opened.arm(2100001))
    assert len(blink.requests) == 1


def command(**changes: Any) -> Command:
    fields = {"id": 750082090, "network_id": 2100001, "complete": False, "status_code": None} | changes
    return Command(status_msg="", raw={}, **fields)


def waited(path: Path, blink: FakeBlink, **options: Any) -> float:
    """The seconds that waiting for a command takes."""

    async def main() -> None:
        async with cloud(signed_in(path), blink, pacing=Pacing()) as opened:
            await opened.commands.wait_for(command(), **options)

    return run(main())


def test_a_command_is_looked_at_once_a_second(tmp_path: Path) -> None:
    """Until it is complete."""
    blink = FakeBlink()
    running = [httpx.Response(200, json=SAMPLES["command_status_running"]) for _ in range(2)]
    blink.say(POLL, *running, httpx.Response(200, json=SAMPLES["command_status_done"]))
    assert waited(tmp_path, blink) == pytest.approx(3.0)
    assert len(blink.requests) == 3


@pytest.mark.parametrize("complete", [True, False])
def test_a_command_that_fails_says_blinks_words(tmp_path: Path, *, complete: bool) -> None:
    """A code other than 908 is a failure, complete or not."""
    blink = FakeBlink()
    failed = {"complete": complete, "status_code": 600, "status_msg": "Camera is offline"}
    blink.say(POLL, httpx.Response(200, json=failed))
    with pytest.raises(errors.CommandFailed, match=r"Camera is offline.*600"):
        waited(tmp_path, blink)


def test_a_command_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """After the given time, said as such."""
    blink = FakeBlink()
    blink.say(POLL, *[httpx.Response(200, json=SAMPLES["command_status_running"]) for _ in range(20)])
    with pytest.raises(errors.CommandFailed, match="5 seconds"):
        waited(tmp_path, blink, timeout=5)
    assert len(blink.requests) == 5


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(503),
        httpx.Response(429),
        httpx.Response(403),
        httpx.Response(200, json=SAMPLES["busy_409"]),
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("half"),
        httpx.Response(200, stream=Parts(b'{"media"', error=httpx.ReadError("reset"))),
    ],
)
def test_asking_is_tried_again_after_passing_trouble(
    tmp_path: Path, trouble: httpx.Response | Exception
) -> None:
    """A GET changes nothing, and a nightly run should not fail for one hiccup."""
    blink = FakeBlink()
    blink.say(CHANGED, trouble)
    page = asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))
    assert len(page.items) == 4


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(200, html="<p>Sorry"), errors.UnexpectedAnswer),
        (httpx.Response(200, json={"message": "x", "code": 1}), errors.UnexpectedAnswer),
        (httpx.Response(200, json=SAMPLES["login_update_required_426"]), errors.UpdateRequired),
        (httpx.Response(404), errors.NotFound),
        (httpx.Response(302, headers={"Location": f"https://{REST}/elsewhere"}), errors.UnexpectedAnswer),
        (httpx.Response(400), errors.UnexpectedAnswer),
    ],
)
def test_what_will_not_change_is_asked_once(
    tmp_path: Path, reply: httpx.Response, expected: type[Exception]
) -> None:
    """Also a 200 that is no page: never an empty one."""
    blink = FakeBlink()
    blink.say(CHANGED, reply)
    with pytest.raises(expected):
        asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))
    assert len(blink.requests) == 1


def test_an_answer_without_an_end_is_refused(tmp_path: Path) -> None:
    """Over 32 MB of JSON."""
    blink = FakeBlink()
    blink.say(HOME, httpx.Response(200, stream=Parts(*[b" " * 2**20] * 33)))
    with pytest.raises(errors.UnexpectedAnswer, match="32 MB"):
        asked(tmp_path, blink, lambda opened: opened.homescreen())


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "x"])
def test_an_answer_that_may_grow_without_end_is_refused(tmp_path: Path, encoding: str) -> None:
    """A few kilobytes can be gigabytes in some encodings, and in two of one; only gzip and deflate are asked
    for, and taken."""
    blink = FakeBlink()
    blink.say(CHANGED, httpx.Response(200, stream=Parts(b"bytes"), headers={"Content-Encoding": encoding}))
    with pytest.raises(errors.UnexpectedAnswer, match="encoding that was not asked for"):
        asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))
    assert blink.requests[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_an_encoded_answer_is_bounded_by_what_it_is(tmp_path: Path) -> None:
    """Not by what is sent: 40 MB of zeros are 40 kB in gzip."""
    blink = FakeBlink()
    bomb = gzip.compress(b"[" + b"0," * (20 * 2**20) + b"0]")
    blink.say(CHANGED, httpx.Response(200, stream=Parts(bomb), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(errors.UnexpectedAnswer, match="32 MB"):
        asked(tmp_path, blink, lambda opened: opened.media_changed(since=NOW, page=1))


def test_no_cookie_of_a_rest_host_is_kept(tmp_path: Path) -> None:
    """The token is all that says who we are."""
    blink = FakeBlink()
    blink.say(HOME, httpx.Response(200, json=SAMPLES["homescreen"], headers={"Set-Cookie": "a=b"}))

    async def twice(opened: Blink) -> None:
        await opened.homescreen()
        await opened.homescreen()

    asked(tmp_path, blink, twice)
    assert all("Cookie" not in request.headers for request in blink.requests)


def test_a_session_is_not_sent_to_other_addresses(tmp_path: Path) -> None:
    """A simulator's session is no session at Blink, nor the other way round."""
    state = signed_in(tmp_path)
    with pytest.raises(
        errors.NotSignedIn, match=r"against Blink itself, not http://127\.0\.0\.1:1 and Blink"
    ):
        Blink.from_state(state, api_url="http://127.0.0.1:1")
    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        Blink.from_state(StateDir(tmp_path / "none"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "60"}, 60.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(tmp_path: Path, status: int, headers: dict[str, str], seconds: float) -> None:
    """In both forms, on a 429 and on a 503; without it the first wait is a second."""
    blink = FakeBlink()
    blink.say(HOME, httpx.Response(status, headers=headers))

    async def main() -> None:
        async with cloud(signed_in(tmp_path), blink, pacing=Pacing(wait_jitter=0)) as opened:
            await opened.homescreen()

    assert run(main()) == pytest.approx(seconds)


def test_waits_are_not_all_alike(tmp_path: Path) -> None:
    """As they come, they have up to a second added at random: many clients do not come back at once."""

    def wait() -> float:
        blink = FakeBlink()
        blink.say(HOME, httpx.Response(503))

        async def main() -> None:
            async with cloud(signed_in(tmp_path), blink, pacing=None) as opened:
                await opened.homescreen()

        return run(main())

    waits = [wait() for _ in range(3)]
    assert len(set(waits)) > 1
    assert all(1.0 <= seconds <= 2.0 for seconds in waits)


def test_a_long_retry_after_is_not_waited_for(tmp_path: Path) -> None:
    """It is said until when, and nothing is sent before."""
    blink = FakeBlink()
    blink.say(HOME, httpx.Response(429, headers={"Retry-After": "61"}))
    with pytest.raises(errors.Throttled) as caught:
        asked(tmp_path, blink, lambda opened: opened.homescreen())
    assert caught.value.until == NOW + timedelta(seconds=61)
    assert len(blink.requests) == 1


def test_waits_grow_and_end(tmp_path: Path) -> None:
    """1, 2 and 4 seconds between four attempts, then the error."""
    blink = FakeBlink()
    blink.say(HOME, *[httpx.Response(500) for _ in range(4)])

    async def main() -> None:
        async with cloud(signed_in(tmp_path), blink, pacing=Pacing(wait_jitter=0)) as opened:
            with pytest.raises(errors.ServerError):
                await opened.homescreen()

    assert run(main()) == pytest.approx(7.0)
    assert len(blink.requests) == 4
