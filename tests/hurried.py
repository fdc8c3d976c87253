"""The program, without the pause between two looks at a command that Blink is at: `python tests/hurried.py arm`."""

from __future__ import annotations

import sys
from dataclasses import fields

from blink_archive.cli import main
from blink_archive.client.pacing import Pacing

if __name__ == "__main__":
    none = Pacing.none()
    Pacing.__init__.__defaults__ = tuple(getattr(none, field.name) for field in fields(Pacing))
    main(sys.argv[1:])
