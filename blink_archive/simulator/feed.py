"""The order of the change feed: keys sorted by `updated_at`, so that a page costs no walk."""

from bisect import bisect_left, insort


class Feed:
    """Keys of the feed by the second of their last change; newest first when read."""

    def __init__(self, entries: list[tuple[int, int]]) -> None:
        """`entries` are pairs of `updated_at` in Unix seconds and key."""
        self._order = sorted(entries)

    def add(self, updated: int, key: int) -> None:
        insort(self._order, (updated, key))

    def remove(self, updated: int, key: int) -> None:
        at = bisect_left(self._order, (updated, key))
        if at == len(self._order) or self._order[at] != (updated, key):
            raise KeyError(key)
        del self._order[at]

    def page(self, since: int, *, number: int, limit: int) -> list[int]:
        """Keys of page `number` (from 1) of what changed at or after `since`, newest change first."""
        oldest = bisect_left(self._order, (since,))
        stop = len(self._order) - (number - 1) * limit
        return [key for _, key in reversed(self._order[max(oldest, stop - limit) : max(oldest, stop)])]
