"""``note``, ``label`` and ``unlabel``: what a person says of a clip, and where it is found again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blink_archive.archive.remarks import MAX_LABELS, MAX_NOTE

from ..conftest import MakeWorld
from ..world import World
from .quick import Done, quick

STORY = "The postman\nwaited — \N{SNOWMAN} \U0001f4e6\n\n" + "He rang twice. " * 650
assert 9_000 < len(STORY) < 11_000


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Six clips, of which one is archived and the others wait."""
    world = make_world(clips=6, hostile=False)
    world.sync(limit=1)
    return world


def clips(world: World) -> tuple[str, str]:
    """One that is archived, and one that waits."""
    rows = world.rows("SELECT origin_key, sha256 FROM clips ORDER BY sha256 IS NULL, id")
    assert rows[0]["sha256"]
    assert rows[-1]["sha256"] is None
    return rows[0]["origin_key"], rows[-1]["origin_key"]


def entry(world: World, clip: str) -> dict[str, Any]:
    """What the day's clips.json says of it."""
    day = world.root / world.clip(clip)["local_day"].replace("-", "/")
    told = json.loads((day / "clips.json").read_text(encoding="utf-8"))["clips"]
    (found,) = [each for each in told if each["origin_key"] == clip]
    assert isinstance(found, dict)
    return found


def events(world: World, clip: str) -> list[tuple[str, Any]]:
    """What was said of it, by its events, which clips.json has, too."""
    kinds = ("noted", "labelled", "unlabelled")
    found = [(each["kind"], each["detail"]) for each in entry(world, clip)["events"] if each["kind"] in kinds]
    rows = world.rows(
        "SELECT kind, detail FROM events JOIN clips ON clips.id = clip_id WHERE origin_key = ? "
        "AND kind IN ('noted', 'labelled', 'unlabelled') ORDER BY events.id",
        clip,
    )
    assert [(row["kind"], json.loads(row["detail"])) for row in rows] == found
    return found


def ls(world: World, *arguments: str) -> list[dict[str, Any]]:
    done = quick(world, "ls", "--json", *arguments)
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def names(found: list[dict[str, Any]]) -> set[str]:
    return {clip["clip"] for clip in found}


@pytest.mark.parametrize("which", [0, 1], ids=["archived", "waiting"])
def test_a_note_is_written_read_and_taken_away(world: World, which: int) -> None:
    """Told by the catalog, the day's clips.json and an event at once; a second time nothing changes. What was
    taken away is nowhere in the folder any more."""
    clip = clips(world)[which]
    assert quick(world, "note", clip).err == f"Clip {clip} has no note.\n"
    done = quick(world, "note", clip, f"  {STORY}\r\n")
    assert (done.code, done.out, done.err) == (0, "", f"Clip {clip} has this note.\n")
    assert world.clip(clip)["note"] == entry(world, clip)["note"] == STORY.strip()
    before = (world.archive.catalog_path.read_bytes(), entry(world, clip))
    again = json.loads(quick(world, "note", "--json", clip, STORY).out)
    assert again == {"clip": clip, "note": STORY.strip(), "new": False}
    assert "as before" in quick(world, "note", clip, STORY).err
    assert before == (world.archive.catalog_path.read_bytes(), entry(world, clip))
    assert quick(world, "note", clip).out == STORY.strip() + "\n"
    assert json.loads(quick(world, "note", clip, "--json").out) == {"clip": clip, "note": STORY.strip()}
    assert quick(world, "note", clip, "short").code == 0
    assert quick(world, "note", clip, " ").err == f"Clip {clip} has no note.\n"
    assert world.clip(clip)["note"] is None
    assert "note" not in entry(world, clip)
    assert events(world, clip) == [
        ("noted", {"characters": len(STORY.strip())}), ("noted", {"characters": 5}), ("noted", {"characters": 0}),
    ]  # fmt: skip
    assert not [
        path for path in world.root.rglob("clips.json") if "postman" in path.read_text(encoding="utf-8")
    ]


