"""Every kind of fault happens as described, as often as asked, and to nobody else."""

import json
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive.simulator import Fault, Faults, Settings, Simulator

from .helpers import HARDWARE_ID, Clock, SignIn, boxes, listing


@pytest.fixture
def path(sim: Simulator) -> str:
    """Of one clip."""
    return sim.cloud.item(sim.cloud.live_clips()[0])["media"]


@pytest.fixture
def content(sim: Simulator) -> bytes:
    """The bytes of that clip."""
    return sim.cloud.clip_bytes(sim.cloud.live_clips()[0])


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No fault makes the server write a log, nor anything to stderr."""
    with caplog.at_level(logging.DEBUG, logger="uvicorn.error"):
        yield
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def received(http: httpx.Client, path: str) -> tuple[httpx.Response, bytes, Exception | None]:
    """The response, what of its body arrived, and what ended it."""
    body = b""
    with http.stream("GET", path) as response:
        try:
            for chunk in response.iter_raw():
                body += chunk
        except httpx.TransportError as error:
            return response, body, error
    return response, body, None


def test_a_status_in_place_of_the_answer(sim: Simulator, http: httpx.Client, path: str) -> None:
    """503 by default, another one as asked, with JSON."""
    sim.faults.add(Fault(endpoint="clip", kind="status", times=1))
    assert http.get(path).status_code == 503
    assert http.get(path).status_code == 200
    sim.faults.add(Fault(endpoint="clip", kind="status", status=403, body={"message": "No", "code": 7}))
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, 7)


def test_retry_after_in_seconds_or_as_a_date(
    sim: Simulator, http: httpx.Client, path: str, clock: Clock
) -> None:
    """The date is that much later than the cloud's clock."""
    sim.faults.add(Fault(endpoint="clip", kind="status", status=429, retry_after=7, times=1))
    sim.faults.add(Fault(endpoint="clip", kind="status", status=429, retry_after=90, retry_after_form="date"))
    assert http.get(path).headers["retry-after"] == "7"
    later = parsedate_to_datetime(http.get(path).headers["retry-after"])
    assert (later - clock()).total_seconds() == 90
    sim.faults.clear()
    assert "retry-after" not in http.get(path).headers


@pytest.mark.parametrize("part", [0, 0.5, 1])
def test_a_truncated_body_ends_in_a_clean_close(
    sim: Simulator, http: httpx.Client, path: str, content: bytes, part: float
) -> None:
    """The length is the file's, the bytes are a part of it; only with all of them is it whole."""
    sim.faults.add(Fault(endpoint="clip", kind="truncate", part=part, times=1))
    response, body, error = received(http, path)
    assert int(response.headers["content-length"]) == len(content)
    assert body == content[: int(len(content) * part)]
    assert isinstance(error, httpx.RemoteProtocolError) is (part < 1)
    assert http.get(path).content == content


