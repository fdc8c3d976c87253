"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import click
import pytest

from blink_archive.cli import cli
from blink_archive.simulator import Fault

from .conftest import MakeWorld
from .readme import HURRIED, README, Home, bare, chapters, example
from .world import PASSWORD

CLIP = "7100001"
"""Of the simulator's account; the README's clips are 7000001 and 7000002."""

# What is typed in the place of a line, if anything, and why.
STAND_INS: dict[str, tuple[str | None, str]] = {
    "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/blink-archive demo": (
        None,
        "a test installs nothing; .ci/run types the line as it is",
    ),
    ". .venv/bin/activate": (None, "the tests have an environment of their own"),
    "blink-archive login --method browser": (
        None,
        "it takes a browser; tests/cli/test_methods.py goes the way without one",
    ),
    "blink-archive watch --every 5m": (
        "blink-archive watch --every 5m 2> told & until grep Watching told; do sleep 0.1; done; kill $!; wait $!",
        "it never ends by itself, but by SIGTERM, with exit code 0",
    ),
    "python3 -m venv .venv && .venv/bin/pip install -q tox && .venv/bin/tox -q -e py": (
        None,
        "it runs this test; .ci/run types the line as it is",
    ),
}

# What is asked at a terminal, and what a person says. (And `login`, which `Home.sign_in` types.)
ASKED: dict[str, tuple[tuple[str, str], ...]] = {
    "blink-archive config init": (
        ("Folder of the archive", ""),
        ("Account", ""),
        ("Nightly run at", ""),
        ("Delete at Blink", ""),
        ("Whom to tell", ""),
    ),
    "blink-archive prune-remote --keep-days 7": (("[y/N]", "y"),),
    "blink-archive usb prune": (("[y/N]", "y"),),
    "blink-archive catalog rebuild": (("[y/N]", "y"),),
}

# A pattern of what each line tells, on stdout or stderr; a line of the README that is not here has no test.
TELLS = {
    "blink-archive login": "Signed in as",
    "blink-archive sync --dry-run": "A sync would fetch 13 clips",
    "blink-archive sync --init": "Fetched 13 clips and",
    "blink-archive sync": "Fetched [01] clip",
    "blink-archive login --code 123456": "Signed in as",
    "blink-archive accounts": "demo@example.com",
    "blink-archive config init": "Wrote",
    "blink-archive timer install --at 03:15": "cron",
    "blink-archive timer status": "Next run",
    "blink-archive runs --last 7": "13 clips fetched",
    "blink-archive doctor": "no mistakes",
    "blink-archive watch --every 5m": "Watching.",
    "blink-archive archive-all ~/blink": "4/4 Adding index.html",
    "blink-archive export ~/clips --since 2026-11-01": r"Exported 1\d clips",
    'blink-archive export clips.zip --camera "Front door" --split-size 4GB': "clips-001.zip",
    'blink-archive export evidence --format bag --text "person*"': "Exported",
    "blink-archive status": r"Archived   1\d clips",
    'blink-archive ls --camera "Front door" --since 7d': "Front door",
    "blink-archive show 7000001": "sha256",
    "blink-archive open 7000001": "_7100001.mp4",
    'blink-archive note 7000001 "the fox again"': "has this note",
    "blink-archive verify": " 0 not as they should be",
    "blink-archive verify --against /mnt/copy": " 0 not as they should be",
    "blink-archive archive move /mnt/new/blink": "mnt/new/blink now",
    'eval "$(_BLINK_ARCHIVE_COMPLETE=bash_source blink-archive)"': "",
    "blink-archive stats": "Bytes by camera",
    'blink-archive ls --text "fox" --label garden --format csv': "the fox again",
    "blink-archive query --list": "storage-by-camera",
    "blink-archive query gaps --format jsonl": '"first_day":',
    'blink-archive query "SELECT * FROM daily"': "seconds",
    "blink-archive datasette-metadata": '"busiest-hours"',
    "blink-archive prune-remote --keep-days 7 --dry-run": r"13 of 1\d clips at Blink can go",
    "blink-archive prune-remote --keep-days 7": "Deleted 13 clips at Blink",
    "blink-archive sync --delete-remote --keep-days 7 --yes": "No clip at Blink can be deleted",
    "blink-archive usb prune": "Deleted 1 clip on the sticks",
    "blink-archive star 7000001": "is starred",
    "blink-archive prune-local --keep 365d --max-size 500GB --dry-run": "0 clips are to leave",
    "blink-archive exclude 7000002": "will not be fetched",
    "blink-archive verify --repair": "0 files repaired, 0 lost, 0 not repaired",
    "blink-archive verify --max-duration 10m": "Every clip was verified since",
    "blink-archive catalog backup /mnt/backup/catalog.db": "is copied to",
    "blink-archive catalog check": "clips archived",
    "blink-archive catalog rebuild": "",
    "blink-archive import /media/stick --dry-run": "1 of 1",
    "blink-archive import ~/Videos/blink": "Imported 1 of 1 file",
    "blink-archive usb status": "mounted",
    "blink-archive devices": "Front door",
    "blink-archive arm House && blink-archive disarm --all": "disarmed",
    'blink-archive camera snapshot "Front door"': "a new picture is taken",
    'blink-archive camera liveview "Front door" --output now.ts --seconds 30': "now.ts",
    "blink-archive schedules": "House",
    "blink-archive notifications set low_battery=off": "low_battery is off",
    "blink-archive account version": "no update",
    "blink-archive api GET /api/v1/camera/usage": '"networks"',
}


