"""``SHA256SUMS`` and ``clips.json`` of each day: what lets the folder stand without the program."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any

from ..errors import IntegrityError
from . import layout
from .catalog import FORMAT, Catalog, storable
from .proof import read_back
from .store import Store

# The day's own name is said once at its top, `raw` becomes `item`, and ids of rows mean nothing outside.
LEFT_OUT = {"id", "raw", "local_day", "archived_run", "covered_by"}


_BATCH = 8


def write_dirty_days(catalog: Catalog, store: Store, *, only: str | None = None) -> bool:
    """Write anew the files of some days that changed since they were written, or ``only`` of that one;
    whether any were left to.

    A day stays dirty until its files are durable, so a run that dies leaves the rest to the next one. All
    of it is one transaction, so that two programs never write a day at the same time, and what one commits
    meanwhile stays dirty.
    """
    with catalog.transaction():
        days = catalog.rows(
            "SELECT local_day FROM dirty_days WHERE local_day = coalesce(?, local_day) "
            "ORDER BY local_day LIMIT ?",
            (only, _BATCH),
        )
        for day in days:
            write_day(catalog, store, day["local_day"])
        catalog.db.conn.executemany("DELETE FROM dirty_days WHERE local_day = :local_day", days)
    return bool(days)


def write_proven_day(catalog: Catalog, store: Store, day: str) -> None:
    """Write one day's files now, and read them back from the disk: before a deletion at Blink, they have to
    tell of its clips. Raises `IntegrityError` where they are not what was written."""
    with catalog.transaction():  # nobody else writes the day before it is read
        write_day(catalog, store, day)
        catalog.db.execute("DELETE FROM dirty_days WHERE local_day = ?", (day,))
        for path, text in day_files(catalog, day).items():
            if text and read_back(store, path) != text.encode():
                raise IntegrityError(
                    f"{path} is not what was just written to it. Nothing more is deleted in this run; check "
                    "the disk."
                )


def write_day(catalog: Catalog, store: Store, day: str) -> None:
    """Write one day's files, or remove ``SHA256SUMS`` where there is nothing left to list.

    Before that, what was pruned is removed: so the rest of a killed run goes when its day is written.
    """
    pruned = catalog.rows(
        "SELECT * FROM clips WHERE local_day = ? AND local_removed_reason = 'pruned'", (day,)
    )
    rest = files([row | {"local_removed_at": None} for row in pruned])
    # one after the other: each leaves as soon as it was looked at
    store.remove(
        path for path, sha256 in rest if store.holds(path, sha256) and not _is_anothers(catalog, path)
    )
    for path, text in day_files(catalog, day).items():
        if text:
            store.write_text(path, text)
        else:
            store.remove([path])


def _is_anothers(catalog: Catalog, path: str) -> bool:
    """Whether a clip that was not pruned has that file, too: two thumbnails of the same bytes can be one."""
    return bool(
        catalog.rows(
            "SELECT 1 FROM clips WHERE ? COLLATE NOCASE IN (path, thumbnail_path) AND sha256 IS NOT NULL "
            "AND local_removed_reason IS NOT 'pruned'",
            (path,),
        )
    )


def day_files(catalog: Catalog, day: str) -> dict[str, str]:
    """The text of each of a day's files by its path, empty for one that is not to be there."""
    folder = layout.day_folder(day)
    clips = catalog.rows("SELECT * FROM clips WHERE local_day = ? ORDER BY created_at, id", (day,))
    return {
        f"{folder}/{layout.CLIPS_JSON}": _clips_json(catalog, day, clips),
        f"{folder}/{layout.SHA256SUMS}": sums_text(clips, folder),
    }


def sums_text(clips: list[dict[str, Any]], folder: str) -> str:
    """``SHA256SUMS`` of a day's folder for these rows of ``clips``; empty where none has a file here."""
    return "".join(f"{sha256}  {_from(folder, path)}\n" for path, sha256 in files(clips))


def _from(folder: str, path: str) -> str:
    """``path`` as it is seen from ``folder``, both relative to the root."""
    if path.startswith(f"{folder}/"):
        return path[len(folder) + 1 :]
    return posixpath.relpath(f"/{path}", f"/{folder}")


def files(clips: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(path, sha256) of every file that these rows of ``clips`` say is here."""
    for clip in clips:
        if clip["local_removed_at"] is None:
            if clip["sha256"]:
                yield clip["path"], clip["sha256"]
            if clip["thumbnail_sha256"]:
                yield clip["thumbnail_path"], clip["thumbnail_sha256"]


def _clips_json(catalog: Catalog, day: str, clips: list[dict[str, Any]]) -> str:
    """One clip a line: quick to write, and `grep` and `diff` are of use."""
    events: dict[int, list[dict[str, Any]]] = {}
    for event in catalog.rows(
        """
        SELECT clip_id, at, kind, detail FROM events
        WHERE clip_id IN (SELECT id FROM clips WHERE local_day = ?) ORDER BY id
        """,
        (day,),
    ):
        entry = {"at": event["at"], "kind": event["kind"]}
        if event["detail"]:
            entry["detail"] = json.loads(event["detail"])
        events.setdefault(event["clip_id"], []).append(entry)
    lines = [
        f'{_json(_told(clip))[:-1]}, "item": {clip["raw"]}, "events": {_json(events.get(clip["id"], []))}}}'
        for clip in clips  # the row's own JSON as it stands: to read and write it again takes longest of all
    ]
    head = json.dumps({"format": FORMAT, "day": day})[:-1]
    return f'{head}, "clips": [\n' + ",\n".join(lines) + "\n]}\n"


def _told(clip: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in clip.items() if value is not None and name not in LEFT_OUT}


def _json(value: Any) -> str:
    return storable(json.dumps(value, ensure_ascii=False))
