"""The whole conversation over real HTTP, with a cloud that shares no code with the client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blink_archive import errors
from blink_archive.client import Blink, Pacing, SignIn, StateDir
from blink_archive.model import MediaItem
from blink_archive.simulator import Fault, Settings, Simulator

from .fake import signed_in

START = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(Settings(clips=30, page_limit=10)) as simulator:
        yield simulator


@pytest.fixture
def state(sim: Simulator, tmp_path: Path) -> StateDir:
    """A state directory that was signed in with a code."""
    state = StateDir(tmp_path / "state")

    def signing_in() -> SignIn:
        return SignIn(state, api_url=sim.url, oauth_url=sim.url, pacing=Pacing.none())

    with pytest.raises(errors.CodeNeeded):
        asyncio.run(signing_in().sign_in(email="demo@example.com", password="demo"))
    with pytest.raises(errors.WrongCode):
        asyncio.run(signing_in().enter_code("000000"))
    session = asyncio.run(signing_in().enter_code("123456"))
    assert (session.account_id, session.client_id, session.user_id) == (1100001, 1100002, 1100003)
    return state


def with_tokens(sim: Simulator, path: Path) -> StateDir:
    """A state directory with tokens of ``sim``, for tests that are not about the sign-in."""
    tokens = sim.cloud.issue_tokens("1EAF7C88-0000-4000-8000-000000000001")
    return signed_in(
        path,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        api_url=sim.url,
        oauth_url=sim.url,
    )


def opened(sim: Simulator, state: StateDir, *, connections: int = 8) -> Blink:
    return Blink.from_state(
        state, api_url=sim.url, oauth_url=sim.url, connections=connections, pacing=Pacing.none()
    )


async def listed(cloud: Blink) -> list[MediaItem]:
    """All items, up to the empty page."""
    items: list[MediaItem] = []
    number = 1
    while page := (await cloud.media_changed(since=START, page=number)).items:
        items += page
        number += 1
    return items


async def fetched(cloud: Blink, path: str, *, thumbnail: bool = False) -> bytes:
    async with cloud.media(path, thumbnail=thumbnail) as stream:
        data = b"".join([chunk async for chunk in stream.chunks])
        assert stream.length in (None, len(data))
        return data


def test_everything_is_listed_and_downloaded(sim: Simulator, state: StateDir) -> None:
    """Thirty clips with their thumbnails, without a problem, with one password posted."""

    async def main() -> None:
        async with opened(sim, state) as cloud:
            items = await listed(cloud)
            whole = [item for item in items if not item.deleted and not item.partial]
            assert len(whole) == 30
            assert all(not item.problems for item in items)
            for item in whole:
                assert item.media is not None
                assert item.thumbnail is not None
                assert (await fetched(cloud, item.media))[4:8] == b"ftyp"
                assert (await fetched(cloud, item.thumbnail, thumbnail=True))[:2] == b"\xff\xd8"

    asyncio.run(main())
    assert sim.cloud.sign_in.passwords_posted == 1


def test_tokens_that_die_are_refreshed_once(sim: Simulator, state: StateDir) -> None:
    """Under six downloads at a time, every one of which is answered."""

    async def main() -> None:
        async with opened(sim, state) as cloud:
            paths = [item.media for item in await listed(cloud) if not item.deleted and not item.partial]
            sim.cloud.sign_in.expire_all()
            bodies = await asyncio.gather(*(fetched(cloud, path) for path in paths[:6] if path))
            assert all(bodies)

    asyncio.run(main())
    assert sim.cloud.sign_in.refreshes == 1


def test_no_more_connections_than_asked_for(tmp_path: Path) -> None:
    """Ten requests at once over two connections: Blink never has more than two to answer."""
    with Simulator(Settings(clips=0, latency=0.05)) as slow:
        state = with_tokens(slow, tmp_path)

        async def main() -> None:
            async with opened(slow, state, connections=2) as cloud:
                await asyncio.gather(*(cloud.networks() for _ in range(10)))

        asyncio.run(main())
        assert len(slow.requests) == 10
        assert slow.max_in_flight <= 2


def test_no_proxy_stands_between_this_machine_and_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both overrides on loopback, HTTP_PROXY, here an address where nobody answers, has no say."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as nobody, Simulator(Settings(clips=0)) as sim:
        nobody.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it, and not listening
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        state = with_tokens(sim, tmp_path)

        async def main() -> None:
            async with opened(sim, state) as cloud:
                assert (await cloud.homescreen()).cameras

        asyncio.run(main())


def test_a_revoked_sign_in_is_said(sim: Simulator, state: StateDir) -> None:
    """It needs a person; the password is not posted again."""

    async def main() -> None:
        async with opened(sim, state) as cloud:
            sim.cloud.sign_in.expire_all()
            sim.cloud.sign_in.revoke_refresh_tokens()
            await cloud.homescreen()

    with pytest.raises(errors.NotSignedIn):
        asyncio.run(main())
    assert sim.cloud.sign_in.passwords_posted == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind="truncate", endpoint="clip"), errors.NetworkError),
        (Fault(kind="reset", endpoint="clip"), errors.NetworkError),
        (Fault(kind="reset", endpoint="clip", part=0), errors.NetworkError),
        (Fault(kind="wrong_length", endpoint="clip", length="long"), errors.NetworkError),
        (Fault(kind="html", endpoint="clip"), errors.UnexpectedAnswer),
        (Fault(kind="json", endpoint="clip"), errors.Busy),
        (Fault(kind="status", endpoint="clip", status=404), errors.NotFound),
        (Fault(kind="redirect", endpoint="clip", location="http://192.0.2.1/x"), errors.UnsafeAddress),
    ],
)
def test_a_broken_download_raises(
    sim: Simulator, state: StateDir, fault: Fault, expected: type[Exception]
) -> None:
    """Each fault of the wire has its error, and none passes for a clip."""
    sim.faults.add(fault)

    async def main() -> None:
        async with opened(sim, state) as cloud:
            (path, *_) = [item.media for item in await listed(cloud) if not item.deleted and not item.partial]
            assert path is not None
            await fetched(cloud, path)

    with pytest.raises(expected):
        asyncio.run(main())


def test_a_cdn_gets_no_token(sim: Simulator, state: StateDir) -> None:
    """On another port of this machine, as a simulator's CDN is."""
    with Simulator(Settings(clips=30, page_limit=10)) as cdn:
        sim.faults.add(Fault(kind="redirect", endpoint="clip", location=f"{cdn.url}/cdn/clip/{{id}}.mp4"))

        async def main() -> None:
            async with opened(sim, state) as cloud:
                (path, *_) = [
                    item.media for item in await listed(cloud) if not item.deleted and not item.partial
                ]
                assert path is not None
                assert (await fetched(cloud, path))[4:8] == b"ftyp"

        asyncio.run(main())
        assert [request.had_auth for request in cdn.requests] == [False]


def test_a_network_is_armed_and_a_clip_deleted(sim: Simulator, state: StateDir) -> None:
    """The command is followed to its end; the deletion comes back as a tombstone."""

    async def main() -> None:
        async with opened(sim, state) as cloud:
            network = (await cloud.homescreen()).networks[0]
            done = await cloud.commands.wait_for(await cloud.disarm(network.id))
            assert done.complete
            assert (await cloud.homescreen()).networks[0].armed is False
            assert {known.id for known in await cloud.networks()} >= {network.id}
            victim = next(item for item in await listed(cloud) if not item.deleted and not item.partial)
            assert victim.id is not None
            await cloud.delete_media([victim.id])
            assert [item.deleted for item in await listed(cloud) if item.id == victim.id] == [True]

    asyncio.run(main())
