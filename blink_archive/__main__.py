"""``python -m blink_archive``."""

from .cli import main

main()
