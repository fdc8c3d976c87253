"""What a configuration says, and which of its archives is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError
from .keys import DEFAULT_ARCHIVE, KEYS

Value = str | bool | tuple[str, ...]
"""As it would be typed for the option: true or false for a switch, several for one that repeats."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a key is set to, and its line in the file. A path is absolute."""

    value: Value
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``[[archive]]``: its ``folder``, None where it names none, and all its settings by key, those of
    its own tables too."""

    name: str | None
    folder: Path | None
    settings: Mapping[str, Setting]
    line: int

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or str(self.place)

    @property
    def place(self) -> Path:
        """Its folder, or the default for one; that begins with ``~``."""
        return self.folder or Path(DEFAULT_ARCHIVE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a line, in a sentence; ``key`` is None where it is the file's own form."""

    file: Path
    line: int
    key: str | None
    says: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.says}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says; ``file`` is None where there is none. What is mistaken is left out of the rest."""

    file: Path | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    queries: Mapping[str, Setting] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def choose(self, archive: Path | None) -> Entry | None:
        """The entry that ``--archive`` means, by its name or its folder; without it, the only one. The only
        one is meant by any folder, too, if it names none itself.

        None where there is none of that name or folder. Raises UsageError where there are several entries,
        and nobody said which.
        """
        if archive is None:
            if self.is_open(archive):
                raise UsageError(
                    f"{self.file} has several archives: {', '.join(each.title for each in self.entries)}. "
                    "Choose one with --archive."
                )
            return self.entries[0] if self.entries else None
        for entry in self.entries:
            if entry.name is not None and str(archive) == entry.name:
                return entry
        for entry in self.entries:
            anywhere = entry.folder is None and len(self.entries) == 1
            if anywhere or same_folder(archive, entry.place):
                return entry
        return None

    def is_open(self, archive: Path | None) -> bool:
        """Whether there are several entries, and ``--archive`` chooses none."""
        return archive is None and len(self.entries) > 1

    def holds_secrets(self) -> bool:
        """Whether anything in it is nobody else's business."""
        secret = {key.name for key in KEYS if key.is_secret}
        return any(secret & each.settings.keys() for each in self.entries)


def same_folder(one: Path, other: Path) -> bool:
    """Whether both lead to one place, links followed; the folders need not be there."""
    try:
        return one.expanduser().resolve() == other.expanduser().resolve()
    except (OSError, RuntimeError):  # a loop of links, a home that is not known: what uses it says so
        return False
