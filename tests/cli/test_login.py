"""`login`, `logout`, `whoami`: as a person, and without one."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from blink_archive.simulator import Fault

from ..world import PASSWORD, World
from .conftest import Terminal

OWN = {"BLINK_ARCHIVE_EMAIL": "demo@example.com", "BLINK_ARCHIVE_PASSWORD": PASSWORD}


def test_without_a_terminal_the_code_comes_in_a_second_command(stranger: World) -> None:
    """`login` with the environment ends with exit 4 after the code is sent; `login --code` goes on
    without the password; one password was posted; the files are private."""
    posted = stranger.blink.cloud.passwords_posted
    first = stranger.run("login", **OWN)
    assert first.returncode == 4
    assert "login --code" in first.stderr
    pending = (stranger.state / "pending.json").read_text()
    assert "demo@example.com" in pending
    assert PASSWORD not in pending
    second = stranger.run("login", "--code", "123456")
    assert second.returncode == 0
    assert stranger.blink.cloud.passwords_posted == posted + 1
    assert stat.S_IMODE(stranger.state.stat().st_mode) == 0o700
    assert {path.name for path in stranger.state.iterdir()} >= {"device.json", "session-1100001.json"}
    for path in stranger.state.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    who = stranger.run("whoami", "--json")
    assert json.loads(who.stdout)["account_id"] == 1100001


def test_a_person_types_all_three_at_a_terminal(
    stranger: World, at_terminal: Callable[..., Terminal]
) -> None:
    """On a terminal the command asks for email, password (unseen) and code, and takes a second try at
    the code; it says what is going on, and not what to do where there is no terminal."""
    terminal = at_terminal(stranger, "login")
    for prompt, answer in (
        ("Email: ", "demo@example.com"), ("Password: ", PASSWORD),
        ("One-time code: ", "000000"), ("One-time code: ", "123456"),
    ):  # fmt: skip
        terminal.expect(prompt)
        terminal.type(answer)
    terminal.expect("Signed in")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.seen
    assert "sent you a one-time code" in terminal.seen
    assert "wrong or too old" in terminal.seen
    assert "--code" not in terminal.seen


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault(endpoint="authorize", kind="status", status=406), 5, "not the password"),
        (Fault(endpoint="signin", kind="status", status=406), 5, "`blink-archive login --method browser`"),
        (Fault(endpoint="signin", kind="status", status=429, retry_after=600), 5, "after"),
        (Fault(endpoint="signin", kind="update_required"), 5, "update"),
        (Fault(endpoint="signin", kind="reset", part=0.0), 5, "connection"),
        (Fault(endpoint="signin", kind="status", status=500), 5, "later"),
    ],
    ids=["edge", "edge later", "throttled", "update", "network", "server"],
)  # fmt: skip
def test_each_refusal_has_its_own_words(stranger: World, fault: Fault, code: int, words: str) -> None:
    """406, 429, "update required", a broken connection and a 5xx are told apart; no password is posted
    a second time."""
    stranger.blink.faults.add(fault)
    posted = stranger.blink.cloud.passwords_posted
    done = stranger.run("login", **OWN)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert stranger.blink.cloud.passwords_posted <= posted + 1
    attempts = [r for r in stranger.blink.requests if r.endpoint == "signin" and r.method == "POST"]
    assert len(attempts) <= 2  # one of them was the world's own


def test_a_wrong_password_is_said_and_not_repeated(stranger: World) -> None:
    """Exit 4, one sentence, one attempt."""
    posted = stranger.blink.cloud.passwords_posted
    done = stranger.run("login", **(OWN | {"BLINK_ARCHIVE_PASSWORD": "wrong"}))
    assert done.returncode == 4
    assert "did not take this email and password" in done.stderr
    assert stranger.blink.cloud.passwords_posted == posted + 1


def test_a_wrong_code_can_be_corrected(stranger: World) -> None:
    """A wrong code is exit 4 and keeps the exchange; the right one then works."""
    stranger.run("login", **OWN)
    wrong = stranger.run("login", "--code", "111111")
    assert (wrong.returncode, "wrong or too old" in wrong.stderr) == (4, True)
    assert stranger.run("login", "--code", "123456").returncode == 0


def test_a_code_without_a_sign_in_says_what_to_do(stranger: World) -> None:
    """`login --code` out of the blue is exit 4 and names the command to start with."""
    done = stranger.run("login", "--code", "123456")
    assert done.returncode == 4
    assert "blink-archive login" in done.stderr


def test_password_files_and_systemd_credentials(stranger: World, tmp_path: Path) -> None:
    """Email and password come from files too: named by _FILE, or in $CREDENTIALS_DIRECTORY."""
    (tmp_path / "blink-archive.email").write_text("demo@example.com\n")
    (tmp_path / "blink-archive.password").write_text(f"{PASSWORD}\n")
    assert stranger.run("login", CREDENTIALS_DIRECTORY=str(tmp_path)).returncode == 4
    done = stranger.run(
        "login",
        BLINK_ARCHIVE_EMAIL_FILE=str(tmp_path / "blink-archive.email"),
        BLINK_ARCHIVE_PASSWORD_FILE=str(tmp_path / "missing"),
    )
    assert (done.returncode, "missing" in done.stderr) == (1, True)


def test_logout_forgets_the_tokens_and_keeps_the_device(stranger: World) -> None:
    """After `logout` a sync is exit 4; the hardware id stays, so that Blink knows the device again."""
    stranger.run("login", **OWN)
    stranger.run("login", "--code", "123456")
    device = (stranger.state / "device.json").read_text()
    logouts = stranger.blink.cloud.sign_in.logouts
    assert stranger.run("logout").returncode == 0
    assert stranger.blink.cloud.sign_in.logouts == logouts + 1
    assert not (stranger.state / "session-1100001.json").exists()
    assert (stranger.state / "device.json").read_text() == device
    done = stranger.run("sync")
    assert done.returncode == 4
    assert "blink-archive login" in done.stderr
