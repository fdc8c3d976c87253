"""Errors, Retry-After and what is no JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blink_archive import errors
from blink_archive.protocol.answers import decode, error_of, http_date, is_error, retry_after

from .samples import SAMPLES

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "sample", "expected"),
    [
        (401, "unauthorized_401", errors.NotSignedIn),
        (200, "unauthorized_401", errors.NotSignedIn),
        (426, "login_update_required_426", errors.UpdateRequired),
        (200, "login_update_required_426", errors.UpdateRequired),
        (409, "busy_409", errors.Busy),
        (200, "busy_409", errors.Busy),
        (404, "media_not_found", errors.NotFound),
        (200, "media_not_found", errors.NotFound),
        (400, "media_delete_bad_706", errors.UnexpectedAnswer),
        (200, "media_delete_bad_706", errors.UnexpectedAnswer),
    ],
)
def test_a_code_says_more_than_the_status(
    status: int, sample: str, expected: type[errors.BlinkArchiveError]
) -> None:
    """The codes of protocol.md 2.3 with the statuses that they were seen with."""
    assert is_error(SAMPLES[sample], status=status)
    assert type(error_of(status, SAMPLES[sample], what="the homescreen")) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, errors.NotSignedIn),
        (403, errors.Throttled),
        (404, errors.NotFound),
        (406, errors.Throttled),
        (409, errors.Busy),
        (426, errors.UpdateRequired),
        (429, errors.Throttled),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (400, errors.UnexpectedAnswer),
        (302, errors.UnexpectedAnswer),
    ],
)
def test_a_status_alone_stands_for_an_error(status: int, expected: type[errors.BlinkArchiveError]) -> None:
    """Where the body is no JSON."""
    error = error_of(status, None, what="the media list")
    assert type(error) is expected
    assert str(error).endswith(".")


@pytest.mark.parametrize(
    "sample", ["homescreen", "media_changed", "arm", "command_status_running", "media_delete_ok", "version"]
)
def test_what_was_asked_for_is_no_error(sample: str) -> None:
    """Codes of success (711, 103) and status codes of commands are left alone."""
    assert not is_error(SAMPLES[sample], status=200)


def test_code_200_means_invalid_credentials_unless_it_says_success() -> None:
    """One source has it with "Video options updated successfully" (protocol.md 2.3)."""
    assert not is_error({"message": "Video options updated successfully", "code": 200}, status=200)
    assert is_error({"message": "Invalid credentials", "code": 200}, status=200)
    assert is_error({"code": 200}, status=200)
    assert is_error({"message": "successfully refused", "code": 200}, status=400)


def test_the_until_of_a_throttle_is_told_in_local_time() -> None:
    """For a person, whose clock is not in UTC."""
    until = NOW + timedelta(minutes=5)
    error = error_of(429, None, what="the media list", until=until)
    assert isinstance(error, errors.Throttled)
    assert error.until == until
    assert f"{until.astimezone():%H:%M:%S}" in str(error)


def test_blinks_words_are_repeated_without_control_characters() -> None:
    """A hostile message cannot reach the terminal."""
    error = error_of(500, {"message": "a\x1b[31mb\n", "code": 1}, what="x")
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("99999999999999999999", 7 * 86400),
        ("Tue, 24 Nov 2026 12:01:30 GMT", 90),
        ("Tue, 24 Nov 2026 07:01:30 -0500", 90),
        ("Tue, 24 Nov 2020 12:00:00 GMT", 0),
        ("Tue, 24 Nov 2099 12:00:00 GMT", 7 * 86400),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: int) -> None:
    """Seconds or an HTTP date; never before now, never more than a week away."""
    assert retry_after(header, now=NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "²", "Tue, 99 Nov 2026 12:00:00 GMT"])
def test_an_unreadable_retry_after_says_nothing(header: str | None) -> None:
    """It is no time at all, rather than a wrong one."""
    assert retry_after(header, now=NOW) is None


def test_a_date_header_is_utc() -> None:
    """And None where it is missing or unreadable."""
    assert http_date("Tue, 24 Nov 2026 12:00:00 GMT") == NOW
    assert http_date("yesterday") is None
    assert http_date("Fri, 31 Dec 9999 23:59:59 -0100") is None  # that would be the year 10000
    assert http_date(None) is None


@pytest.mark.parametrize(
    "body", [b"<!doctype html><p>Sorry", b"", b"\xff\xfe", b"{", b"[" * 200_000, b"[" * 101 + b"]" * 101]
)
def test_what_is_no_json_is_unexpected(body: bytes) -> None:
    """HTML, nothing, bytes, half an answer, and nesting without an end, or deeper than could be written again."""
    with pytest.raises(errors.UnexpectedAnswer, match="the homescreen"):
        decode(body, what="the homescreen")


def test_json_that_could_not_be_stored_is_made_storable() -> None:
    """NaN and lone surrogates are valid to Python, and to nothing else."""
    value = decode(
        b'{"a": NaN, "e": [-1e400, 1e300], "b": "\\ud800x", "c": "\\ud83d\\ude00", "d": "\\\\ud800"}',
        what="x",
    )
    assert value == {"a": None, "e": [None, 1e300], "b": "?x", "c": "\N{GRINNING FACE}", "d": "\\ud800"}
