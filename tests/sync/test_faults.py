"""Faults of the wire: nothing wrong is ever accepted, and a clean run completes what they held back
(promise 2)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World, clips_fetched

# Every way in which the bytes of a clip or thumbnail can be something else than they should be.
SPOILED = {
    "status": Fault(endpoint="*", kind="status", status=500),
    "cut": Fault(endpoint="*", kind="truncate"),
    "reset": Fault(endpoint="*", kind="reset"),
    "longer": Fault(endpoint="*", kind="wrong_length", length="long"),
    "no MP4": Fault(endpoint="*", kind="corrupt", damage="noise"),
    "error object": Fault(endpoint="*", kind="json"),
    "error page": Fault(endpoint="*", kind="html"),
    "foreign redirect": Fault(endpoint="*", kind="redirect", location="http://203.0.113.9/clip.mp4"),
}


def spoil(world: World, name: str, endpoint: str, **more: object) -> Fault:
    """The fault of that name on that endpoint."""
    fault = SPOILED[name]
    fields = {field: getattr(fault, field) for field in fault.__dataclass_fields__}
    return world.blink.faults.add(Fault(**(fields | {"endpoint": endpoint} | more)))


@pytest.mark.parametrize("name", SPOILED)
def test_no_spoiled_clip_is_accepted(world: World, name: str) -> None:
    """Whatever comes in place of a clip is not archived: the clip waits with its reason, exit 3 or 5,
    nothing is left lying about, and the next run gets it."""
    spoil(world, name, "clip")
    summary = world.sync()
    assert summary.exit_code in (3, 5)
    assert summary.fetched == 0
    assert summary.account["waiting"] == 13
    assert not world.files()
    assert not list((world.root / ".incoming").iterdir())
    assert all(reason for _, reason in summary.failures)
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


@pytest.mark.parametrize("name", SPOILED)
def test_no_spoiled_thumbnail_is_accepted(world: World, name: str) -> None:
    """The same for thumbnails, and they hold no clip back."""
    spoil(world, name, "thumbnail", times=4)
    world.sync()
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


@pytest.mark.parametrize("name", SPOILED)
def test_one_spoiled_answer_does_not_stop_the_others(world: World, name: str) -> None:
    """A fault that passes is either outlived within the run, or costs that one clip a run."""
    spoil(world, name, "clip", times=1)
    assert world.sync().fetched >= 11
    world.sync()
    world.expect_complete()


def test_all_faults_at_once_and_then_a_clean_run(make_world: MakeWorld) -> None:
    """Each fault on each endpoint with some probability, run after run, never leaves a wrong file; one
    clean run completes the archive."""
    world = make_world(clips=40, page_limit=7)
    for name in SPOILED:
        for endpoint in ("clip", "thumbnail", "media_changed", "homescreen"):
            spoil(world, name, endpoint, probability=0.03)
    for _ in range(6):
        world.sync()
        hashes = {hashlib.sha256(data).hexdigest() for data in world.files().values()}
        right = {
            hashlib.sha256(data).hexdigest()
            for clip_id in world.blink.cloud.live_clips()
            for data in (
                world.blink.cloud.clip_bytes(clip_id),
                world.blink.cloud.thumbnail_bytes(clip_id),
            )
        }
        assert hashes <= right
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()


def test_a_clip_without_a_length_is_kept_as_unproven(make_world: MakeWorld) -> None:
    """Bytes that come without a length and twice with one hash are kept, marked and reported."""
    world = make_world(clips=2, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="wrong_length", length="chunked"))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched, len(summary.unproven)) == (0, 2, 2)
    rows = world.rows("SELECT unproven FROM clips WHERE sha256 IS NOT NULL")
    assert {row["unproven"] for row in rows} == {"Blink did not say its length"}
    world.expect_complete()


@pytest.mark.parametrize(
    "odd",
    [
        Fault(endpoint="clip", kind="corrupt", damage="size"),
        Fault(endpoint="clip", kind="wrong_length", length="short"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_broken_structure_that_arrives_twice_is_kept_as_unproven(make_world: MakeWorld, odd: Fault) -> None:
    """Real files can be odd: with `ftyp` and `moov`, a failed walk, and one hash twice, they are kept,
    marked with what is wrong, and reported."""
    world = make_world(clips=1, hostile=False, clip_bytes=200_000)  # padded: the cut falls behind `moov`
    world.blink.faults.add(odd)
    summary = world.sync()
    assert (summary.exit_code, summary.fetched, len(summary.unproven)) == (0, 1, 1)
    (row,) = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    assert "ends after the file" in row["unproven"]
    assert (world.root / row["path"]).stat().st_size == row["bytes"]


def test_a_flaw_of_one_transfer_is_not_kept(make_world: MakeWorld) -> None:
    """Broken once and whole the second time: the whole one is archived, and nothing is unproven."""
    world = make_world(clips=1, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="corrupt", damage="size", times=1))
    assert not world.sync().unproven
    world.expect_complete()


def test_two_arrivals_that_differ_are_not_kept(make_world: MakeWorld) -> None:
    """Two flawed bodies with `ftyp` and `moov`, and not the same bytes: the clip waits and says so, nothing
    is unproven, and no file has its name."""
    world = make_world(clips=1, hostile=False, clip_bytes=200_000)  # padded: the cut falls behind `moov`
    world.blink.faults.add(Fault(endpoint="clip", kind="corrupt", damage="size", times=1))
    world.blink.faults.add(Fault(endpoint="clip", kind="wrong_length", length="short", times=1))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched, summary.unproven) == (3, 0, [])
    assert len(clips_fetched(world)) == 2
    row = world.clip(world.blink.cloud.live_clips()[0])
    assert (row["status"], row["sha256"], row["unproven"]) == ("waiting", None, None)
    assert "other bytes" in row["last_error"]
    assert not world.files()
    assert not list((world.root / ".incoming").iterdir())
    assert not world.sync().unproven
    world.expect_complete()


def test_a_clip_that_stalls_does_not_hold_the_others(make_world: MakeWorld) -> None:
    """While one connection hangs the other workers go on, and Ctrl-C still ends the run."""
    world = make_world(clips=8, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="stall", seconds=60, times=1))
    process = world.start("sync")
    while process.poll() is None and len(world.files()) < 14:
        pass
    process.terminate()
    process.communicate(timeout=5)
    assert process.returncode == 130
    world.blink.faults.clear()
    world.sync()
    world.expect_complete()


def test_a_busy_blink_is_asked_again(make_world: MakeWorld) -> None:
    """ "System is busy" in place of a clip passes by itself: the same run fetches it."""
    world = make_world(clips=2, hostile=False)
    world.blink.faults.add(Fault(endpoint="clip", kind="json", times=2))
    assert world.sync().exit_code == 0
    world.expect_complete()


NEVER = [
    Fault(endpoint="clip", kind="status", status=401),
    Fault(endpoint="clip", kind="status", status=403),
    Fault(endpoint="clip", kind="status", status=426),
    Fault(endpoint="clip", kind="status", status=500),
    Fault(endpoint="clip", kind="truncate"),
]


def never(world: World, fault: Fault, *, oldest: int) -> list[str]:
    """Let the fault happen, always, to that many of the oldest clips; their ids."""
    keys = [
        row["origin_key"]
        for row in world.rows(
            "SELECT origin_key FROM clips_view JOIN clips USING (id) WHERE status = 'waiting' "
            "ORDER BY clips.created_at LIMIT ?",
            oldest,
        )
    ]
    world.blink.faults.add(replace(fault, match=f"/({'|'.join(keys)})[.]mp4"))
    return keys


@pytest.mark.parametrize("fault", NEVER, ids=lambda fault: str(fault.status or fault.kind))
def test_one_clip_that_never_comes_stops_nothing(make_world: MakeWorld, fault: Fault) -> None:
    """A clip that Blink always refuses waits, with the reason and a handful of tries; the others come."""
    world = make_world(clips=20, page_limit=100, hostile=False)
    world.sync(limit=0)
    (key,) = never(world, fault, oldest=1)
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (3, 19)
    assert world.clip(key)["attempts"] == 1
    assert world.clip(key)["last_error"]
    assert len([path for path in clips_fetched(world) if key in path]) <= 6
    world.expect_sums()


@pytest.mark.parametrize("fault", NEVER, ids=lambda fault: str(fault.status or fault.kind))
def test_clips_that_never_come_do_not_keep_the_others_waiting(make_world: MakeWorld, fault: Fault) -> None:
    """Eight such clips at the head of the queue: five in a row end the run, and the next run begins with
    those that have not failed yet."""
    world = make_world(clips=40, page_limit=100, hostile=False)
    world.sync(limit=0)
    keys = never(world, fault, oldest=8)
    for _ in range(3):
        world.sync()
    waiting = {row["clip"] for row in world.rows("SELECT clip FROM clips_view WHERE status = 'waiting'")}
    assert waiting - {row["origin_key"] for row in world.rows("SELECT * FROM clips WHERE partial")} == {*keys}
    world.expect_sums()


def test_failures_with_clips_between_them_stop_nothing(make_world: MakeWorld) -> None:
    """Every second clip fails, twenty in all: what comes in between says that Blink is there, and the run
    goes on to the end."""
    world = make_world(clips=40, page_limit=100, hostile=False)
    world.sync(limit=0)
    queue = world.rows(
        "SELECT origin_key FROM clips_view JOIN clips USING (id) WHERE status = 'waiting' AND NOT partial "
        "ORDER BY clips.created_at, id"
    )
    keys = [row["origin_key"] for row in queue[::2]]
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=500, match=f"/({'|'.join(keys)})[.]"))
    summary = world.sync(workers=1)
    assert (summary.exit_code, summary.fetched, summary.stopped) == (3, 20, None)
    assert [clip for clip, _ in summary.failures] == keys


def test_a_host_that_there_cannot_be_is_that_clips_failure(world: World) -> None:
    """A `media` at a host that is no name in any alphabet: that clip waits, the others are archived."""
    victim = world.blink.cloud.live_clips()[3]
    item = world.blink.cloud.item(victim) | {"media": "https://xn--a.example/c.mp4"}
    world.blink.cloud.replace_item(victim, item)
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (3, 11)
    assert "host" in world.clip(victim)["last_error"]


def test_thumbnails_that_do_not_come_hold_up_no_clip(make_world: MakeWorld) -> None:
    """After five thumbnails in a row that failed, a run asks for no more of them, and fetches the clips."""
    world = make_world(clips=30, page_limit=100, hostile=False)
    world.blink.faults.add(Fault(endpoint="thumbnail", kind="status", status=403))
    summary = world.sync()
    assert (summary.exit_code, summary.fetched) == (3, 30)
    asked = {r.path for r in world.blink.requests if r.endpoint == "thumbnail"}
    assert len(asked) <= 5 + 6
    world.blink.faults.clear()
    assert world.sync().exit_code == 0
    world.expect_complete()
