"""The configuration as click's own defaults: an option that is not given takes its value from there."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, overload

import click

from ..config.configuration import Configuration
from ..config.keys import KEYS, Key
from ..errors import UsageError
from .globals import Globals

_LOG = logging.getLogger(__name__)


class Configured(click.Context):
    """A context in which the configuration's values stand below flags and the environment, and above the
    options' own defaults. It is read when the first option asks, and never for ``--help``."""

    @overload
    def lookup_default(self, name: str, call: Literal[True] = True) -> Any | None: ...
    @overload
    def lookup_default(self, name: str, call: Literal[False] = ...) -> Any | None: ...
    def lookup_default(self, name: str, call: bool = True) -> Any | None:
        if call and not self.resilient_parsing:  # help asks without calling, and shows what is so everywhere
            value = _value(self, name)
            if value is not None:
                return value
            return super().lookup_default(name)
        return super().lookup_default(name, call=False)


def _value(ctx: click.Context, name: str) -> Any | None:
    """What the configuration says for that parameter of the context's command; None where it says nothing."""
    option = next((each for each in ctx.command.params if each.name == name), None)
    if option is None or (key := _key(ctx, option)) is None:
        return None
    given = read_configuration(ctx)
    entry = given.entry()
    setting = None if entry is None else entry.settings.get(key.name)
    return None if setting is None else setting.value


def _key(ctx: click.Context, option: click.Parameter) -> Key | None:
    """The key that is the default of that option of the context's command."""
    words = []
    each: click.Context | None = ctx
    while each is not None and each.parent is not None:
        words.append(each.info_name or "")
        each = each.parent
    path = " ".join(reversed(words))
    return next((key for key in KEYS if path in key.commands and f"--{key.name}" in option.opts), None)


def read_configuration(ctx: click.Context) -> Globals:
    """The global options, with the configuration read; UsageError where it cannot be, or has a mistake."""
    given = ctx.find_root().ensure_object(Globals)
    if not given.is_configured:
        found = look_at_configuration(ctx)
        if found.mistakes:
            more = len(found.mistakes) - 1
            others = f" `config check` tells of {more} more." if more else ""
            raise UsageError(f"{found.mistakes[0]}{others}")
        given.configuration, given.is_configured = found, True
    return given


def values_of(ctx: click.Context, command: str) -> dict[str, Any]:
    """The values that the options of another command have when nothing is typed for it."""
    root = ctx.find_root()
    found = next(_untyped(root, command)).command
    return found.make_context(command, [], parent=root).params


def look_at_configuration(ctx: click.Context) -> Configuration:
    """The configuration with its mistakes, which the caller tells of; an empty one where there is none.

    Raises UsageError where the file cannot be read, or one that was named is not there.
    """
    given = ctx.find_root().ensure_object(Globals)
    file = configuration_file(given)
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read()
    except (FileNotFoundError, NotADirectoryError):
        if given.config is None and not file.is_symlink():  # a link is a wish, wherever it leads now
            return Configuration()
        raise UsageError(
            f"There is no configuration {file}. Write one with `blink-archive config init`, or name another "
            "with --config."
        ) from None
    except OSError as error:
        raise UsageError(
            f"The configuration {file} cannot be read: {error.strerror}. Check it, or name another with "
            "--config."
        ) from error
    found = _parse(data, file, ctx) if data.strip() else Configuration(file)
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077 and found.holds_secrets():
        _LOG.warning(
            "%s is open to other users of this machine (mode %04o), and holds addresses that are secret. "
            "Close it: chmod 600 %s",
            file,
            stat.S_IMODE(mode),
            file,
        )
    return found


def configuration_file(given: Globals) -> Path:
    """Where the configuration is, or would be: the file of --config, or the platform's place for it."""
    import platformdirs

    try:
        if given.config is not None:
            return given.config.expanduser().absolute()
        return platformdirs.user_config_path("blink-archive", appauthor=False).absolute() / "config.toml"
    except (RuntimeError, FileNotFoundError):
        raise UsageError(
            "The home directory or the current folder is not known here. Write out the whole path of the "
            "configuration with --config."
        ) from None


def _parse(data: bytes, file: Path, ctx: click.Context) -> Configuration:
    from ..config.configuration import Mistake
    from ..config.reading import read

    try:
        text = data.decode("utf-8-sig")  # some editors begin a file so
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        mistake = Mistake(file, line, None, "this is not UTF-8. Save the file as UTF-8.")
        return Configuration(file, mistakes=(mistake,))
    options = {taker.key: taker.option for taker in takers(ctx)}

    def judge(key: Key, value: Any) -> str | None:
        return what_is_wrong(options[key], value, hidden=key.is_secret, ctx=ctx)

    return read(text, file=file, keys=options, judge=judge)


@dataclass(frozen=True, slots=True)
class Taker:
    """An option that takes a key, and a context of its command in which nothing is typed."""

    key: Key
    option: click.Option
    ctx: click.Context


def takers(ctx: click.Context) -> Iterator[Taker]:
    """Each key of an option, with the option of the first of its commands that there is."""
    root = ctx.find_root()
    for key in KEYS:
        found = (_taker(key, each) for path in key.commands or ("",) for each in _untyped(root, path))
        yield from islice(chain.from_iterable(found), 1)


def _taker(key: Key, ctx: click.Context) -> Iterator[Taker]:
    for option in ctx.command.params:
        if isinstance(option, click.Option) and f"--{key.name}" in option.opts:
            yield Taker(key, option, ctx)


def _untyped(root: click.Context, path: str) -> Iterator[click.Context]:
    """The context of the command at ``path``, if there is such a command."""
    ctx = root
    for word in path.split():
        command = ctx.command.get_command(ctx, word) if isinstance(ctx.command, click.Group) else None
        if command is None:
            return
        ctx = command.context_class(command, info_name=word, parent=ctx, **command.context_settings)
    yield ctx


def what_is_wrong(option: click.Option, value: Any, *, hidden: bool, ctx: click.Context) -> str | None:
    """What that option would say to a value of TOML; None where it takes it. One that is ``hidden`` is not
    repeated."""
    from ..config.reading import as_typed

    if option.is_flag:
        return None if isinstance(value, bool) else "write true or false."
    if option.multiple and not isinstance(value, list):
        return 'write a list: ["…", "…"].'
    for each in value if option.multiple else [value]:
        if isinstance(each, bool | list | dict):
            return "write a text in quotes, or a number."
    try:
        option.type_cast_value(ctx, as_typed(value))
    except click.BadParameter as error:
        return f"this is nothing that --{option.opts[0].lstrip('-')} takes." if hidden else error.message
    return None
