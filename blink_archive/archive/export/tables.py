"""``clips.csv`` and ``clips.json``: what is known of each clip, as a table, and with all that Blink said.

Both are read from the export's own catalog, row by row.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..catalog import Catalog
from .facts import ExportFacts, header

# Each a field of both: its name, and where it comes from.
_FIELDS = {
    "clip": "clips_view.clip",
    "origin": "clips.origin",
    "created_at": "clips.created_at",
    "created_local": "clips.created_local",
    "time_zone": "clips.time_zone",
    "network": "clips_view.network",
    "network_id": "clips.network_id",
    "camera": "clips_view.camera",
    "camera_id": "clips.camera_id",
    "source": "clips.source",
    "duration": "clips.duration",
    "bytes": "clips.bytes",
    "sha256": "clips.sha256",
    "archived_at": "clips.archived_at",
    "verified_at": "clips.verified_at",
    "unproven": "clips.unproven",
    "deleted_at_blink": "coalesce(clips.remote_deleted_at, clips.delete_confirmed_at)",
    "deletion_rests_on": """
      CASE
        WHEN clips.remote_deleted_at IS NULL AND clips.delete_confirmed_at IS NULL THEN NULL
        WHEN clips.remote_deleted_at IS NULL THEN 'answer'
        ELSE coalesce((
          SELECT json_extract(detail, '$.witness') FROM events
          WHERE clip_id = clips.id AND kind = 'remote_deleted' ORDER BY id DESC LIMIT 1
        ), 'listing')
      END""",
    "labels": "clips.labels",
    "description": "clips.description",
    "starred": "clips.starred_at IS NOT NULL",
    "own_labels": "clips.own_labels",
    "note": "clips.note",
    "path": "clips.path",
    "thumbnail": "clips.thumbnail_path",
    "thumbnail_sha256": "clips.thumbnail_sha256",
}
FIELDS = tuple(_FIELDS)

_LISTS = ("labels", "own_labels")
# Where a spreadsheet begins to read a formula (OWASP, "CSV Injection"): at the beginning of a cell, and after
# what another country's takes for the end of one. The last four are the full-width forms.
_FORMULA = re.compile("(?:^|(?<=[;\t\r\n]))(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])")


def cell(value: object) -> object:
    """``value`` as a cell: a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return _FORMULA.sub("'", value) if isinstance(value, str) else value


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as RFC 4180 has it, in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(map(cell, row) for row in rows)


def write_clips_csv(extract: Catalog, path: Path) -> None:
    """The clips of the export's own catalog, in the order of recording; lists are JSON."""
    write_csv(path, FIELDS, _select(extract, _FIELDS.values()))


def write_clips_json(extract: Catalog, path: Path, facts: ExportFacts) -> None:
    """The same as one document of JSON, one clip a line, each with what Blink said of it (``item``)."""
    head = json.dumps(header(facts), ensure_ascii=False)
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f'{head[:-1]}, "clips": [')
        separator = "\n"
        for *values, raw in _select(extract, (*_FIELDS.values(), "clips.raw")):
            entry: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
            for name in _LISTS:
                entry[name] = json.loads(entry[name]) if entry[name] else None
            entry["starred"] = bool(entry["starred"])
            entry["item"] = json.loads(raw)
            file.write(separator + json.dumps(entry, ensure_ascii=False))
            separator = ",\n"
        file.write("\n]}\n")


def _select(extract: Catalog, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    return extract.db.execute(
        f"SELECT {', '.join(columns)} FROM clips JOIN clips_view USING (id) "
        "ORDER BY clips.created_at, clips.id"
    )
