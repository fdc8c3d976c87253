"""The examples of docs/catalog.md run as they stand there, on the catalog of a real sync."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from .conftest import MakeWorld
from .world import World

for needed in ("datasette", "pandas"):
    pytest.importorskip(needed)

TEXT = (Path(__file__).parent.parent / "docs" / "catalog.md").read_text(encoding="utf-8")
# What is shown of the namespace that the examples of pandas leave.
SUMMARY = """
print("\\n---")
print(json.dumps({
    "clips": len(clips), "seconds": clips["duration"].sum().total_seconds(), "busy": int(busy.sum().sum()),
    "busiest": int(busy.max().max()), "labels": int(labels.size), "cameras": len(silence), "days": len(days.columns),
    "year": len(year), "bytes": int(months["bytes"].sum()), "columns": list(year.columns),
}))
"""


def examples(section: str) -> list[tuple[str, str]]:
    """The fenced blocks of a section, each with its language."""
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```(\w+)\n(.*?)^```$", body, re.DOTALL | re.MULTILINE)


@pytest.fixture
def home(make_world: MakeWorld, tmp_path: Path) -> Path:
    """A home directory with an archive where it is by default, and programs by the names that the examples use."""
    world = make_world(clips=40, hostile=False)
    world.sync()
    _read_devices(world)
    home = tmp_path / "home"
    home.mkdir()
    (home / "blink-archive").symlink_to(world.root)
    for name, module in (("blink-archive", "blink_archive"), ("datasette", "datasette")):
        program = home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    return home


def _read_devices(world: World) -> None:
    """What the devices told in some syncs before."""
    with closing(world.archive.open_catalog(write=True)) as catalog:
        for day in range(1, 9):
            at = f"2026-11-{day:02}T12:00:00.000000Z"
            run = catalog.begin_run("sync", now=datetime.fromisoformat(at))
            catalog.connection.execute(
                "INSERT INTO readings (run_id, at, device, device_id, battery_bars, temperature_f) "
                "SELECT ?, ?, family, id, 2, ? FROM cameras",
                (run, at, 60 + day),
            )


def run(home: Path, *command: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLINK_ARCHIVE_")}
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=home,
        env=clean | {"HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_datasette(home: Path) -> None:
    """Each block of the shell does what it says; a server is asked for one page instead of being left running."""
    blocks = examples("In Datasette")
    assert [language for language, _ in blocks] == ["sh"] * 3
    served = 0
    for _, block in blocks:
        one_page = re.sub(
            r"^(datasette serve .*?(\w+)\.db.*)$",
            r"\1 --get '/\2/clips_view.json?_search=person&_shape=array'",
            block,
            flags=re.MULTILINE,
        )
        served += one_page != block
        rows = json.loads(run(home, "bash", "-ec", one_page))
        assert "archived" in {row["status"] for row in rows} <= {"archived", "deleted"}
    assert served == 2


def test_pandas(home: Path) -> None:
    """The blocks run one after the other, and their numbers are those of the catalog."""
    blocks = examples("In pandas")
    script = ""
    for language, block in blocks:
        if language == "sh":
            run(home, "bash", "-ec", block)
        else:
            script += block
    out, _, summary = run(home, sys.executable, "-W", "error", "-c", script + SUMMARY).rpartition("---\n")
    assert len(out) > 1000
    found: dict[str, Any] = json.loads(summary)
    assert found["columns"] == list(json.loads((home / "clips.jsonl").read_text().splitlines()[0]))
    world = home / "blink-archive"
    sql = (
        "SELECT count(*) AS clips, sum(duration) AS seconds, count(DISTINCT camera) AS cameras, "
        "sum(bytes) FILTER (WHERE path IS NOT NULL) AS bytes, sum(json_array_length(labels)) AS labels FROM clips_view"
    )
    (told,) = json.loads(run(home, "blink-archive", "--archive", str(world), "query", sql, "--json"))
    assert found["clips"] == found["busy"] == found["year"] == told["clips"] > 30
    assert found["seconds"] == pytest.approx(told["seconds"])
    assert (found["cameras"], found["bytes"], found["labels"]) == (
        told["cameras"],
        told["bytes"],
        told["labels"],
    )
    assert found["days"] > 0
    (busiest,) = json.loads(
        run(
            home, "blink-archive", "query", "--json",
            "SELECT count(*) AS clips FROM clips_view GROUP BY strftime('%w', day), substr(recorded, 12, 2) ORDER BY 1 DESC LIMIT 1",
        )
    )  # fmt: skip
    assert found["busiest"] == busiest["clips"]
