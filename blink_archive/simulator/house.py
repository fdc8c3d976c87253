"""What the account has set: configurations of cameras, notifications, this client, schedules."""

from dataclasses import dataclass, field
from typing import Any

from blink_archive.simulator.records import iso
from blink_archive.simulator.settings import ACCOUNT_ID, CLIENT_ID, USER_ID

FIRST_PROGRAM = 123001
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]

NOTIFICATIONS = (
    "low_battery", "camera_offline", "camera_usage", "scheduling", "motion", "sync_module_offline",
    "temperature", "doorbell", "wifi", "lfr", "bandwidth", "battery_dead", "local_storage",
    "accessory_connected", "accessory_disconnected", "accessory_low_battery", "general",
)  # fmt: skip


def _weekdays(network_id: int) -> dict[str, Any]:
    """The schedule that the first network begins with."""
    times = (("2026-06-02 14:45:00 +0000", "arm"), ("2026-06-02 21:00:00 +0000", "disarm"))
    return {
        "id": FIRST_PROGRAM, "network_id": network_id, "status": "disabled", "name": "Weekdays",
        "schedule": [
            {"dow": WEEKDAYS, "devices": [], "time": time, "action": action} for time, action in times
        ],
        "format": "v1",
    }  # fmt: skip


@dataclass(slots=True)
class House:
    """All that can be set; the caller holds the cloud's lock."""

    first_network: int
    notifications: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(NOTIFICATIONS, True))
    client: dict[str, Any] = field(default_factory=dict)
    """What `client/{id}/update` has set."""
    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By a camera's id, what its configuration was set to."""
    lights: dict[int, bool] = field(default_factory=dict)
    """By an owl's id, whether its light is on."""
    logs: list[bytes] = field(default_factory=list)
    """What was uploaded as logs."""
    _programs: dict[int, dict[str, Any]] = field(default_factory=dict)
    _next_program: int = FIRST_PROGRAM + 1

    def __post_init__(self) -> None:
        self._programs[FIRST_PROGRAM] = _weekdays(self.first_network)

    def programs(self, network_id: int) -> list[dict[str, Any]]:
        """The schedules of a network, as they are listed."""
        return [program for program in self._programs.values() if program["network_id"] == network_id]

    def program(self, network_id: int, program_id: int) -> dict[str, Any]:
        """One of them; KeyError where there is none."""
        program = self._programs[program_id]
        if program["network_id"] != network_id:
            raise KeyError(program_id)
        return program

    def create_program(self, network_id: int, content: dict[str, Any]) -> dict[str, Any]:
        """A new schedule, switched off."""
        program = {"format": "v1", "schedule": [], "name": "", "status": "disabled"} | content
        program |= {"id": self._next_program, "network_id": network_id}
        self._programs[program["id"]] = program
        self._next_program += 1
        return program

    def update_program(self, network_id: int, program_id: int, content: dict[str, Any]) -> dict[str, Any]:
        """The schedule with another content; its id and network stay."""
        program = self.program(network_id, program_id)
        program |= content | {"id": program_id, "network_id": network_id}
        return program

    def delete_program(self, network_id: int, program_id: int) -> None:
        del self._programs[self.program(network_id, program_id)["id"]]

    def client_answer(self, now: int) -> dict[str, Any]:
        """What Blink keeps of this client."""
        return {
            "client": {
                "id": CLIENT_ID, "created_at": iso(now), "updated_at": iso(now), "name": "",
                "notify_sound": None, "client_type": "ios", "client_specifier": " |  | 50.1",
                "notification_key": "", "aws_key": None, "os_version": "26.1",
                "device_identifier": "iPhone16,1", "app_version": "50.1", "unique_id": "", "home": None,
                "ssid": None, "ssid_updated_at": iso(now), "enabled_notifications": 123456789012345,
                "client_options": "", "verified": True, "user_id": USER_ID, "account_id": ACCOUNT_ID,
            }
            | self.client
        }  # fmt: skip
