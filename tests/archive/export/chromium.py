"""Chromium without a window, driven by the DevTools protocol over two pipes: no port, no further package."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_PATIENCE = 30.0  # seconds
# Chromium reads from 3 and writes to 4, whatever numbers the pipes have here: first out of each other's way.
_HAND_OVER = """
import fcntl, os, sys
for number, pipe in enumerate([fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]], 3):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Browser:
    """One page. ``events`` are all that Chromium told: (method, parameters)."""

    _to: int
    _from: int
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _number: int = 0
    _session: str | None = None
    _rest: bytes = b""

    def begin(self) -> None:
        """Attach to a new page, and hear of all that it says and asks for."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, url: str) -> None:
        """Open an address, until it is loaded."""
        before = len(self.events)
        self.call("Page.navigate", url=url)
        while not any(method == "Page.loadEventFired" for method, _ in self.events[before:]):
            self._receive()

    def value(self, script: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str) -> Any:
        """The same, once it is true."""
        end = time.monotonic() + _PATIENCE
        while not (value := self.value(script)):
            assert time.monotonic() < end, f"never true: {script}"
            self.value("new Promise(done => setTimeout(done, 20))")
        return value

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of the first such element."""
        place = self.value(
            f"(() => {{ const each = document.querySelector({json.dumps(selector)});"
            " each.scrollIntoView({block: 'center'}); const box = each.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    def press(self, key: str) -> None:
        """A key, typed into whatever has the focus."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def asked_for(self) -> set[str]:
        """The addresses of all requests so far."""
        return {
            event["request"]["url"] for method, event in self.events if method == "Network.requestWillBeSent"
        }

    def complaints(self) -> list[Any]:
        """What went wrong on the page: exceptions, errors on the console, what its policy forbade."""
        return [
            event
            for method, event in self.events
            if method == "Runtime.exceptionThrown"
            or (method == "Runtime.consoleAPICalled" and event["type"] in ("error", "assert", "warning"))
            or (method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"))
        ]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], _PATIENCE)
            assert ready, "Chromium says nothing"
            read = os.read(self._from, 1 << 20)
            assert read, "Chromium ended"
            self._rest += read
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message


@contextlib.contextmanager
def started(profile: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Browser]:
    """A browser with a profile of its own in that folder, which ends with the context."""
    assert PROGRAM
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    options = [
        "--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-sandbox", "--disable-gpu",
        "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--mute-audio", f"--window-size={width},{height}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    ]  # fmt: skip
    command = [sys.executable, "-c", _HAND_OVER, str(their_in), str(their_out), PROGRAM, *options]
    with subprocess.Popen(
        command, pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        os.close(their_in)
        os.close(their_out)
        browser = Browser(our_out, our_in)
        try:
            browser.begin()
            yield browser
        finally:
            os.write(our_out, b'{"id": 0, "method": "Browser.close"}\0')
            process.wait(_PATIENCE)
            os.close(our_out)
            os.close(our_in)
