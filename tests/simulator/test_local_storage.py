"""A Sync Module 2 with a stick: slow, one thing at a time, with ids that never last."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator

from .helpers import HARDWARE_ID, Clock, Stick, boxes

NETWORK, MODULE = 2100001, 3100001
OTHER_NETWORK, OTHER_MODULE = 2100002, 3100002
OLD_MODULE = 3100003
CLIPS = 10


@pytest.fixture
def sim(clock: Clock) -> Iterator[Simulator]:
    with Simulator(Settings(now=clock, usb_clips=CLIPS)) as simulator:
        yield simulator


@pytest.fixture
def stick(http: httpx.Client) -> Stick:
    return Stick(http)


def told(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def modules(http: httpx.Client) -> dict[int, tuple[bool, bool, str]]:
    found = http.get("/api/v3/accounts/1100001/homescreen").json()["sync_modules"]
    keys = ("local_storage_compatible", "local_storage_enabled", "local_storage_status")
    return {module["id"]: tuple(module[key] for key in keys) for module in found}


def test_the_homescreen_says_which_modules_have_a_stick(sim: Simulator, http: httpx.Client) -> None:
    """Every Sync Module 2, and no older one; a stick that is pulled out is unavailable."""
    assert modules(http) == {
        MODULE: (True, True, "active"),
        OTHER_MODULE: (True, True, "active"),
        OLD_MODULE: (False, False, "unavailable"),
    }
    sim.cloud.usb.pull_out(MODULE)
    assert modules(http)[MODULE] == (True, True, "unavailable")
    assert modules(http)[OTHER_MODULE] == (True, True, "active")
    sim.cloud.usb.put_in(MODULE)
    assert modules(http)[MODULE] == (True, True, "active")


def test_as_a_rule_there_are_no_sticks(clock: Clock) -> None:
    """The homescreen says so, the status too, and no manifest can be had; until one is put in."""
    with Simulator(Settings(now=clock)) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as http:
            assert modules(http)[MODULE] == (True, False, "unavailable")
            stick = Stick(http)
            assert stick.status().json()["usb_state"] == "unavailable"
            assert told(stick.request_manifest()) == (409, 307)
            sim.cloud.usb.put_in(MODULE)
            assert modules(http)[MODULE] == (True, True, "active")
            assert stick.read()["clips"] == []


def test_a_manifest_takes_a_command_and_three_polls(stick: Stick) -> None:
    """409 until it is complete, then the list, whose ids and sizes are text."""
    requested = stick.request_manifest()
    assert set(requested.json()) == {"id", "network_id"}
    assert requested.json()["network_id"] == NETWORK
    seen = []
    for _ in range(3):
        assert told(stick.manifest(requested.json()["id"])) == (409, 307)
        poll = stick.poll(requested)
        seen.append((poll["complete"], poll["status_code"], poll["commands"][0]["state_condition"]))
    assert seen == [(False, 908, "new"), (False, 908, "running"), (True, 908, "done")]
    manifest = stick.manifest(requested.json()["id"]).json()
    assert (manifest["version"], len(manifest["clips"])) == ("1.0", CLIPS)
    assert manifest["manifest_id"].isdigit()
    for clip in manifest["clips"]:
        assert set(clip) == {"id", "size", "camera_name", "created_at"}
        assert clip["id"].isdigit()
        assert clip["size"].isdigit()


def test_a_manifest_needs_no_polls(stick: Stick, clock: Clock) -> None:
    """After ten seconds it is there by itself."""
    requested = stick.request_manifest().json()["id"]
    clock.forward(seconds=9)
    assert stick.manifest(requested).status_code == 409
    clock.forward(seconds=1)
    assert stick.manifest(requested).status_code == 200


def test_a_manifest_lists_what_is_on_the_stick(sim: Simulator, stick: Stick) -> None:
    """Camera, second and size of each clip, as the cloud knows them; nothing of another network."""
    clips = sim.cloud.usb.clips(MODULE)
    expected = [
        (
            clip.camera_name,
            datetime.fromtimestamp(clip.created, UTC).isoformat(),
            str(math.ceil(len(sim.cloud.usb.clip_bytes(clip.id)) / 1000)),
        )
        for clip in clips
    ]
    entries = stick.read()["clips"]
    assert [(entry["camera_name"], entry["created_at"], entry["size"]) for entry in entries] == expected
    assert {clip.module_id for clip in clips} == {MODULE}
    assert not {clip.id for clip in clips} & {clip.id for clip in sim.cloud.usb.clips(OTHER_MODULE)}


def test_names_in_a_manifest_are_stripped(sim: Simulator, stick: Stick) -> None:
    """All but ASCII letters, digits and `_` is dropped; a name can lose everything."""
    names = {
        "Front Door-2_b": "FrontDoor2_b",
        "Café": "Caf",
        "حديقة المنزل": "",
        "٣ 🦊 ²": "",
    }
    now = sim.settings.now()
    for at, name in enumerate(names):
        sim.cloud.usb.add_clip(MODULE, camera_name=name, created_at=now + timedelta(seconds=at))
    entries = stick.read()["clips"]
    assert [entry["camera_name"] for entry in entries[-len(names) :]] == list(names.values())
    assert all(re.fullmatch(r"[A-Za-z0-9_]*", entry["camera_name"]) for entry in entries)


def test_the_clips_lie_within_the_days_at_cameras_of_the_network(clock: Clock) -> None:
    """The same settings make the same sticks; the cloud's clips do not depend on them."""
    settings = Settings(now=clock, usb_clips=40, days=5, hostile=False)
    with (
        Simulator(settings) as one,
        Simulator(settings) as two,
        Simulator(Settings(now=clock, days=5, hostile=False)) as bare,
    ):
        for module, names in ((MODULE, {"Garden", "Kitchen"}), (OTHER_MODULE, {"Frontdoor", "Attic"})):
            clips = one.cloud.usb.clips(module)
            assert clips == two.cloud.usb.clips(module)
            assert len(clips) == 40
            assert {clip.camera_name for clip in clips} == names
            oldest = (clock() - timedelta(days=5)).timestamp()
            assert all(oldest <= clip.created <= clock().timestamp() for clip in clips)
        with pytest.raises(KeyError):
            one.cloud.usb.clips(OLD_MODULE)
        assert [clip.id for clip in one.cloud.clips()] == [clip.id for clip in bare.cloud.clips()]
        assert [clip.created for clip in one.cloud.clips()] == [clip.created for clip in bare.cloud.clips()]


