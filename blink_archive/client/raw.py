"""Any call at all, for what this program has no verb for."""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass

from ..protocol.answers import error_of, is_update_required
from ..protocol.values import read_json
from .transport import body_of
from .wire import Wire


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came. ``value`` is its JSON, None where it is none (``is_json`` tells).

    ``elsewhere`` is the host that answered, where the token does not go to it; None for Blink's REST hosts.
    """

    status: int
    content_type: str
    body: bytes
    is_json: bool
    value: object
    elsewhere: str | None


async def raw_call(wire: Wire, method: str, path: str, *, json: object) -> RawAnswer:
    """The answer to ``method`` at ``path``, a path at the REST host or a whole URL; as `Blink.call`."""
    url = wire.addresses.media_url(path, tier=wire.tokens.session.tier)
    headers = {"Accept": "application/json, */*"}
    content = None
    if json is not None:
        headers["Content-Type"] = "application/json"
        content = json_text.dumps(json).encode("ascii")
    async with wire.opened(method, url, headers=headers, content=content) as response:
        body = await body_of(response, what="an answer")
    try:
        is_json, value = True, read_json(body)
    except ValueError:
        is_json, value = False, None
    elsewhere = None if wire.takes_token(url) else url.host
    if elsewhere is None and is_update_required(value, status=response.status_code):
        raise error_of(response.status_code, value, what=f"{method} {url.path}")
    return RawAnswer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        body=body,
        is_json=is_json,
        value=value,
        elsewhere=elsewhere,
    )
