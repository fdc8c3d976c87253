"""The file for Prometheus is what Prometheus reads, and always whole."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from blink_archive.archive.runs import Past
from blink_archive.nightly.ending import Ending, Standing
from blink_archive.nightly.metrics import exposition, success_in, write_beside

from .made_up import NIGHT, a_standing, an_ending
from .scraped import scraped

BEFORE = NIGHT - timedelta(days=2)
STATES = {"archived", "waiting", "gone", "deleted", "excluded", "covered", "pruned", "lost"}


def figures(
    ending: Ending, standing: Standing | None = None, *, success_at: float | None = None
) -> dict[str, float]:
    return scraped(exposition(ending, standing, success_at=success_at), archive=ending.archive)


def test_a_run_that_ended_well() -> None:
    """Its figures, and when that was."""
    found = figures(an_ending(0, fetched=12, bytes=3_000_000), success_at=NIGHT.timestamp())
    assert found == {
        "blink_archive_last_success_timestamp_seconds": NIGHT.timestamp(),
        "blink_archive_last_run_timestamp_seconds": NIGHT.timestamp(),
        "blink_archive_last_run_success": 1,
        "blink_archive_last_run_exit_code": 0,
        "blink_archive_last_run_duration_seconds": 120,
        "blink_archive_last_run_clips": 12,
        "blink_archive_last_run_bytes": 3_000_000,
    }


def test_a_run_that_failed_keeps_the_last_success() -> None:
    """And one that never had any tells of none: a date of 1970 would be one."""
    found = figures(an_ending(5), success_at=BEFORE.timestamp())
    assert found["blink_archive_last_success_timestamp_seconds"] == BEFORE.timestamp()
    assert (found["blink_archive_last_run_success"], found["blink_archive_last_run_exit_code"]) == (0, 5)
    assert "blink_archive_last_success_timestamp_seconds" not in figures(an_ending(5))


def test_all_states_are_always_there() -> None:
    """Also those without a clip: a series that comes and goes cannot be alerted on."""
    found = figures(an_ending(0), a_standing(clips={"archived": 3, "waiting": 1}, bytes={"archived": 9}))
    clips = {state: found[f"blink_archive_clips{{state={state}}}"] for state in STATES}
    assert clips == dict.fromkeys(STATES, 0) | {"archived": 3, "waiting": 1}
    sizes = {state: found[f"blink_archive_clip_bytes{{state={state}}}"] for state in STATES}
    assert sizes == dict.fromkeys(STATES, 0) | {"archived": 9}
    assert found["blink_archive_free_bytes"] == 10**12


def test_when_waiting_clips_expire() -> None:
    """As a time and as seconds from the end of the run; below zero where it has passed; not at all where
    nothing waits."""
    for hours in (30, -2):
        at = NIGHT + timedelta(hours=hours)
        found = figures(an_ending(0), a_standing(expires_at=at))
        assert found["blink_archive_waiting_expiry_timestamp_seconds"] == at.timestamp()
        assert found["blink_archive_waiting_expiry_seconds"] == hours * 3600
    assert not [name for name in figures(an_ending(0), a_standing()) if "expiry" in name]


@pytest.mark.parametrize(("code", "failures"), [(0, 0), (5, 4)])
def test_failures_in_a_row(code: int, failures: int) -> None:
    """This one counts, and a success ends them."""
    found = figures(an_ending(code), a_standing(past=Past(BEFORE, 3, 0)))
    assert found["blink_archive_failures_in_a_row"] == failures


@pytest.mark.parametrize("archive", ["/cams", 'C:\\cams "old"', "/new\nline", "/ünï"])
def test_an_archive_may_lie_anywhere(archive: str, tmp_path: Path) -> None:
    """Its path is a label, and is found again in the file; that of another archive is not."""
    ending = an_ending(0)
    ending = Ending(archive, ending.began, ending.ended, 0, None, ending.summary)
    assert figures(ending)["blink_archive_last_run_exit_code"] == 0
    file = tmp_path / "cams.prom"
    write_beside(file, exposition(ending, None, success_at=NIGHT.timestamp()))
    assert success_in(file, archive) == NIGHT.timestamp()
    assert success_in(file, f"{archive}2") is None


def test_a_path_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    """As an escape."""
    ending = Ending("/c\udcffms", NIGHT, NIGHT, 1)
    write_beside(tmp_path / "a.prom", exposition(ending, None, success_at=1.5))
    assert success_in(tmp_path / "a.prom", "/c\udcffms") == 1.5


@pytest.mark.parametrize("content", ["", "nonsense", 'blink_archive_last_success_timestamp_seconds{archive="/cams"} x', b"\xff"])  # fmt: skip
def test_a_file_that_is_none_of_ours_tells_of_no_success(tmp_path: Path, content: str | bytes) -> None:
    """Nor one that is not there."""
    file = tmp_path / "a.prom"
    assert success_in(file, "/cams") is None
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert success_in(file, "/cams") is None


def test_a_reader_never_sees_a_part_of_it(tmp_path: Path) -> None:
    """Read all the time while it is written, it is the one or the other; no other *.prom is ever there."""
    file = tmp_path / "a.prom"
    texts = {letter * 1_000_000 for letter in "ab"}
    write_beside(file, "a" * 1_000_000)
    stop, seen, names = threading.Event(), set(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(file.read_text())
            names.update(path.name for path in tmp_path.glob("*.prom"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        for text in sorted(texts):
            write_beside(file, text)
    stop.set()
    reader.join()
    assert seen <= texts
    assert names == {"a.prom"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_what_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing beside it; no folder is made for it."""
    with pytest.raises(OSError, match="No such file"):
        write_beside(tmp_path / "none" / "a.prom", "x")
    for no_file in (Path(), Path("/")):
        with pytest.raises(OSError, match=r"busy|directory"):
            write_beside(no_file, "x")
    (tmp_path / "a.prom").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_beside(tmp_path / "a.prom", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_its_mode_is_that_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    """So that node_exporter, another user, can read it."""
    before = os.umask(umask)
    try:
        write_beside(tmp_path / "a.prom", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.prom").stat().st_mode & 0o777 == mode
