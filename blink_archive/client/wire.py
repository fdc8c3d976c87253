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
from .pacing import Pacing, retried
from .transport import Answer, Clock, body_of, json_answer, sent

_HEADERS = {"User-Agent": APP_AGENT, "APP-BUILD": APP_BUILD, "Locale": "en_US"}


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
    ) -> AsyncIterator[httpx.Response]:
        """The answer, unread: with the token where ``url`` may have it, and then once more with
        a renewed token after a 401; without any of our headers elsewhere.

        Raises NetworkError, and as `Tokens.current`.
        """
        if not self.takes_token(url):
            request = self._client.build_request(method, url, headers=headers, content=content)
            async with sent(self._client, request) as response:
                yield response
            return
        token = await self.tokens.current()
        for last in (False, True):
            with_token = {**_HEADERS, **headers, "Authorization": f"Bearer {token}"}
            request = self._client.build_request(method, url, headers=with_token, content=content)
            async with sent(self._client, request) as response:
                if response.status_code != 401 or last:
                    yield response
                    return
                await body_of(response, what="an answer")  # read, so that its connection is used again
            token = await self.tokens.renewed(token)

    async def get(
        self, name: str, *, what: str, query: Mapping[str, str] | None = None, **ids: int
    ) -> Answer:
        """The answer of the endpoint ``name``, tried again after passing trouble.

        Raises what an error status or code stands for.
        """

        async def once() -> Answer:
            return await self._json(name, ids, what=what, query=query)

        return await retried(once, pacing=self.pacing, now=self.now)

    async def post(self, name: str, *, what: str, json: object = None, **ids: int) -> Answer:
        """As `get`, tried once; ``json`` None sends an empty body."""
        return await self._json(name, ids, what=what, json=json)

    async def _json(
        self,
        name: str,
        ids: Mapping[str, int],
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Answer:
        endpoint = ENDPOINTS[name]
        base = self.addresses.rest(self.tokens.session.tier)
        url = httpx.URL(base + endpoint.fill(**ids), params=query)
        if not self.takes_token(url):
            raise UnsafeAddress(f"The address for {what} is none of Blink's. Nothing was sent.")
        headers = {"Accept": "application/json"}
        content = None
        if json is not None:
            headers["Content-Type"] = "application/json"
            content = json_text.dumps(json).encode("ascii")
        async with self.opened(endpoint.method, url, headers=headers, content=content) as response:
            answer = await json_answer(response, what=what, now=self.now)
        answer.raise_for_error(what=what)
        return answer
