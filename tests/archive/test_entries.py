"""What a ``clips.json`` holds is taken where it can be, said where it cannot, and never trusted."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.check import check
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.decisions import change_labels, set_note
from blink_archive.archive.entries import BadEntry, check_file, entry_of, parse_day
from blink_archive.archive.folder import Archive
from blink_archive.archive.imports import imported_from
from blink_archive.archive.rebuild import Report
from blink_archive.archive.search import describe_clip
from blink_archive.archive.store import Store
from blink_archive.archive.verify import verify

from .helpers import NOW, archive_files, list_items, make_item
from .test_rebuild import DAY, NAME, PICTURE, VIDEO, dirty, made_anew, rewrite, rows, write_days

SHA = "0" * 64
NOTE, LABELS = "It was\na fox", '["fox", "\N{SNOWMAN}"]'
AT = "2026-11-24T12:00:00.000000Z"


@pytest.fixture
def two(archive: Archive, catalog: Catalog, store: Store) -> Archive:
    """An archive of two clips of one day, one with its files and one that waits, and no catalog."""
    list_items(catalog, make_item(), make_item(2, device_name="Back"))
    archive_files(catalog, store, "7000001", clip_data=VIDEO, picture=PICTURE)
    set_note(catalog, store, "7000001", NOTE, now=NOW)
    change_labels(catalog, store, "7000001", ["fox", "\N{SNOWMAN}"], take_away=False, now=NOW)
    write_days(catalog, store)
    catalog.close()
    archive.catalog_path.unlink()
    return archive


def rebuilt(archive: Archive, change: Callable[[dict[str, Any]], object]) -> Report:
    """After somebody changed the clip that has its files. Whatever that was, the catalog is sound, verify and
    `show` can use it, and its days can be written."""
    rewrite(archive.root, lambda day: change(day["clips"][0]))
    report = made_anew(archive)
    usable(archive)
    return report


def usable(archive: Archive) -> None:
    assert check(archive, now=NOW).findings == ()
    catalog = archive.open_catalog(write=True)
    verify(catalog, archive.root, running=lambda: False, progress=lambda count: None, workers=1)
    for row in catalog.rows("SELECT clip FROM clips_view"):
        describe_clip(catalog, row["clip"])
    while write_dirty_days(catalog, archive.store):
        pass
    catalog.close()


def first(archive: Archive) -> dict[str, Any]:
    (row,) = rows(archive, "SELECT * FROM clips WHERE origin_key = '7000001'")
    return row


OUTSIDE = [
    "../../x.mp4", "/etc/x.mp4", "2026/../../x.mp4", "a\\..\\x.mp4", "C:/x.mp4", "C:x.mp4", "//server/x.mp4", "",
    "a/./x.mp4", "a//x.mp4", "a/x.mp4/", "a\0.mp4",
]  # fmt: skip
OURS = [
    "catalog.db",
    ".blink-archive.json",
    f"{DAY}/clips.json",
    f"{DAY}/SHA256SUMS",
    ".incoming/x.mp4",
    "x.txt",
]


@pytest.mark.parametrize("path", OUTSIDE + OURS + [f"{NAME}.jpg"])
def test_a_path_that_is_no_clips_is_not_taken(two: Archive, path: str) -> None:
    """An entry whose file would lie outside, or be one of the archive's own, is left out and said; the clip
    comes back by its name."""
    report = rebuilt(two, lambda clip: clip.update(path=path))
    assert len(report.skipped) == 1
    assert f"{DAY}/clips.json: clip 7000001" in report.skipped[0]
    assert report.named == [f"{NAME}.mp4"]
    assert first(two)["path"] == f"{NAME}.mp4"
    with pytest.raises(BadEntry):
        check_file(path, (".mp4",))


@pytest.mark.parametrize("path", [*OUTSIDE, *OURS, f"{NAME}.mp4"])
def test_a_thumbnails_path_neither(two: Archive, path: str) -> None:
    """The thumbnail's facts are left out, and the clip's are taken."""
    report = rebuilt(two, lambda clip: clip.update(thumbnail_path=path))
    assert len(report.mended) == 1
    row = first(two)
    assert (row["thumbnail_path"], row["thumbnail_sha256"], row["sha256"] is None) == (None, None, False)
    assert "clips.json was not right" in row["problem"]


@pytest.mark.parametrize("value", [7, True, [], {}, "", None, "\ud800"])
@pytest.mark.parametrize("name", ["origin", "origin_key", "created_at", "path"])
def test_an_entry_that_names_no_clip_is_left_out(two: Archive, name: str, value: object) -> None:
    """Without a clip, a time or a place there is no row; half a surrogate pair as a key is a key."""
    report = rebuilt(two, lambda clip: clip.update({name: value}))
    if (name, value) == ("origin_key", "\ud800"):
        assert {row["origin_key"] for row in rows(two)} == {"\\ud800", "2"}
    else:
        assert len(report.skipped) == 1
        assert report.named == [f"{NAME}.mp4"]


WRONG = [
    ("starred_at", "yesterday"), ("starred_at", 7), ("excluded_at", "2026-02-31T00:00:00.000000Z"),
    ("excluded_at", "2026-11-23T19:52:07Z"), ("excluded_at", "0001-01-01T00:00:00.000000Z"), ("bytes", "7"),
    ("bytes", -1), ("bytes", 2**63), ("bytes", 1.5), ("duration", "long"), ("duration", -1.0), ("duration", 10**400),
    ("duration", float("nan")), ("duration", float("inf")), ("camera_name", 7), ("camera_name", ["x"]), ("partial", "x"),
    ("note", 7), ("note", ""), ("note", " \n"), ("note", "a\0b"), ("note", "\ud800"), ("note", "x" * 16_001), ("note", ["x"]),
    ("own_labels", "["), ("own_labels", "7"), ("own_labels", "{}"), ("own_labels", "[]"), ("own_labels", "[1]"),
    ("own_labels", ["fox"]), ("own_labels", '["a\\u0000"]'), ("own_labels", '["\\ud800"]'), ("own_labels", "[" * 9999),
    ("labels", "7"), ("labels", "[1]"), ("labels", '"person"'), ("labels", ["person"]),
    ("attempts", -1), ("metadata", "{"), ("labels", "["), ("sha256", "x"), ("sha256", SHA.upper() + "A"),
    ("archived_at", "x"), ("time_zone", 7), ("created_local", "x"), ("created_local", "2026-11-23T14:52:07"),
    ("created_local", "2026-11-24T04:52:07+09:00"), ("created_local", "20261123T145207-0500"),
    ("local_removed_reason", "pruned"), ("local_removed_reason", "moved"), ("local_removed_at", AT),
    ("gone_reason", "it was"), ("gone_at", AT), ("thumbnail_bytes", None), ("thumbnail_sha256", None),
    ("archived_at", None), ("sha256", None), ("bytes", None), ("raw", "{}"), ("type", None), ("listed_at", None),
    ("item", None), ("item", []), ("item", "x"), ("events", None), ("events", {}), ("events", [7]), ("events", [{}]),
    ("events", [{"at": "now", "kind": "x"}]), ("events", [{"at": AT, "kind": 7}]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: str(value)[:20])
def test_a_field_that_is_wrong_is_left_out(two: Archive, name: str, value: object) -> None:
    """The rest of the entry is taken, the flaw is said, and the clip has its row and its file."""
    report = rebuilt(two, lambda clip: clip.update({name: value}))
    row = first(two)
    assert (row["path"], row["sha256"] is None) == (f"{NAME}.mp4", False)
    if name == "raw":  # no field of clips.json
        assert (dict(report.ignored), report.mended, row["raw"]) == ({"raw": 1}, [], '{"id": 7000001}')
        return
    (told,) = report.mended
    assert told.startswith(f"{DAY}/clips.json: cloud 7000001: ")
    assert name.partition("_")[0].removesuffix("s") in told
    assert told.partition("7000001: ")[2] in row["problem"]
    assert report.counts["days_to_write"] == 1
    assert (row["starred_at"], row["excluded_at"]) == (None, None)
    assert (row["note"], row["own_labels"]) == (
        None if name == "note" else NOTE,
        None if name == "own_labels" else LABELS,
    )
    assert row["local_day"] == "2026-11-23"


def test_what_nests_too_deep_breaks_nothing(two: Archive) -> None:
    """A listing, or an event, that no reader could go through again is left out; a file that is nothing but
    brackets is a damaged one."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    report = rebuilt(
        two, lambda clip: clip.update(item={"x": deep}, events=[{"at": AT, "kind": "x", "detail": deep}])
    )
    assert "item" in report.mended[0]
    assert first(two)["raw"] == "{}"
    (two.root / DAY / "clips.json").write_bytes(b"[" * 100_000)
    assert len(made_anew(two).damaged) == 1
    usable(two)


