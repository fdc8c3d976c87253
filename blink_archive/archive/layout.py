"""Where a clip lies in the folder: pure functions from its facts to a relative path.

Names of cameras are hostile input: whatever they hold, a path made here stays below the root,
is portable, and is readable. `Layout` says how the path is made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath
from string import Formatter
from zoneinfo import ZoneInfo

from ..errors import ArchiveError, UsageError

MARKER = ".blink-archive.json"
INCOMING = ".incoming"
CATALOG = "catalog.db"
SHA256SUMS = "SHA256SUMS"
CLIPS_JSON = "clips.json"
EXPORT = ".blink-archive-export"  # what begins so in the destination of an export is the program's own

_SLUG_LENGTH = 60  # of 255 bytes for a name; the time and the id need about 60
_LONGEST_PART = 240  # bytes of a name: 255, but for the number of a clash and an offset with seconds
_LONGEST_PATH = 1000  # bytes of all of it: macOS takes 1024

_FORBIDDEN = re.compile(r"[^A-Za-z0-9 _.,+=@()\[\]!#-]")  # what is left is a letter to every file system
_DIRECTIVES = "YymdHIMSfzjaAbBpGVuwUW"  # those that are alike everywhere, and give nothing of the forbidden
_FENCE = re.compile(r"[^A-Za-z0-9-]")  # what no slug and no id holds

# As whole names, or before the first dot, they are devices on Windows (learn.microsoft.com, "Naming Files").
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in range(10))}
_OURS = {SHA256SUMS.casefold(), CLIPS_JSON.casefold()}


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
    from slugify import slugify  # only who names files needs it

    return slugify(name or "", max_length=_SLUG_LENGTH) or "unnamed"


def day_folder(local_day: str) -> str:
    """``2026-11-23`` -> ``2026/11/23``."""
    return local_day.replace("-", "/")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the paths of clips are made up, by a template of the user's. ``pieces`` are (text, field, form):
    ``field`` is None after the last one, ``form`` is the STRFTIME of ``created``."""

    template: str
    pieces: tuple[tuple[str, str | None, str], ...]

    @classmethod
    def parse(cls, template: str) -> Layout:
        """``{created:%Y-%m}/{camera}/{id}``: a path without the extension, which is added.

        Fields: ``{created:STRFTIME}`` in local time; ``{camera}``, ``{network}`` and ``{source}``, each as a
        slug; ``{id}``. Raises `UsageError` for what would not be a portable path of its own for each clip.
        """
        try:
            pieces = tuple(
                (text, field if form is not None else None, _checked_field(field, form, conversion))
                for text, field, form, conversion in Formatter().parse(template)
            )
            _check_template(template, pieces)
        except ValueError as error:
            raise UsageError(
                f"The layout {template[:200]!r} cannot be used: {error}. "
                "Write for example '{created:%Y-%m}/{camera}/{id}'."
            ) from error
        return cls(template, pieces)

    def fill(self, created_local: datetime, *, camera: str, network: str, source: str, key: str) -> str:
        """The path without its extension; all but the time are slugs."""
        slugs = {"camera": camera, "network": network, "source": source, "id": key}
        path = ""
        for text, field, form in self.pieces:
            path += text
            if field is not None:
                path += created_local.strftime(form) if field == "created" else slugs[field]
        return "/".join(_no_device(part) for part in path.split("/"))


def _checked_field(field: str | None, form: str | None, conversion: str | None) -> str:
    """The form of one field, ``""`` where it has none; `ValueError` says what is wrong with it."""
    match field, form or "", conversion:
        case (None, _, _) | ("camera" | "network" | "source" | "id", "", None):
            return ""
        case "created", "", None:
            raise ValueError("{created} needs a form, as {created:%Y-%m-%d}")
        case "created", given, None:
            for directive in re.findall("%(.?)", given, re.DOTALL):
                if directive == "" or directive not in _DIRECTIVES:
                    raise ValueError(
                        f"%{directive} is not taken in {{created:…}}; there are "
                        + " ".join(f"%{each}" for each in _DIRECTIVES)
                    )
            if found := _FORBIDDEN.search(given.replace("%", "")):
                raise ValueError(
                    f"{{created:…}} would give {found[0]!r}, which is no part of a portable name"
                )
            return given
        case _:
            raise ValueError(
                f"the field {str(field)[:40]!r} means nothing; there are {{created:STRFTIME}}, {{camera}}, "
                "{network}, {source} and {id}, without more in their braces"
            )


def _check_template(template: str, pieces: tuple[tuple[str, str | None, str], ...]) -> None:
    """`ValueError` says what is wrong with the whole."""
    text = "".join(piece[0] for piece in pieces)
    if template.startswith("/"):
        raise ValueError("it is absolute, and has to be below the archive's folder")
    if "\\" in text:
        raise ValueError("it has a backslash; folders are divided by /")
    if found := _FORBIDDEN.search(text.replace("/", "")):
        raise ValueError(f"{found[0]!r} is no part of a portable name")
    if all(field != "id" for _, field, _ in pieces):
        raise ValueError("it has no {id}, without which two clips could have one name")
    for (_, before, _), (between, field, _) in pairwise(pieces):
        if field is not None and "id" in (before, field) and not _FENCE.search(between):
            raise ValueError("{id} and the field beside it have to be divided, by _ or /")
    wide = datetime(2026, 9, 30, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11)))  # a Wednesday
    slug = "x" * _SLUG_LENGTH
    longest = Layout(template, pieces).fill(wide, camera=slug, network=slug, source=slug, key="x" * 26)
    for part in longest.split("/"):
        if part == "..":
            raise ValueError("it has .., and has to stay below the archive's folder")
        if part == "" or part.startswith((".", " ", "@")) or part.endswith((".", " ")):
            raise ValueError(
                "a folder or file would have no name, or one that begins with a dot or @ or ends with a dot"
            )
        if len(part) > _LONGEST_PART or len(longest) > _LONGEST_PATH:
            raise ValueError("with long names it would be longer than file systems take")


def _no_device(part: str) -> str:
    """``part``, or another name where that means a device or a file of ours: ``con`` -> ``con_``."""
    stem, dot, rest = part.partition(".")
    folded = part.casefold()
    if stem.rstrip().upper() in _DEVICES or folded in _OURS or folded.startswith(CATALOG):
        return f"{stem}_{dot}{rest}"
    return part


DEFAULT = Layout.parse("{created:%Y}/{created:%m}/{created:%d}/{created:%Y-%m-%dT%H-%M-%S%z}_{camera}_{id}")


def clip_path(
    created_local: datetime,
    *,
    camera: str | None,
    key: str,
    network: str | None = None,
    source: str | None = None,
    extension: str = ".mp4",
    filed: Layout = DEFAULT,
) -> str:
    """``2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4``, where ``filed`` is the default.

    The offset is part of the name, so that it tells the instant in the hour that daylight saving
    repeats, too. ``key`` is Blink's id, which keeps two clips of one camera and one second apart.
    """
    from slugify import slugify

    path = filed.fill(
        created_local,
        camera=camera_slug(camera),
        network=camera_slug(network),
        source=camera_slug(source),
        key=slugify(key),
    )
    return f"{path}{extension}"


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