def test_a_reset_in_the_middle_of_the_body(
    sim: Simulator, http: httpx.Client, path: str, content: bytes
) -> None:
    """Some bytes, then RST."""
    sim.faults.add(Fault(endpoint="clip", kind="reset", times=1))
    response, body, error = received(http, path)
    assert response.status_code == 200
    assert body == content[: len(content) // 2]
    assert isinstance(error, httpx.ReadError)
    assert http.get(path).content == content


def test_a_reset_before_anything_leaves_the_cloud_as_it_was(sim: Simulator, http: httpx.Client) -> None:
    """No answer, no status in the record, and nothing was done."""
    sim.faults.add(Fault(endpoint="media_delete", kind="reset", part=0))
    with pytest.raises(httpx.ReadError):
        http.post("/api/v1/accounts/1100001/media/delete", json={"media_list": sim.cloud.live_clips()})
    assert len(sim.cloud.live_clips()) == 60
    assert sim.requests[-1].status is None


def test_an_answer_that_is_lost_was_carried_out(sim: Simulator, http: httpx.Client) -> None:
    """A reset in the body of a deletion: the clips are gone all the same."""
    sim.faults.add(Fault(endpoint="media_delete", kind="reset"))
    with pytest.raises(httpx.TransportError):
        http.post("/api/v1/accounts/1100001/media/delete", json={"media_list": sim.cloud.live_clips()})
    assert sim.cloud.live_clips() == []


def test_a_refresh_whose_answer_is_lost_has_rotated(sim: Simulator) -> None:
    """The old token is dead, the new one was never seen."""
    token = sim.cloud.issue_tokens(HARDWARE_ID).refresh_token
    sim.faults.add(Fault(endpoint="token", kind="truncate", times=1))
    with SignIn(sim) as door:
        with pytest.raises(httpx.RemoteProtocolError):
            door.refresh(token)
        assert door.refresh(token).json()["error"] == "invalid_grant"


def test_a_stall_says_no_more(sim: Simulator, http: httpx.Client, path: str, content: bytes) -> None:
    """The head and some bytes; then the reader's patience ends."""
    sim.faults.add(Fault(endpoint="clip", kind="stall", part=0.25, times=1))
    http.timeout = httpx.Timeout(0.2)
    _, body, error = received(http, path)
    assert body == content[: len(content) // 4]
    assert isinstance(error, httpx.ReadTimeout)


def test_a_stall_ends_after_its_seconds(sim: Simulator, http: httpx.Client, path: str) -> None:
    """And the connection with it."""
    sim.faults.add(Fault(endpoint="clip", kind="stall", seconds=0.05))
    assert isinstance(received(http, path)[2], httpx.RemoteProtocolError | httpx.ReadError)


def test_a_stall_does_not_hold_up_the_end(clock: Clock) -> None:
    """The server stops at once, and a sleeping request with it."""
    faults = Faults((Fault(endpoint="networks", kind="stall"),))
    with Simulator(Settings(now=clock, latency=0.01), faults=faults) as sim:
        token = sim.cloud.issue_tokens(HARDWARE_ID).access_token
        bearer = {"Authorization": f"Bearer {token}"}
        with httpx.stream("GET", f"{sim.url}/networks", headers=bearer, timeout=0.1):
            began = time.perf_counter()
            sim.stop()
            assert time.perf_counter() - began < 1


@pytest.mark.parametrize(("length", "difference"), [("short", -100), ("long", 100)])
def test_a_content_length_that_is_wrong(
    sim: Simulator, http: httpx.Client, path: str, content: bytes, length: Any, difference: int
) -> None:
    """Smaller: the reader gets that much and believes it. Larger: the reader waits in vain."""
    sim.faults.add(Fault(endpoint="clip", kind="wrong_length", length=length, times=1))
    response, body, error = received(http, path)
    assert int(response.headers["content-length"]) == len(content) + difference
    assert body == content[: len(content) + min(0, difference)]
    assert (error is None) is (length == "short")
    assert http.get(path).content == content


def test_a_body_without_a_length(sim: Simulator, http: httpx.Client, path: str, content: bytes) -> None:
    """Chunked, and whole."""
    sim.faults.add(Fault(endpoint="clip", kind="wrong_length", length="chunked"))
    answer = http.get(path)
    assert "content-length" not in answer.headers
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == content


def test_json_or_html_where_media_should_be(sim: Simulator, http: httpx.Client, path: str) -> None:
    """With status 200."""
    sim.faults.add(Fault(endpoint="clip", kind="json", times=1))
    sim.faults.add(Fault(endpoint="clip", kind="html", times=1))
    busy, page = http.get(path), http.get(path)
    assert (busy.status_code, busy.json()["code"]) == (200, 307)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_a_corrupt_clip_has_its_length_and_a_broken_inside(
    sim: Simulator, http: httpx.Client, path: str, content: bytes
) -> None:
    """A box that overruns, the same each time; no `moov`; or noise, another each time."""
    for damage in ("size", "moov", "noise"):
        sim.faults.clear()
        sim.faults.add(Fault(endpoint="clip", kind="corrupt", damage=damage))
        body, again = http.get(path).content, http.get(path).content
        assert len(body) == len(content)
        assert (body == again) is (damage != "noise")
        if damage == "moov":
            assert "moov" not in [kind for kind, _, _ in boxes(body)]
        else:
            with pytest.raises(ValueError, match="box"):
                list(boxes(body))
        assert (b"moov" in body and body[4:8] == b"ftyp") is (damage == "size")


def test_a_corrupt_thumbnail_does_not_begin_as_a_jpeg(sim: Simulator, http: httpx.Client) -> None:
    """Of the right length."""
    sim.faults.add(Fault(endpoint="cdn_thumbnail", kind="corrupt"))
    clip = sim.cloud.live_clips()[0]
    body = http.get(f"/cdn/thumb/{clip}.jpg").content
    assert len(body) == len(sim.cloud.thumbnail_bytes(clip))
    assert body[:2] != b"\xff\xd8"


def test_an_empty_list_that_is_well_formed(sim: Simulator, http: httpx.Client) -> None:
    """200, the envelope, no items."""
    sim.faults.add(Fault(endpoint="media_changed", kind="empty_list", after=1, times=1))
    assert [len(listing(http, page=page)) for page in (1, 2, 2)] == [25, 0, 25]


def test_an_expired_token_really_is_expired(sim: Simulator, http: httpx.Client, path: str) -> None:
    """401 code 101 once, and then by itself; another token, older or newer, is as good as before."""
    other = sim.cloud.issue_tokens(HARDWARE_ID).access_token
    sim.faults.add(Fault(endpoint="clip", kind="expired_token", times=1))
    for _ in range(2):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, 101)
    fresh = sim.cloud.issue_tokens(HARDWARE_ID).access_token
    for token in (other, fresh):
        assert http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_redirect_to_where_it_is_told(sim: Simulator, http: httpx.Client, path: str) -> None:
    """A foreign host, the same path elsewhere, a content network by the clip's id."""
    clip = sim.cloud.live_clips()[0]
    for location, wanted in {
        "https://evil.example/steal": "https://evil.example/steal",
        "http://localhost:1{path}": f"http://localhost:1{path}",
        "/cdn/clip/{id}.mp4": f"/cdn/clip/{clip}.mp4",
    }.items():
        sim.faults.clear()
        sim.faults.add(Fault(endpoint="clip", kind="redirect", location=location))
        answer = http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, wanted)
    assert http.get(path, follow_redirects=True).content == sim.cloud.clip_bytes(clip)


