"""What is public is little, sorted, explained, and shown by an example that runs."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import omniltv
from omniltv.errors import ConfigError
from omniltv.testing import PURCHASE_LAWS, check_purchase_model

# Definitions whose example needs more than a docstring should hold: the file, run by a test or
# by hand, that has one.
SHOWN_IN = {
    "load_cdnow": "examples/cdnow.py",  # needs the file, or a download
}
PACKAGES = (
    "data",
    "draws",
    "errors",
    "experiments",
    "identity",
    "models",
    "reporting",
    "segmentation",
    "simulation",
    "testing",
    "units",
)


def test_the_root_has_few_names_in_order() -> None:
    assert len(omniltv.__all__) <= 25
    assert omniltv.__all__ == sorted(omniltv.__all__)


def example_of(thing: object) -> bool:
    """Return whether a function, or a class or one of its methods, has an example."""
    methods = list(vars(thing).values()) if inspect.isclass(thing) else []
    return any(">>>" in (inspect.getdoc(part) or "") for part in (thing, *methods))


def shown(name: str, root: Path) -> bool:
    """Return whether the file that is to show a definition calls it."""
    text = (root / SHOWN_IN[name]).read_text("utf-8") if name in SHOWN_IN else ""
    return re.search(rf"^(?!def ).*\b{name}\(", text, re.MULTILINE) is not None


def is_shown_as_a_kind(thing: object) -> bool:
    """Return whether a definition is of a kind that is shown elsewhere.

    Exceptions are raised and warned of in the tests of what raises them. Protocols are kept by
    the extensions in tests/plugins. A law is called through its list, which tests/laws and
    tests/plugins run.
    """
    if inspect.isclass(thing):
        return issubclass(thing, Exception) or bool(getattr(thing, "_is_protocol", False))
    return any(thing is law for law in listed_laws(inspect.getmodule(thing)))


def listed_laws(module: ModuleType | None) -> list[object]:
    """Return the laws in the public lists of a module of `omniltv.testing`."""
    if module is None or not module.__name__.startswith("omniltv.testing."):
        return []
    lists = [getattr(module, name) for name in module.__all__ if name.endswith("_LAWS")]
    lists += [getattr(module, "laws", tuple)()]
    return [law for laws in lists for law in laws]


@pytest.mark.parametrize("name", omniltv.__all__)
def test_every_root_name_is_shown_by_an_example(name: str, root: Path) -> None:
    thing = getattr(omniltv, name)
    assert thing.__doc__
    assert example_of(thing) != shown(name, root) or is_shown_as_a_kind(thing)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_definition_is_shown_by_an_example(
    package: str, root: Path, trees: Mapping[str, ast.Module]
) -> None:
    found = [
        f"{module}.{name}"
        for module in public_modules(trees)
        if module.split(".")[1] == package
        for name, thing in definitions(module)
        if not is_shown_as_a_kind(thing) and example_of(thing) == shown(name, root)
    ]
    assert found == []


def test_a_definition_without_an_example_is_found() -> None:
    assert not example_of(is_shown_as_a_kind)
    assert is_shown_as_a_kind(ConfigError)
    assert is_shown_as_a_kind(PURCHASE_LAWS[0])
    assert not is_shown_as_a_kind(check_purchase_model)


def definitions(module: str) -> Iterator[tuple[str, object]]:
    """Yield the classes and functions of a module's ``__all__`` with their names."""
    loaded = import_module(module)
    for name in loaded.__all__:
        thing = getattr(loaded, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            yield name, thing


def public_modules(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the dotted names of the public modules."""
    names = [module.removesuffix(".py").removesuffix("/__init__") for module in trees]
    dotted = [".".join(("omniltv", *name.split("/"))) for name in names if name != "__init__"]
    return [name for name in dotted if not re.search(r"\._", name)]


def test_every_public_name_exists_and_says_what_it_is(trees: Mapping[str, ast.Module]) -> None:
    silent = [
        f"{module}.{name}"
        for module in public_modules(trees)
        for name, thing in definitions(module)
        if not thing.__doc__
    ]
    assert silent == []


def test_lazy_packages_load_what_they_promise(trees: Mapping[str, ast.Module]) -> None:
    """What a type checker sees of a lazy package is what it gives at run time."""
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
