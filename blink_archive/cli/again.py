"""The options of a command that runs, looked up anew: what was typed stays, the rest may have changed."""

from __future__ import annotations

import copy
from dataclasses import MISSING, fields
from typing import Any

import click
from click.core import ParameterSource, iter_params_for_processing

from ..errors import UsageError
from .options import Globals, log_to

_ELSEWHERE = frozenset({ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP})
"""Where a value comes from that was neither typed nor is built in."""


def again(ctx: click.Context) -> tuple[Globals, dict[str, Any]]:
    """What a command would get if it were started anew with the same arguments: the global options, and its
    own ones by name. The log is opened anew, too.

    Raises UsageError for a value that is none; nothing has changed then.
    """
    root = ctx.find_root()
    before = ctx.find_object(Globals) or Globals()
    given = copy.copy(before)
    for field in fields(Globals):
        if not _typed(field.name, root, ctx) and _sources(field.name, root, ctx) & _ELSEWHERE:
            assert field.default is not MISSING  # noqa: S101 - each of them can be left away
            setattr(given, field.name, field.default)
    try:
        fresh = click.Context(root.command, info_name=root.info_name, obj=given)
        for parameter in iter_params_for_processing([], root.command.get_params(fresh)):
            if not _typed(parameter.name or "", root, ctx):
                parameter.handle_parse_result(fresh, {}, [])  # its callback gives it to `given`
        values = ctx.command.make_context(ctx.info_name, [], parent=fresh).params
    except click.UsageError as error:
        log_to(before)
        raise UsageError(error.format_message()) from error
    log_to(given)
    return given, values | {name: ctx.params[name] for name in values if _typed(name, ctx)}


def _sources(name: str, *contexts: click.Context) -> set[ParameterSource | None]:
    return {each.get_parameter_source(name) for each in contexts}


def _typed(name: str, *contexts: click.Context) -> bool:
    return ParameterSource.COMMANDLINE in _sources(name, *contexts)
