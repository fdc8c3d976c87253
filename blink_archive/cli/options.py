"""Options that every command takes, before or after its name, and where their values come from."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ..errors import NotSignedIn, UsageError, WrongAccount

if TYPE_CHECKING:
    from ..archive.catalog import Catalog
    from ..archive.filters import Filter
    from ..archive.folder import Archive
    from ..client import Blink, Pacing, Session, StateDir
    from ..client.addresses import Addresses

F = TypeVar("F", bound=Callable[..., Any])


class NamedPath(click.Path):
    """A path. An empty one would mean the current folder, which nobody meant who wrote ``"$UNSET"``."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("The path is empty. Name one, or leave the option away.", param, ctx)
        return super().convert(value, param, ctx)


_PATH = NamedPath()


@dataclass(slots=True)
class Globals:
    """The values of the global options. ``archive_dir``, ``catalog`` and ``state_dir`` are None where
    their defaults apply; use the methods."""

    archive_dir: Path | None = None
    catalog: Path | None = None
    state_dir: Path | None = None
    account: str | None = None
    api_url: str | None = None
    oauth_url: str | None = None
    ca_file: Path | None = None
    log_file: Path | None = None
    verbose: int = 0
    quiet: bool = False
    json: bool = False
    no_progress: bool = False
    no_input: bool = False

    def root(self) -> Path:
        """The archive's folder."""
        return _absolute(self.archive_dir or Path("~/blink-archive"), option="--archive")

    def catalog_path(self) -> Path:
        """The catalog's file."""
        from ..archive.layout import CATALOG

        return _absolute(self.catalog, option="--catalog") if self.catalog else self.root() / CATALOG

    def archive(self) -> Archive:
        """The archive, which has to be there."""
        from ..archive.folder import open_archive

        return open_archive(self.root(), self.catalog_path())

    def read_catalog(self) -> Catalog:
        """The archive's catalog, for reading."""
        return self.archive().open_catalog()

    def state(self) -> StateDir:
        """Where the sign-in is kept."""
        from ..client import StateDir

        if self.state_dir:
            return StateDir(_absolute(self.state_dir, option="--state-dir"))
        return StateDir.default()

    def session(self, *, anywhere: bool = False) -> Session:
        """The sign-in to use: of --account, else of the archive's account, else the only one.

        With ``anywhere``, also one made against other addresses. Raises NotSignedIn where there is none,
        UsageError where there are several, WrongAccount where only others than the archive's are signed in.
        """
        from ..archive.folder import account_of
        from ..client import choose_session, stored_sessions

        state, here = self.state(), None if anywhere else self.addresses()
        owner = account_of(self.root()) if self.account is None else None
        try:
            return choose_session(state, owner if self.account is None else self.account, addresses=here)
        except NotSignedIn:
            others = [each for each in stored_sessions(state) if here is None or each.is_of(here)]
            if owner is None or not others:
                raise
            raise WrongAccount(
                f"{self.root()} is the archive of account {owner}, and signed in is "
                f"{', '.join(each.whose for each in others)}. Run `blink-archive login` with the email of "
                f"account {owner}, name another folder with --archive, or choose with --account."
            ) from None

    def addresses(self) -> Addresses:
        """Blink's addresses, or what --api-url and --oauth-url put in their place."""
        from ..client.addresses import Addresses

        return Addresses.chosen(api_url=self.api_url, oauth_url=self.oauth_url)

    def trusted(self) -> Path | None:
        """The file of --ca-file."""
        return _absolute(self.ca_file, option="--ca-file") if self.ca_file else None

    def blink(self, *, connections: int = 8, pacing: Pacing | None = None) -> Blink:
        """The `Blink` of `session`; raises as it does."""
        from ..client import Blink

        return Blink.from_state(
            self.state(),
            account=self.session().account_id,
            api_url=self.api_url,
            oauth_url=self.oauth_url,
            ca_file=self.trusted(),
            connections=connections,
            pacing=pacing,
        )

    def say(self, message: str = "") -> None:
        """A message for a person: stderr, unless --quiet."""
        if not self.quiet:
            click.echo(message, err=True)

    def can_ask(self) -> bool:
        """Whether a person is there to answer."""
        return not self.no_input and sys.stdin.isatty()


