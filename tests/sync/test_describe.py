"""Descriptions and labels: what Blink's models say reaches the catalog and the folder, and endangers nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest

from blink_archive.simulator import Fault, Request, newer
from blink_archive.sync.describe import IDLE_PAGES
from blink_archive.sync.run import Options, Summary

from ..conftest import MakeWorld
from ..world import World
from .watched import watch


def asked(world: World) -> Sequence[Request]:
    """The requests of the newer listing."""
    return [request for request in world.blink.requests if request.endpoint == "media"]


def span(request: Request) -> tuple[datetime, datetime]:
    """From when to when a request asks."""
    query = parse_qs(request.query)
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("start_time", "end_time"))
    return start, end


def said(world: World, clip_id: int) -> tuple[str | None, list[str] | None]:
    """What the catalog has of a clip: description and labels."""
    row = world.clip(clip_id)
    return row["description"], None if row["labels"] is None else json.loads(row["labels"])


def says(world: World, clip_id: int) -> tuple[str | None, list[str] | None]:
    """What Blink says of a clip: the words of the newer listing, and its labels, else those of the older."""
    item = newer._item(world.blink.cloud.clip(clip_id))
    metadata = item["metadata"]
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata or {}
    words = (item["ai_vd"] or {}).get("full_description")
    labels = item["cv_detection"] if item["cv_detection"] is not None else metadata.get("cv_detection")
    return words, None if labels is None else sorted(labels)


def expect_described(world: World) -> None:
    """The catalog says of every clip that is alive what Blink says of it, and finds it by that."""
    clips = [clip.id for clip in world.blink.cloud.clips() if not clip.deleted]
    assert clips
    for clip_id in clips:
        assert said(world, clip_id) == says(world, clip_id)
    found = world.rows("SELECT origin_key FROM clips WHERE id IN (SELECT rowid FROM clips_fts('walks'))")
    walkers = {str(clip_id) for clip_id in clips if "walks" in (says(world, clip_id)[0] or "")}
    assert {row["origin_key"] for row in found} == walkers
    assert walkers


def expect_in_clips_json(world: World) -> None:
    """What the catalog has, the folder has, too."""
    told = {
        entry["origin_key"]: (entry.get("description"), entry.get("labels"))
        for path in world.root.rglob("clips.json")
        for entry in json.loads(path.read_text(encoding="utf-8"))["clips"]
    }
    rows = world.rows("SELECT origin_key, description, labels FROM clips")
    assert told == {row["origin_key"]: (row["description"], row["labels"]) for row in rows}


def describe_later(world: World, clip_id: int, *labels: str) -> None:
    """Blink's models have looked at a clip now; the feed does not say so."""
    world.blink.cloud._clips[clip_id].metadata = {"cv_detection": list(labels)}


def add_clip(world: World, *, described: bool = True, **facts: Any) -> int:
    """A new clip, of those that Blink's models look at, or do not."""
    while True:
        clip_id = world.blink.cloud.add_clip(**facts)
        if bool(clip_id % 3) == described:
            return clip_id
        world.blink.cloud.purge_clip(clip_id)


def test_they_reach_rows_and_clips_json(make_world: MakeWorld) -> None:
    """After one sync the catalog, its words to search for and clips.json say what Blink says, nothing where
    it says nothing; and all is archived."""
    world = make_world(clips=60)
    summary = world.sync()
    assert (summary.exit_code, summary.warnings) == (0, [])
    expect_described(world)
    labels = {row["labels"] for row in world.rows("SELECT labels FROM clips")}
    assert {None, "[]", '["animal", "person"]'} <= labels
    expect_in_clips_json(world)
    world.expect_complete()


