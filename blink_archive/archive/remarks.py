"""What people say of single clips: what a note and a label can be. Pure."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from .catalog import storable

MAX_NOTE = 16_000
"""Bytes (UTF-8) of a note."""

MAX_LABEL = 100
"""Characters of a label; Blink's own are a word."""

MAX_LABELS = 50
"""Labels that a command gives one clip."""


class NotTaken(ValueError):
    """A note or label that is none; the message says why, without its subject."""


def as_note(text: str) -> str | None:
    """``text`` as it is kept: without blanks around it, lines ended by ``\\n``; None if nothing is left.

    Raises `NotTaken`.
    """
    note = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    _check_characters(note, but="\n\t")
    if len(note.encode()) > MAX_NOTE:
        raise NotTaken(f"is longer than {MAX_NOTE:,} bytes")
    return note or None


def as_label(text: str) -> str:
    """``text`` as it is kept: on one line, with single spaces, in Unicode's composed form. Raises
    `NotTaken`."""
    label = unicodedata.normalize("NFC", " ".join(text.split()))
    _check_characters(label)
    if not label:
        raise NotTaken("is empty")
    if len(label) > MAX_LABEL:
        raise NotTaken(f"is longer than {MAX_LABEL} characters")
    return label


def folded(label: str) -> str:
    """What two labels have in common that are the same one, however they are written."""
    return unicodedata.normalize("NFC", label).casefold()


def with_labels(labels: Iterable[str], more: Iterable[str]) -> list[str]:
    """All of them, sorted; one that is there already stays as it is written there."""
    found: dict[str, str] = {}
    for label in (*labels, *more):
        found.setdefault(folded(label), label)
    return [found[key] for key in sorted(found)]


def without_labels(labels: Iterable[str], less: Iterable[str]) -> list[str]:
    """``labels`` but for those of ``less``."""
    gone = {folded(label) for label in less}
    return [label for label in labels if folded(label) not in gone]


def labels_of(text: str | None) -> list[str]:
    """The labels of a column of ``clips``: a JSON list, NULL for none."""
    return [] if text is None else list(json.loads(text))


def labels_text(labels: Iterable[str]) -> str:
    """What a column has for them. Letters are no escapes, since the full-text index reads this text; and half
    a surrogate pair, of which SQL's functions would make what is no text, is `storable` as everywhere."""
    return json.dumps([storable(label) for label in labels], ensure_ascii=False)


def own_labels_text(labels: Iterable[str]) -> str | None:
    """What the column ``own_labels`` has for them."""
    found = with_labels((), labels)
    return labels_text(found) if found else None


# of a text that somebody else may have written; each raises `NotTaken`


def checked_note(text: str) -> str:
    """A note, as it is kept."""
    note = as_note(text)
    if note is None:
        raise NotTaken("is empty")
    return note


def checked_labels(text: str) -> str:
    """What the column ``labels`` has of Blink's: any list of texts, the empty one included."""
    return labels_text(_texts(text))


def checked_own_labels(text: str) -> str:
    """What the column ``own_labels`` has."""
    kept = own_labels_text(map(as_label, _texts(text)))
    if kept is None:
        raise NotTaken("holds no label")
    return kept


def _texts(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise NotTaken("is no JSON") from None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise NotTaken("is no list of texts")
    return found


def _check_characters(text: str, *, but: str = "") -> None:
    for character in text:
        match unicodedata.category(character):
            case "Cs":
                raise NotTaken("is no UTF-8")
            case "Cc" if character not in but:
                raise NotTaken("holds a control character")