def _absolute(path: Path, *, option: str) -> Path:
    """``path`` from the root on; `UsageError` where its ``~``, or the current folder, is not to be found."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"{path} begins with a home directory that is not known here. Set HOME, or write out the whole "
            f"path with {option}."
        ) from None
    except FileNotFoundError:
        raise UsageError(
            f"The current folder is gone, so that {path} leads nowhere. Change to another one, or write out "
            f"the whole path with {option}."
        ) from None


pass_globals = click.make_pass_decorator(Globals, ensure=True)

_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--archive", "archive_dir"),
        {"type": _PATH, "metavar": "DIR", "help": "The archive's folder (default: ~/blink-archive)."},
    ),
    (
        ("--catalog",),
        {"type": _PATH, "metavar": "FILE", "help": "The catalog (default: catalog.db in the archive)."},
    ),
    (
        ("--state-dir",),
        {
            "type": _PATH,
            "metavar": "DIR",
            "help": "Where the sign-in is kept (default: the platform's place for state).",
        },
    ),
    (
        ("--account",),
        {
            "metavar": "EMAIL",
            "help": "Which account, by email or id (default: the archive's, or the only one signed in).",
        },
    ),
    (("--api-url",), {"metavar": "URL", "help": "Use this instead of Blink's REST hosts."}),
    (("--oauth-url",), {"metavar": "URL", "help": "Use this instead of Blink's sign-in host."}),
    (
        ("--ca-file",),
        {
            "type": _PATH,
            "metavar": "FILE",
            "help": "Also trust the certificates (PEM) in FILE, such as those of a company's proxy.",
        },
    ),
    (("--log-file",), {"type": _PATH, "metavar": "FILE", "help": "Write a log, without secrets, to FILE."}),
    (("-v", "--verbose"), {"count": True, "help": "Log to stderr; twice: every request."}),
    (("-q", "--quiet"), {"is_flag": True, "help": "Say nothing but errors and what was asked for."}),
    (("--json",), {"is_flag": True, "help": "Print JSON."}),
    (("--no-progress",), {"is_flag": True, "help": "No progress bars."}),
    (("--no-input",), {"is_flag": True, "help": "Never ask."}),
)
_PREFIX = "BLINK_ARCHIVE"
_ENVIRONMENT_NAMES = {"archive_dir": "DIR"}


EPILOG = "The options of blink-archive itself (--archive, --json, …) may follow here, too."


def global_options(*, of_command: bool = False) -> Callable[[F], F]:
    """Attach the global options. The group takes them from the environment too; a command takes over
    only what stands behind its name."""

    def attach(function: F) -> F:
        for names, settings in reversed(_OPTIONS):
            name = names[-1].lstrip("-").replace("-", "_")
            variable = None if of_command else f"{_PREFIX}_{_ENVIRONMENT_NAMES.get(name, name.upper())}"
            function = click.option(
                *names,
                **settings,
                envvar=variable,
                allow_from_autoenv=False,
                hidden=of_command,
                expose_value=False,
                callback=_take,
                is_eager=True,
            )(function)
        return function

    return attach


def command(name: str, *, variables: str = _PREFIX) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of ours: gets the `Globals`, takes the global options behind its name, and each of its
    own options from the environment, as ``variables`` and its name, but those that confirm or create."""

    def make(function: Callable[..., Any]) -> click.Command:
        attach = global_options(of_command=True)
        settings = {"auto_envvar_prefix": variables}
        epilog = f"{EPILOG} Each option also comes from the environment: {variables}_ and its name."
        return click.command(name, epilog=epilog, context_settings=settings)(attach(pass_globals(function)))

    return make


