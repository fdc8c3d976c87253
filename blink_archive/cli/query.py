"""``query``: the catalog, asked by the name of a question or in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .formats import Form, chosen_form, format_option, print_rows
from .options import Globals, Lines, command

if TYPE_CHECKING:
    from ..archive.queries import NamedQuery


@command("query")
@click.argument("query", required=False)
@click.option("--list", "listed", is_flag=True, help="Show the queries that have a name.")
@click.option(
    "--param",
    "given_values",
    type=Lines(),
    multiple=True,
    metavar="NAME=VALUE",
    help="The value of :NAME in the query. May repeat.",
)
@format_option
def query_command(
    given: Globals, *, query: str | None, listed: bool, given_values: tuple[str, ...], form: Form | None
) -> None:
    """Ask the catalog: QUERY is the name of a query, or SQL. It can only read.

    `query --list` shows the names: those that are built in, and your own from the configuration. Tables and
    columns for SQL: schema.sql; start with the views clips_view, daily and missing. By words:

    \b
    SELECT * FROM clips_view
    WHERE id IN (SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'person')
    """
    from ..archive.queries import all_queries, find_query
    from ..archive.search import ask

    form = chosen_form(given, form)
    if listed == (query is not None):
        raise UsageError("Name a query, write SQL, or add --list to see the names: one of them.")
    known = all_queries(given.queries())
    if query is None:
        _print_names(known.values(), form=form)
        return
    sql = find_query(query, known)
    values = dict(map(_pair, given_values))
    catalog = given.read_catalog()
    try:
        columns, rows = ask(catalog, sql, values)
    finally:
        catalog.close()
    print_rows(columns, rows, form=form)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (sign and name):
        raise UsageError(f"--param {text} gives no name a value. Write --param camera='Front door'.")
    return name.removeprefix(":"), value


def _print_names(queries: Iterable[NamedQuery], *, form: Form) -> None:
    if form == "table":
        names = [(f"{query.name} (yours)" if query.own else query.name, query.help) for query in queries]
        print_rows(("name", "what it tells"), names, form=form)
        return
    rows = [(query.name, query.own, query.title, query.help, query.sql) for query in queries]
    print_rows(("name", "own", "title", "help", "sql"), rows, form=form)
