"""Doing one thing to several networks or cameras, and telling what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import click
from click.core import ParameterSource

from ..errors import BlinkArchiveError, SignInError, UsageError
from ..model import Camera, Command, Homescreen, Network
from .events import record_event
from .options import Globals
from .output import print_json, printable

if TYPE_CHECKING:
    from ..client import Blink

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", Network, Camera)

_STARTED = "told to, and not waited for"


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many ``seconds`` the end of a command is awaited; None: not at all."""

    seconds: float | None

    @classmethod
    def of(cls, *, no_wait: bool, timeout: int) -> Patience:
        """What `wait_options` took; UsageError for both at once."""
        if no_wait and typed("timeout"):
            raise UsageError("--no-wait waits for nothing, and --timeout would be ignored. Give one of them.")
        return cls(None if no_wait else timeout)


def wait_options(function: F) -> F:
    """``--no-wait`` and ``--timeout``: the command gets the arguments of `Patience.of`."""
    no_wait = click.option("--no-wait", is_flag=True, help="Do not wait until the sync module has done it.")
    return no_wait(timeout_option(function))


def timeout_option(function: F) -> F:
    """``--timeout``, in seconds."""
    return click.option(
        "--timeout",
        type=click.IntRange(min=1),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="Wait so long for the sync module to do it.",
    )(function)


def typed(option: str) -> bool:
    """Whether that option of the running command was typed, and does not come from the environment."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


@dataclass(frozen=True, slots=True)
class Action(Generic[T]):
    """What is done: ``start`` tells Blink and returns the command to wait for, None where it is done at
    once. ``kind`` and ``detail`` are the event's, ``words`` say how it is then."""

    kind: str
    words: str
    start: Callable[[Blink, T], Awaitable[Command | None]]
    detail: Callable[[T], dict[str, Any]] = lambda _: {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target. ``words`` are Blink's own, or an error's, where it ``failed``."""

    name: str
    facts: dict[str, Any]
    result: Literal["done", "started", "failed"]
    words: str
    exit_code: int = 0

    def tell(self, given: Globals) -> None:
        """In a line: on stdout, where JSON is not wanted there, or on stderr."""
        if self.result == "failed":
            click.echo(f"blink-archive: {self.name}: {self.words}", err=True)
        elif not given.json and not given.quiet:
            click.echo(f"{self.name}: {self.words}")

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return self.facts | {"result": self.result, "words": self.words}


def perform(
    given: Globals, choose: Callable[[Homescreen], Sequence[T]], action: Action[T], patience: Patience
) -> None:
    """Do ``action`` to what ``choose`` finds on the homescreen, which is asked once, and tell what became of
    each; the exit code is then that of the worst."""
    from ..sync.run import exit_code

    async def run() -> list[Outcome]:
        async with given.blink() as blink:
            home = await blink.homescreen()
            return await carry_out(given, blink, home, choose(home), action, patience)

    outcomes = asyncio.run(run())
    if given.json:
        print_json([outcome.as_json() for outcome in outcomes])
    raise click.exceptions.Exit(exit_code({outcome.exit_code for outcome in outcomes}))


async def carry_out(
    given: Globals,
    blink: Blink,
    home: Homescreen,
    targets: Sequence[T],
    action: Action[T],
    patience: Patience,
) -> list[Outcome]:
    """What became of each target, told as soon as it is known. A sync module runs one command at a time,
    so those of a network come one after the other; what fails keeps no other from being tried, but for a
    sign-in that Blink has ended."""
    ended: list[SignInError] = []

    async def outcome_of(target: T) -> Outcome:
        name, facts = called(home, target), _facts(home, target)
        try:
            if ended:
                raise ended[0]
            result = await act(given, blink, home, target, action, patience)
            words = action.words if result == "done" else _STARTED
            outcome = Outcome(name, facts, result, words)
        except BlinkArchiveError as error:
            if isinstance(error, SignInError):
                ended.append(error)
            outcome = Outcome(name, facts, "failed", str(error), error.exit_code)
        outcome.tell(given)
        return outcome

    async def in_turn(numbers: Sequence[int]) -> dict[int, Outcome]:
        return {number: await outcome_of(targets[number]) for number in numbers}

    by_network: dict[int | None, list[int]] = {}
    for number, target in enumerate(targets):
        by_network.setdefault(_network_id(target), []).append(number)
    found: dict[int, Outcome] = {}
    for part in await asyncio.gather(*map(in_turn, by_network.values())):
        found |= part
    return [found[number] for number in range(len(targets))]


async def act(
    given: Globals, blink: Blink, home: Homescreen, target: T, action: Action[T], patience: Patience
) -> Literal["done", "started"]:
    """Do it to one target, to its end, and record the event. Raises what `Commands.wait_for` and the verb
    do; then there is no event."""
    command = await action.start(blink, target)
    if command is not None and patience.seconds is not None:
        await blink.commands.wait_for(command, timeout=patience.seconds)
    result: Literal["done", "started"] = "started" if command and patience.seconds is None else "done"
    detail = event_facts(home, target) | action.detail(target) | {"result": result}
    await asyncio.to_thread(record_event, given, action.kind, detail, account_id=blink.account_id)
    return result


def called(home: Homescreen, target: Network | Camera) -> str:
    """``Front Door (4100001, in House)``, harmless to a terminal."""
    from ..client.names import network_name

    name = printable(target.name) or "unnamed"
    match target:
        case Network():
            return f"{name} ({target.id})"
        case Camera():
            place = network_name(home, target.network_id)
            return (
                f"{name} ({target.id}, in {'no network' if place is None else printable(place) or 'unnamed'})"
            )


def event_facts(home: Homescreen, target: Network | Camera) -> dict[str, Any]:
    """What an event says of its target: names and ids."""
    from ..client.names import network_name

    match target:
        case Network():
            return {"network_id": target.id, "network": target.name}
        case Camera():
            place = network_name(home, target.network_id)
            return {
                "camera_id": target.id,
                "camera": target.name,
                "network_id": target.network_id,
                "network": place,
            }


def _facts(home: Homescreen, target: Network | Camera) -> dict[str, Any]:
    """What --json says of a target."""
    facts: dict[str, Any] = {"id": target.id, "name": target.name}
    if isinstance(target, Camera):
        place = event_facts(home, target)
        facts |= {"family": target.family, "network_id": place["network_id"], "network": place["network"]}
    return facts


def _network_id(target: Network | Camera) -> int | None:
    return target.id if isinstance(target, Network) else target.network_id
