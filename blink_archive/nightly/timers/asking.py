"""The system's own programs, run and understood; and files of which we know that they are ours."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from ...errors import SchedulerError
from .job import MARK

_PATIENCE = 60  # seconds


def ask(*command: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a program of the system's in the C locale, whatever it answers; SchedulerError where it is not
    there or does not end."""
    try:
        return subprocess.run(  # noqa: S603 - no shell, and the words are ours
            command,
            input=given if given is not None else b"",
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise SchedulerError(
            f"This system has no `{command[0]}`. `blink-archive timer show --as …` prints what others take."
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SchedulerError(f"`{shlex.join(command)}` could not be run to its end: {error}.") from error


def demand(*command: str, given: bytes | None = None, advice: str) -> bytes:
    """What such a program prints; SchedulerError with its own words and ``advice`` where it fails."""
    done = ask(*command, given=given)
    if done.returncode:
        raise SchedulerError(f"`{shlex.join(command)}` failed: {said(done)}. {advice}")
    return done.stdout


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line that a program said, as a sentence without its stop."""
    lines = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace").splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"exit code {done.returncode}"


def is_ours(path: Path) -> bool:
    """Whether there is such a file, and a timer of ours wrote it."""
    try:
        return MARK in path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False


def write_ours(path: Path, text: str) -> None:
    """Write a file at once, over one of ours; SchedulerError where somebody else's has the name."""
    if path.exists() and not is_ours(path):
        raise SchedulerError(
            f"{path} was not written by `blink-archive timer install`. Move it away, and run the "
            "command again."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.new")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o644)  # the system's manager, and a person without rights, read it
    part.replace(path)
