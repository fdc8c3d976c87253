"""Questions with a name: those of queries.sql, and the user's own from the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ..errors import UsageError

_HEADER = re.compile(r"^-- name: (.+)\n-- title: (.+)\n-- help: (.+)\n", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A question: its title, a line of help, and one statement of SQL. ``own``: from the configuration, which
    gives it neither, so that its name and its SQL stand for them."""

    name: str
    title: str
    help: str
    sql: str
    own: bool = False


def built_in() -> dict[str, NamedQuery]:
    """The questions of queries.sql, by name."""
    text = Path(__file__).with_name("queries.sql").read_text(encoding="utf-8")
    _, *parts = _HEADER.split(text)
    named = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    return {name: NamedQuery(name, title, help_, sql.strip()) for name, title, help_, sql in named}


def all_queries(own: Mapping[str, str]) -> dict[str, NamedQuery]:
    """The questions that are built in, and those of the configuration, by name; `UsageError` where one would
    hide another."""
    known = built_in()
    for name in own:
        if name in known:
            raise UsageError(
                f"The configuration has a query {name}, and so has the program. Give yours another name."
            )
    return known | {
        name: NamedQuery(name, name, " ".join(sql.split()), sql, own=True) for name, sql in own.items()
    }


def find_query(text: str, known: Mapping[str, NamedQuery]) -> str:
    """The SQL of the query of that name, or ``text`` itself where it is no name; `UsageError` for a name
    that nothing has."""
    if text in known:
        return known[text].sql
    if _NAME.fullmatch(text) is None:
        return text
    near = get_close_matches(text.lower(), known, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]}?" if near else "Write SQL, or one of those."
    raise UsageError(f"No query is called {text!r}: `blink-archive query --list` shows them. {advice}")
