"""Tables of a run, put into the page that is written around them.

A page has a place for each table between two comments of its own line, which a reader of
the page does not see: ``<!-- table: NAME -->`` and ``<!-- end: NAME -->``.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

__all__ = ["fill", "table", "targets"]


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table: numbers to the right, missing ones left blank."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    rows = [
        [str(name) for name in frame.columns],
        ["---:" if right else "---" for right in numeric],
        *([_cell(value) for value in row] for row in frame.itertuples(index=False)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def targets(judged: Mapping[str, bool]) -> str:
    """Return the targets of a benchmark, and whether they were met, as a Markdown table."""
    said = ["yes" if reached else "no" for reached in judged.values()]
    return table(pd.DataFrame({"target": list(judged), "met in this run": said}))


def fill(page: Path, parts: Mapping[str, str]) -> None:
    """Put each part into its place in a page; a page that is not there is made of the parts.

    Raises:
        ValueError: If the page has no place for a part.
    """
    blank = "\n\n".join(f"{_opens(name)}\n{_closes(name)}" for name in parts)
    text = page.read_text("utf-8") if page.exists() else f"{blank}\n"
    for name, part in parts.items():
        if _opens(name) not in text or _closes(name) not in text:
            raise ValueError(f"{page} has no lines {_opens(name)} and {_closes(name)}")
        before, _, rest = text.partition(_opens(name))
        after = rest.partition(_closes(name))[2]
        text = f"{before}{_opens(name)}\n\n{part}\n\n{_closes(name)}{after}"
    page.write_text(text, "utf-8")


def _opens(name: str) -> str:
    return f"<!-- table: {name} -->"


def _closes(name: str) -> str:
    return f"<!-- end: {name} -->"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.10g}".replace("nan", "")
    return f"{value:,}" if isinstance(value, int) else str(value)
