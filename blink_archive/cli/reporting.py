"""After a run: the options that say who is told how it ended."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .options import Globals, Lines, NamedPath
from .quantities import Span
from .reporter import Reporter

__all__ = ["Reporter", "reporting_options"]

F = TypeVar("F", bound=Callable[..., Any])

_KINDS = ("failure", "loss", "recovery", "digest")
_USUAL = ("failure", "loss", "recovery")


class PingAddress(click.ParamType[str]):
    """The address of a check. Who knows it can ping, so that no error repeats it."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        import httpx

        try:
            url = httpx.URL(str(value).strip())
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            self.fail("That is no address of a check. Write all of it: https://host/path.", param, ctx)
        return str(url)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--notify",
        multiple=True,
        type=Lines(),
        metavar="URL",
        help="Tell this service how a run ended, by its URL of Apprise: mailto://…, ntfy://…. May repeat. "
        "It is a secret: rather set BLINK_ARCHIVE_NOTIFY, a URL a line.",
    ),
    click.option(
        "--notify-on",
        multiple=True,
        type=click.Choice(_KINDS),
        default=_USUAL,
        show_default=True,
        help="When to tell: a failure, once and then once a day; clips or files that were lost; the first "
        "success after a failure; a digest. May repeat.",
    ),
    click.option(
        "--digest-every",
        type=Span(),
        default="7d",
        show_default=True,
        metavar="SPAN",
        help="How often a digest comes; the first one comes at once.",
    ),
    click.option(
        "--ping",
        type=PingAddress(),
        metavar="URL",
        help="Ping this check of healthchecks.io or its like: URL/start, then URL, or URL/fail with the end "
        "of the log.",
    ),
    click.option(
        "--prometheus-file",
        type=NamedPath(),
        metavar="FILE",
        help="Write figures for the textfile collector of node_exporter, which reads *.prom.",
    ),
)
_NAMES = ("notify", "notify_on", "digest_every", "ping", "prometheus_file")


def reporter_of(given: Globals, values: dict[str, Any]) -> Reporter:
    """The one that these values of options ask for, among others; its own are taken away."""
    return Reporter.of(given, **{name: values.pop(name) for name in _NAMES})


def reporting_options(function: F) -> F:
    """Attach them; the command gets the `Reporter` of them as ``reporter``."""

    @functools.wraps(function)
    def with_reporter(given: Globals, /, **values: Any) -> Any:
        return function(given, reporter=reporter_of(given, values), **values)

    for option in reversed(_OPTIONS):
        with_reporter = option(with_reporter)
    return with_reporter  # type: ignore[return-value]
