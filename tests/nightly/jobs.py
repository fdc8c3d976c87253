"""Jobs for the tests of timers, and readers of the formats that they are written in."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from blink_archive.nightly.timers import Job, Owner

USER = Owner("user", "daemon", Path("/home/alice"))
SYSTEM = replace(USER, scope="system")
ODD = """it's 100% "odd"\\ $HOME ${PATH} %h $(id) `id` ; # & <ä> 末"""

words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"))
names = words.filter(lambda name: name not in ("", ".", "..") and "/" not in name)


def job(owner: Owner = USER, **other: Any) -> Job:
    """A job, with what matters to a test."""
    usual: dict[str, Any] = {
        "name": "blink-archive",
        "command": ("/usr/bin/blink-archive", "--archive", "/home/alice/blink-archive", "sync"),
        "at": time(3, 15),
        "archive": Path("/home/alice/blink-archive"),
        "writable": (Path("/home/alice/blink-archive"),),
    }
    return Job(owner=owner, **(usual | other))


def settings(unit: str) -> dict[str, list[str]]:
    """The settings of a unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.split("\n"):
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def split_as_systemd(value: str) -> list[str]:
    """Words in double quotes as systemd.syntax(7) has them, where a backslash stands only before itself or a
    quote, and as systemd.unit(5) has percent signs."""
    found: list[str] = []
    rest = value
    while rest:
        assert rest[0] == '"', rest
        word, at = "", 1
        while rest[at] != '"':
            if rest[at] == "\\":
                at += 1
                assert rest[at] in '"\\', rest
            elif rest[at] == "%":
                at += 1
                assert rest[at] == "%", rest
            word += rest[at]
            at += 1
        found.append(word)
        rest = rest[at + 1 :]
        assert not rest or (rest[0] == " " and len(rest) > 1), rest
        rest = rest[1:]
    return found


def split_as_windows(line: str) -> list[str]:
    """Arguments as CommandLineToArgvW finds them."""
    found: list[str] = []
    word, quoted, there, slashes = "", False, False, 0
    for letter in line + " ":
        if letter == "\\":
            slashes += 1
            there = True
            continue
        if letter == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            there, slashes = True, 0
            continue
        word += "\\" * slashes
        slashes = 0
        if letter in " \t" and not quoted:
            if there:
                found.append(word)
            word, there = "", False
        else:
            word += letter
            there = True
    return found
