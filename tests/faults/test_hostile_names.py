"""Names that want out of the folder, that no disk takes, or that mean to be another clip's.

Cameras, networks and triggers are called whatever their owner, or whoever is in their account, wants. Each
name meets each layout: no path leaves the root, each can be written, and no two clips share one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path, PurePosixPath
from random import Random
from typing import Any

import pytest
from pathvalidate import validate_filename

from blink_archive.archive import feed, layout
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import create_archive
from blink_archive.archive.layout import DEFAULT, Layout
from blink_archive.archive.usb import Surroundings, record_manifest
from blink_archive.model import MediaItem
from blink_archive.protocol.local_storage import parse_manifest
from blink_archive.protocol.media import parse_item
from tests.archive.helpers import ACCOUNT, NOW, begin
from tests.conftest import MakeWorld

from . import times
from .conftest import Figure

RESERVED = ["CON", "prn", "Aux", "NUL", "COM1", "com9", "COM0", "LPT1", "lpt¹", "CONIN$", "CONOUT$", "CLOCK$"]
NAMES: list[str] = [
    # out of the folder
    "/", "\\", "..", ".", "../../etc/passwd", "..\\..\\windows\\system32", "/etc/passwd", "a/b", "a\\b", "....//",
    "..%2f..%2f", "%2e%2e/", "\u2024\u2024/", "\uff0e\uff0e\uff0f", "a/../../../b", "./..", "~", "~root", "~/x", "file:///etc",
    # other roots
    "C:", "C:\\", "c:/x", "Z:x", "\\\\server\\share", "//server/share", "\\\\?\\C:\\x", "\\\\.\\PhysicalDrive0", "x:stream",
    # characters
    "\0", "a\0b", "\n", "new\nline", "\r\ntab\t", "\x1b[31mred", "\x7f", "\x85", *(chr(code) for code in range(1, 32)),
    "\u202egnp.4pm", "\u200e\u200f\u2066\u2069", "\u200b", "a\u200db", "\ufeffbom", "\u2028\u2029", "\ufffe", "\U0010ffff",
    "Z\u0351\u0310\u0313" * 40, "e" + "\u0301" * 300, "🐕", "👨‍👩‍👧‍👦" * 30, "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🐕 Garten 🌳", "前庭", "حديقة", "Ğ İ \u0131 ß ẞ ﬁ",
    # sizes
    "x" * 60, "x" * 61, "x" * 255, "x" * 300, "x" * 5000, "ß" * 5000, "🐕" * 5000, "." * 300, "-" * 5000, "a " * 2500,
    # names that systems keep, or take another way
    *RESERVED, *(f"{name}.txt" for name in RESERVED), *(f"{name}." for name in RESERVED), "CON .x", "trailing.", "trailing...",
    "trailing ", " leading", ".hidden", "SHA256SUMS", "sha256sums", "clips.json", ".incoming", "catalog.db", "catalog",
    ".blink-archive.json", "..blink", "Thumbs.db", "desktop.ini", ".DS_Store", "@eaDir", "$MFT", "lost+found",
    # twins
    "Door", "door", "DOOR", "dOOR", "Caf\u00e9", "Cafe\u0301", "cafe", "\u212bngstrom", "\u00c5ngstrom", "A\u030angstrom",
    "front door", "front-door", "front_door", "Front  Door!", "7000001", "7000001.mp4", "pir_7000001", "unnamed",
    # halves
    "\ud800", "\udfff", "\udc80x", "\ud83d\udc15"[:1], "a\ud800/../b",
    # what means something to somebody
    "$(reboot)", "`id`", "; rm -rf /", "| cat", "&& x", "> y", "*", "?", "[a-z]", "{0}", "{camera}", "{id}", "%s%n", "%PATH%",
    "${HOME}", "!x", "#", "'; DROP TABLE clips; --", '" OR 1=1', "\\'", "<script>alert(1)</script>", "<!--", "&amp;&#47;&#0;",
    "&#99999999999999999999;", "&#x110000;", "%Y/%m", "-", "--help", "-rf", "-", "~1", "x~1.mp4", "\"", "''",
    # nothing
    "", " ", "   ", "\t", "!!!", "___", "…", "。", "--", "\u3000", "\u00a0", "\u00ad",
]  # fmt: skip
LAYOUTS = {
    "default": DEFAULT,
    "months": Layout.parse("{created:%Y-%m}/{camera}/{id}"),
    "names": Layout.parse("{network}/{camera}/{source}/{id}"),
    "one folder": Layout.parse("{id}"),
    "in a day": Layout.parse("{created:%Y}/{created:%m}/{created:%d}/{camera}/{id}.{source}"),
    "tight": Layout.parse("{camera}.{network}/{source}_{id}_{camera} ({created:%a %H%M%S%z})"),
}
KEYS = ["1", "7", "11", "17", "7000001", str(2**63 - 1)]
LOCAL = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A new archive's catalog, in a run that has begun."""
    root = tmp_path / "archive"
    archive, _ = create_archive(root, root / "catalog.db", account_id=ACCOUNT, uuid="u-1", now=NOW)
    catalog = archive.open_catalog(write=True)
    feed.start_account(catalog)
    yield catalog
    catalog.close()


