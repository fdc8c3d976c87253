"""What a person is told of a run's end: a line, and a text of a few paragraphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ..client.redact import redacted
from ..nightly.ending import IN_WORDS, Ending, Standing
from ..nightly.notify import Kind
from ..nightly.sending import Message
from .output import MISSING, ago, counted, local, printable, size

_SHOWN = 5  # failures, and warnings, told one by one
_TYPES = {Kind.FAILURE: "failure", Kind.LOSS: "warning", Kind.RECOVERY: "success", Kind.DIGEST: "info"}


def message(kinds: Sequence[Kind], ending: Ending, standing: Standing | None) -> Message:
    """One message about all ``kinds``, the first of which gives title and type; all passes the redactor."""
    paragraphs = [headline(ending)]
    for kind in kinds:
        paragraphs += _about(kind, ending, standing)
    text = "\n\n".join([*paragraphs, *_details(ending, standing)])
    return Message(
        title=redacted(f"blink-archive: {_title(kinds[0], ending, standing)}"),
        body=redacted(text.encode("utf-8", "backslashreplace").decode()),  # a path need be no text
        type=_TYPES[kinds[0]],
    )


def report(ending: Ending, standing: Standing | None) -> str:
    """The same for a machine that keeps a log; the first paragraph is the headline."""
    return redacted("\n\n".join([headline(ending), *_details(ending, standing)]))


def headline(ending: Ending) -> str:
    """How the run ended, in a sentence or two."""
    if ending.exit_code == 0:
        return f"The sync of {ending.archive} ended well."
    said = f"The sync of {ending.archive} ended with exit code {ending.exit_code}: {in_words(ending)}."
    return f"{said} {ending.reason}" if ending.reason else said


def in_words(ending: Ending) -> str:
    """Its exit code, in words."""
    return IN_WORDS.get(ending.exit_code, "an error")


def _title(kind: Kind, ending: Ending, standing: Standing | None) -> str:
    match kind:
        case Kind.FAILURE:
            return f"the sync failed: {in_words(ending)}"
        case Kind.LOSS:
            lost = ending.gone + (standing.past.lost if standing else 0)
            return f"{counted(lost, 'clips')} {'was' if lost == 1 else 'were'} lost"
        case Kind.RECOVERY:
            return "the sync works again"
        case Kind.DIGEST:
            return f"{counted(standing.clips.get('archived', 0) if standing else 0, 'clips')} archived"


def _about(kind: Kind, ending: Ending, standing: Standing | None) -> Iterator[str]:
    """What there is to say to one kind, but for headline and details."""
    if standing is None:  # then nothing is known of what came before
        return
    past, totals = standing.past, standing.totals
    match kind:
        case Kind.FAILURE if past.failures:
            well = f", the last one at {local(past.success_at.isoformat())}" if past.success_at else ""
            yield f"{counted(past.failures, 'syncs')} before it did not end well either{well}."
        case Kind.LOSS:
            if ending.gone:
                they = "it" if ending.gone == 1 else "they"
                yield (
                    f"{counted(ending.gone, 'clips')} left Blink before {they} could be fetched: {MISSING} "
                    "says which."
                )
            if past.lost:
                were = "was" if past.lost == 1 else "were"
                yield (
                    f"{counted(past.lost, 'files')} of the archive {were} found lost since the sync before: "
                    "`blink-archive verify --repair` fetches what Blink still has."
                )
        case Kind.RECOVERY if past.failures:
            yield f"{counted(past.failures, 'syncs')} before it did not."
        case Kind.DIGEST if totals is not None:
            yield (
                f"Since the last digest: {counted(totals.syncs, 'syncs')}, {totals.well} of them ended well; "
                f"{counted(totals.clips, 'clips')} fetched, {size(totals.bytes)}; {totals.gone} left Blink "
                f"unfetched, {totals.lost} found lost here."
            )


def _details(ending: Ending, standing: Standing | None) -> Iterator[str]:
    """Paragraphs: counts, what failed, warnings."""
    summary = ending.summary
    if summary is not None:
        counts = (
            f"Fetched {counted(summary.fetched, 'clips')}, {size(summary.bytes)}, in "
            f"{timedelta(seconds=round(ending.took.total_seconds()))}."
        )
        yield f"{counts} {_archived(standing, ending)}" if standing else counts
        waiting, odd = standing.failures if standing else summary.failures, summary.problems
        if waiting:
            they = "waits" if len(waiting) == 1 else "wait"
            yield _listed(
                f"{counted(len(waiting), 'clips')} could not be fetched, and {they} for the next sync:",
                waiting,
            )
        if odd:
            yield _listed(f"{counted(len(odd), 'clips')} came with an odd entry:", odd)
        if summary.warnings:
            yield _listed("Warnings:", [("", each) for each in summary.warnings])
    elif standing:
        yield _archived(standing, ending)


def _archived(standing: Standing, ending: Ending) -> str:
    clips, taken = standing.clips.get("archived", 0), standing.bytes.get("archived", 0)
    waiting = standing.clips.get("waiting", 0)
    leaves = ""
    if waiting and standing.expires_at:
        which = "which" if waiting == 1 else "the first of which"
        leaves = f", {which} leaves Blink {ago(standing.expires_at.isoformat(), now=ending.ended)}"
    return (
        f"{counted(clips, 'clips')} archived, {size(taken)}; {waiting} waiting{leaves}; "
        f"{size(standing.free)} free."
    )


def _listed(what: str, entries: Sequence[tuple[str, str]]) -> str:
    """A paragraph of them, the first ones; each is (clip or nothing, words)."""
    lines = [f"- {clip}{': ' if clip else ''}{printable(words)}" for clip, words in entries[:_SHOWN]]
    more = [f"… and {len(entries) - _SHOWN} more."] if len(entries) > _SHOWN else []
    return "\n".join([what, *lines, *more])
