"""An immis live view: TLS, a strict greeting, real pictures, and everything a client sends written down."""

import io
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import av
import pytest

from blink_archive.simulator import Settings, Simulator
from blink_archive.simulator.immis import LOOK_EVERY, Connection
from blink_archive.simulator.liveview import LiveView, immis_url
from blink_archive.simulator.ts import live_loop

from .helpers import Clock

CONNECTION = "NIE5YSJGOOOn"
SERIAL = "G8T1000000000001"
COMMAND = 750082093
KEEP_ALIVE, LATENCY = 0x0A, 0x12


@pytest.fixture
def sim(clock: Clock) -> Iterator[Simulator]:
    with Simulator(Settings(now=clock, liveview="immis", liveview_speed=0)) as simulator:
        yield simulator


def begin(sim: Simulator) -> LiveView:
    """A live view of the first camera, as its POST begins one."""
    view = LiveView(
        camera=sim.cloud.catalogue.cameras[0], connection=CONNECTION, started=sim.settings.now().timestamp()
    )
    with sim.cloud.lock:
        sim.cloud.live_views[COMMAND] = view
    return view


def greeting(**changes: bytes) -> bytes:
    """The 122 bytes of protocol.md 5, put together by hand."""
    parts = {
        "magic": bytes([0, 0, 0, 0x28]),
        "serial_length": bytes([0, 0, 0, 16]),
        "serial": SERIAL.encode(),
        "client": bytes([0, 0, 0, 208]),
        "fixed": bytes([1, 8]),
        "token_length": bytes([0, 0, 0, 64]),
        "token": bytes(64),
        "id_length": bytes([0, 0, 0, 16]),
        "connection": CONNECTION.encode() + bytes(4),
        "trailer": bytes([0, 0, 0, 1]),
    }
    return b"".join((parts | changes).values())


