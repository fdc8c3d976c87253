"""Requests with the token: attached in this one place, and only to an address that may have it."""

from __future__ import annotations

import json as json_text
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ..errors import UnsafeAddress
from ..protocol.endpoints import APP_AGENT, APP_BUILD, ENDPOINTS
from .addresses import Addresses
from .auth import Tokens
from .pacing import Pacing, retried, when_free
from .session import auth_header
from .transport import Answer, Clock, body_of, json_answer, sent

APP_HEADERS = {"User-Agent": APP_AGENT, "APP-BUILD": APP_BUILD, "Locale": "en_US"}
"""What the app sends with every call."""


class Wire:
    """A client, the tokens it sends, and the addresses they may go to."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        tokens: Tokens,
        *,
        addresses: Addresses,
        pacing: Pacing,
        now: Clock,
    ) -> None:
        self.tokens = tokens
        self.addresses = addresses
        self.pacing = pacing
        self.now = now
        self._client = client

    def takes_token(self, url: httpx.URL) -> bool:
        """Whether the token goes to ``url``."""
        return self.addresses.takes_token(url, tier=self.tokens.session.tier)

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        anonymous: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """The answer, unread: with the token where ``url`` may have it (unless ``anonymous``), and then
        once more with a renewed token after a 401; without any of our headers at other hosts.

        Raises NetworkError, and as `Tokens.current`.
        """
        blinks = self.takes_token(url)
        if anonymous or not blinks:
            ours = APP_HEADERS if blinks else {}
            request = self._client.build_request(method, url, headers={**ours, **headers}, content=content)
            async with sent(self._client, request) as response:
                yield response
            return
        session = await self.tokens.current()
        for last in (False, True):
            with_token = {**APP_HEADERS, **headers, **auth_header(session)}
            request = self._client.build_request(method, url, headers=with_token, content=content)
            async with sent(self._client, request) as response:
                if response.status_code != 401 or last:
                    yield response
                    return
                await body_of(response, what="an answer")  # read, so that its connection is used again
            session = await self.tokens.renewed(session.access_token)

    async def get(
        self, name: str, *, what: str, query: Mapping[str, str] | None = None, **ids: int | str
    ) -> Answer:
        """The answer of the endpoint ``name``, tried again after passing trouble.

        Raises what an error status or code stands for.
        """

        async def once() -> Answer:
            return await self._json(name, ids, what=what, query=query)

        return await retried(once, pacing=self.pacing, now=self.now)

    async def post(
        self,
        name: str,
        *,
        what: str,
        json: object = None,
        query: Mapping[str, str] | None = None,
        **ids: int | str,
    ) -> Answer:
        """As `get`, tried again only as long as Blink says that it is busy; ``json`` None sends an empty
        body."""

        async def once() -> Answer:
            return await self._json(name, ids, what=what, query=query, json=json)

        return await when_free(once, pacing=self.pacing)

    async def _json(
        self,
        name: str,
        ids: Mapping[str, int | str],
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Answer:
        endpoint = ENDPOINTS[name]
        headers = {"Accept": "application/json"}
        content = None
        if json is not None:
            headers["Content-Type"] = "application/json"
            content = json_text.dumps(json).encode("ascii")
        async with self.opened(
            endpoint.method,
            self.url(name, what=what, query=query, **ids),
            headers=headers,
            content=content,
            anonymous=endpoint.auth == "none",
        ) as response:
            answer = await json_answer(response, what=what, now=self.now)
        answer.raise_for_error(what=what)
        return answer

    def url(
        self, name: str, *, what: str, query: Mapping[str, str] | None = None, **ids: int | str
    ) -> httpx.URL:
        """The address of the endpoint ``name``; raises UnsafeAddress where that is none of Blink's."""
        base = self.addresses.rest(self.tokens.session.tier)
        url = httpx.URL(base + ENDPOINTS[name].fill(**ids), params=query)
        if not self.takes_token(url):
            raise UnsafeAddress(f"The address for {what} is none of Blink's. Nothing was sent.")
        return url
