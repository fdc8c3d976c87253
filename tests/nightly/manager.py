"""A real `systemd --user`, in namespaces of its own: the machine that runs the tests need not be run by systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
NOBODY = 65534
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")

# What is mounted here is gone with the namespace. $1: what to call the group of processes; then, up to --, folders
# that others may not enter, and after it folders below them that this user has to reach: each of the first is
# covered with an empty one, and the second are put back there.
_INSIDE = """
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/inaccessible /run/kept "$XDG_RUNTIME_DIR"
chown 65534:65534 "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
mount -t tmpfs -o uid=65534,gid=65534 none /srv
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/blink-archive-test-$1
mkdir "$group"
chown -R 65534:65534 "$group"
shift
closed=()
while [ "$1" != -- ]; do closed+=("$1"); shift; done
shift
for path; do mkdir -p "/run/kept$path"; mount --rbind "$path" "/run/kept$path"; done
for folder in "${closed[@]}"; do
  mount -t tmpfs -o mode=755 none "$folder"
  for path; do
    case "$path" in "$folder"/*) mkdir -p "$path"; mount --rbind "/run/kept$path" "$path" ;; esac
  done
done
( echo 0 > "$group/cgroup.procs"; exec $AS_NOBODY /lib/systemd/systemd --user >&2 ) &
echo started
read -r _ || true
kill $!
wait $! || true
find "$group" -depth -type d -exec rmdir {} ';'
"""


def why_not() -> str | None:
    """Why no manager can be run here; None where one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a manager in namespaces takes Linux and root"
    if missing := [name for name in ("unshare", "nsenter", "setpriv", "systemctl") if not shutil.which(name)]:
        return f"there is no {', '.join(missing)}"
    if not SYSTEMD.exists():
        return f"there is no {SYSTEMD}"
    tried = subprocess.run(
        ["unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup"],
        capture_output=True,
        check=False,
    )
    return (
        None
        if tried.returncode == 0
        else f"namespaces or cgroups are refused: {tried.stderr.decode().strip()}"
    )


class Manager:
    """A running one; ``environment`` is what it gave its services."""

    def __init__(self, process: subprocess.Popen[str], environment: dict[str, str]) -> None:
        self._process = process
        self._environment = environment

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the user's, to its end, whatever that is."""
        inside = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0]
        return subprocess.run(
            ["nsenter", "-t", inside, "-m", "-p", *_AS_NOBODY, *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@contextmanager
def user_manager(home: Path, *, reach: Sequence[Path], **environment: str) -> Iterator[Manager]:
    """The manager of a user with that home, who can also enter the folders ``reach``, and whose /srv is, too."""
    given = {
        "HOME": str(home),
        "USER": "nobody",
        "LOGNAME": "nobody",
        "PATH": os.environ["PATH"],
        "XDG_RUNTIME_DIR": f"/run/user/{NOBODY}",
        **environment,
    }
    closed = sorted(
        {parent for path in reach for parent in path.parents if not parent.stat().st_mode & 0o001},
        key=lambda folder: len(
            folder.parts
        ),  # from the outside in: a folder that is put back can hold another
    )
    process = subprocess.Popen(
        ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", _INSIDE, "inside",
         str(os.getpid()), *map(str, closed), "--", *map(str, reach)],
        env=given | {"AS_NOBODY": " ".join(_AS_NOBODY)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        if process.stdout.readline() != "started\n":
            raise AssertionError(process.communicate()[1])
        manager = Manager(process, given)
        end = time.monotonic() + 20
        while manager.run("systemctl", "--user", "is-system-running").stdout.strip() not in (
            "running",
            "degraded",
        ):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, "the manager does not answer"
            time.sleep(0.05)
        yield manager
    finally:
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
