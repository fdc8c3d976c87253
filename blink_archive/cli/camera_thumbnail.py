"""``camera thumbnail``: the picture of the home screen, as a file."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BadMedia, CommandFailed, StorageError, UsageError
from .actions import Patience, act, called, timeout_option, typed
from .camera_verbs import VARIABLES, snapshot
from .options import Globals, NamedPath, command
from .output import print_json, printable, size

if TYPE_CHECKING:
    from ..client import Blink
    from ..model import Camera, Homescreen

_LARGEST = 32 << 20  # bytes, of any picture that a camera takes
_LOOKS, _BETWEEN = 5, 2.0  # at the home screen, and seconds, until it has a new picture
_STDOUT = Path("-")


@command("thumbnail", variables=VARIABLES)
@click.argument("camera", metavar="CAMERA")
@click.option(
    "-o",
    "--output",
    type=NamedPath(),
    metavar="FILE",
    help="Save it as FILE; -: write it to stdout (default: the camera's name and .jpg, here).",
)
@click.option("--new", is_flag=True, help="Take a new picture first.")
@timeout_option
def thumbnail_command(given: Globals, *, camera: str, output: Path | None, new: bool, timeout: int) -> None:
    """Save the picture that the home screen shows of a camera, a JPEG.

    It is saved only if it is whole, and then takes the place of a file of that name.
    """
    if output == _STDOUT and given.json:
        raise UsageError("The picture and --json cannot both go to stdout. Name a file with --output.")
    if output == _STDOUT and sys.stdout.isatty():
        raise UsageError("A picture is nothing for a terminal. Name a file with --output.")
    if typed("timeout") and not new:
        raise UsageError("--timeout is for a new picture. Add --new, or leave it away.")
    if output not in (None, _STDOUT):
        _check(output)
    asyncio.run(_save(given, camera, output, new=new, patience=Patience(timeout)))


async def _save(given: Globals, name: str, output: Path | None, *, new: bool, patience: Patience) -> None:
    from ..archive.layout import camera_slug
    from ..client.names import find_cameras

    async with given.blink() as blink:
        home = await blink.homescreen()
        (camera,) = find_cameras(home, [name])
        path = output or Path(f"{camera_slug(camera.name)}.jpg")
        if output is None:
            _check(path)
        if new:
            await act(given, blink, home, camera, snapshot(), patience)
            camera = await new_picture(blink, camera)
        data = await _picture(blink, camera, called(home, camera))
    if path == _STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_whole(path, data)
    if given.json:
        print_json({"id": camera.id, "name": camera.name, "path": str(path), "bytes": len(data), "new": new})
    else:
        given.say(f"{called(home, camera)}: {printable(str(path))}, {size(len(data))}")


async def new_picture(
    blink: Blink, before: Camera, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Camera:
    """The camera as the home screen has it after a snapshot: it is asked again until it shows another
    picture than ``before``. Raises CommandFailed where it does not within some seconds."""
    for look in range(_LOOKS):
        if look:
            await sleep(_BETWEEN)
        home: Homescreen = await blink.homescreen()
        for camera in home.cameras:
            same = (camera.family, camera.id) == (before.family, before.id)
            if same and camera.thumbnail != before.thumbnail:
                return camera
    raise CommandFailed(
        "The new picture is taken, but Blink still shows the one before. Try again without --new in a minute."
    )


async def _picture(blink: Blink, camera: Camera, name: str) -> bytes:
    """The whole JPEG; BadMedia for anything else."""
    from ..archive.container import walk_jpeg

    data = bytearray()
    async with blink.cameras.picture(camera) as stream:
        async for chunk in stream.chunks:
            data += chunk
            if len(data) > _LARGEST:
                raise BadMedia(f"Blink sent more than {_LARGEST >> 20} MB as the picture of {name}.")
    try:
        walk_jpeg(data)
    except BadMedia as error:
        raise BadMedia(
            f"Blink sent no whole picture of {name}: {error}. Nothing was saved; try again."
        ) from error
    return bytes(data)


def _check(path: Path) -> None:
    """Raise UsageError, before a camera is woken up, for a place where no file can be."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file. Name one with --output, or - for stdout.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Make it, or name another file with --output.")


def write_whole(path: Path, data: bytes) -> None:
    """``data`` as the file ``path``, in place of one that is there: all of it or, with a StorageError,
    nothing."""
    path = path.resolve()  # a link stays one
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            with os.fdopen(os.open(part, flags, 0o666), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"The picture could not be saved as {path}: {error.strerror or error}. Check the disk, or name "
            "another place with --output."
        ) from error
