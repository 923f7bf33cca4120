"""The pages about the house tell the truth."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "ARCHITECTURE.md").read_text("utf-8")


def rows(page: str, heading: str = "") -> Iterator[list[str]]:
    """Yield the cells of every table row under a heading, or on a whole page."""
    section = page.partition(f"## {heading}\n")[2] if heading else page
    section = section.partition("\n## ")[0] if heading else section
    for line in re.findall(r"^\|(?! ?-)(.*)\|$", section, re.MULTILINE):
        yield [cell.strip() for cell in line.split("|")]


def test_every_file_is_listed_with_what_it_says_of_itself(
    page: str, trees: Mapping[str, ast.Module]
) -> None:
    listed = [tuple(row) for row in rows(page, "What is in every file")][1:]
    said = {name: (ast.get_docstring(tree) or "").splitlines()[0] for name, tree in trees.items()}
    assert listed == [(f"`{name}`", said[name]) for name in sorted(said)]


def test_files_to_copy_exist_and_hold_what_is_named(page: str, root: Path) -> None:
    source = root / "src" / "omniltv"
    for _, what, laws in list(rows(page, "Which file to copy"))[1:]:
        (path,) = re.findall(r"`([\w/]+\.py)`", what)
        text = (source / path).read_text("utf-8")
        for name in re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", what):
            assert all(re.search(rf"(class|def) {part}\b", text) for part in name.split("."))
        for law in re.findall(r"`testing\.(\w+)`", laws):
            kit = source / "testing"
            assert (kit / f"{law}.py").exists() or f'"{law}"' in (kit / "__init__.py").read_text()


def test_every_dependency_has_its_reason(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = [*extras.values(), *project["dependency-groups"].values()]
    wanted = [*project["project"]["dependencies"], *(line for group in groups for line in group)]
    wanted = [line for line in wanted if isinstance(line, str)]  # others include a group
    names = {re.split(r"[<>=!~\[ ]", line, maxsplit=1)[0] for line in wanted}
    told = " ".join(
        " ".join(cells[:-1]) for cells in rows((root / "docs" / "dependencies.md").read_text())
    )
    titles = {"package", "extra", "late", *extras}
    assert set(re.findall(r"[\w-]+", told)) - (titles - names) == names
