"""In which degrees temperatures are told."""

from __future__ import annotations

from collections.abc import Mapping

# Countries whose weather is told in Fahrenheit: unitPreferences of Unicode's CLDR.
_FAHRENHEIT = frozenset({"BS", "BZ", "KY", "PR", "PW", "US"})


def is_fahrenheit(environment: Mapping[str, str]) -> bool:
    """Whether the locale of the environment (LC_ALL, else LC_MEASUREMENT, else LANG) has degrees of
    Fahrenheit, as that of the United States and a few others."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MEASUREMENT", "LANG"))
    locale = next(filter(None, names), "").split(".")[0].split("@")[0]
    return locale.replace("-", "_").rpartition("_")[2].upper() in _FAHRENHEIT
