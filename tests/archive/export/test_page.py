"""index.html: a page of one file, in which nothing that anybody was called is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import blink_archive.archive.export
from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog

from ..helpers import archive_clip, clip_row, list_items, make_item
from .helpers import choose, papers

TEMPLATE = Path(blink_archive.archive.export.__file__).with_name("index.html")
HOSTILE = (
    "</script><script>pwned = 1</script>",
    "</SCRIPT /x><b>",
    "<!--<script>",
    "<img src=x onerror='pwned = 1'>",
    "]]></style><svg onload=pwned=1>",
    "%DATA% %POLICY% &lt;&amp; \u2028 \"'\\",
    "\u202egnp.exe",
)


class Markup(HTMLParser):
    """The elements of a page, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def hostile(catalog: Catalog) -> None:
    """A clip for each of the names, which are in everything that people or Blink say of it."""
    for number, name in enumerate(HOSTILE):
        key = 7000001 + number
        list_items(
            catalog, make_item(key, device_id=100 + number, device_name=name, source=name, labels=(name,))
        )
        archive_clip(catalog, str(key))
        feed.update_row(
            catalog, clip_row(catalog, str(key)), {"note": name, "description": name, "unproven": name}
        )


def page_of(catalog: Catalog, folder: Path) -> tuple[Markup, Any]:
    """The page's markup, and its data."""
    choose(catalog)
    made = papers(catalog, folder, selection=HOSTILE[0])
    markup = Markup((made / "index.html").read_text(encoding="utf-8"))
    return markup, json.loads(markup.scripts[0])


def test_no_name_is_markup(catalog: Catalog, tmp_path: Path) -> None:
    """Whatever cameras and clips are called, the page has the elements of the template and no others, and its
    data are the names as they are."""
    hostile(catalog)
    markup, data = page_of(catalog, tmp_path / "papers")
    expected = Markup(TEMPLATE.read_text(encoding="utf-8"))
    assert [tag for tag, _ in markup.elements] == [tag for tag, _ in expected.elements]
    assert len(markup.scripts) == 2
    assert markup.scripts[1] == expected.scripts[1]
    assert not set("<>&") & set(markup.scripts[0])  # browsers find ends of scripts that this parser does not
    assert [name for name, _ in data["cameras"]] == list(HOSTILE) == data["sources"]
    assert HOSTILE[0] in data["about"]
    ((_, clips),) = data["days"]
    assert [clip[-1] for clip in clips] == [
        {"description": name, "note": name, "unproven": name, "labels": [name]} for name in HOSTILE
    ]


def test_its_data_are_those_of_the_catalog(catalog: Catalog, tmp_path: Path) -> None:
    """Days in their order, each clip with its files, its time at the camera, its length and size."""
    for number, day in ((7000002, 24), (7000001, 23), (7000003, 23)):
        created = make_item().created_at
        assert created
        list_items(catalog, make_item(number, created_at=created.replace(day=day)))
        archive_clip(catalog, str(number))
    _, data = page_of(catalog, tmp_path / "papers")
    assert [(day, [clip[0] for clip in clips]) for day, clips in data["days"]] == [
        ("2026-11-23", ["7000001", "7000003"]),
        ("2026-11-24", ["7000002"]),
    ]
    assert data["days"][1][1][0] == [
        "7000002", 0, 0, "14:52:07-05:00", clip_row(catalog, "7000002")["path"], 1, 4.5, 4,
    ]  # fmt: skip
    assert data["cameras"] == [["Front door", "Home"]]


def test_its_policy_allows_its_own_script_and_files_alone(catalog: Catalog, tmp_path: Path) -> None:
    """Script and style are allowed by their hashes, pictures and clips from beside it; all else is forbidden."""
    hostile(catalog)
    markup, _ = page_of(catalog, tmp_path / "papers")
    (policy,) = [attributes["content"] for _, attributes in markup.elements if "http-equiv" in attributes]
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(markup.scripts[1].encode()).digest()).decode()
    assert rules.pop("script-src") == f"'sha256-{digest}'"
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules.pop("style-src"))
    assert rules == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "img-src": "'self' file: data:",
        "media-src": "'self' file:",
    }


def test_it_refers_to_nothing_outside(catalog: Catalog, tmp_path: Path) -> None:
    """No address of any server is in it, and no call that would ask one."""
    choose(catalog)
    text = (papers(catalog, tmp_path / "papers") / "index.html").read_text(encoding="utf-8")
    assert not re.search(
        r"(?i)https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp|sendBeacon|WebSocket|import\(", text
    )
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert way not in text


@pytest.mark.parametrize(
    ("tag", "name"), [("input", "text"), ("input", "day"), ("select", "camera"), ("select", "order")]
)
def test_every_control_has_a_label(tag: str, name: str) -> None:
    """Each control stands within its label."""
    text = TEMPLATE.read_text(encoding="utf-8")
    (label,) = [
        each for each in re.findall(r"<label.*?</label>", text, re.DOTALL) if f'<{tag} id="{name}"' in each
    ]
    assert re.match(r"<label[^>]*>\w+", label)
