"""``datasette-metadata``: how Datasette shows the catalog."""

from __future__ import annotations

from .options import Globals, command
from .output import print_json


@command("datasette-metadata")
def datasette_metadata_command(given: Globals) -> None:
    """Print the metadata with which Datasette (0.65) shows the catalog: what tables and columns are, units,
    facets, the search, and the queries that have a name, your own included.

    \b
    blink-archive datasette-metadata > metadata.json
    datasette serve ~/blink-archive/catalog.db --metadata metadata.json
    """
    from ..archive.datasette import metadata
    from ..archive.queries import all_queries

    queries = all_queries(given.queries())
    print_json(metadata(given.archive().catalog_path.stem, queries.values()))
