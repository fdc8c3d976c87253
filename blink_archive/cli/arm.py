"""``arm`` and ``disarm``: whether a network records what moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .actions import Action, F, Patience, called, perform, wait_options
from .options import Globals, command

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Command, Homescreen, Network


def _of_networks(function: F) -> F:
    """What both commands take."""
    networks = click.argument("networks", nargs=-1, metavar="[NETWORK]...")
    every = click.option(
        "--all", "every", is_flag=True, allow_from_autoenv=False, help="All networks of the account."
    )
    return networks(every(wait_options(function)))


@command("arm")
@_of_networks
def arm_command(
    given: Globals, *, networks: tuple[str, ...], every: bool, no_wait: bool, timeout: int
) -> None:
    """Arm networks: their cameras record what moves, where motion detection is on.

    NETWORK is a name, without regard to case, or an id; it can be left away where there is only one.
    """
    _switch(given, networks, every=every, arm=True, patience=Patience.of(no_wait=no_wait, timeout=timeout))


@command("disarm")
@_of_networks
def disarm_command(
    given: Globals, *, networks: tuple[str, ...], every: bool, no_wait: bool, timeout: int
) -> None:
    """Disarm networks: their cameras record nothing by themselves.

    NETWORK is a name, without regard to case, or an id; it can be left away where there is only one.
    """
    _switch(given, networks, every=every, arm=False, patience=Patience.of(no_wait=no_wait, timeout=timeout))


def _switch(given: Globals, wishes: Sequence[str], *, every: bool, arm: bool, patience: Patience) -> None:
    async def start(blink: Blink, network: Network) -> Command:
        return await (blink.arm(network.id) if arm else blink.disarm(network.id))

    word = "armed" if arm else "disarmed"
    action: Action[Network] = Action(
        kind=word,
        words=word,
        start=start,
        detail=lambda network: {"old": network.armed, "new": arm},
    )
    if every and wishes:
        raise UsageError("--all means all networks. Leave it away, or the names.")
    perform(given, lambda home: _chosen(home, wishes, every=every), action, patience)


def _chosen(home: Homescreen, wishes: Sequence[str], *, every: bool) -> Sequence[Network]:
    """The networks that are meant; UsageError where nothing says which."""
    from ..client.names import find_networks

    if not home.networks:
        raise UsageError("This account has no network.")
    if wishes:
        return find_networks(home, wishes)
    if every or len(home.networks) == 1:
        return home.networks
    known = ", ".join(called(home, network) for network in home.networks)
    raise UsageError(f"Name the network, or say --all. There are: {known}.")
