"""The papers of an export: what lies beside its clips, made from the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..catalog import Catalog
from ..store import storage_errors
from .custody import write_custody
from .facts import ExportFacts
from .gaps import Gaps, write_gaps
from .page import write_page
from .readme import README, write_readme
from .subset import subset
from .tables import write_clips_csv, write_clips_json

NAMES = (
    "catalog.db", "clips.csv", "clips.json", "custody.jsonl", "gaps.csv", "missing.csv", "index.html",
    README,
)  # fmt: skip
"""Of the papers, within the payload: no clip can be called so."""


def documents(catalog: Catalog, *, scratch: Path, facts: ExportFacts) -> Iterator[tuple[str, Path]]:
    """Make the papers of the clips in ``temp.exported`` (see `prepare`), in the empty folder ``scratch``:
    each as (name within the payload, finished file), which is the caller's to move and to make durable.

    All tell of one moment, at which the catalog is held for as long as its rows are copied. Raises
    `ArchiveError` where a clip is not archived any more, and `StorageError`.
    """
    with storage_errors(f"write the papers of the export in {scratch}"):
        path = scratch / "catalog.db"
        with subset(catalog, path, facts):
            gaps = write_gaps(catalog, scratch, facts)
        extract = Catalog.read(path)
        try:
            write_clips_csv(extract, scratch / "clips.csv")
            write_clips_json(extract, scratch / "clips.json", facts)
            write_custody(extract, scratch / "custody.jsonl", facts)
            about, missing = _about(extract, facts), _missing(gaps)
            write_page(extract, scratch / "index.html", facts, about=about, missing=missing)
            write_readme(scratch / README, facts, about=about, missing=missing)
        finally:
            extract.close()
    for name in NAMES:
        yield name, scratch / name


def _about(extract: Catalog, facts: ExportFacts) -> str:
    row = extract.rows(
        "SELECT min(local_day) AS first, max(local_day) AS last, count(*) AS clips, coalesce(sum(bytes), 0) "
        "AS bytes, count(DISTINCT coalesce(camera_id, camera_name)) AS cameras FROM clips"
    )[0]
    span = f", from {row['first']} to {row['last']}" if row["clips"] else ""
    asked = f"Selected: {facts.selection}." if facts.selection else "All of the archive was asked for."
    part = "" if facts.parts == 1 else f" Part {facts.part}{f' of {facts.parts}' if facts.parts else ''}."
    return (
        f"Clips: {row['clips']:,} ({row['bytes'] / 1e6:,.1f} MB), cameras: {row['cameras']}{span}. "
        f"{asked}{part} Exported at {facts.exported_at:%Y-%m-%d %H:%M} UTC."
    )


def _missing(gaps: Gaps) -> str:
    if gaps.first is None:
        return "There is no clip in it."
    days = f"Between {gaps.first} and {gaps.last}, spans of days without a clip of a camera"
    span = f"{days}: {gaps.gaps:,} (gaps.csv)"
    if not gaps.missing:
        return f"{span}. No clip that was asked for and that the archive knows of is missing."
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(gaps.missing.items()))
    return f"{span}. Of the clips that were asked for, these are not here (missing.csv): {counts}."
