"""``import``: video files that lie on a disk already, into the archive."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from ..errors import Interrupted, UsageError
from .options import Globals, Lines, NamedPath, command
from .output import bars_wanted, now, print_json, printable, size, with_byte_bar

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..archive.imports import Report
    from ..archive.judge import Options, Result
    from ..archive.sources import Found

_SHOWN = 20


@command("import", variables="BLINK_ARCHIVE_IMPORT")
@click.argument("paths", nargs=-1, required=True, type=NamedPath(), metavar="PATH...")
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    type=Lines(),
    metavar="PATTERN",
    help="How names are made up: '{camera}_{time:%Y%m%d-%H%M%S}.mp4'. May repeat.",
)
@click.option(
    "--time-zone",
    metavar="ZONE",
    help="The zone of names without an offset, as Europe/Berlin (default: UTC; of names that blinkpy's "
    "save_recent_clips gave, this machine's).",
)
@click.option("--camera", metavar="NAME", help="The camera of files whose names tell none.")
@click.option("--strict", is_flag=True, help="Leave out files whose names tell no time.")
@click.option(
    "--all",
    "covered",
    is_flag=True,
    help="Take also what another recording of the same camera and second covers.",
)
@click.option(
    "--link", is_flag=True, help="Link the files into the archive, where it is on their file system."
)
@click.option("--dry-run", is_flag=True, help="Take nothing; tell what there is to do.")
def import_command(
    given: Globals,
    *,
    paths: tuple[Path, ...],
    patterns: tuple[str, ...],
    time_zone: str | None,
    camera: str | None,
    strict: bool,
    covered: bool,
    link: bool,
    dry_run: bool,
) -> None:
    """Take video files that lie on a disk already into the archive: files, and all .mp4 in folders.

    Known are the names on a Sync Module's USB stick (26-11/26-11-23/14-52-07_FrontDoor_123.mp4, in UTC), and
    those of blinkpy, Blink's app and this program. PATTERN describes others: {camera}, {time:…} with
    %Y %y %m %d %H %M %S %f %z, {number} and {any} are its fields, and a / goes up one folder.

    A file whose name tells no time is taken with the creation time in the MP4, else with the file's date.
    One whose bytes are archived is not taken again, nor, without --all, one whose camera and second are.
    A linked file stays one with its source: it gets the clip's time as its date, and changes with it.
    """
    from ..archive.imports import check_links
    from ..archive.judge import Options
    from ..archive.names import Pattern
    from ..archive.sources import find_sources

    options = Options(
        patterns=tuple(Pattern.parse(text) for text in patterns),
        zone=_zone(time_zone),
        camera=camera.strip() or None if camera else None,
        strict=strict,
        covered=covered,
        link=link,
    )
    archive = given.archive()
    found = find_sources(paths, root=archive.root)
    if link:
        check_links(found, archive.root)
    report = (_forecast if dry_run else _import)(given, archive, found, options)
    _tell(given, report, dry_run=dry_run)
    raise click.exceptions.Exit(report.exit_code)


def _zone(name: str | None) -> ZoneInfo | None:
    from ..archive.layout import zone

    found = zone(name)
    if name is not None and found is None:
        raise UsageError(f"There is no time zone {name!r}. Write its IANA name, as Europe/Berlin.")
    return found


def _forecast(given: Globals, archive: Archive, found: Found, options: Options) -> Report:
    from ..archive.imports import forecast

    catalog = archive.open_catalog()
    try:
        return with_byte_bar(
            lambda tick: forecast(catalog, found, options, now=now(), tick=tick),
            total=sum(source.bytes for source in found.sources),
            what="reading",
            shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
        )
    finally:
        catalog.close()


def _import(given: Globals, archive: Archive, found: Found, options: Options) -> Report:
    """The import; Ctrl-C ends it between two reads, a second one at once."""
    from ..archive.imports import import_files

    def run(progress: Callable[[int], object]) -> Report:
        def tick(count: int) -> None:
            progress(count)
            if came():
                raise Interrupted("Interrupted; what was complete is kept. Run the command again to go on.")

        return import_files(archive, found, options, now=now, tick=tick)

    with _interrupts() as came:
        return with_byte_bar(
            run,
            total=sum(source.bytes for source in found.sources),
            what="importing",
            shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
        )


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came; the second one kills."""
    came: list[int] = []

    def note(number: int, _: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(given: Globals, report: Report, *, dry_run: bool) -> None:
    """The figures and the files that need attention (in a dry run, all kinds of them), on stdout."""
    if given.json:
        print_json(
            {
                **report.counts(),
                "dry_run": dry_run,
                "stopped": report.stopped,
                "exit_code": report.exit_code,
                "files": [result.as_json() for result in report.results],
            }
        )
    else:
        told = [result for result in report.results if dry_run or result.outcome == "failed"]
        for result in told[:_SHOWN]:
            click.echo(printable(_line(result)))
        if len(told) > _SHOWN:
            click.echo(f"… and {len(told) - _SHOWN} more (--json)")
        if not given.quiet:
            _sum_up(report, dry_run=dry_run)
    if report.stopped:
        click.echo(f"blink-archive: {report.stopped}", err=True)


def _line(result: Result) -> str:
    match result.outcome:
        case "imported":
            clip = f"{result.camera or 'unnamed'}, {result.recorded}"
            guess = "" if result.time_from == "name" else f", by the {result.time_from}'s own date"
            return f"import: {result.file} ({clip}{guess})"
        case "known":
            return f"known: {result.file} (it is clip {result.clip})"
        case "covered":
            return f"covered: {result.file} (clip {result.clip} is of the same camera and second)"
        case "undated":
            return f"undated: {result.file} (its name tells no time)"
        case "failed":
            return f"failed: {result.file} ({result.reason})"


def _sum_up(report: Report, *, dry_run: bool) -> None:
    count = report.counts()
    verb = "An import would take" if dry_run else "Imported"
    click.echo(
        f"{verb} {count['imported']} of {len(report.results)} files, {size(count['bytes'])}: "
        f"{count['known']} are known, {count['covered']} covered by another recording, "
        f"{count['undated']} undated, {count['failed']} failed."
    )
    if guessed := count["time_from_mp4"] + count["time_from_file"]:
        click.echo(
            f"The names of {guessed} told no time: {count['time_from_mp4']} are filed by the creation time "
            f"in the MP4, {count['time_from_file']} by the file's date."
        )
    imported = [result for result in report.results if result.outcome == "imported"]
    if strange := sorted({result.camera for result in imported if result.camera and not result.camera_id}):
        names = ", ".join(repr(name) for name in strange[:_SHOWN])
        click.echo(f"The catalog knows no camera, or several, of the name: {printable(names)}.")
    beside = Counter(status for result in imported for _, status in result.beside)
    if beside:
        words = ", ".join(f"{number} {status}" for status, number in sorted(beside.items()))
        click.echo(
            f"Clips of the same cameras and seconds that were never fetched stay as they are: {words}."
        )
    if count["other"]:
        click.echo(f"{count['other']} other files were not looked at: no .mp4, hidden, or links.")