class Viewer:
    """A client over a plain socket; every read has an end."""

    def __init__(self, sim: Simulator, *, first: bytes | None = None, buffer: int | None = None) -> None:
        assert sim.cloud.immis_address
        host, port = sim.cloud.immis_address.split(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.socket()
        plain.settimeout(10)
        if buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plain.connect((host, int(port)))
        self.socket = context.wrap_socket(plain)
        self.file = self.socket.makefile("rb")
        self.send(greeting() if first is None else first)

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def packet(self, kind: int, sequence: int, payload: bytes = b"") -> None:
        self.send(struct.pack(">BII", kind, sequence, len(payload)) + payload)

    def packets(self) -> Iterator[tuple[int, int, bytes]]:
        """Type, sequence and payload of what comes, until the server closes the connection."""
        while header := self.read(9):
            kind, sequence, length = struct.unpack(">BII", header)
            yield kind, sequence, self.read(length)

    def read(self, length: int) -> bytes:
        try:
            return self.file.read(length)
        except ConnectionError:
            return b""

    def hang_up(self) -> None:
        """Send no more, and take what still comes: nothing of what was sent is lost then."""
        self.socket.shutdown(socket.SHUT_WR)
        self.read_to_the_end()

    def read_to_the_end(self) -> None:
        """The server closes the connection, and soon: at real speed the film itself takes minutes."""
        until = time.monotonic() + 10
        for _ in self.packets():
            assert time.monotonic() < until

    def video(self) -> Iterator[bytes]:
        return (payload for kind, _, payload in self.packets() if kind == 0)


def wait_for(condition: Callable[[], bool]) -> None:
    """What the server does of itself, a moment after the client's part."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)  # another thread is waited for


def last(sim: Simulator) -> Connection:
    """The record of the latest connection, once it is over."""
    assert sim.immis is not None
    found = sim.immis.connections[-1]
    wait_for(lambda: found.closed is not None)
    return found


def demuxed(stream: bytes) -> list[av.Packet]:
    """The frames of a stream, not decoded."""
    with av.open(io.BytesIO(stream), format="mpegts") as container:
        return [packet for packet in container.demux(video=0) if packet.dts is not None]


def test_the_pictures_can_be_decoded(sim: Simulator) -> None:
    """More than one round of the film is H.264 in MPEG-TS without a gap, as a decoder sees it."""
    begin(sim)
    received = io.BytesIO()
    with Viewer(sim) as viewer:
        for payload in viewer.video():
            assert payload[0] == 0x47
            assert len(payload) % 188 == 0
            received.write(payload)
            if received.tell() > 300_000:
                break
    received.seek(0)
    with av.open(received, format="mpegts") as stream:
        assert stream.streams.video[0].codec_context.name == "h264"
        frames = list(stream.decode(video=0))
    whole = frames[:-5]  # the last ones may lack a neighbour that they are made from
    assert len(whole) > 30 * 12 + 60
    assert {(frame.width, frame.height) for frame in whole} == {(640, 360)}
    times = [round((frame.time - whole[0].time) * 12, 3) for frame in whole]
    assert times == list(range(len(whole)))


def test_a_live_view_lasts_for_its_duration_in_one_stream(sim: Simulator) -> None:
    """300 seconds of video, then the end; timestamps and counters go on through every round."""
    begin(sim)
    with Viewer(sim) as viewer:
        stream = b"".join(viewer.video())
    counters: dict[int, int] = {}
    for at in range(0, len(stream), 188):
        packet = stream[at : at + 188]
        assert packet[0] == 0x47
        pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
        if packet[3] & 0x10:
            assert packet[3] & 0x0F == (counters.get(pid, packet[3] - 1) + 1) & 0x0F, at
            counters[pid] = packet[3] & 0x0F
    assert len(counters) == 4
    packets = demuxed(stream)
    assert len(packets) == 300 * 12
    assert {after.dts - before.dts for before, after in pairwise(packets)} == {7500}
    assert all(packet.pts >= packet.dts for packet in packets)
    assert last(sim).reason == "duration"


def test_the_clock_of_the_stream_goes_on_too() -> None:
    """The PCR rises with the pictures, from round to round, and wraps with its 33 bits."""
    seen = []
    for at, piece in live_loop().play(70):
        for start in range(0, len(piece), 188):
            packet = piece[start : start + 188]
            if packet[3] & 0x20 and packet[4] and packet[5] & 0x10:
                seen.append((at, (int.from_bytes(packet[6:12], "big") >> 15) / 90_000))
    assert len(seen) > 800
    assert all(0 < later[1] - earlier[1] < 0.2 for earlier, later in pairwise(seen))
    assert all(abs(at - clock - (seen[0][0] - seen[0][1])) < 0.2 for at, clock in seen)


def test_timestamps_wrap_where_their_33_bits_end() -> None:
    """After more than a day, which only arithmetic reaches."""
    loop = live_loop()
    turn = (1 << 33) // loop.length + 1
    back = turn * loop.length - (1 << 33)
    assert 0 < back < loop.length
    packets = [packet for piece in loop.pieces[:40] for packet in piece.packets]
    moved = [loop._moved(packet, turn) for packet in packets]
    (first, *_), (later, *_) = demuxed(b"".join(packets)), demuxed(b"".join(moved))
    assert (later.pts - first.pts, later.dts - first.dts) == (back, back)


def test_the_film_comes_in_real_time(clock: Clock) -> None:
    """Times the speed: at a hundredfold, a second of it takes ten milliseconds, and never less."""
    with Simulator(Settings(now=clock, liveview="immis", liveview_speed=100)) as sim:
        begin(sim)
        with Viewer(sim) as viewer:
            began = time.monotonic()
            for (at, expected), payload in zip(live_loop().play(40), viewer.video(), strict=False):
                assert payload == expected
                assert time.monotonic() - began > at / 100 - 0.02
        assert at > 39.5


def test_packets_of_other_types_come_between(sim: Simulator) -> None:
    """One with no payload, one that begins as the pictures do; the video is whole without them."""
    begin(sim)
    with Viewer(sim) as viewer:
        packets = list(viewer.packets())
    others = [(kind, payload[:1]) for kind, _, payload in packets if kind != 0]
    assert set(others) == {(0x0A, b""), (0x05, b"\x47")}
    assert 20 < len(others) < len(packets) / 10
    sequences = [sequence for kind, sequence, _ in packets if kind == 0]
    assert sequences == list(range(len(sequences)))


WRONG = [
    {"magic": bytes([0, 0, 0, 0x29])},
    {"serial_length": bytes([0, 0, 0, 15])},
    {"serial": b"G8T1000000000002"},
    {"serial": bytes(16)},
    {"client": bytes([0, 0, 0, 0])},
    {"client": bytes([208, 0, 0, 0])},
    {"fixed": bytes([1, 9])},
    {"token_length": bytes([64, 0, 0, 0])},
    {"token": bytes(63) + b"\x01"},
    {"id_length": bytes([0, 0, 0, 12])},
    {"connection": b"NIE5YSJGOOOm" + bytes(4)},
    {"connection": bytes(16)},
    {"connection": CONNECTION.encode() + b"__IM"},
    {"connection": bytes(4) + CONNECTION.encode()},
    {"trailer": bytes([0, 0, 0, 2])},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_greeting_that_is_wrong_ends_the_connection(sim: Simulator, wrong: dict[str, bytes]) -> None:
    """In any of its fields: nothing is sent, and the record says what it was."""
    begin(sim)
    with Viewer(sim, first=greeting(**wrong)) as viewer:
        assert list(viewer.packets()) == []
    record = last(sim)
    assert (record.reason, record.command_id, len(record.violations)) == ("greeting", None, 1)
    assert record.greeting == greeting(**wrong)


def test_a_live_view_that_is_not_there_takes_no_connection(sim: Simulator) -> None:
    """None was asked for, or its command is done."""
    with Viewer(sim) as viewer:
        assert list(viewer.packets()) == []
    assert last(sim).reason == "greeting"
    begin(sim).ended = 1.0
    with Viewer(sim) as viewer:
        assert list(viewer.packets()) == []
    assert last(sim).reason == "greeting"
    sim.cloud.live_views[COMMAND].ended = None
    with Viewer(sim) as viewer:
        assert next(viewer.video())


def test_half_a_greeting_is_written_down(sim: Simulator) -> None:
    """As much as came."""
    begin(sim)
    with Viewer(sim, first=greeting()[:50]) as viewer:
        viewer.hang_up()
    record = last(sim)
    assert (record.greeting, record.reason) == (greeting()[:50], "greeting")
    assert record.violations == ["greeting: 50 bytes"]


def test_what_is_no_tls_is_written_down(sim: Simulator) -> None:
    """The greeting in plain text is no handshake."""
    assert sim.cloud.immis_address
    host, port = sim.cloud.immis_address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        plain.sendall(greeting())
        while plain.recv(100):  # an alert of TLS
            pass
    assert last(sim).reason == "tls"


def test_what_a_client_sends_is_written_down(clock: Clock) -> None:
    """Greeting, keep-alives with their times and sequences, latency statistics; nothing is wrong with them."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        with Viewer(sim) as viewer:
            assert sim.immis
            next(viewer.video())
            record = sim.immis.connections[0]
            assert record.opened == clock().timestamp()
            for at in range(3):
                viewer.packet(KEEP_ALIVE, 7 + at)
                viewer.packet(LATENCY, 1000, bytes(24))
                wait_for(lambda count=at + 1: len(record.latencies) == count)
                clock.forward(seconds=10)
            assert record.closed is None
        record = last(sim)
        began = clock().timestamp() - 30
        assert [(each.time - began, each.sequence) for each in record.keep_alives] == [
            (0, 7),
            (10, 8),
            (20, 9),
        ]
        assert [at - began for at in record.latencies] == [0, 10, 20]
        assert (record.violations, record.reason) == ([], "client")
        assert (record.greeting, record.command_id) == (greeting(), COMMAND)
        assert record.closed == clock().timestamp()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([(KEEP_ALIVE, 2, b""), (KEEP_ALIVE, 2, b"")], "keep-alive whose sequence does not rise: 2"),
        ([(KEEP_ALIVE, 2, b""), (KEEP_ALIVE, 1, b"")], "keep-alive whose sequence does not rise: 1"),
        ([(KEEP_ALIVE, 1, b"x")], "keep-alive with a payload of 1 bytes"),
        ([(LATENCY, 1001, bytes(24))], "latency statistics of sequence 1001"),
        ([(LATENCY, 1000, bytes(23))], f"latency statistics: {bytes(23).hex()}"),
        ([(LATENCY, 1000, bytes(23) + b"\x01")], f"latency statistics: {bytes(23).hex()}01"),
        ([(0, 1, b"G")], "packet of type 0x00"),
    ],
    ids=str,
)
def test_what_the_protocol_does_not_allow_is_told(
    clock: Clock, sent: list[tuple[int, int, bytes]], said: str
) -> None:
    """Each violation in words; the pictures go on."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        with Viewer(sim) as viewer:
            for packet in sent:
                viewer.packet(*packet)
            assert sim.immis
            wait_for(lambda: bool(sim.immis and sim.immis.connections[0].violations))
            assert next(viewer.video())
        assert last(sim).violations == [said]


def test_a_packet_without_its_end_is_told(clock: Clock) -> None:
    """Half a header, half a payload; a payload longer than any ends the connection."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        for half in (b"\x0a\0\0", b"\x12\0\0\x03\xe8\0\0\0\x18" + bytes(5)):
            with Viewer(sim) as viewer:
                next(viewer.video())
                viewer.send(half)
                viewer.hang_up()
            record = last(sim)
            assert (record.reason, record.violations) == ("client", ["half a packet at the end"])
        with Viewer(sim) as viewer:
            viewer.send(b"\x12\0\0\x03\xe8\xff\xff\xff\xff")
            viewer.read_to_the_end()
        assert (last(sim).reason, last(sim).violations) == ("violation", ["payload of 4294967295 bytes"])


