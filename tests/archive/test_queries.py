"""The queries that have a name: each answers, says its units, and counts right."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive.catalog import Catalog
from blink_archive.archive.queries import all_queries, built_in, find_query
from blink_archive.archive.search import ask
from blink_archive.errors import UsageError

from ..made_up import CAMERAS, END, made_up

QUERIES = built_in()
ASKED_FOR = {
    "busiest-hours", "busiest-days", "gaps", "storage-by-camera", "storage-by-month", "clips-by-trigger",
    "longest-clips", "unverified", "failures", "losses", "deletions", "runs", "duplicates", "labels", "battery",
    "temperature", "starred",
}  # fmt: skip
# What needs no unit: names, words, days, local times.
WORDS = {
    "attempts", "battery", "camera", "clip", "command", "day", "exit_code", "first_day", "hour", "label",
    "last_day", "month", "note", "own_labels", "path", "reason", "recorded", "run", "sha256", "status", "trigger",
    "weekday",
}  # fmt: skip
UNITS = re.compile(r"(^|_)(bytes|seconds|hours|days|clips|files|utc|bars|percent|f|c)(_|$)")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Four months of clips with everything in them."""
    archive = made_up(tmp_path_factory.mktemp("queries") / "archive", clips=4000, days=120, runs_a_day=1)
    with closing(archive.open_catalog(write=True)) as catalog:
        change = catalog.connection.execute
        change(
            "UPDATE clips SET covered_by = 1, sha256 = NULL, archived_at = NULL, thumbnail_sha256 = NULL, "
            "thumbnail_path = NULL, local_removed_at = NULL, local_removed_reason = NULL WHERE id % 500 = 7"
        )
        # a camera that rests for twelve days and one that stopped
        change(
            "UPDATE clips SET camera_id = 41, camera_name = 'Front door' WHERE camera_id = 42 "
            "AND local_day BETWEEN '2026-10-03' AND '2026-10-14'"
        )
        change(
            "UPDATE clips SET camera_id = 41, camera_name = 'Front door' WHERE camera_id = 43 "
            "AND local_day >= '2026-11-01'"
        )
        yield catalog


@pytest.fixture(scope="module")
def rows(catalog: Catalog) -> list[dict[str, Any]]:
    """All clips, with their words for people."""
    return catalog.rows(
        "SELECT clips.*, v.clip, v.status, v.reason FROM clips JOIN clips_view AS v USING (id) ORDER BY created_at, id"
    )


def answer(catalog: Catalog, name: str) -> list[dict[str, Any]]:
    # Not `ask`: it locks the connection down, which is the fixture of all.
    return catalog.rows(QUERIES[name].sql)


def is_here(row: dict[str, Any]) -> bool:
    return row["sha256"] is not None and row["local_removed_at"] is None


def test_all_are_there() -> None:
    """Those that were asked for, each with a title and one line of help; in the order of their names."""
    assert set(QUERIES) >= ASKED_FOR
    assert list(QUERIES) == sorted(QUERIES)
    for query in QUERIES.values():
        assert re.fullmatch(r"[a-z-]+", query.name)
        assert query.title[0].isupper()
        assert query.help[0].isupper()
        assert query.help.endswith((".", "…"))
        assert query.sql.endswith(";")
        assert not query.own


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_answers(tmp_path: Path, catalog: Catalog, name: str) -> None:
    """Of an empty catalog nothing, of a full one something, on a connection that can only read; each column says
    its unit, or needs none."""
    assert answer(catalog, name)
    with closing(made_up(tmp_path / "archive", clips=0, days=1, runs_a_day=0).open_catalog()) as empty:
        columns, found = ask(empty, QUERIES[name].sql)
    assert found == []
    assert all(column in WORDS or UNITS.search(column) for column in columns), columns
    assert len(set(columns)) == len(columns)


