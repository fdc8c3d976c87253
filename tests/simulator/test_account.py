"""The account of the simulator: what is set comes back, and what is obsolete says so."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from blink_archive.simulator import Simulator
from tests.protocol.samples import SAMPLES

ACCOUNT = "/api/v1/accounts/1100001"
NOTIFICATIONS = f"{ACCOUNT}/notifications/configuration"
PROGRAMS = "/api/v1/networks/2100001/programs"


def test_just_the_flags_that_are_sent_change(http: httpx.Client) -> None:
    """The others stay as they were."""
    before = http.get(NOTIFICATIONS).json()["notifications"]
    http.post(NOTIFICATIONS, json={"notifications": {"low_battery": False}})
    assert http.get(NOTIFICATIONS).json()["notifications"] == before | {"low_battery": False}


@pytest.mark.parametrize("body", [{"low_battery": False}, {"notifications": {"low_battery": "off"}}, []])
def test_other_forms_of_notifications_are_refused(http: httpx.Client, body: object) -> None:
    """The flags are true and false, in an object of their own."""
    assert http.post(NOTIFICATIONS, json=body).status_code == 400


def test_the_options_of_this_client_alone(http: httpx.Client) -> None:
    """JSON in base64; another client's are not found."""
    options = http.get(f"{ACCOUNT}/clients/1100002/options").json()["options"]
    assert json.loads(base64.b64decode(options))["network_order"] == [2100001, 2100002, 2100003]
    assert http.get(f"{ACCOUNT}/clients/1/options").status_code == 404
    assert http.post("/client/1/update", json={}).status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/version", "/regions?locale=US", "/health"])
def test_some_calls_need_no_sign_in(sim: Simulator, path: str) -> None:
    """They answer whoever asks."""
    assert httpx.get(sim.url + path, headers={"APP-BUILD": "IOS_8528"}).status_code == 200


def test_the_days_that_clips_are_kept(sim: Simulator, http: httpx.Client) -> None:
    """One of those that the homescreen offers; it then says so, and older clips expire."""
    stats = http.get("/api/v3/accounts/1100001/homescreen").json()["video_stats"]
    assert stats["auto_delete_days"] == 60
    assert http.post("/api/v1/account/video_options", json={"auto_delete_days": 7}).status_code == 200
    stats = http.get("/api/v3/accounts/1100001/homescreen").json()["video_stats"]
    assert stats["auto_delete_days"] == 7
    assert sim.cloud.expire_old()
    for days in (8, "7", None):
        body = {"auto_delete_days": days}
        assert http.post("/api/v1/account/video_options", json=body).status_code == 400


def test_a_log_is_taken(sim: Simulator, http: httpx.Client) -> None:
    """Whatever its form."""
    http.post("/app/logs/upload", content=b"anything")
    assert sim.cloud.house.logs == [b"anything"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/clients"),
        ("GET", "/network/2100001/cameras"),
        ("GET", "/events/network/2100001"),
        ("GET", "/api/v2/videos/count"),
        ("GET", "/api/v2/videos/page/0"),
        ("GET", "/api/v2/videos/unwatched"),
        ("GET", "/api/v2/video/7100001"),
        ("POST", "/api/v2/video/7100001/delete"),
    ],
)
def test_obsolete_calls_want_another_app(http: httpx.Client, method: str, path: str) -> None:
    """An app update is required."""
    answer = http.request(method, path)
    assert (answer.status_code, answer.json()) == (426, SAMPLES["login_update_required_426"])


def test_a_schedule_lives(http: httpx.Client) -> None:
    """Made, listed, switched, changed and deleted; its id and network are its own."""
    line = {"dow": ["sun"], "devices": [], "time": "2016-06-02 05:00:00 +0000", "action": "arm"}
    made = http.post(f"{PROGRAMS}/create", json={"name": "Nights", "schedule": [line], "format": "v1"}).json()
    (action,) = made["actions"]
    assert (action["dow"], action["time"]) == ("sun", "05:00")
    number = made["program"]["id"]
    one = f"{PROGRAMS}/{number}"
    assert [program["name"] for program in http.get(PROGRAMS).json()] == ["Weekdays", "Nights"]
    assert http.post(f"{one}/enable").json()["code"] == 802
    assert http.get(PROGRAMS).json()[1]["status"] == "enabled"
    assert http.post(f"{one}/disable").status_code == 200
    assert http.get(PROGRAMS).json()[1]["status"] == "disabled"
    changed = http.get(PROGRAMS).json()[1] | {"name": "Mornings", "id": 5}
    assert http.post(f"{one}/update", json=changed).status_code == 200
    assert [(each["id"], each["name"]) for each in http.get(PROGRAMS).json()][1] == (number, "Mornings")
    assert http.post(f"/api/v1/networks/2100002/programs/{number}/enable").status_code == 404
    assert http.post(f"{one}/delete").status_code == 200
    assert http.post(f"{one}/enable").status_code == 404
    assert len(http.get(PROGRAMS).json()) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "schedule": [{"dow": ["mon"], "time": "07:00", "action": "arm"}]},
        {"name": "x", "schedule": [{"dow": "mon", "time": "2016-06-02 05:00:00 +0000", "action": "arm"}]},
        {"name": "x", "schedule": [{"dow": [], "time": "2016-06-02 05:00:00 +0000", "action": "off"}]},
    ],
)
def test_half_a_schedule_is_refused(http: httpx.Client, body: object) -> None:
    """The whole program, in Blink's form, or nothing."""
    assert http.post(f"{PROGRAMS}/create", json=body).status_code == 400
