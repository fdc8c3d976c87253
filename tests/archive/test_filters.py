"""Which clips: what dates mean, and who is called what."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.archive import feed, homescreen
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.descriptions import record_descriptions
from blink_archive.archive.filters import Filter, Moment, parse_moment, search_terms, where
from blink_archive.errors import UsageError
from blink_archive.model import Description

from .helpers import NOW, list_items, make_home, make_item


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose zone is Tokyo's (+09:00, no daylight saving)."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def matching(catalog: Catalog, wanted: Filter) -> list[str]:
    condition, parameters = where(catalog, wanted)
    rows = catalog.rows(f"SELECT origin_key FROM clips WHERE {condition} ORDER BY id", parameters)
    return [row["origin_key"] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", date(2026, 11, 23)),
        (" 2026-11-23 ", date(2026, 11, 23)),
        ("23 November 2026", date(2026, 11, 23)),
        ("2026-11-23T14:00:00Z", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("2026-11-23T14:00-05:00", datetime(2026, 11, 23, 19, tzinfo=UTC)),
        ("2026-11-23 14:00 +0530", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23 14:00", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23T14", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("14:00", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("2pm", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("00:00", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("01:00", datetime(2026, 11, 23, 16, tzinfo=UTC)),
        ("14:00+09:00", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("1 January 2000", date(2000, 1, 1)),
        ("2 Feb 2001 01:00", datetime(2001, 2, 1, 16, tzinfo=UTC)),
        ("7d", NOW - timedelta(days=7)),
        ("12H", NOW - timedelta(hours=12)),
        ("2w", NOW - timedelta(weeks=2)),
    ],
)
@pytest.mark.usefixtures("in_tokyo")
def test_moment(text: str, expected: Moment) -> None:
    """A bare date is a day; a time is an instant, in the machine's zone without an offset; 7d counts back."""
    found = parse_moment(text, now=NOW)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday-ish",
        "2026-13-01",
        "2026-02-30",
        "2026-11-23T25:00",
        "7x",
        "-7d",
        "7.5d",
        "99999w99999",
        "0001-01-01T00:00+14:00",
        "9" * 400,
        "2026-11-23 14:00 EST",
        "2026",
        "2000",
        "nov",
        "5",
        "1",
        "2026-11",
        "2026-02",
        "23 nov",
        "sat",
        "friday",
        "5 14:00",
        "nov 14:00",
        "sat 14:00",
        "30min",
        "2026-11-23 30min",
        "3:6" + "3" * 39 + "z5:d",
    ],
)
def test_no_moment(text: str) -> None:
    """What means no date, only a part of one, or (a zone by its letters) several, is a usage error that
    shows what does: nothing is filled in but today for a bare time."""
    with pytest.raises(UsageError, match="7d for seven"):
        parse_moment(text, now=NOW)


@given(st.one_of(st.text(max_size=30), st.text("0123456789-:.TZ +dhw/", max_size=25)))
@pytest.mark.filterwarnings("ignore:tzname:dateutil.parser.UnknownTimezoneWarning")
def test_any_text_is_a_moment_or_a_usage_error(text: str) -> None:
    """Whatever is typed is a day, an aware instant, or a usage error."""
    try:
        found = parse_moment(text, now=NOW)
    except UsageError:
        return
    assert not isinstance(found, datetime) or found.tzinfo is not None


@pytest.mark.parametrize(
    ("since", "until", "some"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), True),
        (date(2026, 11, 24), date(2026, 11, 23), False),
        (NOW, NOW, True),
        (NOW, NOW - timedelta(microseconds=1), False),
        (date(2026, 11, 24), datetime(2026, 11, 23, 10, tzinfo=UTC), True),
        (date(2026, 11, 24), datetime(2026, 11, 23, 9, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 24, 11, 59, tzinfo=UTC), date(2026, 11, 23), True),
        (datetime(2026, 11, 24, 12, tzinfo=UTC), date(2026, 11, 23), False),
        (date(1, 1, 1), date(9999, 12, 31), True),
    ],
)
def test_since_after_until_is_a_usage_error(since: Moment, until: Moment, some: bool) -> None:
    """A span that no clip of any zone can lie in is refused; one that some clip could lie in is not."""
    if some:
        assert Filter(since=since, until=until)
        return
    with pytest.raises(UsageError, match="later than --until"):
        Filter(since=since, until=until)


