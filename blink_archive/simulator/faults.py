"""What goes wrong, when, and how often: the registry of faults that a test or a file fills."""

import json
import re
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from reprlib import repr as brief
from threading import Lock
from typing import Any, Literal, Self, get_args
from urllib.parse import quote

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.exchange import (
    UPDATE_REQUIRED,
    Answer,
    Call,
    failure,
    html_answer,
    json_answer,
    redirect_answer,
    status_phrase,
)
from blink_archive.simulator.routes import ENDPOINTS

Kind = Literal[
    "status", "truncate", "reset", "stall", "wrong_length", "json", "html", "corrupt",
    "empty_list", "expired_token", "redirect", "update_required",
]  # fmt: skip

_ANSWER = frozenset({"status", "body", "retry_after", "retry_after_form"})
OPTIONS: dict[str, frozenset[str]] = {
    "status": _ANSWER,
    "json": _ANSWER,
    "html": frozenset({"status"}),
    "update_required": frozenset({"status"}),
    "redirect": frozenset({"status", "location"}),
    "expired_token": frozenset(),
    "empty_list": frozenset(),
    "truncate": frozenset({"part"}),
    "reset": frozenset({"part"}),
    "stall": frozenset({"part", "seconds"}),
    "wrong_length": frozenset({"length"}),
    "corrupt": frozenset({"damage"}),
}
"""Which options each kind takes; any other one is an error, so that none is ignored."""

ALWAYS = frozenset({"kind", "endpoint", "times", "after", "probability", "match"})
"""What all kinds take."""

CHOICES: dict[str, tuple[str, ...]] = {
    "kind": get_args(Kind),
    "length": ("short", "long", "chunked"),
    "damage": ("size", "moov", "noise"),
    "retry_after_form": ("seconds", "date"),
}
ENDPOINT_NAMES = ("*", *ENDPOINTS)
"""Too many to be listed in a message."""

STATUSES = {"status": 503, "json": 200, "html": 200, "redirect": 302, "update_required": 426}
WITHOUT_BODY = (204, 304)
WIRE_KINDS = frozenset({"truncate", "reset", "stall", "wrong_length", "corrupt"})
"""Kinds that spoil a true answer; the others are given in its place."""

MOST = 10**9
"""Upper end of counts and seconds: far enough for anything, and a date so far ahead can still be written."""


@dataclass(frozen=True, slots=True)
class _Number:
    """Which values a numeric option takes; True and False are none, nor is infinity."""

    low: int
    high: int
    whole: bool = True
    optional: bool = False

    def holds(self, value: object) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{'a whole' if self.whole else 'a'} number from {self.low} to {self.high}"


NUMBERS = {
    "times": _Number(1, MOST, optional=True),
    "after": _Number(0, MOST),
    "probability": _Number(0, 1, whole=False),
    "status": _Number(200, 599, optional=True),
    "retry_after": _Number(0, MOST, whole=False, optional=True),
    "part": _Number(0, 1, whole=False),
    "seconds": _Number(0, MOST, whole=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. Which options belong to which kind is in `OPTIONS`."""

    kind: Kind
    endpoint: str = "*"
    """Name of an endpoint as in the table of routes; `*` is all of them."""
    times: int | None = None
    """How often it happens; None is always."""
    after: int = 0
    """Matching requests that pass before it starts."""
    probability: float = 1.0
    match: str | None = None
    """A regular expression that is searched in the path with its query."""
    status: int | None = None
    """Of the answer; by kind 503, 200, 302 or 426 where not given."""
    body: Any = None
    """JSON of the answer; Blink's "System is busy" (307) for `json`, the status in words for `status`."""
    retry_after: float | None = None
    """Seconds."""
    retry_after_form: Literal["seconds", "date"] = "seconds"
    location: str = ""
    """Target of a redirect, in ASCII; `{path}` is the request's path with its query, `{id}` its clip's id."""
    part: float = 0.5
    """Share of the body that arrives. A `reset` with 0 comes before anything else happens."""
    seconds: float = 3600.0
    """How long a stall lasts before the connection is closed."""
    length: Literal["short", "long", "chunked"] = "long"
    """Content-Length of `wrong_length`: 100 bytes less than the body, 100 more, or none."""
    damage: Literal["size", "moov", "noise"] = "size"
    """Of `corrupt`: the last box overruns the file, there is no `moov`, or random bytes throughout."""

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {brief(getattr(self, name))}")
        if self.endpoint not in ENDPOINT_NAMES:
            raise ValueError(f"endpoint is * or a name in docs/simulator.md, not {brief(self.endpoint)}")
        for name, allowed in NUMBERS.items():
            if not allowed.holds(getattr(self, name)):
                raise ValueError(f"{name} is {allowed}, not {brief(getattr(self, name))}")
        _check_text(self)
        if self.status in WITHOUT_BODY:
            raise ValueError(f"an answer with status {self.status} has no body that could be sent")
        if self.kind == "redirect" and not self.location:
            raise ValueError("a redirect needs a location")
        if self.kind == "redirect" and self.status is not None and self.status // 100 != 3:
            raise ValueError("the status of a redirect is a number from 300 to 399")
        if self.retry_after_form != "seconds" and self.retry_after is None:
            raise ValueError("a retry_after_form needs a retry_after")
        if self.kind == "empty_list" and self.endpoint != "media_changed":
            raise ValueError("empty_list is for the endpoint media_changed")
        for option in fields(self):
            given = option.default is not MISSING and getattr(self, option.name) != option.default
            if given and option.name not in ALWAYS | OPTIONS[self.kind]:
                raise _no_option(option.name, self.kind)


def _check_text(fault: Fault) -> None:
    """ValueError where `match`, `location` or `body` cannot be used."""
    if fault.match is not None:
        if not isinstance(fault.match, str):
            raise ValueError(f"match is a regular expression, not {brief(fault.match)}")
        try:
            re.compile(fault.match)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"match is no regular expression: {error}") from error
    location = fault.location
    if not isinstance(location, str) or not location.isascii() or not location.isprintable():
        raise ValueError(f"location is an address in ASCII, not {brief(location)}")
    try:
        json.dumps(fault.body)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"body is no JSON: {error}") from error