def test_labels_are_given_and_taken_away(world: World) -> None:
    """Several at once, sorted, each once whatever its case; a clip that waits has them, too."""
    clip = clips(world)[1]
    done = quick(world, "label", clip, "Postman", "  two   words ", "postman", "ärger")
    assert done.err == f"Clip {clip} is labelled Postman, two words, ärger.\n"
    assert (
        world.clip(clip)["own_labels"]
        == entry(world, clip)["own_labels"]
        == '["Postman", "two words", "ärger"]'
    )
    before = world.archive.catalog_path.read_bytes()
    again = json.loads(quick(world, "label", "--json", clip, "POSTMAN").out)
    assert again == {"clip": clip, "own_labels": ["Postman", "two words", "ärger"], "new": False}
    assert "as before" in quick(world, "unlabel", clip, "never").err
    assert before == world.archive.catalog_path.read_bytes()
    assert (
        quick(world, "unlabel", clip, "ÄRGER", "never").err
        == f"Clip {clip} is labelled Postman, two words.\n"
    )
    assert (
        quick(world, "unlabel", clip, "Two Words", "postman").err == f"Clip {clip} has no label of its own.\n"
    )
    assert world.clip(clip)["own_labels"] is None
    assert events(world, clip) == [
        ("labelled", {"labels": ["Postman", "two words", "ärger"]}),
        ("unlabelled", {"labels": ["ärger"]}),
        ("unlabelled", {"labels": ["Postman", "two words"]}),
    ]


