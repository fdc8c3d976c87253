"""Refreshing: once for everybody, stored before it is used, never the end of a sign-in by mistake."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.session import load_session, save_session
from blink_archive.simulator import Settings, Simulator
from tests.protocol.samples import SAMPLES

from .fake import NOW, FakeBlink, cloud, session, signed_in

ROOT = Path(__file__).parents[2]
DEVICE = "1EAF7C88-0000-4000-8000-000000000001"


def stored(state: StateDir) -> tuple[str, str]:
    now = load_session(state, 1100001, addresses=Addresses())
    return now.access_token, now.refresh_token


async def ask(state: StateDir, blink: FakeBlink, *, times: int = 1) -> None:
    async with cloud(state, blink) as asked:
        await asyncio.gather(*(asked.homescreen() for _ in range(times)))


def test_a_token_that_lives_is_not_refreshed(tmp_path: Path) -> None:
    """`expires_in` is trusted."""
    blink = FakeBlink()
    asyncio.run(ask(signed_in(tmp_path, expires_at=NOW + timedelta(seconds=61)), blink))
    assert blink.to("/oauth/token") == []


def test_a_token_is_refreshed_a_minute_ahead(tmp_path: Path) -> None:
    """Before the request, which then goes out once; the new pair is stored."""
    blink = FakeBlink()
    state = signed_in(tmp_path, expires_at=NOW + timedelta(seconds=60))
    asyncio.run(ask(state, blink))
    assert [request.url.path.rpartition("/")[2] for request in blink.requests] == ["token", "homescreen"]
    assert stored(state) == ("access-1", "refresh-1")
    assert blink.form(blink.requests[0])["grant_type"] == "refresh_token"


def test_a_401_refreshes_once_and_asks_again(tmp_path: Path) -> None:
    """Though the token should have lived."""
    blink = FakeBlink()
    blink.access = "another"
    state = signed_in(tmp_path)
    asyncio.run(ask(state, blink))
    assert [r.url.path.rpartition("/")[2] for r in blink.requests] == ["homescreen", "token", "homescreen"]


def test_a_second_401_is_the_end(tmp_path: Path) -> None:
    """One refresh, then a person is asked; not a loop."""
    blink = FakeBlink()
    blink.say("/api/v3/accounts/1100001/homescreen", httpx.Response(401), httpx.Response(401))
    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        asyncio.run(ask(signed_in(tmp_path), blink))
    assert len(blink.to("/oauth/token")) == 1


def test_many_requests_refresh_together(tmp_path: Path) -> None:
    """Ten at once after the token died: one exchange."""
    blink = FakeBlink()
    blink.access = "another"
    asyncio.run(ask(signed_in(tmp_path), blink, times=10))
    assert len(blink.to("/oauth/token")) == 1


def test_the_new_pair_is_stored_before_it_is_used(tmp_path: Path) -> None:
    """At the first request with the new token, the file has the new pair already."""
    state = signed_in(tmp_path, expires_at=NOW)
    seen: list[tuple[str, str]] = []

    def look(_: httpx.Request) -> httpx.Response:
        seen.append(stored(state))
        return httpx.Response(200, json={"networks": []})

    blink = FakeBlink()
    blink.say("/api/v3/accounts/1100001/homescreen", look)
    asyncio.run(ask(state, blink))
    assert seen == [("access-1", "refresh-1")]


def test_what_another_process_refreshed_is_taken(tmp_path: Path) -> None:
    """After the lock the file is read again; the dead refresh token is not sent."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()

    async def main() -> None:
        async with cloud(state, blink) as asked:
            blink.access, blink.refresh = "theirs", "theirs too"
            save_session(state, session(access_token="theirs", refresh_token="theirs too"))
            await asked.homescreen()

    asyncio.run(main())
    assert blink.to("/oauth/token") == []
    assert stored(state) == ("theirs", "theirs too")


