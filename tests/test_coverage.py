"""Every call of the endpoint table that is in use has a verb, a route in the simulator, and is made here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blink_archive.client import Blink, ClassicSignIn, Pacing, SignIn, StateDir, logout
from blink_archive.errors import CodeNeeded
from blink_archive.model import Camera, Command, Homescreen, Program, SyncModule
from blink_archive.protocol.endpoints import ENDPOINTS
from blink_archive.simulator import Fault, Settings, Simulator

IN_USE = sorted(name for name, endpoint in ENDPOINTS.items() if endpoint.mark != "O")


class House:
    """The account that is signed in, and the things in it that calls are about."""

    def __init__(self, blink: Blink, home: Homescreen, sim: Simulator, *, elsewhere: Path) -> None:
        self.blink = blink
        self.home = home
        self.sim = sim
        self.elsewhere = elsewhere
        self.network = home.networks[0].id

    def camera(self, family: str, *, old_picture: bool = False) -> Camera:
        """A camera of that family; by the form that its picture's path has."""
        return next(
            camera
            for camera in self.home.cameras
            if camera.family == family and (camera.thumbnail or "").startswith("/media/") == old_picture
        )

    @property
    def module(self) -> SyncModule:
        return next(each for each in self.home.sync_modules if each.local_storage_status == "active")

    async def program(self) -> Program:
        """A schedule that is there."""
        found = await self.blink.schedules.list(self.network)
        if not found:
            await self.blink.schedules.create(self.network, name="Nights", actions=())
            found = await self.blink.schedules.list(self.network)
        return found[0]

    def clip_path(self, *, old: bool, thumbnail: bool = False) -> str:
        """The path that the feed lists for a clip, in its older or newer form."""
        for clip_id in self.sim.cloud.live_clips():
            item = self.sim.cloud.item(clip_id)
            if item["media"].startswith("/api/v2") == old:
                return str(item["thumbnail" if thumbnail else "media"])
        raise LookupError

    async def done(self, command: Command) -> None:
        await self.blink.commands.wait_for(command)

    async def read(self, stream: Any) -> bytes:
        async with stream as opened:
            return b"".join([chunk async for chunk in opened.chunks])

    async def viewed(self, family: str) -> None:
        """A live view, ended at once."""
        view = await self.blink.cameras.liveview(self.camera(family))
        await self.blink.commands.done(view.network_id, view.command_id)


Call = Callable[[House], Awaitable[Any]]


async def _then(first: Awaitable[Any], then: Callable[[Any], Awaitable[Any]]) -> Any:
    return await then(await first)


def told(verb: str, family: str, **arguments: Any) -> Call:
    """A verb of a camera that starts a command, run to its end."""

    async def call(house: House) -> None:
        await house.done(await getattr(house.blink.cameras, verb)(house.camera(family), *arguments.values()))

    return call


async def _live_view_v5(house: House) -> None:
    """Where the newer form is not found, the older one is asked for."""
    fault = house.sim.faults.add(
        Fault(kind="json", status=404, body={"message": "Not found", "code": 404}, match="/api/v6/", times=1)
    )
    await house.viewed("camera")
    assert house.sim.faults.fired(fault) == 1


async def _extended(house: House) -> None:
    view = await house.blink.cameras.liveview(house.camera("camera"))
    await house.blink.commands.extend(view.network_id, view.command_id)
    await house.blink.commands.done(view.network_id, view.command_id)


async def _light(house: House, *, on: bool) -> None:
    await house.done(await house.blink.cameras.light(house.camera("owl"), on=on))


async def _snooze(house: House, family: str) -> None:
    await house.blink.cameras.snooze(house.camera(family), minutes=60)


async def _program_update(house: House) -> None:
    program = await house.program()
    await house.blink.schedules.update(program, name="Evenings", actions=program.actions)


async def _program_delete(house: House) -> None:
    await house.blink.schedules.create(house.network, name="Soon gone", actions=())
    found = await house.blink.schedules.list(house.network)
    await house.blink.schedules.delete(next(each for each in found if each.name == "Soon gone"))


async def _stored_clip(house: House) -> None:
    manifest = await house.blink.local_storage.manifest(house.module)
    assert await house.read(house.blink.local_storage.media(manifest.clips[0].path))


