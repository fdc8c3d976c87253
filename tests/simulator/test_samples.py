"""Every answer of the simulator has the keys and types of the recorded answer that it stands for."""

from typing import Any

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator
from tests.protocol.samples import SAMPLES

from .helpers import EVERYTHING, HARDWARE_ID, MEDIA, Classic, SignIn, Stick, code_of

NETWORK = 2100001
CAMERA = f"/network/{NETWORK}/camera/4100001"
TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def kind(value: Any) -> str:
    return TYPES.get(type(value), "null")


def differences(samples: list[Any], answer: Any, at: str) -> list[str]:
    """Where `answer` lacks a key that all `samples` have, or has a type that none of them has.

    The entries of a list are compared with all entries of the sample's. Null in a sample says no more than
    that null may be there.
    """
    kinds = {kind(sample) for sample in samples}
    if not samples or "null" in kinds:
        return []
    if kind(answer) not in kinds:
        return [f"{at}: {kind(answer)} in place of {' or '.join(sorted(kinds))}"]
    alike = [sample for sample in samples if kind(sample) == kind(answer)]
    if isinstance(answer, list):
        entries = [entry for sample in alike for entry in sample]
        return [found for one in answer for found in differences(entries, one, f"{at}[]")]
    if not isinstance(answer, dict):
        return []
    missing = set.intersection(*(set(sample) for sample in alike)) - set(answer)
    return [f"{at}.{key}: missing" for key in sorted(missing)] + [
        found
        for key, value in answer.items()
        for found in differences([sample[key] for sample in alike if key in sample], value, f"{at}.{key}")
    ]


def sign_in_answers(sim: Simulator) -> dict[str, httpx.Response]:
    with SignIn(sim) as door:
        found = {"oauth_empty_cookies_400": door.page()}
        door.authorize()
        door.page()
        found["oauth_signin_202"] = door.password()
        found["oauth_2fa_verify_201"] = door.verify()
        found["oauth_token"] = door.redeem(code_of(door.code()))
        return found


def classic_answers(sim: Simulator) -> dict[str, httpx.Response]:
    with Classic(sim) as door:
        found = {"login_update_required_426": door.login()}
    with Simulator(Settings(classic="open")) as open_sim, Classic(open_sim) as door:
        return found | {
            "login_invalid": door.login(password="wrong"),
            "login_v5": door.login(),
            "pin_resend": door.resend(),
            "pin_verify_wrong": door.verify("000000"),
            "pin_verify_ok": door.verify(),
            "logout": door.logout(),
        }


def house_answers(sim: Simulator, http: httpx.Client) -> dict[str, httpx.Response]:
    found = {
        "tier_info": http.get("/api/v1/users/tier_info"),
        "unauthorized_401": httpx.get(f"{sim.url}/networks"),
        "homescreen": http.get("/api/v3/accounts/1100001/homescreen"),
        "networks": http.get("/networks"),
        "syncmodules": http.get(f"/network/{NETWORK}/syncmodules"),
        "network_update": http.post(f"/network/{NETWORK}/update"),
        "camera_usage": http.get("/api/v1/camera/usage"),
        "camera_config": http.get(f"{CAMERA}/config"),
        "camera_signals": http.get(f"{CAMERA}/signals"),
        "arm": http.post(f"/api/v1/accounts/1100001/networks/{NETWORK}/state/arm"),
        "busy_409": http.post(f"/api/v1/accounts/1100001/networks/{NETWORK}/state/arm"),
    }
    poll = f"/network/{NETWORK}/command/{found['arm'].json()['id']}"
    _, running, done = (http.get(poll) for _ in range(3))
    return found | {"command_status_running": running, "command_status_done": done}


def media_answers(sim: Simulator, http: httpx.Client) -> dict[str, httpx.Response]:
    """Of an account whose clips are all alive: a tombstone may lack its paths."""
    for clip in sim.cloud.clips():
        if clip.deleted:
            sim.cloud.purge_clip(clip.id)
    everything = http.get(f"{MEDIA}/changed", params={"since": EVERYTHING})
    return {
        "media_changed": everything,
        "media_changed_old_form": everything,
        "media_changed_empty": http.get(f"{MEDIA}/changed", params={"since": EVERYTHING, "page": 99}),
        "media_not_found": http.get("/api/v2/accounts/1100001/media/clip/1.mp4"),
        "media_delete_ok": http.post(f"{MEDIA}/delete", json={"media_list": sim.cloud.live_clips()[:1]}),
        "media_delete_bad_706": http.post(f"{MEDIA}/delete", json={}),
    }