def test_busiest(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """Hours and days with their clips, the busiest first; a recording counts once."""
    once = [row for row in rows if row["covered_by"] is None]
    assert len(once) < len(rows)
    hours = Counter(f"{row['created_local'][11:13]}:00" for row in once)
    found = answer(catalog, "busiest-hours")
    assert {row["hour"]: row["clips"] for row in found} == hours
    assert [row["clips"] for row in found] == sorted(hours.values(), reverse=True)
    assert sum(row["percent_of_clips"] for row in found) == pytest.approx(100, abs=1)
    days = Counter(row["local_day"] for row in once)
    found = answer(catalog, "busiest-days")
    busiest = sorted(days.items(), key=lambda each: each[::-1], reverse=True)
    assert [(row["day"], row["clips"]) for row in found] == busiest[:50]
    for row in found:
        of_day = [each for each in once if each["local_day"] == row["day"]]
        assert row["clips"] == len(of_day)
        assert row["bytes"] == sum(each["bytes"] or 0 for each in of_day)
        assert row["hours"] == pytest.approx(sum(each["duration"] or 0 for each in of_day) / 3600, abs=0.01)
        assert row["weekday"] == f"{date.fromisoformat(row['day']):%a}"


def test_storage(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """What the files that are here take, by camera, month and trigger."""
    here = [row for row in rows if is_here(row)]
    found = {row["camera"]: row for row in answer(catalog, "storage-by-camera")}
    assert found.keys() == {name for _, _, _, name in CAMERAS}
    for name, told in found.items():
        of_camera = [row for row in here if row["camera_name"] == name]
        assert (told["clips"], told["bytes"]) == (len(of_camera), sum(row["bytes"] for row in of_camera))
        assert told["hours"] == pytest.approx(sum(row["duration"] for row in of_camera) / 3600, abs=0.01)
        assert told["first_day"] == min(row["local_day"] for row in of_camera)
        assert told["last_day"] == max(row["local_day"] for row in of_camera)
    months = {row["month"]: (row["clips"], row["bytes"]) for row in answer(catalog, "storage-by-month")}
    expected: dict[str, list[int]] = defaultdict(list)
    for row in here:
        expected[row["local_day"][:7]].append(row["bytes"])
    assert months == {month: (len(sizes), sum(sizes)) for month, sizes in expected.items()}
    triggers = {row["trigger"]: row["clips"] for row in answer(catalog, "clips-by-trigger")}
    assert triggers == Counter(row["source"] for row in rows if row["covered_by"] is None)
    status = {row["status"]: row["clips"] for row in answer(catalog, "clips-by-status")}
    assert status == Counter(row["status"] for row in rows)


def test_gaps(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """All whole days without a clip of a camera, in spans, from its first clip to the last sync."""
    expected = set()
    for _, _, _, name in CAMERAS:
        days = sorted({date.fromisoformat(row["local_day"]) for row in rows if row["camera_name"] == name})
        for before, after in zip(days, [*days[1:], max(days[-1], END.date())], strict=True):
            if (after - before).days > 1:
                first, last = before + timedelta(days=1), after - timedelta(days=1)
                expected.add((name, str(first), str(last), (last - first).days + 1))
    found = [tuple(row.values()) for row in answer(catalog, "gaps")]
    assert set(found) == expected
    assert len(found) == len(expected)
    assert ("Garage", "2026-10-03", "2026-10-14", 12) in expected
    assert max(each[3] for each in expected if each[0] == "Küche") >= 22
    assert [each[3] for each in found] == sorted((each[3] for each in found), reverse=True)


def test_a_sync_that_saw_nothing_ends_no_gap(tmp_path: Path) -> None:
    """Signed out for weeks, nobody knows whether a camera recorded."""
    with closing(
        made_up(tmp_path / "a", clips=400, days=20, runs_a_day=1).open_catalog(write=True)
    ) as catalog:
        before = answer(catalog, "gaps")
        later = END + timedelta(days=21)
        for code, summary in ((4, {"stopped": "no"}), (5, {"walk_finished": False})):
            catalog.end_run(catalog.begin_run("sync", now=later), exit_code=code, summary=summary, now=later)
        assert answer(catalog, "gaps") == before
        for code, summary in ((3, {}), (5, {"walk_finished": True})):
            run = catalog.begin_run("sync", now=later)
            catalog.end_run(run, exit_code=code, summary=summary, now=later)
            assert sum(each["days"] == 20 for each in answer(catalog, "gaps")) >= 1
            with catalog.transaction():
                catalog.db.execute("DELETE FROM runs WHERE id = ?", (run,))


def test_what_waits_and_what_is_lost(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """Each clip that waits with its reason, each loss with the time of it."""
    waiting = [row for row in rows if row["status"] == "waiting"]
    found = answer(catalog, "failures")
    assert [(row["clip"], row["attempts"], row["reason"]) for row in found] == [
        (row["clip"], row["attempts"], row["reason"]) for row in waiting
    ]
    assert {row["reason"] for row in found} == {"HTTP 500"}
    lost = {
        row["clip"]: row["local_removed_at"] or row["gone_at"]
        for row in rows
        if row["status"] in ("gone", "lost")
    }
    found = answer(catalog, "losses")
    assert {row["clip"]: row["noticed_utc"] for row in found} == lost
    assert {row["status"] for row in found} == {"gone", "lost"}


def test_deletions(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """By day: ours, and others'."""
    ours = Counter(row["delete_confirmed_at"][:10] for row in rows if row["delete_confirmed_at"])
    others = Counter(
        row["remote_deleted_at"][:10]
        for row in rows
        if row["remote_deleted_at"] and not row["delete_confirmed_at"]
    )
    found = answer(catalog, "deletions")
    assert {
        row["day_utc"]: row["clips_by_this_program"] for row in found if row["clips_by_this_program"]
    } == ours
    assert {row["day_utc"]: row["clips_otherwise"] for row in found if row["clips_otherwise"]} == others
    assert sum(row["clips_never_archived"] for row in found) == sum(
        row["status"] == "deleted" for row in rows
    )


def test_duplicates(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """Files with one hash, all of them; not those that only have the same length."""
    catalog.connection.execute("BEGIN")
    catalog.connection.execute("UPDATE clips SET bytes = 1000000 WHERE sha256 IS NOT NULL AND id < 40")
    found = answer(catalog, "duplicates")
    catalog.connection.execute("ROLLBACK")
    hashes = Counter(row["sha256"] for row in rows if is_here(row))
    alike = [row for row in rows if is_here(row) and hashes[row["sha256"]] > 1]
    assert len(alike) > 2
    assert [row["clip"] for row in found] == [row["clip"] for row in alike]
    assert {row["files"] for row in found} == {len(alike)}


def test_labels(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """On how many clips each was seen, by whom."""
    theirs = Counter(label for row in rows for label in json.loads(row["labels"] or "[]"))
    own = Counter(label for row in rows for label in json.loads(row["own_labels"] or "[]"))
    found = answer(catalog, "labels")
    assert {row["label"]: row["clips_by_blink"] for row in found if row["clips_by_blink"]} == theirs
    assert {row["label"]: row["clips_by_you"] for row in found if row["clips_by_you"]} == own


def test_longest_oldest_and_starred(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """Lists of clips: the longest, the ones not verified for the longest time, those that are starred or noted."""
    here = [row for row in rows if is_here(row)]
    found = answer(catalog, "longest-clips")
    assert [row["seconds"] for row in found] == sorted((row["duration"] for row in here), reverse=True)[:50]
    found = answer(catalog, "unverified")
    assert [row["verified_utc"] for row in found] == sorted(
        (row["verified_at"] for row in here), key=lambda at: at or ""
    )[:100]
    starred = [row["clip"] for row in rows if row["starred_at"]]
    assert [row["clip"] for row in answer(catalog, "starred")] == starred
    assert [row["clip"] for row in answer(catalog, "notes")] == starred


def test_batteries_and_temperatures(catalog: Catalog) -> None:
    """Each device with a battery, as it is now and since when; months' extremes in both units."""
    found = {row["camera"]: row for row in answer(catalog, "battery")}
    assert found.keys() == {name for _, _, family, name in CAMERAS if family != "owl"}
    history = catalog.rows("SELECT at, battery_bars FROM readings WHERE device_id = 41 ORDER BY at")
    since = next(each["at"] for each in history if each["battery_bars"] == history[-1]["battery_bars"])
    door = found["Front door"]
    assert (door["battery_bars"], door["since_utc"], door["read_utc"]) == (1, since, history[-1]["at"])
    months = {(row["month"], row["camera"]): row for row in answer(catalog, "temperature")}
    told = [
        each["temperature_f"]
        for each in catalog.rows("SELECT * FROM readings WHERE device_id = 43 AND at LIKE '2026-10%'")
    ]
    october = months["2026-10", "Küche"]
    assert (october["lowest_f"], october["highest_f"]) == (round(min(told)), round(max(told)))
    assert october["mean_f"] == pytest.approx(sum(told) / len(told), abs=0.5)
    assert october["highest_c"] == pytest.approx((max(told) - 32) / 1.8, abs=0.5)


def test_runs(catalog: Catalog) -> None:
    """The newest first, with what they did."""
    found = answer(catalog, "runs")
    assert len(found) == 100
    assert found[0]["run"] == catalog.value("SELECT max(id) FROM runs")
    assert found[0] | {"run": 0, "started_utc": "", "exit_code": 0} == {
        "run": 0, "command": "sync", "started_utc": "", "seconds": 40.5, "clips_fetched": 34, "bytes_fetched": None,
        "exit_code": 0,
    }  # fmt: skip
    assert datetime.fromisoformat(found[0]["started_utc"]) == END


# names


def test_own_queries_stand_beside_the_others() -> None:
    """An own query has its name for a title; one that would hide a built-in query is an error, not a surprise."""
    known = all_queries({"night": "SELECT 1\n AS one"})
    assert set(known) == {*QUERIES, "night"}
    assert (known["night"].own, known["night"].sql, known["night"].help) == (
        True,
        "SELECT 1\n AS one",
        "SELECT 1 AS one",
    )
    with pytest.raises(UsageError, match="a query gaps, and so has the program"):
        all_queries({"gaps": "SELECT 1"})


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "select\n1", "VALUES (1)", "VALUES(1)", "PRAGMA user_version", "", "-- x"]
)
def test_sql_is_no_name(sql: str) -> None:
    """What is more than a word is SQL."""
    assert find_query(sql, QUERIES) == sql


@pytest.mark.parametrize(
    ("typed", "meant"), [("gap", "gaps"), ("Busiest-Hour", "busiest-hours"), ("storage", "storage-by-")]
)
def test_name_with_a_slip(typed: str, meant: str) -> None:
    """The nearest name is in the error; where none is near, where to find them."""
    with pytest.raises(UsageError, match=f"No query is called '{typed}'.*Did you mean {meant}"):
        find_query(typed, QUERIES)
    with pytest.raises(UsageError, match=r"query --list.*Write SQL"):
        find_query("xyzzy", QUERIES)


def test_parameters(tmp_path: Path) -> None:
    """:names of SQL get their values; one too many or too few is a usage error, so is what is not text."""
    with closing(made_up(tmp_path / "archive", clips=9, days=9).open_catalog()) as catalog:
        assert ask(catalog, "SELECT :a || :b", {"a": "1", "b": "'x"})[1] == [("1'x",)]
        assert ask(catalog, "SELECT count(*) FROM clips WHERE id = :id", {"id": "3"})[1] == [(1,)]
        for sql, values in (
            ("SELECT :a", {}),
            ("SELECT 1", {"a": "1"}),
            ("SELECT ':a'", {"a": "1"}),
            ("SELECT ?", {"a": "1"}),
            ("SELECT :a", {"a": "\udcff"}),
            ("SELECT 1", {"\udcff": ""}),
        ):
            with pytest.raises(UsageError):
                ask(catalog, sql, values)
