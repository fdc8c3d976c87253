"""The stick of a sync module: what is asked, in which order, and how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive import errors
from blink_archive.client import Blink, Pacing
from blink_archive.model import StoredClip, SyncModule
from tests.protocol.samples import SAMPLES

from .fake import FakeBlink, Parts, cloud, run, signed_in

BASE = "/api/v1/accounts/1100001/networks/2100001/sync_modules/3100001/local_storage"
REQUEST = f"{BASE}/manifest/request"
MANIFEST = f"{REQUEST}/750082099"
CLIP = f"{BASE}/manifest/4321/clip/request/866333964"
DELETE = f"{BASE}/manifest/4321/clip/delete/866333964"
MODULE = SyncModule(3100001, 2100001, "Hall", "sm2", None, "online", None, "active", {})
VIDEO = b"\0\0\0\x08ftypand the rest"


def poll(command: int) -> str:
    return f"/network/2100001/command/{command}"


def ok(sample: str) -> httpx.Response:
    return httpx.Response(200, json=SAMPLES[sample])


def busy() -> httpx.Response:
    return httpx.Response(409, json=SAMPLES["busy_409"])


def missing() -> httpx.Response:
    return httpx.Response(404, json=SAMPLES["media_not_found"])


def video() -> httpx.Response:
    return httpx.Response(200, stream=Parts(VIDEO), headers={"Content-Type": "video/mp4"})


def asked(path: Path, blink: FakeBlink, ask: Callable[[Blink], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with cloud(signed_in(path), blink) as opened:
            return await ask(opened)

    return asyncio.run(main())


def made(blink: FakeBlink) -> list[str]:
    """The requests, as method and path."""
    return [f"{request.method} {request.url.path}" for request in blink.requests]


async def fetched(opened: Blink) -> bytes:
    async with opened.local_storage.media(CLIP) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


def stored() -> StoredClip:
    return StoredClip("866333964", "Garden", datetime(2026, 10, 2, tzinfo=UTC), 234, CLIP, {})


def test_a_manifest_is_asked_for_made_and_read(tmp_path: Path) -> None:
    """Request, poll, and the manifest, whose clips carry the path at which they are asked for."""
    blink = FakeBlink()
    blink.say(REQUEST, ok("local_storage_manifest_request"))
    blink.say(poll(750082099), ok("command_status_running"), ok("command_status_done"))
    blink.say(MANIFEST, ok("local_storage_manifest"))
    manifest = asked(tmp_path, blink, lambda opened: opened.local_storage.manifest(MODULE))
    assert made(blink) == [
        f"POST {REQUEST}",
        f"GET {poll(750082099)}",
        f"GET {poll(750082099)}",
        f"GET {MANIFEST}",
    ]
    assert blink.requests[0].content == b""
    assert (manifest.id, manifest.module_id, manifest.unreadable) == ("4321", 3100001, 0)
    first = manifest.clips[0]
    assert (first.camera_name, first.kilobytes, first.path) == ("Garden", 234, CLIP)
    assert first.created_at == datetime(2026, 10, 2, 21, 11, 50, tzinfo=UTC)


def test_a_manifest_that_is_not_ready_is_waited_for(tmp_path: Path) -> None:
    """409, and JSON without `clips`, mean: not yet; the waits grow."""
    blink = FakeBlink()
    blink.say(REQUEST, ok("local_storage_manifest_request"))
    blink.say(poll(750082099), ok("command_status_done"))
    blink.say(MANIFEST, busy(), httpx.Response(200, json={"message": "soon"}), ok("local_storage_manifest"))

    async def main() -> None:
        pacing = Pacing(wait_jitter=0.0)
        async with cloud(signed_in(tmp_path), blink, pacing=pacing) as opened:
            assert (await opened.local_storage.manifest(MODULE)).id == "4321"

    assert 2 <= run(main()) <= 10


def test_a_manifest_that_never_comes_is_given_up(tmp_path: Path) -> None:
    """The waiting is bounded."""
    blink = FakeBlink()
    blink.say(REQUEST, ok("local_storage_manifest_request"))
    blink.say(poll(750082099), ok("command_status_done"))
    blink.say(MANIFEST, *[httpx.Response(200, json={}) for _ in range(100)])
    with pytest.raises(errors.Busy, match="has not finished the list of clips"):
        asked(tmp_path, blink, lambda opened: opened.local_storage.manifest(MODULE))
    assert made(blink).count(f"GET {MANIFEST}") < 100


def test_a_clip_is_uploaded_by_the_module_and_then_fetched(tmp_path: Path) -> None:
    """POST, poll, and GET of the same path, which is not there at once."""
    blink = FakeBlink()
    blink.say(CLIP, ok("local_storage_clip_request"), missing(), busy(), video())
    blink.say(poll(750082100), ok("command_status_done"))
    assert asked(tmp_path, blink, fetched) == VIDEO
    assert made(blink) == [f"POST {CLIP}", f"GET {poll(750082100)}", *[f"GET {CLIP}"] * 3]


def test_a_clip_that_never_comes_is_not_found(tmp_path: Path) -> None:
    """The waiting for an upload is bounded, too."""
    blink = FakeBlink()
    blink.say(CLIP, ok("local_storage_clip_request"), *[missing() for _ in range(100)])
    blink.say(poll(750082100), ok("command_status_done"))
    with pytest.raises(errors.NotFound):
        asked(tmp_path, blink, fetched)
    assert made(blink).count(f"GET {CLIP}") < 100


def test_a_failed_upload_is_trouble_at_blink(tmp_path: Path) -> None:
    """A command that fails is told with Blink's words, as trouble that may pass."""
    blink = FakeBlink()
    failed = SAMPLES["command_status_done"] | {"status_code": 905, "status_msg": "Camera timed out"}
    blink.say(CLIP, ok("local_storage_clip_request"))
    blink.say(poll(750082100), httpx.Response(200, json=failed))
    with pytest.raises(errors.ServerError, match="Camera timed out"):
        asked(tmp_path, blink, fetched)


