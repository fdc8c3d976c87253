"""What names of video files tell, and what they do not."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slugify import slugify

from blink_archive.archive.layout import clip_path
from blink_archive.archive.names import Named, Pattern, fold, recognise
from blink_archive.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 23, 19, 52, 7, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants them so
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
CAMERAS = st.from_regex(r"[A-Za-z][A-Za-z0-9 ]{0,20}[A-Za-z]", fullmatch=True)
OFFSETS = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


def named(path: str, *patterns: str, zone: ZoneInfo | None = None) -> Named:
    return recognise(PurePosixPath(path), [Pattern.parse(each) for each in patterns], zone=zone)


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("/usb/blink/26-11/26-11-23/19-52-07_FrontDoor_123.mp4", "FrontDoor"),
        ("/usb/blink_backup/26-11/26-11-23/19-52-07_FrontDoor.MP4", "FrontDoor"),
        ("26-11-23/19-52-07_Front_Door_2_001.mp4", "Front_Door_2"),
        ("26-11-23/19-52-07_CornerG8T1K0013255014P_081.mp4", "Corner"),
        ("26-11-23/19-52-07__001.mp4", None),
        ("26-11/23-19-52-07_FrontDoor_123.mp4", "FrontDoor"),
        ("front-door-2026-11-23t19-52-07-00-00.mp4", "front-door"),
        ("front-door-2026-11-23t19-52-07z.mp4", "front-door"),
        ("FrontDoor_2026-11-23T14_52_07-05_00.mp4", "FrontDoor"),
        ("Roof_Rear_2026-11-23T11_52_07-0800.mp4", "Roof_Rear"),
        ("2026-11-23T19_52_07+00_00.mp4", None),
        ("2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4", "front-door"),
        ("2026/11/23/2026-11-23T14-52-07-0500_front-door_import-1a2b3c4d~2.mp4", "front-door"),
        ("2026/11/23/2026-11-23T14-52-07-0500_unnamed_7000001.mp4", None),
    ],
)
def test_known_names_tell_camera_and_instant(path: str, camera: str | None) -> None:
    """Each name that a stick, blinkpy, Blink's app, Bling or this program gives tells the same instant."""
    assert named(path) == Named(camera, AT)


@pytest.mark.parametrize(
    "path",
    [
        "26-11-23/25-61-07_FrontDoor_001.mp4",  # no time
        "26-02-30/19-52-07_FrontDoor_001.mp4",  # no day
        "2026-11-23/19-52-07_FrontDoor_001.mp4",  # whose day that is, is not said
        "26-11-23/deeper/19-52-07_FrontDoor_001.mp4",
        "19-52-07_FrontDoor_001.mp4",
    ],
)
def test_a_stick_s_file_without_a_day_tells_its_camera_alone(path: str) -> None:
    """A time of day is no time."""
    assert named(path) == Named("FrontDoor", None)


@pytest.mark.parametrize(
    "path",
    [
        "front-door-2026-11-23t14-52-07-05-00.mp4",  # a slug of -05:00, or of +05:00
        "doorbell123.mp4",
        "VID20261123195207.mp4",
        "26-11-23/19-52-07_FrontDoor_001.avi",
        "frontdoor.mp4",
        ".mp4",
        "",
    ],
)
def test_nothing_is_made_up(path: str) -> None:
    """A name that is of no known form, or tells an offset without its sign, tells nothing."""
    assert named(path) == Named()


