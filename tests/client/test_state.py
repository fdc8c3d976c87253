"""The state directory: private, whole, and not led astray."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blink_archive import errors
from blink_archive.client import StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.device import hardware_id
from blink_archive.client.pending import load_pending
from blink_archive.client.session import load_session

from .fake import NOW, signed_in

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """0700 and 0600, also for the lock, whatever the umask."""
    before = os.umask(0)
    try:
        state = signed_in(tmp_path)
        hardware_id(state)

        async def lock() -> None:
            async with state.locked():
                assert mode(state.path / "session.lock") == 0o600

        asyncio.run(lock())
    finally:
        os.umask(before)
    assert mode(state.path) == 0o700
    assert {mode(file) for file in state.path.glob("*.json")} == {0o600}


@posix
def test_wider_modes_are_tightened_and_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of directory and file, when either is next met; each once, with what it was and what to do."""
    state = signed_in(tmp_path)
    file = state.path / "session-1100001.json"
    for _ in range(2):
        load_session(state, 1100001, addresses=Addresses())
    assert caplog.records == []
    file.chmod(0o644)
    state.path.chmod(0o755)
    for _ in range(2):
        load_session(state, 1100001, addresses=Addresses())
        state.write("other.json", {})
    assert (mode(file), mode(state.path)) == (0o600, 0o700)
    assert [(record.levelname, record.name) for record in caplog.records] == [
        ("WARNING", "blink_archive.client.state")
    ] * 2
    for record, path, modes in zip(
        caplog.records, (state.path, file), ("0755 0700", "0644 0600"), strict=True
    ):
        assert record.getMessage().startswith(f"{path} was open to other users")
        assert all(each in record.getMessage() for each in [*modes.split(), "blink-archive logout"])


@posix
def test_a_directory_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Neither to read nor to write: what it points at is as it was."""
    state = signed_in(tmp_path)
    elsewhere = state.path.rename(tmp_path / "elsewhere")
    elsewhere.chmod(0o755)
    state.path.symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    with pytest.raises(errors.StateError, match="state is a symbolic link"):
        load_session(state, 1100001, addresses=Addresses())
    with pytest.raises(errors.StateError, match="state is a symbolic link"):
        state.write("other.json", {})
    assert (mode(elsewhere), sorted(elsewhere.iterdir())) == (0o755, before)


@posix
def test_a_link_is_not_followed_when_reading(tmp_path: Path) -> None:
    """It is refused, and what it points at keeps its mode."""
    state = signed_in(tmp_path)
    outside = tmp_path / "outside.json"
    (state.path / "session-1100001.json").rename(outside)
    outside.chmod(0o644)
    (state.path / "session-1100001.json").symlink_to(outside)
    with pytest.raises(errors.StateError, match=r"session-1100001\.json is a symbolic link"):
        load_session(state, 1100001, addresses=Addresses())
    assert mode(outside) == 0o644


@posix
def test_a_link_is_replaced_when_writing(tmp_path: Path) -> None:
    """What it points at is not written to."""
    state = signed_in(tmp_path)
    outside = tmp_path / "outside.json"
    outside.write_text("untouched")
    (state.path / "session-1100001.json").unlink()
    (state.path / "session-1100001.json").symlink_to(outside)
    state.write("session-1100001.json", {"a": 1})
    assert outside.read_text() == "untouched"
    assert not (state.path / "session-1100001.json").is_symlink()


@posix
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Without hanging on it."""
    state = StateDir(tmp_path)
    make(tmp_path / "session-1100001.json")
    with pytest.raises(errors.StateError, match=r"session-1100001\.json"):
        load_session(state, 1100001, addresses=Addresses())


@posix
def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "state").write_text("")
    with pytest.raises(errors.StateError, match="--state-dir"):
        StateDir(tmp_path / "state").write("a.json", {})


