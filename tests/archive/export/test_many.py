"""The papers of an export take the same memory for many clips as for few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from blink_archive.archive.folder import Archive

from .helpers import fill_with_many

CHECKOUT = Path(__file__).parent.parent.parent.parent
# How much its memory was at the most, in kB: by the kernel's count for this program alone, which a fork does not raise.
MEASURED = """
import sys
from pathlib import Path
from blink_archive.archive.catalog import Catalog
from tests.archive.export.helpers import choose, papers
catalog = Catalog.read(Path(sys.argv[1]))
choose(catalog, f"id <= {sys.argv[3]}")
papers(catalog, Path(sys.argv[2]))
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the kernel does not tell of a program's memory"
)
def test_memory_is_bounded(archive: Archive, tmp_path: Path) -> None:
    """Ten times as many clips, 20,000, take no more than 16 MB more, of which SQLite's cache is a part."""
    catalog = archive.open_catalog(write=True)
    fill_with_many(catalog, 20_000)
    catalog.close()
    peaks = []
    for count in (2_000, 20_000):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, archive.catalog_path, tmp_path / f"of {count}", str(count)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout) / 1000)
    few, many = peaks
    assert many < few + 16, peaks
    assert (tmp_path / "of 20000" / "clips.json").stat().st_size > 25e6
    print(f"memory: {few:.0f} MB for 2,000 clips, {many:.0f} MB for 20,000")
