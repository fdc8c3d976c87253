"""blinkpy 0.25.9, unmodified but for its base URLs and its waits, does against the simulator all that it can."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from aiohttp import ClientSession, CookieJar
from blinkpy import api, auth, livestream, sync_module
from blinkpy.auth import Auth, BlinkTwoFARequiredError, UnauthorizedError
from blinkpy.blinkpy import Blink
from blinkpy.camera import BlinkCamera, BlinkCameraMini, BlinkDoorbell
from blinkpy.helpers import constants, util
from blinkpy.sync_module import LocalStorageMediaItem

from blink_archive.simulator import Settings, Simulator
from blink_archive.simulator.liveview import DURATION
from blink_archive.simulator.records import iso
from blink_archive.simulator.settings import ACCOUNT_ID, CLIENT_ID, TIER, USER_ID
from blink_archive.simulator.ts import live_loop

from ..world import Clock
from .pointing import point_at

HOUSE, COTTAGE, WORKSHOP = 2100001, 2100002, 2100003
MODULE = 3100001
GARDEN, KITCHEN, FRONT_DOOR = 4100001, 5100002, 6100003
EACH = pytest.mark.parametrize(
    ("name", "camera"),
    [("Garden", GARDEN), ("Kitchen", KITCHEN), ("Front door", FRONT_DOOR)],
    ids=["camera", "owl", "doorbell"],
)

pytestmark = [
    # blinkpy leaves answers unread where their status is enough.
    pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning"),
    # It asks for the time in a way that Python 3.12 deprecates.
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow\(\):DeprecationWarning"),
]

MakeSim = Callable[..., Simulator]


async def short_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / 1000)


@pytest.fixture
def clock() -> Clock:
    """The cloud's, which a test moves on; blinkpy has the machine's."""
    return Clock()


@pytest.fixture
def make_sim(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeSim]:
    """Starts a simulator that blinkpy's addresses point at. blinkpy waits a thousandth of its time.

    The names of the cameras are plain: blinkpy knows cameras by their names, and of two that share one it
    sees one.
    """
    for module in (api, util):
        monkeypatch.setattr(module, "sleep", short_sleep)
    hurried = SimpleNamespace(**(vars(asyncio) | {"sleep": short_sleep}))
    for module in (sync_module, livestream):
        monkeypatch.setattr(module, "asyncio", hurried)
    with ExitStack() as stack:

        def make(**settings: Any) -> Simulator:
            given = {"hostile": False, "cameras": 6, "clips": 12, "now": clock.now} | settings
            sim = stack.enter_context(Simulator(Settings(**given)))
            point_at(sim.url, replace=monkeypatch.setattr)
            return sim

        yield make
    gc.collect()  # the answers that were left unread, while their warnings are expected


@asynccontextmanager
async def blinkpy(sim: Simulator, **credentials: Any) -> AsyncIterator[Blink]:
    """blinkpy with a session that keeps the cookies of an IP address, before it has begun."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        blink = Blink(session=session)
        given = credentials or {"username": sim.settings.email, "password": sim.settings.password}
        blink.auth = Auth(given, no_prompt=True, session=session)
        yield blink


def visit(sim: Simulator, steps: Callable[[Blink], Awaitable[None]]) -> None:
    """Signs in and takes the steps."""

    async def main() -> None:
        async with asyncio.timeout(60), blinkpy(sim) as blink:
            with pytest.raises(BlinkTwoFARequiredError):
                await blink.start()
            assert await blink.send_2fa_code(sim.settings.code)
            await steps(blink)

    asyncio.run(main())


def addresses() -> dict[str, Any]:
    """Everything of blinkpy in which an address is."""
    found = {
        f"{module.__name__}.{name}": value
        for module in (constants, api, auth)
        for name, value in vars(module).items()
        if isinstance(value, str) and "://" in value and name != "OAUTH_REDIRECT_URI"
    }
    for method in (Auth.login, Auth.get_tier_info):
        found[method.__qualname__] = method.__defaults__[0]
    return found | {"host of a region": util.BlinkURLHandler("u014").base_url}


