"""Whatever happens to the files of an archive, verify finds it, all of it and nothing else."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blink_archive.archive import findings
from blink_archive.archive import verify as module
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.verify import verify

from ..world import World
from . import times
from .conftest import Figure

Found = set[tuple[str, str]]
"""Findings: (kind, path)."""


class Rotten:
    """An archive of some dozens of clips, which is damaged and made good again, as often as one likes."""

    def __init__(self, world: World, *, seed: int) -> None:
        self.world = world
        self.root = world.root
        self.chance = random.Random(seed)
        self.whole = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.glob("[0-9]*/**/*")
            if path.is_file()
        }
        self.strangers = 0
        self._touched: set[str] = set()

    def untouched(self) -> list[str]:
        """The files that nothing was done to since they were mended."""
        return sorted(self.whole.keys() - self._touched)

    def named(self, *endings: str) -> str:
        """One of those that end so, at random, for something to be done to it."""
        return self.touched(self.chance.choice([path for path in self.untouched() if path.endswith(endings)]))

    def touched(self, path: str) -> str:
        """``path``, which is to be made good, or to go, when all is mended."""
        self._touched.add(path)
        return path

    def file(self, path: str) -> Path:
        return self.root / path

    def mend(self) -> None:
        """Put everything back."""
        for path in self._touched:
            file = self.root / path
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
            if path in self.whole:
                file.write_bytes(self.whole[path])
        self._touched.clear()

    def verified(self) -> Found:
        """What verify finds, each file once."""
        catalog = Catalog.read(self.world.archive.catalog_path)
        try:
            report = verify(
                catalog,
                self.root,
                running=self.world.archive.is_locked,
                progress=lambda count: None,
                workers=2,
            )
        finally:
            catalog.close()
        found = {(finding.kind, finding.path) for finding in report.findings}
        assert len(found) == len(report.findings)
        return found


Damage = Callable[[Rotten, str], Found]
"""Do it to that file; what verify has to find."""


def flip(rotten: Rotten, path: str) -> Found:
    """One bit, anywhere."""
    data = bytearray(rotten.whole[path])
    data[rotten.chance.randrange(len(data))] ^= 1 << rotten.chance.randrange(8)
    rotten.file(path).write_bytes(data)
    return {("changed", path)}


def cut(rotten: Rotten, path: str) -> Found:
    with rotten.file(path).open("rb+") as file:
        file.truncate(rotten.chance.randrange(len(rotten.whole[path])))
    return {("changed", path)}


def empty(rotten: Rotten, path: str) -> Found:
    rotten.file(path).write_bytes(b"")
    return {("changed", path)}


def extend(rotten: Rotten, path: str) -> Found:
    """More at its end; to a clips.json no mere white space, since that says what it said."""
    more = [b"\0", b"more than there was"] + ([] if path.endswith("clips.json") else [b"\n"])
    with rotten.file(path).open("ab") as file:
        file.write(rotten.chance.choice(more))
    return {("changed", path)}


def zero(rotten: Rotten, path: str) -> Found:
    """What a file system may leave after a power cut: the length, and no bytes."""
    rotten.file(path).write_bytes(bytes(len(rotten.whole[path])))
    return {("changed", path)}


def delete(rotten: Rotten, path: str) -> Found:
    rotten.file(path).unlink()
    return {("missing", path)}


def swap(rotten: Rotten, path: str) -> Found:
    """Two files of one kind take each other's names."""
    other = rotten.named(Path(path).suffix or path.rpartition("/")[2])
    rotten.file(path).write_bytes(rotten.whole[other])
    rotten.file(other).write_bytes(rotten.whole[path])
    return {("changed", path), ("changed", other)}


def move(rotten: Rotten, path: str) -> Found:
    """Renamed by hand: the catalog misses it under the one name, and does not know the other."""
    new = rotten.touched(path.replace(".", f"-best{rotten.strangers}."))
    rotten.strangers += 1
    rotten.file(path).rename(rotten.file(new))
    return {("missing", path), ("foreign", new)}


def folder(rotten: Rotten, path: str) -> Found:
    rotten.file(path).unlink()
    rotten.file(path).mkdir()
    return {("changed", path)}


def full_folder(rotten: Rotten, path: str) -> Found:
    """A folder in its place, and the clip in that."""
    folder(rotten, path)
    (rotten.file(path) / "clip.mp4").write_bytes(rotten.whole[path])
    return {("changed", path), ("foreign", f"{path}/clip.mp4")}


def fifo(rotten: Rotten, path: str) -> Found:
    rotten.file(path).unlink()
    os.mkfifo(rotten.file(path))
    return {("changed", path)}


def link(rotten: Rotten, path: str) -> Found:
    """A symbolic link to another file of the archive."""
    others = [other for other in rotten.untouched() if rotten.whole[other] != rotten.whole[path]]
    other = rotten.chance.choice(others)
    rotten.touched(other)  # what it points to stays as it is
    rotten.file(path).unlink()
    rotten.file(path).symlink_to(rotten.file(other))
    return {("changed", path)}


def dangling_link(rotten: Rotten, path: str) -> Found:
    rotten.file(path).unlink()
    rotten.file(path).symlink_to(rotten.root / "nowhere.mp4")
    return {("missing", path)}


def looped_link(rotten: Rotten, path: str) -> Found:
    rotten.file(path).unlink()
    rotten.file(path).symlink_to(rotten.file(path))
    return {("changed", path)}


