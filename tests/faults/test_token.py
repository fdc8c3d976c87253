"""Nobody but Blink gets the token: whatever redirects, listings and answers say, and wherever it is looked for."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blink_archive.client import Blink, ClassicSignIn, Pacing, SignIn, StateDir, addresses, logout
from blink_archive.client import blink as blink_module
from blink_archive.client import method as method_module
from blink_archive.client.addresses import Addresses
from blink_archive.client.redact import Redactor
from blink_archive.client.session import save_session
from blink_archive.errors import BlinkArchiveError, CodeNeeded, UnexpectedAnswer, UnsafeAddress
from blink_archive.model import Camera
from blink_archive.protocol import endpoints
from blink_archive.protocol.endpoints import ENDPOINTS
from blink_archive.simulator import Settings, Simulator

from ..client.fake import session
from ..test_coverage import CALLS, IN_USE, Call, House
from . import LONG
from .conftest import Figure
from .eavesdropper import OAUTH, REST, Finding, Heard, Net, listening, place

STATUSES = (301, 302, 303, 307, 308)
LOCATIONS = {
    "another host": "https://evil.example{path}",
    "another host, without TLS": "http://evil.example{path}",
    "another host, in capitals": "HTTPS://EVIL.EXAMPLE{path}",
    "without its scheme": "//evil.example{path}",
    "without its scheme, three slashes": "///evil.example{path}",
    "backslashes": "https:\\\\evil.example{path}",
    "a slash and a backslash": "/\\evil.example{path}",
    "the same host, without TLS": "http://rest-u014.immedia-semi.com{path}",
    "the sign-in's host, without TLS": "http://api.oauth.blink.com{path}",
    "the same host, another port": "https://rest-u014.immedia-semi.com:8443{path}",
    "the sign-in's host, another port": "https://api.oauth.blink.com:8443{path}",
    "a port that there is not": "https://rest-u014.immedia-semi.com:99999{path}",
    "Blink's host as a user": "https://rest-u014.immedia-semi.com@evil.example{path}",
    "Blink's host as a user with a port": "https://rest-u014.immedia-semi.com:443@evil.example{path}",
    "Blink's host behind a backslash": "https://evil.example\\@rest-u014.immedia-semi.com{path}",
    "a user at Blink's host": "https://user:password@rest-u014.immedia-semi.com{path}",
    "this machine": "http://127.0.0.1:9{path}",
    "this machine by its name": "http://localhost:9{path}",
    "this machine, with TLS": "https://127.0.0.1:9{path}",
    "this machine as a number": "https://2130706433{path}",
    "this machine as IPv6": "http://[::1]:9{path}",
    "the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "a name in another alphabet": "https://xn--rest-u014-immedia-semi-1sb.com{path}",
    "a name that is none in any alphabet": "https://xn--0{path}",
    "a letter like another": "https://rest-u014.immedia-sem\u0131.com{path}",
    "a stop like another": "https://rest-u014.immedia-semi.com\u3002evil.example{path}",
    "a name that begins like Blink's": "https://rest-u014.immedia-semi.com.evil.example{path}",
    "a name that ends like Blink's": "https://evil-rest-u014.immedia-semi.com{path}",
    "a name without its hyphen": "https://rest-u014.immediasemi.com{path}",
    "a trailing dot": "https://rest-u014.immedia-semi.com.{path}",
    "another region": "https://rest-u015.immedia-semi.com{path}",
    "the REST host": "https://rest-u014.immedia-semi.com{path}?again",
    "the REST host, in capitals": "HTTPS://REST-U014.IMMEDIA-SEMI.COM{path}?again",
    "the first host": "https://rest-prod.immedia-semi.com{path}?again",
    "the sign-in's host": "https://api.oauth.blink.com{path}?again",
    "a path": "{path}?again",
    "a query": "?again",
    "a file": "file:///etc/passwd",
    "data": "data:video/mp4;base64,AAAA",
    "script": "javascript:fetch('https://evil.example')",
    "FTP": "ftp://evil.example{path}",
    "a socket": "wss://evil.example{path}",
    "the app's address": "immedia-blink://evil.example/signin/callback?code=x&state=y",
    "a bracket": "https://[{path}",
    "nothing behind the scheme": "https://",
    "nothing": "",
}  # fmt: skip
MEDIA = {
    "clip",
    "clip_old",
    "clip_v4",
    "thumbnail",
    "thumbnail_old",
    "picture",
    "picture_old",
    "local_storage_clip",
}
OAUTH_CALLS = (
    "oauth_authorize",
    "oauth_signin_page",
    "oauth_signin",
    "oauth_verify",
    "oauth_token",
    "tier_info",
)
CLASSIC_CALLS = ("login", "pin_verify", "pin_resend", "logout")
SETTINGS: dict[str, Any] = {
    "email": "somebody.private@mail.example", "password": "Correct-Horse-8", "code": "918273",
    "usb_clips": 2, "clips": 8, "cameras": 6, "classic": "open",
}  # fmt: skip
DIRECT: dict[str, Call] = {
    "command": lambda house: house.blink.commands.status(house.network, 1),
    "command_done": lambda house: house.blink.commands.done(house.network, 1),
    "command_update": lambda house: house.blink.commands.extend(house.network, 1),
}
"""Calls that, as the others are made, come after a command that stays busy once nobody asks for it."""
Drive = Callable[[Net, Path], Awaitable[Any]]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Settings(**SETTINGS)) as sim:
        yield sim


def secrets_of(sim: Simulator) -> dict[str, str]:
    """All that must not get about, each with what it is."""
    issued = dict.fromkeys(sim.cloud.sign_in.issued, "a token, cookie or code of the sign-in")
    return issued | {
        sim.settings.password: "the password",
        sim.settings.code: "the one-time code",
        sim.settings.email: "the email",
    }


def signed_in(sim: Simulator, folder: Path, *, kind: str, own: bool = True) -> StateDir:
    """A state directory with a session of that kind, made at Blink or, without ``own``, at the simulator's
    address."""
    state = StateDir(folder)
    url = None if own else sim.url
    changes = {"expires_at": datetime.now(UTC) + timedelta(hours=3), "api_url": url, "oauth_url": url}
    if kind == "classic":
        opened = sim.cloud.sign_in.classic.open("a-device")
        sim.cloud.sign_in.classic.expect_pin(opened)
        assert sim.cloud.sign_in.classic.verify(opened, sim.settings.code)
        made = session(kind="classic", access_token=opened.token, refresh_token="", **changes)
    else:
        tokens = sim.cloud.issue_tokens("0D4C1B5A-9C5E-4C5E-8F5E-5C5E4C5E3C5E")
        made = session(access_token=tokens.access_token, refresh_token=tokens.refresh_token, **changes)
    save_session(state, made)
    return state


def sign_in(sim: Simulator) -> Drive:
    """The sign-in as the app does it."""

    async def drive(net: Net, folder: Path) -> None:
        way = SignIn(StateDir(folder), pacing=Pacing.none(), transport=net)
        with suppress(CodeNeeded):
            await way.sign_in(email=sim.settings.email, password=sim.settings.password)
        await way.enter_code(sim.settings.code)

    return drive


def classic_login(sim: Simulator) -> Drive:
    """The classic login with a second PIN, and its end."""

    async def drive(net: Net, folder: Path) -> None:
        state = StateDir(folder)
        options: dict[str, Any] = {"pacing": Pacing.none(), "transport": net}
        with suppress(CodeNeeded):
            await ClassicSignIn(state, **options).sign_in(
                email=sim.settings.email, password=sim.settings.password
            )
        later = datetime.now(UTC) + timedelta(minutes=5)
        second = ClassicSignIn(state, **options, now=lambda: later)
        await second.resend()
        (ended,) = await logout(state, [await second.enter_code(sim.settings.code)], **options)
        if ended.trouble is not None:
            raise ended.trouble

    return drive


async def attacked(
    sim: Simulator, name: str, folder: Path, *, kind: str, combos: list[tuple[int, str]], heard: Heard
) -> tuple[list[Finding], int]:
    """What got about while Blink redirected the call ``name`` in each of these ways, and how many redirects
    that were."""
    net = Net(sim)
    findings: list[Finding] = []
    redirected = 0
    call = (CALLS | DIRECT)[name]
    blink = Blink.from_state(
        signed_in(sim, folder / "signed-in", kind=kind), pacing=Pacing.none(attempts=2), transport=net
    )
    try:
        async with blink:
            house = House(blink, await blink.homescreen(), sim, elsewhere=folder)
            for number, (status, location) in enumerate(combos):
                net.seen.clear()
                net.redirect(
                    ENDPOINTS[name],
                    status,
                    location,
                    query=number % 2 == 0 if name == "oauth_authorize" else None,
                )
                answer, answered = net.answer, []

                def counted(request: httpx.Request, answer: Any = answer, answered: Any = answered) -> Any:
                    found = answer(request)
                    if found is not None:
                        answered.append(found)
                    return found

                net.answer = counted
                with suppress(LookupError):  # a clip of the older form that is not there
                    try:
                        if name in OAUTH_CALLS:
                            await sign_in(sim)(net, folder / str(number))
                        elif name in CLASSIC_CALLS:
                            await classic_login(sim)(net, folder / str(number))
                        else:
                            await call(house)
                    except BlinkArchiveError as error:
                        heard.add(error)
                redirected += len(answered)
                findings += net.findings(secrets_of(sim))
                if name not in MEDIA:
                    findings += [
                        Finding("a call that is no clip's", str(each.url)) for each in net.elsewhere()
                    ]
                net.answer = lambda _: None
    finally:
        await net.end()
    return findings, redirected


def combos(seed: int) -> list[tuple[int, str]]:
    """Every kind of address with one status, and every status with one address; in the long form all with
    all."""
    locations = list(LOCATIONS.values())
    if LONG:
        return [(status, location) for status in STATUSES for location in locations]
    once = [(STATUSES[(seed + number) % 5], location) for number, location in enumerate(locations)]
    return once + [(status, LOCATIONS["another host"]) for status in STATUSES]


@pytest.fixture(scope="module")
def tally() -> Counter[str]:
    """What was tried in this module."""
    return Counter()


@pytest.mark.parametrize("name", IN_USE)
def test_no_redirect_carries_the_token_away(
    name: str, sim: Simulator, tmp_path: Path, tally: Counter[str]
) -> None:
    """Each call of the table x each status x each kind of address: token, refresh token, password, code and
    cookies are at nobody but Blink, and at the right one of its hosts; nothing is asked for without TLS; only
    a clip's bytes are ever looked for elsewhere; and neither log nor error tells a secret."""
    chosen = combos(len(name))
    kinds = ("oauth",) if name in OAUTH_CALLS + CLASSIC_CALLS and not LONG else ("oauth", "classic")
    with listening() as heard:
        for number, kind in enumerate(kinds):
            part = chosen if LONG else chosen[number :: len(kinds)]
            findings, count = asyncio.run(
                attacked(sim, name, tmp_path / kind, kind=kind, combos=part, heard=heard)
            )
            assert findings == []
            assert count >= len(part)
            tally["redirects"] += count
    assert list(heard.findings(secrets_of(sim))) == []
    tally["calls"] += 1
    tally["bytes of log and errors"] += len(heard.log.getvalue()) + sum(map(len, heard.errors))


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirected_refresh_takes_nothing_along(
    status: int, sim: Simulator, tmp_path: Path, tally: Counter[str]
) -> None:
    """The refresh token goes to the sign-in's host alone, which is asked once each time."""

    async def main() -> list[Finding]:
        net, findings = Net(sim), []
        async with Blink.from_state(signed_in(sim, tmp_path, kind="oauth"), transport=net) as blink:
            for location in LOCATIONS.values():
                net.seen.clear()
                net.redirect(ENDPOINTS["oauth_token"], status, location)
                with pytest.raises(BlinkArchiveError) as caught:
                    await blink._wire.tokens.renewed(blink.session.access_token)
                heard.add(caught.value)
                assert [place(each.url) for each in net.seen] == [OAUTH]
                findings += net.findings(secrets_of(sim))
        await net.end()
        return findings

    with listening() as heard:
        assert asyncio.run(main()) == []
    assert list(heard.findings(secrets_of(sim))) == []
    tally["redirects"] += len(LOCATIONS)