def test_an_update_is_required(sim: Simulator, http: httpx.Client) -> None:
    """426 code 105 on every endpoint; 200 where asked."""
    sim.faults.add(Fault(kind="update_required", times=2))
    sim.faults.add(Fault(kind="update_required", status=200))
    for path, status in (("/networks", 426), ("/nowhere", 426), ("/networks", 200)):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, 105)


def test_times_after_match_and_probability(sim: Simulator, http: httpx.Client) -> None:
    """Counted over the requests that match; the first fault that is due happens."""
    late = sim.faults.add(Fault(endpoint="networks", kind="status", status=500, after=1, times=2))
    always = sim.faults.add(Fault(endpoint="networks", kind="status", status=501, after=4))
    asked = sim.faults.add(Fault(kind="status", status=502, match=r"tier.*x=1"))
    assert [http.get("/networks").status_code for _ in range(6)] == [200, 500, 500, 200, 501, 501]
    tier = "/api/v1/users/tier_info"
    assert [http.get(f"{tier}{query}").status_code for query in ("", "?x=1", "?x=2")] == [200, 502, 200]
    assert [sim.faults.fired(fault) for fault in (late, always, asked)] == [2, 2, 1]
    sim.faults.clear()
    sim.faults.add(Fault(endpoint="networks", kind="status", probability=0.5))
    seen = [http.get("/networks").status_code for _ in range(60)]
    assert 10 < seen.count(503) < 50


