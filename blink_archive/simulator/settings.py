"""What a simulated account is made of, and the constants that never change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

ACCOUNT_ID = 1100001
CLIENT_ID = 1100002
USER_ID = 1100003
TIER = "u014"
PHONE = "+1xxxxxxxx40"
REDIRECT_URI = "immedia-blink://applinks.blink.com/signin/callback"

CODE_LIFETIME = 600
"""Seconds for which a one-time code, or an authorization code, can be used."""

WHOLE_AFTER = 120
"""Seconds after its `created_at` at which a partial clip is whole."""


def real_clock() -> datetime:
    """The time of the machine, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One simulated account.

    `clips` counts what a complete archive ends with: the clips that are alive, whole and can be fetched
    at the start. Two tombstones and one young partial clip come on top of it; the partial one becomes
    whole two minutes after its `created_at`, and is then one clip more. With `clips=0` the feed is empty.
    """

    clips: int = 60
    cameras: int = 5
    days: int = 14
    """The clips lie within this many days before `now`, all but the pair of the repeated hour."""
    seed: int = 1
    page_limit: int = 25
    two_factor: bool = True
    two_factor_status: int = 202
    """The status that says a one-time code is on its way: 202, or 412 as it was before."""
    mark_watched: bool = False
    """Whether downloading a clip sets `watched` and moves `updated_at` to now."""
    latency: float = 0.0
    """Seconds added to each request."""
    clip_bytes: int | None = None
    """Every clip is padded to this many bytes (one that is longer already stays as it is)."""
    expires_in: int = 14400
    """Lifetime of an access token in seconds."""
    auto_delete_days: int = 60
    """What the homescreen says; `Cloud.expire_old` purges by it, the clock alone does not."""
    classic: Literal["update", "open"] = "update"
    """The classic login: an app update is required, or it takes email and password, and sends a PIN."""
    usb_clips: int = 0
    """Clips on the USB stick of each Sync Module 2 whose network has a camera; with 0 there are no sticks."""
    describes: bool = True
    """Whether the account has the newer listing, with descriptions."""
    liveview: Literal["rtsps", "immis"] = "rtsps"
    """What live views are served as."""
    liveview_speed: float = 1.0
    """How many seconds of an immis live view come in one; with 0 it is as fast as the client takes it."""
    hostile: bool = True
    """Camera names from hell; off gives plain ones."""
    now: Callable[[], datetime] = real_clock
    """The cloud's clock: aware datetimes. Also what the `Date` header says."""
    email: str = "demo@example.com"
    password: str = "demo"  # noqa: S105 - the demo account's, known to everybody
    code: str = "123456"

    def __post_init__(self) -> None:
        for name in ("clips", "usb_clips", "latency", "liveview_speed", "expires_in"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative")
        for name in ("cameras", "days", "page_limit", "auto_delete_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.two_factor_status not in (202, 412):
            raise ValueError("two_factor_status is 202 or 412")
        if self.liveview not in ("rtsps", "immis"):
            raise ValueError("liveview is rtsps or immis")
        if self.classic not in ("update", "open"):
            raise ValueError("classic is update or open")