def test_days_are_the_clips_own(catalog: Catalog) -> None:
    """A bare date means the clip's local day, and both ends include theirs."""
    late = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)  # the 22nd in New York
    list_items(
        catalog,
        make_item(1, created_at=late),
        make_item(2, created_at=late, time_zone="UTC"),
        make_item(3, created_at=late + timedelta(days=1)),
    )
    assert matching(catalog, Filter(since=date(2026, 11, 23))) == ["2", "3"]
    assert matching(catalog, Filter(until=date(2026, 11, 22))) == ["1"]
    assert matching(catalog, Filter(since=date(2026, 11, 22), until=date(2026, 11, 22))) == ["1"]


def test_days_are_the_clips_own_at_the_ends_of_the_world(catalog: Catalog) -> None:
    """Where days begin first and last, too: what is known of instants leaves out no clip of a day."""
    zones = ("Pacific/Kiritimati", "Etc/GMT+12", "UTC")  # +14:00, -12:00
    moments = [datetime(2026, 6, 15, tzinfo=UTC) + timedelta(hours=6 * n) for n in range(-12, 13)]
    list_items(
        catalog,
        *(make_item(n, created_at=at, time_zone=zones[n % 3]) for n, at in enumerate(sorted(moments * 3), 1)),
    )
    days = {row["origin_key"]: row["local_day"] for row in catalog.rows("SELECT * FROM clips")}
    for day in (date(2026, 6, n) for n in range(11, 20)):
        for wanted, fits in (
            (Filter(since=day), lambda own, day=day: own >= str(day)),
            (Filter(until=day), lambda own, day=day: own <= str(day)),
            (Filter(before=day), lambda own, day=day: own < str(day)),
        ):
            assert matching(catalog, wanted) == [key for key, own in days.items() if fits(own)]
    for wanted in (Filter(since=date(1, 1, 1)), Filter(until=date(9999, 12, 31))):
        assert len(matching(catalog, wanted)) == len(days) == 75
    for wanted in (Filter(until=date(1, 1, 1)), Filter(since=date(9999, 12, 31))):
        assert matching(catalog, wanted) == []


def test_instants_include_themselves(catalog: Catalog) -> None:
    """--since and --until include the clip of that very microsecond, whatever its zone."""
    list_items(catalog, make_item(1, created_at=NOW), make_item(2, created_at=NOW, time_zone="UTC"))
    tick = timedelta(microseconds=1)
    assert matching(catalog, Filter(since=NOW, until=NOW)) == ["1", "2"]
    assert matching(catalog, Filter(since=NOW + tick)) == []
    assert matching(catalog, Filter(until=NOW - tick)) == []


def test_instant_of_early_years_is_early(catalog: Catalog) -> None:
    """An instant long before Blink is before every clip, also in its text form."""
    list_items(catalog, make_item(1))
    assert matching(catalog, Filter(since=datetime(900, 1, 1, tzinfo=UTC))) == ["1"]
    assert matching(catalog, Filter(until=datetime(900, 1, 1, tzinfo=UTC))) == []


