"""Answers about the account: what is odd in one field does not spoil the others."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.errors import UnexpectedAnswer
from blink_archive.protocol.account import parse_client_options, parse_notifications

from .samples import SAMPLES
from .test_media import JSON


def wrapped(value: Any) -> dict[str, str]:
    """Client options as they travel."""
    return {"options": base64.b64encode(json.dumps(value).encode()).decode()}


def test_notifications_are_read() -> None:
    """By Blink's names."""
    read = parse_notifications(SAMPLES["notifications"])
    assert read["low_battery"] is True
    assert read.keys() == SAMPLES["notifications"]["notifications"].keys()


def test_what_is_no_flag_is_no_notification() -> None:
    """A name that is not known is one; a value that is neither true nor false is left out, the rest stays."""
    flags = {"motion": False, "new_kind": True, "low_battery": "yes", "wifi": 1, "lfr": None}
    assert parse_notifications({"notifications": flags}) == {"motion": False, "new_kind": True}


@pytest.mark.parametrize("value", [None, [], "x", {}, {"notifications": None}, {"notifications": [True]}])
def test_an_answer_without_notifications_is_refused(value: Any) -> None:
    """It does not mean that all are off."""
    with pytest.raises(UnexpectedAnswer):
        parse_notifications(value)


def test_client_options_are_json_in_base64() -> None:
    """Unknown fields included; nothing in it is no options."""
    assert parse_client_options(SAMPLES["client_options"]) == {"network_order": [2100001], "schema": 1}
    assert parse_client_options(wrapped({"new": [1]})) == {"new": [1]}
    assert parse_client_options({"options": ""}) == {}
    assert parse_client_options({"options": None}) == {}
    assert parse_client_options({}) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"options": "not base64"},
        {"options": "eA=="},
        {"options": "/w=="},
        wrapped([]),
        wrapped(None),
    ],
)
def test_client_options_that_cannot_be_read_are_refused(value: Any) -> None:
    """No base64, no JSON, no UTF-8, no object."""
    with pytest.raises(UnexpectedAnswer):
        parse_client_options(value)


@given(JSON | st.builds(wrapped, JSON))
def test_no_answer_is_a_crash(value: Any) -> None:
    """Any JSON at all is read or refused."""
    for parse in (parse_notifications, parse_client_options):
        try:
            parse(value)
        except UnexpectedAnswer:
            continue
