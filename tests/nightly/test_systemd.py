"""What systemd is told, on a real datagram socket."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from blink_archive.nightly.systemd import Systemd

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The value of NOTIFY_SOCKET, and the socket behind it."""
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has abstract names")
    name = str(tmp_path / "notify") if request.param == "path" else f"@blink-archive-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        receiving.settimeout(5)
        yield name, receiving


def test_each_word_is_a_datagram(listening: tuple[str, socket.socket]) -> None:
    """In the form of sd_notify(3); a reload carries its time on CLOCK_MONOTONIC, in microseconds."""
    name, receiving = listening
    systemd = Systemd({"NOTIFY_SOCKET": name})
    before = time.monotonic_ns() // 1000
    systemd.ready()
    systemd.status("Two\nlines of café.")
    systemd.reloading()
    systemd.stopping()
    assert receiving.recv(4096) == b"READY=1"
    assert receiving.recv(4096).decode() == "STATUS=Two lines of café."
    first, second = receiving.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    assert receiving.recv(4096) == b"STOPPING=1"


def test_signs_of_life_come_at_half_the_time(listening: tuple[str, socket.socket]) -> None:
    """As long as the loop turns, and not while it hangs."""
    name, receiving = listening
    systemd = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000"})
    assert systemd.alive_every == 0.05

    def count() -> int:
        receiving.setblocking(False)
        signs = 0
        with suppress(BlockingIOError):
            while receiving.recv(4096) == b"WATCHDOG=1":
                signs += 1
        return signs

    async def run() -> tuple[int, int]:
        alive = asyncio.create_task(systemd.stay_alive())
        await asyncio.sleep(0.5)
        turning = count()
        time.sleep(0.5)  # noqa: ASYNC251 - a loop that hangs
        hanging = count()
        alive.cancel()
        return turning, hanging

    turning, hanging = asyncio.run(run())
    assert turning >= 5
    assert hanging == 0


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "77"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_when_signs_of_life_are_wanted(environment: dict[str, str], every: float | None) -> None:
    """Only if the manager asks for them, and this process for itself."""
    assert Systemd({"NOTIFY_SOCKET": "/x"} | environment, process=77).alive_every == every
    assert Systemd(environment, process=77).alive_every is None


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234"])
def test_without_a_socket_nothing_is_sent(name: str) -> None:
    """Nor where it is of a kind that is not known here."""
    systemd = Systemd({"NOTIFY_SOCKET": name} if name else {})
    systemd.ready()
    asyncio.run(asyncio.wait_for(systemd.stay_alive(), 1))


def test_nobody_at_the_socket_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the service goes on."""
    with caplog.at_level(logging.INFO, logger="blink_archive"):
        Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "READY=1" in caplog.text
