"""A job as systemd's units: a service, one for what comes after it, and a timer. Pure.

Which directive works where was tried with systemd 252, Debian 12's; docs/deploy/README.md tells
what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import time
from pathlib import PurePath

from .job import MARK, SPREAD, Job, with_heading

_HOMES = ("/home", "/root", "/run/user")  # what ProtectHome= is about
_SHARED = ("/tmp", "/var/tmp")  # noqa: S108 - what PrivateTmp= is about
_LIMIT = "20h"  # less than a day, and more than the first sync of most accounts

# A filter on calls and addresses needs no rights: every manager can set it.
_FILTERS = (
    "LockPersonality=true",
    "MemoryDenyWriteExecute=true",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",  # the last is how glibc sorts addresses
    "RestrictNamespaces=true",
    "RestrictRealtime=true",
    "RestrictSUIDSGID=true",
    "SystemCallArchitectures=native",
    "SystemCallErrorNumber=EPERM",
    "SystemCallFilter=@system-service",
)
# These take capabilities or a mount namespace: the system's manager has them, a user's own only with
# PrivateUsers=, and without it fails to start the service (218/CAPABILITIES).
_NAMESPACES = (
    "CapabilityBoundingSet=",
    "PrivateDevices=true",
    "ProtectClock=true",
    "ProtectHostname=true",
    "ProtectKernelLogs=true",
    "ProtectKernelModules=true",
    "ProtectKernelTunables=true",
)
_SYSTEM_ONLY = ("ProtectControlGroups=true", "ProtectProc=invisible")


def units(job: Job) -> dict[str, str]:
    """The files, by name."""
    made = {f"{job.name}.service": _service(job, job.command, follower=bool(job.then))}
    if job.then is not None:
        made[f"{job.name}-verify.service"] = _service(job, job.then, follower=False)
    made[f"{job.name}.timer"] = _timer(job)
    return made


def time_of(timer: str) -> time | None:
    """``at`` of a timer's text; None where it is written otherwise."""
    for line in timer.splitlines():
        if line.startswith("OnCalendar=*-*-* "):
            try:
                return time.fromisoformat(line.removeprefix("OnCalendar=*-*-* "))
            except ValueError:
                return None
    return None


def _timer(job: Job) -> str:
    return with_heading(
        MARK,
        (
            "[Unit]",
            f"Description=Archive the clips of a Blink account every night ({job.name})",
            "",
            "[Timer]",
            f"OnCalendar=*-*-* {job.at:%H:%M}:00",
            "# Not everybody at the same second, but on this machine always at the same time.",
            f"RandomizedDelaySec={SPREAD // 60}m",
            "FixedRandomDelay=true",
            "# A night that this machine slept through is made up for when it is back.",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
        ),
    )


def _service(job: Job, command: Sequence[str], *, follower: bool) -> str:
    return with_heading(
        MARK,
        (
            "[Unit]",
            *_unit(job, is_first=command is job.command, follower=follower),
            "",
            "[Service]",
            "Type=oneshot",
            *([f"User={_value(job.owner.user)}"] if job.owner.scope == "system" else []),
            f"ExecStart={_command(command)}",
            "# No failures: another run holds the archive and does the work (6); ended by SIGTERM (130).",
            "SuccessExitStatus=6 130",
            "# A first sync takes hours. SIGTERM ends one cleanly, and the next goes on from there.",
            f"TimeoutStartSec={_LIMIT}",
            f"UMask={job.umask:04o}",
            "Nice=10",
            "IOSchedulingClass=best-effort",
            "IOSchedulingPriority=7",
            "",
            *_hardening(job),
        ),
    )


def _unit(job: Job, *, is_first: bool, follower: bool) -> Iterator[str]:
    what = (
        "Archive the clips of a Blink account" if is_first else "Verify the archived clips of a Blink account"
    )
    yield f"Description={what} ({job.name})"
    if job.owner.scope == "system":  # a user's own manager has no such target, and mounts nothing
        yield "Wants=network-online.target"
        yield "After=network-online.target"
        yield f"RequiresMountsFor={_path(job.archive)}"
    if follower:
        yield "# Then verify, whatever came of the sync: each fails for itself."
        yield f"OnSuccess={job.name}-verify.service"
        yield f"OnFailure={job.name}-verify.service"


def _hardening(job: Job) -> Iterator[str]:
    yield "NoNewPrivileges=true"
    yield from _FILTERS
    if job.owner.scope == "user" and not job.namespaces:
        yield "# This machine gives users no namespaces, and so their services no file system of their own."
        return
    if job.owner.scope == "user":
        yield "# With it, a user's own manager can do what follows."
        yield "PrivateUsers=true"
    else:
        yield from _SYSTEM_ONLY
    yield from _NAMESPACES
    in_tmp = _any_below(job, _SHARED)
    yield f"PrivateTmp={'false' if in_tmp else 'true'}"
    hidden = job.owner.scope == "system" and not _any_below(job, _HOMES)
    yield f"ProtectHome={'true' if hidden else 'read-only'}"
    yield "# All is read-only, but for what follows; what is not there is left to the program to tell."
    yield "ProtectSystem=strict"
    for path in (*job.writable, *(map(PurePath, _SHARED) if in_tmp else ())):
        yield f"ReadWritePaths={_path(path, prefix='-')}"


def _any_below(job: Job, folders: Sequence[str]) -> bool:
    used = (job.archive, *job.writable, *job.needed)
    return any(PurePath(path).is_relative_to(folder) for path in used for folder in folders)


def _command(words: Sequence[str]) -> str:
    """The colon keeps systemd from putting variables in for ``$``, in the program's own path too. It takes
    no program with quotes or backslashes in its path; a shell does."""
    if set(words[0]) & set("\"'\\"):
        words = ("/bin/sh", "-c", 'exec "$@"', "sh", *words)
    return ":" + " ".join(_word(word) for word in words)


def _word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_value(escaped)}"'


def _path(path: PurePath, *, prefix: str = "") -> str:
    """One path of a list of them. Unlike a command's words these know no escapes but of quotes and
    backslashes themselves, so that one form serves both."""
    return _word(f"{prefix}{path}")


def _value(text: str) -> str:
    """% begins a specifier."""
    return text.replace("%", "%%")
