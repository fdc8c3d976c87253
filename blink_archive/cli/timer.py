"""``timer``: have the system run a sync every night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import BlinkArchiveError
from .groups import group
from .options import Globals, Lines, NamedPath, command
from .output import ago, now, print_json
from .quantities import Span
from .timer_job import installer, left_out, make_job, owner_of

if TYPE_CHECKING:
    from ..nightly.timers import Kind, Owner, Scope, Status

F = TypeVar("F", bound=Callable[..., Any])

_VARIABLES = "BLINK_ARCHIVE_TIMER"


@group(
    "timer",
    {
        "install": ("timer", "Have a sync run every night."),
        "remove": ("timer", "Take the timer away."),
        "show": ("timer", "Print what install would write, and do nothing."),
        "status": ("timer", "Whether a timer is installed, when it runs, how it went."),
    },
)
def timer_command() -> None:
    """Have the system run a sync every night: systemd, launchd on macOS, the Task Scheduler on Windows, cron
    elsewhere.

    What runs is a sync of this archive as it is named now, by options, variables and configuration. Each
    archive has a timer of its own.
    """


class _Clock(click.ParamType[time]):
    """``03:15``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> time:
        if isinstance(value, time):
            return value
        try:
            return datetime.strptime(str(value).strip(), "%H:%M").time()  # noqa: DTZ007 - a time of any day
        except ValueError:
            self.fail(f"{value!r} is no time of day. Write 03:15.", param, ctx)


def _which(function: F) -> F:
    """The options that say which timer is meant."""
    for option in (
        click.option(
            "--run-as",
            metavar="USER",
            help="With --system: whose run it is (default: who called sudo, or you).",
        ),
        click.option(
            "--as",
            "kind",
            type=click.Choice(["systemd", "launchd", "cron", "windows"]),
            help="Another scheduler than this system's own.",
        ),
        click.option(
            "--system",
            "scope",
            flag_value="system",
            help="One of the machine, which needs root to be written.",
        ),
        click.option("--user", "scope", flag_value="user", help="One of your own (the default)."),
    ):
        function = option(function)
    return function


def _what(function: F) -> F:
    """The options that say what runs."""
    for option in (
        click.option(
            "--writable",
            type=_Folders(),
            multiple=True,
            metavar="DIR",
            help="systemd: the run writes there, too, as for a Prometheus file. May repeat.",
        ),
        click.option(
            "--verify",
            type=Span(),
            metavar="TIME",
            help="After each sync, verify for so long (10m), whatever came of the sync.",
        ),
        click.option(
            "--at",
            type=_Clock(),
            default="03:15",
            show_default=True,
            metavar="TIME",
            help="When, by the clock on the wall; it begins up to 15 minutes later.",
        ),
    ):
        function = option(function)
    return function


class _Folders(NamedPath):
    """A path; from the environment, one a line."""

    envvar_list_splitter = Lines.envvar_list_splitter


@command("install", variables=_VARIABLES)
@_what
@_which
def install_command(
    given: Globals, *, scope: Scope | None, kind: Kind | None, run_as: str | None, at: time, **what: Any
) -> None:
    """Have a sync run every night. Once more, it replaces the timer: with another --at, or after an update.

    A timer of your own (--user) needs no rights. Under systemd and launchd it runs while you are signed in;
    `loginctl enable-linger` lets systemd run it always. One of the machine (--system) is written by root, and
    runs as the user who called sudo.
    """
    owner = owner_of(scope or "user", run_as)
    _check_archive(given)
    scheduler = installer(kind, owner)
    job = make_job(given, owner, at=at, **what)
    places = scheduler.install(job)
    if without := left_out(click.get_current_context()):
        given.say(
            f"Warning: what {', '.join(without)} says here does not hold in the timer's runs. Put it into "
            "the configuration (`blink-archive config init` writes one)."
        )
    state = scheduler.state(job.name)
    if given.json:
        print_json(
            {
                "installed": True,
                "scheduler": scheduler.kind,
                "scope": owner.scope,
                "name": job.name,
                "written": list(places),
                "next_run": _text(state.next_run),
            }
        )
        return
    for place in places:
        click.echo(f"Written    {place}")
    click.echo(f"Next run   {_local(state.next_run)}")
    _hint(given, owner, job.name, scheduler)


def _check_archive(given: Globals) -> None:
    """The archive has to be there, and of the account that was named: no sync in the night makes one."""
    from ..archive.folder import find_archive

    archive = find_archive(given.root(), given.catalog_path())
    if given.account is not None:
        archive.check_account(given.session().account_id)


