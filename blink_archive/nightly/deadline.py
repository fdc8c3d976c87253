"""How long telling others may still take."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """A moment, some seconds from now, which another thread may move up."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; 0 when it is over."""
        return max(0.0, self._at - monotonic())

    def move_up(self, seconds: float) -> None:
        """It comes in so many seconds, if it would not come sooner."""
        self._at = min(self._at, monotonic() + seconds)
