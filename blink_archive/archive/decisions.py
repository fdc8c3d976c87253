"""What the user decides and says of single clips: not to fetch, never to prune them; notes and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from reprlib import repr as shortened
from typing import Any, Literal, TypeVar

from ..errors import UsageError
from ..model import utc_text
from .catalog import Catalog
from .days import write_dirty_days
from .feed import update_row
from .remarks import (
    MAX_LABELS,
    NotTaken,
    as_label,
    as_note,
    labels_of,
    own_labels_text,
    with_labels,
    without_labels,
)
from .search import find_clip
from .store import Store

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Noted:
    """A clip (its key) with its ``note`` as it is kept, None where it has none, and whether that is new."""

    clip: str
    note: str | None
    new: bool


@dataclass(frozen=True, slots=True)
class Labelled:
    """A clip (its key) with all of its own ``labels``, and whether they are others than before."""

    clip: str
    labels: tuple[str, ...]
    new: bool


def set_note(catalog: Catalog, store: Store, name: str, text: str, *, now: datetime) -> Noted:
    """Give the clip of that name this note, or, where ``text`` is blank, take its note away.

    The day's own files tell of it when this returns. Needs no run lock. The event says how long the note is
    and not what it says: what was taken away is nowhere any more. Raises `UsageError` for a clip that is
    unknown and a text that is no note; `StorageError`.
    """
    note = _taken(as_note, text, "The note")
    with catalog.transaction():
        clip = find_clip(catalog, name)
        if new := clip["note"] != note:
            update_row(catalog, clip, {"note": note})
            catalog.add_event("noted", at=now, clip_id=clip["id"], detail={"characters": len(note or "")})
    _write_day(catalog, store, clip, new=new)
    return Noted(clip["origin_key"], note, new)


def change_labels(
    catalog: Catalog, store: Store, name: str, labels: Sequence[str], *, take_away: bool, now: datetime
) -> Labelled:
    """Add ``labels`` to those of the clip of that name, or take them away; as `set_note`.

    Two labels that differ in nothing but case are one, written as it was the first time.
    """
    wanted = [_taken(as_label, label, f"The label {shortened(label)}") for label in labels]
    with catalog.transaction():
        clip = find_clip(catalog, name)
        before = labels_of(clip["own_labels"])
        after = without_labels(before, wanted) if take_away else with_labels(before, wanted)
        if len(after) > max(MAX_LABELS, len(before)):
            raise UsageError(
                f"Clip {name} would have {len(after)} labels of its own, and a clip can have {MAX_LABELS}. "
                "Take some away with `blink-archive unlabel`."
            )
        if new := after != before:
            update_row(catalog, clip, {"own_labels": own_labels_text(after)})
            kind = "unlabelled" if take_away else "labelled"
            detail = {"labels": sorted({*before} ^ {*after})}
            catalog.add_event(kind, at=now, clip_id=clip["id"], detail=detail)
    _write_day(catalog, store, clip, new=new)
    return Labelled(clip["origin_key"], tuple(after), new)


def _taken(rule: Callable[[str], T], text: str, what: str) -> T:
    try:
        return rule(text)
    except NotTaken as error:
        raise UsageError(f"{what} {error}. Write it anew; nothing was changed.") from None


def _write_day(catalog: Catalog, store: Store, clip: dict[str, Any], *, new: bool) -> None:
    if new:
        write_dirty_days(catalog, store, only=clip["local_day"])
