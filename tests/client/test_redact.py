"""Nothing secret gets through the redactor."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from blink_archive import errors
from blink_archive.client.redact import Redactor, logger_of, redacted

from .fake import CALLBACK, CLIP, NOW, FakeBlink, browser, classic, clip, cloud, sign_in, signed_in

SECRET = "s3cr3t-Value_123"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization=Bearer {SECRET} more",
        f"[(b'Authorization', b'Bearer {SECRET}')]",
        f"{{'access_token': '{SECRET}', 'expires_in': 5}}",
        f'{{"refresh_token":"{SECRET}"}}',
        f"grant_type=refresh_token&refresh_token={SECRET}&scope=client",
        f"username=x&password={SECRET}&csrf-token={SECRET}",
        f"2fa_code={SECRET}",
        f"code_verifier: {SECRET}",
        f"Set-Cookie: exchange={SECRET}; Path=/; Other={SECRET}",
        f"(b'Set-Cookie', b'exchange={SECRET}; Path=/')",
        f"TOKEN_AUTH: {SECRET}",
        f"GET https://cdn.example/clip.mp4?signature={SECRET} 200",
        f"GET /clip.mp4?ts=1&x={SECRET}",
        f"immedia-blink://applinks.blink.com/signin/callback?code={SECRET}",
        f"pasted 'immedia-blink://applinks.blink.com/signin/call\nback?co\nde=a\n{SECRET}&state=x'",
        f"https://api.oauth.blink.com/oauth/v2/authorize?state={SECRET}",
        f'{{"pin": "{SECRET}"}}',
        f"{{'pin': {SECRET}}}",
        f'{{"auth": {{"token": "{SECRET}"}}}}',
        f"token_auth={SECRET} more",
        f"(b'TOKEN_AUTH', b'{SECRET}')",
        f'{{"unique_id": "{SECRET}", "client_name": "blink-archive"}}',
        f"https://user:{SECRET}@host/path",
        f"{SECRET}@example.com signed in",
        f"token eyJhbGciOi.{SECRET}.x",
        f'{{"password": "a\\"{SECRET}"}}',
        f'{{"password": "cut off {SECRET}',
        f"client_secret={SECRET}",
        f"X-Session-Token: {SECRET}",
        f"oauth_session_cookie={SECRET}",
        f"username={SECRET}%40example.com&x=1",
        f"/user/{SECRET}%40example.com",
    ],
)
def test_secrets_are_blanked(text: str) -> None:
    """In headers, forms, JSON, reprs and URLs."""
    assert SECRET not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize(
    ("text", "blanked"),
    [("Authorization: Bearer x", "Authorization: ***"), ("token=bearing", "token=***"), ("pin: b'x'", "pin: b***"),
     ("cookie: b", "cookie: ***"), ("b'token': b'x'", "b'token': b***")],
)  # fmt: skip
def test_nothing_of_a_value_is_left(text: str, blanked: str) -> None:
    """Not even its first letter where that is a b, which may stand for bytes."""
    assert redacted(text) == blanked


@pytest.mark.parametrize("text", ["the code 123456 was", "PIN 123456", "--code '123456'", "code is 987654"])
def test_codes_in_words_are_blanked(text: str) -> None:
    """As a person types and a sentence tells them."""
    assert not re.search(r"\d{6}", redacted(text))


@pytest.mark.parametrize(
    "phone",
    ["+1xxxxxxxx40", "+1******1234", "+49 151 2345678", "+1 (555) 555-5555", "(555) 555-5555", "555-555-5555",
     "xxx-xxx-1234", "xxxxxx40", "*******1234"],
)  # fmt: skip
def test_phone_numbers_are_blanked(phone: str) -> None:
    """Masked by Blink or not."""
    text = redacted(f"a code was sent to {phone}.")
    assert phone not in text
    assert phone[-2:] not in text


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/accounts/1100001/media/changed 200 15 ms",
        "clip 7000001 archived, 1500000 bytes, at 2026-11-24T12:00:00+00:00",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Blink answered (status 503, code none). Try again later.",
        "Blink answered with something else (status 400, code 307).",
        "the password was not sent, and the token stays",
        "2026-11-24 12:00:00,123 DEBUG blink_archive.client.transport: GET /networks 200 15 ms",
        "session 0D4C1B5A-9C5E-4C5E-8F5E-5C5E4C5E3C5E is of rest-u014.immedia-semi.com",
    ],
)
def test_the_rest_stays_readable(text: str) -> None:
    """Ids, times, hashes and statuses are no secrets."""
    assert redacted(text) == text


def logged(stream: io.StringIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.DEBUG)
    handler.addFilter(Redactor())
    return handler


def test_messages_arguments_and_tracebacks_pass_the_redactor() -> None:
    """Of every logger that the handler hears."""
    stream = io.StringIO()
    logger = logging.getLogger("tests.redact")
    handler = logged(stream)
    logger.addHandler(handler)
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        logger.exception("Bearer %s", SECRET)
    finally:
        logger.removeHandler(handler)
    assert SECRET not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_a_record_is_redacted_before_any_handler(caplog: pytest.LogCaptureFixture) -> None:
    """Of our own modules, at every level: its message, traceback and stack, whoever's handler it is and
    whatever formatter that has."""
    logger = logger_of("blink_archive.x")
    with caplog.at_level(logging.DEBUG):
        try:
            raise ValueError(f"password={SECRET}")
        except ValueError as error:
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
                logger.log(level, "Bearer %s", SECRET, exc_info=error, stack_info=True)
    assert len(caplog.records) == 5
    for record in caplog.records:
        assert record.exc_info is None
        assert SECRET not in repr(vars(record))
        assert "ValueError" in str(record.exc_text)


def test_every_logger_of_ours_has_the_redactor() -> None:
    """No module of the package makes a logger of another kind. The command line's are but handlers (and those
    redact), as is the memory for the end of a night's log; stamina's is told to be silent."""
    package = Path(errors.__file__).parent
    plain = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"getLogger|logging\.(debug|info|warning|error|exception)\(", path.read_text("utf-8"))
    }
    assert plain == {
        "client/redact.py", "client/pacing.py", "cli/options.py", "cli/configured.py", "nightly/tail.py",
    }  # fmt: skip
    assert (package / "client/pacing.py").read_text("utf-8").count("getLogger") == 1


def test_a_long_text_is_redacted_at_once() -> None:
    """No rule takes more than a moment for a megabyte of one word, or of what it looks for the beginning of."""
    for piece in ("a", "a.", "%40", "+1 ", "x", "pin", "token-", "'", "?", '\\"', "://", "(555) "):
        started = time.perf_counter()
        redacted(f"password: {piece * (200_000 // len(piece))}")
        redacted(piece * (200_000 // len(piece)))
        assert time.perf_counter() - started < 5, piece


def test_a_whole_sign_in_and_download_logs_no_secret(tmp_path: Path) -> None:
    """At the finest level, httpx's own records included."""
    stream = io.StringIO()
    handler = logged(stream)
    loggers = [logging.getLogger(name) for name in ("blink_archive", "httpx", "httpcore", "stamina")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        blink = FakeBlink()
        state = signed_in(tmp_path)
        with pytest.raises(errors.CodeNeeded):
            asyncio.run(sign_in(state, blink).sign_in(email="someone@example.com", password="the password"))
        asyncio.run(sign_in(state, blink).enter_code("123456"))
        with pytest.raises(errors.CodeNeeded):
            asyncio.run(classic(state, blink).sign_in(email="someone@example.com", password="the password"))
        later = classic(state, blink, now=lambda: NOW + timedelta(minutes=2))
        asyncio.run(later.resend())
        with pytest.raises(errors.WrongCode):
            asyncio.run(later.enter_code("999999"))
        asyncio.run(later.enter_code("123456"))
        address = browser(state, blink).begin()
        in_browser = parse_qs(urlsplit(address).query)["state"][0]
        asyncio.run(browser(state, blink).enter_code(f"{CALLBACK}?code=the-code&state={in_browser}"))
        blink.say(CLIP, httpx.Response(302, headers={"Location": "https://cdn.example/x?signature=sig"}))
        blink.say("/x", clip())

        async def main() -> None:
            async with cloud(state, blink) as opened, opened.media(CLIP, thumbnail=False) as stream:
                async for _ in stream.chunks:
                    pass

        asyncio.run(main())
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
    text = stream.getvalue()
    assert "GET /x 200" in text
    secrets = (
        "access-1",
        "refresh-",
        "the-csrf",
        "the-code",
        "123456",
        "someone@",
        "xxxx40",
        "sig",
        "exchange=1",
        "a-classic-token",
        "999999",
        in_browser,
    )
    assert not [secret for secret in secrets if secret in text.replace("signin", "").replace("sign-in", "")]
