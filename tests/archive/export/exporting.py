"""An archive with real files, exported by the engine itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export.run import Report, Request, planned
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import Archive

from ..helpers import NOW, archive_files, list_items, make_item

FIRST = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)


def fill(
    archive: Archive, catalog: Catalog, count: int, *, first: int = 7000001, **changes: Any
) -> list[str]:
    """So many more clips with files and thumbnails, an hour apart; their keys."""
    keys = [str(first + number) for number in range(count)]
    for key in keys:
        at = FIRST + timedelta(hours=int(key) - 7000001)
        list_items(catalog, make_item(int(key), created_at=at, **changes))
        data = hashlib.sha256(key.encode()).digest() * (100 + int(key) % 7)
        archive_files(catalog, archive.store, key, clip_data=data, picture=b"picture of " + key.encode())
    return keys


def request(destination: Path, *, wanted: Filter | None = None, **options: Any) -> Request:
    """What is asked for; its options are its arguments, too."""
    told = {name: str(value) for name, value in options.items() if name != "how"}
    return Request(destination, wanted or Filter(), told, **options)


def export(
    archive: Archive,
    asked: Request,
    *,
    tick: Callable[[int], object] = lambda _: None,
    now: Callable[[], datetime] = lambda: NOW,
) -> Report:
    """One run of it."""
    with planned(archive, asked, now=now) as work:
        return work.run(tick=tick)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def clips_of(archive: Archive) -> dict[str, bytes]:
    """The archive's clips and thumbnails."""
    return {name: data for name, data in tree(archive.root).items() if name.endswith((".mp4", ".jpg"))}