def _take(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    given = ctx.find_root().ensure_object(Globals)
    if ctx.get_parameter_source(param.name or "") not in (ParameterSource.DEFAULT, None):
        setattr(given, param.name or "", value)
        if param.name in ("verbose", "log_file"):
            log_to(given)


def log_to(given: Globals) -> None:
    """Send our log where it was asked for, and warnings to stderr in any case; every record passes the
    redactor, those of other libraries included."""
    logger = logging.getLogger("blink_archive")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    whole = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    to_stderr = logging.StreamHandler()
    if given.verbose:
        to_stderr.setLevel(logging.DEBUG if given.verbose > 1 else logging.INFO)
        to_stderr.setFormatter(whole)
    else:
        to_stderr.setLevel(logging.WARNING)
        to_stderr.setFormatter(logging.Formatter("blink-archive: %(message)s"))
    handlers: list[logging.Handler] = [to_stderr]
    if given.log_file:
        to_file = _log_file(_absolute(given.log_file, option="--log-file"))
        to_file.setFormatter(whole)
        handlers.append(to_file)
    for handler in handlers:
        handler.addFilter(_redact)
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if given.verbose or given.log_file else logging.WARNING)
    if logging.lastResort is not None:  # what libraries without a handler warn of (asyncio) goes there
        logging.lastResort.addFilter(_redact)


def _redact(record: logging.LogRecord) -> bool:
    """The redactor, whose room is loaded with the first record: most commands have none."""
    from ..client.redact import Redactor

    return Redactor().filter(record)


def _log_file(path: Path) -> logging.Handler:
    try:
        return logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"The log {path} cannot be written: {error.strerror}. Make its folder, or name another file with "
            "--log-file."
        ) from error


def filter_options(function: F) -> F:
    """``--since`` and its kin: the command gets the five arguments of `make_filter` that are of them."""
    for names, settings in reversed(
        (
            (
                ("--since",),
                {"metavar": "DATE", "help": "Clips of that day or time and later; 7d: the last seven days."},
            ),
            (("--until",), {"metavar": "DATE", "help": "Clips of that day or time and earlier."}),
            (
                ("--camera",),
                {
                    "multiple": True,
                    "metavar": "NAME",
                    "help": "Only this camera, by its name then or now, or its id. May repeat.",
                },
            ),
            (
                ("--network",),
                {"multiple": True, "metavar": "NAME", "help": "Only this network. May repeat."},
            ),
            (
                ("--source",),
                {
                    "multiple": True,
                    "metavar": "TRIGGER",
                    "help": "Only clips with this trigger (pir, liveview, …). May repeat.",
                },
            ),
        )
    ):
        kind = {"type": Lines()} if settings.get("multiple") else {}
        function = click.option(*names, **settings, **kind)(function)  # type: ignore[arg-type]
    return function


def mark_options(function: F) -> F:
    """``--starred`` and ``--label``, what people said of clips, and models: two more of `make_filter`."""
    starred = click.option("--starred", is_flag=True, help="Only clips with a star.")
    label = click.option(
        "--label",
        multiple=True,
        type=Lines(),
        metavar="LABEL",
        help="Only clips with this label, of your own or Blink's. May repeat: any of them.",
    )
    return starred(label(function))


class Lines(click.ParamType[str]):
    """A text; from the environment, one value a line (names hold spaces)."""

    name = "text"
    envvar_list_splitter = "\n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)


def make_filter(
    *,
    since: str | None = None,
    until: str | None = None,
    before: str | None = None,
    camera: tuple[str, ...] = (),
    network: tuple[str, ...] = (),
    source: tuple[str, ...] = (),
    text: str | None = None,
    starred: bool = False,
    label: tuple[str, ...] = (),
    now: datetime,
) -> Filter:
    """The `Filter` of what options took; `UsageError` for a date that is none, or a span of them that is."""
    from ..archive.filters import Filter, parse_moment

    return Filter(
        since=None if since is None else parse_moment(since, now=now),
        until=None if until is None else parse_moment(until, now=now),
        before=None if before is None else parse_moment(before, now=now),
        cameras=camera,
        networks=network,
        sources=source,
        text=text,
        starred=starred,
        labels=label,
    )
