"""atheris looks for inputs that reach new code, in the long form."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive.helpers import CLIPS
from tests.protocol.samples import SAMPLES

from . import LONG
from .conftest import Figure
from .targets import BYTES, TEXTS
from .test_fuzz import DAY

SECONDS = 40  # for each target

SEEDS: dict[str, list[bytes]] = {
    "mp4": [(CLIPS / "door-06s.mp4").read_bytes()[:4000], b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov"],
    "transport stream": [(CLIPS / "live.ts").read_bytes()[: 188 * 8]],
    "jpeg": [(CLIPS / "door-06s.jpg").read_bytes()],
    "live view packets": [b"\0\0\0\0\1\0\0\0\4\x47abc" * 3],
    "body": [json.dumps(sample).encode() for sample in SAMPLES.values()],
    "page": [json.dumps(SAMPLES["media_changed"]).encode()],
    "stick": [json.dumps(SAMPLES["local_storage_manifest"]).encode()],
    "home": [json.dumps(SAMPLES["homescreen"]).encode()],
    "entries of a day": [json.dumps(DAY).encode()],
    "rebuild of a day": [json.dumps(DAY).encode()],
    "span of time": [b"90s", b"365d"],
    "date of a person": [b"2026-11-23 14:00", b"7d", b"Mon, 23 Nov 2026 7 pm"],
    "date of a server": [b"Mon, 23 Nov 2026 19:52:07 GMT", b"120", b"2026-11-23T19:52:07+00:00"],
    "zone name": [b"America/New_York"],
    "file name": [b"26-11-23/08-37-43_Corner_081.mp4", b"{camera}_{time:%Y%m%d-%H%M%S}.mp4"],
    "layout template": [b"{created:%Y-%m}/{camera}/{id}", b"{network}/{source}_{id}"],
    "search text": [b'park* "front door" NEAR(a b)'],
    "live view address": [b"immis://3.80.1.2:443/abc__IMDS_G8T1?client_id=208"],
    "region": [b"u011"],
    "redirect": [b"https://rest-u011.immedia-semi.com/media/x.mp4?a=b", b"//host:80/x"],
    "schedule": [b'name = "x"\n[[line]]\ndays = ["mon"]\ntime = "07:30"\naction = "arm"\n'],
    "sign in page": [b'<script id="oauth-args">{"csrf-token": "x"}</script>', b"code=1&state=s"],
    "log line": [b'token=x "password": "y" https://u@h/p?q +1 (555) 123-4567'],
}


def test_every_target_has_seeds() -> None:
    """None begins from nothing."""
    assert SEEDS.keys() == TEXTS.keys() | BYTES.keys()


@pytest.mark.skipif(not LONG, reason="the long form alone")
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", SEEDS)
def test_no_input_crashes(name: str, tmp_path: Path, figure: Figure) -> None:
    """No input that atheris finds in its time does anything but raise an error of ours, within bounds."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [
        sys.executable,
        "-m",
        "tests.faults.fuzz_with_atheris",
        name,
        str(corpus),
        f"-artifact_prefix={tmp_path}/",
    ]
    limits = [
        f"-max_total_time={SECONDS}",
        "-rss_limit_mb=2048",
        "-timeout=20",
        "-max_len=16384",
        "-seed=20261123",
    ]
    done = subprocess.run(
        [*command, *limits],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=SECONDS * 6,
    )
    runs = re.search(r"Done (\d+) runs", done.stderr)
    figure("executions", int(runs[1]) if runs else 0)
    figure("crashes", int(done.returncode != 0))
    assert done.returncode == 0, done.stderr[-4000:]
    assert runs
    assert int(runs[1]) > 100
