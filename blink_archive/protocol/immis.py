"""The protocol of a live view, ``immis://``: addresses, the greeting and packets (protocol.md 5)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from ..errors import UnexpectedAnswer, UnsafeAddress
from .values import integer

HEADER_LENGTH = 9
LARGEST_PAYLOAD = 1 << 20
"""Bytes; the packets seen carry seven packets of MPEG-TS, 1316 bytes."""

VIDEO, KEEP_ALIVE, LATENCY = 0x00, 0x0A, 0x12

_DEFAULT_PORT = 443
_FIELD = 16  # bytes that the greeting has for the serial, and for the connection id
_GREETING = struct.Struct(">I I16s I BB I64s I16s I")
_HEADER = struct.Struct(">BII")
_SYNC = b"\x47"  # a packet of MPEG-TS begins with it
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")
_LATENCY_SEQUENCE = 1000
_LATENCY_PAYLOAD = bytes(24)


@dataclass(frozen=True, slots=True)
class ImmisAddress:
    """Where a live view is, and what it is greeted with. Who knows the connection id may watch."""

    host: str
    port: int
    connection_id: str = field(repr=False)
    serial: str
    client_id: int


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before a payload of ``length`` bytes."""

    kind: int
    sequence: int
    length: int


def scheme_of(server: str) -> Literal["immis", "rtsps"]:
    """How the live view at ``server`` is spoken to; raises UnexpectedAnswer for a way that is not known."""
    match server.lower().partition("://"):
        case ("immis", "://", _):
            return "immis"
        case ("rtsps", "://", _):
            return "rtsps"
        case _:
            raise UnexpectedAnswer(
                "Blink offers this live view in a way that this program does not know. "
                "Watch it in the Blink app, and please report this if it stays so."
            )


def parse_address(server: str) -> ImmisAddress:
    """``immis://HOST:443/CONN__IMDS_SERIAL?client_id=208`` in its parts.

    The port is 443, the serial empty and the client id 0 where they are missing. Raises UnexpectedAnswer
    for what is no such address, UnsafeAddress for a host or port that there cannot be, or a user name.
    """
    if scheme_of(server) != "immis":
        raise UnexpectedAnswer("Blink offers this live view as rtsps, which a player plays by itself.")
    try:
        url = urlsplit(server)
        port = url.port
    except ValueError as error:
        raise _unsafe() from error
    connection_id, _, rest = url.path.rpartition("/")[2].partition("__")
    client_id = _client_id(url)
    if not connection_id.isascii() or not connection_id or client_id is None:
        raise UnexpectedAnswer(
            "Blink answered with the address of a live view that names none. Try again later."
        )
    host = url.hostname or ""
    if url.username is not None or port == 0 or _HOST.fullmatch(host) is None:
        raise _unsafe()
    return ImmisAddress(
        host=host,
        port=_DEFAULT_PORT if port is None else port,
        connection_id=connection_id,
        serial=rest.rpartition("_")[2],
        client_id=client_id,
    )


def _client_id(url: SplitResult) -> int | None:
    """The address's ``client_id``; None for one that the greeting has no place for."""
    try:
        found = parse_qs(url.query, max_num_fields=50).get("client_id", ["0"])[0]
    except ValueError:
        return None
    number = integer(found)
    return number if number is not None and 0 <= number < 1 << 32 else None


def _unsafe() -> UnsafeAddress:
    return UnsafeAddress(
        "Blink named a live view at an address that there cannot be. Nothing was sent to it; please report "
        "this if it stays so."
    )


def greeting(address: ImmisAddress) -> bytes:
    """The 122 bytes that the client says first. Its field for a token is left empty: none is needed, and
    none is sent."""
    return _GREETING.pack(
        0x28,
        _FIELD,
        _padded(address.serial),
        address.client_id,
        0x01,
        0x08,
        64,
        b"",
        _FIELD,
        _padded(address.connection_id),
        1,
    )


def _padded(text: str) -> bytes:
    """``text`` as the greeting has it: cut to its field; `struct` pads it with zeros."""
    return text.encode("ascii", "replace")[:_FIELD]


def packet(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """A packet as it is sent, header and payload."""
    return _HEADER.pack(kind, sequence, len(payload)) + payload


def keep_alive(sequence: int) -> bytes:
    """What is sent every ten seconds; ``sequence`` rises from one to the next."""
    return packet(KEEP_ALIVE, sequence)


def latency_statistics() -> bytes:
    """What is sent every second: statistics of a player that has measured nothing."""
    return packet(LATENCY, _LATENCY_SEQUENCE, _LATENCY_PAYLOAD)


def parse_header(data: bytes) -> Header:
    """The header in these nine bytes; raises UnexpectedAnswer where it announces more than fits
    `LARGEST_PAYLOAD`."""
    header = Header(*_HEADER.unpack(data))
    if header.length > LARGEST_PAYLOAD:
        raise UnexpectedAnswer(
            f"Blink announced {header.length} bytes at once in a live view, which there cannot be. Try again."
        )
    return header


def is_video(header: Header, payload: bytes) -> bool:
    """Whether a packet from Blink carries MPEG-TS; all others are passed over."""
    return header.kind == VIDEO and payload.startswith(_SYNC)
