"""Live views: the record of each, its address, and which one a connection id stands for."""

from collections.abc import Mapping
from dataclasses import dataclass

from blink_archive.simulator.records import Camera

IMMIS_CLIENT = 208
"""The `client_id` of every address."""

DURATION = 300
"""Seconds that a live view lasts at most."""


@dataclass(slots=True, kw_only=True)
class LiveView:
    """One live view; times are Unix seconds by the cloud's clock."""

    camera: Camera
    connection: str
    """The id of its connection, at most 16 letters and digits."""
    started: float
    ended: float | None = None
    """When its command was done."""
    extensions: int = 0
    """How often it was asked to go on."""


def immis_url(address: str, view: LiveView) -> str:
    """What `server` of the answer says; `address` is host and port."""
    return f"immis://{address}/{view.connection}__IMDS_{view.camera.serial}?client_id={IMMIS_CLIENT}"


def find_connection(views: Mapping[int, LiveView], connection: str) -> int | None:
    """The command of the live view that has that connection id and goes on; None where there is none."""
    for command_id, view in views.items():
        if view.connection == connection and view.ended is None:
            return command_id
    return None
