"""Verify: every file read back and compared with the catalog, and the folder searched for strangers."""

from __future__ import annotations

import json
import os
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ..errors import ArchiveError, StorageError
from ..model import utc_text
from .catalog import Catalog, catalog_errors
from .days import files
from .findings import Finding, check_file
from .folder import Archive
from .layout import EXPORT
from .tree import strangers, unlike_days

T = TypeVar("T")
R = TypeVar("R")

_PAGE = 500  # rows of clips held in memory at a time
_BATCH = 5_000  # clips whose dates are written at a time, at most
_BATCH_SECONDS = 5.0
_AHEAD = 4  # turns given to each thread before the first of them is waited for
# A turn is one clip, or several small ones: to pass a clip to a thread takes longer than to read a small one.
_TURN_CLIPS, _TURN_BYTES = 64, 1_000_000
_QUICK = 0.1  # seconds from giving a turn to taking its result

_HERE = "sha256 IS NOT NULL AND local_removed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. ``other`` counts files that are not ours and are forgiven; ``days`` are those
    (2026-11-23) whose ``SHA256SUMS`` or ``clips.json`` is among the findings.

    ``left``: so many clips were not reached in the time given; ``searched``: that time was enough to look at
    the whole folder for foreign files, and at the days' own.
    """

    checked: int
    bytes: int
    other: int
    findings: tuple[Finding, ...]
    days: tuple[str, ...] = ()
    left: int = 0
    searched: bool = True


@dataclass(frozen=True, slots=True)
class _Clip:
    id: int
    files: tuple[tuple[str, str], ...]  # (path, sha256)
    bytes: int


_Read = tuple[_Clip, list[tuple[int, Finding | None]]]  # of each file its length, and what is wrong with it


@dataclass(frozen=True, slots=True)
class Oldest:
    """How far back the verification of an archive reaches: clips ``never`` verified, and when the one was
    whose turn was longest ago (None where there is none)."""

    never: int
    at: str | None


class Dates:
    """``verified_at`` of what was read, written while the reading goes on.

    A disk that is read-only, or a catalog that another program holds, can be verified too: ``trouble`` says
    then why no date is kept.
    """

    def __init__(self, catalog: Catalog | None, *, now: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self.now = now
        self.trouble: ArchiveError | StorageError | None = None

    @classmethod
    def open(cls, archive: Archive, *, now: Callable[[], datetime]) -> Dates:
        """Of this archive, over a connection of its own, which `close` closes."""
        dates = cls(None, now=now)
        try:
            dates._catalog = archive.open_catalog(write=True)
        except (ArchiveError, StorageError) as error:
            dates.trouble = error
        return dates

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._catalog is not None:
            self._catalog.close()

    def clips(self, clips: Sequence[int]) -> None:
        """These are here as they were archived."""
        at = utc_text(self.now())
        self._write("UPDATE clips SET verified_at = ? WHERE id = ?", [(at, clip) for clip in clips])

    def days(self, days: Sequence[str]) -> None:
        """The own files of these days are to be written anew."""
        self._write("INSERT OR IGNORE INTO dirty_days VALUES (?)", [(day,) for day in days])

    def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._catalog is None or self.trouble is not None or not rows:
            return
        try:
            with self._catalog.transaction():
                self._catalog.db.conn.executemany(sql, rows)
        except (ArchiveError, StorageError) as error:
            self.trouble = error


def verify(
    catalog: Catalog,
    folder: Path,
    *,
    share: float | None = None,
    start: float = 0.0,
    limit: timedelta | None = None,
    dates: Dates | None = None,
    running: Callable[[], bool],
    progress: Callable[[int], object],
    workers: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Re-read the files that the catalog says are in ``folder`` (the archive or a copy of it): those that
    were never verified first, then those whose turn was longest ago.

    ``share`` (more than 0, up to 1) reads only so many of the files, evenly spread from a ``start`` (0 up
    to 1, chosen at random), and leaves the days' own files out, which an export never has. After ``limit`` no
    other clip is begun; half of it is for the look at the folder, which comes first. What is well is told to
    ``dates`` as it goes on, also if it is interrupted. ``running`` tells whether a sync is writing at that
    moment, whose files are left alone; ``progress`` is told the bytes read. Raises `ArchiveError` if the
    catalog cannot be read.
    """
    began = clock()
    seconds = float("inf") if limit is None else limit.total_seconds()

    def half_over() -> bool:
        return clock() - began >= seconds / 2

    other, foreign = strangers(catalog, folder, running=running, stop=half_over)
    of_days = share is None and not (folder / f"{EXPORT}.json").exists()
    days = unlike_days(catalog, folder, running=running, stop=half_over) if of_days else {}
    searched = not half_over()
    if dates is not None:
        dates.days(list(days))
    reading = _Reading(catalog, folder, dates, progress=progress, clock=clock, end=began + seconds)
    reading.run(share, start, workers=workers or os.cpu_count() or 1)
    unlike = [finding for found in days.values() for finding in found]
    return Report(
        checked=reading.checked,
        bytes=reading.bytes,
        other=other,
        findings=(*reading.findings, *unlike, *foreign),
        days=tuple(days),
        left=reading.left,
        searched=searched,
    )


