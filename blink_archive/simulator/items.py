"""Records as the JSON that Blink answers: items of the feed, the homescreen, configurations."""

import re
from datetime import datetime
from typing import Any

from blink_archive.simulator.records import Camera, Catalogue, Clip, Network, iso
from blink_archive.simulator.settings import ACCOUNT_ID, Settings

SINCE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
LONG_AGO = "2020-02-13T19:15:54+00:00"


def media_path(clip: Clip) -> str:
    """Where the MP4 is, old form or new."""
    if clip.old_paths:
        return f"/api/v2/accounts/{ACCOUNT_ID}/media/clip/{clip.id}.mp4"
    return f"{_new_base(clip)}.mp4"


def thumbnail_path(clip: Clip) -> str:
    """Where the JPEG is: the old form wants `.jpg` appended, the new one is used as it stands."""
    if clip.old_paths:
        return f"/api/v2/accounts/{ACCOUNT_ID}/media/thumb/{clip.id}"
    return f"{_new_base(clip)}.jpg?ext="


def _new_base(clip: Clip) -> str:
    camera = clip.camera
    return (
        f"/api/v3/media/accounts/{ACCOUNT_ID}/networks/{camera.network.id}"
        f"/{camera.type}/{camera.id}/{clip.source}/{clip.id}"
    )


def clip_item(clip: Clip) -> dict[str, Any]:
    """A clip as the feed lists it; a tombstone keeps its paths, lacks them, or has null there."""
    camera = clip.camera
    item: dict[str, Any] = {
        "id": clip.id,
        "created_at": iso(clip.created),
        "updated_at": iso(clip.updated),
        "deleted": clip.deleted,
        "device": "camera" if clip.old_paths else camera.type,
        "device_id": camera.id,
        "device_name": clip.camera_name,
        "network_id": camera.network.id,
        "network_name": camera.network.name,
        "type": "video",
        "source": clip.source,
        "watched": clip.watched,
        "partial": clip.partial,
        "thumbnail": thumbnail_path(clip),
        "media": media_path(clip),
        "metadata": clip.metadata,
        "additional_devices": [],
        "time_zone": camera.network.time_zone,
    }
    if clip.deleted and clip.id % 3 == 1:
        del item["media"], item["thumbnail"]
    elif clip.deleted and clip.id % 3 == 2:
        item["media"] = item["thumbnail"] = None
    return item | clip.extra if clip.extra else item


def camera_thumbnail(camera: Camera, now: int) -> str:
    """The homescreen's path of a camera's picture, in one of its three forms; it changes hourly."""
    taken = camera.picture_at or now - now % 3600
    match camera.thumbnail_form:
        case "number":
            return str(taken)
        case "old":
            return (
                f"/media/production/account/{ACCOUNT_ID}/network/{camera.network.id}"
                f"/camera/{camera.id}/clip_{taken}"
            )
        case "new":
            return (
                f"/api/v3/media/accounts/{ACCOUNT_ID}/networks/{camera.network.id}"
                f"/{camera.type}/{camera.id}/thumbnail/thumbnail.jpg?ts={taken}&ext="
            )


def network_entry(network: Network, now: int) -> dict[str, Any]:
    return {
        "id": network.id,
        "created_at": LONG_AGO,
        "updated_at": iso(now),
        "name": network.name,
        "time_zone": network.time_zone,
        "dst": True,
        "armed": network.armed,
        "lv_save": False,
    }


def sync_module_entry(network: Network, now: int) -> dict[str, Any]:
    return {
        "id": network.sync_module_id,
        "created_at": LONG_AGO,
        "updated_at": iso(now),
        "onboarded": True,
        "status": "online",
        "name": f"{network.name} module",
        "serial": f"G8V1{network.sync_module_id:012}",
        "fw_version": "4.5.14",
        "type": network.sync_module_type,
        "subtype": "vinnie",
        "last_hb": iso(now),
        "wifi_strength": 5,
        "network_id": network.id,
        "enable_temp_alerts": True,
        "local_storage_enabled": network.stick != "none",
        "local_storage_compatible": network.sync_module_type == "sm2",
        "local_storage_status": "active" if network.stick == "mounted" else "unavailable",
        "revision": "00",
    }


def camera_entry(camera: Camera, now: int) -> dict[str, Any]:
    """A camera, Mini or doorbell of the homescreen: fields in common, then the family's own."""
    common: dict[str, Any] = {
        "id": camera.id,
        "created_at": LONG_AGO,
        "updated_at": iso(now),
        "name": camera.name,
        "serial": camera.serial,
        "fw_version": "10.73",
        "type": camera.type,
        "enabled": camera.enabled,
        "thumbnail": camera_thumbnail(camera, now),
        "network_id": camera.network.id,
        "local_storage_enabled": False,
        "local_storage_compatible": camera.type != "white",
        "snooze": camera.snoozed_until > now,
        "snooze_time_remaining": _snoozed_minutes(camera, now),
    }
    match camera.family:
        case "camera":
            signals = {"lfr": 5, "wifi": 5, "temp": 68, "battery": 3}
            status = "done" if camera.enabled else "offline"
            own = {
                "status": status, "battery": "ok", "usage_rate": False, "issues": [], "signals": signals,
                "revision": None if camera.type == "white" else "00",
            }  # fmt: skip
        case "owl":
            own = {"onboarded": True, "status": "online"}
        case "doorbell":
            own = {
                "onboarded": True, "status": "online", "battery": "ok", "issues": [], "mode": "lfr",
                "changing_mode": False, "config_out_of_date": False,
                "signals": {"lfr": 4, "wifi": 4, "battery": 3},
            }  # fmt: skip
    return common | own