def named(location: str) -> str:
    return location.replace("{path}", "/api/v2/accounts/1100001/media/clip/7000001.mp4")


@pytest.mark.parametrize("kind", ["oauth", "classic"])
@pytest.mark.parametrize("how", ["clip", "thumbnail", "picture", "raw call"])
def test_no_address_in_an_answer_gets_the_token(
    how: str, kind: str, sim: Simulator, tmp_path: Path, tally: Counter[str]
) -> None:
    """A listing or home screen that names an absolute address, and a raw call of one: it is asked without the
    token, or not at all."""

    async def ask(blink: Blink, camera: Camera, location: str) -> None:
        match how:
            case "raw call":
                await blink.call("POST", named(location), json={"a": 1})
            case "picture":
                async with blink.cameras.picture(replace(camera, thumbnail=named(location))) as stream:
                    _ = [chunk async for chunk in stream.chunks]
            case _:
                async with blink.media(named(location), thumbnail=how == "thumbnail") as stream:
                    _ = [chunk async for chunk in stream.chunks]

    async def main() -> list[Finding]:
        net, findings = Net(sim), []
        async with Blink.from_state(signed_in(sim, tmp_path, kind=kind), transport=net) as blink:
            camera = (await blink.homescreen()).cameras[0]
            for location in LOCATIONS.values():
                net.seen.clear()
                try:
                    await ask(blink, camera, location)
                except BlinkArchiveError as error:
                    heard.add(error)
                findings += net.findings(secrets_of(sim))
                tally["addresses elsewhere that were asked"] += len(net.elsewhere())
        await net.end()
        return findings

    with listening() as heard:
        assert asyncio.run(main()) == []
    assert list(heard.findings(secrets_of(sim))) == []
    tally["absolute addresses"] += len(LOCATIONS)


