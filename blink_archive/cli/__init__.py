"""The command line: one module a family of commands, loaded when it is used."""

from __future__ import annotations

import io
import logging
import signal
import sys
from typing import NoReturn

import click

from .. import __version__
from ..errors import BlinkArchiveError, Interrupted, StorageError
from .groups import LazyGroup
from .options import Globals, global_options, log_to

# name -> (module, one line for --help)
_COMMANDS = {
    "account": ("settings", "What Blink keeps for the account and for this client."),
    "accounts": ("account", "List the accounts that are signed in."),
    "api": ("api", "Make any call to Blink."),
    "archive": ("archive", "Move the archive to another disk."),
    "archive-all": ("archive_all", "Everything out of Blink, once, into one folder."),
    "arm": ("arm", "Arm networks: their cameras record what moves."),
    "camera": ("camera", "Tell cameras what to do, and see their settings."),
    "catalog": ("catalog", "Back the catalog up, check it, make it anew from the folder."),
    "config": ("config", "The configuration: defaults for the options, in a file."),
    "datasette-metadata": ("datasette", "Print the metadata with which Datasette shows the catalog."),
    "demo": ("demo", "Show all of it without a Blink account."),
    "devices": ("devices", "Networks, sync modules and cameras as they are now."),
    "disarm": ("arm", "Disarm networks: their cameras record nothing by themselves."),
    "doctor": ("doctor", "Look at everything that goes wrong in practice."),
    "exclude": ("decisions", "Never fetch these clips."),
    "export": ("export", "Take clips out: a folder, ZIP, tar or bag with all that is known of them."),
    "import": ("imports", "Take video files that lie on a disk into the archive."),
    "include": ("decisions", "Fetch these clips after all."),
    "init": ("sync", "Make a folder an archive of the account that is signed in."),
    "label": ("decisions", "Give a clip labels of your own."),
    "login": ("login", "Sign in to Blink."),
    "logout": ("account", "End the sign-in."),
    "ls": ("ls", "List clips."),
    "note": ("decisions", "Write a note about a clip, or read it."),
    "notifications": ("settings", "Which notifications Blink sends."),
    "open": ("browse", "Open a clip in the desktop's player."),
    "prune-local": ("prune_local", "Remove old files from the archive, by your rules."),
    "prune-remote": ("prune", "Delete clips at Blink that are proven safe here."),
    "query": ("query", "Ask the catalog in SQL (reading only)."),
    "runs": ("runs", "What the last runs did, and how they ended."),
    "schedules": ("schedules", "When Blink arms and disarms a network by itself."),
    "show": ("browse", "Show all that is known of a clip."),
    "simulator": ("demo", "Run a Blink cloud on this machine, to try clients on."),
    "star": ("decisions", "Star clips, so that they are kept here."),
    "stats": ("stats", "Draw the archive: clips a day, by hour and by camera; batteries."),
    "status": ("browse", "What is archived, waiting and lost; the last run; disk space."),
    "sync": ("sync", "Take everything new from Blink into the archive."),
    "unlabel": ("decisions", "Take labels of your own away from a clip."),
    "timer": ("timer", "Have the system run a sync every night."),
    "unstar": ("decisions", "Take the stars of clips away."),
    "usb": ("usb", "The sticks of the sync modules (local storage)."),
    "verify": ("verify", "Read every file back and compare it with the catalog."),
    "watch": ("watch", "Take everything new into the archive, again and again."),
    "whoami": ("account", "Who is signed in."),
}


@click.command(
    "blink-archive",
    cls=LazyGroup,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each option also comes from the environment: BLINK_ARCHIVE_ and its name in capitals "
    "(--archive: BLINK_ARCHIVE_DIR), but for those that confirm or create; and many from the configuration "
    "(`config`).",
)
@click.version_option(__version__, prog_name="blink-archive")
@global_options()
def cli() -> None:
    """Archive every clip of a Blink account: a dated folder, hashes, and an SQLite catalog.

    Start with `login`, then `sync`; or with `demo`, which needs no account.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """The entry point: runs a command, and turns an error into one sentence and an exit code."""
    _prepare()
    sys.exit(_run(arguments))


def _prepare() -> None:
    """See to it that neither a narrow encoding nor a full disk under the log makes a traceback, that warnings
    reach a person, and that SIGTERM ends a command as Ctrl-C does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.raiseExceptions = False
    log_to(Globals())
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _run(arguments: list[str] | None) -> int:
    stdout = sys.stdout
    try:
        return cli.main(arguments, prog_name="blink-archive", standalone_mode=False) or 0
    except SystemExit:
        if sys.stdout is stdout:
            raise  # shell completion ends so
        return 0  # `ls | head`: click has wrapped an stdout that nobody reads any more
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _explain(Interrupted("Interrupted. Run the command again to go on."))
    except BlinkArchiveError as error:
        return _explain(error)
    except OSError as error:
        sys.stdout = None  # what it could not write would fail again at the end
        return _explain(StorageError.of(error))


def _explain(error: BlinkArchiveError) -> int:
    click.echo(f"blink-archive: {error}", err=True)
    return error.exit_code
