"""The newer listing: what it says, what it leaves open, and what is no list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from blink_archive.errors import UnexpectedAnswer
from blink_archive.model import Description
from blink_archive.protocol.describe import media_query, parse_descriptions
from blink_archive.protocol.media import parse_item

from .samples import SAMPLES


def test_the_sample() -> None:
    """Words, labels, and that neither is said of a clip; the last page names no next one."""
    page = parse_descriptions(SAMPLES["media_v4"])
    assert page.next_key is None
    assert page.descriptions == (
        Description(7100001, "A person walks up the path and leaves a parcel.", ("person",)),
        Description(7100004, None, None),
        Description(7100005, None, ("vehicle",)),
    )


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        (None, None),
        ("person", None),
        ({"person": 1}, None),
        ([], ()),
        (["vehicle", "person", "person"], ("person", "vehicle")),
        ([1, None, "", "person", ["x"], "x" * 101, "y" * 100], ("person", "y" * 100)),
    ],
)
def test_labels(said: Any, labels: tuple[str, ...] | None) -> None:
    """A list is what was detected, sorted, each label once; anything else says nothing. The metadata of the
    older listing is read in the same way."""
    (found,) = parse_descriptions({"media": [{"id": 1, "cv_detection": said}]}).descriptions
    assert found.labels == labels
    assert parse_item({"id": 1, "metadata": {"cv_detection": said}}).labels == labels


@pytest.mark.parametrize("metadata", [None, {}, "", "{", 5, '{"cv_detection": null}'])
def test_metadata_without_labels(metadata: Any) -> None:
    """Where the metadata is none, or does not say, nothing is known."""
    assert parse_item({"id": 1, "metadata": metadata}).labels is None


def test_metadata_as_text() -> None:
    """Labels are read also where Blink sends the metadata as the JSON text of an object."""
    assert parse_item({"id": 1, "metadata": '{"cv_detection": ["vehicle"]}'}).labels == ("vehicle",)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"full_description": "Full.", "short_description": "Short."}, "Full."),
        ({"full_description": "", "short_description": "Short."}, "Short."),
        ({"full_description": 5.5}, None),
        ({}, None),
        ("Text.", None),
    ],
)
def test_words(words: Any, text: str | None) -> None:
    """The full description, else the short one, else none."""
    (found,) = parse_descriptions({"media": [{"id": "7", "ai_vd": words}]}).descriptions
    assert (found.clip_id, found.text) == (7, text)


def test_entries_without_an_id_are_left_out() -> None:
    """They belong to no clip; a cursor may be a number or a text."""
    page = parse_descriptions({"media": [None, 5, {}, {"id": "x"}, {"id": 1}], "pagination_key": 12})
    assert [each.clip_id for each in page.descriptions] == [1]
    assert page.next_key == "12"
    assert parse_descriptions({"media": [], "pagination_key": ""}).next_key is None


@pytest.mark.parametrize("answer", [None, [], {}, {"media": None}, {"media": {"id": 1}}])
def test_what_is_no_list(answer: Any) -> None:
    """An answer of another shape is an error."""
    with pytest.raises(UnexpectedAnswer):
        parse_descriptions(answer)


def test_the_query() -> None:
    """Times are sent in UTC, to the second; what is not given is not sent."""
    there = datetime(2026, 11, 23, 14, 52, 7, 999999, tzinfo=timezone(timedelta(hours=-5)))
    end = datetime(2026, 11, 24, tzinfo=UTC)
    assert media_query(start=there, end=end, key="9") == {
        "start_time": "2026-11-23T19:52:07+0000",
        "end_time": "2026-11-24T00:00:00+0000",
        "pagination_key": "9",
    }
    assert media_query(start=None, end=None, key=None) == {}