@pytest.mark.parametrize("name", sorted(MEDIA))
def test_on_this_machine_the_token_stays_at_the_simulator(
    name: str, sim: Simulator, tmp_path: Path, tally: Counter[str]
) -> None:
    """With overrides, which may be http: another port of this machine may have the bytes, and never the token;
    nobody else is asked without TLS."""

    async def main() -> list[Finding]:
        net, findings = Net(sim, own=(sim.url,)), []
        state = signed_in(sim, tmp_path, kind="oauth", own=False)
        urls = {"api_url": sim.url, "oauth_url": sim.url}
        async with Blink.from_state(state, **urls, pacing=Pacing.none(), transport=net) as blink:
            house = House(blink, await blink.homescreen(), sim, elsewhere=tmp_path)
            for status, location in combos(len(name)):
                net.seen.clear()
                net.redirect(ENDPOINTS[name], status, location)
                with suppress(BlinkArchiveError):
                    await CALLS[name](house)
                findings += net.findings(secrets_of(sim))
                plain = [each.url for each in net.elsewhere() if each.url.scheme != "https"]
                assert {url.host for url in plain} <= {"127.0.0.1", "localhost", "::1"}
                tally["redirects"] += 1
        await net.end()
        return findings

    assert asyncio.run(main()) == []


