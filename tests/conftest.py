"""Fixtures that all rooms share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .world import World

# A shell starts what runs in its background with Ctrl-C ignored, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["BLINK_ARCHIVE_CONFIG"] = os.devnull  # the developer's own is none of the tests'

MakeWorld = Callable[..., World]

_SEARCHED = "searched for secrets"


@pytest.fixture
def make_world(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[MakeWorld]:
    """Makes a world with these settings of its cloud, and ends it after the test."""
    made: list[World] = []
    with ExitStack() as stack:

        def make(**settings: Any) -> World:
            made.append(stack.enter_context(World(tmp_path, **settings)))
            return made[-1]

        yield make
    for left in (world.left for world in made):
        if left is not None:
            record_property(_SEARCHED, [left.files, left.outputs, left.bytes])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of what the tests left was searched for secrets; one that is found fails its test."""
    found = [
        value
        for report in terminalreporter.getreports("")
        if report.when == "teardown"
        for name, value in report.user_properties
        if name == _SEARCHED
    ]
    if found:
        files, outputs, size = map(sum, zip(*found, strict=True))
        terminalreporter.line(
            f"searched for secrets: {len(found)} worlds, {files} files and {outputs} outputs, {size:,} bytes"
        )


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world of a dozen clips with names from hell."""
    return make_world()
