"""Every Python example of the README and the docs is run, page by page."""

import doctest
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def texts() -> dict[str, str]:
    """Return the text of every page by its path."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


PAGES = texts()
SLOW = {"README.md", "docs/guides/lifetime-value.md"}  # whole pipelines


def marked(page: str) -> object:
    """Return a page as a parameter, marked if it takes long."""
    return pytest.param(page, marks=[pytest.mark.slow] if page in SLOW else [])


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the Python blocks of a page, each with the number of its first line less one."""
    for match in FENCE.finditer(text):
        yield text.count("\n", 0, match.start(1)), match.group(1)


def program(page: str, line: int, block: str) -> CodeType:
    """Return a block compiled such that a traceback names the page and its line."""
    return compile("\n" * line + block, page, "exec", dont_inherit=True)


def run_session(page: str, line: int, block: str, names: dict[str, object]) -> str:
    """Run a block with prompts and return what differs from the answers it shows."""
    test = doctest.DocTestParser().get_doctest(block, {}, page, page, line)
    test.globs = names
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.write, clear_globs=False)
    return report.getvalue()


@pytest.mark.parametrize(
    "page", [marked(page) for page, text in PAGES.items() if FENCE.search(text)]
)
def test_the_examples_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for line, block in blocks(PAGES[page]):
        if ">>> " in block:
            assert run_session(page, line, block, names) == ""
        else:
            exec(program(page, line, block), names)  # noqa: S102 - the page's own program


def test_a_wrong_answer_is_found() -> None:
    assert "Got:\n    2" in run_session("page", 0, ">>> 1 + 1\n3\n", {})


def test_no_python_hides_from_the_runner() -> None:
    """Python stands in fences that are run, and fences are closed."""
    for page, text in PAGES.items():
        fences = re.findall(r"^```(\S*)", text, re.MULTILINE)
        assert len(fences) % 2 == 0, page
        assert set(fences[::2]) <= {"bash", "python", "text", "yaml"}, page
        outside = FENCE.sub("", text)
        assert not re.search(r"^\s*(>>> |import omniltv|from omniltv)", outside, re.MULTILINE), page


def test_links_within_the_docs_lead_somewhere() -> None:
    broken = [
        f"{page}: {target}"
        for page, text in PAGES.items()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (ROOT / page).parent.joinpath(target).exists()
    ]
    assert broken == []
