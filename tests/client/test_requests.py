"""The exact form of every request that changes something at Blink, as protocol.md has it recorded."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from blink_archive.client import Blink, Pacing
from blink_archive.model import Camera, Family, Program, ProgramAction, StoredClip
from blink_archive.protocol.endpoints import ENDPOINTS
from tests.protocol.samples import SAMPLES

from .fake import NOW, REST, signed_in

NETWORK = "accounts/1100001/networks/2100001"
STICK = f"/api/v1/{NETWORK}/sync_modules/3100001/local_storage/manifest/4321/clip"
COMMAND = {"id": 750082091, "network_id": 2100001}
NIGHTS = ProgramAction(days=("mon", "tue"), at=time(5, 30), action="arm", raw={})
LINE = {"dow": ["mon", "tue"], "devices": [], "time": "DATE 05:30:00 +0000", "action": "arm"}
WEEKDAYS = Program(123001, 2100001, "Weekdays", False, (), (), SAMPLES["programs"][0])
STORED = StoredClip("8", "Garden", datetime(2026, 10, 2, tzinfo=UTC), 1, f"{STICK}/request/8", {})


def camera(family: Family) -> Camera:
    return Camera(41, 2100001, family, "Garden", "x", None, None, None, None, None, None, {})


async def fetched(blink: Blink) -> None:
    async with blink.local_storage.media(STORED.path):
        pytest.fail("there is nothing to fetch")


Ask = Callable[[Blink], Awaitable[Any]]
EMPTY = b""
LIVE_VIEW = {"intent": "liveview", "motion_event_start_time": None}

# name in the table, the verb, the path, and the body: JSON, or nothing at all
FORMS: list[tuple[str, Ask, str, Any]] = [
    ("arm", lambda blink: blink.arm(2100001), f"/api/v1/{NETWORK}/state/arm", EMPTY),
    ("disarm", lambda blink: blink.disarm(2100001), f"/api/v1/{NETWORK}/state/disarm", EMPTY),
    ("command_done", lambda blink: blink.commands.done(2100001, 7), "/network/2100001/command/7/done/", EMPTY),
    ("command_update", lambda blink: blink.commands.extend(2100001, 7), "/network/2100001/command/7/update/", EMPTY),
    ("program_enable", lambda blink: blink.schedules.enable(WEEKDAYS), "/api/v1/networks/2100001/programs/123001/enable", EMPTY),
    ("program_disable", lambda blink: blink.schedules.disable(WEEKDAYS), "/api/v1/networks/2100001/programs/123001/disable", EMPTY),
    ("program_delete", lambda blink: blink.schedules.delete(WEEKDAYS), "/api/v1/networks/2100001/programs/123001/delete", EMPTY),
    (
        "program_update",
        lambda blink: blink.schedules.update(WEEKDAYS, name="Nights", actions=(NIGHTS,)),
        "/api/v1/networks/2100001/programs/123001/update",
        {"id": 123001, "network_id": 2100001, "status": "disabled", "name": "Nights", "schedule": [LINE], "format": "v1"},
    ),
    (
        "program_create",
        lambda blink: blink.schedules.create(2100001, name="Nights", actions=(NIGHTS,)),
        "/api/v1/networks/2100001/programs/create",
        {"network_id": 2100001, "name": "Nights", "schedule": [LINE], "format": "v1"},
    ),
    ("camera_enable", lambda blink: blink.cameras.enable(camera("camera")), "/network/2100001/camera/41/enable", EMPTY),
    ("camera_disable", lambda blink: blink.cameras.disable(camera("camera")), "/network/2100001/camera/41/disable", EMPTY),
    ("doorbell_enable", lambda blink: blink.cameras.enable(camera("doorbell")), f"/api/v1/{NETWORK}/doorbells/41/enable", EMPTY),
    ("doorbell_disable", lambda blink: blink.cameras.disable(camera("doorbell")), f"/api/v1/{NETWORK}/doorbells/41/disable", EMPTY),
    ("owl_update", lambda blink: blink.cameras.enable(camera("owl")), f"/api/v1/{NETWORK}/owls/41/config", {"enabled": True}),
    ("owl_update", lambda blink: blink.cameras.disable(camera("owl")), f"/api/v1/{NETWORK}/owls/41/config", {"enabled": False}),
    ("camera_snapshot", lambda blink: blink.cameras.snapshot(camera("camera")), "/network/2100001/camera/41/thumbnail", EMPTY),
    ("owl_snapshot", lambda blink: blink.cameras.snapshot(camera("owl")), f"/api/v1/{NETWORK}/owls/41/thumbnail", EMPTY),
    ("doorbell_snapshot", lambda blink: blink.cameras.snapshot(camera("doorbell")), f"/api/v1/{NETWORK}/doorbells/41/thumbnail", EMPTY),
    ("camera_record", lambda blink: blink.cameras.record(camera("camera")), "/network/2100001/camera/41/clip", EMPTY),
    ("owl_record", lambda blink: blink.cameras.record(camera("owl")), f"/api/v1/{NETWORK}/owls/41/clip", EMPTY),
    ("doorbell_record", lambda blink: blink.cameras.record(camera("doorbell")), f"/api/v1/{NETWORK}/doorbells/41/clip", EMPTY),
    ("camera_liveview", lambda blink: blink.cameras.liveview(camera("camera")), f"/api/v6/{NETWORK}/cameras/41/liveview", LIVE_VIEW),
    ("camera_update", lambda blink: blink.cameras.update_config(camera("camera"), {"motion_sensitivity": 5}), "/network/2100001/camera/41/update", {"motion_sensitivity": 5}),
    ("doorbell_update", lambda blink: blink.cameras.update_config(camera("doorbell"), {"a": 1}), f"/api/v1/{NETWORK}/doorbells/41/config", {"a": 1}),
    ("camera_snooze", lambda blink: blink.cameras.snooze(camera("camera"), minutes=240), f"/api/v1/{NETWORK}/cameras/41/snooze", {"snooze_time": 240}),
    ("owl_snooze", lambda blink: blink.cameras.snooze(camera("owl"), minutes=240), f"/api/v1/{NETWORK}/owls/41/snooze", {"snooze_time": 240}),
    ("doorbell_snooze", lambda blink: blink.cameras.snooze(camera("doorbell"), minutes=240), f"/api/v1/{NETWORK}/doorbells/41/snooze", {"snooze_time": 240}),
    ("owl_light_on", lambda blink: blink.cameras.light(camera("owl"), on=True), f"/api/v1/{NETWORK}/owls/41/lights/on", EMPTY),
    ("owl_light_off", lambda blink: blink.cameras.light(camera("owl"), on=False), f"/api/v1/{NETWORK}/owls/41/lights/off", EMPTY),
    (
        "notifications_update",
        lambda blink: blink.account.set_notifications({"low_battery": False}),
        "/api/v1/accounts/1100001/notifications/configuration",
        {"notifications": {"low_battery": False}},
    ),
    ("client_update", lambda blink: blink.account.update_client({"notification_key": "k"}), "/client/1100002/update", {"notification_key": "k"}),
    ("video_options", lambda blink: blink.account.set_auto_delete_days(30), "/api/v1/account/video_options", {"auto_delete_days": 30}),
    ("media_delete", lambda blink: blink.delete_media([7000001, 7000002]), "/api/v1/accounts/1100001/media/delete", {"media_list": [7000001, 7000002]}),
    ("local_storage_clip_request", fetched, f"{STICK}/request/8", EMPTY),
    ("local_storage_clip_delete", lambda blink: blink.local_storage.delete(STORED.path), f"{STICK}/delete/8", EMPTY),
    ("logout", lambda blink: blink.account.log_out(), "/api/v4/account/1100001/client/1100002/logout", EMPTY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ask", "path", "body"), FORMS, ids=[f"{form[0]}-{at}" for at, form in enumerate(FORMS)]
)
def test_the_request_has_its_recorded_form(tmp_path: Path, name: str, ask: Ask, path: str, body: Any) -> None:
    """One POST to the region's host, with the token, at exactly that path without a query, and with exactly that
    body: JSON that says so, or none at all."""

    async def main() -> None:
        async with Blink.from_state(
            signed_in(tmp_path), pacing=Pacing.none(attempts=1), now=lambda: NOW
        ) as blink:
            await ask(blink)

    with respx.mock(assert_all_called=True) as router:
        route = router.post(f"https://{REST}{path}").mock(
            return_value=httpx.Response(429, json={"message": "no"})
        )
        with pytest.raises(Exception, match="slow down"):
            asyncio.run(main())
    (call,) = route.calls
    request = call.request
    assert ENDPOINTS[name].ids_in(request.url.path) is not None
    assert request.url.query == b""
    assert request.headers["Authorization"] == "Bearer access-0"
    if body == EMPTY:
        assert request.content == b""
        assert "Content-Type" not in request.headers
    else:
        assert request.headers["Content-Type"] == "application/json"
        text = re.sub(r"\d{4}-\d\d-\d\d(?= \d\d:)", "DATE", request.content.decode())  # it means nothing
        assert json.loads(text) == body


def test_every_change_has_its_form() -> None:
    """Each POST of the table that changes something, but those of signing in, and those that only ask."""
    asking = {
        "client_options", "network_update", "media", "local_storage_manifest_request", "logs_upload",
        "camera_liveview_v5", "owl_liveview", "doorbell_liveview",
    }  # fmt: skip
    signing_in = {"oauth_signin", "oauth_verify", "oauth_token", "login", "pin_verify", "pin_resend"}
    changing = {
        name
        for name, endpoint in ENDPOINTS.items()
        if endpoint.method == "POST" and endpoint.mark != "O" and name not in asking | signing_in
    }
    assert {form[0] for form in FORMS} == changing
