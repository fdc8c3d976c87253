"""The papers of an export from a real account: they tell of the files, and agree with one another."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path

import bagit
import pytest

from blink_archive.archive.export.bag import tag_files
from blink_archive.archive.export.chosen import prepare
from blink_archive.archive.export.documents import NAMES, documents
from blink_archive.archive.export.facts import ExportFacts

from ...world import World, is_sound
from .helpers import custody, table


def export(world: World, target: Path, *, form: str = "folder") -> Path:
    """Clips, thumbnails and papers of all that is archived, in a new folder; as a bag's payload, with its tag
    files beside it."""
    catalog = world.archive.open_catalog()
    facts = ExportFacts(world.archive.marker.uuid, 1100001, world.clock.now(), "0.1.0", format=form)
    payload, scratch = target / "data", target.with_name("scratch")
    scratch.mkdir()
    try:
        prepare(catalog)
        for row in catalog.rows("SELECT * FROM clips WHERE sha256 IS NOT NULL"):
            for path in filter(None, (row["path"], row["thumbnail_path"])):
                (payload / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(world.root / path, payload / path)
            names = ("id", "path", "sha256", "thumbnail_path", "thumbnail_sha256")
            values = [row[name] for name in names]
            catalog.db.execute("INSERT INTO temp.exported VALUES (?, ?, ?, ?, ?)", values)
        for name, path in documents(catalog, scratch=scratch, facts=facts):
            shutil.move(path, payload / name)
    finally:
        catalog.close()
    listing = (
        (
            path.relative_to(payload).as_posix(),
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_size,
        )
        for path in payload.rglob("*")
        if path.is_file()
    )
    for name, path in tag_files(listing, scratch=scratch, facts=facts):
        shutil.move(path, target / name)
    scratch.rmdir()
    return target


def test_a_bag_of_a_real_account(world: World, tmp_path: Path) -> None:
    """bagit-python and sha256sum accept it; the table's hashes and lengths are those of the files; each paper has
    each clip; the catalog is sound; and nothing else is left lying about."""
    world.sync()
    bag = export(world, tmp_path / "bag", form="bag")
    bagit.Bag(str(bag)).validate()
    checked = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "manifest-sha256.txt"],
        cwd=bag,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked
    payload = bag / "data"
    assert {path.name for path in payload.iterdir() if path.is_file()} == set(NAMES)
    lines = table(payload / "clips.csv")
    assert len(lines) == len(world.rows("SELECT id FROM clips WHERE sha256 IS NOT NULL")) > 5
    for line in lines:
        data = (payload / line["path"]).read_bytes()
        assert (line["sha256"], line["bytes"]) == (hashlib.sha256(data).hexdigest(), str(len(data)))
        picture = (payload / line["thumbnail"]).read_bytes()
        assert line["thumbnail_sha256"] == hashlib.sha256(picture).hexdigest()
    clips = [line["clip"] for line in lines]
    document = json.loads((payload / "clips.json").read_text(encoding="utf-8"))
    assert [entry["clip"] for entry in document["clips"]] == clips
    assert sorted(line["clip"] for line in custody(payload) if line["kind"] == "exported") == sorted(clips)
    with closing(sqlite3.connect(payload / "catalog.db")) as connection:
        asked = "SELECT clip, path FROM clips_view ORDER BY created_utc, id"
        assert connection.execute(asked).fetchall() == [(line["clip"], line["path"]) for line in lines]
    assert is_sound(payload / "catalog.db")
    readme = (payload / "README.txt").read_text(encoding="utf-8")
    assert "sha256sum -c manifest-sha256.txt" in readme
    assert "%" not in readme


def test_what_was_deleted_at_blink_is_told(world: World, tmp_path: Path) -> None:
    """After a prune and the next walk, each clip says when Blink deleted it, and the custody log how it went."""
    world.sync()
    before = {clip["path"] for clip in world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")}
    world.prune()
    world.sync(full=True)
    payload = export(world, tmp_path / "bag") / "data"
    lines = {line["clip"]: line for line in table(payload / "clips.csv") if line["path"] in before}
    gone = {clip: line for clip, line in lines.items() if line["deleted_at_blink"]}
    assert len(gone) > 5
    assert {line["deletion_rests_on"] for line in gone.values()} <= {"tombstone", "absence"}
    kinds = ["archived", "delete_intended", "verified", "delete_confirmed", "remote_deleted", "exported"]
    for clip in gone:
        told = [line["kind"] for line in custody(payload) if line.get("clip") == clip]
        assert sorted(told) == sorted(kinds)
        assert told.index("delete_intended") < told.index("delete_confirmed") < told.index("exported")


def test_no_paper_says_more_than_is_known(world: World, tmp_path: Path) -> None:
    """The claim is "unchanged since download", in every paper that makes one; none says authentic, original or
    tamper-proof, and each says that nothing is signed."""
    world.sync()
    payload = export(world, tmp_path / "bag") / "data"
    for path in (
        payload / "README.txt",
        payload / "clips.json",
        payload / "custody.jsonl",
        payload / "index.html",
    ):
        text = " ".join(path.read_text(encoding="utf-8").split())
        assert "unchanged since download" in text, path
        assert "Nothing here is signed" in text, path
        for word in ("authentic", "tamper", "genuine", "proof of", "certif", "guarantee"):
            assert word not in text.replace("certutil", "").lower(), (path, word)


def test_a_table_can_be_read_by_other_programs(world: World, tmp_path: Path) -> None:
    """sqlite3 imports clips.csv, and finds the same numbers of rows and columns as Python does."""
    world.sync()
    payload = export(world, tmp_path / "bag") / "data"
    if not (program := shutil.which("sqlite3")):
        pytest.skip("sqlite3, the program, is not here")
    done = subprocess.run(
        [program, ":memory:", ".mode csv", f".import {payload / 'clips.csv'} t", "SELECT count(*), min(bytes + 0) FROM t"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    with (payload / "clips.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert done.stdout.strip() == f"{len(lines)},{min(int(line['bytes']) for line in lines)}"
    assert done.stderr == ""


def test_times_are_of_their_zone(world: World, tmp_path: Path) -> None:
    """UTC and local time of each clip are the same instant."""
    world.sync()
    for line in table(export(world, tmp_path / "bag") / "data" / "clips.csv"):
        local = datetime.fromisoformat(line["created_local"])
        assert local == datetime.fromisoformat(line["created_at"]).replace(microsecond=0)
