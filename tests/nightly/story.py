"""A watch as it is typed, on the clock of a world, and what happens to it at which hour."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta

import click

from blink_archive.cli import cli
from blink_archive.cli.again import again
from blink_archive.cli.reporting import reporter_of
from blink_archive.cli.watch import watch_command
from blink_archive.cli.watch_passes import Chosen, SyncPasses
from blink_archive.nightly.systemd import Systemd
from blink_archive.nightly.watch import Ended, Watch
from blink_archive.sync.ports import Time

from ..cli.quick import Quick
from ..world import World

Happening = Callable[[], object]


class Story:
    """What happens while somebody watches: real passes, with real requests, and no real waits."""

    def __init__(self, world: World, *arguments: str) -> None:
        self.world = world
        self.began = world.clock.now()
        self.ended: list[tuple[datetime, Ended]] = []  # each pass, by when it ended
        self._arguments = [*arguments, "--reserve", "0", "--quiet-days", "0"]
        self._happenings: list[tuple[datetime, Happening]] = []
        self._failed: list[Exception] = []
        self._given = Quick(world)
        self._given.state_dir = world.state
        self.watch: Watch

    def at(self, happening: Happening, **after: float) -> None:
        """Have that happen so long after the beginning (in the words of `timedelta`)."""
        self._happenings.append((self.began + timedelta(**after), happening))
        self._happenings.sort(key=lambda each: each[0])

    def tell(self, **span: float) -> None:
        """Watch for so long."""
        self.at(lambda: self.watch.stop(), **span)  # noqa: PLW0108 - it is made later
        root = click.Context(cli, info_name="blink-archive", obj=self._given)
        with watch_command.make_context("watch", self._arguments, parent=root) as ctx:
            asyncio.run(self._watch(ctx))
        for error in self._failed:
            raise error

    def asked(self, *, after: float, until: float) -> list[str]:
        """The endpoints that were asked for between so many hours after the beginning."""
        began = self.began.timestamp()
        return [
            each.endpoint for each in self.world.blink.requests if after <= (each.time - began) / 3600 < until
        ]

    async def _watch(self, ctx: click.Context) -> None:
        clock = self.world.clock
        time = Time(now=clock.now, sleep=self._sleep, random=lambda: self.world.chance)
        story = self

        class Recorded(SyncPasses):
            async def run(self) -> Ended:
                ended = await super().run()
                story.ended.append((clock.now(), ended))
                return ended

        def elapsed() -> float:
            return clock.now().timestamp()

        values = dict(ctx.params)
        chosen = Chosen.of(self._given, reporter=reporter_of(self._given, values), **values)
        passes = Recorded(chosen, again=lambda: again(ctx), time=time, elapsed=elapsed)
        self.watch = Watch(passes, every=passes.every, systemd=Systemd({}), time=time, elapsed=elapsed)
        await self.watch.run()

    async def _sleep(self, seconds: float) -> None:
        await self.world.clock.sleep(seconds)
        while self._happenings and self._happenings[0][0] <= self.world.clock.now():
            try:
                happened = self._happenings.pop(0)[1]()
                if inspect.isawaitable(happened):
                    await happened
            except Exception as error:  # noqa: BLE001 - told in the end: who slept may be cancelled
                self._failed.append(error)
                self.watch.stop()
