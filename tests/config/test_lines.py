"""Lines of keys, which tomllib does not tell."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.config.lines import Path, line_of, lines_of, where_broken

TEXT = '''\
# a comment with [brackets] and = signs

top = """
[not.a.table]
not = "a key"
"""
"quoted key" = 1
dotted.key = [
  "one",  # [two]
  "three",
]
[[archive]]
workers = 3
filters = { camera = ["A"], since = "7d" }

[[archive]]

workers = 4 # four
[archive.filters]
camera = [
]
[other]
'''


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 3),
        (("quoted key",), 7),
        (("dotted",), 8),
        (("dotted", "key"), 8),
        (("archive",), 12),
        (("archive", 0), 12),
        (("archive", 0, "workers"), 13),
        (("archive", 0, "filters", "since"), 14),
        (("archive", 1), 16),
        (("archive", 1, "workers"), 18),
        (("archive", 1, "filters"), 19),
        (("archive", 1, "filters", "camera"), 20),
        (("other",), 22),
    ],
)
def test_each_key_has_the_line_it_begins_on(path: Path, line: int, ending: str) -> None:
    """Whatever lies between, looks like a key, or spans lines."""
    assert lines_of(TEXT.replace("\n", ending))[path] == line


def test_nothing_else_is_a_key() -> None:
    """What a text or a comment holds is none."""
    assert len(lines_of(TEXT)) == 15
    assert not {("not",), ("not", "a")} & set(lines_of(TEXT))


def test_what_is_within_a_value_has_its_line() -> None:
    """As an archive that is written inline."""
    lines = lines_of("\narchive = [\n{workers = 3}]\n")
    assert line_of(lines, ("archive", 0, "workers")) == 2


KEYS = st.text("abc-_", min_size=1, max_size=6)
VALUES = st.sampled_from(
    ["1", '"x"', '"""\n\n# no\n"""', "[\n1,\n# 2\n]", "'''\n[a]\n'''", "{ a = 1 }", "true"]
)


@given(st.lists(st.tuples(KEYS, VALUES, st.integers(0, 2)), unique_by=lambda each: each[0]))
def test_any_file(statements: list[tuple[str, str, int]]) -> None:
    """The line of each key is where it was written."""
    text, written = "", {}
    for key, value, blank in statements:
        text += "\n# x\n" * blank
        written[key] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    lines = lines_of(text)
    assert {path[0]: line for path, line in lines.items() if len(path) == 1} == written


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb = \n", 2), ("a = 1\n\nb = 'x", 3), ("a = 1\na = 2\n", 2), ("[a\n", 1)]
)
def test_the_line_of_what_is_no_toml(text: str, line: int) -> None:
    """And tomllib's words, without its own way to say where."""
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    found, said = where_broken(caught.value, text)
    assert found == line
    assert said
    assert "(at " not in said
