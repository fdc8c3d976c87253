"""``login``, ``logout`` and ``whoami``: the account that the archive is taken from."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CodeNeeded, NotSignedIn, StateError, UsageError, WrongCode
from .options import Globals, command
from .output import local, print_json

if TYPE_CHECKING:
    from ..client import Session, SignIn

_TRIES = 3  # at typing the code; the password is posted once


@command("login")
@click.option(
    "--code",
    metavar="CODE",
    allow_from_autoenv=False,
    help="Go on with a sign-in that waits for its one-time code.",
)
def login_command(given: Globals, *, code: str | None) -> None:
    """Sign in to Blink.

    Asks for email, password and the one-time code. Without a terminal, email and password come from
    BLINK_ARCHIVE_EMAIL and BLINK_ARCHIVE_PASSWORD (or the files named by the same with _FILE, or
    blink-archive.email and blink-archive.password in systemd's $CREDENTIALS_DIRECTORY); if Blink then
    wants a code, this ends with exit code 4, and `login --code CODE` goes on within ten minutes. The
    password is sent once and never stored.
    """
    from ..client import SignIn

    sign_in = SignIn(given.state(), api_url=given.api_url, oauth_url=given.oauth_url)
    if code is not None:
        if not code.strip():
            raise UsageError(
                "The code is empty. Write the one that Blink sent: `blink-archive login --code CODE`."
            )
        session = asyncio.run(sign_in.enter_code(code))
    else:
        email = _credential(given, "email")
        password = _credential(given, "password", hidden=True)
        try:
            session = asyncio.run(sign_in.sign_in(email=email, password=password))
        except CodeNeeded:
            if not given.can_ask():
                raise
            given.say("Blink took the password and sent you a one-time code.")
            session = _ask_for_code(given, sign_in)
    if given.json:
        print_json(_facts(session))
    else:
        given.say(f"Signed in as {session.email}, account {session.account_id}.")


def _ask_for_code(given: Globals, sign_in: SignIn) -> Session:
    for left in range(_TRIES - 1, -1, -1):
        code = click.prompt("One-time code", err=True)
        try:
            return asyncio.run(sign_in.enter_code(code))
        except WrongCode:
            if not left:
                raise
            given.say("Blink did not take this code: it is wrong or too old.")
    raise AssertionError  # the last try returns or raises


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


@command("logout")
def logout_command(given: Globals) -> None:
    """Forget the sign-in on this machine. The archive stays as it is."""
    from ..client import logout

    asyncio.run(logout(given.state()))
    if given.json:
        print_json({"signed_in": False})
    else:
        given.say("Signed out: the tokens are deleted from this machine.")


@command("whoami")
def whoami_command(given: Globals) -> None:
    """Who is signed in; asks Blink, so that the answer is true."""

    async def ask() -> tuple[Session, int, int]:
        async with given.blink() as blink:
            home = await blink.homescreen()
            return blink.session, len(home.networks), len(home.cameras)

    session, networks, cameras = asyncio.run(ask())
    if given.json:
        print_json(_facts(session) | {"networks": networks, "cameras": cameras})
        return
    click.echo(f"{session.email}, account {session.account_id} ({networks} networks, {cameras} cameras)")
    click.echo(f"The access token is good until {local(session.expires_at.isoformat())} and renews itself.")


def _facts(session: Session) -> dict[str, object]:
    return {
        "email": session.email,
        "account_id": session.account_id,
        "user_id": session.user_id,
        "client_id": session.client_id,
        "tier": session.tier,
        "expires_at": session.expires_at.isoformat(timespec="seconds"),
    }
