"""The passes of a watch: what each asks of Blink, leaves in the catalog, and tells."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click
import pytest

from blink_archive.cli import cli
from blink_archive.cli.again import again
from blink_archive.cli.options import Globals
from blink_archive.cli.watch import watch_command
from blink_archive.errors import UsageError
from blink_archive.simulator import Fault

from ..cli.quick import asked, quick
from ..conftest import MakeWorld
from ..world import World
from .story import Story


def test_a_pass_with_nothing_new_is_two_requests(make_world: MakeWorld) -> None:
    """The homescreen and one page of the feed, a few hours after the last clip; no word is said of it."""
    story = Story(make_world(clips=5, usb_clips=2), "--every", "15m", "--usb-every", "2d")
    story.tell(hours=6)
    idle = story.asked(after=4, until=6)
    passes = idle.count("homescreen")
    assert passes in (7, 8)
    assert len([each for each in idle if each != "token"]) <= 2 * passes + 1


def test_sticks_are_asked_every_six_hours(make_world: MakeWorld) -> None:
    """In the first pass, and then by --usb-every; clips that came to them meanwhile arrive."""
    world = make_world(clips=2, usb_clips=1)
    story = Story(world, "--every", "30m")
    story.at(partial(world.blink.cloud.usb.add_clip, 3100001, camera_name="Front Door"), hours=1)
    story.tell(hours=13)
    looks = [
        at for at in range(13) if "local_storage_manifest_request" in story.asked(after=at, until=at + 1)
    ]
    assert looks == [0, 6, 12]
    clips = world.rows("SELECT sha256 FROM clips WHERE origin = 'usb' AND sync_module_id = 3100001")
    assert len([clip for clip in clips if clip["sha256"]]) >= 1
    assert len(clips) == 2


def test_sticks_alone_are_looked_at_by_their_own_time(make_world: MakeWorld) -> None:
    """`--from usb` has nothing to ask in between."""
    world = make_world(clips=2, usb_clips=1)
    story = Story(world, "--from", "usb", "--usb-every", "1h")
    story.tell(hours=4.5)
    assert len(story.ended) == 5
    assert not asked(world, "media_changed")


def test_sticks_wait_for_a_pass_that_reaches_them(make_world: MakeWorld) -> None:
    """A pass that Blink's trouble ended before its sticks does not count as a look at them."""
    world = make_world(clips=2, usb_clips=1)
    refused = Fault(endpoint="homescreen", kind="status", status=429, retry_after=3600, times=1)
    world.blink.faults.add(refused)
    story = Story(world)
    story.tell(hours=2)
    assert "local_storage_manifest_request" in story.asked(after=1, until=1.2)


def test_only_the_first_pass_walks_through_all(make_world: MakeWorld) -> None:
    """--full is for the first pass that comes to its end."""
    world = make_world(clips=3)
    world.blink.faults.add(
        Fault(endpoint="media_changed", kind="status", status=429, retry_after=600, times=1)
    )
    story = Story(world, "--full", "-v")
    story.tell(minutes=29)
    walks = [
        r.query for r in world.blink.requests if r.endpoint == "media_changed" and r.query.endswith("page=1")
    ]
    assert ["1970" in query for query in walks] == [True, True, *[False] * (len(walks) - 2)]
    assert len(walks) >= 4


def test_what_fails_is_left_alone_for_a_while(make_world: MakeWorld) -> None:
    """A clip that Blink does not give, and a thumbnail, are tried at growing intervals and every hour; who
    types `sync` tries at once."""
    world = make_world(clips=3)
    first, second, *_ = world.blink.cloud.live_clips()
    world.blink.faults.add(Fault(kind="status", endpoint="clip", status=500, match=str(first)))
    world.blink.faults.add(Fault(kind="status", endpoint="thumbnail", status=500, match=str(second)))
    story = Story(world, "--every", "5m")
    story.tell(hours=5.9)

    def hours(clip: int, endpoint: str) -> list[float]:
        at = [
            each.time - story.began.timestamp()
            for each in world.blink.requests
            if each.endpoint == endpoint and str(clip) in each.path
        ]
        return sorted({round(seconds / 3600, 1) for seconds in at})

    assert hours(first, "clip") == pytest.approx([0, 0.2, 0.5, 1.2, 2.5, 5.2], abs=0.4)
    assert hours(second, "thumbnail") == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.4)
    before = len(world.blink.requests)
    assert len(world.sync().failures) == 2
    assert len(world.blink.requests) > before + 6
    world.blink.faults.clear()
    Story(world).tell(hours=7)
    world.expect_complete()


