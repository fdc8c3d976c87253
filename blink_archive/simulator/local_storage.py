"""The calls of local storage on a Sync Module 2 (protocol.md 7): manifests, uploads, deletion, status."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import (
    MP4,
    Answer,
    Call,
    Endpoint,
    Handler,
    busy,
    json_answer,
    media_not_found,
    not_found,
)
from blink_archive.simulator.records import Command, UnknownId, iso
from blink_archive.simulator.usb import DAY, StickClip, StickRequest


def manifest_request(cloud: Cloud, call: Call) -> Answer:
    """A command, whose id is also that of the request."""
    module = call.params["module"]
    build = partial(cloud.usb.build_manifest, module)
    return _command(cloud, call, verb="local_storage_manifest", finish=build)


def manifest(cloud: Cloud, call: Call) -> Answer:
    """The list of clips; 409 until the command is complete."""
    module, request = call.params["module"], call.params["request"]
    running = cloud.commands.running(call.params["network"])
    if running is not None and running.id == request:
        return busy()
    found = cloud.usb.manifest(module, request)
    if found is None:
        return not_found()
    clips = [
        {
            "id": str(listed), "size": str(cloud.usb.size(clip)), "camera_name": clip.camera_name,
            "created_at": iso(clip.created),
        }
        for listed, clip in found.clips.items()
    ]  # fmt: skip
    return json_answer({"version": "1.0", "manifest_id": str(found.id), "clips": clips})


def clip_request(cloud: Cloud, call: Call) -> Answer:
    """A command, at whose end the module has uploaded the clip."""
    if cloud.usb.mounted(call.params["module"]) and _listed(cloud, call) is None:
        return media_not_found()
    module, manifest_id, listed = (call.params[name] for name in ("module", "manifest", "clip"))
    upload = partial(cloud.usb.upload, module, manifest_id, listed)
    return _command(cloud, call, verb="local_storage_clip", finish=upload)


def clip(cloud: Cloud, call: Call) -> Answer:
    """The MP4, once it was asked for and uploaded."""
    found = _listed(cloud, call)
    if found is None or not cloud.usb.is_uploaded(
        call.params["module"], call.params["manifest"], call.params["clip"]
    ):
        return media_not_found()
    return Answer(200, MP4, cloud.usb.clip_chunks(found))


def delete(cloud: Cloud, call: Call) -> Answer:
    """Off the stick at once: its command is complete as soon as it has begun."""
    found = _listed(cloud, call)
    if cloud.usb.mounted(call.params["module"]) and found is None:
        return media_not_found()

    def remove(_: Command) -> None:
        if found is not None:
            cloud.usb.remove_clip(found.id)

    return _command(cloud, call, verb="local_storage_delete", finish=remove, at_once=True)


def status(cloud: Cloud, call: Call) -> Answer:
    """How the stick is. Used is a percentage, it seems; here each clip is one percent."""
    module = call.params["module"]
    mounted, now = cloud.usb.mounted(module), cloud.now()
    midnight = iso(now - now % DAY)
    content = {
        "updated_at": iso(now), "sm_backup_enabled": mounted, "sm_backup_in_progress": False,
        "last_backup_completed": midnight, "last_backup_result": "success",
        "usb_state": "mounted" if mounted else "unavailable",
        "usb_storage_used": min(100, len(cloud.usb.clips(module))) if mounted else 0,
        "usb_storage_full": False, "usb_format_compatible": True,
    }  # fmt: skip
    return json_answer(content)


def _listed(cloud: Cloud, call: Call) -> StickClip | None:
    """The clip that the call's path names, None where there is none (any more)."""
    return cloud.usb.listed(call.params["module"], call.params["manifest"], call.params["clip"])


def _command(
    cloud: Cloud, call: Call, *, verb: str, finish: Callable[[Command], None], at_once: bool = False
) -> Answer:
    """Begin a command on the module's network; without a stick the module is busy for ever."""
    network, module = call.params["network"], call.params["module"]
    cloud.usb.asked(module, cloud.commands.running(network))
    command = cloud.commands.start(network, verb, finish) if cloud.usb.mounted(module) else None
    if command is None:
        return busy()
    cloud.usb.began(module, command)
    if at_once:
        cloud.commands.complete(command)
    return json_answer({"id": command.id, "network_id": network})


def _noted(name: str, handler: Handler) -> Handler:
    """The handler, which finds the module of its path to be one, and whose answer is written down."""

    def noted(cloud: Cloud, call: Call) -> Answer:
        with cloud.lock:
            try:
                module = cloud.usb.module(call.params["network"], call.params["module"])
            except KeyError as error:
                raise UnknownId(call.params["module"]) from error
            named = _listed(cloud, call) if "clip" in call.params else None
            answer = handler(cloud, call)
            request = StickRequest(
                endpoint=name, clip_id=named.id if named else None, status=answer.status,
                time=cloud.settings.now().timestamp(),
            )  # fmt: skip
            cloud.usb.note(module, request)
            return answer

    return noted


BASE = "/api/v1/accounts/{account:int}/networks/{network:int}/sync_modules/{module:int}/local_storage"
CLIP = f"{BASE}/manifest/{{manifest:int}}/clip"

_CALLS: tuple[tuple[str, Literal["GET", "POST"], str, Handler], ...] = (
    ("local_storage_manifest_request", "POST", f"{BASE}/manifest/request", manifest_request),
    ("local_storage_manifest", "GET", f"{BASE}/manifest/request/{{request:int}}", manifest),
    ("local_storage_clip_request", "POST", f"{CLIP}/request/{{clip:int}}", clip_request),
    ("local_storage_clip", "GET", f"{CLIP}/request/{{clip:int}}", clip),
    ("local_storage_delete", "POST", f"{CLIP}/delete/{{clip:int}}", delete),
    ("local_storage_status", "GET", f"{BASE}/status", status),
)

TABLE: tuple[Endpoint, ...] = tuple(
    Endpoint(name, method, path, _noted(name, handler)) for name, method, path, handler in _CALLS
)
