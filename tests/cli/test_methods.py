"""`login --method browser` and `--method classic`: as a person, and without one."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import PASSWORD, World
from .conftest import Terminal

OWN = {"BLINK_ARCHIVE_EMAIL": "demo@example.com", "BLINK_ARCHIVE_PASSWORD": PASSWORD}
BROWSER = {"User-Agent": "Mozilla/5.0 (a test)", "Accept": "text/html,*/*"}
CALLBACK = "immedia-blink://applinks.blink.com/signin/callback"


def in_a_browser(address: str) -> str:
    """What a person does in a browser at ``address``; the one at the end, that it cannot open."""
    with httpx.Client(headers=BROWSER, follow_redirects=True) as http:
        page = http.get(address)
        forms = {"Origin": str(page.url.join("/")).rstrip("/"), "Referer": str(page.url)}
        for fields in ({"username": "demo@example.com", "password": PASSWORD}, {"2fa_code": "123456"}):
            form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
            found = re.search(r'action="([^"]+)"', page.text)
            assert found is not None
            page = http.post(
                page.url.join(found[1]), data=form | fields, headers=forms, follow_redirects=False
            )
        end = http.get(page.url.join(page.headers["Location"]), follow_redirects=False)
    location = end.headers["Location"]
    assert location.startswith(f"{CALLBACK}?code=")
    return str(location)


def test_a_browser_signs_in_without_a_terminal(stranger: World) -> None:
    """`login --method browser` prints the address alone and ends with exit 4; `login --code` goes on with what
    the browser ended with, broken into lines as it may be. The program posts no password."""
    posted = stranger.blink.cloud.passwords_posted
    first = stranger.run("login", "--method", "browser")
    assert first.returncode == 4
    assert "login --code" in first.stderr
    (address,) = first.stdout.splitlines()
    assert address.startswith(f"{stranger.blink.url}/oauth/v2/authorize?")
    assert stranger.blink.cloud.passwords_posted == posted
    assert stat.S_IMODE((stranger.state / "pending.json").stat().st_mode) == 0o600
    end = in_a_browser(address)
    done = stranger.run("login", "--code", f'"{end[:60]}\n  {end[60:]}"', "--json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["email"], json.loads(done.stdout)["kind"]) == (
        "demo@example.com",
        "oauth",
    )
    assert not (stranger.state / "pending.json").exists()
    assert stranger.run("whoami").returncode == 0
    assert stranger.blink.cloud.passwords_posted == posted + 1  # in the browser


def test_the_code_alone_goes_on_too(stranger: World) -> None:
    """As does the name of the method with it; the address is data in --json."""
    address = json.loads(stranger.run("login", "--method", "browser", "--json").stdout)["url"]
    code = in_a_browser(address).partition("code=")[2].partition("&")[0]
    assert stranger.run("login", "--method", "browser", "--code", code).returncode == 0


def test_a_wrong_address_is_one_sentence_and_can_be_corrected(stranger: World) -> None:
    """Of another sign-in, cut, used up, none at all: exit 4, nothing of it is repeated, also in the log, and
    the right one then works."""
    old = in_a_browser(stranger.run("login", "--method", "browser").stdout.strip())
    end = in_a_browser(stranger.run("login", "--method", "browser").stdout.strip())
    log = stranger.state.parent / "log"
    asked = len(stranger.blink.requests)
    for wrong in (old, end.partition("&")[0], "https://example.com/?code=x", "123456"):
        done = stranger.run("-vv", "--log-file", str(log), "login", "--code", wrong)
        assert done.returncode == 4
        assert len(done.stderr.strip().splitlines()) == 1
        assert wrong not in done.stderr + log.read_text()
    assert len(stranger.blink.requests) == asked
    assert stranger.run("login", "--code", end).returncode == 0


def test_a_person_pastes_the_address_over_several_lines(
    stranger: World, at_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    """On a terminal with a desktop the browser is opened; a wrong address is said and asked again; the right
    one may come in pieces."""
    opened, program = tmp_path / "opened", tmp_path / "a-browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    terminal = at_terminal(stranger, "login", "--method", "browser", DISPLAY=":0", BROWSER=str(program))
    terminal.expect("Paste it here: ")
    address = opened.read_text().strip()
    assert address in terminal.seen
    end = in_a_browser(address)
    terminal.type("https://example.com/")
    terminal.expect("not the address")
    terminal.expect("Paste it here: ")
    terminal.type(f"'{end[:40]}")
    terminal.expect("the rest of it: ")
    terminal.type(end[40:90])
    terminal.expect("the rest of it: ")
    terminal.type(f"{end[90:]}'")
    terminal.expect("Signed in as demo@example.com")
    assert terminal.end() == 0


def test_a_cut_address_is_judged_after_an_empty_line(
    stranger: World, at_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    """Without a desktop no browser is started; who has no more of the address presses Enter."""
    program = tmp_path / "a-browser"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'opened'}\n")
    program.chmod(0o755)
    terminal = at_terminal(
        stranger, "login", "--method", "browser", DISPLAY="", WAYLAND_DISPLAY="", BROWSER=str(program)
    )
    terminal.expect("Paste it here: ")
    terminal.type(f"{CALLBACK}?code=something")
    terminal.expect("the rest of it: ")
    terminal.type("")
    terminal.expect("not whole")
    terminal.expect("Paste it here: ")
    assert not (tmp_path / "opened").exists()


def test_the_classic_login_without_a_terminal(stranger: World) -> None:
    """`login --method classic` ends with exit 4 after the PIN is sent; a wrong PIN is exit 4, the right one
    signs in; then a sync and `whoami` go by the classic token."""
    first = stranger.run("login", "--method", "classic", **OWN)
    assert first.returncode == 4
    assert "login --code" in first.stderr
    assert "login --resend" in first.stderr
    assert PASSWORD not in (stranger.state / "pending.json").read_text()
    wrong = stranger.run("login", "--code", "999999")
    assert (wrong.returncode, "did not take this PIN" in wrong.stderr) == (4, True)
    assert stranger.run("login", "--code", "123 456").returncode == 0
    assert stranger.blink.cloud.sign_in.logins == 1
    who = stranger.run("whoami", "--json")
    assert json.loads(who.stdout)["kind"] == "classic"
    assert "then ends" in stranger.run("whoami").stdout
    assert stranger.run("sync").returncode == 0
    stranger.expect_complete()
    assert json.loads(stranger.run("logout", "--json").stdout)["revoked"] is True
    assert stranger.run("login", "--method", "classic", **OWN).returncode == 0, "verified before: no PIN"


def test_another_pin_is_sent_no_earlier_than_blink_says(stranger: World) -> None:
    """`login --resend` is exit 5 before its time; then another PIN is sent, exit 4 says that it is waited
    for, and it signs in."""
    stranger.run("login", "--method", "classic", **OWN)
    early = stranger.run("login", "--resend")
    assert (early.returncode, "no other PIN before" in early.stderr) == (5, True)
    sent = stranger.blink.cloud.sign_in.pins_sent
    pending = stranger.state / "pending.json"
    stored = json.loads(pending.read_text())
    pending.write_text(json.dumps({**stored, "resend_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}))
    another = stranger.run("login", "--resend")
    assert (another.returncode, "login --code" in another.stderr) == (4, True)
    assert stranger.blink.cloud.sign_in.pins_sent == sent + 1
    assert stranger.run("login", "--method", "classic", "--code", "123456").returncode == 0


def test_a_person_types_the_pin(stranger: World, at_terminal: Callable[..., Terminal]) -> None:
    """Enter alone asks for another PIN, which is no try; a wrong PIN is said; nothing is said of what to do
    where there is no terminal."""
    terminal = at_terminal(stranger, "login", "--method", "classic", **OWN)
    terminal.expect("send another one): ")
    terminal.type("")
    terminal.expect("no other PIN before")
    for pin in ("999999", "000000"):
        terminal.expect("send another one): ")
        terminal.type(pin)
        terminal.expect("did not take this PIN")
    terminal.expect("send another one): ")
    terminal.type("123456")
    terminal.expect("Signed in as demo@example.com")
    assert terminal.end() == 0
    assert "--code" not in terminal.seen


def test_three_wrong_pins_end_the_command(stranger: World, at_terminal: Callable[..., Terminal]) -> None:
    """With exit 4; the login waits on."""
    terminal = at_terminal(stranger, "login", "--method", "classic", **OWN)
    for _ in range(3):
        terminal.expect("send another one): ")
        terminal.type("999999")
    assert terminal.end() == 4
    assert stranger.run("login", "--code", "123456").returncode == 0


def test_most_accounts_have_no_classic_login(make_world: MakeWorld, tmp_path: Path) -> None:
    """ "An app update is required" is exit 5, and names the login that works."""
    world = make_world(clips=1)
    world.state = tmp_path / "fresh"
    done = world.run("login", "--method", "classic", **OWN)
    assert done.returncode == 5
    assert "`blink-archive login`, without --method" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("login", "--resend"), 4, "No sign-in is waiting"),
        (("login", "--code", "1", "--resend"), 2, "either --code or --resend"),
        (("login", "--method", "sms"), 2, "sms"),
    ],
)
def test_what_cannot_be_done_is_said(
    stranger: World, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Nothing is asked of Blink for it."""
    asked = len(stranger.blink.requests)
    done = stranger.run(*arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert len(stranger.blink.requests) == asked


def test_a_one_time_code_cannot_be_sent_again(stranger: World) -> None:
    """--resend is for the PIN of a classic login alone; and a code goes to the sign-in that waits for it."""
    stranger.run("login", **OWN)
    done = stranger.run("login", "--resend")
    assert (done.returncode, "Only the classic login" in done.stderr) == (2, True)
    other = stranger.run("login", "--method", "classic", "--code", "123456")
    assert (other.returncode, "--method app" in other.stderr) == (4, True)
    assert stranger.run("login", "--code", "123456").returncode == 0


def test_trouble_after_the_browser_is_gone_on_from(stranger: World) -> None:
    """Blink fails once the code was taken: the same command again needs no browser."""
    end = in_a_browser(stranger.run("login", "--method", "browser").stdout.strip())
    stranger.blink.faults.add(Fault(endpoint="tier", kind="status", status=503, retry_after=3600, times=1))
    assert stranger.run("login", "--code", end).returncode == 5
    done = stranger.run("login", "--method", "browser")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Signed in as demo@example.com" in done.stderr
