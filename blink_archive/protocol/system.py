"""The homescreen, networks and commands, from JSON (protocol.md 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import UnexpectedAnswer
from ..model import Camera, Command, Family, Homescreen, Json, Network, SyncModule
from .answers import as_object
from .values import MAX_TEXT, flag, integer, text_size

_FAMILIES: tuple[tuple[str, Family], ...] = (
    ("cameras", "camera"),
    ("owls", "owl"),
    ("doorbells", "doorbell"),
)


def parse_homescreen(value: object) -> Homescreen:
    """The whole system; entries without an id are left out (``raw`` keeps them).

    Raises UnexpectedAnswer for what has neither account nor networks nor cameras.
    """
    answer = as_object(value, what="the homescreen")
    if not answer.keys() & {"account", "networks", "cameras"}:
        raise UnexpectedAnswer("Blink answered with something else than the homescreen. Try again later.")
    return Homescreen(
        account_id=integer(_object(answer, "account").get("id")),
        networks=_networks(answer),
        sync_modules=tuple(_sync_module(number, raw) for number, raw in _entries(answer, "sync_modules")),
        cameras=tuple(
            _camera(number, raw, family)
            for name, family in _FAMILIES
            for number, raw in _entries(answer, name)
        ),
        auto_delete_days=_days(_object(answer, "video_stats").get("auto_delete_days")),
        raw=answer,
    )


def parse_networks(value: object) -> tuple[Network, ...]:
    """The networks of ``/networks``; entries without an id are left out.

    Raises UnexpectedAnswer for what has no ``networks``.
    """
    answer = as_object(value, what="the networks")
    if not isinstance(answer.get("networks"), list):
        raise UnexpectedAnswer("Blink answered with something else than the networks. Try again later.")
    return _networks(answer)


def _networks(answer: Json) -> tuple[Network, ...]:
    return tuple(
        Network(
            id=number,
            name=_text(raw, "name") or "",
            time_zone=_text(raw, "time_zone"),
            armed=flag(raw.get("armed")),
            raw=raw,
        )
        for number, raw in _entries(answer, "networks")
    )


def parse_command(value: object, *, network_id: int, command_id: int | None = None) -> Command:
    """A command, from the answer of a verb or of a poll; the latter repeats neither id.

    Raises UnexpectedAnswer where nobody names the command's id.
    """
    answer = as_object(value, what="a command")
    named = command_id if command_id is not None else integer(answer.get("id"))
    if named is None:
        raise UnexpectedAnswer("Blink took a command without giving its number: its end is unknown.")
    return Command(
        id=named,
        network_id=integer(answer.get("network_id")) or network_id,
        complete=flag(answer.get("complete")) or False,
        status_code=integer(answer.get("status_code")),
        status_msg=_text(answer, "status_msg") or "",
        raw=answer,
    )


def _sync_module(number: int, raw: Json) -> SyncModule:
    return SyncModule(
        id=number,
        network_id=integer(raw.get("network_id")),
        name=_text(raw, "name") or "",
        type=_text(raw, "type") or "",
        serial=_text(raw, "serial"),
        status=_text(raw, "status"),
        fw_version=_text(raw, "fw_version"),
        local_storage_status=_text(raw, "local_storage_status"),
        raw=raw,
    )


def _camera(number: int, raw: Json, family: Family) -> Camera:
    return Camera(
        id=number,
        network_id=integer(raw.get("network_id")),
        family=family,
        name=_text(raw, "name") or "",
        type=_text(raw, "type") or "",
        serial=_text(raw, "serial"),
        status=_text(raw, "status"),
        enabled=flag(raw.get("enabled")),
        battery=_text(raw, "battery"),
        fw_version=_text(raw, "fw_version"),
        thumbnail=_text(raw, "thumbnail"),
        raw=raw,
    )


def _days(value: object) -> int | None:
    """A number of days that an account can have; 3 to 60 have been seen."""
    days = integer(value)
    return days if days is not None and 0 < days <= 3650 else None


def _object(answer: Json, name: str) -> Json:
    value = answer.get(name)
    return value if isinstance(value, Mapping) else {}


def _entries(answer: Json, name: str) -> Iterator[tuple[int, Json]]:
    """The objects with an id in the list ``name``; nothing where there is no such list."""
    entries = answer.get(name)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and (number := integer(entry.get("id"))) is not None:
            yield number, entry


def _text(raw: Json, name: str) -> str | None:
    """Text or a number as text; None for anything else and what is far too long."""
    match raw.get(name):
        case bool():
            return None
        case int() as number:
            return str(number)
        case str() as text if text_size(text) <= MAX_TEXT:
            return text
        case _:
            return None
