"""Whole processes, measured from outside: wall time, CPU, peak memory; and the simulator as one of them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parent.parent.parent
ARCHIVER = (sys.executable, "-m", "blink_archive")
# ru_maxrss is in kilobytes, on macOS in bytes
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished process: ``wall`` and ``cpu`` (user and system) in seconds, ``peak`` RSS in MB."""

    wall: float
    cpu: float
    peak: float
    output: str

    def json(self) -> Any:
        """The JSON document that the process printed."""
        return json.loads(self.output)


def environment(cache: Path, **more: str) -> dict[str, str]:
    """Where a child works: this checkout, bytecode cached beside the figures, none of the user's settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("BLINK_ARCHIVE_", "PYTHON"))
    }
    return kept | {"PYTHONPATH": str(CHECKOUT), "PYTHONPYCACHEPREFIX": str(cache)} | more


def measure(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, expected: tuple[int, ...] = (0,)
) -> Measured:
    """Run to the end and measure. Raises `RuntimeError` for an exit code that was not expected.

    The kernel counts this process's own size at the fork as the child's least peak: keep it small.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env=dict(env), stdout=output, stderr=errors
        )
        _, waited, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(waited)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if child.returncode not in expected:
        raise RuntimeError(
            f"{command} ended with {child.returncode}:\n{texts[0][-2000:]}\n{texts[1][-2000:]}"
        )
    peak = usage.ru_maxrss * _RSS_UNIT / 1e6
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak, texts[0])


@contextlib.contextmanager
def simulator(*options: str, env: Mapping[str, str], cwd: Path) -> Iterator[dict[str, Any]]:
    """A Blink cloud in a process of its own; what it printed of itself: url, email, password."""
    command = [*ARCHIVER, "simulator", "--port", "0", "--json", "--no-2fa", "--plain-names", *options]
    with subprocess.Popen(
        command, cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout
        try:
            yield _first_document(child.stdout)
        finally:
            child.terminate()


def _first_document(lines: Iterator[str]) -> dict[str, Any]:
    text = ""
    for line in lines:
        text += line
        with contextlib.suppress(ValueError):
            return dict(json.loads(text))
    raise RuntimeError(f"The simulator did not start: {text!r}")


def machine() -> str:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores of {model}; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
