"""A catalog made from the folder alone: from every ``clips.json``, from ``SHA256SUMS``, and from the tree.

It is made beside the old one, which keeps its place until the new one is whole and durable, and is kept then,
too. Nothing else of the folder is changed.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from ..errors import ArchiveError, CatalogDamaged, OlderFormat
from . import layout
from .catalog import Catalog, make_durable, sync_folder
from .days import LEFT_OUT, day_files
from .entries import CLIP_SUFFIXES, BadEntry, DayFile, Entry, entry_of, parse_day
from .feed import mark_dirty
from .folder import Archive
from .store import storage_errors
from .strays import Strays

_JOURNALS = ("-journal", "-wal", "-shm")


@dataclass(slots=True)
class Report:
    """What a rebuild found. ``counts`` are of the new catalog; the lists say what a person should know, each
    with the file it is about: entries that could not be taken (``skipped``), were taken but for a part of
    them (``mended``), days whose ``clips.json`` is damaged or missing, clips whose file is not here.

    ``ignored``: names of fields that this version does not know, and how often they came. The other lists
    are those of `Recovered`. ``replaced`` is where the old catalog is now.
    """

    counts: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    replaced: str | None = None


def days_of(root: Path) -> Iterator[tuple[str, Path]]:
    """The days that the dated tree has folders of, in order: (2026-11-23, its ``clips.json``, or where that
    would be)."""
    for folder in sorted(root.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]")):
        day = "-".join(folder.parts[-3:])
        try:
            date.fromisoformat(day)
        except ValueError:
            continue
        if folder.is_dir():
            yield day, folder / layout.CLIPS_JSON


def rebuild(
    archive: Archive,
    *,
    agree: Callable[[int], object],
    now: Callable[[], datetime],
    tick: Callable[[int], object],
) -> Report:
    """Make a new catalog, under the run lock, and put it in the old one's place.

    Where the old one is sound, ``agree`` is told how many clips it knows, and raises to keep it. ``tick`` is
    told the bytes of each ``clips.json``. Raises `ArchiveBusy`, `StorageError`, and `ArchiveError` where the
    catalog at hand is none, or another archive's.
    """
    with archive.lock():
        path = Path(os.path.realpath(archive.catalog_path))  # SQLite's journal lies beside the file itself
        with _Old(archive, path) as old:
            if old.clips is not None:
                agree(old.clips)
            new = path.with_name(f"{path.name}.rebuilding")
            _remove(new)
            try:
                report = _Rebuild(archive, new, now=now, tick=tick).go()
                make_durable(new)
                old.let_go()
                replaced = _put_in_place(new, path, now=now())
            except BaseException:
                _remove(new)
                raise
        report.replaced = None if replaced is None else str(replaced)
    return report


class _Old:
    """The catalog that is there: how many ``clips`` it knows, None where it is not sound, or not there."""

    def __init__(self, archive: Archive, path: Path) -> None:
        self.clips: int | None = None
        self._path = path
        self._catalog: Catalog | None = None
        try:
            if not Catalog.is_blank(path):
                self._catalog = archive.open_catalog(write=True)
                self._look(self._catalog)
        except (CatalogDamaged, OlderFormat):
            self._close()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> _Old:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def let_go(self) -> None:
        """Close it. Raises `ArchiveError` where another program has written to it since: that would be
        lost."""
        if self._catalog is None:
            return
        with self._catalog.transaction():
            changed = self._catalog.value("PRAGMA data_version") != self._version
        self._close()
        if changed:
            raise ArchiveError(
                f"Another program wrote to the catalog {self._path} during the rebuild, so that it was left "
                "in its place. Wait for recordings and other commands to end, and run it again."
            )

    def _look(self, catalog: Catalog) -> None:
        self._version = catalog.value("PRAGMA data_version")
        if catalog.value("PRAGMA integrity_check(1)") != "ok":
            self._close()
            return
        self.clips = int(catalog.value("SELECT count(*) FROM clips"))

    def _close(self) -> None:
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None


def _put_in_place(new: Path, path: Path, *, now: datetime) -> Path | None:
    """Move the old catalog aside, with a journal that could otherwise be played back into the new one, and
    give that its name; where the old one is now, None where there was none.

    The journal goes last: without the catalog it can do no harm, and a catalog without it would be taken for
    whole. Killed in between, there is no catalog, and a rebuild can be run again.
    """
    with storage_errors(f"put {path} in its place"):
        aside = _free_name(path, now)
        found = [each for suffix in ("", *_JOURNALS) if (each := Path(f"{path}{suffix}")).exists()]
        for each in found:
            if each != path and not each.stat().st_size:
                continue  # as SQLite leaves it
            each.rename(f"{aside}{each.name.removeprefix(path.name)}")
        sync_folder(path)
        new.rename(path)
        sync_folder(path)
    return aside if path in found else None


def _free_name(path: Path, now: datetime) -> Path:
    while True:
        aside = path.with_name(f"{path.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
        if not any(os.path.lexists(f"{aside}{suffix}") for suffix in ("", *_JOURNALS)):
            return aside
        now += timedelta(seconds=1)


def _remove(new: Path) -> None:
    """Remove what a rebuild made that did not come to its end."""
    with storage_errors(f"remove {new}"):
        for suffix in ("", *_JOURNALS):
            Path(f"{new}{suffix}").unlink(missing_ok=True)


class _Rebuild:
    """One rebuild into a new file: first all days, then what none of them told of."""

    def __init__(
        self, archive: Archive, new: Path, *, now: Callable[[], datetime], tick: Callable[[int], object]
    ) -> None:
        self._root = archive.root
        self._marker = archive.marker
        self._new = new
        self._began = now()
        self._now = now
        self._tick = tick
        self._report = Report()
        self._unlike: list[str] = []  # folders whose SHA256SUMS is not what the rows say

    def go(self) -> Report:
        """The report; the new catalog is closed."""
        marker = self._marker
        self._catalog = Catalog.create(
            self._new, uuid=marker.uuid, account_id=marker.account_id, now=self._began
        )
        try:
            # Nothing of it counts before it is whole and fsynced.
            for pragma in ("journal_mode = MEMORY", "synchronous = OFF"):
                self._catalog.db.execute(f"PRAGMA {pragma}").fetchall()
            self._prepare()
            run = self._catalog.begin_run("catalog rebuild", now=self._began)
            for day, file in days_of(self._root):
                with self._catalog.transaction():
                    self._take_day(day, file)
            self._take_strays(run)
            self._sum_up(run)
        finally:
            self._catalog.close()
        return self._report

    def _prepare(self) -> None:
        columns = self._catalog.rows("SELECT name, type FROM pragma_table_info('clips')")
        self._columns = {column["name"]: column["type"] for column in columns}
        names = [name for name in self._columns if name not in LEFT_OUT - {"raw", "local_day"}]
        self._insert = (
            f"INSERT INTO clips ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
        )
        self._blank = dict.fromkeys(names)

    def _take_day(self, day: str, file: Path) -> None:
        where = f"{layout.day_folder(day)}/{layout.CLIPS_JSON}"
        for given in self._read(day, file).entries:
            try:
                entry = entry_of(given, self._columns, now=self._began)
                self._take(entry)
            except BadEntry as error:
                self._report.skipped.append(f"{where}: {error}")
                continue
            self._report.ignored.update(entry.ignored)
            if entry.flaws:
                self._report.mended.append(f"{where}: {entry.name}: {'; '.join(entry.flaws)}")
            if entry.row["local_day"] != day:
                mark_dirty(self._catalog, entry.row["local_day"])
        for path, text in day_files(self._catalog, day).items():
            if not self._says(path, text) and not (path == where and _is_nobodys(file)):
                mark_dirty(self._catalog, day)
                if path.endswith(layout.SHA256SUMS):
                    self._unlike.append(layout.day_folder(day))

    def _read(self, day: str, file: Path) -> DayFile:
        """What the day's ``clips.json`` holds; a day without one can still have clips."""
        where = f"{layout.day_folder(day)}/{layout.CLIPS_JSON}"
        try:
            data = _read_plain(file)
            self._tick(len(data))
            found = parse_day(data, day)
        except FileNotFoundError:
            found = DayFile((), None if _is_nobodys(file) else "it is missing")
        except OSError as error:
            found = DayFile((), f"it cannot be read: {error.strerror}")
        if found.damage:
            self._report.damaged.append(f"{where}: {found.damage}")
        return found

    def _take(self, entry: Entry) -> None:
        """The row and its events. Raises `BadEntry` where a clip of another entry is in the way."""
        connection = self._catalog.db.conn
        file = self._root / entry.row["path"]
        if "sha256" in entry.row and "bytes" not in entry.row and file.is_file():
            entry.row["bytes"] = file.stat().st_size
        try:
            clip_id = connection.execute(self._insert, self._blank | entry.row).lastrowid
        except sqlite3.IntegrityError as error:
            raise BadEntry(f"{entry.name} is left out: {_obstacle(error)}") from error
        connection.executemany(
            "INSERT INTO events (at, kind, clip_id, detail) VALUES (?, ?, ?, ?)",
            [(event.at, event.kind, clip_id, event.detail) for event in entry.events],
        )
        if "sha256" in entry.row and "local_removed_at" not in entry.row:
            for name in ("path", "thumbnail_path"):
                if name in entry.row and not (self._root / entry.row[name]).is_file():
                    self._report.missing.append(entry.row[name])

    def _says(self, path: str, text: str) -> bool:
        """Whether a file of a day holds this, so that nothing changes if it is written anew; empty: whether
        there is none."""
        try:
            return _read_plain(self._root / path) == text.encode()
        except FileNotFoundError:
            return not text
        except OSError:
            return False

    def _take_strays(self, run: int) -> None:
        strays = Strays(self._catalog, self._root, run=run, now=self._began)
        for folder in self._unlike:
            strays.take_listed(folder)
        strays.take_others()
        report, found = self._report, strays.found
        report.named, report.doubtful, report.waited = found.named, found.doubtful, found.waited
        report.missing += found.missing
        report.foreign = sorted(found.foreign)
        report.counts["hashed"] = found.hashed

    def _sum_up(self, run: int) -> None:
        """The counts of the new catalog, the event, and the end of the run."""
        report, catalog = self._report, self._catalog
        counted = catalog.rows(
            """
            SELECT
              count(*) AS clips,
              total(sha256 IS NOT NULL AND local_removed_at IS NULL) AS archived,
              total(sha256 IS NULL AND remote_deleted_at IS NULL AND gone_at IS NULL
                    AND excluded_at IS NULL) AS waiting,
              total(excluded_at IS NOT NULL) AS excluded,
              total(starred_at IS NOT NULL) AS starred,
              total(note IS NOT NULL) AS noted,
              total(own_labels IS NOT NULL) AS labelled,
              total(local_removed_reason IS 'pruned') AS pruned,
              total(local_removed_reason IS 'lost') AS lost,
              total(gone_at IS NOT NULL) AS gone,
              total(delete_confirmed_at IS NOT NULL OR remote_deleted_at IS NOT NULL) AS deleted
            FROM clips
            """
        )[0]
        counts = {name: int(value) for name, value in counted.items()}
        counts["events"] = int(catalog.value("SELECT count(*) FROM events WHERE clip_id IS NOT NULL"))
        counts["days"] = int(catalog.value("SELECT count(DISTINCT local_day) FROM clips"))
        counts["days_to_write"] = int(catalog.value("SELECT count(*) FROM dirty_days"))
        for name in ("named", "doubtful", "waited", "missing", "foreign", "damaged", "skipped", "mended"):
            counts[name] = len(getattr(report, name))
        report.counts = counts | report.counts
        with catalog.transaction():
            catalog.add_event("rebuilt", at=self._began, run=run, detail=report.counts)
        catalog.end_run(run, exit_code=0, summary=report.counts, now=self._now())


def _read_plain(file: Path) -> bytes:
    """The bytes of a plain file; OSError for a link, which may lead anywhere, or a FIFO, which has no end."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(file))
    return file.read_bytes()


def _is_nobodys(file: Path) -> bool:
    """Whether a folder that looks like a day's has no ``clips.json``, and nothing that one could tell of."""
    ours = (layout.CLIPS_JSON, layout.SHA256SUMS)
    return not any(each.name in ours or each.suffix in CLIP_SUFFIXES for each in file.parent.iterdir())


def _obstacle(error: sqlite3.IntegrityError) -> str:
    """Why a row could not be inserted, in words."""
    text = str(error)
    if "origin_key" in text:
        return "another entry is of the same clip"
    if "path" in text:
        return "another clip has its path"
    return f"SQLite refuses it ({text})"
