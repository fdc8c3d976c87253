"""What the tests of exports share: a catalog of many clips, exports of one, and their papers."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export.chosen import prepare
from blink_archive.archive.export.documents import documents
from blink_archive.archive.export.facts import ExportFacts

from ..helpers import ACCOUNT

EXPORTED_AT = datetime(2026, 11, 25, 18, tzinfo=UTC)
FACTS = ExportFacts("u-1", ACCOUNT, EXPORTED_AT, "0.1.0")

_MANY = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count),
times (n, at) AS (SELECT n, datetime('2024-01-01', (n * :apart) || ' seconds') FROM numbers)
INSERT INTO clips (
  origin, origin_key, created_at, time_zone, created_local, local_day, network_id, network_name, camera_id,
  camera_name, device_type, type, source, partial, media, description, labels, raw, first_seen_at, listed_at,
  path, bytes, sha256, duration, archived_at, verified_at, thumbnail_path, thumbnail_bytes, thumbnail_sha256,
  thumbnail_archived_at
)
SELECT 'cloud', 7000000 + n, replace(at, ' ', 'T') || '.000000Z', 'UTC', replace(at, ' ', 'T') || '+00:00',
  date(at), 5, 'Home', 41 + n % 4, 'Camera ' || (n % 4), 'owl', 'video', 'pir', 0, '/clip/' || n,
  'A person walks past the door, carries a parcel and leaves it there.', '["person"]',
  json_object('id', 7000000 + n, 'device_name', 'Camera ' || (n % 4), 'padding', hex(zeroblob(250))),
  '2026-11-24T12:00:00.000000Z', '2026-11-24T12:00:00.000000Z',
  strftime('%Y/%m/%d/%Y-%m-%dT%H-%M-%S', at) || '+0000_camera-' || (n % 4) || '_' || (7000000 + n) || '.mp4',
  900000 + n, printf('%064x', n), 12.5, '2026-11-24T12:00:00.000000Z', '2026-11-24T13:00:00.000000Z',
  strftime('%Y/%m/%d/%Y-%m-%dT%H-%M-%S', at) || '+0000_camera-' || (n % 4) || '_' || (7000000 + n) || '.jpg',
  20000, printf('%064x', -n), '2026-11-24T12:00:00.000000Z'
FROM times
"""


def fill_with_many(catalog: Catalog, count: int, *, apart: int = 600) -> None:
    """Make up so many archived clips of four cameras, so many seconds apart; there are no files of them."""
    with catalog.transaction():
        catalog.db.execute(_MANY, {"count": count, "apart": apart})
        catalog.db.execute(
            "INSERT INTO events (at, kind, clip_id, detail) SELECT archived_at, 'archived', id, "
            "json_object('path', path, 'bytes', bytes, 'sha256', sha256) FROM clips"
        )


def choose(catalog: Catalog, condition: str = "sha256 IS NOT NULL AND local_removed_at IS NULL") -> None:
    """Export the clips of which that is true, under the names that they have in the archive."""
    prepare(catalog)
    catalog.db.execute(
        "INSERT INTO temp.exported SELECT id, path, coalesce(sha256, ''), thumbnail_path, thumbnail_sha256 "
        f"FROM clips WHERE {condition}"
    )


def papers(catalog: Catalog, folder: Path, **facts: Any) -> Path:
    """Make the papers of what is chosen in a new folder; the folder."""
    folder.mkdir()
    for name, path in documents(catalog, scratch=folder, facts=replace(FACTS, **facts)):
        assert path == folder / name
        assert path.is_file()
    return folder


def table(path: Path) -> list[dict[str, str]]:
    """A table of the papers."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def custody(folder: Path) -> list[dict[str, Any]]:
    """The lines of the custody log."""
    return [json.loads(line) for line in (folder / "custody.jsonl").read_text(encoding="utf-8").splitlines()]