def test_the_version_is_the_one_that_is_named() -> None:
    """Another one may do other things."""
    assert importlib.metadata.version("blinkpy") == "0.25.9"


def test_every_address_is_moved_and_put_back() -> None:
    """All that blinkpy knows points at the given host, and at Blink again when the change is undone."""
    before = addresses()
    with pytest.MonkeyPatch.context() as patch:
        point_at("http://127.0.0.1:9", replace=patch.setattr)
        moved = addresses()
        assert moved.keys() == before.keys()
        assert all(
            value.startswith("http://127.0.0.1:9") for name, value in moved.items() if "BLINK_URL" not in name
        )
    assert addresses() == before
    assert all(value.startswith("https://") for value in before.values())


@pytest.mark.parametrize("status", [202, 412])
def test_sign_in_with_a_code(make_sim: MakeSim, status: int) -> None:
    """blinkpy says that it needs a code, either way it is told so; a wrong one is refused, the right one opens
    the account, and the password was sent once."""
    sim = make_sim(two_factor_status=status)

    async def main() -> None:
        async with blinkpy(sim) as blink:
            with pytest.raises(BlinkTwoFARequiredError):
                await blink.start()
            assert not await blink.send_2fa_code("000000")
            assert await blink.send_2fa_code(sim.settings.code)
            assert blink.available
            assert blink.account_id == ACCOUNT_ID
            assert blink.auth.region_id == TIER
            assert (blink.client_id, blink.user_id) == (str(CLIENT_ID), str(USER_ID))

    asyncio.run(main())
    assert (sim.cloud.passwords_posted, sim.cloud.codes_sent) == (1, 1)


def test_sign_in_without_a_code(make_sim: MakeSim) -> None:
    """Where no second factor is asked for, `start` does it all; a wrong password does not start anything."""
    sim = make_sim(two_factor=False)

    async def main() -> None:
        async with blinkpy(sim, username=sim.settings.email, password="wrong") as blink:
            assert not await blink.start()
        async with blinkpy(sim) as blink:
            assert await blink.start()
            assert blink.available

    asyncio.run(main())


def test_the_cameras_of_all_families_are_listed(make_sim: MakeSim) -> None:
    """Each by its name, as the class of its family, with its id, serial, network and measurements."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        classes = {"camera": BlinkCamera, "owl": BlinkCameraMini, "doorbell": BlinkDoorbell}
        cameras = sim.cloud.catalogue.cameras
        assert {camera.family for camera in cameras} == set(classes)
        assert sorted(blink.cameras) == sorted(camera.name for camera in cameras)
        for camera in cameras:
            found = blink.cameras[camera.name]
            assert type(found) is classes[camera.family]
            assert (found.camera_id, found.network_id) == (str(camera.id), str(camera.network.id))
            assert (found.serial, found.product_type) == (camera.serial, camera.type)
            assert found.motion_enabled is camera.enabled
            assert found.online is camera.enabled
            assert found.image_from_cache == sim.cloud.camera_thumbnail_bytes(camera.id)
        garden = blink.cameras["Garden"]
        assert (garden.battery, garden.temperature, garden.temperature_calibrated) == ("ok", 68, 68)
        networks = {name: (sync.online, sync.arm) for name, sync in blink.sync.items()}
        assert networks == {"House": (True, True), "Cottage": (True, False), "Workshop": (True, True)}

    visit(sim, steps)


def test_refresh_sees_what_has_changed(make_sim: MakeSim) -> None:
    """A new recording is motion with the clip's own bytes; a new picture and a switch are seen, too."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        garden = blink.cameras["Garden"]
        clip = sim.cloud.add_clip(camera_id=GARDEN)
        sim.cloud.take_picture(GARDEN)
        sim.cloud.set_enabled(GARDEN, False)
        before = garden.thumbnail
        assert not garden.motion_detected
        assert await blink.refresh()
        assert garden.motion_detected
        assert garden.last_record == sim.cloud.item(clip)["created_at"]
        assert garden.video_from_cache == sim.cloud.clip_bytes(clip)
        assert garden.thumbnail != before
        assert garden.image_from_cache == sim.cloud.camera_thumbnail_bytes(GARDEN)
        assert not garden.arm
        assert not blink.cameras["Driveway"].motion_detected

    visit(sim, steps)


