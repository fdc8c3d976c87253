"""A Blink cloud in memory, with the methods of `sync.ports.Blink`: it lists and serves clips, and lies on demand.

It keeps what it said and gave, clip by clip, so that a test can compare the archive with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from blink_archive.errors import (
    BlinkError,
    NetworkError,
    NotFound,
    ServerError,
    Throttled,
    UnexpectedAnswer,
)
from blink_archive.model import Homescreen, MediaPage
from blink_archive.protocol.media import parse_item, parse_page
from blink_archive.simulator import media

from ..archive.helpers import ACCOUNT, NEW_YORK, make_home

KEEPS_DAYS = 30
"""After so many days the cloud lets a clip expire."""

PAGE_FAULTS: dict[str, type[BlinkError]] = {
    "network": NetworkError,
    "server": ServerError,
    "throttled": Throttled,
    "html": UnexpectedAnswer,
}
MEDIA_FAULTS = ("404", "500", "throttled", "refused", "broken", "length", "page", "unsaid", "cut")


class Clock:
    """A clock that only sleeping, and the test, move on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(slots=True, eq=False)
class Clip:
    """One clip of the cloud, and what became of it there.

    ``entry`` is its JSON. ``place`` is alive, tombstone or purged (which is listed no more). ``jpeg`` is None
    where it has no thumbnail. ``half`` is what a partial clip is served as, None for a 404. The rest is what the
    cloud said of it: ``shown`` are the versions (times of change) that a walk was given, ``given`` the hashes
    of what was served to the end, ``excused`` a version that the cloud itself hid from a walk.
    """

    key: str
    entry: dict[str, Any]
    created: datetime
    updated: datetime
    mp4: bytes
    jpeg: bytes | None
    half: bytes | None = None
    place: str = "alive"
    shown: set[datetime] = field(default_factory=set)
    shown_alive: bool = False
    shown_dead: bool = False
    first_watched: object = None
    last_watched: object = None
    given: list[str] = field(default_factory=list)
    excused: datetime | None = None
    lied_about: bool = False
    was_partial: bool = False
    thumbnail_denied: bool = False
    excluded: bool = False
    was_excluded: bool = False
    starred: bool = False
    pruned: bool = False
    given_before: int = 0

    @property
    def fixed(self) -> bool:
        """Whether its entry may not change: without an id, a changed one is another clip."""
        return "id" not in self.entry

    @property
    def partial(self) -> bool:
        return bool(self.entry["partial"])


@dataclass(slots=True)
class Trouble:
    """What goes wrong in the next run: by page, what happens after it, how often it is empty, how it fails."""

    after: dict[int, Callable[[], None]] = field(default_factory=dict)
    empty: dict[int, int] = field(default_factory=dict)
    fails: dict[int, str] = field(default_factory=dict)
    no_date: bool = False
    no_home: str | None = None


@dataclass(slots=True)
class Walk:
    """What the cloud told during one run. ``began`` is when, by the server's clock, ``date`` what
    the first page said. ``hid``: it may have kept a clip
    from being seen. ``failed``: a page was an error. ``trouble``: that, or anything else went wrong."""

    since: datetime | None = None
    began: datetime | None = None
    date: datetime | None = None
    keys: set[str] = field(default_factory=set)
    pages: int = 0
    hid: bool = False
    trouble: bool = False
    failed: bool = False
    not_found: set[str] = field(default_factory=set)


