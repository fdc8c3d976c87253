"""Schedules: what is not understood is kept, and what is sent is what is meant."""

from __future__ import annotations

import copy
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.errors import UnexpectedAnswer
from blink_archive.model import Program, ProgramAction
from blink_archive.protocol.schedules import (
    ACTIONS,
    DAYS,
    Line,
    carried_over,
    in_order,
    line_of,
    parse_programs,
    program_body,
)

from .samples import SAMPLES
from .test_media import JSON

TODAY = date(2026, 11, 24)
WEEK = DAYS[:5]
UTC = timedelta(0)

LINES = st.builds(
    Line,
    days=st.sets(st.sampled_from(DAYS), min_size=1).map(in_order),
    at=st.times().map(lambda at: at.replace(microsecond=0, tzinfo=None)),
    action=st.sampled_from(ACTIONS),
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes))


def program(**changes: Any) -> Program:
    """The schedule of the samples, with these changes; a value of ``...`` removes a field."""
    raw = copy.deepcopy(SAMPLES["programs"][0]) | changes
    (read,) = parse_programs(
        [{name: value for name, value in raw.items() if value is not ...}], network_id=2100001
    )
    return read


def entry(**changes: Any) -> dict[str, Any]:
    """A line of the samples, with these changes; a value of ``...`` removes a field."""
    raw = copy.deepcopy(SAMPLES["programs"][0]["schedule"][0]) | changes
    return {name: value for name, value in raw.items() if value is not ...}


def test_a_schedule_is_read() -> None:
    """Its name, whether it is on, and its lines in UTC."""
    read = program()
    assert (read.id, read.network_id, read.name, read.enabled) == (123001, 2100001, "Weekdays", False)
    assert [line_of(action) for action in read.actions] == [
        Line(WEEK, time(14, 45), "arm"),
        Line(WEEK, time(21), "disarm"),
    ]
    assert read.unread == ()


@pytest.mark.parametrize(
    ("status", "on"),
    [
        ("enabled", True),
        ("active", True),
        ("disabled", False),
        ("Disabled", False),
        (..., False),
        (None, False),
        ({}, False),
    ],
)
def test_a_schedule_is_on_unless_it_says_otherwise(status: Any, on: bool) -> None:
    """As the app takes it: every status but `disabled`, and a missing one."""
    assert program(status=status).enabled is on


@pytest.mark.parametrize(
    ("changes", "name", "network"),
    [
        ({"name": ...}, "", 2100001),
        ({"name": ["x"]}, "", 2100001),
        ({"name": 7}, "7", 2100001),
        ({"network_id": ...}, "Weekdays", 2100001),
        ({"network_id": "2100002"}, "Weekdays", 2100002),
        ({"network_id": {}}, "Weekdays", 2100001),
        ({"id": "123001"}, "Weekdays", 2100001),
    ],
)
def test_fields_may_be_missing_or_of_another_type(changes: dict[str, Any], name: str, network: int) -> None:
    """A schedule is read without them."""
    read = program(**changes)
    assert (read.id, read.name, read.network_id) == (123001, name, network)


@pytest.mark.parametrize("schedule", [..., None, {}, "x", []])
def test_a_schedule_may_have_no_lines(schedule: Any) -> None:
    """It is one all the same."""
    assert program(schedule=schedule).actions == ()


@pytest.mark.parametrize("value", [None, {}, "x", {"programs": []}])
def test_what_is_no_list_is_no_answer(value: Any) -> None:
    """UnexpectedAnswer, so that an error is not taken for having no schedules."""
    with pytest.raises(UnexpectedAnswer):
        parse_programs(value, network_id=1)


def test_what_has_no_id_is_left_out() -> None:
    """Nothing could be done with it."""
    assert parse_programs([{"name": "x"}, "x", None, {"id": None}], network_id=1) == ()


@pytest.mark.parametrize(
    "odd",
    [
        entry(time=...), entry(time="soon"), entry(time=1445), entry(time=None),
        entry(dow=...), entry(dow="mon"), entry(dow=[]), entry(dow=["mon", "everyday"]), entry(dow=[["mon"]]),
        entry(action=...), entry(action="lights"), entry(action=None), entry(action=["arm"]),
        "a line", None, [],
    ],
)  # fmt: skip
def test_a_line_that_is_not_understood_is_kept_as_it_is(odd: Any) -> None:
    """Not one part of it is guessed, and an update sends it again."""
    read = program(schedule=[odd, entry()])
    assert [line_of(action) for action in read.actions] == [Line(WEEK, time(14, 45), "arm")]
    assert read.unread == (odd,)
    body = program_body(network_id=1, name="x", actions=read.actions, written=TODAY, before=read)
    assert body["schedule"] == [entry(), odd]


def test_the_days_of_a_line_are_in_the_weeks_order() -> None:
    """Whatever order Blink has them in; and back they go as they came."""
    read = program(schedule=[entry(dow=["sun", "mon"])])
    assert read.actions[0].days == ("mon", "sun")
    body = program_body(network_id=1, name="x", actions=read.actions, written=TODAY, before=read)
    assert body["schedule"][0]["dow"] == ["sun", "mon"]


