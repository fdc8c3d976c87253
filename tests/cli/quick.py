"""The command line in this process: real commands and real HTTP, but no waits between two polls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from blink_archive.cli import cli
from blink_archive.cli.options import Globals
from blink_archive.client import Blink
from blink_archive.errors import BlinkArchiveError

from ..world import World


class Quick(Globals):
    """The global options, with the client of a world."""

    def __init__(self, world: World, *, root: Path | None = None) -> None:
        super().__init__(archive_dir=root or world.root)
        self._world = world

    def blink(self, **_: Any) -> Blink:
        return self._world.cloud()


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, as `cli.main` would end it: the exit code, and what was printed."""

    code: int
    out: str
    err: str
    bytes: bytes


def quick(world: World, *arguments: str, root: Path | None = None) -> Done:
    """One command, in ``world``; with another archive, or none, at ``root``."""
    result = CliRunner().invoke(cli, arguments, obj=Quick(world, root=root))
    code, err = result.exit_code, result.stderr
    match result.exception:
        case None | SystemExit():
            pass
        case BlinkArchiveError() as error:
            code, err = error.exit_code, f"{err}blink-archive: {error}\n"
        case error:
            raise error
    world.said.append((" ".join(arguments), result.stdout + err))
    return Done(code, result.stdout, err, result.stdout_bytes)


def events(world: World) -> list[tuple[str, dict[str, Any]]]:
    """The events of commands, each with its detail."""
    rows = world.rows(
        "SELECT kind, detail FROM events WHERE clip_id IS NULL AND detail IS NOT NULL ORDER BY id"
    )
    return [(row["kind"], json.loads(row["detail"])) for row in rows]


def asked(world: World, endpoint: str) -> int:
    """How often that endpoint was asked for."""
    return sum(request.endpoint == endpoint for request in world.blink.requests)
