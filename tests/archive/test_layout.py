"""Where a clip lies: portable, below the root, readable, whatever a camera is called."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathvalidate import validate_filename

from blink_archive.archive import layout
from blink_archive.errors import ArchiveError, UsageError

HOSTILE_NAMES = [
    None,
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "C:\\",
    "\\\\server\\share",
    "~root",
    "-rf",
    "CON",
    "con.txt",
    "NUL",
    "LPT1.mp4",
    "COM¹",
    "trailing dot.",
    "trailing space ",
    'a:b|c<d>e"f?g*h',
    "new\nline\r\ttab",
    "bell\a\0nul\x1b[31mred",
    "\u202egnp.4pm",
    "\u200b\u200e\u2066",
    "\ud800 half a pair \udfff",
    "🐕 Garten 🌳",
    "Einfahrt \u2013 Straße",
    "前庭",
    "x" * 5000,
    "ß" * 1000,
    "🐕" * 400,
    "&#99999999999999999999;&#x110000;&amp;&#0;&lt;",
    "$(reboot) `id` %PATH% {0} %s",
    "e\u0301" * 300,
]
names = st.one_of(st.sampled_from(HOSTILE_NAMES), st.text(max_size=200), st.none())
keys = st.one_of(
    st.integers(1, 2**63 - 1).map(str),
    st.binary(min_size=8, max_size=8).map(lambda digest: f"malformed-{digest.hex()}"),
)
moments = st.integers(0, 4133980799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 1970 to 2100
ZONES = sorted(available_timezones())
UNKNOWN_ZONES = [
    None,
    "",
    "Nowhere/City",
    "America",
    "../../../etc/passwd",
    "/etc/localtime",
    "zone.tab",
    "\0",
    "\ud800",
    "x" * 5000,
    "..",
    ".",
    "a..b",
    "America/New_York/",
    "tzdata.zi",
    "__init__.py",
    "a/b/c/d",
]
zones = st.one_of(st.sampled_from(ZONES), st.sampled_from(UNKNOWN_ZONES), st.text(max_size=40))


@given(moments, names, keys, zones)
def test_path_is_portable_and_below_the_root(
    created: datetime, camera: str | None, key: str, time_zone: str | None
) -> None:
    """Every part of a path is a legal name of at most 255 bytes on Windows, macOS and Linux alike."""
    local, _ = layout.local_time(created, time_zone)
    for path in (
        clip := layout.clip_path(local, camera=camera, key=key),
        layout.thumbnail_path(clip),
        layout.with_suffix_number(clip, 1000),
    ):
        assert layout.check_relative(path) == path
        assert path.isascii()
        assert len(PurePosixPath(path).parts) == 4
        for part in PurePosixPath(path).parts:
            validate_filename(part, platform="universal")
            assert len(part.encode()) <= 255


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_slug_of_a_hostile_name_is_plain(name: str | None) -> None:
    """A camera's name becomes at most 60 of a-z, 0-9 and hyphens, and never nothing."""
    slug = layout.camera_slug(name)
    assert 0 < len(slug) <= 60
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_path_is_readable() -> None:
    """The path is the one that the design shows: local date, local time with offset, camera, id."""
    local, zone = layout.local_time(datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC), "America/New_York")
    path = layout.clip_path(local, camera="Front door!", key="7000001")
    assert path == "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4"
    assert zone == "America/New_York"
    assert layout.day_folder("2026-11-23") == "2026/11/23"


@given(moments, names, keys, keys)
def test_two_clips_of_one_second_have_two_paths(
    created: datetime, camera: str | None, one: str, other: str
) -> None:
    """Blink's id keeps clips of one camera and one second apart, on disks that ignore case too."""
    paths = {layout.clip_path(created, camera=camera, key=key).casefold() for key in (one, other)}
    assert len(paths) == len({one, other})


