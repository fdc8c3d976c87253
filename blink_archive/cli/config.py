"""``config``: write the configuration, show what holds, and find what is wrong with it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..config.keys import KEYS, NAME, Key
from ..errors import UsageError
from .configured import (
    Taker,
    configuration_file,
    look_at_configuration,
    takers,
    what_is_wrong,
)
from .groups import group
from .options import Globals, command
from .output import print_json, print_table

if TYPE_CHECKING:
    from ..config.configuration import Entry, Value
    from ..config.template import Line

_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)


@group(
    "config",
    {
        "check": ("config", "Find every mistake in the configuration."),
        "init": ("config", "Write a configuration that explains itself."),
        "show": ("config", "Show every setting, and where it comes from."),
    },
)
def config_command() -> None:
    """The configuration: defaults for the options, in a file.

    Each setting has the name of its option. What is typed comes first, then the environment, then the file,
    then the default.
    """


@command("check", variables="BLINK_ARCHIVE_CONFIG", configured=False)
@click.pass_context
def check_command(ctx: click.Context, given: Globals) -> None:
    """Find every mistake in the configuration.

    Each is a line: file, line, key, and what is right. Ends with exit code 2 if there is one.
    """
    found = look_at_configuration(ctx)
    if given.json:
        mistakes = [asdict(each) | {"file": str(each.file)} for each in found.mistakes]
        print_json({"file": None if found.file is None else str(found.file), "mistakes": mistakes})
    elif found.mistakes:
        for mistake in found.mistakes:
            click.echo(str(mistake))
    elif found.file is None:
        click.echo(f"There is no configuration {configuration_file(given)}: all defaults hold.")
    else:
        click.echo(f"{found.file}: no mistakes.")
    raise click.exceptions.Exit(UsageError.exit_code if found.mistakes else 0)


@command("init", variables="BLINK_ARCHIVE_CONFIG", configured=False)
@click.pass_context
def init_command(ctx: click.Context, given: Globals) -> None:
    """Write a configuration that explains itself.

    Every setting is in it, with its meaning and its default, as a comment. At a terminal this asks for those
    that matter most. A file that is there already stays as it is.
    """
    from ..config.template import template

    file = configuration_file(given)
    if file.exists() or file.is_symlink():
        raise UsageError(
            f"{file} is there already, and stays as it is. Edit it, or name another with --config."
        )
    taken = {taker.key.name: taker for taker in takers(ctx)}
    answers = _given(given)
    if given.can_ask():
        answers |= _ask(given, taken, ctx)
    _write(file, template(_lines(taken), answers))
    if given.json:
        print_json({"file": str(file)})
    else:
        given.say(f"Wrote {file}. Look through it: what is a comment can be set, too.")


def _given(given: Globals) -> dict[str, Value]:
    """What global options say already."""
    named = {
        "state-dir": given.state_dir,
        "ca-file": given.ca_file,
        "log-file": given.log_file,
        "archive": given.archive_dir,
        "catalog": given.catalog,
    }
    found: dict[str, Value] = {
        name: str(path.expanduser().absolute()) for name, path in named.items() if path is not None
    }
    return found | ({} if given.account is None else {"account": given.account})


def _ask(given: Globals, taken: dict[str, Taker], ctx: click.Context) -> dict[str, Value]:
    """What a person says to what matters most."""
    answers: dict[str, Value] = {}

    def ask(name: str, question: str, default: str) -> str:
        def right(answer: str) -> str:
            taker = taken[name]
            value = [answer] if taker.option.multiple else answer
            if answer and (wrong := what_is_wrong(taker.option, value, hidden=False, ctx=ctx)) is not None:
                raise click.UsageError(wrong)
            return answer

        said: str = click.prompt(
            question, default=default, value_proc=right, show_default=bool(default), err=True
        )
        if said:
            answers[name] = (said,) if taken[name].option.multiple else said
        return said

    folder = ask("archive", "Folder of the archive", str(given.root()))
    answers["archive"] = str(Path(folder).expanduser().absolute())
    ask("account", "Account, by its email (Enter alone: the one that is signed in)", given.account or "")
    if "at" in taken:
        ask("at", "Nightly run at", str(_default(taken["at"].option) or "03:15"))
    if click.confirm("Delete at Blink, after each sync, what is proven safe here?", err=True):
        answers["delete-remote"] = True
        ask("keep-days", "Only what was archived at least so many days ago", "7")
    if "notify" in taken:
        ask("notify", "Whom to tell when a run fails, as an address of Apprise (Enter alone: nobody)", "")
    return answers


def _lines(taken: dict[str, Taker]) -> Iterator[Line]:
    from ..config.template import Line

    for key in KEYS:
        if key is NAME:
            yield Line(key, key.text or "", None)
        elif key.name in taken:
            option = taken[key.name].option
            yield Line(key, key.text or option.help or "", _default(option))


def _default(option: click.Option) -> Value | float | None:
    """The option's default as it would be typed; None where it has none."""
    if isinstance(option.default, str | bool | int | float | tuple):
        return option.default
    return False if option.is_flag else None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK
    with os.fdopen(os.open(file, flags, 0o600), "wb") as opened:
        try:
            opened.write(text.encode("utf-8"))
            opened.flush()
            os.fsync(opened.fileno())
        except OSError:
            file.unlink()  # half of one would be in the way of the next try
            raise


