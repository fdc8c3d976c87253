"""``doctor``: looks at all that goes wrong in practice, and says what to do."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..errors import BlinkArchiveError, StorageError, UsageError
from .examinations import Finding, examine, libraries
from .globals import absolute
from .options import Globals, NamedPath, command
from .output import counted, now, print_json, printable

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("PROBLEM", "red")}
_RUNS = 20
# Whose names a report does not tell, and how to find them.
_NAMES = {
    "account": "SELECT account_id AS name FROM archive",
    "camera": "SELECT name FROM cameras UNION SELECT camera_name FROM clips WHERE camera_name > ''",
    "network": "SELECT name FROM networks UNION SELECT network_name FROM clips WHERE network_name > ''",
    "module": "SELECT name FROM sync_modules",
}


@command("doctor", configured=False)
@click.option(
    "--report",
    type=NamedPath(),
    metavar="FILE",
    allow_from_autoenv=False,
    help="Also write all of it, the settings and last runs, without secrets and names, for a bug report.",
)
@click.pass_context
def doctor_command(ctx: click.Context, given: Globals, *, report: Path | None) -> None:
    """Look at everything that goes wrong in practice, and say what to do.

    Python and SQLite, the configuration, the sign-in and its files, the archive's folder and disk, the
    catalog, Blink and the clock, the timer and the last run, and who is told of it. Nothing is changed. The
    exit code is that of the worst problem, 0 where there is none.
    """
    from ..sync.run import exit_code

    file = None if report is None else absolute(report, option="--report")
    findings = []
    for finding in examine(ctx, given):
        findings.append(finding)
        if not given.json and not (given.quiet and finding.verdict == "ok"):
            _tell(finding)
    told = [_facts(finding) for finding in findings]
    if given.json:
        print_json(told)
    if file is not None:
        _write(ctx, given, file, told)
    code = exit_code({finding.exit_code for finding in findings if finding.verdict == "problem"})
    if not given.json:
        given.say(_verdict([finding.verdict for finding in findings]))
    raise click.exceptions.Exit(code)


def _verdict(verdicts: list[str]) -> str:
    if "problem" in verdicts:
        return "What is marked PROBLEM needs you."
    if warnings := verdicts.count("warning"):
        return f"There is no problem, but {counted(warnings, 'warnings')}."
    return "Everything is as it should be."


def _tell(finding: Finding) -> None:
    """One finding on stdout: its verdict first, the advice below."""
    word, colour = _MARKS[finding.verdict]
    mark = click.style(f"{word:8}", fg=None if "NO_COLOR" in os.environ else colour)
    click.echo(f"{mark} {finding.what + ':':24} {printable(finding.says)}")
    if finding.advice:
        click.echo(f"{'':33} {printable(finding.advice)}")


def _facts(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "verdict": finding.verdict,
        "says": finding.says,
        "advice": finding.advice,
    }


def _write(ctx: click.Context, given: Globals, file: Path, findings: list[dict[str, str]]) -> None:
    """The report, in a new file that only its owner can read."""
    from .. import __version__
    from .config import settings

    report = {
        "program": __version__,
        "made_at": now().isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "libraries": libraries(),
        "environment": sorted(name for name in os.environ if name.startswith("BLINK_ARCHIVE_")),
        "findings": findings,
        "settings": [asdict(each) for each in settings(ctx, given)] if given.is_configured else None,
        **_of_catalog(given),
    }
    text = _anonymous(given, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(f"There is a {file} already. Name a file that is new.") from None
    except OSError as error:
        raise StorageError(
            f"The report {file} could not be written: {error.strerror}. Name another."
        ) from error
    given.say(f"The report is in {file}. Read it before you send it on.")


def _of_catalog(given: Globals) -> dict[str, Any]:
    """The last runs and the number of rows of each table; nothing where there is no catalog to be read."""
    try:
        catalog = given.read_catalog()
    except BlinkArchiveError:
        return {}
    try:
        runs = catalog.rows("SELECT * FROM runs ORDER BY id DESC LIMIT ?", (_RUNS,))
        tables = [
            row["name"]
            for row in catalog.rows(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            )
        ]
        rows = {name: catalog.value(f'SELECT count(*) FROM "{name}"') for name in tables}  # noqa: S608 - of SQLite
    finally:
        catalog.close()
    for run in runs:
        run["summary"] = json.loads(run["summary"]) if run["summary"] else None
    return {"runs": runs, "rows": rows}


def _anonymous(given: Globals, text: str) -> str:
    """``text`` without secrets, and without the names of a person's account, home, cameras and networks."""
    from ..archive.layout import camera_slug
    from ..client.redact import redacted

    names: dict[str, str] = {}
    try:
        catalog = given.read_catalog()
    except BlinkArchiveError:
        pass
    else:
        try:
            for kind, sql in _NAMES.items():
                for number, row in enumerate(catalog.rows(sql), 1):
                    names[str(row["name"])] = f"[{kind} {number}]"
        finally:
            catalog.close()
    names[str(Path.home())] = "~"
    for name, word in list(names.items()):
        if word.startswith("[camera"):  # as paths have it
            names[f"_{camera_slug(name)}_"] = f"_{word}_"
    for name in sorted(
        (each for each in names if len(each) > 2), key=len, reverse=True
    ):  # the longest first: one may hold another
        for form in {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, names[name])
    return redacted(text)
