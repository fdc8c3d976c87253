"""``prune-remote`` and ``usb prune``: delete at Blink, or on a stick, what is proven safe here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .interrupts import run_interruptibly
from .options import Globals, Lines, command, make_filter
from .output import counted, now, print_json, print_table, printable, size
from .quantities import Days

if TYPE_CHECKING:
    from ..archive.deletion import AtBlink
    from ..archive.folder import Archive
    from ..sync.prune import Pruned, Wish

_SHOWN = 10  # clips told one by one


def keep_days_option(function: Any) -> Any:
    """``--keep-days``: the command gets ``keep_days``."""
    return click.option(
        "--keep-days",
        type=Days(),
        default=0,
        show_default=True,
        metavar="N",
        help="Delete only what was archived at least N days ago.",
    )(function)


def yes_option(function: Any) -> Any:
    """``--yes``: the command gets ``yes``."""
    return click.option(
        "--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask; for unattended runs."
    )(function)


def prune_options(function: Any) -> Any:
    """What both commands take: the clips, and how they are asked for."""
    for option in reversed(
        (
            keep_days_option,
            click.option("--before", metavar="DATE", help="Only clips recorded before that day or time."),
            click.option(
                "--camera",
                multiple=True,
                type=Lines(),
                metavar="NAME",
                help="Only this camera, by its name then or now, or its id. May repeat.",
            ),
            click.option(
                "--source",
                multiple=True,
                type=Lines(),
                metavar="TRIGGER",
                help="Only clips with this trigger (pir, liveview, …). May repeat.",
            ),
            click.option(
                "--dry-run", is_flag=True, help="Delete nothing; show each clip, and why it would go or stay."
            ),
            yes_option,
        )
    ):
        function = option(function)
    return function


@command("prune-remote")
@prune_options
def prune_remote_command(given: Globals, /, **asked: Any) -> None:
    """Delete clips at Blink that are proven safe in the archive.

    A clip goes only if its file and thumbnail are read back from the disk just before, have the catalog's
    hashes and are whole, and the day's own files tell of it. The first one that fails ends the run, with
    exit code 7. All others stay at Blink; --dry-run says why.
    """
    _prune(given, "cloud", **asked)


@command("prune", variables="BLINK_ARCHIVE_USB")
@prune_options
def prune_command(given: Globals, /, **asked: Any) -> None:
    """Delete clips on the sticks of sync modules that are proven safe in the archive.

    The proof is that of `prune-remote`, with the bytes that came from the stick: a clip that was archived
    from the cloud alone stays on it.
    """
    _prune(given, "usb", **asked)


def _prune(
    given: Globals,
    origin: str,
    *,
    keep_days: int,
    before: str | None,
    camera: tuple[str, ...],
    source: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    from ..sync.prune import Wish

    wanted = make_filter(before=before, camera=camera, source=source, now=now())
    deletion = Deletion(given, Wish(origin, wanted, timedelta(days=keep_days)))
    if dry_run:
        deletion.show()
        return
    check_asking(given, yes=yes)
    exit_code = deletion.run(given.archive(), yes=yes)
    if given.json:
        print_json(deletion.as_json())
    raise click.exceptions.Exit(exit_code)


def check_asking(given: Globals, *, yes: bool) -> None:
    """Raise `UsageError` where nobody can agree to a deletion: before anything is done."""
    if not yes and not given.can_ask():
        raise UsageError("Nobody is there to agree to a deletion. Add --yes, or look with --dry-run first.")


class Deletion:
    """One deletion, from its plan to what is told of it; `sync --delete-remote` makes one, too."""

    def __init__(self, given: Globals, wish: Wish) -> None:
        self._given = given
        self._wish = wish
        self._place = "at Blink" if wish.origin == "cloud" else "on the sticks"
        self.done: Pruned | None = None
        catalog = given.archive().open_catalog()
        try:
            self._plan = wish.plan(catalog, now=now())
        finally:
            catalog.close()

    def show(self) -> None:
        """The plan: each clip, and why it would go or stay."""
        plan = self._plan
        if self._given.json:
            print_json(self.as_json())
            return
        rows = [*((clip, "delete") for clip in plan.delete), *((clip, "keep") for clip in plan.kept)]
        if rows:
            print_table(("clip", "recorded", "camera", "plan", "reason"), rows, cells=_cells)
        click.echo(f"{self.gist()}. Nothing was deleted; each file is proven again before its clip goes.")

    def run(self, archive: Archive, *, yes: bool) -> int:
        """Ask, delete, and tell, but for JSON; the exit code."""
        given, plan = self._given, self._plan
        for clip in plan.kept[:_SHOWN]:
            given.say(f"Clip {clip.key} stays: {printable(clip.reason)}")
        if len(plan.kept) > _SHOWN:
            given.say(f"… and {len(plan.kept) - _SHOWN} more stay: `--dry-run` shows why.")
        if not plan.delete:
            given.say(f"No clip {self._place} can be deleted.")
            return 0
        if not yes and not click.confirm(f"{self.gist()}. Delete them?", err=True):
            given.say("Nothing was deleted.")
            return 0
        done = run_interruptibly(self.carry_out(archive))
        self._tell(done)
        return done.exit_code

    @property
    def planned(self) -> int:
        """How many clips can go."""
        return len(self._plan.delete)

    async def carry_out(self, archive: Archive) -> Pruned:
        """Delete what is planned; nothing is asked or told."""
        from ..sync.ports import Time
        from ..sync.prune import prune

        chosen = frozenset(clip.key for clip in self._plan.delete)
        async with self._given.blink() as blink:
            archive.check_account(blink.account_id)
            self.done = await prune(archive, blink, self._wish, chosen, time=Time())
        return self.done

    def _tell(self, done: Pruned) -> None:
        given = self._given
        for warning in done.warnings:
            given.say(f"Warning: {warning}")
        if done.unclear:
            given.say(
                f"Blink gave no clear answer about {counted(len(done.unclear), 'clips')}: the next sync "
                "tells."
            )
        if not given.json and not given.quiet:
            click.echo(
                f"Deleted {counted(len(done.deleted), 'clips')} {self._place}, {size(done.bytes)}."
                + (" All of it is safe here." if done.deleted else "")
            )
        if done.stopped:
            click.echo(f"blink-archive: {done.stopped}", err=True)

    def as_json(self) -> dict[str, Any]:
        """The plan, and what was done of it."""
        plan = self._plan
        found: dict[str, Any] = {
            "planned": [_facts(clip) for clip in plan.delete],
            "kept": [_facts(clip) for clip in plan.kept],
        }
        return found if self.done is None else found | self.done.as_json()

    def gist(self) -> str:
        """How many clips can go, of how many."""
        go, stay = self._plan.delete, self._plan.kept
        total = size(sum(clip.bytes or 0 for clip in go))
        return f"{len(go)} of {counted(len(go) + len(stay), 'clips')} {self._place} can go, {total}"


def _facts(clip: AtBlink) -> dict[str, str]:
    return {"clip": clip.key, "reason": clip.reason}


def _cells(row: Any) -> tuple[Any, ...]:
    clip, verdict = row
    return clip.key, clip.recorded, clip.camera, verdict, clip.reason
