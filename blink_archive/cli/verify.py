"""``verify``: is everything still as it was archived?"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import IntegrityError, UsageError
from .interrupts import run_interruptibly
from .options import Globals, NamedPath, command
from .output import SyncProgress, bars_wanted, counted, local, now, print_json, printable, size, with_byte_bar
from .quantities import Span

if TYPE_CHECKING:
    from datetime import timedelta

    from ..archive.catalog import Catalog
    from ..archive.folder import Archive
    from ..archive.verify import Dates, Oldest, Report
    from ..sync.repair import Repaired

_SHOWN = 20
_FOREIGN = "A foreign one is yours to move elsewhere; `blink-archive import` takes clips in."
_KINDS = ("missing", "changed", "foreign")


class _Share(click.ParamType[float]):
    """``10%``."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(str(value).strip().removesuffix("%")) / 100
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            self.fail(f"{value!r} is no share. Write 10%.", param, ctx)
        return share


@command("verify")
@click.option(
    "--sample",
    type=_Share(),
    metavar="PERCENT",
    help="Read only so many of the files, chosen at random: 10%.",
)
@click.option(
    "--against",
    type=NamedPath(),
    metavar="COPY",
    help="Verify a second copy of the folder instead.",
)
@click.option(
    "--max-duration",
    type=Span(),
    metavar="TIME",
    help="End after so long (90s, 10m, 2h); the next verify goes on from there.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Fetch what is missing or changed again; what nobody has any more is marked lost.",
)
def verify_command(
    given: Globals,
    *,
    sample: float | None,
    against: Path | None,
    max_duration: timedelta | None,
    repair: bool,
) -> None:
    """Read every file back and compare it with the catalog.

    Exit code 7 if a file is missing, changed, or foreign (a clip or thumbnail that the catalog does
    not know). The SHA256SUMS and clips.json of each day are looked at too, but not by --sample. A sync
    may run at the same time, but for --repair.

    What was never verified is read first, then what was verified longest ago, and the catalog keeps the
    date: one that is interrupted, or ends after --max-duration, goes on from there the next time.

    --repair needs a sign-in. A changed file is kept beside the good one, as NAME.damaged; a file that
    Blink gives anew with other bytes is kept with a note of both hashes. Clips that were marked lost are
    looked at again, and are archived once more if their file was put back or Blink has it. Exit code 3 if
    a clip or thumbnail was lost, 7 if something could not be repaired.
    """
    from ..archive.verify import oldest

    if max_duration and (sample or against):
        raise UsageError(
            "--sample and --against keep no date for the next verify to go on from, so that --max-duration "
            "is of no use with them. Leave one of the two away."
        )
    if repair and against:
        raise UsageError("--repair is for the archive itself. Leave --against away, or --repair.")
    archive = given.archive()
    folder = against.absolute() if against else archive.root
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to verify.")
    with ExitStack() as stack:
        if repair:
            archive.check_account(given.blink().account_id)
            stack.enter_context(archive.lock())
        catalog = archive.open_catalog(write=repair)
        stack.callback(catalog.close)
        dates = None
        if sample is None and against is None:
            dates = _dates(archive, catalog if repair else None)
            stack.callback(dates.close)
        report = _read(
            given, archive, catalog, folder, dates, sample=sample, limit=max_duration, locked=repair
        )
        repaired = _repair(given, archive, catalog, report) if repair else None
        reach = oldest(catalog) if dates else None
        _tell(given, folder, report, reach, repaired, limited=max_duration is not None)
    _end(given, folder, report, dates, repaired)


def _dates(archive: Archive, catalog: Catalog | None) -> Dates:
    """Where the dates of this verify are kept: in ``catalog``, which is open for writing, or else over a
    connection of its own."""
    from ..archive.verify import Dates

    return Dates(catalog, now=now) if catalog else Dates.open(archive, now=now)


def _read(
    given: Globals,
    archive: Archive,
    catalog: Catalog,
    folder: Path,
    dates: Dates | None,
    *,
    sample: float | None,
    limit: timedelta | None,
    locked: bool,
) -> Report:
    """The reading, under a bar; ``locked``: the run that holds the archive is this one."""
    from ..archive.verify import total_bytes, verify

    return with_byte_bar(
        lambda progress: verify(
            catalog,
            folder,
            share=sample,
            start=random.random(),  # noqa: S311 - which files are read is no secret
            limit=limit,
            dates=dates,
            running=(lambda: False) if locked else archive.is_locked,
            progress=progress,
        ),
        total=round(total_bytes(catalog) * (sample or 1)),
        what="verifying",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )


def _repair(given: Globals, archive: Archive, catalog: Catalog, report: Report) -> Repaired:
    from ..sync.ports import Time
    from ..sync.repair import repair

    async def run() -> Repaired:
        async with given.blink() as blink:
            shown = bars_wanted(no_progress=given.no_progress, quiet=given.quiet)
            with SyncProgress(shown=shown) as progress:
                return await repair(archive, catalog, blink, report.findings, time=Time(), progress=progress)

    return run_interruptibly(run())


