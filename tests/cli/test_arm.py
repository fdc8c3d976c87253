"""``arm`` and ``disarm``: which networks are meant, what becomes of each, and what is written down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from blink_archive.archive.folder import create_archive
from blink_archive.cli.actions import Action, Outcome, Patience, carry_out
from blink_archive.client.names import find_networks
from blink_archive.model import Network
from blink_archive.simulator import Fault

from ..conftest import MakeWorld
from ..world import World
from .quick import Quick, asked, events, quick

HOUSE, COTTAGE, WORKSHOP = 2100001, 2100002, 2100003


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with three networks, of which Cottage is not armed, and hardly any clips."""
    return make_world(clips=1)


def armed(world: World) -> tuple[bool, bool, bool]:
    """House, Cottage, Workshop."""
    return tuple(map(world.blink.cloud.armed, (HOUSE, COTTAGE, WORKSHOP)))  # type: ignore[return-value]


def test_networks_are_armed_and_disarmed_by_name_and_id(world: World) -> None:
    """To the end of the command; one line says so, the home screen is asked once, an event has old and new."""
    world.blink.forget_requests()
    done = quick(world, "disarm", "HOUSE", str(WORKSHOP), "house")
    assert (done.code, done.err) == (0, "")
    assert sorted(done.out.splitlines()) == ["House (2100001): disarmed", "Workshop (2100003): disarmed"]
    assert armed(world) == (False, False, False)
    assert asked(world, "homescreen") == 1
    assert quick(world, "arm", "Cottage").code == 0
    assert armed(world) == (False, True, False)
    found = sorted(events(world), key=lambda event: (event[0], event[1]["network_id"]))
    assert found == [
        ("armed", {"network_id": COTTAGE, "network": "Cottage", "old": False, "new": True, "result": "done"}),
        ("disarmed", {"network_id": HOUSE, "network": "House", "old": True, "new": False, "result": "done"}),
        (
            "disarmed",
            {"network_id": WORKSHOP, "network": "Workshop", "old": True, "new": False, "result": "done"},
        ),
    ]


def test_all_networks_at_once(world: World) -> None:
    """`--all`, and nothing but it."""
    assert quick(world, "disarm", "--all").code == 0
    assert armed(world) == (False, False, False)
    done = quick(world, "arm", "--all", "House")
    assert done.code == 2
    assert "--all" in done.err
    assert armed(world) == (False, False, False)


def test_without_a_name_nothing_is_guessed(world: World) -> None:
    """Several networks: exit 2, all are listed, nothing is done."""
    done = quick(world, "disarm")
    assert done.code == 2
    assert "House (2100001), Cottage (2100002), Workshop (2100003)" in done.err
    assert armed(world) == (True, False, True)
    assert asked(world, "disarm") == 0


def test_the_only_network_needs_no_name(world: World) -> None:
    """It is the one that is meant; an account without one is told."""
    home = {"account": {"id": 1100001}, "networks": [{"id": COTTAGE, "name": "Cottage", "armed": False}]}
    fault = world.blink.faults.add(Fault(kind="json", endpoint="homescreen", body=home, times=1))
    assert quick(world, "arm").out == "Cottage (2100002): armed\n"
    assert world.blink.faults.fired(fault) == 1
    assert armed(world) == (True, True, True)
    world.blink.faults.add(Fault(kind="json", endpoint="homescreen", body=home | {"networks": []}, times=1))
    done = quick(world, "arm")
    assert (done.code, "no network" in done.err) == (2, True)


def test_a_wrong_name_keeps_all_from_being_told(world: World) -> None:
    """A typing error is found before anything is done."""
    done = quick(world, "disarm", "House", "Cotage")
    assert done.code == 2
    assert "Cottage" in done.err
    assert armed(world) == (True, False, True)
    assert asked(world, "disarm") == 0


def test_a_failure_is_told_in_blinks_words_and_the_others_are_done(world: World) -> None:
    """Exit 1, an event for those that were done alone, and JSON that has all of them in order."""
    world.blink.cloud.commands.fail_next(status_code=611, message="Sync module is offline")
    done = quick(world, "disarm", "House", "Workshop", "--json")
    assert done.code == 1
    results = json.loads(done.out)
    assert [(each["id"], each["name"]) for each in results] == [(HOUSE, "House"), (WORKSHOP, "Workshop")]
    (failed,) = [each for each in results if each["result"] == "failed"]
    (fine,) = [each for each in results if each["result"] == "done"]
    assert fine["words"] == "disarmed"
    assert "Sync module is offline (code 611)" in failed["words"]
    assert f"blink-archive: {failed['name']} ({failed['id']}): " in done.err
    assert [detail["network_id"] for _, detail in events(world)] == [fine["id"]]


def test_the_exit_code_is_that_of_the_worst(world: World) -> None:
    """Busy for good is exit 5, worse than a command that failed; both are told, the third is done."""
    world.blink.faults.add(
        Fault(kind="json", endpoint="disarm", match=str(HOUSE), status=409, body={"code": 307})
    )
    failing = {"complete": True, "status_code": 1, "status_msg": "No."}
    world.blink.faults.add(Fault(kind="json", endpoint="command", match=str(COTTAGE), body=failing))
    done = quick(world, "disarm", "--all")
    assert done.code == 5
    assert "House (2100001): Blink is busy" in done.err
    assert "Cottage (2100002): Blink reports" in done.err
    assert done.out == "Workshop (2100003): disarmed\n"
    assert armed(world)[2] is False


