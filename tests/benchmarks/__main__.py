"""The benchmark: `python -m tests.benchmarks`. Figures with the targets beside them, and no verdict."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from .copies import compare_copies
from .measure import ARCHIVER, Measured, environment, machine, measure, simulator
from .questions import ask_questions

HERE = Path(__file__).parent
WORKERS = 6
CLIPS = 500
CLIP_BYTES = 1_500_000
MANY = 100_000
PARTS = ("sync", "large", "copies", "questions", "help")
# ratio of clips a second: (beside what, at which latency in ms) -> at least
TARGETS = {("floor", 0): 0.7, ("floor", 60): 0.9, ("blinkpy", 60): 2.5}
# As if every clip had been fetched: a hash that is none, and no thumbnail to be had.
PRETEND_ARCHIVED = """
UPDATE clips SET sha256 = printf('%064d', id), bytes = 1500000, duration = 10.0, partial = 0,
  archived_at = first_seen_at, thumbnail_missing_at = first_seen_at, next_try_at = NULL,
  first_seen_at = '2026-01-01T00:00:00.000000Z' -- long ago: no description of theirs is still to come
WHERE remote_deleted_at IS NULL
"""


class Place:
    """A folder on the disk to measure, with fresh folders in it for each run."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.env = environment(base / "bytecode")

    def fresh(self, name: str) -> Path:
        """An empty folder, after all that was written before has reached the disk."""
        folder = self.base / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        os.sync()
        return folder

    def settings(self, cloud: Mapping[str, Any]) -> dict[str, str]:
        """The archiver's environment for this cloud."""
        return self.env | {
            "BLINK_ARCHIVE_STATE_DIR": str(self.base / "state"),
            "BLINK_ARCHIVE_API_URL": cloud["url"],
            "BLINK_ARCHIVE_OAUTH_URL": cloud["url"],
            "BLINK_ARCHIVE_EMAIL": cloud["email"],
            "BLINK_ARCHIVE_PASSWORD": cloud["password"],
        }

    def login(self, cloud: Mapping[str, Any]) -> dict[str, str]:
        """Sign the archiver in, unmeasured; its environment."""
        self.fresh("state")
        settings = self.settings(cloud)
        measure([*ARCHIVER, "login", "--no-input"], env=settings, cwd=self.base)
        return settings

    def run(self, *arguments: str, env: Mapping[str, str]) -> Measured:
        """One measured command of the archiver on the folder ``archive``."""
        command = [*ARCHIVER, "--archive", self.base / "archive", "--no-input", "--json", *arguments]
        return measure(command, env=env, cwd=self.base)


def tell(what: str, figure: float, unit: str, target: str = "") -> None:
    print(f"  {what:<46}{figure:>9.2f} {unit:<12}{target and f'target {target}'}")


def compare_sync(place: Place, *, rounds: int, latencies: Iterable[int]) -> None:
    """A whole first sync beside the bare floor and beside blinkpy."""
    for latency in latencies:
        options = [
            "--clips",
            CLIPS,
            "--clip-bytes",
            CLIP_BYTES,
            "--page-limit",
            500,
            "--latency",
            latency / 1000,
        ]
        print(f"\nFirst sync, {CLIPS} clips of {CLIP_BYTES / 1e6} MB, {latency} ms, {rounds} rounds (median)")
        with simulator(*map(str, options), env=place.env, cwd=place.base) as cloud:
            contest(first_syncs(place, cloud), rounds=rounds, latency=latency)
        for name in ("archive", "floor", "blinkpy"):
            place.fresh(name)


def first_syncs(place: Place, cloud: Mapping[str, Any]) -> dict[str, Callable[[], Measured]]:
    """What is compared, each signed in already and into a fresh folder."""
    settings = place.login(cloud)
    url, credentials = cloud["url"], place.base / "credentials.json"

    def script(name: str, *arguments: str | Path) -> Measured:
        return measure([sys.executable, HERE / name, *arguments], env=place.env, cwd=place.base)

    def archiver() -> Measured:
        place.fresh("archive")
        return place.run("sync", "--init", "--workers", str(WORKERS), env=settings)

    script("with_blinkpy.py", "login", url, credentials, cloud["email"], cloud["password"])
    return {
        "archiver": archiver,
        "floor": lambda: script("floor.py", url, credentials, place.fresh("floor"), str(WORKERS)),
        "blinkpy": lambda: script(
            "with_blinkpy.py", "download", url, credentials, place.fresh("blinkpy"), "1000"
        ),
    }


