"""The homescreen into the catalog: networks, sync modules and cameras as they are now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..model import Homescreen, utc_text
from .catalog import Catalog, storable_or_null
from .feed import json_text
from .readings import record_readings


def record_homescreen(catalog: Catalog, home: Homescreen, *, now: datetime, run: int | None = None) -> None:
    """Upsert networks, sync modules and cameras; one that is no longer listed stays as it was. With ``run``,
    what was measured is added to its readings, too."""
    seen = utc_text(now)
    account = catalog.value("SELECT account_id FROM archive")
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE accounts SET auto_delete_days = coalesce(?, auto_delete_days), seen_at = ? WHERE id = ?",
            (home.auto_delete_days, seen, account),
        )
        for network in home.networks:
            _upsert(
                catalog,
                "networks",
                id=network.id,
                account_id=account,
                name=storable_or_null(network.name),
                time_zone=storable_or_null(network.time_zone),
                armed=network.armed,
                seen_at=seen,
                raw=json_text(network.raw),
            )
        known = {network.id for network in home.networks}
        for module in home.sync_modules:
            _upsert(
                catalog,
                "sync_modules",
                id=module.id,
                network_id=module.network_id if module.network_id in known else None,
                name=storable_or_null(module.name),
                type=storable_or_null(module.type),
                serial=storable_or_null(module.serial),
                status=storable_or_null(module.status),
                fw_version=storable_or_null(module.fw_version),
                local_storage_status=storable_or_null(module.local_storage_status),
                seen_at=seen,
                raw=json_text(module.raw),
            )
        for camera in home.cameras:
            _upsert(
                catalog,
                "cameras",
                id=camera.id,
                network_id=camera.network_id if camera.network_id in known else None,
                family=camera.family,
                name=storable_or_null(camera.name),
                type=storable_or_null(camera.type),
                serial=storable_or_null(camera.serial),
                status=storable_or_null(camera.status),
                enabled=camera.enabled,
                battery=storable_or_null(camera.battery),
                fw_version=storable_or_null(camera.fw_version),
                seen_at=seen,
                raw=json_text(camera.raw),
            )
        if run is not None:
            record_readings(catalog, home, run=run, now=now)


def network_zones(catalog: Catalog) -> dict[int, str]:
    """The IANA zone of each network, by Blink's id."""
    return {row["id"]: row["time_zone"] for row in catalog.rows("SELECT id, time_zone FROM networks")}


def _upsert(catalog: Catalog, table: str, **row: Any) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    renew = ", ".join(f"{column} = excluded.{column}" for column in row if column != "id")
    catalog.db.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {renew}",
        list(row.values()),
    )
