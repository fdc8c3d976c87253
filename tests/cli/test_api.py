"""``api``: any call, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blink_archive.simulator import Fault, Simulator

from ..world import World
from .quick import quick

NOTIFICATIONS = "/api/v1/accounts/{account_id}/notifications/configuration"


def paths(world: World) -> list[str]:
    """What was asked for since the sign-in."""
    return [r.path for r in world.blink.requests if r.endpoint not in _SIGN_IN]


_SIGN_IN = ("authorize", "signin_page", "signin", "verify", "token", "tier", "homescreen")


def calls(world: World) -> list[dict[str, Any]]:
    """The events of calls."""
    return [
        json.loads(row["detail"]) for row in world.rows("SELECT detail FROM events WHERE kind = 'api_called'")
    ]


def test_json_is_printed_as_json(world: World) -> None:
    """Whatever the case of the method."""
    done = world.run("api", "get", "/networks")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["networks"][0]["name"] == "House"
    assert paths(world) == ["/networks"]


def test_ids_are_filled_in(world: World) -> None:
    """Those of the session."""
    done = world.run("api", "GET", "/{account_id}/{client_id}/{user_id}/{tier}?a={account_id}")
    assert done.returncode == 5
    assert paths(world) == ["/1100001/1100002/1100003/u014"]
    assert world.blink.requests[-1].query == "a=1100001"


def test_an_id_that_is_not_known_sends_nothing(world: World) -> None:
    """A place without a meaning, and one that Blink has not told."""
    done = world.run("api", "GET", "/{network_id}")
    assert (done.returncode, paths(world)) == (2, [])
    assert "{network_id}" in done.stderr
    session = world.state / "session-1100001.json"
    session.write_text(session.read_text().replace('"client_id": 1100002', '"client_id": null'))
    done = world.run("api", "GET", "/{client_id}")
    assert (done.returncode, paths(world)) == (2, [])
    assert "whoami" in done.stderr


@pytest.mark.parametrize("how", ["text", "file", "stdin"])
def test_a_body_is_sent_as_json(world: World, tmp_path: Path, how: str) -> None:
    """From the command line, a file or stdin; it is an event, without the body."""
    body = '{"notifications": {"lfr": false}}'
    file = tmp_path / "body.json"
    file.write_text(body)
    data = {"text": body, "file": f"@{file}", "stdin": "-"}[how]
    done = subprocess.run(
        [sys.executable, "-m", "blink_archive", "api", "POST", NOTIFICATIONS, "--data", data],
        env=world.environment(), input=body, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert world.blink.cloud.house.notifications["lfr"] is False
    path = NOTIFICATIONS.format(account_id=1100001)
    assert calls(world) == [{"method": "POST", "path": path, "status": 200}]


@pytest.mark.parametrize("data", ["{", "", "@/no/such/file"])
def test_a_body_that_is_none_sends_nothing(world: World, data: str) -> None:
    """No JSON, or a file that is not there: exit 2."""
    done = world.run("api", "POST", NOTIFICATIONS, "--data", data)
    assert (done.returncode, paths(world)) == (2, [])
    assert "--data" in done.stderr or "cannot be read" in done.stderr


def test_reading_is_no_event(world: World) -> None:
    """Nor is a change that Blink refused."""
    world.run("api", "GET", "/networks")
    assert world.run("api", "POST", NOTIFICATIONS, "--data", "[]").returncode == 5
    assert calls(world) == []


def picture(world: World) -> tuple[str, bytes]:
    """The path and the bytes of a picture."""
    home = json.loads(world.run("api", "GET", "/api/v3/accounts/{account_id}/homescreen").stdout)
    camera = next(each for each in home["cameras"] if "ext=" in str(each["thumbnail"]))
    return camera["thumbnail"], world.blink.cloud.camera_thumbnail_bytes(camera["id"])


def test_anything_else_comes_as_it_is(world: World, tmp_path: Path) -> None:
    """To stdout or a file; --json wraps it."""
    path, content = picture(world)
    done = subprocess.run(
        [sys.executable, "-m", "blink_archive", "api", "GET", path],
        env=world.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, content)
    file = tmp_path / "picture.jpg"
    done_to_file = world.run("api", "GET", path, "-o", str(file))
    assert (done_to_file.returncode, done_to_file.stdout) == (0, "")
    assert file.read_bytes() == content
    assert json.loads(world.run("api", "GET", path, "--json").stdout)["content_type"] == "image/jpeg"
    assert world.run("api", "GET", "/health").stdout == "OK\n"
    assert json.loads(world.run("api", "GET", "/health", "--json").stdout)["text"] == "OK\n"


def test_json_goes_to_a_file_as_it_came(world: World, tmp_path: Path) -> None:
    """Byte for byte; a file that cannot be written is exit 8."""
    file = tmp_path / "networks.json"
    assert world.run("api", "GET", "/networks", "-o", str(file)).returncode == 0
    assert json.loads(file.read_bytes())["networks"]
    assert world.run("api", "GET", "/networks", "-o", str(tmp_path / "none" / "x")).returncode == 8


def test_a_hyphen_is_stdout(world: World) -> None:
    """As it came, --json or not, and no file of that name is made."""
    path, content = picture(world)
    done = subprocess.run(
        [sys.executable, "-m", "blink_archive", "api", "GET", path, "--json", "-o", "-"],
        env=world.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, content, b"")
    assert not Path("-").exists()


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4), (404, 5), (409, 5), (429, 5), (500, 5), (400, 5), (302, 5)]
)
def test_an_error_is_printed_and_ends_with_its_code(world: World, status: int, code: int) -> None:
    """Blink's body on stdout, the sentence on stderr, and nothing is tried again."""
    world.blink.faults.add(
        Fault(kind="status", endpoint="networks", status=status, body={"message": "no", "x": 1})
    )
    done = world.run("api", "GET", "/networks")
    assert done.returncode == code
    assert json.loads(done.stdout) == {"message": "no", "x": 1}
    assert len(done.stderr.splitlines()) == 1
    assert len(paths(world)) == (2 if status == 401 else 1)


