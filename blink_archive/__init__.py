"""blink-archive: every clip of a Blink account in a dated, hashed, catalogued folder.

As a library: ``async with blink_archive.Blink.from_state() as blink: …`` for the account that
``blink-archive login`` signed in (``account="someone@example.com"`` where it signed in several).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Blink, StateDir

__version__ = "0.1.0"
__all__ = ["Blink", "StateDir", "__version__"]


def __getattr__(name: str) -> Any:
    """The public classes, imported when they are first used: the command line starts without them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import client

    return getattr(client, name)
