"""What is to become of a file on its way in: known, covered by another recording, or a clip of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from . import layout
from .catalog import Catalog
from .matching import Camera, Cameras, Matches
from .names import Named, Pattern, recognise
from .sources import Content, Source

Outcome = Literal["imported", "known", "covered", "undated", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("imported", "known", "covered", "undated", "failed")
TimeFrom = Literal["name", "mp4", "file"]

_FIRST_CAMERA = datetime(2014, 1, 1, tzinfo=UTC)  # Blink had none before
_A_DAY = timedelta(days=1)  # a clock may be ahead


@dataclass(frozen=True, slots=True)
class Options:
    """What an import was asked for. ``patterns`` come before the known ones; ``zone`` is that of names
    without an offset, where given; ``camera`` is the one of files whose names tell none. ``strict`` leaves
    out what tells no time, ``covered`` takes what another recording covers, ``link`` does not copy."""

    patterns: tuple[Pattern, ...] = ()
    zone: ZoneInfo | None = None
    camera: str | None = None
    strict: bool = False
    covered: bool = False
    link: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file.

    ``clip`` is its key, or that of the clip that has its bytes (known) or its camera and second (covered).
    ``camera`` has an id where the catalog knows one of that name. ``recorded`` is local, and ``time_from``
    tells whence: the ``name``, the creation time in the ``mp4``, or the date of the ``file``. ``beside``:
    (clip, status) of clips of the same camera and second that were never fetched, which stay as they are.
    ``reason`` says why it failed.
    """

    file: str
    outcome: Outcome
    bytes: int
    clip: str | None = None
    path: str | None = None
    camera: str | None = None
    camera_id: int | None = None
    recorded: str | None = None
    time_from: TimeFrom | None = None
    beside: tuple[tuple[str, str], ...] = ()
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self) | {"beside": [{"clip": clip, "status": status} for clip, status in self.beside]}


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to be, as far as its file and the catalog tell of it. ``problem`` says that its time is a
    guess."""

    content: Content
    created_at: datetime
    local: datetime
    time_zone: str
    camera: Camera
    problem: str | None


class Judge:
    """Decides what is to become of a file, by what is known of clips, cameras and time zones."""

    def __init__(self, catalog: Catalog, options: Options, *, now: datetime) -> None:
        self._options = options
        self._cameras = Cameras(catalog)
        self._matches = Matches(catalog, self._cameras)
        self._latest = now + _A_DAY

    def in_order(self, sources: Iterable[Source]) -> list[Source]:
        """Those whose names tell a time come first: of two files with the same bytes, that one is taken, and
        no guess is there yet that could cover one."""
        return sorted(sources, key=lambda source: self._named(source).created_at is None)

    def judge(self, source: Source, content: Content) -> tuple[Result, Clip | None]:
        """What becomes of it, and the clip that it is where that is to be taken."""
        result = Result(str(source.path), "failed", content.bytes)
        if known := self._matches.archived(content.sha256):
            return replace(result, outcome="known", clip=known), None
        if content.flaw:
            return replace(result, reason=content.flaw), None
        named = self._named(source)
        camera = named.camera or self._options.camera
        time_from, created_at = self._when(named.created_at, content)
        if created_at is None:
            return replace(result, reason="neither its name, nor the MP4, nor the file has a date"), None
        if time_from != "name" and self._options.strict:
            return replace(result, outcome="undated", camera=camera), None
        return self._match(source, result, created_at, time_from, camera=camera, content=content)

    def _match(
        self,
        source: Source,
        result: Result,
        created_at: datetime,
        time_from: TimeFrom,
        *,
        camera: str | None,
        content: Content,
    ) -> tuple[Result, Clip | None]:
        """The same for a whole MP4 with a time, whose bytes are new."""
        known = self._cameras.find(camera)
        local, zone = layout.local_time(created_at, known.time_zone, str(self._options.zone or ""))
        recorded = local.isoformat(timespec="seconds")
        result = replace(
            result, camera=known.name, camera_id=known.id, recorded=recorded, time_from=time_from
        )
        # A date that all copies in a tree may share says nothing about what was recorded at once.
        twins = self._matches.twins(camera, created_at) if camera and time_from == "name" else []
        for twin in twins:
            # A tool that wrote two files into one folder had two clips.
            covers = twin.status == "archived" and twin.folder != source.path.parent
            if covers and not self._options.covered:
                return replace(result, outcome="covered", clip=twin.clip), None
        key = layout.import_key(content.sha256)
        result = replace(
            result,
            outcome="imported",
            clip=key,
            path=layout.clip_path(local, camera=known.name, key=key),
            beside=tuple((twin.clip, twin.status) for twin in twins if twin.status != "archived"),
        )
        return result, Clip(content, created_at, local, zone, known, _problem(time_from))

    def take(self, source: Source, clip: Clip) -> None:
        """The clip is taken: what follows is compared with it too."""
        self._matches.add(
            clip.content.sha256, camera=clip.camera.name, at=clip.created_at, folder=source.path.parent
        )

    def _named(self, source: Source) -> Named:
        return recognise(source.path, self._options.patterns, zone=self._options.zone)

    def _when(self, named: datetime | None, content: Content) -> tuple[TimeFrom, datetime | None]:
        if named:
            return "name", named
        if content.created_at and _FIRST_CAMERA <= content.created_at <= self._latest:
            return "mp4", content.created_at
        return "file", content.modified_at


def _problem(time_from: TimeFrom) -> str | None:
    match time_from:
        case "name":
            return None
        case "mp4":
            return "its file's name told no time: filed by the creation time in the MP4"
        case "file":
            return "its file's name told no time: filed by the date of the file"
