"""Groups of commands whose modules are imported when a command is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import click

from .options import EPILOG, global_options

Table = Mapping[str, tuple[str, str]]
"""name -> (module of this package, one line for --help). The lines stand there so that --help imports no
command; a module has the command ``NAME`` as ``NAME_command``, with ``_`` for ``-``."""


class LazyGroup(click.Group):
    """A group over a `Table`; without a word behind it, it is the command ``default`` where there is one."""

    def __init__(self, *arguments: Any, table: Table, default: str | None = None, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.invoke_without_command = default is not None
        self.no_args_is_help = default is None
        self._table = table
        self._default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        return self._load(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but that a word which no command is called is told with the nearest that is."""
        word = args[0]
        if word not in self._table and word[:1].isalnum() and not ctx.resilient_parsing:
            near = get_close_matches(word.lower(), self._table, n=1)
            ctx.fail(f"No such command {word!r}." + (f" Did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)

    def _load(self, name: str) -> click.Command:
        module = importlib.import_module(f".{self._table[name][0]}", __package__)
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        result = super().invoke(ctx)
        if self._default is None or ctx.invoked_subcommand is not None:
            return result
        command = self._load(self._default)
        with command.make_context(self._default, [], parent=ctx) as inner:
            return command.invoke(inner)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._table[name][1]) for name in self.list_commands(ctx)])


def group(
    name: str, table: Table, *, default: str | None = None
) -> Callable[[Callable[[], None]], click.Command]:
    """A `LazyGroup` of ours; takes the global options behind its name, as a command does."""

    def make(function: Callable[[], None]) -> click.Command:
        attach = global_options(of_command=True)
        made = click.command(name, cls=LazyGroup, table=table, default=default, epilog=EPILOG)
        return made(attach(function))

    return make
