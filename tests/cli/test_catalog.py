"""`catalog backup`, `catalog check` and `catalog rebuild`, as they are typed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.store import Store
from blink_archive.cli.catalog import UNKNOWN

from ..conftest import MakeWorld
from ..world import World, clips_fetched, is_sound
from .conftest import Terminal
from .quick import quick


@pytest.fixture
def signed_out(archived: World) -> World:
    """An archive, and nobody signed in: what is done to a catalog needs no account."""
    shutil.rmtree(archived.state)
    return archived


def damage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


# backup


def test_a_backup_is_a_catalog(signed_out: World, tmp_path: Path) -> None:
    """It is read with --catalog, and in the place of a lost one it is that; its mode is the umask's."""
    copy = tmp_path / "copy.db"
    before = os.umask(0o002)
    try:
        done = quick(signed_out, "catalog", "backup", str(copy), "--json")
    finally:
        os.umask(before)
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"file": str(copy), "bytes": copy.stat().st_size, "clips": 15}
    assert is_sound(copy)
    assert os.name == "nt" or stat.S_IMODE(copy.stat().st_mode) == 0o664
    listed = quick(signed_out, "ls").out
    assert signed_out.run("--catalog", str(copy), "ls").stdout == listed
    signed_out.archive.catalog_path.unlink()
    copy.rename(signed_out.archive.catalog_path)
    assert quick(signed_out, "ls").out == listed
    assert quick(signed_out, "verify").code == 0
    assert "copied to" in quick(signed_out, "catalog", "backup", str(copy)).err


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells the name of an open file")
def test_a_backup_is_durable(signed_out: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are fsynced before it has its name, and then the folder."""
    synced: list[tuple[str, bool]] = []
    copy, real = tmp_path / "out" / "copy.db", os.fsync
    copy.parent.mkdir()

    def fsync(fd: int) -> None:
        is_whole = copy.exists() and copy.stat().st_size > 0
        synced.append((Path(f"/proc/self/fd/{fd}").readlink().name.partition(".")[0], is_whole))
        real(fd)

    monkeypatch.setattr(Store.__init__, "__kwdefaults__", {"fsync": fsync})
    assert quick(signed_out, "catalog", "backup", str(copy)).code == 0
    assert synced == [("copy", False), ("out", True)]


def test_a_backup_overwrites_nothing(signed_out: World, tmp_path: Path) -> None:
    """A name that is taken, by a file, a folder or a link to nowhere, and a folder that is not there, are
    exit 2, and nothing is left."""
    taken, folder, link = tmp_path / "taken", tmp_path / "folder", tmp_path / "link"
    taken.write_bytes(b"mine")
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    for target in (taken, folder, link, tmp_path / "none" / "x.db", signed_out.archive.catalog_path):
        done = quick(signed_out, "catalog", "backup", str(target))
        assert done.code == 2, target
        assert str(target.parent) in done.err
    assert taken.read_bytes() == b"mine"
    assert sorted(path for path in tmp_path.rglob("*") if "journal" not in path.name) == [
        path for path in before if "journal" not in path.name
    ]


def test_a_backup_while_another_program_writes(signed_out: World, tmp_path: Path) -> None:
    """What is not committed is not in it, and the writer goes on."""
    with closing(sqlite3.connect(signed_out.archive.catalog_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM events")
        done = quick(signed_out, "catalog", "backup", str(tmp_path / "copy.db"))
        assert done.code == 0, done.err
        writer.execute("COMMIT")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM events").fetchone()[0] > 12


def test_a_full_disk_leaves_no_half_backup(signed_out: World, tmp_path: Path) -> None:
    """Exit 8, and neither the name nor a part of it is there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        done = signed_out.run("catalog", "backup", str(disk / "copy.db"))
        assert done.returncode == 8
        assert "full" in done.stderr
        assert str(disk / "copy.db") in done.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_name_that_sqlite_cannot_take(signed_out: World, tmp_path: Path) -> None:
    """A file name that is no text is exit 2, not a traceback."""
    done = quick(signed_out, "catalog", "backup", f"{tmp_path}/\udcff.db")
    assert done.code == 2
    assert list(tmp_path.glob("*.part")) == []


# check


def test_check_of_a_sound_catalog(signed_out: World) -> None:
    """Exit 0, with the counts."""
    done = quick(signed_out, "catalog", "check")
    assert (done.code, done.err) == (0, "")
    assert "15 clips" in done.out
    told = json.loads(quick(signed_out, "catalog", "check", "--json").out)
    assert (told["sound"], told["findings"], told["unchecked"]) == (True, [], [])
    assert told["rows"]["clips"] == 15


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (damage, "SQLite"),
        (lambda path: sqlite(path, "UPDATE clips SET created_at = 'now' WHERE id = 1"), "clips 1"),
        (lambda path: sqlite(path, "UPDATE archive SET account_id = 1100001, uuid = 'x'"), "archive"),
    ],
    ids=["damage", "fact", "marker"],
)
def test_check_says_what_is_wrong_and_what_to_do(
    signed_out: World, spoil: Callable[[Path], Any], where: str
) -> None:
    """Exit 7, the findings on stdout, and both ways out in the message."""
    spoil(signed_out.archive.catalog_path)
    done = quick(signed_out, "catalog", "check")
    assert done.code == 7
    assert done.out.startswith(f"{where}: ")
    assert "catalog backup" in done.err
    assert "catalog rebuild" in done.err
    told = json.loads(quick(signed_out, "catalog", "check", "--json").out)
    assert told["findings"][0]["where"] == where


