"""What an export remembers from one run to the next: which one it is, and the parts that are finished."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...model import utc_text
from ..filters import Filter, Moment
from ..store import storage_errors
from .disk import sync_names

_FORMAT = 1
_MOMENTS = ("since", "until", "before")


@dataclass(slots=True)
class Journal:
    """``arguments`` are as they were typed, so that the same command is known again; ``moments`` is what its
    dates meant in the first run: seven days ago stays where it was. ``claimed``: the places of so many parts
    were free when they were first planned, and are this export's. ``parts``, by number, are those finished:
    their fingerprints, and what they hold."""

    path: Path
    archive: str
    arguments: dict[str, Any]
    moments: dict[str, str | None]
    planned_at: str
    finished_at: str | None = None
    claimed: int = 0
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, path: Path, *, archive: str, arguments: dict[str, Any], wanted: Filter, now: datetime
    ) -> Journal:
        """Of a new export; nothing is written yet."""
        moments = {name: _text(getattr(wanted, name)) for name in _MOMENTS}
        return cls(path, archive, _plain(arguments), moments, utc_text(now))

    @classmethod
    def load(cls, path: Path) -> Journal | None:
        """The journal that is there, None where there is none. Raises `UsageError` for what is not one."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.pop("format") != _FORMAT:
                raise ValueError("format")
            journal = cls(path, **found)
            journal.restored(Filter())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}. Check the disk.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} is no journal of an export that this version knows. Name another destination, or "
                "remove what is there."
            ) from error
        return journal

    def is_of(self, archive: str, arguments: dict[str, Any]) -> bool:
        """Whether it is of this archive and this command."""
        return self.archive == archive and self.arguments == _plain(arguments)

    def restored(self, wanted: Filter) -> Filter:
        """The filter, with its dates as the first run understood them."""
        since, until, before = (_moment(self.moments[name]) for name in _MOMENTS)
        return replace(wanted, since=since, until=until, before=before)

    def save(self) -> None:
        """Write it, at once and durably. Raises `StorageError`."""
        fields = asdict(self)
        del fields["path"]
        beside = self.path.with_name(f"{self.path.name}.partial")
        with storage_errors(f"write {self.path}"):
            with beside.open("w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT} | fields, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            sync_names(self.path.parent)

    def remove(self) -> None:
        """Forget the export. Raises `StorageError`."""
        with storage_errors(f"remove {self.path}"):
            self.path.unlink(missing_ok=True)
            sync_names(self.path.parent)


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """As they come back out of JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(arguments))
    return plain


def _text(moment: Moment | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> Moment | None:
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
