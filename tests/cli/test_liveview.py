"""`camera liveview`: an address, a file, a pipe, players, the archive; and what is left after each ending."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..client.media_server import MediaServer, ts_packets
from ..conftest import MakeWorld
from ..ts import frames
from ..world import World

LIVE = ("camera", "liveview")


@pytest.fixture
def live(make_world: MakeWorld) -> World:
    """A world whose cameras are watched by immis, twenty times as fast as in life."""
    return make_world(hostile=False, clips=3, liveview="immis", liveview_speed=20)


@pytest.fixture
def rtsps(make_world: MakeWorld) -> World:
    """A world whose cameras are of the old kind."""
    return make_world(hostile=False, clips=3)


def camera(world: World) -> str:
    """The id of a camera."""
    return str(world.blink.cloud.catalogue.cameras[0].id)


def asked(world: World, ending: str) -> int:
    """How often something was asked whose path ends so."""
    return sum(request.path.endswith(ending) for request in world.blink.requests)


def expect_ended(world: World, *, times: int = 1) -> None:
    """Each live view was begun once and ended once, and nothing that was sent to its server was wrong."""
    assert (asked(world, "/liveview"), asked(world, "/done/")) == (times, times)
    assert all(view.ended is not None for view in world.blink.cloud.live_views.values())
    if world.blink.immis is not None:
        wait_until(lambda: all(each.closed for each in world.blink.immis.connections))
        assert [each.violations for each in world.blink.immis.connections] == [[]] * times
        assert all(each.keep_alives and each.latencies for each in world.blink.immis.connections)


def wait_until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)  # another process is waited for


def start(world: World, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """The command in a process of its own, whose stdout is bytes."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-m", "blink_archive", *LIVE, camera(world), *arguments]
    return subprocess.Popen(command, env=world.environment(), stdin=subprocess.DEVNULL, **options)


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> tuple[int, bytes, str]:
    """Interrupt it: exit code, stdout and stderr; it has to be quick."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 3
    return process.returncode, out, err.decode()


@contextmanager
def own_server(world: World, script: Callable[[MediaServer], None]) -> Iterator[None]:
    """A media server of the test's instead of the simulator's, which says ``script`` to who greets it."""
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with MediaServer() as media:
            world.blink.cloud.immis_address = media.url.removeprefix("immis://").partition("/")[0]
            ready.set()
            await media.greeted()
            script(media)
            while not over.is_set():  # noqa: ASYNC110 - another thread says so
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        over.set()
        thread.join()


# the address


def test_the_address_is_printed(rtsps: World) -> None:
    """Without an option, stdout is the address and nothing else; stderr says how to play it. The live view is
    left open for the player, and is an event."""
    done = rtsps.run(*LIVE, camera(rtsps))
    (view,) = rtsps.blink.cloud.live_views.values()
    assert done.returncode == 0
    assert done.stdout.startswith("rtsps://")
    assert view.connection in done.stdout
    assert done.stdout.count("\n") == 1
    assert "ffplay" in done.stderr
    assert (asked(rtsps, "/liveview"), asked(rtsps, "/done/")) == (1, 0)
    (event,) = rtsps.rows("SELECT detail FROM events WHERE kind = 'liveview'")
    assert json.loads(event["detail"])["camera_id"] == int(camera(rtsps))
    assert view.connection not in event["detail"], "who knows the address may watch"


def test_an_immis_address_is_none_for_players(live: World) -> None:
    """No player opens immis by itself: the options that do are named, and the live view is ended at Blink."""
    done = live.run(*LIVE, camera(live))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--serve" in done.stderr
    assert asked(live, "/done/") == 1


def test_facts_as_json(rtsps: World) -> None:
    """--json prints what is known of the live view."""
    done = rtsps.run(*LIVE, camera(rtsps), "--json")
    facts = json.loads(done.stdout)
    assert facts["scheme"] == "rtsps"
    assert facts["address"].startswith("rtsps://")
    assert (facts["camera_id"], facts["lasts"], facts["errors"]) == (int(camera(rtsps)), 300, [])


@pytest.mark.parametrize("option", [("--serve",), ("--keep",), ("--output", "{file}")])
def test_what_players_open_by_themselves_is_left_to_them(
    rtsps: World, tmp_path: Path, option: tuple[str, ...]
) -> None:
    """An rtsps live view cannot be recorded or served here: a sentence that says what can, exit 2, nothing
    left behind, and the camera is let go."""
    file = tmp_path / "a.ts"
    done = rtsps.run(*LIVE, camera(rtsps), *(each.format(file=file) for each in option))
    assert (done.returncode, done.stdout) == (2, "")
    assert "ffmpeg" in done.stderr
    expect_ended(rtsps)
    assert list(tmp_path.glob("a.ts*")) == list((rtsps.root / ".incoming").iterdir()) == []
    assert rtsps.rows("SELECT * FROM clips") == []


# a file


def test_a_file(live: World, tmp_path: Path) -> None:
    """--output writes MPEG-TS that a decoder takes, under its name only when it is complete; the live view is
    ended at Blink, and stdout says nothing."""
    file = tmp_path / "front door.ts"
    done = live.run(*LIVE, camera(live), "--output", str(file), "--seconds", "0.5")
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr
    assert frames(file.read_bytes()) > 20
    assert list(tmp_path.glob("front*")) == [file]
    expect_ended(live)
    assert live.rows("SELECT * FROM clips") == []


def test_a_live_view_that_blink_ends(make_world: MakeWorld, tmp_path: Path) -> None:
    """The end by the server is no error: all that came is in the file, and a person is told."""
    world = make_world(hostile=False, clips=3, liveview="immis", liveview_speed=0)
    file = tmp_path / "a.ts"
    done = world.run(*LIVE, camera(world), "--output", str(file), "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout)
    assert (facts["ended"], facts["bytes"], facts["file"]) == ("blink", file.stat().st_size, str(file))
    assert frames(file.read_bytes()) > 1000
    assert world.blink.immis.connections[0].reason == "duration"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_has_arrived(live: World, tmp_path: Path, number: int) -> None:
    """Ctrl-C and SIGTERM end a recording with exit 130; the file has its name, and the camera is let go."""
    file = tmp_path / "a.ts"
    process = start(live, "--output", str(file))
    wait_until(
        lambda: (tmp_path / "a.ts.part").exists() and (tmp_path / "a.ts.part").stat().st_size > 200_000
    )
    code, out, err = stop(process, number)
    assert (code, out) == (130, b"")
    assert "kept" in err
    assert "Traceback" not in err
    assert frames(file.read_bytes()) > 20
    assert not (tmp_path / "a.ts.part").exists()
    expect_ended(live)


def test_ctrl_c_before_any_video(live: World, tmp_path: Path) -> None:
    """Interrupted while the camera wakes up: no file, no part, and the camera is let go."""
    with own_server(live, lambda media: None):
        process = start(live, "--output", str(tmp_path / "a.ts"), "--keep")
        wait_until(lambda: asked(live, "/liveview"))
        time.sleep(0.3)
        code, out, err = stop(process)
    assert (code, out) == (130, b"")
    assert "no video" in err
    assert list(tmp_path.glob("a.ts*")) == list((live.root / ".incoming").iterdir()) == []
    assert asked(live, "/done/") == 1


def test_an_error_keeps_what_has_arrived(live: World, tmp_path: Path) -> None:
    """A connection that breaks is exit 5; file and archive have what came before."""

    def script(media: MediaServer) -> None:
        media.say(ts_packets(700))
        media.say_bytes(bytes.fromhex("00 00000009 00000100") + b"\x47half")
        media.hang_up()

    file = tmp_path / "a.ts"
    with own_server(live, script):
        done = live.run(*LIVE, camera(live), "--output", str(file), "--keep", "--json")
    facts = json.loads(done.stdout)
    assert done.returncode == 5
    assert "broke" in done.stderr
    assert facts["errors"] == [done.stderr.splitlines()[-1].removeprefix("blink-archive: ")]
    assert file.read_bytes() == (live.root / facts["path"]).read_bytes() == ts_packets(700)
    assert "no table" in facts["unproven"]
    assert asked(live, "/done/") == 1


def test_a_camera_that_sends_nothing(live: World, tmp_path: Path) -> None:
    """A live view without any video is an error, and leaves nothing behind."""
    with own_server(live, lambda media: media.hang_up()):
        done = live.run(*LIVE, camera(live), "--output", str(tmp_path / "a.ts"), "--keep")
    assert (done.returncode, done.stdout) == (5, "")
    assert "before any video" in done.stderr
    assert list(tmp_path.glob("a.ts*")) == list((live.root / ".incoming").iterdir()) == []
    assert live.rows("SELECT * FROM clips") == []


@pytest.mark.parametrize("taken", ["a.ts", "a.ts.part"])
def test_nothing_is_written_over(live: World, tmp_path: Path, taken: str) -> None:
    """A file that is there stays as it is, and no camera is woken up for it."""
    (tmp_path / taken).write_bytes(b"precious")
    done = live.run(*LIVE, camera(live), "--output", str(tmp_path / "a.ts"))
    assert (done.returncode, done.stdout) == (2, "")
    assert (tmp_path / taken).read_bytes() == b"precious"
    assert list(tmp_path.glob("a.ts*")) == [tmp_path / taken]
    assert not asked(live, "/liveview")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "8000"),
        ("--seconds", "5"),
        ("--output", "-", "--json"),
        ("--output", "no/such/folder/a.ts"),
        ("--output", ""),
        ("--serve", "--seconds", "0"),
    ],
)
def test_options_that_mean_nothing(live: World, arguments: tuple[str, ...]) -> None:
    """Options that are of no use together, or a folder that is not there: exit 2, no camera is woken up."""
    done = live.run(*LIVE, camera(live), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert not asked(live, "/liveview")


def test_a_camera_that_nobody_has(live: World, tmp_path: Path) -> None:
    """An unknown name is exit 2."""
    done = live.run(*LIVE, "Front dor", "--output", str(tmp_path / "a.ts"))
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.glob("a.ts*")) == []


# stdout


def test_a_pipe(live: World) -> None:
    """--output - writes MPEG-TS to stdout, and nothing else goes there."""
    process = start(live, "--output", "-", "--seconds", "0.5")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert len(out) % 188 == 0
    assert set(out[::188]) == {0x47}
    assert frames(out) > 20
    expect_ended(live)


def test_stdout_that_is_a_file(live: World, tmp_path: Path) -> None:
    """So it does where stdout is redirected into a file."""
    with (tmp_path / "a.ts").open("wb") as file:
        process = start(live, "--output", "-", "--seconds", "0.5", stdout=file)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert frames((tmp_path / "a.ts").read_bytes()) > 20


def test_a_player_that_is_closed(live: World) -> None:
    """A reader that leaves ends it cleanly: exit 0, no error, and the camera is let go."""
    process = start(live, "--output", "-")
    assert process.stdout
    assert process.stderr
    process.stdout.read(100_000)
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert "blink-archive:" not in process.stderr.read().decode()
    process.stderr.close()
    expect_ended(live)


def test_a_player_that_is_paused(live: World) -> None:
    """A reader that takes nothing keeps Blink's server waiting, but neither its keep-alives nor Ctrl-C."""
    process = start(live, "--output", "-")
    wait_until(lambda: live.blink.immis.connections and len(live.blink.immis.connections[0].latencies) >= 3)
    code, _, err = stop(process)
    assert code == 130, err
    expect_ended(live)