def a_code_is_on_its_way(home: Home) -> None:
    """A sign-in where nobody is at a terminal, and ends with exit code 4."""
    told = {"BLINK_ARCHIVE_EMAIL": home.world.settings.email, "BLINK_ARCHIVE_PASSWORD": PASSWORD}
    assert home.run("blink-archive login", **told).returncode == 4


def a_week_passes(home: Home) -> None:
    """All was archived eight days ago; the days' files tell so, too."""
    with closing(sqlite3.connect(moved(home) / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE clips SET archived_at = '2020-01-01T00:00:00.000000Z' WHERE sha256 NOT NULL")
        catalog.execute("INSERT OR IGNORE INTO dirty_days SELECT DISTINCT local_day FROM clips")


def moved(home: Home) -> Path:
    """Where the archive is from the middle of the README on."""
    return home.path / "mnt/new/blink"


def a_stick_is_put_in(home: Home) -> None:
    home.world.blink.cloud.usb.put_in(3100002)
    home.told("blink-archive sync --from usb", **HURRIED)


def a_clip_waits(home: Home) -> None:
    """The second of the README's: Blink does not give it."""
    world = home.world
    clip = world.blink.cloud.add_clip()
    world.blink.faults.add(Fault(endpoint="clip", kind="status", status=503))
    assert home.run("blink-archive sync --from cloud").returncode == 3
    world.blink.faults.clear()
    home.named["7000002"] = str(clip)


def files_lie_about(home: Home, folder: str) -> None:
    """A recording that the archive does not have."""
    (video,) = moved(home).rglob(f"*_{CLIP}.mp4")
    target = home.path / folder / "2020-01-02T03-04-05_Attic.mp4"
    target.parent.mkdir(parents=True)
    target.write_bytes(video.read_bytes() + b"\0\0\0\x08free")


# What has to be so before a line is typed.
BEFORE: dict[str, Callable[[Home], object]] = {
    "blink-archive login --code 123456": a_code_is_on_its_way,
    "blink-archive verify --against /mnt/copy": lambda home: home.told("cp -r blink-archive mnt/copy"),
    'blink-archive ls --text "fox" --label garden --format csv': lambda home: home.told(
        f"blink-archive label {CLIP} garden"
    ),
    "blink-archive prune-remote --keep-days 7 --dry-run": a_week_passes,
    "blink-archive usb prune": a_stick_is_put_in,
    "blink-archive exclude 7000002": a_clip_waits,
    "blink-archive import /media/stick --dry-run": lambda home: files_lie_about(home, "media/stick"),
    "blink-archive import ~/Videos/blink": lambda home: files_lie_about(home, "Videos/blink"),
}


@pytest.fixture
def home(make_world: MakeWorld, tmp_path: Path) -> Home:
    """Of somebody with two sticks, which are not in their modules yet."""
    world = make_world(hostile=False, usb_clips=1, liveview="immis", liveview_speed=0, code="246802")
    world.blink.cloud.add_clip(camera_id=6100003, created_at=world.clock.now() - timedelta(days=2))
    for module in (3100001, 3100002):
        world.blink.cloud.usb.pull_out(module)
    home = Home(world, tmp_path)
    (home.path / "mnt/backup").mkdir(parents=True)
    home.named |= {
        "7000001": CLIP,
        "123456": world.settings.code,  # the demo's own may be told
        "/mnt/": f"{home.path}/mnt/",
        "/media/": f"{home.path}/media/",
        "2026-11-01": f"{world.clock.now() - timedelta(days=400):%Y-%m-%d}",
    }
    return home


def test_every_command_of_the_readme(home: Home) -> None:
    """Line after line, as it is printed, from the first chapter to the last, in one home directory."""
    lines = {line: chapter.title for chapter in chapters() for line in chapter.commands()}
    for line, chapter in lines.items():
        command = bare(line)
        instead = STAND_INS[command][0] if command in STAND_INS else line
        if instead is None:
            continue
        if prepare := BEFORE.get(command):
            prepare(home)
        typed = home.renamed(instead)
        if command == "blink-archive login":
            seen = home.sign_in()
        elif command in ASKED:
            seen = home.answered(typed, *ASKED[command])
        else:
            done = home.run(typed, **(HURRIED if chapter == "Control" else {}))
            seen = done.stdout + done.stderr
            assert done.returncode == 0, f"{typed}\n{seen}"
        assert re.search(TELLS[command], seen), f"{typed}\n{seen}"
    left = (STAND_INS.keys() | ASKED.keys() | TELLS.keys() | BEFORE.keys()) - set(map(bare, lines))
    assert not left, "these are not in the README any more"
    assert (home.path / "played").read_text().endswith(f"_{CLIP}.mp4\n")
    assert (home.path / "now.ts").stat().st_size


def test_the_configuration_of_the_readme(tmp_path: Path, make_world: MakeWorld) -> None:
    """What it shows of config.toml stands in what `config init` writes, as comments."""
    (block,) = re.findall(
        r"^```toml\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    table, *shown = block.splitlines()
    home = Home(make_world(hostile=False, clips=0), tmp_path)
    home.told("blink-archive config init")
    before, at, after = home.config.read_text(encoding="utf-8").partition(f"{table}\n")
    assert at, f"there is no {table} in what config init writes"
    for line in shown:
        key = line.partition(" = ")[0]
        after, count = re.subn(rf"^#{key} = .*$", lambda _, line=line: line, after, flags=re.MULTILINE)
        assert count == 1, line
    home.config.write_text(before + at + after, encoding="utf-8")
    assert "no mistakes" in home.told("blink-archive config check")
    assert home.told("blink-archive config show").count(" file ") == len(shown)


def words() -> Iterator[str]:
    """What the README sets as code within its sentences and tables."""
    text = re.sub(r"^```.*?^```$", "", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    yield from (" ".join(found.split()) for found in re.findall(r"`([^`]+)`", text))


def options_of(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


def test_every_option_of_the_readme_is_one() -> None:
    """What stands behind a command is an option of it; what stands alone is one of some command's."""
    root = click.Context(cli, info_name="blink-archive")
    commands = {name: command for name in cli.list_commands(root) if (command := cli.get_command(root, name))}
    everywhere = {"--help"}
    for command in commands.values():
        inner = (
            [each for name in command.list_commands(root) if (each := command.get_command(root, name))]
            if isinstance(command, click.Group)
            else [command]
        )
        everywhere |= set().union(*map(options_of, inner))
    seen = 0
    for text in words():
        first, *rest = text.removeprefix("blink-archive ").split()
        command = commands.get(first)
        known = everywhere if command is None or isinstance(command, click.Group) else options_of(command)
        for option in re.findall(r"(?<!\S)--[a-z-]+", " ".join([first, *rest])):
            assert option in known, text
            seen += 1
    assert seen > 20


def test_the_library_does_what_the_readme_shows(make_world: MakeWorld) -> None:
    """The example, as it is printed, for the account that is signed in: it lists every camera and takes a
    picture with the first."""
    world = make_world(hostile=False)
    done = subprocess.run(
        [sys.executable, "-c", example("library")],
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    cameras = world.blink.cloud.catalogue.cameras
    assert [line.split(" motion")[0] for line in done.stdout.splitlines()] == [
        f"{camera.name} {camera.type}"
        for family in ("camera", "owl", "doorbell")
        for camera in cameras
        if camera.family == family
    ]
    assert world.blink.cloud.camera(4100001).pictures == 1


def test_the_example_is_short() -> None:
    """Ten lines, not counting those between them."""
    assert len([line for line in example("library").splitlines() if line]) <= 10
