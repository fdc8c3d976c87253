"""Which clips an export holds is the connection's own affair."""

from __future__ import annotations

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.export.chosen import prepare
from blink_archive.archive.folder import Archive

from ..helpers import list_items, make_item


def test_a_reader_can_choose(catalog: Catalog, archive: Archive) -> None:
    """A connection that only reads can be told what is exported; nobody else sees it, and it leaves with it."""
    list_items(catalog, make_item())
    reader = archive.open_catalog()
    prepare(reader)
    columns = {
        "exported": ("clip_id, name, file_sha256", "id, path, ''"),
        "exported_elsewhere": ("clip_id", "id"),
    }
    for table, (names, values) in columns.items():
        assert reader.value(f"SELECT count(*) FROM temp.{table}") == 0
        reader.db.execute(f"INSERT INTO temp.{table} ({names}) SELECT {values} FROM clips")
        assert reader.value(f"SELECT count(*) FROM temp.{table}") == 1
        assert not catalog.rows("SELECT 1 FROM sqlite_temp_schema WHERE name = ?", (table,))
    reader.close()
    reader = archive.open_catalog()
    assert not reader.rows("SELECT 1 FROM sqlite_temp_schema")
    reader.close()