# players


def player(address: bytes) -> socket.socket:
    host, port = address.decode().strip().removeprefix("tcp://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_all(joined: socket.socket) -> bytes:
    data = bytearray()
    while chunk := joined.recv(1 << 16):
        data += chunk
    joined.close()
    return bytes(data)


def test_players(make_world: MakeWorld) -> None:
    """--serve prints an address that any number of players open; each gets whole packets that a decoder takes,
    one that joins later too; the end is the end for all."""
    live = make_world(
        hostile=False, clips=3, liveview="immis", liveview_speed=100
    )  # a minute has few whole pictures
    process = start(live, "--serve", "--seconds", "1.5")
    assert process.stdout
    address = process.stdout.readline()
    first, second = player(address), player(address)
    early = first.recv(1 << 16)
    late = player(address)
    for data in (early + read_all(first), read_all(second), read_all(late)):
        assert set(data[::188]) == {0x47}
        assert frames(data) > 5
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"")
    assert "ffplay tcp://127.0.0.1:" in err.decode()
    expect_ended(live)


def test_a_port(live: World) -> None:
    """--port is where players come; a port that is taken is exit 2, and no camera is woken up."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = live.run(*LIVE, camera(live), "--serve", "--port", str(port))
        assert (done.returncode, done.stdout) == (2, "")
        assert str(port) in done.stderr
        assert not asked(live, "/liveview")
    done = live.run(*LIVE, camera(live), "--serve", "--port", str(port), "--seconds", "0.1")
    assert done.stdout == f"tcp://127.0.0.1:{port}\n"


def test_the_address_for_players_as_json(live: World) -> None:
    """With --json alone, the facts come when players can come; Ctrl-C ends it with exit 130."""
    process = start(live, "--serve", "--json")
    assert process.stdout
    text = ""
    while not text.endswith("}\n"):
        text += process.stdout.readline().decode()
    assert json.loads(text)["serving"].startswith("tcp://127.0.0.1:")
    wait_until(lambda: live.blink.immis.connections and live.blink.immis.connections[0].latencies)
    code, out, _ = stop(process)
    assert (code, out) == (130, b"")
    expect_ended(live)


def test_all_at_once(live: World, tmp_path: Path) -> None:
    """A pipe, the archive and players get the same video of one live view; stdout is the video alone."""
    process = start(live, "--output", "-", "--keep", "--serve", "--seconds", "1")
    assert process.stderr
    address = process.stderr.readline()
    joined = player(address)
    seen: list[bytes] = []
    watching = threading.Thread(target=lambda: seen.append(read_all(joined)))
    watching.start()
    out, _ = process.communicate(timeout=20)
    watching.join()
    (row,) = live.rows("SELECT * FROM clips")
    assert (live.root / row["path"]).read_bytes() == out
    assert out.endswith(seen[0])
    expect_ended(live)


# the archive


def test_kept_in_the_archive(live: World) -> None:
    """--keep makes the recording a clip: for ls, show, verify and a later sync, whose account is about
    Blink's clips alone."""
    done = live.run(*LIVE, camera(live), "--keep", "--seconds", "0.5", "--json")
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["ended"], facts["unproven"]) == (0, "time", None)
    row = live.clip(facts["clip"])
    assert (row["status"], row["source"], row["path"]) == ("archived", "liveview-recording", facts["path"])
    assert row["duration"] == facts["duration"] == pytest.approx(10, abs=5)
    assert frames((live.root / facts["path"]).read_bytes()) > 20
    assert (
        json.loads(live.run("ls", "--source", "liveview-recording", "--json").stdout)[0]["clip"]
        == facts["clip"]
    )
    assert live.run("show", facts["clip"]).returncode == 0
    (event,) = live.rows("SELECT detail FROM events WHERE kind = 'liveview'")
    assert json.loads(event["detail"])["clip"] == facts["clip"]
    assert live.run("verify").returncode == 0
    summary = live.sync()
    of_blink = live.rows("SELECT count(*) AS clips FROM clips WHERE origin = 'cloud'")[0]["clips"]
    assert (summary.exit_code, summary.account["counted"]) == (0, of_blink)
    live.expect_complete()
    assert live.run("verify").returncode == 0
    expect_ended(live)


