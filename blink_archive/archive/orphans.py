"""Files that a killed run had named and not yet recorded, of clips that Blink has no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from ..errors import BadMedia
from ..model import utc_text
from .catalog import Catalog
from .container import Mp4, TransportStream, walk_jpeg, walk_mp4
from .hashing import hash_file
from .layout import thumbnail_path
from .queue import Outcome, Saved, SavedClip, queued, record_outcomes
from .store import Kept, Store, storage_errors

_WHY = "found in the folder after a run was killed; Blink, which has it no more, cannot say how long it was"


def adopt_orphans(
    catalog: Catalog, store: Store, *, run: int, began: datetime, now: datetime
) -> list[tuple[str, str]]:
    """Record the file of every clip that is gone since ``began`` and lies here whole, as unproven.

    While Blink has a clip, the next fetch proves such a file by bringing the same bytes; this is for
    those that nobody can bring any more. Returns (clip, why it is unproven).
    """
    gone = queued(catalog, "gone_at >= :began AND sha256 IS NULL", {"began": utc_text(began)})
    outcomes = []
    for clip in gone:
        if found := named_file(store, clip.path, walk_mp4):
            found = replace(found, unproven=f"{found.unproven}; {_WHY}" if found.unproven else _WHY)
            picture = _picture(store, thumbnail_path(clip.path))
            outcomes.append(Outcome(clip, saved=found, thumbnail=picture))
    store.sync_folders(outcome.clip.path for outcome in outcomes)
    record_outcomes(catalog, outcomes, run=run, now=now)
    return [(outcome.clip.key, _WHY) for outcome in outcomes]


def named_file(
    store: Store, path: str, walk: Callable[[BinaryIO], Mp4 | TransportStream]
) -> SavedClip | None:
    """The file of this name, with what its walk found wrong as ``unproven``; None where there is none,
    or none that ``walk`` knows."""
    file = store.file(path)
    with storage_errors(f"read {path}"):
        if not file.is_file() or file.is_symlink():
            return None
        with file.open("rb") as opened:
            try:
                found = walk(opened)
            except BadMedia:
                return None
    return SavedClip(_saved(store, path), found.duration, found.flaw)


def _picture(store: Store, path: str) -> Saved | None:
    file = store.file(path)
    with storage_errors(f"read {path}"):
        if not file.is_file() or file.is_symlink():
            return None
        try:
            walk_jpeg(file.read_bytes())
        except BadMedia:
            return None
    return _saved(store, path)


def _saved(store: Store, path: str) -> Saved:
    file = store.file(path)
    with storage_errors(f"read {path}"):
        return Saved(Kept(path, adopted=True), file.stat().st_size, hash_file(file))
