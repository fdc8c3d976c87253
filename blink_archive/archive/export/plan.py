"""The plan of an export: which files, under which names, cut into which parts."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import tee
from pathlib import PurePosixPath
from typing import Any

from ...errors import UsageError
from ...model import from_utc_text
from .. import layout
from ..catalog import Catalog, catalog_errors
from ..filters import Filter, where
from ..layout import SHA256SUMS, Layout
from .documents import NAMES

PAPERS_BYTES = 7000  # of a clip in all the papers together, and of its entries in a ZIP or tar: about so many
PAPERS_LEAST = 200_000  # of the papers, however few the clips are
_RESERVED = {name.casefold() for name in (*NAMES, SHA256SUMS)}

# In a file of SQLite's own, so that a plan of any length takes little memory.
_TABLES = """
CREATE TABLE files (
  number   INTEGER PRIMARY KEY,            -- in the order of the export
  part     INTEGER NOT NULL,
  clip_id  INTEGER NOT NULL,
  name     TEXT NOT NULL COLLATE NOCASE,   -- within the payload
  path     TEXT NOT NULL,                  -- within the archive
  sha256   TEXT NOT NULL,
  bytes    INTEGER NOT NULL,
  recorded TEXT NOT NULL,
  removed  TEXT,                           -- pruned or lost: no longer in the archive
  done     INTEGER NOT NULL DEFAULT 0,
  UNIQUE (part, name)
);
CREATE TABLE clips (
  clip_id   INTEGER PRIMARY KEY,
  part      INTEGER NOT NULL,
  file      INTEGER NOT NULL,
  thumbnail INTEGER
)
"""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file on its way out: a clip or a thumbnail.

    ``name`` (within the payload) and ``path`` (within the archive) are relative, with ``/``. ``bytes`` is
    the catalog's. ``recorded`` is aware, in the clip's own zone. ``removed``: the archive has it no more
    (``pruned``, ``lost``), so that it can only be kept where an earlier run exported it.
    """

    number: int
    clip_id: int
    name: str
    path: str
    sha256: str
    bytes: int
    recorded: datetime
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an export, or all of it: how many clips and thumbnails, in how many bytes together.

    ``oversize``: it is one clip, and with its papers larger than a part was to be. ``fingerprint`` tells two
    plans of it apart.
    """

    number: int
    clips: int
    thumbnails: int
    bytes: int
    oversize: bool
    fingerprint: str


def cut(sizes: Iterable[int], limit: int | None) -> Iterator[int]:
    """The number of the part, from 1 on, that each clip goes to: as many of them in a row as ``limit`` bytes
    hold, one at least. Without a limit (None), all go to the first."""
    part, used = 1, 0
    for size in sizes:
        if limit is not None and used and used + size > limit:
            part, used = part + 1, 0
        used += size
        yield part


class Plan:
    """The files of one export, in the order of their recording. Made by `make_plan`; `close` it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # temporary; gone when closed
        self._db.executescript(_TABLES)
        self.parts: tuple[Part, ...] = ()
        self.left_out: dict[str, int] = {}  # status -> clips without a file here

    def close(self) -> None:
        """Forget it."""
        self._db.close()

    def files(self, part: int) -> Iterator[ExportFile]:
        """What a part is to hold."""
        for number, clip_id, name, path, sha256, size, recorded, removed in self._db.execute(
            "SELECT number, clip_id, name, path, sha256, bytes, recorded, removed FROM files "
            "WHERE part = ? ORDER BY number",
            (part,),
        ):
            at = datetime.fromisoformat(recorded)
            yield ExportFile(number, clip_id, name, path, sha256, size, at, removed)

    def is_out(self, part: int, name: str) -> bool:
        """Whether a file of that name is out, as one of the part."""
        found = self._db.execute("SELECT 1 FROM files WHERE part = ? AND name = ? AND done", (part, name))
        return found.fetchone() is not None

    def mark(self, numbers: Iterable[int]) -> None:
        """These files are out."""
        self._db.executemany("UPDATE files SET done = 1 WHERE number = ?", ((each,) for each in numbers))

    def exported(self, part: int) -> Iterator[tuple[int, str, str, str | None, str | None]]:
        """(id, name, SHA-256, thumbnail's name and SHA-256) of each clip of the part that is out."""
        return self._db.execute(
            "SELECT clips.clip_id, file.name, file.sha256, picture.name, picture.sha256 FROM clips "
            "JOIN files AS file ON file.number = clips.file AND file.done "
            "LEFT JOIN files AS picture ON picture.number = clips.thumbnail AND picture.done "
            "WHERE clips.part = ? ORDER BY clips.file",
            (part,),
        )

    def elsewhere(self, part: int) -> Iterator[tuple[int]]:
        """The ids of the clips of all other parts."""
        return self._db.execute("SELECT clip_id FROM clips WHERE part <> ?", (part,))

    def is_elsewhere(self, part: int, name: str) -> bool:
        """Whether a file of that name is to be in another part."""
        found = self._db.execute("SELECT 1 FROM files WHERE part <> ? AND name = ?", (part, name))
        return found.fetchone() is not None

    def payload(self, part: int) -> Iterator[tuple[str, str, int]]:
        """(name, SHA-256, bytes) of each file of the part that is out."""
        return self._db.execute(
            "SELECT name, sha256, bytes FROM files WHERE part = ? AND done ORDER BY number", (part,)
        )

    def counts(self, part: int) -> tuple[int, int, int]:
        """How many clips, thumbnails and bytes of the part are out."""
        clips, files, size = self._db.execute(
            "SELECT (SELECT count(*) FROM clips JOIN files ON number = file WHERE clips.part = :part "
            "AND done), count(*), coalesce(sum(bytes), 0) FROM files WHERE part = :part AND done",
            {"part": part},
        ).fetchone()
        return clips, files - clips, size

    def kept_removed(self) -> dict[str, int]:
        """By what they are in the archive now, the clips that it has no more and the export has."""
        return dict(
            self._db.execute(
                "SELECT removed, count(*) FROM clips JOIN files ON number = file AND done "
                "WHERE removed IS NOT NULL GROUP BY 1"
            ).fetchall()
        )

    # how it is made

    def fill(self, clips: Iterable[Mapping[str, Any]], *, filed: Layout | None, limit: int | None) -> None:
        """Take these rows of ``clips``, in their order, and cut them into parts."""
        clips, sized = tee(clips)
        self._db.execute("BEGIN")
        room = None if limit is None else limit - PAPERS_LEAST
        for clip, part in zip(clips, cut(map(_size, sized), room), strict=True):
            self._add(part, clip, filed)
        self._db.execute("COMMIT")
        self.parts = tuple(self._parts(limit))

    def _add(self, part: int, clip: Mapping[str, Any], filed: Layout | None) -> None:
        local = datetime.fromisoformat(clip["created_local"])
        recorded = from_utc_text(clip["created_at"]).astimezone(local.tzinfo).isoformat()
        name = clip["path"] if filed is None else _name(clip, local, filed)
        facts = (part, clip["id"], recorded, clip["local_removed_reason"])
        file, name = self._add_file(facts, name, clip["path"], clip["sha256"], clip["bytes"])
        thumbnail = None
        if clip["thumbnail_sha256"]:
            beside = clip["thumbnail_path"] if filed is None else layout.thumbnail_path(name)
            told = (clip["thumbnail_path"], clip["thumbnail_sha256"], clip["thumbnail_bytes"])
            thumbnail, _ = self._add_file(facts, beside, *told)
        self._db.execute("INSERT INTO clips VALUES (?, ?, ?, ?)", (clip["id"], part, file, thumbnail))

    def _add_file(
        self, facts: tuple[int, int, str, str | None], wanted: str, path: str, sha256: str, size: int | None
    ) -> tuple[int, str]:
        """Its number, and the name that was free. Two clips can share one thumbnail: that is one file."""
        part, clip_id, recorded, removed = facts
        name, number = wanted, 1
        while found := self._db.execute(
            "SELECT number, path, name FROM files WHERE part = ? AND name = ?", (part, name)
        ).fetchone():
            if found[1] == path:
                return found[0], found[2]
            number += 1
            name = layout.with_suffix_number(wanted, number)
        cursor = self._db.execute(
            "INSERT INTO files (part, clip_id, name, path, sha256, bytes, recorded, removed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (part, clip_id, name, path, sha256, size or 0, recorded, removed),
        )
        return int(cursor.lastrowid or 0), name

    def _parts(self, limit: int | None) -> Iterator[Part]:
        counts = self._db.execute(
            "SELECT part, count(*), count(thumbnail) FROM clips GROUP BY part ORDER BY part"
        ).fetchall() or [(1, 0, 0)]
        for part, clips, thumbnails in counts:
            digest, size = hashlib.sha256(), 0
            for name, sha256, length in self._db.execute(
                "SELECT name, sha256, bytes FROM files WHERE part = ? ORDER BY number", (part,)
            ):
                digest.update(f"{sha256}  {name}\n".encode())
                size += length
            oversize = limit is not None and size + PAPERS_BYTES * clips + PAPERS_LEAST > limit
            yield Part(part, clips, thumbnails, size, oversize, digest.hexdigest())


