"""Is the catalog sound: as SQLite sees it, as the schema has it, and do its facts agree with each other?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import CatalogDamaged, StorageError
from ..model import from_utc_text
from . import layout
from .catalog import FORMAT, Catalog, catalog_errors
from .entries import CLIP_SUFFIXES, BadEntry, check_file
from .folder import Archive

_BATCH = 1000
_FORM = "0000-00-00T00:00:00.000000Z".replace("0", "[0-9]")
_CALENDAR = "'+0 days'"  # makes SQLite reckon, so that the 31st of February becomes the 3rd of March
_OBJECTS = """
    SELECT type || ' ' || name AS object FROM sqlite_schema
    UNION
    SELECT 'column ' || tables.name || '.' || columns.name
    FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'
"""
_TIMES = """
    SELECT tables.name AS "table", columns.name AS "column"
    FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND (columns.name GLOB '*_at' OR columns.name IN ('at', 'since'))
    ORDER BY 1, 2
"""

_NO_TEXTS = """
    CASE WHEN json_valid({0}) THEN json_type({0}) <> 'array'
      OR EXISTS (SELECT 1 FROM json_each({0}) WHERE type <> 'text')
    ELSE {0} IS NOT NULL END
"""

# What no CHECK of the schema says, and the rows of clips that are against it. Of a file that is not here, a
# rebuild may not know the length; the row's problem tells.
_RULES = (
    ("it is archived, and has no length", "sha256 IS NOT NULL AND bytes IS NULL AND problem IS NULL"),
    ("its hash is no SHA-256", "length(sha256) <> 64 OR sha256 GLOB '*[^0-9a-f]*'"),
    (
        "the hash of its thumbnail is no SHA-256",
        "length(thumbnail_sha256) <> 64 OR thumbnail_sha256 GLOB '*[^0-9a-f]*'",
    ),
    (
        "it has only some of the facts of a thumbnail",
        "(thumbnail_sha256 IS NULL) + (thumbnail_bytes IS NULL) + (thumbnail_archived_at IS NULL) IN (1, 2)",
    ),
    ("it is gone without a reason, or has one and is not", "(gone_at IS NULL) <> (gone_reason IS NULL)"),
    ("its file is not here any more, and never was", "local_removed_at IS NOT NULL AND sha256 IS NULL"),
    ("it covers itself", "covered_by = id"),
    (
        "its listing is no JSON object",
        "json_type(CASE WHEN json_valid(raw) THEN raw ELSE '0' END) <> 'object'",
    ),
    ("its metadata is no JSON", "NOT json_valid(coalesce(metadata, 0))"),
    *((f"its {name} are no JSON list of texts", _NO_TEXTS.format(name)) for name in ("labels", "own_labels")),
    ("a length or duration is less than nothing", "bytes < 0 OR thumbnail_bytes < 0 OR duration < 0"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: ``where`` (SQLite, the schema, a clip, …), and ``what``, in words."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found. ``counts`` are the rows of each table, and ``clips_…`` the clips by status; empty
    where the catalog is too damaged to count. ``unchecked`` says what could not be looked at, and why."""

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    unchecked: tuple[str, ...] = ()


def check(archive: Archive, *, now: datetime) -> Report:
    """Look through the whole catalog. It changes nothing, and a sync may run meanwhile.

    Raises what `Catalog.open` does, but for `CatalogDamaged`, which is a finding.
    """
    try:
        catalog = Catalog.open(archive.catalog_path)  # a reader's SQLite 3.44 or 3.45 cannot check FTS5
    except CatalogDamaged as error:
        return Report((Finding("SQLite", str(error)),), {})
    try:
        return _check(archive, catalog, now=now)
    finally:
        catalog.close()


def _check(archive: Archive, catalog: Catalog, *, now: datetime) -> Report:
    unchecked: list[str] = []
    findings: list[Finding] = []
    try:
        for step in (_integrity(catalog), _schema(catalog, now=now), _words(catalog, unchecked)):
            findings += step
            if findings:  # what is built on it cannot be relied on, or not even be asked
                return Report(tuple(findings), {}, tuple(unchecked))
        findings += _archive(archive, catalog)
        findings += _times(catalog)
        findings += _clips(catalog)
        unchecked += _strange_zones(catalog)
        return Report(tuple(findings), _counts(catalog), tuple(unchecked))
    except CatalogDamaged as error:
        return Report((*findings, Finding("SQLite", str(error))), {}, tuple(unchecked))


def _integrity(catalog: Catalog) -> Iterator[Finding]:
    for row in catalog.rows("SELECT * FROM pragma_integrity_check"):
        if row["integrity_check"] != "ok":
            yield Finding("SQLite", row["integrity_check"])
    for row in catalog.rows("SELECT * FROM pragma_foreign_key_check"):
        yield Finding(
            f"{row['table']} {row['rowid']}", f"it names a row of {row['parent']} that is not there"
        )


