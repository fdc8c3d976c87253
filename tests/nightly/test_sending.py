"""Messages leave through Apprise itself; what does not leave is told, and holds nothing up."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from blink_archive.nightly import sending
from blink_archive.nightly.deadline import Deadline
from blink_archive.nightly.sending import Message, is_installed, send

from .listener import Listener, listening

pytest.importorskip("apprise")
MESSAGE = Message("blink-archive: a title", "Two\n\nparagraphs & <a> *sign*.", "warning")


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A service."""
    with listening() as listener:
        yield listener


def test_a_message_arrives(listener: Listener) -> None:
    """At each service once, with title, text and type as they were given."""
    assert is_installed()
    assert send(MESSAGE, [listener.service, f"{listener.service}/2"], until=Deadline(30)) == (2, [])
    told = [(each["title"], each["message"], each["type"]) for each in listener.messages]
    assert told == [(MESSAGE.title, MESSAGE.body, MESSAGE.type)] * 2


def test_one_that_does_not_arrive_keeps_none_from_the_next(listener: Listener) -> None:
    """A service that refuses, one that Apprise does not know, and one that works: each told by its scheme."""
    with listening() as broken:
        broken.status = 500
        taken, troubles = send(
            MESSAGE, [broken.service, "nosuch://user:secret@host", listener.service], until=Deadline(30)
        )
    assert taken == 1
    assert len(listener.messages) == 1
    assert [("json://" in each, "nosuch://" in each) for each in troubles] == [(True, False), (False, True)]
    assert "does not know nosuch://" in troubles[1]
    assert "secret" not in "".join(troubles)


@pytest.mark.parametrize("url", ["secret", "secret:secret", "se cret://x", "secret" * 9 + "://x"])
def test_of_what_is_no_url_nothing_is_told(url: str) -> None:
    """It may be a token that somebody forgot the rest of."""
    taken, (trouble,) = send(MESSAGE, [url], until=Deadline(30))
    assert taken == 0
    assert "does not know a service with an address" in trouble


def test_a_service_that_hangs_is_given_up(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that all have together; its process is ended, not left behind."""
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **settings: object) -> None:
            super().__init__(*arguments, **settings)  # type: ignore[arg-type]
            started.append(self)

    monkeypatch.setattr(sending.subprocess, "Popen", Watched)
    listener.hangs.set()
    began = time.monotonic()
    taken, troubles = send(MESSAGE, [listener.service] * 3, until=Deadline(0.5))
    assert 0.5 <= time.monotonic() - began < 3
    assert taken == 0
    assert troubles == ["A message could not be sent: json:// did not take it in time."] * 3
    assert [process.returncode is not None for process in started] == [True] * 3


def test_the_process_gets_no_settings_of_ours(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a password from the environment nor, by the arguments, what others could read of the process."""
    monkeypatch.setenv("BLINK_ARCHIVE_PASSWORD", "secret")
    seen: dict[str, object] = {}

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, arguments: list[str], **settings: object) -> None:
            seen.update(settings, arguments=arguments)
            super().__init__([sys.executable, "-c", "raise SystemExit(3)"], **settings)  # type: ignore[call-overload]

    monkeypatch.setattr(sending.subprocess, "Popen", Watched)
    taken, troubles = send(MESSAGE, [listener.service], until=Deadline(5))
    assert (taken, len(troubles)) == (0, 1)
    assert "BLINK_ARCHIVE_PASSWORD" not in str(seen["env"])
    assert "secret" not in str(seen["arguments"])


def test_without_apprise_nothing_is_loaded() -> None:
    """Whether it is there is found without loading it: most runs have nothing to tell."""
    code = (
        "import sys; from blink_archive.nightly.sending import is_installed\n"
        "there = is_installed(), 'apprise' in sys.modules\n"
        "sys.modules['apprise'] = None; print(*there, is_installed())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "False"]
