"""Killed at any instant (promise 5): nothing half has a final name, and the same export again ends right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...faults import LONG


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("form", ["folder", "zip", "tar", "bag", "parts"])
def test_killed_at_any_step(tmp_path: Path, form: str) -> None:
    """At every step on the disk, in the long form of the tests; at some of them otherwise (see `killing`)."""
    step = 1 if LONG else {"parts": 37}.get(form, 17)
    done = subprocess.run(
        [sys.executable, "-m", "tests.archive.export.killing", form, str(tmp_path), str(step)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * step >= 80