def make_plan(
    catalog: Catalog,
    wanted: Filter,
    *,
    filed: Layout | None = None,
    limit: int | None = None,
    removed_after: str | None = None,
) -> Plan:
    """Choose the clips with files here, as of one moment, and name and part them.

    ``filed`` names them anew; without it they are called as in the archive. ``limit`` is in bytes a part.
    With ``removed_after`` (a catalog time, or "" for ever) also those that left the archive since then.
    Raises `UsageError` for a filter that matches no camera or network, and for names that are taken.
    """
    condition, parameters = where(catalog, wanted)
    plan = Plan()
    try:
        with catalog_errors(catalog.path):
            catalog.db.execute("BEGIN")
            try:
                plan.fill(
                    catalog.db.query(
                        f"{_CLIPS} WHERE {condition} AND sha256 IS NOT NULL AND (local_removed_at IS NULL "
                        "OR local_removed_at > :removed_after) ORDER BY created_at, id",
                        parameters | {"removed_after": removed_after},
                    ),
                    filed=filed,
                    limit=limit,
                )
                plan.left_out = dict(
                    catalog.db.execute(
                        "SELECT status, count(*) FROM clips JOIN clips_view USING (id) "
                        f"WHERE {condition} AND clips_view.path IS NULL GROUP BY 1",
                        parameters,
                    ).fetchall()
                )
            finally:
                catalog.db.execute("ROLLBACK")
    except BaseException:
        plan.close()
        raise
    return plan


_CLIPS = """
SELECT id, origin, origin_key, created_at, created_local, camera_name, camera_id, network_name, source,
  path, sha256, bytes, thumbnail_path, thumbnail_sha256, thumbnail_bytes, local_removed_reason
FROM clips
"""


def _size(clip: Mapping[str, Any]) -> int:
    return (clip["bytes"] or 0) + (clip["thumbnail_bytes"] or 0) + PAPERS_BYTES


def _name(clip: Mapping[str, Any], local: datetime, filed: Layout) -> str:
    match clip["origin"]:
        case "import":
            key = layout.import_key(clip["origin_key"])
        case "liveview":
            key = f"live-{clip['camera_id']}"
        case _:
            key = clip["origin_key"]
    name = layout.clip_path(
        local,
        camera=clip["camera_name"],
        network=clip["network_name"],
        source=clip["source"],
        key=key,
        extension=PurePosixPath(clip["path"]).suffix,
        filed=filed,
    )
    top = name.split("/")[0]
    if top.casefold() in _RESERVED:
        raise UsageError(
            f"The layout would make a folder {top}, which is the name of a file of the export. Write another."
        )
    return name
