"""The numbers of `stats`, beside a count over the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.filters import Filter
from blink_archive.archive.statistics import statistics
from blink_archive.errors import UsageError

from ..made_up import CAMERAS, END, made_up

TODAY = END.date()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A quarter of a year of clips."""
    archive = made_up(tmp_path_factory.mktemp("stats") / "archive", clips=900, days=90, runs_a_day=2)
    with closing(archive.open_catalog(write=True)) as catalog:
        catalog.connection.execute("UPDATE clips SET covered_by = 1 WHERE id % 50 = 7")
        catalog.connection.execute("UPDATE clips SET camera_name = NULL WHERE id = 3")
        yield catalog


FILTERS = [
    Filter(),
    Filter(cameras=("road", "KÜCHE")),
    Filter(networks=("Cabin",)),
    Filter(since=date(2026, 10, 1), until=date(2026, 10, 20)),
    Filter(since=datetime(2026, 10, 1, 12, tzinfo=UTC)),
    Filter(sources=("pir",), until=date(2026, 11, 1)),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_numbers_are_those_of_the_rows(catalog: Catalog, wanted: Filter) -> None:
    """Each recording counts once, at its local hour; bytes are of the files that are here."""
    networks = {number: network for number, network, _, _ in CAMERAS}
    names = {number: name for number, _, _, name in CAMERAS}
    chosen = []
    for row in catalog.rows("SELECT * FROM clips WHERE covered_by IS NULL"):
        day = date.fromisoformat(row["local_day"])
        camera = names[row["camera_id"]]
        chosen.append(row) if (
            (not wanted.cameras or camera.casefold() in {name.casefold() for name in wanted.cameras})
            and (not wanted.networks or networks[row["camera_id"]] == 12)
            and (not wanted.sources or row["source"] in wanted.sources)
            and (wanted.until is None or day <= wanted.until)
            and (
                wanted.since is None
                or (
                    datetime.fromisoformat(row["created_at"]) >= wanted.since
                    if isinstance(wanted.since, datetime)
                    else day >= wanted.since
                )
            )
        ) else None
    found = statistics(catalog, wanted, today=TODAY)
    assert found.clips == len(chosen) > 20
    hours = Counter(
        (local.weekday(), local.hour)
        for row in chosen
        if (local := datetime.fromisoformat(row["created_local"]))
    )
    assert {(d, h): n for d, row in enumerate(found.hours) for h, n in enumerate(row) if n} == hours
    assert [len(row) for row in found.hours] == [24] * 7
    by_day = Counter(date.fromisoformat(row["local_day"]) for row in chosen)
    assert all(clips == by_day[day] for day, clips in found.days)
    assert [day for day, _ in found.days] == [
        found.days[0][0] + timedelta(days=n) for n in range(len(found.days))
    ]
    cameras = {each.camera: (each.clips, each.bytes) for each in found.cameras}
    expected: dict[str, tuple[int, int]] = {}
    for row in chosen:
        name = row["camera_name"] or f"camera {row['camera_id']}"
        here = row["sha256"] is not None and row["local_removed_at"] is None
        clips, size = expected.get(name, (0, 0))
        expected[name] = clips + 1, size + (row["bytes"] if here else 0)
    assert cameras == expected
    assert [each.bytes for each in found.cameras] == sorted(
        (size for _, size in expected.values()), reverse=True
    )


def test_days_end_today_or_with_the_last_clip(catalog: Catalog) -> None:
    """The last thirty days, quiet ones too; of an archive that rests for long, its last ones. A span that was
    asked for is that, as far as there can be clips in it."""
    days = statistics(catalog, Filter(), today=TODAY + timedelta(days=5)).days
    assert (days[-1], len(days)) == ((TODAY + timedelta(days=5), 0), 30)
    days = statistics(catalog, Filter(), today=TODAY + timedelta(days=500)).days
    assert (days[-1][0], len(days)) == (TODAY, 30)
    assert days[-1][1] > 0
    wanted = Filter(since=date(2026, 10, 3), until=date(2026, 10, 5))
    assert [day.day for day, _ in statistics(catalog, wanted, today=TODAY).days] == [3, 4, 5]
    days = statistics(catalog, Filter(since=date(1, 1, 1), until=date(9999, 1, 1)), today=TODAY).days
    assert (days[0][0], days[-1][0]) == (date(2026, 8, 26), TODAY)


def test_readings_are_by_day(catalog: Catalog) -> None:
    """The least of a day's bars, low being none of three; the mean of its temperatures; by camera and time."""
    found = {each.camera: each.readings for each in statistics(catalog, Filter(), today=TODAY).readings}
    assert found.keys() == {name for _, _, _, name in CAMERAS}
    rows = catalog.rows("SELECT * FROM readings WHERE device_id = 48 AND at LIKE '2026-10-01%'")
    assert len(rows) == 2
    (reading,) = [each for each in found["Road"] if each.day == date(2026, 10, 1)]
    assert reading.battery == min(row["battery_bars"] for row in rows)
    assert reading.temperature_f == pytest.approx(mean(row["temperature_f"] for row in rows))
    assert {each.battery for each in found["Küche"]} == {None}
    catalog.connection.execute("BEGIN")
    catalog.connection.execute(
        "UPDATE readings SET battery = 'low', battery_bars = NULL WHERE device_id = 48"
    )
    low = statistics(catalog, Filter(cameras=("48",)), today=TODAY).readings
    catalog.connection.execute("ROLLBACK")
    assert [each.camera for each in low] == ["Road"]
    assert {each.battery for each in low[0].readings} == {0}
    some = statistics(catalog, Filter(since=date(2026, 10, 1), until=date(2026, 10, 2)), today=TODAY).readings
    assert {each.day for camera in some for each in camera.readings} == {date(2026, 10, 1), date(2026, 10, 2)}
    cabin = statistics(catalog, Filter(networks=("cabin",)), today=TODAY).readings
    assert {each.camera for each in cabin} == {"Shed", "Living room", "Road"}


def test_empty_archive_has_no_numbers(tmp_path: Path) -> None:
    """Nothing is divided by nothing."""
    with closing(made_up(tmp_path / "a", clips=0, days=1, runs_a_day=0).open_catalog()) as catalog:
        found = statistics(catalog, Filter(), today=TODAY)
        assert (found.clips, found.days, found.cameras, found.readings) == (0, [], [], [])
        with pytest.raises(UsageError):
            statistics(catalog, Filter(cameras=("nobody",)), today=TODAY)
