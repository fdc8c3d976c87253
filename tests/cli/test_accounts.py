"""Several accounts in one state directory, and `accounts`, `whoami` and `logout` among them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blink_archive.archive.folder import create_archive
from blink_archive.client import StateDir
from blink_archive.client.session import save_session
from blink_archive.simulator import Fault

from ..client.fake import session
from ..conftest import MakeWorld
from ..world import PASSWORD, World

OTHER = "other@example.com"


@pytest.fixture
def shared(make_world: MakeWorld) -> World:
    """A world where another account, 5, is signed in too: Blink takes its tokens no more."""
    world = make_world(clips=2, hostile=False)
    other(world)
    return world


def other(world: World, **changes: Any) -> None:
    url = world.blink.url
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    told = {"account_id": 5, "email": OTHER, "expires_at": expires_at, "api_url": url, "oauth_url": url}
    save_session(StateDir(world.state), session(**(told | changes)))


def nowhere(tmp_path: Path) -> str:
    """A folder that is no archive."""
    return str(tmp_path / "no-archive")


def test_accounts_are_listed_with_the_one_in_use(shared: World) -> None:
    """Email, id, region, kind and whether Blink takes the sign-in; the archive's account is the one in use."""
    (_, theirs), (_, ours) = listed = [(each["account_id"], each) for each in accounts(shared)]
    assert [number for number, _ in listed] == [5, 1100001]
    assert (ours["email"], ours["tier"], ours["kind"]) == ("demo@example.com", "u014", "oauth")
    assert (ours["holds"], ours["used"]) == (True, True)
    assert (theirs["email"], theirs["holds"], theirs["used"]) == (OTHER, False, False)
    shown = shared.run("accounts").stdout
    used = next(line for line in shown.splitlines() if line.startswith("*"))
    for word in ("demo@example.com", "1100001", "u014", "oauth", "holds"):
        assert word in used
    assert "ended" in shown
    assert "access-" not in shown


