"""After a run: telling a person, a check, and Prometheus how it ended."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BlinkArchiveError, Interrupted, StateError, StorageError, UsageError
from .actions import typed
from .options import Globals
from .output import now

if TYPE_CHECKING:
    from types import TracebackType

    from ..archive.folder import Archive
    from ..nightly.deadline import Deadline
    from ..nightly.ending import Ending, Standing
    from ..nightly.notify import Told
    from ..nightly.ping import Pings
    from ..nightly.tail import Tail
    from ..sync.run import Summary

PATIENCE = 30.0
"""Seconds that messages and pings may take, all together, when a run has ended."""

_IN_A_HURRY = 3.0  # the same, when the program is to end


class Reporter:
    """Tells how runs ended: ``with reporter: …; reporter.ended(code, summary)``, one run after the other.

    What leaves the ``with`` as an exception is reported as the run's end, and goes on: a run that never
    began is one that a person should hear of. Nothing here fails a run, or holds it up for more than
    ``patience`` seconds; Ctrl-C ends that. Of exit codes 6 and 130 nobody is told (`SILENT`).
    """

    def __init__(
        self,
        given: Globals,
        *,
        services: tuple[str, ...] = (),
        kinds: tuple[str, ...] = ("failure", "loss", "recovery"),
        digest_every: timedelta = timedelta(days=7),
        ping: str | None = None,
        prometheus_file: Path | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._given = given
        self._services = services
        self._kinds = kinds
        self._digest_every = digest_every
        self._ping = ping
        self._prometheus_file = prometheus_file
        self._patience = patience
        self._told: Told | None = None
        self._began = now()
        self._open: ExitStack | None = None
        self._pings: Pings | None = None
        self._tail: Tail | None = None
        self._deadline: Deadline | None = None
        self._hurried = False

    @classmethod
    def of(
        cls,
        given: Globals,
        *,
        notify: tuple[str, ...],
        notify_on: tuple[str, ...],
        digest_every: timedelta,
        ping: str | None,
        prometheus_file: Path | None,
    ) -> Reporter:
        """Of the values of the options; UsageError for some that mean nothing together."""
        services = tuple(filter(None, map(str.strip, notify)))
        if not services and (typed("notify_on") or typed("digest_every")):
            raise UsageError("--notify-on and --digest-every belong to --notify. Add it, or leave them out.")
        if typed("digest_every") and "digest" not in notify_on:
            raise UsageError("--digest-every belongs to --notify-on digest. Add it, or leave it out.")
        return cls(
            given,
            services=services,
            kinds=notify_on,
            digest_every=digest_every,
            ping=ping,
            prometheus_file=prometheus_file,
        )

    def __enter__(self) -> Reporter:
        self._began = now()
        self._open = ExitStack()
        self._check_apprise()
        if self._ping:
            from ..client.transport import trust
            from ..nightly.ping import Pings
            from ..nightly.tail import Tail

            self._tail = self._open.enter_context(Tail())
            self._pings = Pings(self._ping, trust=lambda: trust(self._given.trusted()))
            self._open.callback(self._pings.close)
            self._pings.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None and error is not None:
            code, reason = _as_end(error)
            self.ended(code, reason=reason)
        elif self._open is not None:
            self._open.close()

    def ended(self, exit_code: int, summary: Summary | None = None, *, reason: str | None = None) -> None:
        """Tell everybody that the run ended so; once a run. ``summary`` is None where no sync began, and
        ``reason`` a sentence of what went wrong, where the summary has none."""
        from ..nightly.ending import SILENT

        opened, self._open = self._open or ExitStack(), None
        with opened:
            if exit_code not in SILENT:
                self._tell(exit_code, summary, reason)

    def hasten(self) -> None:
        """The program is to end: what is told from now on, or in another thread now, has seconds left."""
        self._hurried = True
        if self._deadline is not None:
            self._deadline.move_up(_IN_A_HURRY)

    def _tell(self, exit_code: int, summary: Summary | None, reason: str | None) -> None:
        from ..client.redact import redacted
        from ..nightly.deadline import Deadline
        from ..nightly.ending import Ending

        reason = reason or (summary.stopped if summary else None)
        ending = Ending(
            archive=self._root(),
            began=self._began,
            ended=now(),
            exit_code=exit_code,
            reason=redacted(reason) if reason else None,  # it can name an account by its email
            summary=summary,
        )
        ending, run = self._recorded(ending)
        if not (self._services or self._pings or self._prometheus_file):
            return
        self._deadline = until = Deadline(self._patience)
        if self._hurried:
            until.move_up(_IN_A_HURRY)
        told = self._recall() if self._services else None
        standing = self._standing(ending, told, run=run)
        self._write_metrics(ending, standing)
        self._send_ping(ending, standing)
        if told is not None:
            self._notify(ending, standing, told, until)
        if self._pings:
            for trouble in self._pings.finish(until):
                _warn(trouble)

    # what is known

    def _root(self) -> str:
        try:
            return str(self._given.root())
        except UsageError:  # there is no home directory; that is what ended the run
            return str(self._given.archive_dir or "~/blink-archive")

    def _recorded(self, ending: Ending) -> tuple[Ending, int | None]:
        """Write into the catalog what it does not know of this end, if that can be had; the end with its
        reason, and its run there."""
        run = ending.summary.run if ending.summary else None
        with suppress(BlinkArchiveError, OSError):  # what is in the way is mostly why the run failed
            run, reason = _record(self._given.archive(), ending)
            ending = replace(ending, reason=reason)
        return ending, run

    def _standing(self, ending: Ending, told: Told | None, *, run: int | None) -> Standing | None:
        """How the archive stands; None where that cannot be looked at."""
        from ..nightly.ending import standing
        from ..nightly.notify import digest_since

        since = None
        if told is not None and "digest" in self._kinds:
            since = digest_since(told, every=self._digest_every, now=ending.ended)
        try:
            return standing(self._given.archive(), ending, run=run, since=since)
        except (BlinkArchiveError, OSError) as error:
            if ending.exit_code == 0:  # else the run has told that, or what it comes from
                _warn(f"What is archived is told to nobody, since the catalog could not be read: {error}")
            return None

    # who is told

    def _write_metrics(self, ending: Ending, standing: Standing | None) -> None:
        from ..nightly.metrics import exposition, success_in, write_beside

        if (path := self._prometheus_file) is None:
            return
        success = standing.success_at if standing else ending.ended if ending.exit_code == 0 else None
        success_at = success.timestamp() if success else success_in(path, ending.archive)
        try:
            write_beside(path, exposition(ending, standing, success_at=success_at))
        except OSError as error:
            _warn(
                f"The figures for Prometheus could not be written to {path}: {error.strerror}. Check its "
                "folder, and --prometheus-file."
            )

    def _send_ping(self, ending: Ending, standing: Standing | None) -> None:
        from .messages import headline, report

        if self._pings is None or self._tail is None:
            return
        if ending.exit_code == 0:
            self._pings.success(headline(ending))
        else:
            self._pings.fail(f"{report(ending, standing)}\n\n{self._tail.text()}")

    def _notify(self, ending: Ending, standing: Standing | None, told: Told, until: Deadline) -> None:
        from ..nightly import notify, sending
        from .messages import message

        kinds = notify.due(ending, standing, told, wanted=frozenset(map(notify.Kind, self._kinds)))
        taken = 0
        if kinds:
            try:
                taken, troubles = sending.send(message(kinds, ending, standing), self._services, until=until)
            except OSError as error:
                troubles = [f"A message could not be sent: no process could be started ({error.strerror})."]
            for trouble in troubles:
                _warn(trouble)
        known = notify.remember(told, ending, kinds if taken else ())
        if known != told:
            self._remember(known)

    def _check_apprise(self) -> None:
        from ..nightly.sending import is_installed

        if self._services and not is_installed():
            self._services = ()  # this is said once
            _warn(
                "--notify needs Apprise, which is not installed, so that nobody is told how the run ends: "
                "run `pip install 'blink-archive[notify]'`."
            )

    def _recall(self) -> Told:
        """What was told before; where nothing could be kept, what this process told."""
        from ..nightly import memory
        from ..nightly.notify import Told

        found = Told()
        with suppress(UsageError):  # no home directory is known
            found = memory.recall(self._given.state(), self._root())
        return self._told if found == Told() and self._told else found

    def _remember(self, told: Told) -> None:
        from ..nightly import memory

        self._told = told
        try:
            memory.remember(self._given.state(), self._root(), told)
        except (StateError, StorageError, UsageError) as error:
            _warn(f"What was told is not remembered, and may be told again: {error}")


def _record(archive: Archive, ending: Ending) -> tuple[int, str | None]:
    """Write down an end that the catalog has no row of, or a better one: (the run, the reason of its end)."""
    from ..archive import runs

    summary, reason = ending.summary, ending.reason
    if summary is not None and summary.exit_code == ending.exit_code:
        return summary.run, reason
    catalog = archive.open_catalog(write=True)
    try:
        if summary is not None:
            runs.record_end(catalog, summary.run, exit_code=ending.exit_code)
            return summary.run, reason or runs.stopped_after(catalog, summary.run)
        return (
            runs.record_failed_start(
                catalog,
                reason=reason or "",
                exit_code=ending.exit_code,
                began=ending.began,
                now=ending.ended,
            ),
            reason,
        )
    finally:
        catalog.close()


def _as_end(error: BaseException) -> tuple[int, str | None]:
    """The exit code and the reason that an exception ends the program with, as `cli.main` turns them out."""
    match error:
        case BlinkArchiveError():
            return error.exit_code, str(error)
        case click.exceptions.Exit():
            return error.exit_code, None
        case click.ClickException():
            return error.exit_code, error.format_message()
        case click.Abort() | KeyboardInterrupt():
            return Interrupted.exit_code, None
        case OSError():
            return (
                StorageError.exit_code,
                f"The disk or the system refused something: {error.strerror or error}.",
            )
        case _:
            return (
                1,
                f"An error of the program itself ({type(error).__name__}). Its output has the traceback.",
            )


def _warn(sentence: str) -> None:
    """On stderr, with --quiet too, and in the log."""
    from ..client.redact import logger_of

    logger_of(__name__).warning("%s", sentence)
