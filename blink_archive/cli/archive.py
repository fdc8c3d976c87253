"""``archive``: the archive as a whole: move it to another disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from .globals import absolute
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

    root, catalog, target = given.root(), given.catalog_path(), absolute(folder, option="DIR")
    entry = given.entry()
    settings = {} if entry is None else entry.settings
    moved = with_byte_bar(
        lambda progress: move(root, catalog, target, progress=progress),
        total=2 * needed_bytes(root),
        what="moving",
        shown=bars_wanted(no_progress=given.no_progress, quiet=given.quiet),
    )
    new = {"archive": target}
    if given.catalog is None and moved.archive.catalog_path != catalog:
        new["catalog"] = moved.archive.catalog_path
    lines = {settings[name].line: str(path) for name, path in new.items() if name in settings}
    configured = "archive" in settings and _is_written(given, lines)
    if given.json:
        left = [{"path": path, "reason": reason} for path, reason in moved.left]
        print_json(
            {
                "archive": str(target),
                "files": moved.files,
                "bytes": moved.bytes,
                "left": left,
                "configured": configured,
            }
        )
        return
    for path, reason in moved.left[:_SHOWN]:
        given.say(f"{printable(path)} stays in {root}: {reason}.")
    if len(moved.left) > _SHOWN:
        given.say(f"… and {len(moved.left) - _SHOWN} more stay there.")
    given.say(
        f"The archive is in {target} now: {counted(moved.files, 'files')}, {size(moved.bytes)}, each read "
        "back and the same."
    )
    if given.catalog is not None and moved.archive.catalog_path != catalog:
        given.say(f"Its catalog is {moved.archive.catalog_path} now: name that with --catalog.")
    given.say(
        f"{given.configuration.file} names that folder now. A timer is to be installed anew."
        if configured
        else "Name that folder with --archive (BLINK_ARCHIVE_DIR) or in the configuration, and install a "
        "timer anew."
    )


def _is_written(given: Globals, lines: dict[int, str]) -> bool:
    """Put the new paths into the configuration, at those lines; whether it could be done."""
    from ..config.editing import with_text

    file = given.configuration.file
    if file is None:
        return False
    try:
        with file.open(encoding="utf-8", newline="") as opened:  # its ends of lines stay as they are
            changed: str | None = opened.read()
        for line, path in lines.items():
            if changed is None or (changed := with_text(changed, line, path)) is None:
                return False
        beside = file.resolve().with_name(f"{file.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8", newline="") as out:  # secrets
            out.write(changed or "")
        shutil.copymode(file, beside)
        beside.replace(file.resolve())
    except OSError:
        return False
    return True
