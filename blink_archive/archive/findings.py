"""A file that is not as it should be, and the look at one file that tells."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .hashing import hash_file


@dataclass(frozen=True, slots=True)
class Finding:
    """One file that is not as it should be; ``path`` is relative to the folder that was looked at.

    ``clip_id`` is the row whose clip or thumbnail it is; None for a day's own file, and for a foreign one.
    """

    kind: Literal["missing", "changed", "foreign"]
    path: str
    detail: str
    clip_id: int | None = None


def check_file(
    folder: Path, path: str, sha256: str, *, clip_id: int | None = None
) -> tuple[int, Finding | None]:
    """Read one file and compare it: how many bytes it has, and what is wrong with it, if anything."""
    file = os.path.join(folder, path)  # noqa: PTH118 - a Path takes longer than a small file
    try:
        about = os.stat(file)  # noqa: PTH116 - likewise
        if not stat.S_ISREG(about.st_mode):  # opening a FIFO would wait for its writer, for ever
            return 0, Finding("changed", path, "it is no plain file", clip_id)
        if hash_file(file) == sha256:
            return about.st_size, None
    except (FileNotFoundError, NotADirectoryError):
        return 0, Finding("missing", path, "the catalog has it, the folder has not", clip_id)
    except OSError as error:
        return 0, Finding("changed", path, f"it cannot be read: {error.strerror}", clip_id)
    return about.st_size, Finding("changed", path, "its bytes are not those that the catalog knows", clip_id)
