"""Schedules of a network ("programs" in Blink's words; protocol.md 4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date

from ..model import Json, Program, ProgramAction
from ..protocol.answers import as_object
from ..protocol.schedules import parse_programs, program_body
from .wire import Wire


class Schedules:
    """Lists and changes them; each change returns what Blink answered."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self, network_id: int) -> tuple[Program, ...]:
        """The schedules of a network."""
        answer = await self._wire.get("programs", what="the schedules", network=network_id)
        return parse_programs(answer.value, network_id=network_id)

    async def enable(self, program: Program) -> Json:
        """Switches a schedule on."""
        return await self._change("program_enable", program)

    async def disable(self, program: Program) -> Json:
        """Switches a schedule off."""
        return await self._change("program_disable", program)

    async def delete(self, program: Program) -> Json:
        """Deletes a schedule."""
        return await self._change("program_delete", program)

    async def update(self, program: Program, *, name: str, actions: Sequence[ProgramAction]) -> Json:
        """Gives a schedule this name and these lines; what else it has stays, and so do the lines that are
        not understood (``program.unread``)."""
        body = program_body(
            network_id=program.network_id, name=name, actions=actions, written=self._today(), before=program
        )
        return await self._change("program_update", program, json=body)

    async def create(self, network_id: int, *, name: str, actions: Sequence[ProgramAction]) -> Json:
        """Makes a new schedule in a network."""
        body = program_body(network_id=network_id, name=name, actions=actions, written=self._today())
        answer = await self._wire.post("program_create", what="a new schedule", json=body, network=network_id)
        return as_object(answer.value, what="a new schedule")

    def _today(self) -> date:
        return self._wire.now().astimezone(UTC).date()

    async def _change(self, name: str, program: Program, *, json: object = None) -> Json:
        what = f"schedule {program.id}"
        answer = await self._wire.post(
            name, what=what, json=json, network=program.network_id, program=program.id
        )
        return as_object(answer.value, what=what)
