"""``demo`` and ``simulator``: the whole program, and a Blink cloud, without an account."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..errors import BlinkArchiveError, UsageError
from .options import Globals, NamedPath, command
from .output import print_json

if TYPE_CHECKING:
    from ..simulator import Faults, Request, Settings

_TREE_LINES = 14


@command("demo", variables="BLINK_ARCHIVE_DEMO", configured=False)
@click.option(
    "--clips",
    type=click.IntRange(1, 5000),
    default=60,
    show_default=True,
    help="How many clips the simulated account has.",
)
def demo_command(given: Globals, *, clips: int) -> None:
    """Show all of it without a Blink account.

    Starts a Blink cloud on this machine, signs in, archives everything, does it again, verifies, and
    asks the catalog. The archive stays in a temporary folder, to look around in.
    """
    base = Path(tempfile.mkdtemp(prefix="blink-archive-demo-"))
    root = base / "archive"
    with redirect_stdout(sys.stderr) if given.json else nullcontext():
        _show(given, base, root, clips=clips)
    if given.json:
        print_json({"archive": str(root), "clips": clips})


def _show(given: Globals, base: Path, root: Path, *, clips: int) -> None:
    """All steps, and what is left of them in ``root``."""
    from ..simulator import Settings, Simulator

    settings = Settings(clips=clips)
    with Simulator(settings) as blink, _environment(base, root, blink.url, settings):
        given.say(f"A Blink cloud with {clips} clips runs at {blink.url}, on this machine alone.")
        _step(given, "login", "--no-input", expected=4)
        _step(given, "login", "--code", settings.code)
        _step(given, "sync", "--init")
        before = _fetches(blink.requests)
        _step(given, "sync")
        again = _fetches(blink.requests) - before
        if again:
            raise BlinkArchiveError(f"The second sync fetched {again} files again, which it never should.")
        given.say("The second sync fetched nothing twice.")
        _step(given, "verify")
        _step(given, "status")
        _step(given, "ls", "--limit", "5")
        _step(
            given,
            "query",
            "SELECT camera, count(*) AS clips, round(sum(seconds)) AS seconds FROM daily GROUP BY 1",
        )
        _step(given, "query", "SELECT source, count(*) AS clips FROM clips_view GROUP BY 1 ORDER BY 2 DESC")
    _tree(root)
    given.say(f"\nThe archive is in {root}: look around, and delete it when you are done.")
    given.say(
        "With an account of your own:\n\n"
        f"  {_program()} login\n"
        f"  {_program()} --archive ~/blink-archive sync --init\n"
    )


def _program() -> str:
    """What to type to start this program: its name, where that is on PATH; else what started it now."""
    if shutil.which("blink-archive"):
        return "blink-archive"
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m blink_archive"
    return shlex.quote(sys.argv[0])


def _fetches(requests: list[Request]) -> int:
    return sum(request.endpoint in ("clip", "thumbnail") for request in requests)


@contextmanager
def _environment(base: Path, root: Path, url: str, settings: Settings) -> Iterator[None]:
    """The commands of the demo are what a person types; where they work is said by the environment."""
    saved = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("BLINK_ARCHIVE_")]:
        del os.environ[name]
    os.environ |= {
        "BLINK_ARCHIVE_DIR": str(root),
        "BLINK_ARCHIVE_STATE_DIR": str(base / "state"),
        "BLINK_ARCHIVE_CONFIG": os.devnull,
        "BLINK_ARCHIVE_API_URL": url,
        "BLINK_ARCHIVE_OAUTH_URL": url,
        "BLINK_ARCHIVE_EMAIL": settings.email,
        "BLINK_ARCHIVE_PASSWORD": settings.password,
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def _step(given: Globals, *arguments: str, expected: int = 0) -> None:
    """Run one command as a person would, and make sure that it ends as it should."""
    from . import cli

    click.echo(f"\n$ blink-archive {shlex.join(arguments)}")
    extra = ["--quiet"] if given.quiet else []
    extra += ["--no-progress"] if given.no_progress else []
    try:
        code = cli.main([*extra, *arguments], prog_name="blink-archive", standalone_mode=False) or 0
    except BlinkArchiveError as error:
        given.say(str(error))
        code = error.exit_code
    if code != expected:
        raise BlinkArchiveError(f"This step ended with exit code {code}, and should have with {expected}.")


def _tree(root: Path) -> None:
    """The beginning of the folder, as `tree` would show it."""
    click.echo(f"\n{root}")
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    shown: set[Path] = set()
    for path in paths[:_TREE_LINES]:
        relative = path.relative_to(root)
        for depth, parent in enumerate([*reversed(relative.parents)][1:]):
            if parent not in shown:
                shown.add(parent)
                click.echo(f"{'    ' * depth}{parent.name}/")
        click.echo(f"{'    ' * (len(relative.parts) - 1)}{relative.name}")
    if len(paths) > _TREE_LINES:
        click.echo(f"… and {len(paths) - _TREE_LINES} more files")


@command("simulator", variables="BLINK_ARCHIVE_SIMULATOR", configured=False)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Listen on this port (default: a free one)."
)
@click.option(
    "--clips", type=click.IntRange(0, 1_000_000), default=60, show_default=True, help="Clips of the account."
)
@click.option("--cameras", type=click.IntRange(1, 100), default=5, show_default=True, help="Its cameras.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=14, show_default=True, help="Days that the clips span."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same account.")
@click.option(
    "--page-limit", type=click.IntRange(1, 10_000), default=25, show_default=True, help="Clips a page."
)
@click.option("--no-2fa", is_flag=True, help="Sign in without a one-time code.")
@click.option("--latency", type=click.FloatRange(0, 60), default=0.0, help="Seconds added to each answer.")
@click.option("--clip-bytes", type=click.IntRange(0), help="Pad every clip to so many bytes.")
@click.option("--mark-watched", is_flag=True, help="A download marks the clip as watched, as Blink may.")
@click.option("--plain-names", is_flag=True, help="Cameras with harmless names only.")
@click.option(
    "--usb-clips",
    type=click.IntRange(0, 10_000),
    default=0,
    help="Clips on the USB stick of each Sync Module 2 (default: no sticks).",
)
@click.option(
    "--liveview",
    type=click.Choice(["rtsps", "immis"]),
    default="rtsps",
    show_default=True,
    help="What live views are: an address of rtsps, or a server of immis, which shows a film.",
)
@click.option(
    "--classic",
    type=click.Choice(["update", "open"]),
    default="update",
    show_default=True,
    help="The classic login: refused because an app update is required, or open.",
)
@click.option(
    "--faults",
    type=NamedPath(),
    metavar="FILE",
    help="Go wrong as this JSON file says (docs/simulator.md).",
)
def simulator_command(
    given: Globals,
    *,
    port: int,
    no_2fa: bool,
    plain_names: bool,
    clip_bytes: int | None,
    mark_watched: bool,
    usb_clips: int,
    liveview: Literal["rtsps", "immis"],
    classic: Literal["update", "open"],
    latency: float,
    faults: Path | None,
    clips: int,
    cameras: int,
    days: int,
    seed: int,
    page_limit: int,
) -> None:
    """Run a Blink cloud on this machine, to try clients on; Ctrl-C ends it."""
    from ..simulator import Settings, run

    settings = Settings(
        clips=clips,
        cameras=cameras,
        days=days,
        seed=seed,
        page_limit=page_limit,
        two_factor=not no_2fa,
        hostile=not plain_names,
        clip_bytes=clip_bytes,
        mark_watched=mark_watched,
        usb_clips=usb_clips,
        liveview=liveview,
        classic=classic,
        latency=latency,
    )

    def started(url: str) -> None:
        if given.json:
            print_json(
                {"url": url, "email": settings.email, "password": settings.password, "code": settings.code}
            )
            return
        click.echo(f"Blink is at {url} (both --api-url and --oauth-url).")
        code = "" if no_2fa else f", one-time code {settings.code}"
        click.echo(f"Email {settings.email}, password {settings.password}{code}. Ctrl-C ends it.")

    registry = _faults(faults) if faults else None
    try:
        run(settings, port=port, faults=registry, on_listening=started)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be listened on: {error.strerror}. Choose another --port."
        ) from error


def _faults(file: Path) -> Faults:
    """The faults of a file. UsageError where there are none to be read."""
    from ..simulator import Faults

    try:
        return Faults.from_file(file)
    except OSError as error:
        raise UsageError(f"The faults cannot be read from {file}: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"This file describes no faults: {error}.") from error
