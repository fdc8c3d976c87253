"""A request as the routes see it, the answer they give, and a line of their tables; no sockets here."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser

from blink_archive.simulator.cloud import Cloud

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MP4 = (("content-type", "video/mp4"),)
JPEG = (("content-type", "image/jpeg"),)
UPDATE_REQUIRED = {
    "message": "An app update is required", "code": 105, "update_available": True, "update_required": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `params` are the parts of the path that the route names."""

    method: str
    path: str
    query_string: str
    headers: Headers
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> QueryParams:
        return QueryParams(self.query_string)

    @property
    def bearer(self) -> str | None:
        """The bearer token, or None."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" and token else None

    @property
    def classic_token(self) -> str | None:
        """The token of the classic login, by either spelling of its header, or None."""
        return self.headers.get("token_auth") or self.headers.get("token-auth") or None

    @property
    def form(self) -> dict[str, str] | None:
        """The fields of a form body, or None where the body is none."""
        if not self.headers.get("content-type", "").startswith(FORM):
            return None
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The value of a JSON body; None where the body is none, or where no header says that it is."""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def cookie(self, name: str) -> str | None:
        return cookie_parser(self.headers.get("cookie", "")).get(name)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers without the length and the date, and a body in as few pieces as it has."""

    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...] = ()

    @property
    def length(self) -> int:
        return sum(map(len, self.chunks))


Handler = Callable[[Cloud, Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of a table of routes."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    bearer: bool = True
    """Whether a valid access token, or a classic token, is asked for."""
    unverified: bool = False
    """Whether a classic token will do whose client is not verified yet."""


def json_answer(content: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    try:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate can only be said as an escape
        body = json.dumps(content, separators=(",", ":")).encode()
    return Answer(status, (("content-type", "application/json; charset=utf-8"), *headers), (body,))


def failure(status: int, code: int, *, message: str) -> Answer:
    """Blink's error object."""
    return json_answer({"message": message, "code": code}, status=status)


def not_found() -> Answer:
    return failure(404, 404, message="Not found")


def media_not_found() -> Answer:
    return failure(404, 700, message="Media not found")


def busy() -> Answer:
    return failure(409, 307, message="System is busy, please wait")


def html_answer(page: str, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, (("content-type", "text/html; charset=utf-8"), *headers), (page.encode(),))


def redirect_answer(location: str, *, status: int = 302, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, (("location", location), *headers))


def status_phrase(status: int) -> str:
    """The words for a status; for one that has none, the number."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)
