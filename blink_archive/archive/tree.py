"""The folder as a whole: the clips and thumbnails in it that nobody knows, and the days' own files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import StorageError
from . import layout
from .catalog import Catalog
from .days import day_files
from .findings import Finding, check_file
from .layout import thumbnail_path

_NUMBERED = re.compile(r"~\d+(?=\.\w+$)")
_IMPORTED = re.compile(
    r"_import-[0-9a-f]{8}(~\d+)?\.mp4$"
)  # an import names its files just before their rows
# What changes without the day being written anew: by every verify, and by every manifest of a stick.
_LAGS = ("verified_at",)
_LAGS_ON_STICKS = ("media", "listed_at")

Told = Callable[[], bool]


def strangers(catalog: Catalog, folder: Path, *, running: Told, stop: Told) -> tuple[int, list[Finding]]:
    """Count other files, and find the clips and thumbnails that no row and no recorded clash names.

    The search ends early once ``stop`` tells so. Raises `StorageError` for a folder that cannot be read.
    """
    known = _known(catalog)
    other = 0
    suspects: list[str] = []
    for path in _tree(folder):
        if stop():
            break
        if path in known:
            continue
        theirs = any(part.startswith(("@", ".")) for part in path.split("/"))  # of a NAS, or of macOS
        if path.lower().endswith((".mp4", ".ts", ".jpg")) and not theirs:
            suspects.append(path)
        else:
            other += 1
    if suspects:  # what a sync has named since, or is about to
        about_to = running()
        known = _known(catalog)
        suspects = [
            path
            for path in suspects
            if path not in known
            and not (about_to and (_NUMBERED.sub("", path) in known or _IMPORTED.search(path)))
        ]
    return other, [Finding("foreign", path, "the catalog does not know it") for path in suspects]


def unlike_days(catalog: Catalog, folder: Path, *, running: Told, stop: Told) -> dict[str, list[Finding]]:
    """The days whose own files are missing or do not say what the catalog says, with the findings; without
    the days that the next sync writes anyway. The search ends early once ``stop`` tells so."""
    days = [row["local_day"] for row in catalog.rows("SELECT DISTINCT local_day FROM clips ORDER BY 1")]
    found: dict[str, list[Finding]] = {}
    for again in (False, True):  # a sync that has ended meanwhile may have written them anew
        found = {}
        for day in days:
            if stop() and not again:
                break
            if findings := _check_day(catalog, folder, day):
                found[day] = findings
        if not found or running():  # a sync writes them at its end
            return {}
        days = list(found)
    return found


def _check_day(catalog: Catalog, folder: Path, day: str) -> list[Finding]:
    if catalog.value("SELECT 1 FROM dirty_days WHERE local_day = ?", (day,)):
        return []
    sums, clips = (f"{layout.day_folder(day)}/{name}" for name in (layout.SHA256SUMS, layout.CLIPS_JSON))
    expected = day_files(catalog, day)
    findings = [_check_clips(folder, clips, expected[clips])]
    if listed := expected[sums]:
        findings.append(check_file(folder, sums, hashlib.sha256(listed.encode()).hexdigest())[1])
    elif os.path.lexists(folder / sums):
        findings.append(Finding("changed", sums, "the catalog knows nothing that it could list"))
    return [finding for finding in findings if finding]


def _check_clips(folder: Path, path: str, expected: str) -> Finding | None:
    file = folder / path
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return Finding("changed", path, "it is no plain file")
        found = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Finding("missing", path, "it tells of the day's clips without the catalog")
    except OSError as error:
        return Finding("changed", path, f"it cannot be read: {error.strerror}")
    if found == expected.encode():
        return None
    try:
        same = _told(found) == _told(expected)
    except (ValueError, RecursionError):
        return Finding("changed", path, "it is torn: no JSON, or not all of it")
    return None if same else Finding("changed", path, "it does not say what the catalog says")


def _told(text: str | bytes) -> Any:
    """What a ``clips.json`` says, without what may lag behind the catalog."""
    told = json.loads(text)
    match told:
        case {"clips": [*clips]}:
            for clip in clips:
                if isinstance(clip, dict):
                    for name in _LAGS + (_LAGS_ON_STICKS if clip.get("origin") == "usb" else ()):
                        clip.pop(name, None)
    return told


def _known(catalog: Catalog) -> set[str]:
    """Every path that a clip or its thumbnail has, will have, or would have had but for a clash."""
    known: set[str] = set()
    for row in catalog.rows("SELECT path, thumbnail_path FROM clips"):
        known |= {row["path"], thumbnail_path(row["path"])}
        if row["thumbnail_path"]:
            known.add(row["thumbnail_path"])
    for row in catalog.rows("SELECT json_extract(detail, '$.path') AS path FROM events WHERE kind = 'clash'"):
        known |= {row["path"], thumbnail_path(row["path"])}
    return known


def _tree(folder: Path) -> Iterable[str]:
    """Every file below the dated tree, relative to ``folder``."""

    def fail(error: OSError) -> None:
        raise StorageError(f"{error.filename} cannot be read: {error.strerror}. Check the disk.") from error

    for year in sorted(folder.glob("[0-9][0-9][0-9][0-9]")):
        for parent, _, names in os.walk(year, onerror=fail):
            base = Path(parent).relative_to(folder).as_posix()
            for name in names:
                if name not in {layout.SHA256SUMS, layout.CLIPS_JSON}:
                    yield f"{base}/{name}"
