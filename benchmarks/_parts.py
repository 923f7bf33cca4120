"""A benchmark in parts, each with a table and targets."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from _markdown import fill, table
from _report import report

__all__ = ["Part", "Rows", "Targets", "concluded"]

type Targets = dict[str, bool]
type Rows = list[dict[str, object]]


class Part(NamedTuple):
    """What one part of a benchmark found."""

    frame: pd.DataFrame
    targets: Targets


def concluded(name: str, parts: Mapping[str, Part], *, page: Path | None, check: bool) -> int:
    """Print the parts of a benchmark and whether targets are met, and return its exit code.

    Args:
        name: The benchmark.
        parts: The parts by name.
        page: Page whose tables are filled in; None to leave it.
        check: Whether a missed target makes the exit code 1.
    """
    targets = {said: met for part in parts.values() for said, met in part.targets.items()}
    for title, part in parts.items():
        print(f"\n{title}\n{table(part.frame)}")
    if page is not None:
        fill(page, {title: table(part.frame) for title, part in parts.items()})
    overview = pd.DataFrame({"target": list(targets), "met": list(targets.values())})
    figures = {"targets": float(len(targets)), "met": float(sum(targets.values()))}
    return report(name, overview, figures=figures, targets=targets, check=check)
