"""What a sync can be asked for, by hand or every night: the options of `sync` and `watch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import UsageError
from .actions import typed
from .options import Globals, filter_options, make_filter
from .output import now
from .prune import check_asking, keep_days_option, yes_option
from .prune_local import configured_rules
from .quantities import Days, Rate, Size, Template

if TYPE_CHECKING:
    from ..archive.layout import Layout
    from ..archive.retention import Retention
    from ..sync.prune import Wish
    from ..sync.run import Options

F = TypeVar("F", bound=Callable[..., Any])


def sync_options(function: F) -> F:
    """Attach them; the command gets the arguments of `Asked.of`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class Consent(IntEnum):
    """To what destroys: the configuration's word is standing, and agrees to it in every run."""

    NO = 0
    ASKED = 1
    STANDING = 2


@dataclass(frozen=True, slots=True)
class AfterSync:
    """By what ``rules`` to remove here after a sync, and whether that is agreed to beforehand."""

    rules: Retention
    consent: Consent


def _consent(ctx: click.Context, param: click.Parameter, value: bool) -> Consent:
    if not value:
        return Consent.NO
    return Consent.STANDING if ctx.lookup_default(param.name or "") is True else Consent.ASKED


def _after_sync(ctx: click.Context, param: click.Parameter, value: bool) -> AfterSync | None:
    """The rules are those of now, too: a `watch` that reads the configuration anew gets the new ones."""
    consent = _consent(ctx, param, value)
    return AfterSync(configured_rules(ctx), consent) if consent else None


def reserve_option(function: F) -> F:
    """``--reserve``: the command gets ``reserve``, in bytes."""
    return click.option(
        "--reserve",
        type=Size(),
        default="1GB",
        show_default=True,
        metavar="SIZE",
        help="Stop before less than this is free on the disk; 0: never.",
    )(function)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--from",
        "origin",
        envvar="BLINK_ARCHIVE_FROM",  # "from" is no name in Python, and click would go by the other
        type=click.Choice(["cloud", "usb", "all"]),
        default="all",
        show_default=True,
        help="Fetch from Blink's cloud, from the sticks of the sync modules, or both.",
    ),
    click.option("--full", is_flag=True, help="Walk through all that Blink lists."),
    filter_options,
    click.option(
        "--limit",
        type=click.IntRange(min=0),
        metavar="N",
        help="Fetch at most N clips, the oldest first.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1, 16),
        default=6,
        show_default=True,
        metavar="N",
        help="Fetch so many at a time.",
    ),
    click.option(
        "--max-rate",
        type=Rate(),
        metavar="RATE",
        help="Fetch no faster than this: 2MB/s.",
    ),
    reserve_option,
    click.option(
        "--quiet-days",
        type=Days(),
        default=7,
        show_default=True,
        metavar="N",
        help="Warn of a camera that is armed and has no clip for N days; 0: never.",
    ),
    click.option(
        "--describe/--no-describe",
        default=True,
        show_default=True,
        help="Ask for the descriptions and labels of Blink's models, too, where the account has them.",
    ),
    click.option(
        "--delete-remote/--no-delete-remote",
        default=False,
        callback=_consent,
        allow_from_autoenv=False,
        help="Then delete at Blink what is proven safe here, as `prune-remote` does.",
    ),
    keep_days_option,
    click.option(
        "--after-sync/--no-after-sync",
        default=False,
        callback=_after_sync,
        allow_from_autoenv=False,
        help="Then remove here what is to leave, as `prune-local` does, by the configuration's rules.",
    ),
    yes_option,
    click.option(
        "--layout",
        type=Template(),
        metavar="TEMPLATE",
        help="File what is new as {created:%Y-%m}/{camera}/{id}; {network} and {source} are there, too.",
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the sync, then a deletion at Blink, then a removal here. ``yes`` agrees to the
    deletion beforehand, ``yes_here`` to the removal: typed, or the configuration's standing word."""

    options: Options
    wish: Wish | None
    yes: bool
    rules: Retention | None
    yes_here: bool

    @classmethod
    def of(
        cls,
        *,
        origin: str,
        full: bool,
        limit: int | None,
        workers: int,
        max_rate: float | None,
        reserve: int,
        quiet_days: int,
        describe: bool,
        delete_remote: Consent,
        keep_days: int,
        after_sync: AfterSync | None,
        yes: bool,
        layout: Layout | None,
        **filters: Any,
    ) -> Asked:
        """Of the values of the options; UsageError for some that do not go together."""
        from ..archive.layout import DEFAULT
        from ..sync.prune import Wish
        from ..sync.run import Options

        if origin == "usb" and typed("origin") and not typed("delete_remote"):
            delete_remote = Consent.NO  # the standing word is about what comes from the cloud
        if yes and not (delete_remote or after_sync):
            raise UsageError("--yes belongs to --delete-remote or --after-sync. Add one, or leave it out.")
        if typed("keep_days") and not delete_remote:
            raise UsageError("--keep-days belongs to --delete-remote. Add it, or leave it out.")
        if delete_remote and origin == "usb":
            raise UsageError("--delete-remote is for the cloud. For sticks, run `blink-archive usb prune`.")
        options = Options(
            origins=frozenset({"cloud", "usb"} if origin == "all" else {origin}),
            full=full,
            wanted=make_filter(**filters, now=now()),
            limit=limit,
            workers=workers,
            max_rate=max_rate,
            describe=describe,
            reserve=reserve,
            quiet=timedelta(days=quiet_days) if quiet_days else None,
            layout=layout or DEFAULT,
        )
        return cls(
            options,
            wish=Wish("cloud", options.wanted, timedelta(days=keep_days)) if delete_remote else None,
            yes=yes or delete_remote is Consent.STANDING,
            rules=None if after_sync is None else after_sync.rules,
            yes_here=yes or (after_sync is not None and after_sync.consent is Consent.STANDING),
        )

    def check_asking(self, given: Globals) -> None:
        """Raise `UsageError` where somebody would have to agree and nobody can: before anything is done."""
        if self.wish is not None:
            check_asking(given, yes=self.yes)
        if self.rules is not None:
            check_asking(given, yes=self.yes_here)
