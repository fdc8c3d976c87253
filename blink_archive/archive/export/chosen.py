"""Which clips an export holds, and under which names: temporary tables of the catalog's connection."""

from __future__ import annotations

from ..catalog import Catalog, catalog_errors

_TABLES = """
CREATE TEMP TABLE exported (
  clip_id               INTEGER PRIMARY KEY,  -- clips.id
  name                  TEXT NOT NULL,        -- of its file, within the payload, with "/"
  file_sha256           TEXT NOT NULL,        -- of its bytes there
  thumbnail_name        TEXT,
  thumbnail_file_sha256 TEXT
);
CREATE TEMP TABLE exported_elsewhere (
  clip_id INTEGER PRIMARY KEY          -- of a clip in another part of the same export
)
"""


def prepare(catalog: Catalog) -> None:
    """Make ``temp.exported`` and ``temp.exported_elsewhere``, both empty, for the caller to fill.

    They are the connection's own and leave with it. SQLite writes no temporary table while ``query_only``
    is on; so that is off from here on, and it is for the caller to write to nothing else.
    """
    with catalog_errors(catalog.path):
        catalog.db.execute("PRAGMA query_only = OFF")
        for statement in _TABLES.split(";\n"):
            catalog.db.execute(statement)
