"""Descriptions and labels on the command line: asked for, shown, and searched for."""

from __future__ import annotations

import json

import pytest

from blink_archive.simulator import newer

from ..world import World


def walkers(world: World) -> list[str]:
    """The clips of which Blink says that a person walks, by their ids, oldest first."""
    clips = [clip for clip in world.blink.cloud.clips() if not clip.deleted]
    said = {clip.id: (newer._item(clip)["ai_vd"] or {}).get("full_description") or "" for clip in clips}
    found = [str(clip.id) for clip in clips if "person walks" in said[clip.id]]
    assert found
    return found


def test_ls_finds_clips_by_words(archived: World) -> None:
    """`ls --text` lists the clips that hold the words, with labels as a list and the description; the table
    shows the labels; other filters narrow it."""
    told = json.loads(archived.run("ls", "--json", "--text", '"person walks"').stdout)
    assert sorted(clip["clip"] for clip in told) == walkers(archived)
    for clip in told:
        assert "person" in clip["labels"]
        assert "person walks" in clip["description"].lower()
    assert json.loads(archived.run("ls", "--json", "--text", "WALK* pers*").stdout) == told
    table = archived.run("ls", "--text", "walks").stdout
    assert "labels" in table.splitlines()[0]
    assert ", ".join(told[0]["labels"]) in table
    one = archived.run("ls", "--json", "--text", "walks", "--limit", "1").stdout
    assert json.loads(one) == told[-1:]
    source = told[0]["source"]
    narrowed = json.loads(archived.run("ls", "--json", "--text", "walks", "--source", source).stdout)
    assert narrowed == [clip for clip in told if clip["source"] == source]
    assert archived.run("ls", "--json", "--text", "walks", "--until", "2020-01-01").stdout == "[]\n"


def test_ls_tells_nothing_known_from_nothing_seen(archived: World) -> None:
    """A clip that nobody looked at has no labels, one in which nothing was seen has none of them."""
    rows = {row["origin_key"]: row["labels"] for row in archived.rows("SELECT origin_key, labels FROM clips")}
    told = json.loads(archived.run("ls", "--json").stdout)
    assert {clip["clip"]: clip["labels"] and json.dumps(clip["labels"]) for clip in told} == {
        clip: [] if labels == "[]" else labels for clip, labels in rows.items()
    }
    assert {None, "[]"} <= set(rows.values())


@pytest.mark.parametrize(
    "text",
    ['"', "*", "-", "  ", "NEAR(", "a AND", "x:y", "-- ;", "'", 'a\n"b', "(", "☃*", "\udcff"],
    ids=ascii,
)
def test_ls_takes_any_text(archived: World, text: str) -> None:
    """What holds no word is wrong usage in a sentence; all else lists what there is, which is nothing here."""
    done = archived.run("ls", "--json", f"--text={text}")
    assert "Traceback" not in done.stderr
    if any(letter.isalnum() for letter in text.replace("\udcff", "x")):
        assert (done.returncode, done.stdout) == (0, "[]\n")
    else:
        assert (done.returncode, "no word" in done.stderr) == (2, True)


def test_show_tells_words_and_labels(archived: World) -> None:
    """`show` has the description and the labels in words; with --json the labels are a list."""
    clip = walkers(archived)[0]
    told = json.loads(archived.run("show", clip, "--json").stdout)
    assert "person" in told["labels"]
    lines = archived.run("show", clip).stdout.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("labels ")] == [
        ", ".join(told["labels"])
    ]
    assert any(line.startswith("description ") and "person walks" in line.lower() for line in lines)
    empty = archived.rows("SELECT origin_key FROM clips WHERE labels = '[]'")[0]["origin_key"]
    assert "\nlabels                 none\n" in archived.run("show", empty).stdout


def test_query_finds_words(archived: World) -> None:
    """The index answers SQL, as the help of `query` shows it, and cannot be written to."""
    sql = (
        "SELECT origin_key FROM clips JOIN clips_fts ON clips_fts.rowid = clips.id "
        "WHERE clips_fts MATCH 'person walks' ORDER BY 1"
    )
    done = archived.run("query", "--json", sql)
    assert [row["origin_key"] for row in json.loads(done.stdout)] == walkers(archived)
    before = archived.archive.catalog_path.read_bytes()
    done = archived.run("query", "INSERT INTO clips_fts(clips_fts) VALUES ('rebuild')")
    assert (done.returncode, "may only read" in done.stderr) == (2, True)
    assert archived.archive.catalog_path.read_bytes() == before


def test_sync_leaves_them_out(world: World) -> None:
    """`--no-describe`, or its variable, asks for none; the next sync without it gets them."""
    assert world.run("sync", "--no-describe").returncode == 0
    assert world.run("sync", BLINK_ARCHIVE_DESCRIBE="0").returncode == 0
    assert "media" not in {request.endpoint for request in world.blink.requests}
    assert world.run("sync").returncode == 0
    assert json.loads(world.run("ls", "--json", "--text", "walks").stdout)