TIERS = (
    "u014.evil.example", "u014@evil.example", "u014/", "u014#", "u014?", "u014:443", "evil.example/", "U014",
    "u014\n", "\nu014", " u014", "", "a" * 13, "u-14", "u_14", "\u0663", "\uff55014", "u014\u3002evil", "..", "%2e", "\x00", 7, None, [],
)  # fmt: skip


async def misled(sim: Simulator, folder: Path, *, tier: object, kind: str) -> Net:
    """A sign-in to a Blink that names that region, and a look at the home screen."""
    net = Net(sim)

    def answer(request: httpx.Request) -> httpx.Response | None:
        if kind == "oauth" and ENDPOINTS["tier_info"].path == request.url.path:
            return httpx.Response(200, json={"account_id": 1100001, "tier": tier})
        if kind == "classic" and ENDPOINTS["login"].path == request.url.path:
            account = {"account_id": 1100001, "client_id": 1, "user_id": 2, "tier": tier}
            return httpx.Response(
                200, json={"account": account, "auth": {"token": "a-token-of-the-classic-login"}}
            )
        return None

    net.answer = answer
    try:
        if kind == "oauth":
            await sign_in(sim)(net, folder)
        else:
            way = ClassicSignIn(StateDir(folder), transport=net)
            await way.sign_in(email=sim.settings.email, password=sim.settings.password)
        async with Blink.from_state(StateDir(folder), pacing=Pacing.none(), transport=net) as blink:
            await blink.homescreen()
    finally:
        await net.end()
    return net


