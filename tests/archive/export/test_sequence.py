"""ZIP and tar: read by other programs, of any size, and gone on with from whatever a killed run left."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from blink_archive.archive.export.facts import ExportFacts
from blink_archive.archive.export.plan import ExportFile
from blink_archive.archive.export.sequence import SequenceWriter, TarWriter, ZipWriter, partial_of
from blink_archive.errors import IntegrityError

from ..helpers import ACCOUNT, NOW

RECORDED = datetime(2026, 11, 23, 14, 52, 7, tzinfo=timezone(timedelta(hours=-5)))
FACTS = ExportFacts("u-1", ACCOUNT, NOW, "0")
WRITERS = pytest.mark.parametrize("kind", [ZipWriter, TarWriter], ids=["zip", "tar"])


def make_files(root: Path, *contents: bytes, recorded: datetime = RECORDED) -> list[ExportFile]:
    """Files of an archive at ``root``."""
    root.mkdir(exist_ok=True)
    made = []
    for number, data in enumerate(contents, 1):
        (root / f"{number}.mp4").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        made.append(
            ExportFile(number, number, f"day/{number}.mp4", f"{number}.mp4", digest, len(data), recorded)
        )
    return made


def write(kind: type[SequenceWriter], target: Path, root: Path, files: Sequence[ExportFile]) -> list[str]:
    """One run, to the end; what became of each file."""
    writer = kind(target, archive=root, now=NOW)
    try:
        outcomes = [writer.add(file) for file in files]
        scratch = target.with_name("scratch")
        scratch.mkdir(exist_ok=True)
        (scratch / "index.html").write_text("<p>")
        writer.add_paper("index.html", scratch / "index.html")
        payload = [(file.name, file.sha256, file.bytes) for file in files]
        writer.finish(payload, scratch=scratch, facts=FACTS)
    finally:
        writer.close()
    return list(outcomes)


def contents(target: Path) -> dict[str, bytes]:
    """What an archive holds, as Python's own readers see it."""
    if target.suffix == ".zip":
        with zipfile.ZipFile(target) as read:
            assert read.testzip() is None
            return {name: read.read(name) for name in read.namelist()}
    with tarfile.open(target) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


@WRITERS
def test_wherever_a_run_was_killed_the_next_one_makes_the_same(
    kind: type[SequenceWriter], tmp_path: Path
) -> None:
    """The partial file of a run that was killed after any of its bytes: the next run keeps what is whole in it,
    writes the rest, and what comes out is, byte for byte, what an undisturbed run makes."""
    data = [b"one" * 50, b"", b"three" * 100]
    files = make_files(tmp_path / "archive", *data)
    target = tmp_path / f"clips.{'zip' if kind is ZipWriter else 'tar'}"
    assert write(kind, target, tmp_path / "archive", files) == ["written"] * 3
    whole = target.read_bytes()
    kept = set()
    step = 1 if kind is ZipWriter else 37
    for length in range(0, len(whole), step):
        target.unlink()
        partial_of(target).write_bytes(whole[:length])
        outcomes = write(kind, target, tmp_path / "archive", files)
        assert outcomes == sorted(outcomes)  # kept, and then written
        kept.add(outcomes.count("kept"))
        assert target.read_bytes() == whole, length
        assert not partial_of(target).exists()
    assert kept == {0, 1, 2, 3}


@WRITERS
def test_what_a_power_cut_made_of_it_is_not_kept(kind: type[SequenceWriter], tmp_path: Path) -> None:
    """Any byte of the partial file that is not as it was written ends what is kept of it: what is there is read
    and hashed again."""
    files = make_files(tmp_path / "archive", b"one" * 30, b"two" * 30)
    target = tmp_path / f"clips.{'zip' if kind is ZipWriter else 'tar'}"
    write(kind, target, tmp_path / "archive", files)
    whole = target.read_bytes()
    for place in range(0, whole.index(b"index.html"), 7 if kind is ZipWriter else 61):
        target.unlink()
        damaged = bytearray(whole)
        damaged[place] ^= 255
        partial_of(target).write_bytes(damaged)
        write(kind, target, tmp_path / "archive", files)
        assert target.read_bytes() == whole, place


@WRITERS
def test_a_file_that_left_the_archive_is_kept_where_it_was_written(
    kind: type[SequenceWriter], tmp_path: Path
) -> None:
    """Pruned between two runs: what the first one wrote of it stays; what it did not write is left out, and what
    comes behind it is kept all the same."""
    files = make_files(tmp_path / "archive", b"one" * 30, b"two" * 30, b"three" * 30)
    target = tmp_path / "clips"
    writer = kind(target, archive=tmp_path / "archive", now=NOW)
    for file in (files[0], files[2]):
        writer.add(file)
    writer.close()
    gone = [
        ExportFile(*(getattr(file, name) for name in ExportFile.__slots__[:-1]), removed="pruned")  # type: ignore[call-arg]
        for file in files[:2]
    ]
    shutil.rmtree(tmp_path / "archive")
    assert write(kind, target, tmp_path / "archive", [*gone, files[2]]) == ["kept", "absent", "kept"]


