"""What a command changed at Blink, written down in the catalog where there is one."""

from __future__ import annotations

from typing import Any

from ..errors import BlinkArchiveError, NotAnArchive
from .options import Globals
from .output import now


def record_event(given: Globals, kind: str, detail: dict[str, Any], *, account_id: int) -> None:
    """A row in ``events`` for what was just done to that account; ``detail`` is JSON.

    A short transaction, without the run lock. Nothing is written where there is no archive, or one of
    another account. A catalog that cannot be written to is told in a sentence: what was done stays done, so
    that nothing is raised.
    """
    try:
        archive = given.archive()
        if archive.marker.account_id != account_id:
            return
        catalog = archive.open_catalog(write=True)
        try:
            with catalog.transaction():
                catalog.add_event(kind, at=now(), detail=detail)
        finally:
            catalog.close()
    except NotAnArchive:
        return
    except BlinkArchiveError as error:
        given.say(f"Blink did it, but it is not written down in the catalog: {error}")