def _no_option(name: str, kind: str) -> ValueError:
    return ValueError(f"{name} is no option of a fault of kind {kind!r}")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    fired: int = 0


def _fault(entry: object) -> Fault:
    """A fault from an entry of a file. ValueError for an option of another kind, even with its default."""
    if not isinstance(entry, dict) or "kind" not in entry:
        raise ValueError("a fault is a JSON object with a kind")
    known = {option.name for option in fields(Fault)}
    for name in entry:
        if name not in known:
            raise ValueError(f"there is no option {brief(name)}")
    fault = Fault(**entry)
    for name in entry:
        if name not in ALWAYS | OPTIONS[fault.kind]:
            raise _no_option(name, fault.kind)
    return fault


class Faults:
    """The faults of a simulator, in the order they were added; the first that is due happens."""

    def __init__(self, faults: tuple[Fault, ...] = (), *, seed: int = 1) -> None:
        self._lock = Lock()
        self._rng = Random(seed)
        self._armed = [_Armed(fault) for fault in faults]

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Faults from a JSON list of objects with the fields of `Fault`.

        ValueError, with a sentence that names the file and lacks its full stop, where it is anything else;
        OSError where it cannot be read.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text") from error
        except RecursionError as error:
            raise ValueError(f"{path} is nested too deeply") from error
        except ValueError as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
        if type(content) is not list:
            raise ValueError(f"{path} is not a JSON list")
        faults = []
        for number, entry in enumerate(content, 1):
            try:
                faults.append(_fault(entry))
            except ValueError as error:
                raise ValueError(f"{path}, entry {number}: {error}") from error
        return cls(tuple(faults))

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._armed.append(_Armed(fault))
        return fault

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def fired(self, fault: Fault) -> int:
        """How often that fault (the very object) has happened since it was added."""
        with self._lock:
            return sum(armed.fired for armed in self._armed if armed.fault is fault)

    def pick(self, endpoint: str, target: str) -> Fault | None:
        """The fault that is due for this request, if any; each matching fault has then seen it."""
        with self._lock:
            chosen = None
            for armed in self._armed:
                fault = armed.fault
                if fault.endpoint not in ("*", endpoint):
                    continue
                if fault.match is not None and not re.search(fault.match, target):
                    continue
                armed.seen += 1
                spent = fault.times is not None and armed.fired >= fault.times
                if chosen or spent or armed.seen <= fault.after or self._rng.random() >= fault.probability:
                    continue
                armed.fired += 1
                chosen = fault
            return chosen


def fault_answer(fault: Fault, call: Call, *, cloud: Cloud) -> Answer:
    """The answer that a fault gives in place of the true one."""
    status = fault.status or STATUSES.get(fault.kind, 200)
    match fault.kind:
        case "html":
            return html_answer("<!doctype html><title>Sorry</title><h1>Try again</h1>", status=status)
        case "update_required":
            return json_answer(UPDATE_REQUIRED, status=status)
        case "empty_list":
            limit = cloud.settings.page_limit
            empty = {"limit": limit, "purge_id": cloud.purge_id, "refresh_count": 0, "media": []}
            return json_answer(empty)
        case "expired_token":
            cloud.sign_in.expire(call.bearer or call.classic_token or "")
            return failure(401, 101, message="Unauthorized Access")
        case "redirect":
            clip = str(call.params.get("clip", ""))
            location = fault.location.replace("{id}", clip).replace("{path}", _target(call))
            return redirect_answer(location, status=status)
        case "json":
            default: Any = {"message": "System is busy, please wait", "code": 307}
        case _:
            default = {"message": status_phrase(status), "code": status}
    headers = () if fault.retry_after is None else (("retry-after", _retry_after(fault, cloud)),)
    return json_answer(default if fault.body is None else fault.body, status=status, headers=headers)


def _target(call: Call) -> str:
    """Path and query as they stand in an address; the path of a call is decoded."""
    path = quote(call.path)
    return f"{path}?{call.query_string}" if call.query_string else path


def _retry_after(fault: Fault, cloud: Cloud) -> str:
    seconds = fault.retry_after or 0
    if fault.retry_after_form == "seconds":
        return f"{seconds:.15g}"
    return format_datetime(cloud.settings.now().astimezone(UTC) + timedelta(seconds=seconds), usegmt=True)
