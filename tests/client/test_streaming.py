"""The bytes of clips: what is streamed, what is refused, and where the token does not go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import streaming
from tests.protocol.samples import SAMPLES

from .fake import CLIP, NOW, OAUTH, REST, FakeBlink, Parts, clip, cloud, signed_in

MP4 = {"Content-Type": "video/mp4"}
CDN = "https://cdn.example/clip.mp4?signature=x"


def fetched(path: Path, blink: FakeBlink, what: str = CLIP, *, thumbnail: bool = False) -> bytes:
    """All the bytes that the cloud gives for ``what``."""

    async def main() -> bytes:
        async with cloud(signed_in(path), blink) as opened, opened.media(what, thumbnail=thumbnail) as stream:
            return b"".join([chunk async for chunk in stream.chunks])

    return asyncio.run(main())


def with_token(blink: FakeBlink) -> set[str]:
    """The hosts that got the token."""
    return {r.url.host for r in blink.requests if "access-" in f"{r.headers.raw}{r.url}"}


def test_a_clip_is_streamed_as_it_is(tmp_path: Path) -> None:
    """Its path with the token and without encoding; the length that the server said."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"ab", b"c"), headers=MP4 | {"Content-Length": "3"}))

    async def main() -> None:
        async with cloud(signed_in(tmp_path), blink) as opened, opened.media(CLIP, thumbnail=False) as stream:
            assert stream.length == 3
            assert [chunk async for chunk in stream.chunks] == [b"ab", b"c"]

    asyncio.run(main())
    (request,) = blink.requests
    assert str(request.url) == f"https://{REST}{CLIP}"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Authorization"] == "Bearer access-0"


def test_a_clip_without_a_length_is_streamed(tmp_path: Path) -> None:
    """It is for the caller to judge."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"abc"), headers=MP4))
    assert fetched(tmp_path, blink) == b"abc"


def test_a_thumbnail_gets_its_extension(tmp_path: Path) -> None:
    """Before the query, and only where it has none."""
    blink = FakeBlink()
    blink.say("/thumb/7.jpg", clip(b"jpeg"))
    assert fetched(tmp_path, blink, "/thumb/7?ts=1", thumbnail=True) == b"jpeg"
    assert blink.requests[0].url.query == b"ts=1"


def test_a_401_is_refreshed_once(tmp_path: Path) -> None:
    """Then the clip comes."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(401), clip(b"clip"))
    assert fetched(tmp_path, blink) == b"clip"
    assert [r.url.host for r in blink.requests] == [REST, OAUTH, REST]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(404), errors.NotFound),
        (httpx.Response(404, json=SAMPLES["media_not_found"]), errors.NotFound),
        (httpx.Response(200, json=SAMPLES["media_not_found"]), errors.NotFound),
        (httpx.Response(200, json={"message": "Media deleted", "code": 711}), errors.NotFound),
        (httpx.Response(200, json=SAMPLES["busy_409"]), errors.Busy),
        (httpx.Response(200, json={"message": "?", "code": 999}), errors.UnexpectedAnswer),
        (httpx.Response(200, html="<!doctype html><p>Sorry"), errors.UnexpectedAnswer),
        (httpx.Response(200, text="not a clip"), errors.UnexpectedAnswer),
        (httpx.Response(204), errors.UnexpectedAnswer),
        (httpx.Response(206, content=b"half", headers=MP4), errors.UnexpectedAnswer),
        (httpx.Response(304), errors.UnexpectedAnswer),
        (httpx.Response(403), errors.Throttled),
        (httpx.Response(429, headers={"Retry-After": "5"}), errors.Throttled),
        (httpx.Response(503), errors.ServerError),
        (httpx.ConnectError("no route"), errors.NetworkError),
        (httpx.ReadTimeout("slow"), errors.NetworkError),
    ],
)
def test_what_is_no_clip_is_not_streamed(
    tmp_path: Path, reply: httpx.Response | Exception, expected: type[Exception]
) -> None:
    """Not even with a 200; and nothing is tried again in here."""
    blink = FakeBlink()
    blink.say(CLIP, reply)
    with pytest.raises(expected):
        fetched(tmp_path, blink)
    assert len(blink.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP"])
def test_an_encoded_clip_is_refused(tmp_path: Path, encoding: str) -> None:
    """Its length and hash would not be the clip's."""
    blink = FakeBlink()
    headers = MP4 | {"Content-Encoding": encoding}
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"abc"), headers=headers))
    with pytest.raises(errors.UnexpectedAnswer, match="encoded"):
        fetched(tmp_path, blink)


