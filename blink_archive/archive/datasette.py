"""What Datasette (0.65) has to be told to show a catalog well: its ``metadata.json``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .dictionary import tables
from .queries import NamedQuery

_TABLES: dict[str, dict[str, Any]] = {
    "accounts": {"description": "The Blink account whose archive this is."},
    "archive": {"description": "One row, the same as .blink-archive.json in the folder."},
    "cameras": {
        "description": "Cameras as Blink last listed them.",
        "facets": ["family", "status", "battery"],
        "label_column": "name",
    },
    "clips": {
        "description": "Each clip with all that is known of it; clips_view is the same for people.",
        "units": {"bytes": "B", "thumbnail_bytes": "B", "duration": "s"},
        "facets": ["origin", "source", "camera_name"],
        "label_column": "path",
        "sort_desc": "created_at",
        "fts_table": "clips_fts",
        "fts_pk": "id",
    },
    "clips_view": {
        "description": "The clips, with their status in words. The search is for words in names, "
        "descriptions, labels and notes.",
        "units": {"bytes": "B", "duration": "s"},
        "facets": ["status", "camera", "source", {"array": "labels"}],
        "sort_desc": "created_utc",
        "fts_table": "clips_fts",
        "fts_pk": "id",
    },
    "daily": {
        "description": "How many clips are here, of each day and camera.",
        "units": {"bytes": "B", "seconds": "s"},
        "facets": ["camera"],
        "sort_desc": "day",
    },
    "dirty_days": {"hidden": True},
    "events": {
        "description": "What the program did that matters later.",
        "facets": ["kind"],
        "sort_desc": "id",
    },
    "missing": {
        "description": "Clips that Blink listed and whose file should be here, and is not (yet).",
        "facets": ["status", "camera"],
    },
    "networks": {"description": "Networks (systems, in the app).", "label_column": "name"},
    "readings": {
        "description": "What each device told, once a sync.",
        "facets": ["device", "device_id", "battery"],
        "sort_desc": "at",
    },
    "runs": {
        "description": "The runs of the program, and how they ended.",
        "facets": ["command", "exit_code"],
        "sort_desc": "id",
    },
    "sync_modules": {"description": "Sync modules.", "label_column": "name"},
    "watermarks": {"hidden": True},
}


def metadata(name: str, queries: Iterable[NamedQuery]) -> dict[str, Any]:
    """The metadata of a catalog whose file is called ``name`` without its ending, with ``queries`` as canned
    queries. What columns mean is what schema.sql says of them."""
    described = tables()
    shown = {
        table: facts
        | {"columns": {column.name: column.about for column in described[table].columns if column.about}}
        for table, facts in _TABLES.items()
    }
    return {
        "title": "Blink clips",
        "description": "The catalog of an archive that blink-archive keeps.",
        "databases": {
            name: {
                "tables": shown,
                "queries": {
                    query.name: {
                        "title": query.title,
                        "description": "Of your configuration." if query.own else query.help,
                        "sql": query.sql.rstrip(";"),
                        "hide_sql": not query.own,
                    }
                    for query in queries
                },
            }
        },
    }
