"""``prune-local``: remove old files from the archive, by the user's rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import IntegrityError, UsageError
from .actions import typed
from .configured import values_of
from .options import Globals, command
from .output import counted, now, print_json, print_table, printable, size
from .prune import check_asking, yes_option
from .quantities import Size, Span

if TYPE_CHECKING:
    from ..archive.folder import Archive
    from ..archive.retention import LocalClip, LocalPlan, Retention

_BATCH = 100  # clips a transaction: each file is read before it is given up
_SHOWN = 10


@command("prune-local")
@click.option(
    "--keep",
    type=Span(),
    metavar="SPAN",
    help="Remove clips that were recorded longer ago: 365d.",
)
@click.option(
    "--max-size",
    type=Size(),
    metavar="SIZE",
    help="Remove the oldest clips until all that stay are no more than this: 500GB.",
)
@click.option(
    "--keep-starred/--no-keep-starred",
    default=False,
    help="Keep what has a star (`star`).",
)
@click.option(
    "--force",
    is_flag=True,
    allow_from_autoenv=False,
    help="Remove also clips that Blink still has; they are not fetched again.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; show each clip, and why it would go or stay.")
@yes_option
def prune_local_command(
    given: Globals,
    *,
    keep: timedelta | None,
    max_size: int | None,
    keep_starred: bool,
    force: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Remove old clips and their thumbnails from the archive, for good.

    The catalog keeps their rows and hashes, and they are not fetched again. A clip that Blink still has
    stays, but for --force; so does a file that is not what the catalog knows (exit code 7).

    Where --keep or --max-size is typed, what is typed is all: the configuration removes nothing beyond it.
    """
    from ..archive.retention import Retention

    if typed("keep") or typed("max_size"):  # one rule more is more to remove, which nobody agreed to
        keep = keep if typed("keep") else None
        max_size = max_size if typed("max_size") else None
    if keep is None and max_size is None:
        raise UsageError("Say what is to leave: what is older than --keep 365d, or beyond --max-size 500GB.")
    removal = Removal(given, given.archive(), Retention(keep, max_size, keep_starred, force))
    if dry_run:
        removal.show()
        return
    exit_code = removal.run(yes=yes)
    if given.json:
        print_json(removal.as_json())
    raise click.exceptions.Exit(exit_code)


def configured_rules(ctx: click.Context) -> Retention:
    """What `prune-local` would go by, if nothing were typed; UsageError where there is no rule."""
    from ..archive.retention import Retention

    values = values_of(ctx, "prune-local")
    if values["keep"] is None and values["max_size"] is None:
        raise UsageError(
            "--after-sync has no rule to go by. Set keep or max-size below [archive.retention] in the "
            "configuration."
        )
    return Retention(values["keep"], values["max_size"], values["keep_starred"])


