"""Cameras, owls and doorbells of the simulator: each verb at its family's path, and what it does in the end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator

from .helpers import HARDWARE_ID, Clock

NETWORK = "accounts/1100001/networks/2100001"
CAMERA = "/network/2100001/camera/4100001"
OWL = f"/api/v1/{NETWORK}/owls/5100002"
DOORBELL_NETWORK = "accounts/1100001/networks/2100002"
DOORBELL = f"/api/v1/{DOORBELL_NETWORK}/doorbells/6100003"
EACH = pytest.mark.parametrize(
    ("base", "camera"),
    [(CAMERA, 4100001), (OWL, 5100002), (DOORBELL, 6100003)],
    ids=["camera", "owl", "doorbell"],
)


def finish(http: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The last poll of the command that an answer began."""
    content = answer.json()
    assert answer.status_code == 200, content
    while True:
        poll = http.get(f"/network/{content['network_id']}/command/{content['id']}").json()
        if poll["complete"]:
            return dict(poll)


def entry(http: httpx.Client, camera: int) -> dict[str, Any]:
    """The camera on the homescreen."""
    home = http.get("/api/v3/accounts/1100001/homescreen").json()
    everything = [*home["cameras"], *home["owls"], *home["doorbells"]]
    return dict(next(each for each in everything if each["id"] == camera))


@EACH
def test_motion_is_switched_at_the_end_of_the_command(
    sim: Simulator, http: httpx.Client, base: str, camera: int
) -> None:
    """Off and on again, by the family's own way; the homescreen changes when the command is done."""
    for on in (False, True):
        if "owls" in base:
            answer = http.post(f"{base}/config", json={"enabled": on})
        else:
            answer = http.post(f"{base}/{'enable' if on else 'disable'}")
        assert entry(http, camera)["enabled"] is not on
        finish(http, answer)
        assert entry(http, camera)["enabled"] is on


def test_a_command_ends_by_itself(http: httpx.Client, clock: Clock) -> None:
    """Ten seconds after it began its effect is seen by who never polled it."""
    assert http.post(f"{CAMERA}/disable").status_code == 200
    clock.forward(seconds=9)
    assert entry(http, 4100001)["enabled"]
    clock.forward(seconds=1)
    assert not entry(http, 4100001)["enabled"]


@EACH
def test_a_snapshot_is_a_new_picture(sim: Simulator, http: httpx.Client, base: str, camera: int) -> None:
    """Another path and other bytes, once the command is done, each time."""
    seen = {(entry(http, camera)["thumbnail"], sim.cloud.camera_thumbnail_bytes(camera))}
    for count in (2, 3):
        finish(http, http.post(f"{base}/thumbnail"))
        seen.add((entry(http, camera)["thumbnail"], sim.cloud.camera_thumbnail_bytes(camera)))
        assert len({path for path, _ in seen}) == len({data for _, data in seen}) == count


@EACH
def test_a_recording_comes_with_the_feed(sim: Simulator, http: httpx.Client, base: str, camera: int) -> None:
    """A clip of that camera, alive and whole, once the command is done."""
    before = set(sim.cloud.live_clips())
    answer = http.post(f"{base}/clip")
    assert set(sim.cloud.live_clips()) == before
    finish(http, answer)
    (clip,) = set(sim.cloud.live_clips()) - before
    assert (sim.cloud.clip(clip).camera.id, sim.cloud.clip(clip).source) == (camera, "user")


@EACH
def test_settings_come_back(sim: Simulator, http: httpx.Client, base: str, camera: int) -> None:
    """What was set is in the configuration when the command is done, unknown settings too."""
    where = f"{base}/update" if base == CAMERA else f"{base}/config"
    finish(http, http.post(where, json={"motion_sensitivity": 9, "a_new_one": [1]}))
    found = http.get(f"{base}/config").json()
    config = found["camera"][0] if base == CAMERA else found
    assert (config["motion_sensitivity"], config["a_new_one"]) == (9, [1])


@EACH
def test_a_snooze_shows(sim: Simulator, http: httpx.Client, base: str, camera: int) -> None:
    """For so many minutes, on the homescreen; no command."""
    where = f"/api/v1/{NETWORK}/cameras/{camera}" if base == CAMERA else base
    assert "id" not in http.post(f"{where}/snooze", json={"snooze_time": 240}).json()
    shown = entry(http, camera)
    assert (shown["snooze"], shown["snooze_time_remaining"]) == (True, 240)
    assert http.post(f"{where}/snooze", json={"snooze_time": "240"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/network/2100001/camera/5100002/enable",
        "/network/2100002/camera/4100001/enable",
        "/network/2100001/camera/1/enable",
        f"/api/v1/{NETWORK}/owls/4100001/thumbnail",
        f"/api/v1/{NETWORK}/doorbells/6100003/enable",
        f"/api/v1/{NETWORK}/owls/5100002/enable",
        "/network/2100001/command/1/done/",
    ],
)
def test_another_familys_path_is_not_found(http: httpx.Client, path: str) -> None:
    """A camera is only at its own family's paths, in its own network."""
    assert http.post(path, json={}).status_code == 404