def path_of(filed: Layout, key: str, *names: str | None, at: datetime = LOCAL) -> str:
    """The path of a clip of these names: camera, network, source."""
    camera, network, source = names
    return layout.clip_path(at, camera=camera, network=network, source=source, key=key, filed=filed)


def triples() -> Iterator[tuple[str | None, str | None, str | None]]:
    """Each name in each place, and names that meet each other."""
    for name in NAMES:
        yield from ((name, "Home", "pir"), ("Door", name, "pir"), ("Door", "Home", name), (name, name, name))
    yield (None, None, None)
    rng = Random(20261123)
    for _ in range(times(500, 50_000)):
        yield rng.choice(NAMES), rng.choice(NAMES), rng.choice(NAMES)


def spread(paths: list[str]) -> set[str]:
    """The paths as disks compare them that ignore case, and forms of one letter."""
    return {unicodedata.normalize("NFC", path).casefold() for path in paths}


def escapes(root: Path, path: str) -> bool:
    """Whether the path leads out of ``root``, by what the system makes of it."""
    return not (root / path).resolve().is_relative_to(root.resolve()) or layout.check_relative(path) != path


def unwritable(root: Path, path: str) -> bool:
    """Whether the path, its thumbnail's, or that after a clash cannot be written here, or on Windows."""
    names = [path, layout.thumbnail_path(path), layout.with_suffix_number(path, 1000)]
    for name in names:
        try:
            for part in PurePosixPath(name).parts:
                validate_filename(part, platform="universal")
                assert len(part.encode()) <= 255
                assert not part.endswith((".", " "))
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
            assert file.read_bytes() == name.encode()
        except (OSError, ValueError, AssertionError):
            return True
    return False


def test_no_name_leaves_the_root_or_is_unwritable(tmp_path: Path, figure: Figure) -> None:
    """Every name in every place of every layout, really written below a root, next to which nothing appears."""
    paths = {
        (name, names): path_of(filed, "7000001", *names)
        for name, filed in LAYOUTS.items()
        for names in triples()
    }
    out, wrong = [], []
    for name in LAYOUTS:
        (root := tmp_path / name).mkdir()
        for path in {path for (other, _), path in paths.items() if other == name}:
            out += [path] if escapes(root, path) else []
            wrong += [path] if unwritable(root, path) else []
    figure("names in layouts", len(paths))
    figure("escapes", len(out))
    figure("unwritable", len(wrong))
    assert not out
    assert not wrong
    assert {path.name for path in tmp_path.iterdir()} == set(LAYOUTS)
    assert all(path.resolve().is_relative_to(tmp_path) for path in tmp_path.rglob("*"))


def test_two_clips_never_share_a_path(figure: Figure) -> None:
    """Clips of one second and all names: no path of one id is another's, also where disks ignore case."""
    keys = [*KEYS, *(f"malformed-{number:016x}" for number in (1, 11)), *(f"usb-{n:012x}" for n in (1, 11))]
    count, shared = 0, set()
    for filed in LAYOUTS.values():
        owners: dict[str, str] = {}
        for names, key in product(triples(), keys):
            (path,) = spread([path_of(filed, key, *names)])
            count += 1
            if owners.setdefault(path, key) != key:
                shared.add(path)
    figure("clips in layouts", count)
    figure("paths that two clips share", len(shared))
    assert not shared