def test_two_clouds_of_one_state_directory_refresh_once(tmp_path: Path) -> None:
    """The file lock holds within one process too, and does not block the event loop."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()
    blink.during_refresh = lambda: asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(ask(state, blink), ask(StateDir(state.path), blink))

    asyncio.run(main())
    assert len(blink.to("/oauth/token")) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(500), errors.ServerError),
        (httpx.Response(503, headers={"Retry-After": "3600"}), errors.ServerError),
        (httpx.Response(406), errors.RefusedAtEdge),
        (httpx.Response(429), errors.Throttled),
        (httpx.Response(401, json={"message": "Unauthorized Access", "code": 101}), errors.UnexpectedAnswer),
        (httpx.Response(400, json={"error": "invalid_request"}), errors.UnexpectedAnswer),
        (httpx.Response(200, html="<p>Sorry"), errors.UnexpectedAnswer),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), errors.UnexpectedAnswer),
        (httpx.ConnectError("no route"), errors.NetworkError),
        (httpx.ReadTimeout("slow"), errors.NetworkError),
    ],
)
def test_passing_trouble_keeps_the_sign_in(
    tmp_path: Path, reply: httpx.Response | Exception, expected: type[errors.BlinkError]
) -> None:
    """The pair stays, the error is one of Blink's (exit 5), and no password is ever posted."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()
    blink.say("/oauth/token", *[reply] * 4)
    with pytest.raises(expected) as caught:
        asyncio.run(ask(state, blink))
    assert caught.value.exit_code == 5
    assert stored(state) == ("access-0", "refresh-0")
    assert {request.url.path for request in blink.requests} == {"/oauth/token"}


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_refresh_token_needs_a_person(tmp_path: Path, status: int) -> None:
    """`invalid_grant`, and it alone, is exit 4."""
    blink = FakeBlink()
    blink.say("/oauth/token", httpx.Response(status, json={"error": "invalid_grant"}))
    with pytest.raises(errors.NotSignedIn, match="blink-archive login"):
        asyncio.run(ask(signed_in(tmp_path, expires_at=NOW), blink))


def test_a_cancelled_request_does_not_lose_the_new_tokens(tmp_path: Path) -> None:
    """Ctrl-C while a refresh is being answered: the cloud closes only when the new pair is in the file,
    though Blink takes its time."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()

    async def main() -> None:
        under_way, go_on = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            under_way.set()
            await go_on.wait()

        async def answer_later() -> None:
            for _ in range(20):  # turns of the event loop: more than closing alone takes
                await asyncio.sleep(0)
            go_on.set()

        blink.during_refresh = hold
        async with cloud(state, blink) as asked:
            task = asyncio.create_task(asked.homescreen())
            await under_way.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            answering = asyncio.create_task(answer_later())
        assert stored(state) == ("access-1", "refresh-1")
        await answering

    asyncio.run(main())


def test_a_refresh_that_waits_for_another_process_is_given_up_at_once(tmp_path: Path) -> None:
    """Ctrl-C while another process holds the lock: nothing was sent, so nothing is waited for."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()

    async def main() -> None:
        async with state.locked(), cloud(StateDir(state.path), blink) as asked:
            task = asyncio.create_task(asked.homescreen())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 5
    assert blink.requests == []
    assert stored(state) == ("access-0", "refresh-0")


class FullDisk(StateDir):
    """A state directory that nothing can be written to."""

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        raise errors.StorageError(f"{self.path / name} cannot be written: the disk is full.")


def test_a_full_disk_spends_no_refresh_token(tmp_path: Path) -> None:
    """Where the new pair could not be stored, the old one is not exchanged."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()
    with pytest.raises(errors.StorageError):
        asyncio.run(ask(FullDisk(state.path), blink))
    assert blink.requests == []
    asyncio.run(ask(state, blink))
    assert stored(state) == ("access-1", "refresh-1")


class FullAfterwards(StateDir):
    """A state directory that takes everything but the pair that a refresh brings."""

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        if value.get("access_token") == "access-1":
            raise errors.StorageError(f"{self.path / name} cannot be written: the disk is full.")
        super().write(name, value)


def test_a_pair_that_could_not_be_stored_is_not_used(tmp_path: Path) -> None:
    """The disk fills up while Blink answers: no request carries a token that is in no file."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()

    async def main() -> None:
        async with cloud(FullAfterwards(state.path), blink) as asked:
            with pytest.raises(errors.StorageError):
                await asked.homescreen()
            with pytest.raises(errors.NotSignedIn):  # the old pair was spent: a person has to sign in
                await asked.homescreen()

    asyncio.run(main())
    assert blink.issued == 1
    assert {request.url.path for request in blink.requests} == {"/oauth/token"}
    assert stored(state) == ("access-0", "refresh-0")


