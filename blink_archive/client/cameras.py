"""The verbs of cameras, owls (Minis) and doorbells: one name each, the paths by family (protocol.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from ..errors import NotFound, UsageError
from ..model import Camera, Command, Json, LiveView
from ..protocol.answers import as_object, member
from ..protocol.devices import LIVEVIEW_V5, LIVEVIEW_V6, parse_config, parse_live_view, picture_path
from .commands import Commands
from .streaming import MediaStream, media_stream
from .wire import Wire


class Cameras:
    """What one camera of the homescreen can be told and asked.

    Verbs that return a `Command` raise Busy where the system stays busy; the command runs on, see
    `Commands.wait_for`. All raise UsageError for a camera that the homescreen puts into no network.
    """

    def __init__(self, wire: Wire, commands: Commands) -> None:
        self._wire = wire
        self._commands = commands

    async def enable(self, camera: Camera) -> Command:
        """Switches motion detection on."""
        if camera.family == "owl":
            return await self.update_config(camera, {"enabled": True})
        return await self._start(f"{camera.family}_enable", camera)

    async def disable(self, camera: Camera) -> Command:
        """Switches motion detection off."""
        if camera.family == "owl":
            return await self.update_config(camera, {"enabled": False})
        return await self._start(f"{camera.family}_disable", camera)

    async def snapshot(self, camera: Camera) -> Command:
        """Takes a new picture for the homescreen."""
        return await self._start(f"{camera.family}_snapshot", camera)

    async def record(self, camera: Camera) -> Command:
        """Records a clip, which then comes with the media feed."""
        return await self._start(f"{camera.family}_record", camera)

    async def update_config(self, camera: Camera, changes: Mapping[str, Any]) -> Command:
        """Changes settings, by the names that `config` has."""
        return await self._start(f"{camera.family}_update", camera, json=dict(changes))

    async def light(self, camera: Camera, *, on: bool) -> Command:
        """Switches the lights of a wired floodlight, which is an owl; UsageError for another family."""
        if camera.family != "owl":
            raise UsageError(f"{_name(camera)} has no light that this program can switch.")
        return await self._start("owl_light_on" if on else "owl_light_off", camera)

    async def snooze(self, camera: Camera, *, minutes: int) -> Json:
        """Silences the notifications of a camera for so many minutes; what Blink answered."""
        answer = await self._wire.post(
            f"{camera.family}_snooze",
            what=_name(camera),
            json={"snooze_time": minutes},
            **self._ids(camera),
        )
        return as_object(answer.value, what="a snooze")

    async def config(self, camera: Camera) -> Json:
        """Its settings, as Blink names them."""
        answer = await self._wire.get(f"{camera.family}_config", what=_name(camera), **self._ids(camera))
        return parse_config(answer.value)

    async def info(self, camera: Camera) -> Json:
        """What the deprecated ``/network/{network}/camera/{camera}`` says; the camera family alone has it."""
        answer = await self._wire.get("camera_info", what=_name(camera), **self._ids(camera))
        found = as_object(answer.value, what=_name(camera))
        return member(found, "camera_status") or found

    async def signals(self, camera: Camera) -> Json:
        """The camera family's ``lfr``, ``wifi``, ``temp`` in °F and ``battery``; deprecated."""
        answer = await self._wire.get("camera_signals", what=_name(camera), **self._ids(camera))
        return as_object(answer.value, what=f"the signals of {_name(camera)}")

    async def usage(self) -> Json:
        """Seconds of clip and live view per camera over ``range_days``."""
        answer = await self._wire.get("camera_usage", what="the cameras' usage")
        return as_object(answer.value, what="the cameras' usage")

    async def liveview(self, camera: Camera) -> LiveView:
        """A live view; end it with `Commands.done`. A camera's is asked for in its newer form first."""
        if camera.family == "camera":
            try:
                return await self._liveview("camera_liveview", camera, LIVEVIEW_V6)
            except NotFound:
                return await self._liveview("camera_liveview_v5", camera, LIVEVIEW_V5)
        return await self._liveview(f"{camera.family}_liveview", camera, LIVEVIEW_V5)

    def picture(self, camera: Camera) -> AbstractAsyncContextManager[MediaStream]:
        """The bytes of the picture (JPEG) that the homescreen shows; raises as `media_stream`, and NotFound
        where there is none."""
        path = picture_path(camera, account_id=self._wire.tokens.session.account_id)
        if path is None:
            raise NotFound(f"Blink has no picture of {_name(camera)} yet: take one with `camera snapshot`.")
        return media_stream(self._wire, path, what=f"the picture of {_name(camera)}")

    async def _liveview(self, name: str, camera: Camera, body: Mapping[str, Any]) -> LiveView:
        answer = await self._wire.post(name, what=_name(camera), json=body, **self._ids(camera))
        return parse_live_view(answer.value, network_id=self._network(camera))

    async def _start(self, name: str, camera: Camera, *, json: object = None) -> Command:
        return await self._commands.start(name, what=_name(camera), json=json, **self._ids(camera))

    def _ids(self, camera: Camera) -> dict[str, Any]:
        """What the paths of ``camera`` are filled with."""
        return {
            "account": self._wire.tokens.session.account_id,
            "network": self._network(camera),
            "camera": camera.id,
        }

    @staticmethod
    def _network(camera: Camera) -> int:
        if camera.network_id is None:
            raise UsageError(f"Blink does not say in which network {_name(camera)} is; nothing was sent.")
        return camera.network_id


def _name(camera: Camera) -> str:
    return f"{camera.family} {camera.id}"
