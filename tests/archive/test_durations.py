"""Durations are strict: what is not plainly a span of time is wrong usage."""

from datetime import timedelta

import pytest

from blink_archive.archive.durations import parse_duration
from blink_archive.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("365d", 31536000), ("4w", 2419200), (" 5m ", 300)],
)  # fmt: skip
def test_spans(text: str, seconds: int) -> None:
    """A whole number and one unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "0m",
        "00s",
        "-5m",
        "+5m",
        "1.5h",
        "10 m",
        "10M",
        "1h30m",
        "10min",
        "1e3s",
        "٣m",
        "10m\n5",
    ],
)
def test_no_spans(text: str) -> None:
    """All else is a usage error that names the text and says what to write."""
    with pytest.raises(UsageError, match="Write") as error:
        parse_duration(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["1y", "2Y", "1 year", "12mo", "3 months", "12mon"])
def test_years_and_months_are_written_in_days(text: str) -> None:
    """What has no one length is not guessed at; the message says how it is written."""
    with pytest.raises(UsageError, match="365d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999w"])
def test_no_span_is_longer_than_a_hundred_years(text: str) -> None:
    """A time so long ago is a slip, and would leave the calendar."""
    assert parse_duration("36500d") == timedelta(days=36500)
    with pytest.raises(UsageError, match="hundred years"):
        parse_duration(text)
