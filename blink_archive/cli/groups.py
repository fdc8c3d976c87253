"""Groups of commands whose modules are imported when a command is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click

from .options import EPILOG, global_options

Table = Mapping[str, tuple[str, str]]
"""name -> (module of this package, one line for --help). The lines stand there so that --help imports no
command; a module has the command ``NAME`` as ``NAME_command``, with ``_`` for ``-``."""


class LazyGroup(click.Group):
    """A group over a `Table`."""

    def __init__(self, *arguments: Any, table: Table, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module = importlib.import_module(f".{self._table[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._table[name][1]) for name in self.list_commands(ctx)])


def group(name: str, table: Table) -> Callable[[Callable[[], None]], click.Command]:
    """A group of ours under a command's name; takes the global options behind it, as a command does."""

    def make(function: Callable[[], None]) -> click.Command:
        attach = global_options(of_command=True)
        return click.command(name, cls=LazyGroup, table=table, epilog=EPILOG)(attach(function))

    return make
