"""The tables of `devices`: one a network, harmless to a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from .inventory import Facts, in_words
from .output import ago, print_table, printable

_COLUMNS = (
    ("kind", "family"),
    ("status", "status"),
    ("motion", "motion"),
    ("battery", "battery"),
    ("temp", "temperature_f"),
    ("wifi", "wifi"),
    ("lfr", "lfr"),
    ("fw", "firmware"),
    ("usb", "local_storage"),
    ("seen", "seen_at"),
    ("snooze", "snoozed"),
)
_KINDS = {"camera": "camera", "owl": "mini", "doorbell": "doorbell"}


def show(found: Mapping[str, Sequence[Facts]], *, fahrenheit: bool, at: datetime) -> None:
    """A table per network; then what belongs to none."""
    cells = _Cells(found["cameras"], fahrenheit=fahrenheit, at=at)
    networks = [*found["networks"]]
    listed = {network["id"] for network in networks}
    everything = [*found["sync_modules"], *found["cameras"]]
    if any(each["network_id"] not in listed for each in everything):
        networks.append({"id": None, "name": "In no network that Blink lists", "armed": None})
    for number, network in enumerate(networks):
        if number:
            click.echo()
        armed = in_words("armed", network["armed"], fahrenheit=fahrenheit)
        title = named(network, networks)
        click.echo(f"{title}: {armed}" if armed else title)
        inside = [
            [each for each in found[group] if _is_inside(each, network["id"], listed)]
            for group in ("sync_modules", "cameras")
        ]
        for module in inside[0]:
            click.echo(cells.line(module))
        if inside[1]:
            cells.table(inside[1])
        elif not inside[0]:
            click.echo("No devices.")
    if not networks:
        click.echo("This account has no network and no device.")


def _is_inside(thing: Facts, network: int | None, listed: set[int]) -> bool:
    return thing["network_id"] not in listed if network is None else thing["network_id"] == network


def named(thing: Facts, among: Sequence[Facts]) -> str:
    """Its name, with its id where the name alone does not say which it is; harmless to a terminal."""
    alike = Counter(each["name"] for each in among)[thing["name"]]
    if thing["name"].strip() and alike < 2:
        return printable(thing["name"])
    return f"{printable(thing['name'].strip()) or 'unnamed'} ({thing['id']})"


class _Cells:
    """Facts as they are printed: names apart within ``cameras``, times counted from ``at``."""

    def __init__(self, cameras: Sequence[Facts], *, fahrenheit: bool, at: datetime) -> None:
        self._cameras = cameras
        self._fahrenheit = fahrenheit
        self._at = at

    def table(self, cameras: Sequence[Facts]) -> None:
        """The cameras of one network; a column that would be empty is left away."""
        columns = [column for column in _COLUMNS if any(self._cell(each, column[1]) for each in cameras)]
        rows = [
            [named(camera, self._cameras), *(self._cell(camera, fact) for _, fact in columns)]
            for camera in cameras
        ]
        print_table(["camera", *(title for title, _ in columns)], rows)

    def line(self, module: Facts) -> str:
        """A sync module in a line."""
        told = [
            self._cell(module, "status"),
            f"wifi {module['wifi']}" if module["wifi"] is not None else "",
            f"fw {printable(module['firmware'])}" if module["firmware"] else "",
            f"usb {printable(module['local_storage'])}" if module["local_storage"] else "",
            f"seen {self._ago(module['seen_at'])}" if module["seen_at"] else "",
        ]
        kind = f" ({printable(module['type'])})" if module["type"] else ""
        return f"Sync module {named(module, [module])}{kind}: {', '.join(filter(None, told))}"

    def _cell(self, thing: Facts, fact: str) -> str:
        value = thing[fact]
        match fact:
            case "family":
                return _KINDS[value]
            case "seen_at":
                return self._ago(value)
            case "snoozed":
                return _left(thing["snooze_minutes"]) if value else ""
            case _:
                return printable(in_words(fact, value, fahrenheit=self._fahrenheit))

    def _ago(self, time: str | None) -> str:
        words = "" if time is None else ago(time, now=self._at)
        return "just now" if "less than" in words else re.sub(r"minutes?", "min", words)


def _left(minutes: int | None) -> str:
    """``42 min``, ``24 h``: what is left of a snooze."""
    if minutes is None:
        return "on"
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.0f} h"
