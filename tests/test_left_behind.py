"""What the worlds of the tests leave is searched for secrets, and the search finds what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from .left_behind import searched
from .world import PASSWORD, World

PLACES = (
    "a.log",
    "archive/2026/11/23/clips.json",
    "export/rows.csv",
    "catalog.db",
    "archive/.incoming/1.part",
)


def secrets(world: World) -> dict[str, str]:
    """One secret of each kind."""
    token = next(iter(world.blink.cloud.sign_in.issued))
    return {
        "a token, cookie or code of the sign-in": token,
        "the password": PASSWORD,
        "the one-time code": world.settings.code,
        "the email": world.settings.email,
    }


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_a_file_is_found(world: World, tmp_path: Path, place: str) -> None:
    """Wherever it is below the test's folder, in the middle of bytes; every kind of secret."""
    for what, secret in secrets(world).items():
        path = tmp_path / "elsewhere" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0SQLite\xff " + secret.encode() + b"\n")
        assert searched(world.blink, tmp_path, []).found == [(what, str(path))]
        path.unlink()


def test_a_secret_in_an_output_is_found(world: World, tmp_path: Path) -> None:
    """Every kind but the email, which some commands are there to tell."""
    for what, secret in secrets(world).items():
        found = searched(world.blink, tmp_path, [("ls", f"x {secret}.\n")]).found
        assert found == ([] if what == "the email" else [(what, "the output of 'ls'")])


def test_the_end_of_a_world_is_where_it_is_looked_for(tmp_path: Path) -> None:
    """A test that leaves a token fails; the state directory, which holds it, is no such place."""
    with pytest.raises(AssertionError, match="a token"), World(tmp_path, clips=1) as world:
        session = (world.state / "session-1100001.json").read_text()
        assert any(token in session for token in world.blink.cloud.sign_in.issued)
        (tmp_path / "blink.log").write_text(session)
    assert world.left is not None
    assert {where for _, where in world.left.found} == {str(tmp_path / "blink.log")}


def test_numbers_are_no_codes(world: World, tmp_path: Path) -> None:
    """Nor is part of a hash."""
    (tmp_path / "SHA256SUMS").write_text(
        f"0{world.settings.code} a{world.settings.code} {world.settings.code}f"
    )
    assert searched(world.blink, tmp_path, []).found == []