def _tell(
    given: Globals,
    folder: Path,
    report: Report,
    reach: Oldest | None,
    repaired: Repaired | None,
    *,
    limited: bool,
) -> None:
    """The findings and the figures, on stdout; ``reach`` is how far back the dates of the archive reach."""
    if given.json:
        print_json(_as_json(folder, report, reach, repaired))
        return
    findings = [each for each in report.findings if repaired is None or each.kind == "foreign"]
    for finding in findings[:_SHOWN]:
        click.echo(f"{finding.kind}: {printable(finding.path)} ({printable(finding.detail)})")
    if len(findings) > _SHOWN:
        click.echo(f"… and {len(findings) - _SHOWN} more (--json)")
    click.echo(
        f"{counted(report.checked, 'files')} read, {size(report.bytes)}, {len(report.findings)} not as they "
        "should be."
    )
    if repaired is not None:
        _tell_repaired(given, repaired)
    if limited and reach is not None:
        click.echo(_reach(report, reach))
    if not report.searched:
        given.say(
            "There was no time to look through the folder for foreign files and at the days' own files."
        )


def _as_json(folder: Path, report: Report, reach: Oldest | None, repaired: Repaired | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "folder": str(folder),
        "checked": report.checked,
        "bytes": report.bytes,
        "other_files": report.other,
        "searched": report.searched,
        **{
            kind: [{"path": f.path, "detail": f.detail} for f in report.findings if f.kind == kind]
            for kind in _KINDS
        },
    }
    if reach is not None:
        told |= {
            "finished": not report.left,
            "left": report.left,
            "never_verified": reach.never,
            "oldest_verified_at": None if reach.never else reach.at,
        }
    return told | (repaired.as_json() if repaired else {})


def _tell_repaired(given: Globals, repaired: Repaired) -> None:
    for what, fates in (
        ("repaired", repaired.repaired),
        ("lost", repaired.lost),
        ("not repaired", repaired.unrepaired),
    ):
        for fate in fates:
            click.echo(f"{what}: {printable(fate.path)} (was {fate.was}; {printable(fate.detail)})")
    click.echo(
        f"{counted(len(repaired.repaired), 'files')} repaired, {len(repaired.lost)} lost, "
        f"{len(repaired.unrepaired)} not repaired."
    )
    for warning in repaired.warnings:
        given.say(f"Warning: {warning}")


def _reach(report: Report, reach: Oldest) -> str:
    """How far a verify came that had so much time."""
    if report.left:
        sentence = f"The time is up; {counted(report.left, 'clips')} left to be read by the next verify."
    else:
        sentence = "All clips were read in the time given."
    if reach.never:
        return f"{sentence} {reach.never} were never verified."
    if reach.at:
        return f"{sentence} Every clip was verified since {local(reach.at)}."
    return sentence


def _end(
    given: Globals, folder: Path, report: Report, dates: Dates | None, repaired: Repaired | None
) -> None:
    """The verdict, and the exit code."""
    from ..sync.run import exit_code

    kept = dates is not None and dates.trouble is None
    if dates is not None and dates.trouble is not None:
        given.say(f"The date of this verification is not kept: {dates.trouble}")
    if repaired is None:
        if report.findings:
            raise IntegrityError(_verdict(report, folder, recorded=kept))
        return
    for sentence in filter(None, (repaired.stopped, _left(report, folder, repaired))):
        click.echo(f"blink-archive: {sentence}", err=True)
    raise click.exceptions.Exit(exit_code(repaired.exit_codes))


def _verdict(report: Report, folder: Path, *, recorded: bool) -> str:
    counts: Counter[str] = Counter(finding.kind for finding in report.findings)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind])
    verdict = f"{folder} is not as it was archived: {told}. This run changed no file."
    if counts["missing"] or counts["changed"]:
        verdict += " A missing or changed one can be put back from a copy of the folder."
    if any(finding.clip_id is not None for finding in report.findings):
        verdict += " `blink-archive verify --repair` fetches it again where Blink still has it."
    if counts["foreign"]:
        verdict += f" {_FOREIGN}"
    if report.days and recorded:
        verdict += " The next sync writes the SHA256SUMS and clips.json of these days anew."
    return verdict


def _left(report: Report, folder: Path, repaired: Repaired) -> str | None:
    """What is not as it should be after a repair; None where nothing is."""
    foreign = sum(finding.kind == "foreign" for finding in report.findings)
    told = [f"{len(repaired.unrepaired)} not repaired"] if repaired.unrepaired else []
    told += [f"{foreign} foreign"] if foreign else []
    if not told:
        return None
    advice = ["Run it again, or put files back from a copy of the folder."] if repaired.unrepaired else []
    advice += [_FOREIGN] if foreign else []
    return f"{folder} is not as it was archived: {', '.join(told)}. {' '.join(advice)}"
