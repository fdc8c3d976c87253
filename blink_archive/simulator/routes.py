"""The table of routes, and what each REST route answers. A new endpoint is one line and one function."""

import re
from typing import Any, Literal

from starlette.routing import compile_path

from blink_archive.simulator import (
    account,
    classic,
    commands,
    devices,
    items,
    local_storage,
    newer,
    oauth,
    schedules,
)
from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import (
    JPEG,
    MP4,
    Answer,
    Call,
    Endpoint,
    busy,
    failure,
    json_answer,
    media_not_found,
    not_found,
)
from blink_archive.simulator.records import UnknownId
from blink_archive.simulator.settings import ACCOUNT_ID, CLIENT_ID, TIER, USER_ID
from blink_archive.simulator.signin import Refused


def tier(_: Cloud, __: Call) -> Answer:
    return json_answer({"tier": TIER, "account_id": ACCOUNT_ID})


def homescreen(cloud: Cloud, _: Call) -> Answer:
    ids = (("client-id", str(CLIENT_ID)), ("user-id", str(USER_ID)))
    with cloud.lock:
        return json_answer(_homescreen(cloud), headers=ids)


def _homescreen(cloud: Cloud) -> dict[str, Any]:
    days = cloud.auto_delete_days
    return items.homescreen(cloud.catalogue, cloud.settings, now=cloud.now(), auto_delete_days=days)


def networks(cloud: Cloud, _: Call) -> Answer:
    with cloud.lock:
        return json_answer(items.networks(cloud.catalogue, cloud.now()))


def sync_module(cloud: Cloud, call: Call) -> Answer:
    return json_answer(items.sync_module(cloud.network(call.params["network"])))


def network_update(cloud: Cloud, call: Call) -> Answer:
    with cloud.lock:
        return json_answer(items.network_update(cloud.network(call.params["network"])))


def camera_usage(cloud: Cloud, _: Call) -> Answer:
    with cloud.lock:
        return json_answer(items.camera_usage(cloud.catalogue))


PAGE = re.compile(r"[0-9]{1,9}")


def media_changed(cloud: Cloud, call: Call) -> Answer:
    """The change feed: what changed at or after `since`, to the second, newest change first."""
    since, page = items.second(call.query.get("since", "")), _page(call.query.get("page", "1"))
    if since is None or page is None:
        return failure(400, 400, message="Invalid since or page")
    content = {
        "limit": cloud.settings.page_limit,
        "purge_id": cloud.purge_id,
        "refresh_count": 0,
        "media": cloud.page(since, page),
    }
    return json_answer(content)


def _page(text: str) -> int | None:
    """A page's number, from 1; None where it is none, or more than any account has pages."""
    return (int(text) or None) if PAGE.fullmatch(text) else None


def clip(cloud: Cloud, call: Call) -> Answer:
    """An MP4, at exactly the path that its item names."""
    found = cloud.fetchable(call.params["clip"])
    if found is None or call.path != items.media_path(found):
        return media_not_found()
    answer = Answer(200, MP4, cloud.clip_chunks(found.id))
    cloud.downloaded(found.id)
    return answer


def thumbnail(cloud: Cloud, call: Call) -> Answer:
    """A JPEG: old paths with `.jpg` appended, new ones as the item has them, query and all."""
    found = cloud.fetchable(call.params["clip"])
    if found is None:
        return media_not_found()
    wanted = items.thumbnail_path(found) + (".jpg" if found.old_paths else "")
    asked = call.path if found.old_paths else f"{call.path}?{call.query_string}"
    if asked != wanted:
        return media_not_found()
    return Answer(200, JPEG, cloud.thumbnail_chunks(found.id))


def camera_thumbnail(cloud: Cloud, call: Call) -> Answer:
    """The picture of the homescreen, at the path that the camera's form of `thumbnail` makes."""
    camera = cloud.camera(call.params["camera"])
    # An old path has no type in it.
    if camera.network.id != call.params["network"] or call.params.get("type", camera.type) != camera.type:
        return media_not_found()
    old = camera.thumbnail_form == "old"
    if old != call.path.startswith("/media/") or (not old and "ext" not in call.query):
        return media_not_found()
    return Answer(200, JPEG, (cloud.camera_thumbnail_bytes(camera.id),))


