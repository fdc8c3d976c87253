"""Fixtures that all rooms share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .world import World

# A shell starts what runs in its background with Ctrl-C ignored, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a world with these settings of its cloud, and ends it after the test."""
    with ExitStack() as stack:

        def make(**settings: Any) -> World:
            return stack.enter_context(World(tmp_path, **settings))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world of a dozen clips with names from hell."""
    return make_world()
