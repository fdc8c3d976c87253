"""An archive whose fsyncs and SQL statements a test sees, and may hold up or let fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive
from blink_archive.archive.store import Store

from ..world import World


@dataclass(frozen=True)
class WatchedArchive(Archive):
    """``fsync`` stands in for the system's; ``statement`` is told every statement before it is executed."""

    fsync: Callable[[int], None] = os.fsync
    statement: Callable[[str], object] | None = None

    @property
    def store(self) -> Store:
        return Store(self.root, fsync=self.fsync)

    def open_catalog(self, *, write: bool = False) -> Catalog:
        catalog = super().open_catalog(write=write)
        catalog.db.conn.set_trace_callback(self.statement)
        return catalog


def watch(
    world: World,
    *,
    fsync: Callable[[int], None] = os.fsync,
    statement: Callable[[str], object] | None = None,
) -> None:
    """From now on the world's archive works through these two."""
    archive = world.archive
    world.archive = WatchedArchive(
        archive.root, archive.catalog_path, archive.marker, fsync=fsync, statement=statement
    )
