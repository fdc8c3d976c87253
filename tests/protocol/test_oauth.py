"""The values of the sign-in exchange."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blink_archive.errors import NotSignedIn, UnexpectedAnswer, WrongCode
from blink_archive.protocol import oauth
from blink_archive.protocol.endpoints import REDIRECT_URI

from .samples import SAMPLES


def test_the_challenge_is_the_one_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert oauth.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_comes_out_of_the_given_randomness() -> None:
    """43 characters, repeatable with the same bytes."""
    verifier = oauth.new_verifier(lambda count: b"\x01" * count)
    assert verifier == oauth.new_verifier(lambda count: b"\x01" * count)
    assert len(verifier) == 43


def test_the_authorize_query_has_what_blink_asks_for() -> None:
    """Step 1 of protocol.md 2.1, to the letter."""
    query = oauth.authorize_query(hardware_id="1EAF", verifier="v", state="s")
    assert query == {
        "app_brand": "blink",
        "app_version": "50.1",
        "client_id": "ios",
        "code_challenge": oauth.challenge("v"),
        "code_challenge_method": "S256",
        "device_brand": "Apple",
        "device_model": "iPhone16,1",
        "device_os_version": "26.1",
        "hardware_id": "1EAF",
        "redirect_uri": "immedia-blink://applinks.blink.com/signin/callback",
        "response_type": "code",
        "scope": "client",
        "state": "s",
    }


def test_the_forms_have_what_blink_asks_for() -> None:
    """Steps 3, 4 and 6, and the refresh."""
    assert oauth.signin_form(email="e", password="p", csrf="c") == {
        "username": "e",
        "password": "p",
        "csrf-token": "c",
    }
    assert oauth.verify_form(code="1", csrf="c") == {
        "2fa_code": "1",
        "csrf-token": "c",
        "remember_me": "false",
    }
    assert oauth.exchange_form(code="c", verifier="v", hardware_id="H") == {
        "app_brand": "blink",
        "client_id": "ios",
        "code": "c",
        "code_verifier": "v",
        "grant_type": "authorization_code",
        "hardware_id": "H",
        "redirect_uri": REDIRECT_URI,
        "scope": "client",
    }
    assert oauth.refresh_form(refresh_token="r", hardware_id="H") == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        "client_id": "ios",
        "scope": "client",
        "hardware_id": "H",
    }


@pytest.mark.parametrize(
    "page",
    [
        '<script id="oauth-args" type="application/json">{"csrf-token": "tok<en&"}</script>',
        "<script type='application/json' data-x id='oauth-args'>\n {\"csrf-token\": \"tok<en&\"}\n</script>",
        '<script>var x = "</p>";</script><SCRIPT ID="oauth-args">{"csrf-token":"tok<en&"}</SCRIPT>',
    ],
)
def test_the_csrf_token_is_found_however_the_tag_is_written(page: str) -> None:
    """Attribute order, quotes, case and other scripts do not matter."""
    assert oauth.csrf_token(f"<html><head>{page}</head><body></body></html>") == "tok<en&"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>maintenance</p>",
        '<script id="oauth-args">{"csrf-token": 5}</script>',
        '<script id="oauth-args">{"csrf-token": ""}</script>',
        '<script id="oauth-args">[]</script>',
        '<script id="oauth-args">not json',
        '<script id="other">{"csrf-token": "x"}</script>',
        "<![x[",
        '<script id="oauth-args">' + "[" * 100_000 + "</script>",
    ],
)
def test_a_page_without_a_token_is_no_sign_in_page(page: str) -> None:
    """It is said, rather than a form posted without a token."""
    with pytest.raises(UnexpectedAnswer, match="csrf-token"):
        oauth.csrf_token(page)


def test_the_code_is_read_from_the_redirect() -> None:
    """With its state, or without one."""
    assert oauth.code_in(f"{REDIRECT_URI}?code=abc%2B&state=s", state="s") == "abc+"
    assert oauth.code_in(f"{REDIRECT_URI}?code=abc", state="s") == "abc"


@pytest.mark.parametrize(
    "location",
    [
        "",
        REDIRECT_URI,
        f"{REDIRECT_URI}?error=access_denied",
        f"{REDIRECT_URI}?code=abc&state=another",
        f"{REDIRECT_URI}.evil.com/?code=abc",
        "https://api.oauth.blink.com/oauth/v2/signin?code=abc",
    ],
)
def test_another_redirect_gives_no_code(location: str) -> None:
    """Another address, another state, no code: the sign-in did not end."""
    with pytest.raises(NotSignedIn, match="blink-archive login"):
        oauth.code_in(location, state="s")


WHOLE = f"{REDIRECT_URI}?code=a-code%2B1&state=the-state"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"  '{WHOLE}'\n",
        f"\u201c{WHOLE}\u201d",
        f"<{WHOLE}>",
        "\n ".join(WHOLE[at : at + 20] for at in range(0, len(WHOLE), 20)),
        "\r\n> ".join((WHOLE[:50], WHOLE[50:])),
        f"\u200b{WHOLE}\xa0",
        f"{REDIRECT_URI}/?state=the-state&code=a-code%2B1",
        f"{WHOLE}#_=_",
        WHOLE.replace("immedia-blink://applinks", "Immedia-Blink://AppLinks"),
        "a-code%2B1",
        " 'a-code+1'\n",
        "a-co\nde+1",
    ],
)
def test_the_code_is_read_from_what_was_pasted(text: str) -> None:
    """Whatever a terminal, a mail or a shell put around and into it; the code alone will do."""
    assert oauth.pasted_code(text, state="the-state") == "a-code+1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{REDIRECT_URI}?code=a-code-1", "not whole"),
        (f"{REDIRECT_URI}?state=the-state", "not whole"),
        (f"{REDIRECT_URI}?code=a-code-1&state=", "not whole"),
        (f"{REDIRECT_URI}?code=a-code-1&state=the-sta", "another sign-in, or not whole"),
        (f"{REDIRECT_URI}?code=a-code-1&state=foreign", "another sign-in"),
        (f"{REDIRECT_URI}?code=a-code-1&state=the-state&state=foreign", "another sign-in"),
        (f"{REDIRECT_URI}?error=access_denied&state=the-state", "Sign in there again"),
        (REDIRECT_URI, "not whole"),
        (REDIRECT_URI[:13], "not the address"),
        ("https://api.oauth.blink.com/oauth/v2/authorize?code=a-code-1&state=the-state", "not the address"),
        (f"https://evil.example/?{WHOLE}", "not the address"),
        (f"{REDIRECT_URI}.evil.example?code=a-code-1&state=the-state", "not the address"),
        ("code=a-code-1&state=the-state", "not the address"),
        ("123456", "not the address"),
        ("my password!", "not the address"),
        ("", "not the address"),
    ],
)
def test_another_address_is_told_from_the_right_one(text: str, words: str) -> None:
    """In words that say what is wrong, and repeat nothing of what was pasted."""
    with pytest.raises(WrongCode, match=words) as caught:
        oauth.pasted_code(text, state="the-state")
    for secret in ("a-code", "foreign", "the-sta", "evil", "123456", "password"):
        assert secret not in str(caught.value)


def test_a_paste_over_several_lines_lacks_its_end_until_it_is_whole() -> None:
    """Wherever a line breaks: every beginning of the address, the last one with its whole state, lacks it."""
    assert not oauth.lacks_its_end("", state="the-state")
    for end in range(1, len(WHOLE)):
        assert oauth.lacks_its_end(f'"{WHOLE[:end]}\n', state="the-state"), WHOLE[:end]
    assert not oauth.lacks_its_end(WHOLE, state="the-state")
    assert oauth.lacks_its_end(f"{REDIRECT_URI}?state=the-state&co", state="the-state")


@pytest.mark.parametrize(
    "text",
    [
        "a-code-1",
        "https://api.oauth.blink.com/",
        f"{REDIRECT_URI}?code=a&state=foreign",
        f"{REDIRECT_URI}?error=access_denied",
        "123456",
    ],
)
def test_nothing_more_is_waited_for_after_another_address(text: str) -> None:
    """What cannot become the right address is judged at once."""
    assert not oauth.lacks_its_end(text, state="the-state")


def test_tokens_are_read_and_do_not_show() -> None:
    """The sample's tokens, with a repr that has neither."""
    tokens = oauth.parse_tokens(SAMPLES["oauth_token"])
    assert (tokens.access_token, tokens.refresh_token) == ("an-access-token", "a-refresh-token")
    assert tokens.expires_in == 14400
    assert "token'" not in repr(tokens)
    assert "an-access" not in repr(tokens)


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"expires_in": "7200"}, 7200), ({"expires_in": None}, 3600), ({"expires_in": -5}, 120)],
)
def test_an_odd_lifetime_is_taken_carefully(change: dict[str, Any], expected: int) -> None:
    """As text; missing: the shortest seen; so short that every call would renew it: two minutes."""
    assert oauth.parse_tokens(SAMPLES["oauth_token"] | change).expires_in == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"access_token": "a"},
        {"access_token": "", "refresh_token": "r"},
        {"access_token": "a\r\nX: y", "refresh_token": "r"},
        {"access_token": "ä", "refresh_token": "r"},
        {"access_token": 1, "refresh_token": "r"},
    ],
)
def test_an_answer_without_tokens_is_unexpected(value: object) -> None:
    """Also a token that could not stand in a header."""
    with pytest.raises(UnexpectedAnswer):
        oauth.parse_tokens(value)


