"""``login``: as the app signs in, in the user's own browser, or by the classic login."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..errors import CodeNeeded, NotSignedIn, StateError, Throttled, UsageError, WrongCode
from .account import facts
from .options import Globals, command
from .output import now, print_json

if TYPE_CHECKING:
    from ..client import BrowserSignIn, ClassicSignIn, Session, SignIn

M = TypeVar("M", "SignIn", "BrowserSignIn", "ClassicSignIn")

_TRIES = 3  # at typing the code; the password is posted once
_METHODS = ("app", "browser", "classic")


@command("login")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    help="As the app does (the default), in your own browser, or by the classic login with a PIN.",
)
@click.option(
    "--code",
    metavar="CODE",
    allow_from_autoenv=False,
    help="Go on with a sign-in that waits for its one-time code, its PIN, or the browser's address.",
)
@click.option(
    "--resend",
    is_flag=True,
    allow_from_autoenv=False,
    help="Have another PIN sent for a classic login that waits.",
)
def login_command(given: Globals, *, method: str | None, code: str | None, resend: bool) -> None:
    """Sign in to Blink.

    Asks for email, password and the one-time code. Without a terminal, email and password come from
    BLINK_ARCHIVE_EMAIL and BLINK_ARCHIVE_PASSWORD (or the files named by the same with _FILE, or
    blink-archive.email and blink-archive.password in systemd's $CREDENTIALS_DIRECTORY); if Blink then
    wants a code, this ends with exit code 4, and `login --code CODE` goes on within ten minutes. The
    password is sent once and never stored. An email given with --account is the one that signs in.

    With --method browser you sign in on Blink's page, in your own browser. The address it ends with begins
    with immedia-blink:// and cannot be opened: paste it here, or give it to `login --code`. Firefox shows
    it in the address bar, Chrome in the console of its developer tools.

    Who is signed in already stays so; an account that signs in again gets a new session.
    """
    if code is not None and resend:
        raise UsageError("Give either --code or --resend: the new PIN is not here yet.")
    if code is not None and not code.strip():
        raise UsageError(
            "The code is empty. Write the one that Blink sent: `blink-archive login --code CODE`."
        )
    if code is not None:
        session = _go_on(given, method or _waiting(given), code=code)
    elif resend:
        session = _with_another_pin(given, method or _waiting(given))
    else:
        session = sign_in(given, method or "app")
    if given.json:
        print_json(facts(session))
    else:
        given.say(f"Signed in as {session.whose}.")


def _waiting(given: Globals) -> str:
    """The method of the sign-in that waits."""
    from ..client import load_pending

    return load_pending(given.state(), addresses=given.addresses(), now=now()).method


def _go_on(given: Globals, method: str, *, code: str) -> Session:
    from ..client import BrowserSignIn, ClassicSignIn, SignIn

    match method:
        case "browser":
            return asyncio.run(_way(given, BrowserSignIn).enter_code(code))
        case "classic":
            return asyncio.run(_way(given, ClassicSignIn).enter_code(code))
        case _:
            return asyncio.run(_way(given, SignIn).enter_code(code))


def _with_another_pin(given: Globals, method: str) -> Session:
    from ..client import ClassicSignIn

    if method != "classic":
        raise UsageError(
            "Only the classic login can have its PIN sent again. Start again with `blink-archive login`, and "
            "Blink sends another code."
        )
    way = _way(given, ClassicSignIn)
    asyncio.run(way.resend())
    if not given.can_ask():
        raise CodeNeeded(
            "Blink sent another PIN. Enter it within ten minutes with `blink-archive login --code PIN`."
        )
    given.say("Blink sent another PIN.")
    return _ask_for_pin(given, way)


def sign_in(given: Globals, method: str) -> Session:
    """A new sign-in, to its end. Raises `CodeNeeded` where nobody is there to type the code."""
    from ..client import ClassicSignIn, SignIn

    match method:
        case "browser":
            return _in_browser(given)
        case "classic":
            classic = _way(given, ClassicSignIn)
            try:
                return _with_password(given, classic)
            except CodeNeeded:
                if not given.can_ask():
                    raise
                given.say("Blink took the password and sent you a PIN.")
                return _ask_for_pin(given, classic)
        case _:
            app = _way(given, SignIn)
            try:
                return _with_password(given, app)
            except CodeNeeded:
                if not given.can_ask():
                    raise
                given.say("Blink took the password and sent you a one-time code.")
                return _ask_for_code(given, app)


def _way(given: Globals, kind: type[M]) -> M:
    return kind(given.state(), api_url=given.api_url, oauth_url=given.oauth_url, ca_file=given.trusted())


def _with_password(given: Globals, way: SignIn | ClassicSignIn) -> Session:
    account = given.whose()
    email = account if account and "@" in account else _credential(given, "email")
    return asyncio.run(way.sign_in(email=email, password=_credential(given, "password", hidden=True)))


def _ask_for_code(given: Globals, way: SignIn) -> Session:
    for left in range(_TRIES - 1, -1, -1):
        code = click.prompt("One-time code", err=True)
        try:
            return asyncio.run(way.enter_code(code))
        except WrongCode:
            if not left:
                raise
            given.say("Blink did not take this code: it is wrong or too old.")
    raise AssertionError  # the last try returns or raises


def _ask_for_pin(given: Globals, way: ClassicSignIn) -> Session:
    """The same for a PIN, of which there can be more; asking for one is no try."""
    left = _TRIES
    while True:
        pin = click.prompt("PIN (Enter alone: send another one)", default="", show_default=False, err=True)
        try:
            if pin.strip():
                return asyncio.run(way.enter_code(pin))
            asyncio.run(way.resend())
            given.say("Blink sent another PIN.")
        except Throttled as error:
            if pin.strip():
                raise
            given.say(str(error))
        except WrongCode:
            left -= 1
            if not left:
                raise
            given.say("Blink did not take this PIN: it is wrong, too old, or was tried too often.")


def _in_browser(given: Globals) -> Session:
    from ..client import BrowserSignIn

    way = _way(given, BrowserSignIn)
    if (session := asyncio.run(way.resume())) is not None:
        return session
    address = way.begin()
    if not given.can_ask():
        if given.json:
            print_json({"url": address})
        else:
            click.echo(address)
        raise CodeNeeded(
            "Open the address above in a browser and sign in there. At the end it cannot open an address: "
            "give that one within ten minutes, with `blink-archive login --code 'immedia-blink://…'`."
        )
    given.say("Sign in at this address, in a browser:\n")
    click.echo(address, err=True)
    given.say("\nAt the end the browser cannot open an address that begins with immedia-blink://. Copy it.")
    _open_in_browser(address)
    for left in range(_TRIES - 1, -1, -1):
        try:
            return asyncio.run(way.enter_code(_pasted(way)))
        except WrongCode as error:
            if not left:
                raise
            given.say(str(error))
    raise AssertionError  # the last try returns or raises


def _pasted(way: BrowserSignIn) -> str:
    """The address as a person pastes it, which may be over several lines."""
    text: str = click.prompt("Paste it here", err=True)
    while way.lacks_its_end(text):
        more: str = click.prompt("… and the rest of it", default="", show_default=False, err=True)
        if not more.strip():
            break
        text += more
    return text


def _open_in_browser(address: str) -> None:
    """Opens ``address`` where there is a desktop; elsewhere, a text browser would take the terminal."""
    if sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        import webbrowser

        webbrowser.open(address)


def _credential(given: Globals, name: str, *, hidden: bool = False) -> str:
    """The email or password: from the environment, a file that it names, systemd, or a person."""
    variable = f"BLINK_ARCHIVE_{name.upper()}"
    if value := os.environ.get(variable):
        return value
    if file := os.environ.get(f"{variable}_FILE"):
        return _first_line(Path(file))
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(folder) / f"blink-archive.{name}"
        if path.is_file():
            return _first_line(path)
    if not given.can_ask():
        raise NotSignedIn(
            f"There is no terminal to ask for the {name} on. Set {variable} or {variable}_FILE."
        )
    answer: str = click.prompt(name.capitalize(), hide_input=hidden, err=True)
    return answer


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path} cannot be read ({error}). Check the file and who may read it.") from error