DAMAGE: list[tuple[str, bytes | Callable[[bytes], bytes]]] = [
    ("empty", b""), ("zeros", b"\0" * 5000), ("text", b"clips"), ("no list", b'{"day": "2026-11-23", "clips": {}}'),
    ("no day", b'{"clips": []}'), ("a number", b"7"), ("no UTF-8", b"\xff\xfe"), ("long number", b"1" * 5000),
    ("another day", lambda data: data.replace(b'"2026-11-23"', b'"2026-11-22"')),
    ("cut", lambda data: data[: len(data) // 3]), ("day twice", lambda data: b'{"day": "2026-11-23", ' + data[1:]),
]  # fmt: skip


@pytest.mark.parametrize("damage", [each for _, each in DAMAGE], ids=[name for name, _ in DAMAGE])
def test_a_file_that_is_no_clips_json(two: Archive, damage: bytes | Callable[[bytes], bytes]) -> None:
    """The clip comes back, be it by its line or its name; the day is said and to be written anew."""
    file = two.root / DAY / "clips.json"
    file.write_bytes(damage(file.read_bytes()) if callable(damage) else damage)
    report = made_anew(two)
    assert len(report.damaged) == 1
    assert report.damaged[0].startswith(f"{DAY}/clips.json: ")
    assert first(two)["sha256"]
    assert dirty(two) == ["2026-11-23"]
    usable(two)


@pytest.mark.parametrize("kind", ["folder", "link", "fifo", "gone"])
def test_what_is_no_file_is_not_read(two: Archive, tmp_path: Path, kind: str) -> None:
    """A link could lead anywhere, and a FIFO never ends: names have to do."""
    file = two.root / DAY / "clips.json"
    outside = tmp_path / "outside.json"
    file.rename(outside)
    match kind:
        case "folder":
            file.mkdir()
        case "link":
            file.symlink_to(outside)
        case "fifo":
            os = pytest.importorskip("os")
            os.mkfifo(file)
    report = made_anew(two)
    assert len(report.damaged) == 1
    assert report.named == [f"{NAME}.mp4"]


def test_a_name_twice_in_one_object_spoils_its_line_alone(two: Archive) -> None:
    """Nobody knows which of the two is meant: that entry is lost, the others are taken."""
    file = two.root / DAY / "clips.json"
    file.write_bytes(file.read_bytes().replace(b'"origin_key": "2"', b'"origin_key": "2", "origin_key": "3"'))
    report = made_anew(two)
    assert "1 of its lines are whole, 1 are not" in report.damaged[0]
    assert [row["origin_key"] for row in rows(two)] == ["7000001"]


def test_one_clip_in_two_days_and_one_path_for_two_clips(two: Archive) -> None:
    """The first entry counts, the others are left out and said; no path is that of two clips, on disks that
    ignore case, either."""
    other = two.root / "2026/11/24"
    other.mkdir()
    shutil.copy(two.root / DAY / "clips.json", other / "clips.json")

    def change(day: dict[str, Any]) -> None:
        one, two = day["clips"]
        day["day"] = "2026-11-24"
        two["path"] = f"{DAY}/elsewhere.mp4"
        one |= {"origin_key": "3", "path": one["path"].upper().replace("MP4", "mp4")}
        day["clips"].reverse()

    rewrite(two.root, change, day="2026/11/24")
    report = made_anew(two)
    assert report.skipped == [
        "2026/11/24/clips.json: cloud 2 is left out: another entry is of the same clip",
        "2026/11/24/clips.json: cloud 3 is left out: another clip has its path",
    ]
    assert [row["origin_key"] for row in rows(two)] == ["7000001", "2"]
    assert dirty(two) == ["2026-11-24"]
    usable(two)


def test_a_clip_that_lies_in_the_wrong_day(two: Archive) -> None:
    """An entry whose time is another day's is filed by its time, and both days are written anew."""
    rebuilt_first = "2026-11-20T19:52:07.000000Z"
    rewrite(two.root, lambda day: day["clips"][0].update(created_at=rebuilt_first))
    report = made_anew(two)
    assert "created_local" in report.mended[0]
    assert first(two)["local_day"] == "2026-11-20"
    assert dirty(two) == ["2026-11-20", "2026-11-23"]
    usable(two)


def test_formats_before_and_unknown_fields(two: Archive) -> None:
    """A clips.json of format 2 is taken as it is, and written anew; fields of other formats are counted."""

    def change(day: dict[str, Any]) -> None:
        day["format"] = 2
        for clip in day["clips"]:
            clip |= {"mood": "blue", "covered_by": 7, "id": 12}

    rewrite(two.root, change)
    report = made_anew(two)
    assert dict(report.ignored) == {"mood": 2, "covered_by": 2, "id": 2}
    assert (report.mended, report.skipped, report.damaged) == ([], [], [])
    assert dirty(two) == ["2026-11-23"]
    assert first(two)["id"] == 1


def test_an_import_always_says_where_it_came_from(two: Archive) -> None:
    """`show` and a later import read that: an entry without it gets the file's own path."""
    (two.root / f"{NAME}.mp4").unlink()
    for item in (None, {}, {"file": 7}):
        rebuilt(two, lambda clip, item=item: clip.update(origin="import", origin_key=SHA, item=item))
        (row,) = rows(two, "SELECT raw FROM clips WHERE origin = 'import'")
        assert row["raw"] == imported_from(Path(f"{NAME}.mp4"))


def test_lines_are_only_looked_at_where_the_whole_is_damaged() -> None:
    """A clips.json that other programs have laid out anew is read as a whole."""
    text = json.dumps({"format": 3, "day": "2026-11-23", "clips": [{"a": 1}, 7]}, indent=4)
    assert parse_day(text.encode(), "2026-11-23").entries == ({"a": 1}, 7)
    assert parse_day(text.replace("\n", "\r\n").encode(), "2026-11-23").damage is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_day_that_an_editor_saved_in_another_utf(two: Archive, encoding: str) -> None:
    """It says the same, so a verify lets it be; a rebuild reads it, too."""
    file = two.root / DAY / "clips.json"
    file.write_bytes(file.read_text("utf-8").encode(encoding))
    report = made_anew(two)
    assert (report.damaged, report.counts["clips"]) == ([], 2)


ODD: list[Any] = [
    None, True, -1, 0, 2**70, 1.5, float("nan"), "", "x", "\ud800", "\0", "../../etc/passwd", "a" * 5000, [], {}, [[]],
    {"a": []}, AT, "9999-12-31T23:59:59.999999Z", SHA, "pruned", "usb", "import", "liveview", f"{NAME}.mp4", "UTC",
    "America", "../zone", "2026-11-23T14:52:07-05:00",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_in_it(two: Archive, seed: int) -> None:
    """Fields, entries and bytes changed at random: never a traceback, never a file elsewhere, and each time a
    catalog that is sound and can be used."""
    chance = random.Random(seed)
    file = two.root / DAY / "clips.json"
    whole = file.read_text(encoding="utf-8")
    outside = {path for path in two.root.parent.rglob("*") if two.root not in path.parents}
    for _ in range(12):
        told = json.loads(whole)
        for _ in range(chance.randint(1, 6)):
            clip = chance.choice(told["clips"])
            if not isinstance(clip, dict):
                continue
            match chance.randrange(4):
                case 0 if clip:
                    clip.pop(chance.choice(list(clip)), None)
                case 1 | 2:
                    clip[chance.choice([*clip, "id", "raw", "covered_by", "local_day"])] = chance.choice(ODD)
                case _:
                    told["clips"].append(chance.choice([*ODD, dict(clip)]))
        data = bytearray(json.dumps(told).encode())
        for _ in range(chance.choice([0, 0, 3])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        file.write_bytes(data)
        made_anew(two)
        usable(two)
        assert outside == {path for path in two.root.parent.rglob("*") if two.root not in path.parents}
        assert (two.root / f"{NAME}.mp4").read_bytes() == VIDEO


COLUMNS = dict.fromkeys(("origin", "origin_key", "created_at", "time_zone", "path"), "TEXT")
ENTRY = {
    "origin": "cloud",
    "origin_key": "1",
    "created_at": AT,
    "time_zone": "UTC",
    "path": "1.mp4",
    "item": {},
}


@pytest.mark.parametrize(
    "detail",
    [
        None,
        {},
        [],
        "1.mp4",
        {"path": None},
        {"path": 1},
        {"path": ""},
        {"path": "/"},
        {"path": ".."},
        {"path": "x"},
    ],
)
def test_a_clash_that_names_no_file_is_left_out(detail: Any) -> None:
    """`verify` reads its path; it is a flaw of the entry."""
    event = {"at": AT, "kind": "clash", "detail": detail}
    entry = entry_of(ENTRY | {"events": [event]}, COLUMNS, now=NOW)
    assert entry.events == ()
    assert "a clash names no file" in entry.flaws
    named = entry_of(ENTRY | {"events": [event | {"detail": {"path": "2.jpg"}}]}, COLUMNS, now=NOW)
    assert len(named.events) == 1


def test_an_event_is_kept_as_json_that_any_reader_takes() -> None:
    """NaN, which Python alone knows, as text."""
    event = {"at": AT, "kind": "archived", "detail": {"a": float("nan")}}
    (kept,) = entry_of(ENTRY | {"events": [event]}, COLUMNS, now=NOW).events
    assert json.loads(str(kept.detail)) == {"a": "NaN"}


@pytest.mark.parametrize("told", [["cut"], 1, True, {}])
def test_a_clip_whose_doubt_cannot_be_read_stays_in_doubt(told: Any) -> None:
    """Else it would be proven by being illegible, and could be deleted at Blink."""
    entry = entry_of(ENTRY | {"unproven": told}, COLUMNS | {"unproven": "TEXT"}, now=NOW)
    assert entry.row["unproven"]
    assert any(flaw.startswith("unproven") for flaw in entry.flaws)
