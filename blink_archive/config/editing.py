"""One value of a configuration, changed where it stands: all else stays as a person wrote it."""

from __future__ import annotations

import json
import re
import tomllib

_STRING = re.compile(r"""(\s*[\w-]+\s*=\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*')""")


def with_text(text: str, line: int, value: str) -> str | None:
    """The text of a file whose line ``line`` (from 1 on), ``key = "…"``, has another value; None where the
    line is of another form, and so has to be changed by hand."""
    lines = re.split("(?<=\n)", text)  # not at U+2028 and its like, which end no line of TOML
    found = _STRING.match(lines[line - 1])
    if found is None:
        return None
    lines[line - 1] = f"{found[1]}{_string(value)}{lines[line - 1][found.end() :]}"
    changed = "".join(lines)
    try:
        tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        return None
    return changed


def _string(value: str) -> str:
    # TOML's basic strings are JSON's, but for what is above the first plane
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
