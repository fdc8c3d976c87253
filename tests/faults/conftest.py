"""Figures: a test reports them, and pytest's summary prints them, from whatever process they come."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Figure = Callable[[str, object], None]

_PREFIX = "figure: "


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """``figure("kills", 300)``: what this test counted."""
    return lambda name, value: record_property(_PREFIX + name, value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name.startswith(_PREFIX) and report.when == "call":
                test = report.nodeid.removeprefix("tests/faults/").replace(".py::", ", ")
                lines.append(f"{test}: {name.removeprefix(_PREFIX)} {value}")
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.line(line)
