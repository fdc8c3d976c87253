"""Where a clip lies in the folder: pure functions from its facts to a relative path.

Names of cameras are hostile input: whatever they hold, a path made here stays below the root,
is portable, and is readable.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from zoneinfo import ZoneInfo

from slugify import slugify

from ..errors import ArchiveError

MARKER = ".blink-archive.json"
INCOMING = ".incoming"
CATALOG = "catalog.db"
SHA256SUMS = "SHA256SUMS"
CLIPS_JSON = "clips.json"

_SLUG_LENGTH = 60  # of 255 bytes for a name; the time and the id need about 60


@lru_cache(maxsize=256)
def zone(name: str | None) -> ZoneInfo | None:
    """The IANA zone of that name, or None where there is no such zone."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        # ValueError: "../x"; OSError: "America", a directory; LookupError: not found
        return None


def local_time(created_at: datetime, *names: str | None) -> tuple[datetime, str]:
    """``created_at`` in the first of the named zones that exists, else in UTC; and that zone's name."""
    for name in names:
        if found := zone(name):
            return created_at.astimezone(found), found.key
    return created_at.astimezone(UTC), "UTC"


@lru_cache(maxsize=1024)
def camera_slug(name: str | None) -> str:
    """``Front door!`` -> ``front-door``; ``unnamed`` where nothing of the name can be written."""
    return slugify(name or "", max_length=_SLUG_LENGTH) or "unnamed"


def day_folder(local_day: str) -> str:
    """``2026-11-23`` -> ``2026/11/23``."""
    return local_day.replace("-", "/")


def clip_path(created_local: datetime, *, camera: str | None, key: str, extension: str = ".mp4") -> str:
    """``2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4``.

    The offset is part of the name, so that it tells the instant in the hour that daylight saving
    repeats, too. ``key`` is Blink's id, which keeps two clips of one camera and one second apart.
    """
    stamp = created_local.strftime("%Y-%m-%dT%H-%M-%S%z")
    return f"{created_local:%Y/%m/%d}/{stamp}_{camera_slug(camera)}_{slugify(key)}{extension}"


def import_key(sha256: str) -> str:
    """The short key of an imported clip, in its file's name and wherever it is shown: ``import-1a2b3c4d``."""
    return f"import-{sha256[:8]}"


def thumbnail_path(path: str) -> str:
    """The thumbnail beside a clip: the same name, ``.jpg``."""
    return str(PurePosixPath(path).with_suffix(".jpg"))


def with_suffix_number(path: str, number: int) -> str:
    """``a/b.mp4``, 2 -> ``a/b~2.mp4``: the name of a file whose own is taken by other bytes."""
    pure = PurePosixPath(path)
    return str(pure.with_name(f"{pure.stem}~{number}{pure.suffix}"))


def check_relative(path: str) -> str:
    """``path``, if it stays below the root; else `ArchiveError`."""
    pure = PurePosixPath(path)
    leaves = pure.is_absolute() or not pure.parts or ".." in pure.parts or PureWindowsPath(path).drive
    if leaves or "\\" in path or "\0" in path:
        raise ArchiveError(
            f"The path {path!r} would leave the archive; nothing was written to it. "
            "Check the catalog with `blink-archive verify`."
        )
    return path