HOSTILE_IDS: list[Any] = [
    None, 0, -1, 1, 2, 2**63 - 1, 2**63, 10**30, 1.5, 3.0, 1e308, float("nan"), float("inf"), True, False, "4", "-5", "007", "٣",
    "1e3", "../x", "/etc/passwd", "C:\\x", "a\0b", "\n", "\ud800", "x" * 5000, "", " 6 ", "8\n", [], [1], {}, {"id": 1}, "CON",
]  # fmt: skip


def entries() -> list[Any]:
    """Entries of a feed, each with a name and an id of those, and others that are none."""
    rows: list[Any] = [
        {"id": 9_000_000 + number, "device_name": name, "network_name": name, "source": name}
        for number, name in enumerate(NAMES)
    ]
    rows += [{"id": number, "device_name": "Door"} for number in HOSTILE_IDS]
    return [
        {"created_at": "2026-11-23T19:52:07+00:00", "media": "/media/x.mp4"} | row for row in rows
    ] + NAMES[:20]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_page_of_such_entries_is_recorded(name: str, catalog: Catalog) -> None:
    """Each entry of the cloud's becomes a row with a path of its own, which is below the root."""
    items: list[MediaItem] = [parse_item(entry) for entry in entries()]
    feed.record_page(catalog, items, zones={}, now=NOW, filed=LAYOUTS[name])
    paths = [row["path"] for row in catalog.rows("SELECT path FROM clips")]
    assert len(paths) == len({item.key for item in items})
    assert len(spread(paths)) == len(paths)
    assert all(layout.check_relative(path) == path for path in paths)
    assert not any("~" in path for path in paths)  # none had to give way


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_manifest_of_such_names_is_recorded(name: str, catalog: Catalog) -> None:
    """The same for a stick, whose clips have neither lasting ids nor checked names."""
    clips = [
        {"id": str(number), "camera_name": camera, "created_at": "2026-11-23T19:52:07+00:00", "size": 10}
        for number, camera in enumerate(NAMES)
    ]
    answer = {"manifest_id": "1", "clips": clips}
    manifest = parse_manifest(answer, account_id=ACCOUNT, network_id=5, module_id=31)
    assert len(manifest.clips) == len(NAMES)
    around = Surroundings("Home/..", None, {})
    record_manifest(catalog, manifest, around, run=begin(catalog), now=NOW, filed=LAYOUTS[name])
    paths = [row["path"] for row in catalog.rows("SELECT path FROM clips")]
    assert len(spread(paths)) == len(paths) == len(NAMES)
    assert all(layout.check_relative(path) == path for path in paths)
    assert not any("~" in path for path in paths)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_sync_of_such_clips(name: str, make_world: MakeWorld, tmp_path: Path) -> None:
    """Through the wire, onto the disk and back: all is archived, below the root, and verify finds nothing."""
    world = make_world(clips=0, usb_clips=0)
    names = (
        NAMES if times(0, 1) else NAMES[:: len(LAYOUTS)] + RESERVED + ["SHA256SUMS", ".incoming", "\ud800"]
    )
    for number, camera in enumerate(names):
        at = world.clock.now() - timedelta(minutes=len(names) - number)
        extra = {"network_name": names[number // 2], "source": names[-number]}
        world.blink.cloud.add_clip(camera_name=camera, created_at=at, extra=extra)
        world.blink.cloud.usb.add_clip(3100001, camera_name=camera, created_at=at)
    before = {path.name for path in tmp_path.iterdir()}
    summary = world.sync(layout=LAYOUTS[name])
    assert not summary.failures
    assert {why.rpartition(" ")[2] for _, why in summary.problems} <= {"long"}  # of more than 1024 bytes
    rows = world.rows("SELECT path, thumbnail_path, origin FROM clips WHERE sha256 IS NOT NULL")
    archived = [row for row in rows if row["origin"] == "cloud"]
    assert len(archived) == len(names)
    assert {row["path"] for row in rows} | {row["thumbnail_path"] for row in rows} - {None} == set(
        world.files()
    )
    assert {path.name for path in tmp_path.iterdir()} == before
    world.expect_sums()
    done = world.run("verify")
    assert done.returncode == 0, done.stdout + done.stderr
