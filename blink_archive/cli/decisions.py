"""``exclude``, ``include``, ``star``, ``unstar``: what the user decides of single clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import Globals, command
from .output import now, print_json

if TYPE_CHECKING:
    from ..archive.decisions import Decision

_ids = click.argument("clips", metavar="ID...", nargs=-1, required=True)


@command("exclude")
@_ids
def exclude_command(given: Globals, *, clips: tuple[str, ...]) -> None:
    """Never fetch these clips: each ID is a clip's own, as `ls` shows it.

    They stay listed, and are deleted at Blink when Blink does so. An archived clip cannot be excluded.
    """
    _decide(given, clips, "excluded", "will not be fetched")


@command("include")
@_ids
def include_command(given: Globals, *, clips: tuple[str, ...]) -> None:
    """Fetch these clips after all: the opposite of `exclude`."""
    words = "will be fetched by the next sync, if Blink still has it"
    _decide(given, clips, "included", words, again="was not excluded")


@command("star")
@_ids
def star_command(given: Globals, *, clips: tuple[str, ...]) -> None:
    """Star clips: `prune-local --keep-starred` leaves them here. Each ID is a clip's own, or its file."""
    _decide(given, clips, "starred", "is starred")


@command("unstar")
@_ids
def unstar_command(given: Globals, *, clips: tuple[str, ...]) -> None:
    """Take the stars of clips away."""
    _decide(given, clips, "unstarred", "has no star")


def _decide(given: Globals, clips: tuple[str, ...], decision: Decision, words: str, again: str = "") -> None:
    from ..archive.decisions import decide

    archive = given.archive()
    catalog = archive.open_catalog(write=True)
    try:
        changed = decide(catalog, archive.store, clips, decision, now=now())
    finally:
        catalog.close()
    if given.json:
        print_json([{"clip": clip, "decision": decision, "new": new} for clip, new in changed.items()])
        return
    for clip, new in changed.items():
        given.say(f"Clip {clip} {words if new else again or f'{words}, as before'}.")
