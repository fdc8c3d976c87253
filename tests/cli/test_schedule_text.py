"""A schedule as text: nothing is lost in it, and a mistake is told where it stands."""

from __future__ import annotations

import subprocess
import sys
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.cli.schedule_text import days_in_words, in_words, read, written
from blink_archive.errors import UsageError
from blink_archive.protocol.schedules import DAYS, Line

from ..protocol.test_schedules import LINES

NAMES = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)


@given(NAMES, st.lists(LINES, min_size=1, max_size=4))
def test_what_is_written_is_read(name: str, lines: list[Line]) -> None:
    """For every name that there can be, and every line."""
    text = written(name, lines, about="x", zone="UTC")
    assert read(text) == (name, tuple(lines))
    assert text.isascii() or text.encode("utf-8")


GOOD = 'name = "a"\n\n[[line]]\ndays = ["mon"]\ntime = "07:30"\naction = "arm"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: name has to be"),
        ("name = 7\n" + GOOD[11:], "line 1: name has to be"),
        ('name = "  "\n' + GOOD[11:], "line 1: name has to be"),
        ('name = "a"\n', "line 1: line is missing"),
        ('name = "a"\n[line]\ndays = []\n', "line 2: line has to be a list"),
        ('name = "a"\nline = [1]\n', "line 2: line has to be a list"),
        ('\n"colour" = 1\n' + GOOD, "line 2: colour means nothing"),
        (GOOD + "[other]\nx = 1\n", "line 7: other means nothing"),
        (GOOD + "zone = 1\n", "line 7: zone means nothing"),
        (GOOD.replace('"mon"', '"mon", "mon"'), 'line 4: days has "mon" twice'),
        (GOOD.replace('["mon"]', "[]"), "line 4: days has to be a list"),
        (GOOD.replace('["mon"]', '"mon"'), "line 4: days has to be a list"),
        (GOOD.replace('"mon"', '"Mon"'), 'line 4: days has "Mon"'),
        (GOOD.replace('"mon"', "1"), "line 4: days has 1"),
        (GOOD.replace('"07:30"', '"7:30"'), 'line 5: time is "7:30"'),
        (GOOD.replace('"07:30"', '"24:00"'), "line 5: time"),
        (GOOD.replace('"07:30"', '"07:30pm"'), "line 5: time"),
        (GOOD.replace('"07:30"', '"07:30\\n"'), "line 5: time"),
        (GOOD.replace('"07:30"', "07:30:00.5"), "line 5: time"),
        (GOOD.replace('"07:30"', "730"), "line 5: time is 730"),
        (GOOD.replace('"arm"', '"ARM"'), 'line 6: action is "ARM"'),
        (GOOD.replace('"arm"', "[]"), "line 6: action is []"),
        (GOOD.replace('time = "07:30"\n', ""), "line 3: time is missing"),
        (GOOD + GOOD[10:].replace("07:30", "99:99"), "line 11: time"),
        ('name = "a"\nline = [{days = ["mon"], time = "07:30", action = "x"}]', "entry 1 of line: action"),
        (GOOD + "]", "line 7"),
        (GOOD + 'name = "b"\nname = "c"', "This is no TOML"),
        ("\x00", "This is no TOML"),
        ("a = " + "[" * 5000, "This is no TOML"),
        ("a = " + "1" * 5000, "This is no TOML"),
        (GOOD.replace('"07:30"', "0x" + "f" * 5000), "line 5: time is a number of thousands of digits"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_stands(text: str, told: str) -> None:
    """With its line and its key, in one sentence."""
    with pytest.raises(UsageError) as error:
        read(text)
    assert told in str(error.value)
    assert str(error.value).endswith(".")


def test_other_forms_of_toml_say_the_same() -> None:
    """Times of TOML, an array of tables in one line, quoted keys, CRLF, comments."""
    lines = (Line(("mon", "sun"), time(7, 30), "arm"),)
    for text in (
        'name="a"\n[[line]]\ndays=["sun","mon"]\ntime=07:30:00\naction="arm"',
        'name="a"\nline=[{days=["mon","sun"],time="07:30",action="arm"}]',
        '"name"="a" # x\r\n[["line"]]\r\n"days"=[\r\n"mon",\r\n"sun"]\r\ntime="07:30:00"\r\naction="arm"',
    ):
        assert read(text) == ("a", lines)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (DAYS, "every day"),
        (DAYS[:5], "Mon-Fri"),
        (DAYS[4:], "Fri-Sun"),
        (("mon", "tue"), "Mon, Tue"),
        (("mon", "wed", "thu", "fri"), "Mon, Wed, Thu, Fri"),
        (("sun",), "Sun"),
    ],
)
def test_days_are_said_in_few_words(days: tuple[str, ...], words: str) -> None:
    """As a person says them."""
    assert days_in_words(days) == words
    assert in_words(Line(days, time(7, 30), "arm")) == f"{words} 07:30 arm"


@pytest.mark.parametrize(
    "arguments", ["schedules --help", "schedules edit --help", "account --help", "api --help"]
)
def test_help_is_light(arguments: str) -> None:
    """It asks for no HTTP client."""
    code = (
        "import sys; from blink_archive.cli import cli; "
        f"cli.main({arguments.split()!r}, standalone_mode=False); sys.exit('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "Usage:" in done.stdout) == (0, True), done.stderr
