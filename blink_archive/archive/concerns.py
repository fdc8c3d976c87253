"""What a person should look at though nothing failed: cameras that fell silent, clips about to expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..model import from_utc_text, utc_text
from .catalog import Catalog
from .feed import IN_QUEUE

EXPIRY_NOTICE = timedelta(days=3)


def concerns(catalog: Catalog, *, quiet: timedelta | None, now: datetime) -> Iterator[str]:
    """Sentences of warning. ``quiet``: for how long an armed camera may record nothing; None: for ever."""
    if quiet is not None:
        yield from _quiet_cameras(catalog, quiet=quiet, now=now)
    yield from _expiring(catalog, now=now)


def _quiet_cameras(catalog: Catalog, *, quiet: timedelta, now: datetime) -> Iterator[str]:
    """Of the cameras that the last homescreen listed, armed and with motion detection on."""
    rows = catalog.rows(
        """
        SELECT cameras.name, networks.name AS network,
          (SELECT max(created_at) FROM clips WHERE camera_id = cameras.id) AS last
        FROM cameras JOIN networks ON networks.id = network_id JOIN accounts ON accounts.id = account_id
        WHERE armed AND enabled AND cameras.seen_at = accounts.seen_at
          AND coalesce(last, (SELECT created_at FROM archive)) < ?
        ORDER BY last, cameras.id
        """,
        (utc_text(now - quiet),),
    )
    for row in rows:
        since = "has no clip yet" if row["last"] is None else f"has no clip since {row['last'][:10]}"
        yield (
            f"Camera {row['name']} ({row['network']}) is armed and {since}. Check its battery, its place and "
            "its motion settings; --quiet-days sets when this is said."
        )


def _expiring(catalog: Catalog, *, now: datetime) -> Iterator[str]:
    """Of the clips that wait; one that is still being written at Blink comes soon enough."""
    days = catalog.value("SELECT auto_delete_days FROM accounts, archive WHERE accounts.id = account_id")
    if not days:
        return
    clips, first = catalog.rows(
        f"""
        SELECT count(*) AS clips, min(created_at) AS first FROM clips
        WHERE {IN_QUEUE} AND origin = 'cloud' AND created_at < :until
          AND NOT (partial AND attempts = 0 AND next_try_at > :now)
        """,
        {"until": utc_text(now + EXPIRY_NOTICE - timedelta(days=days)), "now": utc_text(now)},
    )[0].values()
    if clips:
        expiry = from_utc_text(first) + timedelta(days=days)
        yield (
            f"{clips} waiting {'clip leaves' if clips == 1 else 'clips leave'} Blink within "
            f"{EXPIRY_NOTICE.days} days, the first one "
            f"{'any moment' if expiry < now else f'at {expiry:%Y-%m-%d %H:%M} UTC'}. "
            "Run `blink-archive sync` again before that; `blink-archive query 'SELECT * FROM missing'` says "
            "why."
        )
