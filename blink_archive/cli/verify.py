"""``verify``: is everything still as it was archived?"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import IntegrityError, StorageError, UsageError
from .options import Globals, command
from .output import bars_wanted, now, print_json, size

if TYPE_CHECKING:
    from datetime import datetime

    from ..archive.folder import Archive
    from ..archive.verify import Report

_SHOWN = 20


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
    type=click.Path(path_type=Path, file_okay=False),
    metavar="COPY",
    help="Verify a second copy of the folder instead.",
)
def verify_command(given: Globals, *, sample: float | None, against: Path | None) -> None:
    """Read every file back and compare it with the catalog.

    Exit code 7 if a file is missing, changed, or foreign (a clip or thumbnail that the catalog does
    not know). A sync may run at the same time.
    """
    from ..archive.verify import total_bytes, verify

    archive = given.archive()
    folder = against.absolute() if against else archive.root
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to verify.")
    began = now()
    catalog = archive.open_catalog()
    try:
        report: Report = _with_bar(
            given,
            round(total_bytes(catalog) * (sample or 1)),
            lambda progress: verify(
                catalog,
                folder,
                choose=(lambda: random.random() < sample) if sample else (lambda: True),  # noqa: S311
                running=archive.is_locked,
                progress=progress,
            ),
        )
    finally:
        catalog.close()
    if sample is None and against is None:
        _record(given, archive, report, began=began)
    _tell(given, report, folder)


def _record(given: Globals, archive: Archive, report: Report, *, began: datetime) -> None:
    """Keep the date of a whole verify. A read-only disk can be verified too, and keeps none."""
    from ..archive.verify import record_verified

    try:
        catalog = archive.open_catalog(write=True)
        try:
            record_verified(catalog, report, began=began)
        finally:
            catalog.close()
    except StorageError as error:
        given.say(f"The date of this verification is not kept: {error}")


def _with_bar(given: Globals, total: int, work: Any) -> Any:
    if not bars_wanted(no_progress=given.no_progress, quiet=given.quiet):
        return work(lambda count: None)
    from tqdm import tqdm

    with tqdm(
        total=total, desc="verifying", unit="B", unit_scale=True, dynamic_ncols=True, leave=False
    ) as bar:
        return work(bar.update)


def _tell(given: Globals, report: Report, folder: Path) -> None:
    kinds = {
        kind: [f for f in report.findings if f.kind == kind] for kind in ("missing", "changed", "foreign")
    }
    if given.json:
        print_json(
            {
                "folder": str(folder),
                "checked": report.checked,
                "bytes": report.bytes,
                "other_files": report.other,
                **{
                    kind: [{"path": f.path, "detail": f.detail} for f in found]
                    for kind, found in kinds.items()
                },
            }
        )
    else:
        for finding in report.findings[:_SHOWN]:
            click.echo(f"{finding.kind}: {finding.path} ({finding.detail})")
        if len(report.findings) > _SHOWN:
            click.echo(f"… and {len(report.findings) - _SHOWN} more (--json)")
        click.echo(
            f"{report.checked} files read, {size(report.bytes)}, "
            f"{len(report.findings)} not as they should be."
        )
    if report.findings:
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items() if found)
        raise IntegrityError(
            f"{folder} is not as it was archived: {counts}. Nothing was changed; a missing or changed file "
            "can be put back from a copy of the folder."
        )
