"""The promises of design.md, checked against what a `MemoryCloud` said and gave; each check raises AssertionError."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.feed import NEVER_WHOLE
from blink_archive.archive.folder import Archive
from blink_archive.archive.rebuild import Report
from blink_archive.archive.retention import Retention
from blink_archive.model import from_utc_text, utc_text
from blink_archive.sync.prune import Wish
from blink_archive.sync.run import Options, Summary

from .memory_cloud import KEEPS_DAYS, Clip, MemoryCloud

PARTS = ("archived_now", "archived_before", "deleted", "gone", "covered", "excluded", "waiting")
TROUBLES = ("damaged", "skipped", "mended", "ignored", "missing", "named", "doubtful", "waited", "foreign")
NOT_TOLD = {"id", "archived_run", "covered_by", "verified_at"}
OVERLAP = timedelta(minutes=59)
"""What Blink changed so long before the watermark has to be listed again (an hour, less a second's rounding)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The archive as it is on the disk: rows by key, the SHA-256 of every clip and picture by its path."""

    rows: dict[str, dict[str, Any]]
    files: dict[str, str]
    watermark: datetime | None
    dirty: frozenset[str]


def look(archive: Archive) -> Seen:
    """Read the archive, through a connection and with eyes of its own."""
    with closing(Catalog.read(archive.catalog_path)) as catalog:
        rows = catalog.rows("SELECT clips.*, clips_view.status FROM clips JOIN clips_view USING (id)")
        watermark = catalog.watermark().since
        dirty = frozenset(row["local_day"] for row in catalog.rows("SELECT local_day FROM dirty_days"))
    files = {
        path.relative_to(archive.root).as_posix(): sha256(path.read_bytes())
        for path in archive.root.rglob("*")
        if path.suffix in (".mp4", ".jpg", ".part")
    }
    assert len({row["origin_key"] for row in rows}) == len(rows), "a clip has two rows"
    return Seen({row["origin_key"]: row for row in rows}, files, watermark, dirty)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_archive(archive: Archive, cloud: MemoryCloud, seen: Seen) -> None:
    """What has to be true after every run, whatever it met."""
    shown = {clip.key: clip for clip in cloud.clips.values() if clip.shown}
    assert seen.rows.keys() == shown.keys(), "not every listed clip is a row, or a row is of none"
    for clip in shown.values():
        check_state(clip, seen.rows[clip.key])
    named: dict[str, str] = {}
    for row in seen.rows.values():
        if row["sha256"] and not row["local_removed_at"]:
            named[row["path"]] = row["sha256"]
        if row["half_sha256"]:
            named[row["path"]] = row["half_sha256"]
        if row["thumbnail_sha256"] and not row["local_removed_at"]:
            named[row["thumbnail_path"]] = row["thumbnail_sha256"]
    assert seen.files == named, "the files are not those that the catalog names"
    assert not list((archive.root / ".incoming").iterdir()), ".incoming is not empty"
    check_days(archive.root, seen)


def check_state(clip: Clip, row: dict[str, Any]) -> None:
    """Promises 1 and 2 for one clip: it is in the state that the cloud's history explains."""
    status = row["status"]
    assert bool(row["watched"]) == clip.first_watched, "watched is not that of the first sighting"
    if not clip.shown_dead:
        assert bool(row["watched_now"]) == clip.last_watched
    if row["sha256"]:
        assert row["sha256"] in clip.given, "the hash is of bytes that Blink never gave"
        if row["unproven"]:
            assert clip.was_partial or clip.given.count(row["sha256"]) >= 2, (
                "kept as unproven after one arrival"
            )
        else:
            assert row["sha256"] == sha256(clip.mp4), "half a clip is archived as whole"
    if row["thumbnail_sha256"]:
        assert clip.jpeg is not None
        assert row["thumbnail_sha256"] == sha256(clip.jpeg)
    if row["thumbnail_missing_at"]:
        assert clip.thumbnail_denied, "Blink never said that there is no thumbnail"
    assert (row["starred_at"] is not None) == clip.starred
    match status:
        case "archived":
            assert row["sha256"]
            assert not clip.pruned
        case "pruned":
            assert clip.pruned, f"{clip.key} is pruned, and nobody wanted that"
        case "excluded":
            assert clip.excluded, f"{clip.key} is excluded, and nobody wanted that"
        case "waiting":
            assert clip.shown_alive
            assert not clip.shown_dead
            assert not clip.excluded
        case "gone":
            assert clip.shown_alive
            assert clip.place != "alive" or clip.lied_about, f"{clip.key} is called gone, and Blink has it"
        case "deleted":
            assert clip.shown_dead
            assert not clip.shown_alive or clip.was_excluded, "a loss is not called one"
        case _:
            raise AssertionError(f"{clip.key} is {status}, which nobody asked for")


def check_days(root: Path, seen: Seen) -> None:
    """Promise 6: each day's files tell of its clips, and SHA256SUMS of all files."""
    assert not seen.dirty, "days are left dirty"
    listed: dict[str, str] = {}
    told: dict[str, set[str]] = {}
    for sums in root.rglob("SHA256SUMS"):
        for line in sums.read_text().splitlines():
            listed[(sums.parent / line[66:]).relative_to(root).as_posix()] = line[:64]
    for clips in root.rglob("clips.json"):
        day = json.loads(clips.read_text())
        told[day["day"]] = {clip["origin_key"] for clip in day["clips"]}
    halves = {row["path"] for row in seen.rows.values() if row["half_sha256"]}
    whole = {path: digest for path, digest in seen.files.items() if path not in halves}
    assert listed == whole, "SHA256SUMS does not list the files"
    expected: dict[str, set[str]] = {}
    for key, row in seen.rows.items():
        expected.setdefault(row["local_day"], set()).add(key)
    assert told == expected, "clips.json does not tell the day's clips"


def check_run(cloud: MemoryCloud, before: Seen, after: Seen, summary: Summary) -> None:
    """Promise 1 for one sync: its account adds up and is true, its exit code tells of trouble and losses."""
    account, walk = summary.account, cloud.walk
    assert sum(account[part] for part in PARTS) == account["counted"], account
    queue = {key for key, row in before.rows.items() if row["status"] == "waiting"}
    assert account["counted"] == len(queue | walk.keys), account
    assert account["listed"] == len(walk.keys)
    newly = {
        key
        for key, row in after.rows.items()
        if row["sha256"] and not (key in before.rows and _is_same_file(before.rows[key], row))
    }
    assert account["archived_now"] == summary.fetched == len(newly), (
        "not all that was fetched is newly archived"
    )
    gone = {key for key, row in after.rows.items() if row["gone_at"]}
    lost = gone - {key for key, row in before.rows.items() if row["gone_at"]}
    assert account["newly_gone"] == len(lost)
    assert summary.new == len(after.rows) - len(before.rows)
    for key in lost:
        _check_loss(cloud, cloud.clips[key], after.rows[key], full=summary.full_walk)
    for key, row in before.rows.items():
        check_kept(cloud.clips[key], row, after.rows[key])
    bad = bool(summary.failures or summary.problems or lost)
    if walk.failed:
        assert summary.exit_code == 5, "a walk broke off, and the exit code does not say so"
    elif not walk.trouble:
        assert summary.exit_code == (3 if bad else 0), (summary.exit_code, summary.stopped)
    assert summary.exit_code or not bad, "a loss or failure is not reported"
    for clip in cloud.clips.values():
        clip.given_before = len(clip.given)


def _check_loss(cloud: MemoryCloud, clip: Clip, row: dict[str, Any], *, full: bool) -> None:
    """A clip is called gone while Blink has it only where the cloud gave two false witnesses in this run."""
    if clip.place == "alive":
        old = from_utc_text(row["created_at"]) < cloud.clock.now() - timedelta(days=KEEPS_DAYS)
        hidden = full and cloud.walk.hid and clip.key not in cloud.walk.keys
        witnesses = (clip.key in cloud.walk.not_found) + old + hidden
        assert witnesses >= 2, f"{clip.key} is called gone, and Blink has it"
        clip.lied_about = True


def _is_same_file(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a row tells of the file that it told of before: half a clip is fetched again when it is whole."""
    if before["sha256"] and NEVER_WHOLE in (before["unproven"] or ""):
        return bool(before["archived_at"] == after["archived_at"])
    return before["sha256"] is not None


def check_kept(clip: Clip, before: dict[str, Any], after: dict[str, Any]) -> None:
    """What is archived is neither touched nor asked for again."""
    if _is_same_file(before, after):
        for fact in (
            "sha256",
            "bytes",
            "path",
            "archived_at",
            "archived_run",
            "unproven",
            "thumbnail_sha256",
        ):
            is_new = fact == "thumbnail_sha256" and before[fact] is None
            assert is_new or after[fact] == before[fact], f"{fact} of {clip.key} was changed"
        assert len(clip.given) == clip.given_before, f"{clip.key} was archived, and is fetched again"

    elif clip.excluded:
        assert len(clip.given) == clip.given_before, f"{clip.key} is excluded, and is fetched"


def check_removal(clip: Clip, row: dict[str, Any], wanted: Retention) -> None:
    """A clip leaves this disk only by the user's wish, and while Blink has it only by force."""
    assert row["status"] == "archived"
    assert not (clip.starred and wanted.keep_starred), f"{clip.key} is starred, and leaves"
    assert wanted.force or row["remote_deleted_at"], f"{clip.key} is at Blink, and leaves"


def check_watermark(cloud: MemoryCloud, before: Seen, after: Seen) -> None:
    """Promise 4: it moves to the date of the first page of a walk that ended, and leaves nothing behind that
    the cloud did not itself hide."""
    walk, mark = cloud.walk, after.watermark
    if mark != before.watermark:
        assert not walk.failed, "the watermark moved after a walk that broke off"
        assert walk.keys, "the watermark moved after an empty list"
        assert mark == walk.date, "the watermark is not the date of the first page"
    for clip in cloud.clips.values():
        if mark and clip.place != "purged" and clip.updated < mark and clip.updated not in clip.shown:
            assert clip.excused == clip.updated, (
                f"the watermark has passed {clip.key}, which no walk was shown"
            )


def check_clean_walk(cloud: MemoryCloud, before: Seen) -> None:
    """After a walk without trouble: what Blink changed since an hour before the watermark was listed."""
    walk = cloud.walk
    assert walk.since is not None
    assert walk.began is not None
    first = min(walk.since, before.watermark - OVERLAP) if before.watermark else walk.since
    for clip in cloud.clips.values():
        if clip.place != "purged" and first <= clip.updated < walk.began:
            assert clip.updated in clip.shown, f"{clip.key} changed in time, and was not listed"


def check_clean_fetch(cloud: MemoryCloud, after: Seen) -> None:
    """After a plain run without trouble nothing waits that Blink would have given."""
    for clip in cloud.alive():
        if clip.updated not in clip.shown or clip.partial:
            continue
        row = after.rows[clip.key]
        assert row["status"] != "waiting", f"{clip.key} was to be had, and waits: {row['last_error']}"
        if row["status"] == "archived" and clip.jpeg is not None:
            assert row["thumbnail_sha256"] or clip.thumbnail_denied, (
                f"the thumbnail of {clip.key} was to be had"
            )


def check_wanted(cloud: MemoryCloud, options: Options, before: Seen, after: Seen) -> None:
    """A run fetched no more than its filters and its limit let it."""
    newly = [row for key, row in after.rows.items() if row["sha256"] and not _sha256_of(before, key)]
    assert options.limit is None or len(newly) <= options.limit
    for row in newly:
        if options.wanted.cameras:
            assert str(row["camera_id"]) in options.wanted.cameras
        if isinstance(options.wanted.since, datetime):
            assert from_utc_text(row["created_at"]) >= options.wanted.since


def _sha256_of(seen: Seen, key: str) -> str | None:
    return seen.rows[key]["sha256"] if key in seen.rows else None


def check_rebuild(report: Report, before: Seen, after: Seen) -> None:
    """Promise 6: the folder tells all rows with all facts and decisions, but for numbers of this catalog's own and
    what a later verify found."""
    trouble = {name: getattr(report, name) for name in TROUBLES if getattr(report, name)}
    assert not trouble, trouble
    assert after.files == before.files
    assert after.rows.keys() == before.rows.keys(), "a rebuild does not know the same clips"
    for key, row in before.rows.items():
        lost = {fact: row[fact] for fact in row.keys() - NOT_TOLD if after.rows[key][fact] != row[fact]}
        assert not lost, f"a rebuild does not know of {key}: {lost}"


@contextmanager
def damaged(path: Path | None) -> Iterator[None]:
    """While this lasts, one byte of the file is another one."""
    whole = path.read_bytes() if path else b""
    if path:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    yield
    if path:
        path.write_bytes(whole)


def check_deletion(
    archive: Archive, cloud: MemoryCloud, wish: Wish, chosen: set[str], ids: Sequence[int], now: datetime
) -> None:
    """Promise 3, at the moment at which Blink is asked: each clip is wanted gone, and safe here."""
    seen = look(archive)
    for key in map(str, ids):
        clip, row = cloud.clips[key], seen.rows[key]
        assert key in chosen, f"{key} was not chosen"
        assert not wish.wanted.cameras or str(row["camera_id"]) in wish.wanted.cameras
        assert row["sha256"], f"{key} is not archived"
        assert row["archived_at"] <= utc_text(now - wish.keep), f"{key} is to be kept for longer"
        assert not row["unproven"], f"{key} is unproven, and about to be deleted"
        assert seen.files.get(row["path"]) == sha256(clip.mp4), f"{key} is not here as Blink has it"
        if clip.jpeg is not None and not row["thumbnail_missing_at"]:
            assert seen.files.get(row["thumbnail_path"]) == sha256(clip.jpeg), (
                f"the picture of {key} is not here"
            )
        folder = archive.root / row["local_day"].replace("-", "/")
        told = {each["origin_key"]: each for each in json.loads((folder / "clips.json").read_text())["clips"]}
        kinds = [event["kind"] for event in told[key]["events"]]
        assert row["delete_intended_at"], f"{key}: no intent was written down"
        assert "delete_intended" in kinds
        assert told[key]["delete_intended_at"] == row["delete_intended_at"]
        assert f"{row['sha256']}  {Path(row['path']).name}\n" in (folder / "SHA256SUMS").read_text()


def check_end(cloud: MemoryCloud, seen: Seen) -> int:
    """After the last full walks: all that Blink has is here, and nothing waits; how many clips that are."""
    for clip in cloud.alive():
        expected = "pruned" if clip.pruned else "excluded" if clip.excluded else "archived"
        row = seen.rows[clip.key]
        assert row["status"] == expected, f"{clip.key} is missing at the end"
        if expected == "archived" and not clip.partial:
            assert NEVER_WHOLE not in (row["unproven"] or ""), f"{clip.key} is whole at Blink, and half here"
    waiting = [key for key, row in seen.rows.items() if row["status"] == "waiting"]
    assert not waiting, f"{waiting} wait at the end"
    return len(cloud.alive())
