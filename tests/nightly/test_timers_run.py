"""The units under a real manager of systemd's: what they are worth, and what `timer` understands of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .manager import NOBODY, Manager, user_manager, why_not

REASON = why_not()
pytestmark = pytest.mark.skipif(
    REASON is not None, reason=f"no manager of systemd's can be run here: {REASON}"
)

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.fixture
def odd(make_world: MakeWorld, tmp_path: Path) -> World:
    """A world whose folders have names that systemd would read otherwise, were they not escaped."""
    world = make_world(clips=2, hostile=False)
    odd = tmp_path / """it's 100% "odd" $HOME ${PATH} \\ %h; # näme """.rstrip()
    odd.mkdir()
    world.root = world.root.rename(odd / "cams ; x")
    world.state = world.state.rename(odd / "state\\")
    return world


@pytest.fixture
def manager(odd: World, tmp_path: Path) -> Iterator[Manager]:
    """The manager of a user at work in that world."""
    home = tmp_path / "home"
    everywhere = home / ".config/systemd/user/service.d"
    everywhere.mkdir(parents=True)
    (everywhere / "said.conf").write_text(
        f"[Service]\nStandardOutput=file:{tmp_path}/said\nStandardError=file:{tmp_path}/said\n"
    )
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    environment = odd.environment()
    ours = {name: value for name, value in environment.items() if name.startswith("BLINK_ARCHIVE_")}
    reach = [CHECKOUT, tmp_path, *dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix)))]
    with user_manager(home, reach=reach, PYTHONPATH=str(CHECKOUT), TZ="UTC", **ours) as running:
        yield running


def timer(manager: Manager, *arguments: str) -> dict[str, Any]:
    done = manager.run(
        sys.executable, "-m", "blink_archive", "timer", *arguments, "--as", "systemd", "--json"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def systemctl(manager: Manager, *arguments: str) -> subprocess.CompletedProcess[str]:
    return manager.run("systemctl", "--user", *arguments)


def test_verify_follows_a_sync_that_failed(odd: World, manager: Manager) -> None:
    """Each is a service that fails for itself: here the sync, since Blink is out of order."""
    odd.blink.faults.add(Fault(endpoint="homescreen", kind="status", status=404))
    name = timer(manager, "install", "--verify", "5s")["name"]
    assert systemctl(manager, "start", f"{name}.service").returncode != 0
    result = timer(manager, "status")["result"]
    assert result
    assert result.startswith("exit-code, exit code ")
    shown = ""
    end = time.monotonic() + 20
    while "ActiveState=inactive" not in shown or "ExecMainStartTimestamp=\n" in shown:
        assert time.monotonic() < end, shown
        time.sleep(0.1)
        shown = systemctl(manager, "show", f"{name}-verify.service").stdout
    assert "\nResult=success\n" in shown
    assert len(timer(manager, "remove")["removed"]) == 3


def test_the_sandbox_holds(odd: World, manager: Manager, tmp_path: Path) -> None:
    """A program in the place of ours can write to the archive and the state, to nothing else, and get no rights."""
    name = timer(manager, "install")["name"]
    probe = tmp_path / "probe"
    probe.write_text(PROBE)
    probe.chmod(0o755)
    folder = tmp_path / f"home/.config/systemd/user/{name}.service.d"
    folder.mkdir()
    (folder / "probe.conf").write_text(
        f'[Service]\nExecStart=\nExecStart={probe} "{quoted(odd.root)}" "{quoted(odd.state)}" /srv\n'
    )
    assert systemctl(manager, "daemon-reload").returncode == 0
    started = systemctl(manager, "start", f"{name}.service")
    said = (tmp_path / "said").read_text().splitlines()
    assert started.returncode == 0, said
    assert manager.run("touch", "/srv/probe").returncode == 0, "outside it could"
    assert said == ["wrote", "wrote", "refused", "no new privileges", "filtered", "no namespaces"]


def quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


PROBE = """#!/bin/bash
for folder; do
  if ( : > "$folder/probe" ) 2>/dev/null; then echo wrote; rm "$folder/probe"; else echo refused; fi
done
grep -q '^NoNewPrivs:\t1' /proc/self/status && echo no new privileges
grep -q '^Seccomp:\t2' /proc/self/status && echo filtered
unshare --user true 2>/dev/null || echo no namespaces
"""


def test_a_night(odd: World, manager: Manager, tmp_path: Path) -> None:
    """Installed, run within its sandbox, understood, moved to another hour, and taken away without a trace."""
    installed = timer(manager, "install", "--at", "03:15")
    first = datetime.fromisoformat(str(installed["next_run"]))
    assert (first.hour, 15 <= first.minute <= 30) == (3, True)
    name = str(installed["name"])
    assert timer(manager, "status")["result"] is None

    started = systemctl(manager, "start", f"{name}.service")
    assert started.returncode == 0, (tmp_path / "said").read_text() + systemctl(
        manager, "show", f"{name}.service"
    ).stdout
    assert len(odd.files()) == 4
    told = timer(manager, "status")
    assert (told["installed"], told["result"]) == (True, "success, exit code 0")
    assert told["last_sync"]["exit_code"] == 0

    again = timer(manager, "install", "--at", "04:45")
    moved = datetime.fromisoformat(str(again["next_run"]))
    assert (moved.hour, moved.minute >= 45) in ((4, True), (5, False))

    removed = timer(manager, "remove")
    assert removed["removed"] == again["written"]
    left = [path for path in (tmp_path / "home").rglob("*") if path.name.startswith(("blink", "stamp"))]
    assert not left
    assert json.loads(systemctl(manager, "list-timers", "--all", "--output=json", "blink*").stdout) == []
    assert timer(manager, "status")["installed"] is False