def accounts(world: World, *arguments: str, **environment: str) -> list[dict[str, Any]]:
    done = world.run("accounts", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def used(world: World, *arguments: str, **environment: str) -> list[int]:
    return [each["account_id"] for each in accounts(world, *arguments, **environment) if each["used"]]


def test_which_account_is_used(shared: World, tmp_path: Path) -> None:
    """--account before the archive's, by email, id or environment; without either, of several none, and the
    list says why."""
    assert used(shared, "--account", OTHER) == [5]
    assert used(shared, "--account", "5") == [5]
    assert used(shared, BLINK_ARCHIVE_ACCOUNT="OTHER@example.com") == [5]
    assert used(shared, "--archive", nowhere(tmp_path)) == []
    done = shared.run("accounts", "--archive", nowhere(tmp_path))
    assert "--account" in done.stderr
    assert "*" not in done.stdout
    assert used(shared, "--account", "nobody@example.com") == []


def test_the_only_account_is_used(make_world: MakeWorld, tmp_path: Path) -> None:
    """With or without an archive; of two, a session that was made against other addresses is not asked for,
    and does not count."""
    world = make_world(clips=1)
    assert used(world, "--archive", nowhere(tmp_path)) == [1100001]
    other(world, api_url=None, oauth_url=None)
    found = accounts(world, "--archive", nowhere(tmp_path))
    assert [(each["account_id"], each["holds"], each["used"]) for each in found] == [
        (5, None, False),
        (1100001, True, True),
    ]


def test_accounts_without_blink_or_anybody(make_world: MakeWorld, tmp_path: Path) -> None:
    """Whether the sign-in holds is not known where Blink does not answer; nobody signed in is an empty list."""
    world = make_world(clips=1)
    world.blink.faults.add(Fault(endpoint="homescreen", kind="status", status=503, times=1))
    assert [each["holds"] for each in accounts(world)] == [None]
    assert len([each for each in world.blink.requests if each.endpoint == "homescreen"]) == 2
    world.state = tmp_path / "fresh"
    assert accounts(world) == []
    done = world.run("accounts")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nobody is signed in" in done.stderr


def test_several_without_a_choice_is_wrong_usage(shared: World, tmp_path: Path) -> None:
    """Where no archive says which: exit 2, both emails, nothing is asked of Blink or made."""
    asked = len(shared.blink.requests)
    for command in (("whoami",), ("init",), ("sync", "--init"), ("sync", "--dry-run"), ("logout",)):
        done = shared.run(*command, "--archive", nowhere(tmp_path))
        assert done.returncode == 2, command
        assert "demo@example.com (account 1100001)" in done.stderr
        assert f"{OTHER} (account 5)" in done.stderr
    assert len(shared.blink.requests) == asked
    assert not Path(nowhere(tmp_path)).exists()


def test_the_archive_chooses_its_account(shared: World) -> None:
    """A sync of several accounts' state directory takes the archive's; the other one is told from it."""
    assert json.loads(shared.run("whoami", "--json").stdout)["account_id"] == 1100001
    assert shared.run("sync").returncode == 0
    shared.expect_complete()


def test_another_account_than_the_archives_is_refused(shared: World) -> None:
    """`sync --account B` on A's archive: exit 1, both are named, nothing is fetched."""
    done = shared.run("sync", "--account", OTHER)
    assert done.returncode == 1
    assert "account 1100001" in done.stderr
    assert "account 5" in done.stderr
    assert not shared.files()


@pytest.mark.parametrize("command", ["sync", "whoami", "init"])
def test_an_archive_whose_account_is_not_signed_in(shared: World, tmp_path: Path, command: str) -> None:
    """Exit 1 with the archive's account, who is signed in, and what to do; nothing is asked of Blink."""
    root = tmp_path / "theirs"
    create_archive(root, root / "catalog.db", account_id=42, uuid=str(uuid4()), now=datetime.now(UTC))
    asked = len(shared.blink.requests)
    done = shared.run(command, "--archive", str(root))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    for words in (
        "account 42",
        "demo@example.com (account 1100001)",
        OTHER,
        "blink-archive login",
        "--archive",
    ):
        assert words in done.stderr
    assert len(shared.blink.requests) == asked


def test_an_archive_and_nobody_signed_in(shared: World, tmp_path: Path) -> None:
    """Exit 4: a person has to sign in."""
    done = shared.run("sync", "--state-dir", str(tmp_path / "fresh"))
    assert (done.returncode, "Nobody is signed in" in done.stderr) == (4, True)


def test_a_damaged_marker_is_not_guessed_around(shared: World) -> None:
    """Whose archive it is, is not known: said, and --account still says which account is meant."""
    (shared.root / ".blink-archive.json").write_text("{")
    done = shared.run("whoami")
    assert (done.returncode, "damaged" in done.stderr) == (1, True)
    assert shared.run("whoami", "--account", "demo@example.com").returncode == 0


def test_an_email_given_as_the_account_is_the_one_that_signs_in(shared: World) -> None:
    """`login --account EMAIL` asks for no email, and leaves the other account's session alone."""
    before = (shared.state / "session-5.json").read_bytes()
    first = shared.run("login", "--account", "demo@example.com", BLINK_ARCHIVE_PASSWORD=PASSWORD)
    assert (first.returncode, "one-time code" in first.stderr) == (4, True)
    assert shared.run("login", "--code", "123456").returncode == 0
    assert (shared.state / "session-5.json").read_bytes() == before


def test_logout_of_one_account_leaves_the_other(shared: World) -> None:
    """It is told in --json who was signed out and whether Blink took it; a dead session is no error."""
    done = shared.run("logout", "--account", OTHER, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "signed_in": False,
        "revoked": True,
        "accounts": [{"account_id": 5, "email": OTHER, "revoked": True}],
    }
    assert [each["account_id"] for each in accounts(shared)] == [1100001]
    assert shared.run("whoami").returncode == 0


def test_logout_of_all(shared: World) -> None:
    """Both are gone here, Blink ended the one that it knew; with --account it means nothing."""
    assert shared.run("logout", "--all", "--account", OTHER).returncode == 2
    logouts = shared.blink.cloud.sign_in.logouts
    done = shared.run("logout", "--all")
    assert done.returncode == 0
    assert "demo@example.com" in done.stderr
    assert OTHER in done.stderr
    assert shared.blink.cloud.sign_in.logouts == logouts + 1
    assert list(shared.state.glob("session-*")) == []
    again = shared.run("logout", "--all")
    assert (again.returncode, "Nobody is signed in" in again.stderr) == (0, True)


def test_a_logout_that_blink_was_not_told_of_is_said(make_world: MakeWorld) -> None:
    """Exit 0, for the sign-in is gone here; a sentence says that it is not at Blink, and what to do."""
    world = make_world(clips=1)
    session = (world.state / "session-1100001.json").read_bytes()
    world.blink.faults.add(Fault(endpoint="logout", kind="status", status=500))
    done = world.run("logout")
    assert done.returncode == 0
    assert "Blink could not be told" in done.stderr
    assert "Blink app" in done.stderr
    assert list(world.state.glob("session-*")) == []
    (world.state / "session-1100001.json").write_bytes(session)
    done = world.run("logout", "--json")
    assert (done.returncode, json.loads(done.stdout)["revoked"]) == (0, False)
    assert list(world.state.glob("session-*")) == []


def test_logout_needs_no_choice_of_one(make_world: MakeWorld, tmp_path: Path) -> None:
    """Whoever's archive is in the place: the only one who is signed in is signed out."""
    world = make_world(clips=1)
    root = tmp_path / "theirs"
    create_archive(root, root / "catalog.db", account_id=42, uuid=str(uuid4()), now=datetime.now(UTC))
    assert world.run("logout", "--archive", str(root)).returncode == 0
    assert list(world.state.glob("session-*")) == []


def test_who_is_signed_in_elsewhere_is_nobody_here(shared: World, tmp_path: Path) -> None:
    """The archive's account is not signed in, others only at other addresses: that is exit 4, a person has to
    sign in, and not another account's archive."""
    root = tmp_path / "theirs"
    create_archive(root, root / "catalog.db", account_id=42, uuid=str(uuid4()), now=datetime.now(UTC))
    elsewhere = ("--api-url", "http://127.0.0.1:1", "--oauth-url", "http://127.0.0.1:1")
    done = shared.run("sync", "--archive", str(root), *elsewhere)
    assert (done.returncode, "Account 42 is not signed in" in done.stderr) == (4, True)
