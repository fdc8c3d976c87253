"""``usb``: the sticks of the sync modules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..errors import BlinkError, UpdateRequired, UsageError
from .groups import group
from .options import Globals, command
from .output import local, print_json, print_table

if TYPE_CHECKING:
    from ..model import StorageStatus, SyncModule

_COLUMNS = ("module", "network", "local storage", "stick", "used", "backup", "last backup")


@group(
    "usb",
    {
        "prune": ("prune", "Delete clips on the sticks that are proven safe here."),
        "status": ("usb", "What each sync module says of its stick."),
    },
)
def usb_command() -> None:
    """The sticks of the sync modules (local storage). `sync` archives what is on them."""


@command("status")
def status_command(given: Globals) -> None:
    """What each sync module says of its stick: whether one is in, how full it is, the last backup.

    Modules without local storage are shown, too. Nothing is asked of the stick itself.
    """
    rows = asyncio.run(_ask(given))
    if given.json:
        print_json([_facts(*row) for row in rows])
        return
    print_table(_COLUMNS, [_cells(*row) for row in rows])


async def _ask(given: Globals) -> list[tuple[SyncModule, str, StorageStatus | str | None]]:
    """Each module, the name of its network, and its stick: None where it has no local storage, a
    sentence where it could not be asked."""
    async with given.blink() as blink:
        home = await blink.homescreen()
        if not home.sync_modules:
            raise UsageError("This account has no sync module, and so no local storage.")
        names = {network.id: network.name for network in home.networks}
        rows: list[tuple[SyncModule, str, StorageStatus | str | None]] = []
        for module in home.sync_modules:
            found: StorageStatus | str | None = None
            if module.raw.get("local_storage_compatible") is not False:
                try:
                    found = await blink.local_storage.status(module)
                except UpdateRequired:
                    raise  # the others will not say anything else
                except BlinkError as error:
                    found = str(error)
            rows.append((module, names.get(module.network_id or 0, ""), found))
        return rows


def _facts(module: SyncModule, network: str, found: StorageStatus | str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "module": module.name,
        "id": module.id,
        "network": network,
        "local_storage_status": module.local_storage_status,
    }
    match found:
        case None:
            return facts
        case str():
            return facts | {"error": found}
        case status:
            return facts | {
                "usb_state": status.usb_state,
                "used_percent": status.used,
                "full": status.full,
                "backup_enabled": status.backup_enabled,
                "last_backup_completed": status.last_backup_completed,
                "last_backup_result": status.last_backup_result,
            }


def _cells(module: SyncModule, network: str, found: StorageStatus | str | None) -> list[Any]:
    cells: list[Any] = [module.name, network, module.local_storage_status]
    match found:
        case None:
            return [*cells, None, None, None, None]
        case str():
            return [*cells, found, None, None, None]
        case status:
            backup = {True: "on", False: "off", None: None}[status.backup_enabled]
            return [*cells, status.usb_state, _used(status), backup, _last(status)]


def _used(status: StorageStatus) -> str | None:
    if status.full:
        return "full"
    return None if status.used is None else f"{status.used} %"


def _last(status: StorageStatus) -> str | None:
    try:
        when = None if status.last_backup_completed is None else local(status.last_backup_completed)
    except ValueError:
        when = status.last_backup_completed
    return " ".join(filter(None, (when, status.last_backup_result))) or None
