"""`stats`: what is drawn is in proportion, fits, and can be read anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from blink_archive.archive.statistics import CameraClips, CameraReadings, Reading, Statistics
from blink_archive.cli import cli, draw
from blink_archive.cli.options import Globals
from blink_archive.cli.output import display_width
from blink_archive.cli.stats import Drawing

from ..made_up import made_up
from ..world import World
from .conftest import Terminal

DAY = date(2026, 11, 21)
FOUND = Statistics(
    clips=123,
    days=[(DAY + timedelta(days=n), clips) for n, clips in enumerate((80, 40, 1, 0, 2))],
    hours=[[0] * 24 for _ in range(5)] + [[0] * 7 + [1, 20, 40, 60, 80] + [0] * 12, [1] + [0] * 22 + [79]],
    cameras=[
        CameraClips("Front door", 100, 2_000_000_000),
        CameraClips("日本の庭", 22, 500_000_000),
        CameraClips("The camera with the longest name", 1, 0),
    ],
    readings=[
        CameraReadings("Front door", [Reading(DAY + timedelta(days=n), b, f) for n, (b, f) in enumerate(((3, 32), (2, 50), (None, None), (0, 68)))]),
        CameraReadings("Küche", [Reading(DAY, None, 68), Reading(DAY + timedelta(days=3), None, 32)]),
        CameraReadings("Silent", [Reading(DAY, None, None)]),
    ],
)  # fmt: skip

GOLDEN = """\
Clips a day, 2026-11-21 to 2026-11-25: 123 clips
2026-11-21 Sat ████████████████████████████████ 80
2026-11-22 Sun ████████████████ 40
2026-11-23 Mon ▍ 1
2026-11-24 Tue 0
2026-11-25 Wed ▊ 2

Clips by hour and weekday: blank is none, █ up to 80 in an hour
    0     6     12    18
Mon
Tue
Wed
Thu
Fri
Sat        ░▒▓██
Sun ░                      █

Bytes by camera: 2.5 GB of 123 clips
Front door   ██████████████████ 2.0 GB, 100 clips
日本の庭     ████▌ 500.0 MB, 22 clips
The camera … 0 B, 1 clip

Batteries, ▁ 0 to █ 3 of 3 bars, 2026-11-21 to 2026-11-24
Front door █▆ ▁ 0 now

Temperatures, ▁ 0 to █ 20 degrees Celsius, 2026-11-21 to 2026-11-24
Front door ▁▅ █ 20 now
Küche      █  ▁ 0 now
"""

GOLDEN_ASCII = """\
Clips a day, 2026-11-21 to 2026-11-25: 123 clips
2026-11-21 Sat ################################ 80
2026-11-22 Sun ################ 40
2026-11-23 Mon # 1
2026-11-24 Tue 0
2026-11-25 Wed # 2

Clips by hour and weekday: blank is none, # up to 80 in an hour
    0     6     12    18
Mon
Tue
Wed
Thu
Fri
Sat        .:*##
Sun .                      #

Bytes by camera: 2.5 GB of 123 clips
Front door   ################## 2.0 GB, 100 clips
日本の庭     #### 500.0 MB, 22 clips
The camera ~ 0 B, 1 clip

Batteries, _ 0 to # 3 of 3 bars, 2026-11-21 to 2026-11-24
Front door #+ _ 0 now