def test_two_clips_of_a_stick_share_camera_and_second(sim: Simulator) -> None:
    """Their sizes tell them apart."""
    clips = [clip for clip in sim.cloud.usb.clips(MODULE) if clip.cloud_id is None]
    alike: dict[tuple[str, int], set[int]] = {}
    for clip in clips:
        size = len(sim.cloud.usb.clip_bytes(clip.id)) // 1000
        alike.setdefault((clip.camera_name, clip.created), set()).add(size)
    assert len(alike) == len(clips) - 1
    assert max(len(sizes) for sizes in alike.values()) == 2


def test_a_third_are_backups_of_the_clouds_clips(sim: Simulator) -> None:
    """The same camera, second and bytes; all other clips have bytes of their own."""
    clips = sim.cloud.usb.clips(MODULE)
    backups = [clip for clip in clips if clip.cloud_id is not None]
    assert len(backups) == CLIPS // 3
    for backup in backups:
        original = sim.cloud.clip(backup.cloud_id)
        assert original.camera.network.id == NETWORK
        assert original.id in sim.cloud.live_clips()
        assert backup.created == original.created
        assert backup.camera_name == re.sub("[^A-Za-z0-9_]", "", original.camera_name)
        assert sim.cloud.usb.clip_bytes(backup.id) == sim.cloud.clip_bytes(original.id)
        sim.cloud.delete_clip(original.id)
    assert [clip.id for clip in sim.cloud.usb.clips(MODULE)] == [clip.id for clip in clips]
    everything = [*clips, *sim.cloud.usb.clips(OTHER_MODULE)]
    assert len({sim.cloud.usb.clip_bytes(clip.id) for clip in everything}) == len(everything)


def test_a_backup_is_of_what_can_be_fetched(clock: Clock) -> None:
    """Where there is room for all of the network's clips: neither tombstones nor partial ones, no older ones."""
    with Simulator(Settings(now=clock, usb_clips=300)) as sim:
        oldest = (clock() - timedelta(days=14)).timestamp()
        wanted = {
            clip_id
            for clip_id in sim.cloud.live_clips()
            if sim.cloud.clip(clip_id).camera.network.id == NETWORK
            and sim.cloud.clip(clip_id).created >= oldest
        }
        assert wanted
        assert {clip.cloud_id for clip in sim.cloud.usb.clips(MODULE)} == {None, *wanted}
        assert len(sim.cloud.usb.clips(MODULE)) == 300


