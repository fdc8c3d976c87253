"""What the name of a video file tells, whoever gave it: its camera, and when it was recorded. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import PurePath
from string import Formatter

from ..errors import UsageError
from .layout import camera_slug

_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}",
    "f": r"\d{1,6}",
    # The last is what a slug leaves of +00:00; of any other offset it loses the sign.
    "z": r"Z|[+-]\d{2}[:_]?\d{2}|-00-00",
}  # fmt: skip
_SERIAL = re.compile(r"(?<=.)G8[0-9A-Z]{14}")  # a stick of some firmwares: 08-37-43_CornerG8T1…_081.mp4


@dataclass(frozen=True, slots=True)
class Named:
    """What a name tells; None for what it does not. ``created_at`` is in UTC."""

    camera: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """How names are made up. ``zone`` is that of times without an offset, None the machine's own."""

    text: str
    regex: re.Pattern[str]
    zone: tzinfo | None

    @classmethod
    def parse(cls, text: str, *, zone: tzinfo | None = UTC) -> Pattern:
        """``{camera}_{time:%Y%m%d-%H%M%S}.mp4``: the end of a path, as many folders of it as there are ``/``.

        Fields: ``{camera}``; ``{time:…}`` with %Y %y %m %d %H %M %S %f %z, which may be spread over several;
        ``{number}``; ``{any}``. Case does not matter. Raises `UsageError` for what is no such pattern.
        """
        regex, told = "", set[str]()
        try:
            for literal, field, form, conversion in Formatter().parse(text):
                regex += re.escape(literal)
                match field:
                    case None:
                        pass
                    case "time" if form and not conversion:
                        regex += _time(form, told, pattern=text)
                    case "camera" if not form and not conversion:
                        regex += "(?P=camera)" if "camera" in told else r"(?P<camera>[^/]+?)"
                        told.add("camera")
                    case "number" if not form and not conversion:
                        regex += r"\d+"
                    case "any" if not form and not conversion:
                        regex += "[^/]*?"
                    case _:
                        raise UsageError(
                            f"The pattern {text!r} has a field {{{field}}}, which means nothing. There are "
                            "{camera}, {time:%Y%m%d-%H%M%S}, {number} and {any}."
                        )
        except ValueError as error:
            raise UsageError(f"The pattern {text!r} is none: {error}. Write {{{{ for a brace.") from error
        times = told - {"camera"}
        if not told or (times and not ({"m", "d", "H", "M"} <= times and times & {"Y", "y"})):
            raise UsageError(
                f"The pattern {text!r} tells neither a camera nor a whole time (%Y or %y, %m, %d, %H, %M). "
                "Write for example '{camera}_{time:%Y%m%d-%H%M%S}.mp4'."
            )
        return cls(text, re.compile(regex, re.IGNORECASE | re.ASCII), zone)

    def match(self, path: PurePath, *, zone: tzinfo | None = None) -> Named | None:
        """What the path tells, None if it is not made up so; ``zone`` overrides the pattern's own."""
        depth = self.text.count("/") + 1
        found = self.regex.fullmatch("/".join(path.parts[-depth:]))
        if not found:
            return None
        parts = found.groupdict()
        camera = parts.get("camera")
        if camera is not None:
            camera = _SERIAL.sub("", camera).strip()
        try:
            created_at = _moment(parts, zone or self.zone) if "m" in parts else None
        except (ValueError, OverflowError, OSError):  # the 31st of February, or a number that is no time
            return None
        return Named(None if camera == camera_slug(None) else camera or None, created_at)


def recognise(path: PurePath, patterns: Iterable[Pattern] = (), *, zone: tzinfo | None = None) -> Named:
    """What a file's path tells, by the first of ``patterns`` and `KNOWN` that fits it.

    ``zone`` is that of all times without an offset, where it is given.
    """
    for pattern in (*patterns, *KNOWN):
        if named := pattern.match(path, zone=zone):
            return named
    return Named()


def fold(name: str) -> str:
    """What a stick keeps of a camera's name (protocol.md 7), without regard to case."""
    return re.sub(r"[^0-9A-Za-z_]", "", name).lower()


def _time(form: str, told: set[str], *, pattern: str) -> str:
    """The regex of one ``{time:…}``. A part that is told twice has to be the same both times."""
    regex, characters = "", iter(form)
    for character in characters:
        if character != "%":
            regex += re.escape(character)
            continue
        directive = next(characters, "")
        if directive == "%":
            regex += "%"
        elif directive in told:
            regex += f"(?P={directive})"
        elif directive in _DIRECTIVES:
            told.add(directive)
            regex += f"(?P<{directive}>{_DIRECTIVES[directive]})"
        else:
            raise UsageError(
                f"The pattern {pattern!r} has %{directive} in its time. There are "
                f"{' '.join(f'%{each}' for each in _DIRECTIVES)}."
            )
    return regex


def _moment(parts: dict[str, str], zone: tzinfo | None) -> datetime:
    """The instant; `ValueError` and its kin for one that no calendar has. Of an hour that daylight saving
    repeats it is the first."""
    offset = _offset(parts["z"]) if "z" in parts else zone
    moment = datetime(
        int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"]),
        int(parts["m"]),
        int(parts["d"]),
        int(parts["H"]),
        int(parts["M"]),
        int(parts.get("S", "0")),
        int(parts.get("f", "0").ljust(6, "0")),
        tzinfo=offset,
    )
    if not 1970 <= moment.year < 9999:  # others do not fit into every zone, or every file system
        raise ValueError(moment.year)
    return moment.astimezone(UTC)  # without a zone: the machine's time


def _offset(text: str) -> tzinfo:
    digits = re.sub(r"\D", "", text)
    if not digits:
        return UTC
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text.startswith("-") else offset)


KNOWN = (
    # A Sync Module's stick: YY-MM/YY-MM-DD/HH-MM-SS_Camera_NNN.mp4, in UTC, also where nothing of a name is
    # left that it can write; and another form of it
    Pattern.parse("{time:%y-%m-%d}/{time:%H-%M-%S}__{number}.mp4"),
    Pattern.parse("{time:%y-%m-%d}/{time:%H-%M-%S}_{camera}_{number}.mp4"),
    Pattern.parse("{time:%y-%m-%d}/{time:%H-%M-%S}_{camera}.mp4"),
    Pattern.parse("{time:%y-%m}/{time:%d-%H-%M-%S}_{camera}_{number}.mp4"),
    # This program
    Pattern.parse("{time:%Y-%m-%dT%H-%M-%S%z}_{camera}_{any}.mp4"),
    # blinkpy: download_videos (a slug of the camera and Blink's time), save_recent_clips (the machine's time)
    Pattern.parse("{camera}-{time:%Y-%m-%dT%H-%M-%S%z}.mp4"),
    Pattern.parse("{time:%Y%m%d_%H%M%S}_{camera}.mp4", zone=None),
    # Blink's app and blinkpy's blinksync; Bling
    Pattern.parse("{camera}_{time:%Y-%m-%dT%H_%M_%S%z}.mp4"),
    Pattern.parse("{time:%Y-%m-%dT%H_%M_%S%z}.mp4"),
    # A file of a stick in another folder: the day is not told
    Pattern.parse("{number}-{number}-{number}_{camera}_{number}.mp4"),
)
