"""``query``: the catalog, asked in SQL."""

from __future__ import annotations

import click

from .formats import Form, chosen_form, format_option, print_rows
from .options import Globals, command


@command("query")
@click.argument("sql")
@format_option
def query_command(given: Globals, *, sql: str, form: Form | None) -> None:
    """Ask the catalog in SQL. It can only read.

    Tables and columns: schema.sql; start with the views clips_view, daily and missing. By words:

    \b
    SELECT * FROM clips_view
    WHERE id IN (SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'person')
    """
    from ..archive.search import ask

    form = chosen_form(given, form)
    catalog = given.read_catalog()
    try:
        columns, rows = ask(catalog, sql)
    finally:
        catalog.close()
    print_rows(columns, rows, form=form)
