"""A bag's tag files, as bagit-python and sha256sum read them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import bagit
import pytest

from blink_archive.archive.export.bag import bag_info, manifest_line, tag_files
from blink_archive.archive.export.facts import CLAIM, ExportFacts

from .helpers import FACTS

NAMES = (
    "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4",
    "clips.csv",
    "-rf ~",
    "a b/#1 (copy) [2], x=y+z@!.mp4",
    " a space at the beginning.mp4",
    "Café/🦊.jpg",
    "*.mp4",
    "back\\slash.mp4",
)


def make_bag(folder: Path, facts: ExportFacts, names: tuple[str, ...] = NAMES) -> Path:
    """A bag of files of these names."""
    payload = []
    for name in names:
        data = f"bytes of {name}".encode()
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_bytes(data)
        payload.append((name, hashlib.sha256(data).hexdigest(), len(data)))
    scratch = folder.with_name("scratch")
    scratch.mkdir()
    for name, path in tag_files(iter(payload), scratch=scratch, facts=facts):
        shutil.move(path, folder / name)
    assert list(scratch.iterdir()) == []
    return folder


def sha256sum(folder: Path, manifest: str) -> subprocess.CompletedProcess[bytes]:
    """`sha256sum -c` of a manifest."""
    return subprocess.run(
        ["sha256sum", "--strict", "-c", manifest], cwd=folder, capture_output=True, check=False
    )


def test_others_accept_it(tmp_path: Path) -> None:
    """bagit-python validates it, and `sha256sum -c` accepts both manifests, with names of every kind."""
    folder = make_bag(tmp_path / "bag", FACTS)
    bagit.Bag(str(folder)).validate()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        checked = sha256sum(folder, manifest)
        assert checked.returncode == 0, checked
    assert len(sha256sum(folder, "manifest-sha256.txt").stdout.splitlines()) == len(NAMES)


def test_others_see_what_is_wrong(tmp_path: Path) -> None:
    """A byte that changed, a file too many and a tag file that was touched do not pass: the tests above mean
    something."""
    folder = make_bag(tmp_path / "bag", FACTS)
    for change in (folder / "data" / NAMES[0], folder / "data" / "stranger.mp4", folder / "bag-info.txt"):
        before = change.read_bytes() if change.exists() else None
        change.write_bytes((before or b"") + b" ")
        with pytest.raises(bagit.BagValidationError):
            bagit.Bag(str(folder)).validate()
        change.unlink() if before is None else change.write_bytes(before)
    bagit.Bag(str(folder)).validate()


def test_line_ends_and_percent_signs_are_encoded(tmp_path: Path) -> None:
    """RFC 8493, 2.1.3: CR, LF and % alone. Names that the archive gives have none of the three."""
    assert manifest_line("data/a\r\nb%0A c", "0" * 64) == f"{'0' * 64}  data/a%0D%0Ab%250A c\n"
    bagit.Bag(str(make_bag(tmp_path / "bag", FACTS, ("one\rtwo\nthree.mp4",)))).validate()


def test_what_the_bag_says_of_itself(tmp_path: Path) -> None:
    """bag-info.txt has date, program, archive, sizes and the claim, and no label that would be made up."""
    folder = make_bag(tmp_path / "bag", replace(FACTS, selection="camera Front\r\nBag-Count: 7\x00 door"))
    info = {label: " ".join(value.split()) for label, value in bagit.Bag(str(folder)).info.items()}
    size = sum(len(f"bytes of {name}".encode()) for name in NAMES)
    assert info == {
        "Bagging-Date": "2026-11-25",
        "Bag-Software-Agent": "blink-archive 0.1.0",
        "External-Identifier": "u-1",
        "External-Description": "Clips of a Blink account; selected: camera Front Bag-Count: 7 door",
        "Internal-Sender-Description": CLAIM,
        "Bag-Size": "0.0 MB",
        "Payload-Oxum": f"{size}.{len(NAMES)}",
    }
    text = (folder / "bag-info.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 79


def test_parts_know_each_other() -> None:
    """Parts of one export have one group, and their place in it; a single bag has neither."""
    one, two = (bag_info(replace(FACTS, part=part, parts=2), count=1, size=1) for part in (1, 2))
    group = "Bag-Group-Identifier: u-1/20261125T180000Z\n"
    assert group in one
    assert group in two
    assert "Bag-Count: 2 of 2\n" in two
    assert "Bag-Count: 2 of ?\n" in bag_info(replace(FACTS, part=2, parts=None), count=1, size=1)
