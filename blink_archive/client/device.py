"""This installation as Blink knows it: its id, and whose classic login it was verified for."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from .state import StateDir, damaged

DEVICE = "device.json"


def hardware_id(state: StateDir, *, new_uuid: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """The UUID (upper case) that this installation is known by at Blink: made once, kept for ever.

    Raises StateError where the file is damaged.
    """
    stored = state.read(DEVICE)
    if stored is None:
        made = str(new_uuid()).upper()
        state.write(DEVICE, {"hardware_id": made})
        return made
    try:
        return str(uuid.UUID(stored["hardware_id"])).upper()
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise damaged(state.path / DEVICE) from error


def is_verified(state: StateDir, email: str) -> bool:
    """Whether Blink took a PIN from this very device for the account of ``email`` (protocol.md 2.2).

    It outlives a logout, as the device's id does, and ends with it.
    """
    return _name(email) in _verified(state)


async def set_verified(state: StateDir, email: str, *, verified: bool) -> None:
    """Remembers, or forgets, that this device is verified for the account of ``email``."""
    device = hardware_id(state)
    async with state.locked():
        before = _verified(state)
        after = before | {_name(email)} if verified else before - {_name(email)}
        if after != before:
            state.write(DEVICE, {"hardware_id": device, "verified": sorted(after)})


def _verified(state: StateDir) -> frozenset[str]:
    stored = state.read(DEVICE) or {}
    names = stored.get("verified")
    return (
        frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    )


def _name(email: str) -> str:
    return email.strip().casefold()
