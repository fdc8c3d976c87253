"""What is fuzzed: functions that take whatever comes from outside, and may raise errors of ours alone.

Hypothesis (`test_fuzz`) and atheris (`fuzz_with_atheris`) share them. Each is told how to take bytes.
"""

from __future__ import annotations

import atexit
import io
import json
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import httpx

from blink_archive.archive import feed, homescreen, names
from blink_archive.archive.catalog import Catalog
from blink_archive.archive.container import walk_jpeg, walk_mp4, walk_ts
from blink_archive.archive.days import write_dirty_days
from blink_archive.archive.durations import parse_duration
from blink_archive.archive.entries import BadEntry, entry_of, parse_day
from blink_archive.archive.filters import Filter, parse_moment
from blink_archive.archive.folder import Archive, create_archive
from blink_archive.archive.layout import Layout, check_relative, clip_path, local_time, zone
from blink_archive.archive.queue import waiting
from blink_archive.archive.rebuild import rebuild
from blink_archive.archive.search import describe_clip, find_clip
from blink_archive.archive.store import Store
from blink_archive.archive.usb import Surroundings, record_manifest
from blink_archive.archive.verify import verify
from blink_archive.cli import schedule_text
from blink_archive.client.addresses import Addresses
from blink_archive.client.redact import redacted
from blink_archive.errors import BadMedia, BlinkArchiveError, UnexpectedAnswer, UsageError
from blink_archive.protocol import (
    account,
    answers,
    classic,
    describe,
    devices,
    endpoints,
    immis,
    local_storage,
    media,
    oauth,
    schedules,
    system,
    values,
)
from tests.archive.helpers import ACCOUNT, NOW, begin, list_clips

LONGEST = 2.0  # seconds of the processor for one input: none is larger than 1 MB
EXECUTIONS: Counter[str] = Counter()


def _programs(value: Any) -> None:
    """Schedules, and what is sent back of them."""
    for program in schedules.parse_programs(value, network_id=5):
        lines = [schedules.line_of(action) for action in program.actions]
        ahead = timedelta(hours=-5)
        actions = schedules.carried_over(
            program.actions, [line.shifted(ahead) for line in lines], ahead=ahead
        )
        assert [schedules.line_of(action) for action in actions] == lines
        body = schedules.program_body(
            network_id=5, name=program.name, actions=actions, written=date(2026, 11, 23), before=program
        )
        httpx.Request("POST", "https://example.com", json=body)
        if lines:
            text = schedule_text.written(program.name, lines, about="x", zone="UTC")
            with suppress(UsageError):  # a name of blanks
                assert schedule_text.read(text)[1] == tuple(lines)


def _homescreen(value: Any) -> None:
    home = system.parse_homescreen(value)
    for camera in home.cameras:
        devices.picture_path(camera, account_id=ACCOUNT)


def _live_view(value: Any) -> None:
    live = devices.parse_live_view(value, network_id=5)
    if immis.scheme_of(live.server) == "immis":
        immis.greeting(immis.parse_address(live.server))


def _errors(value: Any) -> None:
    """What an answer of any status stands for."""
    for status in (200, 202, 401, 403, 404, 409, 426, 429, 500):
        answers.is_error(value, status=status)
        classic.is_wrong_password(value, status=status)
        oauth.is_dead_grant(status, value)
        assert str(answers.error_of(status, value, what="a clip"))


PARSERS: dict[str, Callable[[Any], object]] = {
    "media page": lambda value: media.parse_page(value, number=1, server_time=None),
    "media item": media.parse_item,
    "descriptions": describe.parse_descriptions,
    "manifest": lambda value: local_storage.parse_manifest(value, account_id=1, network_id=2, module_id=3),
    "manifest is ready": local_storage.is_ready,
    "stick": local_storage.parse_status,
    "homescreen": _homescreen,
    "networks": system.parse_networks,
    "command": lambda value: system.parse_command(value, network_id=5),
    "command of a poll": lambda value: system.parse_command(value, network_id=5, command_id=7),
    "notifications": account.parse_notifications,
    "email": account.parse_email,
    "client options": account.parse_client_options,
    "login": classic.parse_login,
    "unknown client": classic.is_unknown_client,
    "PIN sent": classic.is_pin_sent,
    "lockout": classic.lockout,
    "new password": classic.wants_new_password,
    "PIN": classic.parse_pin,
    "camera's configuration": devices.parse_config,
    "live view": _live_view,
    "programs": _programs,
    "tokens": oauth.parse_tokens,
    "expired code": oauth.is_expired_code,
    "lost exchange": oauth.is_lost_exchange,
    "phone": oauth.masked_phone,
    "region": oauth.parse_tier_info,
    "errors": _errors,
}