Temperatures, _ 32 to # 68 degrees Fahrenheit, 2026-11-21 to 2026-11-24
Front door _= # 68 now
Küche      #  _ 32 now
"""


def drawn(
    *, width: int = 50, ink: draw.Ink = draw.BLOCKS, colour: bool = False, fahrenheit: bool = False
) -> str:
    drawing = Drawing(width=width, ink=ink, colour=colour, fahrenheit=fahrenheit)
    return "\n".join(drawing.lines(FOUND)) + "\n"


def test_drawing_is_this() -> None:
    """The biggest bar has the whole width, others their part of it, none is drawn for nothing, and the least
    of something is seen; names are cut and padded by their columns on the screen."""
    assert drawn() == GOLDEN


def test_drawing_in_ascii_is_this() -> None:
    """The same with nothing but letters that every terminal has."""
    assert drawn(ink=draw.ASCII, fahrenheit=True) == GOLDEN_ASCII


@pytest.mark.parametrize("width", range(40, 200, 7))
@pytest.mark.parametrize("ink", [draw.BLOCKS, draw.ASCII])
def test_drawing_fits(width: int, ink: draw.Ink) -> None:
    """However wide the terminal is, no line is wider, and bars use what there is."""
    lines = drawn(width=width, ink=ink).splitlines()
    bars = [line for line in lines if line[-1:].isdigit() and line.startswith("2026")]
    assert max(map(display_width, bars)) == width
    assert all(
        display_width(line) <= width for line in lines if not line.startswith(("Clips", "Temp", "Batt"))
    )
    assert width < 80 or all(
        display_width(line) < 80 for line in lines if line.startswith(("Clips", "Temp", "Batt"))
    )


def test_colour_is_only_colour() -> None:
    """Without its escapes, a drawing in colour is the same drawing."""
    coloured = drawn(colour=True)
    assert "\x1b[36m█" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == GOLDEN


@given(
    value=some.floats(0, 1e12, allow_nan=False),
    more=some.floats(0, 1e12, allow_nan=False),
    width=some.integers(1, 200),
    ink=some.sampled_from([draw.BLOCKS, draw.ASCII]),
)
def test_bars_are_in_proportion(value: float, more: float, width: int, ink: draw.Ink) -> None:
    """Within half of the finest part; nothing is empty, something is not, and the biggest has the width."""
    biggest = value + more
    text = draw.bar(value, biggest=biggest, width=width, ink=ink)
    parts = (len(text) - 1) * len(ink.parts) + ink.parts.index(text[-1]) + 1 if text else 0
    assert all(cell == ink.parts[-1] for cell in text[:-1])
    assert len(text) <= width
    if value == 0:
        assert text == ""
    else:
        exact = value / biggest * width * len(ink.parts)
        assert parts >= 1
        assert abs(parts - exact) <= 0.5 or (parts == 1 and exact < 1)
    assert draw.bar(biggest, biggest=biggest, width=width, ink=ink) == ink.parts[-1] * width or biggest == 0


def test_shades_and_columns() -> None:
    """A map's cell is blank for nothing alone; a column is lowest for the least and highest for the most, and
    in the middle where all are the same."""
    ink = draw.BLOCKS
    assert [draw.shade(n, biggest=1000, ink=ink) for n in (0, 1, 249, 250, 500, 750, 1000)] == [*" ░░▒▓██"]
    assert draw.columns([0, None, 7, 3.5], least=0, most=7, ink=ink) == "▁ █▅"
    assert draw.columns([5, 5], least=5, most=5, ink=ink) == "▅▅"
    assert draw.squeezed([1, 3, None, None, 5, None], 3) == [2, None, 5]
    assert draw.squeezed([1, 2], 5) == [1, 2]


@pytest.mark.parametrize(
    ("encoding", "ink"),
    [
        ("utf-8", draw.BLOCKS),
        ("ascii", draw.ASCII),
        ("latin-1", draw.ASCII),
        ("cp1252", draw.ASCII),
        (None, draw.BLOCKS),
    ],
)
def test_ink_is_what_the_stream_can_say(encoding: str | None, ink: draw.Ink) -> None:
    """Block characters where the encoding has all of them."""
    assert draw.Ink.of(encoding) is ink


def test_long_spans_are_drawn_by_week_and_by_month() -> None:
    """So that they fit on a screen; the sums are the same."""
    for count, label, most in ((62, "day", 62), (63, "week", 10), (434, "week", 63), (435, "month", 16)):
        days = [(DAY + timedelta(days=n), n % 5) for n in range(count)]
        found = Statistics(
            clips=1, days=days, hours=[[1] * 24] * 7, cameras=[CameraClips("A", 1, 0)], readings=[]
        )
        lines = list(Drawing(width=79, ink=draw.BLOCKS, colour=False, fahrenheit=False).lines(found))
        bars = lines[1 : lines.index("")]
        assert lines[0].startswith(f"Clips a {label}, 2026-11-21 to ")
        assert len(bars) <= most
        assert sum(int(line.split()[-1]) for line in bars) == sum(clips for _, clips in days)


# the command


def stats(root: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        cli, ["stats", *arguments], obj=Globals(archive_dir=root), catch_exceptions=False
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("stats") / "archive", clips=400, days=60, runs_a_day=1).root


def test_stats_draws_and_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All sections within 80 columns by default; --json has the numbers; filters narrow both."""
    monkeypatch.delenv("COLUMNS", raising=False)
    text = stats(root, "--since", "2026-10-01", "--celsius")
    for title in ("Clips a day", "Clips by hour", "Bytes by camera", "Batteries", "degrees Celsius"):
        assert title in text
    assert max(map(display_width, text.splitlines())) < 80
    assert "\x1b" not in text
    assert "degrees Fahrenheit" in stats(root, "--fahrenheit")
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert "degrees Fahrenheit" in stats(root)
    numbers = json.loads(stats(root, "--json", "--since", "2026-10-01"))
    assert (
        numbers["clips"]
        == sum(map(sum, numbers["hours"].values()))
        == sum(day["clips"] for day in numbers["days"])
    )
    assert next(iter(numbers["hours"])) == "Mon"
    assert numbers["days"][0].keys() == {"day", "clips"}
    reading = numbers["readings"][0]["readings"][0]
    assert reading["temperature_c"] == pytest.approx((reading["temperature_f"] - 32) / 1.8, abs=0.1)
    one = json.loads(stats(root, "--json", "--camera", "road"))
    assert [each["camera"] for each in one["cameras"]] == ["Road"]
    assert [each["camera"] for each in one["readings"]] == ["Road"]


def test_nothing_to_draw_is_said(root: Path, tmp_path: Path) -> None:
    """An empty archive says so, and a filter that nothing matches."""
    empty = made_up(tmp_path / "archive", clips=0, days=1, runs_a_day=0).root
    assert stats(empty) == "No clip is known yet: run `blink-archive sync`.\n"
    assert stats(root, "--until", "2001-01-01") == "No clip matches.\n"
    assert json.loads(stats(empty, "--json"))["clips"] == 0


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colour_is_for_a_terminal_that_wants_it(
    root: Path, make_world: Callable[..., World], at_terminal: Callable[..., Terminal], no_color: str
) -> None:
    """On a terminal bars have a colour, unless NO_COLOR is set."""
    terminal = at_terminal(
        make_world(clips=1), "--archive", str(root), "stats", NO_COLOR=no_color, PYTHONUTF8="1"
    )
    assert terminal.end() == 0
    assert ("\x1b[36m" in terminal.seen) == (not no_color)
    assert "█" in terminal.seen
