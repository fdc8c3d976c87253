"""Blink's cloud as verbs: each asks one thing and returns a typed answer or raises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType
from typing import Literal, Self

import httpx

from ..errors import CommandFailed, UnexpectedAnswer, UsageError
from ..model import Command, Homescreen, MediaPage, Network
from ..protocol.answers import http_date
from ..protocol.endpoints import CODE_COMMAND_SUCCEEDED, CODE_MEDIA_DELETED, MAX_DELETE
from ..protocol.media import changed_query, delete_body, parse_page, with_extension
from ..protocol.system import parse_command, parse_homescreen, parse_networks
from ..protocol.values import integer
from .addresses import Addresses
from .auth import Tokens
from .pacing import Pacing, when_free
from .session import Session, load_session
from .state import StateDir
from .streaming import MediaStream, media_stream
from .transport import Clock, http_client, utc_now
from .wire import Wire


class Cloud:
    """One account's cloud; an async context manager that closes its connections.

    Every verb raises NotSignedIn where a person has to sign in again, and a BlinkError for
    trouble with Blink or the way there.
    """

    def __init__(self, wire: Wire, *, client: httpx.AsyncClient) -> None:
        self._wire = wire
        self._client = client

    @classmethod
    def from_state(
        cls,
        state: StateDir,
        *,
        api_url: str | None = None,
        oauth_url: str | None = None,
        connections: int = 8,
        pacing: Pacing | None = None,
        now: Clock = utc_now,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Cloud:
        """The cloud of the session stored in ``state``; nothing is asked yet.

        Raises UsageError for overrides that cannot be used, NotSignedIn without a session made
        against these addresses, StateError for a damaged file.
        """
        addresses = Addresses.chosen(api_url=api_url, oauth_url=oauth_url)
        session = load_session(state, addresses=addresses)
        client = http_client(addresses, connections=connections, transport=transport)
        tokens = Tokens(state, session, client=client, addresses=addresses, now=now)
        wire = Wire(client, tokens, addresses=addresses, pacing=pacing or Pacing(), now=now)
        return cls(wire, client=client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.tokens.settle()
        await self._client.aclose()

    @property
    def session(self) -> Session:
        """The session as it is now."""
        return self._wire.tokens.session

    @property
    def account_id(self) -> int:
        """The account that all verbs are about."""
        return self.session.account_id

    async def homescreen(self) -> Homescreen:
        """The whole system at once (protocol.md 3)."""
        answer = await self._wire.get("homescreen", what="the homescreen", account=self.account_id)
        screen = parse_homescreen(answer.value)
        client_id = integer(answer.headers.get("Client-Id"))
        user_id = integer(answer.headers.get("User-Id"))
        if self.session.client_id is None and client_id is not None:
            await self._wire.tokens.learn(client_id=client_id, user_id=user_id)
        return screen

    async def networks(self) -> tuple[Network, ...]:
        """The networks with what only ``/networks`` says of them, in ``raw`` (protocol.md 3)."""
        answer = await self._wire.get("networks", what="the networks")
        return parse_networks(answer.value)

    async def media_changed(self, *, since: datetime, page: int) -> MediaPage:
        """A page, from 1, of the items changed since ``since`` (aware; cut to the second)."""
        answer = await self._wire.get(
            "media_changed",
            what="the media list",
            query=changed_query(since=since, page=page),
            account=self.account_id,
        )
        return parse_page(answer.value, number=page, server_time=http_date(answer.headers.get("Date")))

    def media(self, path: str, *, thumbnail: bool) -> AbstractAsyncContextManager[MediaStream]:
        """The bytes of an item's ``media`` or, with ``thumbnail``, its ``thumbnail`` path.

        Raises as `media_stream`; nothing is tried again but a 401, once.
        """
        if thumbnail:
            return media_stream(self._wire, with_extension(path), what="a thumbnail")
        return media_stream(self._wire, path, what="a clip")

    async def delete_media(self, ids: Sequence[int]) -> None:
        """Deletes up to 50 items at Blink; returning means that Blink said so (711).

        Raises UsageError for more or none; any other answer leaves open what was deleted.
        """
        if not 0 < len(ids) <= MAX_DELETE:
            raise UsageError(f"{len(ids)} clips cannot be deleted at once: give 1 to {MAX_DELETE}.")
        answer = await when_free(
            lambda: self._wire.post(
                "media_delete", what="the deletion", json=delete_body(ids), account=self.account_id
            ),
            pacing=self._wire.pacing,
        )
        match answer.value:
            case {"code": code} if integer(code) == CODE_MEDIA_DELETED:
                return
            case _:
                raise UnexpectedAnswer(
                    "Blink did not confirm that the clips were deleted. "
                    "The next `blink-archive sync` finds out what is left."
                )

    async def arm(self, network_id: int) -> Command:
        """Arms a network; the command runs on, see `wait_for`. Raises Busy if it stays so."""
        return await self._switch("arm", network_id)

    async def disarm(self, network_id: int) -> Command:
        """Disarms a network; as `arm`."""
        return await self._switch("disarm", network_id)

    async def _switch(self, verb: Literal["arm", "disarm"], network_id: int) -> Command:
        answer = await when_free(
            lambda: self._wire.post(
                verb, what=f"network {network_id}", account=self.account_id, network=network_id
            ),
            pacing=self._wire.pacing,
        )
        return parse_command(answer.value, network_id=network_id)

    async def command(self, network_id: int, command_id: int) -> Command:
        """How a command stands."""
        answer = await self._wire.get(
            "command", what=f"command {command_id}", network=network_id, command=command_id
        )
        return parse_command(answer.value, network_id=network_id, command_id=command_id)

    async def wait_for(
        self,
        command: Command,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - how long Blink may take, not a cancellation
    ) -> Command:
        """``command`` at its end, looked at once a second for at most ``timeout`` seconds.

        Raises CommandFailed, with Blink's words, for any end but success (908) and for none in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not command.complete and command.status_code in (None, CODE_COMMAND_SUCCEEDED):
            if loop.time() >= deadline:
                raise CommandFailed(
                    f"Command {command.id} did not end within {timeout:g} seconds. "
                    "Look in the Blink app whether it took effect."
                )
            await asyncio.sleep(self._wire.pacing.poll)
            command = await self.command(command.network_id, command.id)
        if command.status_code != CODE_COMMAND_SUCCEEDED:
            raise CommandFailed(
                f"Blink reports that command {command.id} failed: "
                f"{command.status_msg or 'without saying why'} (code {command.status_code}). Try again."
            )
        return command