def refused(done: Done) -> str:
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    return done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("note", "CLIP", "x" * (MAX_NOTE + 1)), "The note is longer than 16,000 bytes."),
        (("note", "CLIP", "a\x1bb"), "The note holds a control character."),
        (("note", "CLIP", "\udcff"), "The note is no UTF-8."),
        (("label", "CLIP", "good", "a\x07"), "The label 'a\\x07' holds a control character."),
        (("label", "CLIP", "good", " "), "The label ' ' is empty."),
        (("label", "CLIP", "good", "x" * 9999), "is longer than 100 characters."),
        (("label", "CLIP", *(f"n{n}" for n in range(MAX_LABELS + 1))), "would have 51 labels of its own"),
        (("label", "CLIP"), "LABEL..."),
        (("label", "nope", "x"), "knows no clip 'nope'"),
        (("unlabel", "nope", "x"), "knows no clip 'nope'"),
        (("note", "nope"), "knows no clip 'nope'"),
        (("note", "nope", "x"), "knows no clip 'nope'"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_not_taken_changes_nothing(world: World, arguments: tuple[str, ...], words: str) -> None:
    """Wrong usage in a sentence of a length that can be read; all of it is left as it was."""
    clip = clips(world)[0]
    before = (world.archive.catalog_path.read_bytes(), entry(world, clip))
    said = refused(quick(world, *(clip if each == "CLIP" else each for each in arguments)))
    assert words in said
    assert len(said) < 400
    assert before == (world.archive.catalog_path.read_bytes(), entry(world, clip))


def test_ls_finds_them(world: World) -> None:
    """By words of the note and of labels, by label in any case, by star; any of several labels will do, and
    filters narrow each other. JSON has them as they are, the table the labels, one's own first."""
    one, other = clips(world)
    quick(world, "note", other, "It was the Müllers' cat")
    quick(world, "label", other, "Straße nach Süden", "person")
    quick(world, "label", one, "fox")
    quick(world, "star", one)
    assert names(ls(world, "--text", "muller* cat")) == {other}
    assert names(ls(world, "--text", "süden")) == {other}
    assert names(ls(world, "--label", "STRASSE  NACH süden")) == {other}
    assert names(ls(world, "--label", "FOX", "--label", "straße nach süden")) == {one, other}
    assert names(ls(world, "--starred")) == {one}
    assert ls(world, "--starred", "--text", "cat") == []
    seen = {row["origin_key"] for row in world.rows("SELECT * FROM clips WHERE labels LIKE '%\"person\"%'")}
    assert seen
    assert names(ls(world, "--label", "Person")) == seen | {other}
    told = {clip["clip"]: clip for clip in ls(world)}
    assert told[one] | {"own_labels": ["fox"], "note": None, "starred": True} == told[one]
    assert told[other]["own_labels"] == ["person", "Straße nach Süden"]
    assert (told[other]["note"], told[other]["starred"]) == ("It was the Müllers' cat", False)
    twice = min(seen)
    quick(world, "label", twice, "person", "zebra")
    lines = {line.split()[0]: line for line in quick(world, "ls").out.splitlines()}
    assert "person, Straße nach Süden" in lines[other]
    assert "person, zebra" in lines[twice]
    assert lines[twice].count("person") == 1
    quick(world, "unlabel", other, "person", "Straße nach Süden")
    quick(world, "note", other, "")
    assert ls(world, "--text", "mullers") == ls(world, "--text", "süden") == []


def test_a_label_that_no_clip_has_is_wrong_usage(world: World) -> None:
    """As with cameras: a slip of the pen is not an empty list. The known ones are named."""
    quick(world, "label", clips(world)[0], "fox")
    said = refused(quick(world, "ls", "--label", "fax"))
    assert (
        said == "blink-archive: No clip has the label 'fax'. Known: 'animal', 'fox', 'person', 'vehicle'.\n"
    )


def test_a_label_may_come_from_the_environment(world: World) -> None:
    """One a line, since labels hold spaces."""
    clip = clips(world)[0]
    quick(world, "label", clip, "red fox")
    done = world.run("ls", "--json", BLINK_ARCHIVE_LABEL="red fox\nRED FOX")
    assert names(json.loads(done.stdout)) == {clip}
    assert json.loads(world.run("ls", "--json", BLINK_ARCHIVE_STARRED="1").stdout) == []


def test_show_has_them_in_full(world: World) -> None:
    """Each line of a note on a line, harmless to the terminal; the labels as a list in JSON."""
    clip = clips(world)[0]
    quick(world, "note", clip, "one\ntwo \u202e\tthree")
    quick(world, "label", clip, "b", "a")
    shown = quick(world, "show", clip).out
    assert f"\n{'note':22} one\n{'':22} two \N{REPLACEMENT CHARACTER}   three\n" in shown
    assert f"\n{'own_labels':22} a, b\n" in shown
    told = json.loads(quick(world, "show", clip, "--json").out)
    assert (told["note"], told["own_labels"]) == ("one\ntwo \u202e\tthree", ["a", "b"])


def test_they_are_written_during_a_sync(world: World) -> None:
    """No run lock is needed, since the transaction is short."""
    clip = clips(world)[1]
    with world.archive.lock():
        assert quick(world, "note", clip, "now").code == 0
        assert quick(world, "label", clip, "now").code == 0
    assert (world.clip(clip)["note"], world.clip(clip)["own_labels"]) == ("now", '["now"]')


def test_a_sync_leaves_them(world: World) -> None:
    """A clip that is listed again, fetched and deleted at Blink keeps what was said of it."""
    clip = clips(world)[1]
    quick(world, "note", clip, "kept")
    quick(world, "label", clip, "kept")
    world.sync(full=True)
    assert world.clip(clip)["status"] == "archived"
    world.blink.cloud.delete_clip(int(clip))
    world.sync(full=True)
    row = world.clip(clip)
    assert row["remote_deleted_at"]
    assert (row["note"], row["own_labels"]) == ("kept", '["kept"]')
    assert names(ls(world, "--text", "kept")) == {clip}


def test_a_rebuild_brings_them_back(world: World) -> None:
    """Of clips with a file and without one: after the catalog is gone, every row and event is what it was,
    words are found, and no day has to be written."""
    both = clips(world)
    for number, clip in enumerate(both):
        quick(world, "note", clip, STORY)
        quick(world, "label", clip, "fox", "Straße", f"\U0001f98a {number}")
        quick(world, "star", clip)
    columns = "origin_key, note, own_labels, starred_at, sha256"
    sql = f"SELECT {columns} FROM clips ORDER BY origin_key"
    told = "SELECT at, kind, detail FROM events WHERE clip_id IS NOT NULL ORDER BY at, kind, detail"
    before, happened = world.rows(sql), world.rows(told)
    shown = ls(world)
    world.archive.catalog_path.unlink()
    done = json.loads(quick(world, "catalog", "rebuild", "--yes", "--json").out)
    assert (done["mended"], done["days_to_write"], done["noted"], done["labelled"]) == (0, 0, 2, 2)
    assert (world.rows(sql), world.rows(told)) == (before, happened)
    assert ls(world) == shown
    assert names(ls(world, "--text", "postman 1")) == {both[1]}
    assert names(ls(world, "--label", "FOX")) == set(both)
    assert quick(world, "catalog", "check").code == 0
