"""What is public is little, sorted, explained, and shown by an example that runs."""

import ast
import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

import omniltv

# Functions whose example needs more than a docstring should hold: the file, run by a test or by
# hand, that has one.
SHOWN_IN = {
    "lifetime_value": "docs/guides/lifetime-value.md",
    "load_cdnow": "examples/cdnow.py",  # needs the file, or a download
}
ROOMS = ("data", "experiments", "identity", "models", "reporting", "segmentation", "testing")


def test_the_root_has_few_names_in_order() -> None:
    assert len(omniltv.__all__) <= 25
    assert omniltv.__all__ == sorted(omniltv.__all__)


def example_of(thing: object) -> bool:
    """Return whether a function, or a class or one of its methods, has an example."""
    methods = list(vars(thing).values()) if inspect.isclass(thing) else []
    return any(">>>" in (inspect.getdoc(part) or "") for part in (thing, *methods))


def shown(name: str, root: Path) -> bool:
    """Return whether the file that is to show a function calls it."""
    text = (root / SHOWN_IN[name]).read_text("utf-8") if name in SHOWN_IN else ""
    return re.search(rf"^(?!def ).*\b{name}\(", text, re.MULTILINE) is not None


@pytest.mark.parametrize("name", omniltv.__all__)
def test_every_root_name_is_shown_by_an_example(name: str, root: Path) -> None:
    thing = getattr(omniltv, name)
    assert thing.__doc__
    assert example_of(thing) != shown(name, root)


@pytest.mark.parametrize("room", ROOMS)
def test_every_function_of_a_room_is_shown_by_an_example(room: str, root: Path) -> None:
    module = import_module(f"omniltv.{room}")
    things = {name: getattr(module, name) for name in module.__all__}
    functions = {name: thing for name, thing in things.items() if inspect.isroutine(thing)}
    assert [n for n, thing in functions.items() if example_of(thing) == shown(n, root)] == []


def public_modules(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the dotted names of the public modules."""
    names = [module.removesuffix(".py").removesuffix("/__init__") for module in trees]
    dotted = [".".join(("omniltv", *name.split("/"))) for name in names if name != "__init__"]
    return [name for name in dotted if not re.search(r"\._", name)]


def test_every_public_name_exists_and_says_what_it_is(trees: Mapping[str, ast.Module]) -> None:
    silent = []
    for module in public_modules(trees):
        room = import_module(module)
        things = {f"{module}.{name}": getattr(room, name) for name in room.__all__}
        documented = {k: v for k, v in things.items() if inspect.isclass(v) or inspect.isroutine(v)}
        silent += [name for name, thing in documented.items() if not thing.__doc__]
    assert silent == []


def test_lazy_rooms_load_what_they_promise(trees: Mapping[str, ast.Module]) -> None:
    """What a type checker sees of a lazy room is what it gives at run time."""
    for name in ("__init__.py", "data/__init__.py"):
        promised = {
            alias.name
            for node in ast.walk(trees[name])
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for statement in node.body
            if isinstance(statement, ast.ImportFrom)
            for alias in statement.names
        }
        module = import_module(("omniltv/" + name).removesuffix("/__init__.py").replace("/", "."))
        assert promised == set(module.__all__)
        assert not [public for public in promised if not hasattr(module, public)]
