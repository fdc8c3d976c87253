"""What a timer runs: this program with what is in force now, as a command line that needs nothing else."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from datetime import time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .options import Globals

if TYPE_CHECKING:
    from ..nightly.timers import Job, Kind, Owner, Scheduler, Scope


def owner_of(scope: Scope, run_as: str | None) -> Owner:
    """Whose timer it is. Of one of the machine, the home that paths begin with by default is that user's:
    this process takes it on. Raises UsageError for a user that there is not."""
    from ..nightly.timers import Owner

    me = getpass.getuser()
    if scope == "user":
        if run_as is not None:
            raise UsageError("--run-as is for a timer of the machine. Add --system, or leave it away.")
        return Owner("user", me, Path.home())
    user = run_as or os.environ.get("SUDO_USER") or me
    if sys.platform == "win32":
        return Owner("system", user, Path.home())
    import pwd

    try:
        home = Path(pwd.getpwnam(user).pw_dir)
    except KeyError:
        raise UsageError(f"There is no user {user!r} on this machine. Name one with --run-as.") from None
    if user != me:
        os.environ["HOME"] = str(home)
        for name in [name for name in os.environ if name.startswith("XDG_")]:
            del os.environ[name]
    return Owner("system", user, home)


def installer(kind: Kind | None, owner: Owner) -> Scheduler:
    """The scheduler to change something in; UsageError where the rights for it are missing."""
    from ..nightly.timers import scheduler, scheduler_here

    if owner.scope == "system" and sys.platform != "win32" and os.geteuid() != 0:
        raise UsageError(
            "A timer of the machine is written by root. Put sudo before the command, or leave --system away "
            "for a timer of your own."
        )
    return scheduler(kind or scheduler_here(), owner)


def make_job(
    given: Globals, owner: Owner, *, at: time, verify: timedelta | None, writable: tuple[Path, ...]
) -> Job:
    """The nightly sync of the archive at hand, and after it a verify that takes no longer than ``verify``."""
    from ..nightly.timers import Job, gives_namespaces, timer_name

    root = given.root()
    archive = root.resolve()
    before = (*_program(), "--no-input", "--no-progress", *_in_force(given))
    log, entry, file = given.log(), given.entry(), given.configuration.file
    metrics = entry.settings.get("prometheus-file") if entry else None
    written = (
        archive,
        given.catalog_path().parent,
        given.state().path,
        *([log.parent] if log else []),
        *([Path(str(metrics.value)).parent] if metrics else []),
        *writable,
    )
    needed = (Path(before[0]), Path(sys.prefix), Path(sys.base_prefix), Path(__file__))
    return Job(
        name=timer_name(archive, owner),
        owner=owner,
        command=(*before, "sync"),
        then=(*before, "verify", "--max-duration", f"{verify.total_seconds():.0f}s") if verify else None,
        at=at,
        archive=archive,
        writable=tuple(dict.fromkeys(path.absolute().resolve() for path in written)),
        needed=tuple(path.resolve() for path in (*needed, *([file] if file else []))),
        umask=_umask(),
        namespaces=gives_namespaces(),
    )


def left_out(ctx: click.Context) -> list[str]:
    """The variables of this environment that a sync would go by here, and the timer's will not."""
    root = ctx.find_root()
    sync = root.command.get_command(root, "sync") if isinstance(root.command, click.Group) else None
    names = (
        option.envvar or f"BLINK_ARCHIVE_{option.name}".upper()
        for option in (sync.params if sync else ())
        if isinstance(option, click.Option) and option.allow_from_autoenv and not option.hidden
    )
    return [name for name in names if isinstance(name, str) and os.environ.get(name)]


def _in_force(given: Globals) -> list[str]:
    """The global options that stand for what is in force now. The account is not among them: an archive tells
    its own, and everybody sees command lines."""
    words = ["--archive", str(given.root())]
    if file := given.configuration.file:
        words += ["--config", str(file)]
    if given.catalog:
        words += ["--catalog", str(given.catalog_path())]
    words += ["--state-dir", str(given.state().path)]
    if given.api_url:
        words += ["--api-url", given.api_url]
    if given.oauth_url:
        words += ["--oauth-url", given.oauth_url]
    if trusted := given.trusted():
        words += ["--ca-file", str(trusted)]
    if log := given.log():
        words += ["--log-file", str(log)]
    return words


def _program() -> tuple[str, ...]:
    """This program, by its absolute path: the script beside the interpreter, or the interpreter and the
    module. Raises UsageError where only this shell or folder makes the module known."""
    python = Path(sys.executable)
    script = python.with_name("blink-archive.exe" if sys.platform == "win32" else "blink-archive")
    if script.is_file():
        return (str(script),)
    module = __package__.partition(".")[0]
    found = subprocess.run(  # noqa: S603 - this interpreter, without this shell's PYTHONPATH or folder
        [sys.executable, "-E", "-P", "-c", f"import {module}"], capture_output=True, check=False
    )
    if found.returncode:
        raise UsageError(
            f"{python} knows {module} only here and now, not when a timer calls it. Install the program, as "
            "the README shows it, and run the command again."
        )
    return (str(python), "-m", module)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
