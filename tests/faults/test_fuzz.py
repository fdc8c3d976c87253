"""Whatever comes from outside, changed at random: only errors of ours may come of it, and soon.

The examples are the same every time. The long form has many more, and then atheris, which looks for inputs that
reach new code.
"""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blink_archive.archive.catalog import FORMAT
from tests.archive.helpers import CLIPS
from tests.protocol.samples import SAMPLES

from . import times
from .conftest import Figure
from .targets import BYTES, EXECUTIONS, TEXTS, run

# What a value of JSON is replaced by, as it stands in the text of an answer.
RAW = [
    "null", "true", "false", "0", "-1", "1", "3.5", "-0.0", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1" * 4299,
    "1" * 4301, "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1.0", "1e18", "1e19", "[]", "{}", "[[]]",
    '""', '" "', '"x"', '"1"', '"-1"', '"NaN"', '"true"', r'"\u0000"', r'"\ud800"', r'"\udfff\ud800"', r'"\ud83d\udc15"',
    r'"a\nb\r\tc"', r'"\u202e../../x"', '"/etc/passwd"', '"' + "x" * 1025 + '"', '"' + "é" * 600 + '"', '"' + "y" * 70_000 + '"',
    '"2026-11-23T19:52:07+00:00"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"2026-11-23T24:00:00Z"',
    '"1969-12-31T23:59:59Z"', '"Mon, 23 Nov 2026 19:52:07 GMT"', '"2026-W48-1"', '"20261123T195207,5"', '"America/New_York"',
    '"../../etc/localtime"', '"{}"', '"[1"', r'"{\"cv_detection\": [\"person\", 1, null]}"', r'"{\"a\": NaN}"', '"' + "[" * 3000 + '"',
    "[" * 90 + "]" * 90, "[" * 600 + "]" * 600, '{"a":' * 700 + "1" + "}" * 700, "[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000,
    '{"id": 1, "id": 2, "id": null}', '[{"id": 1}, {"id": 1}]', "[null, 1, \"x\", [], {}]", "[1" + ",1" * 2000 + "]",
]  # fmt: skip

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["mon", "arm", "immis://a/b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in ``value`` another one can stand."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


@st.composite
def bodies(draw: st.DrawFn, samples: dict[str, Any]) -> bytes:
    """The body of an answer: a sample with one to four changes, as bytes that need be no JSON any more."""
    value = copy.deepcopy(samples[draw(st.sampled_from(sorted(samples)))])
    raws: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if not (found := list(places(value))):
            break
        *above, last = draw(st.sampled_from(found))
        parent = value
        for key in above:
            parent = parent[key]
        match draw(st.sampled_from(["raw", "raw", "value", "drop", "copy", "twice", "move"])):
            case "raw":
                parent[last] = f"@@{len(raws)}@@"
                raws.append(draw(st.sampled_from(RAW)))
            case "value":
                parent[last] = draw(JSON)
            case "drop":
                del parent[last]
            case "copy" if isinstance(parent, list):
                parent.extend(copy.deepcopy(parent[last]) for _ in range(draw(st.integers(1, 30))))
            case "copy" | "twice":
                if isinstance(parent, dict):  # a name that is there twice
                    parent[f"@twice@{last}"] = draw(JSON)
            case _:
                parent[last], value = value, parent[last]
                value = copy.deepcopy(value) if isinstance(value, dict | list) else {"x": value}
                parent[last] = None
    text = json.dumps(value).replace("@twice@", "")
    for number, raw in enumerate(raws):
        text = text.replace(f'"@@{number}@@"', raw)
    return text.encode()


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes], *, longest: int = 40_000) -> bytes:
    """A real file, or a part of it, with bytes that are changed, cut out, put in and doubled."""
    data = bytearray(draw(st.sampled_from(originals))[:longest])
    for _ in range(draw(st.integers(1, 6))):
        # most of what a walker reads stands at the beginning
        at = draw(st.integers(0, min(len(data), 600)) | st.integers(0, len(data)))
        match draw(st.sampled_from(["bits", "put", "cut", "end", "double", "size"])):
            case "bits":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "put":
                data[at:at] = draw(st.binary(max_size=24))
            case "cut":
                del data[at : at + draw(st.integers(1, 200))]
            case "end":
                del data[at:]
            case "double":
                data += data[at : at + 2000]
            case _:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\xff" * 4, b"\0\0\0\7", b"\0\0\0\x08"])
                )
    return bytes(data)


