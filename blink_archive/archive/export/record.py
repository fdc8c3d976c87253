"""What the catalog is told of an export: a row in ``runs``, and an event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ...errors import ArchiveError, StorageError
from ..catalog import Catalog
from ..folder import Archive


class Record:
    """One run of an export, over connections of its own, each for an instant: a sync may be at work.

    An archive on a read-only disk can be exported, too: ``trouble`` then says why nothing is written down.
    """

    def __init__(self, archive: Archive, *, now: Callable[[], datetime]) -> None:
        self._archive = archive
        self._now = now
        self._run: int | None = None
        self.trouble: ArchiveError | StorageError | None = None
        self._write(self._begin)

    def end(self, exit_code: int, summary: dict[str, Any], *, event: dict[str, Any] | None = None) -> None:
        """How it ended; ``event`` is for one that is complete."""

        def write(catalog: Catalog) -> None:
            now = self._now()
            if event is not None:
                with catalog.transaction():
                    catalog.add_event("exported", at=now, run=self._run, detail=event)
            if self._run is not None:
                catalog.end_run(self._run, exit_code=exit_code, summary=summary, now=now)

        self._write(write)

    def _begin(self, catalog: Catalog) -> None:
        self._run = catalog.begin_run("export", now=self._now())

    def _write(self, write: Callable[[Catalog], None]) -> None:
        try:
            catalog = self._archive.open_catalog(write=True)
            try:
                write(catalog)
            finally:
                catalog.close()
        except (ArchiveError, StorageError) as error:
            self.trouble = error
