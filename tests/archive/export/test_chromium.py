"""index.html in a real browser, opened from the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blink_archive.archive import feed
from blink_archive.archive.catalog import Catalog

from ..helpers import CLIPS, archive_clip, clip_row, list_items, make_item
from . import chromium
from .chromium import Browser
from .helpers import choose, fill_with_many, papers
from .test_page import HOSTILE

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="chromium is not here (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium.started(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def export(catalog: Catalog, folder: Path) -> Path:
    """The papers of all clips, and a real file for each; the page."""
    choose(catalog)
    papers(catalog, folder)
    for row in catalog.rows("SELECT path, thumbnail_path FROM clips WHERE sha256 IS NOT NULL"):
        (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(
            CLIPS / ("live.ts" if row["path"].endswith(".ts") else "garden-02s.mp4"), folder / row["path"]
        )
        shutil.copy(CLIPS / "garden-02s.jpg", folder / row["thumbnail_path"])
    return folder / "index.html"


def archived(catalog: Catalog, number: int, **changes: Any) -> None:
    list_items(catalog, make_item(number, **changes))
    archive_clip(catalog, str(number))


def shown(browser: Browser) -> list[str]:
    """The cards' labels."""
    return list(browser.value("[...document.querySelectorAll('.card')].map(card => card.ariaLabel)"))


def opened(browser: Browser, page: Path) -> Browser:
    browser.events.clear()
    browser.open(page.as_uri())
    browser.until("document.querySelectorAll('.card').length")
    return browser


