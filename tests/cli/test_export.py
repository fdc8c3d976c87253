"""`export` as it is typed: options, words, exit codes; killed at random, on a full disk, with many clips."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bagit
import pytest

from blink_archive.archive.export import run

from ..conftest import MakeWorld
from ..world import World
from .quick import events, quick


@pytest.fixture
def archived(make_world: MakeWorld) -> World:
    """A world whose clips are in its archive."""
    world = make_world(clips=8)
    world.sync()
    return world


def clips_in(folder: Path) -> dict[str, bytes]:
    """Clips and thumbnails below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".mp4", ".jpg")
    }


def test_it_says_what_it_did_and_verify_reads_it(archived: World, tmp_path: Path) -> None:
    """In words and as JSON; `verify --against` accepts the folder, `sha256sum -c` its list."""
    done = quick(archived, "export", str(tmp_path / "out"))
    assert done.code == 0, done.err
    assert done.out.startswith("Exported 8 clips and 8 thumbnails")
    assert clips_in(tmp_path / "out") == archived.files()
    again = json.loads(quick(archived, "export", str(tmp_path / "out"), "--json").out)
    assert (again["clips"], again["kept"], again["format"]) == (8, 16, "folder")
    assert "8 clips exported" in quick(archived, "runs").out
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    assert quick(archived, "verify", "--against", str(tmp_path / "out")).code == 0
    victim = min((tmp_path / "out").rglob("*.mp4"))
    victim.write_bytes(b"rot")
    done = quick(archived, "verify", "--against", str(tmp_path / "out"))
    assert done.code == 7
    assert victim.name in done.out


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_the_ending_says_the_format(archived: World, tmp_path: Path, ending: str) -> None:
    """clips.zip is a ZIP without a --format; --format counts for more."""
    assert quick(archived, "export", str(tmp_path / f"clips.{ending}")).code == 0
    is_one = {"zip": zipfile.is_zipfile, "tar": tarfile.is_tarfile}[ending]
    assert is_one(tmp_path / f"clips.{ending}")
    assert quick(
        archived, "export", str(tmp_path / "other" / ".." / f"x.{ending}"), "--format", "bag"
    ).code in (0, 2)


def test_a_dry_run_writes_nothing(archived: World, tmp_path: Path) -> None:
    """It tells of clips, bytes, parts and space, and no file or event is made."""
    seen = sorted(tmp_path.rglob("*"))
    done = quick(
        archived, "export", str(tmp_path / "out.zip"), "--dry-run", "--split-size", "400kB", "--json"
    )
    told = json.loads(done.out)
    assert told["dry_run"] is True
    assert told["clips"] == 8
    assert len(told["parts"]) > 1
    assert told["parts"][0]["name"] == str(tmp_path / "out-001.zip")
    assert sum(part["clips"] for part in told["parts"]) == 8
    assert told["needed_bytes"] > told["bytes"]
    words = quick(archived, "export", str(tmp_path / "out.zip"), "--dry-run", "--split-size", "400kB").out
    assert "out-001.zip: " in words
    assert "Nothing was written" in words
    assert sorted(tmp_path.rglob("*")) == seen
    assert not [kind for kind, _ in events(archived) if kind == "exported"]


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_parts_are_no_larger_than_asked_for(make_world: MakeWorld, tmp_path: Path, ending: str) -> None:
    """Their papers included."""
    world = make_world(clips=40)
    world.sync()
    done = quick(world, "export", str(tmp_path / f"out.{ending}"), "--split-size", "700kB")
    assert done.code == 0, done.err
    sizes = [path.stat().st_size for path in tmp_path.glob(f"out-*.{ending}")]
    assert len(sizes) > 3
    assert f"in {len(sizes)} parts." in done.out
    assert max(sizes) <= 700_000
    assert sum(sizes) / len(sizes) > 350_000  # and not many more parts than need be


def test_a_clip_larger_than_a_part_is_said_to_be(archived: World, tmp_path: Path) -> None:
    """It is a part of its own. One that holds all is told by its own name."""
    only = quick(archived, "export", str(tmp_path / "all.zip"), "--split-size", "1GB")
    assert f"to {tmp_path / 'all-001.zip'}." in only.out
    done = quick(archived, "export", str(tmp_path / "out"), "--split-size", "1k")
    assert done.code == 0, done.err
    assert done.err.count("larger than a part was to be") == 8
    assert len(list(tmp_path.glob("out-0*"))) == 8


def test_the_filters_of_ls(archived: World, tmp_path: Path) -> None:
    """By time, camera, network, trigger and words; the papers say which."""
    (row, *_) = archived.rows("SELECT * FROM clips_view WHERE status = 'archived'")
    quick(archived, "star", row["clip"])
    quick(archived, "label", row["clip"], "evidence")
    shown = json.loads(quick(archived, "ls", "--camera", row["camera"], "--json").out)
    done = quick(archived, "export", str(tmp_path / "out"), "--camera", row["camera"], "--json")
    assert json.loads(done.out)["clips"] == sum(each["status"] == "archived" for each in shown)
    assert f"camera {row['camera']}" in json.loads((tmp_path / "out" / "clips.json").read_text())["selection"]
    for number, options in enumerate(
        (
            ("--since", row["day"]),
            ("--until", row["day"]),
            ("--network", row["network"]),
            ("--source", row["source"]),
            ("--starred",),
            ("--label", "evidence"),
            ("--text", "evidence"),
        )
    ):
        shown = json.loads(quick(archived, "ls", *options, "--json").out)
        done = quick(archived, "export", str(tmp_path / f"{number}"), *options, "--json")
        assert json.loads(done.out)["clips"] == sum(each["status"] == "archived" for each in shown) > 0


