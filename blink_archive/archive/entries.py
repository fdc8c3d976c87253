"""What a ``clips.json`` says, as rows of the catalog: pure, and without trust in what the file holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..model import from_utc_text, utc_text
from . import layout
from .catalog import storable
from .days import LEFT_OUT
from .feed import json_text
from .matching import imported_from
from .remarks import checked_labels, checked_note, checked_own_labels

ORIGINS = ("cloud", "usb", "import", "liveview")
CLIP_SUFFIXES = (".mp4", ".ts")
SHA256 = re.compile(r"[0-9a-f]{64}")

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
# Relative, with "/", and without a drive, ".." or anything else that begins with a dot.
_PATH = re.compile(r"(?![A-Za-z]:)[^./\\\0][^/\\\0]*(?:/[^./\\\0][^/\\\0]*)*")
_MOST = 2**63  # SQLite's integers end there
_DEEPEST = 100  # levels of JSON; Blink's have five
_THUMBNAIL = {"thumbnail_path", "thumbnail_bytes", "thumbnail_sha256", "thumbnail_archived_at"}


_REMARKS = {"note": checked_note, "labels": checked_labels, "own_labels": checked_own_labels}


class BadEntry(ValueError):
    """An entry that makes no row; the message says why."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """What could be read of a ``clips.json``: its entries, whatever they are. ``damage`` says why that is not
    all of it."""

    entries: tuple[object, ...]
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a clip, as the table ``events`` has it; ``detail`` is JSON."""

    at: str
    kind: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of ``clips`` without its id, and its events. ``flaws`` say what of the entry was not taken, and
    ``ignored`` are names that this version does not know."""

    row: dict[str, Any]
    events: tuple[Event, ...]
    flaws: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def name(self) -> str:
        """How a person finds it."""
        return f"{self.row['origin']} {self.row['origin_key']}"


def parse_day(data: bytes, day: str) -> DayFile:
    """The ``clips.json`` of that day (2026-11-23). Of a damaged one, the lines that are whole are taken: each
    holds one clip."""
    try:
        found = _load(data)
    except (ValueError, RecursionError) as error:
        entries, lost = _salvage(data)
        why = "its nesting has no end" if isinstance(error, RecursionError) else str(error)
        return DayFile(entries, f"{why}; {len(entries)} of its lines are whole, {lost} are not")
    match found:
        case {"clips": list() as clips, "day": str() as told}:
            if told != day:
                return DayFile((), f"it says that it is of the day {told!r}")
            return DayFile(tuple(clips))
        case _:
            return DayFile((), "it is no list of clips")


def entry_of(given: object, columns: Mapping[str, str], *, now: datetime) -> Entry:
    """One entry as a row; ``columns`` are those of ``clips`` and their types. Raises `BadEntry` for one that
    does not tell which clip it is, when it was recorded, or where in the archive it lies."""
    if not isinstance(given, dict):
        raise BadEntry("an entry is no object")
    row: dict[str, Any] = {}
    flaws: list[str] = []
    ignored: list[str] = []
    for name, value in given.items():
        if name in ("item", "events") or value is None:
            continue
        if name not in columns or name in LEFT_OUT:
            ignored.append(name)
            continue
        try:
            row[name] = _fit(name, columns[name], value)
        except ValueError as error:
            flaws.append(f"{name} {error}")
            if name == "unproven":  # what nobody can read was said: the clip was not proven whole
                row[name] = "its clips.json says so, and not legibly why"
    _check_identity(row)
    row["raw"] = _raw(given.get("item"), row, flaws)
    _settle_times(row, flaws)
    _settle_defaults(row, flaws, now=now)
    _settle_pairs(row, flaws, now=now)
    events = tuple(_events(given.get("events"), flaws))
    if flaws:
        told = f"its clips.json was not right: {'; '.join(flaws)}"
        row["problem"] = storable("; ".join(filter(None, (row.get("problem"), told))))
    return Entry(row, events, tuple(flaws), tuple(ignored))


def check_file(path: str, suffixes: Iterable[str]) -> str:
    """``path``, if a clip or thumbnail can lie there; `BadEntry` where it would leave the archive, or is a
    file of another kind, like the catalog itself."""
    if not _PATH.fullmatch(path):
        raise BadEntry(f"the path {path!r} leaves the archive, or is none that it gives")
    if not path.endswith(tuple(suffixes)):
        raise BadEntry(f"{path!r} is not the name of a clip or thumbnail")
    return path


def _load(data: bytes) -> Any:
    # An editor may have saved it in another UTF, or with a mark of the order of bytes.
    return json.loads(data.decode(json.detect_encoding(data)), object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError where it has a name twice, since nobody knows which of the two is meant."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("an object has a name twice")
    return made


def _salvage(data: bytes) -> tuple[tuple[object, ...], int]:
    """The entries of the lines that can be read, and how many cannot."""
    entries: list[object] = []
    lost = 0
    for line in data.split(b"\n"):
        if not line.startswith(b"{") or line.startswith(b'{"format"'):
            continue
        try:
            entries.append(_load(line.rstrip(b"\r").removesuffix(b",")))
        except (ValueError, RecursionError):
            lost += 1
    return tuple(entries), lost


def _fit(name: str, kind: str, value: object) -> str | int | float:
    """``value`` as the column takes it; ValueError with what is wrong with it."""
    match kind, value:
        case "TEXT", str():
            if name.endswith("_at"):
                _check_moment(value)
            if name in ("sha256", "thumbnail_sha256") and not SHA256.fullmatch(value):
                raise ValueError("is no SHA-256")
            if name == "metadata":
                _check_json(value)
            return _REMARKS[name](value) if name in _REMARKS else storable(value)
        case "INTEGER", int() if -_MOST <= value < _MOST:
            if value < 0 and name in ("bytes", "thumbnail_bytes", "attempts"):
                raise ValueError("is less than nothing")
            return int(value)
        case "REAL", int() | float() if 0 <= value < _MOST:  # NaN is not
            return float(value)
        case _:
            raise ValueError(f"is of the wrong kind ({type(value).__name__})")


def _check_moment(text: str) -> None:
    if not _MOMENT.fullmatch(text):
        raise ValueError("is no time")
    try:
        year = from_utc_text(text).year
    except ValueError:
        raise ValueError("is no time that there is") from None
    if not 1970 <= year < 9999:  # others do not fit into every zone
        raise ValueError("is out of all proportion")


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None


def _raw(item: object, row: Mapping[str, Any], flaws: list[str]) -> str:
    """The listing: ``{}`` where there is none, which the next one of Blink replaces."""
    match row["origin"], item:
        case "import", _ if not (isinstance(item, dict) and isinstance(item.get("file"), str)):
            flaws.append("item does not say where it came from")
            return imported_from(Path(row["path"]))
        case _, dict() if _is_shallow(item):
            return json_text(item)
        case _:
            flaws.append("item is missing, or no listing of a clip")
            return "{}"


def _is_shallow(value: object) -> bool:
    """Whether JSON can be written and read again at any depth of calls: Python gives up at a thousand."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        level = [child for each in level if isinstance(each, dict | list) for child in _children(each)]
    return not level


