"""A dry run: a real walk into a copy of the catalog, and a look at its queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..archive import feed, homescreen, queue
from ..archive.catalog import Catalog
from ..archive.filters import Filter, where
from ..model import from_utc_text, utc_text
from .discover import Walk, discover
from .ports import Aside, Blink, Progress, Time
from .run import Options, is_full_walk
from .sticks import list_sticks

ASSUMED_BYTES = 1_500_000  # of a clip, where nothing is archived yet to go by


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sync would fetch now. ``bytes`` is an estimate, ``measured`` if by this account's clips."""

    clips: int
    bytes: int
    measured: bool
    first_expires_at: str | None
    full_walk: bool
    new: int
    warnings: tuple[str, ...]


async def forecast(
    catalog: Catalog, blink: Blink, options: Options, *, time: Time, progress: Progress
) -> Forecast:
    """Walk the feed into a copy of the catalog (``Catalog.copy`` or ``scratch``), and look at its queue."""
    home = await blink.homescreen()
    feed.start_account(catalog)
    homescreen.record_homescreen(catalog, home, now=time.now())
    walk = Walk(full=is_full_walk(catalog, options, now=time.now()))
    aside = Aside("catalog")
    clips, warnings = 0, []
    try:
        if "cloud" in options.origins:
            await discover(
                catalog, blink, walk, filed=options.layout, aside=aside, time=time, progress=progress
            )
            if walk.error is not None:
                raise walk.error
            clips += queue.waiting_count(catalog, options.wanted, now=time.now())
        if "usb" in options.origins:
            run = catalog.begin_run("sync", now=time.now())
            async for stick in list_sticks(
                catalog,
                blink.local_storage,
                home,
                filed=options.layout,
                run=run,
                aside=aside,
                time=time,
            ):
                warnings += [*stick.warnings, *([str(stick.error)] if stick.error else [])]
                walk.new += stick.new
                clips += queue.waiting_count(catalog, options.wanted, now=time.now(), module=stick.module.id)
    finally:
        aside.close()
    clips = clips if options.limit is None else min(clips, options.limit)
    average = catalog.value("SELECT avg(bytes + coalesce(thumbnail_bytes, 0)) FROM clips")
    return Forecast(
        clips=clips,
        bytes=round(clips * (average or ASSUMED_BYTES)),
        measured=average is not None,
        first_expires_at=first_expiry(catalog, options.wanted),
        full_walk=walk.full,
        new=walk.new,
        warnings=(*walk.warnings, *warnings),
    )


def first_expiry(catalog: Catalog, wanted: Filter) -> str | None:
    """When Blink deletes the oldest clip that waits here (UTC text), None where nothing does or the
    account does not say after how many days."""
    condition, parameters = where(catalog, wanted)
    oldest = catalog.value(
        f"SELECT min(created_at) FROM clips WHERE {feed.IN_QUEUE} AND origin = 'cloud' AND {condition}",
        parameters,
    )
    days = catalog.value("SELECT auto_delete_days FROM accounts, archive WHERE accounts.id = account_id")
    return utc_text(from_utc_text(oldest) + timedelta(days=days)) if oldest and days else None
