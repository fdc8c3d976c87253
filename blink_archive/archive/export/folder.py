"""An export as a folder: each file copied, linked or cloned, and named when it is whole and hashed."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
from io import FileIO
from pathlib import Path
from typing import Literal, Protocol

from ...errors import UsageError
from ..hashing import hash_file
from ..layout import SHA256SUMS
from ..store import storage_errors
from .bag import PAYLOAD, tag_files
from .disk import begin_to_write_out, copied_by_system, is_another, settle, write_all
from .facts import ExportFacts
from .plan import ExportFile
from .reading import check, copy, holds, mismatch, opened
from .sums import Payload, write_sums

How = Literal["copy", "link", "reflink", "in place"]
Outcome = Literal["written", "replaced", "kept", "absent"]

MANIFEST = "manifest-sha256.txt"

_FICLONE = 0x40049409  # linux/fs.h
_IMPOSSIBLE = {
    errno.EXDEV,
    errno.EPERM,
    errno.EMLINK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EINVAL,
    errno.ENOSYS,
}


class Writer(Protocol):
    """What takes the files of one part of an export.

    ``workers`` threads may `add` at once.
    """

    workers: int

    def add(self, file: ExportFile) -> Outcome:
        """Take a file; ``kept``: an earlier run did, and it is whole; ``replaced``: something else had its
        name; ``absent``: it left the archive.

        Raises `IntegrityError` for a file that is not as the catalog has it, `StorageError`, and
        `UsageError` where the file system cannot do what was asked for.
        """

    def add_paper(self, name: str, paper: Path) -> None:
        """Take one of the papers, a file that may be moved from where it is. Raises `StorageError`."""

    def finish(self, payload: Payload, *, scratch: Path, facts: ExportFacts) -> str:
        """All of ``payload`` is there: add the list of its hashes, and put it on stable storage under its
        final name; the hash of that list. Raises `StorageError`."""

    def close(self) -> None:
        """Let go of it, finished or not."""


class FolderWriter:
    """The folder ``root``, in which nothing is half; what still is, is in ``partials`` of the same disk.
    ``split``: it is one part of several."""

    workers = 2

    def __init__(self, root: Path, *, archive: Path, partials: Path, how: How, split: bool) -> None:
        self.root = root
        self._archive = str(archive)
        self._payload = str(root)  # text, for what is done with every file: a Path costs as much as a copy
        self._partials = str(partials)
        self._how = how
        self._known: set[str] = set()
        with storage_errors(f"make the folder {partials}"):
            if partials.exists():
                shutil.rmtree(partials)
            partials.mkdir(parents=True)
            # The archive's own disk has all of it anyway, and the next run reads it again, but for a finished
            # part; another disk may be unplugged a moment later.
            self._waits = split or is_another(archive, partials)

    def add(self, file: ExportFile) -> Outcome:
        target = f"{self._payload}/{file.name}"
        held = holds(target, file)
        if held and not (self._how == "copy" and self._is_the_archives(target, file)):
            return "kept"
        if file.removed:
            return "absent"
        partial = f"{self._partials}/{file.number}"
        taken = not held and os.path.lexists(target)
        with opened(self._archive, file) as source, storage_errors(f"write {target}"):
            self._make_folder(target.rpartition("/")[0])
            try:
                self._bring(source, file, partial)
                os.replace(partial, target)  # noqa: PTH105
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(partial)  # noqa: PTH108
                raise
        return "replaced" if taken else "written"

    def add_paper(self, name: str, paper: Path) -> None:
        with storage_errors(f"write {self.root / name}"):
            paper.replace(self.root / name)

    def finish(self, payload: Payload, *, scratch: Path, facts: ExportFacts) -> str:
        with storage_errors(f"write {self.root / SHA256SUMS}"):
            paper, sha256 = write_sums(payload, scratch)
            self._settle()  # before a list that says that all is there
            self.add_paper(SHA256SUMS, paper)
            self._settle()
        return sha256

    def close(self) -> None:
        pass

    def _bring(self, source: FileIO, file: ExportFile, partial: str) -> None:
        """The file under the name ``partial``, proven by its hash."""
        match self._how:
            case "link":
                check(source, file)
                try:
                    os.link(f"{self._archive}/{file.path}", partial)
                except OSError as error:
                    raise self._impossible(error, "be linked", "--link") from error
                if not os.path.samestat(os.fstat(source.fileno()), os.lstat(partial)):
                    raise mismatch(file, "another file took its place while it was read")
            case "reflink":
                with FileIO(partial, "x+") as there:
                    try:
                        _clone(source, there)
                    except OSError as error:
                        raise self._impossible(error, "be cloned", "--reflink") from error
                    check(there, file)
                _set_date(partial, file)
            case _:
                with FileIO(partial, "x+") as there:
                    if not (copied_by_system(source, there, file.bytes) and holds(partial, file)):
                        source.seek(0)
                        there.seek(0)
                        there.truncate()
                        copy(source, file, functools.partial(write_all, there))
                    if self._waits:
                        begin_to_write_out(there, file.bytes)
                _set_date(partial, file)

    def _settle(self) -> None:
        """Wait until the disk has what was written, where that is worth it."""
        if self._waits:
            settle(self.root)

    def _is_the_archives(self, target: str, file: ExportFile) -> bool:
        """Whether an earlier run linked it."""
        try:
            return os.path.samefile(target, f"{self._archive}/{file.path}")  # noqa: PTH121
        except OSError:
            return False

    def _impossible(self, error: OSError, what: str, option: str) -> OSError | UsageError:
        """The error for a person, where it is one of the file system's and not of its space."""
        if error.errno not in _IMPOSSIBLE:
            return error
        return UsageError(
            f"Clips cannot {what} to {self.root}: {error.strerror}. That takes one file system for the "
            f"archive and the export, and one that can do it. Leave {option} away, and they are copied."
        )

    def _make_folder(self, folder: str) -> None:
        if folder not in self._known:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            self._known.add(folder)


class BagWriter(FolderWriter):
    """A bag (RFC 8493) in the folder ``bag``: the payload is below ``data``, its own files beside that."""

    def __init__(self, bag: Path, *, archive: Path, partials: Path, how: How, split: bool) -> None:
        super().__init__(bag / PAYLOAD, archive=archive, partials=partials, how=how, split=split)
        self._bag = bag

    def finish(self, payload: Payload, *, scratch: Path, facts: ExportFacts) -> str:
        with storage_errors(f"write {self._bag}"):
            self._settle()
            sha256 = ""
            for name, paper in tag_files(payload, scratch=scratch, facts=facts):
                if name == MANIFEST:
                    sha256 = hash_file(paper)
                paper.replace(self._bag / name)
            self._settle()
        return sha256


class InPlaceWriter(FolderWriter):
    """The archive's own folder, which gets the papers beside its clips; they were verified just before."""

    def add(self, file: ExportFile) -> Outcome:
        if file.removed:
            return "absent"
        try:
            size = os.stat(f"{self._archive}/{file.path}").st_size  # noqa: PTH116
        except OSError as error:
            raise mismatch(file, f"it cannot be read ({error.strerror})") from error
        if size != file.bytes:
            raise mismatch(file, "its bytes are not those that the catalog knows")
        return "kept"


def _clone(source: FileIO, there: FileIO) -> None:
    try:
        import fcntl
    except ImportError:
        raise OSError(errno.ENOSYS, "this system has no reflinks that this program knows of") from None
    fcntl.ioctl(there, _FICLONE, source.fileno())


def _set_date(path: str, file: ExportFile) -> None:
    seconds = file.recorded.timestamp()
    os.utime(path, (seconds, seconds))
