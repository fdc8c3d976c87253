"""What is printed is valid, fits, and is harmless to a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from blink_archive.cli.formats import print_rows
from blink_archive.cli.output import SyncProgress, counted, print_json, print_table

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (b"\x00\xff", "00ff"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        ({"a": [b"\x01", (1.5, None, True)]}, {"a": ["01", [1.5, None, True]]}),
        ("→ ünï \U0001f980 \x1b \u202e", "→ ünï \U0001f980 \x1b \u202e"),
    ],
    ids=repr,
)
def test_any_value_is_json(capsys: Captured, value: object, printed: object) -> None:
    """Bytes are hex, infinities and NaN are text, and text is itself: the JSON is always valid."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    print_json(value)
    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == printed


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["a", "a"], ["a", "a_2"]),
        (["a", "a", "a_2", "a"], ["a", "a_2", "a_2_2", "a_3"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_columns_of_one_name_are_all_there(
    capsys: Captured, columns: Sequence[str], names: Sequence[str]
) -> None:
    """In JSON, a second column of one name gets a number."""
    print_rows(columns, [tuple(range(len(columns)))], form="json")
    assert json.loads(capsys.readouterr().out) == [dict(zip(names, range(len(columns)), strict=True))]


@pytest.mark.parametrize("rows", [[], [(1,)], [(1,), ("two\nlines",)]])
def test_a_list_written_row_by_row_is_one_document(capsys: Captured, rows: list[tuple[Any, ...]]) -> None:
    """However many rows there are, they are one JSON list, with a line for each."""
    print_rows(["a"], rows, form="json")
    out = capsys.readouterr().out
    assert json.loads(out) == [{"a": row[0]} for row in rows]
    assert out.count("\n") == (len(rows) + 2 if rows else 1)


@pytest.mark.parametrize("form", ["table", "csv"])
def test_bytes_are_hex_everywhere(capsys: Captured, form: str) -> None:
    """A blob is shown as hex, not as Python writes it."""
    print_rows(["a"], [(b"\xff\x00",)], form=form)
    assert capsys.readouterr().out.splitlines()[-1] == "ff00"


@pytest.mark.parametrize(
    ("things", "one"),
    [
        ("clips", "clip"),
        ("sync modules", "sync module"),
        ("clips archived", "clip archived"),
        ("days", "day"),
    ],
)
def test_one_thing_is_named_as_one(things: str, one: str) -> None:
    """1 clip; 0 clips, 2 clips."""
    assert [counted(count, things) for count in (0, 1, 2)] == [f"0 {things}", f"1 {one}", f"2 {things}"]


def test_table_is_aligned_and_harmless(capsys: Captured) -> None:
    """Columns are as wide as their widest cell on the screen; columns of numbers stand to the right; what
    could move a cursor is replaced, in the names of columns too."""
    print_table(["n\x1b", "name"], [(1, "日本"), (100, "a\u202eb"), (7, None)])
    assert capsys.readouterr().out.splitlines() == [
        " n\N{REPLACEMENT CHARACTER}  name",
        "---  ----",
        "  1  日本",
        "100  a\N{REPLACEMENT CHARACTER}b",
        "  7",
    ]


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def drawn(capsys: Captured) -> Callable[[], list[str]]:
    """What a bar has drawn since last asked."""
    return lambda: [line.strip() for line in re.split(r"[\r\n]+", capsys.readouterr().err) if line.strip()]


def test_progress_moves_while_the_first_clip_arrives(drawn: Callable[[], list[str]]) -> None:
    """Bytes and rate are shown before a clip is done, five times a second and not more often."""
    clock = Seconds()
    with SyncProgress(shown=True, clock=clock) as progress:
        progress.start(3)
        drawn()
        for _ in range(100):  # a megabyte each hundredth of a second
            clock.now += 0.01
            progress.received(1_000_000)
        lines = drawn()
    assert 3 <= len(lines) <= 5
    assert "fetching 0/3, 100.0 MB, 100.0 MB/s" in lines[-1]


def test_progress_fits_in_60_columns(drawn: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips, bytes, rate and time left are all there on a narrow terminal, also of a large account."""
    monkeypatch.setenv("COLUMNS", "60")
    clock = Seconds()
    with SyncProgress(shown=True, clock=clock) as progress:
        progress.start(123456)
        progress.finished()
        clock.now = 1000.0
        progress.received(999_900_000_000)
        (line,) = drawn()[-1:]
    told, left, bar = line.partition(" left")
    assert told.startswith("fetching 1/123456, 999.9 GB, 999.9 MB/s, ")
    assert len(told + left) <= 60
    assert len(told + left + bar) <= 60


def test_progress_is_silent_unless_asked_for(drawn: Callable[[], list[str]]) -> None:
    """Without a terminal nothing is drawn."""
    with SyncProgress(shown=False) as progress:
        progress.listed(5)
        progress.start(3)
        progress.received(10)
        progress.finished()
    assert drawn() == []