def parse_body(body: bytes) -> None:
    """Every parser, on one answer: none may fail on what another's answer is."""
    try:
        value = answers.decode(body, what="an answer")
    except UnexpectedAnswer:
        return
    for name, parse in PARSERS.items():
        EXECUTIONS[name] += 1
        with suppress(BlinkArchiveError):
            parse(value)


@cache
def scratch() -> Catalog:
    """One catalog for all that is recorded, in a run that has begun."""
    catalog = Catalog.scratch(account_id=ACCOUNT, now=NOW)
    feed.start_account(catalog)
    return catalog


@cache
def folder() -> Path:
    """A folder for the files of the days."""
    root = Path(tempfile.mkdtemp(prefix="blink-archive-fuzz-"))
    atexit.register(shutil.rmtree, root)
    return root


def _clear(catalog: Catalog) -> None:
    with catalog.transaction():
        for table in ("counted", "events", "clips", "dirty_days"):
            catalog.db.execute(f"DELETE FROM {table}")


def record_page(body: bytes, filed: Layout | None = None) -> None:
    """A page into a catalog: each of its entries is a row, and what reads the rows can."""
    EXECUTIONS["page into the catalog"] += 1
    try:
        page = media.parse_page(answers.decode(body, what="a page"), number=1, server_time=None)
    except UnexpectedAnswer:
        return
    catalog = scratch()
    _clear(catalog)
    given = {} if filed is None else {"filed": filed}
    for _ in range(2):  # pages that shift list an entry again
        feed.record_page(catalog, page.items, zones={5: "America/New_York"}, now=NOW, **given)
    rows = catalog.rows("SELECT origin_key, path FROM clips")
    assert {row["origin_key"] for row in rows} == {item.key for item in page.items}
    assert len({row["path"].casefold() for row in rows}) == len(rows)
    list_clips(catalog, Filter())
    list(waiting(catalog, Filter(), now=NOW))
    for row in rows[:5]:
        describe_clip(catalog, row["origin_key"])
    store = Store(folder(), fsync=lambda _: None)  # nothing here has to survive
    while write_dirty_days(catalog, store):
        pass
    days = [json.loads(day.read_text("utf-8")) for day in store.root.rglob("clips.json")]
    assert sum(len(day["clips"]) for day in days) == len(rows)
    for child in store.root.iterdir():
        shutil.rmtree(child)
    rebuilt.cache_clear()


def entries_of_a_day(data: bytes) -> None:
    """A ``clips.json``, as a rebuild reads it: rows that the catalog takes, or a reason why there is none."""
    catalog = scratch()
    _clear(catalog)
    columns = {
        row["name"]: row["type"] for row in catalog.rows("SELECT name, type FROM pragma_table_info('clips')")
    }
    for given in parse_day(data, "2026-11-23").entries:
        with suppress(BadEntry):
            entry = entry_of(given, columns, now=NOW)
            assert check_relative(entry.row["path"]) == entry.row["path"]
            with suppress(sqlite3.IntegrityError):  # the same clip, or its path, twice
                feed.insert_row(catalog, entry.row)
    for row in list_clips(catalog, Filter()):
        describe_clip(catalog, str(row[0]))


@cache
def rebuilt() -> Archive:
    """An archive whose catalog is made anew, again and again."""
    root = folder() / "archive"
    return create_archive(root, root / "catalog.db", account_id=ACCOUNT, uuid="u-1", now=NOW)[0]