def test_a_network_is_armed_and_disarmed(make_sim: MakeSim) -> None:
    """As the cloud has it, and as blinkpy sees it after the next refresh; the others stay as they are."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        for armed in (False, True):
            await blink.sync["House"].async_arm(armed)
            assert sim.cloud.armed(HOUSE) is armed
            await blink.refresh(force=True)
            assert blink.sync["House"].arm is armed
            assert (sim.cloud.armed(COTTAGE), sim.cloud.armed(WORKSHOP)) == (False, True)

    visit(sim, steps)


@EACH
def test_a_picture_is_taken(make_sim: MakeSim, name: str, camera: int) -> None:
    """Its bytes are others than before, and the ones that the cloud has; so are those that are read later."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        found = blink.cameras[name]
        before = found.image_from_cache
        await found.snap_picture()
        assert found.image_from_cache != before
        assert found.image_from_cache == sim.cloud.camera_thumbnail_bytes(camera)
        await blink.refresh(force=True)
        picture = await found.get_media()
        assert await picture.read() == sim.cloud.camera_thumbnail_bytes(camera)

    visit(sim, steps)


@EACH
def test_a_clip_is_recorded(make_sim: MakeSim, name: str, camera: int) -> None:
    """There is one clip more, of that camera, and blinkpy gets its bytes."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        before = set(sim.cloud.live_clips())
        await blink.cameras[name].record()
        (clip,) = set(sim.cloud.live_clips()) - before
        assert sim.cloud.clip(clip).camera.id == camera
        await blink.refresh()
        video = await blink.cameras[name].get_media("video")
        assert await video.read() == sim.cloud.clip_bytes(clip)

    visit(sim, steps)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Garden", {"night_vision_control": None, "illuminator_enable_v2": None}),
        ("Kitchen", {"night_vision_control": "normal", "illuminator_enable_v2": "auto"}),
    ],
    ids=["camera", "owl"],
)
def test_a_configuration_is_read_and_changed(
    make_sim: MakeSim, clock: Clock, name: str, more: dict[str, str | None]
) -> None:
    """What blinkpy knows of it is the night vision, of these two families."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        camera = blink.cameras[name]
        assert await camera.night_vision == {"illuminator_enable": "auto"} | more
        assert (await camera.async_set_night_vision("off"))["command"] == "config_set"
        clock.pass_by(seconds=10)  # blinkpy does not wait for this command
        assert await camera.night_vision == {"illuminator_enable": "off"} | more

    visit(sim, steps)


@EACH
def test_motion_detection_is_switched(make_sim: MakeSim, name: str, camera: int) -> None:
    """Off and on again, in the cloud and as blinkpy sees it afterwards."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        for on in (False, True):
            await blink.cameras[name].async_arm(on)
            assert sim.cloud.camera(camera).enabled is on
            await blink.refresh(force=True)
            assert blink.cameras[name].motion_enabled is on

    visit(sim, steps)


def test_a_light_is_switched(make_sim: MakeSim, clock: Clock) -> None:
    """By the call for floodlights, which are owls."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        for on in (True, False):
            await blink.cameras["Kitchen"].async_set_floodlight(on)
            clock.pass_by(seconds=10)  # blinkpy does not wait for this command
            assert sim.cloud.commands.running(HOUSE) is None
            assert sim.cloud.house.lights == {KITCHEN: on}

    visit(sim, steps)


def test_notifications_are_read_and_set(make_sim: MakeSim) -> None:
    """One flag changes, the others stay."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        before = await blink.get_status()
        assert before["motion"]
        answer = await blink.set_status({"motion": False})
        assert (answer.status, await answer.json()) == (
            200, {"message": "Client Notification Configure Update Successful"},
        )  # fmt: skip
        assert await blink.get_status() == before | {"motion": False}

    visit(sim, steps)


@EACH
def test_a_live_view_has_an_address(make_sim: MakeSim, name: str, camera: int) -> None:
    """It is that of the camera's own live view."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        address = await blink.cameras[name].get_liveview()
        (view,) = sim.cloud.live_views.values()
        assert view.camera.id == camera
        assert address.startswith("rtsps://127.0.0.1:443/" + view.connection)

    visit(sim, steps)