@pytest.mark.parametrize(
    ("time_zone", "first"),
    [
        ("America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_repeated_hour_tells_its_instants(time_zone: str, first: datetime) -> None:
    """Two clips of one local time, an hour apart, differ in their names, and each name tells its instant."""
    for moment in (first, first + timedelta(hours=1)):
        path = layout.clip_path(layout.local_time(moment, time_zone)[0], camera="Door", key="1")
        stamp = PurePosixPath(path).name.split("_")[0]
        assert datetime.strptime(stamp, "%Y-%m-%dT%H-%M-%S%z") == moment


@given(zones, zones)
def test_unknown_zone_falls_back_to_the_next_then_utc(one: str | None, two: str | None) -> None:
    """A clip's zone that does not exist gives way to its network's, and that to UTC; nothing raises."""
    created = datetime(2026, 7, 1, 12, tzinfo=UTC)
    local, found = layout.local_time(created, one, two)
    expected = next((name for name in (one, two) if layout.zone(name)), "UTC")
    assert found == expected
    assert local == created


@pytest.mark.parametrize("name", UNKNOWN_ZONES, ids=ascii)
def test_unknown_zone_is_none(name: str | None) -> None:
    """What is no zone's name, a path or a directory of zones included, is no zone."""
    assert layout.zone(name) is None
    assert layout.local_time(datetime(2026, 7, 1, tzinfo=UTC), name)[1] == "UTC"


@pytest.mark.parametrize(
    "path",
    ["", ".", "/", "/etc/passwd", "..", "../x", "2026/../../x", "a\\..\\..\\x", "a\0b", "C:/x", "C:x"],
    ids=ascii,
)
def test_path_that_leaves_the_root_is_refused(path: str) -> None:
    """Absolute paths, parents, backslashes, NULs and Windows drives raise, wherever they came from."""
    with pytest.raises(ArchiveError, match="would leave the archive"):
        layout.check_relative(path)


@given(st.text(max_size=60))
@example("a/b/..")
def test_checked_path_stays_below_the_root(path: str) -> None:
    """Whatever passes the check stays below any root when it is joined to it and resolved."""
    try:
        layout.check_relative(path)
    except ArchiveError:
        return
    joined = PurePosixPath("/root") / path
    assert joined.is_relative_to("/root")
    assert ".." not in joined.parts


LOCAL = datetime(2026, 11, 23, 14, 52, 7, tzinfo=timezone(timedelta(hours=-5)))


def filed(template: str, **facts: str) -> str:
    """The path of one clip by a template."""
    known = {"camera": "Front door!", "network": "Home", "source": "pir", "key": "7000001"} | facts
    return layout.clip_path(LOCAL, **known, filed=layout.Layout.parse(template))


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{created:%Y-%m}/{camera}/{id}", "2026-11/front-door/7000001.mp4"),
        ("{id}", "7000001.mp4"),
        ("{network}/{source}/{id}", "home/pir/7000001.mp4"),
        (
            "Cam 1/{created:%a %d. %B %Y}/{id} ({camera})",
            "Cam 1/Mon 23. November 2026/7000001 (front-door).mp4",
        ),
        ("{created:%Y}/{created:%G-W%V}/{id}_{created:%H%M%S%z}", "2026/2026-W48/7000001_145207-0500.mp4"),
        ("{camera}/{camera}.{id}", "front-door/front-door.7000001.mp4"),
    ],
)
def test_template_is_filled(template: str, path: str) -> None:
    """Fields become what they stand for, in the clip's local time; the extension is added."""
    assert filed(template) == path


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "no {id}"),
        ("{camera}", "no {id}"),
        ("{{id}}", "'{' is no part"),
        ("{id", "expected '}'"),
        ("{id}}", "Single '}'"),
        ("{}/{id}", "field '' means nothing"),
        ("{0}/{id}", "field '0' means nothing"),
        ("{device}/{id}", "field 'device' means nothing"),
        ("{camera.__class__}/{id}", "field 'camera.__class__' means nothing"),
        ("{camera[0]}/{id}", "means nothing"),
        ("{camera!r}/{id}", "means nothing"),
        ("{camera:>200}/{id}", "means nothing"),
        ("{id:>200}", "means nothing"),
        ("{created}/{id}", "needs a form"),
        ("{created!s:%Y}/{id}", "means nothing"),
        ("{created:%Y/%m}/{id}", "would give '/'"),
        ("{created:%H:%M}_{id}", "would give ':'"),
        ("{created:%X}_{id}", "%X is not taken"),
        ("{created:%-d}_{id}", "%- is not taken"),
        ("{created:%Y%}_{id}", "% is not taken"),
        ("{created:%Y?}_{id}", "would give '?'"),
        ("{created:%Y\n}_{id}", "would give '\\n'"),
        ("{created:{id}}_{id}", "would give '{'"),
        ("/{camera}/{id}", "absolute"),
        ("C:/{id}", "':' is no part"),
        ("{camera}\\{id}", "backslash"),
        ("../{id}", "it has .."),
        ("{camera}/../{id}", "it has .."),
        ("./{id}", "begins with a dot"),
        (".{camera}/{id}", "begins with a dot"),
        (".incoming/{id}", "begins with a dot"),
        ("{created:.%Y}/{id}", "begins with a dot"),
        ("@eaDir/{id}", "begins with a dot or @"),
        (" {camera}/{id}", "no name"),
        ("{camera} /{id}", "no name"),
        ("{camera}./{id}", "ends with a dot"),
        ("{id}.", "ends with a dot"),
        ("{id}/", "no name"),
        ("{camera}//{id}", "no name"),
        ("a|b/{id}", "'|' is no part"),
        ("Küche/{id}", "'ü' is no part"),
        ("\0/{id}", "is no part"),
        ("\ud800/{id}", "is no part"),
        ("{id}~2", "'~' is no part"),
        ("{camera}{id}", "divided"),
        ("{id}{id}", "divided"),
        ("{camera}-{id}", "divided"),
        ("{id}x{source}", "divided"),
        ("{created:%S}-{id}", "divided"),
        ("x" * 300 + "/{id}", "longer"),
        ("{camera}{network}{source}{camera}_{id}", "longer"),
        ("/".join(["{camera}"] * 20) + "/{id}", "longer"),
    ],
    ids=ascii,
)
def test_template_that_cannot_be_used_is_refused(template: str, why: str) -> None:
    """The message says what is wrong with it, and shows one that is right."""
    with pytest.raises(UsageError) as raised:
        layout.Layout.parse(template)
    assert why in str(raised.value)
    assert "Write for example '{created:%Y-%m}/{camera}/{id}'" in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 600


