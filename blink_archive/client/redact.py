"""Blanks secrets in log records: the one place that knows what they look like."""

from __future__ import annotations

import logging
import re

_NAMES = (
    r"[\w-]{0,40}(?:token|passwo?r?d|secret|csrf|verifier|challenge|cookie)[\w-]{0,40}|"
    "username|email|2fa_code|code|pin|phone|phone_number|authorization|hardware_id|unique_id"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # a header: everything up to the end of the line or the quote that ends it
    (
        re.compile(
            r"(?i)\b(authorization|set-cookie|cookie|token[-_]auth)\b((?:b?['\"])?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;)]+"), "Bearer ***"),
    # key=value and "key": "value"
    (
        re.compile(
            rf"(?i)(?<![\w-])({_NAMES})((?:b?['\"])?\s*[:=]\s*(?:b(?=['\"]))?)"
            r"(\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s&,;'\"})]+)"
        ),
        r"\1\2***",
    ),
    # the address that ends a sign-in in a browser, over however many lines it was pasted
    (re.compile(r"(?is)\bimmedia-blink:.*"), "immedia-blink:***"),
    # the query of a URL or path, and the user in it
    (re.compile(r"(?<=[\w/.%-])\?[^\s'\"<>]+"), "?***"),
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), "***@"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "***@***"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
    # a code or PIN in words; Blink's own codes have three digits
    (re.compile(r"(?i)\b(code|pin)(\s+(?:is\s+|was\s+)?['\"]?)\d{4,8}\b"), r"\1\2***"),
    # phone numbers, masked by Blink or not: never a bare number, which is mostly an id
    (re.compile(r"\+\d[\dxX*(). -]{5,}[\dxX*]"), "+***"),
    (re.compile(r"(?:[xX]{3}[xX() .-]{0,20}|\*{4})\d{2,4}\b"), "***"),
    (re.compile(r"(?:\(\d{3}\) ?|\b\d{3}[-.])\d{3}[-.]\d{4}\b"), "***"),
)


def redacted(text: str) -> str:
    """``text`` without tokens, codes, emails, phone numbers and query strings."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class Redactor(logging.Filter):
    """Rewrites every record that passes, of whatever logger; lets all of them pass.

    A traceback goes on as text alone, so that no formatter makes one of its own.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        if record.stack_info:
            record.stack_info = redacted(record.stack_info)
        return True


def logger_of(name: str) -> logging.Logger:
    """The logger of the module ``name``, whose records pass a `Redactor` before any handler gets them: a
    program that uses this as a library has handlers of its own."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, Redactor) for each in logger.filters):
        logger.addFilter(Redactor())
    return logger