def cdn_clip(cloud: Cloud, call: Call) -> Answer:
    """An MP4 without a token, for redirects to a content network."""
    found = cloud.fetchable(call.params["clip"])
    if found is None:
        return media_not_found()
    return Answer(200, MP4, cloud.clip_chunks(found.id))


def cdn_thumbnail(cloud: Cloud, call: Call) -> Answer:
    found = cloud.fetchable(call.params["clip"])
    if found is None:
        return media_not_found()
    return Answer(200, JPEG, cloud.thumbnail_chunks(found.id))


def media_delete(cloud: Cloud, call: Call) -> Answer:
    """A list of integers and nothing else, which says that it is JSON."""
    content = call.json
    wanted = content.get("media_list") if isinstance(content, dict) else None
    if not isinstance(wanted, list) or not all(type(entry) is int for entry in wanted):
        return failure(400, 706, message="Invalid Media List Format")
    cloud.delete_clips(wanted)
    return json_answer({"message": "Successfully deleted media", "code": 711})


def arm(cloud: Cloud, call: Call) -> Answer:
    return _command(cloud, call, verb="arm")


def disarm(cloud: Cloud, call: Call) -> Answer:
    return _command(cloud, call, verb="disarm")


def _command(cloud: Cloud, call: Call, *, verb: Literal["arm", "disarm"]) -> Answer:
    network = call.params["network"]
    command = cloud.commands.start(network, verb, lambda _: cloud.set_armed(network, verb == "arm"))
    if command is None:
        return busy()
    return json_answer(commands.command_new(command))


def command_status(cloud: Cloud, call: Call) -> Answer:
    with cloud.lock:
        command = cloud.commands.poll(call.params["network"], call.params["command"])
        return json_answer(commands.command_status(command, cloud.now()))


def command_done(cloud: Cloud, call: Call) -> Answer:
    """Ends a live view; any other command goes its way."""
    with cloud.lock:
        command = cloud.commands.find(call.params["network"], call.params["command"])
        if command.lasts is not None:
            cloud.commands.complete(command)
        return json_answer({"message": "Command done", "code": 902})


def command_update(cloud: Cloud, call: Call) -> Answer:
    """Asks a live view to go on."""
    with cloud.lock:
        command = cloud.commands.find(call.params["network"], call.params["command"])
        if (view := cloud.live_views.get(command.id)) is None or command.complete:
            return not_found()
        view.extensions += 1
        return json_answer({"message": "Command updated", "code": 901})


OAUTH = "/oauth/"
"""What the OAuth host answers, where no call carries an access token."""

V1 = "/api/v1/accounts/{account:int}"
COMMAND = "/network/{network:int}/command/{command:int}"
V2 = "/api/v2/accounts/{account:int}"
V3_MEDIA = "/api/v3/media/accounts/{account:int}/networks/{network:int}/{type}/{camera:int}"

