"""``README.txt``: what an export is, how to check it, and what it does not show."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from .facts import CLAIM, ExportFacts

_WIDTH = 76
README = "README.txt"

_MARK = "Made by blink-archive"
_BAG = (
    "This is a bag (BagIt, RFC 8493), and its clips are below data/. In the folder that holds bagit.txt, "
    "`sha256sum -c manifest-sha256.txt` reads every file of data/ and compares its SHA-256; so does "
    "`bagit.py --validate .`, among other tools for bags. Each line has to end with OK."
)
_OTHER = (
    "In this folder, `sha256sum -c SHA256SUMS` reads every file and compares its SHA-256. Each line has to "
    "end with OK."
)


def write_readme(path: Path, facts: ExportFacts, *, about: str, missing: str) -> None:
    """Write it. ``about`` says in a sentence what is in the export, ``missing`` what is not."""
    text = Path(__file__).with_name("readme.txt").read_text(encoding="utf-8")
    for name, said in (
        ("VERSION", facts.version),
        ("ARCHIVE", facts.archive_uuid),
        ("CLAIM", CLAIM),
        ("CHECK", _BAG if facts.format == "bag" else _OTHER),
        ("MISSING", missing),
        ("ABOUT", about),  # the last, since it may hold any text
    ):
        text = text.replace(f"%{name}%", fill(said, _WIDTH, break_long_words=False, break_on_hyphens=False))
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def is_readme(path: Path) -> bool:
    """Whether that is a ``README.txt`` of an export. Raises OSError."""
    with path.open("rb") as file:
        return _MARK.encode() in file.read(10_000)
