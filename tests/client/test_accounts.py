"""Several accounts in one state directory: a file each, and which of them is meant."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from blink_archive import errors
from blink_archive.client import Blink, Session, StateDir, choose_session, stored_sessions
from blink_archive.client.addresses import Addresses
from blink_archive.client.device import is_verified, set_verified
from blink_archive.client.session import load_session, save_session

from .fake import FakeBlink, cloud, session, sign_in, signed_in

SIMULATOR = "http://127.0.0.1:1"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """Three accounts: two at Blink, one at a simulator."""
    state = signed_in(tmp_path)
    save_session(state, session(account_id=5, email="Other@example.com"))
    save_session(
        state,
        session(account_id=7, email="demo@example.com", api_url=SIMULATOR, oauth_url=SIMULATOR),
    )
    return state


BLINK = Addresses()


def chosen(state: StateDir, account: str | int | None, addresses: Addresses | None = BLINK) -> Session:
    return choose_session(state, account, addresses=addresses)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (5, 5),
        ("5", 5),
        (" 1100001 ", 1100001),
        ("other@example.com", 5),
        (" Someone@Example.com ", 1100001),
    ],
)
def test_an_account_is_chosen_by_email_or_id(state: StateDir, account: str | int, expected: int) -> None:
    """However its email is written; the library takes the same."""
    assert chosen(state, account).account_id == expected
    assert Blink.from_state(state, account=account).account_id == expected


def test_the_only_one_need_not_be_chosen(state: StateDir) -> None:
    """Sessions that were made against other addresses do not count, unless they are asked for."""
    elsewhere = Addresses(api_url=SIMULATOR, oauth_url=SIMULATOR)
    assert chosen(state, None, elsewhere).account_id == 7
    assert Blink.from_state(state, api_url=SIMULATOR, oauth_url=SIMULATOR).account_id == 7
    state.remove("session-5.json")
    assert chosen(state, None).account_id == 1100001
    with pytest.raises(errors.UsageError):
        chosen(state, None, None)


def test_several_have_to_be_chosen_from(state: StateDir) -> None:
    """The error is one of usage, lists the emails and ids, and names the options."""
    with pytest.raises(errors.UsageError) as caught:
        chosen(state, None)
    said = str(caught.value)
    assert "Other@example.com (account 5), someone@example.com (account 1100001)" in said
    assert "--account" in said
    assert "--archive" in said
    assert "demo@" not in said


def test_one_email_of_two_accounts_is_chosen_by_id(state: StateDir) -> None:
    """Which was meant is not guessed."""
    save_session(state, session(account_id=5))
    with pytest.raises(errors.UsageError, match=r"account 5\).*account 1100001"):
        chosen(state, "someone@example.com")
    assert chosen(state, 5).account_id == 5


@pytest.mark.parametrize("account", ["nobody@example.com", 6, "6"])
def test_an_account_that_is_not_signed_in_is_said_to_be_none(state: StateDir, account: str | int) -> None:
    """Exit 4, with who is signed in, and the command."""
    with pytest.raises(errors.NotSignedIn, match=rf"{account} is not signed in.*blink-archive login.*Other@"):
        chosen(state, account)


def test_an_account_at_other_addresses_is_not_used(state: StateDir) -> None:
    """Named or not: its token is not sent elsewhere."""
    with pytest.raises(errors.NotSignedIn, match=r"made against http://127\.0\.0\.1:1, not Blink itself"):
        chosen(state, "demo@example.com")
    with pytest.raises(errors.NotSignedIn, match="made against"):
        chosen(state, 7)


@pytest.mark.parametrize("account", ["", " "])
def test_an_empty_name_is_none(state: StateDir, account: str) -> None:
    """``--account "$UNSET"`` means nothing."""
    with pytest.raises(errors.UsageError, match="empty"):
        chosen(state, account)


def test_nobody_is_signed_in(tmp_path: Path) -> None:
    """Before the first sign-in, with and without a name; and there is nothing to list."""
    state = StateDir(tmp_path / "none")
    for account in (None, 5, "someone@example.com"):
        with pytest.raises(errors.NotSignedIn, match="Nobody is signed in"):
            chosen(state, account)
    assert stored_sessions(state) == ()


def test_sessions_are_listed_by_id(state: StateDir) -> None:
    """Those of all addresses, and nothing else that lies there."""
    state.write("session-notes.txt", {})
    (state.path / ".session-9.json.part").write_text("{")
    assert [each.account_id for each in stored_sessions(state)] == [5, 7, 1100001]


def test_a_damaged_session_is_in_nobody_elses_way(state: StateDir) -> None:
    """Who is chosen by id is read alone; a list names the damaged file."""
    (state.path / "session-5.json").write_text("{")
    assert chosen(state, 1100001).account_id == 1100001
    with pytest.raises(errors.StateError, match=r"session-5\.json is damaged"):
        chosen(state, None)


def test_a_session_under_another_name_is_damaged(state: StateDir) -> None:
    """A copied file is not taken for another account's session."""
    (state.path / "session-6.json").write_bytes((state.path / "session-5.json").read_bytes())
    with pytest.raises(errors.StateError, match=r"session-6\.json"):
        load_session(state, 6, addresses=Addresses())


