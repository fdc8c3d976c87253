"""The table of Blink's calls, its hosts and its constants: the one place where a path is written.

Marks, as in docs/protocol.md: S is in the list of calls that this program promises, C is current practice
that the list predates, O is obsolete (for the raw call alone).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from ..errors import UnexpectedAnswer

BOOTSTRAP_URL = "https://rest-prod.immedia-semi.com"
OAUTH_URL = "https://api.oauth.blink.com"
REDIRECT_URI = "immedia-blink://applinks.blink.com/signin/callback"

BROWSER_AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
)
APP_AGENT = "Blink/2511191620 CFNetwork/3860.200.71 Darwin/25.1.0"
APP_BUILD = "IOS_8528"

MAX_DELETE = 50
"""How many ids one ``media_delete`` carries at most: our own bound, Blink names none."""

CODE_INVALID_DAYS = 213
CODE_MEDIA_DELETED = 711
CODE_COMMAND_SUCCEEDED = 908

_NOTES = "MattTW/BlinkMonitorProtocol"
_SOURCES = {
    name: repository
    for repository, names in {
        "fronzbot/blinkpy": (
            "oauth_authorize oauth_signin_page oauth_signin oauth_verify oauth_token "
            "tier_info networks sync_module network_update camera_usage user command_done "
            "doorbell_enable doorbell_disable doorbell_snapshot owl_record doorbell_record "
            "owl_config owl_update picture owl_light_on owl_light_off media clip_v4 "
            "local_storage_manifest_request local_storage_manifest local_storage_clip_request "
            "local_storage_clip"
        ),
        "colinbendell/homebridge-blink-for-home": (
            "pin_resend command_update program_create program_delete doorbell_config "
            "doorbell_update local_storage_clip_delete local_storage_status"
        ),
        "amattu2/blink-liveview-middleware": "owl_liveview doorbell_liveview",
        "Wilkware/BlinkHomeSystem": "clip thumbnail",
        "sealad886/homebridge-blink-cameras-new-api": "camera_liveview owl_snooze doorbell_snooze",
    }.items()
    for name in names.split()
}
"""Where a call is known from that the notes do not have."""

Mark = Literal["S", "C", "O"]
Auth = Literal["none", "cookies", "token"]
Method = Literal["GET", "POST"]

_TIER = re.compile(r"[a-z0-9]{1,12}")
_PLACE = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call.

    ``path`` is a template over ids and names; a ``path`` of media is what Blink itself lists, here to be
    known by. ``section`` is where docs/protocol.md describes it. ``status`` says since when the call is
    known, where a source tells, and whether it is uncertain, deprecated or obsolete; empty is a call in use.
    """

    name: str
    method: Method
    path: str
    mark: Mark
    section: str
    auth: Auth = "token"
    status: str = ""

    @property
    def source(self) -> str:
        """The public repository that the call is known from: its notes, its code, or its users' threads."""
        return _SOURCES.get(self.name, _NOTES)

    def fill(self, **ids: int | str) -> str:
        """The path with every ``{id}`` replaced by its percent-encoded value."""
        return self.path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})

    def ids_in(self, path: str) -> dict[str, str] | None:
        """The inverse of `fill`: the values in ``path`` (without its query); None for another path."""
        pattern = _PLACE.sub(r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return None if found is None else {name: unquote(text) for name, text in found.groupdict().items()}


_V1 = "/api/v1/accounts/{account}"
_V1N = "/api/v1/accounts/{account}/networks/{network}"
_V2N = "/api/v2/accounts/{account}/networks/{network}"
_CLIENT = "/api/v4/account/{account}/client/{client}"
_CAMERA = "/network/{network}/camera/{camera}"
_OWL = f"{_V1N}/owls/{{camera}}"
_DOORBELL = f"{_V1N}/doorbells/{{camera}}"
_PROGRAMS = "/api/v1/networks/{network}/programs"
_MEDIA = "/api/v3/media/accounts/{account}/networks/{network}/{type}/{camera}"
_USB = f"{_V1N}/sync_modules/{{module}}/local_storage"
_USB_MANIFEST = f"{_USB}/manifest/{{manifest}}"
_OLD_PICTURE = "/media/production/account/{account}/network/{network}/camera/{camera}"

_TABLE = (
    # 2.1 signing in
    Endpoint("oauth_authorize", "GET", "/oauth/v2/authorize", "C", "2.1", "cookies", "since 2025"),
    Endpoint("oauth_signin_page", "GET", "/oauth/v2/signin", "C", "2.1", "cookies", "since 2025"),
    Endpoint("oauth_signin", "POST", "/oauth/v2/signin", "C", "2.1", "cookies", "since 2025"),
    Endpoint("oauth_verify", "POST", "/oauth/v2/2fa/verify", "C", "2.1", "cookies", "since 2025"),
    Endpoint("oauth_token", "POST", "/oauth/token", "C", "2.1", "none", "since 2025"),
    Endpoint("tier_info", "GET", "/api/v1/users/tier_info", "C", "2.1", status="since 2025"),
    # 2.2 the classic login
    Endpoint("login", "POST", "/api/v5/account/login", "S", "2.2", "none", "refused since 2025 (426)"),
    Endpoint("pin_verify", "POST", f"{_CLIENT}/pin/verify", "S", "2.2", status="with the classic login"),
    Endpoint("pin_resend", "POST", f"{_CLIENT}/pin/resend", "S", "2.2", status="with the classic login"),
    Endpoint("logout", "POST", f"{_CLIENT}/logout", "S", "2.2"),
    # 3 the system
    Endpoint(
        "homescreen",
        "GET",
        "/api/v3/accounts/{account}/homescreen",
        "S",
        "3",
        status="since 2020; the app asks for v4 now",
    ),
    Endpoint("notifications", "GET", f"{_V1}/notifications/configuration", "S", "3"),
    Endpoint("notifications_update", "POST", f"{_V1}/notifications/configuration", "S", "3"),
    Endpoint("client_options", "GET", f"{_V1}/clients/{{client}}/options", "S", "3"),
    Endpoint("client_update", "POST", "/client/{client}/update", "S", "3"),
    Endpoint("version", "GET", "/api/v1/version", "S", "3", "none"),
    Endpoint("regions", "GET", "/regions", "S", "3", "none"),
    Endpoint(
        "logs_upload", "POST", "/app/logs/upload", "S", "3", status="the form of its body is not certain"
    ),
    Endpoint("account_options", "GET", "/api/v1/account/options", "S", "3"),
    Endpoint("health", "GET", "/health", "S", "3", "none", "deprecated"),
    Endpoint("networks", "GET", "/networks", "C", "3", status="obsolete by the notes; in use"),
    Endpoint(
        "sync_module",
        "GET",
        "/network/{network}/syncmodules",
        "C",
        "3",
        status="obsolete by the notes; in use",
    ),
    Endpoint("network_update", "POST", "/network/{network}/update", "C", "3"),
    Endpoint("camera_usage", "GET", "/api/v1/camera/usage", "C", "3"),
    Endpoint("user", "GET", "/user", "C", "3"),
    Endpoint("account_clients", "GET", "/account/clients", "O", "3", status="obsolete"),
    # 4 networks, commands, schedules
    Endpoint("arm", "POST", f"{_V1N}/state/arm", "S", "4", status="since 2020"),
    Endpoint("disarm", "POST", f"{_V1N}/state/disarm", "S", "4", status="since 2020"),
    Endpoint("command", "GET", "/network/{network}/command/{command}", "S", "4"),
    Endpoint(
        "command_done", "POST", "/network/{network}/command/{command}/done/", "C", "4", status="since 2020"
    ),
    Endpoint(
        "command_update",
        "POST",
        "/network/{network}/command/{command}/update/",
        "C",
        "4",
        status="since 2020",
    ),
    Endpoint("programs", "GET", _PROGRAMS, "S", "4"),
    Endpoint("program_enable", "POST", f"{_PROGRAMS}/{{program}}/enable", "S", "4"),
    Endpoint("program_disable", "POST", f"{_PROGRAMS}/{{program}}/disable", "S", "4"),
    Endpoint("program_update", "POST", f"{_PROGRAMS}/{{program}}/update", "S", "4"),
    Endpoint("program_create", "POST", f"{_PROGRAMS}/create", "C", "4", status="since 2020"),
    Endpoint("program_delete", "POST", f"{_PROGRAMS}/{{program}}/delete", "C", "4", status="since 2020"),
    # 5 cameras, owls (Mini), doorbells
    Endpoint("camera_enable", "POST", f"{_CAMERA}/enable", "S", "5"),
    Endpoint("camera_disable", "POST", f"{_CAMERA}/disable", "S", "5"),
    Endpoint("doorbell_enable", "POST", f"{_DOORBELL}/enable", "S", "5"),
    Endpoint("doorbell_disable", "POST", f"{_DOORBELL}/disable", "S", "5"),
    Endpoint("camera_snapshot", "POST", f"{_CAMERA}/thumbnail", "S", "5"),
    Endpoint("owl_snapshot", "POST", f"{_OWL}/thumbnail", "S", "5"),
    Endpoint("doorbell_snapshot", "POST", f"{_DOORBELL}/thumbnail", "S", "5"),
    Endpoint("camera_record", "POST", f"{_CAMERA}/clip", "S", "5"),
    Endpoint("owl_record", "POST", f"{_OWL}/clip", "S", "5"),
    Endpoint("doorbell_record", "POST", f"{_DOORBELL}/clip", "S", "5"),
    Endpoint(
        "camera_liveview",
        "POST",
        "/api/v6/accounts/{account}/networks/{network}/cameras/{camera}/liveview",
        "C",
        "5",
        status="in the app since version 51",
    ),
    Endpoint(
        "camera_liveview_v5",
        "POST",
        "/api/v5/accounts/{account}/networks/{network}/cameras/{camera}/liveview",
        "S",
        "5",
        status="v6 is in the app now",
    ),
    Endpoint("owl_liveview", "POST", f"{_V2N}/owls/{{camera}}/liveview", "S", "5"),
    Endpoint("doorbell_liveview", "POST", f"{_V2N}/doorbells/{{camera}}/liveview", "S", "5"),
    Endpoint("camera_config", "GET", f"{_CAMERA}/config", "S", "5"),
    Endpoint("owl_config", "GET", f"{_OWL}/config", "S", "5"),
    Endpoint("doorbell_config", "GET", f"{_DOORBELL}/config", "S", "5"),
    Endpoint("camera_update", "POST", f"{_CAMERA}/update", "S", "5"),
    Endpoint("owl_update", "POST", f"{_OWL}/config", "S", "5"),
    Endpoint("doorbell_update", "POST", f"{_DOORBELL}/config", "S", "5"),
    Endpoint("camera_snooze", "POST", f"{_V1N}/cameras/{{camera}}/snooze", "S", "5"),
    Endpoint("owl_snooze", "POST", f"{_OWL}/snooze", "S", "5", status="read off the app, not tried"),
    Endpoint(
        "doorbell_snooze", "POST", f"{_DOORBELL}/snooze", "S", "5", status="read off the app, not tried"
    ),
    Endpoint("picture", "GET", f"{_MEDIA}/thumbnail/thumbnail.jpg", "S", "5"),
    Endpoint("picture_old", "GET", f"{_OLD_PICTURE}/{{file}}.jpg", "S", "5", status="the older form"),
    Endpoint("camera_info", "GET", _CAMERA, "S", "5", status="deprecated"),
    Endpoint("camera_signals", "GET", f"{_CAMERA}/signals", "S", "5", status="deprecated"),
    Endpoint("owl_light_on", "POST", f"{_OWL}/lights/on", "C", "5", status="since 2022"),
    Endpoint("owl_light_off", "POST", f"{_OWL}/lights/off", "C", "5", status="since 2022"),
    Endpoint("network_cameras", "GET", "/network/{network}/cameras", "O", "5", status="obsolete"),
    # 6 media
    Endpoint("media_changed", "GET", f"{_V1}/media/changed", "S", "6", status="since 2020"),
    Endpoint("clip", "GET", f"{_MEDIA}/{{source}}/{{clip}}.mp4", "S", "6"),
    Endpoint(
        "clip_old",
        "GET",
        "/api/v2/accounts/{account}/media/clip/{clip}.mp4",
        "S",
        "6",
        status="the older form",
    ),
    Endpoint("thumbnail", "GET", f"{_MEDIA}/{{source}}/{{clip}}.jpg", "S", "6"),
    Endpoint(
        "thumbnail_old",
        "GET",
        "/api/v2/accounts/{account}/media/thumb/{clip}.jpg",
        "S",
        "6",
        status="the older form",
    ),
    Endpoint(
        "video_options",
        "POST",
        "/api/v1/account/video_options",
        "S",
        "6",
        status="the field names are not certain",
    ),
    Endpoint("media_delete", "POST", f"{_V1}/media/delete", "S", "6", status="since 2020"),
    Endpoint("events", "GET", "/events/network/{network}", "O", "6", status="obsolete"),
    Endpoint("videos_count", "GET", "/api/v2/videos/count", "O", "6", status="obsolete"),
    Endpoint("videos_page", "GET", "/api/v2/videos/page/{page}", "O", "6", status="obsolete"),
    Endpoint("videos_unwatched", "GET", "/api/v2/videos/unwatched", "O", "6", status="obsolete"),
    Endpoint("video", "GET", "/api/v2/video/{clip}", "O", "6", status="obsolete"),
    Endpoint("video_delete", "POST", "/api/v2/video/{clip}/delete", "O", "6", status="obsolete"),
    # 6.1 the newer listing
    Endpoint(
        "media",
        "POST",
        "/api/v4/accounts/{account}/media",
        "C",
        "6.1",
        status="since 2026; not every account",
    ),
    Endpoint(
        "clip_v4",
        "GET",
        "/api/v4/accounts/{account}/media/{clip}/video/contents",
        "C",
        "6.1",
        status="since 2026",
    ),
    # 7 local storage
    Endpoint(
        "local_storage_manifest_request", "POST", f"{_USB}/manifest/request", "C", "7", status="since 2022"
    ),
    Endpoint(
        "local_storage_manifest", "GET", f"{_USB}/manifest/request/{{request}}", "C", "7", status="since 2022"
    ),
    Endpoint(
        "local_storage_clip_request",
        "POST",
        f"{_USB_MANIFEST}/clip/request/{{clip}}",
        "C",
        "7",
        status="since 2022",
    ),
    Endpoint(
        "local_storage_clip", "GET", f"{_USB_MANIFEST}/clip/request/{{clip}}", "C", "7", status="since 2022"
    ),
    Endpoint(
        "local_storage_clip_delete",
        "POST",
        f"{_USB_MANIFEST}/clip/delete/{{clip}}",
        "C",
        "7",
        status="since 2022",
    ),
    Endpoint("local_storage_status", "GET", f"{_USB}/status", "C", "7", status="since 2022"),
)

ENDPOINTS = {endpoint.name: endpoint for endpoint in _TABLE}
"""Every call by its name."""


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """The call that a request for ``path`` (without its query) is; None where the table has none."""
    found = (each for each in _TABLE if each.method == method and each.ids_in(path) is not None)
    return next(found, None)


def calls_table(section: str) -> str:
    """The calls of a section of docs/protocol.md as the lines of a Markdown table, in the table's order."""
    head = ("| name | call | token | mark | status | known from |", "|---|---|---|---|---|---|")
    rows = (
        f"| `{call.name}` | `{call.method} {call.path}` | {call.auth} | {call.mark} | {call.status} "
        f"| {call.source} |"
        for call in _TABLE
        if call.section == section
    )
    return "\n".join((*head, *rows))


def checked_tier(tier: str) -> str:
    """``tier`` as it may become part of a host name (protocol.md 1).

    Raises UnexpectedAnswer for anything but 1 to 12 of ``a-z0-9``.
    """
    if not _TIER.fullmatch(tier):
        raise UnexpectedAnswer(
            f"Blink named a server that this program does not trust ({tier[:40]!r} is no region). "
            "Nothing was sent there; try `blink-archive login` again later."
        )
    return tier


def rest_url(tier: str) -> str:
    """The base URL of the REST host of ``tier``; raises as `checked_tier`."""
    return f"https://rest-{checked_tier(tier)}.immedia-semi.com"