def rebuild_of_a_day(data: bytes) -> None:
    """A whole archive with that ``clips.json``: its catalog made anew, verified, and its days written."""
    archive = rebuilt()
    day = archive.root / "2026" / "11" / "23"
    day.mkdir(parents=True, exist_ok=True)
    (day / "clips.json").write_bytes(data)
    rebuild(archive, agree=lambda _: None, now=lambda: NOW, tick=lambda _: None)
    catalog = archive.open_catalog(write=True)
    try:
        list_clips(catalog, Filter())
        verify(catalog, archive.root, running=lambda: False, progress=lambda _: None)
        while write_dirty_days(catalog, archive.store):
            pass
        verify(catalog, archive.root, running=lambda: False, progress=lambda _: None)
    finally:
        catalog.close()
        for old in archive.root.glob("catalog.db.*"):
            old.unlink()
        for year in archive.root.glob("[0-9]*"):
            shutil.rmtree(year)


def record_stick(body: bytes) -> None:
    """A manifest into a catalog: each of its clips is a row."""
    EXECUTIONS["manifest into the catalog"] += 1
    try:
        answer = answers.decode(body, what="a manifest")
        manifest = local_storage.parse_manifest(answer, account_id=1, network_id=2, module_id=3)
    except UnexpectedAnswer:
        return
    catalog = scratch()
    _clear(catalog)
    around = Surroundings("Home", "Nowhere/City", {})
    for _ in range(2):
        record_manifest(catalog, manifest, around, run=begin(catalog), now=NOW)
    assert catalog.value("SELECT count(*) FROM clips") == len(manifest.clips)
    list_clips(catalog, Filter())


def record_home(body: bytes) -> None:
    """A homescreen into a catalog."""
    EXECUTIONS["homescreen into the catalog"] += 1
    try:
        home = system.parse_homescreen(answers.decode(body, what="the homescreen"))
    except UnexpectedAnswer:
        return
    catalog = scratch()
    homescreen.record_homescreen(catalog, home, now=NOW, run=begin(catalog))
    homescreen.network_zones(catalog)
    list_clips(catalog, Filter())


# --- texts


def date_of_a_person(text: str) -> None:
    """A date of the command line."""
    with suppress(UsageError):
        moment = parse_moment(text, now=NOW)
        Filter(since=moment, until=moment)


def date_of_a_server(text: str) -> None:
    """An HTTP date, a Retry-After, and a time in JSON."""
    moment = answers.http_date(text)
    assert moment is None or moment.tzinfo is UTC
    until = answers.retry_after(text, now=NOW)
    assert until is None or NOW <= until <= NOW + timedelta(days=7)
    with suppress(values.Unreadable):
        assert 1970 <= values.moment(text).year <= 2100


def span_of_time(text: str) -> None:
    """A span of the command line, as --max-duration and others take it."""
    with suppress(UsageError):
        assert timedelta() < parse_duration(text) <= timedelta(days=36500)


def zone_name(text: str) -> None:
    """A time zone, as Blink names it."""
    zone(text)
    for moment in (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)):
        local, _ = local_time(moment, text)
        clip_path(local, camera=text, key="1")


def file_name(text: str) -> None:
    """A file that is imported; a pattern of its names."""
    names.recognise(PurePosixPath(text))
    names.recognise(PurePosixPath(f"26-11-23/{text}"), zone=UTC)
    with suppress(UsageError):
        pattern = names.Pattern.parse(text)
        pattern.match(PurePosixPath(text))


def layout_template(text: str) -> None:
    """A layout of the command line."""
    with suppress(UsageError):
        clip_path(NOW, camera=text, network=text, source=text, key="1", filed=Layout.parse(text))


def search_text(text: str) -> None:
    """Words to search for, with FTS5 itself; and a clip to find."""
    catalog = scratch()
    for wish in (partial(list_clips, catalog, Filter(text=text)), partial(find_clip, catalog, text)):
        with suppress(UsageError):
            wish()


def live_view_address(text: str) -> None:
    """The address of a live view."""
    for server in (
        text,
        f"immis://{text}",
        f"immis://example.com/{text}",
        f"immis://a/b__c_d?client_id={text}",
    ):
        with suppress(BlinkArchiveError):
            assert len(immis.greeting(immis.parse_address(server))) == 122


def region(text: str) -> None:
    """A tier, which becomes part of a host."""
    try:
        url = httpx.URL(endpoints.rest_url(text))
    except UnexpectedAnswer:
        return
    assert url.host.endswith(".immedia-semi.com")
    assert url.host.count(".") == 2