def test_an_update_of_nothing_is_what_blink_sent() -> None:
    """To the letter: unknown fields, the dates of the times, the order."""
    raw = SAMPLES["programs"][0] | {"colour": "red", "schedule": [entry(id=0, colour="blue")]}
    (read,) = parse_programs([raw], network_id=2100001)
    body = program_body(network_id=2100001, name=read.name, actions=read.actions, written=TODAY, before=read)
    assert body == raw


def test_a_changed_line_gets_todays_date_and_keeps_what_is_not_known() -> None:
    """The app shows a time by the date that it is written with."""
    read = program(schedule=[entry(id=0, devices=[4100001])])
    changed = carried_over(read.actions, [Line(WEEK, time(14, 50), "arm")], ahead=UTC)
    body = program_body(network_id=2100001, name="Work", actions=changed, written=TODAY, before=read)
    assert body["name"] == "Work"
    assert body["schedule"] == [
        {
            "id": 0,
            "devices": [4100001],
            "dow": list(WEEK),
            "time": "2026-11-24 14:50:00 +0000",
            "action": "arm",
        }
    ]


def test_a_new_schedule_is_sent_in_blinks_form() -> None:
    """As homebridge-blink-for-home has it, and no more than that."""
    actions = carried_over((), [Line(("sun",), time(4, 0, 5), "disarm")], ahead=UTC)
    assert program_body(network_id=22, name="Nights", actions=actions, written=TODAY) == {
        "format": "v1",
        "network_id": 22,
        "name": "Nights",
        "schedule": [
            {"devices": [], "dow": ["sun"], "time": "2026-11-24 04:00:05 +0000", "action": "disarm"}
        ],
    }


def action(*, days: tuple[str, ...], hour: int, action: str, tag: int) -> ProgramAction:
    return ProgramAction(days=days, at=time(hour), action=action, raw={"tag": tag})


BEFORE = (
    action(days=WEEK, hour=7, action="arm", tag=1),
    action(days=WEEK, hour=17, action="disarm", tag=2),
    action(days=("sat",), hour=9, action="arm", tag=3),
)


@pytest.mark.parametrize(
    ("wanted", "tags"),
    [
        # the same lines in another order
        ([Line(("sat",), time(9), "arm"), Line(WEEK, time(7), "arm")], [3, 1]),
        # the first deleted, the second at another time
        ([Line(WEEK, time(18), "disarm"), Line(("sat",), time(9), "arm")], [2, 3]),
        # other days, another action
        ([Line(DAYS, time(7), "arm"), Line(("sat",), time(9), "disarm")], [1, 3]),
        # a copy of a line with another time: the original keeps its fields
        ([Line(WEEK, time(8), "arm"), Line(WEEK, time(7), "arm")], [None, 1]),
        # nothing in common
        ([Line(("sun",), time(23), "disarm")], [None]),
    ],
)  # fmt: skip
def test_fields_that_are_not_known_stay_with_their_line(wanted: list[Line], tags: list[int | None]) -> None:
    """With the one that says the same, else with one that has two of days, time and action in common."""
    made = carried_over(BEFORE, wanted, ahead=UTC)
    assert [line_of(each) for each in made] == wanted
    assert [each.raw.get("tag") for each in made] == tags


def test_lines_are_the_same_by_their_local_days() -> None:
    """A line that moves over midnight in UTC keeps its days on the wall, and so its fields."""
    nine = action(days=("mon",), hour=23, action="arm", tag=1)  # Tuesday 09:00, ten hours ahead
    (made,) = carried_over([nine], [Line(("tue",), time(11), "arm")], ahead=timedelta(hours=10))
    assert made == ProgramAction(days=("tue",), at=time(1), action="arm", raw={"tag": 1})


def test_days_shift_over_midnight() -> None:
    """Monday 20:00 in Toronto is Tuesday 01:00 in UTC; Monday 00:30 in Berlin is Sunday 23:30."""
    toronto, berlin = timedelta(hours=-5), timedelta(hours=1)
    assert Line(("mon",), time(20), "arm").shifted(-toronto) == Line(("tue",), time(1), "arm")
    assert Line(("mon", "fri"), time(0, 30), "arm").shifted(-berlin) == Line(
        ("thu", "sun"), time(23, 30), "arm"
    )
    assert Line(("mon",), time(12), "arm").shifted(-berlin) == Line(("mon",), time(11), "arm")


@given(LINES, OFFSETS)
def test_there_and_back_loses_nothing(line: Line, offset: timedelta) -> None:
    """For every line and every offset that a zone can have."""
    assert line.shifted(offset).shifted(-offset) == line


@given(st.dictionaries(st.sampled_from([*SAMPLES["programs"][0], "x"]), JSON), JSON, JSON)
def test_no_answer_is_a_crash_or_a_loss(changes: dict[str, Any], first: Any, second: Any) -> None:
    """Any JSON at all in any field: read or refused, and sent back whole."""
    raw = SAMPLES["programs"][0] | {"schedule": [first, entry(), second]} | changes
    for read in parse_programs([raw], network_id=2100001):
        body = program_body(
            network_id=2100001, name=read.name, actions=read.actions, written=TODAY, before=read
        )
        lines = raw["schedule"] if isinstance(raw["schedule"], list) else []
        assert len(body["schedule"]) == len(lines)
        assert all(line in body["schedule"] or line != line for line in lines)
