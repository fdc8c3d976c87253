"""Exports that are killed at one point after another: ``python -m tests.archive.export.killing FORMAT FOLDER STEP``.

A process of its own forks one for each point, which makes an export and kills itself at its n-th step on the disk:
before a file is made, renamed, linked, removed or dated, and in the middle of a write. After each, what has a final
name has to be whole, and the same export run again has to end right. It prints how many points there were.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from blink_archive.archive import feed, homescreen
from blink_archive.archive.export import folder, sequence
from blink_archive.archive.export.plan import PAPERS_BYTES, PAPERS_LEAST
from blink_archive.archive.export.run import Request
from blink_archive.archive.folder import Archive, create_archive

from ..helpers import ACCOUNT, NOW, make_home
from .exporting import clips_of, export, fill, request
from .test_run import expect_whole, left_over, place_of, unpacked

_STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.utime", "os.truncate"}
_PARTS = PAPERS_LEAST + 2 * (PAPERS_BYTES + 4000)


class Killer:
    """Kills this process at its n-th step in ``place``."""

    def __init__(self, place: Path, nth: int) -> None:
        self._place = str(place)
        self._left = nth
        self._lock = threading.Lock()
        self._write = folder.write_all

    def install(self) -> None:
        folder.write_all = sequence.write_all = self.write
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STEPS and isinstance(arguments[0], str | Path) and self._place in str(arguments[0]):
            self.step(lambda: None)

    def write(self, file: Any, data: Any) -> None:
        self.step(lambda: self._write(file, memoryview(data)[: len(data) // 2]))
        self._write(file, data)

    def step(self, last: Callable[[], None]) -> None:
        with self._lock:
            self._left -= 1
            if self._left < 0:
                last()
                os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """``work`` in a process of its own; the signal that ended it, 0 where it ended well."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - it must not run on as its parent
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return 0


def export_and_die(archive: Archive, asked: Request, killer: Killer) -> None:
    """Unless it ends before."""
    killer.install()
    export(archive, asked)


def expect_nothing_half(archive: Archive, place: Path, form: str) -> None:
    """Whatever has a final name is what it is to be."""
    clips = clips_of(archive)
    for part in place.glob("out*"):
        if form in ("zip", "tar"):
            if part.suffix == f".{form}":
                unpacked(part, form)
                shutil.rmtree(f"{part}.unpacked")
            continue
        root = part / "data" if form == "bag" else part
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not name.startswith(".") and name.endswith((".mp4", ".jpg")):
                assert path.read_bytes() == clips[name], path


def main(form: str, where: str, step: str) -> None:
    """All points of one format; "parts" is a ZIP in parts."""
    parts, form = (True, "zip") if form == "parts" else (False, form)
    root = Path(where) / "archive"
    archive, _ = create_archive(root, root / "catalog.db", account_id=ACCOUNT, uuid="u-1", now=NOW)
    catalog = archive.open_catalog(write=True)
    homescreen.record_homescreen(catalog, make_home((41, "Front door")), now=NOW)
    feed.start_account(catalog)
    fill(archive, catalog, 4)
    catalog.close()
    points = 0
    for nth in count(0, int(step)):
        place = Path(where) / f"{nth}"
        place.mkdir()
        asked = request(place_of(place, form), form=form, limit=_PARTS if parts else None)

        ended = forked(partial(export_and_die, archive, asked, Killer(place, nth)))
        expect_nothing_half(archive, place, form)
        complete = any(place.iterdir()) and not left_over(place)  # killed when all was done
        if not complete or form in ("folder", "bag"):
            forked(partial(export, archive, asked))
        if parts:
            for part in place.glob("*.zip"):
                unpacked(part, form)
            assert len(list(place.glob("*.zip.unpacked"))) == 2
        else:
            expect_whole(archive, asked.destination, form)
        assert not left_over(place), nth
        shutil.rmtree(place)
        if ended == 0:
            break
        points += 1
    print(points)


if __name__ == "__main__":
    main(*sys.argv[1:])
