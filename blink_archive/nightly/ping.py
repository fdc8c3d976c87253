"""Pings of a service that waits for them, as healthchecks.io does: a run began, ended well, or failed."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable

import httpx

from ..client.redact import redacted
from ..errors import BlinkArchiveError
from .deadline import Deadline

LARGEST_BODY = 100_000
"""Bytes that are kept of a body (https://healthchecks.io/docs/attaching_logs/): the first ones. What is too
long is cut here, since its end counts."""

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_TRIES = 3  # of a connection


class Pings:
    """The pings of one run, in order, from a thread of their own: the run never waits for them.

    Their addresses are secrets: who knows one can report for us. Nothing that this tells names more than
    scheme and host. ``trust`` makes what certificates are verified by.
    """

    def __init__(self, url: str, *, trust: Callable[[], ssl.SSLContext]) -> None:
        self._url = httpx.URL(url)
        self._trust = trust
        self._waiting: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._troubles: list[str] = []
        # A daemon: the program can end while a server takes its time.
        self._thread = threading.Thread(target=self._work, name="pings", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """The run begins."""
        self._waiting.put(("/start", ""))

    def success(self, body: str) -> None:
        """It ended well."""
        self._waiting.put(("", body))
        self.close()

    def fail(self, body: str) -> None:
        """It did not."""
        self._waiting.put(("/fail", body))
        self.close()

    def close(self) -> None:
        """No ping follows; those that wait still leave."""
        self._waiting.put(None)

    def finish(self, until: Deadline) -> list[str]:
        """Wait until all have left, until then at most; a sentence for each trouble."""
        while self._thread.is_alive() and until.left():
            self._thread.join(0.05)  # in short pieces: on Windows, Ctrl-C is not heard within one
        late = [f"{self._name} took no ping in time."] if self._thread.is_alive() else []
        return [*self._troubles, *late]

    @property
    def _name(self) -> str:
        return f"{self._url.scheme}://{self._url.host}"

    def _work(self) -> None:
        try:
            transport = httpx.HTTPTransport(verify=self._trust(), retries=_TRIES - 1)
        except BlinkArchiveError as error:
            self._troubles.append(str(error))
            return
        with httpx.Client(transport=transport, timeout=_TIMEOUT) as client:
            while (ping := self._waiting.get()) is not None:
                self._send(client, *ping)

    def _send(self, client: httpx.Client, end: str, body: str) -> None:
        url = self._url.copy_with(path=self._url.path.rstrip("/") + end)
        try:
            # its answer is not read: its status says all
            with client.stream("POST", url, content=shortened(redacted(body))) as answer:
                if not answer.is_success:
                    self._troubles.append(f"{self._name} answered a ping with HTTP {answer.status_code}.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            self._troubles.append(f"{self._name} could not be pinged ({type(error).__name__}).")


def shortened(body: str) -> bytes:
    """``body`` as UTF-8 of at most `LARGEST_BODY` bytes: its first paragraph, and of the rest the end."""
    whole = body.encode("utf-8", "backslashreplace")
    if len(whole) <= LARGEST_BODY:
        return whole
    head = whole.partition(b"\n\n")[0][: LARGEST_BODY // 2]
    between = b"\n\n[...]\n"
    rest = whole[len(head) + len(between) - LARGEST_BODY :]
    cut = (head, between, rest)
    return b"".join(part.decode("utf-8", "ignore").encode() for part in cut)
