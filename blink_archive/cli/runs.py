"""``runs``: what the last runs did, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from .options import Globals, command
from .output import counted, local, print_json, print_table, size


@command("runs")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    envvar="BLINK_ARCHIVE_RUNS_LAST",
    allow_from_autoenv=False,
    show_envvar=True,
    help="Only the last N.",
)
def runs_command(given: Globals, *, last: int) -> None:
    """List the runs that wrote to the archive, the newest last.

    When they began, how long they took, how they ended and what they did.
    """
    from ..archive.runs import last_runs

    archive = given.archive()
    catalog = archive.open_catalog()
    try:
        runs = last_runs(catalog, last)
    finally:
        catalog.close()
    running = archive.is_locked()
    found = [_facts(run, running=running and run is runs[-1]) for run in runs]
    if given.json:
        print_json(found)
    else:
        print_table(("run", "command", "started", "took", "ended", "did"), [_cells(run) for run in found])


def _facts(run: dict[str, Any], *, running: bool) -> dict[str, Any]:
    """``state`` is ``ended``, ``running`` or ``killed``; ``seconds`` None of what has not ended."""
    ended = run["ended_at"]
    seconds = (
        ended and (datetime.fromisoformat(ended) - datetime.fromisoformat(run["started_at"])).total_seconds()
    )
    state = "ended" if ended else "running" if running else "killed"
    return {
        "id": run["id"],
        "command": run["command"],
        "state": state,
        "started_at": run["started_at"],
        "ended_at": ended,
        "seconds": seconds,
        "exit_code": run["exit_code"],
        "summary": run["summary"],
    }


def _cells(run: dict[str, Any]) -> Sequence[Any]:
    from ..nightly.ending import IN_WORDS

    code, seconds = run["exit_code"], run["seconds"]
    match run["state"]:
        case "ended":
            ended = IN_WORDS.get(code, f"exit code {code}") if code == 0 else f"{code}: {IN_WORDS.get(code)}"
        case "running":
            ended = "running now"
        case _:
            ended = "killed before it ended"
    took = "" if seconds is None else str(timedelta(seconds=round(seconds)))
    return run["id"], run["command"], local(run["started_at"]), took, ended, ", ".join(_did(run["summary"]))


def _did(summary: dict[str, Any]) -> Iterator[str]:
    """What a run did, by the figures that its command leaves; a reason, where it did nothing."""
    account = summary.get("account") or {}
    figures: tuple[tuple[str, Any], ...] = (
        ("clips fetched", summary.get("fetched")),
        ("clips imported", summary.get("imported")),
        ("clips exported", summary.get("exported")),
        ("files removed", summary.get("removed")),
        ("clips deleted", summary.get("deleted")),
        ("files repaired", summary.get("repaired")),
        ("files lost", summary.get("lost")),
        ("clips failed", summary.get("failures")),
        ("clips lost", account.get("newly_gone")),
    )
    done = [(words, len(value) if isinstance(value, list) else value) for words, value in figures if value]
    for words, count in done:
        yield counted(count, words)
    if summary.get("bytes"):
        yield size(summary["bytes"])
    if not done and summary.get("stopped"):
        yield summary["stopped"]
