"""cron: a line in the user's crontab, or a file in /etc/cron.d."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ...errors import SchedulerError
from .asking import ask, demand, is_ours, said, write_ours
from .job import MARK, Job, Owner, State, Text, next_at, with_heading
from .texts import cron_line, cron_mark, cron_time

_SYSTEM = Path("/etc/cron.d")
_ADVICE = "Check that cron is installed, and that this user may use it."


class Cron:
    """The lines that cron reads. Those that are not ours stay as they are, byte for byte."""

    kind = "cron"

    def __init__(self, owner: Owner, *, system_folder: Path = _SYSTEM) -> None:
        self._owner = owner
        self._system = owner.scope == "system"
        self._system_folder = system_folder

    def texts(self, job: Job) -> tuple[Text, ...]:
        """The line, or the file that holds it alone."""
        line = cron_line(job, user_field=self._system)
        return (
            Text(self._place(job.name), with_heading(MARK, [line.rstrip("\n")]) if self._system else line),
        )

    def install(self, job: Job) -> tuple[str, ...]:
        """Put the line in the place of an earlier one, or at the end."""
        ((text),) = self.texts(job)
        if self._system:
            write_ours(Path(text.place), text.text)
            return (text.place,)
        lines, new = self._lines(), text.text.encode()
        at = [number for number, line in enumerate(lines) if _is_of(line, job.name)]
        if at:
            kept = [line for number, line in enumerate(lines) if number not in at[1:]]
            kept[at[0]] = new
        else:
            if lines and not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
            kept = [*lines, new]
        self._write(kept)
        return (text.place,)

    def state(self, name: str) -> State:
        """Whether the line is there, and its next time; of a run cron tells nothing."""
        found = self._found(name)
        if not found:
            return State()
        at = cron_time(found[0])
        now = datetime.now().astimezone()
        return State(places=(self._place(name),), next_run=next_at(at, now=now) if at else None)

    def remove(self, name: str) -> tuple[str, ...]:
        """Take the line away."""
        if not self._found(name):
            return ()
        if self._system:
            Path(self._place(name)).unlink()
        else:
            self._write([line for line in self._lines() if not _is_of(line, name)])
        return (self._place(name),)

    def _place(self, name: str) -> str:
        return str(self._system_folder / name) if self._system else f"the crontab of {self._owner.user}"

    def _found(self, name: str) -> list[bytes]:
        if not self._system:
            return [line for line in self._lines() if _is_of(line, name)]
        path = Path(self._place(name))
        if not is_ours(path):
            return []
        return [line for line in path.read_bytes().splitlines(keepends=True) if _is_of(line, name)]

    def _lines(self) -> list[bytes]:
        """The crontab's lines with their breaks; none where the user has no crontab yet."""
        done = ask("crontab", "-l")
        if done.returncode == 0:
            return done.stdout.splitlines(keepends=True)
        if (
            b"no crontab" in done.stderr.lower() or b"can't open" in done.stderr.lower()
        ):  # the latter: BusyBox
            return []
        raise SchedulerError(f"`crontab -l` failed: {said(done)}. {_ADVICE}")

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            demand("crontab", "-", given=b"".join(lines), advice=_ADVICE)
        else:
            demand("crontab", "-r", advice=_ADVICE)


def _is_of(line: bytes, name: str) -> bool:
    return line.rstrip(b"\r\n").endswith(f" {cron_mark(name)}".encode()) and not line.startswith(b"#")
