"""What was told is known to the next run, and to that archive's alone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from blink_archive.client import StateDir
from blink_archive.nightly.memory import recall, remember
from blink_archive.nightly.notify import Told

from .made_up import NIGHT

SAID = Told({5: NIGHT, 4: NIGHT + timedelta(hours=1)}, digest_at=NIGHT - timedelta(days=3))


def test_it_is_remembered(tmp_path: Path) -> None:
    """All of it, for each archive by itself, whatever bytes its path has."""
    state = StateDir(tmp_path / "state")
    for archive in ("/cams", "/c\udcffms"):
        assert recall(state, archive) == Told()
        remember(state, archive, SAID)
        assert recall(state, archive) == SAID
    remember(state, "/cams", Told())
    assert recall(state, "/cams") == Told()
    assert recall(state, "/c\udcffms") == SAID


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_it_is_private(tmp_path: Path) -> None:
    """As all files of the state directory."""
    remember(StateDir(tmp_path / "state"), "/cams", SAID)
    (file,) = (tmp_path / "state").glob("told-*.json")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"failures": [], "digest_at": null}', '{"failures": {"x": 1}, "digest_at": null}', '{"failures": {"5": 7}, "digest_at": null}', '{"failures": {}, "digest_at": "soon"}'])  # fmt: skip
def test_a_damaged_memory_is_none(tmp_path: Path, content: str) -> None:
    """At worst, something is told again; never does it end a run."""
    state = StateDir(tmp_path / "state")
    remember(state, "/cams", SAID)
    (file,) = (tmp_path / "state").glob("told-*.json")
    file.write_text(content)
    assert recall(state, "/cams") == Told()
