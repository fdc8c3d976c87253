"""A job as launchd, cron and Windows' Task Scheduler read it. Pure."""

from __future__ import annotations

import plistlib
import re
import shlex
import subprocess
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from ...errors import UsageError
from .job import MARK, SPREAD, Job

# To crons a % ends the command, and they do not agree how it is escaped; to BusyBox's a # does so, too,
# quoted or not. A shell is given both in other words.
_RESERVED = {"%": "\"$(printf '\\045')\"", "#": "\"$(printf '\\043')\""}
_LONGEST = 990  # characters of a command: older crons cut it off at 998
_TASKS = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_CRONTAB_LINE = re.compile(rb"(\d+) (\d+) \* \* \* ")


def cron_mark(name: str) -> str:
    """How the line of a timer ends."""
    return f"# blink-archive timer: {name}"


def cron_line(job: Job, *, user_field: bool) -> str:
    """The line of a crontab, with its line break; with ``user_field`` as files of /etc/cron.d have it.

    Raises UsageError for a command that cron would cut off.
    """
    command = f"sleep {job.delay}; umask {job.umask:04o}; {_shell(job.steps)}"
    if len(command.encode()) > _LONGEST:
        raise UsageError(
            f"The command is too long for cron, which cuts it off at {_LONGEST} bytes. Put the options into "
            "the configuration file, or the archive into a folder with a shorter name."
        )
    who = f"{job.owner.user} " if user_field else ""
    return f"{job.at.minute} {job.at.hour} * * * {who}{command} {cron_mark(job.name)}\n"


def cron_time(line: bytes) -> time | None:
    """``at`` of such a line."""
    found = _CRONTAB_LINE.match(line)
    return time(int(found[2]), int(found[1])) if found else None


def _shell(steps: Sequence[Sequence[str]]) -> str:
    """Both steps run, and the exit code is that of the last that failed."""
    first, *then = (" ".join(map(_quoted, step)) for step in steps)
    return f"{first}; s=$?; {then[0]} || s=$?; exit $s" if then else f"exec {first}"


def _quoted(word: str) -> str:
    if not set(word) & _RESERVED.keys():
        return shlex.quote(word)
    parts = re.split("([%#])", word)
    return "".join(_RESERVED.get(part) or shlex.quote(part) for part in parts if part)


def launchd_plist(job: Job, *, log: str) -> str:
    """The property list of an agent or daemon. launchd runs at waking what was slept through, and waits at no
    time for a random while: the minute itself is a little later than ``at``."""
    begin = datetime.combine(date.min, job.at) + timedelta(minutes=job.delay // 60)
    settings: dict[str, Any] = {
        "Label": job.name,
        "ProgramArguments": list(job.command) if job.then is None else ["/bin/sh", "-c", _shell(job.steps)],
        "StartCalendarInterval": {"Hour": begin.hour, "Minute": begin.minute},
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "Umask": job.umask,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Nice": 10,
        "ExitTimeOut": 90,
    }
    if job.owner.scope == "system":
        settings["UserName"] = job.owner.user
    text = plistlib.dumps(settings, sort_keys=False).decode()
    return text.replace("<plist ", f"<!-- {MARK} -->\n<plist ", 1)


def plist_time(text: bytes) -> time:
    """When the job of such a property list begins."""
    when = plistlib.loads(text)["StartCalendarInterval"]
    return time(when["Hour"], when["Minute"])


def task_xml(job: Job) -> str:
    """The task, as `schtasks /Create /XML` takes it in UTF-16. Scope "system" also runs while nobody is
    signed in. Raises UsageError for what the Task Scheduler would put something else in for."""
    for word in (word for step in job.steps for word in step):
        if "%" in word or "$(" in word:
            raise UsageError(
                f"{word!r} holds what the Task Scheduler would replace: % or $(. Rename the folder."
            )
    task = ET.Element("Task", {"version": "1.2", "xmlns": _TASKS})
    _add(task, {"RegistrationInfo": {"Description": MARK}})
    begin = {
        "Enabled": "true",
        "StartBoundary": f"2000-01-01T{job.at:%H:%M}:00",
        "RandomDelay": f"PT{SPREAD}S",
    }
    _add(task, {"Triggers": {"CalendarTrigger": begin | {"ScheduleByDay": {"DaysInterval": "1"}}}})
    logon = "S4U" if job.owner.scope == "system" else "InteractiveToken"
    who = {"UserId": job.owner.user, "LogonType": logon, "RunLevel": "LeastPrivilege"}
    _add(task, {"Principals": {"Principal": who}})
    _add(
        task,
        {
            "Settings": {
                "MultipleInstancesPolicy": "IgnoreNew",
                "DisallowStartIfOnBatteries": "false",
                "StopIfGoingOnBatteries": "false",
                "StartWhenAvailable": "true",  # a night that the machine slept through
                "RunOnlyIfNetworkAvailable": "true",
                "ExecutionTimeLimit": "PT20H",
                "Priority": "7",
            }
        },
    )
    actions = ET.SubElement(task, "Actions")
    for command, *arguments in job.steps:
        _add(actions, {"Exec": {"Command": command, "Arguments": subprocess.list2cmdline(arguments)}})
    ET.indent(task)
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{ET.tostring(task, encoding="unicode")}\n'


def task_time(text: str) -> time | None:
    """When such a task begins; None where it says nothing of it."""
    task = ET.fromstring(text.partition("?>")[2])  # noqa: S314 - Windows' own answer
    begin = task.findtext(f".//{{{_TASKS}}}StartBoundary")
    return datetime.fromisoformat(begin).time() if begin else None


def _add(parent: ET.Element, content: dict[str, Any]) -> None:
    for name, value in content.items():
        made = ET.SubElement(parent, name)
        if isinstance(value, dict):
            _add(made, value)
        else:
            made.text = value
