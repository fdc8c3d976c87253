"""``custody.jsonl``: what happened to each clip of an export, as far as the program did it or saw it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...model import utc_text
from ..catalog import Catalog
from .facts import ExportFacts, header

# The catalog knows when a clip was last read back, not each time that it was.
_EVENTS = """
SELECT events.at, events.kind, clips_view.clip, clips.path, events.detail, clips.sha256,
  runs.id AS run, runs.command, runs.started_at
FROM (
  SELECT at, 0 AS rank, id, kind, clip_id, run_id, detail FROM events WHERE clip_id IS NOT NULL
  UNION ALL SELECT verified_at, 1, id, 'verified', id, NULL, NULL FROM clips WHERE verified_at IS NOT NULL
  UNION ALL SELECT :exported_at, 2, id, 'exported', id, NULL, NULL FROM clips
) AS events
JOIN clips ON clips.id = events.clip_id
JOIN clips_view ON clips_view.id = events.clip_id
LEFT JOIN runs ON runs.id = events.run_id
ORDER BY events.at, events.rank, events.id
"""


def write_custody(extract: Catalog, path: Path, facts: ExportFacts) -> None:
    """One JSON object a line: first what the export is, then the events of its clips in the order of time.

    ``verified`` and ``exported`` are told with the hash that the file had then. Paths within ``detail`` are
    those of the archive.
    """
    moment = {"exported_at": utc_text(facts.exported_at)}
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(json.dumps({"kind": "custody"} | header(facts), ensure_ascii=False) + "\n")
        for row in extract.db.query(_EVENTS, moment):
            file.write(json.dumps(_line(row), ensure_ascii=False) + "\n")


def _line(row: dict[str, Any]) -> dict[str, Any]:
    line = {name: row[name] for name in ("at", "kind", "clip", "path")}
    if row["kind"] in ("verified", "exported"):
        line["sha256"] = row["sha256"]
    if row["detail"]:
        line["detail"] = json.loads(row["detail"])
    if row["run"] is not None:
        line["run"] = {"id": row["run"], "command": row["command"], "started_at": row["started_at"]}
    return line
