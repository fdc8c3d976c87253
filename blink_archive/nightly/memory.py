"""What a person was told, from one run to the next.

It is kept in the state directory and not in the catalog: the archive's disk may be what is missing, and then
least of all should each run send the same message, or the first good one none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..client.state import StateDir
from ..errors import StateError, StorageError
from .notify import Told


def recall(state: StateDir, archive: str) -> Told:
    """What was told of the archive in that folder. Nothing, where that cannot be read: at worst a message
    comes again."""
    try:
        found = state.read(_name(archive))
        return Told() if found is None else _told(found)
    except (StateError, StorageError, ValueError, KeyError, TypeError, AttributeError):
        return Told()


def remember(state: StateDir, archive: str, told: Told) -> None:
    """Keep it for the next run. Raises as `StateDir` does."""
    value = {
        "archive": archive.encode("utf-8", "backslashreplace").decode(),
        "failures": {str(code): at.isoformat() for code, at in told.failures.items()},
        "digest_at": told.digest_at and told.digest_at.isoformat(),
    }
    state.write(_name(archive), value)


def _told(value: Mapping[str, Any]) -> Told:
    failures = {int(code): _moment(at) for code, at in value["failures"].items()}
    return Told(failures, value["digest_at"] and _moment(value["digest_at"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _name(archive: str) -> str:
    return f"told-{hashlib.sha256(archive.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"
