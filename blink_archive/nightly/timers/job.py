"""What runs every night, in no scheduler's own words; and how a scheduler is asked and answers. Pure."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal, Protocol

from slugify import slugify

from ...errors import UsageError

Scope = Literal["user", "system"]

SPREAD = (
    15 * 60
)  # seconds: so much later than its time a run may begin, so that not everybody's begins at once
MARK = "Written by `blink-archive timer install`; `blink-archive timer remove` takes it away."
_NAME = "blink-archive"
_LONGEST_SLUG = 40
_UNSPEAKABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, what is not UTF-8, line breaks of other kinds
_NO_CHARACTERS = "\ufffe\uffff"  # which XML does not have


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose timer it is, and of which of the system's managers: ``scope`` "user" is the user's own, which
    needs no rights, "system" the machine's, which runs it as ``user``."""

    scope: Scope
    user: str
    home: Path


@dataclass(frozen=True, slots=True)
class Job:
    """What runs every night.

    ``then`` runs after ``command``, whatever that did; the night failed if one of them failed. ``at`` is
    local time. ``archive`` and ``writable`` are where it writes, ``needed`` what else it has to be able to
    read, all without symlinks in them. ``namespaces``: whether the user's own manager can
    make any, and so a sandbox.
    """

    name: str
    owner: Owner
    command: tuple[str, ...]
    at: time
    archive: Path
    then: tuple[str, ...] | None = None
    writable: tuple[Path, ...] = ()
    needed: tuple[Path, ...] = ()
    umask: int = 0o022
    namespaces: bool = True

    def __post_init__(self) -> None:
        paths = (self.archive, *self.writable, *self.needed)
        for text in (*self.command, *(self.then or ()), self.owner.user, *map(str, paths)):
            if any(
                letter in _NO_CHARACTERS or unicodedata.category(letter) in _UNSPEAKABLE for letter in text
            ):
                raise UsageError(
                    f"{text!r} cannot be given to a scheduler: it has a line break, a control character, or "
                    "is not UTF-8. Rename the folder."
                )

    @property
    def steps(self) -> tuple[tuple[str, ...], ...]:
        """The commands, in order."""
        return (self.command,) if self.then is None else (self.command, self.then)

    @property
    def delay(self) -> int:
        """Seconds, fewer than `SPREAD`, always the same for one archive, by which it begins later than ``at``
        where the scheduler has no such thing itself."""
        return int.from_bytes(_digest(self.archive)[:4], "big") % SPREAD


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is given to a scheduler; ``place`` is the file, or what stands for it: the crontab."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """What a scheduler knows of a timer: where it is written (nowhere: it is not installed), when it runs
    next and began last (both aware), and how that ended, in the scheduler's words."""

    places: tuple[str, ...] = ()
    next_run: datetime | None = None
    last_run: datetime | None = None
    result: str | None = None


class Scheduler(Protocol):
    """One of the ways in which a system runs something every night.

    All raise `SchedulerError` where the system's own program is missing or refuses.
    """

    kind: str

    def texts(self, job: Job) -> tuple[Text, ...]:
        """What `install` would write; asks nothing of the system."""

    def install(self, job: Job) -> tuple[str, ...]:
        """Put it in place, over an earlier one of that name; returns where it is written."""

    def state(self, name: str) -> State:
        """What there is under that name."""

    def remove(self, name: str) -> tuple[str, ...]:
        """Undo `install`; returns what was taken away, nothing where nothing was there."""


def timer_name(archive: Path, owner: Owner) -> str:
    """``blink-archive`` for the archive at its default place; others, and those of several users in one
    machine's manager, have a name of their own: ``blink-archive-cottage-3f09ab``."""
    if archive == (owner.home / _NAME).resolve():
        return _NAME if owner.scope == "user" else f"{_NAME}-{_slug(owner.user)}"
    slug = _slug(archive.name)
    return "-".join(part for part in (_NAME, slug, _digest(archive).hex()[:6]) if part)


def next_at(at: time, *, now: datetime) -> datetime:
    """The next time that clocks show ``at``; ``now`` is local and aware."""
    naive = now.replace(tzinfo=None)
    today = datetime.combine(naive.date(), at)
    return (today if today > naive else today + timedelta(days=1)).astimezone()


def with_heading(mark: str, lines: Sequence[str]) -> str:
    """Lines under the comment that says whose they are, as units and crontabs write comments."""
    return "\n".join((f"# {mark}", *lines, ""))


def _slug(text: str) -> str:
    return slugify(text, max_length=_LONGEST_SLUG)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).digest()
