"""The end of a run's log, kept in memory for whoever is told that it failed."""

from __future__ import annotations

import logging
from collections import deque

from ..client.redact import Redactor

_KEPT = 200  # records


class Tail(logging.Handler):
    """While it is entered, keeps the last records of our loggers from INFO on, without secrets."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.addFilter(Redactor())
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._kept: deque[str] = deque(maxlen=_KEPT)
        self._logger = logging.getLogger("blink_archive")
        self._level = logging.NOTSET

    def __enter__(self) -> Tail:
        self._level = self._logger.level
        if self._logger.getEffectiveLevel() > logging.INFO:
            self._logger.setLevel(logging.INFO)  # other handlers have levels of their own
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self._kept.append(self.format(record))

    def text(self) -> str:
        """What is kept, a record a line or more, the newest last."""
        return "\n".join(self._kept)