async def _stored_clip_delete(house: House) -> None:
    manifest = await house.blink.local_storage.manifest(house.module)
    await house.done(await house.blink.local_storage.delete(manifest.clips[-1].path))


async def _deleted(house: House) -> None:
    await house.blink.delete_media([house.sim.cloud.add_clip()])


async def _described(house: House) -> None:
    page = await house.blink.descriptions()
    assert page.descriptions


def _clip_v4(house: House) -> str:
    clip = house.sim.cloud.live_clips()[0]
    return ENDPOINTS["clip_v4"].fill(account=house.blink.account_id, clip=clip)


CALLS: dict[str, Call] = {
    "homescreen": lambda house: house.blink.homescreen(),
    "notifications": lambda house: house.blink.account.notifications(),
    "notifications_update": lambda house: house.blink.account.set_notifications({"low_battery": False}),
    "client_options": lambda house: house.blink.account.client_options(),
    "client_update": lambda house: house.blink.account.update_client({"notification_key": "a-key"}),
    "version": lambda house: house.blink.account.version(),
    "regions": lambda house: house.blink.account.regions(),
    "logs_upload": lambda house: house.blink.account.upload_logs("a line"),
    "account_options": lambda house: house.blink.account.options(),
    "health": lambda house: house.blink.account.health(),
    "networks": lambda house: house.blink.networks(),
    "sync_module": lambda house: house.blink.sync_module(house.network),
    "network_update": lambda house: house.blink.network(house.network),
    "camera_usage": lambda house: house.blink.cameras.usage(),
    "user": lambda house: house.blink.account.user(),
    "arm": lambda house: _then(house.blink.arm(house.network), house.done),
    "disarm": lambda house: _then(house.blink.disarm(house.network), house.done),
    "command": lambda house: _then(house.blink.arm(house.network), house.done),
    "command_done": lambda house: house.viewed("camera"),
    "command_update": _extended,
    "programs": lambda house: house.blink.schedules.list(house.network),
    "program_enable": lambda house: _then(house.program(), house.blink.schedules.enable),
    "program_disable": lambda house: _then(house.program(), house.blink.schedules.disable),
    "program_update": _program_update,
    "program_create": lambda house: house.blink.schedules.create(house.network, name="New", actions=()),
    "program_delete": _program_delete,
    "camera_enable": told("enable", "camera"),
    "camera_disable": told("disable", "camera"),
    "doorbell_enable": told("enable", "doorbell"),
    "doorbell_disable": told("disable", "doorbell"),
    **{
        f"{family}_{verb}": told(verb, family)
        for family in ("camera", "owl", "doorbell")
        for verb in ("snapshot", "record")
    },
    "camera_liveview": lambda house: house.viewed("camera"),
    "camera_liveview_v5": _live_view_v5,
    "owl_liveview": lambda house: house.viewed("owl"),
    "doorbell_liveview": lambda house: house.viewed("doorbell"),
    "camera_config": lambda house: house.blink.cameras.config(house.camera("camera")),
    "owl_config": lambda house: house.blink.cameras.config(house.camera("owl")),
    "doorbell_config": lambda house: house.blink.cameras.config(house.camera("doorbell")),
    "camera_update": told("update_config", "camera", changes={"motion_sensitivity": 4}),
    "owl_update": told("update_config", "owl", changes={"motion_sensitivity": 4}),
    "doorbell_update": told("update_config", "doorbell", changes={"motion_sensitivity": 4}),
    "camera_snooze": lambda house: _snooze(house, "camera"),
    "owl_snooze": lambda house: _snooze(house, "owl"),
    "doorbell_snooze": lambda house: _snooze(house, "doorbell"),
    "picture": lambda house: house.read(house.blink.cameras.picture(house.camera("doorbell"))),
    "picture_old": lambda house: house.read(
        house.blink.cameras.picture(house.camera("camera", old_picture=True))
    ),
    "camera_info": lambda house: house.blink.cameras.info(house.camera("camera")),
    "camera_signals": lambda house: house.blink.cameras.signals(house.camera("camera")),
    "owl_light_on": lambda house: _light(house, on=True),
    "owl_light_off": lambda house: _light(house, on=False),
    "media_changed": lambda house: house.blink.media_changed(since=house.sim.settings.now(), page=1),
    "clip": lambda house: house.read(house.blink.media(house.clip_path(old=False), thumbnail=False)),
    "clip_old": lambda house: house.read(house.blink.media(house.clip_path(old=True), thumbnail=False)),
    "thumbnail": lambda house: house.read(
        house.blink.media(house.clip_path(old=False, thumbnail=True), thumbnail=True)
    ),
    "thumbnail_old": lambda house: house.read(
        house.blink.media(house.clip_path(old=True, thumbnail=True), thumbnail=True)
    ),
    "video_options": lambda house: house.blink.account.set_auto_delete_days(30),
    "media_delete": _deleted,
    "media": _described,
    "clip_v4": lambda house: house.read(house.blink.media(_clip_v4(house), thumbnail=False)),
    "local_storage_manifest_request": lambda house: house.blink.local_storage.manifest(house.module),
    "local_storage_manifest": lambda house: house.blink.local_storage.manifest(house.module),
    "local_storage_clip_request": _stored_clip,
    "local_storage_clip": _stored_clip,
    "local_storage_clip_delete": _stored_clip_delete,
    "local_storage_status": lambda house: house.blink.local_storage.status(house.module),
}
"""How each call in use is made with the library."""


