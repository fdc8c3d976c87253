"""What the user decides of single clips: not to fetch them, never to prune them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from ..errors import UsageError
from ..model import utc_text
from .catalog import Catalog
from .days import write_dirty_days
from .feed import update_row
from .search import find_clip
from .store import Store

Decision = Literal["excluded", "included", "starred", "unstarred"]

_COLUMNS = {
    "excluded": "excluded_at",
    "included": "excluded_at",
    "starred": "starred_at",
    "unstarred": "starred_at",
}
_WITHDRAWN = {"included", "unstarred"}


def decide(
    catalog: Catalog, store: Store, names: Sequence[str], decision: Decision, *, now: datetime
) -> dict[str, bool]:
    """Take a decision on the clips of these names, on all or on none; whether it is a new one, by key.

    The days' own files tell of it when this returns. Needs no run lock. Raises `UsageError` for a clip that
    is unknown, and for excluding one that is archived; `StorageError`.
    """
    column, withdrawn = _COLUMNS[decision], decision in _WITHDRAWN
    changed: dict[str, bool] = {}
    days: set[str] = set()
    with catalog.transaction():
        for name in names:
            clip = find_clip(catalog, name)
            if decision == "excluded" and clip["sha256"]:
                raise UsageError(
                    f"Clip {name} is archived, and so cannot be excluded any more. `blink-archive "
                    "prune-local` removes files; nothing was changed."
                )
            changed[clip["origin_key"]] = withdrawn == (clip[column] is not None)
            if changed[clip["origin_key"]]:
                update_row(catalog, clip, {column: None if withdrawn else utc_text(now)})
                catalog.add_event(decision, at=now, clip_id=clip["id"])
                days.add(clip["local_day"])
    for day in sorted(days):
        write_dirty_days(catalog, store, only=day)
    return changed
