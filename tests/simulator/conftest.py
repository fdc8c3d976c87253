"""A running simulator whose clock stands still, and a client with a valid token."""

from collections.abc import Iterator

import httpx
import pytest

from blink_archive.simulator import Settings, Simulator

from .helpers import HARDWARE_ID, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sim(clock: Clock) -> Iterator[Simulator]:
    with Simulator(Settings(now=clock)) as simulator:
        yield simulator


@pytest.fixture
def http(sim: Simulator) -> Iterator[httpx.Client]:
    token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
    with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client
