"""The sync engine against a model: a cloud that changes, lies and fails between, and during, runs of all kinds."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from . import LONG, times
from .conftest import Figure
from .engine import COUNTED, Engine
from .mutants import MUTANTS

SEED = 2
QUIET: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the machines' archives are: in memory where the system has that, since each run commits often."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        monkeypatch.setattr(Engine, "base", Path(folder), raising=False)
        COUNTED.clear()
        yield


@pytest.mark.usefixtures("place")
def test_the_engine_keeps_its_promises_whatever_happens(figure: Figure) -> None:
    """Whatever order clips, lies, outages and runs come in: no promise is broken after any run, and at the end
    no clip is missing."""
    number = random.randrange(1 << 32) if LONG else SEED
    figure("seed", number)
    run_state_machine_as_test(
        seed(number)(Engine),
        settings=settings(
            max_examples=times(40, 2000), stateful_step_count=times(40, 60), derandomize=not LONG, **QUIET
        ),
    )
    for name, value in COUNTED.items():
        figure(name, value)
    figure("broken promises", 0)
    figure("clips missing at the end", 0)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("mutant", MUTANTS[: times(8, len(MUTANTS))], ids=lambda mutant: mutant.__name__)
def test_the_model_finds_an_engine_that_is_broken(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    """Each of these faults, put into the engine, breaks a promise that the machine sees."""
    mutant(monkeypatch)
    found = (broken_promise(number, max_examples=30) for number in range(SEED, SEED + 8))
    assert next(filter(None, found), None), "a broken engine kept every promise"
    figure(f"steps until {mutant.__name__} is found", COUNTED["steps"])


def broken_promise(number: int, **more: Any) -> str | None:
    """What the machine finds with this seed, without making it shorter; None where it finds nothing."""
    phases = {"phases": [Phase.generate], "report_multiple_bugs": False, "print_blob": False}
    try:
        run_state_machine_as_test(
            seed(number)(Engine),
            settings=settings(stateful_step_count=40, derandomize=True, **phases, **more, **QUIET),  # type: ignore[arg-type]
        )
    except AssertionError as error:
        return str(error)
    return None
