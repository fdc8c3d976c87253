"""``show``, ``open``, ``status``: what is in the archive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArchiveError
from .options import Globals, command
from .output import MISSING, ago, counted, local, now, print_json, printable, printable_lines, size
from .quantities import Span

if TYPE_CHECKING:
    from ..archive.catalog import Catalog


@command("show")
@click.argument("clip", metavar="ID")
def show_command(given: Globals, *, clip: str) -> None:
    """Show all that is known of a clip: ID is its own, as `ls` shows it, or a file of the archive."""
    from ..archive.search import describe_clip

    catalog = given.read_catalog()
    try:
        found = describe_clip(catalog, clip)
    finally:
        catalog.close()
    if given.json:
        print_json(found)
        return
    events, item = found.pop("events"), found.pop("item")
    for name, value in found.items():
        if value is not None:
            words = ", ".join(value) or "none" if isinstance(value, list) else str(value)
            lines = printable_lines(words) if name == "note" else [printable(words)]
            click.echo(f"{name:22} " + f"\n{'':22} ".join(lines))
    for event in events:
        click.echo(f"{'event':22} {local(event['at'])} {event['kind']}")
    if found["origin"] == "import":
        click.echo(f"{'imported from':22} {printable(str(item['file']))}")
    else:
        click.echo(f"{'fields from Blink':22} {printable(', '.join(item))} (values: --json)")


@command("open")
@click.argument("clip", metavar="ID")
def open_command(given: Globals, *, clip: str) -> None:
    """Open a clip in the desktop's player: ID is its own, as `ls` shows it, or a file of the archive."""
    from ..archive.search import find_clip

    archive = given.archive()
    catalog = archive.open_catalog()
    try:
        found = find_clip(catalog, clip)
    finally:
        catalog.close()
    path = archive.root / found["path"]
    if found["sha256"] is None or not path.is_file():
        raise ArchiveError(f"Clip {clip} has no file here. `blink-archive show {clip}` says why.")
    if click.launch(str(path)) != 0:
        raise ArchiveError(f"This desktop has no player for {path}. Open it by hand.")
    if given.json:
        print_json({"clip": found["origin_key"], "path": str(path)})
    else:
        given.say(str(path))


@command("status")
@click.option(
    "--healthy",
    type=Span(),
    metavar="TIME",
    help="Say nothing, and end with exit code 1 unless a sync ended well within TIME (26h): a container's "
    "health check.",
)
def status_command(given: Globals, *, healthy: timedelta | None) -> None:
    """What is archived, waiting and lost; the last run; the watermark; disk space."""
    from ..archive.filters import Filter
    from ..archive.search import status
    from ..sync.forecast import first_expiry

    archive = given.archive()
    catalog = archive.open_catalog()
    try:
        if healthy is not None:
            _check_fresh(catalog, healthy)
            return
        found = status(catalog) | {"first_expires_at": first_expiry(catalog, Filter())}
    finally:
        catalog.close()
    found |= {
        "archive": str(archive.root),
        "free_bytes": archive.store.free_bytes(),
        "running": archive.is_locked(),
    }
    if given.json:
        print_json(found)
        return
    click.echo(f"Archive    {archive.root}, account {found['account']}, {size(found['free_bytes'])} free")
    for name in ("archived", "waiting", "gone", "deleted", "excluded", "covered", "pruned", "lost"):
        state = found["clips"].get(name, {"clips": 0, "bytes": 0})
        if state["clips"] or name in ("archived", "waiting"):
            note = f", {size(state['bytes'])}" if state["bytes"] else ""
            click.echo(f"{name.capitalize():10} {counted(state['clips'], 'clips')}{note}")
    if found["unproven"]:
        click.echo(f"Unproven   {found['unproven']} clips are kept that could not be proven whole")
    if found["failing"]:
        click.echo(f"Failing    {found['failing']} of the waiting clips: {MISSING}")
    if found["first_clip"]:
        click.echo(f"Recorded   from {found['first_clip'][:10]} to {found['last_clip'][:10]}")
    if found["first_expires_at"]:
        click.echo(
            f"Expiring   the oldest waiting clip leaves Blink {ago(found['first_expires_at'], now=now())}"
        )
    click.echo(f"Last run   {_last_run(found['last_run'], running=found['running'])}")
    if found["watermark"]:
        click.echo(
            f"Watermark  {local(found['watermark'])}, last full walk {ago(found['full_walk_at'], now=now())}"
        )


def _check_fresh(catalog: Catalog, span: timedelta) -> None:
    """Raise ArchiveError unless a sync ended with exit code 0 within ``span``."""
    from ..archive.search import last_run

    last = last_run(catalog, "sync", well=True)
    if last is None:
        raise ArchiveError("No sync has ended well yet. `blink-archive sync` runs one.")
    if now() - datetime.fromisoformat(last["ended_at"]) > span:
        raise ArchiveError(
            f"The last sync that ended well did so {ago(last['ended_at'], now=now())}. `blink-archive "
            "status` shows the last run."
        )


def _last_run(run: dict[str, Any] | None, *, running: bool) -> str:
    if run is None:
        return "none yet"
    words = f"{run['command']}, {ago(run['started_at'], now=now())}"
    if run["ended_at"] is None:
        return (
            f"{words}, running now"
            if running
            else f"{words}, killed before it ended; the next one goes on from there"
        )
    return f"{words}, exit code {run['exit_code']}"
