"""Repeated estimates of a cell as one, before cells are pooled."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["averaged"]


def averaged(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return one estimate per cell: the mean over repetitions, by their effective size.

    The weight is n control_n / (n + control_n), not the precision: values are skewed, so a
    sample that lacks large ones has both a low mean and a low standard error.

    Args:
        rows: Columns ``by``, ``estimate``, ``standard_error``, ``control_mean``, ``n`` and
            ``control_n``.
        by: Columns whose combinations are the cells.
    """
    weight = rows["n"] * rows["control_n"] / (rows["n"] + rows["control_n"])
    parts = rows[[*by, "n", "control_n"]].assign(
        weight=weight, estimate=weight * rows["estimate"],
        square=(weight * rows["standard_error"]) ** 2,
        control_mean=rows["control_n"] * rows["control_mean"],
    )  # fmt: skip
    total = parts.groupby(list(by), as_index=False).sum()
    return total[[*by, "n", "control_n"]].assign(
        estimate=total["estimate"] / total["weight"],
        standard_error=np.sqrt(total["square"]) / total["weight"],
        control_mean=total["control_mean"] / total["control_n"],
    )