@pytest.mark.parametrize("path", [f"{CLIP}/more", "/api/v2/accounts/1/media/clip/1.mp4", "https://evil/x"])
def test_another_path_is_not_asked_for(tmp_path: Path, path: str) -> None:
    """Nothing is sent for a path that is none of a stick's clip."""
    blink = FakeBlink()

    async def ask(opened: Blink) -> None:
        async with opened.local_storage.media(path):
            pytest.fail("there is nothing there")

    with pytest.raises(errors.UnsafeAddress):
        asked(tmp_path, blink, ask)
    assert blink.requests == []


def test_there_are_no_thumbnails_on_a_stick(tmp_path: Path) -> None:
    """Asking for one asks nothing of Blink."""
    blink = FakeBlink()

    async def ask(opened: Blink) -> None:
        async with opened.local_storage.media(CLIP, thumbnail=True):
            pytest.fail("there is none")

    with pytest.raises(errors.NotFound):
        asked(tmp_path, blink, ask)
    assert blink.requests == []


def test_a_clip_is_deleted_on_the_stick(tmp_path: Path) -> None:
    """A command of its own path, with an empty body."""
    blink = FakeBlink()
    blink.say(DELETE, ok("local_storage_clip_request"))
    command = asked(tmp_path, blink, lambda opened: opened.local_storage.delete(stored().path))
    assert command.id == 750082100
    assert made(blink) == [f"POST {DELETE}"]
    assert blink.requests[0].content == b""


def test_the_state_of_the_stick(tmp_path: Path) -> None:
    """What the module says of its stick, typed."""
    blink = FakeBlink()
    blink.say(f"{BASE}/status", ok("local_storage_status"))
    status = asked(tmp_path, blink, lambda opened: opened.local_storage.status(MODULE))
    assert (status.usb_state, status.used, status.full, status.backup_enabled) == ("mounted", 18, False, True)
    assert status.last_backup_result == "success"


def test_a_module_without_a_network_is_not_asked(tmp_path: Path) -> None:
    """Its paths could not be made."""
    blink = FakeBlink()
    module = SyncModule(1, None, "", "sm2", None, None, None, "active", {})
    with pytest.raises(errors.UsageError, match="in which network"):
        asked(tmp_path, blink, lambda opened: opened.local_storage.manifest(module))
    assert blink.requests == []
