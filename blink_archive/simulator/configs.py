"""Configurations of cameras, owls and doorbells, and measurements, as the JSON that Blink answers."""

from typing import Any

from blink_archive.simulator.items import camera_entry
from blink_archive.simulator.records import Camera, iso
from blink_archive.simulator.settings import ACCOUNT_ID

ALL_REGIONS = 33554431
"""Bits of a five by five grid."""


def config(camera: Camera, changes: dict[str, Any], now: int) -> dict[str, Any]:
    """Everything that can be set, with the `changes` that were made; for the camera family in a list, and
    with the measurements."""
    match camera.family:
        case "camera":
            found = _of_camera(camera, now) | changes
            measured = signals(camera, now) | {"battery_state": found["battery_state"]}
            return {"camera": [found], "signals": measured}
        case "owl":
            return _of_owl(camera, now) | changes
        case "doorbell":
            return _of_doorbell(camera, now) | changes


def _of_owl(camera: Camera, now: int) -> dict[str, Any]:
    return _shared(camera, now) | {
        "led_enabled": True, "led_state": "off", "clip_length": 30, "clip_length_max": 30,
        "retrigger_time": 10, "advanced_motion_regions": [4095] * 25, "night_vision_control": "normal",
        "illuminator_enable": "auto", "illuminator_enable_v2": "auto", "volume_control": 7, "wifi": 5,
        "video_recording_enable": True, "video_recording_optional": True, "flip_video": False,
    }  # fmt: skip


def _of_doorbell(camera: Camera, now: int) -> dict[str, Any]:
    return _shared(camera, now) | {
        "clip_max_length": 60, "video_length": 30, "alert_interval": 10, "illuminator_enable": 2,
        "chime_enabled": True, "battery_state": "ok", "mode": "lfr",
    }  # fmt: skip


def _shared(camera: Camera, now: int) -> dict[str, Any]:
    """What owls and doorbells have in common."""
    entry = camera_entry(camera, now)
    same = (
        "name", "updated_at", "fw_version", "enabled", "status", "local_storage_enabled",
        "local_storage_compatible",
    )  # fmt: skip
    return {key: entry[key] for key in same} | {
        "video_quality": "best", "motion_sensitivity": 5, "motion_regions": ALL_REGIONS,
        "early_termination": False, "early_termination_supported": True, "early_notification": False,
        "illuminator_duration": 1, "illuminator_intensity": 4, "record_audio_enable": True,
    }  # fmt: skip


def _of_camera(camera: Camera, now: int) -> dict[str, Any]:
    """As the homescreen where that says it too."""
    entry = camera_entry(camera, now)
    shared = (
        "id", "name", "network_id", "created_at", "updated_at", "type", "serial", "fw_version", "enabled",
        "status", "local_storage_enabled", "local_storage_compatible", "thumbnail",
    )  # fmt: skip
    own = {
        "sync_module_id": camera.network.sync_module_id, "account_id": ACCOUNT_ID, "deleted_at": None,
        "armed": camera.enabled and camera.network.armed, "onboarded": True, "battery_state": "ok",
        "battery_voltage": 163, "battery_check_time": iso(now), "temperature": 68, "temp_adjust": 0,
        "temp_alarm_enable": False, "temp_min": 50, "temp_max": 88, "wifi_strength": -52,
        "lfr_strength": -60, "motion_alert": True, "motion_sensitivity": 5, "motion_regions": ALL_REGIONS,
        "motion_regions_compatible": True, "privacy_zones_compatible": True, "video_length": 30,
        "video_quality": "standard", "video_quality_support": ["saver", "standard", "best"],
        "video_50_60hz": "freq_60hz", "clip_max_length": 60, "alert_interval": 10,
        "early_termination": True, "early_termination_supported": True, "early_notification": False,
        "record_audio": True, "record_audio_enable": True, "illuminator_enable": 2,
        "illuminator_duration": 1, "illuminator_intensity": 4, "night_vision_exposure": 1,
        "flip_image": False, "flip_video": False, "snapshot_enabled": False,
        "snapshot_period_minutes": 60, "lfr_sync_interval": 8, "liveview_enabled": "on",
        "snooze_till": iso(camera.snoozed_until) if camera.snoozed_until > now else None,
        "siren_enable": False, "unit_number": 1, "usage_alert_count": 0,
    }  # fmt: skip
    return {key: entry[key] for key in shared} | own


def signals(camera: Camera, now: int) -> dict[str, Any]:
    """The measurements of the homescreen, and when they were made."""
    return {**camera_entry(camera, now)["signals"], "updated_at": iso(now)}