@pytest.mark.parametrize("kind", ["oauth", "classic"])
@pytest.mark.parametrize("tier", TIERS)
def test_a_region_that_is_none_becomes_no_host(
    tier: object, kind: str, sim: Simulator, tmp_path: Path
) -> None:
    """It is refused before a name is formed with it, at both sign-ins, and nothing is stored."""
    with pytest.raises(UnexpectedAnswer):
        asyncio.run(misled(sim, tmp_path, tier=tier, kind=kind))
    assert list(tmp_path.glob("session-*")) == []


def test_a_region_in_a_stored_session_is_checked_too(sim: Simulator, tmp_path: Path) -> None:
    """A state file that somebody changed sends the token nowhere."""
    state = signed_in(sim, tmp_path, kind="oauth")
    file = tmp_path / "session-1100001.json"
    file.write_text(file.read_text().replace('"u014"', '"u014.evil.example/"'))
    net = Net(sim)

    async def main() -> None:
        async with Blink.from_state(state, pacing=Pacing.none(), transport=net) as blink:
            await blink.homescreen()

    with pytest.raises(UnexpectedAnswer):
        asyncio.run(main())
    assert net.seen == []


# Products that are broken on purpose: what is above has to see each.


def follow(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client follows redirects by itself."""
    made = module.http_client

    def following(*arguments: Any, **options: Any) -> httpx.AsyncClient:
        client: httpx.AsyncClient = made(*arguments, **options)
        client.follow_redirects = True
        return client

    monkeypatch.setattr(module, "http_client", following)


def any_target(_: Addresses, url: httpx.URL) -> httpx.URL:
    """Whatever httpx can dial."""
    if not (url.scheme in ("http", "https") and url.raw_host):
        raise UnsafeAddress("No address.")
    return url


Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, tuple[Mutant, str, str]] = {
    "httpx follows, and takes a custom header along": (
        lambda patch: follow(blink_module, patch), "homescreen", "classic",
    ),
    "httpx follows, and a form goes along": (lambda patch: follow(method_module, patch), "oauth_verify", "oauth"),
    "httpx follows, and a body goes along": (lambda patch: follow(method_module, patch), "login", "oauth"),
    "the token goes to any host": (
        lambda patch: patch.setattr(Addresses, "takes_token", lambda *_, **__: True), "clip", "oauth",
    ),
    "of an origin only the host counts": (
        lambda patch: patch.setattr(addresses, "origin", lambda url: url.host), "clip", "oauth",
    ),
    "a host counts by its beginning": (
        lambda patch: patch.setattr(
            Addresses, "takes_token", lambda _, url, **__: str(url).startswith(REST)
        ), "clip_v4", "oauth",
    ),
    "bytes are fetched from any address": (
        lambda patch: patch.setattr(Addresses, "target", any_target), "thumbnail", "oauth",
    ),
    "nothing is redacted": (
        lambda patch: patch.setattr(Redactor, "filter", lambda *_: True), "oauth_verify", "oauth",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_product_is_seen(
    mutant: str, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these faults makes findings, so that none of the zeros above is one of the test's."""
    breaks, name, kind = MUTANTS[mutant]
    breaks(monkeypatch)
    addresses._token_origins.cache_clear()
    with listening() as heard:
        findings, _ = asyncio.run(attacked(sim, name, tmp_path, kind=kind, combos=combos(3), heard=heard))
    addresses._token_origins.cache_clear()
    if mutant == "nothing is redacted":
        assert findings == []
        findings = list(heard.findings(secrets_of(sim)))
    assert [each.what for each in findings if each.what != "a call that is no clip's"]


@pytest.mark.parametrize("tier", ["u014.evil.example", "evil.example/"])
def test_an_unchecked_region_is_seen(
    tier: str, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the check the token is somewhere else."""
    monkeypatch.setattr(endpoints, "_TIER", re.compile(r"(?s).*"))
    net: list[Net] = []
    made = Net.__init__

    def remembered(self: Net, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        net.append(self)

    monkeypatch.setattr(Net, "__init__", remembered)
    with suppress(BlinkArchiveError):
        asyncio.run(misled(sim, tmp_path, tier=tier, kind="oauth"))
    assert "the header authorization" in [each.what for each in net[0].findings(secrets_of(sim))]


def test_the_figures(tally: Counter[str], figure: Figure) -> None:
    """How much was tried; each attempt that leaked has failed its test."""
    for name, count in tally.items():
        figure(name, count)
    figure("leaks", 0)