def _schema(catalog: Catalog, *, now: datetime) -> Iterator[Finding]:
    """What schema.sql makes, and the catalog lacks; what a person has added is nobody's business."""
    fresh = Catalog.scratch(account_id=0, now=now)
    try:
        expected = {row["object"] for row in fresh.rows(_OBJECTS)}
    finally:
        fresh.close()
    for missing in sorted(expected - {row["object"] for row in catalog.rows(_OBJECTS)}):
        yield Finding("schema", f"the {missing} is missing")


def _words(catalog: Catalog, unchecked: list[str]) -> Iterator[Finding]:
    """The full-text index against the rows whose words it holds."""
    try:
        with catalog_errors(catalog.path):
            catalog.db.execute("INSERT INTO clips_fts (clips_fts, rank) VALUES ('integrity-check', 1)")
    except CatalogDamaged:
        yield Finding("clips_fts", "the index of words is not that of the clips")
    except StorageError as error:
        unchecked.append(
            f"The index of words was not checked, which takes a catalog that can be written: {error}"
        )


def _archive(archive: Archive, catalog: Catalog) -> Iterator[Finding]:
    marker = archive.marker
    expected = [{"uuid": marker.uuid, "account_id": marker.account_id, "format": FORMAT}]
    found = catalog.rows("SELECT uuid, account_id, format FROM archive")
    if found != expected:
        said, of_folder = (
            "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in rows)
            for rows in (found, expected)
        )
        yield Finding(
            "archive",
            f"it says {said or 'nothing'}, and the folder's {layout.MARKER} {of_folder}: a catalog of "
            "another archive has to be moved away before a rebuild",
        )


def _times(catalog: Catalog) -> Iterator[Finding]:
    for each in catalog.rows(_TIMES):
        column = each["column"]
        for row in catalog.rows(
            f"SELECT rowid AS id, {column} AS found FROM {each['table']} WHERE {column} NOT GLOB ? "
            f"OR strftime('%Y-%m-%dT%H:%M:%S', substr({column}, 1, 19), {_CALENDAR}) "
            f"IS NOT substr({column}, 1, 19)",
            (_FORM,),
        ):
            yield Finding(f"{each['table']} {row['id']}", f"{column} is {row['found']!r}, which is no time")
    for row in catalog.rows(
        "SELECT local_day AS day FROM dirty_days "
        f"WHERE strftime('%Y-%m-%d', local_day, {_CALENDAR}) IS NOT local_day"
    ):
        yield Finding("dirty_days", f"{row['day']!r} is no day")


def _clips(catalog: Catalog) -> Iterator[Finding]:
    for what, condition in _RULES:
        for row in catalog.rows(f"SELECT id, origin_key FROM clips WHERE {condition} ORDER BY id"):
            yield Finding(_name(row), what)
    for column in ("path", "thumbnail_path"):
        for row in catalog.rows(
            f"SELECT group_concat(origin_key, ', ') AS origin_key, {column} AS path FROM clips "
            f"WHERE {column} IS NOT NULL GROUP BY lower({column}) HAVING count(*) > 1"
        ):
            yield Finding(_name(row), f"they all have the {column} {row['path']!r}")
    last = 0
    while rows := catalog.rows(
        "SELECT id, origin_key, created_at, created_local, local_day, time_zone, path, thumbnail_path "
        "FROM clips WHERE id > ? ORDER BY id LIMIT ?",
        (last, _BATCH),
    ):
        last = rows[-1]["id"]
        for row in rows:
            yield from (Finding(_name(row), what) for what in _clip(row))


def _clip(row: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the day and the paths of one clip."""
    for path, suffixes in ((row["path"], CLIP_SUFFIXES), (row["thumbnail_path"], (".jpg",))):
        try:
            if path is not None:
                check_file(path, suffixes)
        except BadEntry as error:
            yield str(error)
    zone = layout.zone(row["time_zone"])
    if zone is None:  # counted elsewhere
        return
    try:
        local = from_utc_text(row["created_at"]).astimezone(zone)
    except (ValueError, OverflowError):  # told already
        return
    if row["local_day"] != f"{local:%Y-%m-%d}" or row["created_local"][:10] != row["local_day"]:
        yield f"its day is {row['local_day']}, and it was recorded on {local:%Y-%m-%d} in {row['time_zone']}"


def _strange_zones(catalog: Catalog) -> Iterator[str]:
    for row in catalog.rows("SELECT time_zone AS zone, count(*) AS clips FROM clips GROUP BY 1 ORDER BY 1"):
        if layout.zone(row["zone"]) is None:
            yield (
                f"Whether the days of {row['clips']} clips are right was not checked: this machine knows no "
                f"time zone {row['zone']!r}."
            )


def _name(row: dict[str, Any]) -> str:
    return f"clip {row['origin_key']}"


def _counts(catalog: Catalog) -> dict[str, int]:
    tables = ("clips", "events", "runs", "readings", "networks", "sync_modules", "cameras", "dirty_days")
    counts = {table: int(catalog.value(f"SELECT count(*) FROM {table}")) for table in tables}
    for row in catalog.rows("SELECT status, count(*) AS clips FROM clips_view GROUP BY 1 ORDER BY 1"):
        counts[f"clips_{row['status']}"] = row["clips"]
    return counts
