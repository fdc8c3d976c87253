"""Reading everything back, and taking everything out, beside `sha256sum` and `cp -r` over the same files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from .measure import Measured, measure

# clips and bytes of each: as cameras make them, short ones of the oldest, and very many tiny ones
FOLDERS = ((500, 1_500_000), (2_000, 100_000))
TARGET = 0.7
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# Every file, by as many processes as there are cores; cp has only one way.
SHA256SUM = f"find . -name '*.mp4' -print0 -o -name '*.jpg' -print0 | xargs -0 -P {CORES} -n 64 sha256sum"
CP = "cp -r ."


def compare_copies(place: Any, simulated: Callable[..., Any], *, rounds: int) -> None:
    """`verify` and `export` of archives of some sizes, with everything in the page cache."""
    for clips, length in FOLDERS:
        print(
            f"\n{clips} archived clips of {length / 1e6:g} MB, {CORES} processes, warm cache ({rounds} rounds)"
        )
        options = ("--clips", str(clips), "--clip-bytes", str(length), "--page-limit", "500")
        with simulated(*options, env=place.env, cwd=place.base) as cloud:
            settings = place.login(cloud)
            place.fresh("archive")
            place.run("sync", "--init", env=settings)
        archive = place.base / "archive"
        contest(
            "verify",
            lambda: place.run("verify", env=settings),  # noqa: B023 - called within the loop
            "sha256sum",
            lambda: shell(SHA256SUM, archive, place.env),  # noqa: B023
            rounds=rounds,
        )
        contest(
            "export",
            lambda: place.run("export", str(place.fresh("out") / "export"), env=settings),  # noqa: B023
            "cp -r",
            lambda: shell(f"{CP} {place.fresh('out')}/copy", archive, place.env),  # noqa: B023
            rounds=rounds,
        )
        place.fresh("out")


def shell(line: str, folder: Path, env: Mapping[str, str]) -> Measured:
    """A line of shell in that folder."""
    return measure(["sh", "-c", line], env=env, cwd=folder)


def contest(
    name: str, ours: Callable[[], Measured], other: str, theirs: Callable[[], Measured], *, rounds: int
) -> None:
    """By turns, after one round that warms the cache; the ratio of their medians."""
    runs: tuple[list[Measured], list[Measured]] = ([], [])
    for number in range(rounds + 1):
        for run, taken in zip((ours, theirs), runs, strict=True):
            measured = run()
            if number:
                taken.append(measured)
    walls = [median(each.wall for each in taken) for taken in runs]
    peak = median(each.peak for each in runs[0])
    ratio = walls[1] / walls[0]
    print(
        f"  {name:<8}{walls[0]:>7.2f} s {peak:>6.1f} MB peak   {other:<10}{walls[1]:>7.2f} s   "
        f"ratio {ratio:.2f}  target >= {TARGET}"
    )