def test_idle_passes_share_a_row_an_hour(make_world: MakeWorld) -> None:
    """The one that did something keeps its own; the last row is the last pass."""
    world = make_world(clips=3)
    story = Story(world, "--every", "5m")
    story.at(world.blink.cloud.add_clip, hours=2.5)
    story.tell(hours=5)
    rows = world.rows("SELECT * FROM runs ORDER BY id")
    assert len(story.ended) > 50
    assert len(rows) <= 5 + 1 + 4
    assert [row["ended_at"] is None for row in rows] == [False] * len(rows)
    assert rows[-1]["ended_at"][:19] >= f"{story.ended[-1][0]:%Y-%m-%dT%H:%M:%S}"[:16]
    summaries = [json.loads(row["summary"]) for row in rows]
    assert [each["run"] for each in summaries] == [row["id"] for row in rows]
    assert sum(each["fetched"] for each in summaries) == len(world.blink.cloud.live_clips())
    hours = [row["started_at"][:13] for row, each in zip(rows, summaries, strict=True) if each["idle"]]
    assert len(hours) >= 4
    assert len(set(hours)) == len(hours)
    # a sync by hand is a run of its own, and no pass takes its row
    world.sync()
    Story(world).tell(minutes=20)
    by_watch = [json.loads(row["summary"])["watch"] for row in world.rows("SELECT * FROM runs ORDER BY id")]
    assert by_watch[len(rows)] is False
    assert by_watch.count(False) == 1
    assert by_watch[-1] is True


def test_readings_of_a_shared_row_are_of_its_last_pass(make_world: MakeWorld) -> None:
    """The row's earlier readings go, with no trace of them."""
    world = make_world(clips=1)
    Story(world).tell(minutes=12)
    run = world.rows("SELECT max(id) AS run FROM runs")[0]["run"]
    catalog = world.archive.open_catalog(write=True)
    with catalog.transaction():
        catalog.db.execute(
            "INSERT OR REPLACE INTO readings (run_id, at, device, device_id) VALUES (?, '', 'camera', 1)",
            (run,),
        )
        catalog.db.execute(
            "UPDATE runs SET started_at = ?", (f"{world.clock.now():%Y-%m-%dT%H}:00:00.000000Z",)
        )
    catalog.close()
    Story(world).tell(minutes=1)
    assert world.rows("SELECT max(id) AS run FROM runs") == [{"run": run}]
    assert not world.rows("SELECT * FROM readings WHERE at = ''")


