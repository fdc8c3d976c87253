"""The verbs of cameras, commands and arming: each sends its one exact request, by the camera's family."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Blink
from blink_archive.model import Camera, Command, Homescreen
from blink_archive.protocol.system import parse_homescreen
from tests.protocol.samples import SAMPLES

from .fake import REST, FakeBlink, clip, cloud, signed_in

Ask = Callable[[Blink], Awaitable[Any]]
V1 = "/api/v1/accounts/1100001"
BASE = {
    "camera": "/network/2100001/camera/4100001",
    "owl": f"{V1}/networks/2100002/owls/5100001",
    "doorbell": f"{V1}/networks/2100001/doorbells/6100001",
}
NETWORK = {"camera": 2100001, "owl": 2100002, "doorbell": 2100001}
EACH = pytest.mark.parametrize("family", ["camera", "owl", "doorbell"])
HOME: Homescreen = parse_homescreen(SAMPLES["homescreen"])


def camera(family: str) -> Camera:
    """The first camera of that family on the sample's homescreen."""
    return next(each for each in HOME.cameras if each.family == family)


def asked(path: Path, blink: FakeBlink, ask: Ask) -> Any:
    """What ``ask`` returns, on a cloud that talks with ``blink``."""

    async def main() -> Any:
        async with cloud(signed_in(path), blink) as opened:
            return await ask(opened)

    return asyncio.run(main())


def sent(request: httpx.Request) -> tuple[str, str, Any]:
    """Method, address and JSON of a request, which carries the token; None for an empty body."""
    assert request.url.host == REST
    assert request.headers["Authorization"] == "Bearer access-0"
    assert request.headers["Accept"] == "application/json"
    if not request.content:
        assert "Content-Type" not in request.headers
        return request.method, request.url.raw_path.decode(), None
    assert request.headers["Content-Type"] == "application/json"
    return request.method, request.url.raw_path.decode(), json.loads(request.content)


def expect(path: Path, ask: Ask, request: tuple[str, str, Any], answer: Any) -> Any:
    """``ask`` sends that one request; what it makes of ``answer``."""
    blink = FakeBlink()
    blink.say(request[1], httpx.Response(200, json=answer))
    found = asked(path, blink, ask)
    assert [sent(each) for each in blink.requests] == [request]
    return found


@pytest.mark.parametrize(
    ("family", "verb", "address", "body"),
    [
        ("camera", "enable", f"{BASE['camera']}/enable", None),
        ("camera", "disable", f"{BASE['camera']}/disable", None),
        ("owl", "enable", f"{BASE['owl']}/config", {"enabled": True}),
        ("owl", "disable", f"{BASE['owl']}/config", {"enabled": False}),
        ("doorbell", "enable", f"{BASE['doorbell']}/enable", None),
        ("doorbell", "disable", f"{BASE['doorbell']}/disable", None),
        ("camera", "snapshot", f"{BASE['camera']}/thumbnail", None),
        ("owl", "snapshot", f"{BASE['owl']}/thumbnail", None),
        ("doorbell", "snapshot", f"{BASE['doorbell']}/thumbnail", None),
        ("camera", "record", f"{BASE['camera']}/clip", None),
        ("owl", "record", f"{BASE['owl']}/clip", None),
        ("doorbell", "record", f"{BASE['doorbell']}/clip", None),
    ],
)
def test_a_verb_is_one_post_that_starts_a_command(
    tmp_path: Path, family: str, verb: str, address: str, body: Any
) -> None:
    """At the family's path; without arguments the body is empty."""

    async def ask(blink: Blink) -> Command:
        command: Command = await getattr(blink.cameras, verb)(camera(family))
        return command

    command = expect(tmp_path, ask, ("POST", address, body), SAMPLES["command_new"])
    assert (command.id, command.network_id, command.complete) == (750082091, 2100001, False)


@pytest.mark.parametrize(
    ("family", "address"),
    [
        ("camera", f"{BASE['camera']}/update"),
        ("owl", f"{BASE['owl']}/config"),
        ("doorbell", f"{BASE['doorbell']}/config"),
    ],
)
def test_settings_are_changed_by_their_names(tmp_path: Path, family: str, address: str) -> None:
    """Just those that are to change are sent, as they are."""
    changes = {"motion_sensitivity": 7, "name": "Gärten \U0001f98a", "snooze_till": None}
    request = ("POST", address, changes)
    command = expect(
        tmp_path,
        lambda blink: blink.cameras.update_config(camera(family), changes),
        request,
        SAMPLES["command_new"],
    )
    assert command.id == 750082091


