"""Faults put into the engine on purpose, which the machine of engine.py has to find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from blink_archive.archive import deletion, feed, queue, retention
from blink_archive.archive.catalog import Watermark
from blink_archive.archive.filters import Filter, where
from blink_archive.model import MediaPage
from blink_archive.sync import discover, run
from blink_archive.sync.ports import Time


def to_a_short_page(patch: pytest.MonkeyPatch) -> None:
    """The walk ends at a page that is not full."""

    async def pages(blink: Any, *, since: datetime, time: Time) -> AsyncIterator[MediaPage]:
        for number in count(1):
            page = await blink.media_changed(since=since, page=number)
            yield page
            if len(page.items) < page.limit:
                return

    patch.setattr(discover, "_pages", pages)


def a_failed_walk_counts(patch: pytest.MonkeyPatch) -> None:
    """The watermark moves after a walk that broke off."""
    walk_all = discover.discover

    async def walk(catalog: Any, blink: Any, walk: Any, **others: Any) -> None:
        await walk_all(catalog, blink, walk, **others)
        if walk.error and blink.walk.date and walk.listed:
            catalog.set_watermark(Watermark(blink.walk.date, None))

    patch.setattr(run, "discover", walk)


def by_the_local_clock(patch: pytest.MonkeyPatch) -> None:
    """The watermark is this machine's time at the end of the walk."""
    believed = discover._believed
    patch.setattr(discover, "_believed", lambda walk, _, **others: believed(walk, others["now"], **others))


def no_overlap(patch: pytest.MonkeyPatch) -> None:
    """The next walk begins at the watermark itself."""
    patch.setattr(discover, "OVERLAP", timedelta(0))


def empty_is_believed(patch: pytest.MonkeyPatch) -> None:
    """An empty first page moves the watermark."""
    believed = discover._believed

    def believe(walk: Any, server_time: Any, *, watermark: Watermark, **others: Any) -> Watermark | None:
        if walk.listed == 0 and server_time and watermark.since:
            return Watermark(server_time, watermark.full_walk_at)
        return believed(walk, server_time, watermark=watermark, **others)

    patch.setattr(discover, "_believed", believe)


def listed_again_is_new(patch: pytest.MonkeyPatch) -> None:
    """An archived clip that is listed again loses its hash."""

    def touch(catalog: Any, row: Any, item: Any, *, now: datetime) -> None:
        feed._renew(catalog, row, item, now=now)
        feed.update_row(catalog, row, {"sha256": None, "archived_at": None})

    patch.setattr(feed, "_touch", touch)


def filters_stay(patch: pytest.MonkeyPatch) -> None:
    """What a run's filters leave out is excluded for good."""
    waiting = queue.waiting

    def exclude(catalog: Any, wanted: Filter, *, now: datetime, **others: Any) -> Any:
        condition, parameters = where(catalog, wanted)
        with catalog.transaction():
            catalog.db.execute(f"UPDATE clips SET excluded_at = '{now}' WHERE NOT ({condition})", parameters)
        return waiting(catalog, wanted, now=now, **others)

    patch.setattr(queue, "waiting", exclude)


def a_404_is_a_loss(patch: pytest.MonkeyPatch) -> None:
    """A clip that Blink does not give is gone at once."""
    losses = feed.record_losses
    patch.setattr(
        feed, "record_losses", lambda catalog, **others: losses(catalog, **others | {"full_walk": True})
    )


def halves_are_whole(patch: pytest.MonkeyPatch) -> None:
    """What could not be proven whole is kept without a word."""
    archived = queue._archived

    def keep(*args: Any, **others: Any) -> dict[str, Any]:
        return archived(*args, **others) | {"unproven": None}

    patch.setattr(queue, "_archived", keep)


def tombstones_take_away(patch: pytest.MonkeyPatch) -> None:
    """A tombstone of an archived clip makes its row a deleted one."""
    bury = feed._bury

    def forget(catalog: Any, row: Any, item: Any, *, now: datetime) -> None:
        feed.update_row(catalog, row, {"sha256": None, "archived_at": None})
        bury(catalog, row, item, now=now)

    patch.setattr(feed, "_bury", forget)


def files_are_trusted(patch: pytest.MonkeyPatch) -> None:
    """What is about to be deleted at Blink is not read back."""
    patch.setattr("blink_archive.sync.prune.prove", lambda store, row: None)


def the_unproven_may_go(patch: pytest.MonkeyPatch) -> None:
    """What is archived may be deleted at Blink, proven whole or not."""
    plan = deletion.plan

    def lax(*args: Any, **others: Any) -> deletion.Plan:
        found = plan(*args, **others)
        more = [clip for clip in found.kept if clip.reason.startswith("unproven")]
        return deletion.Plan((*found.delete, *more), ())

    patch.setattr(deletion, "plan", lax)
    patch.setattr("blink_archive.archive.proof._walk_clip", lambda file: None)


def the_intent_is_not_written(patch: pytest.MonkeyPatch) -> None:
    """Blink is asked to delete what no row and no day says is about to be deleted."""
    patch.setattr(deletion, "record_intent", lambda *_, **__: None)


def pruned_clips_come_back(patch: pytest.MonkeyPatch) -> None:
    """What is pruned here loses its hash, too."""
    remove = retention.record_removal

    def forget(catalog: Any, store: Any, clips: Any, **others: Any) -> Any:
        found = remove(catalog, store, clips, **others)
        with catalog.transaction():
            for clip in clips:
                catalog.db.execute(
                    "UPDATE clips SET sha256 = NULL, archived_at = NULL WHERE id = ?", (clip.id,)
                )
        return found

    patch.setattr("tests.faults.engine.record_removal", forget)


def the_excluded_are_fetched(patch: pytest.MonkeyPatch) -> None:
    """The queue knows nothing of exclusions."""
    patch.setattr(queue, "_READY", queue._READY.replace("AND excluded_at IS NULL", ""))


MUTANTS = [
    to_a_short_page, a_failed_walk_counts, by_the_local_clock, no_overlap, listed_again_is_new, filters_stay,
    the_unproven_may_go, pruned_clips_come_back,
    # these in the long form only
    empty_is_believed, a_404_is_a_loss, halves_are_whole, tombstones_take_away, files_are_trusted,
    the_intent_is_not_written, the_excluded_are_fetched,
]  # fmt: skip
