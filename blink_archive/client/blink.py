"""Blink as verbs: each asks one thing and returns a typed answer or raises.

The verbs of one family of calls are together: `Blink.commands`, `.cameras`, `.schedules`, `.account`,
`.local_storage`; what is about the system and its clips is on `Blink` itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from ..errors import UnexpectedAnswer, UsageError
from ..model import Command, DescriptionPage, Homescreen, Json, MediaPage, Network
from ..protocol.answers import as_object, http_date, member
from ..protocol.describe import media_query, parse_descriptions
from ..protocol.endpoints import CODE_MEDIA_DELETED, MAX_DELETE
from ..protocol.media import changed_query, delete_body, parse_page, with_extension
from ..protocol.system import parse_homescreen, parse_networks
from ..protocol.values import integer
from .account import Account
from .addresses import Addresses
from .auth import Tokens
from .cameras import Cameras
from .commands import Commands
from .local_storage import LocalStorage
from .pacing import Pacing
from .raw import RawAnswer, raw_call
from .redact import logger_of
from .schedules import Schedules
from .session import Session, choose_session
from .state import StateDir
from .streaming import MediaStream, media_stream
from .transport import Clock, http_client, utc_now
from .wire import Wire

_LOG = logger_of(__name__)


class Blink:
    """One account at Blink; an async context manager that closes its connections.

    Every verb raises NotSignedIn where a person has to sign in again, and a BlinkError for
    trouble with Blink or the way there.
    """

    def __init__(self, wire: Wire, *, client: httpx.AsyncClient) -> None:
        self._wire = wire
        self._client = client
        self.commands = Commands(wire)
        self.cameras = Cameras(wire, self.commands)
        self.schedules = Schedules(wire)
        self.account = Account(wire)
        self.local_storage = LocalStorage(wire, self.commands)

    @classmethod
    def from_state(
        cls,
        state: StateDir | None = None,
        *,
        account: str | int | None = None,
        api_url: str | None = None,
        oauth_url: str | None = None,
        ca_file: Path | None = None,
        connections: int = 8,
        pacing: Pacing | None = None,
        now: Clock = utc_now,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Blink:
        """An account with a session in ``state``; nothing is asked yet.

        Without ``state`` it is where the program keeps it, and what is not given here comes from the
        environment, as for the program: ``BLINK_ARCHIVE_STATE_DIR``, ``_ACCOUNT``, ``_API_URL``,
        ``_OAUTH_URL``, ``_CA_FILE``. ``account`` is its email or its id, and can be left away where only one
        is signed in. ``ca_file`` holds certificates (PEM) to trust beside the usual roots.
        Raises UsageError for overrides and files that cannot be used and where several accounts are meant,
        NotSignedIn without a session made against these addresses, StateError for a damaged file.
        """
        if state is None:
            state = StateDir.default()
            account = account or os.environ.get("BLINK_ARCHIVE_ACCOUNT") or None
            api_url = api_url or os.environ.get("BLINK_ARCHIVE_API_URL") or None
            oauth_url = oauth_url or os.environ.get("BLINK_ARCHIVE_OAUTH_URL") or None
            if ca_file is None and (named := os.environ.get("BLINK_ARCHIVE_CA_FILE")):
                ca_file = Path(named).expanduser()
        addresses = Addresses.chosen(api_url=api_url, oauth_url=oauth_url)
        session = choose_session(state, account, addresses=addresses)
        client = http_client(addresses, ca_file=ca_file, connections=connections, transport=transport)
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
        for problem in screen.problems:
            _LOG.warning("%s", problem)
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

    async def descriptions(
        self, *, start: datetime | None = None, end: datetime | None = None, key: str | None = None
    ) -> DescriptionPage:
        """A page of the newer listing (protocol.md 6.1): what Blink says of clips recorded in that time.

        ``key`` is the ``next_key`` of the page before. Raises NotFound where the account does not have it.
        """
        answer = await self._wire.post(
            "media",
            what="the descriptions of clips",
            query=media_query(start=start, end=end, key=key),
            json={},
            account=self.account_id,
        )
        return parse_descriptions(answer.value)

    async def delete_media(self, ids: Sequence[int]) -> None:
        """Deletes up to 50 items at Blink; returning means that Blink said so (711).

        Raises UsageError for more or none; any other answer leaves open what was deleted.
        """
        if not 0 < len(ids) <= MAX_DELETE:
            raise UsageError(f"{len(ids)} clips cannot be deleted at once: give 1 to {MAX_DELETE}.")
        answer = await self._wire.post(
            "media_delete", what="the deletion", json=delete_body(ids), account=self.account_id
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
        """Arms a network; the command runs on, see `Commands.wait_for`. Raises Busy if it stays so."""
        return await self.commands.start(
            "arm", what=f"network {network_id}", network=network_id, account=self.account_id
        )

    async def disarm(self, network_id: int) -> Command:
        """Disarms a network; as `arm`."""
        return await self.commands.start(
            "disarm", what=f"network {network_id}", network=network_id, account=self.account_id
        )

    async def sync_module(self, network_id: int) -> Json:
        """The sync module of a network, as ``/network/{network}/syncmodules`` has it (protocol.md 3)."""
        what = f"the sync module of network {network_id}"
        answer = await self._wire.get("sync_module", what=what, network=network_id)
        return member(as_object(answer.value, what=what), "syncmodule")

    async def network(self, network_id: int) -> Json:
        """How a network stands just now: ``armed``, ``busy``, ``sync_module_error`` … (protocol.md 3)."""
        what = f"network {network_id}"
        answer = await self._wire.post("network_update", what=what, network=network_id)
        return member(as_object(answer.value, what=what), "network")

    async def call(self, method: str, path: str, *, json: object = None) -> RawAnswer:
        """Any call at all: ``path`` with its query at the REST host, or a whole URL.

        The token goes along to Blink's own hosts only, redirects are not followed, and nothing is tried
        again but a 401, once. Raises UnsafeAddress for an address that nothing is asked from,
        UpdateRequired for Blink's "An app update is required", NetworkError where no answer came.
        """
        return await raw_call(self._wire, method, path, json=json)