@EACH
def test_a_live_stream_is_passed_on(make_sim: MakeSim, clock: Clock, name: str, camera: int) -> None:
    """blinkpy's proxy gives the film from its first byte on, as MPEG-TS that decodes; what it sends is as the
    protocol has it, and once its viewer has gone it says that the live view is done."""
    sim = make_sim(liveview="immis", liveview_speed=50)
    expected = b"".join(piece for at, piece in live_loop().play(DURATION) if at < 5)

    async def steps(blink: Blink) -> None:
        stream = await blink.cameras[name].init_livestream()
        server = await stream.start()
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not stream.clients:  # noqa: ASYNC110 - blinkpy has no event for it
            await asyncio.sleep(0)
        feeding = asyncio.create_task(stream.feed())
        received = await reader.readexactly(len(expected))
        writer.close()
        await writer.wait_closed()
        # Where pictures are on their way at that moment, blinkpy goes on asking for as long as the view may last.
        clock.pass_by(seconds=DURATION)
        await feeding
        await server.wait_closed()
        assert received == expected
        with av.open(io.BytesIO(received), format="mpegts") as film:
            assert sum(1 for _ in film.decode(video=0)) > 50

    visit(sim, steps)
    assert sim.immis
    (connection,) = sim.immis.connections
    (view,) = sim.cloud.live_views.values()
    assert view.camera.id == camera
    assert connection.keep_alives
    assert connection.latencies
    assert connection.violations == []
    assert [request.status for request in sim.requests if request.endpoint == "command_done"] == [200]


def test_every_clip_is_downloaded(make_sim: MakeSim, clock: Clock, tmp_path: Path) -> None:
    """`download_videos` leads through all pages and writes each clip's own bytes, with its camera and time."""
    sim = make_sim(clips=60, page_limit=25)
    clock.pass_by(minutes=3)  # blinkpy takes an unfinished clip's error for the clip; now there is none
    asked: list[tuple[str, str]] = []

    def number(created_at: str, camera_name: str, path: str) -> str:
        """By default the name is camera and second, and of two clips of one second blinkpy keeps one."""
        asked.append((created_at, camera_name))
        return f"{path}/{len(asked) - 1}.mp4"

    async def steps(blink: Blink) -> None:
        await blink.download_videos(str(tmp_path), since="1970-01-02", delay=0, filename_format=number)

    visit(sim, steps)
    clips = [sim.cloud.clip(clip) for clip in sim.cloud.live_clips()]
    expected = {(iso(clip.created), clip.camera_name, sim.cloud.clip_bytes(clip.id)) for clip in clips}
    written = [(*asked[int(file.stem)], file.read_bytes()) for file in tmp_path.iterdir()]
    assert len(written) == len({video for *_, video in expected}) == 61
    assert set(written) == expected


def test_clips_get_the_names_that_blinkpy_gives(make_sim: MakeSim, tmp_path: Path) -> None:
    """By default a file is named after camera and second; one camera alone is downloaded where it is asked for."""
    sim = make_sim(clips=0)
    kept = sim.cloud.add_clip(camera_id=FRONT_DOOR)
    sim.cloud.add_clip(camera_id=GARDEN)
    sim.cloud.delete_clip(sim.cloud.add_clip(camera_id=FRONT_DOOR))

    async def steps(blink: Blink) -> None:
        await blink.download_videos(str(tmp_path), since="1970-01-02", camera="Front door", delay=0)

    visit(sim, steps)
    (file,) = tmp_path.iterdir()
    created = iso(sim.cloud.clip(kept).created)
    assert file.name == f"front-door-{created.replace(':', '-').replace('+', '-').replace('T', 't')}.mp4"
    assert file.read_bytes() == sim.cloud.clip_bytes(kept)


def manifest(blink: Blink) -> list[LocalStorageMediaItem]:
    """The clips on the stick of the house, as blinkpy's documentation says to find them."""
    return list(blink.sync["House"]._local_storage["manifest"])


