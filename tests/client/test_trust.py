"""Whose certificate is trusted: always somebody's, and a custom authority's where one is named."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import trustme

from blink_archive import client, errors
from blink_archive.cli import cli
from blink_archive.client import Blink, SignIn, StateDir
from blink_archive.client.addresses import Addresses
from blink_archive.client.transport import http_client, trust
from blink_archive.simulator import Settings, Simulator

from .fake import session, signed_in
from .tls_front import TlsFront

PACKAGE = Path(client.__file__).parents[1]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Settings(clips=1, two_factor=False)) as sim:
        yield sim


@pytest.fixture
def front(sim: Simulator, tmp_path: Path) -> Iterator[TlsFront]:
    """The simulator behind TLS, with nothing asked of it so far."""
    with TlsFront(sim.url, tmp_path) as front:
        sim.forget_requests()
        yield front


def program(front: TlsFront, state: Path, *arguments: str, **environment: str) -> Any:
    """The program, as a process, against the front."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLINK_ARCHIVE_")}
    return subprocess.run(
        [sys.executable, "-m", "blink_archive", "--state-dir", str(state), "--api-url", front.url,
         "--oauth-url", front.url, "--no-input", *arguments],
        env=clean | {"BLINK_ARCHIVE_EMAIL": Settings().email, "BLINK_ARCHIVE_PASSWORD": Settings().password} | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_custom_authority_is_trusted_from_the_sign_in_to_the_logout(
    sim: Simulator, front: TlsFront, tmp_path: Path
) -> None:
    """With --ca-file, before or after the command's name, or its variable, all calls work; without, none."""
    state, ca_file = tmp_path / "state", str(front.ca_file)
    refused = program(front, state, "login")
    assert refused.returncode == 5, refused.stderr
    assert "certificate verify failed" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert sim.requests == []
    assert program(front, state, "login", "--ca-file", ca_file).returncode == 0
    assert program(front, state, "--ca-file", ca_file, "whoami").returncode == 0
    asked = program(front, state, "api", "GET", "/networks", BLINK_ARCHIVE_CA_FILE=ca_file)
    assert json.loads(asked.stdout)["networks"]
    assert program(front, state, "whoami").returncode == 5
    listed = program(front, state, "accounts", "--json", "--ca-file", ca_file)
    assert [each["holds"] for each in json.loads(listed.stdout)] == [True]
    ended = program(front, state, "logout", "--json", "--ca-file", ca_file)
    assert json.loads(ended.stdout)["revoked"] is True


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": "", "SSL_VERIFY": "0"},
        {"SSL_CERT_FILE": "", "SSL_CERT_DIR": "", "NODE_TLS_REJECT_UNAUTHORIZED": "0"},
        {"BLINK_ARCHIVE_VERIFY": "0", "BLINK_ARCHIVE_INSECURE": "1", "BLINK_ARCHIVE_CA_FILE": ""},
    ],
)
def test_no_variable_turns_verification_off(
    sim: Simulator, front: TlsFront, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Neither those of other programs nor what ours might be called: nothing is sent."""
    done = program(front, tmp_path / "state", "login", **environment)
    assert done.returncode in (2, 5), done.stderr  # an empty --ca-file is wrong usage
    assert sim.requests == []


def test_ssl_cert_file_takes_the_place_of_the_usual_roots(front: TlsFront, tmp_path: Path) -> None:
    """It is OpenSSL's own way to name them; one that is not there is named."""
    given = {"SSL_CERT_FILE": str(front.ca_file)}
    assert program(front, tmp_path / "state", "login", **given).returncode == 0
    done = program(front, tmp_path / "state", "whoami", SSL_CERT_FILE=str(tmp_path / "none.pem"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "none.pem, which SSL_CERT_FILE names" in done.stderr


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "directory", "key"])
def test_a_file_that_is_no_certificate_is_wrong_usage(tmp_path: Path, kind: str) -> None:
    """One sentence that names it."""
    file = tmp_path / "ca.pem"
    match kind:
        case "empty":
            file.touch()
        case "text":
            file.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
        case "directory":
            file.mkdir()
        case "key":
            file.write_bytes(trustme.CA().private_key_pem.bytes())
    with pytest.raises(errors.UsageError, match="of --ca-file") as caught:
        trust(file)
    assert str(file) in str(caught.value)
    assert "None" not in str(caught.value)


def test_wrong_usage_of_the_file_sends_and_forgets_nothing(front: TlsFront, tmp_path: Path) -> None:
    """Exit 2, also for a logout, which otherwise forgets the sign-in whatever happens."""
    state = signed_in(tmp_path, api_url=front.url, oauth_url=front.url)
    for command in ("login", "whoami", "logout"):
        done = program(front, state.path, command, "--ca-file", str(tmp_path / "none.pem"))
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "none.pem of --ca-file cannot be read: No such file" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert (state.path / "session-1100001.json").exists()


def test_another_authority_or_another_name_is_refused(
    sim: Simulator, front: TlsFront, tmp_path: Path
) -> None:
    """A certificate of the named authority for another host is none."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    assert program(front, tmp_path / "state", "login", "--ca-file", str(other)).returncode == 5
    with TlsFront(sim.url, tmp_path, name="blink.example") as elsewhere:
        done = program(elsewhere, tmp_path / "state", "login", "--ca-file", str(elsewhere.ca_file))
    assert done.returncode == 5
    assert "Hostname mismatch" in done.stderr
    assert sim.requests == []


def test_the_usual_roots_stay(front: TlsFront) -> None:
    """The file's certificates come to them; names are checked and certificates required."""
    usual, more = trust(None), trust(front.ca_file)
    assert len(usual.get_ca_certs()) > 50
    assert len(more.get_ca_certs()) == len(usual.get_ca_certs()) + 1
    for context in (usual, more):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_library_takes_a_file_too(
    front: TlsFront, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the sign-in and then; without a state directory given, also from the environment."""
    state = StateDir(tmp_path / "state")
    urls = {"api_url": front.url, "oauth_url": front.url}

    async def sign_in(**more: Any) -> None:
        await SignIn(state, **urls, **more).sign_in(email=Settings().email, password=Settings().password)

    async def networks(**more: Any) -> int:
        async with Blink.from_state(**more) as blink:
            return len(await blink.networks())

    with pytest.raises(errors.NetworkError, match="certificate verify failed"):
        asyncio.run(sign_in())
    asyncio.run(sign_in(ca_file=front.ca_file))
    with pytest.raises(errors.NetworkError, match="certificate verify failed"):
        asyncio.run(networks(state=state, **urls))
    assert asyncio.run(networks(state=state, ca_file=front.ca_file, **urls))
    for name, value in (("STATE_DIR", state.path), ("API_URL", front.url), ("OAUTH_URL", front.url)):
        monkeypatch.setenv(f"BLINK_ARCHIVE_{name}", str(value))
    monkeypatch.setenv("BLINK_ARCHIVE_CA_FILE", str(front.ca_file))
    assert asyncio.run(networks())


def commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found)


def test_nothing_in_the_program_turns_verification_off() -> None:
    """No option is called like it, and the one place without is the live view's, where no token goes."""
    names = {name for each in commands(cli) for parameter in each.params for name in parameter.opts}
    names -= {"--verify"}  # of `timer`: the archive's files
    assert "--ca-file" in names
    assert not [name for name in names if re.search("insecure|verif|trust|tls|ssl|cert", name)]
    without = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"CERT_NONE|verify\s*=\s*False|_create_unverified", path.read_text(encoding="utf-8"))
    }
    assert without == {"client/liveview.py"}


def test_what_is_not_encrypted_goes_through_no_proxy(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http is for this machine alone: a proxy that the environment names does not get the token."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    token = sim.cloud.issue_tokens("0D4C1B5A-9C5E-4C5E-8F5E-5C5E4C5E3C5E").access_token
    state = signed_in(
        tmp_path, api_url=sim.url, access_token=token, expires_at=session().expires_at.replace(year=2099)
    )

    async def main() -> int:
        async with Blink.from_state(state, api_url=sim.url) as blink:
            return len(await blink.networks())

    assert asyncio.run(main())


def test_a_proxy_of_the_environment_is_used_for_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees but the name of the host: a tunnel, in which the certificate is verified."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    opened = http_client(Addresses())
    through = opened._transport_for_url(httpx.URL("https://rest-prod.immedia-semi.com/"))
    assert through is not opened._transport
    asyncio.run(opened.aclose())
