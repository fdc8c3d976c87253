"""What must not go wrong: each test does its worst, and reports a figure.

The suite runs a short form. ``tox -e faults`` runs the long one, and prints the figures of docs/reliability.md.
"""

import os

LONG = os.environ.get("BLINK_ARCHIVE_TEST_LONG") == "1"


def times(short: int, long: int) -> int:
    """How often to do it: ``short`` in the test command, ``long`` in the long form."""
    return long if LONG else short
