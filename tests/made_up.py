"""A made-up catalog: years of clips, readings, events and runs, without a file or a cloud behind them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.model import utc_text

END = datetime(2026, 11, 24, 12, tzinfo=UTC)
NETWORKS = ((11, "Home", "America/New_York"), (12, "Cabin", "America/Denver"))
CAMERAS = (
    (41, 11, "camera", "Front door"), (42, 11, "camera", "Garage"), (43, 11, "owl", "Küche"),
    (44, 11, "doorbell", "Doorbell"), (45, 11, "camera", "Garden, north"), (46, 12, "camera", "Shed"),
    (47, 12, "owl", "Living room"), (48, 12, "camera", "Road"),
)  # fmt: skip
_SOURCES = ("pir", "pir", "pir", "pir", "button_press", "liveview", "snapshot")
_WORDS = ("animal", "package", "person", "pet", "vehicle")


def fill(catalog: Catalog, *, clips: int, days: int = 730, runs_a_day: int = 4, seed: int = 7) -> None:
    """``clips`` over so many days up to `END`: most archived, some of each other status; each run read every
    device. The same for each seed."""
    dice = random.Random(seed)
    start = END - timedelta(days=days)
    with catalog.transaction():
        _devices(catalog)
        catalog.connection.executemany(
            "INSERT INTO runs (id, command, started_at, ended_at, exit_code, summary) VALUES (?, ?, ?, ?, ?, ?)",
            _runs(dice, start, days * runs_a_day),
        )
        catalog.connection.executemany(
            f"INSERT INTO readings VALUES ({', '.join('?' * 12)})", _readings(dice, start, days * runs_a_day)
        )
        rows = _clips(dice, start, days, clips)
        for first in islice(rows, 1):
            sql = f"INSERT INTO clips ({', '.join(first)}) VALUES ({', '.join(f':{name}' for name in first)})"
            catalog.connection.executemany(sql, chain([first], rows))
        _events(catalog)


def _devices(catalog: Catalog) -> None:
    account = catalog.value("SELECT account_id FROM archive")
    for number, name, zone in NETWORKS:
        catalog.connection.execute(
            "INSERT OR REPLACE INTO networks VALUES (?, ?, ?, ?, 1, ?, '{}')",
            (number, account, name, zone, utc_text(END)),
        )
    for number, network, family, name in CAMERAS:
        catalog.connection.execute(
            "INSERT OR REPLACE INTO cameras VALUES (?, ?, ?, ?, 'sedona', ?, 'online', 1, 'ok', '10.73', ?, '{}')",
            (number, network, family, name, f"G8T1{number:012}", utc_text(END)),
        )


def _runs(dice: random.Random, start: datetime, count: int) -> Iterator[tuple[Any, ...]]:
    step = (END - start) / max(count, 1)
    for number in range(count):
        began = start + step * (number + 1)
        code = dice.choices((0, 3, 5), (95, 3, 2))[0]
        summary = {"account": {"counted": 140, "archived_now": 140}, "fetched": 34, "seconds": 40.5}
        yield (
            number + 1, "sync", utc_text(began), utc_text(began + timedelta(seconds=40.5)), code,
            json.dumps(summary | {"padding": "x" * 400}),
        )  # fmt: skip


def _readings(dice: random.Random, start: datetime, count: int) -> Iterator[tuple[Any, ...]]:
    step = (END - start) / max(count, 1)
    for number in range(count):
        at = utc_text(start + step * (number + 1))
        for module, _, _ in NETWORKS:
            yield (number + 1, at, "sync_module", module + 20, "online", None, 1, None, None, None, 5, None)
        for camera, _, family, _ in CAMERAS:
            bars = 3 - number * 3 // count if family != "owl" else None
            battery = None if bars is None else "ok" if bars else "low"
            degrees = round(60 + 25 * dice.random(), 1)
            yield (
                number + 1, at, family, camera, "online", 1, 1, battery, bars, degrees, 4, 3,
            )  # fmt: skip


def _clips(dice: random.Random, start: datetime, days: int, count: int) -> Iterator[dict[str, Any]]:
    zones = {number: ZoneInfo(zone) for number, _, zone in NETWORKS}
    names = {number: name for number, name, _ in NETWORKS}
    step = timedelta(days=days) / max(count, 1)
    for number in range(count):
        camera, network, family, name = dice.choice(CAMERAS)
        created = start + step * number + step * dice.random()
        yield _clip(dice, 7_000_001 + number, created, zones[network]) | {
            "network_id": network,
            "network_name": names[network],
            "camera_id": camera,
            "camera_name": name,
            "device_type": family,
        }


def _clip(dice: random.Random, key: int, created: datetime, zone: ZoneInfo) -> dict[str, Any]:
    local = created.astimezone(zone)
    known = min(created + timedelta(hours=5), END)
    path = f"{local:%Y/%m/%d}/{local:%Y-%m-%dT%H-%M-%S%z}_camera_{key}.mp4"
    source = dice.choice(_SOURCES)
    base = f"/api/v3/media/accounts/1100001/networks/11/sedona/41/{source}/{key}"
    labels = sorted(dice.sample(_WORDS, dice.randrange(3))) if dice.random() < 0.5 else None
    row = {
        "origin": "cloud",
        "origin_key": str(key),
        "created_at": utc_text(created),
        "updated_at": utc_text(created + timedelta(seconds=30)),
        "time_zone": zone.key,
        "created_local": local.isoformat(timespec="seconds"),
        "local_day": local.date().isoformat(),
        "type": "video",
        "source": source,
        "watched": 0,
        "watched_now": 1,
        "partial": 0,
        "media": f"{base}.mp4",
        "thumbnail": f"{base}.jpg?ext=",
        "description": "A person walks along the street." if labels == ["person"] else None,
        "labels": None if labels is None else json.dumps(labels),
        "raw": json.dumps({"id": key, "media": f"{base}.mp4", "padding": "x" * 500}),
        "first_seen_at": utc_text(known),
        "listed_at": utc_text(known),
        "path": path,
        "attempts": 0,
    }
    return row | dict.fromkeys(_FACTS) | _facts(dice, row, known)


_FACTS = (
    "bytes", "sha256", "duration", "unproven", "archived_at", "archived_run", "verified_at", "thumbnail_path",
    "thumbnail_bytes", "thumbnail_sha256", "thumbnail_archived_at", "last_error", "excluded_at", "starred_at",
    "note", "own_labels", "gone_at", "gone_reason", "delete_intended_at", "delete_confirmed_at",
    "remote_deleted_at", "local_removed_at", "local_removed_reason",
)  # fmt: skip


def _facts(dice: random.Random, row: dict[str, Any], known: datetime) -> dict[str, Any]:
    """What became of a clip."""
    chance, then, later = dice.random(), utc_text(known), utc_text(known + timedelta(days=3))
    if chance < 0.002:
        return {"attempts": 3, "last_error": "HTTP 500"}
    if chance < 0.003:
        return {"gone_at": then, "gone_reason": "expired at Blink"}
    if chance < 0.004:
        return {"remote_deleted_at": then}
    if chance < 0.005:
        return {"excluded_at": then}
    alike = "the same" if dice.random() < 0.001 else row["origin_key"]
    facts = {
        "bytes": 777_777 if alike == "the same" else dice.randrange(200_000, 4_000_000),
        "sha256": hashlib.sha256(alike.encode()).hexdigest(),
        "duration": dice.randrange(50, 600) / 10,
        "archived_at": then,
        "archived_run": 1,
        "verified_at": later if dice.random() < 0.8 else None,
        "thumbnail_path": row["path"].replace(".mp4", ".jpg"),
        "thumbnail_bytes": 11_715,
        "thumbnail_sha256": hashlib.sha256(b"thumbnail").hexdigest(),
        "thumbnail_archived_at": then,
    }
    if chance < 0.007:
        facts |= {"unproven": "fetched while Blink was writing it"}
    elif chance < 0.010:
        facts |= {"local_removed_at": later, "local_removed_reason": dice.choice(("pruned", "lost"))}
    elif chance < 0.310:
        facts |= dict.fromkeys(("delete_intended_at", "delete_confirmed_at", "remote_deleted_at"), later)
    elif chance < 0.315:
        facts |= {"starred_at": later, "note": "The day the fence fell.", "own_labels": '["fence"]'}
    return facts


def _events(catalog: Catalog) -> None:
    for kind, column in (
        ("archived", "archived_at"),
        ("gone", "gone_at"),
        ("delete_intended", "delete_intended_at"),
        ("delete_confirmed", "delete_confirmed_at"),
        ("starred", "starred_at"),
    ):
        catalog.connection.execute(
            "INSERT INTO events (at, kind, clip_id, run_id, detail) "
            f"SELECT {column}, ?, id, archived_run, json_object('path', path, 'bytes', bytes, 'sha256', sha256) "
            f"FROM clips WHERE {column} IS NOT NULL",
            (kind,),
        )


def made_up(root: Path, *, clips: int, **more: Any) -> Archive:
    """An archive at ``root`` whose catalog is `fill`ed; it has no files."""
    archive, _ = create_archive(root, root / "catalog.db", account_id=1100001, uuid="made-up", now=END)
    with closing(archive.open_catalog(write=True)) as catalog:
        fill(catalog, clips=clips, **more)
    return archive
