"""The bytes of a live view, against protocol.md 5: the address, the greeting, the packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.errors import UnexpectedAnswer, UnsafeAddress
from blink_archive.protocol import immis
from blink_archive.protocol.immis import ImmisAddress, parse_address

from .samples import SAMPLES

ADDRESS = ImmisAddress(
    host="192.0.2.10",
    port=443,
    connection_id="NIE5YSJGOOOn",
    serial="G8T1000000000001",
    client_id=208,
)


def test_the_sample_address() -> None:
    """The address of the recorded answer falls into its parts."""
    assert parse_address(SAMPLES["liveview"]["server"]) == ADDRESS


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("immis://lv3-app-u002.immedia-semi.com:443/abc__IMDS_811177681?client_id=146", ("lv3-app-u002.immedia-semi.com", 443, "abc", "811177681", 146)),
        ("IMMIS://LV.Example.com/x/y/abc__IMDS_S1?client_id=7&more=1", ("lv.example.com", 443, "abc", "S1", 7)),
        ("immis://[2001:db8::1]:8443/abc__IMDS_S1?client_id=7", ("2001:db8::1", 8443, "abc", "S1", 7)),
        ("immis://192.0.2.10:443/abc", ("192.0.2.10", 443, "abc", "", 0)),
        ("immis://192.0.2.10:443/_34c3rs56?client_id=47", ("192.0.2.10", 443, "_34c3rs56", "", 47)),
        ("immis://192.0.2.10:443/abc__S1?client_id=4294967295", ("192.0.2.10", 443, "abc", "S1", 4294967295)),
        ("immis://h:443/abcdefghijklmnopqrstuvwxyz__IMDS_S1?client_id=1", ("h", 443, "abcdefghijklmnopqrstuvwxyz", "S1", 1)),
    ],
)  # fmt: skip
def test_addresses_are_read_leniently(server: str, expected: tuple[str, int, str, str, int]) -> None:
    """Capitals, a missing port, serial or client id, more path and more query make no difference."""
    found = parse_address(server)
    assert (found.host, found.port, found.connection_id, found.serial, found.client_id) == expected


@pytest.mark.parametrize(
    "server",
    [
        "",
        "immis",
        "immis://192.0.2.10:443",
        "immis://192.0.2.10:443/",
        "immis://192.0.2.10:443/__IMDS_S1?client_id=1",
        "immis://192.0.2.10:443/ünï__IMDS_S1?client_id=1",
        "immis://192.0.2.10:443/abc?client_id=1e3",
        "immis://192.0.2.10:443/abc?client_id=-1",
        "immis://192.0.2.10:443/abc?client_id=4294967296",
        "immis://192.0.2.10:443/abc?" + "&".join("x=1" for _ in range(100)),
        "https://192.0.2.10/abc__IMDS_S1?client_id=1",
        "file:///etc/passwd",
        "rtsps://192.0.2.10:443/abc__IMDS_S1?client_id=1",
    ],
)
def test_what_is_no_address_is_refused(server: str) -> None:
    """What names no live view, or is no immis address at all, is an UnexpectedAnswer."""
    with pytest.raises(UnexpectedAnswer):
        parse_address(server)


@pytest.mark.parametrize(
    "server",
    [
        "immis:///abc?client_id=1",
        "immis://user@192.0.2.10/abc?client_id=1",
        "immis://user:word@192.0.2.10/abc?client_id=1",
        "immis://192.0.2.10:0/abc?client_id=1",
        "immis://192.0.2.10:65536/abc?client_id=1",
        "immis://192.0.2.10:https/abc?client_id=1",
        "immis://[::1/abc?client_id=1",
        "immis://a..b/abc?client_id=1",
        f"immis://{'a' * 64}.example/abc?client_id=1",
        "immis://a b/abc?client_id=1",
        "immis://a%0ab/abc?client_id=1",
        "immis://bücher.example/abc?client_id=1",
    ],
)
def test_an_address_that_there_cannot_be_is_refused(server: str) -> None:
    """Users, ports and hosts that nothing is to be sent to are an UnsafeAddress."""
    with pytest.raises(UnsafeAddress):
        parse_address(server)


@given(st.text() | st.text().map(lambda rest: f"immis://{rest}"))
def test_whatever_blink_sends(server: str) -> None:
    """Any text is an address that can be greeted and connected to, or one of the two errors."""
    try:
        address = parse_address(server)
    except (UnexpectedAnswer, UnsafeAddress):
        return
    assert len(immis.greeting(address)) == 122
    assert 0 < address.port < 65536
    assert address.host.encode("idna")


def test_the_connection_id_is_in_no_log() -> None:
    """Who knows the connection id may watch: it is left out where an address is logged."""
    assert ADDRESS.connection_id not in repr(ADDRESS)


def test_the_ways_of_a_live_view() -> None:
    """``immis`` and ``rtsps`` are told apart, in capitals too."""
    assert immis.scheme_of("immis://x") == "immis"
    assert immis.scheme_of("RTSPS://x") == "rtsps"


def test_the_greeting_byte_by_byte() -> None:
    """The 122 bytes stand as protocol.md 5 has them, the field for a token all zeros."""
    said = immis.greeting(ADDRESS)
    assert len(said) == 122
    assert said[:4] == bytes.fromhex("00000028")
    assert said[4:8] == bytes.fromhex("00000010")
    assert said[8:24] == b"G8T1000000000001"
    assert said[24:28] == bytes.fromhex("000000d0")
    assert said[28:30] == bytes.fromhex("0108")
    assert said[30:34] == bytes.fromhex("00000040")
    assert said[34:98] == bytes(64)
    assert said[98:102] == bytes.fromhex("00000010")
    assert said[102:118] == b"NIE5YSJGOOOn\0\0\0\0"
    assert said[118:] == bytes.fromhex("00000001")


def test_long_ids_are_cut_to_their_fields() -> None:
    """A connection id or serial of more than 16 bytes is cut, as other clients do, and moves nothing."""
    said = immis.greeting(
        parse_address("immis://h/abcdefghijklmnopqrst__IMDS_0123456789abcdefgh?client_id=1")
    )
    assert len(said) == 122
    assert (said[8:24], said[102:118]) == (b"0123456789abcdef", b"abcdefghijklmnop")


def test_packets_of_the_client() -> None:
    """Keep-alive: type 0x0A, its sequence, nothing more. Statistics: type 0x12, sequence 1000, 24 zeros."""
    assert immis.keep_alive(258) == bytes.fromhex("0a 00000102 00000000")
    assert immis.latency_statistics() == bytes.fromhex("12 000003e8 00000018") + bytes(24)


def test_headers() -> None:
    """A header is type, sequence and length; the largest payload passes, one byte more is refused."""
    assert immis.parse_header(bytes.fromhex("00 00000007 00000524")) == immis.Header(0, 7, 1316)
    assert immis.parse_header(bytes.fromhex("18 ffffffff 00100000")).length == immis.LARGEST_PAYLOAD
    with pytest.raises(UnexpectedAnswer):
        immis.parse_header(bytes.fromhex("00 00000007 00100001"))


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [(0, b"\x47abc", True), (0, b"abc\x47", False), (0, b"", False), (0x18, b"\x47abc", False)],
)
def test_video_is_type_0_that_begins_with_the_sync_byte(kind: int, payload: bytes, expected: bool) -> None:
    """Other types, and type 0 that does not begin with 0x47, are no video."""
    assert immis.is_video(immis.Header(kind, 1, len(payload)), payload) is expected
