"""``prune-remote``, ``usb prune``, ``sync --delete-remote``, ``prune-local`` and the decisions, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive import retention
from blink_archive.archive.filters import Filter
from blink_archive.cli import prune_local
from blink_archive.cli.prune import Deletion
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .conftest import Terminal
from .quick import asked, quick


@pytest.fixture
def archived(make_world: MakeWorld) -> World:
    """Five clips in the cloud and three on each stick, archived."""
    world = make_world(clips=5, usb_clips=3, hostile=False)
    assert world.sync().exit_code == 0
    return world


def test_a_dry_run_shows_each_clip_and_deletes_nothing(archived: World) -> None:
    """Table and JSON have each clip that would go or stay, with its reason."""
    before = asked(archived, "media_delete")
    plan = archived.plan()
    shown = quick(archived, "prune-remote", "--dry-run")
    assert shown.code == 0
    for clip in (*plan.delete, *plan.kept):
        (line,) = [line for line in shown.out.splitlines() if line.startswith(clip.key)]
        assert clip.reason in line
        assert ("delete" if clip in plan.delete else "keep") in line
    found = json.loads(quick(archived, "prune-remote", "--dry-run", "--json").out)
    assert [each["clip"] for each in found["planned"]] == [clip.key for clip in plan.delete]
    assert [each["reason"] for each in found["kept"]] == [clip.reason for clip in plan.kept]
    assert asked(archived, "media_delete") == before
    assert len(archived.blink.cloud.live_clips()) == 5


@pytest.mark.parametrize("command", [("prune-remote",), ("usb", "prune"), ("sync", "--delete-remote")])
def test_nobody_there_to_agree_is_wrong_usage(archived: World, command: tuple[str, ...]) -> None:
    """Exit 2 with --yes named, before anything was asked."""
    requests = len(archived.blink.requests)
    done = archived.run(*command)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert len(archived.blink.requests) == requests


def test_the_environment_agrees_to_nothing(archived: World) -> None:
    """--yes, --force and --delete-remote have to be typed."""
    done = archived.run("prune-remote", BLINK_ARCHIVE_YES="1", BLINK_ARCHIVE_PRUNE_REMOTE_YES="1")
    assert done.returncode == 2
    done = archived.run("sync", BLINK_ARCHIVE_DELETE_REMOTE="1")
    assert done.returncode == 0
    assert len(archived.blink.cloud.live_clips()) == 5


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 5)])
def test_a_person_is_asked(
    archived: World, at_terminal: Callable[..., Terminal], answer: str, left: int
) -> None:
    """What would go is said first; only a yes deletes."""
    terminal = at_terminal(archived, "prune-remote")
    terminal.expect("can go")
    terminal.expect("Delete them?")
    terminal.type(answer)
    assert terminal.end() == 0
    assert len(archived.blink.cloud.live_clips()) == left


def test_yes_deletes_and_tells(archived: World) -> None:
    """What stays is shown with its reason on stderr; the figures are on stdout; then nothing is left to do."""
    archived.blink.cloud.add_clip()
    assert quick(archived, "sync", "--limit", "0").code == 0
    done = quick(archived, "prune-remote", "--yes")
    assert (done.code, done.out.startswith("Deleted 5 clips at Blink, ")) == (0, True)
    assert "stays: not archived: it waits" in done.err
    assert len(archived.blink.cloud.live_clips()) == 1
    again = quick(archived, "prune-remote", "--yes")
    assert (again.code, again.out) == (0, "")
    assert "No clip at Blink can be deleted" in again.err
    runs = archived.rows("SELECT command, exit_code FROM runs ORDER BY id DESC LIMIT 1")
    assert runs == [{"command": "prune-remote", "exit_code": 0}]


def test_json_tells_all(archived: World) -> None:
    """What was planned, kept and deleted, and the exit code."""
    found = json.loads(quick(archived, "prune-remote", "--yes", "--json").out)
    assert len(found["planned"]) == len(found["deleted"]) == 5
    assert (found["exit_code"], found["stopped"], found["unclear"]) == (0, None, [])


def test_what_narrows_it(archived: World) -> None:
    """--before, --camera, --source and --keep-days reach the plan; a camera that nobody knows is wrong usage."""
    for options in (("--before", "2020-01-01"), ("--keep-days", "1"), ("--source", "nothing")):
        assert "No clip at Blink can be deleted" in quick(archived, "prune-remote", "--yes", *options).err
    assert quick(archived, "prune-remote", "--yes", "--camera", "nope").code == 2
    assert len(archived.blink.cloud.live_clips()) == 5
    camera = archived.rows("SELECT camera_name, count(*) AS n FROM clips WHERE origin = 'cloud' AND sha256 IS NOT NULL "
                           "GROUP BY 1 ORDER BY 2")[0]  # fmt: skip
    quick(archived, "prune-remote", "--yes", "--camera", camera["camera_name"])
    assert len(archived.blink.cloud.live_clips()) == 5 - camera["n"]


def test_a_file_that_is_not_proven_is_named(archived: World) -> None:
    """Exit 7, the file on stderr, nothing deleted."""
    victim = archived.plan().delete[0]
    path = archived.rows("SELECT path FROM clips WHERE id = ?", victim.id)[0]["path"]
    (archived.root / path).write_bytes(b"rotten")
    done = quick(archived, "prune-remote", "--yes")
    assert done.code == 7
    assert path in done.err
    assert "verify --repair" in done.err
    assert "Deleted 0 clips" in done.out
    assert "safe here" not in done.out
    assert len(archived.blink.cloud.live_clips()) == 5


def test_usb_prune(archived: World) -> None:
    """Sticks lose what came from them; the cloud keeps what it has."""
    done = quick(archived, "usb", "prune", "--yes", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["deleted"]
    assert {each["clip"][:4] for each in found["deleted"]} == {"usb-"}
    assert len(archived.blink.cloud.live_clips()) == 5


def test_sync_deletes_what_it_has_just_fetched(make_world: MakeWorld) -> None:
    """One command does both; its JSON has both; filters narrow both."""
    world = make_world(clips=5, hostile=False)
    done = quick(world, "sync", "--delete-remote", "--yes", "--json", "--reserve", "0")
    found = json.loads(done.out)
    assert (done.code, found["fetched"], len(found["deletion"]["deleted"])) == (0, 5, 5)
    assert world.blink.cloud.live_clips() == []
    world.blink.cloud.add_clip()
    done = quick(world, "sync", "--delete-remote", "--yes", "--keep-days", "3", "--reserve", "0")
    assert done.code == 0
    assert len(world.blink.cloud.live_clips()) == 1


def test_a_sync_that_ended_badly_deletes_nothing(archived: World) -> None:
    """Blink out of order: exit 5, and nothing is asked of it."""
    archived.blink.faults.add(Fault(endpoint="media_changed", kind="status", status=500))
    done = quick(archived, "sync", "--delete-remote", "--yes", "--from", "cloud", "--reserve", "0")
    assert done.code == 5
    assert "Nothing is deleted at Blink" in done.err
    assert len(archived.blink.cloud.live_clips()) == 5


@pytest.mark.parametrize(
    "options",
    [("--yes",), ("--keep-days", "3"), ("--delete-remote", "--yes", "--from", "usb")],
    ids=" ".join,
)
def test_options_that_would_be_ignored_are_wrong_usage(archived: World, options: tuple[str, ...]) -> None:
    """What belongs to a deletion without one, and a deletion in the cloud by a sync of sticks."""
    assert quick(archived, "sync", *options).code == 2


@pytest.mark.parametrize("days", ["-1", "36501", "9999999999"])
@pytest.mark.parametrize("command", [("prune-remote",), ("usb", "prune"), ("sync", "--delete-remote")])
def test_a_grace_that_is_no_number_of_days_is_wrong_usage(
    archived: World, command: tuple[str, ...], days: str
) -> None:
    """More than a hundred years are no grace, and more than a date can hold."""
    assert quick(archived, *command, "--yes", "--keep-days", days).code == 2


# here


def test_prune_local(archived: World) -> None:
    """Nothing that Blink still has goes; once Blink has it no more, it does, is told, and is not fetched again."""
    done = quick(archived, "prune-local", "--max-size", "1k", "--yes")
    assert (done.code, done.out) == (0, "Removed 0 clips, 0 B.\n")
    assert "stays: Blink still has it" in done.err
    assert "What stays is still" in done.err
    quick(archived, "prune-remote", "--yes")
    archived.sync()
    star = archived.rows(
        "SELECT origin_key FROM clips WHERE remote_deleted_at IS NOT NULL AND sha256 IS NOT NULL"
    )[0]
    assert quick(archived, "star", star["origin_key"]).code == 0
    shown = quick(archived, "prune-local", "--max-size", "1k", "--keep-starred", "--dry-run")
    assert "4 clips are to leave the archive" in shown.out
    files = archived.files()
    found = json.loads(
        quick(archived, "prune-local", "--max-size", "1k", "--keep-starred", "--yes", "--json").out
    )
    assert len(found["removed"]) == 4
    assert {"clip": star["origin_key"], "reason": "starred"} in found["kept"]
    assert len(files) - len(archived.files()) == 8
    archived.expect_sums()
    summary = archived.sync(full=True)
    assert (summary.fetched, summary.exit_code) == (0, 0)
    assert quick(archived, "verify").code == 0
    assert archived.rows(
        "SELECT status, count(*) AS n FROM clips_view WHERE status = 'pruned' GROUP BY 1"
    ) == [{"status": "pruned", "n": 4}]


def test_prune_local_by_force(archived: World) -> None:
    """--force removes what Blink has, too; it is not fetched again."""
    found = json.loads(quick(archived, "prune-local", "--max-size", "0", "--force", "--yes", "--json").out)
    assert found["kept"] == []
    assert archived.files() == {}
    assert archived.sync(full=True).fetched == 0


def test_prune_local_gives_nothing_up_on_a_disk_that_left(
    archived: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files are missing there, which is no reason to call them pruned; the next try removes them."""
    narrowed = retention.narrowed

    def leave(*arguments: Any) -> Any:
        archived.root.rename(archived.root.with_name("left"))
        archived.root.mkdir()
        return narrowed(*arguments)

    options = ("--catalog", str(archived.root.with_name("catalog.db")))
    archived.root.joinpath("catalog.db").rename(options[1])
    monkeypatch.setattr(retention, "narrowed", leave)
    done = quick(archived, *options, "prune-local", "--max-size", "0", "--force", "--yes")
    assert done.code == 1
    assert "is not an archive" in done.err
    assert list(archived.root.iterdir()) == []
    archived.root.rmdir()
    archived.root.with_name("left").rename(archived.root)
    archived.root.with_name("catalog.db").rename(archived.root / "catalog.db")
    assert not archived.rows("SELECT 1 FROM clips WHERE local_removed_at IS NOT NULL")


