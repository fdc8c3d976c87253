"""Describe: what Blink's models say of clips, from the newer listing into the catalog.

An addition: no clip waits for it or is lost with it, and so no trouble with it changes an exit code, but for
Blink's "An app update is required", which concerns all that follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial

from ..archive import descriptions
from ..archive.catalog import Catalog
from ..client.redact import logger_of
from ..errors import BlinkError, NotFound, SignInError, Throttled, UnexpectedAnswer, UpdateRequired
from ..model import DescriptionPage
from .discover import PAGE_PAUSE
from .ports import Aside, Blink, Time

IDLE_PAGES = 10  # in a row without a clip of the catalog; photos, which it does not know, may fill some

_LOG = logger_of(__name__)


async def describe(catalog: Catalog, blink: Blink, *, aside: Aside, time: Time) -> str | None:
    """Ask for the descriptions of the clips that may have got one, and record them page by page.

    Returns what a person should know, None for nothing: an account that has no descriptions is asked again
    after a day, and one that is refused them for now with the next sync, both in silence. Raises
    Throttled where Blink named a time to come back at, UpdateRequired, and what concerns the catalog.
    """
    began = time.now()
    span = await aside(partial(descriptions.undescribed_span, catalog, now=began))
    if span is None:
        return None
    start, end = span
    _LOG.info("asking for the descriptions of clips from %s to %s", start, end)
    try:
        await _record(catalog, _pages(blink, start=start, end=end, time=time), aside=aside)
    except NotFound as error:
        _LOG.info("no descriptions: %s", error)
        await aside(partial(descriptions.record_absence, catalog, now=began))
    except Throttled as error:
        _LOG.info("no descriptions this time: %s", error)
        if error.until is not None:
            raise
    except UpdateRequired:
        raise
    except (BlinkError, SignInError) as error:
        return (
            f"Not all descriptions of clips could be had: {error} No clip is missing for that; the next sync "
            "asks again, unless it is told --no-describe."
        )
    else:
        await aside(partial(descriptions.record_all_asked, catalog, now=began))
    return None


async def _record(catalog: Catalog, pages: AsyncIterator[DescriptionPage], *, aside: Aside) -> None:
    """Record every page. Raises `UnexpectedAnswer` where one after the other brings no clip of the catalog
    that the pages before did not bring: a list that does not end."""
    seen: set[int] = set()
    idle = 0
    async for page in pages:
        known, told = await aside(partial(descriptions.record_descriptions, catalog, page.descriptions))
        _LOG.info("%d descriptions, %d of them new", len(page.descriptions), told)
        idle = idle + 1 if known <= seen else 0
        seen |= known
        if idle == IDLE_PAGES:
            raise UnexpectedAnswer("Blink's list of descriptions does not come to an end.")


async def _pages(
    blink: Blink, *, start: datetime, end: datetime, time: Time
) -> AsyncIterator[DescriptionPage]:
    """The pages up to the one that names no next. Raises `UnexpectedAnswer` for a cursor that leads back."""
    keys: set[str | None] = {None}
    key = None
    while True:
        page = await blink.descriptions(start=start, end=end, key=key)
        yield page
        key = page.next_key
        if key is None:
            return
        if key in keys:
            raise UnexpectedAnswer("Blink's list of descriptions repeats itself.")
        keys.add(key)
        await time.pause(PAGE_PAUSE)