@EACH
def test_settings_are_read(tmp_path: Path, family: str) -> None:
    """The camera family's come in a list, the others' as they are: here it makes no difference."""
    sample = SAMPLES["camera_config" if family == "camera" else "owl_config"]
    config = expect(
        tmp_path,
        lambda blink: blink.cameras.config(camera(family)),
        ("GET", f"{BASE[family]}/config", None),
        sample,
    )
    assert config == (sample["camera"][0] if family == "camera" else sample)


@pytest.mark.parametrize("answer", [{"camera": []}, {"camera": None}, [], "sorry"])
def test_an_answer_without_settings_is_none(tmp_path: Path, answer: Any) -> None:
    """It raises, and is no empty configuration."""
    with pytest.raises(errors.UnexpectedAnswer):
        expect(
            tmp_path,
            lambda blink: blink.cameras.config(camera("camera")),
            ("GET", f"{BASE['camera']}/config", None),
            answer,
        )


@pytest.mark.parametrize(
    ("family", "address"),
    [
        ("camera", f"{V1}/networks/2100001/cameras/4100001/snooze"),
        ("owl", f"{BASE['owl']}/snooze"),
        ("doorbell", f"{BASE['doorbell']}/snooze"),
    ],
)
def test_a_snooze_is_in_minutes(tmp_path: Path, family: str, address: str) -> None:
    """And answers at once, with anything."""
    answer = {"message": "Snooze set"}
    found = expect(
        tmp_path,
        lambda blink: blink.cameras.snooze(camera(family), minutes=240),
        ("POST", address, {"snooze_time": 240}),
        answer,
    )
    assert found == answer


@pytest.mark.parametrize(("on", "word"), [(True, "on"), (False, "off")])
def test_a_floodlight_is_switched(tmp_path: Path, *, on: bool, word: str) -> None:
    """With a post to its own address."""
    expect(
        tmp_path,
        lambda blink: blink.cameras.light(camera("owl"), on=on),
        ("POST", f"{BASE['owl']}/lights/{word}", None),
        SAMPLES["command_new"],
    )


@pytest.mark.parametrize("family", ["camera", "doorbell"])
def test_what_has_no_light_is_not_asked(tmp_path: Path, family: str) -> None:
    """Nothing is sent to a camera of another family."""
    blink = FakeBlink()
    with pytest.raises(errors.UsageError, match="has no light"):
        asked(tmp_path, blink, lambda opened: opened.cameras.light(camera(family), on=True))
    assert blink.requests == []


@pytest.mark.parametrize(
    ("family", "address", "event_time"),
    [
        ("camera", "/api/v6/accounts/1100001/networks/2100001/cameras/4100001/liveview", None),
        ("owl", "/api/v2/accounts/1100001/networks/2100002/owls/5100001/liveview", ""),
        ("doorbell", "/api/v2/accounts/1100001/networks/2100001/doorbells/6100001/liveview", ""),
    ],
)
def test_a_live_view_is_asked_for(tmp_path: Path, family: str, address: str, event_time: str | None) -> None:
    """In the form of the family; the answer names server and command."""
    view = expect(
        tmp_path,
        lambda blink: blink.cameras.liveview(camera(family)),
        ("POST", address, {"intent": "liveview", "motion_event_start_time": event_time}),
        SAMPLES["liveview"],
    )
    assert view.server == SAMPLES["liveview"]["server"]
    assert (view.command_id, view.network_id, view.duration) == (750082093, 2100001, 300)
    assert (view.continue_interval, view.polling_interval) == (30, 15)


def test_a_camera_that_knows_only_the_older_live_view_gets_it(tmp_path: Path) -> None:
    """After a 404 for the newer form."""
    blink = FakeBlink()
    older = "/api/v5/accounts/1100001/networks/2100001/cameras/4100001/liveview"
    blink.say(older.replace("v5", "v6"), httpx.Response(404, json={"code": 404}))
    blink.say(older, httpx.Response(200, json=SAMPLES["liveview"]))
    view = asked(tmp_path, blink, lambda opened: opened.cameras.liveview(camera("camera")))
    assert view.command_id == 750082093
    newest, oldest = map(sent, blink.requests)
    assert newest[2] == {"intent": "liveview", "motion_event_start_time": None}
    assert oldest == ("POST", older, {"intent": "liveview", "motion_event_start_time": ""})


