"""``api``: any call at all, for what the program has no command for."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

from ..errors import BlinkArchiveError, StorageError, UnexpectedAnswer, UnsafeAddress, UsageError
from .events import record_event
from .options import Globals, NamedPath, command
from .output import print_json

if TYPE_CHECKING:
    from ..client import Session
    from ..client.raw import RawAnswer

_PLACE = re.compile(r"\{(\w*)\}")
_READING = ("GET", "HEAD", "OPTIONS")
_DELETING = {
    "media_delete": "prune-remote",
    "video_delete": "prune-remote",
    "local_storage_clip_delete": "usb prune",
}
"""The calls that delete clips, and the commands that do so once the clip is safe here."""


@command("api", variables="BLINK_ARCHIVE_API")
@click.argument("method", metavar="METHOD")
@click.argument("path", metavar="PATH")
@click.option("--data", metavar="JSON", help="The body: JSON, @FILE, or - for stdin.")
@click.option(
    "-o",
    "--output",
    type=NamedPath(),
    metavar="FILE",
    help="Write the answer to FILE as it came; -: to stdout.",
)
@click.option(
    "--obsolete", is_flag=True, allow_from_autoenv=False, help="Also make a call that is marked as obsolete."
)
def api_command(
    given: Globals, *, method: str, path: str, data: str | None, output: Path | None, obsolete: bool
) -> None:
    """Make any call to Blink: `api GET /networks`.

    docs/protocol.md lists the calls that are known. {account_id}, {client_id}, {user_id} and {tier} in PATH
    are filled in. PATH may also be a whole https address; the token goes to Blink's own hosts only. JSON is
    printed as JSON, anything else as it came. Nothing is tried again, and no redirect is followed. Clips
    are not deleted with this: `prune-remote` and `usb prune` do that, and only where the archive has them.

    An error is printed too, and ends with its exit code: 4 where a sign-in is needed, 5 for most others.
    """
    method = method.upper()
    if not re.fullmatch(r"[A-Z]{1,20}", method):
        raise UsageError(f"{method[:40]!r} is no method. Give one such as GET or POST.")
    body = None if data is None else _body(data)
    answer = asyncio.run(_call(given, method, path, body=body, obsolete=obsolete))
    if output is None:
        _print(given, answer)
    elif str(output) == "-":
        click.echo(answer.body, nl=False)
    else:
        try:
            output.write_bytes(answer.body)
        except OSError as error:
            raise StorageError(f"{output} cannot be written: {error.strerror}. Name another file.") from error
    if not 200 <= answer.status < 300:
        raise _error(answer, what=f"{method} {_path_of(path)}")


async def _call(given: Globals, method: str, path: str, *, body: Any, obsolete: bool) -> RawAnswer:
    async with given.blink() as blink:
        filled = _filled(path, blink.session)
        _check(method, filled, obsolete=obsolete)
        try:
            answer = await blink.call(method, filled, json=body)
        except UnsafeAddress as error:
            raise UsageError(
                f"{filled[:80]!r} is no address to ask. Give a path that begins with /, or an https address."
            ) from error
        if method not in _READING and 200 <= answer.status < 300:
            detail = {"method": method, "path": _path_of(filled), "status": answer.status}
            record_event(given, "api_called", detail, account_id=blink.account_id)
        return answer


def _error(answer: RawAnswer, *, what: str) -> BlinkArchiveError:
    """The error that an answer stands for; another host's says nothing of the sign-in or of Blink."""
    from ..protocol.answers import error_of

    if answer.elsewhere is not None:
        return UnexpectedAnswer(
            f"{answer.elsewhere} answered {what} with status {answer.status}. "
            "The token goes to Blink's own hosts only; check the address."
        )
    return error_of(answer.status, answer.value, what=what)


def _filled(path: str, session: Session) -> str:
    """``path`` with the ids of the session in it."""
    known = {
        "account_id": session.account_id,
        "client_id": session.client_id,
        "user_id": session.user_id,
        "tier": session.tier,
    }

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            places = ", ".join(f"{{{name}}}" for name in known)
            raise UsageError(f"{found[0]} is not known; {places} are filled in.")
        if known[found[1]] is None:
            raise UsageError(f"Blink has not told {found[0]} yet: run `blink-archive whoami` first.")
        return str(known[found[1]])

    return _PLACE.sub(value, path)


def _path_of(address: str) -> str:
    """The path in a path with its query, or in a whole address."""
    try:
        return urlsplit(address).path
    except ValueError as error:
        raise UsageError(f"{address[:80]!r} is no address: {error}.") from error


def _check(method: str, path: str, *, obsolete: bool) -> None:
    """Refuses a call that deletes clips, or that the table marks as obsolete."""
    from ..protocol.endpoints import ENDPOINTS, endpoint_of

    plain = _plain(_path_of(path))
    for name, instead in _DELETING.items():
        if ENDPOINTS[name].ids_in(plain) is not None:
            raise UsageError(
                "This call deletes clips, whether the archive has them or not. "
                f"Use `blink-archive {instead}`, which looks first."
            )
    found = endpoint_of(method, _path_of(path).rstrip("/"))
    if found is not None and found.mark == "O" and not obsolete:
        raise UsageError(
            f"{found.method} {found.path} is obsolete: Blink may answer with an error or with old data. "
            "--obsolete asks all the same."
        )


def _plain(path: str) -> str:
    """``path`` as a server may read it, which knows neither case nor what follows a segment's ; or a form
    such as .json at the end."""
    path = normpath("/" + re.sub(r";[^/]*", "", unquote(path)).lstrip("/"))
    return re.sub(r"\.[a-z]+$", "", path.lower())


def _body(data: str) -> Any:
    """The JSON value of ``--data``."""
    try:
        if data == "-":
            data = sys.stdin.buffer.read().decode("utf-8")
        elif data.startswith("@"):
            data = Path(data[1:]).read_text(encoding="utf-8")
        return json.loads(data)
    except OSError as error:
        raise UsageError(f"{data[1:]} cannot be read: {error.strerror}. Check its name.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"What --data gives is no JSON: {error}.") from error


def _print(given: Globals, answer: RawAnswer) -> None:
    if answer.is_json:
        print_json(answer.value)
    elif given.json:
        print_json(_as_json(answer))
    else:
        click.echo(answer.body, nl=False)


def _as_json(answer: RawAnswer) -> dict[str, Any]:
    """An answer that is no JSON, as JSON."""
    facts: dict[str, Any] = {"status": answer.status, "content_type": answer.content_type}
    try:
        return facts | {"text": answer.body.decode("utf-8")}
    except UnicodeDecodeError:
        return facts | {"base64": base64.b64encode(answer.body).decode("ascii")}
