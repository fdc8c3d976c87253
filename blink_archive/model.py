"""The values that travel between the floors: frozen, without I/O.

All times are aware datetimes in UTC. ``raw`` is always the JSON object as Blink sent it,
unknown fields included: the protocol is observed, not promised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Literal

Family = Literal["camera", "owl", "doorbell"]
Json = Mapping[str, Any]

_NOT_ON_STICKS = re.compile(r"[^A-Za-z0-9_]")


def stripped_name(name: str) -> str:
    """A camera's name as a stick has it: nothing but ASCII letters, digits and ``_`` (protocol.md 7)."""
    return _NOT_ON_STICKS.sub("", name)


def size(count: float) -> str:
    """``1.5 MB``; decimal units, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def utc_text(moment: datetime) -> str:
    """The one form in which times are stored: ``2026-11-23T19:52:07.000000Z``, fixed width."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def from_utc_text(text: str) -> datetime:
    """The inverse of `utc_text`."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One entry of the media feed (protocol.md 6).

    ``key`` is Blink's id as text, or ``malformed-…`` (a hash of the entry) where it has none.
    ``problems`` says in words what was missing or unreadable; a field that was is None
    (``source``, ``device_type``: empty). ``time_zone`` is the IANA name as sent, unchecked.
    ``metadata`` is decoded where Blink sends it as a JSON string; ``labels`` are what it says was detected,
    sorted, None where it says nothing.
    """

    key: str
    id: int | None
    created_at: datetime | None
    updated_at: datetime | None
    deleted: bool
    partial: bool
    watched: bool | None
    type: str
    source: str
    device_type: str
    device_id: int | None
    device_name: str | None
    network_id: int | None
    network_name: str | None
    time_zone: str | None
    media: str | None
    thumbnail: str | None
    metadata: Json | None
    raw: Json
    problems: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class MediaPage:
    """One page of the media feed; an empty ``items`` is the end of the walk.

    ``server_time`` is the answer's ``Date`` header, None where it was missing or unreadable.
    """

    number: int
    items: tuple[MediaItem, ...]
    limit: int | None
    purge_id: int | None
    server_time: datetime | None


@dataclass(frozen=True, slots=True)
class Network:
    """A network ("system" in the app) of the homescreen."""

    id: int
    name: str
    time_zone: str | None
    armed: bool | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class SyncModule:
    """A sync module of the homescreen; ``wifi`` is in bars, 0 to 5, None where it does not say."""

    id: int
    network_id: int | None
    name: str
    type: str
    serial: str | None
    status: str | None
    fw_version: str | None
    local_storage_status: str | None
    raw: Json = field(repr=False)
    wifi: int | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """What the homescreen measured of a camera, each None where it did not.

    ``wifi`` and ``lfr`` (the radio to the sync module) are bars, 0 to 5, ``battery_bars`` 0 to 3, and
    ``temperature_f`` is in degrees Fahrenheit.
    """

    wifi: int | None = None
    lfr: int | None = None
    battery_bars: int | None = None
    temperature_f: float | None = None


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera, owl (Mini) or doorbell of the homescreen; ``family`` decides its paths."""

    id: int
    network_id: int | None
    family: Family
    name: str
    type: str
    serial: str | None
    status: str | None
    enabled: bool | None
    battery: str | None
    fw_version: str | None
    thumbnail: str | None
    raw: Json = field(repr=False)
    signals: Signals = Signals()


@dataclass(frozen=True, slots=True)
class Homescreen:
    """The whole system at once (protocol.md 3).

    ``auto_delete_days`` is after how many days Blink deletes cloud clips, None if unsaid. ``problems`` are
    sentences about what was left out: names longer than any is.
    """

    account_id: int | None
    networks: tuple[Network, ...]
    sync_modules: tuple[SyncModule, ...]
    cameras: tuple[Camera, ...]
    auto_delete_days: int | None
    raw: Json = field(repr=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The state of a command that a sync module runs; 908 is success (protocol.md 4)."""

    id: int
    network_id: int
    complete: bool
    status_code: int | None
    status_msg: str
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class LiveView:
    """A live view that Blink offers (protocol.md 5): ``server`` is an ``rtsps://`` or ``immis://`` address.

    ``duration`` (how long it may last), ``continue_interval`` and ``polling_interval`` (of its command,
    ``command_id``) are in seconds, None where Blink did not say.
    """

    command_id: int
    network_id: int
    server: str = field(repr=False)
    duration: int | None
    continue_interval: int | None
    polling_interval: int | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProgramAction:
    """One line of a schedule: ``action`` (``arm``, ``disarm``) at ``at`` (UTC) on ``days``.

    ``days`` are ``mon`` to ``sun`` in the week's order, and those of UTC, too.
    """

    days: tuple[str, ...]
    at: time
    action: str
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """A schedule of a network (protocol.md 4); ``raw`` is what an update sends back.

    ``unread`` are the lines, as Blink sent them, that are not understood in every part.
    """

    id: int
    network_id: int
    name: str
    enabled: bool
    actions: tuple[ProgramAction, ...]
    unread: tuple[object, ...]
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip on a sync module's stick (protocol.md 7). ``id`` holds for this manifest only.

    ``camera_name`` is stripped of all but letters, digits and ``_``; ``kilobytes`` is None if unsaid.
    ``path`` is where Blink takes a request for it, and then gives it. ``problem`` says what was wrong with
    its entry; None if nothing was.
    """

    id: str
    camera_name: str
    created_at: datetime
    kilobytes: int | None
    path: str
    raw: Json = field(repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is on the stick of a sync module; ``unreadable`` counts entries that make no clip."""

    id: str
    network_id: int
    module_id: int
    clips: tuple[StoredClip, ...]
    unreadable: int


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """How the stick of a sync module is; ``used`` is in percent, None if unsaid."""

    usb_state: str | None
    used: int | None
    full: bool | None
    backup_enabled: bool | None
    last_backup_completed: str | None
    last_backup_result: str | None
    raw: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Description:
    """What the newer listing (protocol.md 6.1) says of the clip with Blink's id ``clip_id`` in words.

    ``text`` is the full description, else the short one, None where there is none; ``labels`` are what was
    detected (``person``, ``vehicle``), sorted, None where it does not say.
    """

    clip_id: int
    text: str | None
    labels: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class DescriptionPage:
    """One page of the newer listing; ``next_key`` asks for the next one, None at the end."""

    descriptions: tuple[Description, ...]
    next_key: str | None