# The busiest first: they are looked up in this order.
TABLE: tuple[Endpoint, ...] = (
    Endpoint("camera_thumbnail", "GET", f"{V3_MEDIA}/thumbnail/thumbnail.jpg", camera_thumbnail),
    Endpoint("clip", "GET", f"{V3_MEDIA}/{{source}}/{{clip:int}}.mp4", clip),
    Endpoint("thumbnail", "GET", f"{V3_MEDIA}/{{source}}/{{clip:int}}.jpg", thumbnail),
    Endpoint("clip", "GET", f"{V2}/media/clip/{{clip:int}}.mp4", clip),
    Endpoint("thumbnail", "GET", f"{V2}/media/thumb/{{clip:int}}.jpg", thumbnail),
    Endpoint("media_changed", "GET", f"{V1}/media/changed", media_changed),
    Endpoint("media_delete", "POST", f"{V1}/media/delete", media_delete),
    Endpoint("tier", "GET", "/api/v1/users/tier_info", tier),
    Endpoint("homescreen", "GET", "/api/v3/accounts/{account:int}/homescreen", homescreen),
    Endpoint("networks", "GET", "/networks", networks),
    Endpoint("sync_module", "GET", "/network/{network:int}/syncmodules", sync_module),
    Endpoint("network_update", "POST", "/network/{network:int}/update", network_update),
    Endpoint("camera_usage", "GET", "/api/v1/camera/usage", camera_usage),
    Endpoint("arm", "POST", f"{V1}/networks/{{network:int}}/state/arm", arm),
    Endpoint("disarm", "POST", f"{V1}/networks/{{network:int}}/state/disarm", disarm),
    Endpoint("command", "GET", COMMAND, command_status),
    Endpoint("command_done", "POST", f"{COMMAND}/done/", command_done),
    Endpoint("command_update", "POST", f"{COMMAND}/update/", command_update),
    *devices.TABLE,
    *schedules.TABLE,
    *account.TABLE,
    *newer.TABLE,
    Endpoint(
        "camera_thumbnail",
        "GET",
        "/media/production/account/{account:int}/network/{network:int}/camera/{camera:int}/clip_{taken:int}.jpg",
        camera_thumbnail,
    ),
    Endpoint("authorize", "GET", oauth.AUTHORIZE, oauth.authorize, bearer=False),
    Endpoint("signin_page", "GET", oauth.SIGNIN, oauth.signin_page, bearer=False),
    Endpoint("signin", "POST", oauth.SIGNIN, oauth.signin, bearer=False),
    Endpoint("verify", "POST", oauth.VERIFY, oauth.verify, bearer=False),
    Endpoint("token", "POST", "/oauth/token", oauth.token, bearer=False),
    Endpoint("cdn_clip", "GET", "/cdn/clip/{clip:int}.mp4", cdn_clip, bearer=False),
    Endpoint("cdn_thumbnail", "GET", "/cdn/thumb/{clip:int}.jpg", cdn_thumbnail, bearer=False),
    *classic.TABLE,
    *local_storage.TABLE,
)

ENDPOINTS = frozenset(endpoint.name for endpoint in TABLE)
"""The names that a fault can have."""

_COMPILED = [(endpoint, *compile_path(endpoint.path)[::2]) for endpoint in TABLE]


def find(method: str, path: str) -> tuple[Endpoint | None, dict[str, object]]:
    """The endpoint of a request and the values in its path; None where there is none."""
    for endpoint, pattern, convertors in _COMPILED:
        if endpoint.method == method and (found := pattern.match(path)):
            values = found.groupdict().items()
            try:
                return endpoint, {name: convertors[name].convert(value) for name, value in values}
            except ValueError:  # an id of more digits than Python reads
                return None, {}
    return None, {}


def _admitted(cloud: Cloud, call: Call, *, unverified: bool) -> bool:
    """Whether a valid token came, each kind in its own header."""
    if cloud.sign_in.is_valid(call.bearer or ""):
        return True
    return cloud.sign_in.classic.is_valid(call.classic_token or "", unverified=unverified)


def answer(cloud: Cloud, call: Call, *, endpoint: Endpoint | None) -> Answer:
    """The true answer: the token first, then whether there is such a path and account, then the route."""
    bearer = endpoint.bearer if endpoint else not call.path.startswith(OAUTH)
    if bearer and not _admitted(cloud, call, unverified=endpoint is not None and endpoint.unverified):
        return failure(401, 101, message="Unauthorized Access")
    if endpoint is None:
        return not_found()
    if call.params.get("account", ACCOUNT_ID) != ACCOUNT_ID:
        return not_found()
    cloud.commands.settle()
    try:
        return endpoint.handler(cloud, call)
    except Refused as refused:
        return oauth.refusal(refused)
    except UnknownId:
        return not_found()
