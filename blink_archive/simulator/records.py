"""What the cloud holds: networks, cameras, clips, commands. Compact, for accounts of 100,000 clips."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal


class UnknownId(KeyError):
    """No camera, network, command or schedule has that id."""


Family = Literal["camera", "owl", "doorbell"]


def iso(seconds: int) -> str:
    """Unix seconds as Blink writes times: `2026-10-02T00:28:38+00:00`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@dataclass(slots=True, kw_only=True)
class Network:
    id: int
    name: str
    time_zone: str
    sync_module_id: int
    sync_module_type: str
    armed: bool
    stick: Literal["none", "mounted", "out"] = "none"
    """The USB stick of its sync module: never had one, is in, or was pulled out."""


@dataclass(slots=True, kw_only=True)
class Camera:
    id: int
    network: Network
    family: Family
    type: str
    name: str
    former_name: str
    """What it was called when the older half of its clips were recorded."""
    serial: str
    enabled: bool = True
    thumbnail_form: Literal["new", "old", "number"] = "new"
    picture_at: int = 0
    """Unix seconds of the last picture that was asked for."""
    pictures: int = 0
    """How many were asked for."""
    snoozed_until: int = 0
    """Unix seconds until which it sends no notifications."""


@dataclass(slots=True, kw_only=True)
class Clip:
    """One clip of the feed; times are Unix seconds. Its JSON is built when it is listed."""

    id: int
    camera: Camera
    camera_name: str
    created: int
    updated: int
    source: str
    template: int
    watched: bool = False
    partial: bool = False
    deleted: bool = False
    old_paths: bool = False
    metadata: Any = None
    extra: dict[str, Any] | None = None
    """Fields that overlay the item's own."""


@dataclass(slots=True, kw_only=True)
class Command:
    id: int
    network: Network
    command: str
    created: int
    finish: "Callable[[Command], None]"
    """What happens when it is complete; it may set another `status_code`."""
    polls: int = 0
    complete: bool = False
    status_code: int = 908
    """908 is success."""
    status_msg: str = "Command succeeded"
    camera: Camera | None = None
    """Whom it is for; None: the network."""
    lasts: int | None = None
    """Seconds that a live view runs, unless it is ended; None: as commands do."""


@dataclass(slots=True)
class Catalogue:
    """Everything that was generated from the seed."""

    networks: list[Network] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
