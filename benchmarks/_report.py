"""What every benchmark prints: a table, missed targets, and one JSON line of figures."""

import json
import sys
from collections.abc import Mapping

import pandas as pd

__all__ = ["report"]


def report(
    name: str,
    table: pd.DataFrame,
    *,
    figures: Mapping[str, float],
    targets: Mapping[str, bool],
    check: bool,
) -> int:
    """Print a benchmark's result and return its exit code.

    Args:
        name: The benchmark.
        table: What a person wants to read.
        figures: The figures of the last line, which is JSON.
        targets: What was to be shown, and whether it was.
        check: Whether a missed target makes the exit code 1.
    """
    print(table.to_string(index=False))
    missed = [target for target, met in targets.items() if not met]
    for target in missed:
        print(f"missed: {target}", file=sys.stderr)
    print(json.dumps({"benchmark": name, **figures, "missed": missed}))
    return int(check and bool(missed))
