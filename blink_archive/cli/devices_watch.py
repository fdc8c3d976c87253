"""Looking at the home screen again and again: the tables anew on a terminal, elsewhere a line a change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

import click

from ..errors import BlinkError, ServerError, Throttled, UnsafeAddress, UpdateRequired
from ..model import utc_text
from .devices_table import show
from .inventory import Change, Facts, changes, facts, in_words
from .options import Globals
from .output import printable

if TYPE_CHECKING:
    from ..client import Blink
    from ..sync.ports import Time

_JITTER = 0.1  # of the span between two looks, added at random: many clients do not march in step


class Watch:
    """Looks ``every`` so many seconds, or a little later; ``redraw`` shows tables, else changes are told."""

    def __init__(self, given: Globals, *, every: float, fahrenheit: bool, redraw: bool, time: Time) -> None:
        self._given = given
        self._every = every
        self._fahrenheit = fahrenheit
        self._redraw = redraw
        self._time = time
        self._before: Mapping[str, Sequence[Facts]] | None = None
        self._trouble = ""

    async def run(self, blink: Blink) -> NoReturn:
        """Until it is cancelled. Passing trouble is told, once in a row, and outlived; what a person has to
        do something about is raised."""
        while True:
            wait = self._every * (1 + _JITTER * self._time.random())
            try:
                found = facts(await blink.homescreen())
            except BlinkError as error:
                if isinstance(error, UpdateRequired | UnsafeAddress):
                    raise
                wait = max(wait, self._until(error))
                if self._trouble != str(error):
                    self._trouble = str(error)
                    click.echo(f"blink-archive: {error} Watching goes on.", err=True)
            else:
                self._trouble = ""
                self._tell(found)
                self._before = found
            await self._time.sleep(wait)

    def _until(self, error: BlinkError) -> float:
        """Seconds until the time that Blink named to come back at; 0 where it named none."""
        match error:
            case Throttled(until=datetime() as until) | ServerError(until=datetime() as until):
                return (until - self._time.now()).total_seconds()
            case _:
                return 0.0

    def _tell(self, found: Mapping[str, Sequence[Facts]]) -> None:
        at = self._time.now()
        if self._redraw:
            click.clear()
            show(found, fahrenheit=self._fahrenheit, at=at)
            self._given.say(f"\nAs of {at.astimezone():%H:%M:%S}; every {self._every:g} s. Ctrl-C ends it.")
        elif self._before is None:
            counts = f"{len(found['networks'])} networks, {len(found['cameras'])} cameras"
            self._given.say(f"Watching {counts}, every {self._every:g} s. Ctrl-C ends it.")
        else:
            for change in changes(self._before, found):
                click.echo(self._line(change, at))

    def _line(self, change: Change, at: datetime) -> str:
        if self._given.json:
            return json.dumps({"at": utc_text(at), **asdict(change)})
        kind = change.kind.replace("_", " ")
        name = printable(change.name) or "unnamed"
        return f"{at.astimezone():%Y-%m-%d %H:%M} {kind} {name} ({change.id}): {self._in_words(change)}"

    def _in_words(self, change: Change) -> str:
        if change.fact == "listed":
            return "is new" if change.new else "is gone"
        old, new = (
            printable(in_words(change.fact, value, fahrenheit=self._fahrenheit)) or "unknown"
            for value in (change.old, change.new)
        )
        if change.fact == "armed":
            return f"{old} -> {new}"
        return f"{change.fact.removesuffix('_f').replace('_', ' ')} {old} -> {new}"
