"""``init`` and ``sync``: start an archive, and bring it up to date."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from ..errors import NotAnArchive
from .interrupts import run_interruptibly
from .options import Globals, command
from .output import MISSING, SyncProgress, bars_wanted, counted, local, now, print_json, printable, size
from .prune import Deletion
from .prune_local import Removal
from .reporting import Reporter, reporting_options
from .sync_options import Asked, sync_options

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..client import Blink
    from ..sync.forecast import Forecast
    from ..sync.ports import Time
    from ..sync.run import Options
    from ..sync.summary import Summary

_SHOWN = 10  # failures told one by one; all are in --json and in `query`


@command("init")
def init_command(given: Globals) -> None:
    """Make the folder (--archive) an archive of the account that is signed in.

    An unattended `sync` writes only to a folder made so: a disk that is not mounted is an empty one.
    """
    archive, new = make_archive(given)
    if given.json:
        print_json({"archive": str(archive.root), "uuid": archive.marker.uuid, "new": new})
    elif new:
        given.say(f"{archive.root} is now the archive of account {archive.marker.account_id}.")
    else:
        given.say(f"{archive.root} is an archive of this account already; nothing was changed.")


@command("sync")
@click.option(
    "--init",
    "create",
    is_flag=True,
    allow_from_autoenv=False,
    help="Make the folder an archive first, if it is none.",
)
@sync_options
@reporting_options
@click.option("--dry-run", is_flag=True, help="Fetch and record nothing; tell what there is to do.")
def sync_command(
    given: Globals,
    /,
    *,
    reporter: Reporter,
    create: bool,
    dry_run: bool,
    **values: Any,
) -> None:
    """Take everything new from Blink into the archive.

    All that Blink lists is recorded, whatever the filters; they narrow what this run fetches.
    A bare date is the clip's local day, and --since and --until include it.

    --layout is for clips that are listed for the first time; all others stay where they are.
    """
    if dry_run:
        _dry_run(given, Asked.of(**values))
        return
    with reporter:
        asked = Asked.of(**values)
        asked.check_asking(given)
        archive = _archive(given, create=create)
        summary = run_interruptibly(sync_once(given, archive, asked.options))
        code = _conclude(given, archive, summary, asked)
        reporter.ended(code, summary)
    raise click.exceptions.Exit(code)


def _conclude(given: Globals, archive: Archive, summary: Summary, asked: Asked) -> int:
    """Tell how the sync ended, then delete at Blink what is wished, then remove here what is to leave by the
    rules; the exit code of all."""
    from ..sync.run import exit_code

    if not given.json:
        tell_sync(given, summary)
    found, code = summary.as_json(), summary.exit_code
    if asked.wish is not None and code not in (0, 3):
        given.say("Nothing is deleted at Blink, since the sync did not end well.")
    elif asked.wish is not None:
        deletion = Deletion(given, asked.wish)
        code = exit_code({code, deletion.run(archive, yes=asked.yes)})
        found |= {"deletion": deletion.as_json()}
    if asked.rules is not None and code not in (0, 3):
        given.say("Nothing is removed here, since the run did not end well.")
    elif asked.rules is not None:
        removal = Removal(given, archive, asked.rules)
        code = exit_code({code, removal.run(yes=asked.yes_here)})
        found |= {"retention": removal.as_json()}
    if given.json:
        print_json(found)
    return code


async def sync_once(given: Globals, archive: Archive, options: Options) -> Summary:
    """One sync, with a progress bar where one is wanted."""
    from ..sync.ports import Time

    async with given.blink(connections=options.workers + 1) as blink:
        return await sync_with(blink, given, archive, options, time=Time())


async def sync_with(
    blink: Blink, given: Globals, archive: Archive, options: Options, *, time: Time
) -> Summary:
    """The same with an open ``blink``."""
    from ..sync.run import sync

    archive.check_account(blink.account_id)
    shown = bars_wanted(no_progress=given.no_progress, quiet=given.quiet)
    with SyncProgress(shown=shown) as progress:
        return await sync(archive, blink, options, time=time, progress=progress)


def _archive(given: Globals, *, create: bool) -> Archive:
    """The archive; made, where a person agrees or --init says so."""
    if _has_archive(given):
        return given.archive()
    if not create:
        if not given.can_ask():
            raise NotAnArchive(
                f"{given.root()} is not an archive. If it lies on a disk, check that the disk is mounted; "
                "to start a new archive there, add --init."
            )
        if not click.confirm(f"Start a new archive in {given.root()}?", err=True):
            raise NotAnArchive(
                f"{given.root()} was left as it is. Name the archive's folder with --archive, or run this "
                "again and answer y."
            )
    return make_archive(given)[0]


def _has_archive(given: Globals) -> bool:
    """Whether the folder is an archive; `NotAnArchive` where it can never be one."""
    from ..archive.folder import is_archive

    if given.root().exists() and not given.root().is_dir():
        raise NotAnArchive(f"{given.root()} is no folder. Name the archive's folder with --archive.")
    return is_archive(given.root())


def make_archive(given: Globals) -> tuple[Archive, bool]:
    """The archive of the account that is signed in, and whether it is new."""
    from ..archive.folder import create_archive

    return create_archive(
        given.root(), given.catalog_path(), account_id=given.blink().account_id, uuid=str(uuid4()), now=now()
    )


def _dry_run(given: Globals, asked: Asked) -> None:
    from ..archive.catalog import Catalog
    from ..sync.forecast import forecast
    from ..sync.ports import Time

    has_archive, wish = _has_archive(given), asked.wish
    if not has_archive:
        given.say(f"{given.root()} is no archive yet; `blink-archive sync --init` makes it one.")

    async def run() -> Forecast:
        async with given.blink() as blink:
            if has_archive:
                archive = given.archive()
                archive.check_account(blink.account_id)
                real = archive.open_catalog()
                catalog = real.copy()
                real.close()
            else:
                catalog = Catalog.scratch(account_id=blink.account_id, now=now())
            try:
                shown = bars_wanted(no_progress=given.no_progress, quiet=given.quiet)
                with SyncProgress(shown=shown) as progress:
                    return await forecast(catalog, blink, asked.options, time=Time(), progress=progress)
            finally:
                catalog.close()

    found = run_interruptibly(run())
    deletion = Deletion(given, wish) if wish is not None and has_archive else None
    removal = (
        Removal(given, given.archive(), asked.rules) if asked.rules is not None and has_archive else None
    )
    if given.json:
        print_json(
            {
                "clips": found.clips,
                "bytes": found.bytes,
                "bytes_are": "measured" if found.measured else "assumed",
                "first_expires_at": found.first_expires_at,
                "new": found.new,
                "full_walk": found.full_walk,
                "warnings": list(found.warnings),
            }
            | ({} if deletion is None else {"deletion": deletion.as_json()})
            | ({} if removal is None else {"retention": removal.as_json()})
        )
        return
    for warning in found.warnings:
        given.say(f"Warning: {warning}")
    basis = "by the average of what is archived" if found.measured else "at 1.5 MB a clip, a guess"
    click.echo(f"A sync would fetch {counted(found.clips, 'clips')}, about {size(found.bytes)} ({basis}).")
    if found.clips and found.first_expires_at:
        click.echo(f"Blink deletes the oldest of them at {local(found.first_expires_at)}.")
    if deletion is not None:
        click.echo(f"Of what is archived now, {deletion.gist()}: `prune-remote --dry-run` shows each.")
    if removal is not None:
        click.echo(f"Of what is here now, {removal.gist()}: `prune-local --dry-run` shows each.")
    click.echo(f"Nothing was fetched or recorded{'' if wish is None else ', or deleted at Blink'}.")


def tell_sync(given: Globals, summary: Summary) -> None:
    """The summary for a person: the account, then what needs attention."""
    for warning in summary.warnings:
        given.say(f"Warning: {warning}")
    for clip, reason in summary.problems[:_SHOWN]:
        given.say(f"Clip {clip} came with an odd entry: {printable(reason)}")
    for clip, reason in summary.unproven[:_SHOWN]:
        given.say(f"Clip {clip} is kept, but could not be proven whole: {printable(reason)}")
    for clip, reason in summary.failures[:_SHOWN]:
        given.say(f"Clip {clip} waits: {printable(reason)}")
    hidden = sum(
        max(0, len(each) - _SHOWN) for each in (summary.problems, summary.unproven, summary.failures)
    )
    if hidden:
        given.say(f"… and {hidden} more: {MISSING}.")
    if not given.quiet and summary.account:
        account = summary.account
        click.echo(
            f"Fetched {counted(summary.fetched, 'clips')} and {counted(summary.thumbnails, 'thumbnails')}, "
            f"{size(summary.bytes)}, in {timedelta(seconds=round(summary.seconds))}."
        )
        click.echo(
            f"Of {counted(account['counted'], 'clips')}: {account['archived_now']} archived now, "
            f"{account['archived_before']} before, {account['waiting']} waiting, "
            f"{account['excluded']} excluded, {account['deleted']} deleted at Blink, {account['gone']} gone"
            + (f", {account['covered']} on a stick as well." if account["covered"] else ".")
        )
        if account["newly_gone"]:
            click.echo(
                f"{account['newly_gone']} of them were lost since the last run: they left Blink before they "
                "could be fetched."
            )
    if summary.stopped:
        click.echo(f"blink-archive: {summary.stopped}", err=True)