def test_what_was_pruned_here_can_be_imported_again(archived: World, tmp_path: Path) -> None:
    """A person who kept a copy gets it back; once."""
    row = archived.rows("SELECT path, sha256 FROM clips WHERE sha256 IS NOT NULL AND origin = 'cloud'")[0]
    copy = tmp_path / "copies" / Path(row["path"]).name
    copy.parent.mkdir()
    copy.write_bytes((archived.root / row["path"]).read_bytes())
    quick(archived, "prune-local", "--max-size", "0", "--force", "--yes")
    for taken in (1, 0):
        assert quick(archived, "import", str(copy.parent)).code == 0
        assert len(archived.files()) == 1, taken
    (clip,) = archived.rows(
        "SELECT origin, sha256 FROM clips WHERE sha256 IS NOT NULL AND local_removed_at IS NULL"
    )
    assert clip == {"origin": "import", "sha256": row["sha256"]}
    assert quick(archived, "verify").code == 0


def test_prune_local_leaves_alone_what_it_does_not_know(archived: World) -> None:
    """A file with other bytes: exit 7, and it stays."""
    path = archived.root / archived.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]
    path.write_bytes(b"a user's own")
    done = quick(archived, "prune-local", "--max-size", "0", "--force", "--yes")
    assert done.code == 7
    assert path.name in done.err
    assert [file.name for file in archived.root.rglob("*.mp4")] == [path.name]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--keep", "365"),
        ("--keep", "1y"),
        ("--keep", "0d"),
        ("--max-size", "500"),
        ("--max-size", "much"),
        ("--max-size", "9" * 400 + "GB"),
    ],
    ids=" ".join,
)
def test_prune_local_is_strict(archived: World, options: tuple[str, ...]) -> None:
    """Without a rule, or with a number that could mean anything: exit 2, nothing removed."""
    files = archived.files()
    assert quick(archived, "prune-local", "--yes", "--force", *options).code == 2
    assert archived.files() == files