class MemoryCloud:
    """The cloud of one account: two cameras, and clips on pages of ``limit``."""

    def __init__(self, clock: Clock, *, limit: int, newest_first: bool, skew: timedelta, marks: bool) -> None:
        self.clock = clock
        self.limit = limit
        self.newest_first = newest_first
        self.skew = skew
        self.marks_watched = marks
        self.cameras = {41: "Front door", 42: "Garage"}
        self.clips: dict[str, Clip] = {}
        self.ghosts: list[datetime] = []
        self.trouble = Trouble()
        self.media_faults: dict[tuple[str, bool], list[str]] = {}
        self.walk = Walk()
        self.recording = True
        self.on_delete: Callable[[Sequence[int]], str] | None = None

    # what happens at Blink

    def now(self) -> datetime:
        """The server's clock, in whole seconds."""
        return (self.clock.now() + self.skew).replace(microsecond=0)

    def add(self, *, camera: int, age: timedelta, kind: str) -> Clip:
        """A clip recorded ``age`` ago and listed from now on. ``kind``: whole, half, unserved (partial, and a 404),
        no thumbnail, no id, no date, no zone."""
        number = 7000001 + len(self.clips)
        updated = self.now()
        path = f"/api/v2/accounts/{ACCOUNT}/media"
        entry = {
            "id": number,
            "created_at": (updated - age).isoformat(),
            "updated_at": updated.isoformat(),
            "deleted": False,
            "device": "owl",
            "device_id": camera,
            "device_name": self.cameras[camera],
            "network_id": 5,
            "network_name": "Home",
            "type": "video",
            "source": "pir",
            "watched": bool(number % 2),
            "partial": kind in ("half", "unserved"),
            "thumbnail": None if kind == "no thumbnail" else f"{path}/thumb/{number}",
            "media": f"{path}/clip/{number}.mp4",
            "metadata": None,
            "time_zone": NEW_YORK,
        }
        match kind:
            case "no id":
                del entry["id"]
            case "no date":
                entry["created_at"] = "yesterday"
            case "no zone":
                entry["time_zone"] = None
        mp4 = b"".join(media.clip_chunks(number % 2, number, size=None))
        jpeg = (
            None if kind == "no thumbnail" else b"".join(media.thumbnail_chunks(number % 2, f"clip {number}"))
        )
        half = mp4[: len(mp4) - 20] if kind == "half" else None
        clip = Clip(parse_item(entry).key, entry, updated - age, updated, mp4, jpeg, half)
        clip.was_partial = clip.partial
        self.clips[clip.key] = clip
        return clip

    def change(self, clip: Clip, **fields: object) -> None:
        """The clip's entry changes, and so is listed anew; never one without an id."""
        clip.updated = self.now()
        clip.entry |= fields | {"updated_at": clip.updated.isoformat()}

    def delete(self, clip: Clip, *, paths: bool = True) -> None:
        """A tombstone takes its place; with its paths or without."""
        clip.place = "tombstone"
        self.change(
            clip, deleted=True, partial=False, **({} if paths else {"media": None, "thumbnail": None})
        )

    def alive(self) -> list[Clip]:
        """The clips that are not deleted, oldest change first."""
        return sorted((c for c in self.clips.values() if c.place == "alive"), key=_order)

    def expire(self) -> None:
        """What is too old leaves the listing, without a word."""
        for clip in self.clips.values():
            if clip.created < self.now() - timedelta(days=KEEPS_DAYS):
                clip.place = "purged"

    def _listed(self, since: datetime) -> list[Clip]:
        return [
            c
            for c in self.clips.values()
            if c.place != "purged" and c.updated >= since.replace(microsecond=0)
        ]

    def _page(self, since: datetime, page: int) -> list[Clip]:
        """One page; ghosts (fewer than fill one) take a place on it and are not told, so that it can be short."""
        places: list[Clip | datetime] = [*self._listed(since), *(g for g in self.ghosts if g >= since)]
        places.sort(key=_order, reverse=self.newest_first)
        start = (page - 1) * self.limit
        return [place for place in places[start : start + self.limit] if isinstance(place, Clip)]

    # what a run asks

    def begin(self, *, recording: bool = True) -> None:
        """A run begins; what it is shown is to be recorded, unless it is a dry one."""
        self.walk = Walk()
        self.recording = recording

    def end(self) -> None:
        """The run has ended: what went wrong with its walk is over. What the cloud itself hid is no fault of it."""
        self.trouble = Trouble()
        if self.walk.hid and self.recording:
            for clip in self.clips.values():
                if clip.updated not in clip.shown:
                    clip.excused = clip.updated

    async def homescreen(self) -> Homescreen:
        if self.trouble.no_home:
            self.walk.trouble = True
            raise _failure(self.trouble.no_home)
        return make_home(*self.cameras.items(), days=KEEPS_DAYS)

    async def media_changed(self, *, since: datetime, page: int) -> MediaPage:
        walk, trouble = self.walk, self.trouble
        if page == 1:
            walk.since, walk.began = since, self.now()
            walk.date = None if trouble.no_date else walk.began
        walk.pages = page
        if kind := trouble.fails.get(page):
            walk.trouble = walk.failed = True
            raise _failure(kind)
        clips = self._page(since, page)
        if trouble.empty.get(page, 0) and clips:
            trouble.empty[page] -= 1
            walk.trouble = True
            walk.hid |= page > 1  # an empty first page is to be doubted
            clips = []
        entries = [self._show(clip) for clip in clips]
        if happens := trouble.after.pop(page, None):
            happens()
        answer = {"limit": self.limit, "purge_id": 0, "refresh_count": 0, "media": entries}
        return parse_page(json.loads(json.dumps(answer)), number=page, server_time=walk.date)

    def _show(self, clip: Clip) -> dict[str, Any]:
        self.walk.keys.add(clip.key)
        if self.recording:
            if not clip.shown:
                clip.first_watched = clip.entry["watched"]
            clip.shown.add(clip.updated)
            if clip.place == "alive":
                clip.shown_alive, clip.last_watched = True, clip.entry["watched"]
            else:
                clip.shown_dead = True
        return dict(clip.entry)

    @asynccontextmanager
    async def media(self, path: str, *, thumbnail: bool) -> AsyncIterator[MemoryStream]:
        kind = "thumbnail" if thumbnail else "media"
        clip = next(clip for clip in self.clips.values() if f"/{path.rsplit('/')[-1]}" in _place(clip, kind))
        faults = self.media_faults.get((clip.key, thumbnail), [])
        fault = faults.pop(0) if faults else None
        if fault:
            self.walk.trouble = True
        data = clip.jpeg if thumbnail else clip.half if clip.partial else clip.mp4
        if clip.place != "alive" or data is None or fault == "404":
            if thumbnail:
                clip.thumbnail_denied = True
            else:
                self.walk.not_found.add(clip.key)
            raise NotFound("Blink has no such thing.")
        match fault:
            case "500":
                raise ServerError("status 500")
            case "throttled":
                raise Throttled("slow down")
            case "refused":
                raise UnexpectedAnswer("an error page")
            case "page":
                data = b"<html>sorry</html>"
            case "cut":
                data = data[: len(data) - 6]
        length = None if fault == "unsaid" else len(data) + (7 if fault == "length" else 0)
        whole = fault not in ("broken", "length", "page")
        yield MemoryStream(length, self._chunks(clip, data, thumbnail=thumbnail, whole=whole, fault=fault))

    async def _chunks(
        self, clip: Clip, data: bytes, *, thumbnail: bool, whole: bool, fault: str | None
    ) -> AsyncIterator[bytes]:
        half = len(data) // 2
        yield data[:half]
        if fault == "broken":
            raise NetworkError("the connection broke")
        yield data[half:]
        if whole and not thumbnail:
            clip.given.append(hashlib.sha256(data).hexdigest())
        if self.marks_watched and not (thumbnail or clip.fixed or clip.entry["watched"]):
            self.change(clip, watched=True)

    async def descriptions(self, **_: object) -> None:
        raise NotFound("This account has no descriptions.")

    async def delete_media(self, ids: Sequence[int]) -> None:
        """Deletes what the test's ``on_delete`` has looked at, as it says: with a clear answer, an unclear one,
        or not done, which looks the same."""
        assert self.on_delete is not None, "a run deleted that was not told to"
        answer = self.on_delete(ids)
        for number in ids if answer != "not done" else ():
            if (clip := self.clips[str(number)]).place == "alive":
                self.delete(clip)
        if answer != "clear":
            raise NetworkError("no answer")

    @property
    def local_storage(self) -> MemoryCloud:
        return self


@dataclass(frozen=True, slots=True)
class MemoryStream:
    length: int | None
    chunks: AsyncIterator[bytes]


def _failure(kind: str) -> BlinkError:
    return PAGE_FAULTS[kind](f"{kind} trouble")


def _order(place: Clip | datetime) -> tuple[datetime, str]:
    return (place.updated, place.key) if isinstance(place, Clip) else (place, "")


def _place(clip: Clip, kind: str) -> str:
    number = clip.mp4.rsplit(b"clip ", 1)[1].decode()
    return f"/{number}" if kind == "thumbnail" else f"/{number}.mp4"
