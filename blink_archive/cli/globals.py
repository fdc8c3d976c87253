"""The values of the global options, and what they lead to: the archive, the sign-in, Blink."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.configuration import Configuration, Entry
from ..config.keys import DEFAULT_ARCHIVE
from ..errors import NotSignedIn, UsageError, WrongAccount

if TYPE_CHECKING:
    from ..archive.catalog import Catalog
    from ..archive.folder import Archive
    from ..client import Blink, Pacing, Session, StateDir
    from ..client.addresses import Addresses


class NamedPath(click.Path):
    """A path. An empty one would mean the current folder, which nobody meant who wrote ``"$UNSET"``."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("The path is empty. Name one, or leave the option away.", param, ctx)
        if "\0" in os.fspath(value):
            self.fail("The path holds a NUL, which no path can. Write it anew.", param, ctx)
        return super().convert(value, param, ctx)


class Folder(NamedPath):
    """The folder of an archive, or the name that the configuration has for one. ``./home`` and ``home/`` are
    folders, and stay told apart from the name ``home``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        separators = os.sep + (os.altsep or "")
        if len(path.parts) == 1 and any(each in separators for each in os.fspath(value)):
            return absolute(path, option="--archive")
        return path


@dataclass(slots=True)
class Globals:
    """The values of the global options, None where they were not given; use the methods, which know the
    configuration and the defaults, too. ``configuration`` is empty until it is read (``is_configured``)."""

    archive_dir: Path | None = None
    catalog: Path | None = None
    state_dir: Path | None = None
    account: str | None = None
    config: Path | None = None
    api_url: str | None = None
    oauth_url: str | None = None
    ca_file: Path | None = None
    log_file: Path | None = None
    verbose: int = 0
    quiet: bool = False
    json: bool = False
    no_progress: bool = False
    no_input: bool = False
    configuration: Configuration = field(default_factory=Configuration, repr=False)
    is_configured: bool = False

    def entry(self) -> Entry | None:
        """The ``[[archive]]`` of the configuration that is meant; None where it has none for the archive.

        Raises UsageError where it has several, and none was chosen.
        """
        return self.configuration.choose(self.archive_dir)

    def queries(self) -> dict[str, str]:
        """The user's own queries: SQL by name."""
        return {name: str(query.value) for name, query in self.configuration.queries.items()}

    def root(self) -> Path:
        """The archive's folder."""
        entry, folder = self.entry(), self.archive_dir
        if entry is not None and (folder is None or str(folder) == entry.name):
            folder = entry.place
        return absolute(folder or Path(DEFAULT_ARCHIVE), option="--archive")

    def catalog_path(self) -> Path:
        """The catalog's file."""
        from ..archive.layout import CATALOG

        return self._named("catalog", self.catalog, of=self.entry()) or self.root() / CATALOG

    def whose(self) -> str | None:
        """The account that is asked for, by email or id; None where nobody says which."""
        if self.account is not None or self._is_open():
            return self.account
        entry = self.entry()
        setting = None if entry is None else entry.settings.get("account")
        return None if setting is None else str(setting.value)

    def archive(self) -> Archive:
        """The archive, which has to be there."""
        from ..archive.folder import open_archive

        return open_archive(self.root(), self.catalog_path())

    def read_catalog(self) -> Catalog:
        """The archive's catalog, for reading."""
        return self.archive().open_catalog()

    def state(self) -> StateDir:
        """Where the sign-in is kept."""
        from ..client import StateDir

        named = self._named("state-dir", self.state_dir)
        return StateDir.default() if named is None else StateDir(named)

    def session(self, *, anywhere: bool = False) -> Session:
        """The sign-in to use: of --account (or the configuration's), else of the archive's account, else the
        only one.

        With ``anywhere``, also one made against other addresses. Raises NotSignedIn where there is none,
        UsageError where there are several, WrongAccount where only others than the archive's are signed in.
        """
        from ..archive.folder import account_of
        from ..client import choose_session, stored_sessions

        state, here = self.state(), None if anywhere else self.addresses()
        wanted = self.whose()
        owner = None if wanted is not None or self._is_open() else account_of(self.root())
        try:
            return choose_session(state, owner if wanted is None else wanted, addresses=here)
        except NotSignedIn:
            others = [each for each in stored_sessions(state) if here is None or each.is_of(here)]
            if owner is None or not others:
                raise
            raise WrongAccount(
                f"{self.root()} is the archive of account {owner}, and signed in is "
                f"{', '.join(each.whose for each in others)}. Run `blink-archive login` with the email of "
                f"account {owner}, name another folder with --archive, or choose with --account."
            ) from None

    def addresses(self) -> Addresses:
        """Blink's addresses, or what --api-url and --oauth-url put in their place."""
        from ..client.addresses import Addresses

        return Addresses.chosen(api_url=self.api_url, oauth_url=self.oauth_url)

    def trusted(self) -> Path | None:
        """The file of --ca-file."""
        return self._named("ca-file", self.ca_file)

    def log(self) -> Path | None:
        """The file of --log-file."""
        return self._named("log-file", self.log_file)

    def blink(self, *, connections: int = 8, pacing: Pacing | None = None) -> Blink:
        """The `Blink` of `session`; raises as it does."""
        from ..client import Blink

        return Blink.from_state(
            self.state(),
            account=self.session().account_id,
            api_url=self.api_url,
            oauth_url=self.oauth_url,
            ca_file=self.trusted(),
            connections=connections,
            pacing=pacing,
        )

    def say(self, message: str = "") -> None:
        """A message for a person: stderr, unless --quiet."""
        if not self.quiet:
            click.echo(message, err=True)

    def can_ask(self) -> bool:
        """Whether a person is there to answer."""
        return not self.no_input and sys.stdin.isatty()

    def _is_open(self) -> bool:
        """Whether the configuration has several archives, and none was chosen."""
        return self.configuration.is_open(self.archive_dir)

    def _named(self, key: str, given: Path | None, *, of: Entry | None = None) -> Path | None:
        """The path ``given`` for ``--key``, else the configuration's, at its top or ``of`` an entry."""
        if given is not None:
            return absolute(given, option=f"--{key}")
        setting = (of or self.configuration).settings.get(key)
        return None if setting is None else Path(str(setting.value))


def absolute(path: Path, *, option: str) -> Path:
    """``path`` from the root on; `UsageError` where its ``~``, or the current folder, is not to be found."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"{path} begins with a home directory that is not known here. Set HOME, or write out the whole "
            f"path with {option}."
        ) from None
    except FileNotFoundError:
        raise UsageError(
            f"The current folder is gone, so that {path} leads nowhere. Change to another one, or write out "
            f"the whole path with {option}."
        ) from None
