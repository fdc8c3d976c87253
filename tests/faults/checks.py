"""What an archive must not hold, and what it must not lack, seen from outside: by files, rows and bytes kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ..world import World, is_sound

_STATE_FILES = {"device.json", "session-1100001.json", "session.lock"}


@dataclass(frozen=True, slots=True)
class Held:
    """A clip's bytes at Blink: kept by the test, since what is deleted there leaves the simulator."""

    video: bytes
    picture: bytes


def held_now(world: World) -> dict[str, Held]:
    """The bytes of every clip that the cloud holds now, young partial ones too, by Blink's id."""
    cloud = world.blink.cloud
    return {
        str(clip.id): Held(cloud.clip_bytes(clip.id), cloud.thumbnail_bytes(clip.id))
        for clip in cloud.clips()
        if not clip.deleted
    }


@dataclass(slots=True)
class Findings:
    """What is wrong with an archive, in words: clips ``lost`` or there ``twice``, ``half`` (other bytes than
    Blink's, or than the row says), files ``orphaned``, and what else is ``unsound``."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.lost, self.twice, self.half, self.orphaned, self.unsound))


def examine(world: World, held: Mapping[str, Held], *, optional: Collection[str] = ()) -> Findings:
    """Look at the whole archive after a clean run. All of ``held`` has to be there, but for ``optional``,
    which may have left Blink before it could be fetched. A row that is marked unproven may hold other bytes
    than Blink's, but not others than it says."""
    found = Findings()
    rows = world.rows("SELECT * FROM clips")
    files = world.files()
    archived = {row["origin_key"] for row in rows if row["origin"] == "cloud" and row["sha256"]}
    pictured = {row["origin_key"] for row in rows if row["origin"] == "cloud" and row["thumbnail_sha256"]}
    required = held.keys() - set(optional)
    found.lost += [f"clip {key}" for key in sorted(required - archived)]
    found.lost += [f"thumbnail {key}" for key in sorted(required - pictured)]
    for row in rows:
        _compare(found, row, held.get(row["origin_key"]), files)
    _count(found, rows, files)
    named = {row["path"] for row in rows if row["sha256"]} | {row["thumbnail_path"] for row in rows}
    found.orphaned += sorted(files.keys() - named)
    found.orphaned += [f".incoming/{path.name}" for path in (world.root / ".incoming").iterdir()]
    found.orphaned += [path.name for path in world.state.iterdir() if path.name not in _STATE_FILES]
    if not is_sound(world.archive.catalog_path):
        found.unsound.append("the catalog")
    found.unsound += [f"{row['local_day']} is dirty" for row in world.rows("SELECT * FROM dirty_days")]
    try:
        world.expect_sums()
    except AssertionError as error:
        found.unsound.append(f"SHA256SUMS: {error}")
    return found


def wrong_files(world: World, held: Mapping[str, Held]) -> list[str]:
    """The files that a row says are here, and that are not, or are neither Blink's bytes nor marked as unproven."""
    found = Findings()
    files = world.files()
    for row in world.rows("SELECT * FROM clips"):
        _compare(found, row, held.get(row["origin_key"]), files)
    return found.half + found.lost


def _compare(found: Findings, row: Mapping[str, Any], held: Held | None, files: Mapping[str, bytes]) -> None:
    """The files of a row against what it says, and against Blink's bytes."""
    for kind, path, hashed, length in (
        ("video", row["path"], row["sha256"], row["bytes"]),
        ("picture", row["thumbnail_path"], row["thumbnail_sha256"], row["thumbnail_bytes"]),
    ):
        if hashed is None:
            continue
        data = files.get(path)
        if data is None:
            found.lost.append(path)
        elif len(data) != length or hashlib.sha256(data).hexdigest() != hashed:
            found.half.append(f"{path} is not what its row says")
        elif held and data != getattr(held, kind) and not (kind == "video" and row["unproven"]):
            found.half.append(f"{path} is not what Blink has")