def test_a_redirect_quotes_the_path(sim: Simulator, http: httpx.Client) -> None:
    """Whatever characters it has, and however it asks for them; nothing can add a header."""
    sim.faults.add(Fault(kind="redirect", location="http://localhost:1{path}"))
    for path in ("/%D0%B6/a%20b?x=%D0%B6&y=1", "/a%0D%0ASet-Cookie:%20x=1", "/%7Bid%7D"):
        answer = http.get(path)
        assert "set-cookie" not in answer.headers
        location = httpx.URL(answer.headers["location"])
        assert (location.path, location.query) == (httpx.URL(path).path, httpx.URL(path).query)


def test_a_long_retry_after_is_written_out(sim: Simulator, http: httpx.Client, clock: Clock) -> None:
    """Digits, in seconds; and the latest date there is."""
    sim.faults.add(Fault(kind="status", retry_after=1234567, times=1))
    sim.faults.add(Fault(kind="status", retry_after=10**9, retry_after_form="date"))
    assert http.get("/networks").headers["retry-after"] == "1234567"
    later = parsedate_to_datetime(http.get("/networks").headers["retry-after"])
    assert (later - clock()).total_seconds() == 10**9


DEEP: Any = []
for _ in range(100_000):
    DEEP = [DEEP]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "explode"}, "kind"),
    ({"kind": None}, "kind"),
    ({"kind": ["status"]}, "kind"),
    ({"kind": "status", "part": 0.1}, "part"),
    ({"kind": "truncate", "status": 500}, "status"),
    ({"kind": "html", "retry_after": 3}, "retry_after"),
    ({"kind": "status", "location": "/"}, "location"),
    ({"kind": "status", "endpoint": "nowhere"}, "endpoint"),
    ({"kind": "status", "endpoint": 1}, "endpoint"),
    ({"kind": "status", "endpoint": ["clip"]}, "endpoint"),
    ({"kind": "status", "endpoint": None}, "endpoint"),
    ({"kind": "status", "match": "("}, "match"),
    ({"kind": "status", "match": "a{99999999999999999999}"}, "match"),
    ({"kind": "status", "match": 1}, "match"),
    ({"kind": "status", "body": DEEP}, "body"),
    ({"kind": "status", "body": {1, 2}}, "body"),
    ({"kind": "redirect"}, "location"),
    ({"kind": "redirect", "location": 1}, "location"),
    ({"kind": "redirect", "location": None}, "location"),
    ({"kind": "redirect", "location": "/ж"}, "location"),
    ({"kind": "redirect", "location": "/\r\nSet-Cookie: x=1"}, "location"),
    ({"kind": "redirect", "location": "/", "status": 200}, "status"),
    ({"kind": "wrong_length", "length": "shorter"}, "length"),
    ({"kind": "wrong_length", "length": 1}, "length"),
    ({"kind": "corrupt", "damage": "all"}, "damage"),
    ({"kind": "corrupt", "damage": None}, "damage"),
    ({"kind": "status", "retry_after": 1, "retry_after_form": "words"}, "retry_after_form"),
    ({"kind": "status", "retry_after": 1, "retry_after_form": []}, "retry_after_form"),
    ({"kind": "status", "retry_after_form": "date"}, "retry_after"),
    ({"kind": "empty_list"}, "media_changed"),
    ({"kind": "empty_list", "endpoint": "clip"}, "media_changed"),
    *[({"kind": "status", "status": value}, "status") for value in (0, 199, 204, 304, 600, -1, 500.0, "500", True)],
    *[({"kind": "status", "times": value}, "times") for value in (0, -1, 1.5, "1", True, 10**10)],
    *[({"kind": "status", "after": value}, "after") for value in (-1, 1.5, "1", True, None)],
    *[({"kind": "status", "probability": value}, "probability") for value in (-1, 1.1, math.nan, "1", True, None)],
    *[({"kind": "truncate", "part": value}, "part") for value in (-0.1, 2, math.nan, "1", False, None)],
    *[({"kind": "status", "retry_after": value}, "retry_after") for value in (-1, math.inf, math.nan, "7", True)],
    *[({"kind": "stall", "seconds": value}, "seconds") for value in (-1, math.inf, math.nan, "7", True, None)],
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "name"), WRONG)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any], name: str) -> None:
    """ValueError that names the field, for each field of another type or beyond its range; no option is taken
    and then ignored."""
    with pytest.raises(ValueError, match=name) as refused:
        Fault(**wrong)
    assert len(str(refused.value)) < 400


