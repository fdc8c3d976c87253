"""``catalog``: back the catalog up, check it, make it anew from the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Interrupted, UsageError
from .groups import group
from .options import Globals, NamedPath, command
from .output import bars_wanted, now, print_json, printable, size, with_byte_bar

if TYPE_CHECKING:
    from ..archive.rebuild import Report

_SHOWN = 20


@group(
    "catalog",
    {
        "backup": ("catalog", "Copy the catalog into a new file."),
        "rebuild": ("catalog", "Make a new catalog from the folder alone."),
    },
)
def catalog_command() -> None:
    """The catalog itself: back it up, check it, make it anew from the folder. No sign-in is needed."""


@command("backup")
@click.argument("file", metavar="FILE", type=NamedPath())
def backup_command(given: Globals, *, file: Path) -> None:
    """Copy the catalog into a new FILE, whole and as of one moment. A sync may run meanwhile.

    The copy is a catalog: --catalog FILE reads it, and put in the place of a lost one it is that.
    """
    target = file.expanduser().absolute()
    catalog = given.read_catalog()
    try:
        length = catalog.backup(target)
        clips = catalog.value("SELECT count(*) FROM clips")
    finally:
        catalog.close()
    if given.json:
        print_json({"file": str(target), "bytes": length, "clips": clips})
    else:
        given.say(f"The catalog, with {clips} clips, is copied to {printable(str(target))}, {size(length)}.")


@command("rebuild")
@click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask.")
def rebuild_command(given: Globals, *, yes: bool) -> None:
    """Make a new catalog from the folder alone: from clips.json, SHA256SUMS and the names of files.

    What the catalog that is there knows beyond the folder is lost to the new one; so where it is sound, this
    asks first, and without a terminal it needs --yes. It is kept as catalog.db.replaced-TIME. What the folder
    cannot tell is said at the end. No clip is read again: `verify` does that.
    """
    from ..archive.folder import find_archive
    from ..archive.rebuild import day_files, rebuild

    archive = find_archive(given.root(), given.catalog_path())

    def agree(clips: int) -> None:
        warning = (
            f"The catalog {archive.catalog_path} is sound, has {clips} clips, and knows more than the folder."
        )
        if yes:
            return
        if not given.can_ask():
            raise UsageError(
                f"{warning} Say --yes to have a new one all the same, as there is nobody to ask."
            )
        if not click.confirm(f"{warning} Make a new one all the same?", err=True):
            raise Interrupted("The catalog was left as it is.")

    report = with_byte_bar(
        lambda tick: rebuild(archive, agree=agree, now=now, tick=tick),
        total=sum(file.stat().st_size for _, file in day_files(archive.root) if file.is_file()),
        what="rebuilding",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )
    if given.json:
        print_json(_as_json(report))
    else:
        _tell(given, report)


def _as_json(report: Report) -> dict[str, Any]:
    return {}


def _tell(given: Globals, report: Report) -> None:
    click.echo(str(report))
