"""``catalog``: back the catalog up, check it, make it anew from the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArchiveError, IntegrityError, UsageError
from .globals import absolute
from .groups import group
from .options import Globals, NamedPath, command
from .output import bars_wanted, counted, now, print_json, printable, size, with_byte_bar

if TYPE_CHECKING:
    from ..archive.rebuild import Report as Rebuilt

_SHOWN = 20
_LISTS = {  # of a rebuild's report, with what a person is told of each
    "damaged": "Days whose clips.json could not be read whole, so that names and SHA256SUMS had to do",
    "skipped": "Entries of clips.json that were left out",
    "mended": "Entries of clips.json that were taken but for a part",
    "named": "Clips that only their file tells of, taken by its name",
    "waited": "Clips that had waited for a file that is here, and was taken",
    "doubtful": "Clips whose file is no whole one, and which the next sync fetches again",
    "missing": "Files that should be here, and are not",
    "foreign": "Clips and thumbnails that are nobody's, and were left alone (`import` takes clips)",
}
UNKNOWN = (
    "Earlier runs, and which clip came with which.",
    "What devices told in them: battery, temperature, radio (`readings`).",
    "The watermark: the next sync walks through all that Blink lists.",
    "Networks, sync modules and cameras: the next sync lists them.",
    "Events that are no clip's (armed, disarmed, …).",
    "Which clip of the cloud is the same recording as one on a stick: the next manifest tells.",
    "Up to where Blink was asked for descriptions: the next sync asks again.",
    "What happened to clips after the files of their day were last written, in a run that was killed.",
)
_NEXT = "Run `blink-archive verify` next: a rebuild reads no file whose hash it finds written down."


@group(
    "catalog",
    {
        "backup": ("catalog", "Copy the catalog into a new file."),
        "check": ("catalog", "Look whether the catalog is sound, and its facts agree."),
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
    target = absolute(file, option="FILE")
    catalog = given.read_catalog()
    try:
        length = catalog.backup(target)
        clips = catalog.value("SELECT count(*) FROM clips")
    finally:
        catalog.close()
    if given.json:
        print_json({"file": str(target), "bytes": length, "clips": clips})
    else:
        given.say(
            f"The catalog, with {counted(clips, 'clips')}, is copied to {printable(str(target))}, "
            f"{size(length)}."
        )


@command("rebuild")
@click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask.")
def rebuild_command(given: Globals, *, yes: bool) -> None:
    """Make a new catalog from the folder alone: from clips.json, SHA256SUMS and the names of files.

    What the catalog that is there knows beyond the folder is lost to the new one; so where it is sound, this
    asks first, and without a terminal it needs --yes. It is kept as catalog.db.replaced-TIME. What the folder
    cannot tell is said at the end. No clip is read again: `verify` does that.
    """
    from ..archive.folder import find_archive
    from ..archive.rebuild import days_of, rebuild

    archive = find_archive(given.root(), given.catalog_path())

    def agree(clips: int) -> None:
        warning = (
            f"The catalog {archive.catalog_path} is sound, has {counted(clips, 'clips')}, and knows more "
            "than the folder."
        )
        if yes:
            return
        if not given.can_ask():
            raise UsageError(
                f"{warning} Say --yes to have a new one all the same, as there is nobody to ask."
            )
        if not click.confirm(f"{warning} Make a new one all the same?", err=True):
            raise ArchiveError(
                f"The catalog {archive.catalog_path} was left as it is. Run this again and answer y, if you "
                "want a new one."
            )

    report = with_byte_bar(
        lambda tick: rebuild(archive, agree=agree, now=now, tick=tick),
        total=sum(file.stat().st_size for _, file in days_of(archive.root) if file.is_file()),
        what="rebuilding",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )
    if given.json:
        print_json(_as_json(report))
    else:
        _tell(given, report)


def _as_json(report: Rebuilt) -> dict[str, Any]:
    return {
        **report.counts,
        "files": {name: getattr(report, name) for name in _LISTS},
        "ignored_fields": dict(sorted(report.ignored.items())),
        "replaced": report.replaced,
        "unknown": list(UNKNOWN),
        "next": _NEXT,
    }


def _tell(given: Globals, report: Rebuilt) -> None:
    """What there is now, what a person should look at, what is not known, and what to do next."""
    count = report.counts
    click.echo(
        f"The new catalog has {counted(count['clips'], 'clips')} of {counted(count['days'], 'days')}: "
        f"{count['archived']} archived, {count['waiting']} waiting, {count['gone']} gone, "
        f"{count['deleted']} deleted at Blink, {count['pruned']} pruned here, {count['lost']} lost; "
        f"{count['excluded']} excluded, {count['starred']} starred, {count['noted']} with a note, and "
        f"{count['labelled']} labelled."
    )
    for name, words in _LISTS.items():
        if found := getattr(report, name):
            click.echo(f"{words}: {len(found)}")
            for line in found[:_SHOWN]:
                click.echo(f"  {printable(line)}")
            if len(found) > _SHOWN:
                click.echo(f"  … and {len(found) - _SHOWN} more (--json)")
    if report.ignored:
        names = ", ".join(repr(name) for name in sorted(report.ignored)[:_SHOWN])
        click.echo(
            f"Fields of clips.json that this version does not know were left out {report.ignored.total()} "
            f"times: {printable(names)}."
        )
    if given.quiet:
        return
    click.echo("What the folder cannot tell:")
    for sentence in UNKNOWN:
        click.echo(f"  {sentence}")
    if report.replaced:
        click.echo(f"The old catalog is kept as {printable(report.replaced)}.")
    click.echo(_NEXT)


@command("check")
def check_command(given: Globals) -> None:
    """Look whether the catalog is sound: the file, its index of words, and whether its facts agree.

    Exit code 7 if something is wrong. A sync may run at the same time. The files of the archive are not
    looked at: `verify` does that.
    """
    from ..archive.check import check

    archive = given.archive()
    report = check(archive, now=now())
    if given.json:
        print_json(
            {
                "catalog": str(archive.catalog_path),
                "sound": not report.findings,
                "findings": [{"where": each.where, "what": each.what} for each in report.findings],
                "unchecked": list(report.unchecked),
                "rows": report.counts,
            }
        )
    else:
        for finding in report.findings[:_SHOWN]:
            click.echo(printable(f"{finding.where}: {finding.what}"))
        if len(report.findings) > _SHOWN:
            click.echo(f"… and {len(report.findings) - _SHOWN} more (--json)")
        if report.counts:
            rows = (counted(count, name.replace("_", " ")) for name, count in report.counts.items())
            click.echo(f"{', '.join(rows)}.")
    for sentence in report.unchecked:
        given.say(sentence)
    if report.findings:
        raise IntegrityError(
            f"The catalog {archive.catalog_path} is not sound: {counted(len(report.findings), 'findings')}. "
            "Put back a copy of it (`catalog backup` makes one), or run `blink-archive catalog rebuild`, "
            "which makes a new one from the folder and keeps this one. No file of the archive was changed."
        )