def contest(runners: Mapping[str, Callable[[], Measured]], *, rounds: int, latency: int) -> None:
    """Run them by turns, and print the medians and the ratios."""
    runs: dict[str, list[Measured]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            runs[name].append(runner())
    speed: dict[str, float] = {}
    for name, measured in runs.items():
        done = measured[0].json()
        clips = done["fetched" if "fetched" in done else "clips"]
        speed[name] = median(clips / each.wall for each in measured)
        cpu = median(each.cpu / clips * 1000 for each in measured)
        peak = median(each.peak for each in measured)
        walls = ", ".join(f"{each.wall:.2f}" for each in measured)
        print(
            f"  {name:<10}{clips:>5} clips {speed[name]:>8.1f} clips/s {cpu:>7.2f} CPU ms a clip "
            f"{peak:>7.1f} MB peak   ({walls} s)"
        )
    for name in list(runners)[1:]:
        target = TARGETS.get((name, latency))
        tell(f"archiver / {name}", speed["archiver"] / speed[name], "", f">= {target}" if target else "")


def large_archive(place: Place) -> None:
    """A listing walk of very many clips, and a sync with nothing new after it."""
    print(f"\nAn account of {MANY} clips, 1000 a page")
    options = ["--clips", str(MANY), "--page-limit", "1000", "--days", "365"]
    with simulator(*options, env=place.env, cwd=place.base) as cloud:
        settings = place.login(cloud)
        place.fresh("archive")
        walk = place.run("sync", "--init", "--limit", "0", env=settings)
        tell("full walk: wall", walk.wall, "s")
        tell("full walk: CPU", walk.cpu, "s")
        tell("full walk: peak memory", walk.peak, "MB", "< 120")
        catalog = sqlite3.connect(place.base / "archive" / "catalog.db")
        with catalog:
            catalog.execute(PRETEND_ARCHIVED)
        tell("rows in the catalog", catalog.execute("SELECT count(*) FROM clips").fetchone()[0], "")
        catalog.close()
        again = [place.run("sync", env=settings) for _ in range(3)]
        tell("nothing new: listing requests", again[-1].json()["pages"], "", "<= 3")
        tell("nothing new: fetched", again[-1].json()["fetched"], "clips")
        tell("nothing new: CPU", median(each.cpu for each in again), "s", "< 1")
        tell("nothing new: wall", median(each.wall for each in again), "s")
        tell("nothing new: peak memory", median(each.peak for each in again), "MB")
        place.fresh("archive")


def help_text(place: Place) -> None:
    """How long a person waits for --help."""
    print("\nblink-archive --help (median of 9)")
    runs = [measure([*ARCHIVER, "--help"], env=place.env, cwd=place.base) for _ in range(10)][1:]
    tell("CPU", median(each.cpu for each in runs), "s", "< 0.2")
    tell("wall", median(each.wall for each in runs), "s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run: {','.join(PARTS)}")
    parser.add_argument("--latency", default="0,60", help="milliseconds added to each answer (default 0,60)")
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure (default: temporary)")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="blink-archive-bench-", dir=given.dir) as base:
        place = Place(Path(base))
        if "help" in parts:
            help_text(place)
        if "questions" in parts:
            ask_questions(place.base, clips=MANY, rounds=max(given.rounds, 3), env=place.env)
        if "sync" in parts:
            compare_sync(place, rounds=given.rounds, latencies=map(int, given.latency.split(",")))
        if "large" in parts:
            large_archive(place)
        if "copies" in parts:
            compare_copies(place, simulator, rounds=given.rounds)


if __name__ == "__main__":
    main()