class Removal:
    """One removal, from its plan to what is told of it; `sync --after-sync` makes one, too."""

    def __init__(self, given: Globals, archive: Archive, wanted: Retention) -> None:
        from ..archive.retention import local_clips, plan_retention

        self._given, self._archive, self._wanted = given, archive, wanted
        self._done: tuple[LocalPlan, dict[str, str]] | None = None
        catalog = archive.open_catalog()
        try:
            self._plan = plan_retention(local_clips(catalog), wanted, now=now())
        finally:
            catalog.close()

    def show(self) -> None:
        """The plan: each clip, and why it would go or stay."""
        plan = self._plan
        if self._given.json:
            print_json(_facts(plan) | {"left_bytes": plan.left})
            return
        rows = [(*each, "remove") for each in plan.remove] + [(*each, "keep") for each in plan.kept]
        if rows:
            print_table(("clip", "recorded", "camera", "size", "plan", "reason"), rows, cells=_cells)
        click.echo(f"{self.gist()}. Nothing was removed.")

    def run(self, *, yes: bool) -> int:
        """Ask, remove, and tell, but for JSON; the exit code."""
        if self._plan.remove and not yes:
            check_asking(self._given, yes=yes)
            if not click.confirm(f"{self.gist()}. Remove them here for good?", err=True):
                self._given.say("Nothing was removed.")
                return 0
        plan, strange = self.carry_out()
        if not self._given.json:
            self._tell(plan, strange)
        if not strange:
            return 0
        click.echo(
            f"blink-archive: {counted(len(strange), 'clips')} stayed, since the files are not what the "
            f"catalog knows: {next(iter(strange.values()))} is one. `blink-archive verify` tells of all.",
            err=True,
        )
        return IntegrityError.exit_code

    @property
    def planned(self) -> int:
        """How many clips are to leave."""
        return len(self._plan.remove)

    def carry_out(self, *, stopped: Callable[[], bool] = lambda: False) -> tuple[LocalPlan, dict[str, str]]:
        """Remove what is planned, until it is ``stopped``; nothing is asked or told. What of the plan came to
        be, and the paths of those left alone, by the clips' keys."""
        chosen = {clip.key for clip, _ in self._plan.remove}
        self._done = _remove(self._archive, self._wanted, chosen, stopped)
        return self._done

    def _tell(self, plan: LocalPlan, strange: dict[str, str]) -> None:
        given, max_size = self._given, self._wanted.max_size
        for clip, reason in plan.kept[:_SHOWN]:
            given.say(f"Clip {clip.key} stays: {printable(reason)}")
        if len(plan.kept) > _SHOWN:
            given.say(f"… and {len(plan.kept) - _SHOWN} more stay: `--dry-run` shows why.")
        if max_size is not None and plan.left > max_size:
            given.say(f"What stays is still {size(plan.left)}, more than {size(max_size)}.")
        if not given.quiet:
            removed = _removed(plan, strange)
            click.echo(
                f"Removed {counted(len(removed), 'clips')}, {size(sum(clip.bytes for clip in removed))}."
            )

    @property
    def removed(self) -> list[LocalClip]:
        """The clips whose files were removed."""
        return [] if self._done is None else _removed(*self._done)

    @property
    def left_alone(self) -> dict[str, str]:
        """The paths of files that are not what the catalog knows, by the clips' keys."""
        return {} if self._done is None else self._done[1]

    def as_json(self) -> dict[str, Any]:
        """The plan, and what was done of it."""
        if self._done is None:
            return _facts(self._plan)
        plan, strange = self._done
        removed = _removed(plan, strange)
        return (
            _facts(plan)
            | {"removed": [clip.key for clip in removed], "bytes": sum(clip.bytes for clip in removed)}
            | {"left_alone": [{"clip": clip, "path": path} for clip, path in strange.items()]}
        )

    def gist(self) -> str:
        """How many clips are to leave."""
        plan = self._plan
        total = size(sum(clip.bytes for clip, _ in plan.remove))
        leave = "is to leave" if len(plan.remove) == 1 else "are to leave"
        return f"{counted(len(plan.remove), 'clips')} {leave} the archive, {total}"


def _remove(
    archive: Archive, wanted: Retention, agreed: set[str], stopped: Callable[[], bool]
) -> tuple[LocalPlan, dict[str, str]]:
    """Remove the files of those clips, by their keys, that are still to leave, and write their days: between
    the question and its answer other programs may have worked on the archive.

    What of the plan came to be, and the paths of those left alone, by the clips' keys.
    """
    from ..archive.days import write_dirty_days
    from ..archive.retention import local_clips, narrowed, plan_retention, record_removal, without_stars

    strange: dict[str, str] = {}
    gone: set[str] = set()
    with archive.lock():
        catalog = archive.open_catalog(write=True)
        try:
            plan = narrowed(plan_retention(local_clips(catalog), wanted, now=now()), agreed)
            clips = [clip for clip, _ in plan.remove]
            keys = {clip.id: clip.key for clip in clips}
            run = catalog.begin_run("prune-local", now=now())
            for start in range(0, len(clips), _BATCH):
                if stopped():
                    break
                batch = clips[start : start + _BATCH]
                if wanted.keep_starred:
                    batch = without_stars(catalog, batch)  # a star needs no lock
                archive.check_still_there()  # on a disk that left, all files are missing
                found = record_removal(catalog, archive.store, batch, run=run, now=now())
                strange |= {keys[clip]: path for clip, path in found.items()}
                gone |= {clip.key for clip in batch}
            while write_dirty_days(catalog, archive.store):
                pass
            code = IntegrityError.exit_code if strange else 0
            catalog.end_run(run, exit_code=code, summary={"removed": len(gone) - len(strange)}, now=now())
        finally:
            catalog.close()
    return narrowed(plan, gone), strange


def _removed(plan: LocalPlan, strange: dict[str, str]) -> list[LocalClip]:
    return [clip for clip, _ in plan.remove if clip.key not in strange]


def _facts(plan: LocalPlan) -> dict[str, Any]:
    return {
        "planned": [{"clip": clip.key, "reason": reason} for clip, reason in plan.remove],
        "kept": [{"clip": clip.key, "reason": reason} for clip, reason in plan.kept],
    }


def _cells(row: Any) -> tuple[Any, ...]:
    clip, reason, verdict = row
    return clip.key, clip.recorded, clip.camera, size(clip.bytes), verdict, reason
