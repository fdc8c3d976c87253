"""What a configuration says, and which of its archives is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError

Value = str | bool | tuple[str, ...]
"""As it would be typed for the option: true or false for a switch, several for one that repeats."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a key is set to, and its line in the file. A path is absolute."""

    value: Value
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``[[archive]]``: its ``folder``, by default where it is not set, and all its settings by key, those
    of its own tables too."""

    name: str | None
    folder: Path
    settings: Mapping[str, Setting]
    line: int

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.name or str(self.folder)


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
        """The entry that ``--archive`` means, by its name or its folder; without it, the only one.

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
            if same_folder(archive, entry.folder):
                return entry
        return None

    def is_open(self, archive: Path | None) -> bool:
        """Whether there are several entries, and ``--archive`` chooses none."""
        return archive is None and len(self.entries) > 1

    def holds_secrets(self) -> bool:
        """Whether anything in it is nobody else's business."""
        from .keys import KEYS

        secret = {key.name for key in KEYS if key.is_secret}
        return any(secret & each.settings.keys() for each in self.entries)


def same_folder(one: Path, other: Path) -> bool:
    """Whether both lead to one place, links followed; the folders need not be there."""
    try:
        return one.expanduser().resolve() == other.expanduser().resolve()
    except (OSError, RuntimeError):  # a loop of links, a home that is not known: what uses it says so
        return False