def _snoozed_minutes(camera: Camera, now: int) -> int | None:
    """Minutes that are left, the last one begun counted whole; None for a camera that is awake."""
    return -((now - camera.snoozed_until) // 60) if camera.snoozed_until > now else None


def auto_delete_options(settings: Settings) -> list[int]:
    """After how many days clips can be deleted."""
    return sorted({3, 7, 14, 30, 60, settings.auto_delete_days})


def homescreen(
    catalogue: Catalogue, settings: Settings, *, now: int, auto_delete_days: int
) -> dict[str, Any]:
    """Everything at once."""
    families: dict[str, list[dict[str, Any]]] = {"camera": [], "owl": [], "doorbell": []}
    for camera in catalogue.cameras:
        families[camera.family].append(camera_entry(camera, now))
    return {
        "account": {
            "id": ACCOUNT_ID, "email_verified": True, "email_verification_required": True,
            "amazon_account_linked": False,
        },
        "networks": [network_entry(network, now) for network in catalogue.networks],
        "sync_modules": [sync_module_entry(network, now) for network in catalogue.networks],
        "cameras": families["camera"],
        "sirens": [],
        "chimes": [],
        "doorbell_buttons": [],
        "video_stats": {
            "storage": 2,
            "auto_delete_days": auto_delete_days,
            "auto_delete_day_options": auto_delete_options(settings),
        },
        "owls": families["owl"],
        "doorbells": families["doorbell"],
        "app_updates": {"message": "OK", "code": 103, "update_available": False, "update_required": False},
        "device_limits": {
            "camera": 10, "chime": 5, "doorbell": 10, "doorbell_button": 2, "owl": 10, "siren": 5,
            "total_devices": 20,
        },
        "whats_new": {"updated_at": 20260210, "url": "https://updates.blinkforhome.com/"},
        "subscriptions": {"updated_at": iso(now)},
        "entitlements": {"updated_at": iso(now)},
        "tiv_lock_enable": True,
        "tiv_lock_status": {"locked": True},
        "accessories": {"storm": [], "rosie": []},
    }  # fmt: skip


def networks(catalogue: Catalogue, now: int) -> dict[str, Any]:
    """The answer of `/networks`."""
    return {
        "networks": [
            network_entry(network, now)
            | {
                "account_id": ACCOUNT_ID, "arm_string": "Armed" if network.armed else "Disarmed",
                "autoarm_geo_enable": False, "autoarm_time_enable": False, "busy": False,
                "camera_error": False, "sync_module_error": False, "description": "", "locale": "",
                "lv_mode": "relay", "network_origin": "normal", "ping_interval": 60, "storage_total": 0,
                "storage_used": 0, "video_count": 0, "video_destination": "server",
                "video_history_count": 4000,
            }
            for network in catalogue.networks
        ],
        "summary": {
            str(network.id): {"name": network.name, "onboarded": True} for network in catalogue.networks
        },
    }  # fmt: skip


def sync_module(network: Network) -> dict[str, Any]:
    entry = sync_module_entry(network, 0)
    kept = ("id", "name", "serial", "status", "network_id", "fw_version", "onboarded", "type")
    return {"syncmodule": {key: entry[key] for key in kept} | {"account_id": ACCOUNT_ID}}


def network_update(network: Network) -> dict[str, Any]:
    return {
        "network": {
            "id": network.id, "name": network.name, "armed": network.armed, "busy": False,
            "camera_error": False, "sync_module_error": False, "time_zone": network.time_zone, "dst": True,
            "account_id": ACCOUNT_ID, "lv_save": False,
        }
    }  # fmt: skip


def camera_usage(catalogue: Catalogue) -> dict[str, Any]:
    """Only the camera family is in it; Minis and doorbells are in the homescreen alone."""
    return {
        "range_days": 7,
        "reference": {"usage": 400},
        "networks": [
            {
                "network_id": network.id,
                "name": network.name,
                "cameras": [
                    {"id": camera.id, "name": camera.name, "usage": 39, "lv_seconds": 0, "clip_seconds": 39}
                    for camera in catalogue.cameras
                    if camera.network is network and camera.family == "camera"
                ],
            }
            for network in catalogue.networks
        ],
    }


def second(text: str) -> int | None:
    """Unix seconds of a time with its offset; None where it is none, or a day that no calendar has."""
    # A `+` that was not encoded arrives as a space; Blink takes it where the offset is zero.
    found = SINCE.fullmatch(re.sub(r" (00:?00)$", r"+\1", text))
    if found is None:
        return None
    try:
        return int(datetime.fromisoformat(found[1] + found[2]).timestamp())
    except ValueError:
        return None
