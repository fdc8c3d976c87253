"""systemd: units in the manager's folder, and `systemctl`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import SchedulerError
from .asking import ask, is_ours, said, write_ours
from .job import Job, Owner, State, Text
from .units import units

_SYSTEM = Path("/etc/systemd/system")
_NO_BUS = "connect to bus"


class Systemd:
    """The timers of the system's manager, or of a user's own."""

    kind = "systemd"

    def __init__(self, owner: Owner, *, system_folder: Path = _SYSTEM) -> None:
        self._user = owner.scope == "user"
        self._owner = owner
        self._system_folder = system_folder

    def texts(self, job: Job) -> tuple[Text, ...]:
        """The units."""
        folder = self._folder()
        return tuple(Text(str(folder / name), text) for name, text in units(job).items())

    def install(self, job: Job) -> tuple[str, ...]:
        """Write the units, and start the timer: the run itself waits for its time."""
        self._demand("daemon-reload")  # nothing is written where no manager listens
        made = units(job)
        for name, text in made.items():
            write_ours(self._folder() / name, text)
        for path in self._ours(job.name):
            if path.name not in made:
                path.unlink()
        self._demand("daemon-reload")
        self._demand("enable", "--quiet", f"{job.name}.timer")
        self._demand("restart", f"{job.name}.timer")
        return tuple(str(self._folder() / name) for name in made)

    def state(self, name: str) -> State:
        """The files that are there; when it runs next as systemd says; the last run since the boot."""
        places = self._ours(name)
        if not places:
            return State()
        timers = self._demand("list-timers", "--all", "--output=json", f"{name}.timer")
        shown = self._demand(
            "show", "--timestamp=utc", "--property=Result,ExecMainStatus,ExecMainStartTimestamp,ActiveState",
            f"{name}.service",
        ).decode()  # fmt: skip
        facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        began = _moment(facts.get("ExecMainStartTimestamp", ""))
        return State(
            places=tuple(map(str, places)),
            next_run=_next(timers),
            last_run=began,
            result=_result(facts) if began else None,
        )

    def remove(self, name: str) -> tuple[str, ...]:
        """Stop the timer, not a run that is under way, and take the files away."""
        places = self._ours(name)
        if not places:
            return ()
        self._demand("disable", "--quiet", "--now", f"{name}.timer")
        # The date of the last run, which systemd keeps, would make the next timer of that name run at once.
        self._ask("clean", "--what=state", f"{name}.timer")
        for path in places:
            path.unlink()
        self._demand("daemon-reload")
        for path in places:
            if path.suffix == ".service":
                self._ask("reset-failed", path.name)  # complains where there is no failure to forget
        return tuple(map(str, places))

    def lingers(self) -> bool:
        """Whether the user's own manager runs while the user is signed out; the system's always does."""
        if not self._user:
            return True
        done = ask("loginctl", "show-user", self._owner.user, "--property=Linger")
        return done.returncode == 0 and done.stdout.strip() == b"Linger=yes"

    def _folder(self) -> Path:
        if not self._user:
            return self._system_folder
        return Path(os.environ.get("XDG_CONFIG_HOME") or self._owner.home / ".config") / "systemd/user"

    def _ours(self, name: str) -> list[Path]:
        names = (f"{name}.service", f"{name}-verify.service", f"{name}.timer")
        return [path for path in (self._folder() / each for each in names) if is_ours(path)]

    def _ask(self, *words: str) -> Any:
        return ask("systemctl", *(["--user"] if self._user else []), *words)

    def _demand(self, *words: str) -> bytes:
        done = self._ask(*words)
        if done.returncode == 0:
            return bytes(done.stdout)
        command = " ".join(("systemctl", *(["--user"] if self._user else []), *words))
        if self._user and _NO_BUS in said(done):
            advice = "Sign in as this user, not by su or sudo; or install with --system."
        else:
            advice = "See what `journalctl -xe` says of it."
        raise SchedulerError(f"`{command}` failed: {said(done)}. {advice}")


def gives_namespaces(*, proc: Path = Path("/proc/sys")) -> bool:
    """Whether this kernel lets users make namespaces of their own, as far as it says."""
    limits = (proc / "user/max_user_namespaces", proc / "kernel/unprivileged_userns_clone")
    return not any(limit.exists() and limit.read_text().strip() == "0" for limit in limits)


def _next(timers: bytes) -> datetime | None:
    """Of the JSON of list-timers, which older versions print as a table."""
    try:
        found = [each["next"] for each in json.loads(timers)]
    except ValueError:
        return None
    return datetime.fromtimestamp(found[0] / 1e6, UTC) if found and found[0] else None


def _moment(text: str) -> datetime | None:
    """``Fri 2026-11-27 03:21:08 UTC``, or nothing."""
    words = text.split()
    return datetime.fromisoformat(f"{words[1]}T{words[2]}+00:00") if len(words) == 4 else None


def _result(facts: dict[str, str]) -> str:
    if facts.get("ActiveState") == "activating":
        return "running"
    return f"{facts.get('Result')}, exit code {facts.get('ExecMainStatus')}"