def test_a_clip_is_there_once_it_was_asked_for_and_uploaded(sim: Simulator, stick: Stick) -> None:
    """404 code 700 before the POST and until its command is complete; then the MP4, as often as wanted."""
    manifest = stick.read()
    assert told(stick.clip(manifest, 3)) == (404, 700)
    requested = stick.request_clip(manifest, 3)
    assert set(requested.json()) == {"id", "network_id"}
    for _ in range(2):
        assert not stick.poll(requested)["complete"]
        assert told(stick.clip(manifest, 3)) == (404, 700)
    assert stick.poll(requested)["complete"]
    expected = sim.cloud.usb.clip_bytes(sim.cloud.usb.clips(MODULE)[3].id)
    for _ in range(2):
        answer = stick.clip(manifest, 3)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        assert answer.content == expected
    assert "moov" in [kind for kind, _, _ in boxes(expected)]
    assert told(stick.clip(manifest, 2)) == (404, 700)


def test_an_upload_needs_no_polls(stick: Stick, clock: Clock) -> None:
    """After ten seconds the clip is there by itself."""
    manifest = stick.read()
    stick.request_clip(manifest, 0)
    clock.forward(seconds=9)
    assert stick.clip(manifest, 0).status_code == 404
    clock.forward(seconds=1)
    assert stick.clip(manifest, 0).status_code == 200


def test_a_module_does_one_thing_at_a_time(sim: Simulator, stick: Stick, http: httpx.Client) -> None:
    """409 code 307 for every command while one runs, arming too; another network is free."""
    manifest = stick.read()
    arm = f"/api/v1/accounts/1100001/networks/{NETWORK}/state/arm"
    running = stick.request_clip(manifest, 0)
    for refused in (
        stick.request_manifest(),
        stick.request_clip(manifest, 1),
        stick.request_clip(manifest, 0),
        stick.delete(manifest, 2),
        http.post(arm),
    ):
        assert told(refused) == (409, 307)
    assert len(sim.cloud.usb.clips(MODULE)) == CLIPS
    assert Stick(http, network=OTHER_NETWORK, module=OTHER_MODULE).request_manifest().status_code == 200
    stick.finish(running)
    assert http.post(arm).status_code == 200
    assert told(stick.request_manifest()) == (409, 307)


def test_ids_change_with_every_manifest(stick: Stick) -> None:
    """The newest two manifests work, each with its own ids; one that is older is forgotten."""
    first, second = stick.read(), stick.read()
    assert first["manifest_id"] != second["manifest_id"]
    assert not {clip["id"] for clip in first["clips"]} & {clip["id"] for clip in second["clips"]}
    stick.finish(stick.request_clip(first, 0))
    content = stick.clip(first, 0).content
    assert told(stick.clip(second, 0)) == (404, 700)
    mixed = {"manifest_id": second["manifest_id"], "clips": first["clips"]}
    assert told(stick.request_clip(mixed, 0)) == (404, 700)
    third = stick.read()
    assert told(stick.clip(first, 0)) == (404, 700)
    assert told(stick.request_clip(first, 0)) == (404, 700)
    for manifest in (second, third):
        stick.finish(stick.request_clip(manifest, 0))
        assert stick.clip(manifest, 0).content == content


def test_the_list_itself_is_forgotten_too(stick: Stick) -> None:
    """404 for the third newest request, and for one that never was."""
    requests = []
    for _ in range(3):
        requested = stick.request_manifest()
        stick.finish(requested)
        requests.append(requested.json()["id"])
    assert [stick.manifest(request).status_code for request in requests] == [404, 200, 200]
    assert told(stick.manifest(1)) == (404, 404)


def test_deletion_takes_a_clip_off_the_stick(sim: Simulator, stick: Stick) -> None:
    """At once: the next command may follow, a poll says that it is done, and it cannot be fetched any more."""
    manifest = stick.read()
    stick.finish(stick.request_clip(manifest, 4))
    gone = sim.cloud.usb.clips(MODULE)[4].id
    deleted = stick.delete(manifest, 4)
    assert set(deleted.json()) == {"id", "network_id"}
    assert gone not in [clip.id for clip in sim.cloud.usb.clips(MODULE)]
    assert told(stick.clip(manifest, 4)) == (404, 700)
    again = stick.request_manifest()
    assert again.status_code == 200
    assert stick.poll(deleted)["complete"]
    assert stick.poll(deleted)["status_code"] == 908
    stick.finish(again)
    assert len(stick.manifest(again.json()["id"]).json()["clips"]) == CLIPS - 1
    assert told(stick.delete(manifest, 4)) == (404, 700)
    assert told(stick.request_clip(manifest, 4)) == (404, 700)
    assert len(sim.cloud.usb.clips(MODULE)) == CLIPS - 1


