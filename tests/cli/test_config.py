"""The configuration: where each value comes from, what is wrong with it, and what it agrees to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from blink_archive.archive.layout import Layout
from blink_archive.cli import cli
from blink_archive.cli.configured import read_configuration, takers
from blink_archive.cli.options import Globals
from blink_archive.config.keys import KEYS, NAME
from blink_archive.errors import UsageError

from ..conftest import MakeWorld
from ..world import World
from .conftest import Terminal

with click.Context(cli, info_name="blink-archive") as _root:
    TAKEN = {taker.key.name for taker in takers(_root)}
reporting = pytest.mark.skipif("notify" not in TAKEN, reason="there are no notifications yet")


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a configuration, and names it in the environment."""

    def write(text: str) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        monkeypatch.setenv("BLINK_ARCHIVE_CONFIG", str(file))
        return file

    return write


def values(command: str, *arguments: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """What that command gets for its options."""
    with cli.make_context("blink-archive", [*before, command]) as root:
        found = cli.get_command(root, command)
        assert found is not None
        return found.make_context(command, list(arguments), parent=root).params


def given(*arguments: str) -> Globals:
    """The global options, configured."""
    with cli.make_context("blink-archive", [*arguments, "ls"]) as root:
        return read_configuration(root)


PRECEDENCE = [
    # command, table, key, in the file, typed, in the environment; what comes of each, and the default
    ("sync", "archive", "from", '"cloud"', ("--from", "all"), "usb", "origin", ("cloud", "all", "usb", "all")),
    ("sync", "archive", "workers", "3", ("--workers", "5"), "4", "workers", (3, 5, 4, 6)),
    ("sync", "archive", "max-rate", '"1kB/s"', ("--max-rate", "3k"), "2k", "max_rate", (1e3, 3e3, 2e3, None)),
    ("sync", "archive", "reserve", '"5GB"', ("--reserve", "0"), "6GB", "reserve", (5 * 10**9, 0, 6 * 10**9, 10**9)),
    ("sync", "archive", "quiet-days", "3", ("--quiet-days", "5d"), "4", "quiet_days", (3, 5, 4, 7)),
    ("sync", "archive", "describe", "false", ("--describe",), "0", "describe", (False, True, False, True)),
    ("sync", "archive", "layout", '"a/{id}"', ("--layout", "c/{id}"), "b/{id}", "layout",
     (Layout.parse("a/{id}"), Layout.parse("c/{id}"), Layout.parse("b/{id}"), None)),
    ("sync", "archive.filters", "camera", '["A", "B"]', ("--camera", "E"), "C\nD", "camera", (("A", "B"), ("E",), ("C", "D"), ())),
    ("sync", "archive.filters", "network", '["A"]', ("--network", "E"), "C", "network", (("A",), ("E",), ("C",), ())),
    ("sync", "archive.filters", "source", '["A"]', ("--source", "E"), "C", "source", (("A",), ("E",), ("C",), ())),
    ("sync", "archive.filters", "since", "2026-01-02", ("--since", "7d"), "8d", "since", ("2026-01-02", "7d", "8d", None)),
    ("sync", "archive.deletion", "delete-remote", "true", ("--no-delete-remote",), None, "delete_remote", (2, 0, None, 0)),
    ("sync", "archive.deletion", "keep-days", "3", ("--keep-days", "5"), "4", "keep_days", (3, 5, 4, 0)),
    ("prune-remote", "archive.deletion", "keep-days", "3", ("--keep-days", "5"), "4", "keep_days", (3, 5, 4, 0)),
    ("prune-local", "archive.retention", "keep", '"3d"', ("--keep", "5d"), "4d", "keep",
     (timedelta(3), timedelta(5), timedelta(4), None)),
    ("prune-local", "archive.retention", "max-size", '"3GB"', ("--max-size", "5GB"), "4GB", "max_size",
     (3 * 10**9, 5 * 10**9, 4 * 10**9, None)),
    ("prune-local", "archive.retention", "keep-starred", "true", ("--no-keep-starred",), "0", "keep_starred",
     (True, False, False, False)),
]  # fmt: skip


@pytest.mark.parametrize("case", PRECEDENCE, ids=lambda case: f"{case[0]} {case[2]}")
def test_flag_over_environment_over_file_over_default(
    case: tuple[Any, ...], configure: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each kind of option, each value passing the option's own type."""
    command, table, key, in_file, typed, in_environment, name, (of_file, of_flag, of_environment, default) = (
        case
    )
    heading = "[[archive]]" if table == "archive" else f"[[archive]]\n[{table}]"
    assert values(command)[name] == default
    configure(f"{heading}\n{key} = {in_file}\n")
    assert values(command)[name] == of_file
    if in_environment is not None:
        monkeypatch.setenv(f"BLINK_ARCHIVE_{key}".upper().replace("-", "_"), in_environment)
        assert values(command)[name] == of_environment
    assert values(command, *typed)[name] == of_flag


def test_only_the_named_commands_take_a_key(configure: Callable[[str], Path]) -> None:
    """The filters of every night are none of `ls`, nor of `prune-remote`."""
    configure("[[archive]]\n[archive.filters]\ncamera = ['A']\nsince = '7d'\n")
    assert values("sync")["camera"] == ("A",)
    assert (values("ls")["camera"], values("ls")["since"]) == ((), None)
    assert values("prune-remote")["camera"] == ()


def test_global_options_come_from_the_file_too(
    configure: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to its folder; what is typed, and the environment, come first."""
    configure(
        "state-dir = 's'\nca-file = 'ca.pem'\nlog-file = '/l'\n[queries]\nmine = 'SELECT 1'\n"
        "[[archive]]\narchive = 'a'\ncatalog = 'c.db'\naccount = 'me@example.com'\n"
    )
    found = given()
    assert (found.root(), found.catalog_path(), found.whose()) == (
        tmp_path / "a",
        tmp_path / "c.db",
        "me@example.com",
    )
    assert (found.state().path, found.trusted(), found.log()) == (
        tmp_path / "s",
        tmp_path / "ca.pem",
        Path("/l"),
    )
    assert found.queries() == {"mine": "SELECT 1"}
    monkeypatch.setenv("BLINK_ARCHIVE_STATE_DIR", "/e")
    monkeypatch.setenv("BLINK_ARCHIVE_CATALOG", "/e.db")
    assert (given().state().path, given().catalog_path()) == (Path("/e"), Path("/e.db"))
    typed = given("--state-dir", "/f", "--catalog", "/f.db", "--ca-file", "/f.pem", "--account", "7")
    assert (typed.state().path, typed.catalog_path(), typed.trusted()) == (
        Path("/f"),
        Path("/f.db"),
        Path("/f.pem"),
    )
    assert typed.whose() == "7"


def test_an_entry_without_a_folder_is_of_any(configure: Callable[[str], Path]) -> None:
    """If it is the only one: what it says holds wherever the archive is."""
    configure("[[archive]]\nworkers = 3\n")
    assert values("sync", before=("--archive", "/b"))["workers"] == 3
    assert given("--archive", "/b").root() == Path("/b")
    assert given().root() == Path("~/blink-archive").expanduser()
    configure("[[archive]]\nworkers = 3\n[[archive]]\narchive = '/a'\nworkers = 4\n")
    assert values("sync", before=("--archive", "/b"))["workers"] == 6


def test_an_archive_of_no_entry_has_the_top_of_the_file_alone(
    configure: Callable[[str], Path], tmp_path: Path
) -> None:
    """Whatever is said of others."""
    configure("ca-file = 'x'\n[[archive]]\narchive = 'a'\ncatalog = 'c.db'\naccount = '7'\nworkers = 3\n")
    other = given("--archive", "/b")
    assert (other.root(), other.catalog_path(), other.whose()) == (Path("/b"), Path("/b/catalog.db"), None)
    assert other.trusted() == tmp_path / "x"
    assert values("sync", before=("--archive", "/b"))["workers"] == 6
    assert values("sync", before=("--archive", str(tmp_path / "a")))["workers"] == 3


SEVERAL = """
[[archive]]
name = "home"
archive = "h"
workers = 3
[[archive]]
name = "cabin"
archive = "c"
account = "8"
workers = 4
"""


def test_archives_are_chosen_by_name(
    configure: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before or behind the command, or in the environment; a folder of that name is ./home or home/."""
    configure(SEVERAL)
    monkeypatch.chdir(tmp_path)
    assert values("sync", "--archive", "cabin")["workers"] == 4
    assert values("sync", before=("--archive", "home"))["workers"] == 3
    assert given("--archive", "cabin").root() == tmp_path / "c"
    assert given("--archive", "cabin").whose() == "8"
    for folder in ("./home", "home/"):
        assert given("--archive", folder).root() == tmp_path / "home"
    monkeypatch.setenv("BLINK_ARCHIVE_DIR", "home")
    assert values("sync")["workers"] == 3


def test_several_archives_and_none_chosen(configure: Callable[[str], Path], world: World) -> None:
    """What needs one is wrong usage, and names them; what needs none works as ever."""
    file = configure(SEVERAL)
    nothing = {"BLINK_ARCHIVE_CONFIG": str(file), "BLINK_ARCHIVE_DIR": ""}
    for command in ("ls", "sync", "status", "prune-local"):
        done = world.run(command, **nothing)
        assert (done.returncode, "home, cabin. Choose one with --archive" in done.stderr) == (2, True)
    for command in ("whoami", "devices"):
        assert world.run(command, **nothing).returncode == 0
    done = world.run("arm", "House", **nothing)
    assert (done.returncode, "Choose one with --archive" in done.stderr) == (
        0,
        True,
    )  # there is no place to note it
    done = world.run("ls", "--archive", "cabin", **nothing)
    assert (done.returncode, str(file.parent / "c") in done.stderr) == (1, True)  # it is not there


WRONG = {
    "a value that the option does not take": ("[[archive]]\nworkers = 99", 2, "workers: 99 is not in the range 1<=x<=16."),
    "a choice": ("[[archive]]\nfrom = 'stick'", 2, "from: 'stick' is not one of 'cloud', 'usb', 'all'."),
    "a size": ("[[archive]]\nreserve = 5", 2, "reserve: '5' is no size."),
    "a date": ("[[archive]]\n[archive.filters]\nsince = 'then'", 3, "since: 'then' is no date"),
    "a layout": ("[[archive]]\nlayout = 'x'", 2, "layout: The layout 'x' cannot be used"),
    "a text for true": ("[[archive]]\ndescribe = 'yes'", 2, "describe: write true or false."),
    "a number for true": ("[[archive]]\n[archive.deletion]\ndelete-remote = 1", 3, "delete-remote: write true or false."),
    "true for a number": ("[[archive]]\nworkers = true", 2, "workers: write a text in quotes, or a number."),
    "half a number": ("[[archive]]\nworkers = 2.5", 2, "workers: '2.5' is not a valid integer range."),
    "a text for a list": ("[[archive]]\n[archive.filters]\ncamera = 'A'", 3, "camera: write a list"),
    "a list for a text": ("[[archive]]\naccount = ['A']", 2, "account: write a text in quotes, or a number."),
    "a list in a list": ("[[archive]]\n[archive.filters]\ncamera = [['A']]", 3, "camera: write a text in quotes, or a number."),
    "an empty path": ("state-dir = ''", 1, "state-dir: The path is empty."),
    "an unknown key": ("[[archive]]\nworker = 3", 2, "there is no worker in [[archive]]; the nearest is workers."),
    "a key of another table": ("[[archive]]\nkeep-days = 3", 2, "keep-days does not belong in [[archive]]: it stands below [archive.deletion]."),
    "no TOML": ("[[archive]]\nworkers = ", 2, "this is not TOML: Invalid value."),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_every_mistake_ends_every_command(case: str, configure: Callable[[str], Path]) -> None:
    """Whatever the command, that reads the file: exit 2, with file, line, key, and what is right."""
    text, line, says = WRONG[case]
    file = configure(text)
    for command in ("sync", "accounts", "ls"):
        with pytest.raises(UsageError) as caught:
            cli.main([command], standalone_mode=False)
        assert str(caught.value).startswith(f"{file}, line {line}: ")
        assert says in str(caught.value)


@pytest.mark.parametrize("key", ["archive", "catalog", "prometheus-file", "log-file", "state-dir", "ca-file"])
def test_a_path_with_a_nul(key: str, configure: Callable[[str], Path]) -> None:
    """TOML can say what no path can be."""
    at_top = key in {"log-file", "state-dir", "ca-file"}
    table = "" if at_top else "[[archive]]\narchive = '/a'\n"
    table += "[archive.notifications]\n" if key == "prometheus-file" else ""
    configure(f'{table.replace("archive = ", "name = ").replace("/a", "a") if key == "archive" else table}'
              f'{key} = "a\\u0000b"\n')  # fmt: skip
    with pytest.raises(UsageError, match="NUL"):
        given()


def test_a_file_that_is_no_text(configure: Callable[[str], Path]) -> None:
    """The line of the first byte that is none."""
    file = configure("")
    file.write_bytes(b"# a\n# \xff\n")
    with pytest.raises(UsageError, match=r"line 2: this is not UTF-8"):
        given()
    file.write_bytes("\N{ZERO WIDTH NO-BREAK SPACE}state-dir = '/é'\r\n".encode())
    assert given().state().path == Path("/é")


def test_check_tells_all_at_once(configure: Callable[[str], Path], world: World) -> None:
    """One line each, exit 2; with none, which file it was; --json has them apart."""
    file = configure("stat-dir = 'x'\n[[archive]]\nworkers = 99\n")
    here = {"BLINK_ARCHIVE_CONFIG": str(file)}
    done = world.run("config", "check", **here)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        f"{file}, line 1: there is no stat-dir at the top; the nearest is state-dir.",
        f"{file}, line 3: workers: 99 is not in the range 1<=x<=16.",
    ]
    found = json.loads(world.run("config", "check", "--json", **here).stdout)
    assert found["file"] == str(file)
    assert [(each["line"], each["key"]) for each in found["mistakes"]] == [(1, "stat-dir"), (3, "workers")]
    other = world.run("ls", **here)
    assert (other.returncode, "`config check` tells of 1 more." in other.stderr) == (2, True)
    file.write_text("[[archive]]\nworkers = 9\n", encoding="utf-8")
    done = world.run("config", "check", **here)
    assert (done.returncode, done.stdout) == (0, f"{file}: no mistakes.\n")


def test_the_file_has_a_usual_place(world: World, tmp_path: Path) -> None:
    """Where the platform has it; without one all defaults hold. One that is named has to be there."""
    usual = {"BLINK_ARCHIVE_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}
    done = world.run("config", "check", **usual)
    assert (done.returncode, "all defaults hold" in done.stdout) == (0, True)
    (place,) = re.findall(r"There is no configuration (\S+):", done.stdout)
    Path(place).parent.mkdir(parents=True)
    Path(place).symlink_to(tmp_path / "not mounted" / "config.toml")
    assert world.run("ls", **usual).returncode == 2  # not all defaults, which delete nothing and tell nobody
    Path(place).unlink()
    Path(place).write_text("worker = 3", encoding="utf-8")
    assert world.run("ls", **usual).returncode == 2
    for named in (
        {"BLINK_ARCHIVE_CONFIG": str(tmp_path / "none.toml")},
        {"BLINK_ARCHIVE_CONFIG": str(tmp_path)},
    ):
        for command in (("ls",), ("config", "check"), ("config", "show")):
            done = world.run(*command, **named)
            assert (done.returncode, str(tmp_path) in done.stderr, "--config" in done.stderr) == (
                2,
                True,
                True,
            )
    assert world.run("ls", "--config", os.devnull, **usual).returncode == 0


def test_help_is_the_same_everywhere(configure: Callable[[str], Path], world: World) -> None:
    """It shows the options' own defaults, and reads no file: not even a broken one."""
    plain = world.run("sync", "--help")
    for text in ("[[archive]]\nworkers = 3\n[archive.deletion]\ndelete-remote = true\n", "nonsense"):
        done = world.run("sync", "--help", BLINK_ARCHIVE_CONFIG=str(configure(text)))
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")


def test_the_demo_knows_no_configuration(tmp_path: Path) -> None:
    """It works on a machine whose configuration is broken, also in its usual place."""
    usual = tmp_path / "blink-archive" / "config.toml"
    usual.parent.mkdir()
    usual.write_text("nonsense", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "blink_archive", "demo", "--clips", "1", "--quiet"],
        env=os.environ | {"BLINK_ARCHIVE_CONFIG": "", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def shown(world: World, *arguments: str, **environment: str) -> dict[str, tuple[Any, str, str | None]]:
    """What `config show` has: value, origin and where, by key."""
    done = world.run("config", "show", *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["settings"]
    return {each["key"]: (each["value"], each["origin"], each["where"]) for each in found}


def test_show_tells_every_value_with_its_origin(world: World, configure: Callable[[str], Path]) -> None:
    """Flag, environment, file or default."""
    file = configure(
        f"ca-file = 'x.pem'\n[queries]\nmine = 'SELECT 1'\n[[archive]]\nname = 'home'\narchive = '{world.root}'\n"
        "workers = 3\nmax-rate = '1MB/s'\n[archive.filters]\ncamera = ['A', 'B']\n[archive.deletion]\ndelete-remote = true\n"
    )
    found = shown(world, "--catalog", "/c.db", BLINK_ARCHIVE_CONFIG=str(file), BLINK_ARCHIVE_WORKERS="4")
    assert found["catalog"] == ("/c.db", "flag", "--catalog")
    assert found["archive"] == (str(world.root), "environment", "BLINK_ARCHIVE_DIR")
    assert found["state-dir"] == (str(world.state), "environment", "BLINK_ARCHIVE_STATE_DIR")
    assert found["ca-file"] == (str(file.parent / "x.pem"), "file", f"{file}:1")
    assert found["queries.mine"] == ("SELECT 1", "file", f"{file}:3")
    assert found["workers"] == ("4", "environment", "BLINK_ARCHIVE_WORKERS")
    assert found["max-rate"] == ("1MB/s", "file", f"{file}:8")
    assert found["camera"] == (["A", "B"], "file", f"{file}:10")
    assert found["delete-remote"] == (True, "file", f"{file}:12")
    assert found["reserve"] == ("0", "environment", "BLINK_ARCHIVE_RESERVE")
    assert found["describe"] == (True, "default", None)
    assert found["since"] == (None, "default", None)
    assert found.keys() == TAKEN | {"queries.mine"}
    named = shown(world, "--archive", "home", BLINK_ARCHIVE_CONFIG=str(file))
    assert named["archive"] == (str(world.root), "file", f"{file}:6")
    table = world.run("config", "show", BLINK_ARCHIVE_CONFIG=str(file)).stdout
    assert re.search(rf"^max-rate +1MB/s +file +{re.escape(str(file))}:8$", table, re.MULTILINE)
    assert re.search(r"^camera +A, B +file", table, re.MULTILINE)
    assert re.search(r"^delete-remote +true +file", table, re.MULTILINE)


def test_show_has_every_archive_or_the_one_chosen(world: World, configure: Callable[[str], Path]) -> None:
    """Each with its own values."""
    here = {"BLINK_ARCHIVE_CONFIG": str(configure(SEVERAL)), "BLINK_ARCHIVE_DIR": ""}
    done = json.loads(world.run("config", "show", "--json", **here).stdout)["settings"]
    assert [(each["archive"], each["value"]) for each in done if each["key"] == "workers"] == [
        ("home", "3"),
        ("cabin", "4"),
    ]
    assert [each["archive"] for each in done if each["key"] == "state-dir"] == [None]
    table = world.run("config", "show", **here).stdout
    assert re.search(r"^cabin +workers +4 +file", table, re.MULTILINE)
    assert shown(world, "--archive", "cabin", **here)["workers"][0] == "4"


def test_show_without_a_file(world: World) -> None:
    """All defaults, and what the environment says."""
    found = shown(world, BLINK_ARCHIVE_RESERVE="")
    assert found["reserve"] == ("1GB", "default", None)
    assert found["archive"][1:] == ("environment", "BLINK_ARCHIVE_DIR")
    assert found["catalog"] == (str(world.root / "catalog.db"), "default", None)


SECRET = "[[archive]]\n[archive.notifications]\nnotify = ['ntfy://u:s3cr3t@example.com']\nping = 'https://example.com/s3cr3t'\n"


@reporting
def test_secrets_are_hidden(world: World, configure: Callable[[str], Path]) -> None:
    """Also those of the environment, and in what is said of a mistake."""
    file = configure(SECRET)
    found = shown(world, BLINK_ARCHIVE_CONFIG=str(file))
    assert found["notify"] == ("hidden", "file", f"{file}:3")
    assert found["ping"] == ("hidden", "file", f"{file}:4")
    there = shown(world, BLINK_ARCHIVE_CONFIG=str(file), BLINK_ARCHIVE_PING="https://example.com/s3cr3t")
    assert there["ping"] == ("hidden", "environment", "BLINK_ARCHIVE_PING")
    assert "s3cr3t" not in world.run("config", "show", BLINK_ARCHIVE_CONFIG=str(file)).stdout
    configure("[[archive]]\n[archive.notifications]\nping = 's3cr3t'\n")
    done = world.run("config", "check", BLINK_ARCHIVE_CONFIG=str(file))
    assert (done.returncode, "line 3: ping: this is nothing that --ping takes." in done.stdout) == (2, True)
    assert "s3cr3t" not in done.stdout


@reporting
@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_file_with_secrets_that_others_can_read(world: World, configure: Callable[[str], Path]) -> None:
    """Is warned of; one without is everybody's."""
    file = configure(SECRET)
    here = {"BLINK_ARCHIVE_CONFIG": str(file)}
    assert world.run("ls", **here).stderr == ""
    file.chmod(0o644)
    done = world.run("ls", **here)
    assert (done.returncode, f"chmod 600 {file}" in done.stderr, "mode 0644" in done.stderr) == (
        0,
        True,
        True,
    )
    configure("[[archive]]\nworkers = 3\n").chmod(0o644)
    assert world.run("ls", **here).stderr == ""


def uncommented(file: Path) -> str:
    """With every setting set to its default, or its example."""
    return re.sub(r"^#(?=[a-z])", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_init_writes_a_file_that_explains_itself(world: World, tmp_path: Path) -> None:
    """Every key is in it, as a comment; it is right as it is, and with all comments taken away; it is the
    user's own."""
    file = tmp_path / "deep" / "config.toml"
    named = {"BLINK_ARCHIVE_CONFIG": str(file), "BLINK_ARCHIVE_DIR": ""}
    done = world.run("config", "init", **named)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert world.run("config", "check", **named).stdout == f"{file}: no mistakes.\n"
    text = file.read_text(encoding="utf-8")
    assert not set(re.findall(r"^([a-z-]+) = ", text, re.MULTILINE)) - {"state-dir"}  # of the environment
    assert set(re.findall(r"^#?([a-z-]+) = ", text, re.MULTILINE)) == TAKEN | {"name", "busy"}
    assert max(map(len, text.splitlines())) <= 104
    everything = tmp_path / "all.toml"
    everything.write_text(uncommented(file), encoding="utf-8")
    everything.chmod(0o600)
    done = world.run("config", "check", "--config", str(everything))
    assert done.stdout == f"{everything}: no mistakes.\n"
    assert json.loads(world.run("config", "init", "--json", "--config", f"{file}2").stdout) == {
        "file": f"{file}2"
    }


def test_what_init_calls_a_default_is_one(world: World, tmp_path: Path) -> None:
    """Set to it, a key changes nothing."""
    file = tmp_path / "all.toml"
    world.run("config", "init", "--config", str(file))
    file.write_text(uncommented(file), encoding="utf-8")
    names = {"BLINK_ARCHIVE_RESERVE": "", "BLINK_ARCHIVE_QUIET_DAYS": ""}
    of_file, plain = shown(world, BLINK_ARCHIVE_CONFIG=str(file), **names), shown(world, **names)
    defaults = {
        name: value for name, (value, _, _) in plain.items() if value is not None and not name.endswith("dir")
    }
    assert {"from", "workers", "reserve", "keep-days", "describe"} <= defaults.keys()
    for name in defaults.keys() - {"archive", "catalog"}:
        wanted = defaults[name]
        assert of_file[name][0] == (
            str(wanted) if isinstance(wanted, int) and not isinstance(wanted, bool) else wanted
        )
        assert of_file[name][1] == "file"


def test_init_takes_what_is_typed_and_overwrites_nothing(world: World, tmp_path: Path) -> None:
    """A file, or a link, that is there stays."""
    file = tmp_path / "new.toml"
    options = ("--archive", str(tmp_path / 'qu"ote'), "--account", "me@example.com", "--config", str(file))
    assert world.run("config", "init", *options).returncode == 0
    before = file.read_bytes()
    found = shown(world, "--config", str(file), BLINK_ARCHIVE_DIR="")
    assert found["archive"][0] == str(tmp_path / 'qu"ote')
    assert found["account"] == ("me@example.com", "file", found["account"][2])
    done = world.run("config", "init", "--config", str(file))
    assert (done.returncode, "stays as it is" in done.stderr, file.read_bytes()) == (2, True, before)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert world.run("config", "init", "--config", str(tmp_path / "link")).returncode == 2
    assert not (tmp_path / "nowhere").exists()


def test_init_asks_what_matters(world: World, tmp_path: Path, at_terminal: Callable[..., Terminal]) -> None:
    """The folder, the account, the hour, deletion, notifications; a wrong answer is asked for again."""
    file = tmp_path / "asked.toml"
    terminal = at_terminal(world, "config", "init", BLINK_ARCHIVE_CONFIG=str(file))
    terminal.expect("Folder of the archive")
    terminal.type("")
    terminal.expect("Account")
    terminal.type("me@example.com")
    if "at" in TAKEN:
        terminal.expect("Nightly run at")
        terminal.type("04:20")
    terminal.expect("Delete at Blink")
    terminal.type("y")
    terminal.expect("so many days ago")
    terminal.type("many")
    terminal.expect("no number of days")
    terminal.type("14")
    if "notify" in TAKEN:
        terminal.expect("Whom to tell")
        terminal.type("")
    assert terminal.end() == 0
    found = shown(world, BLINK_ARCHIVE_CONFIG=str(file), BLINK_ARCHIVE_DIR="")
    assert found["archive"][:2] == (str(world.root), "file")
    assert found["account"][0] == "me@example.com"
    assert (found["delete-remote"][0], found["keep-days"][0]) == (True, "14")
    if "at" in TAKEN:
        assert found["at"][0] == "04:20"


def test_every_key_is_the_default_of_an_option() -> None:
    """Of every command that it names, where there is that command."""
    with click.Context(cli, info_name="blink-archive") as root:
        for key in KEYS:
            for path in key.commands:
                command: click.Command | None = cli
                for word in path.split():
                    command = command.get_command(root, word) if isinstance(command, click.Group) else None
                if command is None or (key.table == "archive.notifications" and "notify" not in TAKEN):
                    continue
                assert [each for each in command.params if f"--{key.name}" in each.opts], (key.name, path)
        for key in KEYS:
            if not key.commands and key is not NAME:
                assert [each for each in cli.params if f"--{key.name}" in each.opts], key.name


STANDING = "[[archive]]\nfrom = 'cloud'\n[archive.deletion]\ndelete-remote = true\n"


def test_the_file_agrees_to_a_deletion(make_world: MakeWorld, configure: Callable[[str], Path]) -> None:
    """Without a terminal, `sync` deletes at Blink where the file says so; not where it does not, nor with
    --no-delete-remote."""
    world = make_world(clips=4, hostile=False)
    file = configure("[[archive]]\nfrom = 'cloud'\n")
    here = {"BLINK_ARCHIVE_CONFIG": str(file)}
    assert world.run("sync", **here).returncode == 0
    assert len(world.blink.cloud.live_clips()) == 4
    configure(STANDING)
    assert world.run("sync", "--no-delete-remote", **here).returncode == 0
    assert world.run("sync", "--from", "usb", **here).returncode == 0
    assert len(world.blink.cloud.live_clips()) == 4
    dry = json.loads(world.run("sync", "--dry-run", "--json", **here).stdout)
    assert len(dry["deletion"]["planned"]) == 4
    configure(STANDING + "keep-days = 3\n")
    assert world.run("sync", **here).returncode == 0
    assert len(world.blink.cloud.live_clips()) == 4
    done = world.run("sync", "--json", "--keep-days", "0", **here)
    assert (done.returncode, len(json.loads(done.stdout)["deletion"]["deleted"])) == (0, 4)
    assert world.blink.cloud.live_clips() == []


def test_what_is_typed_needs_its_own_yes(world: World, configure: Callable[[str], Path]) -> None:
    """A file that says false agrees to nothing; what the file wants of sticks is a mistake."""
    here = {
        "BLINK_ARCHIVE_CONFIG": str(configure("[[archive]]\n[archive.deletion]\ndelete-remote = false\n"))
    }
    done = world.run("sync", "--delete-remote", **here)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert world.run("prune-remote", **here).returncode == 2
    configure(STANDING)
    assert world.run("prune-remote", **here).returncode == 2  # the word is about `sync`
    configure(STANDING.replace("cloud", "usb"))
    done = world.run("sync", **here)
    assert (done.returncode, "--delete-remote is for the cloud" in done.stderr) == (2, True)


def retention(extra: str = "", *, after_sync: str = "true") -> str:
    return (
        "[[archive]]\nfrom = 'cloud'\n[archive.deletion]\ndelete-remote = true\n"
        f"[archive.retention]\nmax-size = '0'\nafter-sync = {after_sync}\n{extra}"
    )


def test_what_is_to_leave_leaves_after_the_sync(
    make_world: MakeWorld, configure: Callable[[str], Path]
) -> None:
    """By the rules of the file and with its word alone; what Blink has stays, and a star, where they say so."""
    world = make_world(clips=4, hostile=False)
    file = configure(retention(after_sync="false"))
    here = {"BLINK_ARCHIVE_CONFIG": str(file)}
    assert world.run("sync", "--no-delete-remote", **here).returncode == 0
    first = world.rows("SELECT origin_key FROM clips WHERE sha256 IS NOT NULL")[0]["origin_key"]
    assert world.run("star", first, **here).returncode == 0
    done = world.run("sync", "--after-sync", **here)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    configure(retention("keep-starred = true\n"))
    done = world.run("sync", "--no-delete-remote", "--json", **here)
    assert (json.loads(done.stdout)["retention"]["removed"], len(world.files())) == ([], 8)  # Blink has them
    dry = json.loads(world.run("sync", "--no-delete-remote", "--dry-run", "--json", **here).stdout)
    assert (dry["retention"]["planned"], len(dry["retention"]["kept"])) == ([], 4)
    assert world.run("sync", "--no-after-sync", **here).returncode == 0
    assert (len(world.blink.cloud.live_clips()), len(world.files())) == (0, 8)
    done = world.run("sync", **here)
    assert (done.returncode, "Removed 3 clips" in done.stdout) == (0, True)
    assert len(world.files()) == 2
    assert json.loads(world.run("sync", "--json", **here).stdout)["retention"]["removed"] == []
    assert world.clip(first)["status"] == "archived"


def test_nothing_leaves_after_a_sync_that_ended_badly(
    make_world: MakeWorld, configure: Callable[[str], Path]
) -> None:
    """Its exit code stays, and the reason is said."""
    world = make_world(clips=2, hostile=False)
    here = {"BLINK_ARCHIVE_CONFIG": str(configure(retention()))}
    assert world.run("sync", "--no-after-sync", **here).returncode == 0
    world.blink.stop()
    done = world.run("sync", **here)
    assert (done.returncode, "Nothing is removed here" in done.stderr, len(world.files())) == (5, True, 4)
    world.blink.start()


def test_a_changed_file_is_not_removed(make_world: MakeWorld, configure: Callable[[str], Path]) -> None:
    """The sync then ends with exit code 7, and tells of it."""
    world = make_world(clips=2, hostile=False)
    here = {"BLINK_ARCHIVE_CONFIG": str(configure(retention()))}
    assert world.run("sync", "--no-after-sync", **here).returncode == 0
    path = world.rows("SELECT path FROM clips WHERE sha256 IS NOT NULL")[0]["path"]
    (world.root / path).write_bytes(b"another")
    done = world.run("sync", "--json", **here)
    found = json.loads(done.stdout)["retention"]
    assert (done.returncode, path in done.stderr, len(found["removed"])) == (7, True, 1)
    assert found["left_alone"][0]["path"] == path
    assert (world.root / path).exists()


def test_a_typed_rule_stands_alone(make_world: MakeWorld, configure: Callable[[str], Path]) -> None:
    """`--yes` agrees to what is typed, and not to the file's other rule; without either, the file's hold."""
    world = make_world(clips=2, hostile=False)
    world.sync()
    here = {"BLINK_ARCHIVE_CONFIG": str(configure(retention(after_sync="false")))}
    done = world.run("prune-local", "--keep", "3650d", "--force", "--yes", **here)
    assert (done.returncode, len(world.files())) == (0, 4), done.stderr
    configure(retention().replace("max-size = '0'", "keep = '1s'"))
    done = world.run("prune-local", "--max-size", "1TB", "--force", "--yes", **here)
    assert (done.returncode, len(world.files())) == (0, 4), done.stderr
    done = world.run("prune-local", "--force", "--yes", **here)
    assert (done.returncode, len(world.files())) == (0, 0), done.stderr


def test_a_removal_has_to_have_a_rule(world: World) -> None:
    """Typed, without one in the file."""
    done = world.run("sync", "--after-sync", "--yes")
    assert (done.returncode, "no rule to go by" in done.stderr) == (2, True)


def test_the_log_of_the_file_is_written(
    world: World, configure: Callable[[str], Path], tmp_path: Path
) -> None:
    """Whatever the command, and --log-file writes another one."""
    here = {"BLINK_ARCHIVE_CONFIG": str(configure("log-file = 'a.log'\n"))}
    assert world.run("whoami", **here).returncode == 0
    assert " DEBUG " in (tmp_path / "a.log").read_text(encoding="utf-8")
    (tmp_path / "a.log").unlink()
    assert world.run("whoami", "--log-file", str(tmp_path / "b.log"), **here).returncode == 0
    assert not (tmp_path / "a.log").exists()
    assert (tmp_path / "b.log").stat().st_size