def test_a_sync_meanwhile(live: World) -> None:
    """A sync that runs while a live view is recorded takes nothing from it, and it nothing from the sync."""
    process = start(live, "--keep")
    wait_until(lambda: any(part.stat().st_size > 100_000 for part in (live.root / ".incoming").iterdir()))
    assert live.sync().exit_code == 0
    (part,) = (live.root / ".incoming").iterdir()
    size = part.stat().st_size
    wait_until(lambda: part.stat().st_size > size)
    code, _, err = stop(process)
    assert code == 130, err
    (row,) = live.rows("SELECT * FROM clips WHERE origin = 'liveview'")
    assert row["unproven"] is None
    assert frames((live.root / row["path"]).read_bytes()) > 20
    assert live.run("verify").returncode == 0
    live.expect_complete()


def test_it_waits_for_no_run(live: World) -> None:
    """While a run holds the archive, a recording is stored all the same."""
    with live.archive.lock():
        done = live.run(*LIVE, camera(live), "--keep", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr
    assert live.run("verify").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_while_recording(live: World, tmp_path: Path) -> None:
    """kill -9 leaves nothing half in the archive: no row, no file, and the next sync clears .incoming. Beside
    --output, what had arrived stays under its part's name."""
    process = start(live, "--keep", "--output", str(tmp_path / "a.ts"))
    wait_until(lambda: any(part.stat().st_size > 100_000 for part in (live.root / ".incoming").iterdir()))
    process.kill()
    process.communicate()
    assert live.run("verify").returncode == 0
    assert live.sync().exit_code == 0
    live.expect_complete()
    assert live.rows("SELECT * FROM clips WHERE origin = 'liveview'") == []
    assert [path.name for path in tmp_path.glob("a.ts*")] == ["a.ts.part"]


def test_no_archive(live: World, tmp_path: Path) -> None:
    """A file needs no archive; --keep does, and wakes no camera up without one."""
    elsewhere = {"BLINK_ARCHIVE_DIR": str(tmp_path / "none")}
    done = live.run(*LIVE, camera(live), "--keep", **elsewhere)
    assert done.returncode == 1
    assert not asked(live, "/liveview")
    file = tmp_path / "a.ts"
    done = live.run(*LIVE, camera(live), "--output", str(file), "--seconds", "0.2", **elsewhere)
    assert (done.returncode, file.exists()) == (0, True)
    assert not (tmp_path / "none").exists()


def test_an_archive_of_another_account(live: World, tmp_path: Path) -> None:
    """--keep stores nothing in the archive of another account."""
    marker = live.root / ".blink-archive.json"
    marker.write_text(marker.read_text().replace("1100001", "1100009"))
    done = live.run(*LIVE, camera(live), "--keep", "--seconds", "0.2")
    assert done.returncode == 1
    assert "1100009" in done.stderr
    assert not asked(live, "/liveview")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk(live: World) -> None:
    """A disk that takes no more is exit 8, in a sentence, and the camera is let go."""
    with Path("/dev/full").open("wb") as full:
        process = start(live, "--output", "-", stdout=full)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 8
    assert "disk is full" in err.decode()
    expect_ended(live)