def local_storage_answers() -> dict[str, httpx.Response]:
    with Simulator(Settings(usb_clips=5)) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as http:
            stick = Stick(http)
            requested = stick.request_manifest()
            stick.finish(requested)
            manifest = stick.manifest(requested.json()["id"])
            return {
                "local_storage_manifest_request": requested,
                "local_storage_manifest": manifest,
                "local_storage_clip_request": stick.request_clip(manifest.json(), 0),
                "local_storage_status": stick.status(),
            }


def settings_answers(http: httpx.Client) -> dict[str, httpx.Response]:
    account = "/api/v1/accounts/1100001"
    notifications = f"{account}/notifications/configuration"
    programs = f"/api/v1/networks/{NETWORK}/programs"
    listed = http.get(programs)
    (program,) = listed.json()
    changes = {"notifications": {"motion": False}}
    return {
        "notifications": http.get(notifications),
        "notifications_set": http.post(notifications, json=changes),
        "account_options": http.get("/api/v1/account/options"),
        "client_options": http.get(f"{account}/clients/1100002/options"),
        "client_update": http.post("/client/1100002/update", json={"notification_key": "a-key"}),
        "version": http.get("/api/v1/version", headers={"APP-BUILD": "IOS_8528"}),
        "regions": http.get("/regions", params={"locale": "US"}),
        "user": http.get("/user"),
        "programs": listed,
        "program_update": http.post(f"{programs}/{program['id']}/update", json=program),
        "program_enable": http.post(f"{programs}/{program['id']}/enable"),
        "media_v4": http.post("/api/v4/accounts/1100001/media", json={}),
    }


def device_answers(http: httpx.Client) -> dict[str, httpx.Response]:
    """In a network where nothing runs."""
    body = {"intent": "liveview", "motion_event_start_time": None}
    network = "accounts/1100001/networks/2100001"
    view = http.post(f"/api/v6/{network}/cameras/4100001/liveview", json=body)
    http.post(f"/network/{NETWORK}/command/{view.json()['command_id']}/done/")
    return {
        "liveview": view,
        "owl_config": http.get(f"/api/v1/{network}/owls/5100002/config"),
        "command_new": http.post(f"{CAMERA}/thumbnail"),
    }


def test_every_answer_has_the_keys_and_types_of_its_sample(sim: Simulator, http: httpx.Client) -> None:
    """Recursively, for every sample."""
    answers = sign_in_answers(sim) | classic_answers(sim) | house_answers(sim, http)
    answers |= media_answers(sim, http) | local_storage_answers()
    answers |= settings_answers(http) | device_answers(http)
    assert set(answers) == set(SAMPLES)
    found = [
        difference
        for name, answer in answers.items()
        for difference in differences([SAMPLES[name]], answer.json(), name)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"id": 2, "days": [], "more": 1, "none": "x"}, []),
        ({"days": [1], "none": None}, ["it.id: missing"]),
        ({"id": "1", "days": [1, "2"], "none": 0}, ["it.id: string in place of number", "it.days[]: string in place of number"]),
        ({"id": True, "days": {}, "none": 0}, ["it.id: boolean in place of number", "it.days: object in place of array"]),
        ({"id": None, "days": []}, ["it.none: missing", "it.id: null in place of number"]),
        ([], ["it: array in place of object"]),
    ],
)  # fmt: skip
def test_what_differs_from_a_sample_is_named(answer: Any, expected: list[str]) -> None:
    """A key that is missing, another type; further keys and what is null in the sample are free."""
    assert differences([{"id": 1, "days": [3, 7], "none": None}], answer, "it") == expected


def test_entries_of_a_list_are_compared_with_all_of_the_sample() -> None:
    """A key is needed that all of them have; null in one of them allows it in every entry."""
    sample = [[{"id": 1, "size": 3}, {"id": None, "size": 3, "more": 1}]]
    assert differences(sample, [{"id": "x", "size": 1}], "it") == []
    assert differences(sample, [{"more": "1"}], "it") == [
        "it[].id: missing", "it[].size: missing", "it[].more: string in place of number",
    ]  # fmt: skip
