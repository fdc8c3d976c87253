"""A small HTTP server on loopback that keeps what it was sent: in place of healthchecks.io, and of a service
of Apprise's (json://)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request: method, path with its query, body."""

    method: str
    path: str
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The body of Apprise's json://: ``title``, ``message``, ``type``."""
        return dict(json.loads(self.body))


@dataclass(slots=True)
class Listener:
    """``status`` is what every request is answered with; while ``hangs`` is set, none is answered."""

    host: str = ""
    status: int = 200
    requests: list[Request] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def pings(self) -> list[str]:
        """What checks were told, in order: ``start``, ``success``, ``fail``."""
        ends = [request.path.removeprefix("/ping/secret-check") for request in self.requests]
        return [end.removeprefix("/") or "success" for end in ends if not end.startswith("/note")]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What a person was told, in order."""
        return [request.message for request in self.requests if request.path.startswith("/note")]

    @property
    def check(self) -> str:
        """The address of a check."""
        return f"http://{self.host}/ping/secret-check"

    @property
    def service(self) -> str:
        """A URL of Apprise's."""
        return f"json://{self.host}/note-secret-token"


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener, while it is entered."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            listener.requests.append(Request(self.command, self.path, body))
            listener.arrived.release()
            if listener.hangs.is_set():
                listener.goes_on.wait(60)
            self.send_response(listener.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        listener.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener
        finally:
            listener.goes_on.set()
            server.shutdown()
            thread.join()
