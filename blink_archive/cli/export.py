"""``export``: clips out of the archive, with all that is known of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .globals import absolute
from .options import Globals, NamedPath, command, filter_options, make_filter, word_options
from .output import bars_wanted, counted, now, print_json, printable, size, with_byte_bar
from .quantities import Size

if TYPE_CHECKING:
    from ..archive.export.destination import Form
    from ..archive.export.parts import PartReport
    from ..archive.export.plan import Part
    from ..archive.export.run import Export, Report, Request

_SHOWN = 10
_NEVER = (".tgz", ".gz", ".tbz", ".tbz2", ".bz2", ".txz", ".xz", ".tzst", ".zst", ".7z", ".rar")


@command("export", variables="BLINK_ARCHIVE_EXPORT")
@click.argument("destination", metavar="DEST", type=NamedPath())
@filter_options
@word_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["folder", "zip", "tar", "bag"]),
    help="What DEST becomes; bag: BagIt (default: by its ending, .zip or .tar, else a folder).",
)
@click.option(
    "--split-size",
    type=Size(),
    metavar="SIZE",
    help="Cut it into parts of at most about SIZE (4GB): DEST-001, DEST-002, …, each complete in itself.",
)
@click.option(
    "--copy",
    "how",
    flag_value="copy",
    default="copy",
    help="Copy the files (the default).",
)
@click.option(
    "--link",
    "how",
    flag_value="link",
    help="Link them, on the archive's file system: they take no space, and are the archive's own.",
)
@click.option("--reflink", "how", flag_value="reflink", help="Clone them, where the file system can (Linux).")
@click.option(
    "--layout",
    metavar="TEMPLATE",
    help="Name the files {created:%Y-%m}/{camera}/{id}; {network} and {source} are there, too.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; tell what there is to do.")
def export_command(
    given: Globals,
    /,
    *,
    destination: Path,
    form: str | None,
    split_size: int | None,
    how: str,
    layout: str | None,
    dry_run: bool,
    **filters: Any,
) -> None:
    """Take clips out of the archive: a folder, a ZIP, a tar or a bag, with all that is known of them.

    Beside the clips and thumbnails lie index.html, which plays them offline, tables (clips.csv, clips.json),
    a custody log, a report of gaps, a catalog of just these clips, and SHA256SUMS. Each file is hashed on its
    way out, and one that is not what the catalog knows ends the export (exit code 7). That proves what was
    read from the archive; what was written is read by `sha256sum -c SHA256SUMS` in DEST, or for a folder of
    all clips by `verify --against DEST`.

    The same command again goes on where it was stopped or killed, keeping what is whole. A finished folder or
    bag is brought up to date by it; nothing is removed there. A ZIP or tar is called DEST.partial until it is
    whole. A sync may run meanwhile.
    """
    request = _request(destination, form=form, split_size=split_size, how=how, layout=layout, filters=filters)
    _run(given, request, dry_run=dry_run)


def _request(
    destination: Path,
    *,
    form: str | None,
    split_size: int | None,
    how: str,
    layout: str | None,
    filters: dict[str, Any],
) -> Request:
    from ..archive.export.run import Request
    from ..archive.layout import Layout

    kind = form_of(destination, form)
    if how != "copy" and kind in ("zip", "tar"):
        raise UsageError(f"--{how} is for folders and bags. Leave it away for a {kind}.")
    if split_size == 0:
        raise UsageError("Parts of no size hold nothing. Write a --split-size such as 4GB.")
    return Request(
        destination=absolute(destination, option="DEST"),
        wanted=make_filter(**filters, now=now()),
        arguments=filters | {"format": kind, "split_size": split_size, "layout": layout},
        selection=_in_words(filters),
        form=kind,
        how=how,  # type: ignore[arg-type]
        limit=split_size,
        filed=None if layout is None else Layout.parse(layout),
    )


def form_of(destination: Path, form: str | None) -> Form:
    """What a destination becomes: what was asked for, else what its ending says."""
    ending = destination.suffix.lower()
    if form is None and ending in _NEVER:
        raise UsageError(
            f"An export becomes no {ending}. Name it ….zip or ….tar, or say with --format what it becomes."
        )
    match form or ending:
        case "zip" | ".zip":
            return "zip"
        case "tar" | ".tar":
            return "tar"
        case "bag":
            return "bag"
        case _:
            return "folder"


def _in_words(chosen: dict[str, Any]) -> str:
    """``since 2026-11-01, camera Front door or Garden``; "" for all clips."""
    words = []
    for name in ("since", "until", "camera", "network", "source", "label", "text"):
        value = chosen[name]
        if value:
            words.append(f"{name} {value if isinstance(value, str) else ' or '.join(value)}")
    return ", ".join([*words, "starred"] if chosen["starred"] else words)


def _run(given: Globals, request: Request, *, dry_run: bool) -> None:
    from ..archive.export.run import planned

    with planned(given.archive(), request, now=now) as export:
        if not any(part.clips for part in export.plan.parts):
            raise UsageError(
                f"There is no clip to export{_why(export.plan.left_out)}. `blink-archive ls` shows all."
            )
        if dry_run:
            _forecast(given, request, export)
            return
        report = run_with_bar(given, export)
    if given.json:
        print_json(
            {"destination": str(request.destination), "format": request.form, "dry_run": False}
            | report.as_json()
        )
        return
    tell(given, report)
    total, parts = report.total(), report.parts
    if not given.quiet:
        where = f"to {printable(parts[0].name)}" if len(parts) == 1 else f"in {len(parts)} parts"
        click.echo(
            f"Exported {counted(total['clips'], 'clips')} and {counted(total['thumbnails'], 'thumbnails')}, "
            f"{size(total['bytes'])}, {where}."
        )


def run_with_bar(given: Globals, export: Export) -> Report:
    """The export, under a bar where one is wanted."""
    return with_byte_bar(
        lambda tick: export.run(tick=tick),
        total=sum(part.bytes for part in export.plan.parts),
        what="exporting",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )


def tell(given: Globals, report: Report) -> None:
    """What a person should know of it, on stderr."""
    if report.left_out:
        given.say(f"Not in it, since their files are not here: {_statuses(report.left_out)}.")
    for heading, names in (
        ("left the archive meanwhile, and is not in it", report.skipped),
        ("was in the destination with other bytes, and is written anew", report.replaced),
        (
            "is in the destination, and not of this export: it is left alone, and no list names it",
            report.strays,
        ),
    ):
        for name in names[:_SHOWN]:
            given.say(f"{printable(name)} {heading}.")
        if len(names) > _SHOWN:
            given.say(f"… and {len(names) - _SHOWN} more (--json).")
    if report.trouble:
        given.say(f"The catalog is not told of this export: {report.trouble}")
    if len(report.parts) > 1:
        for part in report.parts:
            given.say(_part(part.name, part))


def _forecast(given: Globals, request: Request, export: Export) -> None:
    parts = export.plan.parts
    total = {name: sum(getattr(part, name) for part in parts) for name in ("clips", "thumbnails", "bytes")}
    needed, free = export.needed(), shutil.disk_usage(export.destination.disk()).free
    names = [str(export.destination.part(part.number)) for part in parts]
    if given.json:
        print_json(
            {"destination": str(request.destination), "format": request.form, "dry_run": True}
            | total
            | {"needed_bytes": needed, "free_bytes": free, "left_out": export.plan.left_out}
            | {
                "parts": [
                    {"name": name, **{key: getattr(part, key) for key in (*total, "oversize")}}
                    for name, part in zip(names, parts, strict=True)
                ]
            }
        )
        return
    if len(parts) > 1:
        for name, part in zip(names, parts, strict=True):
            click.echo(_part(name, part))
    click.echo(
        f"An export would hold {counted(total['clips'], 'clips')} and "
        f"{counted(total['thumbnails'], 'thumbnails')}, {size(total['bytes'])}. It takes about "
        f"{size(needed)} on a disk with {size(free)} free."
    )
    if export.plan.left_out:
        click.echo(f"Not in it, since their files are not here: {_statuses(export.plan.left_out)}.")
    click.echo("Nothing was written.")


def _part(name: str, part: Part | PartReport) -> str:
    note = ", one clip that is larger than a part was to be" if part.oversize else ""
    return f"{printable(name)}: {counted(part.clips, 'clips')}, {size(part.bytes)}{note}"


def _statuses(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _why(left_out: dict[str, int]) -> str:
    return f": the files of those that match are not here ({_statuses(left_out)})" if left_out else ""
