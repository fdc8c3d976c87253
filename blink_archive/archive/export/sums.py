"""``SHA256SUMS`` of an export: the last of its papers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..layout import SHA256SUMS

Payload = Iterable[tuple[str, str, int]]
"""(name, SHA-256, bytes) of each file."""


def write_sums(payload: Payload, folder: Path) -> tuple[Path, str]:
    """Write it into ``folder``; the file, and its own hash. Raises `OSError`."""
    digest = hashlib.sha256()
    path = folder / SHA256SUMS
    with path.open("wb") as file:
        for name, sha256, _ in payload:
            line = f"{sha256}  {name}\n".encode()
            digest.update(line)
            file.write(line)
    return path, digest.hexdigest()
