"""Import: video files that lie on a disk already become clips of the archive, each with its own row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ..errors import BlinkArchiveError, Interrupted, StorageError, UsageError
from ..model import utc_text
from .catalog import Catalog, storable
from .days import write_dirty_days
from .feed import mark_dirty
from .folder import Archive
from .judge import OUTCOMES, Clip, Judge, Options, Result
from .matching import imported_from
from .sources import Found, Source, chunks, opened, read_content
from .store import Part

_BATCH = 32
_BATCH_AGE = timedelta(seconds=1)
_PRECEDENCE = (130, 8, 3, 1)  # of exit codes, as for sync


@dataclass(frozen=True, slots=True)
class Report:
    """How an import ended; ``stopped`` is why it ended early. ``other`` counts files that it did not look
    at. What was under way when it stopped is in no result."""

    results: tuple[Result, ...]
    other: int
    stopped: str | None = None
    exit_code: int = 0

    def counts(self) -> dict[str, int]:
        """How many files had each outcome, and more about those that were imported."""
        outcomes = Counter(result.outcome for result in self.results)
        imported = [result for result in self.results if result.outcome == "imported"]
        return {
            **{outcome: outcomes[outcome] for outcome in OUTCOMES},
            "other": self.other,
            "bytes": sum(result.bytes for result in imported),
            "time_from_mp4": sum(result.time_from == "mp4" for result in imported),
            "time_from_file": sum(result.time_from == "file" for result in imported),
            "beside": sum(bool(result.beside) for result in imported),
        }


@dataclass(frozen=True, slots=True)
class _Pending:
    """A clip whose part is durable, and that waits for its name and its row."""

    place: int
    source: Source
    clip: Clip
    part: Part
    result: Result


def forecast(
    catalog: Catalog, found: Found, options: Options, *, now: datetime, tick: Callable[[int], object]
) -> Report:
    """What `import_files` would do; reads the files, and writes nothing. ``tick`` as there."""
    judge = Judge(catalog, options, now=now)
    results = _unreadable(found)
    for source in judge.in_order(found.sources):
        try:
            with opened(source) as file:
                content, _ = read_content(file, tick)
        except OSError as error:
            results.append(_failed(source, error))
            continue
        result, clip = judge.judge(source, content)
        results.append(result)
        if clip:
            judge.take(source, clip)
    return _report(results, found)


def import_files(
    archive: Archive,
    found: Found,
    options: Options,
    *,
    now: Callable[[], datetime],
    tick: Callable[[int], object],
) -> Report:
    """Take the files into the archive, under its lock, and write their days anew.

    ``tick`` is told the bytes read, and may raise `Interrupted`: what is complete then is committed, as it
    is after any error that ends the import, which is in the report. Raises only what keeps it from starting:
    `ArchiveBusy`, `ArchiveError`, `StorageError`.
    """
    with archive.lock():
        catalog = archive.open_catalog(write=True)
        try:
            archive.store.empty_incoming()
            return _Import(archive, catalog, found, options, now=now, tick=tick).go()
        finally:
            catalog.close()


def check_links(found: Found, root: Path) -> None:
    """Raise `UsageError` unless all sources lie on the file system of the archive ``root``."""
    device = root.stat().st_dev
    for source in found.sources:
        if source.device != device:
            raise UsageError(
                f"{source.path} lies on another file system than the archive {root}, so that it cannot be "
                "linked. Leave --link away to copy it."
            )


class _Import:
    """One import under the lock: files into parts, and parts by batches into the tree and the catalog."""

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        found: Found,
        options: Options,
        *,
        now: Callable[[], datetime],
        tick: Callable[[int], object],
    ) -> None:
        self._catalog = catalog
        self._store = archive.store
        self._found = found
        self._link = options.link
        self._now = now
        self._tick = tick
        self._judge = Judge(catalog, options, now=now())
        self._results: list[Result | None] = [*_unreadable(found)]  # None: not committed yet
        self._batch: list[_Pending] = []
        self._batch_began = now()
        self._run = catalog.begin_run("import", now=now())

    def go(self) -> Report:
        """All files, or as many as come before an error; then the days, and how it ended."""
        errors: list[BlinkArchiveError] = []
        try:
            for source in self._judge.in_order(self._found.sources):
                self._tick(0)
                self._results.append(self._one(source))
                if len(self._batch) >= _BATCH or self._now() - self._batch_began >= _BATCH_AGE:
                    self._commit()
        except BlinkArchiveError as error:
            errors.append(error)
        try:
            self._commit()
            if not any(isinstance(error, Interrupted | StorageError) for error in errors):
                while write_dirty_days(self._catalog, self._store):
                    pass
        except BlinkArchiveError as error:
            errors.append(error)
        return self._finish(errors)

    def _one(self, source: Source) -> Result | None:
        """What became of a file; None where that is settled with its batch."""
        try:
            with opened(source) as file:
                content, bytes_again = read_content(file, self._tick)
                result, clip = self._judge.judge(source, content)
                if clip is None:
                    return result
                part = self._store.link_part(source.path) if self._link else self._store.open_part()
                try:
                    self._fill(part, bytes_again)
                    if part.sha256 != content.sha256:
                        part.discard()
                        return replace(_failed(source), reason="it was changed while it was read")
                    self._store.make_durable(part, mtime=clip.created_at)
                except BaseException:
                    part.discard()
                    raise
        except OSError as error:
            return _failed(source, error)
        self._judge.take(source, clip)
        if not self._batch:
            self._batch_began = self._now()
        self._batch.append(_Pending(len(self._results), source, clip, part, result))
        return None

    def _fill(self, part: Part, file: BinaryIO) -> None:
        take = part.count if self._link else part.write
        for chunk in chunks(part.file if self._link else file):
            self._tick(0)
            take(chunk)

    def _commit(self) -> None:
        """Names for the batch, which are durable before its rows are committed in one transaction."""
        if not self._batch:
            return
        kept = [self._store.keep(each.part, str(each.result.path)) for each in self._batch]
        self._store.sync_folders(each.path for each in kept)
        now = self._now()
        with self._catalog.transaction():
            for pending, where in zip(self._batch, kept, strict=True):
                clip_id = self._insert(pending, where.path, now=now)
                self._catalog.add_event(
                    "adopted" if where.adopted else "archived",
                    at=now,
                    clip_id=clip_id,
                    run=self._run,
                    detail={"from": str(pending.source.path)},
                )
                if where.clash:
                    detail = {"path": where.clash, "instead": where.path}
                    self._catalog.add_event("clash", at=now, clip_id=clip_id, run=self._run, detail=detail)
        for pending, where in zip(self._batch, kept, strict=True):
            self._results[pending.place] = replace(pending.result, path=where.path)
        self._batch = []

    def _insert(self, pending: _Pending, path: str, *, now: datetime) -> int:
        clip, camera, at = pending.clip, pending.clip.camera, utc_text(now)
        row = {
            "origin": "import",
            "origin_key": clip.content.sha256,
            "created_at": utc_text(clip.created_at),
            "time_zone": clip.time_zone,
            "created_local": clip.local.isoformat(timespec="seconds"),
            "local_day": f"{clip.local:%Y-%m-%d}",
            "network_id": camera.network_id,
            "network_name": camera.network_name,
            "camera_id": camera.id,
            "camera_name": None if camera.name is None else storable(camera.name),
            "device_type": camera.device_type,
            "type": "video",
            "source": "import",
            "partial": 0,
            "raw": imported_from(pending.source.path),
            "problem": clip.problem,
            "first_seen_at": at,
            "listed_at": at,
            "path": path,
            "bytes": clip.content.bytes,
            "sha256": clip.content.sha256,
            "duration": clip.content.duration,
            "archived_at": at,
            "archived_run": self._run,
        }
        cursor = self._catalog.db.execute(
            f"INSERT INTO clips ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )
        mark_dirty(self._catalog, str(row["local_day"]))
        return int(cursor.lastrowid or 0)

    def _finish(self, errors: list[BlinkArchiveError]) -> Report:
        report = _report([result for result in self._results if result], self._found, errors)
        try:
            self._catalog.end_run(
                self._run, exit_code=report.exit_code, summary=report.counts(), now=self._now()
            )
        except BlinkArchiveError as error:
            report = _report(report.results, self._found, [*errors, error])
        return report


def _unreadable(found: Found) -> list[Result]:
    return [Result(folder, "failed", 0, reason=reason) for folder, reason in found.unreadable]


def _failed(source: Source, error: OSError | None = None) -> Result:
    reason = f"it cannot be read: {error.strerror or error}" if error else None
    return Result(str(source.path), "failed", source.bytes, reason=reason)


def _report(results: Sequence[Result], found: Found, errors: Sequence[BlinkArchiveError] = ()) -> Report:
    codes = {error.exit_code for error in errors}
    if any(result.outcome == "failed" for result in results):
        codes.add(3)
    return Report(
        tuple(results),
        found.other,
        stopped=str(errors[0]) if errors else None,
        exit_code=min(codes, key=_PRECEDENCE.index, default=0),
    )
