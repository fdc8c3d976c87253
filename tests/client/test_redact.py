"""Nothing secret gets through the redactor."""

from __future__ import annotations

import asyncio
import io
import logging
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from blink_archive import errors
from blink_archive.client.redact import install, redacted

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
    ],
)
def test_secrets_are_blanked(text: str) -> None:
    """In headers, forms, JSON, reprs and URLs."""
    assert SECRET not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize("phone", ["+1xxxxxxxx40", "+1******1234", "+49 151 2345678", "+1 (555) 555-5555"])
def test_phone_numbers_are_blanked(phone: str) -> None:
    """Masked by Blink or not."""
    assert phone not in redacted(f"a code was sent to {phone}.")


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/accounts/1100001/media/changed 200 15 ms",
        "clip 7000001 archived, 1500000 bytes, at 2026-11-24T12:00:00+00:00",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Blink answered (status 503, code none). Try again later.",
    ],
)
def test_the_rest_stays_readable(text: str) -> None:
    """Ids, times, hashes and statuses are no secrets."""
    assert redacted(text) == text


def logged(stream: io.StringIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.DEBUG)
    install(handler)
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
