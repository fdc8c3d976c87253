"""Items of the feed: what is odd becomes a problem of the item, never of the page."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.errors import UnexpectedAnswer
from blink_archive.protocol.media import (
    changed_query,
    delete_body,
    malformed_key,
    parse_item,
    parse_page,
    with_extension,
)

from .samples import SAMPLES

CLIP: dict[str, Any] = SAMPLES["media_changed"]["media"][0]
ENTRIES: list[dict[str, Any]] = [
    *SAMPLES["media_changed"]["media"],
    *SAMPLES["media_changed_old_form"]["media"],
    *SAMPLES["media_v4"]["media"],
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=40)
    | st.sampled_from(
        ["2026-10-02T00:28:38+00:00", "12:61", "0001-01-01T00:00:00+23:59", "{", "1e400", "Nov 31"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged_entries(draw: st.DrawFn) -> Any:
    """An entry of the samples with fields dropped, replaced, renamed and added, or any JSON at all."""
    entry = copy.deepcopy(draw(st.sampled_from(ENTRIES)))
    for name in draw(st.lists(st.sampled_from(sorted(entry)), max_size=6)):
        if draw(st.booleans()):
            entry[name] = draw(JSON)
        else:
            entry.pop(name, None)
    entry |= draw(st.dictionaries(st.text(max_size=5), JSON, max_size=2))
    return draw(st.sampled_from([entry, entry, entry, draw(JSON)]))


@given(damaged_entries())
def test_no_entry_raises_and_all_of_it_is_kept(entry: Any) -> None:
    """Whatever Blink sends as an entry becomes an item with a key, its raw JSON and storable values."""
    before = copy.deepcopy(entry)
    item = parse_item(entry)
    kept = item.raw if isinstance(entry, dict) else item.raw["value"]
    assert kept is entry
    assert repr(entry) == repr(before)
    assert item.key
    assert (item.id is None) == item.key.startswith("malformed-")
    assert item.id is None or item.key == str(item.id)
    for number in (item.id, item.device_id, item.network_id):
        assert number is None or -(2**63) <= number < 2**63
    for when in (item.created_at, item.updated_at):
        assert when is None or (when.tzinfo is UTC and 1970 <= when.year <= 2100)


@given(st.lists(damaged_entries(), max_size=4))
def test_no_entry_hides_another(entries: list[Any]) -> None:
    """A page has as many items as entries, in their order."""
    page = parse_page({"media": entries}, number=1, server_time=None)
    assert [item.key for item in page.items] == [parse_item(entry).key for entry in entries]


def test_a_whole_item_is_read() -> None:
    """Every field of the sample, without a problem."""
    item = parse_item(CLIP)
    assert (item.key, item.id) == ("7100001", 7100001)
    assert item.created_at == datetime(2026, 10, 2, 0, 28, 38, tzinfo=UTC)
    assert item.updated_at == datetime(2026, 10, 2, 0, 28, 57, tzinfo=UTC)
    assert (item.deleted, item.partial, item.watched) == (False, False, False)
    assert (item.type, item.source, item.device_type) == ("video", "pir", "catalina")
    assert (item.device_id, item.device_name) == (4100001, "Garden")
    assert (item.network_id, item.network_name, item.time_zone) == (2100001, "House", "America/Toronto")
    assert item.media == CLIP["media"]
    assert item.thumbnail == CLIP["thumbnail"]
    assert item.metadata is None
    assert item.problems == ()


def test_metadata_is_decoded_from_text() -> None:
    """Blink sends it as an object or as the JSON text of one (protocol.md 6)."""
    assert parse_item(SAMPLES["media_changed"]["media"][1]).metadata == {"cv_detection": ["person"]}
    assert parse_item(CLIP | {"metadata": {"a": 1}}).metadata == {"a": 1}
    assert parse_item(CLIP | {"metadata": ""}).problems == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": None}, "no id"),
        ({"id": -1}, "no id"),
        ({"created_at": None}, "no created_at"),
        ({"created_at": "yesterday"}, "created_at is no date"),
        ({"created_at": 1759364918}, "created_at is no text"),
        ({"created_at": "2525-01-01T00:00:00+00:00"}, "created_at is out of range"),
        ({"updated_at": "0000-00-00"}, "updated_at is no date"),
        ({"updated_at": "3:6" + "3" * 39 + "z5:d"}, "updated_at is no date"),
        ({"media": None}, "no media path"),
        ({"media": ""}, "no media path"),
        ({"media": 5}, "no media path"),
        ({"media": 5}, "media is no text"),
        ({"device_id": "front"}, "device_id is no number"),
        ({"device_id": True}, "device_id is no number"),
        ({"device_name": "x" * 1025}, "device_name is too long"),
        ({"device_name": "ü" * 513}, "device_name is too long"),
        ({"device_name": ["a"]}, "device_name is no text"),
        ({"deleted": "maybe"}, "deleted is neither true nor false"),
        ({"metadata": "{"}, "metadata is no object"),
        ({"metadata": [1]}, "metadata is no object"),
        ({"metadata": '{"a":' * 101 + "1" + "}" * 101}, "metadata is no object"),
    ],
)
def test_what_is_wrong_is_a_problem(change: dict[str, Any], problem: str) -> None:
    """In words; the field is None, and the rest is read."""
    item = parse_item(CLIP | change)
    assert problem in item.problems
    assert item.network_name == "House"


@pytest.mark.parametrize(
    "change", [{"deleted": True, "media": None}, {"partial": True, "media": None}, {"device_name": ""}]
)
def test_what_is_only_unusual_is_no_problem(change: dict[str, Any]) -> None:
    """Tombstones and partial clips come without a path, cameras without a name."""
    assert parse_item(CLIP | change).problems == ()


def test_numbers_may_come_as_text() -> None:
    """They mean the same."""
    item = parse_item(CLIP | {"id": "7100001", "device_id": "4100001", "watched": 1})
    assert (item.id, item.key, item.device_id, item.watched) == (7100001, "7100001", 4100001, True)
    assert item.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T20:28:38-04:00",
        "2026-10-02T00:28:38",
        "2026-10-02 00:28:38 +0000",
        "Fri, 2 Oct 2026 00:28:38 GMT",
    ],
)
def test_a_time_is_read_in_other_forms(text: str) -> None:
    """Other offsets, none (then it is UTC), and other forms."""
    assert parse_item(CLIP | {"created_at": text}).created_at == datetime(2026, 10, 2, 0, 28, 38, tzinfo=UTC)


@pytest.mark.parametrize("text", ["7", "12:30", "November", "2026-10-02 10:00 EST", "1759364918"])
def test_half_a_time_is_none(text: str) -> None:
    """What the text leaves out is not taken from anywhere else."""
    assert parse_item(CLIP | {"created_at": text}).created_at is None


def test_a_malformed_entry_has_the_same_key_whenever_it_comes() -> None:
    """It depends on what the JSON means, not on the order of its fields."""
    one = parse_item({"a": 1, "b": [2, "ü"]})
    assert one.key == parse_item({"b": [2, "ü"], "a": 1}).key == malformed_key({"a": 1, "b": [2, "ü"]})
    assert one.key != parse_item({"a": 1}).key
    assert len(one.key) == len("malformed-") + 16
    assert parse_item(None).raw == {"value": None}


def test_a_page_says_its_limit_and_purge_id() -> None:
    """And an empty one is the end, not an error."""
    page = parse_page(SAMPLES["media_changed"], number=3, server_time=None)
    assert (page.number, page.limit, page.purge_id, len(page.items)) == (3, 500, 7099000, 4)
    assert parse_page(SAMPLES["media_changed_empty"], number=1, server_time=None).items == ()


@pytest.mark.parametrize(
    "value", [None, [], {}, {"media": None}, {"media": {}}, "media", {"message": "x", "code": 1}]
)
def test_what_is_no_page_is_no_empty_page(value: object) -> None:
    """It raises: an empty page would end the walk."""
    with pytest.raises(UnexpectedAnswer):
        parse_page(value, number=1, server_time=None)


def test_since_is_sent_to_the_second_in_utc() -> None:
    """In the form that protocol.md 6 names."""
    since = datetime.fromisoformat("2026-11-23T14:52:07.987654-05:00")
    assert changed_query(since=since, page=2) == {"since": "2026-11-23T19:52:07+0000", "page": "2"}


def test_a_deletion_carries_integers() -> None:
    """Any other shape gets code 706."""
    assert json.dumps(delete_body((7000001, 7000002))) == '{"media_list": [7000001, 7000002]}'


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/v2/accounts/1/media/thumb/7", "/api/v2/accounts/1/media/thumb/7.jpg"),
        ("/a.b/thumb/7", "/a.b/thumb/7.jpg"),
        ("/a/7.jpg?ext=", "/a/7.jpg?ext="),
        ("/a/7?ts=1.5", "/a/7.jpg?ts=1.5"),
        ("/a/7.png", "/a/7.png"),
    ],
)
def test_a_thumbnail_gets_its_extension(path: str, asked: str) -> None:
    """`.jpg` is appended where the path has none, and nothing else is changed."""
    assert with_extension(path) == asked