def test_clips_come_and_go_on_a_stick(sim: Simulator, stick: Stick, clock: Clock) -> None:
    """A manifest has what was there when it was made; what was removed since cannot be fetched."""
    before = stick.read()
    added = sim.cloud.usb.add_clip(MODULE, camera_id=5100002, created_at=clock(), template=5)
    assert len(stick.read()["clips"]) == len(before["clips"]) + 1
    manifest = stick.read()
    assert manifest["clips"][-1]["camera_name"] == "FrontDoor"
    assert datetime.fromisoformat(manifest["clips"][-1]["created_at"]) == clock()
    stick.finish(stick.request_clip(manifest, CLIPS))
    assert stick.clip(manifest, CLIPS).content == sim.cloud.usb.clip_bytes(added)
    sim.cloud.usb.remove_clip(added)
    assert told(stick.request_clip(manifest, CLIPS)) == (404, 700)
    assert len(stick.read()["clips"]) == CLIPS
    for lost in (sim.cloud.usb.remove_clip, sim.cloud.usb.clip_bytes):
        with pytest.raises(KeyError):
            lost(added)
    with pytest.raises(KeyError):
        sim.cloud.usb.add_clip(OLD_MODULE)
    with pytest.raises(KeyError):
        sim.cloud.usb.add_clip(MODULE, camera_id=6100003)  # of the other network


def test_a_clip_that_is_removed_while_it_is_uploaded_fails(sim: Simulator, stick: Stick) -> None:
    """The command says so."""
    manifest = stick.read()
    requested = stick.request_clip(manifest, 0)
    sim.cloud.usb.remove_clip(sim.cloud.usb.clips(MODULE)[0].id)
    assert stick.finish(requested)["status_code"] != 908


def test_without_its_stick_a_module_is_busy(sim: Simulator, stick: Stick) -> None:
    """409 on every command, 404 on what was there; the status says it; the manifests are gone for good."""
    requested = stick.request_manifest()
    stick.finish(requested)
    manifest = stick.manifest(requested.json()["id"]).json()
    stick.finish(stick.request_clip(manifest, 0))
    assert stick.status().json()["usb_state"] == "mounted"
    assert stick.status().json()["usb_storage_used"] == CLIPS
    sim.cloud.usb.pull_out(MODULE)
    for refused in (stick.request_manifest(), stick.request_clip(manifest, 0), stick.delete(manifest, 0)):
        assert told(refused) == (409, 307)
    assert told(stick.manifest(requested.json()["id"])) == (404, 404)
    assert told(stick.clip(manifest, 0)) == (404, 700)
    status = stick.status().json()
    assert (status["usb_state"], status["usb_storage_used"]) == ("unavailable", 0)
    sim.cloud.usb.put_in(MODULE)
    assert told(stick.clip(manifest, 0)) == (404, 700)
    assert len(stick.read()["clips"]) == CLIPS


def test_a_stick_that_is_pulled_out_fails_what_runs(sim: Simulator, stick: Stick) -> None:
    """Manifest and upload end with another status than 908, and there is nothing to be had."""
    for what in ("manifest", "clip"):
        manifest = stick.read()
        running = stick.request_manifest() if what == "manifest" else stick.request_clip(manifest, 0)
        assert running.status_code == 200
        sim.cloud.usb.pull_out(MODULE)
        end = stick.finish(running)
        assert (end["complete"], end["status_msg"]) == (True, "Command failed")
        assert end["status_code"] != 908
        assert stick.manifest(running.json()["id"]).status_code == 404
        sim.cloud.usb.put_in(MODULE)


