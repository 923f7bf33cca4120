"""No name of a class or type stands twice, and no block of six lines without a reason.

Lines are compared without their indentation; blank lines, comments, imports and
function headers (a method that keeps a Protocol has the Protocol's header) do not count.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

SHORTEST = 6

# Blocks that stand twice, by the two modules and their first line, each with the reason.
TWICE = {
    (
        "data/schemas.py",
        "data/simulate/_config.py",
        "FIELDS = (",
    ): "the simulator writes what identity reads: were the list shared, a slip would hide",
    (
        "data/schemas.py",
        "data/schemas.py",
        "*_WHERE_WHEN,",
    ): "a table is spelt column by column, in its own order, as its documentation is",
}

type Lines = list[str]


def test_no_block_stands_twice(sources: Mapping[str, str], trees: Mapping[str, ast.Module]) -> None:
    lines = {name: counted(text, trees[name]) for name, text in sources.items()}
    assert set(repeated(lines)) == set(TWICE)


def test_every_class_and_type_alias_has_a_name_of_its_own(trees: Mapping[str, ast.Module]) -> None:
    """Return types and error messages name a class by its last name only."""
    places = defaultdict(list)
    for module, tree in trees.items():
        for name in defined(tree):
            places[name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_names_of_classes_and_type_aliases_are_found() -> None:
    tree = ast.parse("type A = int\nclass _B:\n    class C: ...\ndef f():\n    class D: ...")
    assert sorted(defined(tree)) == ["A", "C", "D", "_B"]


def test_a_copied_block_is_found() -> None:
    block = "\n".join(f"x{k} = {k}" for k in range(SHORTEST))
    texts = {"a": f"import os\n{block}\n", "b": f"def f():\n    y = 1\n{indented(block)}\n"}
    lines = {name: counted(text, ast.parse(text)) for name, text in texts.items()}
    assert list(repeated(lines)) == [("a", "b", "x0 = 0")]


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the classes and type aliases that a module defines, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.TypeAlias):
            yield node.name.id


def indented(block: str) -> str:
    """Return a block one level deeper, with a comment and a blank line in it."""
    first, *rest = block.splitlines()
    return "\n".join(f"    {line}" for line in (first, "# note", "", *rest))


def counted(text: str, tree: ast.Module) -> Lines:
    """Return the lines of a module that count, without indentation."""
    out = set(left_out(tree))
    stripped = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if n not in out]
    return [line for _, line in stripped if line and not line.startswith("#")]


def left_out(tree: ast.Module) -> Iterator[int]:
    """Yield the line numbers of imports and function headers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            yield from range(first, max(node.body[0].lineno, node.lineno + 1))


def repeated(lines: Mapping[str, Lines]) -> Iterator[tuple[str, str, str]]:
    """Yield the two modules and the first line of every block that stands twice."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, text in lines.items():
        for start in range(len(text) - SHORTEST + 1):
            places[tuple(text[start : start + SHORTEST])].append((name, start))
    pairs = {pair for found in places.values() for pair in combinations(found, 2)}
    for (one, at), (other, there) in sorted(pairs):
        if ((one, at - 1), (other, there - 1)) not in pairs:
            yield one, other, lines[one][at]
