"""Options that every command takes, before or after its name, and where their values come from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ..errors import UsageError
from .configured import Configured, read_configuration
from .globals import Folder, Globals, NamedPath
from .quantities import Date

if TYPE_CHECKING:
    from ..archive.filters import Filter

__all__ = ["Globals", "NamedPath"]  # which every command takes from here

F = TypeVar("F", bound=Callable[..., Any])


pass_globals = click.make_pass_decorator(Globals, ensure=True)

_PATH = NamedPath()
_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--archive", "archive_dir"),
        {
            "type": Folder(),
            "metavar": "DIR",
            "help": "The archive's folder, or its name in the configuration (default: ~/blink-archive).",
        },
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
    (
        ("--config",),
        {
            "type": _PATH,
            "metavar": "FILE",
            "help": "The configuration (default: config.toml in the platform's place for it; see `config`).",
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


class _Command(click.Command):
    """A command whose options have their defaults in the configuration, which is read before it begins."""

    context_class = Configured

    def invoke(self, ctx: click.Context) -> Any:
        read_configuration(ctx)
        given = ctx.find_root().ensure_object(Globals)
        if given.log() is not None and given.log_file is None:
            log_to(given)
        return super().invoke(ctx)


def command(
    name: str, *, variables: str = _PREFIX, configured: bool = True
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of ours: gets the `Globals`, takes the global options behind its name, and each of its
    own options from the environment, as ``variables`` and its name, but those that confirm or create.

    It reads the configuration, and ends where that has a mistake, unless it is not ``configured``.
    """

    def make(function: Callable[..., Any]) -> click.Command:
        attach = global_options(of_command=True)
        settings = {"auto_envvar_prefix": variables}
        epilog = f"{EPILOG} Each option also comes from the environment: {variables}_ and its name."
        kind = _Command if configured else click.Command
        make_it = click.command(name, cls=kind, epilog=epilog, context_settings=settings)
        return make_it(attach(pass_globals(function)))

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
    if (file := given.log()) is not None:
        to_file = _log_file(file)
        to_file.setFormatter(whole)
        handlers.append(to_file)
    for handler in handlers:
        handler.addFilter(_redact)
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if given.verbose or file else logging.WARNING)
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
                {
                    "type": Date(),
                    "metavar": "DATE",
                    "help": "Clips of that day or time and later; 7d: the last seven days.",
                },
            ),
            (
                ("--until",),
                {"type": Date(), "metavar": "DATE", "help": "Clips of that day or time and earlier."},
            ),
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


def word_options(function: F) -> F:
    """``--starred``, ``--label`` and ``--text``: what people and models said of clips, for `make_filter`."""
    starred = click.option("--starred", is_flag=True, help="Only clips with a star.")
    label = click.option(
        "--label",
        multiple=True,
        type=Lines(),
        metavar="LABEL",
        help="Only clips with this label, of your own or Blink's. May repeat: any of them.",
    )
    text = click.option(
        "--text",
        metavar="WORDS",
        help="Clips whose camera, network, description, labels or note hold all of these words; "
        '"in quotes": a phrase; park*: what begins so.',
    )
    return starred(label(text(function)))


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
