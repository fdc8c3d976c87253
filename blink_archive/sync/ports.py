"""What the passes need of the outside, and no more: Blink's feed and bytes, a clock, a progress bar."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from ..model import Command, DescriptionPage, Homescreen, Manifest, MediaPage, SyncModule

T = TypeVar("T")


class Aside:
    """One thread for all that may wait for the disk or the catalog, so that the event loop, and with it
    Ctrl-C, never does. What runs in it, runs one after the other."""

    def __init__(self, name: str, *, threads: int = 1) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__(self, work: Callable[[], T]) -> T:
        """``work()``; a cancellation waits for it, since it cannot be stopped half way."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            await asyncio.wait([future])
            future.exception()  # else asyncio prints it: what ended the run is told without that
            raise
        return future.result()

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown()


class MediaStream(Protocol):
    """The bytes of a clip or thumbnail while they arrive. ``length`` is what the server said, or None."""

    @property
    def length(self) -> int | None: ...
    @property
    def chunks(self) -> AsyncIterator[bytes]: ...


class Media(Protocol):
    """Where bytes come from: the cloud, or the stick of a sync module."""

    def media(self, path: str, *, thumbnail: bool) -> AbstractAsyncContextManager[MediaStream]: ...


class LocalStorage(Media, Protocol):
    """The sticks of the sync modules. Raises `BlinkError`, `SignInError`, and `CommandFailed`."""

    async def manifest(self, module: SyncModule) -> Manifest: ...
    async def delete(self, path: str) -> Command: ...


class Commands(Protocol):
    """The end of a command. Raises `CommandFailed`."""

    async def wait_for(self, command: Command, *, timeout: float) -> Command: ...  # noqa: ASYNC109


class Blink(Media, Protocol):
    """What a sync and a prune ask. Each question raises `BlinkError` or `SignInError`."""

    async def homescreen(self) -> Homescreen: ...
    async def media_changed(self, *, since: datetime, page: int) -> MediaPage: ...
    async def descriptions(self, *, start: datetime, end: datetime, key: str | None) -> DescriptionPage: ...
    async def delete_media(self, ids: Sequence[int]) -> None: ...
    @property
    def local_storage(self) -> LocalStorage: ...
    @property
    def commands(self) -> Commands: ...


class Progress(Protocol):
    """Where a run is; a bar on a terminal, nothing elsewhere."""

    def listed(self, items: int) -> None: ...
    def start(self, clips: int) -> None: ...
    def received(self, count: int) -> None: ...
    def finished(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Time:
    """The clock, and how to wait: arguments, so that tests neither wait nor patch."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def pause(self, seconds: float) -> None:
        """About that long: between half and one and a half of it, so that clients do not march in step."""
        await self.sleep(seconds * (0.5 + self.random()))
