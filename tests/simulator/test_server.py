"""The server listens on loopback alone, writes down what came, and ends without a trace."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

import blink_archive.simulator
from blink_archive.simulator import Settings, Simulator

from .helpers import Clock, SignIn

FOREGROUND = """
import sys
from blink_archive.simulator import Settings, run
run(Settings(clips=3), on_listening=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def test_it_starts_and_ends_within_a_second_and_leaves_no_thread(clock: Clock) -> None:
    """Also with a connection that is kept alive."""
    threads = threading.active_count()
    began = time.perf_counter()
    with httpx.Client() as http:
        with Simulator(Settings(now=clock)) as sim:
            assert http.get(sim.url).status_code == 401
            assert threading.active_count() == threads + 1
            assert sim.url.startswith("http://127.0.0.1:")
        with pytest.raises(httpx.TransportError):
            http.get(sim.url)
    assert threading.active_count() == threads
    assert time.perf_counter() - began < 1


def test_several_run_side_by_side(clock: Clock) -> None:
    """On ports of their own, with clouds of their own."""
    with Simulator(Settings(now=clock)) as one, Simulator(Settings(now=clock)) as two:
        assert one.url != two.url
        one.cloud.add_clip()
        assert len(one.cloud.live_clips()) == len(two.cloud.live_clips()) + 1


def test_the_date_of_every_answer_is_the_clouds_clock(http: httpx.Client, clock: Clock) -> None:
    """To the second, once, on errors too; no other clock shows."""
    for path in ("/networks", "/nowhere"):
        for _ in range(2):
            answer = http.get(path)
            assert parsedate_to_datetime(answer.headers["date"]) == clock()
            assert len(answer.headers.get_list("date")) == 1
            clock.forward(days=-3, seconds=1)


def test_requests_are_written_down(sim: Simulator) -> None:
    """Method, path, query, status, endpoint, whether a token came, the host, the grant."""
    with SignIn(sim) as door:
        tokens = door.redeem(door.up_to_code()).json()
        door.refresh(tokens["refresh_token"])
        door.http.get("/networks?a=1", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        door.http.get("/networks", headers={"TOKEN_AUTH": "x"})
    grants = [request.grant_type for request in sim.requests if request.endpoint == "token"]
    assert grants == ["authorization_code", "refresh_token"]
    good, bad = sim.requests[-2:]
    assert (good.method, good.path, good.query, good.status) == ("GET", "/networks", "a=1", 200)
    assert (good.endpoint, good.had_auth, good.host) == ("networks", True, sim.url.removeprefix("http://"))
    assert (bad.had_auth, bad.status) == (True, 401)
    assert not any(request.had_auth for request in sim.requests[:-2])
    sim.forget_requests()
    assert sim.requests == []


def test_the_peak_of_requests_in_flight_is_known(clock: Clock) -> None:
    """Eight at a time, slowed down by the latency so that they meet."""
    with Simulator(Settings(now=clock, latency=0.1)) as sim:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: httpx.get(f"{sim.url}/networks"), range(8)))
        assert 2 <= sim.max_in_flight <= 8
        sim.stop()  # a request ends a moment after its answer came
        sim.forget_requests()
        assert sim.max_in_flight == 0


def test_latency_is_added_to_each_request(clock: Clock) -> None:
    """At least that many seconds."""
    with Simulator(Settings(now=clock, latency=0.05)) as sim:
        began = time.perf_counter()
        httpx.get(f"{sim.url}/networks")
        assert time.perf_counter() - began >= 0.05


def test_the_state_can_be_changed_from_many_threads(sim: Simulator, http: httpx.Client) -> None:
    """While pages are read; nothing is lost or listed twice."""
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: sim.cloud.add_clip(), range(200)))
        list(pool.map(sim.cloud.set_watched, added))
        list(pool.map(sim.cloud.purge_clip, added[:100]))
    assert len(sim.cloud.live_clips()) == 160
    assert len({clip.id for clip in sim.cloud.clips()}) == 163


@pytest.mark.skipif(os.name != "posix", reason="signals are sent")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_it(number: signal.Signals) -> None:
    """`run` calls back with the URL, serves, and returns; stderr stays empty."""
    program = [sys.executable, "-W", "error", "-c", FOREGROUND]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/networks").json()["code"] == 101
        process.send_signal(number)
        out, errors = process.communicate(timeout=10)
    assert (out, errors, process.returncode) == ("ended\n", "", 0)


def test_a_port_that_is_taken_is_an_error() -> None:
    """OSError, before anything is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            blink_archive.simulator.run(Settings(clips=1), port=taken.getsockname()[1])


def test_the_import_is_light_and_stands_alone() -> None:
    """Nothing of this package but the simulator, no video library, no numbers library."""
    code = "import json, sys, blink_archive.simulator; print(json.dumps(sorted(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    modules = json.loads(out)
    ours = {name for name in modules if name.startswith("blink_archive.")}
    assert all(name.startswith("blink_archive.simulator") for name in ours)
    assert not {"av", "numpy", "httpx", "sqlite_utils"} & set(modules)
