"""What a person calls networks and cameras by: a name or an id, to the one that is meant.

Names are the user's: they may be empty, repeat, and hold any character, ``/`` included. So an id always
wins, and what could mean two things is refused with all that it could mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from ..errors import UsageError
from ..model import Camera, Homescreen, Network

T = TypeVar("T", Network, Camera)

_SHOWN = 20
_LONGEST = 60  # characters of a name in a message


def find_networks(home: Homescreen, wishes: Iterable[str]) -> tuple[Network, ...]:
    """The networks that are meant, each once, in the order of ``wishes``: each an id, or a name without
    regard to case.

    Raises UsageError for a wish that none or several match, with the nearest or with all of these.
    """

    def matching(wish: str) -> list[Network]:
        return _matching(home.networks, wish)

    return _each_once(home, wishes, matching, among=home.networks, kind="network")


def find_cameras(home: Homescreen, wishes: Iterable[str]) -> tuple[Camera, ...]:
    """As `find_networks`, for cameras, owls and doorbells alike; also ``NETWORK/CAMERA``, each a name or
    an id."""

    def matching(wish: str) -> list[Camera]:
        found = [*_matching(home.cameras, wish), *_within(home, wish)]
        return [camera for camera in home.cameras if any(camera is each for each in found)]

    return _each_once(home, wishes, matching, among=home.cameras, kind="camera")


def fold(name: str) -> str:
    """A name as names are compared: without regard to case, to spaces around it, and to how an accent is
    written (NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def network_name(home: Homescreen, network_id: int | None) -> str | None:
    """The name of that network; None for one that the homescreen does not list."""
    return next((network.name for network in home.networks if network.id == network_id), None)


def _within(home: Homescreen, wish: str) -> list[Camera]:
    """The cameras that ``wish`` means as NETWORK/CAMERA, at whichever of its slashes."""
    found: list[Camera] = []
    for at in (at for at, letter in enumerate(wish) if letter == "/"):
        networks = {network.id for network in _matching(home.networks, wish[:at])}
        inside = [camera for camera in home.cameras if camera.network_id in networks]
        found += _matching(inside, wish[at + 1 :])
    return found


def _matching(among: Sequence[T], wish: str) -> list[T]:
    """Those with the id ``wish``; else those of that name. An empty wish, as of a variable that is not
    set, means nobody."""
    folded = fold(wish)
    if not folded:
        return []
    by_id = [each for each in among if str(each.id) == folded]
    return by_id or [each for each in among if fold(each.name) == folded]


def _each_once(
    home: Homescreen,
    wishes: Iterable[str],
    matching: Callable[[str], list[T]],
    *,
    among: Sequence[T],
    kind: str,
) -> tuple[T, ...]:
    chosen: list[T] = []
    for wish in wishes:
        match matching(wish):
            case [only]:
                if not any(only is each for each in chosen):
                    chosen.append(only)
            case []:
                raise UsageError(f"No {kind} is called {_short(wish)}. {_nearest(home, among, wish)}")
            case several:
                raise UsageError(
                    f"{_short(wish)} can be {len(several)} {kind}s: {_listing(home, several)}. "
                    "Give the id of the one that you mean."
                )
    return tuple(chosen)


def _nearest(home: Homescreen, among: Sequence[T], wish: str) -> str:
    """Those whose names are like ``wish``; all, where none is."""
    if not among:
        return "This account has none."
    names = [fold(each.name) for each in among]
    spelt = (fold(wish), fold(wish.rpartition("/")[2]))
    close = {name for one in spelt for name in get_close_matches(one, names)}
    near = [each for each in among if fold(each.name) in close]
    return f"{'The nearest' if near else 'There are'}: {_listing(home, near or among)}."


def _listing(home: Homescreen, several: Sequence[T]) -> str:
    """``'Front Door' (4100001, in 'House'), …``"""
    shown = ", ".join(_told(home, each) for each in several[:_SHOWN])
    return shown if len(several) <= _SHOWN else f"{shown} and {len(several) - _SHOWN} more"


def _told(home: Homescreen, each: Network | Camera) -> str:
    name = _short(each.name)
    match each:
        case Camera():
            place = network_name(home, each.network_id)
            return f"{name} ({each.id}, in {'no network' if place is None else _short(place)})"
        case Network():
            return f"{name} ({each.id})"


def _short(name: str) -> str:
    """A name in quotes, harmless to a terminal, and not longer than a line."""
    return repr(name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…")