def real(*names: str) -> list[bytes]:
    return [(CLIPS / name).read_bytes() for name in names]


LETTERS = st.text(max_size=60) | st.text(st.characters(codec=None), max_size=30)  # halves of pairs included


def words(*parts: str, longest: int = 10) -> st.SearchStrategy[str]:
    """Texts that are made up of what the reader of them knows, and of anything else."""
    return st.lists(st.sampled_from(parts) | st.text(max_size=4), max_size=longest).map("".join) | LETTERS


DATES = words(
    *"0123456789", "2026", "1999", "9999", "0001", "11", "23", "-", "/", ".", ":", " ", "T", "Z", "GMT", "EST", "+", "-0500",
    "+14:00", "Mon", "Monday", ", ", "Nov", "Feb", "am", "PM", "7d", "12h", "2w", "today", "of", "th", "1e9", "\u0661", "\0",
    "Fri, 31 Dec 9999 23:59:59 -0100", "2026-11-23T19:52:07.123456+00:00", "24:00:00",
)  # fmt: skip
URLS = words(
    "https://", "http://", "//", "/", "\\", "@", ":", "?", "#", "%", "%2f", "%00", "[", "]", "::1", "127.0.0.1", "localhost", ".",
    "rest-u011.immedia-semi.com", ".immedia-semi.com", "evil.com", "443", "0", "65536", "99999999", "xn--", "xn--a", "é", "..",
    "immis://", "rtsps://", "__", "_", "?client_id=", "4294967296", "-1", "&", ";", "=", " ", "\n", "\0", "user:pw@", "a" * 64,
)  # fmt: skip
TOML = words(
    'name = "x"\n', "name", "=", "[[line]]\n", "[line]\n", "[[line.x]]\n", 'days = ["mon", "tue"]\n', "days = []\n",
    "days = [[1]]\n", 'days = [{a=1}]\n', 'time = "07:30"\n', "time = 07:30:00\n", "time = 07:30:00.5\n", 'time = "25:00"\n',
    "time = 2026-11-23T07:30:00Z\n", 'action = "arm"\n', "action = [1]\n", "action = {}\n", "x = 1\n", "'''", '"""', "\\", "#", "\n",
    "x = " + "1" * 5000 + "\n", "time = 0x" + "f" * 5000 + "\n", "action = 0x" + "f" * 5000 + "\n", "x = " + "[" * 3000, "nan", "\0",
    'action = "' + "a" * 100 + '"\n', "days = [nan]\n", longest=12,
)  # fmt: skip
PAGES = words(
    '<script id="oauth-args">', "<script", ' id="oauth-args"', ">", "</script>", '{"csrf-token": "x"}', '{"csrf-token": 1}', "{", "[",
    "<![", "<![CDATA[", "<![x[", "<!", "<!--", "-->", "<!DOCTYPE", "<?", "&", "&#", "&#x110000;", "&amp;", "]]>", "'", '"', "=", "/",
    "[" * 5000, "1" * 5000, "code=", "state=s", "&state=s", "error=", "%", "%ff", "+", "immedia-blink://", "\ud800",
)  # fmt: skip
TEMPLATES = words(
    "{created:%Y-%m}", "{created:", "%", "%Y", "%z", "%:z", "{camera}", "{network}", "{source}", "{id}", "{", "}", "{{", "}}", "!r",
    "/", "..", ".", "_", "-", ":", "\\", "~", " ", "{id:{id}}", "{camera.__class__}", "{0}", "CON", "%s", "%-d", "é", "\0", "x" * 100,
)  # fmt: skip
NAMES = words(
    "26-11", "26-11-23", "2026", "/", "08-37-43", "_", "-", "Corner", "G8T1XXXXXXXXXXXXXX", "081", ".mp4", ".MP4", "T14-52-07", "-0500",
    "+00:00", "Z", "{camera}", "{time:", "%Y", "%m", "%d", "%H", "%M", "%z", "}", "{number}", "{any}", "{time:%Y%m%d-%H%M%S}", "(", "[", "\0",
    "99-99-99", "26-02-31", "..", "{camera}{camera}",
)  # fmt: skip
SEARCHES = words(
    '"', "*", "(", ")", "AND", "OR", "NOT", "NEAR", "NEAR(", "^", "-", "+", ":", "camera_name:", "{", "}", " ", "park", "x", "'", ";", "--",
    "\0", "\ud800", "é", "前庭", "park " * 400, '"a b"', "%", "_", "/", "2026/11/23/x.mp4", longest=20,
)  # fmt: skip
LOGS = words(
    "token", "access_token", "password", "=", ":", '"', "'", "Bearer ", "eyJ", "?", "://", "@", "+1", "555 ", "immedia-blink:", "\n", "\r",
    " ", "authorization", "x" * 3000, "{", "}", ",", "a@b.c", "1 " * 500, "a." * 500,
)  # fmt: skip
INPUTS: dict[str, st.SearchStrategy[str]] = {
    "date of a person": DATES,
    "date of a server": DATES,
    "span of time": words(
        *"0123456789", "s", "m", "h", "d", "w", "y", "months", " ", "-", ".", "1e9", "\u0661", longest=5
    ),
    "zone name": words(
        "America", "/", "New_York", "..", "UTC", "posix", "right", "Etc/GMT+1", "tzdata.zi", "\0"
    ),
    "file name": NAMES,
    "layout template": TEMPLATES,
    "search text": SEARCHES,
    "live view address": URLS,
    "region": words("u011", "prod", ".", "-", "/", "@", "e", "x" * 12, "\n", "é"),
    "redirect": URLS,
    "schedule": TOML,
    "sign in page": PAGES,
    "log line": LOGS,
}
DAY = {
    "format": FORMAT,
    "day": "2026-11-23",
    "clips": [
        {
            "origin": "cloud", "origin_key": "7000001", "created_at": "2026-11-23T19:52:07.000000Z",
            "time_zone": "America/New_York", "created_local": "2026-11-23T14:52:07-05:00", "network_id": 5, "network_name": "Home",
            "camera_id": 41, "camera_name": "Front door", "device_type": "owl", "type": "video", "source": "pir", "watched": 0,
            "partial": 0, "media": "/media/7000001.mp4", "metadata": '{"a": 1}', "labels": '["person"]', "listed_at": "2026-11-24T12:00:00.000000Z",
            "first_seen_at": "2026-11-24T12:00:00.000000Z", "path": "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.mp4",
            "bytes": 4, "sha256": "a" * 64, "archived_at": "2026-11-24T12:00:00.000000Z", "duration": 4.5, "attempts": 0,
            "thumbnail_path": "2026/11/23/2026-11-23T14-52-07-0500_front-door_7000001.jpg", "thumbnail_bytes": 7,
            "thumbnail_sha256": "b" * 64, "thumbnail_archived_at": "2026-11-24T12:00:00.000000Z",
            "item": SAMPLES["media_changed"]["media"][0],
            "events": [
                {"at": "2026-11-24T12:00:00.000000Z", "kind": "archived"},
                {"at": "2026-11-24T12:00:00.000000Z", "kind": "clash", "detail": {"path": "2026/11/23/x.mp4", "instead": "y.mp4"}},
            ],
        },
        {
            "origin": "usb", "origin_key": "usb-0123456789ab", "sync_module_id": 31, "created_at": "2026-11-23T20:00:00.000000Z",
            "time_zone": "UTC", "created_local": "2026-11-23T20:00:00+00:00", "device_type": "", "type": "video", "attempts": 1,
            "source": "local_storage", "partial": 0, "listed_at": "2026-11-24T12:00:00.000000Z", "path": "2026-11/door/usb.mp4",
            "first_seen_at": "2026-11-24T12:00:00.000000Z", "gone_at": "2026-11-24T12:00:00.000000Z", "gone_reason": "x",
            "item": {}, "events": [],
        },
    ],
}  # fmt: skip
EVERY = {name: sample for name, sample in SAMPLES.items() if isinstance(sample, dict | list)}
FILES: dict[str, st.SearchStrategy[bytes]] = {
    "mp4": damaged(real("door-06s.mp4", "garden-02s.mp4")) | st.binary(max_size=200),
    "transport stream": damaged(real("live.ts")) | st.binary(max_size=400),
    "jpeg": damaged(real("door-06s.jpg", "night-09s.jpg")) | st.binary(max_size=200),
    "live view packets": st.binary(max_size=200)
    | st.lists(st.binary(max_size=9), max_size=20).map(b"\0\0\0\0\1\0\0\0\4".join),
    "body": bodies(EVERY) | JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    "page": bodies({name: SAMPLES[name] for name in ("media_changed", "media_changed_old_form")}),
    "stick": bodies({"manifest": SAMPLES["local_storage_manifest"]}),
    "home": bodies({"homescreen": SAMPLES["homescreen"]}),
    "entries of a day": bodies({"day": DAY}) | damaged([json.dumps(DAY, indent=0).encode()]),
    "rebuild of a day": bodies({"day": DAY}),
}
SHORT, LONG = 60, 2_500


