"""A configuration to begin with: every key with its meaning and its default, all of them comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import wrap

from .configuration import Value
from .keys import ENTRY, QUERIES, Key, heading

_WIDTH = 100
_TITLE = "The configuration of blink-archive."
_HEAD = (
    "A setting is the default of the option of the same name; an option that is typed, and a variable of the "
    "environment, come first. What begins with # is not set: behind it is the default, or an example where "
    "there is none. `blink-archive config check` finds mistakes, `config show` tells what holds "
    "and why. Paths are relative to this file's folder."
)
_TABLES = {
    ENTRY: "One archive. For several, write [[archive]] and what is below it again for each, with a name.",
    "archive.filters": "What `sync` and `watch` fetch; all else is recorded, and waits.",
    "archive.deletion": "Deletion at Blink, of what is proven safe here.",
    "archive.retention": "Which clips leave this archive, and when: the rules of `prune-local`.",
    "archive.notifications": "Who is told how a run ended.",
    "archive.schedule": "When runs begin.",
}
_QUERIES = 'Queries of your own, in SQL: `blink-archive query busy` then runs "busy".'
_EXAMPLE = "SELECT camera, count(*) AS clips FROM clips_view GROUP BY 1 ORDER BY 2 DESC"


@dataclass(frozen=True, slots=True)
class Line:
    """A key, what its option says it is for, and the option's default; None: it has none."""

    key: Key
    help: str
    default: Value | float | None


def template(lines: Iterable[Line], answers: Mapping[str, Value]) -> str:
    """The text of a configuration with those ``answers`` set, by key, and everything else a comment."""
    parts = [f"{_comment(_TITLE)}\n#\n{_comment(_HEAD)}"]
    table = ""
    for line in lines:
        if line.key.table != table:
            if not table:
                parts.append(f"{_comment(_QUERIES)}\n[{QUERIES}]\n#busy = {_toml(_EXAMPLE)}")
            table = line.key.table
            parts.append(f"\n{_comment(_TABLES[table])}\n{heading(table)}")
        parts.append(_setting(line, answers.get(line.key.name)))
    return "\n\n".join(parts) + "\n"


def _setting(line: Line, answer: Value | None) -> str:
    key = line.key
    note = (
        line.help
        if line.default is not None or "(default" in line.help
        else f"{line.help} Not set by default."
    )
    default = key.example if line.default is None else _toml(line.default)
    set_to = f"#{key.name} = {default}" if answer is None else f"{key.name} = {_toml(answer)}"
    return f"{_comment(note)}\n{set_to}"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(text, _WIDTH))


def _toml(value: Value | float) -> str:
    """``value`` in TOML, whose texts are JSON's, but for one character."""
    match value:
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return json.dumps(value)