def test_half_a_clip_raises_after_its_bytes(tmp_path: Path) -> None:
    """A body shorter than its Content-Length is no whole clip."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"abc"), headers=MP4 | {"Content-Length": "4"}))
    with pytest.raises(errors.NetworkError, match="3 of 4"):
        fetched(tmp_path, blink)


@pytest.mark.parametrize(
    "error", [httpx.ReadError("reset"), httpx.RemoteProtocolError("half"), httpx.ReadTimeout("")]
)
def test_a_connection_that_breaks_is_a_network_error(tmp_path: Path, error: Exception) -> None:
    """Also in the middle of the bytes."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"abc", error=error), headers=MP4))
    with pytest.raises(errors.NetworkError, match=REST):
        fetched(tmp_path, blink)


@pytest.mark.parametrize("length", [str(streaming.LARGEST_MEDIA + 1), "9" * 30])
def test_a_clip_over_two_gigabytes_is_refused(tmp_path: Path, length: str) -> None:
    """Before a byte of it is read."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b""), headers=MP4 | {"Content-Length": length}))
    with pytest.raises(errors.UnexpectedAnswer, match="2 GB"):
        fetched(tmp_path, blink)


def test_a_clip_that_grows_over_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no length was said, too."""
    monkeypatch.setattr(streaming, "LARGEST_MEDIA", 5)
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"abc", b"def", b"ghi"), headers=MP4))
    with pytest.raises(errors.UnexpectedAnswer, match="2 GB"):
        fetched(tmp_path, blink)


def test_an_error_of_the_caller_passes_unchanged(tmp_path: Path) -> None:
    """A full disk is not a network error."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(200, stream=Parts(b"a", b"b"), headers=MP4))

    async def main() -> None:
        async with cloud(signed_in(tmp_path), blink) as opened, opened.media(CLIP, thumbnail=False) as stream:
            async for _ in stream.chunks:
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [CDN, "//cdn.example/clip.mp4", "https://rest-u014.immedia-semi.com:8443/x", "https://rest-u015.immedia-semi.com/x",
     "https://rest-u014.immedia-semi.com.cdn.example/x", "https://api.oauth.blink.com/x"],
)  # fmt: skip
def test_a_redirect_elsewhere_is_followed_without_the_token(
    tmp_path: Path, status: int, location: str
) -> None:
    """Another host, port or region of Blink's is elsewhere."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(status, headers={"Location": location}))
    target = httpx.URL(f"https://{REST}").join(location)
    blink.say(target.path, clip(b"clip"))
    assert fetched(tmp_path, blink) == b"clip"
    first, second = blink.requests
    assert "Authorization" in first.headers
    assert second.url == target
    assert not {"authorization", "app-build", "cookie"} & set(second.headers)


@pytest.mark.parametrize("location", ["/elsewhere.mp4", f"https://{REST}/elsewhere.mp4"])
def test_a_redirect_within_the_host_keeps_the_token(tmp_path: Path, location: str) -> None:
    """Same scheme, host and port."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(302, headers={"Location": location}))
    blink.say("/elsewhere.mp4", clip(b"clip"))
    assert fetched(tmp_path, blink) == b"clip"
    assert blink.requests[1].headers["Authorization"] == "Bearer access-0"


def test_a_redirect_back_gets_no_token_by_way_of_elsewhere(tmp_path: Path) -> None:
    """Every hop is judged by its own address."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(302, headers={"Location": CDN}))
    blink.say("/clip.mp4", httpx.Response(302, headers={"Location": "https://other.example/clip.mp4"}))
    blink.say("/clip.mp4", clip(b"clip"))
    assert fetched(tmp_path, blink) == b"clip"
    assert with_token(blink) == {REST}


@pytest.mark.parametrize(
    "location",
    [
        "http://cdn.example/clip.mp4",
        f"http://{REST}/clip.mp4",
        "http://127.0.0.1/clip.mp4",
        "ftp://cdn.example/clip.mp4",
        "file:///etc/passwd",
        "https://user:secret@cdn.example/clip.mp4",
        "immedia-blink://applinks.blink.com/",
        "https://[",
        "https://a b/clip.mp4",
        "https://cdn.example:99999999/x",
        "",
    ],
)
def test_an_unsafe_redirect_is_not_followed(tmp_path: Path, location: str) -> None:
    """Only https, and no user in the address."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(302, headers={"Location": location}))
    with pytest.raises(errors.UnsafeAddress):
        fetched(tmp_path, blink)
    assert len(blink.requests) == 1


@pytest.mark.parametrize("location", ["https://[::1/clip.mp4", "https://h:port/clip.mp4"])
def test_a_redirect_to_what_is_no_address_is_not_followed(tmp_path: Path, location: str) -> None:
    """httpx notices before we do."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(302, headers={"Location": location}))
    with pytest.raises(errors.BlinkError):
        fetched(tmp_path, blink)
    assert len(blink.requests) == 1


