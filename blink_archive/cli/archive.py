"""``archive``: the archive as a whole: move it to another disk."""

from __future__ import annotations

from pathlib import Path

import click

from .groups import group
from .options import Globals, NamedPath, command
from .output import bars_wanted, counted, print_json, printable, size, with_byte_bar

_SHOWN = 20


@group("archive", {"move": ("archive", "Move the archive to another disk.")})
def archive_command() -> None:
    """The archive as a whole. No sign-in is needed."""


@command("move")
@click.argument("folder", metavar="DIR", type=NamedPath())
def move_command(given: Globals, *, folder: Path) -> None:
    """Move the archive to DIR, a new or an empty folder: copy, read back and compare, switch, then remove.

    Until every file was read back from the new disk and is the same, the archive stays where it is, and
    nothing is removed. What was broken off goes on with the same command. A catalog outside of the folder
    stays where it is. The old folder keeps a note of where the archive went.
    """
    from ..archive.move import move, needed_bytes

    root, target = given.root(), folder.expanduser().absolute()
    moved = with_byte_bar(
        lambda progress: move(root, given.catalog_path(), target, progress=progress),
        total=2 * needed_bytes(root),
        what="moving",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )
    if given.json:
        left = [{"path": path, "reason": reason} for path, reason in moved.left]
        print_json({"archive": str(target), "files": moved.files, "bytes": moved.bytes, "left": left})
        return
    for path, reason in moved.left[:_SHOWN]:
        given.say(f"{printable(path)} stays in {root}: {reason}.")
    if len(moved.left) > _SHOWN:
        given.say(f"… and {len(moved.left) - _SHOWN} more stay there.")
    given.say(
        f"The archive is in {target} now: {counted(moved.files, 'files')}, {size(moved.bytes)}, each read "
        "back and the same. Name that folder with --archive (BLINK_ARCHIVE_DIR) or in the configuration, and "
        "install a timer anew."
    )
