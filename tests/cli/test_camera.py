"""``camera``: what cameras, owls and doorbells are told, and what is then so at Blink."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from blink_archive import errors
from blink_archive.archive.container import walk_jpeg
from blink_archive.cli import camera_thumbnail
from blink_archive.cli.camera_thumbnail import new_picture, write_whole
from blink_archive.model import Camera, Homescreen
from blink_archive.protocol.system import parse_homescreen
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .quick import asked, events, quick

GARDEN, KITCHEN, DOORBELL, GARAGE, ATTIC = 4100001, 5100002, 6100003, 4100004, 5100005
EACH = pytest.mark.parametrize("camera", [GARDEN, KITCHEN, DOORBELL], ids=["camera", "owl", "doorbell"])


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Cameras of harmless names in three networks: Garden (a camera) and Kitchen (an owl) in House, Front
    door (a doorbell) and Attic (an owl) in Cottage, Garage (a camera that is off) in Workshop."""
    world = make_world(clips=1, hostile=False)
    world.blink.forget_requests()
    return world


def entry(world: World, camera: int) -> dict[str, Any]:
    """The camera on the home screen."""

    async def ask() -> Homescreen:
        async with world.cloud() as blink:
            return await blink.homescreen()

    return dict(next(each for each in asyncio.run(ask()).cameras if each.id == camera).raw)


@EACH
def test_motion_detection_is_switched(world: World, camera: int) -> None:
    """Off and on, in each family's own way; the events have old and new."""
    done = quick(world, "camera", "disable", str(camera))
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(": motion detection is off\n")
    assert asked(world, "homescreen") == 1
    assert entry(world, camera)["enabled"] is False
    assert quick(world, "camera", "enable", str(camera)).out.endswith(": motion detection is on\n")
    assert entry(world, camera)["enabled"] is True
    (off, on) = events(world)
    assert (off[0], off[1]["old"], off[1]["new"]) == ("camera_disabled", True, False)
    assert (on[0], on[1]["old"], on[1]["new"]) == ("camera_enabled", False, True)
    assert on[1]["camera_id"] == camera


def test_several_cameras_are_told_one_after_the_other(world: World) -> None:
    """Nobody is told while a command still runs on the network; the home screen is asked once."""
    done = quick(world, "camera", "disable", "garden", "Front Door", "House/Kitchen", "attic", "--json")
    assert done.code == 0
    assert [each["name"] for each in json.loads(done.out)] == ["Garden", "Front door", "Kitchen", "Attic"]
    assert asked(world, "homescreen") == 1
    assert {request.status for request in world.blink.requests} == {200}
    assert len(events(world)) == 4
    for camera in (GARDEN, KITCHEN, DOORBELL, ATTIC):
        assert entry(world, camera)["enabled"] is False


def test_json_says_who_where_and_how(world: World) -> None:
    """For each camera."""
    (told,) = json.loads(quick(world, "camera", "--json", "snapshot", "kitchen").out)
    assert told == {
        "id": KITCHEN,
        "name": "Kitchen",
        "family": "owl",
        "network_id": 2100001,
        "network": "House",
        "result": "done",
        "words": "a new picture is taken",
    }


@EACH
def test_a_snapshot_is_a_new_picture(world: World, camera: int) -> None:
    """On the home screen, and an event."""
    before = entry(world, camera)["thumbnail"]
    assert quick(world, "camera", "snapshot", str(camera)).code == 0
    assert entry(world, camera)["thumbnail"] != before
    assert [kind for kind, _ in events(world)] == ["snapshot"]


@EACH
def test_a_clip_is_recorded(world: World, camera: int) -> None:
    """Which the next sync archives."""
    assert quick(world, "camera", "record", str(camera)).code == 0
    assert [kind for kind, _ in events(world)] == ["recorded"]
    world.sync()
    rows = world.rows("SELECT camera_id FROM clips WHERE source = 'user' AND sha256 IS NOT NULL")
    assert {"camera_id": camera} in rows