def test_a_command_that_is_done_ends_the_stream(clock: Clock) -> None:
    """The client reads to the end of it, and there is nothing wrong."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        view = begin(sim)
        with Viewer(sim) as viewer:
            next(viewer.video())
            view.ended = clock().timestamp()
            viewer.read_to_the_end()
        assert (last(sim).reason, last(sim).violations) == ("done", [])


def test_a_client_that_reads_nothing_keeps_nothing_going(sim: Simulator) -> None:
    """The server waits for it, and ends the live view all the same."""
    view = begin(sim)
    with Viewer(sim, buffer=4096) as viewer:
        next(viewer.video())
        view.ended = 1.0
        assert last(sim).reason == "done"


def test_a_client_that_is_silent_for_thirty_seconds_is_left(clock: Clock) -> None:
    """Counted from the greeting, and from each keep-alive; latency statistics keep nothing alive."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        with Viewer(sim) as viewer:
            assert sim.immis
            next(viewer.video())
            record = sim.immis.connections[0]
            for at in range(2):
                clock.forward(seconds=29)
                viewer.packet(KEEP_ALIVE, at)
                wait_for(lambda count=at + 1: len(record.keep_alives) == count)
            clock.forward(seconds=29)
            viewer.packet(LATENCY, 1000, bytes(24))
            wait_for(lambda: bool(record.latencies))
            looks = time.monotonic() + 4 * LOOK_EVERY
            while time.monotonic() < looks:
                assert next(viewer.video())
            assert record.closed is None
            clock.forward(seconds=1)
            viewer.read_to_the_end()
        assert last(sim).reason == "keep-alive"
        with Viewer(sim) as viewer:
            next(viewer.video())
            clock.forward(seconds=30)
            viewer.read_to_the_end()
        assert last(sim).reason == "keep-alive"