@WRITERS
def test_a_file_with_other_bytes_leaves_nothing(kind: type[SequenceWriter], tmp_path: Path) -> None:
    """The error names it, the file under way has nothing of it, and goes on well after it was put back."""
    files = make_files(tmp_path / "archive", b"one" * 30, b"two" * 30)
    target = tmp_path / "clips.zip"
    (tmp_path / "archive" / "2.mp4").write_bytes(b"rot" * 30)
    writer = kind(target, archive=tmp_path / "archive", now=NOW)
    writer.add(files[0])
    length = partial_of(target).stat().st_size
    with pytest.raises(IntegrityError, match=r"2\.mp4"):
        writer.add(files[1])
    writer.close()
    assert partial_of(target).stat().st_size == length
    assert not target.exists()
    (tmp_path / "archive" / "2.mp4").write_bytes(b"two" * 30)
    assert write(kind, target, tmp_path / "archive", files) == ["kept", "written"]


def test_a_tar_tells_of_nobody_and_has_the_clips_time(tmp_path: Path) -> None:
    """No user, no group, no machine: the time is the clip's; names of any length come through."""
    (file,) = make_files(tmp_path / "archive", b"one")
    long = ExportFile(2, 2, "/".join(["d" * 90] * 4) + ".mp4", "1.mp4", file.sha256, 3, RECORDED)
    write(TarWriter, tmp_path / "clips.tar", tmp_path / "archive", [file, long])
    with tarfile.open(tmp_path / "clips.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members][:2] == [file.name, long.name]
    for member in members:
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
    assert members[0].mtime == RECORDED.timestamp()
    assert members[0].mode == 0o644
    listed = subprocess.run(
        ["tar", "tf", str(tmp_path / "clips.tar")], capture_output=True, text=True, check=True
    )
    assert listed.stdout.splitlines() == [member.name for member in members]


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        (RECORDED, (2026, 11, 23, 14, 52, 6)),  # a ZIP counts in twos
        (datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0)),
        (datetime(2108, 2, 29, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
        (datetime(9998, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_a_zip_shows_the_clips_local_time(tmp_path: Path, recorded: datetime, shown: tuple[int, ...]) -> None:
    """As far as its dates go; and the instant in a field of its own, for programs that know it."""
    files = make_files(tmp_path / "archive", b"one", recorded=recorded)
    write(ZipWriter, tmp_path / "clips.zip", tmp_path / "archive", files)
    with zipfile.ZipFile(tmp_path / "clips.zip") as read:
        info = read.getinfo(files[0].name)
    assert info.date_time == shown
    assert info.compress_type == zipfile.ZIP_STORED
    if recorded.year < 2038:
        assert int.from_bytes(info.extra[-4:], "little") == int(recorded.timestamp())


def unzips(target: Path) -> None:
    """Info-ZIP finds nothing wrong with it."""
    if shutil.which("unzip") is None:
        pytest.skip("unzip is not installed")
    done = subprocess.run(["unzip", "-tq", str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_zip_takes_more_files_than_16_bits_count(tmp_path: Path) -> None:
    """66,000 files: the count is in ZIP64's records, and unzip and Python read all of them."""
    (one,) = make_files(tmp_path / "archive", b"x")
    files = [
        ExportFile(number, number, f"{number}.mp4", "1.mp4", one.sha256, 1, RECORDED)
        for number in range(66_000)
    ]
    target = tmp_path / "clips.zip"
    write(ZipWriter, target, tmp_path / "archive", files)
    assert b"PK\x06\x06" in target.read_bytes()[-200:]
    with zipfile.ZipFile(target) as read:
        assert len(read.namelist()) == 66_002
    unzips(target)


def test_a_zip_holds_files_and_places_beyond_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit lowered from 4 GB to 1 kB, that a test need not write so much: lengths and places beyond
    it go into ZIP64's fields, and unzip and Python read them; a killed run is gone on with there, too."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    data = [b"small", b"large" * 500, b"behind"]
    files = make_files(tmp_path / "archive", *data)
    target = tmp_path / "clips.zip"
    write(ZipWriter, target, tmp_path / "archive", files)
    whole = target.read_bytes()
    with zipfile.ZipFile(target) as read:
        assert read.getinfo(files[1].name).extract_version == 45
        assert read.getinfo(files[2].name).extract_version == 45  # by its place
    found = contents(target)
    assert [found[file.name] for file in files] == data
    unzips(target)
    target.unlink()
    partial_of(target).write_bytes(whole[: whole.index(b"behind")])
    assert write(ZipWriter, target, tmp_path / "archive", files) == ["kept", "kept", "written"]
    assert target.read_bytes() == whole