@EACH
def test_notifications_are_silenced(world: World, camera: int) -> None:
    """For so many minutes; nothing is waited for."""
    done = quick(world, "camera", "snooze", str(camera), "--minutes", "90")
    assert (done.code, asked(world, "command")) == (0, 0)
    assert done.out.endswith(": silent for 90 minutes\n")
    home = entry(world, camera)
    assert (home["snooze"], home["snooze_time_remaining"]) == (True, 90)
    ((kind, detail),) = events(world)
    assert (kind, detail["minutes"], detail["result"]) == ("snoozed", 90, "done")


@pytest.mark.parametrize("arguments", [("Garden",), ("Garden", "--minutes", "0"), ("--minutes", "5")])
def test_a_snooze_says_whom_and_how_long(world: World, arguments: Sequence[str]) -> None:
    """Neither is guessed."""
    assert quick(world, "camera", "snooze", *arguments).code == 2
    assert world.blink.requests == []


def test_a_light_is_switched_on_and_off(world: World) -> None:
    """Of an owl; the event says to what."""
    for state in ("on", "off"):
        assert quick(world, "camera", "light", state, "kitchen").out.endswith(f": the light is {state}\n")
        assert world.blink.cloud.house.lights[KITCHEN] is (state == "on")
    assert [(kind, detail["new"]) for kind, detail in events(world)] == [("light", "on"), ("light", "off")]
    assert quick(world, "camera", "light", "dim", "kitchen").code == 2


def test_what_has_no_light_keeps_no_other_dark(world: World) -> None:
    """It is told, with exit 2."""
    done = quick(world, "camera", "light", "on", "garden", "kitchen")
    assert done.code == 2
    assert "Garden (4100001, in House): camera 4100001 has no light" in done.err
    assert world.blink.cloud.house.lights == {KITCHEN: True}


def test_a_failure_at_blink_counts_for_more_than_a_wrong_wish(world: World) -> None:
    """Exit 1, where one camera has no light and another one's fails."""
    world.blink.cloud.commands.fail_next(message="Camera is offline")
    done = quick(world, "camera", "light", "on", "garden", "kitchen")
    assert (done.code, len(done.err.splitlines())) == (1, 2)


def test_a_camera_that_fails_keeps_no_other_from_being_tried(world: World) -> None:
    """On the same network, too: exit code, Blink's words, and no event for the one that failed."""
    gone = {"message": "Camera not found", "code": 404}
    world.blink.faults.add(Fault(kind="json", endpoint="camera_disable", status=404, body=gone))
    done = quick(world, "camera", "disable", "garden", "kitchen")
    assert done.code == 5
    assert "blink-archive: Garden (4100001, in House): " in done.err
    assert "Camera not found" in done.err
    assert done.out == "Kitchen (5100002, in House): motion detection is off\n"
    assert [detail["camera_id"] for _, detail in events(world)] == [KITCHEN]
    assert entry(world, GARDEN)["enabled"] is True


def test_a_command_that_fails_is_told_in_blinks_words(world: World) -> None:
    """Exit 1, without an event."""
    world.blink.cloud.commands.fail_next(status_code=611, message="Camera is offline")
    done = quick(world, "camera", "disable", "garden")
    assert (done.code, done.out) == (1, "")
    assert "Garden (4100001, in House): Blink reports that command" in done.err
    assert "Camera is offline (code 611)" in done.err
    assert events(world) == []
    assert entry(world, GARDEN)["enabled"] is True


def test_names_are_refused_before_anything_is_done(make_world: MakeWorld) -> None:
    """One that is two cameras', and one that is nobody's; hostile ones are printed harmlessly."""
    world = make_world(clips=1, cameras=10)
    world.blink.forget_requests()
    done = quick(world, "camera", "disable", "CON", "front door")
    assert done.code == 2
    assert "'Front Door' (4100001, in 'House')" in done.err
    assert "'Front Door' (5100002, in 'House')" in done.err
    assert {request.endpoint for request in world.blink.requests} == {"homescreen"}
    assert quick(world, "camera", "disable", "").code == 2, "a camera has no name, but nobody means it so"
    bell = next(each for each in world.blink.cloud.catalogue.cameras if "\x07" in each.name)
    done = quick(world, "camera", "disable", str(bell.id))
    assert done.code == 0
    assert done.out.rstrip("\n").isprintable()


# settings


