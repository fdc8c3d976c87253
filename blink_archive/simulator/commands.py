"""Commands as the JSON that Blink answers: what begins one, and what a poll of it says."""

from typing import Any

from blink_archive.simulator.records import Command, iso
from blink_archive.simulator.settings import ACCOUNT_ID

SERVER = "immis://192.0.2.10:443"


def command_new(command: Command) -> dict[str, Any]:
    """The answer to the call that starts a command."""
    network = command.network.id
    step = {"id": command.id + 1, "network_id": network, "command": "config_lfr", "state": "running"}
    return {
        "id": command.id, "network_id": network, "command": command.command, "state": "new",
        "commands": [step],
    }  # fmt: skip


def command_full(command: Command, now: int) -> dict[str, Any]:
    """The answer to a call to a camera, which says more."""
    return _entry(command, now) | _progress(command, now)


def command_status(command: Command, now: int) -> dict[str, Any]:
    """The answer to a poll."""
    return {
        "complete": command.complete,
        "status": 0,
        "status_msg": command.status_msg,
        "status_code": command.status_code,
        "commands": [_entry(command, now) | _progress(command, now)],
        "media_id": None,
    }


def _entry(command: Command, now: int) -> dict[str, Any]:
    """What a command is, and for whom."""
    network, camera = command.network, command.camera
    return {
        "id": command.id, "created_at": iso(command.created), "updated_at": iso(now),
        "execute_time": iso(command.created), "command": command.command, "attempts": 0,
        "transaction": f"transaction-{command.id}", "player_transaction": f"player-{command.id}",
        "duration": None, "by_whom": "phone - 50.1", "diagnostic": False, "debug": "", "opts_1": 0,
        "target": "network" if camera is None else "camera",
        "target_id": network.id if camera is None else camera.id, "parent_command_id": None,
        "camera_id": 0 if camera is None else camera.id,
        "siren_id": None, "firmware_id": None, "network_id": network.id, "account_id": ACCOUNT_ID,
        "sync_module_id": network.sync_module_id,
    }  # fmt: skip


def _progress(command: Command, now: int) -> dict[str, Any]:
    """How far it is: asked for, at the sync module, or done, each stage with the time it was reached."""
    began, at = iso(command.created), iso(now)
    progress: dict[str, Any] = {
        "state_stage": "rest", "stage_rest": began, "stage_cs_db": None, "stage_cs_sent": None,
        "stage_sm": None, "stage_dev": None, "stage_is": None, "stage_lv": None, "stage_vs": None,
        "state_condition": "new", "sm_ack": None, "lfr_ack": None, "sequence": None, "server": None,
    }  # fmt: skip
    if command.complete:
        progress |= {
            "state_stage": "vs", "stage_sm": began, "stage_dev": at, "stage_vs": at,
            "state_condition": "done", "sm_ack": 1, "lfr_ack": 0, "sequence": 1634, "server": SERVER,
        }  # fmt: skip
    elif command.polls > 1:
        progress |= {
            "state_stage": "sm", "stage_cs_db": began, "stage_cs_sent": began, "stage_sm": began,
            "state_condition": "running", "sm_ack": 1, "sequence": 1634,
        }  # fmt: skip
    return progress
