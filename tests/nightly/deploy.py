"""The units of docs/deploy: `python -m tests.nightly.deploy` writes them anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

from blink_archive.nightly.timers import Job, Owner, timer_name
from blink_archive.nightly.timers.units import units

DEPLOY = Path(__file__).parent.parent.parent / "docs/deploy"

_ALICE = Owner("user", "alice", Path("/home/alice"))
_BLINK = Owner("system", "blink", Path("/var/lib/blink"))


def _job(owner: Owner, program: str, archive: str, state: str, verify: str | None = None) -> Job:
    words = (program, "--no-input", "--no-progress", "--archive", archive, "--state-dir", state)
    return Job(
        name=timer_name(Path(archive), owner),
        owner=owner,
        command=(*words, "sync"),
        then=(*words, "verify", "--max-duration", verify) if verify else None,
        at=time(3, 15),
        archive=Path(archive),
        writable=(Path(archive), Path(state)),
        needed=(Path(program),),
    )


# A user's own timer, and one of a machine whose archive is on a disk of its own.
_JOBS = (
    _job(
        _ALICE,
        "/home/alice/.local/share/pipx/venvs/blink-archive/bin/blink-archive",
        "/home/alice/blink-archive",
        "/home/alice/.local/state/blink-archive",
    ),
    replace(
        _job(
            _BLINK,
            "/opt/blink-archive/bin/blink-archive",
            "/srv/cameras",
            "/var/lib/blink/.local/state/blink-archive",
            "600s",
        ),
        umask=0o027,
    ),
)


def examples() -> dict[Path, str]:
    """What the files of docs/deploy/systemd are to hold."""
    return {
        DEPLOY / "systemd" / job.owner.scope / name: text
        for job in _JOBS
        for name, text in units(job).items()
    }


if __name__ == "__main__":
    for path, text in examples().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
