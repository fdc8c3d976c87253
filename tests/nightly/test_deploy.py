"""docs/deploy: read, for no container engine is at hand; the units are the program's own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from blink_archive.cli import cli

from .deploy import DEPLOY, examples

KNOWN = {"FROM", "ARG", "COPY", "RUN", "USER", "ENV", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order, without comments, each on one line."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text())
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def only(name: str) -> str:
    (found,) = (rest for each, rest in instructions() if each == name)
    return found


def service() -> dict[str, Any]:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert list(composed) == ["services"]
    (found,) = composed["services"].values()
    return dict(found)


def test_the_units_are_those_of_the_program() -> None:
    """`python -m tests.nightly.deploy` writes them."""
    there = {path: path.read_text() for path in (DEPLOY / "systemd").rglob("*") if path.is_file()}
    assert there == examples()


def test_the_dockerfile_is_plain() -> None:
    """Instructions that are known, in an order that works: the wheel is there before it is installed, and the
    user who is not root comes after what takes root."""
    order = [name for name, _ in instructions()]
    assert set(order) <= KNOWN
    assert order[0] == "FROM"
    assert order.index("COPY") < order.index("RUN")
    assert max(at for at, name in enumerate(order) if name == "RUN") < order.index("USER")
    assert only("FROM") == "python:3.13-slim"
    assert not only("USER").startswith(("0", "root"))
    assert only("COPY").split() == ["dist/*.whl", "/tmp/wheels/"]


def test_what_the_container_runs_is_there() -> None:
    """The program is the wheel's command; the health check is an option that there is."""
    assert json.loads(only("ENTRYPOINT")) == ["blink-archive"]
    assert json.loads(only("CMD")) == ["watch"] == service()["command"]
    check = json.loads(only("HEALTHCHECK").partition("CMD")[2])
    assert check[0] == "blink-archive"
    done = CliRunner().invoke(cli, [*check[1:], "--help"])
    assert done.exit_code == 0
    assert check[2] in done.output


def test_folders_agree() -> None:
    """What the compose file mounts is what the image's environment names, and all of it can be written where the
    program writes: the rest of the file system is read-only."""
    environment = dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))
    targets = {Path(target.split(":")[1]): target.split(":")[2:] for target in service()["volumes"]}
    assert targets == {
        Path(environment["BLINK_ARCHIVE_DIR"]): [],
        Path(environment["BLINK_ARCHIVE_STATE_DIR"]): [],
        Path(environment["XDG_CONFIG_HOME"]) / "blink-archive": ["ro"],
    }
    assert "/tmp" in service()["tmpfs"]
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    # each variable of ours is one that the program reads
    variables = {name for name in environment if name.startswith("BLINK_ARCHIVE_")}
    assert variables <= {option.envvar for option in cli.params if hasattr(option, "envvar")}


def test_the_container_may_do_little() -> None:
    """Not root, no capabilities, nothing gained by setuid programs; it is given time to end."""
    told = service()
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["user"] == "${PUID:-1000}:${PGID:-1000}"
    assert told["init"] is True
    assert told["restart"] == "unless-stopped"
    assert told["stop_grace_period"] == "1m"
    assert not {"privileged", "network_mode", "cap_add", "devices", "pid"} & told.keys()
    root = (DEPLOY / told["build"]["context"]).resolve()
    assert (root / "pyproject.toml").is_file()
    assert root / told["build"]["dockerfile"] == DEPLOY / "Dockerfile"
