"""``devices``: networks, sync modules and cameras as they are now, once or again and again."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import Any

import click

from ..errors import UsageError
from .actions import typed
from .degrees import is_fahrenheit
from .devices_table import show
from .inventory import Facts, facts
from .options import Globals, command
from .output import now, print_json

_LEAST = 60  # seconds between two looks: asked more often, Blink throttles accounts


class _Span(click.ParamType[float]):
    """``90s``, ``5m``, ``1h``: at least a minute, in seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no span of time. Write 90s, 5m or 1h.", param, ctx)
        seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
        if seconds < _LEAST:
            self.fail(f"{value!r} is too often: Blink wants no more than a look a minute.", param, ctx)
        return seconds


@command("devices", variables="BLINK_ARCHIVE_DEVICES")
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C (exit code 0).")
@click.option(
    "--every",
    type=_Span(),
    default="60s",
    show_default=True,
    metavar="SPAN",
    help="With --watch: look so often, at most once a minute.",
)
@click.option(
    "--celsius/--fahrenheit",
    default=None,
    help="The unit of temperatures (default: that of the locale).",
)
def devices_command(given: Globals, *, watch: bool, every: float, celsius: bool | None) -> None:
    """Networks, sync modules, cameras, owls (Minis) and doorbells as they are now.

    motion is whether motion detection is on, wifi and lfr (the radio to the sync module) are bars from 0 to
    5, usb is local storage, seen is when Blink last heard of it. A name that is empty or not the only one
    of its kind has its id behind it.

    With --watch, a terminal always shows the last look; elsewhere each change is a line (with --json, a
    JSON object).
    """
    fahrenheit = is_fahrenheit(os.environ) if celsius is None else not celsius
    if typed("every") and not watch:
        raise UsageError("--every is how often to look again. Add --watch, or leave it away.")
    if watch:
        _watch(given, every=every, fahrenheit=fahrenheit)
        return
    found = asyncio.run(_look(given))
    if given.json:
        print_json(found)
    else:
        show(found, fahrenheit=fahrenheit, at=now())


async def _look(given: Globals) -> dict[str, list[Facts]]:
    async with given.blink() as blink:
        return facts(await blink.homescreen())


def _watch(given: Globals, *, every: float, fahrenheit: bool) -> None:
    from ..client import Pacing
    from ..sync.ports import Time
    from .devices_watch import Watch

    redraw = sys.stdout.isatty() and not given.json
    watch = Watch(given, every=every, fahrenheit=fahrenheit, redraw=redraw, time=Time())

    async def run() -> None:
        async with given.blink(pacing=Pacing(attempts=1)) as blink:  # the next look is the next attempt
            await watch.run(blink)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:  # how a watch ends
        return
