"""A Blink cloud, a state directory and an archive, driven as the program drives them, on one clock."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.deletion import Plan
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.client import Blink, Pacing, SignIn, StateDir
from blink_archive.errors import CodeNeeded
from blink_archive.simulator import Settings, Simulator
from blink_archive.sync.ports import Time
from blink_archive.sync.prune import Pruned, Wish, prune
from blink_archive.sync.run import Options, Summary, sync

from .left_behind import Search, searched

PASSWORD = "Correct-Horse-8"
"""Of every world's account: nothing else can look like it."""


class Clock:
    """A clock that runs, and that sleeping moves on: nobody waits, and both ends agree on the time."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def pass_by(self, **span: float) -> None:
        self._ahead += timedelta(**span)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._ahead += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Silent:
    """A progress bar that shows nothing."""

    def listed(self, items: int) -> None: ...
    def start(self, clips: int) -> None: ...
    def received(self, count: int) -> None: ...
    def finished(self) -> None: ...


class World:
    """One account and its archive; the simulator runs while the world is entered."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.chance = 0.5  # what every throw of the dice gives
        self.state = tmp_path / "state"
        self.root = tmp_path / "archive"
        self.said: list[tuple[str, str]] = []  # by commands: what was run, and all that it printed
        self.left: Search | None = None  # what was looked at for secrets in the end
        self._folder = tmp_path
        usual = {"now": self.clock.now, "hostile": True, "clips": 12, "password": PASSWORD}
        self.settings = Settings(**(usual | settings))
        self.blink = Simulator(self.settings)
        self.archive: Archive

    def __enter__(self) -> World:
        self.blink.start()
        asyncio.run(self._sign_in())
        self.archive, _ = create_archive(
            self.root, self.root / "catalog.db", account_id=1100001, uuid=str(uuid4()), now=self.clock.now()
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever was done in this world, its secrets are nowhere but in state directories."""
        self.blink.stop()
        self.left = searched(self.blink, self._folder, self.said)
        assert not self.left.found, f"secrets were left: {self.left.found}"

    async def _sign_in(self) -> None:
        sign_in = SignIn(
            StateDir(self.state),
            api_url=self.blink.url,
            oauth_url=self.blink.url,
            pacing=Pacing.none(),
            now=self.clock.now,
        )
        with suppress(CodeNeeded):
            await sign_in.sign_in(email=self.settings.email, password=self.settings.password)
            return
        await sign_in.enter_code(self.settings.code)

    def cloud(self) -> Blink:
        """The real client, on this world's clock, without waits between its attempts."""
        return Blink.from_state(
            StateDir(self.state),
            api_url=self.blink.url,
            oauth_url=self.blink.url,
            pacing=Pacing.none(),
            now=self.clock.now,
        )

    def sync(self, **options: Any) -> Summary:
        """One sync through the real client, over HTTP."""
        return asyncio.run(self._sync(Options(**({"reserve": 0, "quiet": None} | options))))

    async def _sync(self, options: Options) -> Summary:
        async with self.cloud() as cloud:
            summary = await sync(self.archive, cloud, options, time=self._time(), progress=Silent())
        self.check_sum(summary)
        return summary

    def plan(self, origin: str = "cloud", **wish: Any) -> Plan:
        """What a prune would do now."""
        catalog = Catalog.read(self.archive.catalog_path)
        try:
            return Wish(origin, **wish).plan(catalog, now=self.clock.now())
        finally:
            catalog.close()

    def prune(self, origin: str = "cloud", **wish: Any) -> Pruned:
        """Delete at Blink, or on the sticks, all that may go, through the real client, over HTTP."""
        chosen = frozenset(clip.key for clip in self.plan(origin, **wish).delete)
        return asyncio.run(self._prune(Wish(origin, **wish), chosen))

    async def _prune(self, wish: Wish, chosen: frozenset[str]) -> Pruned:
        async with self.cloud() as cloud:
            return await prune(self.archive, cloud, wish, chosen, time=self._time())

    def _time(self) -> Time:
        return Time(now=self.clock.now, sleep=self.clock.sleep, random=lambda: self.chance)

    @staticmethod
    def check_sum(summary: Summary) -> None:
        """Promise 1: the account adds up, after every run of every test."""
        account = summary.account
        parts = ("archived_now", "archived_before", "deleted", "gone", "covered", "excluded", "waiting")
        assert sum(account[part] for part in parts) == account["counted"], account

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the catalog."""
        catalog = Catalog.read(self.archive.catalog_path)
        try:
            return catalog.rows(sql, parameters)
        finally:
            catalog.close()

    def clip(self, clip: int | str) -> dict[str, Any]:
        """One clip's row, with its status in words."""
        return self.rows(
            "SELECT clips.*, clips_view.status, clips_view.reason FROM clips JOIN clips_view USING (id) "
            "WHERE origin_key = ?",
            str(clip),
        )[0]

    def files(self) -> dict[str, bytes]:
        """Every clip and thumbnail of the folder, by relative path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.suffix in (".mp4", ".ts", ".jpg")
        }

    def expect_complete(self) -> None:
        """The folder and the catalog hold just what the cloud holds alive: nothing lost, nothing twice,
        nothing half, nothing left lying about, every byte right."""
        files = self.files()
        expected: dict[str, bytes] = {}
        for clip_id in self.blink.cloud.live_clips():
            row = self.clip(clip_id)
            assert row["status"] == "archived", row
            video = self.blink.cloud.clip_bytes(clip_id)
            assert row["sha256"] == hashlib.sha256(video).hexdigest()
            assert row["bytes"] == len(video)
            expected[row["path"]] = video
            expected[row["thumbnail_path"]] = self.blink.cloud.thumbnail_bytes(clip_id)
        archived = {row["path"] for row in self.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")}
        assert archived <= files.keys()
        assert {path: files.get(path) for path in expected} == expected
        named = {
            path
            for row in self.rows("SELECT path, thumbnail_path FROM clips WHERE sha256 IS NOT NULL")
            for path in (row["path"], row["thumbnail_path"])
        }
        assert files.keys() <= named
        assert not list((self.root / ".incoming").iterdir())
        assert not self.rows("SELECT * FROM dirty_days")
        self.expect_sums()

    def expect_sums(self) -> None:
        """Promise 6: `sha256sum -c` accepts each day, and the days list every file there is."""
        listed: set[str] = set()
        for sums in self.root.rglob("SHA256SUMS"):
            checked = subprocess.run(
                ["sha256sum", "--strict", "--quiet", "-c", sums.name],
                cwd=sums.parent,
                capture_output=True,
                check=False,
            )
            assert checked.returncode == 0, checked.stdout + checked.stderr
            for line in sums.read_text().splitlines():
                path = Path(os.path.normpath(sums.parent / line[66:]))  # with another layout, it has ..
                listed.add(path.relative_to(self.root).as_posix())
        assert listed == self.files().keys()

    def environment(self, **more: str) -> dict[str, str]:
        """What a process of the program needs to work in this world."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BLINK_ARCHIVE_")}
        return clean | {
            "BLINK_ARCHIVE_DIR": str(self.root),
            "BLINK_ARCHIVE_STATE_DIR": str(self.state),
            "BLINK_ARCHIVE_CONFIG": os.devnull,  # no developer's own
            "BLINK_ARCHIVE_API_URL": self.blink.url,
            "BLINK_ARCHIVE_OAUTH_URL": self.blink.url,
            "BLINK_ARCHIVE_NO_INPUT": "1",
            "BLINK_ARCHIVE_RESERVE": "0",  # however little is free where the tests run
            "BLINK_ARCHIVE_QUIET_DAYS": "0",
            **more,
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """The program in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "blink_archive", *arguments],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        self.said.append((" ".join(arguments), out + err))
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def is_sound(catalog: Path) -> bool:
    """Whether SQLite finds the file and its indexes whole. On a connection that could write: on others,
    SQLite 3.44 and 3.45 cannot look into an FTS5 index, and say so as if it were a finding."""
    with closing(sqlite3.connect(catalog)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def clips_fetched(world: World) -> Sequence[str]:
    """The paths of clips that were asked for."""
    return [request.path for request in world.blink.requests if request.endpoint == "clip"]
