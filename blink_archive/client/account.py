"""The account and this client: notifications, options, regions, version (protocol.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..errors import UnexpectedAnswer, UsageError
from ..model import Json
from ..protocol.account import parse_client_options, parse_notifications
from ..protocol.answers import as_object, decode, error_of, is_error
from ..protocol.endpoints import CODE_INVALID_DAYS
from ..protocol.values import integer
from .transport import body_of
from .wire import Wire


class Account:
    """What can be asked and set of the account that is signed in."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def notifications(self) -> Mapping[str, bool]:
        """Which notifications the app gets, by Blink's names."""
        answer = await self._wire.get("notifications", what="the notification settings", account=self._id)
        return parse_notifications(answer.value)

    async def set_notifications(self, changes: Mapping[str, bool]) -> None:
        """Switches just these notifications."""
        await self._wire.post(
            "notifications_update",
            what="the notification settings",
            json={"notifications": dict(changes)},
            account=self._id,
        )

    async def options(self) -> Json:
        """The flags of the account."""
        return await self._object("account_options", what="the account's options")

    async def user(self) -> Json:
        """The user: email, time zone, units of temperature …"""
        return await self._object("user", what="the user")

    async def client_options(self) -> Json:
        """What the app keeps for this client: the order of networks and cameras, and the like."""
        answer = await self._wire.get(
            "client_options", what="this client's options", account=self._id, client=self._client
        )
        return parse_client_options(answer.value)

    async def update_client(self, changes: Mapping[str, Any]) -> Json:
        """Changes what Blink keeps of this client (``notification_key`` …); the client as it is then."""
        answer = await self._wire.post(
            "client_update", what="this client", json=dict(changes), client=self._client
        )
        return as_object(answer.value, what="this client")

    async def set_auto_delete_days(self, days: int) -> Json:
        """After how many days Blink deletes clips; one of the homescreen's ``auto_delete_day_options``.

        The name of the field is the homescreen's, not confirmed (protocol.md 6): look there afterwards.
        Raises UsageError for days that Blink does not take.
        """
        what = "the video options"
        answer = await self._wire.post("video_options", what=what, json={"auto_delete_days": days})
        taken = as_object(answer.value, what=what)
        if integer(taken.get("code")) == CODE_INVALID_DAYS:
            raise UsageError(f"Blink does not take {days} days for this account. Nothing is changed.")
        return taken

    async def log_out(self) -> None:
        """Ends this client's session at Blink, which takes its token no more from then on."""
        await self._wire.post("logout", what="the end of the sign-in", account=self._id, client=self._client)

    async def version(self) -> Json:
        """Whether Blink wants a newer app: ``update_available``, ``update_required``."""
        return await self._object("version", what="the app's version")

    async def regions(self, *, locale: str = "US") -> Json:
        """Blink's servers by region; ``locale`` is a country code."""
        what = "the regions"
        answer = await self._wire.get("regions", what=what, query={"locale": locale})
        return as_object(answer.value, what=what)

    async def health(self) -> str:
        """What the server says of its health: one line; deprecated."""
        what = "the server's health"
        async with self._wire.opened(
            "GET", self._wire.url("health", what=what), headers={"Accept": "*/*"}, anonymous=True
        ) as response:
            body = await body_of(response, what=what)
        value = None
        with suppress(UnexpectedAnswer):  # mostly it is no JSON
            value = decode(body, what=what)
        if is_error(value, status=response.status_code):
            raise error_of(response.status_code, value, what=what)
        return body.decode("utf-8", "replace").strip()

    async def upload_logs(self, text: str) -> None:
        """Sends a log to Blink, as the app does; the form of its body is not known (protocol.md 3)."""
        await self._wire.post("logs_upload", what="the log", json={"logs": text})

    async def _object(self, name: str, *, what: str) -> Json:
        answer = await self._wire.get(name, what=what)
        return as_object(answer.value, what=what)

    @property
    def _id(self) -> int:
        return self._wire.tokens.session.account_id

    @property
    def _client(self) -> int:
        """Blink's id of this client, which comes with the first homescreen."""
        client = self._wire.tokens.session.client_id
        if client is None:
            raise UsageError("Blink has not told this client's id yet: run `blink-archive whoami` first.")
        return client
