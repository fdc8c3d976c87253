"""Discover: the media feed into the catalog, page by page, and then the watermark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..archive import feed
from ..archive.catalog import Catalog, Watermark
from ..errors import BlinkError, UnexpectedAnswer
from .ports import Blink, Progress, Time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(hours=1)
FULL_WALK_EVERY = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(days=1)
PAGE_PAUSE = 0.1  # seconds between pages, on average


@dataclass(frozen=True, slots=True)
class Walk:
    """How a walk through the feed went. ``finished``: it reached the empty page and could be believed.

    ``problems`` are (clip, what is wrong with its entry) of new entries; ``warnings`` sentences for
    a person; ``error`` is what ended the walk early.
    """

    full: bool
    pages: int = 0
    listed: int = 0
    new: int = 0
    finished: bool = False
    problems: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    error: BlinkError | None = None


def full_walk_is_due(watermark: Watermark, *, auto_delete_days: int | None, now: datetime) -> bool:
    """A walk from 1970 is due on the first run, and every min(7 days, a third of what Blink keeps)."""
    if watermark.since is None or watermark.full_walk_at is None:
        return True
    every = (
        min(FULL_WALK_EVERY, timedelta(days=auto_delete_days) / 3) if auto_delete_days else FULL_WALK_EVERY
    )
    return now - watermark.full_walk_at >= every


async def discover(catalog: Catalog, blink: Blink, *, full: bool, time: Time, progress: Progress) -> Walk:
    """Record every entry that changed since the watermark (all, if ``full``), then move the watermark.

    A `BlinkError` ends the walk and is returned in it: what was recorded stays, the watermark too.
    Every other error is raised.
    """
    watermark = catalog.watermark()
    since = EPOCH if full or watermark.since is None else watermark.since - OVERLAP
    had_clips = bool(catalog.value("SELECT EXISTS (SELECT 1 FROM clips WHERE origin = 'cloud')"))
    zones = feed.network_zones(catalog)
    walk = Walk(full=since == EPOCH)
    server_time: datetime | None = None
    previous: set[str] = set()
    try:
        while True:
            page = await blink.media_changed(since=since, page=walk.pages + 1)
            walk = replace(walk, pages=walk.pages + 1, listed=walk.listed + len(page.items))
            if page.number == 1:
                server_time = page.server_time
            if not page.items:
                break
            keys = {item.key for item in page.items}
            if keys == previous:
                raise UnexpectedAnswer(
                    f"Blink's list of clips repeats itself: page {page.number} is page {page.number - 1} "
                    "again. What it listed is recorded; try again later."
                )
            previous = keys
            recorded = feed.record_page(catalog, page.items, zones=zones, now=time.now())
            walk = replace(walk, new=walk.new + recorded.new, problems=walk.problems + recorded.problems)
            progress.listed(len(page.items))
            await time.pause(PAGE_PAUSE)
    except BlinkError as error:
        return replace(walk, error=error)
    return _finish(catalog, walk, server_time, watermark=watermark, had_clips=had_clips, now=time.now())


def _finish(
    catalog: Catalog,
    walk: Walk,
    server_time: datetime | None,
    *,
    watermark: Watermark,
    had_clips: bool,
    now: datetime,
) -> Walk:
    """The walk reached its empty page: move the watermark, unless something speaks against it."""
    if walk.listed == 0 and had_clips:
        if not walk.full:
            return replace(walk, finished=True)  # a quiet day, or throttled: the next walk overlaps more
        warning = (
            "Blink listed no clips at all, though it used to have some. Throttled accounts have seen that: "
            "look into the app, and run `blink-archive sync --full` tomorrow."
        )
    elif server_time is None:
        warning = "Blink's answer carried no date, so the next sync lists the same stretch again."
    elif abs(server_time - now) > CLOCK_TOLERANCE:
        warning = (
            f"Blink's clock ({server_time:%Y-%m-%d %H:%M} UTC) and this machine's ({now:%Y-%m-%d %H:%M} UTC) "
            "are more than a day apart. Set this machine's clock; the next sync lists the same stretch again."
        )
    else:
        full_walk_at = now if walk.full else watermark.full_walk_at
        catalog.set_watermark(Watermark(since=server_time, full_walk_at=full_walk_at))
        return replace(walk, finished=True)
    return replace(walk, warnings=(warning,))
