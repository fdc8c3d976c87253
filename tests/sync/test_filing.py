"""Another layout than the default one: `sync --layout`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from blink_archive.archive import feed
from blink_archive.archive.layout import Layout
from tests.conftest import MakeWorld
from tests.world import World

from ..archive.helpers import NOW, make_item

MONTHS = Layout.parse("{created:%Y-%m}/{camera}/{id}")


def test_new_clips_of_cloud_and_sticks_lie_by_the_layout(make_world: MakeWorld) -> None:
    """All of them, with thumbnails; the days' own files stay in the dated tree, `sha256sum -c` takes them
    there, and verify finds nothing."""
    world = make_world(usb_clips=4)
    assert world.sync(layout=MONTHS).exit_code == 0
    world.expect_sums()
    rows = world.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    assert {row["origin"] for row in rows} == {"cloud", "usb"}
    for row in rows:
        month, camera, name = row["path"].split("/")
        assert month == row["local_day"][:7]
        assert camera
        assert name == f"{row['origin_key']}.mp4"
    days = {path.parent.relative_to(world.root).as_posix() for path in world.root.rglob("SHA256SUMS")}
    assert days == {row["local_day"].replace("-", "/") for row in rows}
    assert {path.parent for path in world.root.rglob("clips.json")} >= {world.root / day for day in days}
    assert world.run("verify").returncode == 0


def test_what_is_archived_stays_where_it_is(world: World) -> None:
    """A layout is for clips that are listed for the first time: neither archived ones nor those that wait
    are filed anew."""
    world.sync(limit=5)
    before = {row["id"]: row["path"] for row in world.rows("SELECT id, path FROM clips")}
    world.blink.cloud.add_clip()
    assert world.sync(layout=MONTHS, full=True).exit_code == 0
    after = {row["id"]: row["path"] for row in world.rows("SELECT id, path FROM clips")}
    assert {clip: after[clip] for clip in before} == before
    (new,) = after.keys() - before.keys()
    assert after[new].count("/") == 2
    world.expect_complete()
    assert world.run("verify").returncode == 0


def test_strangers_are_found_in_the_dated_tree_only(world: World) -> None:
    """Of another layout's folders, only those within the dated tree belong to it."""
    world.sync(layout=Layout.parse("{created:%Y}/{camera}/{id}"))
    world.blink.cloud.add_clip()
    world.sync(layout=MONTHS)
    rows = world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")
    for row in rows:
        (world.root / row["path"]).with_name("stranger.mp4").write_bytes(b"x")
    done = world.run("verify")
    assert done.returncode == 7
    dated = {Path(row["path"]).with_name("stranger.mp4").as_posix() for row in rows if row["path"][4] == "/"}
    assert dated
    assert all(path in done.stdout for path in dated)
    assert done.stdout.count("stranger.mp4") == len(dated)


def test_the_layout_comes_from_the_option_or_the_environment(world: World) -> None:
    """BLINK_ARCHIVE_LAYOUT is the same, and the option wins."""
    template = "{source}/{id}"
    assert world.run("sync", "--limit", "0", BLINK_ARCHIVE_LAYOUT=template).returncode == 0
    assert {row["path"].count("/") for row in world.rows("SELECT path FROM clips")} == {1}
    world.blink.cloud.add_clip()
    done = world.run("sync", "--layout", "{id}", "--limit", "0", BLINK_ARCHIVE_LAYOUT=template)
    assert done.returncode == 0
    assert [row["path"].count("/") for row in world.rows("SELECT path FROM clips ORDER BY id")][-1] == 0


def test_a_layout_that_cannot_be_used_ends_it_before_anything(world: World) -> None:
    """Exit 2, a sentence with an example, and nothing asked of Blink."""
    world.blink.forget_requests()
    done = world.run("sync", "--layout", "{camera}")
    assert done.returncode == 2
    assert "it has no {id}" in done.stderr
    assert "{created:%Y-%m}/{camera}/{id}" in done.stderr
    assert not world.blink.requests


def test_two_layouts_that_meet_in_one_path(world: World) -> None:
    """Clip 11 of the 12th by one layout, 12 of the 11th by another: each is a row with a path of its own."""
    catalog = world.archive.open_catalog(write=True)
    feed.start_account(catalog)
    one, other = (
        make_item(number, created_at=datetime(2026, 11, day, 12, tzinfo=UTC))
        for number, day in ((11, 12), (12, 11))
    )
    feed.record_page(catalog, [one], zones={}, now=NOW, filed=Layout.parse("{created:%d}_{id}"))
    feed.record_page(catalog, [other], zones={}, now=NOW, filed=Layout.parse("{id}_{created:%d}"))
    paths = [row["path"] for row in catalog.rows("SELECT path FROM clips ORDER BY id")]
    catalog.close()
    assert paths == ["12_11.mp4", "12_11~2.mp4"]


def test_the_days_are_written_from_a_folder_that_is_gone(world: World, tmp_path: Path) -> None:
    """A sync does not depend on where it was started; the files of the days name their paths by the archive."""
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    done = subprocess.run(
        [
            "sh",
            "-c",
            script,
            "sh",
            str(tmp_path / "gone"),
            sys.executable,
            "-P",
            "-m",
            "blink_archive",
            "sync",
        ],
        env=world.environment(PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    world.expect_complete()