def test_times_without_an_offset_are_of_the_zone_that_is_given() -> None:
    """A stick's and a pattern's are UTC, if nothing is said; a zone overrides that, and no offset in a name."""
    for path in ("26-11-23/20-52-07_Cam_1.mp4", "20261123_205207_Cam.mp4"):
        assert named(path, zone=BERLIN).created_at == AT
    assert named("Cam 20261123195207.mp4", "{camera} {time:%Y%m%d%H%M%S}.mp4").created_at == AT
    for path in ("cam-2026-11-23t19-52-07-00-00.mp4", "2026-11-23T14-52-07-0500_cam_7.mp4"):
        assert named(path, zone=BERLIN).created_at == AT


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this process can have another zone on POSIX alone")
def test_what_blinkpy_names_in_the_machine_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of save_recent_clips are in the zone of the machine, if none is given."""
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "America/New_York")
            time.tzset()
            assert named("20261123_145207_Kitchen.mp4") == Named("Kitchen", AT)
            assert named("20261123_205207_Kitchen.mp4", zone=BERLIN) == Named("Kitchen", AT)
    finally:
        time.tzset()


def test_the_repeated_hour_is_the_first_one() -> None:
    """A local time that daylight saving gives twice means the first of the two."""
    found = named("26-10-25/02-30-00_Cam_1.mp4", zone=BERLIN)
    assert found.created_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("{camera}_{time:%Y%m%d-%H%M%S}.mp4", "a/Front Door_20261123-195207.mp4", Named("Front Door", AT)),
        ("{camera}{number}.mp4", "doorbell123.mp4", Named("doorbell", None)),
        ("{time:%Y/%m/%d}/{camera}/{time:%H.%M.%S}.mp4", "x/2026/11/23/Door/19.52.07.mp4", Named("Door", AT)),
        ("{camera}/{time:%Y-%m-%d}/{any}{time:%Y-%m-%dT%H%M%S}{any}.mp4", "Door/2026-11-23/x2026-11-23T195207y.mp4", Named("Door", AT)),
        ("{camera}/{time:%Y-%m-%d}/{any}{time:%Y-%m-%dT%H%M%S}{any}.mp4", "Door/2026-11-22/x2026-11-23T195207y.mp4", Named()),
        ("{camera}/{camera}-{time:%y%m%d%H%M}.mp4", "Door/Door-2611231952.mp4", Named("Door", AT.replace(second=0))),
        ("{camera}/{camera}-{time:%y%m%d%H%M}.mp4", "Yard/Door-2611231952.mp4", Named()),
        ("{time:%Y%m%d %H%M%S,%f%z} {camera}.mp4", "20261123 145207,25-0500 D.mp4", Named("D", AT.replace(microsecond=250000))),
        ("{time:%Y%m%d%H%M%S%%}{{}}{camera}.mp4", "20261123195207%{}D.mp4", Named("D", AT)),
        ("{camera}.{time:%Y%m%d%H%M%S}.mp4", "Cam+20261123195207.mp4", Named()),  # a dot is a dot
    ],
)  # fmt: skip
def test_patterns(pattern: str, path: str, expected: Named) -> None:
    """A pattern describes the end of a path, folders included; what it tells twice has to agree."""
    assert named(path, pattern) == expected


def test_patterns_come_before_the_known_forms_in_their_order() -> None:
    """The first pattern that fits is taken; where none does, the known forms are."""
    path = "26-11-23/19-52-07_FrontDoor_123.mp4"
    assert named(path, "{any}_{camera}_{number}.mp4", "{camera}.mp4") == Named("FrontDoor", None)
    assert named(path, "{camera}.avi") == Named("FrontDoor", AT)


@pytest.mark.parametrize(
    "pattern",
    ["", "clip.mp4", "{any}{number}.mp4", "{}", "{name}", "{camera!r}", "{camera:x}", "{camera", "camera}", "{time}", "{time:%H%M%S}", "{time:%Y%m%d}", "{time:%d%m%H%M}", "{time:%Q%Y%m%d%H%M}", "{time:%Y%m%d%H%M%}", "{time:%b%Y%m%d%H%M}"],
)  # fmt: skip
def test_a_pattern_that_tells_nothing_is_a_usage_error(pattern: str) -> None:
    """No field, an unknown one, or half a time: a sentence that repeats the pattern."""
    with pytest.raises(UsageError, match=re.escape(repr(pattern))):
        Pattern.parse(pattern)


@given(camera=CAMERAS, at=MOMENTS, offset=OFFSETS)
def test_every_form_is_read_back(camera: str, at: datetime, offset: timezone) -> None:
    """What each program writes for any camera and time is read back as that instant, and as a name that
    folds as the camera's does."""
    local = at.astimezone(offset)
    squeezed = re.sub(r"[^0-9A-Za-z_]", "", camera)
    iso = local.isoformat().replace(":", "_")
    for path in (
        f"{at:%y-%m}/{at:%y-%m-%d}/{at:%H-%M-%S}_{squeezed}_001.mp4",
        f"{slugify(f'{camera}-{at.isoformat()}')}.mp4",
        f"{camera}_{iso}.mp4",
        clip_path(local, camera=camera, key="7000001"),
    ):
        found = named(path)
        assert found.created_at == at, path
        assert fold(found.camera or "") == squeezed.lower(), path


@given(path=st.text(max_size=80))
def test_no_name_is_an_error(path: str) -> None:
    """Any text at all is recognised or is not."""
    for text in (path, f"{path}.mp4", f"26-11-23/{path}_1.mp4", f"{path}-2026-11-23t{path}.mp4"):
        assert isinstance(named(text), Named)
