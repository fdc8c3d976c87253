"""What is delivered works where it lands: the wheel, the sdist, and the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
CLIPS = sorted(
    path.name
    for path in (CHECKOUT / "blink_archive/simulator/clips").iterdir()
    if path.suffix in (".mp4", ".jpg", ".ts")
)
JUNK = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
ABOUT = """
import blink_archive, blink_archive.archive.catalog, importlib.resources
print(blink_archive.__file__)
print(len(blink_archive.archive.catalog.schema()))
print(*sorted(path.name for path in importlib.resources.files("blink_archive.simulator").joinpath("clips").iterdir()))
"""


def tracked_tree(target: Path) -> Path:
    """A copy of what is delivered from: the files that git tracks, or (an unpacked sdist) all but junk."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if not (CHECKOUT / ".git").exists() or listing.returncode:
        shutil.copytree(CHECKOUT, target, ignore=JUNK)
        return target
    for name in filter(None, listing.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)
    return target


def run(*command: str | Path, cwd: Path, python_path: Path | None = None) -> str:
    """stdout of a command that has to succeed, in an environment without this project's settings."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BLINK_ARCHIVE_", "PYTHON")) or name == "PYTHONHASHSEED"
    }
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["TMPDIR"] = str(cwd)  # the demo leaves its archive there
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built from a copy."""
    folder = tmp_path_factory.mktemp("built")
    tree = tracked_tree(folder / "tree")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", cwd=tree)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module", params=["wheel", "sdist", "checkout"])
def delivered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on PYTHONPATH: the wheel as pip installs it, the sdist unpacked, the checkout."""
    if request.param == "checkout":
        return CHECKOUT
    folder = tmp_path_factory.mktemp(request.param)
    archive: Path = request.getfixturevalue(request.param)
    if request.param == "wheel":
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        run(*pip, "--no-deps", "--no-index", "--target", folder / "site", archive, cwd=folder)
        return folder / "site"
    with tarfile.open(archive) as packed:
        # Python 3.11.2, Debian's, has no filters yet; 3.12 and 3.13 warn where none is chosen.
        packed.extraction_filter = getattr(tarfile, "data_filter", None)
        packed.extractall(folder)
    (unpacked,) = folder.iterdir()
    return unpacked


def test_everything_came_along(delivered: Path, tmp_path: Path) -> None:
    """The package is the one that was delivered, and has its schema and the simulator's clips with it."""
    file, schema, *clips = run(sys.executable, "-c", ABOUT, cwd=tmp_path, python_path=delivered).splitlines()
    assert Path(file) == delivered / "blink_archive" / "__init__.py"
    assert int(schema) == len((CHECKOUT / "schema.sql").read_text(encoding="utf-8"))
    assert CLIPS
    assert set(CLIPS) <= set(clips[0].split())


def test_demo_runs(delivered: Path, tmp_path: Path) -> None:
    """`python -m blink_archive demo` runs to its end from anywhere, and leaves a whole archive."""
    run(sys.executable, "-m", "blink_archive", "demo", "--clips", "8", cwd=tmp_path, python_path=delivered)
    assert len(list(tmp_path.glob("blink-archive-demo-*/archive/2*/*/*/*.mp4"))) == 8


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    """The wheel holds the package with its schema, its licence and its command, and no tests."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"blink_archive"}
    assert {"blink_archive/schema.sql", "blink_archive/archive/export/index.html"} <= set(names)
    assert "blink_archive/archive/export/readme.txt" in names
    assert any(name.endswith("entry_points.txt") for name in names)
    assert any(name.endswith("/LICENSE") for name in names)
    assert not [name for name in names if "test" in name.lower() or "__pycache__" in name]


def test_nothing_needs_what_made_the_clips(wheel: Path) -> None:
    """No module of the wheel that the package can import imports ``av``: that made the clips, once."""
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            if name.endswith(".py"):
                lines = packed.read(name).decode().splitlines()
                assert not [line for line in lines if line.startswith(("import av", "from av"))], name


def test_sdist_can_test_itself(sdist: Path) -> None:
    """The sdist holds the tests and what they need, and nothing that git ignores."""
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"pyproject.toml", "schema.sql", "tox.ini", "LICENSE", "tests/test_packaging.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".git/")]
