"""Imports run down, and what is heavy is not imported before it is needed."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOMS = (
    "data",
    "experiments",
    "identity",
    "models",
    "reporting",
    "segmentation",
    "simulation",
    "testing",
)
HEAVY = {
    "arviz",
    "matplotlib",
    "nutpie",
    "pandera",
    "phonenumbers",
    "pymc",
    "pytensor",
    "recordlinkage",
    "sklearn",
    "splink",
}


def run(program: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


IMPORT = """
import importlib, json, sys
found = {}
for module in sys.argv[1:]:
    importlib.import_module(module)
    found[module] = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps(found))
"""


@cache
def imported() -> dict[str, set[str]]:
    """Return the top-level packages that are there after importing the root and each room."""
    modules = ("omniltv", *(f"omniltv.{room}" for room in ROOMS))
    done = run(IMPORT, *modules)
    assert done.returncode == 0, done.stderr
    return {module: set(names) for module, names in json.loads(done.stdout).items()}


def test_import_contracts_are_kept(root: Path) -> None:
    program = "import importlinter.cli as c; raise SystemExit(c.lint_imports(no_cache=True))"
    done = run(program, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["omniltv", *(f"omniltv.{room}" for room in ROOMS)])
def test_importing_a_room_brings_in_nothing_heavy(module: str) -> None:
    assert not HEAVY & imported()[module]


def test_importing_the_root_brings_in_nothing_but_itself() -> None:
    assert not {"numpy", "pandas", "pydantic"} & imported()["omniltv"]


def test_every_room_is_known(root: Path) -> None:
    found = {path.parent.name for path in (root / "src" / "omniltv").glob("*/__init__.py")}
    assert found == set(ROOMS)


def private_imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports from private modules of another room."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("omniltv."):
            room, *inner = (node.module or "").split(".")[1:]
            names = [*inner, *(alias.name for alias in node.names)]
            if room in ROOMS and room != module.split("/", maxsplit=1)[0]:
                yield from (f"{module}:{node.lineno} {n}" for n in names if n.startswith("_"))


def test_private_names_stay_in_their_room(trees: Mapping[str, ast.Module]) -> None:
    kit = "testing/"  # the laws put NumPy and PyTensor beside each other
    found = [x for name, tree in trees.items() for x in private_imports(name, tree)]
    assert [x for x in found if not x.startswith(kit)] == []


PRIVATE = re.compile(r"from omniltv(\.[a-z_]+)*\._|from omniltv[a-z_.]* import _")


def test_few_tests_know_private_modules(root: Path) -> None:
    """Kernels and samplers have tests of their own; a package is rebuilt without the others."""
    files = sorted((root / "tests").rglob("*.py"))
    knowing = [path.name for path in files if PRIVATE.search(path.read_text("utf-8"))]
    assert len(knowing) <= 10, knowing