def test_ids_are_stored_beside_a_newer_pair(tmp_path: Path) -> None:
    """Another process refreshes while a homescreen is being answered: the ids that come with it are
    stored, and the newer pair stays."""
    state = signed_in(tmp_path, client_id=None, user_id=None)
    blink = FakeBlink()

    def refreshed_meanwhile(_: httpx.Request) -> httpx.Response:
        theirs = session(access_token="theirs", refresh_token="theirs too", client_id=None, user_id=None)
        save_session(StateDir(state.path), theirs)
        blink.access, blink.refresh = "theirs", "theirs too"
        return httpx.Response(200, json=SAMPLES["homescreen"], headers={"Client-Id": "1100002"})

    blink.say("/api/v3/accounts/1100001/homescreen", refreshed_meanwhile)
    asyncio.run(ask(state, blink))
    assert stored(state) == ("theirs", "theirs too")
    assert load_session(state, 1100001, addresses=Addresses()).client_id == 1100002


def test_a_logout_meanwhile_is_respected(tmp_path: Path) -> None:
    """No refresh brings a session back that was removed."""
    state = signed_in(tmp_path, expires_at=NOW)
    blink = FakeBlink()

    async def main() -> None:
        async with cloud(state, blink) as asked:
            state.remove("session-1100001.json")
            await asked.homescreen()

    with pytest.raises(errors.NotSignedIn):
        asyncio.run(main())
    assert blink.requests == []


def test_another_account_meanwhile_changes_nothing(tmp_path: Path) -> None:
    """Its tokens are not used for this account's archive, and a renewal leaves them as they are."""
    state = signed_in(tmp_path, expires_at=NOW)
    theirs = session(account_id=5, access_token="theirs", refresh_token="theirs too")
    blink = FakeBlink()

    async def main() -> None:
        async with cloud(state, blink) as asked:
            save_session(state, theirs)
            await asked.homescreen()

    asyncio.run(main())
    assert stored(state) == ("access-1", "refresh-1")
    assert load_session(state, 5, addresses=Addresses()) == theirs
    assert all("theirs" not in str(request.headers) + str(request.content) for request in blink.requests)


PROCESS = """
import asyncio, sys
from pathlib import Path
from blink_archive.client import Blink, Pacing, StateDir

async def main():
    state, url = StateDir(Path(sys.argv[1])), sys.argv[2]
    async with Blink.from_state(state, api_url=url, oauth_url=url, pacing=Pacing.none()) as cloud:
        print("ready", flush=True)
        sys.stdin.readline()
        print(len((await cloud.homescreen()).cameras))

asyncio.run(main())
"""


def start(state: StateDir, sim: Simulator) -> subprocess.Popen[str]:
    """A process that has read the session and waits for a word to ask."""
    command = [sys.executable, "-W", "error", "-c", PROCESS, str(state.path), sim.url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_refresh_once(tmp_path: Path) -> None:
    """Both have read the dead token when they start; one exchanges it, both are answered."""
    with Simulator(Settings(clips=0, latency=0.05)) as sim:
        tokens = sim.cloud.issue_tokens(DEVICE)
        state = StateDir(tmp_path / "state")
        state.write("device.json", {"hardware_id": DEVICE})
        dead = session(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=datetime.now(UTC),
            api_url=sim.url,
            oauth_url=sim.url,
        )
        save_session(state, dead)
        with start(state, sim) as one, start(state, sim) as two:
            for process in (one, two):
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            answers = [process.communicate()[0] for process in (one, two)]
        assert answers == ["5\n", "5\n"]
        assert [request.grant_type for request in sim.requests if request.grant_type] == ["refresh_token"]
