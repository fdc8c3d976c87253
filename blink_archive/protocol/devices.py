"""What single cameras answer: configurations, live views, the picture's path (protocol.md 5)."""

from __future__ import annotations

from ..errors import UnexpectedAnswer
from ..model import Camera, Json, LiveView
from .answers import as_object, text_of
from .endpoints import ENDPOINTS
from .media import with_extension
from .values import integer

LIVEVIEW_V5 = {"intent": "liveview", "motion_event_start_time": ""}
LIVEVIEW_V6 = {"intent": "liveview", "motion_event_start_time": None}


def parse_config(value: object) -> Json:
    """A camera's configuration: the object itself, out of the list that the camera family wraps it in.

    Raises UnexpectedAnswer for what is none.
    """
    answer = as_object(value, what="the camera's configuration")
    match answer:
        case {"camera": [dict() as config, *_]} | {"camera": dict() as config}:
            return config
        case {"camera": _}:
            raise UnexpectedAnswer("Blink answered without the camera's configuration. Try again later.")
        case _:
            return answer


def parse_live_view(value: object, *, network_id: int) -> LiveView:
    """A live view; raises UnexpectedAnswer where it has neither server nor command."""
    answer = as_object(value, what="a live view")
    server, command = text_of(answer, "server"), integer(answer.get("command_id"))
    if server is None or command is None:
        raise UnexpectedAnswer("Blink answered without the address of a live view. Try again later.")
    return LiveView(
        command_id=command,
        network_id=integer(answer.get("network_id")) or network_id,
        server=server,
        duration=integer(answer.get("duration")),
        continue_interval=integer(answer.get("continue_interval")),
        polling_interval=integer(answer.get("polling_interval")),
        raw=answer,
    )


def picture_path(camera: Camera, *, account_id: int) -> str | None:
    """The path of the picture that the homescreen shows of ``camera``; None where there is none.

    A bare number stands for a time, an old path lacks its extension (protocol.md 5).
    """
    match camera.thumbnail:
        case None | "":
            return None
        case number if number.isascii() and number.isdigit():
            path = ENDPOINTS["picture"].fill(
                account=account_id, network=camera.network_id or 0, type=camera.type, camera=camera.id
            )
            return f"{path}?ts={number}&ext="
        case path:
            return with_extension(path)
