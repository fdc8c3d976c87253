"""The options of a command that runs, looked up anew: what was typed stays, the rest may have changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

import click
from click.core import ParameterSource, iter_params_for_processing

from ..errors import UsageError
from .options import Globals, log_to

_ELSEWHERE = frozenset({ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP})
"""Where a value comes from that was neither typed nor is built in."""

_UNSET = getattr(click.core, "UNSET", None)
"""What click has until the end of its parsing where there is no value; before 8.3, None."""


def again(ctx: click.Context) -> tuple[Globals, dict[str, Any]]:
    """What a command would get if it were started anew with the same arguments: the global options, and its
    own ones by name. The log is opened anew, too.

    Raises UsageError for a value that is none; nothing has changed then.
    """
    root = ctx.find_root()
    before = ctx.find_object(Globals) or Globals()
    given = copy.copy(before)
    for field in fields(Globals):
        sources = _sources(field.name, root, ctx)
        if ParameterSource.COMMANDLINE not in sources and (sources & _ELSEWHERE or sources == {None}):
            setattr(given, field.name, _default(field))  # what is no option's value is not known yet, either
    try:
        above = _looked_up(click.Context(root.command, obj=given), lambda name: _typed(name, root, ctx))
        command, settings = ctx.command, ctx.command.context_settings
        mine = command.context_class(command, parent=above, info_name=ctx.info_name, **settings)
        values = _looked_up(mine, lambda name: _typed(name, ctx)).params
    except (click.UsageError, UsageError) as error:
        log_to(before)
        raise UsageError(
            error.format_message() if isinstance(error, click.UsageError) else str(error)
        ) from error
    log_to(given)
    values = {name: None if value is _UNSET else value for name, value in values.items()}
    return given, values | {name: value for name, value in ctx.params.items() if _typed(name, ctx)}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _looked_up(ctx: click.Context, is_typed: Callable[[str], bool]) -> click.Context:
    """``ctx`` with all that was not typed; the callbacks of global options give theirs to its `Globals`."""
    for parameter in iter_params_for_processing([], ctx.command.get_params(ctx)):
        if not is_typed(parameter.name or ""):
            parameter.handle_parse_result(ctx, {}, [])
    return ctx


def _sources(name: str, *contexts: click.Context) -> set[ParameterSource | None]:
    return {each.get_parameter_source(name) for each in contexts}


def _typed(name: str, *contexts: click.Context) -> bool:
    return ParameterSource.COMMANDLINE in _sources(name, *contexts)
