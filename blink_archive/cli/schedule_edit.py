"""``schedules edit`` and ``schedules create``: a schedule as text, from an editor or a file."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BlinkArchiveError, UsageError
from ..protocol.schedules import Line, carried_over
from .events import record_event
from .options import Globals, NamedPath, command
from .output import print_json, printable
from .schedule_text import in_words, line_facts, read, written
from .schedules import Schedule, Zone, choose, network_option, programs_of, schedules_of

if TYPE_CHECKING:
    from ..model import Network

_VARIABLES = "BLINK_ARCHIVE_SCHEDULES"
_FILE = click.option(
    "--file", type=NamedPath(), metavar="FILE", help="Take the text from FILE (-: stdin), without an editor."
)

Text = tuple[str, tuple[Line, ...]]
"""The name, and the lines in local time, that a text says."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit makes of a schedule."""

    before: Text
    after: Text

    def __bool__(self) -> bool:
        """Whether it changes anything; the order of the lines means nothing."""
        return self.before[0] != self.after[0] or bool(self.removed or self.added)

    @property
    def removed(self) -> list[Line]:
        return list((Counter(self.before[1]) - Counter(self.after[1])).elements())

    @property
    def added(self) -> list[Line]:
        return list((Counter(self.after[1]) - Counter(self.before[1])).elements())

    def show(self) -> None:
        """Line by line, with - and +."""
        if self.before[0] != self.after[0]:
            click.echo(f"- {printable(self.before[0])}\n+ {printable(self.after[0])}")
        for sign, lines in (("-", self.removed), ("+", self.added)):
            for line in lines:
                click.echo(f"{sign} {in_words(line)}")

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "name": self.after[0],
            "removed": [line_facts(line) for line in self.removed],
            "added": [line_facts(line) for line in self.added],
        }


@command("edit", variables=_VARIABLES)
@click.argument("name", metavar="NAME")
@network_option
@_FILE
def edit_command(given: Globals, *, name: str, network: str | None, file: Path | None) -> None:
    """Change a schedule, named by its name or id, in $VISUAL or $EDITOR.

    The editor gets the schedule as TOML, with the times of the network's zone as they are today. What you
    change is shown and sent; what cannot be understood is told with its line, and the text is kept in a
    file until Blink has it. Lines that you leave alone are sent as Blink had them.

    Blink keeps times in UTC. A time is turned into UTC by the zone's offset of today and stays there when
    the clocks change: edit the schedule again then, if it is to run at the same time on the wall.
    """
    schedule = choose(schedules_of(given, network=network), name)
    program, zone = schedule.program, schedule.zone
    before = (program.name, tuple(zone.lines(program)))
    about = f"The schedule {schedule}"
    if program.unread:
        about += f"; {len(program.unread)} more lines of it are not understood here, and stay"
    with _wanted(given, written(*before, about=about, zone=_told(zone)), file=file) as after:
        change = Change(before, before if after is None else after)
        if change:
            if not given.json:
                change.show()
            asyncio.run(_update(given, schedule, change))
    if given.json:
        print_json({"id": program.id, "changed": bool(change), **change.facts()})
    elif change:
        click.echo(f"{schedule} is changed.")
    else:
        given.say("Nothing is changed, and nothing was sent.")


@command("create", variables=_VARIABLES)
@click.argument("network", metavar="NETWORK")
@_FILE
def create_command(given: Globals, *, network: str, file: Path | None) -> None:
    """Make a new schedule of a network, in $VISUAL or $EDITOR, as `schedules edit` does."""
    place = asyncio.run(_network(given, network))
    zone = Zone.of(place)
    about = f"A new schedule of {printable(place.name)}; give it a name and at least one [[line]]"
    with _wanted(given, written("", (), about=about, zone=_told(zone)), file=file) as text:
        made = [] if text is None else asyncio.run(_create(given, place, text))
    if given.json:
        print_json([schedule.facts() for schedule in made])
    elif text is None:
        given.say("Nothing is changed, and nothing was sent.")
    elif not made:
        given.say("Blink took the schedule, but does not list it yet.")
    for schedule in () if given.json else made:
        state = "on" if schedule.program.enabled else "off; `blink-archive schedules enable` switches it on"
        click.echo(f"{schedule} is made, and {state}.")


