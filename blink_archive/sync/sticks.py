"""Local storage: the sticks of the sync modules, one module after the other, into the same queue and tree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial

from ..archive import usb
from ..archive.catalog import Catalog
from ..archive.layout import DEFAULT, Layout
from ..client.redact import logger_of
from ..errors import BlinkError, CommandFailed, NetworkError, UpdateRequired
from ..model import Homescreen, SyncModule, stripped_name
from .ports import Aside, LocalStorage, Time

_LOG = logger_of(__name__)

ACTIVE = "active"
"""The ``local_storage_status`` of a module whose stick can be read (protocol.md 7)."""


@dataclass(frozen=True, slots=True)
class Stick:
    """A stick: ``readable`` where its manifest was read, else ``error`` or ``warnings`` say why not."""

    module: SyncModule
    readable: bool = False
    new: int = 0
    problems: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    error: BlinkError | CommandFailed | None = None


async def list_sticks(
    catalog: Catalog,
    storage: LocalStorage,
    home: Homescreen,
    *,
    filed: Layout = DEFAULT,
    run: int,
    aside: Aside,
    time: Time,
) -> AsyncIterator[Stick]:
    """Read and record the manifest of each module with a stick; what is on it can be fetched then.

    ``filed`` is how new clips are.
    Trouble with one module is told in its `Stick`, and keeps none from the next; a missing network and an
    app that is too old are raised, as are `SignInError` and `StorageError`. A stick that is not there is
    told only where clips wait on it.
    """
    waiting = await aside(lambda: usb.waiting_on_sticks(catalog))
    for module in home.sync_modules:
        name = module.name or f"sync module {module.id}"
        if module.local_storage_status != ACTIVE or module.network_id is None:
            if count := waiting.get(module.id):
                state = module.local_storage_status or "unknown"
                warning = f"The stick of {name} cannot be read (it is {state}): {count} clips wait on it."
                yield Stick(module, warnings=(warning,))
            continue
        try:
            manifest = await storage.manifest(module)
        except (NetworkError, UpdateRequired):
            raise
        except (BlinkError, CommandFailed) as error:
            yield Stick(module, error=error)
            continue
        former = await aside(partial(usb.former_names, catalog, manifest.network_id))
        around = _surroundings(home, module, former)
        record = partial(usb.record_manifest, catalog, manifest, around, run=run, now=time.now(), filed=filed)
        found = await aside(record)
        _LOG.info("stick of module %d: %d clips, %d new", module.id, len(manifest.clips), found.new)
        warnings = []
        if manifest.unreadable:
            warnings.append(f"The stick of {name} lists {manifest.unreadable} clips that could not be read.")
        if found.left:
            warnings.append(
                f"{found.left} clips have left the stick of {name} since the last sync, {found.gone} of them "
                "before they could be fetched. A stick that is full deletes its oldest."
            )
        yield Stick(module, readable=True, new=found.new, problems=found.problems, warnings=tuple(warnings))


def _surroundings(
    home: Homescreen, module: SyncModule, former: Iterable[usb.NamedCamera]
) -> usb.Surroundings:
    """The network of a stick, and its cameras by the names that a manifest gives them: those of today, and
    ``former`` ones that no camera has today."""
    network = next((each for each in home.networks if each.id == module.network_id), None)
    cameras: dict[str, usb.NamedCamera | None] = {}
    today = [
        usb.NamedCamera(camera.id, camera.name, camera.type)
        for camera in home.cameras
        if camera.network_id == module.network_id
    ]
    taken = {stripped_name(camera.name) for camera in today}
    past = [camera for camera in former if stripped_name(camera.name) not in taken]
    for camera in [*today, *past]:
        name = stripped_name(camera.name)
        known = cameras.setdefault(name, camera)
        if known is not None and known.id != camera.id:
            cameras[name] = None
    return usb.Surroundings(
        network_name=network.name if network else "",
        time_zone=network.time_zone if network else None,
        cameras=cameras,
    )