def test_a_click_plays_a_clip(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """Days and cards are there with their thumbnails; a click plays the clip, N and the button go on, Escape
    closes; nothing is asked for but files, and the console is silent. The names of folder and files are hard."""
    for number in (7000001, 7000002):
        archived(catalog, number, created_at=make_item().created_at.replace(minute=number % 10))  # type: ignore[union-attr]
    catalog.db.execute("UPDATE clips SET path = replace(path, '_front', ' #1?_front')")
    catalog.db.execute("UPDATE clips SET thumbnail_path = replace(thumbnail_path, '_front', ' 50%_front')")
    opened(browser, export(catalog, tmp_path / "a b#c%20?d"))
    assert shown(browser) == ["14:01:07, Front door, 5 seconds", "14:02:07, Front door, 5 seconds"]
    assert browser.value("document.querySelector('.day h2').textContent") == "Monday, 23 November 20262 clips"
    browser.until("[...document.querySelectorAll('.card img')].every(image => image.naturalWidth > 0)")
    assert browser.value("document.getElementById('player').classList.contains('empty')")

    browser.click(".card")
    assert browser.until("video.readyState >= 1 && video.duration") == pytest.approx(2, abs=0.2)
    assert browser.value("decodeURIComponent(video.src)").endswith(clip_row(catalog, "7000001")["path"])
    browser.until("video.currentTime > 0 || video.ended")
    assert "14:01:07" in browser.value("document.getElementById('when').textContent")
    assert browser.value("document.activeElement.id") == "player"
    assert browser.value("document.getElementById('previous').disabled")

    browser.press("n")
    browser.until("video.src.includes('7000002') && video.readyState >= 1")
    assert browser.value("document.getElementById('next').disabled")
    browser.click("#previous")
    browser.until("video.src.includes('7000001') && video.readyState >= 1")
    browser.value("document.getElementById('player').focus()")
    browser.press("Escape")
    assert browser.value("document.getElementById('player').classList.contains('empty')")
    assert browser.value("document.activeElement.className") == "card"

    assert browser.complaints() == []
    assert {url.split(":")[0] for url in browser.asked_for()} == {"file", "data"}


def test_no_name_becomes_markup(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """Names that are made to break out are texts on the page, also of the clip that is played."""
    for number, name in enumerate(HOSTILE):
        archived(catalog, 7000001 + number, device_id=100 + number, device_name=name, source=name)
        row = clip_row(catalog, str(7000001 + number))
        feed.update_row(catalog, row, {"note": name, "description": name, "unproven": name})
    opened(browser, export(catalog, tmp_path / "papers"))
    names = "[...document.querySelectorAll('.card .words span')].map(each => each.textContent)"
    assert browser.value(names) == list(HOSTILE)
    for number, name in enumerate(HOSTILE):
        browser.click(f"li:nth-child({number + 1}) .card")
        assert browser.until("document.getElementById('title').textContent") == name
        assert browser.value("document.getElementById('facts').textContent").count(name) == 4
    browser.until("video.readyState >= 1")
    assert browser.value("typeof pwned") == "undefined"
    assert browser.value("document.querySelectorAll('svg, script:not(#data), img[src=x]').length") == 1
    assert browser.complaints() == []


def test_the_filters(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """Camera and words narrow the list, and the player goes through what is left."""
    for number, name in ((1, "Garden"), (2, "Garage"), (3, "Garden")):
        archived(catalog, 7000000 + number, device_id=100 + number % 2, device_name=name)
    feed.update_row(catalog, clip_row(catalog, "7000003"), {"description": "A Parcel is left"})
    opened(browser, export(catalog, tmp_path / "papers"))
    browser.value("document.getElementById('camera').value = [...document.getElementById('camera').options]"
                  ".find(each => each.text === 'Garden, Home').value")  # fmt: skip
    browser.value("document.getElementById('camera').dispatchEvent(new Event('change'))")
    browser.until("document.querySelectorAll('.card').length === 2")
    browser.click(".card")
    assert browser.value("!document.getElementById('next').disabled")
    for typed, left in (("parcel LEFT", 1), ("parcel garage", 0), ("14:52", 2)):
        browser.value(f"document.getElementById('text').value = {json.dumps(typed)}")
        browser.value("document.getElementById('text').dispatchEvent(new Event('input'))")
        browser.until(f"document.getElementById('count').textContent === '{left} of 3 clips'")
        browser.until(f"document.querySelectorAll('.card').length === {left}")
    assert browser.complaints() == []


def test_a_recording_that_browsers_cannot_play(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """For a .ts file there is a note with a link to it, and no player that fails."""
    archived(catalog, 7000001)
    catalog.db.execute("UPDATE clips SET path = replace(path, '.mp4', '.ts')")
    opened(browser, export(catalog, tmp_path / "papers"))
    browser.click(".card")
    assert "cannot play" in browser.until("document.getElementById('trouble').textContent")
    assert browser.value("document.getElementById('trouble').checkVisibility()")
    assert browser.value("document.querySelector('#trouble a').href").endswith("7000001.ts")
    assert not browser.value("document.getElementById('video').checkVisibility()")
    assert browser.complaints() == []


def test_a_file_that_is_broken_is_said_to_be(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """A clip that the browser does not take tells so, with a link to it; a lost thumbnail is a grey field."""
    archived(catalog, 7000001)
    page = export(catalog, tmp_path / "papers")
    row = clip_row(catalog)
    (page.parent / row["path"]).write_bytes(b"no clip")
    (page.parent / row["thumbnail_path"]).unlink()
    opened(browser, page)
    assert browser.until("document.querySelector('.card .none')?.textContent") == "no thumbnail"
    browser.click(".card")
    browser.until("document.getElementById('trouble').checkVisibility()")
    assert browser.value("document.querySelector('#trouble a').href").endswith("7000001.mp4")


def test_many_clips(catalog: Catalog, browser: Browser, tmp_path: Path) -> None:
    """Of 20,000 clips, only those near the window have cards; a jump to a day shows its."""
    fill_with_many(catalog, 20_000)
    choose(catalog)
    opened(browser, papers(catalog, tmp_path / "papers") / "index.html")
    assert browser.value("document.getElementById('count').textContent") == "20,000 clips"
    assert browser.value("document.querySelectorAll('.card').length") < 1000
    browser.value("document.getElementById('day').value = '2024-04-01'")
    browser.value("document.getElementById('day').dispatchEvent(new Event('change'))")
    browser.until("document.querySelectorAll('.day[data-day=\"2024-04-01\"] .card').length >= 120")
    top = browser.value("document.querySelector('.day[data-day=\"2024-04-01\"]').getBoundingClientRect().top")
    assert 0 <= top < browser.value("innerHeight")
    browser.until("document.querySelectorAll('.card').length < 1000")
