"""``notifications`` and ``account``: what Blink keeps for the account and for this client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import BlinkArchiveError, UpdateRequired, UsageError
from .events import record_event
from .groups import group
from .options import Globals, NamedPath, command
from .output import print_json, print_table, printable

if TYPE_CHECKING:
    from ..client import Blink

T = TypeVar("T")

_WORDS = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_GET_OR_SET = click.argument("action", type=click.Choice(["get", "set"]), default="get")


def _asked(given: Globals, ask: Callable[[Blink], Awaitable[T]]) -> T:
    """What ``ask`` gets of Blink."""

    async def run() -> T:
        async with given.blink() as blink:
            return await ask(blink)

    return asyncio.run(run())


def _show(given: Globals, facts: Mapping[str, Any]) -> None:
    """An object of Blink's, as a table or as JSON."""
    if given.json:
        print_json(dict(facts))
    else:
        print_table(("name", "value"), [(name, _in_words(value)) for name, value in facts.items()])


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case str():
            return value
        case None:
            return ""
        case _:
            return json.dumps(value, ensure_ascii=False)


def _pairs(changes: tuple[str, ...]) -> dict[str, str]:
    """``KEY=VALUE`` words as a dictionary."""
    pairs = [change.partition("=") for change in changes]
    wrong = [change for change, (key, sign, _) in zip(changes, pairs, strict=True) if not (key and sign)]
    if wrong or not changes:
        raise UsageError(f"{wrong[0]!r} is no NAME=VALUE." if wrong else "Say what to set, as NAME=VALUE.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _nothing_to_set(action: str, changes: tuple[str, ...]) -> None:
    if action == "get" and changes:
        raise UsageError(f"Nothing is changed by get. To change it, write `set {' '.join(changes)}`.")


@command("notifications", variables="BLINK_ARCHIVE_NOTIFICATIONS")
@_GET_OR_SET
@click.argument("changes", metavar="[NAME=on|off]...", nargs=-1)
@click.option(
    "--force", is_flag=True, allow_from_autoenv=False, help="Also set names that Blink does not list."
)
def notifications_command(given: Globals, *, action: str, changes: tuple[str, ...], force: bool) -> None:
    """Show, or set, which notifications Blink sends: `notifications set low_battery=off motion=on`."""
    _nothing_to_set(action, changes)
    if action == "get":
        _show(given, _asked(given, lambda blink: blink.account.notifications()))
        return
    wanted = {name: _truth(name, value) for name, value in _pairs(changes).items()}

    async def change(blink: Blink) -> dict[str, bool]:
        known = await blink.account.notifications()
        for name in wanted:
            if name not in known and not force:
                near = get_close_matches(name, known) or sorted(known)
                raise UsageError(
                    f"Blink has no notification {name!r}. There is {', '.join(near)}; --force sends it "
                    "all the same."
                )
        different = {name: on for name, on in wanted.items() if known.get(name) is not on}
        if different:
            await blink.account.set_notifications(different)
            record_event(given, "notifications_set", dict(different), account_id=blink.account_id)
        return different

    different = _asked(given, change)
    if given.json:
        print_json({"changed": different})
        return
    for name, on in wanted.items():
        click.echo(f"{name} is {_in_words(on)}{'' if name in different else ' already'}.")


def _truth(name: str, value: str) -> bool:
    if value.lower() not in _WORDS:
        raise UsageError(f"{name} can be {', '.join(_WORDS)}, but not {value[:40]!r}.")
    return _WORDS[value.lower()]


@group(
    "account",
    {
        "client-options": ("settings", "What the app keeps for this client; set changes the client."),
        "health": ("settings", "What the server says of its health (deprecated)."),
        "options": ("settings", "The flags of the account."),
        "regions": ("settings", "Blink's servers by region."),
        "upload-logs": ("settings", "Send a log to Blink."),
        "usage": ("settings", "Seconds of clips and live views of each camera."),
        "user": ("settings", "The person of the account."),
        "version": ("settings", "Whether Blink wants a newer app."),
        "video-options": ("settings", "After how many days Blink deletes clips."),
    },
)
def account_command() -> None:
    """What Blink keeps for the account and for this client."""


@command("options")
def options_command(given: Globals) -> None:
    """The flags of the account, by Blink's names."""
    _show(given, _asked(given, lambda blink: blink.account.options()))


@command("user")
def user_command(given: Globals) -> None:
    """The person of the account: email, time zone, units of temperature."""
    _show(given, _asked(given, lambda blink: blink.account.user()))


@command("client-options", variables="BLINK_ARCHIVE_ACCOUNT")
@_GET_OR_SET
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1)
def client_options_command(given: Globals, *, action: str, changes: tuple[str, ...]) -> None:
    """What the app keeps for this client (the order of networks and cameras, …).

    `set` changes what Blink keeps of the client itself, such as notification_key. A VALUE that is JSON is
    sent as that, anything else as text.
    """
    _nothing_to_set(action, changes)
    if action == "get":
        _show(given, _asked(given, lambda blink: blink.account.client_options()))
        return
    wanted = {key: _json_or_text(value) for key, value in _pairs(changes).items()}

    async def change(blink: Blink) -> Mapping[str, Any]:
        answer = await blink.account.update_client(wanted)
        record_event(given, "account_set", {"client": sorted(wanted)}, account_id=blink.account_id)
        return answer

    answer = _asked(given, change)
    if given.json:
        print_json(dict(answer))
    else:
        click.echo(f"Blink took {', '.join(wanted)}.")


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