def test_several_can_look_at_once(clock: Clock) -> None:
    """At one live view, each with a record and a stream of its own from the beginning."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        with Viewer(sim) as one, Viewer(sim) as two:
            assert next(one.video()) == next(two.video())
            assert sim.immis
            assert [record.closed for record in sim.immis.connections] == [None, None]


def test_it_ends_at_once_when_the_simulator_stops(clock: Clock) -> None:
    """Whatever its clients do: read, read nothing, or have not even greeted or shaken hands."""
    with Simulator(Settings(now=clock, liveview="immis")) as sim:
        begin(sim)
        assert sim.cloud.immis_address
        host, port = sim.cloud.immis_address.split(":")
        with (
            Viewer(sim) as reading,
            Viewer(sim, first=b""),
            socket.create_connection((host, int(port))),
            ThreadPoolExecutor(1) as pool,
        ):
            assert sim.immis
            connections = sim.immis.connections
            next(reading.video())
            wait_for(lambda: len(connections) == 3)
            rest = pool.submit(list, reading.packets())
            began = time.monotonic()
            sim.stop()
            rest.result(5)
            assert time.monotonic() - began < 1
        assert [record.reason for record in connections] == ["stopped"] * 3
        assert sim.cloud.immis_address is None
        with pytest.raises(ConnectionError):
            socket.create_connection((host, int(port)))


def test_the_address_names_the_connection_and_the_camera(sim: Simulator) -> None:
    """As a client takes it apart: host, port, id, serial, client."""
    assert sim.cloud.immis_address
    address = immis_url(sim.cloud.immis_address, begin(sim))
    assert address == f"immis://{sim.cloud.immis_address}/{CONNECTION}__IMDS_{SERIAL}?client_id=208"


def test_without_the_setting_there_is_no_such_server(clock: Clock) -> None:
    """Nothing of TLS is loaded then, and only two kinds of live view exist."""
    with Simulator(Settings(now=clock)) as sim:
        assert sim.immis is None
        assert sim.cloud.immis_address is None
    code = (
        "import sys; from blink_archive.simulator import Settings, Simulator\n"
        "with Simulator(Settings(clips=1)): pass\n"
        "assert not {'trustme', 'cryptography'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    with pytest.raises(ValueError, match="liveview is rtsps or immis"):
        Settings(liveview="webrtc")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="liveview_speed cannot be negative"):
        Settings(liveview_speed=-1)
