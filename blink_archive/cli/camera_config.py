"""``camera config``: a camera's settings, to read and to change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .actions import Action, Outcome, Patience, carry_out, typed, wait_options
from .camera_verbs import VARIABLES
from .options import Globals, command
from .output import print_json, print_table, printable

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Camera, Homescreen, Json


@command("config", variables=VARIABLES)
@click.argument("camera", metavar="CAMERA")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    allow_from_autoenv=False,
    help="Change this setting. May repeat.",
)
@click.option(
    "--force", is_flag=True, allow_from_autoenv=False, help="Also set what Blink does not list as a setting."
)
@wait_options
def config_command(
    given: Globals, *, camera: str, changes: tuple[str, ...], force: bool, **wait: Any
) -> None:
    """Show a camera's settings by Blink's names, or change them with --set.

    A VALUE that is JSON (5, true, null, "7", [1, 2]) is sent as that, anything else as text:
    `camera config Garden --set motion_sensitivity=7 --set name="Back yard"`.
    """
    if not changes:
        for option, name in (("force", "--force"), ("no_wait", "--no-wait"), ("timeout", "--timeout")):
            if typed(option):
                raise UsageError(f"{name} is for changes. Say with --set what to change.")
        show_facts(given, asyncio.run(_read(given, camera)))
        return
    wanted = _parsed(changes)
    outcome, detail = asyncio.run(_change(given, camera, wanted, force=force, patience=Patience.of(**wait)))
    if given.json:
        print_json(outcome.as_json() | detail)
    raise click.exceptions.Exit(outcome.exit_code)


async def _read(given: Globals, name: str) -> Json:
    async with given.blink() as blink:
        return (await _found(blink, name))[2]


async def _found(blink: Blink, name: str) -> tuple[Homescreen, Camera, Json]:
    """The camera of that name, and its settings."""
    from ..client.names import find_cameras

    home = await blink.homescreen()
    (camera,) = find_cameras(home, [name])
    return home, camera, await blink.cameras.config(camera)


async def _change(
    given: Globals, name: str, wanted: Mapping[str, Any], *, force: bool, patience: Patience
) -> tuple[Outcome, dict[str, Any]]:
    """What became of it, and the old and new values."""
    async with given.blink() as blink:
        home, camera, config = await _found(blink, name)
        if not force:
            _check(config, wanted)
        detail = {"changes": {key: _old(config, key) | {"new": value} for key, value in wanted.items()}}
        action: Action[Camera] = Action(
            kind="configured",
            words=", ".join(_in_words(key, change) for key, change in detail["changes"].items()),
            start=lambda blink, camera: blink.cameras.update_config(camera, wanted),
            detail=lambda _: detail,
        )
        (outcome,) = await carry_out(given, blink, home, [camera], action, patience)
        return outcome, detail


def _parsed(changes: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` words as settings; UsageError for what is none, and for a key that is there twice."""
    wanted: dict[str, Any] = {}
    for change in changes:
        key, sign, value = change.partition("=")
        key = key.strip()
        if not key or not sign:
            raise UsageError(f"{change!r} is no KEY=VALUE, as in --set motion_sensitivity=7.")
        if key in wanted:
            raise UsageError(f"{key!r} is set twice. Say it once.")
        wanted[key] = _json_or_text(value)
    return wanted


def _json_or_text(value: str) -> Any:
    def no_json(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(value, parse_constant=no_json)
    except (ValueError, RecursionError):
        return value


def _check(config: Json, wanted: Mapping[str, Any]) -> None:
    """Raise UsageError for a setting that the camera does not have."""
    for key in wanted:
        if key not in config:
            near = get_close_matches(key, list(config))
            told = f"The nearest: {', '.join(near)}." if near else "`camera config CAMERA` shows them all."
            raise UsageError(f"This camera has no setting {key!r}. {told} --force sends it all the same.")


def _old(config: Json, key: str) -> dict[str, Any]:
    return {"old": config[key]} if key in config else {}


def _in_words(key: str, change: Mapping[str, Any]) -> str:
    old = _shown(change["old"]) if "old" in change else "not there"
    return f"{printable(key)}: {old} -> {_shown(change['new'])}"


def _shown(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False))


def show_facts(given: Globals, config: Json) -> None:
    if given.json:
        print_json(dict(config))
    else:
        print_table(("setting", "value"), [(key, _shown(value)) for key, value in config.items()])