def test_the_ends_of_every_range_are_allowed() -> None:
    """And a whole number where there may be a fraction."""
    for status in (200, 599):
        Fault(kind="status", status=status, times=1, after=0, retry_after=0, probability=1, match="")
    Fault(kind="truncate", part=0)
    Fault(kind="reset", part=1)
    Fault(kind="stall", seconds=0)
    Fault(kind="redirect", location="/", status=308)
    Fault(kind="json", status=404, body=[None, {"a": 1.5}])


def test_faults_are_read_from_a_file(tmp_path: Path, clock: Clock) -> None:
    """A JSON list with the same fields, options with their defaults among them."""
    file = tmp_path / "faults.json"
    entries = [{"endpoint": "networks", "kind": "status", "status": 418, "body": None, "times": None}]
    file.write_text(json.dumps(entries))
    with Simulator(Settings(now=clock), faults=Faults.from_file(file)) as sim:
        assert httpx.get(f"{sim.url}/networks").status_code == 418


FILES = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"[" * 200_000, "too deeply"),
    (b"[" + b"1" * 5000 + b"]", "not JSON"),
    (b'[{"kind": "html"}, "\xff"]', "not UTF-8"),
    (b'{"kind": "status"}', "not a JSON list"),
    (b"null", "not a JSON list"),
    (b"[1]", "entry 1"),
    (b"[{}]", "with a kind"),
    (b'[{"kind": "html"}, {"kind": "x"}]', "entry 2: kind"),
    (b'[{"kind": "status", "colour": 1}]', "'colour'"),
    (b'[{"kind": "status", "part": 0.5}]', "part is no option"),
    (b'[{"kind": "status", "retry_after": Infinity}]', "retry_after"),
    (b'[{"kind": "status", "times": true}]', "times"),
    (b'[{"kind": ' + b"[" * 500 + b"]" * 500 + b"}]", "kind"),
]


@pytest.mark.parametrize(("content", "said"), FILES)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """ValueError that names the file and what is wrong in it, in one line."""
    file = tmp_path / "faults.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"faults\.json") as refused:
        Faults.from_file(file)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def simulator_ends(file: Path) -> str:
    """What the command says, which is all it says, when it ends with exit code 2."""
    command = [sys.executable, "-m", "blink_archive", "simulator", "--clips", "1", "--faults", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith(".")
    assert str(file) in sentence
    return sentence


@pytest.mark.parametrize(("content", "said"), FILES)
def test_the_command_says_what_is_wrong_with_its_faults(tmp_path: Path, content: bytes, said: str) -> None:
    """One sentence and exit code 2, before anything is served."""
    file = tmp_path / "faults.json"
    file.write_bytes(content)
    assert said in simulator_ends(file)


def test_the_command_says_that_its_faults_cannot_be_read(tmp_path: Path) -> None:
    """A directory, a file that is not there, and one that nobody may read, are likewise wrong usage."""
    assert "directory" in simulator_ends(tmp_path)
    assert "No such file" in simulator_ends(tmp_path / "none.json")
    closed = tmp_path / "closed.json"
    closed.write_text("[]")
    closed.chmod(0)
    if not os.access(closed, os.R_OK):  # root may read everything
        assert "denied" in simulator_ends(closed)