async def _signed_in(house: House) -> None:
    """The sign-in as the app does it, into a state directory of its own."""
    sign_in = SignIn(StateDir(house.elsewhere), api_url=house.sim.url, oauth_url=house.sim.url)
    try:
        await sign_in.sign_in(email=house.sim.settings.email, password=house.sim.settings.password)
    except CodeNeeded:
        await sign_in.enter_code(house.sim.settings.code)


CALLS |= dict.fromkeys(
    (
        "oauth_authorize",
        "oauth_signin_page",
        "oauth_signin",
        "oauth_verify",
        "oauth_token",
        "tier_info",
    ),
    _signed_in,
)


async def _signed_in_classic(house: House) -> None:
    """The classic login with a second PIN, which is let in once the first one is old enough, and its end."""
    state, url = StateDir(house.elsewhere), house.sim.url
    later = house.sim.settings.now() + timedelta(minutes=5)
    first = ClassicSignIn(state, api_url=url, oauth_url=url)
    with pytest.raises(CodeNeeded):
        await first.sign_in(email=house.sim.settings.email, password=house.sim.settings.password)
    second = ClassicSignIn(state, api_url=url, oauth_url=url, now=lambda: later)
    await second.resend()
    session = await second.enter_code(house.sim.settings.code)
    (ended,) = await logout(state, [session])
    assert ended.revoked


CALLS |= dict.fromkeys(("login", "pin_verify", "pin_resend", "logout"), _signed_in_classic)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """An account with every family of cameras, sticks, and a classic login that is open."""
    with Simulator(Settings(usb_clips=3, clips=20, cameras=6, classic="open")) as sim:
        yield sim


@pytest.fixture(scope="module")
def state(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> StateDir:
    """A state directory in which that account is signed in."""
    state = StateDir(tmp_path_factory.mktemp("state"))

    async def main() -> None:
        sign_in = SignIn(state, api_url=sim.url, oauth_url=sim.url)
        with suppress(CodeNeeded):
            await sign_in.sign_in(email=sim.settings.email, password=sim.settings.password)
        await sign_in.enter_code(sim.settings.code)

    asyncio.run(main())
    return state


def test_no_call_is_excused() -> None:
    """Each call of the table that is in use is made below, and nothing else is."""
    assert sorted(CALLS) == IN_USE


def no_raw_call(*_: Any, **__: Any) -> None:
    pytest.fail("a raw call is no verb")


@pytest.mark.parametrize("name", IN_USE)
def test_the_call_is_made_over_http(
    name: str, sim: Simulator, state: StateDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verb of the library makes the call, with the method and path of the table, and the simulator answers
    it with success."""
    monkeypatch.setattr(Blink, "call", no_raw_call)
    endpoint = ENDPOINTS[name]
    sim.forget_requests()

    async def main() -> None:
        async with Blink.from_state(state, api_url=sim.url, oauth_url=sim.url, pacing=Pacing.none()) as blink:
            await CALLS[name](House(blink, await blink.homescreen(), sim, elsewhere=tmp_path))

    asyncio.run(main())
    made = [
        request.status
        for request in sim.requests
        if request.method == endpoint.method
        and endpoint.ids_in(request.path) is not None
        and (endpoint.auth == "token") == request.had_auth
    ]
    assert any(status is not None and status < 400 for status in made), made
