"""The commands of ``camera`` that do one thing to some cameras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .actions import Action, Patience, perform, wait_options
from .options import Globals, command

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Camera, Command

VARIABLES = "BLINK_ARCHIVE_CAMERA"

_CAMERAS = click.argument("cameras", nargs=-1, required=True, metavar="CAMERA...")


@command("enable", variables=VARIABLES)
@_CAMERAS
@wait_options
def enable_command(given: Globals, *, cameras: tuple[str, ...], **wait: Any) -> None:
    """Switch motion detection on: the cameras record what moves while their network is armed."""
    action: Action[Camera] = Action(
        kind="camera_enabled",
        words="motion detection is on",
        start=lambda blink, camera: blink.cameras.enable(camera),
        detail=lambda camera: {"old": camera.enabled, "new": True},
    )
    _do(given, cameras, action, Patience.of(**wait))


@command("disable", variables=VARIABLES)
@_CAMERAS
@wait_options
def disable_command(given: Globals, *, cameras: tuple[str, ...], **wait: Any) -> None:
    """Switch motion detection off: the cameras record nothing by themselves, armed or not."""
    action: Action[Camera] = Action(
        kind="camera_disabled",
        words="motion detection is off",
        start=lambda blink, camera: blink.cameras.disable(camera),
        detail=lambda camera: {"old": camera.enabled, "new": False},
    )
    _do(given, cameras, action, Patience.of(**wait))


@command("snapshot", variables=VARIABLES)
@_CAMERAS
@wait_options
def snapshot_command(given: Globals, *, cameras: tuple[str, ...], **wait: Any) -> None:
    """Take a new picture for the home screen; `camera thumbnail --new` saves it, too."""
    _do(given, cameras, snapshot(), Patience.of(**wait))


def snapshot() -> Action[Camera]:
    """Taking a new picture."""
    return Action(
        kind="snapshot",
        words="a new picture is taken",
        start=lambda blink, camera: blink.cameras.snapshot(camera),
    )


@command("record", variables=VARIABLES)
@_CAMERAS
@wait_options
def record_command(given: Globals, *, cameras: tuple[str, ...], **wait: Any) -> None:
    """Record a clip, which the next sync archives."""
    action: Action[Camera] = Action(
        kind="recorded",
        words="a clip is recorded",
        start=lambda blink, camera: blink.cameras.record(camera),
    )
    _do(given, cameras, action, Patience.of(**wait))


@command("snooze", variables=VARIABLES)
@_CAMERAS
@click.option(
    "--minutes",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="For so many minutes.",
)
def snooze_command(given: Globals, *, cameras: tuple[str, ...], minutes: int) -> None:
    """Silence the notifications of cameras for a while; they go on recording."""

    async def start(blink: Blink, camera: Camera) -> None:
        await blink.cameras.snooze(camera, minutes=minutes)

    action: Action[Camera] = Action(
        kind="snoozed",
        words=f"silent for {minutes} minute{'s' if minutes > 1 else ''}",
        start=start,
        detail=lambda _: {"minutes": minutes},
    )
    _do(given, cameras, action, Patience(None))


@command("light", variables=VARIABLES)
@click.argument("state", type=click.Choice(["on", "off"]))
@_CAMERAS
@wait_options
def light_command(given: Globals, *, state: str, cameras: tuple[str, ...], **wait: Any) -> None:
    """Switch the light of a wired floodlight on or off."""

    async def start(blink: Blink, camera: Camera) -> Command:
        return await blink.cameras.light(camera, on=state == "on")

    action: Action[Camera] = Action(
        kind="light", words=f"the light is {state}", start=start, detail=lambda _: {"new": state}
    )
    _do(given, cameras, action, Patience.of(**wait))


def _do(given: Globals, wishes: Sequence[str], action: Action[Camera], patience: Patience) -> None:
    from ..client.names import find_cameras

    perform(given, lambda home: find_cameras(home, wishes), action, patience)
