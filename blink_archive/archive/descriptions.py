"""What Blink's models say of clips, into the catalog; and up to where Blink was asked for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..model import Description, from_utc_text, utc_text
from .catalog import Catalog, storable
from .feed import update_row
from .remarks import labels_text

# A clip that Blink changed within a day is asked for again while it is known for less than an hour: words
# come minutes after it.
OVERLAP = timedelta(hours=1)
YOUNG = timedelta(days=1)
ABSENT_FOR = timedelta(days=1)
_MARGIN = timedelta(minutes=1)  # Blink reads times to the second, and may leave out the ends


def undescribed_span(catalog: Catalog, *, now: datetime) -> tuple[datetime, datetime] | None:
    """From when to when the clips were recorded that may have got a description since Blink was last asked.

    None where there is no such clip, or where Blink answered less than a day ago that the account has no
    descriptions.
    """
    account = _account(catalog)
    absent_at = account["no_descriptions_at"]
    if absent_at and timedelta() <= now - from_utc_text(absent_at) < ABSENT_FOR:
        return None
    asked_at = account["described_at"] or ""
    young = utc_text(from_utc_text(asked_at) - YOUNG) if asked_at else ""
    found = catalog.rows(
        """
        SELECT min(created_at) AS first, max(created_at) AS last FROM clips
        WHERE id > :to AND (first_seen_at >= :asked_at OR coalesce(updated_at, created_at) >= :young)
          AND origin = 'cloud' AND description IS NULL AND remote_deleted_at IS NULL AND gone_at IS NULL
        """,
        {"to": account["described_to"], "asked_at": asked_at, "young": young},
    )[0]
    if found["first"] is None:
        return None
    return from_utc_text(found["first"]) - _MARGIN, from_utc_text(found["last"]) + _MARGIN


def record_descriptions(catalog: Catalog, found: Sequence[Description]) -> tuple[frozenset[int], int]:
    """Record one page in one transaction: Blink's ids of the clips that the catalog knows, and how many of
    them are told more of than before.

    Where Blink says nothing of a clip (any more), what it said before stays.
    """
    known = _known(catalog, found)
    told = 0
    with catalog.transaction():
        for each in found:
            row = known.get(each.clip_id)
            if row is None:
                continue
            said = {
                "description": None if each.text is None else storable(each.text),
                "labels": None if each.labels is None else labels_text(each.labels),
            }
            news = {name: value for name, value in said.items() if value not in (None, row[name])}
            if news:
                update_row(catalog, row, news)
                row |= news  # a page can hold it twice
                told += 1
    return frozenset(known), told


def record_all_asked(catalog: Catalog, *, now: datetime) -> None:
    """Blink's list was read to its end, begun at ``now``: only clips that are young, and became known less
    than `OVERLAP` before it, are asked for again."""
    with catalog.transaction():
        catalog.db.execute(
            """
            UPDATE accounts SET described_at = ?, described_to = coalesce(
              (SELECT max(clips.id) FROM clips WHERE clips.id > described_to AND first_seen_at < ?),
              described_to
            )
            WHERE id = (SELECT account_id FROM archive)
            """,
            (utc_text(now), utc_text(now - OVERLAP)),
        )


def record_absence(catalog: Catalog, *, now: datetime) -> None:
    """Blink answered that the account has no descriptions."""
    with catalog.transaction():
        catalog.db.execute(
            "UPDATE accounts SET no_descriptions_at = ? WHERE id = (SELECT account_id FROM archive)",
            (utc_text(now),),
        )


def _account(catalog: Catalog) -> dict[str, Any]:
    return catalog.rows(
        "SELECT described_at, described_to, no_descriptions_at FROM accounts, archive "
        "WHERE accounts.id = account_id"
    )[0]


def _known(catalog: Catalog, found: Sequence[Description]) -> dict[int, dict[str, Any]]:
    rows = catalog.rows(
        """
        SELECT id, origin_key, local_day, description, labels FROM clips
        WHERE origin = 'cloud' AND origin_key IN (SELECT value FROM json_each(?))
        """,
        (json.dumps([str(each.clip_id) for each in found]),),
    )
    return {int(row["origin_key"]): row for row in rows}
