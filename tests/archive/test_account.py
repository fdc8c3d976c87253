"""The sum: whatever Blink lists and whatever becomes of it, the parts add up to what was counted."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blink_archive.archive import feed, homescreen, layout
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.filters import Filter
from blink_archive.archive.queue import Outcome, SavedClip, account, record_outcomes

from .helpers import ACCOUNT, NOW, begin, list_items, make_home, make_item, queued, saved

PARTS = ("archived_now", "archived_before", "deleted", "gone", "excluded", "waiting")
FILTERS = [
    Filter(),
    Filter(cameras=("Front door",)),
    Filter(cameras=("42",)),
    Filter(networks=("Home",), cameras=("front DOOR",)),
    Filter(since=NOW - timedelta(hours=3), until=NOW),
    Filter(since=(NOW - timedelta(days=1)).date()),
    Filter(sources=("PIR",)),
]

entries = st.builds(
    make_item,
    st.integers(1, 6),
    deleted=st.booleans(),
    partial=st.booleans(),
    watched=st.sampled_from([True, False, None]),
    created_at=st.sampled_from([NOW - timedelta(days=70), NOW - timedelta(hours=2), None]),
    updated_at=st.sampled_from([NOW - timedelta(hours=1), NOW, None]),
    device_id=st.sampled_from([41, 42, None]),
    device_name=st.sampled_from(["Front door", "Yard", "", None]),
    network_id=st.sampled_from([5, None]),
    network_name=st.sampled_from(["Home", None]),
    source=st.sampled_from(["pir", "liveview", ""]),
    media=st.sampled_from(["/clip.mp4", None]),
    thumbnail=st.sampled_from(["/thumb", None]),
)
pages = st.tuples(st.just("page"), st.lists(entries, max_size=6))
outcomes = st.tuples(
    st.sampled_from(["archive", "fail", "404", "exclude"]), st.lists(st.integers(1, 6), max_size=3)
)
ends = st.tuples(st.sampled_from(["losses", "next run"]), st.just(()))


def settle(catalog: Catalog, kind: str, numbers: Iterable[int], *, run: int, now: Any) -> None:
    """What becomes of these clips, as far as they are in the queue."""
    for number in numbers:
        clip = queued(catalog, now=now).get(str(number))
        if clip is None:
            continue
        match kind:
            case "archive":
                outcome = Outcome(
                    clip,
                    saved=SavedClip(saved(clip.path), 4.5, None),
                    thumbnail=saved(layout.thumbnail_path(clip.path)),
                )
            case "exclude":
                with catalog.transaction():
                    catalog.db.execute("UPDATE clips SET excluded_at = 'x' WHERE id = ?", (clip.id,))
                continue
            case _:
                outcome = Outcome(clip, failure="it broke", not_found=kind == "404")
        record_outcomes(catalog, [outcome], run=run, now=now)


@settings(deadline=None)
@given(st.lists(st.one_of(pages, outcomes, ends), max_size=12), st.sampled_from(FILTERS))
def test_parts_add_up(steps: list[tuple[str, Any]], wanted: Filter) -> None:
    """After any history of pages, fetches, exclusions and losses, over any number of runs and under any
    filter, each counted row is in exactly one part, and nothing that was listed is missing."""
    catalog = Catalog.scratch(account_id=ACCOUNT, now=NOW)
    try:
        homescreen.record_homescreen(catalog, make_home((41, "Front door"), (42, "Yard")), now=NOW)
        feed.start_account(catalog)
        run, began = begin(catalog), NOW
        listed: set[str] = set()
        for number, (kind, subject) in enumerate(steps):
            now = NOW + timedelta(minutes=7 * number)
            match kind:
                case "page":
                    list_items(catalog, *subject, now=now)
                    listed |= {item.key for item in subject}
                case "losses":
                    feed.record_losses(catalog, full_walk=True, run=run, began=now, now=now)
                case "next run":
                    catalog.db.execute("DROP TABLE counted")
                    feed.start_account(catalog)
                    run, began, listed = begin(catalog), now, set()
                case _:
                    settle(catalog, kind, subject, run=run, now=now)
        found = account(catalog, wanted, run=run, began=began)
        assert sum(found[part] for part in PARTS) == found["counted"]
        assert found["listed"] == len(listed) <= found["counted"]
        assert found["newly_gone"] <= found["gone"]
        assert catalog.value(f"SELECT count(*) FROM clips WHERE {feed.IN_QUEUE}") == catalog.value(
            "SELECT count(*) FROM clips_view WHERE status = 'waiting'"
        )
    finally:
        catalog.close()
