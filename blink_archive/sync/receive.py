"""Receive: one object of Blink's into a part, politely, and proven as far as bytes can be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ..archive.container import walk_jpeg, walk_mp4
from ..archive.store import Part, Store, storage_errors
from ..errors import BadMedia, Busy, NetworkError, ServerError, Throttled
from .ports import Blink, Progress, Time

T = TypeVar("T")

ATTEMPTS = 3  # for one object in one run
RETRY_WAIT = 2.0  # seconds before the second attempt; doubles
THROTTLES_IN_A_ROW = 5
THROTTLE_WAIT = 15.0  # seconds, where Blink names no time; doubles
LONGEST_THROTTLE = timedelta(minutes=5)  # a longer one ends the run
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
        self, blink: Blink, store: Store, *, max_rate: float | None, time: Time, progress: Progress
    ) -> None:
        self._blink = blink
        self._store = store
        self._max_rate = max_rate  # bytes a second
        self._time = time
        self._progress = progress
        self._rate_free_at = 0.0
        self._throttles = 0
        self._resume_at: datetime | None = None
        self.bytes = 0

    async def clip(self, path: str, parts: ExitStack) -> Received:
        """The clip's bytes; downloaded twice, if the first arrival could not be proven whole.

        Parts are discarded when ``parts`` is left. Raises `BlinkError`, `SignInError`, `BadMedia`,
        `StorageError`.
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
        part = self._store.open_part()
        parts.callback(part.discard)
        async with self._blink.media(path, thumbnail=False) as stream:
            length = stream.length
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
        async with self._blink.media(path, thumbnail=True) as stream:
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
                result = await attempt()
            except Throttled as error:
                self._slow_down(error, number=self._throttles)
            except (NetworkError, ServerError, Busy) as error:
                number += 1
                if number == ATTEMPTS:
                    raise
                if isinstance(error, ServerError) and error.until is not None:
                    self._slow_down(error, number=number)
                else:
                    await self._time.pause(RETRY_WAIT * 2 ** (number - 1))
            else:
                self._throttles = 0
                return result

    def _slow_down(self, error: Throttled | ServerError, *, number: int) -> None:
        """All workers pause; an error that asks for too much, or comes too often, is raised again."""
        now = self._time.now()
        if self._resume_at is not None and now < self._resume_at:
            return  # another worker was told the same a moment ago
        self._throttles += 1
        wait = THROTTLE_WAIT * 2**number
        until = error.until or now + timedelta(seconds=wait * (0.5 + self._time.random()))
        if until - now > LONGEST_THROTTLE or self._throttles > THROTTLES_IN_A_ROW:
            raise error
        self._resume_at = until

    async def _wait_until_welcome(self) -> None:
        while self._resume_at is not None and (rest := self._resume_at - self._time.now()) > timedelta(0):
            await self._time.sleep(rest.total_seconds())
