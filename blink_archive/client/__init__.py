"""The conversation with Blink: `SignIn`, `BrowserSignIn` or `ClassicSignIn`, and then a `Blink`."""

from .blink import Blink
from .browser import BrowserSignIn
from .classic import ClassicSignIn
from .logout import LoggedOut, logout
from .pacing import Pacing
from .pending import load_pending
from .session import Session, choose_session, stored_sessions
from .signin import SignIn
from .state import StateDir
from .streaming import MediaStream

__all__ = [
    "Blink",
    "BrowserSignIn",
    "ClassicSignIn",
    "LoggedOut",
    "MediaStream",
    "Pacing",
    "Session",
    "SignIn",
    "StateDir",
    "choose_session",
    "load_pending",
    "logout",
    "stored_sessions",
]
