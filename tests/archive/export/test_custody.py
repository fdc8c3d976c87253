"""custody.jsonl: what happened to the clips of an export, in order, and no more than is known."""

from __future__ import annotations

from pathlib import Path

from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog

from ..helpers import NOW, archive_clip, clip_row, list_items, make_item
from .helpers import EXPORTED_AT, choose, custody, papers


def test_events_of_these_clips_in_order(catalog: Catalog, tmp_path: Path) -> None:
    """The log begins with what the export is; then each clip's events follow in the order of time, with the run
    that did them, the last reading of the file, and the export itself."""
    list_items(catalog, make_item(), make_item(7000002))
    run = catalog.begin_run("sync", now=NOW)
    for key in ("7000001", "7000002"):
        archive_clip(catalog, key, run=run)
    row = clip_row(catalog)
    feed.update_row(catalog, row, {"verified_at": "2026-11-24T13:00:00.000000Z"})
    catalog.add_event("delete_confirmed", at=NOW.replace(hour=14), clip_id=row["id"], run=run)
    choose(catalog, "origin_key = '7000001'")
    header, *lines = custody(papers(catalog, tmp_path / "papers"))
    assert header["kind"] == "custody"
    assert "Nothing here is signed" in header["claim"]
    assert [line["kind"] for line in lines] == ["archived", "verified", "delete_confirmed", "exported"]
    assert {(line["clip"], line["path"]) for line in lines} == {("7000001", row["path"])}
    archived, verified, _, exported = lines
    assert archived["run"] == {"id": run, "command": "sync", "started_at": "2026-11-24T12:00:00.000000Z"}
    assert archived["detail"]["sha256"] == verified["sha256"] == exported["sha256"] == row["sha256"]
    assert exported["at"] == f"{EXPORTED_AT:%Y-%m-%dT%H:%M:%S}.000000Z"


def test_what_nobody_wrote_down_is_not_told(catalog: Catalog, tmp_path: Path) -> None:
    """A clip that was never read back has no line that says so."""
    list_items(catalog, make_item())
    archive_clip(catalog, "7000001")
    choose(catalog)
    assert [line["kind"] for line in custody(papers(catalog, tmp_path / "papers"))] == [
        "custody",
        "archived",
        "exported",
    ]