def _hint(given: Globals, owner: Owner, name: str, scheduler: object) -> None:
    from ..nightly.timers import Systemd

    if not isinstance(scheduler, Systemd):
        return
    user = "--user " if owner.scope == "user" else ""
    given.say(f"To try it now: systemctl {user}start {name}.service; its log: journalctl {user}-u {name}")
    if not scheduler.lingers():
        given.say("It runs while you are signed in. To have it run always: loginctl enable-linger")


@command("show", variables=_VARIABLES)
@_what
@_which
def show_command(
    given: Globals, *, scope: Scope | None, kind: Kind | None, run_as: str | None, at: time, **what: Any
) -> None:
    """Print what `timer install` would write here, or, with --as, on another system. Nothing is done."""
    from ..nightly.timers import scheduler, scheduler_here

    owner = owner_of(scope or "user", run_as)
    texts = scheduler(kind or scheduler_here(), owner).texts(make_job(given, owner, at=at, **what))
    if given.json:
        print_json([{"place": each.place, "text": each.text} for each in texts])
        return
    for number, each in enumerate(texts):
        if number:
            click.echo()
        if len(texts) > 1:  # as `systemctl cat` does it
            click.echo(f"# {each.place}")
        click.echo(each.text, nl=False)


@command("status", variables=_VARIABLES)
@_which
def status_command(given: Globals, *, scope: Scope | None, kind: Kind | None, run_as: str | None) -> None:
    """Whether a timer is installed for this archive, when it runs next, and how its last run and the
    archive's last sync went."""
    found = timer_status(given, scope, kind, run_as)
    last, trouble = _last_sync(given)
    if given.json:
        print_json(
            {
                "installed": found.installed,
                "problem": found.problem,
                "scheduler": found.kind,
                "scope": found.owner.scope,
                "name": found.name,
                "written": list(found.state.places),
                "next_run": _text(found.state.next_run),
                "last_run": _text(found.state.last_run),
                "result": found.state.result,
                "last_sync": last,
            }
        )
        return
    match found.installed:
        case True:
            click.echo(f"Timer      {found.name}, of {found.kind}, {found.owner.scope}")
            for place in found.state.places:
                click.echo(f"Written    {place}")
            click.echo(f"Next run   {_local(found.state.next_run)}")
            if found.state.result:
                began = f"{_local(found.state.last_run)}: " if found.state.last_run else ""
                click.echo(f"Last run   {began}{found.state.result}")
        case False:
            click.echo(f"Timer      none for {given.root()}; `blink-archive timer install` makes one")
        case None:
            click.echo(f"Timer      unknown: {found.problem}")
    click.echo(f"Last sync  {trouble or _sync_in_words(last)}")


def timer_status(
    given: Globals, scope: Scope | None = None, kind: Kind | None = None, run_as: str | None = None
) -> Status:
    """Whether the archive at hand has a timer: one's own, or the machine's."""
    from ..nightly.timers import scheduler_here, status

    scopes: tuple[Scope, ...] = (scope,) if scope else ("system",) if run_as else ("user", "system")
    owners = [owner_of(each, run_as if each == "system" else None) for each in scopes]
    return status(kind or scheduler_here(), given.root().resolve(), *owners)


def _last_sync(given: Globals) -> tuple[dict[str, Any] | None, str | None]:
    """The archive's last sync, or why there is none to tell of."""
    from ..archive.search import last_run

    try:
        catalog = given.read_catalog()
        try:
            return last_run(catalog, "sync"), None
        finally:
            catalog.close()
    except BlinkArchiveError as error:
        return None, str(error)


def _sync_in_words(run: dict[str, Any] | None) -> str:
    if run is None:
        return "none yet"
    if run["ended_at"] is None:
        return f"{ago(run['started_at'], now=now())}, without an end yet"
    return f"{ago(run['ended_at'], now=now())}, exit code {run['exit_code']}"


@command("remove", variables=_VARIABLES)
@_which
def remove_command(given: Globals, *, scope: Scope | None, kind: Kind | None, run_as: str | None) -> None:
    """Take the timer of this archive away, and nothing else. A run that is under way goes on."""
    from ..nightly.timers import timer_name

    owner = owner_of(scope or "user", run_as)
    places = installer(kind, owner).remove(timer_name(given.root().resolve(), owner))
    if given.json:
        print_json({"removed": list(places)})
        return
    for place in places:
        click.echo(f"Removed    {place}")
    if not places:
        other = "--user" if owner.scope == "system" else "--system"
        given.say(
            f"There is no timer of that kind for {given.root()}. One of the other has to be named: {other}."
        )


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone().isoformat(timespec="seconds") if moment else None


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "unknown"
