"""Sends a message to a person through Apprise, each service in a process of its own.

A process, since it can be ended: Apprise has a hundred services, each with its own waits and threads, and
none of them may hold a run up. What they print and log, addresses with tokens included, goes nowhere. This
file is the process's program, too, and so needs nothing of the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .deadline import Deadline

_SENT, _REFUSED, _UNKNOWN = 0, 10, 11  # exit codes of the process
_GIVEN_UP = -1  # in place of one
_LOOK = 0.2  # seconds between two looks at the deadline


@dataclass(frozen=True, slots=True)
class Message:
    """A line and a text; ``type`` is one of Apprise's: ``info``, ``success``, ``warning``, ``failure``."""

    title: str
    body: str
    type: str


def is_installed() -> bool:
    """Whether Apprise is there; it is not loaded for that."""
    return find_spec("apprise") is not None


def send(message: Message | None, services: Sequence[str], *, until: Deadline) -> tuple[int, list[str]]:
    """Send it to all ``services``, Apprise's URLs, at once: how many took it, and a sentence for each that
    did not. Without a message, only whether Apprise knows their addresses; they are not asked.

    One that has not taken it by then is given up. The URLs hold tokens, so that no
    sentence tells more of them than the scheme. Raises OSError where no process can be started.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += (_start(message, service) for service in services)
        codes = [_end(process, until) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return codes.count(_SENT), [
        _trouble(_name(service), code) for service, code in zip(services, codes, strict=True) if code != _SENT
    ]


def _start(message: Message | None, service: str) -> subprocess.Popen[bytes]:
    # -P: modules of ours, or of the current folder, must not stand in for others of the same name
    process = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, "-P", __file__],
        env={name: value for name, value in os.environ.items() if not name.startswith("BLINK_ARCHIVE_")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if process.stdin is not None:
        with (
            suppress(BrokenPipeError),
            process.stdin as pipe,
        ):  # one that has ended already says by which code
            pipe.write(json.dumps({"service": service, "message": message and asdict(message)}).encode())
    return process


def _end(process: subprocess.Popen[bytes], until: Deadline) -> int:
    while True:
        left = until.left()
        try:
            return process.wait(min(left, _LOOK))
        except subprocess.TimeoutExpired:
            if left <= _LOOK:
                return _GIVEN_UP


def _name(service: str) -> str:
    """What of its URL may be told; nothing, where it is none and may be a bare token."""
    scheme, there, _ = service.partition("://")
    return f"{scheme}://" if there and scheme.isalnum() and len(scheme) <= 20 else "a service"


def _trouble(name: str, code: int) -> str:
    match code:
        case _ if code == _UNKNOWN:
            return (
                f"A message could not be sent: Apprise does not know {name} with an address of this form. "
                "Check --notify."
            )
        case _ if code == _GIVEN_UP:
            return f"A message could not be sent: {name} did not take it in time."
        case _:
            return f"A message could not be sent: {name} did not take it. Check --notify and the service."


def _main() -> int:
    """In the process: send what stdin tells."""
    import apprise

    asked = json.load(sys.stdin)
    asset = apprise.AppriseAsset(
        app_id="blink-archive",
        app_desc="blink-archive",
        app_url="",
    )
    sender = apprise.Apprise(asset=asset)
    if not sender.add(asked["service"]):
        return _UNKNOWN
    if (message := asked["message"]) is None:
        return _SENT
    sent = sender.notify(
        title=message["title"],
        body=message["body"],
        notify_type=message["type"],
        body_format=apprise.NotifyFormat.TEXT,
    )
    return _SENT if sent else _REFUSED


if __name__ == "__main__":
    sys.exit(_main())