def test_a_write_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    """No part of it is left lying about, done or failed."""
    state = StateDir(tmp_path / "state")
    state.write("a.json", {"a": "ü"})
    (state.path / "b.json").mkdir()
    with pytest.raises(errors.StateError):
        state.write("b.json", {})
    assert sorted(file.name for file in state.path.iterdir()) == ["a.json", "b.json"]
    assert state.read("a.json") == {"a": "ü"}


def test_what_a_killed_process_left_of_a_session_goes_with_the_next_one(tmp_path: Path) -> None:
    """A half-written session, whose token may be good, lies about no longer than to the next renewal."""
    state = signed_in(tmp_path)
    (left,) = (state.path / f".{name}.0123456789abcdef" for name in state.names("session-*.json"))
    left.write_text('{"kind": "oauth"')
    before = state.names("*")

    async def lock() -> None:
        async with state.locked():
            assert not left.exists()

    asyncio.run(lock())
    assert {*before} - {left.name} <= {*state.names("*")}


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """An open file keeps the old content: it was replaced, not overwritten."""
    state = StateDir(tmp_path / "state")
    state.write("a.json", {"a": 1})
    with (state.path / "a.json").open() as reader:
        state.write("a.json", {"a": 2})
        assert json.load(reader) == {"a": 1}
    assert state.read("a.json") == {"a": 2}


@posix
def test_a_write_is_on_stable_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is synced, whole, before it takes its name, and the directory after: a power cut
    leaves the old content or the new, and after `write` the new."""
    state = StateDir(tmp_path / "state")
    state.write("a.json", {"a": 1})
    synced: list[tuple[int, int | None, object]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        facts = os.fstat(descriptor)
        size = None if stat.S_ISDIR(facts.st_mode) else facts.st_size
        synced.append((facts.st_ino, size, json.loads((state.path / "a.json").read_text())))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    state.write("a.json", {"a": 2})
    file = (state.path / "a.json").stat()
    assert synced == [
        (file.st_ino, file.st_size, {"a": 1}),
        (state.path.stat().st_ino, None, {"a": 2}),
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"[" * 100_000, b" " * 2_000_000, b'{"email": 5}'],
)
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("session-1100001.json", lambda state: load_session(state, 1100001, addresses=Addresses())),
        ("pending.json", lambda state: load_pending(state, addresses=Addresses(), now=NOW)),
        ("device.json", hardware_id),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, name: str, load: Callable[[StateDir], object], content: bytes
) -> None:
    """With what to do about it."""
    state = StateDir(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.StateError, match=rf"{name}.*blink-archive login"):
        load(state)


@pytest.mark.parametrize(
    "change", [{"expires_at": "soon"}, {"expires_at": "2026-01-01"}, {"tier": 5}, {"more": 1}]
)
def test_a_session_with_a_damaged_field_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    """Each field has its type, times have a zone."""
    state = signed_in(tmp_path)
    stored = state.read("session-1100001.json")
    assert stored is not None
    state.write("session-1100001.json", {**stored, **change})
    with pytest.raises(errors.StateError, match="damaged"):
        load_session(state, 1100001, addresses=Addresses())


def test_the_device_gets_one_id(tmp_path: Path) -> None:
    """An upper-case UUID, the same ever after."""
    state = StateDir(tmp_path)
    first = hardware_id(state)
    assert first == first.upper()
    assert len(first) == 36
    assert hardware_id(StateDir(tmp_path)) == first


HOLDER = """
import asyncio, sys
from pathlib import Path
from blink_archive.client import StateDir

async def main():
    async with StateDir(Path(sys.argv[1])).locked():
        print("held", flush=True)
        sys.stdin.readline()

asyncio.run(main())
"""


def test_the_lock_of_another_process_is_waited_for(tmp_path: Path) -> None:
    """Without blocking the event loop."""

    async def main() -> list[str]:
        seen: list[str] = []
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(tmp_path / "state"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"

        async def take() -> None:
            async with StateDir(tmp_path / "state").locked():
                seen.append("taken")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(take())
            await asyncio.sleep(0)
            seen.append("meanwhile")
            await holder.communicate(b"go\n")
            seen.append("released")
        return seen

    assert asyncio.run(main())[0] == "meanwhile"
