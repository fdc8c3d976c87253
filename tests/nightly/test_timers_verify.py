"""systemd-analyze accepts the units: of a user and of the system, whatever the paths are called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blink_archive.nightly.timers import Owner
from blink_archive.nightly.timers.units import units

from .jobs import ODD, SYSTEM, USER, job

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze: Debian has it in `systemd`"
)


def analyze(scope: str, *arguments: str, runtime: Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, which asks no manager, and writes nothing but below ``runtime``."""
    return subprocess.run(
        ["systemd-analyze", f"--{scope}", *arguments],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": str(runtime), "HOME": str(runtime)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(params=["user", "system", "user without namespaces"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[Path]]:
    """The scope, and the units of a job whose every path is odd."""
    owner: Owner = SYSTEM if request.param == "system" else USER
    odd = tmp_path / ODD
    odd.mkdir()
    program = odd / "run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    command = (str(program), "--archive", str(odd), ODD, ";", "")
    made = job(
        owner,
        command=(*command, "sync"),
        then=(*command, "verify"),
        archive=odd,
        writable=(odd, odd / "deep \\"),
        namespaces="without" not in request.param,
    )
    folder = tmp_path / "units"
    folder.mkdir()
    for name, text in units(made).items():
        (folder / name).write_text(text)
    return owner.scope, sorted(folder.iterdir())


def test_verify_accepts_them(written: tuple[str, list[Path]], tmp_path: Path) -> None:
    """Without a word: an unknown setting is a warning, and no failure, to it."""
    scope, paths = written
    assert [path.suffix for path in paths] == [".service", ".service", ".timer"]
    done = analyze(scope, "verify", *map(str, paths), runtime=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "breaks"),
    [
        ("blink-archive.service", lambda text: text.replace("UMask=0022", "UMask=rw")),
        ("blink-archive.service", lambda text: text.replace("NoNewPrivileges", "NoNewPrivilege")),
        ("blink-archive.service", lambda text: text.replace("SuccessExitStatus=6", "SuccessExitStatus=six")),
        ("blink-archive.service", lambda text: text.replace("@system-service", "@nothing")),
        ("blink-archive.service", lambda text: re.sub("ExecStart=.*", "ExecStart=:/nowhere/run", text)),
        ("blink-archive.service", lambda text: re.sub('ExecStart=:"/bin/sh" .*" "sh" ', "ExecStart=:", text)),
        ("blink-archive.timer", lambda text: text.replace("03:15:00", "3 in the night")),
    ],
)
def test_verify_refuses_broken_ones(
    written: tuple[str, list[Path]], tmp_path: Path, name: str, breaks: Callable[[str], str]
) -> None:
    """So its silence proves something."""
    scope, paths = written
    (path,) = (path for path in paths if path.name == name)
    broken = breaks(path.read_text())
    assert broken != path.read_text()
    path.write_text(broken)
    done = analyze(scope, "verify", *map(str, paths), runtime=tmp_path)
    assert done.returncode or done.stderr


def test_exposure(
    written: tuple[str, list[Path]], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """systemd's own figure, from 0 to 10, for what is left open; it says so itself where it is low."""
    scope, paths = written
    done = analyze(scope, "security", "--offline=true", str(paths[0]), runtime=tmp_path)
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    if not found:
        pytest.skip(f"this systemd-analyze tells none: {done.stderr.strip()[:100]}")
    print(f"exposure, {scope}: {found[1]}")
    record_property("exposure", f"{scope}: {found[1]}")
    limit = (
        {"user": 3.0, "system": 2.5}[scope]
        if "PrivateUsers" in paths[0].read_text() or scope == "system"
        else 8
    )
    assert float(found[1]) <= limit