def test_prune_local_asks(archived: World) -> None:
    """Without a terminal and without --yes nothing is removed."""
    files = archived.files()
    done = archived.run("prune-local", "--max-size", "0", "--force")
    assert done.returncode == 2
    assert archived.files() == files


@pytest.mark.parametrize("days", ["7w", "-1", "9999999999", "1.5"])
@pytest.mark.parametrize("command", [("prune-remote", "--keep-days"), ("sync", "--quiet-days")])
def test_days_that_are_no_number_of_days(archived: World, command: tuple[str, str], days: str) -> None:
    """Exit 2 and a sentence, for a number that no date can bear, too."""
    done = quick(archived, *command, days)
    assert (done.code, "Invalid value" in done.err) == (2, True)


def test_days_may_be_written_as_spans_are(archived: World) -> None:
    """``7d`` is 7."""
    assert "0 of 6 clips" in quick(archived, "prune-remote", "--keep-days", "7d", "--dry-run").out


def test_a_dry_sync_tells_what_it_would_delete(archived: World) -> None:
    """Of what is archived now, in words and in JSON; nothing is deleted, and no deletion is told of without
    the option."""
    options = ("sync", "--dry-run", "--delete-remote", "--from", "cloud")
    told = quick(archived, *options).out
    assert "5 of 6 clips at Blink can go" in told
    assert "the oldest of them" not in told  # there is nothing to fetch
    assert len(json.loads(quick(archived, *options, "--json").out)["deletion"]["planned"]) == 5
    assert "deletion" not in json.loads(quick(archived, "sync", "--dry-run", "--json").out)
    assert len(archived.blink.cloud.live_clips()) == 5


