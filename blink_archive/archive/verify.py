"""Verify: every file read back and compared with the catalog, and the folder searched for strangers."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Literal

from ..errors import StorageError
from ..model import utc_text
from . import layout
from .catalog import Catalog, catalog_errors
from .days import files
from .layout import thumbnail_path
from .store import hash_file

_BATCH = 500
_NUMBERED = re.compile(r"~\d+(?=\.\w+$)")
_IMPORTED = re.compile(
    r"_import-[0-9a-f]{8}(~\d+)?\.mp4$"
)  # an import names its files just before their rows


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not as it should be; ``path`` is relative to the folder that was verified."""

    kind: Literal["missing", "changed", "foreign"]
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. ``other`` counts files that are not ours and are forgiven; ``days`` are those
    (2026-11-23) whose ``SHA256SUMS`` or ``clips.json`` is among the findings."""

    checked: int
    bytes: int
    other: int
    findings: tuple[Finding, ...]
    days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    sha256: str


def verify(
    catalog: Catalog,
    folder: Path,
    *,
    share: float | None = None,
    start: float = 0.0,
    running: Callable[[], bool],
    progress: Callable[[int], object],
    workers: int | None = None,
) -> Report:
    """Re-read the files that the catalog says are in ``folder`` (the archive or a copy of it).

    ``share`` (more than 0, up to 1) reads only so many of the files, evenly spread from a ``start`` (0 up
    to 1, chosen at random), and leaves the days' own files out. ``running`` tells whether a sync is writing
    at that moment, whose files are left alone; ``progress`` is told the bytes read. Raises `ArchiveError`
    if the catalog cannot be read.
    """
    findings: list[Finding] = []
    checked = read = 0
    wanted = _files(catalog)
    if share is not None:
        wanted = _sample(wanted, step=min(1 / share, _count(catalog)), start=start)
    pool = ThreadPoolExecutor(workers or os.cpu_count(), thread_name_prefix="verify")
    try:
        while batch := list(islice(wanted, _BATCH)):
            for size, finding in pool.map(lambda file: _check(folder, file), batch):
                checked += 1
                read += size
                progress(size)
                if finding:
                    findings.append(finding)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, read no more than what was begun
    other, foreign = _strangers(catalog, folder, running=running)
    days = {} if share is not None else _unlike_days(catalog, folder, running=running)
    of_days = [finding for found in days.values() for finding in found]
    return Report(checked, read, other, (*findings, *of_days, *foreign), tuple(days))


def total_bytes(catalog: Catalog) -> int:
    """How many bytes a whole `verify` reads."""
    return int(
        catalog.value(
            "SELECT total(bytes) + total(thumbnail_bytes) FROM clips WHERE local_removed_at IS NULL"
        )
    )


def record_verified(catalog: Catalog, report: Report, *, began: datetime) -> None:
    """After a whole `verify` of the archive itself, which ``began`` then: ``verified_at`` for every clip
    without a finding, and the days with one become dirty, so that the next sync writes their files anew.
    What a sync archived since may not have been read."""
    bad = {finding.path for finding in report.findings if finding.kind != "foreign"}
    with catalog.transaction():
        catalog.db.conn.executemany(
            "INSERT OR IGNORE INTO dirty_days VALUES (?)", [(day,) for day in report.days]
        )
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
                yield _File(path, sha256)


def _count(catalog: Catalog) -> int:
    """How many files `_files` tells."""
    return int(
        catalog.value(
            "SELECT count(sha256) + count(CASE WHEN sha256 IS NOT NULL THEN thumbnail_sha256 END) "
            "FROM clips WHERE local_removed_at IS NULL"
        )
    )


def _sample(files: Iterator[_File], *, step: float, start: float) -> Iterator[_File]:
    """Every ``step``-th file, from a place in the first step on; one at least, if the files fill a step."""
    wanted = start * step
    for number, file in enumerate(files, 1):
        if number > wanted:
            yield file
            wanted += step


def _check(folder: Path, file: _File) -> tuple[int, Finding | None]:
    path = folder / file.path
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # opening a FIFO would wait for its writer, for ever
            return 0, Finding("changed", file.path, "it is no plain file")
        if hash_file(path) == file.sha256:
            return about.st_size, None
    except FileNotFoundError:
        return 0, Finding("missing", file.path, "the catalog has it, the folder has not")
    except OSError as error:
        return 0, Finding("changed", file.path, f"it cannot be read: {error.strerror}")
    return about.st_size, Finding("changed", file.path, "its bytes are not those that the catalog knows")


def _unlike_days(catalog: Catalog, folder: Path, *, running: Callable[[], bool]) -> dict[str, list[Finding]]:
    """The days whose own files are missing or do not say what the catalog says, with the findings."""
    for _ in range(2):  # a sync that has ended meanwhile may have written them anew
        found = {
            day: findings
            for day, expected in _sums(catalog).items()
            if (findings := _check_day(folder, layout.day_folder(day), expected))
        }
        if not found or running():  # a sync writes them at its end
            return {}
    return found


def _sums(catalog: Catalog) -> dict[str, str | None]:
    """The SHA-256 that ``SHA256SUMS`` of each day has to have, None where there is nothing to list; without
    the days that the next sync writes anyway."""
    expected: dict[str, str | None] = {}
    with catalog_errors(catalog.path):
        rows = catalog.db.query(
            "SELECT local_day, path, sha256, thumbnail_path, thumbnail_sha256, local_removed_at FROM clips "
            "WHERE local_day NOT IN (SELECT local_day FROM dirty_days) ORDER BY local_day, created_at, id"
        )
        for day, clips in groupby(rows, key=itemgetter("local_day")):
            folder = layout.day_folder(day)
            lines = [f"{sha256}  {posixpath.relpath(path, folder)}\n" for path, sha256 in files(list(clips))]
            expected[day] = hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None
    return expected


def _check_day(folder: Path, day_folder: str, expected: str | None) -> list[Finding]:
    findings = []
    sums, clips = f"{day_folder}/{layout.SHA256SUMS}", f"{day_folder}/{layout.CLIPS_JSON}"
    if expected:
        findings.append(_check(folder, _File(sums, expected))[1])
    elif os.path.lexists(folder / sums):
        findings.append(Finding("changed", sums, "the catalog knows nothing that it could list"))
    if not (folder / clips).is_file():
        findings.append(Finding("missing", clips, "it tells of the day's clips without the catalog"))
    return [finding for finding in findings if finding]


def _strangers(catalog: Catalog, folder: Path, *, running: Callable[[], bool]) -> tuple[int, list[Finding]]:
    """Count other files, and find the clips and thumbnails that no row and no recorded clash names."""
    known = _known(catalog)
    other = 0
    suspects: list[str] = []
    for path in _tree(folder):
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
