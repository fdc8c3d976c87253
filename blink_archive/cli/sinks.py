"""Where the video of a live view goes: stdout, a file, the archive, players on this machine."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..archive.recordings import Recording, store_recording
from ..archive.store import Part, storage_errors
from ..errors import UsageError
from .output import now

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..client.relay import Relay
    from ..model import Camera, LiveView, Network

_PIECE = getattr(select, "PIPE_BUF", 4096)  # bytes that a pipe which can be written to takes at once


class ReaderLeft(Exception):
    """Nobody reads stdout any more."""


class Sink(Protocol):
    """One of the places."""

    async def write(self, chunk: bytes) -> None:
        """Take a chunk; raises `StorageError`, or `ReaderLeft`."""

    def finish(self, view: LiveView) -> dict[str, Any]:
        """Keep what was written, as durably as can be; the facts to tell. Raises `StorageError`."""


class ToStdout:
    """Video for a player behind a pipe, which may take its time: only this waits for it."""

    def __init__(self) -> None:
        self._file = sys.stdout.fileno()

    async def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            await _until_writable(self._file)
            with storage_errors("write to stdout"):
                try:
                    written = os.write(self._file, rest[:_PIECE])
                except BrokenPipeError as error:
                    raise ReaderLeft from error
            rest = rest[written:]

    def finish(self, view: LiveView) -> dict[str, Any]:
        return {}


async def _until_writable(file: int) -> None:
    """Wait until a pipe takes more; what is no pipe never makes one wait for long."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(file, ready.set)
    except (PermissionError, NotImplementedError):  # a plain file; Windows
        return
    try:
        await ready.wait()
    finally:
        loop.remove_writer(file)


@dataclass(frozen=True, slots=True)
class ToFile:
    """A file of the user's, under another name while it is written."""

    path: Path
    part: Part

    async def write(self, chunk: bytes) -> None:
        self.part.write(chunk)

    def finish(self, view: LiveView) -> dict[str, Any]:
        with storage_errors(f"keep {self.path}; what has arrived is in {self.part.path}"):
            os.fsync(self.part.file.fileno())
            self.part.file.close()
            self.part.path.rename(self.path)
        return {"file": str(self.path)}


@contextmanager
def to_file(path: Path) -> Iterator[ToFile]:
    """A new file ``path``; raises UsageError where there is one, `StorageError` where none can be made."""
    beside = path.with_name(f"{path.name}.part")
    for taken in (path, beside):
        if os.path.lexists(taken):
            raise UsageError(f"{taken} is there already, and is not written over. Name another --output.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Make it, or name another --output.")
    with storage_errors(f"create {beside}"):
        part = Part(beside, beside.open("x+b", buffering=0))
    try:
        yield ToFile(path, part)
    finally:
        part.file.close()
        if not part.length:
            part.discard()


@dataclass(slots=True)
class ToArchive:
    """A clip of the archive; its time is when the first chunk came."""

    archive: Archive
    part: Part
    camera: Camera
    network: Network | None
    began: datetime | None = None

    async def write(self, chunk: bytes) -> None:
        if self.began is None:
            self.began = now()
        self.part.write(chunk)

    def finish(self, view: LiveView) -> dict[str, Any]:
        recording = Recording(
            camera=self.camera,
            network_name=self.network.name if self.network else None,
            time_zone=self.network.time_zone if self.network else None,
            started_at=self.began or now(),
            command_id=view.command_id,
        )
        catalog = self.archive.open_catalog(write=True)
        try:
            stored = store_recording(catalog, self.archive.store, self.part, recording, now=now())
        finally:
            catalog.close()
        return {
            "clip": stored.clip,
            "path": stored.path,
            "duration": stored.duration,
            "unproven": stored.unproven,
        }


@dataclass(frozen=True, slots=True)
class ToPlayers:
    """Whoever joins the relay."""

    relay: Relay

    async def write(self, chunk: bytes) -> None:
        self.relay.send(chunk)

    def finish(self, view: LiveView) -> dict[str, Any]:
        return {}
