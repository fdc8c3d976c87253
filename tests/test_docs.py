"""docs/security.md and docs/reliability.md name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .faults.test_token import LOCATIONS, MUTANTS

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["security.md", "reliability.md"])
def test_every_test_that_is_named_is_there(name: str) -> None:
    """A name without a folder is of the folder named before it in the same brackets, or of any."""
    named = re.findall(r"`((?:tests/)?[\w/]+\.py)`", (DOCS / name).read_text(encoding="utf-8"))
    assert len(named) > 15
    known = {path.relative_to(DOCS.parent).as_posix() for path in (DOCS.parent / "tests").rglob("*.py")}
    assert not [
        name for name in named if not any(path == name or path.endswith(f"/{name}") for path in known)
    ]


def test_the_figures_are_those_of_the_tests() -> None:
    """Kinds of addresses, and broken products: those of the table, and a region that is not checked."""
    assert f"x {len(LOCATIONS)} kinds of address x" in TEXT
    assert len(MUTANTS) + 1 == 9
    assert "nine products that are broken on purpose" in TEXT


def test_it_is_short() -> None:
    """So that who decides by it reads it."""
    assert len(TEXT.splitlines()) < 120
