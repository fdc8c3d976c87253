"""The walk through MPEG-TS says whether a recording is whole, and never anything else than that or BadMedia."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blink_archive.archive.container import TransportStream, walk_ts
from blink_archive.errors import BadMedia

from ..ts import PMT_PID, TABLES, VIDEO_PID, packet, pat, picture, pmt, recording

SECOND = 90_000
WHOLE = TABLES + picture(0) + picture() + picture(2 * SECOND)


def walked(data: bytes) -> TransportStream:
    return walk_ts(io.BytesIO(data))


def test_a_real_recording_is_whole() -> None:
    """What FFmpeg writes has no flaw, and its duration to a tenth of a second (the last frame is not told)."""
    found = walked(recording())
    assert found.flaw is None
    assert found.duration == pytest.approx(4.0, abs=0.1)


def test_the_walk_reads_all_of_a_long_file() -> None:
    """A flaw far behind is found, and the last time told counts."""
    long = TABLES + picture(0) + picture() * 2500 + picture(7 * SECOND)
    assert walked(long) == TransportStream(7.0, None)
    flawed = walked(long + b"x" * 188)
    assert flawed == TransportStream(7.0, f"no packet at byte {len(long)}")


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (WHOLE[:-1], "ends after the file"),
        (WHOLE[:-187], "ends after the file"),
        (WHOLE + b"\x47", "ends after the file"),
        (WHOLE[:188] + WHOLE[189:] + b"\x47", "no packet at byte 188"),
        (WHOLE[:376] + b"<html>" + WHOLE[376:], "no packet at byte 376"),
        (picture(0) * 10, "no table"),
        (pat((1, PMT_PID)) + picture(0), "no table"),
        (pmt(VIDEO_PID) + picture(0), "no table"),
        (pat((0, PMT_PID)) + pmt(VIDEO_PID) + picture(), "no table"),
        (pat((1, PMT_PID)) + pmt() + picture(), "no table"),
        (TABLES, "neither picture nor sound"),
        (TABLES + picture(pid=0x1FF), "neither picture nor sound"),
        (TABLES + packet(VIDEO_PID, b"", ticks=0), "neither picture nor sound"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_said(data: bytes, flaw: str) -> None:
    """A cut, a slip, tables that are missing or name nothing that comes: each is a flaw in words."""
    found = walked(data).flaw
    assert found is not None
    assert flaw in found


@pytest.mark.parametrize(
    "tables",
    [
        pat((0, 0x10), (1, PMT_PID), (2, 0x1001)) + pmt(VIDEO_PID),
        pat((1, PMT_PID)) + pmt(0x101, VIDEO_PID, described=b"\x05\x04HDMV"),
        picture() + picture(pid=0x333) + TABLES,
    ],
)
def test_tables_of_several_forms(tables: bytes) -> None:
    """A network's own table, several programs, descriptions, and a stream that was joined half way: the first
    program's table is found and read."""
    assert walked(tables + picture(0) + picture(SECOND)) == TransportStream(1.0, None)


@pytest.mark.parametrize(
    ("times", "duration"),
    [
        ((5 * SECOND, 6 * SECOND, 8 * SECOND), 3.0),
        ((2**33 - SECOND, SECOND // 2), 1.5),
        ((2**32 + 3 * SECOND, 2**32 + 4 * SECOND), 1.0),
        ((9 * SECOND, 12 * SECOND, 4 * SECOND, 6 * SECOND), 5.0),
        ((0, SECOND, 2**32, 2**32 + SECOND), 2.0),
        ((0, 59 * SECOND, 119 * SECOND), 59.0),
        ((), None),
        ((7 * SECOND,), None),
    ],
)
def test_durations(times: tuple[int, ...], duration: float | None) -> None:
    """The duration is from the first time told to the last, over the turn of the clock, too, and without the
    jumps of a clock that was set anew; None where no two times are told."""
    assert walked(TABLES + picture() + b"".join(map(picture, times))) == TransportStream(duration, None)


def test_the_time_of_another_program_does_not_count() -> None:
    """Only the packets that the table names tell the time."""
    other = packet(0x777, b"x", ticks=99 * SECOND)
    assert walked(TABLES + picture(0) + other + picture(SECOND) + other).duration == 1.0


@pytest.mark.parametrize("data", [b"", b"\x47", b"\x47" * 187, b"<!DOCTYPE html>" * 100, b"\0" * 1000])
def test_what_is_no_transport_stream(data: bytes) -> None:
    """What does not begin with a whole packet is no MPEG-TS."""
    with pytest.raises(BadMedia):
        walked(data)


@given(st.binary(max_size=2000) | st.lists(st.binary(min_size=187, max_size=187)).map(lambda each: b"".join(b"\x47" + one for one in each)))  # fmt: skip
@example(TABLES + b"\x47\x50\x00\x30\xb7" + b"\xff" * 183)
@example(TABLES + b"\x47\x41\x00\x20\xff" + b"\xff" * 183)
@example(b"\x47\x40\x00\x10\xff" + b"\xff" * 183)
def test_whatever_the_bytes(data: bytes) -> None:
    """Any bytes are walked to an end: a flaw, none, or BadMedia."""
    try:
        found = walked(data)
    except BadMedia:
        return
    assert found.duration is None or 0 <= found.duration <= len(data)