def test_no_wait_waits_for_nothing(world: World) -> None:
    """Blink is told, and not asked how it goes; line and event say so."""
    done = quick(world, "disarm", "House", "--no-wait")
    assert (done.code, asked(world, "disarm"), asked(world, "command")) == (0, 1, 0)
    assert "not waited for" in done.out
    assert [detail["result"] for _, detail in events(world)] == ["started"]
    assert json.loads(quick(world, "arm", "Workshop", "--no-wait", "--json").out)[0]["result"] == "started"


def test_no_wait_and_a_timeout_are_refused(world: World) -> None:
    """One of them would be ignored."""
    done = quick(world, "disarm", "House", "--no-wait", "--timeout", "5")
    assert (done.code, "--timeout" in done.err, asked(world, "disarm")) == (2, True, 0)


def disarmed(world: World, *names: str, seconds: float) -> list[Outcome]:
    """What becomes of disarming those networks, with so much patience."""

    async def main() -> list[Outcome]:
        async with world.cloud() as blink:
            home = await blink.homescreen()
            action: Action[Network] = Action(
                kind="disarmed", words="disarmed", start=lambda blink, network: blink.disarm(network.id)
            )
            targets = find_networks(home, names)
            return await carry_out(Quick(world), blink, home, targets, action, Patience(seconds))

    return asyncio.run(main())


def test_what_does_not_end_in_time_is_given_up(world: World) -> None:
    """A failure that says so, with exit 1 and no event: nobody knows."""
    running = {"complete": False, "status_code": 908}
    world.blink.faults.add(Fault(kind="json", endpoint="command", body=running))
    (outcome,) = disarmed(world, "House", seconds=0.05)
    assert (outcome.result, outcome.exit_code) == ("failed", 1)
    assert "0.05 seconds" in outcome.words
    assert events(world) == []


def test_no_network_waits_for_another(world: World) -> None:
    """Each has a sync module of its own: a slow one holds back only what is behind it."""
    running = {"complete": False, "status_code": 908}
    world.blink.faults.add(Fault(kind="json", endpoint="command", match=str(HOUSE), body=running, times=20))
    outcomes = disarmed(world, "House", "Cottage", seconds=30)
    assert [outcome.facts["id"] for outcome in outcomes] == [HOUSE, COTTAGE]
    paths = [request.path for request in world.blink.requests]
    cottage = next(at for at, path in enumerate(paths) if f"{COTTAGE}/state" in path)
    last_poll = max(at for at, path in enumerate(paths) if path.startswith(f"/network/{HOUSE}/command"))
    assert cottage < last_poll


def test_an_ended_sign_in_ends_it_all(make_world: MakeWorld) -> None:
    """Exit 4; what comes behind it on the same network is not tried, and the refresh not either."""
    world = make_world(clips=1)
    home = {
        "account": {"id": 1100001},
        "networks": [{"id": HOUSE, "name": "House"}],
        "cameras": [{"id": 4100001 + at, "name": f"C{at}", "network_id": HOUSE} for at in range(3)],
    }
    world.blink.faults.add(Fault(kind="json", endpoint="homescreen", body=home))
    world.blink.faults.add(Fault(kind="expired_token", endpoint="camera_enable"))
    world.blink.cloud.revoke_refresh_tokens()
    done = quick(world, "camera", "enable", "C0", "C1", "C2", "--json")
    assert done.code == 4
    assert [each["result"] for each in json.loads(done.out)] == ["failed"] * 3
    assert done.err.count("blink-archive login") == 3
    assert asked(world, "camera_enable") == 1
    assert asked(world, "token") == 2, "the sign-in's own, and one refresh"


def test_no_archive_is_needed(world: World, tmp_path: Path) -> None:
    """Nor is one made."""
    done = quick(world, "arm", "Cottage", root=tmp_path / "none")
    assert (done.code, done.err) == (0, "")
    assert not (tmp_path / "none").exists()


def test_another_accounts_archive_gets_no_event(world: World, tmp_path: Path) -> None:
    """It is armed all the same."""
    root = tmp_path / "theirs"
    create_archive(root, root / "catalog.db", account_id=42, uuid="x", now=world.clock.now())
    before = (root / "catalog.db").read_bytes()
    done = quick(world, "arm", "Cottage", root=root)
    assert (done.code, done.err, armed(world)[1]) == (0, "", True)
    assert (root / "catalog.db").read_bytes() == before


def test_a_catalog_that_cannot_be_written_changes_no_exit_code(world: World) -> None:
    """It is told, and that it is armed, too."""
    world.archive.catalog_path.unlink()
    done = quick(world, "arm", "Cottage")
    assert (done.code, done.out) == (0, "Cottage (2100002): armed\n")
    assert "catalog.db" in done.err


def test_quiet_says_nothing_but_errors(world: World) -> None:
    """And JSON, where that was asked for."""
    done = quick(world, "arm", "House", "--quiet")
    assert (done.out, done.err) == ("", "")
    world.blink.cloud.commands.fail_next(message="No.")
    assert "No." in quick(world, "arm", "House", "--quiet").err


def test_the_program_ends_as_it_should(world: World) -> None:
    """As a process: exit code, stdout and stderr, after waits as they are."""
    done = world.run("arm", "Cottage")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Cottage (2100002): armed\n", "")
    world.blink.cloud.commands.fail_next(message="Sync module is offline")
    done = world.run("disarm", "House", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("blink-archive: House (2100001): Blink reports that command")
    assert json.loads(done.stdout)[0]["result"] == "failed"
