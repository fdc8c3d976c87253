"""Whether a world's runs left a secret where it must not be: in a log, a catalog, an export, or on the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from blink_archive.simulator import Simulator

_MEDIA = (".mp4", ".ts", ".jpg")  # the cloud's own bytes, which other tests compare
_GIVEN = re.compile("password|email|code|pin")  # names of files in which a test itself put its secrets


@dataclass(slots=True)
class Search:
    """What was looked at, and what was found: (what, where)."""

    files: int = 0
    outputs: int = 0
    bytes: int = 0
    found: list[tuple[str, str]] = field(default_factory=list)


def searched(sim: Simulator, folder: Path, said: list[tuple[str, str]]) -> Search:
    """``folder`` without its state directories and clips, and what commands ``said`` (command, output).

    The email is no secret of a command that tells who is signed in, and so is looked for in files alone.
    """
    settings = sim.settings
    tokens = {
        secret.encode(): "a token, cookie or code of the sign-in" for secret in sim.cloud.sign_in.issued
    }
    everywhere = re.compile(
        b"|".join((
            *map(re.escape, tokens),
            re.escape(settings.password.encode()),
            rb"(?<![0-9A-Za-z])" + re.escape(settings.code.encode()) + rb"(?![0-9A-Za-z])",
        ))
    )  # fmt: skip
    in_files = re.compile(everywhere.pattern + b"|" + re.escape(settings.email.encode()))
    names = tokens | {
        settings.password.encode(): "the password",
        settings.code.encode(): "the one-time code",
        settings.email.encode(): "the email",
    }
    search = Search()
    for path in _files(folder):
        content = path.read_bytes()
        search.files += 1
        search.bytes += len(content)
        search.found += [(names[each], str(path)) for each in set(in_files.findall(content))]
    for command, output in said:
        content = output.encode("utf-8", "surrogatepass")
        search.outputs += 1
        search.bytes += len(content)
        search.found += [
            (names[each], f"the output of {command!r}") for each in set(everywhere.findall(content))
        ]
    return search


def _files(folder: Path) -> Iterator[Path]:
    """The plain files below ``folder`` that a run can have written, but for those of state directories."""
    for place, inside, names in os.walk(folder):
        if "device.json" in names or any(name.startswith("session") for name in names):
            inside.clear()
            continue
        for name in names:
            path = Path(place, name)
            if (
                path.suffix not in _MEDIA
                and not _GIVEN.search(name)
                and path.is_file()
                and not path.is_symlink()
            ):
                yield path