@pytest.fixture
def renamed(catalog: Catalog) -> Catalog:
    """Camera 41 was "Einfahrt Süd" and is "STRASSE 1" now; 42 is "Gate"; 43 left long ago."""
    list_items(
        catalog,
        make_item(1, device_id=41, device_name="Einfahrt Süd"),
        make_item(2, device_id=41, device_name="Straße 1"),
        make_item(3, device_id=42, device_name="Gate"),
        make_item(4, device_id=43, device_name="Shed", network_id=6, network_name="Cabin"),
        make_item(5, device_id=None, device_name=None, network_id=None, network_name=None, source="liveview"),
    )
    homescreen.record_homescreen(catalog, make_home((41, "STRASSE 1"), (42, "Gate")), now=NOW)
    return catalog


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ("STRASSE 1", ["1", "2"]),
        ("straße 1", ["1", "2"]),
        ("EINFAHRT SÜD", ["1"]),
        ("41", ["1", "2"]),
        (" gate ", ["3"]),
        ("43", ["4"]),
        ("shed", ["4"]),
    ],
)
def test_camera_by_name_or_id(renamed: Catalog, camera: str, expected: list[str]) -> None:
    """A camera is found by its name now (all its clips), by a name then (the clips of that name), or by
    its id, whatever the case, beyond ASCII too, and also if it is gone."""
    assert matching(renamed, Filter(cameras=(camera,))) == expected


def test_filters_narrow_each_other(renamed: Catalog) -> None:
    """Within one option any matches; all options must."""
    assert matching(renamed, Filter(cameras=("Gate", "Shed"))) == ["3", "4"]
    assert matching(renamed, Filter(cameras=("Gate", "Shed"), networks=("cabin",))) == ["4"]
    assert matching(renamed, Filter(networks=("HOME",))) == ["1", "2", "3"]
    assert matching(renamed, Filter(sources=("LiveView", "none"))) == ["5"]
    assert matching(renamed, Filter()) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("camera", ["Garage", "99", "", " ", "None", "%", "Gat_"])
def test_unknown_camera_is_a_usage_error(renamed: Catalog, camera: str) -> None:
    """A camera or network that matches nothing is a usage error that names those that there are."""
    for wanted in (Filter(cameras=("Gate", camera)), Filter(networks=(camera,))):
        with pytest.raises(UsageError, match="Known: '"):
            where(renamed, wanted)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "'); DROP TABLE clips; --", '"', "\\", "☃" * 200])
def test_hostile_name_is_only_a_name(catalog: Catalog, name: str) -> None:
    """Whatever a camera is called, its name as the catalog has it finds its clips and does nothing else."""
    list_items(catalog, make_item(1, device_id=None, device_name=name), make_item(2))
    stored = catalog.value("SELECT camera_name FROM clips WHERE origin_key = '1'")
    assert matching(catalog, Filter(cameras=(stored,))) == ["1"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("person", '"person"'),
        ("  person   parcel ", '"person" "parcel"'),
        ('"front door"', '"front door"'),
        ('"front door', '"front door"'),
        ("park*", '"park"*'),
        ("park***", '"park"*'),
        ('"front do"*', '"front do"*'),
        ('"front do" *', '"front do"'),
        ('a"b c"d', '"a" "b c" "d"'),
        ("front-door", '"front-door"'),
        ("NOT this OR that", '"NOT" "this" "OR" "that"'),
        ("labels:person", '"labels:person"'),
        ("^x (y) {z} + NEAR(a b, 2)", '"^x" "(y)" "{z}" "NEAR(a" "b," "2)"'),
        ("a & b", '"a" "b"'),
        ("wal*k", '"wal*k"'),
        ("a\0b", '"a" "b"'),
        ("Tür حديقة 人", '"Tür" "حديقة" "人"'),
    ],
)
def test_what_is_searched_for(text: str, terms: str) -> None:
    """Words, phrases and beginnings are kept; all else that FTS5 would read as its own is quoted or dropped."""
    assert search_terms(text) == terms


@pytest.mark.parametrize("text", ["", " ", '"', '""', "*", "- * ()", "\0", '"*"*', "🦊"])
def test_a_text_without_a_word(catalog: Catalog, text: str) -> None:
    """It is a usage error, and not a list of all clips or of none."""
    with pytest.raises(UsageError, match="no word"):
        where(catalog, Filter(text=text))