def test_an_excluded_clip_is_not_fetched_until_it_is_included(make_world: MakeWorld) -> None:
    """The decision is stored, told by an event and the day's clips.json at once, and can be withdrawn."""
    world = make_world(clips=3, hostile=False)
    world.sync(limit=0)
    clip = str(world.blink.cloud.live_clips()[1])
    assert quick(world, "exclude", clip).code == 0
    day = world.root / world.clip(clip)["local_day"].replace("-", "/")
    (entry,) = [e for e in json.loads((day / "clips.json").read_text())["clips"] if e["origin_key"] == clip]
    assert entry["excluded_at"]
    assert [event["kind"] for event in entry["events"]] == ["excluded"]
    summary = world.sync(full=True)
    assert (summary.fetched, summary.account["excluded"]) == (2, 1)
    assert world.clip(clip)["status"] == "excluded"
    again = json.loads(quick(world, "exclude", clip, "--json").out)
    assert again == [{"clip": clip, "decision": "excluded", "new": False}]
    assert "will be fetched by the next sync" in quick(world, "include", clip).err
    assert world.sync().fetched == 1
    assert quick(world, "include", clip).err == f"Clip {clip} was not excluded.\n"
    done = quick(world, "exclude", clip)
    assert done.code == 2
    assert "prune-local" in done.err