def stranger(rotten: Rotten, path: str) -> Found:
    """A file beside it that nobody knows: a copy, or something else, of whatever spelling."""
    rotten.strangers += 1
    name = f"stranger {rotten.strangers}{rotten.chance.choice(('.mp4', '.jpg', '.ts', '.MP4', '.JPG'))}"
    new = rotten.touched(f"{path.rpartition('/')[0]}/{name}")
    rotten.file(new).write_bytes(rotten.chance.choice((rotten.whole[path], b"", b"?")))
    return {("foreign", new)}


MEDIA: tuple[Damage, ...] = (
    flip, cut, empty, extend, zero, delete, swap, move, folder, full_folder, fifo, link, dangling_link, looped_link,
    stranger,
)  # fmt: skip
OF_DAYS: tuple[Damage, ...] = (
    flip,
    cut,
    empty,
    extend,
    zero,
    delete,
    swap,
    folder,
    fifo,
    link,
    dangling_link,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Forty clips of forty days, archived."""
    with World(tmp_path_factory.mktemp("rot"), clips=40, days=40) as world:
        assert world.sync().exit_code == 0
        world.expect_complete()
        yield world


@pytest.fixture
def rotten(world: World) -> Iterator[Rotten]:
    rotten = Rotten(world, seed=5)
    yield rotten
    rotten.mend()


def damage_one(rotten: Rotten) -> Found:
    """One damage to a file, both chosen at random."""
    path = rotten.named("")
    damage = rotten.chance.choice([damage for damage, endings in ALL if path.endswith(endings)])
    return damage(rotten, path)


ALL: list[tuple[Damage, tuple[str, ...]]] = [
    *((damage, (".mp4", ".jpg")) for damage in MEDIA),
    *((damage, ("SHA256SUMS", "clips.json")) for damage in OF_DAYS),
]
"""Which damage is done to which files."""


def rounds(rotten: Rotten, count: int, *, damages: int) -> int:
    """So many times, do so many damages and verify; how many were to be found, which all were."""
    done = 0
    for _ in range(count):
        expected: Found = set()
        for _ in range(damages):
            expected |= damage_one(rotten)
        found = rotten.verified()
        assert found == expected, (expected - found, found - expected)
        done += len(expected)
        rotten.mend()
    return done


def report(figure: Figure, done: int) -> None:
    figure("damages", done)
    figure("found", done)


@pytest.mark.parametrize("damage", range(len(ALL)), ids=[f"{d.__name__}-{e[0]}" for d, e in ALL])
def test_each_damage_is_found(rotten: Rotten, damage: int) -> None:
    """Each kind of damage alone is found by its path, for what it is; made good, it is a finding no more."""
    kind, endings = ALL[damage]
    for ending in endings:
        expected = kind(rotten, rotten.named(ending))
        assert rotten.verified() == expected
        rotten.mend()
        assert rotten.verified() == set()


def test_one_at_a_time(rotten: Rotten, figure: Figure) -> None:
    """One damage at a random place, again and again: found each time, and nothing else is."""
    report(figure, rounds(rotten, times(60, 3000), damages=1))


def test_many_at_once(rotten: Rotten, figure: Figure) -> None:
    """A dozen damages at once: all are found, and nothing else is."""
    report(figure, rounds(rotten, times(8, 400), damages=12))


def test_an_untouched_archive_has_no_findings(rotten: Rotten, figure: Figure) -> None:
    """Verify says nothing of an archive that nobody touched, whatever else lies in it."""
    runs = times(5, 200)
    for _ in range(runs):
        assert rotten.verified() == set()
    figure("verifies of an untouched archive", runs)
    figure("false findings", 0)


def test_a_clips_json_that_says_something_else_is_found(rotten: Rotten) -> None:
    """Sound JSON, but not what the catalog says."""
    path = rotten.named("clips.json")
    text = json.loads(rotten.whole[path])
    text["clips"][0]["camera_name"] = "Somebody else's"
    rotten.file(path).write_text(json.dumps(text))
    assert rotten.verified() == {("changed", path)}


def test_the_program_says_so(tmp_path: Path, figure: Figure) -> None:
    """`verify` itself: exit 0 for an untouched archive; after a score of damages exit 7, and each is named."""
    with World(tmp_path, clips=40, days=40) as world:
        world.sync()
        done = world.run("verify", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        rotten = Rotten(world, seed=6)
        expected: Found = set()
        for _ in range(20):
            expected |= damage_one(rotten)
        done = world.run("verify", "--json")
        assert done.returncode == 7
        told = json.loads(done.stdout)
        assert {
            (kind, each["path"]) for kind in ("missing", "changed", "foreign") for each in told[kind]
        } == expected
        report(figure, len(expected))


# --- broken products, which the checks catch


def test_a_verify_that_skips_thumbnails_is_caught(rotten: Rotten, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verify that reads clips only."""
    files = module.files
    monkeypatch.setattr(
        module, "files", lambda rows: (file for file in files(rows) if not file[0].endswith(".jpg"))
    )
    assert rotten.verified() == set()
    with pytest.raises(AssertionError):
        rounds(rotten, 3, damages=12)


def test_a_verify_that_trusts_lengths_is_caught(rotten: Rotten, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verify that takes a file of the right length for the right file."""
    hash_file = findings.hash_file
    known: dict[tuple[str, int], str] = {}

    def trusting(path: str) -> str:
        about = path, Path(path).stat().st_size
        if about not in known:
            known[about] = hash_file(path)
        return known[about]

    monkeypatch.setattr(findings, "hash_file", trusting)
    assert rotten.verified() == set()
    with pytest.raises(AssertionError):
        rounds(rotten, 3, damages=12)