def total_bytes(catalog: Catalog) -> int:
    """How many bytes a whole `verify` reads."""
    return int(
        catalog.value(
            "SELECT total(bytes) + total(thumbnail_bytes) FROM clips WHERE local_removed_at IS NULL"
        )
    )


def oldest(catalog: Catalog) -> Oldest:
    """How far back the verification of the archive reaches."""
    row = catalog.rows(
        f"SELECT count(*) - count(verified_at) AS n, min(verified_at) AS at FROM clips WHERE {_HERE}"
    )
    return Oldest(row[0]["n"], row[0]["at"])


class _Reading:
    """The files of all clips, or of a share of them, read back in a few threads."""

    def __init__(
        self,
        catalog: Catalog,
        folder: Path,
        dates: Dates | None,
        *,
        progress: Callable[[int], object],
        clock: Callable[[], float],
        end: float,
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._dates = dates
        self._progress = progress
        self._clock = clock
        self._end = end
        self._well: list[int] = []  # not yet dated
        self._dated_at = clock()
        self._turn = 1
        self.findings: list[Finding] = []
        self.checked = self.bytes = self.left = 0

    def run(self, share: float | None, start: float, *, workers: int) -> None:
        """Read until all is read, or the time is up."""
        order = _order(self._catalog, self._dates.now() if self._dates else None)
        self.left = len(order)
        clips = self._in_time(_clips(self._catalog, order))
        if share is not None:
            clips = _sample(clips, step=min(1 / share, _count(self._catalog)), start=start)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="verify")
        try:
            for given, read in in_order(pool, self._read, self._turns(clips), ahead=_AHEAD * workers):
                quick = self._clock() - given < _QUICK
                self._turn = min(2 * self._turn, _TURN_CLIPS) if quick else 1
                for clip, results in read:
                    if results:
                        self._take(clip, results)
                    else:
                        self.left += 1
        finally:  # after Ctrl-C, read no more than what was begun
            pool.shutdown(cancel_futures=True)
            self._date()

    def _in_time(self, clips: Iterable[_Clip | None]) -> Iterator[_Clip]:
        for clip in clips:
            if self._clock() >= self._end:
                return
            self.left -= 1
            if clip is not None:
                yield clip

    def _turns(self, clips: Iterable[_Clip]) -> Iterator[tuple[float, list[_Clip]]]:
        """The clips by so many as are read in one go, and when they were given. Where turns do not come back
        quickly it is one: Ctrl-C and the end of the time wait for what was begun."""
        turn: list[_Clip] = []
        for clip in clips:
            turn.append(clip)
            if len(turn) >= self._turn or sum(each.bytes for each in turn) >= _TURN_BYTES:
                yield self._clock(), turn
                turn = []
        if turn:
            yield self._clock(), turn

    def _read(self, turn: tuple[float, Sequence[_Clip]]) -> tuple[float, list[_Read]]:
        """In a thread: what is said of each clip's files; nothing where the time was up before."""
        given, clips = turn
        read: list[_Read] = []
        for clip in clips:
            files = clip.files if self._clock() < self._end else ()
            read.append(
                (clip, [check_file(self._folder, path, sha256, clip_id=clip.id) for path, sha256 in files])
            )
        return given, read

    def _take(self, clip: _Clip, results: Sequence[tuple[int, Finding | None]]) -> None:
        found = [finding for _, finding in results if finding]
        if found:
            found = self._still_true(clip, found)
        else:
            self._well.append(clip.id)
        self.findings += found
        for size, _ in results:
            self.checked += 1
            self.bytes += size
            self._progress(size)
        if len(self._well) >= _BATCH or self._clock() - self._dated_at >= _BATCH_SECONDS:
            self._date()

    def _still_true(self, clip: _Clip, found: list[Finding]) -> list[Finding]:
        """``found``, without what is not said to be here any more: pruned meanwhile, or renamed."""
        expected = dict(clip.files)
        now = dict(files(self._catalog.rows("SELECT * FROM clips WHERE id = ?", (clip.id,))))
        return [each for each in found if now.get(each.path) == expected[each.path]]

    def _date(self) -> None:
        if self._dates is not None:
            self._dates.clips(self._well)
        self._well.clear()
        self._dated_at = self._clock()


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], *, ahead: int
) -> Iterator[R]:
    """``work`` of each, in order, with so many under way."""
    under_way: deque[Future[R]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _order(catalog: Catalog, now: datetime | None) -> array[int]:
    """The ids of all clips with files, in the order of their turns. A date later than ``now``, of a clock
    that was wrong, counts as none: else that clip's turn would not come for years."""
    with catalog_errors(catalog.path):
        rows = catalog.db.execute(
            f"SELECT id FROM clips WHERE {_HERE} ORDER BY iif(verified_at <= ?, verified_at, NULL), id",
            (utc_text(now) if now else "",),
        )
        return array("q", (row[0] for row in rows))


def _clips(catalog: Catalog, order: Sequence[int]) -> Iterator[_Clip | None]:
    """The clips in that order; None for one that is not here any more."""
    for begin in range(0, len(order), _PAGE):
        page = order[begin : begin + _PAGE]
        # In one answer: with each row, SQLite lets go of the GIL, and then waits for the readers.
        rows = json.loads(
            catalog.value(
                "SELECT json_group_array(json_array("
                "id, path, sha256, thumbnail_path, thumbnail_sha256, coalesce(bytes, 0))) "
                f"FROM clips WHERE {_HERE} AND id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(page)),),
            )
        )
        found = {}
        for clip_id, path, sha256, thumbnail, of_thumbnail, length in rows:
            two = (thumbnail, of_thumbnail)
            found[clip_id] = _Clip(clip_id, ((path, sha256), two) if thumbnail else ((path, sha256),), length)
        for clip_id in page:
            yield found.get(clip_id)


def _count(catalog: Catalog) -> int:
    """How many files the clips have."""
    return int(catalog.value(f"SELECT count(*) + count(thumbnail_sha256) FROM clips WHERE {_HERE}"))


def _sample(clips: Iterable[_Clip], *, step: float, start: float) -> Iterator[_Clip]:
    """Every ``step``-th file, from a place in the first step on; one at least, if the files fill a step."""
    wanted = start * step
    number = 0
    for clip in clips:
        chosen = []
        for file in clip.files:
            number += 1
            if number > wanted:
                chosen.append(file)
                wanted += step
        if chosen:
            yield _Clip(clip.id, tuple(chosen), clip.bytes)
