"""The catalog of an export: a new SQLite file with the rows of its clips and of nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from ...errors import ArchiveError
from ...model import utc_text
from ..catalog import Catalog, catalog_errors
from .facts import ExportFacts

# In the order of their references. A run's summary can tell of other clips, and stays behind.
_COPIES = """
UPDATE subset.accounts SET auto_delete_days = given.auto_delete_days, seen_at = given.seen_at
FROM main.accounts AS given WHERE given.id = accounts.id;
INSERT INTO subset.networks SELECT * FROM main.networks WHERE id IN (
  SELECT network_id FROM main.clips JOIN temp.exported ON clip_id = id
  UNION SELECT cameras.network_id FROM main.clips JOIN temp.exported ON clip_id = clips.id
    JOIN main.cameras ON cameras.id = camera_id
  UNION SELECT sync_modules.network_id FROM main.clips JOIN temp.exported ON clip_id = clips.id
    JOIN main.sync_modules ON sync_modules.id = sync_module_id
);
INSERT INTO subset.sync_modules SELECT * FROM main.sync_modules
WHERE network_id IN (SELECT id FROM subset.networks)
  OR id IN (SELECT sync_module_id FROM main.clips JOIN temp.exported ON clip_id = id);
INSERT INTO subset.cameras SELECT * FROM main.cameras
WHERE id IN (SELECT camera_id FROM main.clips JOIN temp.exported ON clip_id = id);
INSERT INTO subset.runs SELECT id, command, started_at, ended_at, exit_code, NULL FROM main.runs WHERE id IN (
  SELECT archived_run FROM main.clips JOIN temp.exported ON clip_id = id
  UNION SELECT run_id FROM main.events WHERE clip_id IN (SELECT clip_id FROM temp.exported)
  UNION SELECT run_id FROM main.readings WHERE {readings}
);
INSERT INTO subset.readings SELECT * FROM main.readings WHERE {readings};
INSERT INTO subset.clips ({columns}) SELECT {values} FROM main.clips JOIN temp.exported ON clip_id = id;
INSERT INTO subset.events SELECT * FROM main.events WHERE clip_id IN (SELECT clip_id FROM temp.exported);
"""
_READINGS = """
device <> 'sync_module' AND device_id IN (SELECT id FROM subset.cameras) AND at BETWEEN
  (SELECT min(created_at) FROM main.clips JOIN temp.exported ON clip_id = id)
  AND (SELECT max(created_at) FROM main.clips JOIN temp.exported ON clip_id = id)
"""
# What is another in the export than in the archive: its files are here, under these names.
_OTHERS = {
    "path": "name",
    "local_removed_at": "NULL",
    "local_removed_reason": "NULL",
    "covered_by": "CASE WHEN covered_by IN (SELECT clip_id FROM temp.exported) THEN covered_by END",
    "thumbnail_path": "CASE WHEN thumbnail_sha256 IS NOT NULL THEN thumbnail_name END",
} | {
    column: f"CASE WHEN thumbnail_name IS NOT NULL THEN {column} END"
    for column in ("thumbnail_bytes", "thumbnail_sha256", "thumbnail_archived_at")
}


@contextlib.contextmanager
def subset(catalog: Catalog, path: Path, facts: ExportFacts) -> Iterator[None]:
    """Make the catalog of what ``temp.exported`` names, a new file; it is whole when the context is left.

    Within it, ``catalog`` answers as of the same moment. The new one has a uuid of its own: no command that
    works on the archive can take it for the archive's. Raises `ArchiveError` for a clip that is not archived
    any more, or with other bytes, and what `Catalog.create` does.
    """
    triggers = _create(path, facts)
    with catalog_errors(f"{catalog.path} or its extract {path}"):
        catalog.db.execute("ATTACH ? AS subset", (os.fsencode(path),))
        try:
            # If anything ends this it is made anew, and whoever gives it its place makes it durable.
            catalog.db.execute("PRAGMA subset.journal_mode = OFF").fetchall()
            catalog.db.execute("PRAGMA subset.synchronous = OFF")
            catalog.db.execute("BEGIN")
            _check_archived(catalog)
            _copy(catalog, facts)
            yield
            catalog.db.execute("COMMIT")
        finally:
            if catalog.db.conn.in_transaction:
                catalog.db.execute("ROLLBACK")
            catalog.db.execute("DETACH subset")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("INSERT INTO clips_fts (clips_fts) VALUES ('rebuild')")
            for trigger in triggers:
                connection.execute(trigger)
            connection.execute("VACUUM")


def _create(path: Path, facts: ExportFacts) -> list[str]:
    """The empty catalog, without its triggers, which would index each row as it comes; their SQL."""
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"{facts.archive_uuid}/{utc_text(facts.exported_at)}/{facts.part}")
    made = Catalog.create(path, uuid=str(own), account_id=facts.account_id, now=facts.exported_at)
    with contextlib.closing(made):
        triggers = made.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        with made.transaction():
            for trigger in triggers:
                made.db.execute(f"DROP TRIGGER {trigger['name']}")
            made.db.execute("DELETE FROM events")
    return [trigger["sql"] for trigger in triggers]


def _check_archived(catalog: Catalog) -> None:
    changed = "sha256 IS NOT file_sha256 OR thumbnail_sha256 <> thumbnail_file_sha256"
    for row in catalog.rows(
        f"SELECT name, sha256 FROM temp.exported LEFT JOIN main.clips ON id = clip_id WHERE {changed} LIMIT 1"
    ):
        if row["sha256"] is not None:
            raise ArchiveError(
                f"The clip of {row['name']} was fetched again while the export was made, and has other bytes "
                "now. Run the export again."
            )
        raise ArchiveError(
            f"The clip of {row['name']} waits to be fetched again: Blink has more of it than the archive had "
            "when the export began. Run the export again after the next sync."
        )


def _copy(catalog: Catalog, facts: ExportFacts) -> None:
    columns = [row["name"] for row in catalog.rows("SELECT name FROM pragma_table_info('clips', 'main')")]
    values = [_OTHERS.get(column, column) for column in columns]
    copies = _COPIES.format(columns=", ".join(columns), values=", ".join(values), readings=_READINGS)
    for statement in copies.strip().split(";\n"):
        catalog.db.execute(statement)
    detail = {
        "archive": facts.archive_uuid,
        "selection": facts.selection,
        "part": facts.part,
        "parts": facts.parts,
        "program": f"blink-archive {facts.version}",
    }
    catalog.db.execute(
        "INSERT INTO subset.events (at, kind, detail) VALUES (?, 'exported', ?)",
        (utc_text(facts.exported_at), json.dumps(detail)),
    )
