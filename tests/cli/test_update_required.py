""" "An app update is required" is one clear error, whichever call of whichever command it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from blink_archive.cli import _run, cli
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import PASSWORD

SCHEDULE = 'name = "Nights"\n[[line]]\ndays = ["mon"]\ntime = "07:30"\naction = "arm"\n'

SILENT = {
    "accounts", "archive", "catalog", "config", "datasette-metadata", "demo", "exclude", "export", "import", "include",
    "init", "label", "logout", "ls", "note", "open", "prune-local", "query", "runs", "show", "simulator", "star",
    "stats", "status", "timer", "unlabel", "unstar", "verify",
}  # fmt: skip

# a command, and each of the calls that it makes
CALLS = [
    (("login",), ["authorize", "signin_page", "signin"]),
    (("whoami",), ["token", "homescreen"]),
    (("sync", "--from", "cloud"), ["homescreen", "media_changed", "clip"]),
    (("sync", "--from", "usb"), ["local_storage_manifest_request", "local_storage_manifest"]),
    (("prune-remote", "--yes"), ["media_delete"]),
    (("usb", "prune", "--yes"), ["homescreen", "local_storage_manifest_request", "local_storage_delete"]),
    (("usb", "status"), ["homescreen", "local_storage_status"]),
    (("devices",), ["homescreen"]),
    (("devices", "--watch"), ["homescreen"]),
    (("arm", "House"), ["homescreen", "arm", "command"]),
    (("disarm", "House"), ["disarm"]),
    (("camera", "enable", "4100001"), ["homescreen", "camera_enable", "command"]),
    (("camera", "disable", "5100002"), ["owl_update"]),
    (("camera", "snapshot", "6100003"), ["doorbell_snapshot"]),
    (("camera", "record", "4100001"), ["camera_record"]),
    (("camera", "snooze", "4100001", "--minutes", "5"), ["camera_snooze"]),
    (("camera", "config", "4100001"), ["camera_config"]),
    (("camera", "info", "4100001"), ["camera_info"]),
    (("camera", "signals", "4100001"), ["camera_signals"]),
    (("camera", "thumbnail", "4100001"), ["camera_thumbnail"]),
    (("camera", "liveview", "4100001", "--output", "NEW"), ["camera_liveview"]),
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
    make_world: MakeWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    endpoint: str,
) -> None:
    """Exit 5, and one sentence that says what to install; with Blink's status for it, and with 200."""
    world = make_world(clips=6, usb_clips=2)
    world.blink.cloud.house.create_program(2100001, {"name": "Nights", "status": "enabled"})
    file = tmp_path / "schedule.toml"
    file.write_text(SCHEDULE)
    files = {"FILE": str(file), "NEW": str(tmp_path / "new.ts")}
    words = [files.get(argument, argument) for argument in arguments]
    for name, value in world.environment(
        BLINK_ARCHIVE_EMAIL="demo@example.com", BLINK_ARCHIVE_PASSWORD=PASSWORD
    ).items():
        monkeypatch.setenv(name, value)
    if {"prune-remote", "prune"} & set(arguments):
        world.sync()
    for status in (426, 200):
        world.blink.faults.clear()
        world.clock.pass_by(seconds=60)  # so that no command is under way any more
        world.blink.faults.add(Fault(kind="update_required", endpoint=endpoint, status=status))
        if endpoint == "token":
            world.blink.cloud.expire_tokens()
        assert _run(words) == 5
        *before, last = capsys.readouterr().err.splitlines()
        assert "Blink wants a newer app (An app update is required)" in last
        assert last.endswith("Install the newest version of blink-archive.")
        if arguments[0] != "sync":  # which tells of every clip and stick why it waits
            assert last.startswith("blink-archive: ")
        if not {"sync", "prune-remote", "prune"} & set(arguments):  # which tell of clips
            assert before == []


def test_every_family_of_commands_is_among_them() -> None:
    """But for those that ask Blink nothing, or, as logout, only tell it something; or have another exit code
    for what stays undone, as verify --repair."""
    with cli.make_context("", [], resilient_parsing=True) as context:
        names = set(cli.list_commands(context))
    tells_of_all = {"doctor", "archive-all", "watch"}  # whatever happens, among the rest
    assert names - {arguments[0] for arguments, _ in CALLS} - tells_of_all == SILENT
