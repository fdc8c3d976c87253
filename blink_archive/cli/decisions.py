"""``exclude``, ``include``, ``star``, ``unstar``, ``note``, ``label``, ``unlabel``: what the user decides
and says of single clips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .options import Globals, command
from .output import now, print_json, printable, printable_lines

if TYPE_CHECKING:
    from ..archive.catalog import Catalog
    from ..archive.decisions import Decision
    from ..archive.store import Store

_ids = click.argument("clips", metavar="ID...", nargs=-1, required=True)
_id = click.argument("clip", metavar="ID")
_labels = click.argument("labels", metavar="LABEL...", nargs=-1, required=True)


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


@command("note")
@_id
@click.argument("text", metavar="[TEXT]", required=False)
def note_command(given: Globals, *, clip: str, text: str | None) -> None:
    """Write a note about a clip: TEXT, in place of the one before. An empty TEXT ("") takes it away.

    Without TEXT, the note is printed. `ls --text` finds its words, and `catalog rebuild` brings it back.
    """
    from ..archive.decisions import set_note
    from ..archive.search import find_clip

    if text is None:
        catalog = given.read_catalog()
        try:
            found = find_clip(catalog, clip)
        finally:
            catalog.close()
        if given.json:
            print_json({"clip": found["origin_key"], "note": found["note"]})
        elif found["note"] is None:
            given.say(f"Clip {found['origin_key']} has no note.")
        else:
            click.echo("\n".join(printable_lines(found["note"])))
        return
    with _writing(given) as (catalog, store):
        noted = set_note(catalog, store, clip, text, now=now())
    if given.json:
        print_json({"clip": noted.clip, "note": noted.note, "new": noted.new})
    else:
        words = "has no note" if noted.note is None else "has this note"
        given.say(f"Clip {noted.clip} {words}{'' if noted.new else ', as before'}.")


@command("label")
@_id
@_labels
def label_command(given: Globals, *, clip: str, labels: tuple[str, ...]) -> None:
    """Give a clip labels of your own: ID is its own, as `ls` shows it, or its file.

    `ls --label` and `ls --text` find them. Upper and lower case are the same; a label of several words wants
    quotes.
    """
    _label(given, clip, labels, take_away=False)


@command("unlabel")
@_id
@_labels
def unlabel_command(given: Globals, *, clip: str, labels: tuple[str, ...]) -> None:
    """Take labels of your own away from a clip. What Blink detected stays."""
    _label(given, clip, labels, take_away=True)


def _label(given: Globals, clip: str, labels: tuple[str, ...], *, take_away: bool) -> None:
    from ..archive.decisions import change_labels

    with _writing(given) as (catalog, store):
        found = change_labels(catalog, store, clip, labels, take_away=take_away, now=now())
    if given.json:
        print_json({"clip": found.clip, "own_labels": found.labels, "new": found.new})
        return
    words = f"is labelled {printable(', '.join(found.labels))}" if found.labels else "has no label of its own"
    given.say(f"Clip {found.clip} {words}{'' if found.new else ', as before'}.")


@contextmanager
def _writing(given: Globals) -> Iterator[tuple[Catalog, Store]]:
    archive = given.archive()
    catalog = archive.open_catalog(write=True)
    try:
        yield catalog, archive.store
    finally:
        catalog.close()


def _decide(given: Globals, clips: tuple[str, ...], decision: Decision, words: str, again: str = "") -> None:
    from ..archive.decisions import decide

    with _writing(given) as (catalog, store):
        changed = decide(catalog, store, clips, decision, now=now())
    if given.json:
        print_json([{"clip": clip, "decision": decision, "new": new} for clip, new in changed.items()])
        return
    for clip, new in changed.items():
        given.say(f"Clip {clip} {words if new else again or f'{words}, as before'}.")
