"""The homescreen and its pictures, arming, and deletion."""

import json
from typing import Any

import httpx
import pytest

from blink_archive.simulator import Simulator

from .helpers import MEDIA, Clock, walk

NETWORK, OTHER_NETWORK = 2100001, 2100002
ARM = f"/api/v1/accounts/1100001/networks/{NETWORK}/state/arm"
DISARM = f"/api/v1/accounts/1100001/networks/{NETWORK}/state/disarm"


def homescreen(http: httpx.Client) -> dict[str, Any]:
    return http.get("/api/v3/accounts/1100001/homescreen").json()


def test_the_homescreen_has_everything_at_once(http: httpx.Client) -> None:
    """The documented lists, every camera in its family, the storage's days."""
    home = homescreen(http)
    assert {
        "account", "networks", "sync_modules", "cameras", "owls", "doorbells", "sirens", "chimes",
        "doorbell_buttons", "accessories", "video_stats", "app_updates", "device_limits", "whats_new",
    } <= set(home)  # fmt: skip
    assert [len(home[family]) for family in ("cameras", "owls", "doorbells")] == [2, 2, 1]
    assert home["video_stats"]["auto_delete_days"] == 60
    assert {module["network_id"] for module in home["sync_modules"]} == {n["id"] for n in home["networks"]}
    assert all("signals" in camera for camera in home["cameras"])
    assert all("onboarded" in owl and "signals" not in owl for owl in home["owls"])


def test_a_snoozed_camera_says_how_long(http: httpx.Client, clock: Clock) -> None:
    """In minutes on the homescreen, as a time in its configuration; null once it is awake, as for the others."""
    awake, asleep = homescreen(http)["cameras"]
    assert (awake["snooze"], awake["snooze_time_remaining"]) == (False, None)
    assert (asleep["snooze"], asleep["snooze_time_remaining"]) == (True, 42)
    path = f"/network/{asleep['network_id']}/camera/{asleep['id']}/config"
    assert http.get(path).json()["camera"][0]["snooze_till"] == "2026-11-24T12:42:00+00:00"
    clock.forward(minutes=41, seconds=30)
    assert homescreen(http)["cameras"][1]["snooze_time_remaining"] == 1
    clock.forward(seconds=30)
    asleep = homescreen(http)["cameras"][1]
    assert (asleep["snooze"], asleep["snooze_time_remaining"]) == (False, None)
    assert http.get(path).json()["camera"][0]["snooze_till"] is None


def test_pictures_of_cameras_are_there_in_their_three_forms(sim: Simulator, http: httpx.Client) -> None:
    """A new path as it is, an old one with `.jpg`, a number made into a path."""
    home = homescreen(http)
    forms = set()
    for camera in [*home["cameras"], *home["owls"], *home["doorbells"]]:
        path = camera["thumbnail"]
        forms.add("number" if path.isdigit() else path.split("/")[1])
        if path.isdigit():
            base = f"/api/v3/media/accounts/1100001/networks/{camera['network_id']}/{camera['type']}"
            path = f"{base}/{camera['id']}/thumbnail/thumbnail.jpg?ts={path}&ext="
        elif "?" not in path:
            path = f"{path}.jpg"
        picture = http.get(path)
        assert picture.status_code == 200
        assert picture.content == sim.cloud.camera_thumbnail_bytes(camera["id"])
    assert forms == {"number", "api", "media"}


def test_networks_and_sync_modules_answer(http: httpx.Client) -> None:
    """The older calls that clients still use."""
    summary = http.get("/networks").json()["summary"]
    assert list(summary) == ["2100001", "2100002", "2100003"]
    for network in summary:
        module = http.get(f"/network/{network}/syncmodules").json()["syncmodule"]
        assert module["network_id"] == int(network)
        assert http.post(f"/network/{network}/update").json()["network"]["sync_module_error"] is False
    assert http.get("/network/1/syncmodules").status_code == 404
    assert len(http.get("/api/v1/camera/usage").json()["networks"]) == 3


@pytest.mark.parametrize("what", ["config", "signals"])
def test_a_camera_has_its_configuration_at_its_own_network(http: httpx.Client, what: str) -> None:
    """And its signals. Only the camera family; 404 in another network, and for what does not exist."""
    home = homescreen(http)
    camera, owl, doorbell = home["cameras"][0], home["owls"][0], home["doorbells"][0]
    assert http.get(f"/network/{camera['network_id']}/camera/{camera['id']}/{what}").status_code == 200
    for network, device in [
        (OTHER_NETWORK, camera["id"]),
        (1, camera["id"]),
        (NETWORK, 1),
        (owl["network_id"], owl["id"]),
        (doorbell["network_id"], doorbell["id"]),
    ]:
        answer = http.get(f"/network/{network}/camera/{device}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, 404)


def test_a_picture_is_at_the_path_of_its_own_camera_alone(http: httpx.Client) -> None:
    """404 for another network, an unknown one, another family's or an unknown type, and another camera."""
    camera = homescreen(http)["cameras"][0]
    path = camera["thumbnail"]
    assert http.get(path).status_code == 200
    for right, wrong in [
        (f"/{NETWORK}/", f"/{OTHER_NETWORK}/"),
        (f"/{NETWORK}/", "/1/"),
        ("/catalina/", "/owl/"),
        ("/catalina/", "/other/"),
        (f"/{camera['id']}/", "/1/"),
        ("/1100001/", "/1100009/"),
    ]:
        assert right in path
        assert http.get(path.replace(right, wrong)).status_code == 404


@pytest.mark.parametrize("network", ["1", "9" * 30, "9" * 5000])
def test_an_unknown_network_is_not_found(http: httpx.Client, network: str) -> None:
    """404 on every call that names one, however many digits it has."""
    camera = homescreen(http)["cameras"][0]["id"]
    for method, path in [
        ("GET", f"/network/{network}/syncmodules"),
        ("POST", f"/network/{network}/update"),
        ("GET", f"/network/{network}/camera/{camera}/config"),
        ("GET", f"/network/{network}/camera/{camera}/signals"),
        ("GET", f"/network/{network}/command/1"),
        ("POST", ARM.replace(str(NETWORK), network)),
        ("POST", DISARM.replace(str(NETWORK), network)),
    ]:
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, 404)


