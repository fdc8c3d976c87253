"""The options of `simulator` reach the cloud that it runs."""

from typing import Any

import pytest

from blink_archive.cli import cli
from blink_archive.simulator import Settings


def settings_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> Settings:
    """The settings that `simulator` would serve with."""
    seen: list[Settings] = []

    def run(settings: Settings, **_: Any) -> None:
        seen.append(settings)

    monkeypatch.setattr("blink_archive.simulator.run", run)
    cli.main(["simulator", *options], prog_name="blink-archive", standalone_mode=False)
    return seen[0]


def test_sticks_live_views_and_the_classic_login_are_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--usb-clips`, `--liveview` and `--classic`; without them all is as in `Settings()`."""
    bare = settings_of(monkeypatch)
    assert (bare.usb_clips, bare.liveview, bare.classic) == (0, "rtsps", "update")
    given = settings_of(monkeypatch, "--usb-clips", "7", "--liveview", "immis", "--classic", "open")
    assert (given.usb_clips, given.liveview, given.classic) == (7, "immis", "open")
