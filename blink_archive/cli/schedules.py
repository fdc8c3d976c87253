"""``schedules``: when Blink arms and disarms a network by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import click

from ..archive.layout import local_time
from ..errors import NotFound, UsageError
from ..protocol.schedules import Line, line_of
from .events import record_event
from .groups import group
from .options import Globals, command
from .output import now, print_json, print_table, printable
from .schedule_text import clock, days_in_words, line_facts

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Network, Program

_VARIABLES = "BLINK_ARCHIVE_SCHEDULES"


@group(
    "schedules",
    {
        "create": ("schedule_edit", "Make a new schedule."),
        "delete": ("schedules", "Delete schedules at Blink."),
        "disable": ("schedules", "Switch schedules off."),
        "edit": ("schedule_edit", "Change a schedule in your editor."),
        "enable": ("schedules", "Switch schedules on."),
        "list": ("schedules", "List schedules (also without a word)."),
    },
    default="list",
)
def schedules_command() -> None:
    """When Blink arms and disarms a network by itself.

    Times are shown and written in the network's zone. Blink keeps them in UTC: when the clocks change, a
    schedule runs an hour earlier or later by the clock on the wall, until it is edited again.
    """


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone of a network: its name, and by how much it is ahead of UTC now. That of UTC where Blink names
    none, or one that there is not."""

    name: str
    ahead: timedelta

    @classmethod
    def of(cls, network: Network) -> Zone:
        here, name = local_time(now(), network.time_zone)
        return cls(name, here.utcoffset() or timedelta(0))

    def lines(self, program: Program) -> list[Line]:
        """The lines of a schedule in local time."""
        return [line_of(action).shifted(self.ahead) for action in program.actions]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule and the network that it is of."""

    network: Network
    program: Program
    zone: Zone

    def __str__(self) -> str:
        """``Weekdays (123001, in House)``, harmless to a terminal."""
        name = printable(self.program.name) or "A schedule without a name"
        return f"{name} ({self.program.id}, in {printable(self.network.name)})"

    def facts(self) -> dict[str, Any]:
        """The schedule as JSON: ``lines`` in local time, ``raw`` as Blink has it."""
        return {
            "id": self.program.id,
            "name": self.program.name,
            "enabled": self.program.enabled,
            "network_id": self.network.id,
            "network": self.network.name,
            "time_zone": self.zone.name,
            "lines": [line_facts(line) for line in self.zone.lines(self.program)],
            "raw": self.program.raw,
        }


def network_option(function: Any) -> Any:
    """``--network``, where schedules are named."""
    return click.option("--network", metavar="NAME", help="Look in this network only.")(function)


async def programs_of(blink: Blink, network: Network) -> tuple[Program, ...]:
    """The schedules of a network; none where Blink knows of none."""
    try:
        return await blink.schedules.list(network.id)
    except NotFound:
        return ()


def schedules_of(given: Globals, *, network: str | None) -> list[Schedule]:
    """The schedules of the network of that name or id, or of all."""
    from ..client.names import find_networks

    async def ask() -> list[Schedule]:
        async with given.blink() as blink:
            home = await blink.homescreen()
            networks = home.networks if network is None else find_networks(home, [network])
            return [
                Schedule(each, program, Zone.of(each))
                for each in networks
                for program in await programs_of(blink, each)
            ]

    return asyncio.run(ask())


def choose(schedules: Sequence[Schedule], wish: str) -> Schedule:
    """The schedule with the id ``wish``, else of that name without regard to case; UsageError for none or
    several."""
    from ..client.names import fold

    by_id = [each for each in schedules if str(each.program.id) == wish.strip()]
    match by_id or [each for each in schedules if fold(each.program.name) == fold(wish)]:
        case [only]:
            return only
        case []:
            names = {fold(each.program.name): each for each in schedules}
            near = [names[name] for name in get_close_matches(fold(wish), names)] or schedules
            told = ", ".join(map(str, near[:10])) or "no schedule at all"
            raise UsageError(f"No schedule is called {wish[:60]!r}. There is {told}.")
        case several:
            told = ", ".join(map(str, several))
            raise UsageError(f"{wish[:60]!r} can be {told}. Give the id of the one that you mean.")


@command("list", variables=_VARIABLES)
@network_option
def list_command(given: Globals, *, network: str | None) -> None:
    """List schedules, with the days and times of the network's zone."""

    found = schedules_of(given, network=network)
    if given.json:
        print_json([schedule.facts() for schedule in found])
        return
    if not found:
        given.say("There are no schedules. `blink-archive schedules create NETWORK` makes one.")
        return
    rows = [row for schedule in found for row in _rows(schedule)]
    print_table(("id", "schedule", "network", "state", "days", "time", "action", "zone"), rows)


