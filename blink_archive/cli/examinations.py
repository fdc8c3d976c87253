"""What `doctor` looks at, one after the other: each tells how one thing is, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import click

from ..errors import BlinkArchiveError, StorageError, UsageError
from ..model import utc_text
from .interrupts import run_interruptibly
from .options import Globals
from .output import ago, counted, size

LIBRARIES = (
    "click", "filelock", "httpx", "platformdirs", "python-dateutil", "python-slugify", "sqlite-utils",
    "stamina", "starlette", "tqdm", "tzdata", "uvicorn", "apprise",
)  # fmt: skip
_SQLITE = (3, 37, 0)  # STRICT tables
_CLOCK = timedelta(minutes=5)  # TLS and token times forgive as much
_LITTLE = 5 * 10**9  # bytes: some weeks of clips
_LATE = timedelta(days=2)
_PATIENCE = 30.0  # seconds for Apprise to be loaded


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is. ``says`` is a sentence or less, ``advice`` a sentence; ``exit_code`` is that of the
    error behind a problem."""

    what: str
    verdict: Literal["ok", "warning", "problem"]
    says: str
    advice: str = ""
    exit_code: int = 0


Examination = Callable[[click.Context, Globals], Iterator[Finding]]


def examine(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    """All examinations, in order; what one stumbles over is its finding, and keeps none from the next."""
    told: dict[str, str] = {}  # sentence -> where it came up
    for what, examination in EXAMINATIONS.items():
        try:
            yield from examination(ctx, given)
        except BlinkArchiveError as error:
            first = told.setdefault(str(error), what)
            says = str(error) if first == what else f"cannot be looked at: see {first}, above"
            yield Finding(what, "problem", says, exit_code=error.exit_code)
        except click.UsageError as error:  # a variable of the environment that no option takes
            yield Finding(what, "problem", error.format_message(), exit_code=UsageError.exit_code)
        except OSError as error:
            yield Finding(
                what,
                "problem",
                f"{error.filename}: {error.strerror}",
                "Check it.",
                exit_code=StorageError.exit_code,
            )


def _program(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    from .. import __version__

    yield Finding("program", "ok", f"blink-archive {__version__}, {platform.platform()}")
    yield Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE:
        advice = "Use a Python with a newer SQLite, from python.org or from your system."
        yield Finding("SQLite", "problem", f"{found} is older than 3.37, which the catalog needs", advice, 1)
        return
    with_words = sqlite3.connect(":memory:")
    try:
        with_words.execute("CREATE VIRTUAL TABLE words USING fts5 (word)")
    except sqlite3.OperationalError:
        advice = "Use a Python from python.org or from your system."
        yield Finding("SQLite", "problem", f"{found} has no full-text search (FTS5)", advice, 1)
    else:
        yield Finding("SQLite", "ok", found)
    finally:
        with_words.close()


def _configuration(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    """Its mistakes; where there are none, what follows goes by it."""
    from .configured import look_at_configuration

    found = look_at_configuration(ctx)
    for mistake in found.mistakes:
        yield Finding("configuration", "problem", str(mistake), "Until it is mended, no command runs.", 2)
    if not found.mistakes:
        given.configuration, given.is_configured = found, True
        yield Finding("configuration", "ok", f"{found.file}, no mistakes" if found.file else "none")


def libraries() -> dict[str, str]:
    """The versions of what this program uses."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _folder(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    from ..archive.folder import on_network_file_system

    archive = given.archive()
    yield Finding("archive", "ok", f"{archive.root}, of account {archive.marker.account_id}")
    with archive.store.live_part() as part:
        part.write(b"doctor")
        archive.store.make_durable(part)
    yield Finding("archive's disk", "ok", "takes files, and fsync")
    free = shutil.disk_usage(archive.root).free
    verdict: Literal["ok", "warning"] = "ok" if free >= _LITTLE else "warning"
    advice = (
        "" if free >= _LITTLE else "Free some, or move the archive (`archive move`): a sync keeps a reserve."
    )
    yield Finding("free space", verdict, f"{size(free)} on the archive's disk", advice)
    for what, path in (("archive", archive.root), ("catalog", archive.catalog_path)):
        if kind := on_network_file_system(path):
            serious = what == "catalog"
            yield Finding(
                f"{what}'s file system",
                "warning" if serious else "ok",
                f"{kind}, over a network",
                "Its locks cannot be relied on: keep the catalog on a local disk with --catalog."
                if serious
                else "",
            )
        else:
            yield Finding(f"{what}'s file system", "ok", "local, as far as the system tells")


def _catalog(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    from ..archive.check import check

    archive = given.archive()
    report = check(archive, now=datetime.now(UTC))
    if report.findings:
        first = report.findings[0]
        yield Finding(
            "catalog",
            "problem",
            f"{counted(len(report.findings), 'findings')}, such as {first.where}: {first.what}",
            "`blink-archive catalog check` tells all; `catalog rebuild` makes a new one from the folder.",
            7,
        )
    else:
        rows = ", ".join(
            f"{count} {name}" for name, count in report.counts.items() if name in ("clips", "events")
        )
        yield Finding("catalog", "ok", f"sound ({rows})")


def _lock(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    archive = given.archive()
    catalog = archive.open_catalog()
    try:
        runs = catalog.rows("SELECT command, started_at, ended_at FROM runs ORDER BY id DESC LIMIT 1")
    finally:
        catalog.close()
    now = datetime.now(UTC)
    open_run = runs[0] if runs and runs[0]["ended_at"] is None else None
    if archive.is_locked():
        since = (
            f" (`{open_run['command']}`, since {ago(open_run['started_at'], now=now)})" if open_run else ""
        )
        yield Finding("run lock", "ok", f"a run holds the archive now{since}")
    elif open_run:
        yield Finding(
            "run lock",
            "warning",
            f"free; the last run (`{open_run['command']}`) was killed {ago(open_run['started_at'], now=now)}",
            "Nothing is to be removed: a lock ends with its process, and the next sync goes on from there.",
        )
    else:
        yield Finding("run lock", "ok", "free")


def _state(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    """Looked at before anything reads the files, which closes them."""
    folder = given.state().path
    if not folder.is_dir():
        yield Finding("sign-in's files", "warning", f"there is no {folder}", "Run `blink-archive login`.", 4)
        return
    if os.name == "posix":
        files = sorted(path for path in folder.iterdir() if path.is_file())
        open_to_others = [path.name for path in (folder, *files) if stat.S_IMODE(path.stat().st_mode) & 0o077]
        if open_to_others:
            yield Finding(
                "sign-in's files",
                "problem",
                f"others can read {', '.join(open_to_others)} in {folder}",
                f"Run `chmod -R go= {folder}`; if others use this machine, sign out and in again.",
                1,
            )
            return
    yield Finding("sign-in's files", "ok", f"{folder}, closed to others")


def _blink(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    session = given.session()
    yield Finding("sign-in", "ok", f"stored, of account {session.account_id}")

    async def ask() -> datetime | None:
        async with given.blink() as blink:
            page = await blink.media_changed(since=datetime.now(UTC), page=1)
            return page.server_time

    there = run_interruptibly(ask())
    yield Finding("Blink", "ok", "reachable, and takes the sign-in")
    if there is None:
        yield Finding(
            "clock", "warning", "Blink told no time to compare with", "Compare it with another clock."
        )
        return
    off = datetime.now(UTC) - there
    if abs(off) > _CLOCK:
        words = f"{abs(off)} {'ahead of' if off > timedelta(0) else 'behind'} Blink's".replace("0 days, ", "")
        yield Finding("clock", "problem", words, "Set it, by NTP: dates and retention are reckoned by it.", 1)
    else:
        yield Finding("clock", "ok", f"within {max(1, round(abs(off).total_seconds()))} s of Blink's")


def _nights(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    """The timer, and how the last syncs went."""
    from ..archive.runs import last_success
    from .timer import timer_status

    timer = timer_status(given)
    match timer.installed:
        case True:
            at = (
                f", next at {timer.state.next_run.astimezone():%Y-%m-%d %H:%M}"
                if timer.state.next_run
                else ""
            )
            yield Finding("timer", "ok", f"{timer.name}, of {timer.kind}{at}")
        case False:
            advice = "`blink-archive timer install` makes one; where `watch` runs, none is needed."
            yield Finding("timer", "warning", "none for this archive", advice)
        case None:
            yield Finding("timer", "warning", str(timer.problem))
    catalog = given.read_catalog()
    try:
        ended = last_success(catalog)
    finally:
        catalog.close()
    if ended is None:
        yield Finding("last sync", "warning", "none that ended well so far", "Run `blink-archive sync`.")
        return
    words = f"ended well {ago(utc_text(ended), now=datetime.now(UTC))}"
    if datetime.now(UTC) - ended > _LATE:
        advice = "`blink-archive runs` shows how the last ones went; Blink deletes what waits for too long."
        yield Finding("last sync", "problem", f"the last one that did {words}", advice, 1)
    else:
        yield Finding("last sync", "ok", words)


def _told(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    """Whether those who are to be told how a run ends can be; nothing is sent."""
    from ..nightly.deadline import Deadline
    from ..nightly.sending import is_installed, send
    from .configured import values_of

    if not given.is_configured:
        return
    values = values_of(ctx, "sync")
    services, file = values["notify"], values["prometheus_file"]
    troubles = []
    if services and not is_installed():
        troubles.append("--notify needs Apprise: run `pip install 'blink-archive[notify]'`.")
    elif services:
        troubles += send(None, services, until=Deadline(_PATIENCE))[1]
    if file and not os.access(file.expanduser().absolute().parent, os.W_OK):
        troubles.append(f"The figures for Prometheus cannot be written to {file}. Check its folder.")
    for trouble in troubles:
        yield Finding("notifications", "problem", trouble, exit_code=UsageError.exit_code)
    if not troubles:
        ways = [counted(len(services), "services of Apprise")] if services else []
        ways += ["a ping"] if values["ping"] else []
        ways += ["a file for Prometheus"] if file else []
        yield Finding("notifications", "ok", ", ".join(ways) or "nobody is told how a run ends")


def _clips(ctx: click.Context, given: Globals) -> Iterator[Finding]:
    from ..archive.concerns import concerns
    from ..archive.search import status

    catalog = given.read_catalog()
    try:
        found = status(catalog)
        warnings = list(concerns(catalog, quiet=timedelta(days=7), now=datetime.now(UTC)))
    finally:
        catalog.close()
    states = {name: state["clips"] for name, state in found["clips"].items()}
    told = ", ".join(f"{count} {name}" for name, count in states.items()) or "none yet"
    yield Finding("clips", "ok", told)
    if found["failing"]:
        advice = "`blink-archive query 'SELECT * FROM missing'` says why."
        yield Finding("clips", "warning", f"{found['failing']} of the waiting clips fail", advice)
    for warning in warnings:
        yield Finding("clips", "warning", warning)


EXAMINATIONS: dict[str, Examination] = {
    "program": _program,
    "configuration": _configuration,
    "sign-in's files": _state,
    "archive": _folder,
    "run lock": _lock,
    "catalog": _catalog,
    "Blink": _blink,
    "timer": _nights,
    "notifications": _told,
    "clips": _clips,
}
