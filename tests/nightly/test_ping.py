"""Pings: each at its address, in order, with a body that a check takes; and none that holds anything up."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from blink_archive.client.transport import trust
from blink_archive.errors import UsageError
from blink_archive.nightly.deadline import Deadline
from blink_archive.nightly.ping import LARGEST_BODY, Pings, shortened

from .listener import Listener, listening


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A check."""
    with listening() as listener:
        yield listener


def pings(address: str) -> Pings:
    return Pings(address, trust=lambda: trust(None))


def test_start_success_and_failure_have_addresses_of_their_own(listener: Listener) -> None:
    """As healthchecks.io has them; an address with a query or a slash at its end keeps its query, and its
    place."""
    for address in (listener.check, f"{listener.check}/", f"{listener.check}?create=1"):
        good, bad = pings(address), pings(address)
        good.start()
        good.success("all is well")
        bad.fail("it is not\n\nthe log")
        assert good.finish(Deadline(5)) + bad.finish(Deadline(5)) == []
        assert sorted(
            (each.method, each.path.partition("?")[0], each.body) for each in listener.requests
        ) == [
            ("POST", "/ping/secret-check", b"all is well"),
            ("POST", "/ping/secret-check/fail", b"it is not\n\nthe log"),
            ("POST", "/ping/secret-check/start", b""),
        ]
        assert all(each.path.endswith("?create=1") == ("?" in address) for each in listener.requests)
        listener.requests.clear()


def test_the_start_comes_first(listener: Listener) -> None:
    """Though it is slow, and nobody waits for it."""
    listener.hangs.set()
    began = time.monotonic()
    run = pings(listener.check)
    run.start()
    run.success("")
    assert time.monotonic() - began < 0.5
    assert listener.arrived.acquire(timeout=5)
    assert listener.pings == ["start"]
    listener.goes_on.set()
    assert run.finish(Deadline(5)) == []
    assert listener.pings == ["start", "success"]


def test_a_check_that_hangs_is_given_up(listener: Listener) -> None:
    """After the time that it was given, with a sentence that does not tell its address."""
    listener.hangs.set()
    run = pings(listener.check)
    run.start()
    run.fail("it failed")
    began = time.monotonic()
    (trouble,) = run.finish(Deadline(0.3))
    assert 0.3 <= time.monotonic() - began < 2
    assert "http://127.0.0.1 took no ping" in trouble
    assert "secret" not in trouble


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_check_that_refuses_is_told(listener: Listener, status: int) -> None:
    """By its status; it is not asked again, and no redirect is followed: it could lead anywhere."""
    listener.status = status
    run = pings(listener.check)
    run.success("")
    assert run.finish(Deadline(5)) == [f"http://127.0.0.1 answered a ping with HTTP {status}."]
    assert len(listener.requests) == 1


def test_a_check_that_is_not_there_is_told() -> None:
    """A port that nobody listens at, a name that no server has, and certificates that cannot be read."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        run = pings(f"http://user:secret@127.0.0.1:{nobody.getsockname()[1]}/secret")
        run.success("")
        assert run.finish(Deadline(20)) == ["http://127.0.0.1 could not be pinged (ConnectError)."]

    def broken() -> ssl.SSLContext:
        raise UsageError("The file x of --ca-file cannot be read.")

    run = Pings("https://127.0.0.1/secret", trust=broken)
    run.success("")
    assert run.finish(Deadline(5)) == ["The file x of --ca-file cannot be read."]


def test_no_secret_is_in_a_body(listener: Listener) -> None:
    """It passes the redactor."""
    run = pings(listener.check)
    run.fail("someone@example.com has the token=abcdef123456\n\nAuthorization: Bearer abcdef123456")
    assert run.finish(Deadline(5)) == []
    body = listener.requests[0].body
    assert b"abcdef" not in body
    assert b"someone" not in body


@pytest.mark.parametrize("character", ["x", "é", "☃", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("head", ["It failed.", "It failed. " + "☃" * 60_000])
def test_a_long_log_is_cut_where_it_begins(character: str, head: str) -> None:
    """The headline and the end of the log are kept, in at most 100 kB, and no character is torn."""
    body = f"{head}\n\nfirst line\n" + f"{character * 70}\n" * 2000 + "the last line"
    short = shortened(body)
    assert LARGEST_BODY - 100 < len(short) <= LARGEST_BODY
    text = short.decode()
    assert text.startswith("It failed.")
    assert text.endswith("the last line")
    assert "first line" not in text


def test_what_fits_is_left_as_it_is() -> None:
    """To the byte."""
    assert shortened("x" * LARGEST_BODY) == b"x" * LARGEST_BODY
    assert shortened("half a pair: \udc80") == b"half a pair: \\udc80"
