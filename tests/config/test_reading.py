"""What a configuration may say, and each mistake with its line and what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blink_archive.config.configuration import Configuration, Setting
from blink_archive.config.keys import KEYS, Key
from blink_archive.config.reading import as_typed, read
from blink_archive.errors import UsageError

FILE = Path("/etc/config.toml")


def parsed(text: str, *, file: Path = FILE) -> Configuration:
    """``text``, whose values are all right but the text "wrong"."""

    def judge(key: Key, value: Any) -> str | None:
        return "this is wrong." if value == "wrong" else None

    return read(text, file=file, keys=KEYS, judge=judge)


def right(text: str) -> Configuration:
    found = parsed(text)
    assert found.mistakes == ()
    return found


def test_values_are_as_typed() -> None:
    """Numbers and dates are texts, lists are several texts, true and false stay."""
    found = right(
        'state-dir = "s"\n[queries]\nmine = "SELECT 1"\n[[archive]]\nworkers = 3\ndescribe = false\n'
        "[archive.filters]\ncamera = ['A', 2]\nsince = 2026-11-23\n[archive.schedule]\nat = 03:15:00\n"
    )
    assert found.file == FILE
    assert found.settings == {"state-dir": Setting("/etc/s", 1)}
    assert found.queries == {"mine": Setting("SELECT 1", 3)}
    (entry,) = found.entries
    assert entry.settings == {
        "workers": Setting("3", 5),
        "describe": Setting(False, 6),
        "camera": Setting(("A", "2"), 8),
        "since": Setting("2026-11-23", 9),
        "at": Setting("03:15:00", 11),
    }
    assert as_typed(True) is True


def test_paths_are_relative_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home is one, and what is absolute stays."""
    monkeypatch.setenv("HOME", "/home/me")
    found = right(
        '[[archive]]\narchive = "~/a"\ncatalog = "c.db"\n[archive.notifications]\nprometheus-file = "/p"\n'
    )
    values = {name: setting.value for name, setting in found.entries[0].settings.items()}
    assert values == {"archive": "/home/me/a", "catalog": "/etc/c.db", "prometheus-file": "/p"}


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("stat-dir = 'x'", 1, "stat-dir", "there is no stat-dir at the top; the nearest is state-dir."),
        ("\nSTATE_DIR = 'x'", 2, "STATE_DIR", "the nearest is state-dir."),
        ("workers = 3", 1, "workers", "workers does not belong at the top: it stands below [[archive]]."),
        ("max_rate = 3", 1, "max_rate", "there is no max_rate at the top; the nearest is max-rate, below [[archive]]."),
        ("[[archive]]\n\nworkes = 3", 3, "workes", "there is no workes in [[archive]]; the nearest is workers."),
        ("[[archive]]\nstate-dir = 'x'", 2, "state-dir", "it stands at the top, above all [tables]."),
        ("[[archive]]\nstate_dir = 'x'", 2, "state_dir", "the nearest is state-dir, at the top."),
        ("[[archive]]\ndelete-remote = true", 2, "delete-remote", "it stands below [archive.deletion]."),
        ("[[archive]]\n[archive.deletion]\nkeep-day = 1", 3, "keep-day", "no keep-day in [archive.deletion]; the nearest is keep-days."),
        ("[[archive]]\n[archive.filter]\n", 2, "filter", "there is no filter in [[archive]]; the nearest is [archive.filters]."),
        ("[notification]\nx = 1", 1, "notification", "the nearest is [archive.notifications]."),
        ("[[archives]]\n", 1, "archives", "there is no archives at the top; the nearest is [[archive]]."),
        ("[[archive]]\n[archive.filters]\nxyzzy = 1", 3, "xyzzy", "what can be there is camera, network, since, source."),
        ("[[archive]]\n[[archive.filters]]\n", 2, "filters", "the nearest is [archive.filters]."),
        ("[[archive]]\nfilters = 3\n", 2, "filters", "there is no filters in [[archive]]"),
        ("[archive]\nworkers = 3", 1, "archive", "with [[archive]]."),
        ("archive = '/a'", 1, "archive", "with [[archive]]."),
        ("[[archive]]\nworkers = 'wrong'", 2, "workers", "workers: this is wrong."),
        ("[[archive]]\nname = 'a b'", 2, "name", "name: write a word"),
        ("[[archive]]\nname = '../up'", 2, "name", "name: write a word"),
        ("[[archive]]\nname = 3", 2, "name", "name: write a word"),
        ("[[archive]]\nname='a'\narchive='/a'\n[[archive]]\nname='a'\narchive='/b'", 5, "name", "name: a is the archive of line 1 already."),
        ("[[archive]]\nname='a'\narchive='/a'\n[[archive]]\nname='b'\narchive='/x/../a'", 6, "archive", "is the folder of the archive of line 1 already."),
        ("[[archive]]\n[[archive]]\n", 2, "archive", "is the folder of the archive of line 1 already."),
        ("[[archive]]\narchive = '~nobody-of-that-name/x'", 2, "archive", "home directory that is not known"),
        ("[[archive]]\n[archive.retention]\nafter-sync = true", 3, "after-sync", "set keep or max-size, too."),
        ("[[archive]]\ncatalog = '/c.db'", 2, "catalog", "set archive, too."),
        ("[queries]\na = 'SELECT 1'\nb = 3", 3, "b", "b: a query is SQL in quotes."),
        ("[queries]\nb = ' '", 2, "b", "b: a query is SQL in quotes."),
        ("queries = 3", 1, "queries", "queries is a table"),
        ("a = 1\nb = \n", 2, None, "this is not TOML: Invalid value."),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what_is_right(text: str, line: int, key: str | None, says: str) -> None:
    """File, line, key, and the nearest right one or what is allowed."""
    (mistake,) = parsed(text).mistakes
    assert (mistake.file, mistake.line, mistake.key) == (FILE, line, key)
    assert says in mistake.says
    assert str(mistake).startswith(f"{FILE}, line {line}: ")
    assert str(mistake).count("\n") == 0


