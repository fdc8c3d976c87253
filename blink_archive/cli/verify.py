"""``verify``: is everything still as it was archived?"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArchiveError, IntegrityError, StorageError, UsageError
from .options import Globals, NamedPath, command
from .output import bars_wanted, now, print_json, printable, size, with_byte_bar

if TYPE_CHECKING:
    from datetime import datetime

    from ..archive.folder import Archive
    from ..archive.verify import Report

_SHOWN = 20
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
def verify_command(given: Globals, *, sample: float | None, against: Path | None) -> None:
    """Read every file back and compare it with the catalog.

    Exit code 7 if a file is missing, changed, or foreign (a clip or thumbnail that the catalog does
    not know). The SHA256SUMS and clips.json of each day are looked at too, but not by --sample. A sync
    may run at the same time.
    """
    from ..archive.verify import total_bytes, verify

    archive = given.archive()
    folder = against.absolute() if against else archive.root
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to verify.")
    began = now()
    catalog = archive.open_catalog()
    try:
        report = with_byte_bar(
            lambda progress: verify(
                catalog,
                folder,
                share=sample,
                start=random.random(),  # noqa: S311 - which files are read is no secret
                running=archive.is_locked,
                progress=progress,
            ),
            total=round(total_bytes(catalog) * (sample or 1)),
            what="verifying",
            shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
        )
    finally:
        catalog.close()
    _tell(given, report, folder)
    recorded = sample is None and against is None and _record(given, archive, report, began=began)
    if report.findings:
        raise IntegrityError(_verdict(report, folder, recorded=recorded))


def _record(given: Globals, archive: Archive, report: Report, *, began: datetime) -> bool:
    """Keep the date of a whole verify; whether that was done. A disk that is read-only, or a catalog that
    another program holds, can be verified too."""
    from ..archive.verify import record_verified

    try:
        catalog = archive.open_catalog(write=True)
        try:
            record_verified(catalog, report, began=began)
        finally:
            catalog.close()
    except (ArchiveError, StorageError) as error:
        given.say(f"The date of this verification is not kept: {error}")
        return False
    return True


def _tell(given: Globals, report: Report, folder: Path) -> None:
    """The findings and the figures, on stdout."""
    if given.json:
        print_json(
            {
                "folder": str(folder),
                "checked": report.checked,
                "bytes": report.bytes,
                "other_files": report.other,
                **{
                    kind: [{"path": f.path, "detail": f.detail} for f in report.findings if f.kind == kind]
                    for kind in _KINDS
                },
            }
        )
        return
    for finding in report.findings[:_SHOWN]:
        click.echo(f"{finding.kind}: {printable(finding.path)} ({printable(finding.detail)})")
    if len(report.findings) > _SHOWN:
        click.echo(f"… and {len(report.findings) - _SHOWN} more (--json)")
    click.echo(
        f"{report.checked} files read, {size(report.bytes)}, {len(report.findings)} not as they should be."
    )


def _verdict(report: Report, folder: Path, *, recorded: bool) -> str:
    counts: Counter[str] = Counter(finding.kind for finding in report.findings)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind])
    verdict = (
        f"{folder} is not as it was archived: {told}. No file was changed; a missing or changed one can be "
        "put back from a copy of the folder."
    )
    if report.days and recorded:
        verdict += " The next sync writes the SHA256SUMS and clips.json of these days anew."
    return verdict
