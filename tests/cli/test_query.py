"""`query` by name, with one's own names, and with parameters."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blink_archive.archive.queries import built_in
from blink_archive.cli import cli
from blink_archive.cli.options import Globals
from blink_archive.errors import UsageError

from ..made_up import made_up

OWN = {
    "night": "SELECT count(*) AS clips FROM clips WHERE created_local LIKE '%T0%' AND camera_name = :camera"
}


class Configured(Globals):
    """With queries in the configuration."""

    def queries(self) -> dict[str, str]:
        return OWN


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("query") / "archive", clips=300, days=30).root


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["query", *arguments], obj=Configured(archive_dir=root), catch_exceptions=False
    )


@pytest.mark.parametrize("name", built_in())
def test_name_is_enough(root: Path, name: str) -> None:
    """Each of them prints in each form."""
    rows = json.loads(run(root, name, "--json").stdout)
    text = run(root, name, "--format", "csv").stdout_bytes.decode()
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(found) == len(rows)
    assert len(run(root, name).stdout.splitlines()) == len(rows) + 2
    if rows:
        assert found[0].keys() == rows[0].keys()


def test_list_shows_all(root: Path) -> None:
    """The names with what they tell, one's own marked; in JSON with title and SQL."""
    lines = run(root, "--list").stdout.splitlines()
    assert len(lines) == 2 + len(built_in()) + 1
    assert any(line.startswith("gaps") and "recorded nothing" in line for line in lines)
    assert any(line.startswith("night (yours)") and "count(*)" in line for line in lines)
    told = {each["name"]: each for each in json.loads(run(root, "--list", "--json").stdout)}
    assert told["night"]["own"] is True
    assert told["gaps"]["title"] == "Days without clips"
    assert told["gaps"]["sql"].startswith("WITH")


def test_own_query_with_a_parameter(root: Path) -> None:
    """From the configuration, by its name; :camera is given on the command line."""
    (row,) = json.loads(run(root, "night", "--param", "camera=Road", "--json").stdout)
    sql = OWN["night"].replace(":camera", "'Road'")
    assert row == json.loads(run(root, sql, "--json").stdout)[0]
    assert row["clips"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "add --list"),
        (("gaps", "--list"), "one of them"),
        (("gap",), "Did you mean gaps"),
        (("night",), "asks for :camera.*--param camera="),
        (("gaps", "--param", "camera=x"), "no :camera"),
        (("night", "--param", "camera"), "gives no name a value"),
        (("night", "--param", "=x"), "gives no name a value"),
        (("DELETE FROM clips",), "may only read"),
    ],
)
def test_mistakes(root: Path, arguments: tuple[str, ...], message: str) -> None:
    """Each is told in a sentence."""
    with pytest.raises(UsageError, match=message):
        run(root, *arguments)


def test_own_query_only_reads(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration has is asked as anything else is."""
    monkeypatch.setitem(OWN, "wipe", "DELETE FROM clips")
    with pytest.raises(UsageError, match="may only read"):
        run(root, "wipe")
    monkeypatch.setitem(OWN, "gaps", "SELECT 1")
    for arguments in (("gaps",), ("--list",)):
        with pytest.raises(UsageError, match="a query gaps, and so has the program"):
            run(root, *arguments)