def _count(found: Findings, rows: list[dict[str, Any]], files: Mapping[str, bytes]) -> None:
    """What is there more than once. A stick's clip may be the cloud's as well: by design, where the cloud
    failed to give it. Unproven ones, cut where they differ, may be the same."""
    ids = Counter(json.loads(row["raw"]).get("id") for row in rows if row["origin"] == "cloud")
    found.twice += [f"clip {key} has {count} rows" for key, count in ids.items() if count > 1]
    others = {row["path"] for row in rows if row["origin"] == "usb" or row["unproven"]}
    hashes = Counter(hashlib.sha256(data).hexdigest() for path, data in files.items() if path not in others)
    found.twice += [f"{count} files of {sha256}" for sha256, count in hashes.items() if count > 1]
    found.twice += [path for path in files if "~" in path]


class Deletions:
    """Stands between Blink's "delete" and the simulator, and looks at the archive from outside before each clip
    goes: is it safe at that moment? ``unsafe`` says which were not; ``batches`` are how many went at a time."""

    def __init__(self, world: World, held: Mapping[str, Held]) -> None:
        self._world = world
        self._held = held
        self._delete_clips = world.blink.cloud.delete_clips
        self._remove_clip = world.blink.cloud.usb.remove_clip
        self.batches: list[int] = []
        self.unsafe: list[str] = []
        world.blink.cloud.delete_clips = self._at_blink  # type: ignore[method-assign]
        world.blink.cloud.usb.remove_clip = self._on_stick  # type: ignore[method-assign]

    def _at_blink(self, clip_ids: Iterable[int]) -> None:
        wanted = list(clip_ids)
        self.batches.append(len(wanted))
        for key in map(str, wanted):
            rows = self._rows("origin = 'cloud' AND origin_key = ?", key)
            held = self._held.get(key)
            if held is None or not any(self._is_safe(row, held.video, held.picture) for row in rows):
                self.unsafe.append(f"clip {key}")
        self._delete_clips(wanted)

    def _on_stick(self, clip_id: int) -> None:
        video = self._world.blink.cloud.usb.clip_bytes(clip_id)
        self.batches.append(1)
        rows = self._rows("origin = 'usb' AND sha256 = ?", hashlib.sha256(video).hexdigest())
        if not any(self._is_safe(row, video, None) for row in rows):
            self.unsafe.append(f"clip {clip_id} on its stick")
        self._remove_clip(clip_id)

    def _rows(self, condition: str, parameter: str) -> list[dict[str, Any]]:
        """Rows as any other program would see them: what is committed."""
        intended = (
            "EXISTS (SELECT 1 FROM events WHERE clip_id = clips.id AND kind = 'delete_intended') AS intended"
        )
        with closing(sqlite3.connect(self._world.archive.catalog_path, timeout=30)) as catalog:
            catalog.row_factory = sqlite3.Row
            found = catalog.execute(f"SELECT clips.*, {intended} FROM clips WHERE {condition}", (parameter,))
            return [dict(row) for row in found]

    def _is_safe(self, row: Mapping[str, Any], video: bytes, picture: bytes | None) -> bool:
        """The row has the hash, the file is there with Blink's bytes, its day tells of it, the intent is written
        down; and the thumbnail likewise, unless Blink said that there is none."""
        if not row["intended"] or row["delete_intended_at"] is None or row["unproven"] is not None:
            return False
        if not self._is_kept(row, row["path"], row["sha256"], video):
            return False
        if row["thumbnail_missing_at"] is not None or picture is None:
            return True
        return self._is_kept(row, row["thumbnail_path"], row["thumbnail_sha256"], picture)

    def _is_kept(self, row: Mapping[str, Any], path: str | None, sha256: str | None, data: bytes) -> bool:
        """Whether there is that file, with these bytes, and the sums of its day list it."""
        root = self._world.root
        if path is None or sha256 != hashlib.sha256(data).hexdigest():
            return False
        file, sums = root / path, root / row["local_day"].replace("-", "/") / "SHA256SUMS"
        if not file.is_file() or file.read_bytes() != data or not sums.is_file():
            return False
        return f"{sha256}  {file.name}" in sums.read_text().splitlines()
