"""`verify`: what it finds, says, writes down and leaves to the next sync."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from ..world import World


def test_verify_finds_what_is_missing_changed_and_foreign(archived: World) -> None:
    """Exit 7 and the names of all three; files that are not ours are forgiven; afterwards a clean folder
    is exit 0 and dated in the catalog."""
    assert archived.run("verify").returncode == 0
    assert not archived.rows("SELECT 1 FROM clips WHERE sha256 IS NOT NULL AND verified_at IS NULL")
    one, two, three, *_ = archived.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL")
    (archived.root / one["path"]).unlink()
    changed = archived.root / two["thumbnail_path"]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\0")
    stranger = (archived.root / three["path"]).with_name("stranger.mp4")
    stranger.write_bytes(b"x")
    stranger.with_name(".DS_Store").write_bytes(b"x")
    done = archived.run("verify", "--json")
    assert done.returncode == 7
    report = json.loads(done.stdout)
    assert [f["path"] for f in report["missing"]] == [one["path"]]
    assert [f["path"] for f in report["changed"]] == [two["thumbnail_path"]]
    assert [f["path"] for f in report["foreign"]] == [stranger.relative_to(archived.root).as_posix()]
    assert report["other_files"] == 1
    assert "missing" in archived.run("verify").stdout


def test_verify_against_a_copy(archived: World, tmp_path: Path) -> None:
    """A second copy of the folder is verified by the same catalog, without a catalog of its own."""
    copy = tmp_path / "copy"
    shutil.copytree(archived.root / "2026", copy / "2026")
    assert archived.run("verify", "--against", str(copy)).returncode == 0
    victim = next(copy.rglob("*.mp4"))
    victim.write_bytes(victim.read_bytes() + b"!")
    assert archived.run("verify", "--against", str(copy)).returncode == 7
    assert archived.run("verify").returncode == 0


def test_a_sample_reads_its_part(archived: World) -> None:
    """`--sample` reads its share of the 24 files, to within one, and never none."""
    for share, least, most in (("40%", 9, 10), ("100%", 24, 24), ("0.001%", 1, 1)):
        checked = json.loads(archived.run("verify", "--sample", share, "--json").stdout)["checked"]
        assert least <= checked <= most


def test_verify_has_the_days_written_anew(archived: World) -> None:
    """A day's file that is missing is exit 7, and the message says that the next sync writes it; it does.
    A sample does not look, and a copy's days are not ours to write."""
    sums = next(archived.root.rglob("SHA256SUMS"))
    sums.unlink()
    assert archived.run("verify", "--sample", "10%").returncode == 0
    done = archived.run("verify", "--against", str(archived.root))
    assert (done.returncode, "next sync" in done.stderr) == (7, False)
    done = archived.run("verify")
    assert done.returncode == 7
    assert f"missing: {sums.relative_to(archived.root).as_posix()}" in done.stdout
    assert "The next sync writes the SHA256SUMS and clips.json" in done.stderr
    archived.sync()
    archived.expect_sums()
    assert archived.run("verify").returncode == 0


def test_a_catalog_that_cannot_be_written_is_verified_too(archived: World) -> None:
    """Where another program holds the catalog, the findings are told with their exit code all the same, and
    a sentence says that the date is not kept."""
    next(archived.root.rglob("*.mp4")).unlink()
    held = sqlite3.connect(archived.archive.catalog_path, isolation_level=None)
    held.execute("PRAGMA journal_mode = WAL").fetchall()
    held.execute("BEGIN")
    held.execute("SELECT * FROM clips").fetchone()
    done = archived.run("verify")
    held.close()
    assert done.returncode == 7
    assert "missing: " in done.stdout
    assert "is not kept" in done.stderr
    assert not archived.rows("SELECT 1 FROM clips WHERE verified_at IS NOT NULL")


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_names_that_are_no_text_or_move_the_cursor(archived: World) -> None:
    """A foreign file is exit 7 whatever its name; no name reaches the terminal as it is."""
    folder = next(archived.root.rglob("*.mp4")).parent
    for name in (b"\xff.mp4", b"\x1b[2J.mp4"):
        (folder / os.fsdecode(name)).write_bytes(b"?")
    done = archived.run("verify")
    assert (done.returncode, done.stdout.count("foreign: ")) == (7, 2)
    assert "\x1b" not in done.stdout
    assert len(json.loads(archived.run("verify", "--json").stdout)["foreign"]) == 2
