"""The walkers say whether a file is whole, and never anything else than Mp4 or BadMedia."""

import io
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blink_archive.archive.container import walk_jpeg, walk_mp4
from blink_archive.errors import BadMedia

from .helpers import CLIPS

MP4S = sorted(CLIPS.glob("*.mp4"))
JPEGS = sorted(CLIPS.glob("*.jpg"))
MP4 = min(MP4S, key=lambda path: path.stat().st_size).read_bytes()
JPEG = min(JPEGS, key=lambda path: path.stat().st_size).read_bytes()

NO_MEDIA = [
    b"",
    b"\0",
    b"\0" * 4096,
    b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>" * 20,
    b'{"message":"Media not found","code":700}',
    b"\xff\xd8",
    b"GIF89a" + b"\0" * 100,
    b"\0\0\0\x08free" * 50,
]


def box(kind: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def large_box(kind: bytes, body: bytes = b"") -> bytes:
    """A box with a 64-bit size."""
    return (1).to_bytes(4, "big") + kind + (16 + len(body)).to_bytes(8, "big") + body


def mvhd(*, version: int = 0, scale: int, ticks: int, made: int = 0) -> bytes:
    size = 8 if version else 4
    times = made.to_bytes(size, "big") + b"\0" * size
    return box(
        b"mvhd",
        bytes([version, 0, 0, 0])
        + times
        + scale.to_bytes(4, "big")
        + ticks.to_bytes(size, "big")
        + b"\0" * 80,
    )


FTYP = box(b"ftyp", b"isom\0\0\0\0")
MOOV = box(b"moov", mvhd(scale=1000, ticks=4500))
MDAT = box(b"mdat", b"x" * 100)


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, begin and end of each top-level box of a file that is whole."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], at, at + length))
        at += length
    return found


@pytest.mark.parametrize("path", MP4S, ids=lambda path: path.name)
def test_real_clip_is_whole(path: Path) -> None:
    """Each real MP4 walks to its end without a flaw, and its duration is the one in its name."""
    with path.open("rb") as file:
        found = walk_mp4(file)
    assert found.flaw is None
    assert found.duration == pytest.approx(int(path.stem[-3:-1]), abs=1)


@pytest.mark.parametrize("path", JPEGS, ids=lambda path: path.name)
def test_real_thumbnail_is_whole(path: Path) -> None:
    """Each real JPEG passes, also with bytes after its end mark, since cameras pad."""
    data = path.read_bytes()
    walk_jpeg(data)
    walk_jpeg(bytearray(data) + b"\0" * 512)


def test_every_cut_clip_is_noticed() -> None:
    """A clip cut at any byte but a boundary of boxes is flawed; before ftyp and moov it is no MP4."""
    ends = [end for _, _, end in boxes(MP4)]
    enough = max(end for kind, _, end in boxes(MP4) if kind in {b"ftyp", b"moov"})
    for cut in sorted(
        {*range(0, len(MP4), 251), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends)}
    ):
        if cut >= len(MP4):
            continue
        if cut < enough:
            with pytest.raises(BadMedia):
                walk_mp4(io.BytesIO(MP4[:cut]))
        elif cut not in ends:
            assert walk_mp4(io.BytesIO(MP4[:cut])).flaw, f"cut at {cut}"


def test_cut_within_the_picture_data_is_a_flaw() -> None:
    """With moov in front, a cut in mdat leaves an MP4 with a flaw that says so."""
    for cut in range(len(FTYP + MOOV) + 1, len(FTYP + MOOV + MDAT)):
        found = walk_mp4(io.BytesIO((FTYP + MOOV + MDAT)[:cut]))
        assert found.flaw
        assert found.duration == 4.5


def test_cut_thumbnail_is_noticed_at_every_byte() -> None:
    """A JPEG without its end raises, wherever it was cut."""
    walk_jpeg(JPEG)
    for cut in range(len(JPEG) - 1):
        with pytest.raises(BadMedia):
            walk_jpeg(JPEG[:cut])


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 7, b"\0" * 8, b"\0" * 4096, b"\xff" * 100, b"  \r\n"])
def test_padding_after_a_clip_is_a_flaw(padding: bytes) -> None:
    """Bytes after the last box do not sum up: kept only as unproven."""
    assert walk_mp4(io.BytesIO(FTYP + MDAT + MOOV + padding)).flaw


def test_free_box_is_no_flaw() -> None:
    """Padding in a box of its own is how MP4 pads: the file is whole."""
    assert walk_mp4(io.BytesIO(FTYP + MDAT + MOOV + box(b"free", b"\0" * 4096))).flaw is None


@pytest.mark.parametrize("body", NO_MEDIA, ids=lambda body: repr(body[:12]))
def test_error_page_is_no_media(body: bytes) -> None:
    """HTML, JSON, zeros and nothing at all are neither a clip nor a thumbnail."""
    with pytest.raises(BadMedia):
        walk_mp4(io.BytesIO(body))
    with pytest.raises(BadMedia):
        walk_jpeg(body)


@pytest.mark.parametrize("missing", [b"ftyp", b"moov"])
def test_missing_box_is_named(missing: bytes) -> None:
    """Without ftyp or moov it is no MP4, and the message names the one that is missing."""
    data = b"".join(part for part in (FTYP, MDAT, MOOV) if part[4:8] != missing)
    with pytest.raises(BadMedia, match=f"no {missing.decode()} box"):
        walk_mp4(io.BytesIO(data))


