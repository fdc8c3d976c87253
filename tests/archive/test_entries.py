"""What a ``clips.json`` says becomes rows that nothing stumbles over later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blink_archive.archive.entries import entry_of

from .helpers import NOW

AT = "2026-11-23T19:52:07.000000Z"
COLUMNS = dict.fromkeys(("origin", "origin_key", "created_at", "time_zone", "path"), "TEXT")
ENTRY = {
    "origin": "cloud",
    "origin_key": "1",
    "created_at": AT,
    "time_zone": "UTC",
    "path": "1.mp4",
    "item": {},
}


@pytest.mark.parametrize(
    "detail",
    [
        None,
        {},
        [],
        "1.mp4",
        {"path": None},
        {"path": 1},
        {"path": ""},
        {"path": "/"},
        {"path": ".."},
        {"path": "x"},
    ],
)
def test_a_clash_that_names_no_file_is_left_out(detail: Any) -> None:
    """`verify` reads its path; it is a flaw of the entry."""
    event = {"at": AT, "kind": "clash", "detail": detail}
    entry = entry_of(ENTRY | {"events": [event]}, COLUMNS, now=NOW)
    assert entry.events == ()
    assert "a clash names no file" in entry.flaws
    named = entry_of(ENTRY | {"events": [event | {"detail": {"path": "2.jpg"}}]}, COLUMNS, now=NOW)
    assert len(named.events) == 1


def test_an_event_is_kept_as_json_that_any_reader_takes() -> None:
    """NaN, which Python alone knows, as text."""
    event = {"at": AT, "kind": "archived", "detail": {"a": float("nan")}}
    (kept,) = entry_of(ENTRY | {"events": [event]}, COLUMNS, now=NOW).events
    assert json.loads(str(kept.detail)) == {"a": "NaN"}