def test_arming_takes_a_command_and_three_polls(sim: Simulator, http: httpx.Client) -> None:
    """New, running, done: the state changes when the command is complete; all of it is code 908."""
    assert sim.cloud.armed(NETWORK)
    command = http.post(DISARM).json()
    assert (command["network_id"], command["command"], command["state"]) == (NETWORK, "disarm", "new")
    path = f"/network/{NETWORK}/command/{command['id']}"
    seen = []
    for _ in range(4):
        poll = http.get(path).json()
        assert (poll["status_code"], len(poll["commands"])) == (908, 1)
        entry = poll["commands"][0]
        assert (entry["id"], entry["command"], entry["network_id"]) == (command["id"], "disarm", NETWORK)
        seen.append((poll["complete"], entry["state_condition"], sim.cloud.armed(NETWORK)))
    assert seen == [
        (False, "new", True),
        (False, "running", True),
        (True, "done", False),
        (True, "done", False),
    ]
    assert not sim.cloud.armed(NETWORK)
    assert homescreen(http)["networks"][0]["armed"] is False
    again = http.post(ARM).json()
    for _ in range(3):
        http.get(f"/network/{NETWORK}/command/{again['id']}")
    assert sim.cloud.armed(NETWORK)


def test_a_network_does_one_command_at_a_time(sim: Simulator, http: httpx.Client, clock: Clock) -> None:
    """409 code 307 meanwhile; another network is free; ten seconds are enough without a poll."""
    http.post(DISARM)
    busy = http.post(ARM)
    assert (busy.status_code, busy.json()["code"]) == (409, 307)
    assert http.post(ARM.replace(str(NETWORK), str(OTHER_NETWORK))).status_code == 200
    clock.forward(seconds=10)
    assert http.post(ARM).status_code == 200
    assert not sim.cloud.armed(NETWORK)


def test_unknown_commands_and_networks_are_not_found(http: httpx.Client) -> None:
    """404, for a command of another network too."""
    command = http.post(ARM).json()["id"]
    assert http.get(f"/network/{OTHER_NETWORK}/command/{command}").status_code == 404
    assert http.get(f"/network/{NETWORK}/command/1").status_code == 404
    assert http.post(ARM.replace(str(NETWORK), "1")).status_code == 404


def test_the_armed_state_can_be_set(sim: Simulator, http: httpx.Client) -> None:
    """For tests that need one."""
    sim.cloud.set_armed(OTHER_NETWORK, armed=True)
    assert homescreen(http)["networks"][1]["armed"] is True


def test_deletion_makes_tombstones(sim: Simulator, http: httpx.Client, clock: Clock) -> None:
    """711; ids that are unknown or deleted already are passed over; the media is gone."""
    clips = sim.cloud.live_clips()[:2]
    path = sim.cloud.item(clips[0])["media"]
    clock.forward(minutes=1)
    for _ in range(2):
        answer = http.post(f"{MEDIA}/delete", json={"media_list": [*clips, 5]})
        assert (answer.status_code, answer.json()["code"]) == (200, 711)
    assert {item["id"] for item in walk(http, since=clock().isoformat())} == set(clips)
    assert not set(clips) & set(sim.cloud.live_clips())
    assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, [], 7] + [{"media_list": wrong} for wrong in (None, "7100001", ["7100001"], [True], [1.0], {})],
)
def test_another_shape_of_list_deletes_nothing(sim: Simulator, http: httpx.Client, body: Any) -> None:
    """706."""
    answer = http.post(f"{MEDIA}/delete", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 706)
    assert len(sim.cloud.live_clips()) == 60


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"\xff\xfe{}", b'{"media_list": [7100001]', b"[" * 200_000,
        b'{"media_list": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"media_list": [' + b"7" * 5000 + b"]}",
    ],
    ids=["empty", "text", "no UTF-8", "half", "open lists", "nested lists", "endless number"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_deletes_nothing(sim: Simulator, http: httpx.Client, body: bytes) -> None:
    """706 for what is no JSON, or JSON that nobody reads."""
    answer = http.post(f"{MEDIA}/delete", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, 706)
    assert len(sim.cloud.live_clips()) == 60


def test_a_list_that_does_not_say_that_it_is_json_deletes_nothing(sim: Simulator, http: httpx.Client) -> None:
    """706 without a Content-Type of application/json; a charset beside it does no harm."""
    clip = sim.cloud.live_clips()[0]
    body = json.dumps({"media_list": [clip]}).encode()
    for kind in (None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        headers = {} if kind is None else {"Content-Type": kind}
        answer = http.post(f"{MEDIA}/delete", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, 706)
    assert clip in sim.cloud.live_clips()
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert http.post(f"{MEDIA}/delete", content=body, headers=headers).json()["code"] == 711
    assert clip not in sim.cloud.live_clips()
