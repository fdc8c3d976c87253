"""``watch``: bring the archive up to date again and again, in a container or as a service."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import click

from ..errors import Interrupted
from .again import again
from .options import Globals, command
from .quantities import Span
from .reporting import Reporter, reporting_options
from .sync_options import sync_options
from .watch_passes import Chosen, SyncPasses


@command("watch")
@click.option(
    "--every",
    type=Span(),
    default="5m",
    show_default=True,
    metavar="SPAN",
    help="Look for new clips so often, at most once a minute.",
)
@click.option(
    "--usb-every",
    type=Span(),
    default="6h",
    show_default=True,
    metavar="SPAN",
    help="Ask the sticks so often, at most once in ten minutes: it strains sync modules.",
)
@sync_options
@reporting_options
def watch_command(given: Globals, /, *, reporter: Reporter, **values: Any) -> None:
    """Take everything new from Blink into the archive, again and again.

    Each pass is a `sync` with these options, but that what could not be fetched a moment ago waits until its
    next try is due; --full is for the first pass. Passes that did something are told, with -v all of them;
    with --json, each is a line.

    Trouble is told and outlived: the waits grow to an hour, a time that Blink names is kept to, and where a
    sign-in is needed, Blink is not asked before there is one. The archive is locked during passes alone.

    SIGTERM ends it with exit code 0, Ctrl-C with 130; what is complete is kept. SIGHUP reads the
    configuration anew, and has a pass begin. systemd is told how it does (Type=notify, WatchdogSec).
    """
    ctx = click.get_current_context()
    passes = SyncPasses(Chosen.of(given, reporter=reporter, **values), again=lambda: again(ctx))
    given.say("Watching. SIGTERM or Ctrl-C ends it, SIGHUP reads the configuration anew.")
    if asyncio.run(_watch(passes)) == signal.SIGINT:
        raise Interrupted("Interrupted. What was complete is kept.")


async def _watch(passes: SyncPasses) -> int:
    """Watch until a signal ends it; its number."""
    from ..nightly.systemd import Systemd
    from ..nightly.watch import Watch

    loop = asyncio.get_running_loop()
    watch = Watch(passes, every=passes.every, systemd=Systemd(), time=passes.time)
    ended: list[int] = []

    def end(number: int) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)  # the second one kills
        ended.append(number)
        watch.stop()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: loop.call_soon_threadsafe(end, number))
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None:
        signal.signal(hangup, lambda *_: loop.call_soon_threadsafe(watch.reread))
    try:
        await watch.run()
    finally:
        if hangup is not None:
            signal.signal(hangup, signal.SIG_IGN)
    return ended[0]
