"""The state directory: small private files, read and written so that a crash leaves no half of one."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..errors import StateError, StorageError, UsageError
from .redact import logger_of

LARGEST_FILE = 1024 * 1024
LOCK_WAIT = 120.0
"""Seconds to wait for another process's refresh: longer than one can take with all its timeouts."""

_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, and no links without a privilege
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)  # opening a FIFO put there must not hang


_LOG = logger_of(__name__)


class StateDir:
    """A directory of mode 0700 whose files have 0600; made when something is first written.

    A wider mode is tightened where it is met, with a warning in the log. No link is followed, in place of
    the directory or of a file.
    Every method raises StateError, naming the path, for what cannot be used, and StorageError where
    the disk is full, read-only or failing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def default(cls) -> StateDir:
        """``BLINK_ARCHIVE_STATE_DIR`` of the environment, or the platform's place for state.

        Raises UsageError where no home directory is known.
        """
        if named := os.environ.get("BLINK_ARCHIVE_STATE_DIR"):
            return cls(Path(named).expanduser().absolute())
        import platformdirs

        try:
            return cls(Path(platformdirs.user_state_dir("blink-archive", appauthor=False)).absolute())
        except RuntimeError:
            raise UsageError(
                "The sign-in is kept below ~/.local/state, and no home directory is known here. Set HOME, or "
                "name another folder with --state-dir."
            ) from None

    def __repr__(self) -> str:
        return f"StateDir({str(self.path)!r})"

    def read(self, name: str) -> Mapping[str, Any] | None:
        """The JSON object in the file ``name``; None where there is no such file."""
        path = self.path / name
        try:
            self._tighten_dir()
            descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            _tighten(descriptor, path, is_kind=stat.S_ISREG)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise _unusable(path, error) from error
        finally:
            os.close(descriptor)
        try:
            value = json.loads(data) if len(data) <= LARGEST_FILE else None
        except (ValueError, RecursionError) as error:
            raise damaged(path) from error
        if not isinstance(value, dict):
            raise damaged(path)
        return value

    def names(self, pattern: str) -> list[str]:
        """The names of the files that ``pattern`` fits, sorted; none where there is no directory yet."""
        try:
            return sorted(path.name for path in self.path.iterdir() if fnmatchcase(path.name, pattern))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(self.path, error) from error

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Puts ``value`` in place of the file ``name``, on stable storage when this returns."""
        self._make()
        path = self.path / name
        part = self.path / f".{name}.{secrets.token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
            with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
                file.write(json.dumps(value, indent=1).encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            self._sync()
        except OSError as error:
            raise _unusable(path, error) from error
        finally:
            with suppress(OSError):  # gone by the rename, or never made
                part.unlink()

    def remove(self, name: str) -> None:
        """Removes the file ``name``, if there is one, for good."""
        path = self.path / name
        try:
            path.unlink()
            self._sync()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(path, error) from error

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Holds ``session.lock`` against other processes; waits without blocking the event loop."""
        from filelock import FileLock, Timeout  # only refreshes and sign-ins pay for the import

        self._make()
        path = self.path / "session.lock"
        lock = FileLock(path, mode=0o600, is_singleton=False)
        deadline = asyncio.get_running_loop().time() + LOCK_WAIT
        while not lock.is_locked:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                if asyncio.get_running_loop().time() > deadline:
                    raise StateError(
                        f"Another run has held {path} for two minutes. "
                        "Wait for it to end, or stop it, and try again."
                    ) from None
                await asyncio.sleep(0.05)
            except OSError as error:
                raise _unusable(path, error) from error
        try:
            # sessions are written under this lock alone: what is half written is of a process that was killed
            for part in self.names(".session-*.json.*"):
                self.remove(part)
            yield
        finally:
            lock.release()

    def _make(self) -> None:
        """The directory, private and ours."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tighten_dir()
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _tighten_dir(self) -> None:
        """Raises FileNotFoundError where there is no directory yet."""
        if os.name != "posix":
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            _tighten(descriptor, self.path, is_kind=stat.S_ISDIR)
        finally:
            os.close(descriptor)

    def _sync(self) -> None:
        """The names in the directory on stable storage, where a directory can be opened."""
        if os.name == "posix":
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def damaged(path: Path) -> StateError:
    """The error for a file whose content is not what this program wrote."""
    return StateError(
        f"{path} is damaged: it does not hold what this program writes there. "
        "Remove it and run `blink-archive login`."
    )


def _tighten(descriptor: int, path: Path, *, is_kind: Any) -> None:
    """Takes away what others may do, and warns of it; raises StateError for a wrong kind or another owner."""
    facts = os.fstat(descriptor)
    if not is_kind(facts.st_mode):
        raise StateError(f"{path} is not what it should be (no plain file or directory). Remove it.")
    if os.name != "posix":
        return
    if os.geteuid() not in (0, facts.st_uid):  # root comes by in containers, where ids are mapped
        raise StateError(f"{path} belongs to another user: use a state directory of your own (--state-dir).")
    before = stat.S_IMODE(facts.st_mode)
    if before & 0o077:
        os.fchmod(descriptor, before & 0o700)
        _LOG.warning(
            "%s was open to other users of this machine (mode %04o), and is closed to them now (%04o). "
            "Regard a sign-in that was kept there as seen: run `blink-archive logout`, and sign in again.",
            path,
            before,
            before & 0o700,
        )


def _unusable(path: Path, error: OSError) -> StateError | StorageError:
    if path.is_symlink():  # ELOOP, or ENOTDIR in place of the directory
        return StateError(
            f"{path} is a symbolic link, which is not followed here. Remove it, or name the place itself "
            "with --state-dir."
        )
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EROFS | errno.EIO:
            return StorageError(
                f"{path} cannot be written: {error.strerror}. Free some space or check the disk; the sign-in "
                "is as it was."
            )
    return StateError(
        f"{path} cannot be used: {error.strerror or error}. Check it, or choose another --state-dir."
    )
