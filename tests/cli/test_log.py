"""The log: where it was asked for, and without secrets."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blink_archive.cli import cli
from blink_archive.cli.options import Globals, log_to

from ..conftest import MakeWorld
from ..world import World

SECRET = "s3cr3t-Value_123"


@pytest.fixture(autouse=True)
def no_log_afterwards() -> Iterator[None]:
    """The logger is one for the whole process: what a test asked for is taken away."""
    yield
    log_to(Globals())
    logging.getLogger("blink_archive").setLevel(logging.NOTSET)


def record_a_secret() -> None:
    """As any module may, by mistake, down to the traceback."""
    logger = logging.getLogger("blink_archive.x")
    logger.info("sent {'Authorization': 'Bearer %s'}", SECRET)
    try:
        raise ValueError(f"Authorization: Bearer {SECRET}")
    except ValueError:
        logger.exception("broke")


def test_a_log_file_holds_no_secret(tmp_path: Path) -> None:
    """Whatever logger below ours a record comes from: it is in the file, and its token is blanked."""
    log = tmp_path / "blink.log"
    with cli.make_context("blink-archive", ["--log-file", str(log), "ls"]):
        record_a_secret()
    text = log.read_text(encoding="utf-8")
    assert "INFO blink_archive.x: sent {'Authorization': ***" in text
    assert "ValueError" in text
    assert SECRET not in text


def test_what_is_logged_to_a_terminal_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """`-v` passes the same redactor."""
    with cli.make_context("blink-archive", ["-v", "ls"]):
        record_a_secret()
    text = capsys.readouterr().err
    assert "INFO blink_archive.x: sent" in text
    assert SECRET not in text


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("more", [[], ["-q"], ["--log-file", "LOG"], ["-v"]])
def test_a_state_directory_that_was_open_is_said(world: World, tmp_path: Path, more: list[str]) -> None:
    """On stderr, once, whatever is asked of the log; stdout is as ever, and the exit code."""
    more = [str(tmp_path / "log") if each == "LOG" else each for each in more]
    world.state.chmod(0o755)
    (world.state / "session-1100001.json").chmod(0o640)
    done = world.run("accounts", "--json", *more)
    assert (done.returncode, json.loads(done.stdout)[0]["account_id"]) == (0, 1100001)
    said = [line for line in done.stderr.splitlines() if "was open to other users" in line]
    assert [path in line for path, line in zip((" 0755", " 0640"), said, strict=True)] == [True, True]
    if "-v" not in more:
        assert all(line.startswith("blink-archive: /") for line in said)
    if "--log-file" in more:
        assert (tmp_path / "log").read_text().count(" WARNING ") == 2
    assert "was open" not in world.run("accounts").stderr


def test_what_other_libraries_say_passes_the_redactor(tmp_path: Path) -> None:
    """A task of asyncio's whose error nobody took, and httpx at its finest: neither the way to stderr that
    Python keeps for loggers without a handler, nor any other, goes around it."""
    code = (
        "import asyncio, gc, logging\n"
        "from blink_archive.cli import _prepare\n"
        "from blink_archive.cli.options import Globals, log_to\n"
        "_prepare()\n"
        "log_to(Globals(verbose=2))\n"
        "async def main():\n"
        f"    async def broken(): raise ValueError('Authorization: Bearer {SECRET}')\n"
        "    asyncio.ensure_future(broken())\n"
        "    await asyncio.sleep(0)\n"
        "    gc.collect()\n"
        "asyncio.run(main())\n"
        f"logging.getLogger('httpx').warning('GET https://x.example/?a={SECRET}')\n"
        f"logging.getLogger('httpcore.http11').debug('request %r', [(b'Authorization', b'{SECRET}')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ValueError: Authorization: ***" in done.stderr
    assert "https://x.example/?***" in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_the_log_of_everything_holds_no_secret(make_world: MakeWorld, tmp_path: Path) -> None:
    """A sign-in by each way, a sync, a live view, arming, raw calls, a renewed and a refused token, and the end
    of it, at the finest level on stderr and in a file: all of it is told, and no token, password, code, email,
    phone number or query string."""
    world = make_world(
        liveview="immis", liveview_speed=20, hostile=False, clips=3, usb_clips=1, classic="open"
    )
    world.state = tmp_path / "fresh"
    log = tmp_path / "blink.log"
    signing_in = {
        "BLINK_ARCHIVE_EMAIL": world.settings.email,
        "BLINK_ARCHIVE_PASSWORD": world.settings.password,
    }
    told = ""
    for arguments, code in (
        (("login",), 4),
        (("login", "--code", "000000"), 4),
        (("login", "--code", world.settings.code), 0),
        (("sync",), 0),
        (("arm", "House"), 0),
        (("camera", "liveview", "4100001", "--seconds", "1", "--output", str(tmp_path / "live.ts")), 0),
        (("api", "GET", "/networks?password=a-query-string"), 0),
        (("api", "GET", "/api/v2/none?email=a-query-string"), 5),
        (("whoami",), 0),
        (("logout",), 0),
        (("login", "--method", "classic"), 4),
        (("login", "--code", world.settings.code), 0),
    ):
        if arguments == ("whoami",):
            world.blink.cloud.expire_tokens()
        done = world.run(*arguments, "-v", "-v", "--log-file", str(log), **signing_in)
        assert done.returncode == code, (arguments, done.stderr)
        told += "".join(
            line for line in done.stderr.splitlines(keepends=True) if " DEBUG " in line or " INFO " in line
        )
    text = log.read_text(encoding="utf-8")
    for asked in ("POST /oauth/v2/signin 202", "POST /oauth/token 200", "GET /networks 200", "state/arm 200", "page 1:",
                  "/liveview 200", "POST /api/v5/account/login 200", "/pin/verify 200", "/logout 200"):  # fmt: skip
        assert asked in text
        assert asked in told
    for secret in (*world.blink.cloud.sign_in.issued, world.settings.password, world.settings.email, "a-query-string",
                   "xxxx", "Bearer "):  # fmt: skip
        assert secret not in text + told
    assert not re.search(rf"\b{world.settings.code}\b", text + told)