def test_settings_are_shown(world: World) -> None:
    """As a table, and as JSON as Blink has them."""
    done = quick(world, "camera", "config", "garden")
    assert "motion_sensitivity           5\n" in done.out
    assert 'video_quality                "standard"\n' in done.out
    config = json.loads(quick(world, "camera", "config", "garden", "--json").out)
    assert (config["id"], config["video_quality_support"]) == (GARDEN, ["saver", "standard", "best"])
    assert asked(world, "camera_update") == 0
    assert events(world) == []


@EACH
def test_settings_are_changed(world: World, camera: int) -> None:
    """JSON where it is, else text; old and new are told, and in the event."""
    changes = ("motion_sensitivity=7", "video_quality=saver", "early_termination=null", 'name="22"')
    arguments = [word for change in changes for word in ("--set", change)]
    done = quick(world, "camera", "config", str(camera), *arguments)
    assert (done.code, done.err) == (0, "")
    assert "motion_sensitivity: 5 -> 7, video_quality: " in done.out
    assert '-> "saver", early_termination: ' in done.out
    config = json.loads(quick(world, "camera", "config", str(camera), "--json").out)
    wanted = {"motion_sensitivity": 7, "video_quality": "saver", "early_termination": None, "name": "22"}
    assert {key: config[key] for key in wanted} == wanted
    ((kind, detail),) = events(world)
    assert kind == "configured"
    assert detail["changes"]["motion_sensitivity"] == {"old": 5, "new": 7}
    assert {key: change["new"] for key, change in detail["changes"].items()} == wanted


def test_a_change_as_json(world: World) -> None:
    """One object: what became of it, old and new."""
    done = quick(world, "camera", "config", "kitchen", "--set", "volume_control=3", "--json")
    told = json.loads(done.out)
    assert (told["id"], told["result"]) == (KITCHEN, "done")
    assert told["changes"] == {"volume_control": {"old": 7, "new": 3}}
    world.blink.cloud.commands.fail_next(message="Camera is offline")
    done = quick(world, "camera", "config", "kitchen", "--set", "volume_control=2", "--json")
    assert (done.code, json.loads(done.out)["result"]) == (1, "failed")


def test_a_setting_that_there_is_not_is_refused(world: World) -> None:
    """With the nearest; --force sends it all the same, and the event has no old value."""
    done = quick(world, "camera", "config", "garden", "--set", "motion_sensitivty=7")
    assert done.code == 2
    assert "motion_sensitivity" in done.err
    done = quick(world, "camera", "config", "garden", "--set", "xyzzy=7")
    assert (done.code, "camera config CAMERA" in done.err) == (2, True)
    assert asked(world, "camera_update") == 0
    done = quick(world, "camera", "config", "garden", "--set", "xyzzy=7", "--force")
    assert done.code == 0
    assert "xyzzy: not there -> 7" in done.out
    ((_, detail),) = events(world)
    assert detail["changes"] == {"xyzzy": {"new": 7}}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "motion_sensitivity"),
        ("--set", "=7"),
        ("--set", "name=a", "--set", "name=b"),
        ("--force",),
        ("--no-wait",),
        ("--timeout", "5"),
    ],
    ids=" ".join,
)
def test_what_says_nothing_to_change_is_refused(world: World, arguments: Sequence[str]) -> None:
    """Before Blink is asked."""
    done = quick(world, "camera", "config", "garden", *arguments)
    assert (done.code, world.blink.requests) == (2, [])
    assert "--set" in done.err or "--force" in done.err or "twice" in done.err


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "[" * 100_000, "{'a': 1}", "", "007"])
def test_what_is_no_json_is_text(world: World, text: str) -> None:
    """Also what Python alone would take for JSON."""
    assert quick(world, "camera", "config", "garden", "--set", f"name={text}").code == 0
    config = json.loads(quick(world, "camera", "config", "garden", "--json").out)
    assert config["name"] == text


# the picture


