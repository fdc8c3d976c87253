"""`ls`, `stats` and every named query on a made-up catalog of very many clips: seconds of CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from blink_archive.archive.queries import built_in

from .measure import ARCHIVER, CHECKOUT, Measured, measure

TARGET = "< 0.3"
# In a process of its own: the kernel counts this one's size as the least peak of its children.
_MAKE = """
import sys
from pathlib import Path
from tests.made_up import made_up
made_up(Path(sys.argv[1]), clips=int(sys.argv[2]))
"""
LISTINGS = (
    "ls --limit 20",
    "ls --since 2026-11-01",
    "ls --camera Road",
    "ls --text person",
    "ls",
    "ls --format json",
    "ls --format jsonl",
    "ls --format csv",
)
STATS = ("stats", "stats --camera Road", "stats --json")


def ask_questions(base: Path, *, clips: int, rounds: int, env: Mapping[str, str]) -> None:
    """Print the medians of each command, and its peak memory."""
    print(f"\nQuestions to a catalog of {clips} clips of two years and 8 cameras (median of {rounds})")
    root = base / "questions"
    subprocess.run(
        [sys.executable, "-c", _MAKE, str(root), str(clips)], cwd=CHECKOUT, env=dict(env), check=True
    )
    for command in (*LISTINGS, *STATS, *(f"query {name}" for name in built_in())):
        runs = [_ask(root, command.split(), env=env) for _ in range(rounds + 1)][
            1:
        ]  # the first loads the cache
        _tell(command, runs)


def _ask(root: Path, arguments: Iterable[str], *, env: Mapping[str, str]) -> Measured:
    # What is printed is not kept: it would make this process large.
    silently = ["sh", "-c", 'exec "$@" > /dev/null', "sh"]
    return measure([*silently, *ARCHIVER, "--archive", root, *arguments], env=env, cwd=root)


def _tell(command: str, runs: list[Measured]) -> None:
    cpu, peak = median(run.cpu for run in runs), max(run.peak for run in runs)
    print(f"  {command:<30}{cpu:>8.2f} s CPU   target {TARGET}{peak:>8.0f} MB peak")
