"""What the tests of this room share: entries as Blink lists them, and clips that got their files."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import blink_archive.simulator
from blink_archive.archive import feed, layout
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.filters import Filter
from blink_archive.archive.listing import Listing
from blink_archive.archive.queue import Outcome, QueuedClip, Saved, SavedClip, record_outcomes, waiting
from blink_archive.archive.search import COLUMNS
from blink_archive.archive.store import Kept, Store
from blink_archive.model import Camera, Homescreen, MediaItem, Network

ACCOUNT = 1100001
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW_YORK = "America/New_York"
CLIPS = Path(blink_archive.simulator.__file__).parent / "clips"


def make_item(number: int = 7000001, **changes: Any) -> MediaItem:
    """An entry of the feed, alive and whole unless ``changes`` say otherwise."""
    created = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)
    fields: dict[str, Any] = {
        "key": str(number),
        "id": number,
        "created_at": created,
        "updated_at": created,
        "deleted": False,
        "partial": False,
        "watched": False,
        "type": "video",
        "source": "pir",
        "device_type": "owl",
        "device_id": 41,
        "device_name": "Front door",
        "network_id": 5,
        "network_name": "Home",
        "time_zone": NEW_YORK,
        "media": f"/api/v2/accounts/{ACCOUNT}/media/clip/{number}.mp4",
        "thumbnail": f"/media/thumb/{number}",
        "metadata": None,
        "raw": {"id": number},
    }
    return MediaItem(**fields | changes)


def make_home(*cameras: tuple[int, str], days: int | None = 60) -> Homescreen:
    """A homescreen with one network, and cameras by (id, name)."""
    network = Network(5, "Home", NEW_YORK, True, {})
    return Homescreen(
        account_id=ACCOUNT,
        networks=(network,),
        sync_modules=(),
        cameras=tuple(
            Camera(number, 5, "owl", name, "owl", None, None, None, None, None, None, {})
            for number, name in cameras
        ),
        auto_delete_days=days,
        raw={},
    )


def list_items(catalog: Catalog, *items: MediaItem, now: datetime = NOW) -> feed.Recorded:
    """One page of the feed."""
    return feed.record_page(catalog, items, zones={5: NEW_YORK}, now=now)


def list_clips(catalog: Catalog, wanted: Filter, *, limit: int | None = None) -> list[tuple[Any, ...]]:
    """The `COLUMNS` of clips as `ls` lists them."""
    listing = Listing(catalog, wanted, limit=limit)
    found: list[tuple[Any, ...]] = []
    while page := listing.page(", ".join(f"v.{name}" for name in COLUMNS)):
        found += [clip[:-1] for clip in page]
        listing.move_on(page)
    return found


def queued(catalog: Catalog, *, now: datetime = NOW, archived: bool = False) -> dict[str, QueuedClip]:
    """The whole queue, by Blink's id."""
    return {clip.key: clip for clip in waiting(catalog, Filter(), now=now, archived=archived)}


def saved(path: str, data: bytes = b"clip") -> Saved:
    """A file of the archive that is only said to be there."""
    return Saved(Kept(path), len(data), hashlib.sha256(data).hexdigest())


def archive_clip(catalog: Catalog, key: str, *, now: datetime = NOW, run: int | None = None) -> None:
    """Record that a waiting clip got its file and its thumbnail; none is written."""
    clip = queued(catalog, now=now)[key]
    outcome = Outcome(
        clip,
        saved=SavedClip(saved(clip.path), duration=4.5, unproven=None),
        thumbnail=saved(layout.thumbnail_path(clip.path), b"picture"),
    )
    record_outcomes(catalog, [outcome], run=run or begin(catalog), now=now)


def begin(catalog: Catalog) -> int:
    """A run to book things on."""
    return catalog.begin_run("sync", now=NOW)


def write(store: Store, path: str, data: bytes) -> Kept:
    """A file of the archive, through every step of the durable write."""
    part = store.open_part()
    part.write(data)
    store.make_durable(part)
    kept = store.keep(part, path)
    store.sync_folders([kept.path])
    return kept


def archive_files(
    catalog: Catalog, store: Store, key: str, *, clip_data: bytes, picture: bytes | None = None
) -> QueuedClip:
    """A waiting clip with real files on disk and their facts in the catalog; as it was queued."""
    clip = queued(catalog)[key]
    kept = write(store, clip.path, clip_data)
    digest = hashlib.sha256(clip_data).hexdigest()
    outcome = Outcome(clip, saved=SavedClip(Saved(kept, len(clip_data), digest), 4.5, None))
    if picture is not None:
        kept = write(store, layout.thumbnail_path(kept.path), picture)
        outcome = Outcome(
            clip,
            saved=outcome.saved,
            thumbnail=Saved(kept, len(picture), hashlib.sha256(picture).hexdigest()),
        )
    record_outcomes(catalog, [outcome], run=begin(catalog), now=NOW)
    return clip


def clip_row(catalog: Catalog, key: str = "7000001") -> dict[str, Any]:
    """All columns of one clip."""
    return catalog.rows("SELECT * FROM clips WHERE origin_key = ?", (key,))[0]


def status(catalog: Catalog, key: str = "7000001") -> str:
    """What one clip is, in the view's word."""
    return str(catalog.value("SELECT status FROM clips_view WHERE clip = ?", (key,)))


def event_kinds(catalog: Catalog, key: str = "7000001") -> list[str]:
    """What happened to one clip, in order."""
    return [
        row["kind"]
        for row in catalog.rows(
            "SELECT kind FROM events, clips WHERE clips.id = clip_id AND origin_key = ? ORDER BY events.id",
            (key,),
        )
    ]
