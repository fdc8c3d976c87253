"""The calls to cameras, owls and doorbells: one handler a verb, the paths by family (protocol.md 5)."""

import secrets
from collections.abc import Callable
from functools import partial

from blink_archive.simulator import commands, configs, liveview
from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import Answer, Call, Endpoint, Handler, busy, failure, json_answer
from blink_archive.simulator.records import Camera, Command, Family, UnknownId

RTSPS = "rtsps://127.0.0.1:443"
"""Where live views are that are not immis: nobody listens there."""


def enable(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    return _command(cloud, camera, "enable", lambda _: cloud.set_enabled(camera.id, True))


def disable(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    return _command(cloud, camera, "disable", lambda _: cloud.set_enabled(camera.id, False))


def snapshot(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    return _command(cloud, camera, "thumbnail", lambda _: cloud.take_picture(camera.id))


def record(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    def finish(_: Command) -> None:
        cloud.add_clip(camera_id=camera.id, source="user")

    return _command(cloud, camera, "clip", finish)


def config(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    return json_answer(configs.config(camera, cloud.house.configs.get(camera.id, {}), cloud.now()))


def update(cloud: Cloud, camera: Camera, call: Call) -> Answer:
    """Takes any settings; they hold once the command is complete."""
    changes = call.json
    if not isinstance(changes, dict) or not changes:
        return failure(400, 400, message="Invalid configuration")

    def finish(_: Command) -> None:
        kept = cloud.house.configs.setdefault(camera.id, {})
        kept |= changes
        if type(on := kept.pop("enabled", None)) is bool:
            cloud.set_enabled(camera.id, on)

    return _command(cloud, camera, "config_set", finish)


def snooze(cloud: Cloud, camera: Camera, call: Call) -> Answer:
    content = call.json
    minutes = content.get("snooze_time") if isinstance(content, dict) else None
    if type(minutes) is not int or not 0 <= minutes <= 1440:
        return failure(400, 400, message="Invalid snooze time")
    camera.snoozed_until = cloud.now() + 60 * minutes
    return json_answer({"message": "Snooze set", "snooze_time": minutes})


def info(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    """What the configuration says, without the measurements; deprecated."""
    found = configs.config(camera, cloud.house.configs.get(camera.id, {}), cloud.now())
    return json_answer({"camera_status": found["camera"][0]})


def signals(cloud: Cloud, camera: Camera, _: Call) -> Answer:
    return json_answer(configs.signals(camera, cloud.now()))


def light(cloud: Cloud, camera: Camera, _: Call, *, on: bool) -> Answer:
    def finish(_: Command) -> None:
        cloud.house.lights[camera.id] = on

    return _command(cloud, camera, "lights_on" if on else "lights_off", finish)


def live_view(cloud: Cloud, camera: Camera, call: Call, *, event_times: tuple[str | None, ...]) -> Answer:
    """An address, and a command that runs until it is done; the body says one of the `event_times`."""
    content = call.json
    if content not in [{"intent": "liveview", "motion_event_start_time": time} for time in event_times]:
        return failure(400, 400, message="Invalid live view")
    view = liveview.LiveView(
        camera=camera, connection=secrets.token_hex(6), started=cloud.settings.now().timestamp()
    )

    def finish(_: Command) -> None:
        view.ended = cloud.settings.now().timestamp()

    command = cloud.commands.start(
        camera.network.id, "liveview", finish, camera=camera, lasts=liveview.DURATION
    )
    if command is None:
        return busy()
    cloud.live_views[command.id] = view
    if cloud.immis_address is None:
        server = f"{RTSPS}/{view.connection}__IMDS_{camera.serial}?client_id={liveview.IMMIS_CLIENT}"
    else:
        server = liveview.immis_url(cloud.immis_address, view)
    return json_answer(
        {
            "command_id": command.id, "join_available": True, "join_state": "available", "server": server,
            "duration": liveview.DURATION, "extended_duration": 5400, "continue_interval": 30,
            "continue_warning": 10, "polling_interval": 15, "submit_logs": True, "new_command": True,
            "media_id": None, "network_id": camera.network.id, "options": {},
        }
    )  # fmt: skip


def _command(cloud: Cloud, camera: Camera, verb: str, finish: Callable[[Command], None]) -> Answer:
    command = cloud.commands.start(camera.network.id, verb, finish, camera=camera)
    return busy() if command is None else json_answer(commands.command_full(command, cloud.now()))


def _of(family: Family, verb: Callable[[Cloud, Camera, Call], Answer]) -> Handler:
    """A handler for the camera of the path, which is of that family and in the network of the path."""

    def handler(cloud: Cloud, call: Call) -> Answer:
        with cloud.lock:
            camera = cloud.camera(call.params["camera"])
            if camera.family != family or camera.network.id != call.params["network"]:
                raise UnknownId(camera.id)
            return verb(cloud, camera, call)

    return handler


NETWORK = "accounts/{account:int}/networks/{network:int}"
BASES: dict[Family, str] = {
    "camera": "/network/{network:int}/camera/{camera:int}",
    "owl": f"/api/v1/{NETWORK}/owls/{{camera:int}}",
    "doorbell": f"/api/v1/{NETWORK}/doorbells/{{camera:int}}",
}
V5 = partial(live_view, event_times=("",))
V6 = partial(live_view, event_times=(None,))
V2 = partial(live_view, event_times=("", None))
"""Of owls and doorbells; blinkpy sends null there."""


def _family(family: Family) -> tuple[Endpoint, ...]:
    """What all families have."""
    base = BASES[family]
    snoozed = f"/api/v1/{NETWORK}/cameras/{{camera:int}}" if family == "camera" else base
    settings = "update" if family == "camera" else "config"
    return (
        Endpoint(f"{family}_snapshot", "POST", f"{base}/thumbnail", _of(family, snapshot)),
        Endpoint(f"{family}_record", "POST", f"{base}/clip", _of(family, record)),
        Endpoint(f"{family}_config", "GET", f"{base}/config", _of(family, config)),
        Endpoint(f"{family}_update", "POST", f"{base}/{settings}", _of(family, update)),
        Endpoint(f"{family}_snooze", "POST", f"{snoozed}/snooze", _of(family, snooze)),
    )


TABLE: tuple[Endpoint, ...] = (
    *_family("camera"),
    *_family("owl"),
    *_family("doorbell"),
    Endpoint("camera_enable", "POST", f"{BASES['camera']}/enable", _of("camera", enable)),
    Endpoint("camera_disable", "POST", f"{BASES['camera']}/disable", _of("camera", disable)),
    Endpoint("doorbell_enable", "POST", f"{BASES['doorbell']}/enable", _of("doorbell", enable)),
    Endpoint("doorbell_disable", "POST", f"{BASES['doorbell']}/disable", _of("doorbell", disable)),
    Endpoint("camera_info", "GET", BASES["camera"], _of("camera", info)),
    Endpoint("camera_signals", "GET", f"{BASES['camera']}/signals", _of("camera", signals)),
    Endpoint("owl_light_on", "POST", f"{BASES['owl']}/lights/on", _of("owl", partial(light, on=True))),
    Endpoint("owl_light_off", "POST", f"{BASES['owl']}/lights/off", _of("owl", partial(light, on=False))),
    Endpoint(
        "camera_liveview", "POST", f"/api/v6/{NETWORK}/cameras/{{camera:int}}/liveview", _of("camera", V6)
    ),
    Endpoint(
        "camera_liveview_v5", "POST", f"/api/v5/{NETWORK}/cameras/{{camera:int}}/liveview", _of("camera", V5)
    ),
    Endpoint("owl_liveview", "POST", f"/api/v2/{NETWORK}/owls/{{camera:int}}/liveview", _of("owl", V2)),
    Endpoint(
        "doorbell_liveview",
        "POST",
        f"/api/v2/{NETWORK}/doorbells/{{camera:int}}/liveview",
        _of("doorbell", V2),
    ),
)