def _children(value: dict[str, object] | list[object]) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _check_identity(row: Mapping[str, Any]) -> None:
    if row.get("origin") not in ORIGINS or not row.get("origin_key"):
        raise BadEntry("an entry does not say which clip it is")
    for name in ("created_at", "path"):
        if name not in row:
            raise BadEntry(f"clip {row['origin_key']} has no {name} that could be used")
    try:
        check_file(row["path"], CLIP_SUFFIXES)
    except BadEntry as error:
        raise BadEntry(f"clip {row['origin_key']}: {error}") from None


def _settle_times(row: dict[str, Any], flaws: list[str]) -> None:
    """The zone, and the local time and day: those of the entry, as long as they are of the same instant."""
    created_at = from_utc_text(row["created_at"])
    if "time_zone" not in row:
        row["time_zone"] = "UTC"
        flaws.append("time_zone is missing")
    if not _is_local(row.get("created_local", ""), created_at, zone=row["time_zone"]):
        local, row["time_zone"] = layout.local_time(created_at, row["time_zone"])
        row["created_local"] = local.isoformat(timespec="seconds")
        flaws.append("created_local is not created_at in time_zone")
    row["local_day"] = row["created_local"][:10]


def _is_local(text: str, created_at: datetime, *, zone: str) -> bool:
    """Whether ``text`` is the instant, on the day that it was in the zone (IANA), if that is known here."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return False
    if text != told.isoformat(timespec="seconds") or told.tzinfo is None:
        return False
    known = layout.zone(zone)
    same_day = known is None or created_at.astimezone(known).date() == told.date()
    return same_day and told == created_at.replace(microsecond=0)


def _settle_defaults(row: dict[str, Any], flaws: list[str], *, now: datetime) -> None:
    """What every row has to say, where the entry does not."""
    at = row.get("archived_at", utc_text(now))
    for name, default in (
        ("device_type", ""),
        ("type", "video"),
        ("source", ""),
        ("partial", 0),
        ("attempts", 0),
        ("first_seen_at", at),
        ("listed_at", row.get("first_seen_at", at)),
    ):
        if name not in row:
            row[name] = default
            flaws.append(f"{name} is missing")


def _settle_pairs(row: dict[str, Any], flaws: list[str], *, now: datetime) -> None:
    """What only means something together: a hash and when it was taken, what is not here and why."""
    try:
        if "thumbnail_path" in row:
            check_file(row["thumbnail_path"], (".jpg",))
    except BadEntry as error:
        flaws.append(str(error))
        del row["thumbnail_path"]
    if ("sha256" in row) != ("archived_at" in row):
        flaws.append("sha256 and archived_at are not both there")
    if "sha256" in row and "bytes" not in row:
        flaws.append("bytes is missing")
    if "sha256" in row:
        row.setdefault("archived_at", utc_text(now))
    else:
        row.pop("archived_at", None)
    if 0 < len(known := _THUMBNAIL & row.keys()) < len(_THUMBNAIL):
        flaws.append("of the thumbnail, only some facts are there")
        for name in known:
            del row[name]
    if "gone_at" in row and "gone_reason" not in row:
        row["gone_reason"] = "nobody knows why"
        flaws.append("gone_reason is missing")
    elif "gone_at" not in row and row.pop("gone_reason", None):
        flaws.append("gone_at is missing")
    if "local_removed_at" in row and "sha256" in row:
        if row.get("local_removed_reason") not in ("pruned", "lost"):
            row["local_removed_reason"] = "lost"  # nothing is removed on the word of a file that is not right
            flaws.append("local_removed_reason is missing")
    elif {"local_removed_at", "local_removed_reason"} & row.keys():
        row.pop("local_removed_at", None)
        row.pop("local_removed_reason", None)
        flaws.append("local_removed_at or sha256 is missing")


def _events(given: object, flaws: list[str]) -> Iterable[Event]:
    if not isinstance(given, list):
        flaws.append("events is no list")
        return
    for event in given:
        match event:
            case {"at": str() as at, "kind": str() as kind} if _is_moment(at) and _is_shallow(event):
                detail = event.get("detail")
                if kind == "clash" and not _names_file(detail):
                    flaws.append("a clash names no file")
                    continue
                yield Event(at, storable(kind), _detail(detail) if detail else None)
            case _:
                flaws.append("an event has no time or kind")


def _is_moment(text: str) -> bool:
    with suppress(ValueError):
        _check_moment(text)
        return True
    return False


def _detail(detail: Any) -> str:
    """As `Catalog.add_event` writes it; NaN and Infinity, which Python knows alone, as text."""
    return json.dumps(json.loads(json_text(detail)))


def _names_file(detail: object) -> bool:
    """Whether it tells the path that other bytes hold, which `verify` reads."""
    match detail:
        case {"path": str() as path}:
            with suppress(BadEntry):
                return check_file(path, (*CLIP_SUFFIXES, ".jpg")) == path
    return False