@command("video-options", variables="BLINK_ARCHIVE_ACCOUNT")
@click.option(
    "--auto-delete-days",
    "days",
    type=click.IntRange(1),
    allow_from_autoenv=False,
    metavar="N",
    help="Have Blink delete clips after N days.",
)
@click.option("--yes", is_flag=True, allow_from_autoenv=False, help="Do not ask.")
def video_options_command(given: Globals, *, days: int | None, yes: bool) -> None:
    """How full Blink's storage is, and after how many days it deletes clips.

    A smaller N deletes at Blink, for good, what is older than that: it asks first, and without a terminal
    it needs --yes. What is archived stays. Afterwards Blink is asked whether it took it.
    """
    stats = _asked(given, _video_stats)
    if days is None:
        _show(given, stats)
        return
    choices, before = stats.get("auto_delete_day_options"), stats.get("auto_delete_days")
    if not isinstance(choices, list) or days not in choices:
        told = ", ".join(map(str, choices)) if isinstance(choices, list) and choices else "none"
        raise UsageError(f"Blink does not offer {days} days for this account; it offers {told}.")
    if days == before:
        given.say(f"Blink deletes clips after {days} days already.")
    elif yes or _may_delete(given, days, before=before):
        stats = _asked(given, lambda blink: _set_days(given, blink, days, before=before))
        given.say(f"Blink now deletes clips after {days} days.")
    if given.json:
        print_json(dict(stats))


async def _video_stats(blink: Blink) -> Mapping[str, Any]:
    from ..protocol.answers import member

    return member((await blink.homescreen()).raw, "video_stats")


def _may_delete(given: Globals, days: int, *, before: object) -> bool:
    """Whether a person agrees to what becomes of clips; nobody has to where they are kept longer."""
    if isinstance(before, int) and days > before:
        return True
    warning = f"Blink will delete every clip that is older than {days} days, for good, archived or not."
    if not given.can_ask():
        raise UsageError(f"{warning} Say --yes, as there is nobody to ask.")
    return click.confirm(f"{warning} Go on?", err=True)


async def _set_days(given: Globals, blink: Blink, days: int, *, before: object) -> Mapping[str, Any]:
    """The video stats afterwards; BlinkArchiveError where they do not have it."""
    await blink.account.set_auto_delete_days(days)
    stats = await _video_stats(blink)
    if (now := stats.get("auto_delete_days")) != days:
        raise BlinkArchiveError(
            f"Blink took the change without an error, but still says that it deletes clips after {now} days. "
            "Look in the Blink app."
        )
    detail = {"auto_delete_days": days, "before": before}
    record_event(given, "account_set", detail, account_id=blink.account_id)
    return stats


@command("regions", variables="BLINK_ARCHIVE_ACCOUNT")
@click.option("--locale", metavar="CC", default="US", show_default=True, help="A country's two letters.")
def regions_command(given: Globals, *, locale: str) -> None:
    """Blink's servers by region, and the one that is preferred for a country."""
    answer = _asked(given, lambda blink: blink.account.regions(locale=locale))
    if given.json:
        print_json(dict(answer))
        return
    found = answer.get("regions")
    regions = found if isinstance(found, Mapping) else {}
    rows = [
        (name, region.get("dns"), region.get("friendly_name"), "*" if name == answer.get("preferred") else "")
        for name, region in regions.items()
        if isinstance(region, Mapping)
    ]
    print_table(("region", "tier", "name", "preferred"), rows)


@command("version")
def version_command(given: Globals) -> None:
    """Whether Blink wants a newer app; exit code 5 if it requires one."""
    answer = _asked(given, lambda blink: blink.account.version())
    if given.json:
        print_json(dict(answer))
    if answer.get("update_required"):
        raise UpdateRequired(
            "Blink requires a newer app than this program says it is. Install the newest version of "
            "blink-archive."
        )
    if not given.json:
        newer = "There is a newer app, but Blink" if answer.get("update_available") else "Blink"
        click.echo(f"{newer} requires no update.")


@command("health")
def health_command(given: Globals) -> None:
    """What the server says of its health: one line; Blink has deprecated it."""
    line = _asked(given, lambda blink: blink.account.health())
    if given.json:
        print_json({"health": line})
    else:
        click.echo(printable(line))


@command("usage")
def usage_command(given: Globals) -> None:
    """Seconds of clips and live views of each camera, over the days that Blink counts."""
    answer = _asked(given, lambda blink: blink.cameras.usage())
    if given.json:
        print_json(dict(answer))
        return
    rows = [
        (network.get("name"), camera.get("name"), camera.get("clip_seconds"), camera.get("lv_seconds"))
        for network in _objects(answer, "networks")
        for camera in _objects(network, "cameras")
    ]
    given.say(f"Over {answer.get('range_days', 'some')} days:")
    print_table(("network", "camera", "clip seconds", "live view seconds"), rows)


def _objects(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = answer.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


@command("upload-logs", variables="BLINK_ARCHIVE_ACCOUNT")
@click.argument("file", type=NamedPath())
def upload_logs_command(given: Globals, *, file: Path) -> None:
    """Send the text in FILE to Blink as a log, without what looks like a secret in it."""
    from ..client.redact import redacted

    try:
        text = redacted(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}. Check its name.") from error

    async def send(blink: Blink) -> None:
        await blink.account.upload_logs(text)
        record_event(given, "log_uploaded", {"bytes": len(text)}, account_id=blink.account_id)

    _asked(given, send)
    if given.json:
        print_json({"uploaded": True})
    else:
        given.say(f"Blink has the log {file}.")
