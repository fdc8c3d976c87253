"""The devices as each sync found them: battery, temperature, radio, over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..model import Homescreen, utc_text
from .catalog import Catalog, storable_or_null

EVERY = timedelta(minutes=50)
"""A device that tells nothing new is read anew after so long: a little less than an hour, so that an hourly
sync that begins some minutes early skips none."""

_AT_ONCE = ("status", "enabled", "armed", "battery", "battery_bars")
_WAVERING = ("temperature_f", "wifi", "lfr")
_COLUMNS = ("run_id", "at", "device", "device_id", *_AT_ONCE, *_WAVERING)


def record_readings(catalog: Catalog, home: Homescreen, *, run: int, now: datetime) -> None:
    """A row for each device of which the last one is older than `EVERY` or says something else; within the
    caller's transaction.

    A sync can run every five minutes. Degrees and the bars of radios waver by one all the time, so they alone
    make no new row before the time has come: a device has some two dozen rows a day, and not 288.
    """
    armed = {network.id: network.armed for network in home.networks}
    for row in _readings(home, armed):
        last = catalog.rows(
            f"SELECT at, {', '.join(_AT_ONCE)} FROM readings "
            "WHERE device_id = ? AND device = ? AND at <= ? ORDER BY at DESC LIMIT 1",  # a clock may go back
            (row["device_id"], row["device"], utc_text(now)),
        )
        if any(_says_enough(each, row, now=now) for each in last):
            continue
        catalog.db.execute(
            f"INSERT OR REPLACE INTO readings ({', '.join(_COLUMNS)}) "  # Blink may list a device twice
            f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)})",
            row | {"run_id": run, "at": utc_text(now)},
        )


def _says_enough(last: Mapping[str, Any], row: Mapping[str, Any], *, now: datetime) -> bool:
    return last["at"] > utc_text(now - EVERY) and all(last[name] == row[name] for name in _AT_ONCE)


def _readings(home: Homescreen, armed: Mapping[int, bool | None]) -> Iterator[dict[str, Any]]:
    """What a row says of each device, but for the run and the time."""
    nothing = dict.fromkeys((*_AT_ONCE, *_WAVERING))
    for module in home.sync_modules:
        yield nothing | {
            "device": "sync_module",
            "device_id": module.id,
            "status": storable_or_null(module.status),
            "armed": armed.get(module.network_id or 0),
            "wifi": module.wifi,
        }
    for camera in home.cameras:
        yield nothing | {
            "device": camera.family,
            "device_id": camera.id,
            "status": storable_or_null(camera.status),
            "enabled": camera.enabled,
            "armed": armed.get(camera.network_id or 0),
            "battery": storable_or_null(camera.battery),
            "battery_bars": camera.signals.battery_bars,
            "temperature_f": camera.signals.temperature_f,
            "wifi": camera.signals.wifi,
            "lfr": camera.signals.lfr,
        }
