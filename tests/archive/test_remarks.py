"""What a note and a label can be, and what becomes of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.archive.remarks import (
    MAX_LABEL,
    MAX_NOTE,
    NotTaken,
    as_label,
    as_note,
    checked_labels,
    checked_note,
    checked_own_labels,
    folded,
    labels_of,
    own_labels_text,
    with_labels,
    without_labels,
)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("the parcel", "the parcel"), ("  the parcel \n", "the parcel"), ("", None), (" \n\t ", None),
        ("one\r\ntwo\rthree\n\nfour", "one\ntwo\nthree\n\nfour"), ("a\tb", "a\tb"),
        ("\N{SNOWMAN} \U0001f469‍\U0001f680 “é”", "\N{SNOWMAN} \U0001f469‍\U0001f680 “é”"),
        ("x" * MAX_NOTE + "\n", "x" * MAX_NOTE),
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_a_note_is_any_text(text: str, note: str | None) -> None:
    """Of several lines, with blanks around it taken away."""
    assert as_note(text) == note


@pytest.mark.parametrize(
    "text", ["a\0b", "a\x1b[31m", "\x7f", "a\x85b", "\ud800", "é" * (MAX_NOTE // 2) + "x"], ids=ascii
)
def test_what_is_no_note(text: str) -> None:
    """Control characters, half a surrogate pair, and more bytes than a note has."""
    with pytest.raises(NotTaken):
        as_note(text)
    with pytest.raises(NotTaken):
        checked_note(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("postman", "postman"), ("  the   post\nman ", "the post man"), ("Cafe\u0301", "Caf\u00e9"), ("a, b", "a, b"),
        ("x" * MAX_LABEL, "x" * MAX_LABEL), ("-", "-"),
    ],
)  # fmt: skip
def test_a_label_is_one_line(text: str, label: str) -> None:
    """With single spaces, and composed, so that one label is not two."""
    assert as_label(text) == label


@pytest.mark.parametrize("text", ["", "  ", "a\0", "\x1b[1m", "\ud800", "x" * (MAX_LABEL + 1)], ids=ascii)
def test_what_is_no_label(text: str) -> None:
    """Nothing, control characters, half a surrogate pair, a whole story."""
    with pytest.raises(NotTaken):
        as_label(text)


def test_case_makes_no_second_label() -> None:
    """The first way to write it stays; taken away it is in any."""
    assert with_labels(["Post", "cat"], ["POST", "straße", "Dog", "STRASSE"]) == [
        "cat",
        "Dog",
        "Post",
        "straße",
    ]
    assert without_labels(["cat", "Dog", "Post"], ["post", "dOG", "never"]) == ["cat"]


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(str.strip)


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=6))
def test_labels_come_back_as_they_went(labels: list[str], more: list[str]) -> None:
    """What the column holds is read back alike, in whatever order they came, and is what a rebuild takes; what
    is added and taken away again leaves the others."""
    before = with_labels((), map(as_label, labels))
    text = own_labels_text(reversed(before))
    assert labels_of(text) == before
    if text is not None:
        assert checked_own_labels(text) == text
        assert "\\u" not in text or "\\u" in "".join(before)  # words, for the index
    added = [
        as_label(each) for each in more if folded(as_label(each)) not in {folded(each) for each in before}
    ]
    assert without_labels(with_labels(before, added), added) == before


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200))
def test_a_note_is_kept_as_it_is_taken(text: str) -> None:
    """So that a rebuild finds nothing to mend in it."""
    note = as_note(text)
    assert note is None or checked_note(note) == note


@pytest.mark.parametrize(
    "text",
    ["", "[", "7", "null", '"a"', "{}", "[1]", '["a", null]', "[[]]", "[" * 9999, "[NaN]"],
    ids=lambda t: t[:9],
)
def test_lists_of_other_things(text: str) -> None:
    """A column of labels is a list of texts."""
    for check in (checked_labels, checked_own_labels):
        with pytest.raises(NotTaken):
            check(text)


@pytest.mark.parametrize("text", ["[]", '[""]', '["a\\u0000"]', '["\\ud800"]', json.dumps(["x" * 101])])
def test_own_labels_are_what_label_would_take(text: str) -> None:
    """Blink's are its own business."""
    assert json.loads(checked_labels(text)) == [
        label.replace("\ud800", "\\ud800") for label in json.loads(text)
    ]
    with pytest.raises(NotTaken):
        checked_own_labels(text)


def test_own_labels_of_another_hand_are_put_in_order() -> None:
    """Twice, unsorted, with blanks, as escapes."""
    assert checked_own_labels('["b", " a ", "B", "\\u00e9"]') == '["a", "b", "é"]'
