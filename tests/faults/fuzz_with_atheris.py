"""One target under atheris: ``python -m tests.faults.fuzz_with_atheris mp4 -max_total_time=60 CORPUS``.

What follows the target is libFuzzer's. A crash is written beside the corpus, and ends the process with an error.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["blink_archive", "dateutil", "html", "email", "tomllib", "slugify"]):
    from tests.faults.targets import run_bytes


def main() -> None:
    """Fuzz until the time is over."""
    target = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda data: run_bytes(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