def test_box_sizes() -> None:
    """Size 0 reaches to the end of the file, size 1 is followed by 64 bits; both are whole files."""
    to_the_end = b"\0\0\0\0mdat" + b"x" * 50
    assert walk_mp4(io.BytesIO(FTYP + MOOV + to_the_end)).flaw is None
    assert walk_mp4(io.BytesIO(FTYP + large_box(b"mdat", b"x" * 50) + MOOV)).flaw is None
    assert walk_mp4(io.BytesIO(large_box(b"ftyp", b"isom") + MOOV)).flaw is None


@pytest.mark.parametrize(
    "tail",
    [
        b"\0\0\0\x07mdat",
        b"\0\0\0\x02mdat",
        b"\0\0\0\x01mdat",
        b"\0\0\0\x01mdat" + (15).to_bytes(8, "big"),
        b"\0\0\0\x01mdat" + (2**64 - 1).to_bytes(8, "big"),
        b"\xff\xff\xff\xffmdat",
        b"\0\0\0\x08\0\0\0\0",
        b"\0\0\0\x08m at",
        b"\0\0\0",
    ],
    ids=repr,
)
def test_impossible_box_is_a_flaw(tail: bytes) -> None:
    """A box shorter than its header, longer than the file, or without a name is a flaw."""
    found = walk_mp4(io.BytesIO(FTYP + MOOV + tail))
    assert found.flaw
    assert found.duration == 4.5


@pytest.mark.parametrize(
    ("header", "duration"),
    [
        (mvhd(scale=1000, ticks=4500), 4.5),
        (mvhd(version=1, scale=90000, ticks=90000 * 3600 * 24), 86400.0),
        (mvhd(scale=0, ticks=4500), None),
        (mvhd(scale=1000, ticks=0xFFFFFFFF), None),
        (mvhd(version=1, scale=1000, ticks=2**64 - 1), None),
        (b"", None),
        (box(b"mvhd", b"\0" * 4), None),
        (b"\0\0\0\x03mvhd", None),
    ],
    ids=["plain", "64 bits", "no scale", "unknown", "unknown in 64 bits", "no header", "cut", "impossible"],
)
def test_duration(header: bytes, duration: float | None) -> None:
    """Seconds from the header of either version; None where it says nothing, or all ones: unknown."""
    found = walk_mp4(io.BytesIO(FTYP + MDAT + box(b"moov", header)))
    assert found.duration == duration
    assert found.flaw is None


@pytest.mark.parametrize(
    ("header", "created_at"),
    [
        (mvhd(scale=1, ticks=1, made=2_082_844_800), datetime(1970, 1, 1, tzinfo=UTC)),
        (mvhd(version=1, scale=1, ticks=1, made=2**32), datetime(2040, 2, 6, 6, 28, 16, tzinfo=UTC)),
        (mvhd(scale=0, ticks=0, made=1), datetime(1904, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (mvhd(scale=1, ticks=1), None),
        (mvhd(version=1, scale=1, ticks=1, made=2**64 - 1), None),
        (box(b"mvhd", b"\0\0\0\0\xff\xff"), None),
        (b"", None),
    ],
)
def test_time_of_creation(header: bytes, created_at: datetime | None) -> None:
    """Seconds since 1904, in UTC, from the header of either version; None for none, and for one that no
    calendar has."""
    assert walk_mp4(io.BytesIO(FTYP + MDAT + box(b"moov", header))).created_at == created_at


mutations = st.lists(st.tuples(st.integers(0, len(MP4) - 1), st.integers(0, 255)), max_size=8)
kinds = st.sampled_from([b"ftyp", b"moov", b"mdat", b"mvhd", b"free"])
made_boxes = st.lists(
    st.tuples(st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)), kinds, st.binary(max_size=60)).map(
        lambda made: made[0].to_bytes(4, "big") + made[1] + made[2]
    ),
    max_size=8,
).map(b"".join)


@given(st.one_of(st.binary(max_size=400), made_boxes, made_boxes.map(lambda tail: FTYP + MOOV + tail)))
def test_any_bytes_are_an_mp4_or_bad_media(data: bytes) -> None:
    """Whatever arrives, the walk ends, with an Mp4 or with BadMedia."""
    try:
        found = walk_mp4(io.BytesIO(data))
    except BadMedia:
        return
    assert found.duration is None or found.duration >= 0


@given(mutations)
def test_damaged_clip_is_an_mp4_or_bad_media(changes: list[tuple[int, int]]) -> None:
    """A real clip with damaged bytes never raises anything but BadMedia."""
    data = bytearray(MP4)
    for at, value in changes:
        data[at] = value
    try:
        found = walk_mp4(io.BytesIO(data))
    except BadMedia:
        return
    assert found.flaw is None or isinstance(found.flaw, str)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda tail: b"\xff\xd8\xff" + tail)))
def test_any_bytes_are_a_jpeg_or_bad_media(data: bytes) -> None:
    """Whatever arrives as a thumbnail passes, or raises BadMedia; what passes has both its marks."""
    try:
        walk_jpeg(data)
    except BadMedia:
        return
    assert data.startswith(b"\xff\xd8")
    assert b"\xff\xd9" in data


def test_corpus_is_made_of_plain_boxes() -> None:
    """The other tests may cut the real files at boxes: these follow each other without a gap."""
    for path in MP4S:
        found = boxes(path.read_bytes())
        assert {b"ftyp", b"moov", b"mdat"} <= {kind for kind, _, _ in found}
        assert all(end == begin for (_, _, end), (_, begin, _) in pairwise(found))