def test_the_picture_is_saved_under_the_cameras_name(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, whole, with the mode that the umask gives; nothing else is left."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    done = quick(world, "camera", "thumbnail", "front door")
    assert (done.code, done.out) == (0, "")
    assert "front-door.jpg" in done.err
    assert [path.name for path in here.iterdir()] == ["front-door.jpg"]
    saved = here / "front-door.jpg"
    assert saved.read_bytes() == world.blink.cloud.camera_thumbnail_bytes(DOORBELL)
    mask = os.umask(0)
    os.umask(mask)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~mask
    assert events(world) == []


def test_the_picture_takes_the_place_of_one_that_is_there(world: World, tmp_path: Path) -> None:
    """JSON says where it is; a link to it stays one."""
    file, link = tmp_path / "a.jpg", tmp_path / "b.jpg"
    file.write_bytes(b"old")
    link.symlink_to(file)
    done = quick(world, "camera", "thumbnail", "garden", "-o", str(link), "--json")
    data = world.blink.cloud.camera_thumbnail_bytes(GARDEN)
    assert json.loads(done.out) == {
        "id": GARDEN,
        "name": "Garden",
        "path": str(link),
        "bytes": len(data),
        "new": False,
    }
    assert link.is_symlink()
    assert file.read_bytes() == data
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"a.jpg", "b.jpg"}


@EACH
def test_a_new_picture_is_taken_first(world: World, tmp_path: Path, camera: int) -> None:
    """It is the new one that is saved; the home screen is asked before and after."""
    old = world.blink.cloud.camera_thumbnail_bytes(camera)
    done = quick(world, "camera", "thumbnail", str(camera), "--new", "-o", str(tmp_path / "a.jpg"))
    assert done.code == 0, done.err
    new = world.blink.cloud.camera_thumbnail_bytes(camera)
    assert old != new == (tmp_path / "a.jpg").read_bytes()
    assert asked(world, "homescreen") == 2
    assert [kind for kind, _ in events(world)] == ["snapshot"]


def test_the_picture_goes_to_stdout(world: World) -> None:
    """Just the bytes, and nothing beside them."""
    done = quick(world, "camera", "thumbnail", "garden", "--output", "-")
    assert done.bytes == world.blink.cloud.camera_thumbnail_bytes(GARDEN)
    assert (done.code, done.err) == (0, "")


def test_a_picture_that_cannot_be_taken_is_none(world: World, tmp_path: Path) -> None:
    """A snapshot that fails is exit 1, and no older picture is passed off as the new one."""
    world.blink.cloud.commands.fail_next(message="Camera is offline")
    done = quick(world, "camera", "thumbnail", "garden", "--new", "-o", str(tmp_path / "a.jpg"))
    assert (done.code, "Camera is offline" in done.err) == (1, True)
    assert not (tmp_path / "a.jpg").exists()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(kind="truncate", endpoint="camera_thumbnail"), 5),
        (Fault(kind="html", endpoint="camera_thumbnail"), 5),
        (Fault(kind="json", endpoint="camera_thumbnail", status=404, body={"code": 700}), 5),
    ],
    ids=["cut", "a page", "none"],
)
def test_what_is_not_the_picture_is_not_saved(world: World, tmp_path: Path, fault: Fault, code: int) -> None:
    """The file that is there stays, and no part is left."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"old")
    world.blink.faults.add(fault)
    before = set(tmp_path.iterdir())
    assert quick(world, "camera", "thumbnail", "garden", "-o", str(file)).code == code
    assert file.read_bytes() == b"old"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("sent", [b"\xff\xd8\xff\xda\x00\x04ab no end", b"GIF89a"], ids=["no end", "no JPEG"])
def test_what_is_no_whole_jpeg_is_not_saved(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Exit 3, though Blink sent it with the right length."""
    monkeypatch.setattr(world.blink.cloud, "camera_thumbnail_bytes", lambda _: sent)
    done = quick(world, "camera", "thumbnail", "garden", "-o", str(tmp_path / "a.jpg"))
    assert done.code == 3
    assert "no whole picture of Garden (4100001, in House)" in done.err
    assert not (tmp_path / "a.jpg").exists()


