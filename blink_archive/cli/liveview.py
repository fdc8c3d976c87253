"""``camera liveview``: a camera as it is just now, for a player, into a file, into the archive."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BlinkArchiveError, Interrupted, UnexpectedAnswer, UsageError
from .actions import event_facts
from .events import record_event
from .interrupts import run_interruptibly
from .options import Globals, NamedPath, command
from .output import print_json, printable, size

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..client import Blink
    from ..model import Camera, LiveView, Network
    from .sinks import Sink


_NEARLY = 0.1  # seconds: so near to --seconds it was these that ended it


@command("liveview", variables="BLINK_ARCHIVE_LIVEVIEW")
@click.argument("camera", metavar="CAMERA")
@click.option(
    "--output",
    type=NamedPath(),
    metavar="FILE",
    help="Record into FILE, which is MPEG-TS (.ts); -: write it to stdout.",
)
@click.option("--keep", is_flag=True, help="Record into the archive.")
@click.option("--serve", is_flag=True, help="Offer it to players on this machine, such as VLC and ffplay.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="With --serve: at tcp://127.0.0.1:PORT (default: a free one).",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="End it after so many seconds of video.",
)
def liveview_command(given: Globals, *, camera: str, **options: Any) -> None:
    """Watch a camera live, or record it.

    CAMERA is a name or an id. Without an option, the address of the live view is printed, where it is one
    that players open (rtsps://). immis:// is Blink's own: --serve, --output and --keep, alone or together,
    bring it to players, into a file, and into the archive. Ctrl-C ends them, and what has arrived is kept.
    """
    wanted = _Wanted(**options)
    _check(given, wanted)
    seen = _Seen()
    try:
        run_interruptibly(_run(given, wanted, camera, seen))
    finally:
        if seen.facts:
            untold = ("address", "serving", "file")
            detail = {name: fact for name, fact in seen.facts.items() if name not in untold}
            record_event(given, "liveview", detail, account_id=seen.account_id)
    _tell(given, wanted, seen)
    for error in seen.errors[1:]:
        click.echo(f"blink-archive: {error}", err=True)
    if seen.errors:
        raise seen.errors[0]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options."""

    output: Path | None
    keep: bool
    serve: bool
    port: int | None
    seconds: float | None

    @property
    def is_watched(self) -> bool:
        """Whether the live view is to come here, and not only its address."""
        return self.output is not None or self.keep or self.serve

    @property
    def is_recorded(self) -> bool:
        return self.keep or (self.output is not None and not self.to_stdout)

    @property
    def to_stdout(self) -> bool:
        return self.output == Path("-")


@dataclass(slots=True)
class _Seen:
    """What came of it: ``facts`` are what --json prints, empty before Blink offered a live view; ``errors``
    what went wrong, in order."""

    account_id: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    errors: list[BlinkArchiveError] = field(default_factory=list)


def _check(given: Globals, wanted: _Wanted) -> None:
    """Raise UsageError for options that mean nothing together."""
    if wanted.port is not None and not wanted.serve:
        raise UsageError("--port is the port to serve at. Add --serve.")
    if wanted.seconds is not None and not wanted.is_watched:
        raise UsageError("--seconds says how long to serve or record. Add --serve, --output or --keep.")
    if wanted.to_stdout and given.json:
        raise UsageError("The video and --json cannot both go to stdout. Name a file with --output.")
    if wanted.to_stdout and sys.stdout.isatty():
        raise UsageError("The video is nothing for a terminal. Pipe it into a player: `… | ffplay -`.")


async def _run(given: Globals, wanted: _Wanted, name: str, seen: _Seen) -> None:
    """All of it, into ``seen``. Files and ports are opened before a camera is woken up."""
    from ..client.liveview import begin_live_view, end_live_view
    from ..client.names import find_cameras
    from ..protocol.immis import scheme_of

    archive = given.archive() if wanted.keep else None
    async with given.blink() as blink:
        if archive is not None:
            archive.check_account(blink.account_id)
        home = await blink.homescreen()
        (camera,) = find_cameras(home, [name])
        network = next((each for each in home.networks if each.id == camera.network_id), None)
        async with _opened(given, wanted, archive, camera, network) as (sinks, serving):
            view = await begin_live_view(blink.cameras, blink.commands, camera)
            seen.account_id = blink.account_id
            seen.facts = event_facts(home, camera) | {"command_id": view.command_id}
            seen.facts |= {"serving": serving} if serving else {}
            try:
                seen.facts["scheme"] = scheme_of(view.server)
                match seen.facts["scheme"], wanted.is_watched:
                    case "rtsps", True:
                        raise _is_for_players(camera)
                    case "immis", False:  # left open, it would keep the network busy for minutes
                        raise _is_not_for_players(camera)
            except BlinkArchiveError:
                await end_live_view(blink.commands, view)
                raise
            if wanted.is_watched:
                _announce(given, wanted, seen)
                await _watch(blink, view, sinks, seen, seconds=wanted.seconds)
            else:
                seen.facts |= {"address": view.server, "lasts": view.duration}


def _is_for_players(camera: Camera) -> UsageError:
    return UsageError(
        f"The live view of {camera.name!r} is one that players open by themselves (rtsps). Run this without "
        "--serve, --output and --keep: it prints the address, for ffplay and VLC, and to record it with "
        "`ffmpeg -i ADDRESS -c copy FILE.ts`."
    )


def _is_not_for_players(camera: Camera) -> UsageError:
    return UsageError(
        f"The live view of {camera.name!r} is one of Blink's own kind (immis), which no player opens. Add "
        "--serve to watch it with VLC or ffplay, --output FILE.ts to record it, or --keep to archive it."
    )


@asynccontextmanager
async def _opened(
    given: Globals, wanted: _Wanted, archive: Archive | None, camera: Camera, network: Network | None
) -> AsyncIterator[tuple[Sequence[Sink], str | None]]:
    """Where the video is to go, and the address that it is served at, if it is."""
    from ..client.relay import Relay
    from . import sinks

    chosen: list[Sink] = []
    serving = None
    async with AsyncExitStack() as stack:
        if wanted.to_stdout:
            chosen.append(sinks.ToStdout())
        elif wanted.output is not None:
            chosen.append(stack.enter_context(sinks.to_file(wanted.output)))
        if archive is not None:
            part = stack.enter_context(archive.store.live_part())
            chosen.append(sinks.ToArchive(archive, part, camera, network))
        if wanted.serve:
            try:
                relay = await stack.enter_async_context(Relay(port=wanted.port or 0))
            except OSError as error:
                raise UsageError(
                    f"Port {wanted.port} cannot be listened on: {error.strerror}. Choose another --port."
                ) from error
            serving = relay.address
            chosen.append(sinks.ToPlayers(relay))
        yield chosen, serving


async def _watch(
    blink: Blink, view: LiveView, sinks: Sequence[Sink], seen: _Seen, *, seconds: float | None
) -> None:
    """Bring the video to all ``sinks`` until it ends, and then keep what arrived, however it ended."""
    from ..client.liveview import live_stream
    from .sinks import ReaderLeft

    clock = asyncio.get_running_loop().time
    count, began = 0, clock()
    ended = "blink"
    try:
        async with live_stream(blink.commands, view, seconds=seconds) as chunks:
            async for chunk in chunks:
                began = began if count else clock()
                count += len(chunk)
                for sink in sinks:
                    await sink.write(chunk)
    except asyncio.CancelledError:
        ended = "interrupted"
        kept = "what has arrived is kept" if count else "no video had come yet"
        seen.errors.append(Interrupted(f"Interrupted: the live view is over, {kept}."))
    except ReaderLeft:
        ended = "reader"
    except BlinkArchiveError as error:
        ended = "error"
        seen.errors.append(error)
    lasted = clock() - began if count else 0.0
    if ended == "blink" and seconds is not None and lasted > seconds - _NEARLY:
        ended = "time"
    seen.facts |= {"ended": ended, "bytes": count, "seconds": round(lasted, 1)}
    if count:
        await asyncio.to_thread(_finish, sinks, view, seen)
    elif not seen.errors:
        seen.errors.append(
            UnexpectedAnswer(
                f"The live view of {seen.facts['camera']!r} ended before any video came. See in the Blink "
                "app whether the camera is online, and try again."
            )
        )


def _finish(sinks: Sequence[Sink], view: LiveView, seen: _Seen) -> None:
    for sink in sinks:
        try:
            seen.facts |= sink.finish(view)
        except BlinkArchiveError as error:
            seen.errors.append(error)


def _announce(given: Globals, wanted: _Wanted, seen: _Seen) -> None:
    """What a person has to know while it lasts; the address goes to stdout, unless the video or JSON does."""
    facts = seen.facts
    if serving := facts.get("serving"):
        if given.json and not wanted.is_recorded:
            print_json(facts)
        else:
            click.echo(serving, err=given.json or wanted.to_stdout)
        given.say(f"Open it in a player: `ffplay {serving}`, or `vlc {serving}`.")
    given.say(f"The live view of {printable(repr(facts['camera']))} begins; Ctrl-C ends it.")


def _tell(given: Globals, wanted: _Wanted, seen: _Seen) -> None:
    """The facts at the end, as JSON or for a person."""
    facts = seen.facts
    if given.json:
        if wanted.is_recorded or not wanted.is_watched:
            print_json(facts | {"errors": [str(error) for error in seen.errors]})
        return
    if not wanted.is_watched:
        click.echo(printable(facts["address"]))
        given.say(
            "Play it with `ffplay ADDRESS`, or VLC (Open Network Stream). Blink ends it soon if nobody does."
        )
        return
    if facts["ended"] == "blink" and facts["bytes"]:
        given.say(f"Blink ended the live view after {facts['seconds']:g} s.")
    if "file" in facts:
        given.say(f"{facts['file']}: {size(facts['bytes'])}, {facts['seconds']:g} s.")
    if "clip" in facts:
        given.say(f"Clip {facts['clip']}: {facts['path']}, {size(facts['bytes'])}.")
        if facts["unproven"]:
            given.say(f"It is kept, but could not be proven whole: {facts['unproven']}")
