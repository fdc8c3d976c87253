"""The log: where it was asked for, and without secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from blink_archive.cli import cli
from blink_archive.cli.options import Globals, _log

SECRET = "s3cr3t-Value_123"


@pytest.fixture(autouse=True)
def no_log_afterwards() -> Iterator[None]:
    """The logger is one for the whole process: what a test asked for is taken away."""
    yield
    _log(Globals())
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
