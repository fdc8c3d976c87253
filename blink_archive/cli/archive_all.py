"""``archive-all``: everything out of Blink, once, by one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import BlinkArchiveError, CodeNeeded, IntegrityError, Interrupted, NotSignedIn, UsageError
from .export import run_with_bar, tell
from .globals import absolute
from .interrupts import run_interruptibly
from .login import sign_in
from .options import Globals, NamedPath, command
from .output import bars_wanted, counted, now, print_json, printable, size, with_byte_bar
from .sync import make_archive, sync_once, tell_sync
from .sync_options import reserve_option

if TYPE_CHECKING:
    from ..archive.export.run import Report as Exported
    from ..archive.export.run import Request
    from ..archive.folder import Archive
    from ..archive.verify import Report as Verified

_AGAIN = "Run the same command again to go on."
_SHOWN = 10


@command("archive-all", variables="BLINK_ARCHIVE_ALL")
@click.argument("destination", metavar="DEST", type=NamedPath())
@click.option(
    "--to",
    type=NamedPath(),
    metavar="FILE",
    help="Then export all of it to FILE, too, such as clips.zip.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["folder", "zip", "tar", "bag"]),
    help="What FILE becomes (default: by its ending, .zip or .tar, else a folder).",
)
@reserve_option
def archive_all_command(
    given: Globals, *, destination: Path, to: Path | None, form: str | None, reserve: int
) -> None:
    """Take everything out of Blink, once, into the folder DEST: no configuration, nothing to install after.

    Signs in (it asks as `login` does), lists all that Blink has, in its cloud and on the sticks of the sync
    modules, fetches it, reads every file back, and adds what an export has: index.html, which plays the clips
    offline, tables, and SHA256SUMS. Nothing is deleted at Blink.

    DEST is an archive, to which each later `sync --archive DEST` adds. What is interrupted goes on with the
    same command. In the end it says what is missing and why (exit code 3).
    """
    if form and not to:
        raise UsageError("--format is for what --to names. Add it, or leave the format away.")
    from ..archive.layout import CATALOG

    _check_options()
    given.archive_dir = absolute(destination, option="DEST")
    given.catalog = given.archive_dir / CATALOG
    _check_folder(given.root())
    work = _All(given, steps=4 if to is None else 5)
    extra = None if to is None else _request(absolute(to, option="--to"), form)
    _check_ahead(given.root(), extra)
    try:
        work.run(reserve=reserve, extra=extra)
    except BlinkArchiveError as error:
        if not work.told:
            raise
        work.stop(error)
    raise click.exceptions.Exit(work.conclude())


def _check_options() -> None:
    """Raise `UsageError` where another archive than DEST is named; the environment's is nobody's wish."""
    context = click.get_current_context()
    for each in (context, context.find_root()):
        for name in ("archive_dir", "catalog"):
            if each.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise UsageError("DEST is the archive here. Leave --archive and --catalog away.")


def _check_folder(root: Path) -> None:
    """Raise `UsageError` for a folder with anything in it that is no archive."""
    from ..archive.folder import is_archive
    from ..archive.layout import CATALOG

    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is no folder. Name one that is new or empty.")
    if not root.is_dir() or is_archive(root):
        return
    strange = [each.name for each in root.iterdir() if not each.name.startswith((".", CATALOG, "lost+found"))]
    if strange:
        raise UsageError(
            f"{root} is not empty, and no archive: it has {strange[0]}. Name a folder that is new or empty."
        )


def _request(target: Path, form: str | None) -> Request:
    from ..archive.export.run import Request
    from ..archive.filters import Filter
    from .export import form_of

    kind = form_of(target, form)
    return Request(target, Filter(), {"all": True, "format": kind}, form=kind)


def _in_place(root: Path) -> Request:
    from ..archive.export.run import Request
    from ..archive.filters import Filter

    return Request(root, Filter(), {"all": True}, how="in place")


def _check_ahead(root: Path, extra: Request | None) -> None:
    """Raise `UsageError` now for what would end it after hours."""
    from ..archive.export.run import check_ahead

    for request in (_in_place(root), extra):
        if request is not None:
            check_ahead(request, root)


class _All:
    """The steps, what each of them told, and the exit code in the end."""

    def __init__(self, given: Globals, *, steps: int) -> None:
        self._given = given
        self._steps = steps
        self._step = 0
        self._codes: set[int] = set()
        self._stopped: str | None = None
        self.told: dict[str, Any] = {}

    def run(self, *, reserve: int, extra: Request | None) -> None:
        """All steps. Raises what ends them early."""
        archive = self._sign_in()
        self.told["archive"] = str(archive.root)
        if not self._fetch(archive, reserve=reserve):
            return
        self._verify(archive)
        self._add_papers(archive)
        if extra is not None:
            self._next(f"Exporting it to {printable(str(extra.destination))}.")
            self.told["export"] = self._export(archive, extra)

    def stop(self, error: BlinkArchiveError) -> None:
        """An error ended it."""
        self._codes.add(error.exit_code)
        self._stopped = str(error)

    def conclude(self) -> int:
        """Say what is missing, and where all is; the exit code."""
        from ..sync.run import exit_code

        given, root = self._given, self._given.root()
        code = exit_code(self._codes)
        missing = _missing(given.archive())
        if given.json:
            print_json(self.told | {"missing": missing, "stopped": self._stopped, "exit_code": code})
            return code
        for each in missing[:_SHOWN]:
            reason = f": {printable(each['reason'])}" if each["reason"] else ""
            given.say(f"Missing: {counted(each['clips'], 'clips')}, {each['status']}{reason}.")
        if len(missing) > _SHOWN:
            given.say("… and more, for other reasons: `blink-archive query 'SELECT * FROM missing'`.")
        if self._stopped is not None:
            click.echo(f"blink-archive: {self._stopped}", err=True)
        elif not given.quiet:
            click.echo(f"All that is archived is in {printable(str(root))}. index.html there plays it.")
        return code

    def _next(self, what: str) -> None:
        self._step += 1
        self._given.say(f"{self._step}/{self._steps} {what}")

    def _sign_in(self) -> Archive:
        given = self._given
        try:
            session = given.session()
            self._next(f"Signed in as {session.whose}.")
        except NotSignedIn:
            self._next("Signing in to Blink.")
            try:
                sign_in(given, "app")
            except CodeNeeded as error:
                raise CodeNeeded(f"{error} Then run the same command again.") from error
        return make_archive(given)[0]

    def _fetch(self, archive: Archive, *, reserve: int) -> bool:
        """Whether it ended so well that the rest is of use."""
        from ..sync.run import Options

        self._next(f"Fetching all that Blink has into {printable(str(archive.root))}.")
        options = Options(full=True, reserve=reserve, quiet=None)
        summary = run_interruptibly(sync_once(self._given, archive, options))
        self.told["sync"] = summary.as_json()
        self._codes.add(summary.exit_code)
        if not self._given.json:
            tell_sync(self._given, summary)
        if summary.exit_code in (0, 3):
            return True
        self._stopped = f"{summary.stopped or 'The fetch did not end well.'} {_AGAIN}"
        return False

    def _verify(self, archive: Archive) -> None:
        """Read every file back. Raises `IntegrityError` where one is not as it was archived."""
        from ..archive.verify import Dates, total_bytes, verify

        self._next("Reading every file back.")
        catalog, dates = archive.open_catalog(), Dates.open(archive, now=now)
        try:
            report: Verified = with_byte_bar(
                lambda progress: verify(
                    catalog, archive.root, dates=dates, running=archive.is_locked, progress=progress
                ),
                total=total_bytes(catalog),
                what="verifying",
                shown=bars_wanted(no_progress=self._given.no_progress, quiet=self._given.quiet),
            )
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted; what is fetched is kept. {_AGAIN}") from None
        finally:
            dates.close()
            catalog.close()
        findings = [{"path": each.path, "is": each.kind} for each in report.findings]
        self.told["verify"] = {"files": report.checked, "bytes": report.bytes, "findings": findings}
        self._given.say(f"{counted(report.checked, 'files')} read, {size(report.bytes)}.")
        if findings:
            self._codes.add(IntegrityError.exit_code)
        for finding in report.findings[:_SHOWN]:
            self._given.say(f"{finding.kind}: {printable(finding.path)} ({printable(finding.detail)})")
        if any(finding.clip_id is not None for finding in report.findings):
            raise IntegrityError(
                f"Files in {archive.root} are not as they were archived a moment ago: check the disk. "
                f"`blink-archive verify --repair --archive '{archive.root}'` fetches them again."
            )

    def _add_papers(self, archive: Archive) -> None:
        self._next("Adding index.html, tables and SHA256SUMS.")
        self.told["papers"] = self._export(archive, _in_place(archive.root))

    def _export(self, archive: Archive, request: Request) -> dict[str, Any]:
        from ..archive.export.run import planned

        with planned(archive, request, now=now) as export:
            report: Exported = run_with_bar(self._given, export)
        if not self._given.json and request.how != "in place":
            tell(self._given, report)
        return report.as_json()


def _missing(archive: Archive) -> list[dict[str, Any]]:
    """The clips that Blink listed and that are not here: how many, by status and reason."""
    catalog = archive.open_catalog()
    try:
        return catalog.rows(
            "SELECT status, reason, count(*) AS clips FROM missing GROUP BY 1, 2 ORDER BY clips DESC"
        )
    finally:
        catalog.close()
