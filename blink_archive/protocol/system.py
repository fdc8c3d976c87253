"""The homescreen, networks and commands, from JSON (protocol.md 3 and 4)."""

from __future__ import annotations

from ..errors import UnexpectedAnswer
from ..model import Camera, Command, Family, Homescreen, Json, Network, Signals, SyncModule
from .answers import as_object, entries, is_too_long, member, text_of
from .values import MAX_TEXT, flag, integer, real

_FAMILIES: tuple[tuple[str, Family], ...] = (
    ("cameras", "camera"),
    ("owls", "owl"),
    ("doorbells", "doorbell"),
)
_NAMED = ("networks", "sync_modules", *(name for name, _ in _FAMILIES))


def parse_homescreen(value: object) -> Homescreen:
    """The whole system; entries without an id are left out (``raw`` keeps them).

    Raises UnexpectedAnswer for what has neither account nor networks nor cameras.
    """
    answer = as_object(value, what="the homescreen")
    if not answer.keys() & {"account", "networks", "cameras"}:
        raise UnexpectedAnswer("Blink answered with something else than the homescreen. Try again later.")
    return Homescreen(
        account_id=integer(member(answer, "account").get("id")),
        networks=_networks(answer),
        sync_modules=tuple(_sync_module(number, raw) for number, raw in entries(answer, "sync_modules")),
        cameras=tuple(
            _camera(number, raw, family)
            for name, family in _FAMILIES
            for number, raw in entries(answer, name)
        ),
        auto_delete_days=_days(member(answer, "video_stats").get("auto_delete_days")),
        raw=answer,
        problems=tuple(
            f"Blink sent a name of more than {MAX_TEXT} bytes for {number} of its {kind}: it was left out."
            for kind in _NAMED
            for number, raw in entries(answer, kind)
            if is_too_long(raw, "name")
        ),
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
            name=text_of(raw, "name") or "",
            time_zone=text_of(raw, "time_zone"),
            armed=flag(raw.get("armed")),
            raw=raw,
        )
        for number, raw in entries(answer, "networks")
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
        status_msg=text_of(answer, "status_msg") or "",
        raw=answer,
    )


def _sync_module(number: int, raw: Json) -> SyncModule:
    return SyncModule(
        id=number,
        network_id=integer(raw.get("network_id")),
        name=text_of(raw, "name") or "",
        type=text_of(raw, "type") or "",
        serial=text_of(raw, "serial"),
        status=text_of(raw, "status"),
        fw_version=text_of(raw, "fw_version"),
        local_storage_status=text_of(raw, "local_storage_status"),
        raw=raw,
        wifi=integer(raw.get("wifi_strength")),
    )


def _camera(number: int, raw: Json, family: Family) -> Camera:
    return Camera(
        id=number,
        network_id=integer(raw.get("network_id")),
        family=family,
        name=text_of(raw, "name") or "",
        type=text_of(raw, "type") or "",
        serial=text_of(raw, "serial"),
        status=text_of(raw, "status"),
        enabled=flag(raw.get("enabled")),
        battery=text_of(raw, "battery"),
        fw_version=text_of(raw, "fw_version"),
        thumbnail=text_of(raw, "thumbnail"),
        raw=raw,
        signals=_signals(member(raw, "signals")),
    )


def _signals(raw: Json) -> Signals:
    return Signals(
        wifi=integer(raw.get("wifi")),
        lfr=integer(raw.get("lfr")),
        battery_bars=integer(raw.get("battery")),
        temperature_f=real(raw.get("temp")),
    )


def _days(value: object) -> int | None:
    """A number of days that an account can have; 3 to 60 have been seen."""
    days = integer(value)
    return days if days is not None and 0 < days <= 3650 else None
