"""Every key that the configuration may have: where it stands, and which option takes it as its default."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_ARCHIVE = "~/blink-archive"
ENTRY = "archive"
QUERIES = "queries"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file.

    ``name`` is the long name of the option that it is the default of, but for ``--``. ``table`` is the table
    that it stands in: ``""`` is the top of the file, ``archive`` an ``[[archive]]``, ``archive.filters`` its
    ``[archive.filters]``. ``commands`` are the commands whose option takes it (``timer install``); none: it
    is a global option's. ``example`` is TOML, for the options that have no default to show. ``text`` is its
    meaning where the option's own help is not enough. A path is taken from the file's folder on; a secret is
    never shown.
    """

    name: str
    table: str
    commands: tuple[str, ...] = ()
    example: str | None = None
    text: str | None = None
    is_path: bool = False
    is_secret: bool = False


NAME = Key(
    "name",
    ENTRY,
    example='"home"',
    text="What this archive is called: `--archive home` is short for its folder.",
)
"""The one key that is no option's default."""

_SYNCS = ("sync", "watch")

KEYS: tuple[Key, ...] = (
    Key("state-dir", "", example='"state"', is_path=True),
    Key("ca-file", "", example='"proxy.pem"', is_path=True),
    Key("log-file", "", example='"blink-archive.log"', is_path=True),
    NAME,
    Key(
        "archive",
        ENTRY,
        example=f'"{DEFAULT_ARCHIVE}"',
        text=f"The archive's folder (default: {DEFAULT_ARCHIVE}).",
        is_path=True,
    ),
    Key("catalog", ENTRY, example=f'"{DEFAULT_ARCHIVE}/catalog.db"', is_path=True),
    Key("account", ENTRY, example='"me@example.com"'),
    Key("layout", ENTRY, _SYNCS, example='"{created:%Y-%m}/{camera}/{id}"'),
    Key("from", ENTRY, _SYNCS),
    Key("workers", ENTRY, _SYNCS),
    Key("max-rate", ENTRY, _SYNCS, example='"2MB/s"'),
    Key("reserve", ENTRY, _SYNCS),
    Key("quiet-days", ENTRY, _SYNCS),
    Key("describe", ENTRY, _SYNCS),
    Key("camera", "archive.filters", _SYNCS, example='["Front Door", "Garden"]'),
    Key("network", "archive.filters", _SYNCS, example='["Home"]'),
    Key("source", "archive.filters", _SYNCS, example='["pir"]'),
    Key("since", "archive.filters", _SYNCS, example='"30d"'),
    Key(
        "delete-remote",
        "archive.deletion",
        _SYNCS,
        text="After each sync, delete at Blink what is proven safe here. true is your standing yes: nothing "
        "is asked. `sync --no-delete-remote` is the exception for one run.",
    ),
    Key("keep-days", "archive.deletion", (*_SYNCS, "prune-remote")),
    Key("keep", "archive.retention", ("prune-local",), example='"365d"'),
    Key("max-size", "archive.retention", ("prune-local",), example='"500GB"'),
    Key("keep-starred", "archive.retention", ("prune-local",)),
    Key(
        "after-sync",
        "archive.retention",
        _SYNCS,
        text="After each sync, remove here what is to leave by these rules. true is your standing yes: "
        "nothing is asked. `sync --no-after-sync` is the exception for one run.",
    ),
    Key(
        "notify",
        "archive.notifications",
        _SYNCS,
        example='["mailto://user:password@example.com"]',
        text="Tell these services how a run ended: mailto://…, ntfy://… and all others of Apprise.",
        is_secret=True,
    ),
    Key("notify-on", "archive.notifications", _SYNCS),
    Key("digest-every", "archive.notifications", _SYNCS),
    Key("ping", "archive.notifications", _SYNCS, example='"https://hc-ping.com/your-uuid"', is_secret=True),
    Key("prometheus-file", "archive.notifications", _SYNCS, example='"blink-archive.prom"', is_path=True),
    Key("at", "archive.schedule", ("timer install", "timer show")),
    Key("verify", "archive.schedule", ("timer install", "timer show"), example='"10m"'),
    Key("every", "archive.schedule", ("watch",)),
    Key("usb-every", "archive.schedule", ("watch",)),
)


def heading(table: str) -> str:
    """How the file says that a table begins: ``[[archive]]``, ``[archive.filters]``; "" at the top."""
    return {"": "", ENTRY: "[[archive]]"}.get(table, f"[{table}]")