def fuzz(name: str, inputs: st.SearchStrategy[Any], figure: Figure, *, often: int = 1) -> None:
    """As many examples as the form asks for; the figures are told also where one of them fails."""
    before = EXECUTIONS.total()
    crashes = 1

    @settings(
        max_examples=times(SHORT * often, LONG * often),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def examples(given: Any) -> None:
        run(name, given)

    try:
        examples()
        crashes = 0
    finally:
        figure("executions", EXECUTIONS.total() - before)
        figure("crashes", crashes)


@pytest.mark.parametrize("name", INPUTS)
def test_texts(name: str, figure: Figure) -> None:
    """Dates, names, addresses, schedules, templates and searches: read, or refused in a sentence."""
    fuzz(name, INPUTS[name], figure, often=4)


@pytest.mark.parametrize("name", FILES)
def test_answers_and_files(name: str, figure: Figure) -> None:
    """Answers and files: read, recorded as rows, or refused in a sentence."""
    fuzz(name, FILES[name], figure, often=1 if name == "rebuild of a day" else 2)


def test_everything_has_inputs() -> None:
    """No target is left out."""
    assert (INPUTS.keys(), FILES.keys()) == (TEXTS.keys(), BYTES.keys())


SIZE = times(1 << 18, 1 << 20)
BOMBS: list[tuple[str, str, Callable[[], bytes]]] = [
    ("mp4", "a million boxes", lambda: b"\0\0\0\x08free" * (SIZE // 8)),
    ("mp4", "a movie of boxes", lambda: SIZE.to_bytes(4, "big") + b"moov" + b"\0\0\0\x08free" * (SIZE // 8 - 1)),
    ("mp4", "boxes to the end", lambda: b"\0\0\0\0moov" * (SIZE // 8)),
    ("mp4", "huge boxes", lambda: (b"\0\0\0\1moov" + b"\x7f" * 8) * (SIZE // 16)),
    ("transport stream", "empty packets", lambda: (b"\x47" + bytes(187)) * (SIZE // 188)),
    ("transport stream", "tables", lambda: (b"\x47\x40\0\x10\0\0\xb0\xff" + b"\1" * 180) * (SIZE // 188)),
    ("transport stream", "noise", lambda: b"\x47" + b"\xff" * SIZE),
    ("jpeg", "fill bytes", lambda: b"\xff\xd8" + b"\xff" * SIZE),
    ("jpeg", "segments", lambda: b"\xff\xd8" + b"\xff\xe0\0\2" * (SIZE // 4)),
    ("jpeg", "scans", lambda: b"\xff\xd8" + b"\xff\xda\0\2" * (SIZE // 4)),
    ("body", "deep lists", lambda: b"[" * SIZE),
    ("body", "many entries", lambda: b'{"media":[' + b"1," * (SIZE // 100) + b"1]}"),
    ("body", "a long number", lambda: b'{"media":' + b"1" * SIZE + b"}"),
    ("page", "entries of nothing", lambda: b'{"media":[' + b"{}," * 2000 + b"{}]}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "_", "make"), BOMBS, ids=[f"{name}: {what}" for name, what, _ in BOMBS])
def test_the_worst_takes_little_time_and_memory(name: str, _: str, make: Callable[[], bytes]) -> None:
    """A quarter of a megabyte, in the long form a whole one, that means to be slow: two seconds, and a hundred
    times its size."""
    data = make()
    run(name, data)  # has its own bound of time
    tracemalloc.start()
    try:
        BYTES[name](data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * SIZE


def test_nesting_of_every_depth() -> None:
    """What can be read at all can be parsed, recorded and read again, however little of the stack is left."""
    for depth in chain(range(50, 1000, times(25, 1)), (5000, 20_000)):
        for inside in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            for entry in (f'{{"id": 1, "x": {inside}}}', f'{{"metadata": {inside}}}', inside):
                run("page", f'{{"media": [{entry}]}}'.encode())
                run("body", entry.encode())