def test_clips_without_a_file_are_told(make_world: MakeWorld, tmp_path: Path) -> None:
    """How many, and what they are; they are no error. Where all are so, there is nothing to export."""
    world = make_world(clips=6, hostile=False)
    world.clock.pass_by(minutes=11)
    world.sync(limit=4)
    (row,) = world.rows("SELECT count(*) AS n FROM clips_view WHERE status = 'waiting'")
    done = quick(world, "export", str(tmp_path / "out"))
    assert done.code == 0
    assert f", {row['n']} waiting." in done.err
    done = quick(world, "export", str(tmp_path / "none"), "--since", "2099-01-01")
    assert done.code == 2
    assert "no clip to export" in done.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("out.zip", "--link"), "--link"),
        (("out", "--split-size", "0"), "--split-size"),
        (("out", "--layout", "{nothing}"), "layout"),
        (("out", "--camera", "nobody"), "nobody"),
        (("nowhere/out",), "nowhere"),
        (("out.tar.gz",), "becomes no .gz"),
        (("out.7z",), "becomes no .7z"),
        (("archive/out",), "one in the other"),
        (("\udcff",), "no name"),
    ],
)
def test_what_means_nothing_is_refused(
    archived: World, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    """Exit 2 with the reason, and nothing is written."""
    seen = sorted(tmp_path.rglob("*"))
    done = quick(archived, "export", str(tmp_path / options[0]), *options[1:])
    assert done.code == 2
    assert words in done.err
    assert sorted(tmp_path.rglob("*")) == seen


def test_a_damaged_file_is_exit_7(archived: World, tmp_path: Path) -> None:
    """As a process: the file is named, no traceback, and no list that says that all is there."""
    victim = min(archived.root.rglob("*.mp4"))
    victim.write_bytes(b"rot" + victim.read_bytes()[3:])
    done = archived.run("export", str(tmp_path / "out"))
    assert done.returncode == 7
    assert victim.name in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "SHA256SUMS").exists()


def test_the_environment_of_a_nightly_sync_does_not_count(archived: World, tmp_path: Path) -> None:
    """Its filters and its layout are not those of an export, which has names of its own."""
    archived.run("export", str(tmp_path / "out"), BLINK_ARCHIVE_LAYOUT="{id}", BLINK_ARCHIVE_SOURCE="nothing")
    assert clips_in(tmp_path / "out") == archived.files()
    done = archived.run("export", str(tmp_path / "other"), BLINK_ARCHIVE_EXPORT_LAYOUT="{id}")
    assert done.returncode == 0, done.stderr
    assert all("/" not in name for name in clips_in(tmp_path / "other"))


# killed


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_killed_at_random_the_next_run_goes_on(make_world: MakeWorld, tmp_path: Path, name: str) -> None:
    """SIGKILL after a random while, again and again: what has a final name is whole, and in the end all is there.
    Every step by itself is in tests/archive/export/test_kill.py."""
    world = make_world(clips=60, hostile=False)
    world.sync()
    originals, chance = world.files(), random.Random(name)
    killed = 0
    while killed < 4:
        process = world.start("export", str(tmp_path / name))
        time.sleep(0.3 + chance.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        killed += 1
        assert (
            killed == 4 or not (tmp_path / "out.zip").exists() or payload(tmp_path / "out.zip") == originals
        )
        found = clips_in(tmp_path / name)
        assert found.items() <= originals.items()
    if process.returncode != 0:
        done = world.run("export", str(tmp_path / name))
        assert done.returncode == 0 or "already" in done.stderr, done.stderr
    assert payload(tmp_path / name) == originals
    assert not list(tmp_path.rglob("*.partial"))


def payload(place: Path) -> dict[str, bytes]:
    """The clips and thumbnails of a finished export."""
    match place.suffix:
        case ".zip":
            with zipfile.ZipFile(place) as read:
                assert read.testzip() is None
                files = {name: read.read(name) for name in read.namelist()}
        case ".tar":
            with tarfile.open(place) as tar:
                files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        case ".bag":
            bagit.Bag(str(place)).validate()
            return clips_in(place / "data")
        case _:
            subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place, check=True)
            return clips_in(place)
    return {name: data for name, data in files.items() if name.endswith((".mp4", ".jpg"))}


# a full disk


@contextmanager
def small_disk(point: Path, size: str) -> Iterator[None]:
    """A disk of its own; only root can mount one."""
    point.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


@pytest.mark.parametrize("name", ["out", "out.zip", "out.tar", "out.bag"])
def test_a_full_disk_is_gone_on_with(
    archived: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk that is too small is not written to; one that others fill meanwhile ends it with exit 8 and a sentence.
    With space again the same command goes on, and what was whole is kept."""
    files = archived.files()
    disk = tmp_path / "disk"
    arguments = ["export", str(disk / name), "--json", *(("--format", "bag") if name == "out.bag" else ())]
    with small_disk(disk, f"{sum(map(len, files.values())) // 2000}k"):
        done = quick(archived, *arguments)
        assert (done.code, list(disk.iterdir())) == (8, [])
        assert "nothing was written" in done.err
        monkeypatch.setattr(run, "check_space", lambda *_: None)
        done = quick(archived, *arguments)
        assert done.code == 8
        assert "the disk is full" in done.err
        assert not (disk / "out.zip").exists()
        assert (
            clips_in(disk).items()
            <= {
                f"{prefix}{path}": data
                for path, data in files.items()
                for prefix in ("out/", "out.bag/data/")
            }.items()
        )
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        done = quick(archived, *arguments)
        assert done.code == 0, done.err
        assert json.loads(done.out)["kept"] > 0
        assert payload(disk / name) == files
