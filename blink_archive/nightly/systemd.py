"""What systemd wants to hear of a service: that it is ready, how it does, and that it is still alive.

Each message is a datagram to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)); without the variable
nobody listens, and nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping

from ..client.redact import logger_of

_PATIENCE = 1.0  # seconds for a manager whose queue is full; a word to it is not worth more

_LOG = logger_of(__name__)


class Systemd:
    """The service manager that started this process, or nobody. A word that does not reach it is logged."""

    def __init__(self, environment: Mapping[str, str] = os.environ, *, process: int | None = None) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name if name.startswith("/") else None
        self.alive_every = self._alive_every(environment, os.getpid() if process is None else process)
        """Seconds between two signs of life; None where none is asked for."""

    def _alive_every(self, environment: Mapping[str, str], process: int) -> float | None:
        """Half the time after which the manager would end this process, as its manual advises."""
        usec = environment.get("WATCHDOG_USEC", "")
        whose = environment.get("WATCHDOG_PID", "")
        if self._address is None or not usec.isdecimal() or not int(usec):
            return None
        return int(usec) / 2_000_000 if whose in ("", str(process)) else None

    def ready(self) -> None:
        """The service has started, or has read its configuration anew."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The configuration is about to be read anew; `ready` follows. The time is what tells one reload
        from the next (``Type=notify-reload``)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """A line for ``systemctl status``."""
        self._tell(f"STATUS={' '.join(text.split())}")

    async def stay_alive(self) -> None:
        """Give signs of life until it is cancelled, if any are asked for: an event loop that hangs gives
        none."""
        while self.alive_every is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.alive_every)

    def _tell(self, *assignments: str) -> None:
        if self._address is None:
            return
        message = "\n".join(assignments).encode("utf-8", "backslashreplace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(_PATIENCE)
                sending.sendto(message, self._address)
        except OSError as error:
            _LOG.warning("systemd was not told %s: %s", assignments[0], error.strerror or error)
