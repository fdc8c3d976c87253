"""Receive: one object of Blink's into a part, politely, and proven as far as bytes can be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ..archive.container import walk_jpeg, walk_mp4
from ..archive.store import Part, Store, storage_errors
from ..errors import BadMedia, BlinkError, Busy, NetworkError, ServerError, Throttled
from .ports import Media, Progress, Time

T = TypeVar("T")

ATTEMPTS = 3  # for one object in one run
RETRY_WAIT = 2.0  # seconds before the second attempt; doubles
THROTTLE_WAIT = 15.0  # seconds, where Blink names no time; doubles
LONGEST_THROTTLE = 300.0  # seconds; told to wait for longer, the run ends
LARGEST_THUMBNAIL = 32 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A clip that arrived; ``flaw`` is why it could not be proven whole, None if it was."""

    part: Part
    duration: float | None
    flaw: str | None


class Receiver:
    """Downloads for all workers of a pass: they share one rate, and one "slow down"."""

    def __init__(
        self,
        source: Media,
        store: Store,
        *,
        max_rate: float | None,
        reserve: int = 0,
        time: Time,
        progress: Progress,
    ) -> None:
        self._source = source
        self._store = store
        self._reserve = reserve  # bytes that stay free
        self._max_rate = max_rate  # bytes a second
        self._time = time
        self._progress = progress
        self._rate_free_at = 0.0
        self._resume_at = datetime.min.replace(tzinfo=UTC)
        self.bytes = 0

    async def clip(self, path: str, parts: ExitStack) -> Received:
        """The clip's bytes; downloaded twice, if the first arrival could not be proven whole.

        Parts are discarded when ``parts`` is left. Raises `BlinkError`, `SignInError`, `BadMedia`,
        `StorageError`, `LowSpace`.
        """
        first = await self._attempts(lambda: self._mp4(path, parts))
        if first.flaw is None:
            return first
        second = await self._attempts(lambda: self._mp4(path, parts))
        if second.flaw is not None and second.part.sha256 != first.part.sha256:
            raise BadMedia(f"{first.flaw}, and a second download brought other bytes")
        return second

    async def thumbnail(self, path: str, parts: ExitStack) -> Part:
        """The thumbnail's bytes, a whole JPEG; raises as `clip` does."""
        return await self._attempts(lambda: self._jpeg(path, parts))

    async def _mp4(self, path: str, parts: ExitStack) -> Received:
        async with self._source.media(path, thumbnail=False) as stream:
            length = stream.length
            self._store.check_space(length or 0, reserve=self._reserve)
            part = self._store.open_part()
            parts.callback(part.discard)
            async for chunk in stream.chunks:
                part.write(chunk)
                await self._count(len(chunk))
        if length is not None and length != part.length:
            raise BadMedia(f"{part.length} bytes arrived of {length}")
        with storage_errors(f"read {part.path.name} back"):
            mp4 = walk_mp4(part.file)  # a few small reads of cached pages: a hop to a thread costs more
        flaws = [mp4.flaw] if mp4.flaw else []
        if length is None:
            flaws.append("Blink did not say its length")
        return Received(part, mp4.duration, "; ".join(flaws) or None)

    async def _jpeg(self, path: str, parts: ExitStack) -> Part:
        data = bytearray()
        async with self._source.media(path, thumbnail=True) as stream:
            async for chunk in stream.chunks:
                data += chunk
                await self._count(len(chunk))
                if len(data) > LARGEST_THUMBNAIL:
                    raise BadMedia(f"a picture of more than {LARGEST_THUMBNAIL >> 20} MB is no thumbnail")
            if stream.length is not None and stream.length != len(data):
                raise BadMedia(f"{len(data)} bytes arrived of {stream.length}")
        walk_jpeg(data)
        part = self._store.open_part()
        parts.callback(part.discard)
        part.write(data)
        return part

    async def _count(self, count: int) -> None:
        """Count bytes that arrived, and hold back where the user set a rate."""
        self.bytes += count
        self._progress.received(count)
        if self._max_rate is not None:
            clock = asyncio.get_running_loop().time()
            self._rate_free_at = max(self._rate_free_at, clock) + count / self._max_rate
            await self._time.sleep(self._rate_free_at - clock)

    async def _attempts(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try a few times what may pass by itself: a broken connection, a 5xx, "slow down"."""
        number = 0
        while True:
            await self._wait_until_welcome()
            try:
                return await attempt()
            except (Throttled, NetworkError, ServerError, Busy) as error:
                number += 1
                if number == ATTEMPTS or asks_for_too_long(error, now=self._time.now()):
                    raise
                match error:
                    case Throttled() | ServerError(until=datetime()):
                        self._slow_down(error.until, number=number)
                    case _:
                        await self._time.pause(RETRY_WAIT * 2 ** (number - 1))

    def _slow_down(self, until: datetime | None, *, number: int) -> None:
        """All workers pause: until then, or for a while that grows."""
        now = self._time.now()
        wait = THROTTLE_WAIT * 2 ** (number - 1) * (0.5 + self._time.random())
        self._resume_at = max(self._resume_at, until or now + timedelta(seconds=wait))

    async def _wait_until_welcome(self) -> None:
        while (rest := (self._resume_at - self._time.now()).total_seconds()) > 0:
            if rest > LONGEST_THROTTLE:  # nobody asked for that: the clock was set back
                self._resume_at = self._time.now()
            else:
                await self._time.sleep(rest)


def asks_for_too_long(error: BlinkError | BadMedia, *, now: datetime) -> bool:
    """Whether Blink named a time to come back that a run does not wait for."""
    match error:
        case Throttled(until=datetime() as until) | ServerError(until=datetime() as until):
            return (until - now).total_seconds() > LONGEST_THROTTLE
        case _:
            return False
