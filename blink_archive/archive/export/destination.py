"""Where an export goes: the names of its parts, and whether that place is free for it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from ...errors import ArchiveBusy, UsageError
from ..layout import CATALOG, EXPORT, SHA256SUMS
from ..store import storage_errors
from .bag import PAYLOAD
from .documents import NAMES
from .readme import README, is_readme
from .sequence import partial_of

Form = Literal["folder", "zip", "tar", "bag"]

_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Destination:
    """``path`` is what the user named; with ``split`` the parts are called after it."""

    path: Path
    form: Form
    split: bool

    @property
    def is_folder(self) -> bool:
        """Whether each part is a folder."""
        return self.form in ("folder", "bag")

    def part(self, number: int) -> Path:
        """``clips-001``, ``clips-001.zip``; without parts what the user named."""
        if not self.split:
            return self.path
        suffix = "" if self.is_folder else self.path.suffix
        return self.path.with_name(f"{self.path.name.removesuffix(suffix)}-{number:03}{suffix}")

    def disk(self) -> Path:
        """A folder that is there, on the disk that it goes to."""
        return self.path if self.is_folder and self.path.is_dir() else self.path.parent

    def payload(self, number: int) -> Path:
        """Where the clips of a part that is a folder lie."""
        return self.part(number) / PAYLOAD if self.form == "bag" else self.part(number)

    @property
    def journal(self) -> Path:
        """Its journal: in the folder that is the export, else beside it."""
        return Path(f"{self._own}.json")

    def work(self, number: int) -> Path:
        """A folder for what of a part is not finished, on the same disk; it goes in the end."""
        return self.part(number) / EXPORT if self.is_folder else self._own

    @property
    def _own(self) -> Path:
        if self.is_folder and not self.split:
            return self.path / EXPORT
        return self.path.with_name(f"{self.path.name}{EXPORT}")

    def check_apart(self, archive: Path) -> None:
        """Raise `UsageError` for a place inside the archive, or around it, or in no folder, or with a name
        that is no text."""
        try:
            str(self.path).encode()
        except UnicodeEncodeError:
            raise UsageError(f"SQLite takes no name that is not text, as {str(self.path)!r} is.") from None
        if not self.path.name or not self.path.parent.is_dir():
            raise UsageError(f"There is no folder {self.path.parent}. Make it, or name another destination.")
        place, root = self.path.resolve(), archive.resolve()
        if place.is_relative_to(root) or root.is_relative_to(place):
            raise UsageError(
                f"{self.path} and the archive {archive} lie one in the other. Name a destination beside the "
                "archive, or on another disk."
            )

    def check_free(self, numbers: Iterable[int]) -> None:
        """Raise `UsageError` where something is there already that no journal tells of, of these parts."""
        for number in numbers:
            place = self.part(number)
            if self.is_folder and place.is_dir():
                with storage_errors(f"look into {place}"):
                    # a run that was killed before its journal was written has left nothing but what is ours
                    if all(each.name.startswith(EXPORT) for each in place.iterdir()):
                        continue
                raise UsageError(
                    f"{place} is not empty, and no export that goes on. Name a folder that is new or empty."
                )
            for taken in (place, partial_of(place)):
                if taken.exists() or taken.is_symlink():
                    raise UsageError(f"There is a {taken} already. Name another destination.")

    def check_papers(self) -> None:
        """Raise `UsageError` where the papers of an archive's own folder would replace somebody else's file.
        README.txt, which is made after the others, tells whose they are."""
        with storage_errors(f"look into {self.path}"):
            there = [name for name in (*NAMES, SHA256SUMS) if name != CATALOG and (self.path / name).exists()]
            ours = README in there and is_readme(self.path / README)
        if there and not ours:
            raise UsageError(
                f"{self.path} has a {there[-1]} that is not of this program, and would be replaced. Move it "
                "elsewhere."
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for one run; `ArchiveBusy` if another one does."""
        with storage_errors(f"write to {self.path}"):
            self._own.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._own / _LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise ArchiveBusy(f"Another export is writing to {self.path}. Wait for it to end.") from None
        try:
            yield
        finally:
            lock.release()
            with contextlib.suppress(OSError):  # where there is more than the lock, it is gone on with
                if [each.name for each in self._own.iterdir()] == [_LOCK]:
                    shutil.rmtree(self._own)

    def sweep(self, number: int | None = None) -> None:
        """Remove what is left of the work: on one part, or on all. Raises `StorageError`."""
        folder = self._own if number is None else self.work(number)
        with storage_errors(f"remove {folder}"):
            if folder.exists():
                shutil.rmtree(folder)
