"""The tree of exceptions: each knows its exit code, and its message is the sentence a person reads.

::

    BlinkArchiveError                 1  an error that the message explains
    ├── UsageError                    2  a date, name or option that means nothing
    ├── SignInError                   4  sign-in needed
    │   ├── NotSignedIn                  no session, or its refresh token is dead
    │   ├── CodeNeeded                   a one-time code, a PIN or a browser's address is waited for
    │   ├── WrongPassword
    │   ├── WrongCode                    also one that is too old
    │   └── CodeExpired                  the ten minutes to enter it have passed
    ├── BlinkError                    5  Blink not reachable, throttled or out of order
    │   ├── NetworkError                 no answer, or half of one
    │   ├── Throttled                    429, 403 or 406 on data calls; knows until when
    │   ├── RefusedAtEdge                406 before any check of a sign-in
    │   ├── ServerError                  5xx
    │   ├── UnexpectedAnswer             HTML, an error object or another shape than asked for
    │   ├── Refused                      401 for one thing, with a sign-in that was just renewed
    │   ├── NotFound                     404, 410, code 700 or 711
    │   ├── Busy                         "System is busy": one command at a time
    │   ├── UpdateRequired               "An app update is required"
    │   └── UnsafeAddress                a URL that the token or the bytes must not go to
    ├── CommandFailed                 1  Blink took a command and then reported its failure
    ├── StateError                    1  the state directory cannot be used as it is
    ├── SchedulerError                1  systemd, cron or their like refused, or is not there
    ├── ArchiveError                  1  the folder or the catalog cannot be used as it is
    │   ├── NotAnArchive                 no marker
    │   ├── CatalogMissing               a marker, but no catalog
    │   ├── CatalogDamaged               its file is not as SQLite left it
    │   ├── WrongAccount
    │   ├── OlderFormat
    │   └── NewerFormat
    ├── BadMedia                      3  bytes that are not the clip or thumbnail asked for
    ├── ArchiveBusy                   6  another run holds the archive
    ├── IntegrityError                7  a file is missing, changed or foreign
    ├── StorageError                  8  disk full or not writable
    │   └── LowSpace                     less is free than is kept in reserve
    └── Interrupted                 130
"""

from __future__ import annotations

from datetime import datetime


class BlinkArchiveError(Exception):
    """Base of all errors of this package. ``str(error)`` says what, to which, what next."""

    exit_code = 1


class UsageError(BlinkArchiveError):
    """What was asked for means nothing: an unknown camera, a date that is none."""

    exit_code = 2


class SignInError(BlinkArchiveError):
    """A person has to sign in (again)."""

    exit_code = 4


class NotSignedIn(SignInError):
    """There is no session, or Blink no longer takes its refresh token."""


class CodeNeeded(SignInError):
    """A sign-in waits for a one-time code, a PIN, or the address that a browser ends with."""


class WrongPassword(SignInError):
    """Blink did not take this email and password."""


class WrongCode(SignInError):
    """Blink did not take this one-time code, PIN or address: wrong, or too old."""


class CodeExpired(SignInError):
    """No sign-in is waiting for a code, or it has waited for more than ten minutes."""


class BlinkError(BlinkArchiveError):
    """Blink cannot be reached, is throttling, or answers out of order."""

    exit_code = 5


class NetworkError(BlinkError):
    """No connection, no answer in time, or a connection that broke in the middle."""


class Throttled(BlinkError):
    """Blink asks to slow down.

    ``until`` is the time (UTC) that a ``Retry-After`` named, or None where it named none.
    """

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class RefusedAtEdge(BlinkError):
    """The edge in front of the OAuth host refused this client with a 406."""


class ServerError(BlinkError):
    """A 5xx. ``until`` as for `Throttled`."""

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class UnexpectedAnswer(BlinkError):
    """An answer of another shape than asked for: HTML, an error object, a wrong type."""


class Refused(BlinkError):
    """Blink does not give one thing to a sign-in that it has just renewed."""


class NotFound(BlinkError):
    """What was asked for is not there (404 or 410, or code 700 or 711 in its place)."""


class Busy(BlinkError):
    """A sync module runs one command at a time, and it is running another one (code 307)."""


class UpdateRequired(BlinkError):
    """Blink answers that the app is too old: this program needs an update."""


class UnsafeAddress(BlinkError):
    """A URL, redirect or host that neither the token nor a request may go to."""


class CommandFailed(BlinkArchiveError):
    """A command was taken, and then failed or did not end in time; Blink's own words."""


class StateError(BlinkArchiveError):
    """The state directory, or a file in it, cannot be used as it is."""


class SchedulerError(BlinkArchiveError):
    """What runs things at night on this system is not there, or refused."""


class ArchiveError(BlinkArchiveError):
    """The archive's folder or catalog cannot be used as it is."""


class NotAnArchive(ArchiveError):
    """The folder has no ``.blink-archive.json``: perhaps a disk that is not mounted."""


class CatalogMissing(ArchiveError):
    """The folder is an archive, but its catalog is not where it should be."""


class CatalogDamaged(ArchiveError):
    """The catalog's file is not as SQLite left it."""


class WrongAccount(ArchiveError):
    """The archive belongs to another account than the one signed in."""


class OlderFormat(ArchiveError):
    """The catalog was made by a version of this program whose catalogs this one does not read."""


class NewerFormat(ArchiveError):
    """A newer version of this program made the folder or the catalog."""


class BadMedia(BlinkArchiveError):
    """Bytes that came with a 200, but are not the clip or thumbnail they should be."""

    exit_code = 3


class ArchiveBusy(BlinkArchiveError):
    """Another run holds the archive."""

    exit_code = 6


class IntegrityError(BlinkArchiveError):
    """A file of the archive is missing, changed or foreign."""

    exit_code = 7


class StorageError(BlinkArchiveError):
    """The disk is full, read-only, or fails."""

    exit_code = 8

    @classmethod
    def of(cls, error: OSError) -> StorageError:
        """What ``error`` means where nothing closer is known of it."""
        what = f"{error.filename}: " if error.filename else ""
        return cls(
            f"The disk or the system refused something: {what}{error.strerror or error}. "
            "Check it, and run the command again."
        )


class LowSpace(StorageError):
    """Less space is free than the user wants to be left: stopped before the disk is full."""


class Interrupted(BlinkArchiveError):
    """Ctrl-C or SIGTERM: what was complete is kept, the rest waits for the next run."""

    exit_code = 130