def test_a_catalog_of_another_archive_is_told_apart(signed_out: World) -> None:
    """Both names are said, and what has to be done before a rebuild, which refuses it."""
    sqlite(signed_out.root / "catalog.db", "UPDATE archive SET uuid = 'another'")
    done = quick(signed_out, "catalog", "check")
    assert done.code == 7
    assert "it says uuid another, account_id 1100001, " in done.out
    assert "has to be moved away before a rebuild" in done.out
    assert "1 finding." in done.err
    assert "another archive" in quick(signed_out, "catalog", "rebuild", "--yes").err


def test_an_empty_catalog_names_the_rebuild(signed_out: World) -> None:
    """A file of no bytes is no catalog; the rebuild that the message names takes it."""
    (signed_out.root / "catalog.db").write_bytes(b"")
    done = quick(signed_out, "status")
    assert done.code == 1
    assert "`blink-archive catalog rebuild`" in done.err
    assert quick(signed_out, "catalog", "rebuild").code == 0


def sqlite(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


# rebuild


def test_without_a_catalog_each_command_names_the_rebuild(signed_out: World) -> None:
    """The sentence of a marker without a catalog leads to the command, and after it all is well."""
    listed = quick(signed_out, "ls", "--json").out
    signed_out.archive.catalog_path.unlink()
    for words in (["ls"], ["verify"], ["catalog", "check"], ["catalog", "backup", "x.db"]):
        done = quick(signed_out, *words)
        assert done.code == 1
        assert "blink-archive catalog rebuild" in done.err
    done = quick(signed_out, "catalog", "rebuild")
    assert done.code == 0, done.err
    assert "15 clips" in done.out
    assert all(sentence in done.out for sentence in UNKNOWN)
    assert "blink-archive verify" in done.out
    assert json.loads(quick(signed_out, "ls", "--json").out) == json.loads(listed)
    assert quick(signed_out, "verify").code == 0
    assert quick(signed_out, "catalog", "check").code == 0
    assert "catalog rebuild" in quick(signed_out, "status").out


def test_a_sound_catalog_needs_a_word(signed_out: World) -> None:
    """Without a terminal and without --yes it is exit 2, and nothing changes; a damaged one needs none."""
    catalog = signed_out.archive.catalog_path
    before = catalog.read_bytes()
    done = quick(signed_out, "catalog", "rebuild")
    assert done.code == 2
    assert "--yes" in done.err
    assert catalog.read_bytes() == before
    done = quick(signed_out, "catalog", "rebuild", "--yes", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert Path(told["replaced"]).read_bytes() == before
    assert (told["clips"], told["unknown"], told["ignored_fields"]) == (15, list(UNKNOWN), {})
    assert not any(told["files"].values())
    assert "verify" in told["next"]
    damage(catalog)
    assert quick(signed_out, "catalog", "rebuild").code == 0


def test_a_person_is_asked(signed_out: World, at_terminal: Callable[..., Terminal]) -> None:
    """Who says no keeps the catalog (exit 1); who says yes has a new one."""
    before = signed_out.archive.catalog_path.read_bytes()
    terminal = at_terminal(signed_out, "catalog", "rebuild")
    terminal.expect("Make a new one all the same?")
    terminal.type("n")
    assert terminal.end() == 1
    assert signed_out.archive.catalog_path.read_bytes() == before
    terminal = at_terminal(signed_out, "catalog", "rebuild")
    terminal.expect("Make a new one all the same?")
    terminal.type("y")
    terminal.expect("The new catalog has 15 clips")
    assert terminal.end() == 0


def test_the_report_tells_what_a_person_should_look_at(signed_out: World) -> None:
    """Damaged days, files that are missing, nobody's files and unknown fields, each with its file; no name
    moves the cursor."""
    one, two, *_ = signed_out.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL ORDER BY id")
    (signed_out.root / one["path"]).unlink()
    folder = (signed_out.root / two["path"]).parent
    (folder / "\x1b[2Jmine.mp4").write_bytes(b"x")
    for file in signed_out.root.rglob("clips.json"):
        told = json.loads(file.read_text(encoding="utf-8"))
        told["clips"] = [each | {"mood": "blue"} for each in told["clips"]] + [7]
        file.write_text(json.dumps(told), encoding="utf-8")
    (folder / "clips.json").write_bytes(b"{")
    signed_out.archive.catalog_path.unlink()
    done = quick(signed_out, "catalog", "rebuild")
    assert done.code == 0
    assert one["path"] in done.out
    assert f"{folder.relative_to(signed_out.root).as_posix()}/clips.json: " in done.out
    assert "mine.mp4" in done.out
    assert "\x1b" not in done.out
    assert "'mood'" in done.out
    assert "an entry is no object" in done.out
    quiet = quick(signed_out, "catalog", "rebuild", "--yes", "--quiet")
    assert one["path"] in quiet.out
    assert UNKNOWN[0] not in quiet.out


def test_a_rebuild_waits_for_no_other_run(signed_out: World) -> None:
    """Exit 6 while a run works."""
    with signed_out.archive.lock():
        assert quick(signed_out, "catalog", "rebuild", "--yes").code == 6


def test_a_rebuild_of_what_is_no_archive(signed_out: World, tmp_path: Path) -> None:
    """A folder without a marker is none, and stays as it is."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = quick(signed_out, "catalog", "rebuild", root=empty)
    assert done.code == 1
    assert "mounted" in done.err
    assert list(empty.iterdir()) == []


def test_sync_after_a_rebuild(make_world: MakeWorld) -> None:
    """As it is typed: sync, exclude, lose the catalog, rebuild, sync: nothing comes twice, and the excluded
    clip stays away."""
    world = make_world(hostile=False)
    assert world.run("sync", "--limit", "8").returncode == 0
    waiting = world.rows("SELECT clip FROM clips_view WHERE status = 'waiting' AND reason IS NULL LIMIT 1")[
        0
    ]["clip"]
    assert world.run("exclude", waiting).returncode == 0
    assert world.run("sync", "--limit", "0").returncode == 0
    world.archive.catalog_path.unlink()
    assert world.run("catalog", "rebuild").returncode == 0
    fetched = len(clips_fetched(world))
    done = world.run("sync", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"]["archived_now"] == 3
    assert len(clips_fetched(world)) == fetched + 3
    assert world.clip(waiting)["status"] == "excluded"