def test_decisions_are_taken_on_all_or_on_none(archived: World) -> None:
    """One id that is unknown: exit 2, and none is starred."""
    clip = str(archived.blink.cloud.live_clips()[0])
    assert quick(archived, "star", clip, "nope").code == 2
    assert archived.clip(clip)["starred_at"] is None
    assert quick(archived, "star", clip, clip).code == 0
    assert archived.clip(clip)["starred_at"]
    assert quick(archived, "unstar", archived.clip(clip)["path"]).code == 0
    assert archived.clip(clip)["starred_at"] is None
    kinds = [
        row["kind"] for row in archived.rows("SELECT kind FROM events WHERE kind LIKE '%starred' ORDER BY id")
    ]
    assert kinds == ["starred", "unstarred"]


@pytest.mark.parametrize("meanwhile", ["rebuild", "star", "sync", "prune-local"])
def test_prune_local_looks_again_when_it_may_begin(
    archived: World, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """A person may take hours to agree. A rebuild gives rows other numbers, a clip gets its star, Blink lists
    one again: only what was agreed to, and is still to go, goes, and nothing else is told."""
    first, *others = sorted(archived.blink.cloud.live_clips())
    items = [archived.blink.cloud.item(clip) for clip in (first, *others)]
    for clip in others:
        archived.blink.cloud.purge_clip(clip)
    archived.sync(full=True)
    remove, victim = prune_local._remove, str(others[0])

    def later(*arguments: Any) -> Any:
        monkeypatch.setattr(prune_local, "_remove", remove)
        match meanwhile:
            case "rebuild":
                assert quick(archived, "catalog", "rebuild", "--yes").code == 0
            case "star":
                assert quick(archived, "star", victim).code == 0
            case "sync":
                archived.blink.cloud.add_raw_item(items[1])
                archived.sync(full=True)
            case _:
                assert quick(archived, "prune-local", *options, "--yes").code == 0
        return remove(*arguments)

    monkeypatch.setattr(prune_local, "_remove", later)
    options = ("--max-size", "0", "--keep-starred")
    done = quick(archived, "prune-local", *options, "--yes", "--json")
    expected = {
        "rebuild": {str(clip) for clip in others},
        "prune-local": set(),
    }.get(meanwhile, {str(clip) for clip in others[1:]})
    assert done.code == 0
    assert set(json.loads(done.out)["removed"]) == expected
    gone = expected or {str(clip) for clip in others}
    pruned = archived.rows("SELECT clip FROM clips_view WHERE status = 'pruned'")
    assert {row["clip"] for row in pruned} == gone
    assert len(archived.rows("SELECT 1 FROM events WHERE kind = 'pruned'")) == len(gone)
    archived.expect_sums()


def test_what_was_agreed_to_is_the_same_clips_after_a_rebuild(
    archived: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild gives rows other numbers while a person thinks: a clip is known by Blink's id."""
    camera = archived.rows(
        "SELECT camera_name, count(*) FROM clips WHERE origin = 'cloud' AND sha256 IS NOT NULL GROUP BY 1 "
        "ORDER BY 2"
    )[0]["camera_name"]
    planned = {clip.key for clip in archived.plan(wanted=Filter(cameras=(camera,))).delete}
    assert planned
    run = Deletion.carry_out

    def later(self: Deletion, archive: Any) -> Any:
        assert quick(archived, "catalog", "rebuild", "--yes").code == 0
        return run(self, archive)

    monkeypatch.setattr(Deletion, "carry_out", later)
    done = quick(archived, "prune-remote", "--camera", camera, "--yes", "--json")
    assert done.code == 0
    assert {clip["clip"] for clip in json.loads(done.out)["deleted"]} == planned
