"""The catalog in Datasette 0.65, a real one: every table, view and named query, and nothing is written."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.folder import Archive
from blink_archive.archive.queries import built_in
from blink_archive.cli import cli
from blink_archive.cli.options import Globals

from ..made_up import made_up

pytest.importorskip("datasette")

OWN = {"of-camera": "SELECT clip, recorded FROM clips_view WHERE camera = :camera ORDER BY 2"}


class Configured(Globals):
    """With a query in the configuration."""

    def queries(self) -> dict[str, str]:
        return OWN


def metadata_of(archive: Archive) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["datasette-metadata"], obj=Configured(archive_dir=archive.root))
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Served:
    """A running Datasette, and what it serves."""

    def __init__(self, archive: Archive, url: str) -> None:
        self.archive = archive
        self._http = httpx.Client(base_url=url, timeout=20)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """A page, which has to be well."""
        answer = self._http.get(f"/catalog{path}", params=parameters)
        assert answer.status_code == 200, (path, answer.text[-2000:])
        return answer

    def json(self, path: str, **parameters: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{path}.json", **parameters).json()
        assert found.get("ok", True), found
        assert not found.get("error"), found
        return found

    def close(self) -> None:
        self._http.close()


def serve(archive: Archive, metadata: Path, *options: str) -> Iterator[Served]:
    command = [
        sys.executable,
        "-m",
        "datasette",
        "serve",
        *options,
        "--metadata",
        str(metadata),
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        try:
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    with closing(Served(archive, found[0])) as served:
                        yield served
                    return
            raise AssertionError(said)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return made_up(tmp_path_factory.mktemp("datasette") / "archive", clips=1500, days=60, runs_a_day=1)


@pytest.fixture(scope="module")
def metadata(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("metadata") / "metadata.json"
    file.write_text(json.dumps(metadata_of(archive)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def served(archive: Archive, metadata: Path) -> Iterator[Served]:
    """As docs/catalog.md serves it, beside an archive that is in use."""
    before = hashlib.sha256(archive.catalog_path.read_bytes()).hexdigest()
    files = sorted(archive.root.iterdir())
    yield from serve(archive, metadata, str(archive.catalog_path))
    assert hashlib.sha256(archive.catalog_path.read_bytes()).hexdigest() == before
    assert sorted(archive.root.iterdir()) == files


def schema_objects(archive: Archive) -> list[str]:
    with closing(archive.open_catalog()) as catalog:
        rows = catalog.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
    return [row["name"] for row in rows if not row["name"].startswith("clips_fts_")]


def test_metadata_names_what_there_is(archive: Archive) -> None:
    """Every table and view of the schema is described or hidden, and each column that it names is there."""
    (name,) = metadata_of(archive)["databases"]
    assert name == "catalog"
    found = metadata_of(archive)["databases"][name]
    assert set(found["tables"]) == set(schema_objects(archive)) - {"clips_fts"}
    with closing(archive.open_catalog()) as catalog:
        for table, facts in found["tables"].items():
            assert facts.get("description", "").endswith(".") or facts["hidden"]
            columns = {row["name"] for row in catalog.rows(f"PRAGMA table_info({table})")}
            facets = {
                facet if isinstance(facet, str) else facet["array"] for facet in facts.get("facets", [])
            }
            named = {*facts.get("columns", {}), *facts.get("units", {}), *facets}
            named |= {facts[key] for key in ("label_column", "sort_desc", "fts_pk") if key in facts}
            assert named <= columns, table
    told = found["tables"]["clips"]["columns"]
    assert told["duration"] == "seconds, as the file itself tells"
    assert told["half_sha256"].endswith("is to be replaced, now that Blink has it whole")
    assert found["tables"]["clips_view"]["columns"]["status"]
    assert set(found["queries"]) == {*built_in(), *OWN}


def test_every_page_is_well(served: Served) -> None:
    """The database, every table and every view, as a page and as JSON."""
    home = served.get("").text
    for name in schema_objects(served.archive):
        served.get(f"/{name}")
        rows = served.json(f"/{name}")["rows"]
        assert rows or name in ("dirty_days", "sync_modules", "watermarks", "accounts"), name
    tables = served.json("")["tables"]
    hidden = {
        table["name"] for table in tables if table["hidden"] and not table["name"].startswith("clips_fts")
    }
    assert hidden == {"dirty_days", "watermarks"}
    for query in built_in().values():
        assert f"/catalog/{query.name}" in home
        assert query.title in home


@pytest.mark.parametrize("name", built_in())
def test_every_named_query_is_well(served: Served, name: str) -> None:
    """With its title, and the rows that `query` prints."""
    query = built_in()[name]
    page = served.get(f"/{name}").text
    assert query.title in page
    found = served.json(f"/{name}")
    with closing(served.archive.open_catalog()) as catalog:
        assert found["rows"] == [list(row.values()) for row in catalog.rows(query.sql)][:1000]


def test_own_queries_have_a_field_for_their_parameter(served: Served) -> None:
    """A query of the configuration is among the others; its :camera is asked for."""
    assert 'name="camera"' in served.get("/of-camera").text
    rows = served.json("/of-camera", camera="Road")["rows"]
    assert len(rows) > 10


def test_units_facets_and_search(served: Served) -> None:
    """Bytes and seconds have their units, what columns mean is shown, clips are counted by status, camera and
    label, and words are found: on the view as in the table."""
    page = served.get("/clips_view").text
    assert re.search(r"\d MB|\d&nbsp;MB", page)
    assert re.search(r"\d&nbsp;s<", page)
    assert "seconds, as the file itself tells" in page
    assert 'name="_search"' in page
    found = served.json("/clips_view")
    facets = found["facet_results"]
    facets = facets.get("results", facets)
    assert {"status", "camera", "source", "labels"} <= {facet["name"] for facet in facets.values()}
    labels = next(facet for facet in facets.values() if facet["name"] == "labels")
    assert {each["value"] for each in labels["results"]} <= {"animal", "package", "person", "pet", "vehicle"}
    for table in ("clips_view", "clips"):
        found = served.json(f"/{table}", _search="fence", _size="max", _shape="objects")
        with closing(served.archive.open_catalog()) as catalog:
            told = catalog.rows("SELECT rowid FROM clips_fts WHERE clips_fts MATCH 'fence'")
        assert {row["id"] for row in found["rows"]} == {row["rowid"] for row in told} != set()
        assert all("fence" in (row["own_labels"] or row["note"]) for row in found["rows"])


def test_sql_of_ones_own_only_reads(served: Served) -> None:
    """SQL may be typed there, and may only ask."""
    assert served.json("", sql="SELECT count(*) FROM clips")["rows"] == [[1500]]
    refused = served._http.get("/catalog.json", params={"sql": "DELETE FROM clips"})
    assert refused.status_code == 400


def test_a_sync_writes_beside_it(metadata: Path, tmp_path: Path) -> None:
    """What is committed while Datasette runs is what it shows next, and no read of its is in the way of a
    writer."""
    archive = made_up(tmp_path / "archive", clips=20, days=9)
    for served in serve(archive, metadata, str(archive.catalog_path)):
        served.get("/clips_view")
        with closing(Catalog.open(archive.catalog_path)) as catalog:
            catalog.connection.execute("PRAGMA busy_timeout = 2000")
            run = catalog.value("SELECT max(id) FROM runs")
            catalog.connection.execute("UPDATE runs SET command = 'seen at once' WHERE id = ?", (run,))
        assert served.json(f"/runs/{run}")["rows"][0][1] == "seen at once"


def test_a_copy_can_be_served_as_what_never_changes(archive: Archive, metadata: Path, tmp_path: Path) -> None:
    """`catalog backup`, then -i: a file that nobody writes, and that may lie on a read-only disk."""
    copy = tmp_path / "catalog.db"
    with closing(archive.open_catalog()) as catalog:
        catalog.backup(copy)
    copy.chmod(0o444)
    for served in serve(archive, metadata, "-i", str(copy)):
        assert served.json("/clips_view", _size="1")["filtered_table_rows_count"] == 1500
    assert {path.name for path in tmp_path.iterdir()} == {"catalog.db"}
