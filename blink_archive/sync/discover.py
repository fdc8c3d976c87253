"""Discover: the media feed into the catalog, page by page, and then the watermark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from ..archive import feed, homescreen
from ..archive.catalog import Catalog, Watermark
from ..archive.layout import Layout
from ..client.redact import logger_of
from ..errors import BlinkError, UnexpectedAnswer
from ..model import MediaPage
from .ports import Aside, Blink, Progress, Time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(hours=1)
FULL_WALK_EVERY = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(days=1)
PAGE_PAUSE = 0.1  # seconds between pages, on average
SECOND_LOOK = 2.0  # seconds, on average, before an empty page after a full one is believed
STALE_PAGES = 2  # in a row with nothing that this walk has not seen: shifting pages repeat one at most

_LOG = logger_of(__name__)


@dataclass(slots=True)
class Walk:
    """How a walk through the feed goes. ``finished``: it reached the empty page and could be believed.

    ``problems`` are (clip, what is wrong with its entry) of new entries; ``warnings`` sentences for
    a person; ``error`` is what ended the walk early.
    """

    full: bool
    pages: int = 0
    listed: int = 0
    new: int = 0
    finished: bool = False
    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: BlinkError | None = None


def full_walk_is_due(watermark: Watermark, *, auto_delete_days: int | None, now: datetime) -> bool:
    """A walk from 1970 is due on the first run, and every min(7 days, a third of what Blink keeps)."""
    if watermark.since is None or watermark.full_walk_at is None:
        return True
    every = (
        min(FULL_WALK_EVERY, timedelta(days=auto_delete_days) / 3) if auto_delete_days else FULL_WALK_EVERY
    )
    return now - watermark.full_walk_at >= every


async def discover(
    catalog: Catalog,
    blink: Blink,
    walk: Walk,
    *,
    filed: Layout,
    aside: Aside,
    time: Time,
    progress: Progress,
) -> None:
    """Record every entry that changed since the watermark (all, if ``walk.full``), then move the watermark.

    ``filed`` is how new clips are. How it goes is in ``walk``, also when it is cancelled. A `BlinkError` ends
    the walk and is put there: what was recorded stays, the watermark too. Every other error is raised.
    """
    watermark = await aside(catalog.watermark)
    since = EPOCH if walk.full or watermark.since is None else watermark.since - OVERLAP
    walk.full = since == EPOCH
    expected = await aside(partial(feed.changed_since, catalog, since))
    zones = await aside(lambda: homescreen.network_zones(catalog))
    server_time: datetime | None = None
    stale = 0
    try:
        async for page in _pages(blink, since=since, time=time):
            walk.pages = page.number
            if page.number == 1:
                server_time = page.server_time
                _LOG.info("listing since %s; Blink's purge_id is %s", since, page.purge_id)
            if not page.items:
                continue
            record = partial(feed.record_page, catalog, page.items, zones=zones, now=time.now(), filed=filed)
            recorded = await aside(record)
            walk.listed += len(page.items)
            walk.new += recorded.new
            walk.problems += recorded.problems
            progress.listed(len(page.items))
            _LOG.info("page %d: %d entries, %d new", page.number, len(page.items), recorded.new)
            stale = 0 if recorded.unseen else stale + 1
            if stale == STALE_PAGES:
                raise UnexpectedAnswer(
                    f"Blink's list of clips repeats itself: page {page.number} has nothing that was not "
                    "listed before it. What it listed is recorded; try again later."
                )
    except BlinkError as error:
        walk.error = error
        return
    moved = _believed(walk, server_time, watermark=watermark, expected=expected, now=time.now())
    if moved is not None:
        await aside(lambda: catalog.set_watermark(moved))


async def _pages(blink: Blink, *, since: datetime, time: Time) -> AsyncIterator[MediaPage]:
    """The pages up to the empty one. An empty page after a full one is asked for once more: half-broken
    servers have answered empty lists."""
    number, full = 1, False
    while True:
        page = await blink.media_changed(since=since, page=number)
        if full and not page.items:
            await time.pause(SECOND_LOOK)
            page = await blink.media_changed(since=since, page=number)
        yield page
        if not page.items:
            return
        full = page.limit is None or len(page.items) >= page.limit
        number += 1
        await time.pause(PAGE_PAUSE)


def _believed(
    walk: Walk, server_time: datetime | None, *, watermark: Watermark, expected: int, now: datetime
) -> Watermark | None:
    """The walk reached its empty page: the new watermark, or None where something speaks against it."""
    if walk.listed == 0:
        # a quiet day, a new account, or throttled: the next walk overlaps more
        if walk.full and expected:
            walk.warnings.append(
                "Blink listed no clips at all, though it used to have some. Throttled accounts have seen "
                "that: look into the app, and run `blink-archive sync --full` tomorrow."
            )
            return None
        walk.finished = True
        if expected:
            walk.warnings.append(
                f"Blink listed nothing, though it has listed {expected} of its clips as changed lately. "
                "Throttled accounts have seen that: look into the app. The next sync looks there again."
            )
        return None
    if server_time is None:
        walk.warnings.append("Blink's answer carried no date, so the next sync lists the same stretch again.")
        return None
    if abs(server_time - now) > CLOCK_TOLERANCE:
        walk.warnings.append(
            f"Blink's clock ({server_time:%Y-%m-%d %H:%M} UTC) and this machine's ({now:%Y-%m-%d %H:%M} UTC) "
            "are more than a day apart. Set this machine's clock; the next sync lists the same stretch again."
        )
        return None
    walk.finished = True
    return Watermark(since=server_time, full_walk_at=now if walk.full else watermark.full_walk_at)