def test_all_mistakes_are_found_in_order() -> None:
    """And the rest is taken as it is."""
    found = parsed("[[archive]]\nworker = 1\nname = '-'\n[archive.filter]\n[queries]\nb = 1\n[archives]\n")
    assert [mistake.line for mistake in found.mistakes] == [2, 3, 4, 6, 7]
    assert len(found.entries) == 1


def test_a_rule_is_enough_for_a_removal() -> None:
    """Either of the two; and none is needed for none."""
    for rules in (
        "keep = '1d'\nafter-sync = true",
        "max-size = '1G'\nafter-sync = true",
        "after-sync = false",
    ):
        right(f"[[archive]]\n[archive.retention]\n{rules}")


SEVERAL = (
    "[[archive]]\nname = 'home'\narchive = '/a/home'\n[[archive]]\nname = 'cabin'\narchive = '/a/cabin'\n"
)


@pytest.mark.parametrize(
    ("archive", "chosen"),
    [("home", "home"), ("cabin", "cabin"), ("/a/cabin", "cabin"), ("/a/b/../cabin/", "cabin"), ("/a/other", None), ("Home", None)],
)  # fmt: skip
def test_an_archive_is_chosen_by_name_or_folder(archive: str, chosen: str | None) -> None:
    """Another folder has nothing of any entry."""
    entry = right(SEVERAL).choose(Path(archive))
    assert (entry and entry.name) == chosen


def test_one_of_several_has_to_be_chosen() -> None:
    """The error names them; a single one needs no choice, and none gives none."""
    found = right(SEVERAL)
    assert found.is_open(None)
    with pytest.raises(UsageError, match=r"has several archives: home, cabin\. Choose one with --archive"):
        found.choose(None)
    only = right("[[archive]]\nworkers = 3\n").choose(None)
    assert only is not None
    assert only.title == str(Path("~/blink-archive"))
    assert right("").choose(None) is None
    assert right("").choose(Path("/a")) is None


def test_links_lead_to_the_same_folder(tmp_path: Path) -> None:
    """An archive that is reached in two ways is one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = parsed(f"[[archive]]\nname = 'x'\narchive = '{tmp_path}/real'\n")
    entry = found.choose(tmp_path / "link")
    assert entry is not None
    assert entry.name == "x"


def test_secrets_are_known() -> None:
    """Addresses of services hold passwords."""
    secret = right("[[archive]]\n[archive.notifications]\nping = 'https://x/y'\n")
    assert secret.holds_secrets()
    assert not right(SEVERAL).holds_secrets()
