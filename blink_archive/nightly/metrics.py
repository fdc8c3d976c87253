"""The file for Prometheus: what node_exporter's textfile collector reads after each run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .ending import Ending, Standing

_STATES = ("archived", "waiting", "gone", "deleted", "excluded", "covered", "pruned", "lost")
_SUCCESS = "blink_archive_last_success_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class _Metric:
    """One gauge: ``samples`` by the value of its label ``state``, or one without, by None."""

    name: str
    help: str
    samples: dict[str | None, float]


def exposition(ending: Ending, standing: Standing | None, *, success_at: float | None) -> str:
    """The text: the last run, and, where the catalog could be read, the clips.

    ``success_at`` is the last success, if that is this run's (seconds since 1970), None where there was none.
    """
    metrics = [*_run(ending, success_at), *(_clips(ending, standing) if standing else ())]
    return "".join(_text(metric, _label(ending.archive)) for metric in metrics)


def write_beside(path: Path, text: str) -> None:
    """Put ``text`` in place of the file by a rename, so that a reader finds the old one or the new one.

    Its mode follows the umask: node_exporter is another user. Nothing is fsynced: after a power cut the next
    run writes it anew. Raises OSError, and leaves no part of it.
    """
    part = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"  # no *.prom, which would be read
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def success_in(path: Path, archive: str) -> float | None:
    """The last success (seconds since 1970) that the file tells of, of that archive; None where it tells of
    none: for runs that find no catalog, or one without its past."""
    begin = f"{_SUCCESS}{{{_label(archive)}}} "
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(begin):
                return float(line.removeprefix(begin))
    return None


def _label(archive: str) -> str:
    """Which archive it is: several may have files beside each other."""
    text = archive.encode("utf-8", "backslashreplace").decode()
    return 'archive="' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _run(ending: Ending, success_at: float | None) -> Iterator[_Metric]:
    summary = ending.summary
    one: dict[str, tuple[str, float | None]] = {
        _SUCCESS: ("When the last run ended that did so with exit code 0.", success_at),
        "blink_archive_last_run_timestamp_seconds": ("When the last run ended.", ending.ended.timestamp()),
        "blink_archive_last_run_success": (
            "Whether the last run ended with exit code 0.",
            ending.exit_code == 0,
        ),
        "blink_archive_last_run_exit_code": ("The exit code of the last run.", ending.exit_code),
        "blink_archive_last_run_duration_seconds": ("How long it took.", ending.took.total_seconds()),
        "blink_archive_last_run_clips": ("Clips that it fetched.", summary.fetched if summary else 0),
        "blink_archive_last_run_bytes": ("Bytes that it fetched.", summary.bytes if summary else 0),
    }
    for name, (words, value) in one.items():
        if value is not None:
            yield _Metric(name, words, {None: value})


def _clips(ending: Ending, standing: Standing) -> Iterator[_Metric]:
    yield _Metric(
        "blink_archive_failures_in_a_row",
        "Runs since the last success, if any, that ended otherwise, or were killed.",
        {None: 0 if ending.exit_code == 0 else standing.past.failures + 1},
    )
    yield _Metric(
        "blink_archive_clips",
        "Clips by state, as `blink-archive status` shows them.",
        {state: standing.clips.get(state, 0) for state in _STATES},
    )
    yield _Metric(
        "blink_archive_clip_bytes",
        "Bytes of the clips by state, as far as they were ever fetched.",
        {state: standing.bytes.get(state, 0) for state in _STATES},
    )
    if standing.expires_at is not None:
        yield _Metric(
            "blink_archive_waiting_expiry_timestamp_seconds",
            "When Blink deletes the oldest of the waiting clips.",
            {None: standing.expires_at.timestamp()},
        )
        yield _Metric(
            "blink_archive_waiting_expiry_seconds",
            "How long that was ahead when the last run ended.",
            {None: (standing.expires_at - ending.ended).total_seconds()},
        )
    yield _Metric("blink_archive_free_bytes", "Free space on the archive's disk.", {None: standing.free})


def _text(metric: _Metric, label: str) -> str:
    lines = [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
    for state, value in metric.samples.items():
        labels = label if state is None else f'{label},state="{state}"'
        number = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:d}"
        lines.append(f"{metric.name}{{{labels}}} {number}")
    return "\n".join(lines) + "\n"
