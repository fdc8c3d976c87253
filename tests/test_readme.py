"""What the README shows works as it stands there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import MakeWorld

README = Path(__file__).parent.parent / "README.md"


def example(name: str) -> str:
    """The code block behind ``<!-- ci: NAME -->``, without its fences."""
    _, _, rest = README.read_text(encoding="utf-8").partition(f"<!-- ci: {name} -->\n")
    lines = rest.split("\n")
    return "\n".join(lines[1 : lines.index("```", 1)])


def test_the_library_does_what_the_readme_shows(make_world: MakeWorld) -> None:
    """The example, as it is printed, for the account that is signed in: it lists every camera and takes a
    picture with the first."""
    world = make_world(hostile=False)
    done = subprocess.run(
        [sys.executable, "-c", example("library")],
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    cameras = world.blink.cloud.catalogue.cameras
    assert [line.split(" motion")[0] for line in done.stdout.splitlines()] == [
        f"{camera.name} {camera.type}"
        for family in ("camera", "owl", "doorbell")
        for camera in cameras
        if camera.family == family
    ]
    assert world.blink.cloud.camera(4100001).pictures == 1


def test_the_example_is_short() -> None:
    """Ten lines, not counting those between them."""
    assert len([line for line in example("library").splitlines() if line]) <= 10
