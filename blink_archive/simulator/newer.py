"""The newer listing (protocol.md 6.1): a cursor over clips with descriptions, and their media."""

import json
from itertools import islice
from typing import Any

from blink_archive.simulator import items
from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import (
    MP4,
    Answer,
    Call,
    Endpoint,
    failure,
    json_answer,
    media_not_found,
    not_found,
)
from blink_archive.simulator.records import Clip
from blink_archive.simulator.settings import ACCOUNT_ID

PAGE_SIZE = 200
DETECTED = {
    "person": "A person walks",
    "vehicle": "A vehicle drives",
    "animal": "An animal runs past",
}


def media(cloud: Cloud, call: Call) -> Answer:
    """The clips recorded from `start_time` to `end_time`, newest first, from the cursor on."""
    if not cloud.settings.describes:
        return not_found()
    content, key = call.json, call.query.get("pagination_key")
    span = [items.second(call.query.get(name, "")) for name in ("start_time", "end_time")]
    wrong = [name for name, at in zip(("start_time", "end_time"), span, strict=True) if at is None]
    if not isinstance(content, dict) or any(name in call.query for name in wrong):
        return failure(400, 400, message="Invalid filters or times")
    if key is not None and not key.isdigit():
        return failure(400, 400, message="Invalid pagination key")
    start, end = span
    with cloud.lock:
        wanted = (
            clip
            for clip in cloud.newest(before=None if key is None else int(key))
            if not clip.deleted
            and (start is None or clip.created >= start)
            and (end is None or clip.created <= end)
        )
        found = list(islice(wanted, PAGE_SIZE + 1))
    page = found[:PAGE_SIZE]
    more = page[-1].id if len(found) > PAGE_SIZE else None
    return json_answer(
        {
            "media": [_item(clip) for clip in page], "page_size": PAGE_SIZE, "pagination_key": more,
            "moment_gap_time": 25, "smart_video_descriptions": True,
        }
    )  # fmt: skip


def clip(cloud: Cloud, call: Call) -> Answer:
    """The same bytes as at the clip's other path."""
    found = cloud.fetchable(call.params["clip"])
    if found is None:
        return media_not_found()
    answer = Answer(200, MP4, cloud.clip_chunks(found.id))
    cloud.downloaded(found.id)
    return answer


def _item(clip: Clip) -> dict[str, Any]:
    """The entry of the feed, and what the older listing lacks. Every third clip was not looked at, and
    some of the others show nothing."""
    labels = _labels(clip)
    described: dict[str, Any] = {"ai_vd": None, "cv_detection": None}
    if clip.id % 3:
        said = f"{DETECTED[labels[0]]} past the {clip.camera_name or 'camera'}." if labels else None
        words = {"full_description": said, "short_description": said.split(" past")[0]} if said else {}
        described = {"ai_vd": words, "cv_detection": labels}
    media = f"/api/v4/accounts/{ACCOUNT_ID}/media/{clip.id}/video/contents"
    return items.clip_item(clip) | {"media": media} | described


def _labels(clip: Clip) -> list[str]:
    found = json.loads(clip.metadata) if isinstance(clip.metadata, str) else clip.metadata
    return found.get("cv_detection", []) if isinstance(found, dict) else []


TABLE: tuple[Endpoint, ...] = (
    Endpoint("media", "POST", "/api/v4/accounts/{account:int}/media", media),
    Endpoint("clip_v4", "GET", "/api/v4/accounts/{account:int}/media/{clip:int}/video/contents", clip),
)
