"""Local storage: the clips on a Sync Module 2's stick (protocol.md 7).

One request at a time for each module, and few: it is slow, easily busy, and serves one at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ..errors import Busy, CommandFailed, NotFound, ServerError, UnsafeAddress, UsageError
from ..model import Command, Manifest, StorageStatus, SyncModule
from ..protocol.endpoints import ENDPOINTS
from ..protocol.local_storage import is_ready, parse_manifest, parse_status
from .commands import Commands
from .pacing import when_there
from .streaming import MediaStream, media_stream
from .transport import Answer
from .wire import Wire

UPLOAD_TIMEOUT = 180.0
"""Seconds that a module may take to upload one clip, or to make a manifest."""

_LIST = "the list of clips on the stick"
_CLIP = "a clip on the stick"


class LocalStorage:
    """What can be asked of the stick of a sync module.

    All raise UsageError for a module that the homescreen puts into no network.
    """

    def __init__(self, wire: Wire, commands: Commands) -> None:
        self._wire = wire
        self._commands = commands

    async def status(self, module: SyncModule) -> StorageStatus:
        """How the stick is."""
        answer = await self._wire.get(
            "local_storage_status", what="the state of the local storage", **self._ids(module)
        )
        return parse_status(answer.value)

    async def manifest(self, module: SyncModule) -> Manifest:
        """What is on the stick, asked for anew.

        Raises Busy where the manifest is not ready in time, CommandFailed where the module failed to make
        it.
        """
        ids = self._ids(module)
        command = await self._commands.start("local_storage_manifest_request", what=_LIST, **ids)
        await self._commands.wait_for(command, timeout=UPLOAD_TIMEOUT)

        async def ready() -> Answer:
            answer = await self._wire.get("local_storage_manifest", what=_LIST, request=command.id, **ids)
            if not is_ready(answer.value):
                raise Busy(f"The sync module has not finished {_LIST} yet. Try again in a minute.")
            return answer

        answer = await when_there(ready, pacing=self._wire.pacing)
        return parse_manifest(
            answer.value, account_id=ids["account"], network_id=ids["network"], module_id=ids["module"]
        )

    @asynccontextmanager
    async def media(self, path: str, *, thumbnail: bool = False) -> AsyncIterator[MediaStream]:
        """The bytes of the clip at ``path`` (`StoredClip.path`): has the module upload it, and waits.

        Raises as `Blink.media`, and ServerError where the module fails to upload it. There are no
        thumbnails: NotFound for one.
        """
        if thumbnail:
            raise NotFound("A clip on a stick has no thumbnail.")
        command = await self._start("local_storage_clip_request", path)
        try:
            await self._commands.wait_for(command, timeout=UPLOAD_TIMEOUT)
        except CommandFailed as error:
            raise ServerError(f"The sync module did not upload {_CLIP}: {error}") from error
        async with AsyncExitStack() as stack:

            async def opened() -> MediaStream:
                return await stack.enter_async_context(media_stream(self._wire, path, what=_CLIP))

            yield await when_there(opened, pacing=self._wire.pacing)

    async def delete(self, path: str) -> Command:
        """Has the module delete the clip at ``path`` (`StoredClip.path`) from its stick; the command runs on,
        see `Commands.wait_for`."""
        return await self._start("local_storage_clip_delete", path)

    async def _start(self, name: str, path: str) -> Command:
        """Starts a command about the clip at ``path``."""
        ids: dict[str, Any] | None = ENDPOINTS["local_storage_clip"].ids_in(path)
        if ids is None:
            raise UnsafeAddress("This is no path of a clip on a stick; nothing was sent.")
        return await self._commands.start(name, what=_CLIP, **(ids | {"network": int(ids["network"])}))

    def _ids(self, module: SyncModule) -> dict[str, Any]:
        if module.network_id is None:
            raise UsageError(f"Blink does not say in which network sync module {module.id} is.")
        return {
            "account": self._wire.tokens.session.account_id,
            "network": module.network_id,
            "module": module.id,
        }
