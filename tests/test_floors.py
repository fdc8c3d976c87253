"""The shape of the house: who may know whom, and how large a room may get."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "blink_archive"
NAME = PACKAGE.name
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

# From the ground up: a room may import from lower floors, and from itself.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "model"}),
    frozenset({"protocol", "archive", "config"}),
    frozenset({"client"}),
    frozenset({"sync"}),
    frozenset({"nightly"}),
    frozenset({"cli"}),
)
APART = "simulator"  # knows nobody; only the top floor knows it
HEIGHT = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): (path, ast.parse(path.read_bytes(), str(path))) for path in PACKAGE.rglob("*.py")}


def resolve(base: str, name: str) -> str:
    """The module that ``from base import name`` loads: a submodule, or the base itself."""
    return f"{base}.{name}" if f"{base}.{name}" in TREES else base


def imported_by(module: str) -> Iterator[tuple[str, bool]]:
    """Every module of the package that this one imports, and whether it does so when it is loaded.

    Imports within functions and under TYPE_CHECKING count: they too are knowledge.
    """
    path, tree = TREES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found = [alias.name for alias in node.names]
            case ast.ImportFrom():
                base = node.module or ""
                if node.level:
                    above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                    base = f"{above}.{base}" if base else above
                found = [resolve(base, alias.name) for alias in node.names]
            case _:
                continue
        yield from ((each, id(node) not in later) for each in found if each.split(".")[0] == NAME)


def room(module: str) -> str:
    """``blink_archive.sync.run`` -> ``sync``; the package itself and __main__ are the roof."""
    _, *inside = module.split(".")
    return inside[0] if inside and inside[0] != "__main__" else "roof"


IMPORTS = [(module, target, at_once) for module in TREES for target, at_once in imported_by(module)]


def test_the_walk_sees_the_imports() -> None:
    """The walk finds relative and absolute imports, in functions too: without that, the rest proves nothing."""
    edges = {(module, target) for module, target, _ in IMPORTS}
    assert ("blink_archive.sync.fetch", "blink_archive.archive.queue") in edges
    assert ("blink_archive.simulator", "blink_archive.simulator.server") in edges
    assert ("blink_archive.cli.sync", "blink_archive.sync.run") in edges
    assert any(not at_once for _, _, at_once in IMPORTS)
    assert {room(module) for module in TREES} == {*HEIGHT, APART, "roof"}, "a room without a floor"


@pytest.mark.parametrize("module", sorted(TREES))
def test_imports_go_down(module: str) -> None:
    """A module imports only from its own room and from the floors below; the roof opens the command line and
    the client's library alone; nobody but the roof and the
    top floor knows the command line or the simulator, and the simulator knows nobody."""
    here = room(module)
    for target, _ in imported_by(module):
        there = room(target)
        if there == here:
            continue
        if here == "roof":
            assert there in {"cli", "client", "roof"}, f"{module} imports {target}"
        elif here == APART:
            pytest.fail(f"{module} imports {target}: the simulator shares nothing with what it tests")
        elif there == "roof":
            assert target == NAME, f"{module} imports {target}"  # __version__
        elif there == APART:
            assert HEIGHT[here] == len(FLOORS) - 1, f"{module} imports {target}"
        else:
            assert HEIGHT[there] < HEIGHT[here], f"{module} imports {target}"


def test_no_circles() -> None:
    """No modules import each other in a circle, not even by imports within functions."""
    below: dict[str, set[str]] = {module: set() for module in TREES}
    for module, target, _ in IMPORTS:
        if target not in {module, NAME}:  # the package itself is only its version
            below[module].add(target)
    done: set[str] = set()

    def descend(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module not in done:
            for target in sorted(below[module]):
                descend(target, (*path, module))
            done.add(module)

    for module in sorted(TREES):
        descend(module, ())


@pytest.mark.parametrize("module", sorted(TREES))
def test_no_module_is_too_long(module: str) -> None:
    """A module over 400 lines has two jobs."""
    path, _ = TREES[module]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("module", sorted(TREES))
def test_no_function_is_too_long(module: str) -> None:
    """No function has more than 60 lines, its docstring included, its decorators not."""
    _, tree = TREES[module]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize(
    "module", sorted(module for module, (path, _) in TREES.items() if path.stat().st_size)
)
def test_every_module_says_what_it_is_for(module: str) -> None:
    """The first line of a module says what it is for."""
    path, tree = TREES[module]
    if path.name != "__main__.py":
        assert ast.get_docstring(tree)