def test_no_other_trouble_asks_for_the_older_live_view(tmp_path: Path) -> None:
    """A busy system would only be asked twice as often."""
    blink = FakeBlink()
    newer = "/api/v6/accounts/1100001/networks/2100001/cameras/4100001/liveview"
    blink.say(newer, *[httpx.Response(409, json=SAMPLES["busy_409"]) for _ in range(4)])
    with pytest.raises(errors.Busy):
        asked(tmp_path, blink, lambda opened: opened.cameras.liveview(camera("camera")))
    assert {request.url.path for request in blink.requests} == {newer}


@pytest.mark.parametrize("missing", ["server", "command_id"])
def test_a_live_view_without_address_or_command_is_none(tmp_path: Path, missing: str) -> None:
    """It raises: nobody could watch it, or end it."""
    answer = {name: value for name, value in SAMPLES["liveview"].items() if name != missing}
    blink = FakeBlink()
    blink.say(
        "/api/v2/accounts/1100001/networks/2100002/owls/5100001/liveview", httpx.Response(200, json=answer)
    )
    with pytest.raises(errors.UnexpectedAnswer):
        asked(tmp_path, blink, lambda opened: opened.cameras.liveview(camera("owl")))


@pytest.mark.parametrize(
    ("ask", "address", "answer"),
    [
        (lambda blink: blink.cameras.info(camera("camera")), BASE["camera"], {"camera_status": {}}),
        (
            lambda blink: blink.cameras.signals(camera("camera")),
            f"{BASE['camera']}/signals",
            SAMPLES["camera_signals"],
        ),
        (lambda blink: blink.cameras.usage(), "/api/v1/camera/usage", SAMPLES["camera_usage"]),
    ],
    ids=["info", "signals", "usage"],
)
def test_what_is_asked_comes_as_it_is(tmp_path: Path, ask: Ask, address: str, answer: Any) -> None:
    """The deprecated calls, and the usage of all cameras."""
    assert expect(tmp_path, ask, ("GET", address, None), answer) == answer


@EACH
def test_the_picture_is_where_the_homescreen_says(tmp_path: Path, family: str) -> None:
    """A path with its query as it is, and one made of a bare number."""
    address = {
        "camera": SAMPLES["homescreen"]["cameras"][0]["thumbnail"],
        "owl": SAMPLES["homescreen"]["owls"][0]["thumbnail"],
        "doorbell": "/api/v3/media/accounts/1100001/networks/2100001/lotus/6100001/thumbnail/thumbnail.jpg"
        "?ts=1759363000&ext=",
    }[family]
    blink = FakeBlink()
    blink.say(address.partition("?")[0], clip(b"a picture", **{"Content-Type": "image/jpeg"}))
    assert asked(tmp_path, blink, lambda opened: picture(opened, camera(family))) == b"a picture"
    (request,) = blink.requests
    assert (request.method, request.url.raw_path.decode(), request.content) == ("GET", address, b"")
    assert request.headers["Authorization"] == "Bearer access-0"


def test_an_old_picture_gets_its_extension(tmp_path: Path) -> None:
    """Which the homescreen leaves away."""
    garage = next(each for each in HOME.cameras if each.id == 4100002)
    address = f"{garage.thumbnail}.jpg"
    blink = FakeBlink()
    blink.say(address, clip(b"a picture", **{"Content-Type": "image/jpeg"}))
    assert asked(tmp_path, blink, lambda opened: picture(opened, garage)) == b"a picture"


async def picture(blink: Blink, of: Camera) -> bytes:
    async with blink.cameras.picture(of) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


@pytest.mark.parametrize("thumbnail", [None, ""])
def test_a_camera_without_a_picture_is_not_asked_for_one(tmp_path: Path, thumbnail: str | None) -> None:
    """It says what to do about it."""
    blink = FakeBlink()
    without = replace(camera("camera"), thumbnail=thumbnail)
    with pytest.raises(errors.NotFound, match="camera snapshot"):
        asked(tmp_path, blink, lambda opened: picture(opened, without))
    assert blink.requests == []


VERBS: dict[str, Callable[[Blink, Camera], Awaitable[Any]]] = {
    "enable": lambda blink, camera: blink.cameras.enable(camera),
    "disable": lambda blink, camera: blink.cameras.disable(camera),
    "snapshot": lambda blink, camera: blink.cameras.snapshot(camera),
    "record": lambda blink, camera: blink.cameras.record(camera),
    "update_config": lambda blink, camera: blink.cameras.update_config(camera, {"a": 1}),
    "config": lambda blink, camera: blink.cameras.config(camera),
    "snooze": lambda blink, camera: blink.cameras.snooze(camera, minutes=1),
    "liveview": lambda blink, camera: blink.cameras.liveview(camera),
}