@pytest.mark.parametrize("status", [401, 404, 426])
def test_the_error_of_another_host_is_not_blinks(world: World, status: int) -> None:
    """It is exit 5 and names the host: the sign-in, which it never saw, and this program are as they were."""
    with Simulator() as other:
        other.faults.add(Fault(kind="status", endpoint="networks", status=status, body={"message": "no"}))
        done = world.run("api", "GET", f"{other.url}/networks")
    assert (done.returncode, json.loads(done.stdout)) == (5, {"message": "no"})
    assert done.stderr.startswith(f"blink-archive: 127.0.0.1 answered GET /networks with status {status}.")
    assert paths(world) == []


@pytest.mark.parametrize("path", ["/api/v2/videos/count", "/account/clients/", "/events/network/2100001?x=1"])
def test_an_obsolete_call_is_refused(world: World, path: str) -> None:
    """Exit 2 with a sentence, whatever the form of its path; --obsolete makes it."""
    for address in (path, world.blink.url + path):
        done = world.run("api", "GET", address)
        assert (done.returncode, paths(world)) == (2, [])
        assert "obsolete" in done.stderr
    done = world.run("api", "GET", path.rstrip("/"), "--obsolete")
    assert (done.returncode, len(paths(world))) == (5, 1)


@pytest.mark.parametrize("method", ["POST", "post", "PUT"])
@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/api/v1/accounts/{account_id}/media/delete", "prune-remote"),
        ("/api/v1/accounts/{account_id}/media/delete/?x=1", "prune-remote"),
        ("/api//v1/accounts/./{account_id}/media/%64elete", "prune-remote"),
        ("/api/v1/accounts/{account_id}/media/delete;x=1", "prune-remote"),
        ("/api/v1/accounts/{account_id};x/MEDIA/Delete.json", "prune-remote"),
        ("/api/v2/video/7000001/delete", "prune-remote"),
        ("/api/v1/accounts/1/networks/2/sync_modules/3/local_storage/manifest/4/clip/delete/5", "usb prune"),
    ],
)
def test_clips_are_not_deleted_by_a_raw_call(world: World, method: str, path: str, instead: str) -> None:
    """Exit 2 with the command that looks first, whatever the form of the path; nothing is sent."""
    before = world.blink.cloud.live_clips()
    body = json.dumps({"media_list": list(before)})
    for address in (path, world.blink.url + path):
        done = quick(world, "api", method, address, "--data", body, "--obsolete")
        assert (done.code, paths(world)) == (2, [])
        assert f"`blink-archive {instead}`" in done.err
    assert world.blink.cloud.live_clips() == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_other_methods_are_passed_on(world: World, method: str) -> None:
    """Blink says what it thinks of them."""
    world.run("api", method, "/networks")
    assert [r.method for r in world.blink.requests if r.path == "/networks"] == [method]


@pytest.mark.parametrize(
    "arguments",
    [
        ("GET", "networks"),
        ("GET", ""),
        ("GET", "//example.com/x"),
        ("GET", "http://example.com/x"),
        ("GET", "ftp://example.com/x"),
        ("GET", "https://[/x"),
        ("GET", "https://user:password@example.com/x"),
        ("GE T", "/networks"),
        ("", "/networks"),
    ],
)
def test_what_is_no_call_sends_nothing(world: World, arguments: tuple[str, str]) -> None:
    """Exit 2 and one sentence."""
    done = world.run("api", *arguments)
    assert (done.returncode, paths(world)) == (2, []), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_sign_in_there_is_no_call(world: World, tmp_path: Path) -> None:
    """Exit 4."""
    assert world.run("api", "GET", "/networks", "--state-dir", str(tmp_path / "none")).returncode == 4
