"""Blanks secrets in log records: the one place that knows what they look like."""

from __future__ import annotations

import logging
import re

_NAMES = (
    "access_token|refresh_token|id_token|token_auth|token-auth|token|password|passwd|username|email|"
    "code_verifier|code_challenge|csrf-token|csrf_token|csrf|2fa_code|code|pin|verifier|phone|"
    "authorization|set-cookie|cookie|hardware_id|unique_id"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # a header: everything up to the end of the line or the quote that ends it
    (
        re.compile(
            r"(?i)\b(authorization|set-cookie|cookie|token[-_]auth)\b(b?['\"]?\s*[:=,]\s*b?['\"]?)[^'\"\r\n]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;)]+"), "Bearer ***"),
    # key=value and "key": "value"
    (
        re.compile(rf"(?i)(?<![\w-])({_NAMES})(b?['\"]?\s*[:=]\s*b?)(\"[^\"]*\"|'[^']*'|[^\s&,;'\"}})]+)"),
        r"\1\2***",
    ),
    # the address that ends a sign-in in a browser, over however many lines it was pasted
    (re.compile(r"(?is)\bimmedia-blink:.*"), "immedia-blink:***"),
    # the query of a URL or path, and the user in it
    (re.compile(r"(?<=[\w/.%-])\?[^\s'\"<>]+"), "?***"),
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), "***@"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "***@***"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
    # phone numbers, masked by Blink or not: never a bare number, which is mostly an id
    (re.compile(r"\+\d[\dxX*(). -]{5,}[\dxX*]"), "+***"),
)


def redacted(text: str) -> str:
    """``text`` without tokens, codes, emails, phone numbers and query strings."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class Redactor(logging.Filter):
    """Rewrites every record that passes, of whatever logger; lets all of them pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def install(handler: logging.Handler) -> None:
    """Puts a `Redactor` in front of ``handler``; a filter of a logger would miss its children."""
    handler.addFilter(Redactor())
