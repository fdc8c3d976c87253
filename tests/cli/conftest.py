"""What the tests of this room share: an archive that has everything, and a person at a terminal."""

from __future__ import annotations

import codecs
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ..conftest import MakeWorld
from ..world import World


@pytest.fixture
def archived(world: World) -> World:
    """A world with everything archived."""
    world.sync()
    return world


@pytest.fixture
def stranger(make_world: MakeWorld, tmp_path: Path) -> World:
    """A world whose state directory is empty, and that has the classic login."""
    world = make_world(clips=2, hostile=False, classic="open")
    world.state = tmp_path / "fresh"
    return world


class Terminal:
    """The program at a terminal of its own, and what has been seen there."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        import pty  # Windows has none
        import termios

        self._fd, other = pty.openpty()
        termios.tcsetwinsize(other, (24, 80))  # it has none to begin with, and bars no room
        self.process = subprocess.Popen(
            [sys.executable, "-m", "blink_archive", *arguments],
            env=environment, stdin=other, stdout=other, stderr=other, start_new_session=True,
        )  # fmt: skip
        os.close(other)
        self._letters = codecs.getincrementaldecoder("utf-8")()  # a read may end within one
        self.seen = ""
        self._expected = 0  # so much of it

    def expect(self, text: str) -> None:
        """Wait until ``text`` comes, after what was expected before."""
        end = time.monotonic() + 15
        while text not in self.seen[self._expected :] and time.monotonic() < end:
            if not (more := self._read()):
                break
            self.seen += more
        assert text in self.seen[self._expected :], self.seen
        self._expected = self.seen.index(text, self._expected) + len(text)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._fd, f"{text}\n".encode())

    def end(self) -> int:
        """What is still printed, and the exit code."""
        while more := self._read():
            self.seen += more
        return self.process.wait(timeout=15)

    def close(self) -> None:
        """End the process, if it has not ended by itself."""
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def _read(self) -> str:
        with suppress(OSError):  # the other side is closed
            if select.select([self._fd], [], [], 15)[0]:
                return self._letters.decode(os.read(self._fd, 4096))
        return ""


@pytest.fixture
def at_terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts the program at a terminal, in a world."""
    pytest.importorskip("pty")
    with ExitStack() as stack:

        def start(world: World, *arguments: str, **more: str) -> Terminal:
            environment = world.environment(**more)
            del environment["BLINK_ARCHIVE_NO_INPUT"]
            terminal = Terminal(*arguments, environment=environment)
            stack.callback(terminal.close)
            return terminal

        yield start