def redirect(text: str) -> None:
    """Where bytes may be fetched from: a path or URL of the feed, a redirect, an override."""
    addresses = Addresses.chosen(api_url=None, oauth_url=None)
    request = httpx.Request("GET", "https://rest-u011.immedia-semi.com/media/clip.mp4")
    header = text.encode("utf-8", "surrogatepass")
    for find in (
        lambda: addresses.media_url(
            text.encode("utf-8", "replace").decode(), tier="u011"
        ),  # as JSON is decoded
        lambda: addresses.redirect(httpx.Response(302, headers=[(b"Location", header)], request=request)),
    ):
        with suppress(BlinkArchiveError):
            url = find()
            assert url.scheme == "https"
            assert not url.userinfo
            assert not addresses.takes_token(url, tier="u011") or url.host.endswith(".immedia-semi.com")
            httpx.Request("GET", url)
    for option in (text, f"https://{text}", f"http://{text}"):
        with suppress(UsageError):
            chosen = Addresses.chosen(api_url=option, oauth_url=option)
            assert httpx.URL(chosen.rest("u011")).scheme in ("https", "http")
    endpoints.endpoint_of("GET", text)
    media.with_extension(text)


def schedule(text: str) -> None:
    """A schedule that a person edited."""
    with suppress(UsageError):
        name, lines = schedule_text.read(text)
        again = schedule_text.written(name, lines, about="x", zone="UTC")
        assert schedule_text.read(again) == (name, lines)


def sign_in_page(text: str) -> None:
    """The page of step 2, the address of step 5, and what a person pastes of it."""
    for page in (text, f'<html><script id="oauth-args" type="application/json">{text}</script>'):
        with suppress(BlinkArchiveError):
            assert oauth.csrf_token(page)
    for address in (text, f"{oauth.REDIRECT_URI}?{text}"):
        for read in (oauth.code_in, oauth.pasted_code):
            with suppress(BlinkArchiveError):
                assert read(address, state="s")
        oauth.lacks_its_end(address, state="s")


def log_line(text: str) -> None:
    """What goes through the redactor."""
    redacted(text)


TEXTS: dict[str, Callable[[str], None]] = {
    check.__name__.replace("_", " "): check
    for check in (
        date_of_a_person, date_of_a_server, span_of_time, zone_name, file_name, layout_template, search_text, live_view_address, region,
        redirect, schedule, sign_in_page, log_line,
    )
}  # fmt: skip

# --- bytes


def mp4(data: bytes) -> None:
    """A file that should be an MP4."""
    with suppress(BadMedia):
        found = walk_mp4(io.BytesIO(data))
        assert found.duration is None or found.duration >= 0


def transport_stream(data: bytes) -> None:
    """A file that should be MPEG-TS."""
    with suppress(BadMedia):
        found = walk_ts(io.BytesIO(data))
        assert found.duration is None or found.duration >= 0


def jpeg(data: bytes) -> None:
    """A file that should be a JPEG."""
    with suppress(BadMedia):
        walk_jpeg(data)


def live_view_packets(data: bytes) -> None:
    """Packets of a live view, as they are read: a header, and what it announces."""
    stream = io.BytesIO(data)
    while len(head := stream.read(immis.HEADER_LENGTH)) == immis.HEADER_LENGTH:
        try:
            header = immis.parse_header(head)
        except UnexpectedAnswer:
            return
        assert header.length <= immis.LARGEST_PAYLOAD
        immis.is_video(header, stream.read(header.length))


BYTES: dict[str, Callable[[bytes], None]] = {
    "mp4": mp4,
    "transport stream": transport_stream,
    "jpeg": jpeg,
    "live view packets": live_view_packets,
    "body": parse_body,
    "page": record_page,
    "stick": record_stick,
    "home": record_home,
    "entries of a day": entries_of_a_day,
    "rebuild of a day": rebuild_of_a_day,
}


def run(name: str, given: str | bytes) -> None:
    """One execution: `AssertionError` where it takes too long, and whatever it raises."""
    check: Callable[[Any], None] = TEXTS[name] if name in TEXTS else BYTES[name]
    EXECUTIONS[name] += 1
    began = time.process_time()
    check(given)
    assert time.process_time() - began < LONGEST, f"{name} took too long"


def run_bytes(name: str, data: bytes) -> None:
    """The same with bytes, for a fuzzer that knows nothing else."""
    run(name, data.decode("utf-8", "surrogateescape") if name in TEXTS else data)
