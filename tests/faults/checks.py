"""What an archive must not hold, and what it must not lack, seen from outside: by files, rows and bytes kept."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
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
