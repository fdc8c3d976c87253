"""What `devices` knows of a home screen: plain facts, the words for them, and what changed in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model import Camera, Homescreen, Json, Network, SyncModule, utc_text
from ..protocol.values import Unreadable, flag, integer, moment

Facts = dict[str, Any]

_SILENT = frozenset({"seen_at", "snooze_minutes", "temperature_c"})
"""What changes all the time, or with another fact."""


def facts(home: Homescreen) -> dict[str, list[Facts]]:
    """All that is shown of the home screen, and ids, types and serials: ``networks``, ``sync_modules``,
    ``cameras``. Times are UTC, temperatures in both units, ``snooze_minutes`` what is left of it."""
    return {
        "networks": [_network(network) for network in home.networks],
        "sync_modules": [_sync_module(module) for module in home.sync_modules],
        "cameras": [_camera(camera) for camera in home.cameras],
    }


def _network(network: Network) -> Facts:
    return {
        "id": network.id,
        "name": network.name,
        "time_zone": network.time_zone,
        "armed": network.armed,
    }


def _sync_module(module: SyncModule) -> Facts:
    return {
        "id": module.id,
        "network_id": module.network_id,
        "name": module.name,
        "type": module.type,
        "serial": module.serial,
        "status": module.status,
        "wifi": module.wifi,
        "firmware": module.fw_version,
        "local_storage": module.local_storage_status,
        "seen_at": _time(module.raw, "last_hb") or _time(module.raw, "updated_at"),
    }


def _camera(camera: Camera) -> Facts:
    degrees = camera.signals.temperature_f
    return {
        "id": camera.id,
        "network_id": camera.network_id,
        "name": camera.name,
        "family": camera.family,
        "type": camera.type,
        "serial": camera.serial,
        "status": camera.status,
        "motion": camera.enabled,
        "battery": camera.battery,
        "temperature_f": degrees,
        "temperature_c": None if degrees is None else round((degrees - 32) / 1.8, 1),
        "wifi": camera.signals.wifi,
        "lfr": camera.signals.lfr,
        "firmware": camera.fw_version,
        "local_storage": flag(camera.raw.get("local_storage_enabled")),
        "seen_at": _time(camera.raw, "updated_at"),
        "snoozed": flag(camera.raw.get("snooze")),
        "snooze_minutes": integer(camera.raw.get("snooze_time_remaining")),
    }


def _time(raw: Json, name: str) -> str | None:
    try:
        return utc_text(moment(raw.get(name)))
    except Unreadable:
        return None


def in_words(name: str, value: Any, *, fahrenheit: bool) -> str:
    """A fact as a person reads it; empty where Blink does not say."""
    match name, value:
        case _, None:
            return ""
        case "armed", bool():
            return "armed" if value else "disarmed"
        case "temperature_f", _:
            return f"{value:.0f} °F" if fahrenheit else f"{(value - 32) / 1.8:.0f} °C"
        case _, bool():
            return "on" if value else "off"
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Change:
    """One fact of one thing that is another now. ``kind`` is ``network``, ``sync_module`` or ``camera``;
    for a thing that came or left, ``fact`` is ``listed``."""

    kind: str
    id: int
    name: str
    network_id: int | None
    fact: str
    old: Any
    new: Any


def changes(before: Mapping[str, Sequence[Facts]], after: Mapping[str, Sequence[Facts]]) -> Iterator[Change]:
    """What is another now; but for times, minutes that are left, and the like."""
    for group in ("networks", "sync_modules", "cameras"):
        old, new = ({_key(each): each for each in found[group]} for found in (before, after))
        for key in [*old, *(key for key in new if key not in old)]:
            thing = new.get(key) or old[key]
            for fact, was, becomes in _differences(old.get(key), new.get(key)):
                yield Change(
                    kind=group.removesuffix("s"),
                    id=thing["id"],
                    name=thing["name"],
                    network_id=thing["id"] if group == "networks" else thing["network_id"],
                    fact=fact,
                    old=was,
                    new=becomes,
                )


def _key(thing: Facts) -> tuple[Any, ...]:
    return thing.get("family"), thing["id"]


def _differences(old: Facts | None, new: Facts | None) -> Iterator[tuple[str, Any, Any]]:
    if old is None or new is None:
        yield "listed", old is not None, new is not None
        return
    for fact in new:
        if fact not in _SILENT and old[fact] != new[fact]:
            yield fact, old[fact], new[fact]
