"""SHA-256 of files, quick for small ones, too."""

from __future__ import annotations

import hashlib
import os
from io import FileIO
from pathlib import Path

_READ = 1 << 20  # bytes at a time


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file, in hex; raises `OSError` as reading does."""
    with FileIO(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < _READ and len(data := os.read(file.fileno(), size + 1)) == size:
            return hashlib.sha256(data).hexdigest()
        file.seek(0)
        return hash_open(file)


def hash_open(file: FileIO) -> str:
    """SHA-256 of an unbuffered file from where it stands, in hex; raises `OSError` as reading does."""
    digest = hashlib.sha256()
    buffer = bytearray(_READ)
    view = memoryview(buffer)
    while count := file.readinto(buffer):
        digest.update(view[:count])
    return digest.hexdigest()
