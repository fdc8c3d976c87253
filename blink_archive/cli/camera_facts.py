"""``camera info`` and ``camera signals``: two deprecated calls, which the camera family alone has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .camera_config import show_facts
from .camera_verbs import VARIABLES
from .options import Globals, command

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Camera, Json


@command("info", variables=VARIABLES)
@click.argument("camera", metavar="CAMERA")
def info_command(given: Globals, *, camera: str) -> None:
    """Show what Blink's older call says of a camera; deprecated, `camera config` says more.

    Owls (Minis) and doorbells do not have it.
    """
    asyncio.run(_show(given, camera, lambda blink, found: blink.cameras.info(found)))


@command("signals", variables=VARIABLES)
@click.argument("camera", metavar="CAMERA")
def signals_command(given: Globals, *, camera: str) -> None:
    """Show a camera's measurements by Blink's names, temp in °F; deprecated, `devices` shows them, too.

    Owls (Minis) and doorbells do not have them.
    """
    asyncio.run(_show(given, camera, lambda blink, found: blink.cameras.signals(found)))


async def _show(given: Globals, name: str, ask: Callable[[Blink, Camera], Awaitable[Json]]) -> None:
    from ..client.names import find_cameras

    async with given.blink() as blink:
        (camera,) = find_cameras(await blink.homescreen(), [name])
        if camera.family != "camera":
            raise UsageError(
                f"{camera.name!r} is of the {camera.family} family, for which Blink has no such call. Try "
                "`camera config` or `devices`."
            )
        show_facts(given, await ask(blink, camera))