def _rows(schedule: Schedule) -> list[tuple[Any, ...]]:
    """A row for each line."""
    program, zone = schedule.program, schedule.zone
    head = (str(program.id), program.name, schedule.network.name, "on" if program.enabled else "off")
    rows = [
        (*head, days_in_words(line.days), clock(line.at), line.action, zone.name)
        for line in zone.lines(program)
    ]
    if program.unread:
        rows.append((*head, "?", "?", f"{len(program.unread)} more (--json)", zone.name))
    return rows or [(*head, "never", "", "", zone.name)]


@command("enable", variables=_VARIABLES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@network_option
def enable_command(given: Globals, *, names: tuple[str, ...], network: str | None) -> None:
    """Switch schedules on, each by its name or id."""
    chosen = _chosen(given, names, network=network)
    off = [schedule for schedule in chosen if not schedule.program.enabled]
    _carry_out(given, chosen, off, "enable", kind="schedule_enabled", done="is on", idle="was on already")


@command("disable", variables=_VARIABLES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@network_option
def disable_command(given: Globals, *, names: tuple[str, ...], network: str | None) -> None:
    """Switch schedules off, each by its name or id; they are kept."""
    chosen = _chosen(given, names, network=network)
    on = [schedule for schedule in chosen if schedule.program.enabled]
    _carry_out(given, chosen, on, "disable", kind="schedule_disabled", done="is off", idle="was off already")


@command("delete", variables=_VARIABLES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@network_option
@click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask.")
def delete_command(given: Globals, *, names: tuple[str, ...], network: str | None, yes: bool) -> None:
    """Delete schedules at Blink, each by its name or id. It asks first; without a terminal it needs --yes."""
    if not yes and not given.can_ask():
        raise UsageError("Deleting a schedule cannot be undone. Say --yes, as there is nobody to ask.")
    chosen = _chosen(given, names, network=network)
    unwanted = [each for each in chosen if yes or click.confirm(f"Delete {each}?", err=True)]
    _carry_out(given, chosen, unwanted, "delete", kind="schedule_deleted", done="is deleted", idle="is kept")


def _chosen(given: Globals, names: Sequence[str], *, network: str | None) -> list[Schedule]:
    """The schedules of these names, each once; nothing is done unless all are right."""
    found = schedules_of(given, network=network)
    chosen: list[Schedule] = []
    for schedule in (choose(found, name) for name in names):
        if not any(schedule is each for each in chosen):
            chosen.append(schedule)
    return chosen


def _carry_out(
    given: Globals,
    chosen: Sequence[Schedule],
    wanted: Sequence[Schedule],
    verb: Literal["enable", "disable", "delete"],
    *,
    kind: str,
    done: str,
    idle: str,
) -> None:
    """``verb`` on each that is ``wanted``, with an event of that ``kind``; what became of all that were
    ``chosen`` is told in the words ``done`` or ``idle``."""

    async def act() -> None:
        async with given.blink() as blink:
            for schedule in chosen:
                if schedule in wanted:
                    await getattr(blink.schedules, verb)(schedule.program)
                    record_event(given, kind, _detail(schedule), account_id=blink.account_id)
                if not given.json:
                    click.echo(f"{schedule} {done if schedule in wanted else idle}.")

    asyncio.run(act())
    if given.json:
        print_json(
            [{"id": each.program.id, "name": each.program.name, "changed": each in wanted} for each in chosen]
        )


def _detail(schedule: Schedule) -> dict[str, Any]:
    """What an event says of a schedule: all, so that one that was deleted can be made again."""
    return {"schedule_id": schedule.program.id, "name": schedule.program.name, "raw": schedule.program.raw}
