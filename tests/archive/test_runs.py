"""The table ``runs``: what it tells of the syncs before one, and what is written where none began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blink_archive.archive import runs
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.runs import Past, Totals

NIGHT = datetime(2026, 11, 1, 3, 15, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty one."""
    catalog = Catalog.create(tmp_path / "catalog.db", uuid="u", account_id=1, now=NIGHT)
    yield catalog
    catalog.close()


def add(catalog: Catalog, *codes: int | None, command: str = "sync") -> list[int]:
    """One run a night, from the first night that has none; with None it is killed."""
    ids = []
    for code in codes:
        at = NIGHT + timedelta(days=catalog.value("SELECT count(*) FROM runs"))
        ids.append(catalog.begin_run(command, now=at))
        if code is not None:
            summary = {"fetched": 2, "bytes": 1000, "stopped": f"because of {code}" if code else None}
            catalog.end_run(ids[-1], exit_code=code, summary=summary, now=at + timedelta(minutes=1))
    return ids


@pytest.mark.parametrize(
    ("codes", "success", "failures"),
    [
        ((), None, 0),
        ((5, 5), None, 2),
        ((0,), 0, 0),
        ((0, 5, 0, 3, 4), 2, 2),
        ((0, None, 5), 0, 2),  # killed
        ((0, 130, 5), 0, 1),  # a person's will is no failure
    ],
)
def test_the_past(
    catalog: Catalog, codes: tuple[int | None, ...], success: int | None, failures: int
) -> None:
    """The last success and the failures since, with the run itself left out."""
    add(catalog, *codes)
    (run,) = add(catalog, 0)
    add(catalog, 0, command="import")
    at = None if success is None else NIGHT + timedelta(days=success, minutes=1)
    assert runs.past(catalog, run=run) == Past(at, failures, 0)
    assert runs.last_success(catalog) == NIGHT + timedelta(days=len(codes), minutes=1)


def test_what_followed_a_sync_counts(catalog: Catalog) -> None:
    """A sync that ended well within a command that did not is no success, and says why."""
    good, run = add(catalog, 0, 0)
    add(catalog, 7, command="prune-remote")
    runs.record_end(catalog, run, exit_code=7)
    assert runs.stopped_after(catalog, run) == "because of 7"
    past = runs.past(catalog, run=None)
    assert past.success_at == runs.last_success(catalog)
    assert (past.success_at, past.failures) == (NIGHT + timedelta(minutes=1), 1)
    told = {each["id"]: each["exit_code"] for each in runs.last_runs(catalog, 3)}
    assert told == {good: 0, run: 7, run + 1: 7}
    assert runs.stopped_after(catalog, run + 1) is None


def test_a_sync_that_never_began_is_a_run(catalog: Catalog) -> None:
    """With its reason, and a failure as any other."""
    run = runs.record_failed_start(
        catalog, reason="Nobody is signed in.", exit_code=4, began=NIGHT, now=NIGHT + timedelta(seconds=2)
    )
    (row,) = runs.last_runs(catalog, 5)
    assert (row["id"], row["command"], row["exit_code"]) == (run, "sync", 4)
    assert row["summary"] == {"stopped": "Nobody is signed in."}
    assert runs.past(catalog, run=None).failures == 1


def test_the_last_runs_are_the_newest(catalog: Catalog) -> None:
    """Oldest first, of whatever command, with what was killed."""
    ids = add(catalog, 0, 3, None, 0)
    assert [row["id"] for row in runs.last_runs(catalog, 3)] == ids[1:]
    assert [row["exit_code"] for row in runs.last_runs(catalog, 9)] == [0, 3, None, 0]
    assert runs.last_runs(catalog, 9)[2]["summary"] == {}


def test_totals(catalog: Catalog) -> None:
    """Of the syncs from then on, however they ended."""
    add(catalog, 0, 0, 5, None, 0)
    add(catalog, 0, command="import")
    assert runs.totals(catalog, since=NIGHT + timedelta(days=1)) == Totals(
        syncs=4, well=2, clips=6, bytes=3000, gone=0, lost=0
    )
    assert runs.totals(catalog, since=NIGHT + timedelta(days=90)) == Totals(0, 0, 0, 0, 0, 0)
