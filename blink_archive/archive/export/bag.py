"""The tag files of a bag (BagIt 1.0, RFC 8493): text from the names, hashes and lengths of its payload."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

from .facts import CLAIM, ExportFacts

PAYLOAD = "data"
"""The folder of the payload."""

_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(
    payload: Iterable[tuple[str, str, int]], *, scratch: Path, facts: ExportFacts
) -> list[tuple[str, Path]]:
    """Write a bag's tag files into ``scratch``, each as (name, file), in the order in which they are to be
    written; the payload is (name within it, SHA-256, bytes) of every file, in any order, and read once."""
    count = size = 0
    manifest = scratch / "manifest-sha256.txt"
    with manifest.open("w", encoding="utf-8", newline="\n") as file:
        for name, sha256, length in payload:
            count, size = count + 1, size + length
            file.write(manifest_line(f"{PAYLOAD}/{name}", sha256))
    tags = {"bagit.txt": _DECLARATION, "bag-info.txt": bag_info(facts, count=count, size=size)}
    for name, text in tags.items():
        (scratch / name).write_text(text, encoding="utf-8", newline="\n")
    made = [(name, scratch / name) for name in (*tags, manifest.name)]
    tag_manifest = scratch / "tagmanifest-sha256.txt"
    lines = (manifest_line(name, _sha256(path)) for name, path in made)
    tag_manifest.write_text("".join(lines), encoding="utf-8", newline="\n")
    return [*made, (tag_manifest.name, tag_manifest)]


def manifest_line(name: str, sha256: str) -> str:
    """One line of a manifest. Line ends and percent signs of a name are encoded, nothing else is (RFC 8493,
    2.1.3), so that `sha256sum -c` reads the names that have none."""
    for char in "%\r\n":
        name = name.replace(char, f"%{ord(char):02X}")
    return f"{sha256}  {name}\n"


def bag_info(facts: ExportFacts, *, count: int, size: int) -> str:
    """``bag-info.txt`` of a bag whose payload has so many files and bytes."""
    entries = {
        "Bagging-Date": facts.exported_at.strftime("%Y-%m-%d"),
        "Bag-Software-Agent": f"blink-archive {facts.version}",
        "External-Identifier": facts.archive_uuid,
        "External-Description": f"Clips of a Blink account; selected: {facts.selection or 'all'}",
        "Internal-Sender-Description": CLAIM,
        "Bag-Size": f"{size / 1e6:.1f} MB",
        "Payload-Oxum": f"{size}.{count}",
    }
    if facts.parts != 1:
        entries["Bag-Group-Identifier"] = f"{facts.archive_uuid}/{facts.exported_at:%Y%m%dT%H%M%SZ}"
        entries["Bag-Count"] = f"{facts.part} of {facts.parts or '?'}"
    return "".join(_entry(label, value) for label, value in entries.items())


def _entry(label: str, value: str) -> str:
    """A label and its value, which goes on in lines that begin with a space (RFC 8493, 2.2.2)."""
    text = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    return (
        fill(f"{label}: {text}", 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        + "\n"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