def test_names_that_mean_something_else_get_another_one() -> None:
    """What is a device on Windows, or a file of the archive's own, is no folder's name."""
    assert filed("{camera}/{id}", camera="CON") == "con_/7000001.mp4"
    assert filed("{camera}.x/{id}", camera="lpt1") == "lpt1_.x/7000001.mp4"
    assert filed("com{id}", key="5") == "com5_.mp4"
    assert filed("{created:%Y}/{camera}/{id}", camera="SHA256SUMS") == "2026/sha256sums_/7000001.mp4"
    assert filed("{camera}.json/{id}", camera="clips") == "clips_.json/7000001.mp4"
    assert filed("catalog.db/{id}") == "catalog_.db/7000001.mp4"
    assert filed("{camera}/{id}", camera="context") == "context/7000001.mp4"


@given(st.text(st.sampled_from("{}%Ymd:/._-~ \\aé") | st.characters(), max_size=40), names, keys)
@example("{id}/{camera}/{created:%Y}", "..", "1")
def test_any_template_is_refused_or_safe(template: str, camera: str | None, key: str) -> None:
    """Whatever is given as one: `UsageError`, or paths that stay below the root and can be written."""
    try:
        path = filed(template, camera=camera or "", key=key)
    except UsageError:
        return
    assert layout.check_relative(path) == path
    for part in PurePosixPath(path).parts:
        validate_filename(part, platform="universal")
