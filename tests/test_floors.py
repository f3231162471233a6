"""The import rule: a module imports only from its own folder or from one that sorts before it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mini_http"
FLOORS = ["base", "codec", "connect", "exchange", "keepalive", "opener", "tools"]
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor_of(module: str) -> str:
    """The folder below mini_http that a dotted module name lies in; "" for the face itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""


def imported_modules(source: str) -> list[str]:
    """Every mini_http module that a file imports, also in functions and under TYPE_CHECKING."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that the rule can be read off them"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "mini_http"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_floor_or_one_that_sorts_before_it(path):
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0] if len(relative.parts) > 1 else ""
    if not own:
        return  # the face (__init__, __main__) hands on names from every floor
    for name in imported_modules(path.read_text()):
        floor = floor_of(name)
        assert floor, f"{relative} imports {name}: a floor must not import the face"
        assert floor <= own, f"{relative} imports {name}, which lies above it"


def test_the_floors_are_the_folders_and_stand_in_alphabetical_order():
    folders = [
        path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"
    ]
    assert sorted(folders) == FLOORS == sorted(FLOORS)