def test_three_redirects_are_enough(tmp_path: Path) -> None:
    """The fourth is refused."""
    blink = FakeBlink()
    hops = [httpx.Response(302, headers={"Location": f"https://h{n}.example{CLIP}"}) for n in range(4)]
    blink.say(CLIP, *hops[:3], clip(b"clip"))
    assert fetched(tmp_path, blink) == b"clip"
    blink.say(CLIP, *hops)
    with pytest.raises(errors.UnsafeAddress, match="3 times"):
        fetched(tmp_path, blink)


def test_a_401_elsewhere_is_no_reason_to_refresh(tmp_path: Path) -> None:
    """The token never was there, and no person has to sign in."""
    blink = FakeBlink()
    blink.say(CLIP, httpx.Response(302, headers={"Location": CDN}))
    blink.say("/clip.mp4", httpx.Response(401))
    with pytest.raises(errors.UnexpectedAnswer, match=r"cdn\.example"):
        fetched(tmp_path, blink)
    assert with_token(blink) == {REST}


@pytest.mark.parametrize("thumbnail", [True, False])
def test_an_absolute_address_in_a_listing_gets_no_token(tmp_path: Path, *, thumbnail: bool) -> None:
    """It is fetched as a redirect to it would be."""
    blink = FakeBlink()
    blink.say("/a.jpg", clip(b"bytes"))
    assert fetched(tmp_path, blink, "https://cdn.example/a.jpg", thumbnail=thumbnail) == b"bytes"
    assert with_token(blink) == set()


def test_an_absolute_address_of_our_host_gets_the_token(tmp_path: Path) -> None:
    """It is what the path alone would be."""
    blink = FakeBlink()
    blink.say(CLIP, clip(b"bytes"))
    assert fetched(tmp_path, blink, f"https://{REST}{CLIP}") == b"bytes"
    assert with_token(blink) == {REST}


@pytest.mark.parametrize(
    "path",
    ["", "//cdn.example/a.mp4", "@cdn.example/a", ".cdn.example/a", ":443@cdn.example/", "api/clip.mp4",
     "http://cdn.example/a.mp4", "javascript:alert(1)", "/a\nb", "/a\x00", "https://[", "file:///etc/passwd"],
)  # fmt: skip
def test_a_path_that_is_none_is_not_asked_for(tmp_path: Path, path: str) -> None:
    """Whatever a listing says, no other host is formed with it."""
    blink = FakeBlink()
    with pytest.raises(errors.UnsafeAddress):
        fetched(tmp_path, blink, path)
    assert blink.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [CDN, f"https://{REST}/elsewhere", "/elsewhere"])
def test_a_redirected_json_call_is_not_followed(tmp_path: Path, status: int, location: str) -> None:
    """Wherever it leads."""
    blink = FakeBlink()
    blink.say(
        "/api/v1/accounts/1100001/media/changed", httpx.Response(status, headers={"Location": location})
    )

    async def main() -> None:
        async with cloud(signed_in(tmp_path), blink) as opened:
            await opened.media_changed(since=NOW, page=1)

    with pytest.raises(errors.UnexpectedAnswer):
        asyncio.run(main())
    assert len(blink.requests) == 1


@pytest.mark.parametrize(
    ("api", "followed"), [("http://127.0.0.1:5", True), ("https://blink.example", False)]
)
def test_loopback_without_tls_is_for_a_loopback_override(tmp_path: Path, api: str, *, followed: bool) -> None:
    """So that a simulator can redirect, and nobody else can reach this machine."""
    blink = FakeBlink()
    state = signed_in(tmp_path, api_url=api, oauth_url=api)
    blink.say(CLIP, httpx.Response(302, headers={"Location": "http://127.0.0.1:6/cdn"}))
    blink.say("/cdn", clip(b"clip"))

    async def main() -> None:
        opened = cloud(state, blink, api_url=api, oauth_url=api)
        async with opened, opened.media(CLIP, thumbnail=False) as stream:
            assert [chunk async for chunk in stream.chunks] == [b"clip"]

    if followed:
        asyncio.run(main())
        assert "Authorization" not in blink.requests[1].headers
    else:
        with pytest.raises(errors.UnsafeAddress):
            asyncio.run(main())
