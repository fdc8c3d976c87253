"""Commands: what a sync module is told to do, and how it ends (protocol.md 4)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import CommandFailed
from ..model import Command
from ..protocol.endpoints import CODE_COMMAND_SUCCEEDED
from ..protocol.system import parse_command
from .wire import Wire


class Commands:
    """Starts commands and looks at them; only one at a time runs on a sync module."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def start(self, name: str, *, what: str, network: int, json: object = None, **ids: Any) -> Command:
        """The command that the endpoint ``name`` starts; it runs on, see `wait_for`.

        Raises Busy where the system stays busy, for about half a minute.
        """
        answer = await self._wire.post(name, what=what, json=json, network=network, **ids)
        return parse_command(answer.value, network_id=network)

    async def status(self, network_id: int, command_id: int) -> Command:
        """How a command stands."""
        answer = await self._wire.get(
            "command", what=f"command {command_id}", network=network_id, command=command_id
        )
        return parse_command(answer.value, network_id=network_id, command_id=command_id)

    async def wait_for(
        self,
        command: Command,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - how long Blink may take, not a cancellation
    ) -> Command:
        """``command`` at its end, looked at once a second for at most ``timeout`` seconds.

        Raises CommandFailed, with Blink's words, for any end but success (908) and for none in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not command.complete and command.status_code in (None, CODE_COMMAND_SUCCEEDED):
            if loop.time() >= deadline:
                raise CommandFailed(
                    f"Command {command.id} did not end within {timeout:g} seconds. "
                    "Look in the Blink app whether it took effect."
                )
            await asyncio.sleep(self._wire.pacing.poll)
            command = await self.status(command.network_id, command.id)
        if command.status_code != CODE_COMMAND_SUCCEEDED:
            raise CommandFailed(
                f"Blink reports that command {command.id} failed: "
                f"{command.status_msg or 'without saying why'} (code {command.status_code}). Try again."
            )
        return command

    async def done(self, network_id: int, command_id: int) -> None:
        """Ends a live view."""
        await self._wire.post(
            "command_done", what=f"command {command_id}", network=network_id, command=command_id
        )

    async def extend(self, network_id: int, command_id: int) -> None:
        """Asks for a live view to go on, as the app does every ``continue_interval`` seconds."""
        await self._wire.post(
            "command_update", what=f"command {command_id}", network=network_id, command=command_id
        )