async def _network(given: Globals, wish: str) -> Network:
    """The network of that name or id."""
    from ..client.names import find_networks

    async with given.blink() as blink:
        (only,) = find_networks(await blink.homescreen(), [wish])
        return only


async def _update(given: Globals, schedule: Schedule, change: Change) -> None:
    """Sends a schedule as it is after ``change``, unless it was changed elsewhere while that was made."""
    program = schedule.program
    name, lines = change.after
    async with given.blink() as blink:
        current = {each.id: each for each in await blink.schedules.list(program.network_id)}
        now = current.get(program.id)
        if now is None or (now.name, now.actions) != (program.name, program.actions):
            raise BlinkArchiveError(
                f"{schedule} was changed elsewhere in the meantime. Nothing was sent; edit it again."
            )
        actions = carried_over(now.actions, lines, ahead=schedule.zone.ahead)
        await blink.schedules.update(now, name=name, actions=actions)
        detail = {"schedule_id": program.id, "network_id": program.network_id, **change.facts()}
        record_event(given, "schedule_changed", detail, account_id=blink.account_id)


async def _create(given: Globals, network: Network, text: Text) -> list[Schedule]:
    """Makes a schedule; what Blink lists then that it did not list before."""
    name, lines = text
    zone = Zone.of(network)
    actions = carried_over((), lines, ahead=zone.ahead)
    async with given.blink() as blink:
        before = {each.id for each in await programs_of(blink, network)}
        await blink.schedules.create(network.id, name=name, actions=actions)
        detail = {"network_id": network.id, "name": name, "lines": [line_facts(line) for line in lines]}
        record_event(given, "schedule_created", detail, account_id=blink.account_id)
        after = await programs_of(blink, network)
    return [Schedule(network, program, zone) for program in after if program.id not in before]


@contextmanager
def _wanted(given: Globals, text: str, *, file: Path | None) -> Iterator[Text | None]:
    """What a person makes of ``text`` in an editor, or has in ``file``; None where it was left as it was.

    The editor's text is kept, and the file's name told, if anything goes wrong until the end of the block.
    """
    if file is not None:
        yield read(_content(file))
        return
    asked_for = any(os.environ.get(name) for name in ("VISUAL", "EDITOR"))
    if given.no_input or not (given.can_ask() or asked_for):
        raise UsageError("There is no terminal to edit on. Give the text with --file.")
    handle, name = tempfile.mkstemp(prefix="blink-archive-schedule-", suffix=".toml")
    os.close(handle)
    path = Path(name)
    path.write_text(text, encoding="utf-8", newline="\n")
    try:
        yield _edited(given, path, text)
    except BaseException:
        click.echo(f"Your text is kept in {path}; --file takes it.", err=True)
        raise
    path.unlink()


def _edited(given: Globals, path: Path, text: str) -> Text | None:
    """What the file at ``path`` says after an editor, which is opened again if a person wants that; None
    where it still says ``text``."""
    while True:
        try:
            click.edit(filename=str(path))
        except click.ClickException as error:
            raise UsageError(
                f"{printable(error.message)}. Nothing was sent; name another editor in $VISUAL or $EDITOR, "
                "or give the text with --file."
            ) from error
        content = _content(path)
        if content == text:
            return None
        try:
            return read(content)
        except UsageError as error:
            if not given.can_ask():
                raise
            click.echo(str(error), err=True)
            if not click.confirm("Edit it again?", default=True, err=True):
                raise


def _content(path: Path) -> str:
    """The text of a file; UsageError where it cannot be read."""
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Check its name.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text. Save it as UTF-8.") from error


def _told(zone: Zone) -> str:
    """``America/Toronto, now UTC-05:00``."""
    minutes = int(zone.ahead.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{zone.name}, now UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
