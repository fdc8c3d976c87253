"""Timers: which scheduler this system has, and whether a timer is installed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import SchedulerError
from .cron import Cron
from .job import Job, Owner, Scheduler, Scope, State, Text, timer_name
from .launchd import Launchd
from .systemd import Systemd, gives_namespaces
from .windows import TaskScheduler

__all__ = [
    "Job", "Kind", "Owner", "Scheduler", "Scope", "State", "Status", "Systemd", "Text",
    "gives_namespaces", "scheduler", "scheduler_here", "status", "timer_name",
]  # fmt: skip

Kind = Literal["systemd", "launchd", "cron", "windows"]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a timer is installed: yes, no, or unknown (None), and then why (``problem``). The rest is of
    the one that was found; of none, ``owner`` and ``name`` are those asked for first."""

    installed: bool | None
    kind: Kind
    owner: Owner
    name: str
    state: State
    problem: str | None = None


def scheduler_here(*, run: Path = Path("/run")) -> Kind:
    """What runs things at night on this system."""
    if sys.platform == "darwin":
        return "launchd"
    if sys.platform == "win32":
        return "windows"
    return "systemd" if (run / "systemd/system").is_dir() and shutil.which("systemctl") else "cron"


def scheduler(kind: Kind, owner: Owner) -> Scheduler:
    """That scheduler."""
    match kind:
        case "systemd":
            return Systemd(owner)
        case "launchd":
            return Launchd(owner)
        case "windows":
            return TaskScheduler(owner)
        case _:
            return Cron(owner)


def status(kind: Kind, archive: Path, *owners: Owner) -> Status:
    """Whether one of the ``owners`` has a timer for that archive (without symlinks): the first that has, else
    the first of which it cannot be told."""
    unknown: Status | None = None
    for owner in owners:
        name = timer_name(archive, owner)
        try:
            state = scheduler(kind, owner).state(name)
        except SchedulerError as error:
            unknown = unknown or Status(None, kind, owner, name, State(), str(error))
            continue
        if state.places:
            return Status(True, kind, owner, name, state)
    return unknown or Status(False, kind, owners[0], timer_name(archive, owners[0]), State())
