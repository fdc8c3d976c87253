"""The forgetful disk (volatile.py) as a FUSE file system, in a process of its own, and how a test mounts it.

``Mount`` starts this module as a program. It ends with its standard input, so that nothing stays mounted when
the tests are killed; and a watchdog ends it when a test takes too long, so that nothing waits for it for ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

from .volatile import ROOT, Disk, File, Folder, Image, Operation

_PATIENCE = 120.0  # seconds that a mount may last
_COUNT = "user.operations"  # extended attributes of the root: how many operations there were,
_CUT = "user.cut"  # and after how many the power is cut
_ENDED_BY_SIGNAL = 8  # what fuse_main returns then
_HIDDEN = "/.fuse_hidden"  # libfuse renames to this what is open and to be unlinked: no disk knows such names


class NoFuse(Exception):
    """This machine mounts no FUSE file system; the text says why."""


class Mount:
    """A forgetful disk, mounted at ``path`` within the ``with`` block. ``operations`` is what was done to
    it, once the block has ended. Raises `NoFuse` on entry."""

    def __init__(self, path: Path, *, start: Image | None = None) -> None:
        self.path = path
        self.operations: list[Operation] = []
        self._start = start or {}
        self._log = path.with_name(f"{path.name}.log")

    def __enter__(self) -> Mount:
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            raise NoFuse("there is no /dev/fuse here, or it is not for this user")
        self.path.mkdir()
        self._log.write_bytes(pickle.dumps(self._start))
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.path), str(self._log)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watchdog = threading.Timer(_PATIENCE, self._process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "mounted\n":
            raise NoFuse(self._end().strip().rpartition("\n")[2] or "the FUSE process died")
        return self

    def __exit__(self, *_: object) -> None:
        errors = self._end()
        assert self._process.returncode == 0, errors or f"killed: it was mounted for {_PATIENCE:.0f} s"
        self.operations = pickle.loads(self._log.read_bytes())
        self._log.unlink()

    def _end(self) -> str:
        """End the process, whatever it does; unmounted, whatever became of it. What it had to say."""
        try:
            _, errors = self._process.communicate(timeout=10)  # which ends its standard input first
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, errors = self._process.communicate()
        self._watchdog.cancel()
        _unmount(self.path)
        return errors

    def count(self) -> int:
        """How many operations there were."""
        return int(os.getxattr(self.path, _COUNT))

    def cut_after(self, operations: int) -> None:
        """Let everything fail that comes after so many operations."""
        os.setxattr(self.path, _CUT, str(operations).encode())


def _unmount(path: Path) -> None:
    """Unmount what a killed process left; quietly, where it left nothing."""
    if str(path) in Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
        tool = shutil.which("fusermount3")
        command = [tool, "-u", "-z"] if tool else ["umount", "-l"]
        subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=10)


class _Files:
    """What FUSE calls (mfusepy's ``Operations``): paths become ids, errors are those of POSIX.

    Locks are the kernel's own, since there are no handlers for them here. One thread calls.
    """

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.operations: list[Operation] = []
        self.cut: int | None = None
        self._modes: dict[int, int] = {}
        self._times: dict[int, int] = {}
        self._handles: dict[int, int] = {}
        self._last_handle = 0
        self._hidden: dict[str, int] = {}

    def _do(self, name: str, *arguments: Any) -> Any:
        self._check_power()
        self.operations.append((name, arguments))
        result = getattr(self.disk, name)(*arguments)
        if name in ("write", "truncate"):
            self._times[arguments[0]] = time.time_ns()
        return result

    def _check_power(self) -> None:
        if self.cut is not None and len(self.operations) >= self.cut:
            raise OSError(errno.EIO, "the power was cut")

    def _find(self, path: str) -> int:
        self._check_power()
        if path in self._hidden:
            return self._hidden[path]
        node = ROOT
        for name in path.strip("/").split("/"):
            if name:
                folder = self.disk.nodes[node]
                if not isinstance(folder, Folder) or name not in folder.names:
                    raise OSError(errno.ENOENT, path)
                node = folder.names[name]
        return node

    def _place(self, path: str) -> tuple[int, str]:
        parent, _, name = path.rpartition("/")
        return self._find(parent), name

    def _open(self, node: int) -> int:
        self._last_handle += 1
        self._handles[self._last_handle] = node
        return self._last_handle

    def init(self, path: str) -> None:
        print("mounted", flush=True)

    def statfs(self, path: str) -> dict[str, int]:
        size = 1 << 20
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": size, "f_bfree": size, "f_bavail": size}

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if (path, name) != ("/", _COUNT):
            raise OSError(errno.ENODATA, name)
        return str(len(self.operations)).encode()

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> None:
        if (path, name) != ("/", _CUT):
            raise OSError(errno.ENOTSUP, name)
        self.cut = int(value)

    def getattr(self, path: str | None, handle: int | None = None) -> dict[str, int]:
        node = self._handles[handle] if handle else self._find(cast(str, path))
        self._check_power()
        found = self.disk.nodes[node]
        is_file = isinstance(found, File)
        mode = self._modes.get(node, stat.S_IFREG | 0o644 if is_file else stat.S_IFDIR | 0o755)
        changed = self._times.get(node, 0)
        return {
            "st_ino": node,
            "st_mode": mode,
            "st_nlink": found.links if isinstance(found, File) else 2,
            "st_size": len(found.data) if isinstance(found, File) else 0,
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
            "st_mtime": changed,
            "st_ctime": changed,
            "st_atime": changed,
        }

    def chmod(self, path: str, mode: int) -> None:
        self._modes[self._find(path)] = mode

    def chown(self, path: str, uid: int, gid: int) -> None:
        self._find(path)

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> None:
        if path is not None:
            self._times[self._find(path)] = times[1] if times else time.time_ns()

    def opendir(self, path: str) -> int:
        return self._open(self._find(path))

    def readdir(self, path: str, handle: int) -> list[tuple[str, dict[str, int], int]]:
        self._check_power()
        here = self._handles[handle]
        names = {".": here, "..": ROOT} | self.disk.folder(here).names
        return [(name, {"st_ino": node}, 0) for name, node in names.items()]

    def releasedir(self, path: str, handle: int) -> None:
        del self._handles[handle]

    def mkdir(self, path: str, mode: int) -> None:
        self._do("mkdir", *self._place(path))

    def rmdir(self, path: str) -> None:
        if self.disk.folder(self._find(path)).names:
            raise OSError(errno.ENOTEMPTY, path)
        self._do("unlink", *self._place(path))

    def create(self, path: str, mode: int) -> int:
        node = self._do("create", *self._place(path))
        self._modes[node] = stat.S_IFREG | stat.S_IMODE(mode)
        self._times[node] = time.time_ns()
        return self._open(node)

    def open(self, path: str, flags: int) -> int:
        node = self._find(path)
        if flags & os.O_TRUNC and self.disk.file(node).data:
            self._do("truncate", node, 0)
        return self._open(node)

    def release(self, path: str | None, handle: int) -> None:
        del self._handles[handle]

    def read(self, path: str | None, size: int, offset: int, handle: int) -> bytes:
        self._check_power()
        return bytes(self.disk.file(self._handles[handle]).data[offset : offset + size])

    def write(self, path: str | None, data: bytes, offset: int, handle: int) -> int:
        self._do("write", self._handles[handle], offset, data)
        return len(data)

    def truncate(self, path: str, length: int, handle: int | None = None) -> None:
        self._do("truncate", self._find(path), length)

    def link(self, target: str, source: str) -> None:
        """``target`` becomes a name of ``source``."""
        self._do("link", self._find(source), *self._place(target))

    def unlink(self, path: str) -> None:
        if path in self._hidden:
            del self._hidden[path]
        else:
            self._do("unlink", *self._place(path))

    def rename(self, old: str, new: str) -> None:
        if _HIDDEN in new:
            node = self._find(old)
            self._do("unlink", *self._place(old))
            self._hidden[new] = node
        else:
            self._do("rename", *self._place(old), *self._place(new))

    def fsync(self, path: str | None, datasync: int, handle: int) -> None:
        self._do("fsync", self._handles[handle])

    def fsyncdir(self, path: str | None, datasync: int, handle: int) -> None:
        self._do("fsync", self._handles[handle])


def _serve(path: str, log: Path) -> None:
    try:
        import mfusepy
    except (ImportError, OSError) as error:
        sys.exit(f"mfusepy or libfuse is missing: {error}")

    def end_with_parent() -> None:
        os.read(0, 1)  # not `sys.stdin`, whose lock an exit would wait for
        os.kill(os.getpid(), signal.SIGTERM)  # libfuse unmounts, and returns

    files = _Files(Disk(pickle.loads(log.read_bytes())))
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        mfusepy.FUSE(files, path, foreground=True, nothreads=True, fsname="forgetful", use_ino=True)
    except RuntimeError as error:
        if error.args != (_ENDED_BY_SIGNAL,):
            sys.exit(f"FUSE does not mount here (libfuse says {error})")
    log.write_bytes(pickle.dumps(files.operations))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.argv[1], Path(sys.argv[2]))