def test_page_by_page(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is read by its cursor to the end, with a pause before each further page, and each page that
    brings news is one transaction."""
    monkeypatch.setattr(newer, "PAGE_SIZE", 10)
    world = make_world(clips=45)
    statements: list[str] = []
    watch(world, statement=statements.append)
    world.sync(limit=0, full=True)
    keys = [parse_qs(request.query).get("pagination_key") for request in asked(world)]
    assert len(keys) == 5
    assert keys[0] is None
    assert None not in keys[1:]
    expect_described(world)
    transactions = "\n".join(statements).split("COMMIT")
    assert sum("SET description" in each for each in transactions) == 5
    times = [request.time for request in asked(world)]
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(times))


def test_after_the_fetch(world: World) -> None:
    """They are asked for when every clip and thumbnail has been."""
    world.sync()
    order = [request.endpoint for request in world.blink.requests]
    first = order.index("media")
    assert not {"clip", "thumbnail", "media_changed"} & set(order[first:])


def test_interrupted_meanwhile(world: World) -> None:
    """Ctrl-C while Blink lets us wait for descriptions is exit 130, and every clip and the sums of its day
    are there; the next sync gets them."""
    world.blink.faults.add(Fault(endpoint="media", kind="stall", part=0, seconds=30, times=1))

    async def cancelled() -> Summary:
        task = asyncio.ensure_future(world._sync(Options()))
        while not asked(world):  # noqa: ASYNC110 - nothing tells of a request by an event
            await asyncio.sleep(0.01)
        task.cancel()
        return await task

    assert asyncio.run(cancelled()).exit_code == 130
    world.expect_complete()
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    expect_described(world)


def test_only_what_is_new_is_asked_for(world: World) -> None:
    """Clips that are known for an hour and were asked for since are not asked for again: with nothing else
    there is no request; and the next one asks for the time of the new clip alone."""
    world.sync()
    world.clock.pass_by(hours=2)
    world.sync()
    assert len(asked(world)) == 2
    world.sync()
    assert len(asked(world)) == 2
    recorded = world.clock.now()
    clip_id = add_clip(world, metadata={"cv_detection": ["person"]})
    world.sync()
    (request,) = asked(world)[2:]
    start, end = span(request)
    assert recorded - timedelta(minutes=2) <= start <= recorded <= end <= recorded + timedelta(minutes=2)
    assert said(world, clip_id) == says(world, clip_id)


def test_a_clip_that_comes_late_is_asked_for(world: World) -> None:
    """A clip that was recorded days ago and is listed only now gets its description."""
    world.sync()
    world.clock.pass_by(hours=2)
    world.sync()
    days_ago = world.clock.now() - timedelta(days=3)
    clip_id = add_clip(
        world,
        created_at=days_ago,
        updated_at=world.clock.now(),
        metadata={"cv_detection": ["vehicle"]},
    )
    world.sync()
    assert said(world, clip_id) == ("A vehicle drives past the Front Door.", ["vehicle"])


def test_words_may_come_later(world: World) -> None:
    """A description that comes after the clip was archived is found by the next sync, though the feed does
    not list the clip again; also when that sync is a night later."""
    clip_id = add_clip(world)
    world.sync()
    assert said(world, clip_id) == (None, [])
    describe_later(world, clip_id, "vehicle", "person")
    world.clock.pass_by(hours=24)
    world.sync()
    assert said(world, clip_id) == says(world, clip_id)
    assert said(world, clip_id)[1] == ["person", "vehicle"]
    expect_in_clips_json(world)


def test_what_is_gone_at_blink_is_not_asked_for(make_world: MakeWorld) -> None:
    """Where all clips without a description are deleted at Blink, there is nothing to ask."""
    world = make_world(clips=0)
    clip_id = add_clip(world, described=False)
    world.sync()
    world.blink.cloud.delete_clip(clip_id)
    world.blink.forget_requests()
    world.sync()
    assert not asked(world)


def test_an_account_without_descriptions(make_world: MakeWorld) -> None:
    """It is asked once a day at most, and nothing is said about it; labels come from the older listing. When
    the account gets them one day, so do all its clips."""
    world = make_world(describes=False)
    for hours, times in ((0, 1), (1, 1), (22, 1), (2, 2), (1, 2)):
        world.clock.pass_by(hours=hours)
        summary = world.sync()
        assert (summary.exit_code, summary.warnings) == (0, [])
        assert len(asked(world)) == times
    world.expect_complete()
    assert world.rows("SELECT 1 FROM clips WHERE labels = '[\"person\"]'")
    assert not world.rows("SELECT 1 FROM clips WHERE description IS NOT NULL")
    world.blink.cloud.settings = replace(world.blink.cloud.settings, describes=True)
    world.clock.pass_by(hours=24)
    world.sync()
    expect_described(world)


@pytest.mark.parametrize("status", [403, 406, 429])
def test_a_refusal_is_silent(world: World, status: int) -> None:
    """An account that is refused them for now hears nothing of it, is asked once, and asks again next time."""
    fault = world.blink.faults.add(Fault(endpoint="media", kind="status", status=status))
    summary = world.sync()
    assert (summary.exit_code, summary.warnings, summary.stopped) == (0, [], None)
    assert world.blink.faults.fired(fault) == 1
    world.expect_complete()
    world.blink.faults.clear()
    world.sync()
    expect_described(world)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(endpoint="media", kind="status", status=500),
        Fault(endpoint="media", kind="status", status=401),
        Fault(endpoint="media", kind="status", status=400),
        Fault(endpoint="media", kind="html"),
        Fault(endpoint="media", kind="json", body={"media": 5}),
        Fault(endpoint="media", kind="json", status=409, body={"message": "System is busy", "code": 307}),
        Fault(endpoint="media", kind="reset"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_trouble_is_a_warning(world: World, fault: Fault) -> None:
    """Whatever else goes wrong with them is one warning and no other exit code: every clip is archived. The
    next sync gets them."""
    world.blink.faults.add(fault)
    summary = world.sync()
    assert (summary.exit_code, summary.stopped, len(summary.warnings)) == (0, None, 1)
    assert "--no-describe" in summary.warnings[0]
    world.expect_complete()
    world.blink.faults.clear()
    assert world.sync().warnings == []
    expect_described(world)


def test_an_app_that_is_too_old(world: World) -> None:
    """Blink's "An app update is required" ends the run with its own exit code here, too: all is archived."""
    world.blink.faults.add(Fault(endpoint="media", kind="update_required"))
    summary = world.sync()
    assert summary.exit_code == 5
    assert "needs an update" in (summary.stopped or "")
    world.expect_complete()


def test_a_sign_in_that_ends_meanwhile(world: World) -> None:
    """A sign-in that Blink ends after the fetch is a warning that says what to do; the next sync is exit 4."""
    world.blink.faults.add(Fault(endpoint="media", kind="status", status=401, times=1))
    world.blink.cloud.revoke_refresh_tokens()
    summary = world.sync()
    assert summary.exit_code == 0
    assert "blink-archive login" in summary.warnings[0]
    world.expect_complete()


def test_trouble_half_way(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pages before a failure said is kept, and the next sync gets the rest."""
    monkeypatch.setattr(newer, "PAGE_SIZE", 10)
    world = make_world(clips=45)
    world.blink.faults.add(Fault(endpoint="media", kind="html", after=2, times=1))
    assert len(world.sync(limit=0).warnings) == 1
    described = world.rows("SELECT 1 FROM clips WHERE description IS NOT NULL")
    assert 0 < len(described) < 20
    world.clock.pass_by(hours=2)
    assert world.sync(limit=0).warnings == []
    expect_described(world)


@pytest.mark.parametrize("known", [True, False], ids=["clips of ours", "clips of nobody"])
def test_a_cursor_that_leads_back(world: World, known: bool) -> None:
    """A page that names itself as the next one is asked for once more at most, and is a warning."""
    clip_id = world.blink.cloud.live_clips()[0] if known else 1
    body = {"media": [{"id": clip_id}], "pagination_key": 77}
    fault = world.blink.faults.add(Fault(endpoint="media", kind="json", body=body))
    summary = world.sync()
    assert world.blink.faults.fired(fault) == 2
    assert summary.exit_code == 0
    assert "repeats itself" in summary.warnings[0]


@pytest.mark.parametrize("entry", ["none", "the same", "unknown"])
def test_a_list_without_an_end(world: World, entry: str) -> None:
    """Pages without end, whose cursors are new each time, are left after ten that bring no clip of ours."""
    same = world.blink.cloud.live_clips()[0]
    for number in range(2 * IDLE_PAGES):
        media = {"none": [], "the same": [{"id": same}], "unknown": [{"id": number + 1}]}[entry]
        body = {"media": media, "pagination_key": number + 1}
        match = f"pagination_key={number}$" if number else "^[^?]*[?](?!.*pagination_key)"
        world.blink.faults.add(Fault(endpoint="media", kind="json", body=body, match=match))
    summary = world.sync()
    assert len(asked(world)) == IDLE_PAGES + (entry == "the same")
    assert summary.exit_code == 0
    assert "come to an end" in summary.warnings[0]
    world.expect_complete()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(endpoint="media_changed", kind="status", status=403),
        Fault(endpoint="clip", kind="status", status=503),
        Fault(endpoint="clip", kind="status", status=429, retry_after=3600),
    ],
    ids=lambda fault: f"{fault.endpoint} {fault.status}",
)
def test_after_trouble_they_are_not_asked_for(world: World, fault: Fault) -> None:
    """Where the walk broke off or the fetch was stopped, Blink is not asked for more."""
    world.sync(limit=0, describe=False)
    world.blink.faults.add(fault)
    assert world.sync().exit_code == 5
    assert not asked(world)


@pytest.mark.parametrize("options", [{"describe": False}, {"origins": frozenset({"usb"})}], ids=str)
def test_where_they_are_not_wanted(world: World, options: dict[str, Any]) -> None:
    """`--no-describe`, and a sync of the sticks alone, ask for none."""
    world.sync()
    world.blink.forget_requests()
    add_clip(world)
    world.sync(**options)
    assert not asked(world)


def test_text_of_any_kind(make_world: MakeWorld) -> None:
    """Words with half a surrogate pair, quotes, NUL and no end of labels are stored, searched and told."""
    world = make_world(clips=0)
    clip_id = add_clip(world)
    item = {
        "id": clip_id,
        "ai_vd": {"full_description": 'A "person" \ud800\x00 OR NEAR( walks\u202e'},
        "cv_detection": ["b", "ä\ud800", 5, None, "", "b", "x" * 101, *(f"label {n}" for n in range(500))],
    }
    body = {"media": [item, {"id": "none"}, 7, {"id": clip_id, "ai_vd": 5}], "pagination_key": None}
    world.blink.faults.add(Fault(endpoint="media", kind="json", body=body))
    assert world.sync().warnings == []
    words, labels = said(world, clip_id)
    assert words is not None
    assert words.startswith('A "person"')
    assert labels is not None
    assert len(labels) == 502
    assert labels == sorted(labels)
    expect_in_clips_json(world)
    for word in ("person", "walks", '"label 499"'):
        assert world.rows("SELECT rowid FROM clips_fts(?)", word) == [{"rowid": world.clip(clip_id)["id"]}]
