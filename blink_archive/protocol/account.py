"""Answers about the account and this client (protocol.md 3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from ..errors import UnexpectedAnswer
from ..model import Json
from .answers import as_object
from .values import read_json


def parse_notifications(value: object) -> Mapping[str, bool]:
    """Which notifications are on; what is neither true nor false is left out.

    Raises UnexpectedAnswer for what has no ``notifications``.
    """
    answer = as_object(value, what="the notification settings").get("notifications")
    if not isinstance(answer, Mapping):
        raise UnexpectedAnswer("Blink answered without the notification settings. Try again later.")
    return {name: on for name, on in answer.items() if isinstance(on, bool)}


def parse_email(value: object) -> str | None:
    """The email in what ``/user`` says; None where it says none."""
    match value:
        case {"email": str(email)} if "@" in email and len(email) <= 254 and email.isprintable():
            return email
        case _:
            return None


def parse_client_options(value: object) -> Json:
    """The options of this client, which travel as JSON in base64.

    Raises UnexpectedAnswer for what is none.
    """
    answer = as_object(value, what="this client's options").get("options")
    try:
        text = base64.b64decode(answer if isinstance(answer, str) else "", validate=True)
        options = read_json(text or b"{}", constant=lambda _: None)
    except ValueError as error:  # binascii.Error, too
        raise UnexpectedAnswer("Blink answered with client options that cannot be read.") from error
    return as_object(options, what="this client's options")