def test_what_is_far_too_large_is_no_picture(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone before it fills the memory."""
    monkeypatch.setattr(camera_thumbnail, "_LARGEST", 1000)
    done = quick(world, "camera", "thumbnail", "garden", "-o", str(tmp_path / "a.jpg"))
    assert (done.code, (tmp_path / "a.jpg").exists()) == (3, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "."),
        ("-o", "pipe"),
        ("-o", "none/a.jpg"),
        ("-o", ""),
        ("-o", "-", "--json"),
        ("--timeout", "5"),
    ],
    ids=" ".join,
)
def test_no_camera_is_woken_up_for_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    """Where no file can be, or what is no file would be replaced, and options that mean nothing together:
    exit 2, and Blink is not asked."""
    monkeypatch.chdir(tmp_path)
    if "pipe" in arguments:
        getattr(os, "mkfifo", os.mkdir)("pipe")  # Windows has no named pipes there
    new = () if "--timeout" in arguments else ("--new",)
    done = quick(world, "camera", "thumbnail", "garden", *arguments, *new)
    assert (done.code, world.blink.requests) == (2, [])


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """Exit 8, with the file's name, and no part is left."""
    with pytest.raises(errors.StorageError, match=r"a\.jpg"):
        write_whole(tmp_path / "none" / "a.jpg", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(errors.StorageError, match="folder"):
        write_whole(tmp_path / "folder", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


class Home:
    """A Blink that shows one of several pictures at each look."""

    def __init__(self, *pictures: str | None) -> None:
        self._pictures = list(pictures)
        self.slept: list[float] = []

    async def homescreen(self) -> Homescreen:
        entries = [{"id": 1, "thumbnail": self._pictures.pop(0), "name": "A"}]
        return parse_homescreen({"cameras": entries, "owls": [{"id": 1, "thumbnail": "another"}]})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def before(picture: str | None) -> Camera:
    (camera, _) = asyncio.run(Home(picture).homescreen()).cameras
    return camera


@pytest.mark.parametrize("old", [None, "old"])
def test_the_home_screen_is_asked_until_it_has_the_new_picture(old: str | None) -> None:
    """At once, and then every two seconds."""
    home = Home(old, old, "new", "newer")
    found = asyncio.run(new_picture(home, before(old), sleep=home.sleep))  # type: ignore[arg-type]
    assert (found.family, found.thumbnail) == ("camera", "new")
    assert home.slept == [2.0, 2.0]


def test_a_picture_that_does_not_come_is_not_waited_for_for_ever() -> None:
    """After five looks it is said what to do."""
    home = Home(*["old"] * 9)
    with pytest.raises(errors.CommandFailed, match="without --new"):
        asyncio.run(new_picture(home, before("old"), sleep=home.sleep))  # type: ignore[arg-type]
    assert home.slept == [2.0] * 4


# the group


def test_the_group_loads_nothing_heavy() -> None:
    """`camera --help` imports no command, and no client."""
    code = (
        "import sys; from blink_archive.cli.camera import camera_command; "
        "loaded = {'httpx', 'blink_archive.client', 'blink_archive.archive', 'blink_archive.cli.actions'}; "
        "sys.exit(' '.join(loaded & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_group_shows_its_commands(world: World) -> None:
    """With a line for each, that its own help begins with as well."""
    shown = quick(world, "camera", "--help").out
    for name in ("config", "disable", "enable", "light", "record", "snapshot", "snooze", "thumbnail"):
        assert f"\n  {name} " in shown
        assert quick(world, "camera", name, "--help").code == 0
    assert quick(world, "camera", "nonsense").code == 2


def test_the_program_ends_as_it_should(world: World) -> None:
    """As a process: options before and behind, exit code, stdout and stderr."""
    done = world.run("--json", "camera", "disable", "Garden", "garage")
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["result"] for each in json.loads(done.stdout)] == ["done", "done"]
    picture = subprocess.run(
        [sys.executable, "-m", "blink_archive", "camera", "thumbnail", "garage", "-o", "-"],
        env=world.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (picture.returncode, picture.stderr) == (0, b"")
    walk_jpeg(picture.stdout)
    done = world.run("camera", "enable", "nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("verb", "fact"), [("info", "serial"), ("signals", "temp")])
def test_the_deprecated_calls_of_a_camera(world: World, verb: str, fact: str) -> None:
    """They show what Blink says, as a table and as JSON; for a Mini they are wrong usage, and nothing is asked."""
    found = json.loads(quick(world, "camera", verb, "4100001", "--json").out)
    assert fact in str(found)
    assert fact in quick(world, "camera", verb, "4100001").out
    done = quick(world, "camera", verb, "5100002")
    assert (done.code, "owl family" in done.err) == (2, True)
    assert not any(request.endpoint == f"owl_{verb}" for request in world.blink.requests)