@pytest.mark.parametrize(
    ("text", "clips"),
    [
        ("person", ["1", "3"]),
        ("PERSON parcel", ["1"]),
        ("parcel person", ["1"]),
        ('"person leaves"', ["1"]),
        ('"leaves person"', []),
        ("perso", []),
        ("perso*", ["1", "3"]),
        ('"person lea"*', ["1"]),
        ("person front", ["1"]),
        ("front", ["1", "2"]),
        ("haustur", ["3"]),
        ("person OR vehicle", []),
    ],
)
def test_words_of_clips(catalog: Catalog, text: str, clips: list[str]) -> None:
    """All words have to be there, wherever each stands; a phrase in its order; a star means a beginning."""
    list_items(
        catalog,
        make_item(1, device_name="Front door"),
        make_item(2, device_name="Front door", labels=("vehicle",)),
        make_item(3, device_name="Haustür", labels=("person",)),
    )
    record_descriptions(catalog, [Description(1, "A person leaves a parcel.", None)])
    assert matching(catalog, Filter(text=text)) == clips


def test_words_narrow_what_the_other_filters_leave(catalog: Catalog) -> None:
    """A clip has to match the words and everything else."""
    list_items(
        catalog,
        make_item(1, labels=("person",), device_name="Gate", source="pir"),
        make_item(2, labels=("person",), device_name="Gate", source="liveview"),
        make_item(3, labels=(), device_name="Gate", source="pir"),
    )
    assert matching(catalog, Filter(text="person", sources=("pir",))) == ["1"]
    assert matching(catalog, Filter(text="gate", since=NOW)) == []


HOSTILE = st.text(
    st.sampled_from("ab \"*'()-+^:{}\\,\0\n\ud800é☃人ORNEAT") | st.characters(), max_size=40
) | st.lists(st.sampled_from(['"', "*", "AND", "OR", "NOT", "NEAR(", "a", "(", ")", "^", ":", "-"])).map(
    " ".join
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Catalog]:
    """A catalog for many questions."""
    catalog = Catalog.scratch(account_id=1, now=NOW)
    feed.start_account(catalog)
    list_items(catalog, make_item(1, labels=("person",)))
    yield catalog
    catalog.close()


@given(HOSTILE)
def test_no_text_is_an_error_of_sqlites(shared: Catalog, text: str) -> None:
    """Whatever is typed is an answer, or a usage error in words."""
    with suppress(UsageError):
        assert matching(shared, Filter(text=text)) in ([], ["1"])


@given(
    st.lists(st.text("abé1", min_size=1, max_size=4), min_size=1, max_size=6),
    st.lists(st.text("abé1", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_a_clip_is_found_by_its_words_and_by_no_others(words: list[str], asked: list[str]) -> None:
    """Found is, what holds each word that is asked for; and by a beginning, what holds one that begins so."""
    catalog = Catalog.scratch(account_id=1, now=NOW)
    feed.start_account(catalog)
    list_items(catalog, make_item(1, device_name=" ".join(words), network_name=None))
    plain, wanted = ([word.replace("é", "e") for word in each] for each in (words, asked))
    by_word = bool(matching(catalog, Filter(text=" ".join(asked))))
    by_beginning = bool(matching(catalog, Filter(text=" ".join(f"{word}*" for word in asked))))
    catalog.close()
    assert by_word == all(word in plain for word in wanted)
    assert by_beginning == all(any(word.startswith(each) for word in plain) for each in wanted)


def test_very_many_words(catalog: Catalog) -> None:
    """Thousands of words are searched for as a few are."""
    list_items(catalog, make_item(1, labels=("person",)))
    assert matching(catalog, Filter(text="person " * 5000)) == ["1"]
    assert matching(catalog, Filter(text="person* " * 5000 + "x")) == []
