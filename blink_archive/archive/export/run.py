"""One export, from the look at its destination to the event in the catalog."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ...errors import ArchiveBusy, BlinkArchiveError, Interrupted, UsageError
from ...model import from_utc_text, utc_text
from ..catalog import Catalog
from ..filters import Filter
from ..folder import Archive
from ..layout import Layout
from .chosen import prepare
from .destination import Destination, Form
from .disk import check_space
from .folder import How
from .journal import Journal
from .parts import PartReport, Parts, Tick
from .plan import PAPERS_BYTES, PAPERS_LEAST, Part, Plan, make_plan
from .record import Record
from .sequence import partial_of


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported, and how.

    ``arguments`` are the command's own, by which it is known again, but for ``how``; ``selection`` says the
    filter in words, "" for all clips. ``limit`` is in bytes a part. ``filed`` names the files anew.
    """

    destination: Path
    wanted: Filter
    arguments: dict[str, Any]
    selection: str = ""
    form: Form = "folder"
    how: How = "copy"
    limit: int | None = None
    filed: Layout | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How an export ended.

    ``kept``: so many files were there from an earlier run. ``replaced``: files that were there with other
    bytes. ``left_out``: clips without a file here, by status. ``skipped``: files that left the archive
    meanwhile. ``strays``: files in the destination that are not of this export. ``trouble``: why the catalog
    could not be told.
    """

    parts: tuple[PartReport, ...]
    kept: int
    left_out: dict[str, int]
    replaced: tuple[str, ...]
    skipped: tuple[str, ...]
    strays: tuple[str, ...]
    trouble: str | None = None

    def total(self) -> dict[str, int]:
        """Clips, thumbnails and bytes of all parts."""
        return {
            name: sum(getattr(part, name) for part in self.parts) for name in ("clips", "thumbnails", "bytes")
        }

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return self.total() | asdict(self)


@contextlib.contextmanager
def planned(archive: Archive, request: Request, *, now: Callable[[], datetime]) -> Iterator[Export]:
    """Look at the destination and plan the export; nothing is written before it is `Export.run`.

    Raises `UsageError` for a destination that is taken, or of another export, and what `make_plan` does.
    """
    destination = Destination(request.destination, request.form, split=request.limit is not None)
    if request.how != "in place":
        destination.check_apart(archive.root)
    journal = Journal.load(destination.journal)
    goes_on = journal is not None
    if journal is None:
        journal = Journal.begin(
            destination.journal,
            archive=archive.marker.uuid,
            arguments=request.arguments,
            wanted=request.wanted,
            now=now(),
        )
    elif not journal.is_of(archive.marker.uuid, request.arguments):
        raise UsageError(
            f"{destination.path} is another export: of another archive, or with other options, says "
            f"{destination.journal}. Name another destination, or remove that one."
        )
    catalog = archive.open_catalog()
    try:
        prepare(catalog)
        plan = make_plan(
            catalog,
            journal.restored(request.wanted),
            filed=request.filed,
            limit=request.limit,
            removed_after=_removed_after(destination, journal) if goes_on else None,
        )
        try:
            export = Export(archive, catalog, request, destination, journal, plan, goes_on=goes_on, now=now)
            export.check_place()
            yield export
        finally:
            plan.close()
    finally:
        catalog.close()


def _removed_after(destination: Destination, journal: Journal) -> str:
    """What left the archive since the first run is in the parts that are finished. A folder is brought up to
    date whenever it was begun, and keeps what it has."""
    return "" if destination.is_folder and not destination.split else journal.planned_at


def check_ahead(request: Request, root: Path) -> None:
    """Raise `UsageError` where an export of the archive at ``root``, which may not be there yet, could not go
    to its destination, long before it begins."""
    destination = Destination(request.destination, request.form, split=request.limit is not None)
    if request.how != "in place":
        destination.check_apart(root)
    if Journal.load(destination.journal) is None:
        if request.how == "in place":
            destination.check_papers()
        else:
            destination.check_free([1])


class Export:
    """An export that is planned; made by `planned`."""

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        request: Request,
        destination: Destination,
        journal: Journal,
        plan: Plan,
        *,
        goes_on: bool,
        now: Callable[[], datetime],
    ) -> None:
        self.plan = plan
        self.destination = destination
        self._archive = archive
        self._catalog = catalog
        self._request = request
        self._journal = journal
        self._goes_on = goes_on
        self._now = now

    def check_place(self) -> None:
        """Raise `ArchiveBusy` where another run has begun since this one looked, and `UsageError` where
        something is that no export claimed."""
        if Journal.load(self._journal.path) != (self._journal if self._goes_on else None):
            raise ArchiveBusy(
                f"Another export was at {self.destination.path} just now. Run this one when it has ended."
            )
        if self._request.how != "in place":
            self.destination.check_free(range(self._journal.claimed + 1, len(self.plan.parts) + 1))

    def is_finished(self, part: Part) -> bool:
        """Whether an earlier run finished this very part."""
        told = self._journal.parts.get(str(part.number))
        return (
            told is not None
            and told["fingerprint"] == part.fingerprint
            and self.destination.part(part.number).exists()
        )

    def needed(self) -> int:
        """About how many bytes more the export takes on its disk."""
        return sum(self._needed(part) for part in self.plan.parts if not self.is_finished(part))

    def run(self, *, tick: Tick) -> Report:
        """Export, or go on where an earlier run ended; ``tick`` is told the bytes that are done.

        Raises `IntegrityError`, which names the file, for one that is not as the catalog has it,
        `StorageError`, `ArchiveBusy`, `Interrupted`, and `UsageError` where the file system cannot do what
        was asked for. What is whole by then is kept, and the same export goes on from there.
        """
        check_space(self.destination.disk(), self.needed())
        with self.destination.held():
            self.check_place()
            self._journal.planned_at = utc_text(self._now()) if self._renews() else self._journal.planned_at
            self._journal.finished_at = None
            self._journal.claimed = max(self._journal.claimed, len(self.plan.parts))
            self._journal.save()
            record = Record(self._archive, now=self._now)
            try:
                report = self._run(tick)
            except KeyboardInterrupt:
                record.end(Interrupted.exit_code, {})
                raise Interrupted(
                    "Interrupted; what was complete is kept. Run the same command again to go on."
                ) from None
            except BlinkArchiveError as error:
                record.end(error.exit_code, {"stopped": str(error)})
                raise
            told = report.as_json() | {"exported": report.total()["clips"]}
            record.end(0, told, event=self._event(report))
        self._finish()
        return replace(report, trouble=None if record.trouble is None else str(record.trouble))

    def _run(self, tick: Tick) -> Report:
        parts = Parts(
            self._archive,
            self._catalog,
            self.plan,
            self.destination,
            how=self._request.how,
            selection=self._request.selection,
            wanted=self._journal.restored(self._request.wanted),
            at=from_utc_text(self._journal.planned_at),
            goes_on=self._goes_on,
        )
        done = []
        for part in self.plan.parts:
            if self.is_finished(part):
                told = self._journal.parts[str(part.number)]
                done.append(PartReport(**{name: told[name] for name in PartReport.__slots__}))
                tick(part.bytes)
                continue
            done.append(parts.write(part, tick))
            if not self._renews():
                self._journal.parts[str(part.number)] = asdict(done[-1]) | {"fingerprint": part.fingerprint}
                self._journal.save()
        kept_removed = self.plan.kept_removed()
        left_out = {
            status: count - kept_removed.get(status, 0) for status, count in self.plan.left_out.items()
        }
        return Report(
            parts=tuple(done),
            kept=parts.kept,
            left_out={status: count for status, count in left_out.items() if count > 0},
            replaced=tuple(parts.replaced),
            skipped=tuple(parts.skipped),
            strays=tuple(parts.strays),
        )

    def _renews(self) -> bool:
        """Whether it is a folder, which each run brings up to date, all of it."""
        return self.destination.is_folder and not self.destination.split

    def _needed(self, part: Part) -> int:
        place = self.destination.part(part.number)
        papers = PAPERS_LEAST + PAPERS_BYTES * part.clips
        if not self.destination.is_folder:
            return max(part.bytes + papers - _size(partial_of(place)), 0)
        if self._request.how != "copy":
            return papers
        payload = self.destination.payload(part.number)
        return papers + sum(
            file.bytes
            for file in self.plan.files(part.number)
            if not file.removed and _size(payload / file.name) != file.bytes
        )

    def _event(self, report: Report) -> dict[str, Any]:
        hashes = [part.sha256 for part in report.parts]
        return {
            "destination": str(self.destination.path),
            "format": self._request.form,
            **report.total(),
            "sha256": hashes if self.destination.split else hashes[0],
        }

    def _finish(self) -> None:
        """Nothing is left of the work; a folder remembers which export it is, so that it can be brought up to
        date."""
        self.destination.sweep()
        if self._renews() and self._request.how != "in place":
            self._journal.finished_at = utc_text(self._now())
            self._journal.save()
        else:
            self._journal.remove()


def _size(path: Path) -> int:
    """In bytes; 0 for what is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
