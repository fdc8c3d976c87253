"""Manifests and the state of a sync module's stick, from JSON (protocol.md 7)."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UnexpectedAnswer
from ..model import Json, Manifest, StorageStatus, StoredClip
from .answers import as_object, is_too_long, text_of
from .endpoints import ENDPOINTS
from .values import Unreadable, flag, integer, moment


def is_ready(value: object) -> bool:
    """Whether the answer to a question for a manifest is one; it is JSON without ``clips`` until then."""
    return isinstance(value, Mapping) and "clips" in value


def parse_manifest(value: object, *, account_id: int, network_id: int, module_id: int) -> Manifest:
    """A manifest. An entry without id or time is counted as unreadable.

    Raises UnexpectedAnswer for what has no list of clips or no id.
    """
    answer = as_object(value, what="the list of clips on the stick")
    found, number = answer.get("clips"), text_of(answer, "manifest_id")
    if not isinstance(found, list) or number is None:
        raise UnexpectedAnswer("Blink answered without a list of clips on the stick. Try again later.")
    clips = []
    for raw in found:
        if not isinstance(raw, Mapping) or (clip := text_of(raw, "id")) is None:
            continue
        path = ENDPOINTS["local_storage_clip"].fill(
            account=account_id, network=network_id, module=module_id, manifest=number, clip=clip
        )
        try:
            clips.append(_clip(raw, clip, path=path))
        except Unreadable:
            continue
    return Manifest(
        id=number,
        network_id=network_id,
        module_id=module_id,
        clips=tuple(clips),
        unreadable=len(found) - len(clips),
    )


def _clip(raw: Json, number: str, *, path: str) -> StoredClip:
    """Raises Unreadable where it has no time."""
    return StoredClip(
        id=number,
        camera_name=text_of(raw, "camera_name") or "",
        created_at=moment(raw.get("created_at")),
        kilobytes=integer(raw.get("size")),
        path=path,
        raw=raw,
        problem="camera_name is too long" if is_too_long(raw, "camera_name") else None,
    )


def parse_status(value: object) -> StorageStatus:
    """The state of a stick; raises UnexpectedAnswer for what is no object."""
    answer = as_object(value, what="the state of the local storage")
    return StorageStatus(
        usb_state=text_of(answer, "usb_state"),
        used=integer(answer.get("usb_storage_used")),
        full=flag(answer.get("usb_storage_full")),
        backup_enabled=flag(answer.get("sm_backup_enabled")),
        last_backup_completed=text_of(answer, "last_backup_completed"),
        last_backup_result=text_of(answer, "last_backup_result"),
        raw=answer,
    )
