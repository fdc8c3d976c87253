"""Windows' Task Scheduler, and `schtasks`."""

from __future__ import annotations

import csv
import tempfile
from datetime import datetime
from pathlib import Path

from .asking import ask, demand
from .job import MARK, Job, Owner, State, Text, next_at
from .texts import task_time, task_xml

_LAST_RESULT = 6  # the column of a CSV whose headings and dates are in the system's language
_NEVER_RAN = "267011"
_RUNNING = "267009"
_ADVICE = "Run the command as an administrator, or install with --user."


class TaskScheduler:
    """The tasks of Windows. What they write goes nowhere: use --log-file."""

    kind = "windows"

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def texts(self, job: Job) -> tuple[Text, ...]:
        """The task."""
        return (Text(self._place(job.name), task_xml(job)),)

    def install(self, job: Job) -> tuple[str, ...]:
        """Register the task, over an earlier one."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "task.xml"
            path.write_bytes(task_xml(job).encode("utf-16"))
            demand("schtasks", "/Create", "/TN", job.name, "/XML", str(path), "/F", advice=_ADVICE)
        return (self._place(job.name),)

    def state(self, name: str) -> State:
        """Whether the task is there, its next time, and how it ended last."""
        xml = self._xml(name)
        if xml is None:
            return State()
        table = demand("schtasks", "/Query", "/TN", name, "/FO", "CSV", "/V", "/NH", advice=_ADVICE)
        rows = list(csv.reader(table.decode(errors="replace").splitlines()))
        code = rows[0][_LAST_RESULT] if rows and len(rows[0]) > _LAST_RESULT else _NEVER_RAN
        at = task_time(xml)
        return State(
            places=(self._place(name),),
            next_run=next_at(at, now=datetime.now().astimezone()) if at else None,
            result={_NEVER_RAN: None, _RUNNING: "running"}.get(code, f"exit code {code}"),
        )

    def remove(self, name: str) -> tuple[str, ...]:
        """Delete the task."""
        if self._xml(name) is None:
            return ()
        demand("schtasks", "/Delete", "/TN", name, "/F", advice=_ADVICE)
        return (self._place(name),)

    def _place(self, name: str) -> str:
        return f"the task {name}"

    def _xml(self, name: str) -> str | None:
        """The task of that name, if it is there and ours."""
        done = ask("schtasks", "/Query", "/TN", name, "/XML")
        text = _decoded(done.stdout)
        return text if done.returncode == 0 and MARK in text else None


def _decoded(output: bytes) -> str:
    """What schtasks prints: in UTF-16 with its mark, or in the console's own code page."""
    wide = output.startswith((b"\xff\xfe", b"\xfe\xff"))
    return output.decode("utf-16" if wide else "utf-8", errors="replace")
