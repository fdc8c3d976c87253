"""The calls about schedules, which Blink calls programs (protocol.md 4)."""

from typing import Any

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import Answer, Call, Endpoint, failure, json_answer
from blink_archive.simulator.records import UnknownId, iso
from blink_archive.simulator.settings import ACCOUNT_ID, USER_ID


def programs(cloud: Cloud, call: Call) -> Answer:
    with cloud.lock:
        return json_answer(cloud.house.programs(cloud.network(call.params["network"]).id))


def enable(cloud: Cloud, call: Call) -> Answer:
    return _switch(cloud, call, on=True)


def disable(cloud: Cloud, call: Call) -> Answer:
    return _switch(cloud, call, on=False)


def _switch(cloud: Cloud, call: Call, *, on: bool) -> Answer:
    with cloud.lock:
        program = _program(cloud, call)
        program["status"] = "enabled" if on else "disabled"
        verb, code = ("enabled", 802) if on else ("disabled", 803)
        return json_answer({"message": f"Successfully {verb} program {program['id']}", "code": code})


def update(cloud: Cloud, call: Call) -> Answer:
    """Takes the whole program."""
    with cloud.lock:
        before, content = _program(cloud, call), call.json
        if not _is_program(content):
            return failure(400, 400, message="Invalid program")
        after = cloud.house.update_program(before["network_id"], before["id"], content)
        return json_answer(_changed(after, cloud.now()))


def create(cloud: Cloud, call: Call) -> Answer:
    with cloud.lock:
        network, content = cloud.network(call.params["network"]), call.json
        if not _is_program(content):
            return failure(400, 400, message="Invalid program")
        return json_answer(_changed(cloud.house.create_program(network.id, content), cloud.now()))


def delete(cloud: Cloud, call: Call) -> Answer:
    with cloud.lock:
        program = _program(cloud, call)
        cloud.house.delete_program(program["network_id"], program["id"])
        return json_answer({"message": f"Successfully deleted program {program['id']}", "code": 804})


def _program(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The program of the path; UnknownId where there is none."""
    try:
        return cloud.house.program(call.params["network"], call.params["program"])
    except KeyError as error:
        raise UnknownId(call.params["program"]) from error


def _is_program(content: object) -> bool:
    """Whether a body is a whole program, with lines as Blink has them."""
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        return False
    lines = content.get("schedule")
    return isinstance(lines, list) and all(
        isinstance(line, dict)
        and isinstance(line.get("dow"), list)
        and isinstance(line.get("time"), str)
        and line["time"].endswith(" +0000")
        and line.get("action") in ("arm", "disarm")
        for line in lines
    )


def _changed(program: dict[str, Any], now: int) -> dict[str, Any]:
    """The program as it is stored, and an action for each day of each line."""
    common = {"created_at": iso(now), "updated_at": iso(now), "network_id": program["network_id"]}
    owner = {"user_id": USER_ID, "account_id": ACCOUNT_ID}
    actions = [
        {"id": 910001 + 10 * at + day, **common, **owner, "time": line["time"][11:16], "dow": name,
         "alt_when": None, "action": line["action"], "devices": "[]", "status": "active",
         "last_execution": None, "program_id": program["id"]}
        for at, line in enumerate(program["schedule"])
        for day, name in enumerate(line["dow"])
    ]  # fmt: skip
    stored = {
        "id": program["id"], **common, **owner, "name": program["name"], "data": "{}",
        "status": program["status"],
    }  # fmt: skip
    return {"program": stored, "actions": actions}


BASE = "/api/v1/networks/{network:int}/programs"

TABLE: tuple[Endpoint, ...] = (
    Endpoint("programs", "GET", BASE, programs),
    Endpoint("program_create", "POST", f"{BASE}/create", create),
    Endpoint("program_enable", "POST", f"{BASE}/{{program:int}}/enable", enable),
    Endpoint("program_disable", "POST", f"{BASE}/{{program:int}}/disable", disable),
    Endpoint("program_update", "POST", f"{BASE}/{{program:int}}/update", update),
    Endpoint("program_delete", "POST", f"{BASE}/{{program:int}}/delete", delete),
)