def test_signing_in_again_replaces_that_accounts_session_alone(state: StateDir) -> None:
    """Its tokens are new, the other's as they were."""
    before = load_session(state, 5, addresses=Addresses())
    blink = FakeBlink(two_factor=None)
    asyncio.run(sign_in(state, blink).sign_in(email="someone@example.com", password="the password"))
    assert load_session(state, 1100001, addresses=Addresses()).access_token == "access-1"
    assert load_session(state, 5, addresses=Addresses()) == before


def test_each_account_asks_with_its_own_token(state: StateDir) -> None:
    """And is renewed on its own."""
    save_session(state, session(account_id=5, access_token="dead", refresh_token="refresh-0"))
    blink = FakeBlink()
    blink.access = "another"

    async def ask() -> None:
        async with cloud(state, blink, account=5) as five:
            await five.homescreen()

    asyncio.run(ask())
    paths = [request.url.path for request in blink.requests]
    home = "/api/v3/accounts/5/homescreen"
    assert paths == [home, "/oauth/token", home]
    assert load_session(state, 5, addresses=Addresses()).access_token == "access-1"
    assert load_session(state, 1100001, addresses=Addresses()).access_token == "access-0"


def test_what_a_sync_writes_down_names_no_email(state: StateDir) -> None:
    """A session that went away meanwhile is told by its id: that sentence gets into the catalog."""

    async def ask() -> None:
        blink = FakeBlink()
        blink.access = "another"
        async with cloud(state, blink, account=5) as five:
            state.remove("session-5.json")
            await five.homescreen()

    with pytest.raises(errors.NotSignedIn, match="Account 5 is not signed in") as caught:
        asyncio.run(ask())
    assert "@" not in str(caught.value)


def test_who_was_verified_is_kept_with_the_device(tmp_path: Path) -> None:
    """For each email on its own; it can be forgotten again, and an odd file says of nobody that he was."""
    state = StateDir(tmp_path)

    async def change(email: str, *, verified: bool) -> None:
        await set_verified(state, email, verified=verified)

    asyncio.run(change("One@example.com", verified=True))
    asyncio.run(change("two@example.com", verified=True))
    device = (state.read("device.json") or {})["hardware_id"]
    asyncio.run(change("two@example.com", verified=False))
    assert is_verified(state, " one@Example.com")
    assert not is_verified(state, "two@example.com")
    assert (state.read("device.json") or {})["hardware_id"] == device
    state.write("device.json", {"hardware_id": device, "verified": "one@example.com"})
    assert not is_verified(state, "one@example.com")


def test_a_session_that_was_made_elsewhere_meanwhile_is_not_used(state: StateDir) -> None:
    """Another process signs the account in at a simulator while a token has to be renewed: the simulator's
    tokens are not sent to Blink."""
    blink = FakeBlink()
    blink.access = "another"

    async def ask() -> None:
        async with cloud(state, blink, account=5) as five:
            theirs = session(account_id=5, access_token="theirs", api_url=SIMULATOR, oauth_url=SIMULATOR)
            save_session(state, theirs)
            await five.homescreen()

    with pytest.raises(errors.NotSignedIn, match="made against"):
        asyncio.run(ask())
    assert len(blink.requests) == 1
    assert "theirs" not in str(blink.requests[0].headers)
