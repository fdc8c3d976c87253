"""The calls about the account and this client (protocol.md 3), and the obsolete ones of all sections."""

import base64
import json
from typing import Any

from blink_archive.simulator import items
from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import (
    UPDATE_REQUIRED,
    Answer,
    Call,
    Endpoint,
    failure,
    json_answer,
    not_found,
)
from blink_archive.simulator.records import iso
from blink_archive.simulator.settings import ACCOUNT_ID, CLIENT_ID, USER_ID

REGIONS = (
    ("usu019", "u019", "United States - CENTRAL", 1),
    ("e006", "e006", "Europe", 4),
    ("sg", "prsg", "Southeast Asia", 5),
)


def notifications(cloud: Cloud, _: Call) -> Answer:
    with cloud.lock:
        return json_answer({"notifications": dict(cloud.house.notifications)})


def notifications_update(cloud: Cloud, call: Call) -> Answer:
    """Takes just the flags to change, as true and false."""
    content = call.json
    changes = content.get("notifications") if isinstance(content, dict) else None
    if not isinstance(changes, dict) or not all(type(on) is bool for on in changes.values()):
        return failure(400, 400, message="Invalid notification configuration")
    with cloud.lock:
        cloud.house.notifications |= changes
    return json_answer({"message": "Client Notification Configure Update Successful"})


def client_options(cloud: Cloud, call: Call) -> Answer:
    """JSON in base64, of this client alone."""
    if call.params["client"] != CLIENT_ID:
        return not_found()
    order = [network.id for network in cloud.catalogue.networks]
    cameras = [camera.id for camera in cloud.catalogue.cameras]
    options = {"network_order": order, "camera_order": cameras, "keys": {}, "schema": 1}
    return json_answer({"options": base64.b64encode(json.dumps(options).encode()).decode()})


def client_update(cloud: Cloud, call: Call) -> Answer:
    content = call.json
    if call.params["client"] != CLIENT_ID:
        return not_found()
    if not isinstance(content, dict):
        return failure(400, 400, message="Invalid client")
    with cloud.lock:
        cloud.house.client |= content
        return json_answer(cloud.house.client_answer(cloud.now()))


def version(_: Cloud, call: Call) -> Answer:
    """Wants to know which app asks."""
    if "app-build" not in call.headers:
        return json_answer(UPDATE_REQUIRED, status=426)
    return json_answer({"message": "OK", "code": 103, "update_available": False, "update_required": False})


def regions(_: Cloud, call: Call) -> Answer:
    if not call.query.get("locale"):
        return failure(400, 400, message="Missing locale")
    found = {
        name: {"display_order": order, "dns": dns, "friendly_name": words, "registration": True}
        for name, dns, words, order in REGIONS
    }
    return json_answer({"mode": "manual", "preferred": REGIONS[0][0], "regions": found})


def logs_upload(cloud: Cloud, call: Call) -> Answer:
    """Takes whatever comes: the form of a log is not known."""
    with cloud.lock:
        cloud.house.logs.append(call.body)
    return json_answer({"message": "Logs uploaded"})


def account_options(_: Cloud, __: Call) -> Answer:
    return json_answer(
        {
            "owl_app_enabled": True, "legacy_account_mini": True, "catalina_app_enabled": True,
            "sm2_app_enabled": True, "snapshot_app_enabled": True, "c2s_clip_list_limit": 1000,
            "amazon_account_linking": "unavailable", "breadcrumbs": [],
        }
    )  # fmt: skip


def health(_: Cloud, __: Call) -> Answer:
    return Answer(200, (("content-type", "text/plain; charset=utf-8"),), (b"OK\n",))


def user(cloud: Cloud, _: Call) -> Answer:
    now = iso(cloud.now())
    return json_answer(
        {
            "id": USER_ID, "email": cloud.settings.email, "name": "", "account_id": ACCOUNT_ID,
            "created_at": items.LONG_AGO, "updated_at": now, "time_zone": "US/Eastern", "temp_units": "f",
            "type": "regular", "owner": True, "user_access": "write", "verified": True,
            "phone_number": "5555555555", "country_id": "US", "locale": "en_US",
        }
    )  # fmt: skip


def video_options(cloud: Cloud, call: Call) -> Answer:
    """Takes one of the days that the homescreen offers."""
    content: Any = call.json
    days = content.get("auto_delete_days") if isinstance(content, dict) else None
    with cloud.lock:
        if type(days) is not int or days not in items.auto_delete_options(cloud.settings):
            return failure(400, 400, message="Invalid video options")
        cloud.auto_delete_days = days
    return json_answer({"message": "Successfully updated video options"})


def obsolete(_: Cloud, __: Call) -> Answer:
    """What an old app is told."""
    return json_answer(UPDATE_REQUIRED, status=426)


V1 = "/api/v1/accounts/{account:int}"

TABLE: tuple[Endpoint, ...] = (
    Endpoint("notifications", "GET", f"{V1}/notifications/configuration", notifications),
    Endpoint("notifications_update", "POST", f"{V1}/notifications/configuration", notifications_update),
    Endpoint("client_options", "GET", f"{V1}/clients/{{client:int}}/options", client_options),
    Endpoint("client_update", "POST", "/client/{client:int}/update", client_update),
    Endpoint("version", "GET", "/api/v1/version", version, bearer=False),
    Endpoint("regions", "GET", "/regions", regions, bearer=False),
    Endpoint("logs_upload", "POST", "/app/logs/upload", logs_upload),
    Endpoint("account_options", "GET", "/api/v1/account/options", account_options),
    Endpoint("health", "GET", "/health", health, bearer=False),
    Endpoint("user", "GET", "/user", user),
    Endpoint("video_options", "POST", "/api/v1/account/video_options", video_options),
    Endpoint("account_clients", "GET", "/account/clients", obsolete),
    Endpoint("network_cameras", "GET", "/network/{network:int}/cameras", obsolete),
    Endpoint("events", "GET", "/events/network/{network:int}", obsolete),
    Endpoint("videos_count", "GET", "/api/v2/videos/count", obsolete),
    Endpoint("videos_page", "GET", "/api/v2/videos/page/{page:int}", obsolete),
    Endpoint("videos_unwatched", "GET", "/api/v2/videos/unwatched", obsolete),
    Endpoint("video", "GET", "/api/v2/video/{clip:int}", obsolete),
    Endpoint("video_delete", "POST", "/api/v2/video/{clip:int}/delete", obsolete),
)
