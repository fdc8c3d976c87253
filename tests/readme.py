"""The README as its reader takes it: chapters, the commands in them, and a home directory to type them in."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .cli.conftest import Terminal
from .nightly.programs import NEEDED, Programs
from .world import World

README = Path(__file__).parent.parent / "README.md"
HURRIED = {"HURRIED": "1"}
"""For the environment: `Home.run` waits for no command of Blink's."""
_HURRIED = Path(__file__).with_name("hurried.py")

# A block of the shell, line by line; or what stands as code in a sentence.
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_IN_A_SENTENCE = re.compile(r"`([^`]*\bblink-archive[ )][^`]*)`")
_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_WRITTEN_BY_COG = re.compile(r"<!-- \[\[\[cog.*?\[\[\[end\]\]\] -->", re.DOTALL)


def bare(line: str) -> str:
    """A command without the comment behind it."""
    return line.partition(" #")[0].rstrip()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter: its title and its text."""

    title: str
    text: str

    def commands(self) -> list[str]:
        """What it shows to be typed, each once: the lines of its blocks as they are printed, comment included,
        then the commands within its sentences."""
        lines = [line for block in _SHELL.findall(self.text) for line in block.splitlines() if line.strip()]
        prose = _BLOCK.sub("", _WRITTEN_BY_COG.sub("", self.text))
        lines += [" ".join(found.split()) for found in _IN_A_SENTENCE.findall(prose)]
        seen: dict[str, str] = {}
        for line in lines:
            seen.setdefault(bare(line), line)
        seen.pop("", None)  # a comment that goes on
        return list(seen.values())


def chapters() -> list[Chapter]:
    """Those with a title, in order."""
    parts = re.split(r"^## (.*)\n", README.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [Chapter(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)]


def example(name: str) -> str:
    """The code block behind ``<!-- ci: NAME -->``, without its fences."""
    _, _, rest = README.read_text(encoding="utf-8").partition(f"<!-- ci: {name} -->\n")
    lines = rest.split("\n")
    return "\n".join(lines[1 : lines.index("```", 1)])


class Home:
    """A home directory in a world: nobody is signed in there, nothing is configured, and all is where it is by
    default. On its path are the program, a crontab and a player."""

    def __init__(self, world: World, folder: Path) -> None:
        if not NEEDED:
            pytest.skip("what is typed here is for a shell of POSIX")
        self.world = world
        self.path = folder / "home"
        self.archive = self.path / "blink-archive"
        self.state = self.path / ".local/state/blink-archive"
        self.config = self.path / ".config/blink-archive/config.toml"
        self.programs = Programs(folder)
        self.named: dict[str, str] = {}
        """What is called otherwise here than in the README."""
        self.path.mkdir()
        self.add(
            "blink-archive",
            f'[ -n "$HURRIED" ] && exec "{sys.executable}" "{_HURRIED}" "$@"\n'
            f'exec "{sys.executable}" -m blink_archive "$@"',
        )
        self.add("xdg-open", f'echo "$1" > "{self.path}/played"')
        ours = world.environment(
            HOME=str(self.path),
            PATH=self.programs.path,
            BLINK_ARCHIVE_TIMER_AS="cron",  # whatever this machine is run by
            XDG_CONFIG_HOME=str(self.path / ".config"),
            XDG_STATE_HOME=str(self.path / ".local/state"),
        )
        for name in ("DIR", "STATE_DIR", "CONFIG"):
            del ours[f"BLINK_ARCHIVE_{name}"]
        self.environment = ours

    def add(self, name: str, script: str) -> None:
        """A program of that name, before the system's own: a script for sh."""
        program = self.programs.bin / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def run(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A line for the shell, where nobody is at a terminal."""
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=self.path,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.world.said.append((line, done.stdout + done.stderr))
        return done

    def told(self, line: str, **more: str) -> str:
        """What it printed on stdout; it has to end well."""
        done = self.run(line, **more)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def at_terminal(self, *arguments: str) -> Iterator[Terminal]:
        """The program, with these arguments, at a terminal."""
        environment = self.environment.copy()
        del environment["BLINK_ARCHIVE_NO_INPUT"]
        with ExitStack() as stack:
            terminal = Terminal(*arguments, environment=environment)
            stack.callback(terminal.close)
            yield terminal

    def renamed(self, line: str) -> str:
        """A line with this home's names for the README's."""
        for there, here in self.named.items():
            line = line.replace(there, here)
        return line

    def answered(self, line: str, *answers: tuple[str, str]) -> str:
        """What was seen at a terminal where that line was typed, and each question answered."""
        _, *arguments = shlex.split(line, comments=True)
        with self.at_terminal(*arguments) as terminal:
            for question, answer in answers:
                terminal.expect(question)
                terminal.type(answer)
            assert terminal.end() == 0, terminal.seen
            return terminal.seen

    def sign_in(self) -> str:
        """As somebody does who has a terminal; what was seen there."""
        told = self.world.settings
        return self.answered(
            "blink-archive login",
            ("Email", told.email),
            ("Password", told.password),
            ("One-time code", told.code),
        )
