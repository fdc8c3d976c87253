"""blinkpy's base URLs, pointed at a simulator, for the test and for the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blinkpy import api, auth
from blinkpy.helpers import constants, util

WERE = (constants.OAUTH_BASE_URL, constants.BASE_URL)
Replace = Callable[[Any, str, Any], None]


def point_at(url: str, *, replace: Replace = setattr) -> None:
    """Every address of blinkpy keeps its path and gets `url` for its host; nothing else of it changes.

    `replace` is called as `setattr` is; pytest's `monkeypatch.setattr` undoes it after the test. To be called
    once, or undone in between.
    """

    def moved(value: Any) -> Any:
        base = next(filter(value.startswith, WERE), None) if isinstance(value, str) else None
        return url + value.removeprefix(base) if base else value

    class Addresses(util.BlinkURLHandler):  # type: ignore[misc]
        """Those of the host that is named after the account's region."""

        def __init__(self, region_id: str) -> None:
            super().__init__(region_id)
            were = self.base_url
            for name, value in list(vars(self).items()):
                setattr(self, name, value.replace(were, url))

    for module in (constants, api, auth):  # each has a copy of its own
        for name, value in list(vars(module).items()):
            if (new := moved(value)) is not value:
                replace(module, name, new)
    for method in (auth.Auth.login, auth.Auth.get_tier_info):
        replace(method, "__defaults__", tuple(map(moved, method.__defaults__)))
    replace(util, "BlinkURLHandler", Addresses)
