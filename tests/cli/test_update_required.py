""" "An app update is required" is one clear error, whichever call of whichever command it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld

SCHEDULE = 'name = "Nights"\n[[line]]\ndays = ["mon"]\ntime = "07:30"\naction = "arm"\n'

# a command, and each of the calls that it makes
CALLS = [
    (("login",), ["authorize", "signin_page", "signin"]),
    (("whoami",), ["token", "homescreen"]),
    (("sync", "--from", "cloud"), ["homescreen", "media_changed", "clip"]),
    (("sync", "--from", "usb"), ["local_storage_manifest_request", "local_storage_manifest"]),
    (("usb", "status"), ["homescreen", "local_storage_status"]),
    (("schedules",), ["homescreen", "programs"]),
    (("schedules", "enable", "weekdays"), ["homescreen", "programs", "program_enable"]),
    (("schedules", "disable", "nights"), ["program_disable"]),
    (("schedules", "delete", "weekdays", "--yes"), ["program_delete"]),
    (("schedules", "edit", "weekdays", "--file", "FILE"), ["program_update"]),
    (("schedules", "create", "House", "--file", "FILE"), ["homescreen", "program_create"]),
    (("notifications",), ["notifications"]),
    (("notifications", "set", "motion=off"), ["notifications", "notifications_update"]),
    (("account", "options"), ["account_options"]),
    (("account", "user"), ["user"]),
    (("account", "usage"), ["camera_usage"]),
    (("account", "regions"), ["regions"]),
    (("account", "version"), ["version"]),
    (("account", "health"), ["health"]),
    (("account", "client-options"), ["client_options"]),
    (("account", "client-options", "set", "name=x"), ["client_update"]),
    (("account", "video-options"), ["homescreen"]),
    (("account", "video-options", "--auto-delete-days", "30", "--yes"), ["video_options"]),
    (("account", "upload-logs", "FILE"), ["logs_upload"]),
    (("api", "GET", "/networks"), ["networks"]),
]


@pytest.mark.parametrize(
    ("arguments", "endpoint"),
    [(arguments, endpoint) for arguments, endpoints in CALLS for endpoint in endpoints],
)
def test_an_app_that_is_too_old_is_one_clear_error(
    make_world: MakeWorld, tmp_path: Path, arguments: tuple[str, ...], endpoint: str
) -> None:
    """Exit 5, and one sentence that says what to install; with Blink's status for it, and with 200."""
    world = make_world(clips=6, usb_clips=2)
    world.blink.cloud.house.create_program(2100001, {"name": "Nights", "status": "enabled"})
    file = tmp_path / "schedule.toml"
    file.write_text(SCHEDULE)
    words = [str(file) if argument == "FILE" else argument for argument in arguments]
    for status in (426, 200):
        world.blink.faults.clear()
        world.blink.faults.add(Fault(kind="update_required", endpoint=endpoint, status=status))
        if endpoint == "token":
            world.blink.cloud.expire_tokens()
        done = world.run(*words, BLINK_ARCHIVE_EMAIL="demo@example.com", BLINK_ARCHIVE_PASSWORD="demo")
        assert done.returncode == 5, done.stdout + done.stderr
        *before, last = done.stderr.splitlines()
        assert "Blink wants a newer app (An app update is required)" in last
        assert last.endswith("Install the newest version of blink-archive.")
        if arguments[0] != "sync":  # which tells of every clip and stick why it waits
            assert last.startswith("blink-archive: ")
            assert before == []
