"""Clips are real MP4s and thumbnails real JPEGs, each with bytes of its own, at exactly their paths."""

import io
from collections.abc import Iterator

import av
import httpx

from blink_archive.simulator import Settings, Simulator
from blink_archive.simulator.media import CLIPS, templates

from .helpers import HARDWARE_ID, Clock, boxes, thumbnail_url, walk


def live(http: httpx.Client) -> Iterator[dict]:
    return (item for item in walk(http) if not item["deleted"] and not item["partial"])


def test_every_clip_and_thumbnail_is_served_as_the_cloud_holds_it(sim: Simulator, http: httpx.Client) -> None:
    """By the path of the item, old or new; all bytes differ; the length is declared; MP4s walk to the end."""
    clips, pictures, forms = set(), set(), set()
    for item in live(http):
        clip = http.get(item["media"])
        assert clip.status_code == 200
        assert clip.headers["content-type"] == "video/mp4"
        assert clip.content == sim.cloud.clip_bytes(item["id"])
        assert int(clip.headers["content-length"]) == len(clip.content)
        kinds = [kind for kind, _, _ in boxes(clip.content)]
        assert kinds[0] == "ftyp"
        assert "moov" in kinds
        assert str(item["id"]).encode() in clip.content[-40:]
        picture = http.get(thumbnail_url(item))
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content == sim.cloud.thumbnail_bytes(item["id"])
        assert (picture.content[:4], picture.content[-2:]) == (b"\xff\xd8\xff\xfe", b"\xff\xd9")
        clips.add(clip.content)
        pictures.add(picture.content)
        forms.add(item["media"].split("/")[2])
    assert len(clips) == len(pictures) == 60
    assert forms == {"v2", "v3"}


def test_only_the_very_path_of_the_item_works(sim: Simulator, http: httpx.Client) -> None:
    """No `.jpg` on an old thumbnail, no query on a new one, another camera, source or form: 404."""
    old = next(item for item in live(http) if "/v2/" in item["media"])
    new = next(item for item in live(http) if "/v3/" in item["media"])
    wrong = [
        old["thumbnail"],
        new["thumbnail"].removesuffix("?ext="),
        f"{new['thumbnail']}.jpg",
        new["media"].replace(str(new["device_id"]), "999"),
        new["media"].replace(f"/{new['source']}/", "/other/"),
        f"/api/v2/accounts/1100001/media/clip/{new['id']}.mp4",
        "/api/v2/accounts/1100001/media/clip/1.mp4",
        old["media"].replace("1100001", "1100009"),
    ]
    assert [http.get(path).status_code for path in wrong] == [404] * len(wrong)


def test_clips_are_padded_to_the_size_that_is_asked_for(clock: Clock) -> None:
    """In `free` boxes: still an MP4, still unique."""
    with Simulator(Settings(now=clock, clips=8, clip_bytes=300_000)) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        with httpx.Client(base_url=sim.url, headers={"Authorization": f"Bearer {token}"}) as http:
            bodies = {http.get(item["media"]).content for item in live(http)}
        assert {len(body) for body in bodies} == {300_000}
        assert len(bodies) == 8
        for body in bodies:
            assert [kind for kind, _, _ in boxes(body)][-2:] == ["free", "free"]


def test_downloading_may_count_as_watching(clock: Clock) -> None:
    """With `mark_watched` the clip comes again in the feed; without it nothing changes."""
    for marking in (True, False):
        with Simulator(Settings(now=clock, clips=5, mark_watched=marking)) as sim:
            token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
            clip_id = sim.cloud.add_clip()
            clock.forward(minutes=1)
            url = f"{sim.url}{sim.cloud.item(clip_id)['media']}"
            assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
            after = sim.cloud.clip(clip_id)
            assert after.watched is marking
            assert (after.updated == int(clock().timestamp())) is marking


def test_a_content_network_serves_without_a_token(sim: Simulator) -> None:
    """For redirects: the same bytes."""
    clip = sim.cloud.live_clips()[0]
    assert httpx.get(f"{sim.url}/cdn/clip/{clip}.mp4").content == sim.cloud.clip_bytes(clip)
    assert httpx.get(f"{sim.url}/cdn/thumb/{clip}.jpg").content == sim.cloud.thumbnail_bytes(clip)
    assert httpx.get(f"{sim.url}/cdn/clip/1.mp4").json()["code"] == 700


def test_the_films_are_several_and_small() -> None:
    """Eight lengths or so, with `moov` in front and behind, under 2 MB together."""
    films = templates()
    assert len({film.seconds for film in films}) >= 6
    orders = set()
    for film in films:
        kinds = [kind for kind, _, _ in boxes(film.mp4)]
        orders.add(kinds.index("moov") < kinds.index("mdat"))
    assert orders == {True, False}
    assert sum(path.stat().st_size for path in CLIPS.iterdir() if path.suffix in (".mp4", ".jpg")) < 2_000_000


def test_the_films_play(sim: Simulator) -> None:
    """Each decodes to the end as H.264 of its length, its thumbnail to a picture, as they are served."""
    seen = {}
    for clip in sim.cloud.clips():
        seen.setdefault(clip.template % len(templates()), clip.id)
    for number, clip_id in seen.items():
        with av.open(io.BytesIO(sim.cloud.clip_bytes(clip_id))) as video:
            stream = video.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            frames = sum(1 for _ in video.decode(stream))
            assert frames / stream.average_rate == templates()[number].seconds
        with av.open(io.BytesIO(sim.cloud.thumbnail_bytes(clip_id)), format="mjpeg") as picture:
            frame = next(picture.decode(video=0))
            assert (frame.width, frame.height) == (640, 360)
