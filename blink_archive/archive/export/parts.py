"""One part of an export after the other: its files, its papers, the list of its hashes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from ... import __version__
from ...errors import IntegrityError
from ..catalog import Catalog, catalog_errors
from ..days import files
from ..filters import Filter
from ..folder import Archive
from ..hashing import hash_file
from ..layout import CATALOG, EXPORT, SHA256SUMS
from ..store import storage_errors
from ..verify import in_order
from .destination import Destination
from .documents import NAMES, documents
from .facts import ExportFacts
from .folder import BagWriter, FolderWriter, How, InPlaceWriter, Outcome, Writer
from .plan import ExportFile, Part, Plan
from .sequence import TarWriter, ZipWriter

Tick = Callable[[int], object]

_OUT: tuple[Outcome, ...] = ("written", "replaced", "kept")
_AHEAD = 3  # batches given to each thread before the first of them is waited for
_BATCH = 16  # files: to hand each to a thread by itself costs more than to copy a small one
_BATCH_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class PartReport:
    """What one part holds; ``sha256`` is that of its list of hashes. ``oversize``: it is one clip, and larger
    than a part was to be."""

    name: str
    clips: int
    thumbnails: int
    bytes: int
    oversize: bool
    sha256: str


class Parts:
    """Writes the parts of one plan.

    ``kept`` counts files that were there already; ``replaced`` are those that had other bytes there,
    ``skipped`` those that left the archive meanwhile, and ``strays`` those in the destination that are not of
    this export. ``at`` is when the export began, and ``goes_on`` whether an earlier run did so.
    """

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        plan: Plan,
        destination: Destination,
        *,
        how: How,
        selection: str,
        wanted: Filter,
        at: datetime,
        goes_on: bool,
    ) -> None:
        self._archive = archive
        self._catalog = catalog
        self._plan = plan
        self._destination = destination
        self._how = how
        self._selection = selection
        self._wanted = wanted
        self._at = at
        self._goes_on = goes_on
        self.kept = 0
        self.replaced: list[str] = []
        self.skipped: list[str] = []
        self.strays: list[str] = []

    def write(self, part: Part, tick: Tick) -> PartReport:
        """One part, complete in itself. Raises as `Export.run` does."""
        facts = self._facts(part)
        writer = self._writer(part)
        try:
            self._write_files(writer, part, tick)
            papers = self._write_papers(writer, part, facts)
            self._look_for_strays(part)
            payload = chain(self._plan.payload(part.number), papers)
            sha256 = writer.finish(payload, scratch=self._scratch(part), facts=facts)
        finally:
            writer.close()
        if self._destination.split and self._destination.is_folder:
            self._destination.sweep(part.number)
        clips, thumbnails, size = self._plan.counts(part.number)
        name = str(self._destination.part(part.number))
        return PartReport(name, clips, thumbnails, size, part.oversize, sha256)

    def _facts(self, part: Part) -> ExportFacts:
        return ExportFacts(
            archive_uuid=self._archive.marker.uuid,
            account_id=self._archive.marker.account_id,
            exported_at=self._at,
            version=__version__,
            selection=self._selection,
            format=self._destination.form,
            part=part.number,
            parts=len(self._plan.parts),
            wanted=self._wanted,
        )

    def _writer(self, part: Part) -> Writer:
        place, archive = self._destination.part(part.number), self._archive.root
        made: type[FolderWriter]
        match self._destination.form:
            case "zip":
                return ZipWriter(place, archive=archive, now=self._at)
            case "tar":
                return TarWriter(place, archive=archive, now=self._at)
            case "bag":
                made = BagWriter
            case "folder":
                made = InPlaceWriter if self._how == "in place" else FolderWriter
        partials, split = self._destination.work(part.number) / "files", self._destination.split
        return made(place, archive=archive, partials=partials, how=self._how, split=split)

    def _write_files(self, writer: Writer, part: Part, tick: Tick) -> None:
        def add(batch: list[ExportFile]) -> list[tuple[ExportFile, Outcome | IntegrityError]]:
            return [(file, _added(writer, file)) for file in batch]

        pool = ThreadPoolExecutor(writer.workers, thread_name_prefix="export")
        try:
            batches = _batches(self._plan.files(part.number))
            for batch in in_order(pool, add, batches, ahead=_AHEAD * writer.workers):
                self._plan.mark(file.number for file, outcome in batch if outcome in _OUT)
                for file, outcome in batch:
                    if isinstance(outcome, IntegrityError):
                        self._skip(file, outcome)
                    self.kept += outcome == "kept"
                    if outcome == "replaced":
                        self.replaced.append(file.name)
                tick(sum(file.bytes for file, _ in batch))
        finally:  # after an error or Ctrl-C, write no more than what was begun
            pool.shutdown(cancel_futures=True)

    def _skip(self, file: ExportFile, error: IntegrityError) -> None:
        """A file that the catalog does not say is there any more is left out; else the error counts."""
        rows = self._catalog.rows("SELECT * FROM clips WHERE id = ?", (file.clip_id,))
        if dict(files(rows)).get(file.path) == file.sha256:
            raise error
        self.skipped.append(file.path)

    def _write_papers(self, writer: Writer, part: Part, facts: ExportFacts) -> list[tuple[str, str, int]]:
        """(name, SHA-256, bytes) of each."""
        self._say_what_is_out(part)
        papers = []
        for name, paper in documents(self._catalog, scratch=self._scratch(part), facts=facts):
            if name == CATALOG and self._how == "in place":
                continue  # the archive has one of its own, of all clips
            with storage_errors(f"read {paper}"):
                papers.append((name, hash_file(paper), paper.stat().st_size))
            writer.add_paper(name, paper)
        return papers

    def _say_what_is_out(self, part: Part) -> None:
        db = self._catalog.db
        with catalog_errors(self._catalog.path):
            db.execute("BEGIN")
            db.execute("DELETE FROM temp.exported")
            db.execute("DELETE FROM temp.exported_elsewhere")
            db.conn.executemany(
                "INSERT INTO temp.exported VALUES (?, ?, ?, ?, ?)", self._plan.exported(part.number)
            )
            db.conn.executemany(
                "INSERT INTO temp.exported_elsewhere VALUES (?)", self._plan.elsewhere(part.number)
            )
            db.execute("COMMIT")

    def _scratch(self, part: Part) -> Path:
        """An empty folder on the destination's disk."""
        folder = self._destination.work(part.number) / "papers"
        with storage_errors(f"make the folder {folder}"):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
        return folder

    def _look_for_strays(self, part: Part) -> None:
        """Raises `IntegrityError` for one in a bag, which would not be valid with it. What an earlier run put
        into this part and is in another one by now, since older clips came, is removed."""
        if not self._goes_on or not self._destination.is_folder or self._how == "in place":
            return
        payload = self._destination.payload(part.number)
        for name in list(self._foreign(payload, part)):
            if self._plan.is_elsewhere(part.number, name):
                with storage_errors(f"remove {payload / name}"):
                    (payload / name).unlink()
            elif self._destination.form == "bag":
                raise IntegrityError(
                    f"{self._destination.part(part.number)} has a file that is not of this export, {name}. "
                    "Move it elsewhere and run the export again."
                )
            else:
                self.strays.append(name)

    def _foreign(self, payload: Path, part: Part) -> Iterator[str]:
        papers = {*NAMES, SHA256SUMS}
        for parent, folders, names in os.walk(payload):
            folders[:] = [each for each in folders if not each.startswith(EXPORT)]
            for each in names:
                name = (Path(parent) / each).relative_to(payload).as_posix()
                if (
                    name not in papers
                    and not name.startswith(EXPORT)
                    and not self._plan.is_out(part.number, name)
                ):
                    yield name


def _added(writer: Writer, file: ExportFile) -> Outcome | IntegrityError:
    try:
        return writer.add(file)
    except IntegrityError as error:
        return error


def _batches(planned: Iterable[ExportFile]) -> Iterator[list[ExportFile]]:
    batch: list[ExportFile] = []
    for file in planned:
        batch.append(file)
        if len(batch) == _BATCH or sum(each.bytes for each in batch) >= _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch
