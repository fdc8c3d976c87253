"""An export takes the same memory for many clips as for few."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from blink_archive.archive.folder import Archive

from .helpers import fill_with_many

CHECKOUT = Path(__file__).parent.parent.parent.parent
MEASURED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from blink_archive.archive.export.run import Request, planned
from blink_archive.archive.filters import Filter
from blink_archive.archive.folder import open_archive
root, target, last = Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
asked = Request(target, Filter(until=last), {}, form="zip")
with planned(open_archive(root, root / "catalog.db"), asked, now=lambda: datetime.now(UTC)) as export:
    export.run(tick=lambda count: None)
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the kernel does not tell of a program's memory"
)
def test_memory_is_bounded(archive: Archive, tmp_path: Path) -> None:
    """Ten times as many clips, 10,000, into a ZIP, which has a directory of all of them in the end: no more than
    8 MB more, of which SQLite's caches are a part."""
    catalog = archive.open_catalog(write=True)
    fill_with_many(catalog, 10_000)
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE clips SET bytes = 1, sha256 = ?, thumbnail_sha256 = NULL, thumbnail_path = NULL, "
            "thumbnail_bytes = NULL, thumbnail_archived_at = NULL",
            (hashlib.sha256(b"x").hexdigest(),),
        )
    rows = catalog.rows("SELECT path, created_at FROM clips ORDER BY id")
    catalog.close()
    (tmp_path / "x").write_bytes(b"x")
    for folder in {(archive.root / row["path"]).parent for row in rows}:
        folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        os.link(tmp_path / "x", archive.root / row["path"])
    peaks = []
    for count in (1_000, 10_000):
        target, last = tmp_path / f"{count}.zip", rows[count - 1]["created_at"]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, archive.root, target, last],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) / 1000)
        with zipfile.ZipFile(target) as read:
            assert sum(name.endswith(".mp4") for name in read.namelist()) == count
    few, many = peaks
    assert many < few + 8, peaks
    print(f"memory: {few:.0f} MB for 1,000 clips, {many:.0f} MB for 10,000")