@pytest.mark.parametrize(("how", "succeeded"), [("command", False), ("missing", True)])
def test_uploads_can_be_made_to_fail(sim: Simulator, stick: Stick, how: str, succeeded: bool) -> None:
    """So many of them: the command fails, or all seems well but there is no clip. The next one works."""
    manifest = stick.read()
    sim.cloud.usb.fail_uploads(MODULE, 2, how=how)
    for _ in range(2):
        end = stick.finish(stick.request_clip(manifest, 0))
        assert (end["status_code"] == 908) is succeeded
        assert told(stick.clip(manifest, 0)) == (404, 700)
    stick.finish(stick.request_clip(manifest, 0))
    assert stick.clip(manifest, 0).status_code == 200


def test_what_was_asked_is_written_down(sim: Simulator, stick: Stick, clock: Clock) -> None:
    """Every request of a module with its answer, and the clip's own id; nothing at the other module."""
    manifest = stick.read()
    clip = sim.cloud.usb.clips(MODULE)[0].id
    clock.forward(seconds=5)
    running = stick.request_clip(manifest, 0)
    stick.request_clip(manifest, 1)
    stick.finish(running)
    stick.clip(manifest, 0)
    stick.delete(manifest, 0)
    stick.status()
    other = sim.cloud.usb.clips(MODULE)[0].id
    prefix = "local_storage_"
    asked = [
        (request.endpoint.removeprefix(prefix), request.clip_id, request.status)
        for request in sim.cloud.usb.requests(MODULE)
    ]
    assert asked == [
        ("manifest_request", None, 200),
        ("manifest", None, 200),
        ("clip_request", clip, 200),
        ("clip_request", other, 409),
        ("clip", clip, 200),
        ("delete", clip, 200),
        ("status", None, 200),
    ]
    times = [request.time for request in sim.cloud.usb.requests(MODULE)]
    assert times == [clock().timestamp() - 5] * 2 + [clock().timestamp()] * 5
    assert sim.cloud.usb.requests(OTHER_MODULE) == []


def test_the_peak_tells_a_client_that_did_not_wait(sim: Simulator, stick: Stick, http: httpx.Client) -> None:
    """One for who waits, whatever else the network does; two once a command met another one."""
    assert sim.cloud.usb.peak(MODULE) == 0
    manifest = stick.read()
    stick.finish(stick.request_clip(manifest, 0))
    arm = http.post(f"/api/v1/accounts/1100001/networks/{NETWORK}/state/arm")
    assert told(stick.request_manifest()) == (409, 307)
    stick.finish(arm)
    assert sim.cloud.usb.peak(MODULE) == 1
    stick.request_manifest()
    assert told(stick.request_clip(manifest, 0)) == (409, 307)
    assert (sim.cloud.usb.peak(MODULE), sim.cloud.usb.peak(OTHER_MODULE)) == (2, 0)


@pytest.mark.parametrize(
    ("network", "module"),
    [(NETWORK, OTHER_MODULE), (1, MODULE), (NETWORK, 1), (2100003, OLD_MODULE)],
)
def test_only_a_sync_module_2_of_that_network_has_local_storage(
    http: httpx.Client, network: int, module: int
) -> None:
    """404 for another network's, for none, and for an older module."""
    stick = Stick(http, network=network, module=module)
    manifest = {"manifest_id": "4321", "clips": [{"id": "1"}]}
    for answer in (
        stick.request_manifest(),
        stick.manifest(1),
        stick.request_clip(manifest, 0),
        stick.clip(manifest, 0),
        stick.delete(manifest, 0),
        stick.status(),
    ):
        assert told(answer) == (404, 404)


def test_clips_of_a_stick_are_padded_as_the_clouds_are(clock: Clock) -> None:
    """So that a backup has the bytes of its original then, too."""
    with Simulator(Settings(now=clock, usb_clips=6, clip_bytes=200_000)) as sim:
        for clip in sim.cloud.usb.clips(MODULE):
            content = sim.cloud.usb.clip_bytes(clip.id)
            assert len(content) == 200_000
            assert clip.cloud_id is None or content == sim.cloud.clip_bytes(clip.cloud_id)


def test_a_stick_may_stay_empty(clock: Clock) -> None:
    """In a network that has no camera; and with no clips in the cloud there are no backups."""
    with Simulator(Settings(now=clock, usb_clips=6, cameras=1, clips=0)) as sim:
        assert sim.cloud.usb.clips(OTHER_MODULE) == []
        assert [clip.cloud_id for clip in sim.cloud.usb.clips(MODULE)] == [None] * 6
    with pytest.raises(ValueError, match="usb_clips cannot be negative"):
        Settings(usb_clips=-1)