@EACH
@pytest.mark.parametrize("verb", VERBS)
def test_a_camera_in_no_network_is_not_asked(tmp_path: Path, family: str, verb: str) -> None:
    """There is no path to it: nothing is sent."""
    blink = FakeBlink()
    lost = replace(camera(family), network_id=None)
    with pytest.raises(errors.UsageError, match="in which network"):
        asked(tmp_path, blink, lambda opened: VERBS[verb](opened, lost))
    assert blink.requests == []


@EACH
def test_a_busy_system_is_told_again_and_then_given_up(tmp_path: Path, family: str) -> None:
    """Four times here; Busy says so, and to whom."""
    blink = FakeBlink()
    address = f"{BASE[family]}/thumbnail"
    blink.say(address, *[httpx.Response(409, json=SAMPLES["busy_409"]) for _ in range(4)])
    with pytest.raises(errors.Busy, match=f"{family} {camera(family).id}.*System is busy"):
        asked(tmp_path, blink, lambda opened: opened.cameras.snapshot(camera(family)))
    assert [sent(each) for each in blink.requests] == [("POST", address, None)] * 4


def test_a_verb_that_may_have_arrived_is_not_sent_twice(tmp_path: Path) -> None:
    """Nobody wants two clips for one."""
    blink = FakeBlink()
    blink.say(f"{BASE['camera']}/clip", httpx.ReadTimeout("slow"))
    with pytest.raises(errors.NetworkError):
        asked(tmp_path, blink, lambda opened: opened.cameras.record(camera("camera")))
    assert len(blink.requests) == 1


def test_a_command_without_a_number_cannot_be_followed(tmp_path: Path) -> None:
    """It raises, and does not count as done."""
    blink = FakeBlink()
    blink.say(f"{BASE['camera']}/clip", httpx.Response(200, json={"message": "ok"}))
    with pytest.raises(errors.UnexpectedAnswer, match="number"):
        asked(tmp_path, blink, lambda opened: opened.cameras.record(camera("camera")))


@EACH
def test_a_verb_is_followed_to_its_end(tmp_path: Path, family: str) -> None:
    """In the network and by the number that Blink's answer names; a failure is told in Blink's words."""
    blink = FakeBlink()
    poll = f"/network/{NETWORK[family]}/command/750082091"
    begun = SAMPLES["command_new"] | {"network_id": NETWORK[family]}
    blink.say(f"{BASE[family]}/thumbnail", *[httpx.Response(200, json=begun) for _ in range(2)])
    blink.say(
        poll,
        httpx.Response(200, json=SAMPLES["command_status_running"]),
        httpx.Response(200, json=SAMPLES["command_status_done"]),
        httpx.Response(200, json={"complete": True, "status_code": 611, "status_msg": "Camera is offline"}),
    )

    async def take(opened: Blink) -> Command:
        return await opened.commands.wait_for(await opened.cameras.snapshot(camera(family)))

    assert asked(tmp_path, blink, take).complete
    assert [sent(each) for each in blink.requests[1:]] == [("GET", poll, None)] * 2
    with pytest.raises(errors.CommandFailed, match=r"Camera is offline \(code 611\)"):
        asked(tmp_path, blink, take)


@pytest.mark.parametrize(("verb", "word"), [("done", "done"), ("extend", "update")], ids=["done", "extend"])
def test_a_live_view_is_ended_and_extended(tmp_path: Path, verb: str, word: str) -> None:
    """With an empty post to its command, slash and all."""
    expect(
        tmp_path,
        lambda blink: getattr(blink.commands, verb)(2100001, 750082093),
        ("POST", f"/network/2100001/command/750082093/{word}/", None),
        {"message": "ok"},
    )


def test_a_command_is_looked_at(tmp_path: Path) -> None:
    """The answer repeats neither of its ids."""
    command = expect(
        tmp_path,
        lambda blink: blink.commands.status(2100001, 750082091),
        ("GET", "/network/2100001/command/750082091", None),
        SAMPLES["command_status_running"],
    )
    assert (command.id, command.network_id, command.complete) == (750082091, 2100001, False)
    assert (command.status_code, command.status_msg) == (908, "Command succeeded")


@pytest.mark.parametrize("verb", ["arm", "disarm"])
def test_a_network_is_armed_and_disarmed(tmp_path: Path, verb: str) -> None:
    """With an empty post; the command is to be followed."""
    command = expect(
        tmp_path,
        lambda blink: getattr(blink, verb)(2100001),
        ("POST", f"{V1}/networks/2100001/state/{verb}", None),
        SAMPLES["arm"],
    )
    assert (command.id, command.network_id) == (750082090, 2100001)
