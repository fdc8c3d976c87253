"""The conversation with Blink: sign in with `SignIn`, then ask a `Blink`."""

from .blink import Blink
from .pacing import Pacing
from .session import Session
from .signin import SignIn, logout
from .state import StateDir
from .streaming import MediaStream

__all__ = ["Blink", "MediaStream", "Pacing", "Session", "SignIn", "StateDir", "logout"]
