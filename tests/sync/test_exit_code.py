"""Which of several exit codes a sync ends with, and which of several errors speaks for it."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest

from blink_archive.errors import BlinkArchiveError, NetworkError, NotSignedIn, StorageError, Throttled
from blink_archive.sync.fetch import _worst
from blink_archive.sync.run import exit_code

ORDER = (130, 8, 7, 4, 5, 3, 1)  # the gravest first


@pytest.mark.parametrize(("first", "second"), list(combinations(ORDER, 2)))
def test_of_two_codes_the_graver_counts(first: int, second: int) -> None:
    """Interrupted before a full disk, that before integrity, sign-in, Blink, clips, and the rest."""
    assert exit_code({first, second}) == exit_code({second, first, 2}) == first


def test_of_all_codes_the_first_counts() -> None:
    """With everything at once it is 130; with nothing 0; with wrong usage alone 2."""
    assert exit_code({*ORDER, 2}) == 130
    assert exit_code(set()) == 0
    assert exit_code({2}) == 2


DISK, SIGN_IN, NETWORK, SLOW = (
    StorageError("the disk is full"),
    NotSignedIn("sign in again"),
    NetworkError("no connection"),
    Throttled("slow down"),
)


@pytest.mark.parametrize(
    ("errors", "speaks"),
    [
        ((DISK, SIGN_IN, NETWORK, SLOW), DISK),
        ((DISK, NETWORK), DISK),
        ((DISK, SIGN_IN), DISK),
        ((SIGN_IN, NETWORK, SLOW), SIGN_IN),
    ],
)
def test_of_the_workers_errors_the_gravest_speaks(
    errors: tuple[BlinkArchiveError, ...], speaks: BlinkArchiveError
) -> None:
    """Several workers end with different errors at once: the disk's is told, then the sign-in's, whatever
    their order and however the groups are nested."""
    for order in permutations(errors):
        assert _worst(BaseExceptionGroup("workers", order)) is speaks
        nested = BaseExceptionGroup("inner", order[1:])
        assert _worst(BaseExceptionGroup("workers", [order[0], nested])) is speaks