def test_one_command_at_a_time_runs_on_a_network(sim: Simulator, http: httpx.Client) -> None:
    """Of whatever camera; another network is not busy."""
    first = http.post(f"{CAMERA}/thumbnail")
    assert http.post(f"{OWL}/thumbnail").status_code == 409
    assert http.post(f"{DOORBELL}/thumbnail").status_code == 200
    finish(http, first)
    assert http.post(f"{OWL}/thumbnail").status_code == 200


def test_a_command_names_its_camera(http: httpx.Client) -> None:
    """In what begins it and in every poll."""
    answer = http.post(f"{CAMERA}/thumbnail")
    assert (answer.json()["target"], answer.json()["camera_id"]) == ("camera", 4100001)
    (step,) = finish(http, answer)["commands"]
    assert (step["target"], step["target_id"]) == ("camera", 4100001)


def test_a_command_can_fail(sim: Simulator, http: httpx.Client) -> None:
    """With the code and words that a test asked for, and without effect; the next one works again."""
    sim.cloud.commands.fail_next(status_code=905, message="Camera timed out")
    last = finish(http, http.post(f"{CAMERA}/disable"))
    assert (last["status_code"], last["status_msg"]) == (905, "Camera timed out")
    assert entry(http, 4100001)["enabled"]
    assert finish(http, http.post(f"{CAMERA}/disable"))["status_code"] == 908
    assert not entry(http, 4100001)["enabled"]


@pytest.mark.parametrize("on", [True, False])
def test_a_light_is_switched(sim: Simulator, http: httpx.Client, on: bool) -> None:
    """An owl has one."""
    finish(http, http.post(f"{OWL}/lights/{'on' if on else 'off'}"))
    assert sim.cloud.house.lights == {5100002: on}


@pytest.mark.parametrize(
    ("path", "time"),
    [
        (f"/api/v5/{NETWORK}/cameras/4100001/liveview", ""),
        (f"/api/v6/{NETWORK}/cameras/4100001/liveview", None),
        (f"/api/v2/{NETWORK}/owls/5100002/liveview", ""),
        (f"/api/v2/{NETWORK}/owls/5100002/liveview", None),
        (f"/api/v2/{DOORBELL_NETWORK}/doorbells/6100003/liveview", ""),
        (f"/api/v2/{DOORBELL_NETWORK}/doorbells/6100003/liveview", None),
    ],
)
def test_a_live_view_runs_until_it_is_done(sim: Simulator, http: httpx.Client, path: str, time: Any) -> None:
    """Polls do not end it, `done` does; asking it to go on is counted; another body is refused."""
    body = {"intent": "liveview", "motion_event_start_time": time}
    assert http.post(path, json=body | {"motion_event_start_time": 1}).status_code == 400
    answer = http.post(path, json=body).json()
    assert answer["server"].startswith("rtsps://127.0.0.1")
    command = f"/network/{answer['network_id']}/command/{answer['command_id']}"
    assert not any(http.get(command).json()["complete"] for _ in range(5))
    view = sim.cloud.live_views[answer["command_id"]]
    assert http.post(f"{command}/update/").status_code == 200
    assert (view.ended, view.extensions) == (None, 1)
    assert http.post(f"{command}/done/").status_code == 200
    assert http.get(command).json()["complete"]
    assert view.ended is not None
    assert http.post(f"{command}/update/").status_code == 404


def test_deprecated_calls_answer(http: httpx.Client) -> None:
    """Info and sensors of the camera family."""
    assert http.get(CAMERA).json()["camera_status"]["id"] == 4100001
    assert http.get(f"{CAMERA}/signals").json()["temp"] == 68
    assert http.get("/network/2100001/camera/5100002").status_code == 404


def test_the_newer_listing_has_a_cursor() -> None:
    """Pages by `pagination_key`, newest first, each clip once; times narrow it; its media are the clip's."""
    with Simulator(Settings(clips=450)) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as http:
            found: list[dict[str, Any]] = []
            key = None
            while True:
                query = {} if key is None else {"pagination_key": str(key)}
                page = http.post("/api/v4/accounts/1100001/media", params=query, json={}).json()
                found += page["media"]
                if (key := page["pagination_key"]) is None:
                    break
            ids = [item["id"] for item in found]
            assert ids == sorted(ids, reverse=True)
            assert set(sim.cloud.live_clips()) <= set(ids)
            assert any(item["cv_detection"] for item in found)
            assert all((item["ai_vd"] is None) == (item["id"] % 3 == 0) for item in found)
            some = next(item for item in found if not item["partial"])
            assert http.get(some["media"]).content == sim.cloud.clip_bytes(some["id"])
            since = {"start_time": some["created_at"]}
            narrowed = http.post("/api/v4/accounts/1100001/media", params=since, json={}).json()["media"]
            assert narrowed
            assert all(item["created_at"] >= some["created_at"] for item in narrowed)
            assert (
                http.post("/api/v4/accounts/1100001/media", params={"start_time": "x"}, json={}).status_code
                == 400
            )


def test_an_account_without_the_newer_listing() -> None:
    """It is not found there."""
    with Simulator(Settings(describes=False)) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        headers = {"Authorization": f"Bearer {token}"}
        assert (
            httpx.post(f"{sim.url}/api/v4/accounts/1100001/media", json={}, headers=headers).status_code
            == 404
        )
