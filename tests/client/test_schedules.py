"""The verbs of schedules: one exact request each."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Blink
from blink_archive.model import Program, ProgramAction
from blink_archive.protocol.schedules import parse_programs
from tests.protocol.samples import SAMPLES

from .fake import REST, FakeBlink
from .test_blink import asked

PROGRAMS = "/api/v1/networks/2100001/programs"
(PROGRAM,) = parse_programs(SAMPLES["programs"], network_id=2100001)
NEW = ProgramAction(days=("mon",), at=time(1, 30), action="arm", raw={})


def test_the_schedules_of_a_network_are_asked_for(tmp_path: Path) -> None:
    """A GET with the token, at the region's host."""
    blink = FakeBlink()
    blink.say(PROGRAMS, httpx.Response(200, json=SAMPLES["programs"]))
    found = asked(tmp_path, blink, lambda opened: opened.schedules.list(2100001))
    (request,) = blink.requests
    assert (request.method, request.url.host, request.url.path) == ("GET", REST, PROGRAMS)
    assert (request.url.query, request.content) == (b"", b"")
    assert request.headers["Authorization"] == "Bearer access-0"
    assert found == (PROGRAM,)


def test_asking_is_tried_again_after_passing_trouble(tmp_path: Path) -> None:
    """A 503 is."""
    blink = FakeBlink()
    blink.say(PROGRAMS, httpx.Response(503), httpx.Response(200, json=[]))
    assert asked(tmp_path, blink, lambda opened: opened.schedules.list(2100001)) == ()


CHANGES: dict[str, tuple[Callable[[Blink], Awaitable[Any]], str, Any]] = {
    "enable": (lambda opened: opened.schedules.enable(PROGRAM), "/123001/enable", None),
    "disable": (lambda opened: opened.schedules.disable(PROGRAM), "/123001/disable", None),
    "delete": (lambda opened: opened.schedules.delete(PROGRAM), "/123001/delete", None),
    "update": (
        lambda opened: opened.schedules.update(PROGRAM, name="New", actions=[PROGRAM.actions[0], NEW]),
        "/123001/update",
        SAMPLES["programs"][0]
        | {
            "name": "New",
            "schedule": [
                SAMPLES["programs"][0]["schedule"][0],
                {"devices": [], "dow": ["mon"], "time": "2026-11-24 01:30:00 +0000", "action": "arm"},
            ],
        },
    ),
    "create": (
        lambda opened: opened.schedules.create(2100001, name="New", actions=[NEW]),
        "/create",
        {
            "format": "v1",
            "network_id": 2100001,
            "name": "New",
            "schedule": [
                {"devices": [], "dow": ["mon"], "time": "2026-11-24 01:30:00 +0000", "action": "arm"}
            ],
        },
    ),
}


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_is_a_post_in_blinks_form(tmp_path: Path, verb: str) -> None:
    """The path, the JSON or an empty body, and Blink's answer as it came."""
    change, path, body = CHANGES[verb]
    blink = FakeBlink()
    blink.say(PROGRAMS + path, httpx.Response(200, json=SAMPLES["program_enable"]))
    answer = asked(tmp_path, blink, change)
    (request,) = blink.requests
    assert (request.method, request.url.path) == ("POST", PROGRAMS + path)
    if body is None:
        assert request.content == b""
        assert "Content-Type" not in request.headers
    else:
        assert json.loads(request.content) == body
        assert request.headers["Content-Type"] == "application/json"
    assert answer == SAMPLES["program_enable"]


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_is_not_repeated_after_trouble(tmp_path: Path, verb: str) -> None:
    """It may have been made."""
    change, path, _ = CHANGES[verb]
    blink = FakeBlink()
    blink.say(PROGRAMS + path, httpx.Response(503))
    with pytest.raises(errors.ServerError):
        asked(tmp_path, blink, change)
    assert len(blink.requests) == 1


def test_a_change_that_is_answered_with_no_object_is_refused(tmp_path: Path) -> None:
    """A list is no answer to a change."""
    blink = FakeBlink()
    blink.say(f"{PROGRAMS}/123001/enable", httpx.Response(200, json=[]))
    with pytest.raises(errors.UnexpectedAnswer):
        asked(tmp_path, blink, CHANGES["enable"][0])


def test_the_network_of_a_schedule_is_its_own(tmp_path: Path) -> None:
    """Changed in the network that Blink lists it in."""
    other = Program(id=7, network_id=22, name="x", enabled=True, actions=(), unread=(), raw={"id": 7})
    blink = FakeBlink()
    blink.say("/api/v1/networks/22/programs/7/update", httpx.Response(200, json={}))
    asked(tmp_path, blink, lambda opened: opened.schedules.update(other, name="x", actions=[]))
    assert json.loads(blink.requests[0].content)["network_id"] == 22
