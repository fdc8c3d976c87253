"""launchd: a property list among the agents or daemons, and `launchctl`."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from .asking import ask, demand, is_ours, write_ours
from .job import Job, Owner, State, Text, next_at
from .texts import launchd_plist, plist_time

_LAST = re.compile(r"^\s*last exit code = (.+)$", re.MULTILINE)


class Launchd:
    """The agents of a user, or the daemons of the machine."""

    kind = "launchd"

    def __init__(self, owner: Owner, *, root: Path = Path("/")) -> None:
        self._user = owner.scope == "user"
        self._library = (owner.home if self._user else root) / "Library"

    def texts(self, job: Job) -> tuple[Text, ...]:
        """The property list."""
        log = str(self._library / "Logs" / f"{job.name}.log")
        return (Text(str(self._path(job.name)), launchd_plist(job, log=log)),)

    def install(self, job: Job) -> tuple[str, ...]:
        """Write the property list, and load it in the place of one that is loaded."""
        (text,) = self.texts(job)
        write_ours(Path(text.place), text.text)
        ask("launchctl", "bootout", f"{self._domain()}/{job.name}")  # complains where none is loaded
        demand(
            "launchctl", "bootstrap", self._domain(), text.place,
            advice="Sign in at this Mac, not from elsewhere; or install with --system.",
        )  # fmt: skip
        return (text.place,)

    def state(self, name: str) -> State:
        """Whether it is there and loaded, its next time, and how it ended last."""
        path = self._path(name)
        if not is_ours(path):
            return State()
        done = ask("launchctl", "print", f"{self._domain()}/{name}")
        if done.returncode:
            return State(places=(str(path),), result="not loaded: install it again")
        last = _LAST.search(done.stdout.decode(errors="replace"))
        return State(
            places=(str(path),),
            next_run=next_at(plist_time(path.read_bytes()), now=datetime.now().astimezone()),
            result=f"exit code {last[1].strip()}" if last else None,
        )

    def remove(self, name: str) -> tuple[str, ...]:
        """Unload it, and take the property list away. The log stays."""
        path = self._path(name)
        if not is_ours(path):
            return ()
        ask("launchctl", "bootout", f"{self._domain()}/{name}")
        path.unlink()
        return (str(path),)

    def _path(self, name: str) -> Path:
        return self._library / ("LaunchAgents" if self._user else "LaunchDaemons") / f"{name}.plist"

    def _domain(self) -> str:
        return f"gui/{os.getuid()}" if self._user else "system"