def test_what_is_said_every_time_is_told_once(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning, and a clip that waits, are told when they are new, and again when they come back."""
    world = make_world(clips=3)
    clip = world.blink.cloud.live_clips()[0]
    world.blink.faults.add(Fault(kind="status", endpoint="clip", status=500, match=str(clip)))
    story = Story(world, "--every", "1h", "--quiet-days", "30")
    story.tell(hours=9)
    err = capsys.readouterr().err
    assert err.count(f"Clip {clip} waits") == 3  # tried in four passes in a row, and then in two more
    assert len(story.ended) >= 8


def test_json_is_a_line_a_pass(make_world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of one that could not begin; nothing else is on stdout."""
    world = make_world(clips=2)
    story = Story(world, "--every", "10m", "--json")
    away = world.root.with_name("away")
    story.at(partial(world.root.rename, away), minutes=15)
    story.at(partial(away.rename, world.root), minutes=25)
    story.tell(minutes=35)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(story.ended) == 4
    assert [line["exit_code"] for line in lines] == [0, 0, 1, 0]
    assert [line.get("idle") for line in lines] == [False, False, None, True]
    assert "is not an archive" in lines[2]["stopped"]
    assert lines[2].keys() == {"started_at", "stopped", "exit_code"}


def test_a_refused_addition_is_heeded(make_world: MakeWorld) -> None:
    """Told to slow down when it asks for descriptions, a watch asks for nothing until then."""
    world = make_world(clips=3)
    world.blink.faults.add(Fault(endpoint="media", kind="status", status=429, retry_after=3 * 3600, times=1))
    story = Story(world, "--every", "5m")
    story.tell(hours=4)
    assert [ended.exit_code for _, ended in story.ended][:2] == [0, 0]
    assert not story.asked(after=0.01, until=2.99)
    assert story.asked(after=2.99, until=3.1)


def context(world: World, *arguments: str) -> click.Context:
    root = cli.make_context(
        "blink-archive", ["--account", "1100001", "watch"], obj=Globals(archive_dir=world.root)
    )
    return watch_command.make_context("watch", list(arguments), parent=root)


def test_options_are_looked_up_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed stays, whatever the environment says; what was not typed is as it is there now, or gone
    from there."""
    monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "10m")
    monkeypatch.setenv("BLINK_ARCHIVE_DIR", "/before")
    monkeypatch.setenv("BLINK_ARCHIVE_ACCOUNT", "2200002")
    ctx = context(world, "--limit", "3", "--state-dir", "/typed")
    assert ctx.params["every"].total_seconds() == 600
    monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "20m")
    monkeypatch.setenv("BLINK_ARCHIVE_LIMIT", "9")
    monkeypatch.setenv("BLINK_ARCHIVE_CAMERA", "Front Door\nBack")
    monkeypatch.setenv("BLINK_ARCHIVE_STATE_DIR", "/other")
    monkeypatch.setenv("BLINK_ARCHIVE_DIR", "/after")
    with ctx:
        given, values = again(ctx)
    assert str(given.archive_dir) == "/after"
    assert (str(given.state_dir), given.account) == ("/typed", "1100001")
    assert values.keys() == ctx.params.keys()
    assert values["every"].total_seconds() == 1200
    assert (values["limit"], values["camera"], values["since"]) == (3, ("Front Door", "Back"), None)
    monkeypatch.delenv("BLINK_ARCHIVE_DIR")
    with ctx:
        assert again(ctx)[0].archive_dir is None


def test_a_mistake_in_the_configuration_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, the old values stay, and the watch goes on."""
    monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "soon")
    with context(world, "--every", "5m") as typed:
        assert again(typed)[1]["every"].total_seconds() == 300
    monkeypatch.delenv("BLINK_ARCHIVE_EVERY")
    with context(world) as ctx:
        monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "soon")
        with pytest.raises(UsageError, match="soon"):
            again(ctx)
    monkeypatch.delenv("BLINK_ARCHIVE_EVERY")
    story = Story(world)
    story.at(lambda: monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "10s"), minutes=12)
    story.at(lambda: story.watch.reread(), minutes=13)  # noqa: PLW0108 - it is made later
    story.at(lambda: monkeypatch.setenv("BLINK_ARCHIVE_EVERY", "1h"), minutes=22)
    story.at(lambda: story.watch.reread(), minutes=23)  # noqa: PLW0108
    story.tell(minutes=100)
    err = capsys.readouterr().err
    assert err.count("--every is too short") == 1
    assert err.count("The configuration was read anew.") == 1
    began = [(at - story.began).total_seconds() / 60 for at, _ in story.ended]
    assert began == pytest.approx([0, 5.25, 10.5, 13.5, 18.8, 23.5, 86.5], abs=0.9)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--every", "10s"),
        ("--usb-every", "5m"),
        ("--delete-remote",),
        ("--yes",),
        ("--since", "2026-13-01"),
        ("--every", "often"),
        ("--camera", "Nobody"),
        ("--dry-run",),
        ("--init",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_ends_it_at_once(world: World, arguments: tuple[str, ...]) -> None:
    """Exit code 2, before Blink was asked or, for a camera that nothing matches, in the first pass."""
    done = quick(world, "watch", *arguments, "--reserve", "0")
    assert (done.code, done.out) == (2, "")


def test_a_changed_configuration_is_taken(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file says is looked up again, and so is what it says no more; one with a mistake is told, and
    the old one stays."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("BLINK_ARCHIVE_CONFIG", str(file))
    file.write_text(
        '[[archive]]\nworkers = 2\n[archive.schedule]\nevery = "10m"\n[archive.filters]\nsince = "30d"\n'
    )
    with context(world, "--limit", "3") as ctx:
        assert (ctx.params["every"].total_seconds(), ctx.params["workers"]) == (600, 2)
        file.write_text('[[archive]]\n[archive.schedule]\nevery = "20m"\n')
        values = again(ctx)[1]
        assert (values["every"].total_seconds(), values["workers"], values["limit"]) == (1200, 6, 3)
        assert values["since"] is None
        file.write_text("[[archive]]\nworkerz = 2\n")
        with pytest.raises(UsageError, match=r"config\.toml.*workers"):
            again(ctx)
        file.unlink()
        with pytest.raises(UsageError, match="config"):
            again(ctx)
    assert capsys.readouterr() == ("", "")


def test_each_pass_is_reported(make_world: MakeWorld, tmp_path: Path) -> None:
    """The file for Prometheus is written after every pass, and `status --healthy` knows of it."""
    world = make_world(clips=3)
    figures = tmp_path / "blink.prom"
    story = Story(world, "--prometheus-file", str(figures))
    story.at(figures.unlink, minutes=2)
    story.tell(minutes=8)
    assert len(story.ended) == 2
    assert "blink_archive" in figures.read_text(encoding="utf-8")
    assert quick(world, "status", "--healthy", "1h").code == 0


def test_what_is_to_leave_leaves_after_a_pass(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the configuration's standing word, by its rules; who would have to be asked is told at once."""
    world = make_world(clips=8, days=14)
    file = tmp_path / "config.toml"
    monkeypatch.setenv("BLINK_ARCHIVE_CONFIG", str(file))
    file.write_text('[[archive]]\n[archive.retention]\nkeep = "7d"\n')
    assert quick(world, "watch", "--after-sync").code == 2
    file.write_text('[[archive]]\n[archive.retention]\nkeep = "7d"\nafter-sync = true\n')
    world.sync()
    before = len([path for path in world.files() if path.endswith(".mp4")])
    world.blink.cloud.delete_clips(world.blink.cloud.live_clips()[:4])  # what Blink still has stays here
    Story(world, "--config", str(file)).tell(minutes=8)
    out = capsys.readouterr().out
    after = len([path for path in world.files() if path.endswith(".mp4")])
    assert 0 < after < before
    assert out.count("emoved") == 1
    assert "stays" not in out