def test_a_refresh_that_names_no_new_refresh_token_keeps_the_old_one() -> None:
    """RFC 6749, 6: issuing a new one is optional."""
    tokens = oauth.parse_tokens({"access_token": "a"}, old_refresh_token="old")
    assert tokens.refresh_token == "old"


@pytest.mark.parametrize(
    ("status", "value", "dead"),
    [
        (400, {"error": "invalid_grant"}, True),
        (401, {"error": "invalid_grant"}, True),
        (500, {"error": "invalid_grant"}, False),
        (400, {"error": "invalid_request"}, False),
        (401, None, False),
        (401, SAMPLES["unauthorized_401"], False),
    ],
)
def test_only_an_invalid_grant_ends_a_sign_in(status: int, value: object, *, dead: bool) -> None:
    """Everything else is passing trouble (protocol.md 2.1)."""
    assert oauth.is_dead_grant(status, value) is dead


def test_the_masked_phone_is_read() -> None:
    """From the sample; nothing from anything else."""
    assert oauth.masked_phone(SAMPLES["oauth_signin_202"]) == "+1xxxxxxxx40"
    assert oauth.masked_phone({"phone": "x" * 41}) is None
    assert oauth.masked_phone({"phone": "\x1b[2J"}) is None
    assert oauth.masked_phone(None) is None


def test_tier_info_is_read() -> None:
    """From the sample; an account as text will do."""
    assert oauth.parse_tier_info(SAMPLES["tier_info"]) == oauth.TierInfo(tier="u014", account_id=1100001)
    assert oauth.parse_tier_info({"tier": "e006", "account_id": "5"}).account_id == 5


@pytest.mark.parametrize("text", ["{}", "[]", '{"tier":"u014"}', '{"tier":"evil.com/","account_id":1}'])
def test_tier_info_that_cannot_be_used_is_unexpected(text: str) -> None:
    """No account, or a tier that is no part of a host name."""
    with pytest.raises(UnexpectedAnswer):
        oauth.parse_tier_info(json.loads(text))