@dataclass(frozen=True, slots=True)
class Shown:
    """What holds for a key: ``origin`` is flag, environment, file or default, ``where`` the place of it."""

    archive: str | None
    key: str
    value: Value | float | None
    origin: str
    where: str | None


@command("show", variables="BLINK_ARCHIVE_CONFIG")
@click.pass_context
def show_command(ctx: click.Context, given: Globals) -> None:
    """Show every setting, and where it comes from: a flag, the environment, the file, or the default.

    With --archive that archive's alone. Addresses that hold a secret are not shown.
    """
    file = given.configuration.file
    shown = list(settings(ctx, given))
    if given.json:
        print_json(
            {"file": None if file is None else str(file), "settings": [asdict(each) for each in shown]}
        )
        return
    given.say(f"There is no configuration {configuration_file(given)}." if file is None else f"{file}:")
    several = given.configuration.is_open(given.archive_dir)
    columns = (
        ("archive", "key", "value", "origin", "where") if several else ("key", "value", "origin", "where")
    )
    rows = [(each.archive, each.key, _words(each.value), each.origin, each.where) for each in shown]
    print_table(columns, rows if several else [row[1:] for row in rows])


def _words(value: Value | float | None) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(value)
        case None:
            return None
        case _:
            return str(value)


def settings(ctx: click.Context, given: Globals) -> Iterator[Shown]:
    """Those at the top, the queries, then each archive's, or that of the one that is chosen."""
    configuration = given.configuration
    for key in KEYS:
        if not key.table:
            yield _global(ctx, given, None, key)
    for name, query in configuration.queries.items():
        yield Shown(None, f"queries.{name}", query.value, "file", f"{configuration.file}:{query.line}")
    if not configuration.is_open(given.archive_dir):
        yield from _of_archive(ctx, given, given.entry())
        return
    for entry in configuration.entries:
        one = copy.copy(given)
        one.archive_dir = entry.place
        yield from _of_archive(ctx, one, entry)


def _of_archive(ctx: click.Context, given: Globals, entry: Entry | None) -> Iterator[Shown]:
    """All that holds for one archive: what the commands would take, if nothing were typed for them."""
    above = ctx.find_root()
    root = click.Context(above.command, info_name=above.info_name, obj=given)
    title = None if entry is None else entry.title
    for taker in takers(root):
        key, option = taker.key, taker.option
        if key.table and not key.commands:
            yield _global(ctx, given, entry, key)
        elif key.table:
            value, source = option.consume_value(taker.ctx, {})
            origin: str = "default"
            where: str | None = None
            if source is ParameterSource.ENVIRONMENT:
                origin, where = "environment", _variable(taker)
            elif source is ParameterSource.DEFAULT_MAP:
                origin, where = "file", _where(given, entry, key)
            else:
                value = _default(option)
            yield Shown(title, key.name, _hidden(key, value), origin, where)


def _variable(taker: Taker) -> str:
    """The variable of the environment that the option's value comes from."""
    named = taker.option.envvar
    if isinstance(named, str) and os.environ.get(named):
        return named
    return f"{taker.ctx.auto_envvar_prefix}_{taker.option.name}".upper()


def _global(ctx: click.Context, given: Globals, entry: Entry | None, key: Key) -> Shown:
    """What holds for the key of a global option."""
    values = {
        "archive": given.root,
        "catalog": given.catalog_path,
        "account": given.whose,
        "state-dir": lambda: given.state().path,
        "ca-file": given.trusted,
        "log-file": given.log,
    }
    found = values[key.name]()
    title, value = None if entry is None else entry.title, None if found is None else str(found)
    option = next(each for each in ctx.find_root().command.params if f"--{key.name}" in each.opts)
    names_entry = key.name == "archive" and entry is not None and str(given.archive_dir) == entry.name
    each: click.Context | None = None if names_entry else ctx
    while each is not None:
        match each.get_parameter_source(option.name or ""):
            case ParameterSource.COMMANDLINE:
                return Shown(title, key.name, value, "flag", f"--{key.name}")
            case ParameterSource.ENVIRONMENT:
                return Shown(title, key.name, value, "environment", str(option.envvar))
        each = each.parent
    where = _where(given, entry, key)
    return Shown(title, key.name, value, "default" if where is None else "file", where)


def _where(given: Globals, entry: Entry | None, key: Key) -> str | None:
    """The file and line of a setting; None where it is not set there."""
    configuration = given.configuration
    settings = configuration.settings if not key.table else {} if entry is None else entry.settings
    setting = settings.get(key.name)
    return None if setting is None else f"{configuration.file}:{setting.line}"


def _hidden(key: Key, value: Any) -> Any:
    return "hidden" if key.is_secret and value else value