def test_a_stick_is_read(make_sim: MakeSim, tmp_path: Path) -> None:
    """Its manifest has every clip; each comes with its own bytes; one is deleted and gone for blinkpy, too."""
    sim = make_sim(usb_clips=5)
    stick = sim.cloud.usb

    async def steps(blink: Blink) -> None:
        house = blink.sync["House"]
        assert house.local_storage
        assert not blink.sync["Workshop"].local_storage  # a Sync Module 1
        await blink.refresh()
        assert house.local_storage_manifest_ready
        items = manifest(blink)
        assert sorted((item.name, item.created_at.isoformat(), int(item.size)) for item in items) == sorted(
            (clip.camera_name, iso(clip.created), stick.size(clip)) for clip in stick.clips(MODULE)
        )
        assert len({stick.clip_bytes(clip.id) for clip in stick.clips(MODULE)}) == 5
        number = int(house._local_storage["last_manifest_id"])
        fetched = {}
        for item in items:
            file = tmp_path / f"{item.id}.mp4"
            assert await item.prepare_download(blink)
            assert await item.download_video(blink, str(file))
            clip = stick.listed(MODULE, number, item.id)
            assert clip
            assert file.read_bytes() == stick.clip_bytes(clip.id)
            fetched[item.id] = clip.id
        first, second, *_ = items
        assert await first.delete_video(blink)
        file = tmp_path / "last.mp4"
        expected = stick.clip_bytes(fetched[second.id])
        assert await second.download_video_delete(blink, str(file))
        assert file.read_bytes() == expected
        left = {clip.id for clip in stick.clips(MODULE)}
        assert left == set(fetched.values()) - {fetched[first.id], fetched[second.id]}

    visit(sim, steps)
    assert stick.peak(MODULE) == 1

    async def again(blink: Blink) -> None:
        await blink.refresh()
        assert len(manifest(blink)) == 3

    visit(sim, again)


def test_a_token_is_refreshed_when_it_is_old(
    make_sim: MakeSim, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortly before its end blinkpy gets a new pair and goes on; the tokens before are dead, and no password
    was sent again."""
    sim = make_sim()
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: clock.now().timestamp()))

    async def steps(blink: Blink) -> None:
        before = (blink.auth.token, blink.auth.refresh_token)
        await blink.refresh(force=True)
        assert (blink.auth.token, blink.auth.refresh_token) == before
        for times in (1, 2):
            clock.pass_by(seconds=sim.settings.expires_in)
            assert not sim.cloud.sign_in.is_valid(blink.auth.token)
            assert await blink.refresh(force=True)
            assert blink.available
            assert sim.cloud.refreshes == times
            assert sim.cloud.sign_in.is_valid(blink.auth.token)
        assert await api.oauth_refresh_token(blink.auth, before[1], blink.auth.hardware_id) is None

    visit(sim, steps)
    assert sim.cloud.passwords_posted == 1


def test_kept_credentials_sign_in_again(make_sim: MakeSim, tmp_path: Path) -> None:
    """What blinkpy saves starts it without a password and a code."""
    sim = make_sim()
    kept = tmp_path / "credentials.json"

    async def save(blink: Blink) -> None:
        await blink.save(str(kept))

    visit(sim, save)

    async def main() -> None:
        async with blinkpy(sim, **json.loads(kept.read_text())) as blink:
            assert await blink.start()
            assert len(blink.cameras) == 6

    asyncio.run(main())
    assert (sim.cloud.passwords_posted, sim.cloud.refreshes) == (1, 1)


def test_logout(make_sim: MakeSim) -> None:
    """The session is over: blinkpy's next call is unauthorized, and so is its refresh token."""
    sim = make_sim()

    async def steps(blink: Blink) -> None:
        assert await blink.auth.logout(blink) == {"message": "logout"}
        assert sim.cloud.sign_in.logouts == 1
        with pytest.raises(UnauthorizedError):
            await api.request_networks(blink)
        assert (
            await api.oauth_refresh_token(blink.auth, blink.auth.refresh_token, blink.auth.hardware_id)
            is None
        )

    visit(sim, steps)
