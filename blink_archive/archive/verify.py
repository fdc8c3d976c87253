"""Verify: every file read back and compared with the catalog, and the folder searched for strangers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from ..errors import StorageError
from ..model import utc_text
from .catalog import Catalog
from .days import files
from .layout import thumbnail_path
from .store import hash_file

_BATCH = 500
_NUMBERED = re.compile(r"~\d+(?=\.\w+$)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not as it should be; ``path`` is relative to the folder that was verified."""

    kind: Literal["missing", "changed", "foreign"]
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. ``other`` counts files that are not ours and are forgiven."""

    checked: int
    bytes: int
    other: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _File:
    clip_id: int
    path: str
    sha256: str


def verify(
    catalog: Catalog,
    folder: Path,
    *,
    choose: Callable[[], bool],
    running: Callable[[], bool],
    progress: Callable[[int], None],
    workers: int | None = None,
) -> Report:
    """Re-read the files that the catalog says are in ``folder`` (the archive or a copy of it).

    ``choose`` decides file by file whether it is read (a sample); ``running`` tells whether a sync is writing
    at that moment, whose files are left alone; ``progress`` is told the bytes read. Raises
    `ArchiveError` if the catalog cannot be read.
    """
    findings: list[Finding] = []
    checked = read = 0
    with ThreadPoolExecutor(workers or os.cpu_count(), thread_name_prefix="verify") as pool:
        wanted = (file for file in _files(catalog) if choose())
        while batch := list(islice(wanted, _BATCH)):
            for size, finding in pool.map(lambda file: _check(folder, file), batch):
                checked += 1
                read += size
                progress(size)
                if finding:
                    findings.append(finding)
    other, foreign = _strangers(catalog, folder, running=running)
    return Report(checked, read, other, (*findings, *foreign))


def total_bytes(catalog: Catalog) -> int:
    """How many bytes a whole `verify` reads."""
    return int(
        catalog.value(
            "SELECT total(bytes) + total(thumbnail_bytes) FROM clips WHERE local_removed_at IS NULL"
        )
    )


def record_verified(catalog: Catalog, report: Report, *, began: datetime) -> None:
    """After a whole `verify` of the archive itself, which ``began`` then: ``verified_at`` for every clip
    without a finding. What a sync archived since may not have been read."""
    bad = {finding.path for finding in report.findings}
    with catalog.transaction():
        catalog.db.execute("CREATE TEMP TABLE bad (path TEXT PRIMARY KEY)")
        catalog.db.conn.executemany("INSERT INTO bad VALUES (?)", [(path,) for path in bad])
        catalog.db.execute(
            """
            UPDATE clips SET verified_at = ?
            WHERE sha256 IS NOT NULL AND local_removed_at IS NULL AND archived_at <= ?
              AND path NOT IN (SELECT path FROM bad)
              AND coalesce(thumbnail_path, '') NOT IN (SELECT path FROM bad)
            """,
            (utc_text(began), utc_text(began)),
        )
        catalog.db.execute("DROP TABLE bad")


def _files(catalog: Catalog) -> Iterator[_File]:
    last = 0
    while rows := catalog.rows(
        "SELECT id, path, sha256, thumbnail_path, thumbnail_sha256, local_removed_at FROM clips "
        "WHERE id > ? AND sha256 IS NOT NULL ORDER BY id LIMIT ?",
        (last, _BATCH),
    ):
        last = rows[-1]["id"]
        for row in rows:
            for path, sha256 in files([row]):
                yield _File(row["id"], path, sha256)


def _check(folder: Path, file: _File) -> tuple[int, Finding | None]:
    path = folder / file.path
    try:
        if hash_file(path) == file.sha256:
            return path.stat().st_size, None
    except FileNotFoundError:
        return 0, Finding("missing", file.path, "the catalog has it, the folder has not")
    except OSError as error:
        return 0, Finding("changed", file.path, f"it cannot be read: {error.strerror}")
    return path.stat().st_size, Finding("changed", file.path, "its bytes are not those that were archived")


def _strangers(catalog: Catalog, folder: Path, *, running: Callable[[], bool]) -> tuple[int, list[Finding]]:
    """Count other files, and find the clips and thumbnails that no row and no recorded clash names."""
    known = _known(catalog)
    other = 0
    suspects: list[str] = []
    for path in _tree(folder):
        if path in known:
            continue
        theirs = any(part.startswith(("@", ".")) for part in path.split("/"))  # of a NAS, or of macOS
        if path.lower().endswith((".mp4", ".jpg")) and not theirs:
            suspects.append(path)
        else:
            other += 1
    if suspects:  # what a sync has named since, or is about to
        about_to = running()
        known = _known(catalog)
        suspects = [
            path
            for path in suspects
            if path not in known and not (about_to and _NUMBERED.sub("", path) in known)
        ]
    return other, [Finding("foreign", path, "the catalog does not know it") for path in suspects]


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
                if name not in {"SHA256SUMS", "clips.json"}:
                    yield f"{base}/{name}"
