"""Players of a live view on this machine: they come and go, and none disturbs another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from blink_archive.client.relay import MOST_WAITING, Relay

from .media_server import settled, ts_packets


async def joined(relay: Relay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A player that the relay knows of."""
    port = int(relay.address.rpartition(":")[2])
    player = await asyncio.open_connection("127.0.0.1", port)
    await settled()
    return player


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - the other end is waited for, which tells nothing
            await asyncio.sleep(0.001)


def chunk(number: int, packets: int = 7) -> bytes:
    return b"".join(b"\x47" + bytes([number]) * 187 for _ in range(packets))


def test_any_number_of_players() -> None:
    """Each player gets every chunk from when it joined on, beginning with a packet; at the end each gets what
    is under way, and then its connection ends."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            relay.send(chunk(0))
            first = await joined(relay)
            relay.send(chunk(1))
            second, third = await joined(relay), await joined(relay)
            relay.send(chunk(2))
            relay.send(chunk(3))
        for (reader, writer), numbers in ((first, (1, 2, 3)), (second, (2, 3)), (third, (2, 3))):
            assert await reader.read() == b"".join(map(chunk, numbers))
            writer.close()
            await writer.wait_closed()

    asyncio.run(script())


def test_a_player_that_leaves_takes_nobody_along() -> None:
    """A player that closes, or breaks off, is forgotten; the others get on."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            (stays, writer), closes, breaks = [await joined(relay) for _ in range(3)]
            closes[1].close()
            breaks[1].transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            breaks[1].transport.abort()
            await settled()
            sent = 0

            def only_one_is_left() -> bool:
                nonlocal sent
                relay.send(chunk(sent := sent + 1))
                return len(relay._players) == 1

            await until(only_one_is_left)
            relay.send(chunk(0))
            assert await stays.readexactly(1316 * (sent + 1)) == b"".join(
                map(chunk, [*range(1, sent + 1), 0])
            )
            writer.close()

    asyncio.run(script())


def test_a_player_that_closes_its_own_side_goes_on_watching() -> None:
    """A player that says that it will send nothing (as netcat does) still gets the stream."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            reader, writer = await joined(relay)
            writer.write_eof()
            await settled()
            relay.send(chunk(1))
            relay.send(chunk(2))
        assert await reader.read() == chunk(1) + chunk(2)
        writer.close()

    asyncio.run(script())


def test_a_slow_player_loses_data_and_the_others_do_not() -> None:
    """A player that takes nothing costs a bounded amount of memory and delays nobody. When it has taken what
    waits, it goes on with a whole chunk."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            quick, slow = await joined(relay), await joined(relay)
            slow[1].transport.pause_reading()  # type: ignore[attr-defined]
            sent = 0
            got = bytearray()

            async def send(count: int) -> None:
                nonlocal sent
                for _ in range(count):
                    relay.send(chunk(sent % 71, packets=700))
                    sent += 1
                    got.extend(await quick[0].readexactly(188 * 700))

            await send(100)  # 13 MB: more than waits here and in the system together
            waiting = [player.transport.get_write_buffer_size() for player in relay._players]
            assert max(waiting) <= MOST_WAITING + 188 * 700
            assert bytes(got) == b"".join(chunk(number % 71, packets=700) for number in range(sent))

            slow[1].transport.resume_reading()  # type: ignore[attr-defined]
            held = bytearray()

            async def read() -> None:
                while data := await slow[0].read(1 << 20):
                    held.extend(data)

            reading = asyncio.ensure_future(read())
            await until(lambda: all(p.transport.get_write_buffer_size() == 0 for p in relay._players))
            lost_until = sent
            await send(3)
        await reading
        pieces = [bytes(held[at : at + 188 * 700]) for at in range(0, len(held), 188 * 700)]
        numbers = [piece[1] for piece in pieces]
        assert all(piece == chunk(piece[1], packets=700) for piece in pieces), "a chunk was cut"
        assert numbers[-3:] == [(lost_until + each) % 71 for each in range(3)]
        assert len(pieces) < sent, "nothing was lost, so nothing was proven"
        for _, writer in (quick, slow):
            writer.close()

    asyncio.run(script())


def waiting(relay: Relay) -> int:
    """Bytes that wait for the only player."""
    (player,) = relay._players
    return player.transport.get_write_buffer_size()


def test_a_player_that_has_lost_data_first_takes_what_waits() -> None:
    """One gap is better than many: a player that is behind gets no more before it has taken all that waits."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            reader, writer = await joined(relay)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            while waiting(relay) <= MOST_WAITING:
                relay.send(chunk(1, packets=700))
                await settled()
            relay.send(chunk(2))  # lost
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            while waiting(relay) > MOST_WAITING // 2:
                await reader.read(1 << 16)
            assert waiting(relay) > 0
            relay.send(chunk(2))  # lost too
            relay.send(chunk(2))
            held = bytearray()
            while waiting(relay):
                held += await reader.read(1 << 16)
            relay.send(chunk(3))
        held += await reader.read()
        assert b"\x02" not in held
        assert held.endswith(chunk(3))
        writer.close()

    asyncio.run(script())


def test_players_get_what_waits_at_the_end() -> None:
    """What waits for a player when the stream ends still reaches it, if it takes it soon."""

    async def script() -> None:
        relay = Relay(port=0)
        async with relay:
            reader, writer = await joined(relay)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            sent = 0
            while waiting(relay) <= MOST_WAITING // 2:
                relay.send(chunk(1, packets=700))
                sent += 1
                await settled()
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            taking = asyncio.ensure_future(reader.read())
        assert len(await taking) == sent * 700 * 188
        writer.close()

    asyncio.run(script())


def test_a_player_that_is_stuck_holds_up_no_end() -> None:
    """The end waits for a second at most for players to take what waits for them."""

    async def script() -> None:
        relay = Relay(port=0)
        loop = asyncio.get_running_loop()
        async with relay:
            _, writer = await joined(relay)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(100):
                relay.send(ts_packets(700))
                await settled()
            assert any(player.transport.get_write_buffer_size() for player in relay._players)
            began = loop.time()
        assert loop.time() - began < 2
        writer.transport.abort()
        await settled()

    asyncio.run(script())


def test_it_listens_on_this_machine_alone() -> None:
    """The address is of the loopback interface, and the port the one asked for; a port in use is an error."""

    async def script() -> None:
        async with Relay(port=0) as relay:
            assert relay._server.sockets[0].getsockname()[0] == "127.0.0.1"
            taken = int(relay.address.rpartition(":")[2])
            with pytest.raises(OSError, match=str(taken)):
                await Relay(port=taken).__aenter__()
        async with Relay(port=taken) as again:
            assert again.address == f"tcp://127.0.0.1:{taken}"

    asyncio.run(script())
