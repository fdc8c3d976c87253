"""``accounts``, ``logout`` and ``whoami``: who is signed in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from ..errors import ArchiveError, BlinkError, SignInError, UsageError
from .options import Globals, command
from .output import local, print_json, print_table

if TYPE_CHECKING:
    from ..client import Session


@command("accounts")
def accounts_command(given: Globals) -> None:
    """List the accounts that are signed in, with * before the one that commands use.

    Asks Blink of each whether it still takes the sign-in. --account, or the archive, decides which is used.
    """
    from ..client import stored_sessions

    sessions = stored_sessions(given.state())
    used: int | None = None
    try:
        used = given.session().account_id
    except (SignInError, UsageError, ArchiveError) as error:
        given.say(str(error))
    holds = asyncio.run(_all_hold(given, sessions))
    if given.json:
        print_json(
            [
                facts(session) | {"holds": held, "used": session.account_id == used}
                for session, held in zip(sessions, holds, strict=True)
            ]
        )
    elif sessions:
        words = {True: "holds", False: "ended: sign in again", None: "not known"}
        print_table(
            ("", "email", "account", "region", "kind", "sign-in"),
            [
                (
                    "*" if session.account_id == used else "",
                    session.email,
                    str(session.account_id),
                    session.tier,
                    session.kind,
                    words[held],
                )
                for session, held in zip(sessions, holds, strict=True)
            ],
        )


async def _all_hold(given: Globals, sessions: tuple[Session, ...]) -> list[bool | None]:
    return await asyncio.gather(*(_holds(given, session) for session in sessions))


async def _holds(given: Globals, session: Session) -> bool | None:
    """Whether Blink takes the session; None where it could not be asked, or was not: a session that was made
    against other addresses."""
    from ..client import Blink, Pacing

    if not session.is_of(given.addresses()):
        return None
    try:
        async with Blink.from_state(
            given.state(),
            account=session.account_id,
            api_url=given.api_url,
            oauth_url=given.oauth_url,
            ca_file=given.trusted(),
            pacing=Pacing(attempts=1),
        ) as blink:
            await blink.homescreen()
    except SignInError:
        return False
    except BlinkError:
        return None
    return True


@command("logout")
@click.option("--all", "everybody", is_flag=True, allow_from_autoenv=False, help="All accounts.")
def logout_command(given: Globals, *, everybody: bool) -> None:
    """End the sign-in, at Blink and on this machine. The archive stays as it is.

    Where Blink cannot be told, the sign-in is forgotten here all the same, and that is said.
    """
    from ..client import logout, stored_sessions

    if everybody and given.account is not None:
        raise UsageError("Give either --all or --account.")
    sessions = stored_sessions(given.state())
    if given.account is not None or (len(sessions) > 1 and not everybody):
        sessions = (given.session(anywhere=True),)
    ended = asyncio.run(logout(given.state(), sessions, ca_file=given.trusted()))
    if given.json:
        accounts = [
            {"account_id": each.session.account_id, "email": each.session.email, "revoked": each.revoked}
            for each in ended
        ]
        revoked = all(each.revoked for each in ended)
        print_json({"signed_in": False, "revoked": revoked, "accounts": accounts})
        return
    for each in ended:
        if each.trouble is None:
            given.say(f"Signed out: {each.session.whose}.")
        else:
            given.say(
                f"Signed out here: {each.session.whose}. Blink could not be told: {each.trouble} To end the "
                "sign-in there too, remove this client in the Blink app, under the account's devices."
            )
    if not ended:
        given.say("Nobody is signed in.")


@command("whoami")
def whoami_command(given: Globals) -> None:
    """Who is signed in; asks Blink, so that the answer is true."""

    async def ask() -> tuple[Session, int, int]:
        async with given.blink() as blink:
            home = await blink.homescreen()
            return blink.session, len(home.networks), len(home.cameras)

    session, networks, cameras = asyncio.run(ask())
    if given.json:
        print_json(facts(session) | {"networks": networks, "cameras": cameras})
        return
    click.echo(f"{session.whose}: {networks} networks, {cameras} cameras")
    after = "renews itself" if session.kind == "oauth" else "then ends, as a classic login does"
    click.echo(f"The access token is good until {local(session.expires_at.isoformat())} and {after}.")


def facts(session: Session) -> dict[str, object]:
    """What ``--json`` tells of a session."""
    return {
        "email": session.email,
        "account_id": session.account_id,
        "user_id": session.user_id,
        "client_id": session.client_id,
        "tier": session.tier,
        "kind": session.kind,
        "expires_at": session.expires_at.isoformat(timespec="seconds"),
    }
